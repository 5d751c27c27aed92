"""Comparing the data with what the model wants, before the first batch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from corten.text_arrays import is_text_array
from corten.training.adapters.conversion import flatten, refuse_text

Shape = tuple[Any, ...]


def check_inputs(model: Any, x: Any, caller: str) -> None:
    """Compares the shapes of one batch with the model's declared inputs.

    Args:
        model: A model; models without declared inputs (subclassed ones) are not checked here.
        x: The inputs of one batch.
        caller: Method named by the message.

    Raises:
        ValueError: A shape does not fit, or the number of inputs is wrong.
        TypeError: There is text, and no layer that takes it.
    """
    leaves = flatten(x, "x")
    if any(is_text_array(leaf) for _, leaf in leaves) and not takes_text(model):
        for name, leaf in leaves:
            refuse_text(leaf, name)
    declared = declared_inputs(model)
    if not declared:
        return
    if isinstance(x, Mapping):
        by_name = dict(declared)
        if not set(by_name) <= set(x):
            # Keys that are no input names: the model arranges them itself.
            if not set(by_name) & set(x) and len(by_name) == len(x):
                return
            missing = ", ".join(repr(name) for name in by_name if name not in x)
            raise ValueError(
                f"{caller}: x has no entry for the input {missing} of {_title(model)}; got {sorted(x)}"
            )
        pairs = [(f"x[{name!r}]", x[name], shape) for name, shape in declared]
    else:
        if isinstance(x, list | tuple) and len(x) == len(declared):
            for index, item in enumerate(x):
                if item is None:
                    _check_optional(model, index, declared[index][0], caller)
        if len(leaves) != len(declared):
            names = ", ".join(repr(name) for name, _ in declared)
            raise ValueError(
                f"{caller}: {_title(model)} has {len(declared)} input{'s' if len(declared) > 1 else ''} "
                f"({names}), "
                f"but x has {len(leaves)} array{'s' if len(leaves) > 1 else ''}"
            )
        pairs = [
            (leaf_name, leaf, shape) for (leaf_name, leaf), (_, shape) in zip(leaves, declared, strict=True)
        ]
    for index, (leaf_name, leaf, wanted) in enumerate(pairs):
        if leaf is None:
            _check_optional(model, index, declared[index][0], caller)
            continue
        got = tuple(leaf.shape)
        if not _fits(got, wanted):
            raise ValueError(_mismatch(model, leaf_name, got, wanted, caller))


def takes_text(model: Any) -> bool:
    """Whether a layer of the model makes numbers of text, or may: one of the user's own."""
    return any(
        getattr(layer, "takes_text", False) or not type(layer).__module__.startswith("corten.")
        for layer in model._flatten_layers()
    )


def _check_optional(model: Any, index: int, name: str, caller: str) -> None:
    history = getattr(model.inputs[index], "_keras_history", None)
    if not getattr(getattr(history, "operation", None), "optional", False):
        raise ValueError(
            f"{caller}: the input {name!r} of {_title(model)} is not optional, but x has None for it; "
            "declare it by `Input(..., optional=True)` or pass data"
        )


def declared_inputs(model: Any) -> list[tuple[str, Shape]]:
    """Lists name and shape (with None for unknown sizes) of the inputs a model declares."""
    try:
        inputs = getattr(model, "inputs", None)
    except (AttributeError, ValueError):
        return []
    if not inputs:
        return []
    tensors = [leaf for _, leaf in flatten(inputs, "inputs")]
    if not all(hasattr(tensor, "shape") for tensor in tensors):
        return []
    names = getattr(model, "input_names", None) or [
        getattr(tensor, "name", None) or f"input_{index}" for index, tensor in enumerate(tensors)
    ]
    # A Sequential that took its shape from the first data leaves free what its layers leave free.
    free = vars(model).get("_free_axes") or () if hasattr(model, "__dict__") else ()
    return [
        (str(name), tuple(None if axis in free else size for axis, size in enumerate(tensor.shape)))
        for name, tensor in zip(names, tensors, strict=False)
    ]


def _fits(got: Shape, wanted: Shape) -> bool:
    """Whether a batch of shape `got` can go in; a missing or extra last axis of 1 is adapted by the model."""
    if len(got) == len(wanted) + 1 and got[-1] == 1:
        got = got[:-1]
    elif len(got) == len(wanted) - 1 and wanted[-1] == 1:
        got = (*got, 1)
    if len(got) != len(wanted):
        return False
    return all(want is None or have == want for have, want in zip(got[1:], wanted[1:], strict=True))


def _mismatch(model: Any, name: str, got: Shape, wanted: Shape, caller: str) -> str:
    sample, want = got[1:], wanted[1:]
    message = (
        f"{caller}: {_title(model)} expects inputs of shape {_show(wanted)}, but {name} has shape "
        f"{_show((None, *sample))}"
        f" (each sample is {_show(sample)})."
    )
    return message + _advice(sample, want, name)


def _advice(sample: Shape, want: Shape, name: str) -> str:
    sizes_known = all(isinstance(size, int) for size in want)
    if sizes_known and want and math.prod(sample) == math.prod(want):
        if len(want) == 1 and len(sample) > 1:
            product = " x ".join(str(size) for size in sample)
            return (
                f" {product} = {want[0]}, so flatten the samples first: `{name} = {name}.reshape(-1, "
                f"{want[0]})`, "
                f"or declare `Input(shape={_show(sample)})` and put a `Flatten()` layer in front."
            )
        if sorted(sample) == sorted(want) and len(sample) == 3 and sample[0] == want[-1]:
            fix = f"`{name} = {name}.transpose(0, 2, 3, 1)`"
            return f" The channels come first in the data; move them last: {fix}."
        return (
            f" The sizes agree, so reshape: `{name} = {name}.reshape({', '.join(['-1', *map(str, want)])})`."
        )
    if len(sample) + 1 == len(want) and want[1:] == sample:
        return f" It looks like one sample without the batch axis; add it: `{name} = {name}[None]`."
    if len(sample) == len(want) == 1:
        return (
            f" The samples have {sample[0]} features and the model wants {want[0]}: "
            f"declare `Input(shape=({sample[0]},))` or check which columns are passed."
        )
    if len(sample) == len(want) == 3 and sample[:2] == want[:2]:
        return f" The images have {sample[2]} channels and the model wants {want[2]}."
    if len(sample) == len(want) == 3 and sample[2] == want[2]:
        return " The images have another size: resize them, for example with a `Resizing` layer."
    return f" Declare `Input(shape={_show(sample)})`, or reshape the data."


def _show(shape: Shape) -> str:
    return str(tuple(shape))


def _title(model: Any) -> str:
    return f"the model {getattr(model, 'name', type(model).__name__)!r}"
