"""Data frames for models whose inputs have names, and advice about lists that are meant as one array."""

from __future__ import annotations

from typing import Any

from corten.training.adapters.arrays import SINGLE
from corten.training.adapters.conversion import column_names, is_value_list
from corten.training.input_checks import declared_inputs


def arrange_inputs(model: Any, x: Any, caller: str) -> Any:
    """Gives each named input of a model its column of a data frame; other data stays as it is.

    Args:
        model: The model.
        x: The inputs.
        caller: Method named by messages.

    Raises:
        ValueError: An input has no column, or a list of samples was passed in place of one array.
        TypeError: The frame holds a plan (polars' LazyFrame), no values.
    """
    if type(x) in SINGLE or x is None:
        return x
    if type(x).__name__ == "LazyFrame":
        raise TypeError(f"{caller}: x is a LazyFrame, which has no values yet; pass `x.collect()`")
    if type(x) is list and len(x) > 1 and not is_value_list(x):
        _refuse_samples(model, x, caller)
        return x
    columns = column_names(x)
    if columns is None:
        return x
    declared = [label for label, _ in declared_inputs(model)]
    by_name = len(declared) > 1 or isinstance(getattr(model, "_inputs_struct", None), dict)
    return _by_name(x, columns, declared, f"{caller}: x", "input") if by_name else x


def arrange_targets(model: Any, y: Any, caller: str) -> Any:
    """Gives each output of a model with several its column of a data frame; other data stays as it is.

    Raises:
        ValueError: An output has no column.
    """
    if y is None or type(y) in SINGLE:
        return y
    columns = column_names(y)
    outputs = getattr(model, "output_names", None)
    if columns is None or not outputs or len(outputs) < 2:
        return y
    return _by_name(y, columns, list(outputs), f"{caller}: y", "output")


def _by_name(frame: Any, columns: list[str], wanted: list[str], where: str, kind: str) -> dict[str, Any]:
    missing = [label for label in wanted if label not in columns]
    if missing:
        listed = ", ".join(map(repr, missing))
        raise ValueError(
            f"{where} is a data frame without a column for the {kind}{'s' if len(missing) > 1 else ''} "
            f"{listed} of the model; it has the columns {columns}. Name columns and {kind}s alike, "
            "or pass a dict of arrays."
        )
    twice = [label for label in wanted if columns.count(label) > 1]
    if twice:
        raise ValueError(f"{where} has more than one column {twice[0]!r}; their names must differ")
    return {label: frame[label] for label in wanted}


def _refuse_samples(model: Any, x: list[Any], caller: str) -> None:
    """A list of arrays is several inputs; a list of samples for one input is a mistake with a known fix."""
    declared = declared_inputs(model)
    shapes = [tuple(getattr(item, "shape", ())) for item in x]
    if len(declared) != 1 or not all(len(shape) == len(declared[0][1]) - 1 > 0 for shape in shapes):
        return
    given = f"{caller}: x is a list of {len(x)} arrays (each would be an input), but the model has one input"
    different = list(dict.fromkeys(shapes))
    if len(different) == 1:
        raise ValueError(f"{given}. If they are samples, join them: `np.stack(x)`.")
    listed = ", ".join(map(str, different[:3]))
    raise ValueError(
        f"{given}. If they are samples, they must be of one size, and theirs are {listed}: "
        f"{_one_size(len(shapes[0]))}, then join them with `np.stack`."
    )


def _one_size(rank: int) -> str:
    if rank >= 2:
        return "bring images to one size with `corten.ops.image.resize` (or load them with `image_size`)"
    return "fill sequences up with `corten.utils.pad_sequences`"
