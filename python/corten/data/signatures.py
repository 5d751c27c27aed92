"""What the elements of a generator are said to be, and whether they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from corten import _core
from corten.config import standardize_dtype
from corten.data.structure import to_element


@dataclass(frozen=True)
class Part:
    """One array of an element.

    Attributes:
        shape: Its shape, None for any size; None if any shape will do.
        dtype: Its dtype.
    """

    shape: tuple[int | None, ...] | None
    dtype: str


def described(signature: Any, types: Any, shapes: Any) -> Any:
    """Gives the parts that elements are said to have, arranged like them; None if nothing is said.

    Args:
        signature: Objects with `shape` and `dtype`, arranged like the elements.
        types: Dtypes, arranged like the elements.
        shapes: Shapes that go with `types`.

    Raises:
        ValueError: Both forms were given, or shapes without types.
    """
    if signature is not None:
        if types is not None or shapes is not None:
            raise ValueError(
                "Dataset.from_generator: give output_signature, or output_types and output_shapes, not both"
            )
        return _parts(signature)
    if types is None:
        if shapes is not None:
            raise ValueError("Dataset.from_generator: output_shapes go with output_types; give these too")
        return None
    return _typed(types, shapes)


def _parts(signature: Any) -> Any:
    if isinstance(signature, dict):
        return {key: _parts(item) for key, item in signature.items()}
    if isinstance(signature, (tuple, list)):
        return tuple(_parts(item) for item in signature)
    if not hasattr(signature, "dtype"):
        raise ValueError(
            "Dataset.from_generator: output_signature holds objects with shape and dtype, such as "
            f"corten.KerasTensor((None, 3), 'float32'); got {signature!r}"
        )
    return Part(_shape(signature.shape), _dtype(signature.dtype))


def _typed(types: Any, shapes: Any) -> Any:
    if isinstance(types, dict):
        return {key: _typed(item, None if shapes is None else shapes[key]) for key, item in types.items()}
    if isinstance(types, (tuple, list)):
        given = [None] * len(types) if shapes is None else shapes
        return tuple(_typed(item, shape) for item, shape in zip(types, given, strict=True))
    return Part(_shape(shapes), _dtype(types))


def _dtype(dtype: Any) -> str:
    return "string" if dtype in ("string", str) else standardize_dtype(dtype)


def _shape(shape: Any) -> tuple[int | None, ...] | None:
    return None if shape is None else tuple(None if size is None else int(size) for size in shape)


def fitted(element: Any, spec: Any) -> Any:
    """Gives an element with the dtypes that were told.

    Args:
        element: What the generator gave.
        spec: Parts, arranged like it.

    Raises:
        ValueError: It is arranged in another way, a shape is another, or a part is no number.
    """
    if isinstance(element, list) and isinstance(spec, tuple):
        element = tuple(element)
    return _fitted(to_element(element), spec, "")


def _fitted(element: Any, spec: Any, name: str) -> Any:
    if isinstance(spec, Part) and not isinstance(element, (tuple, dict)):
        return _fitted_leaf(element, spec, name)
    if isinstance(spec, dict) and isinstance(element, dict) and element.keys() == spec.keys():
        return {key: _fitted(element[key], spec[key], f"{name}[{key!r}]") for key in spec}
    if isinstance(spec, tuple) and isinstance(element, tuple) and len(element) == len(spec):
        return tuple(
            _fitted(item, part, f"{name}[{index}]")
            for index, (item, part) in enumerate(zip(element, spec, strict=True))
        )
    where = f" for part {name} of an element" if name else ""
    raise ValueError(
        f"Dataset.from_generator: the generator gave {_told(element)}{where}; the output signature says "
        f"{_told(spec)}"
    )


def _fitted_leaf(leaf: Any, part: Part, name: str) -> Any:
    where = f"part {name} of an element" if name else "an element"
    shape = tuple(leaf.shape)
    if part.shape is not None and (
        len(shape) != len(part.shape)
        or any(want not in (None, size) for size, want in zip(shape, part.shape, strict=True))
    ):
        raise ValueError(
            f"Dataset.from_generator: {where} has shape {shape}; the output signature says {part.shape}"
        )
    if part.dtype == "string" or str(leaf.dtype) == part.dtype:
        return leaf
    if isinstance(leaf, _core.Tensor):
        return _core.cast(leaf, part.dtype)
    if part.dtype == "bfloat16":
        return _core.cast(_core.tensor(leaf), part.dtype)
    try:
        return np.asarray(leaf).astype(part.dtype)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Dataset.from_generator: {where} is {leaf!r:.60}, which cannot become {part.dtype} ({error})"
        ) from None


def _told(value: Any) -> str:
    if isinstance(value, dict):
        return f"a dict with keys {list(value)}"
    if isinstance(value, tuple):
        return f"a tuple of {len(value)} ({', '.join(_told(item) for item in value)})"
    return "one array"
