"""Checks of layer arguments: every message names the layer, the argument, what it got and what to pass."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from corten import config
from corten._state import state


def positive_integer(layer: str, argument: str, value: Any) -> int:
    """Return `value` as an int, or raise if it is not a whole number above zero."""
    number = _whole_number(value)
    if number is None or number <= 0:
        raise ValueError(f"{layer}: `{argument}` must be a positive integer; got {argument}={value!r}.")
    return number


def integer_tuple(
    layer: str, argument: str, value: Any, length: int, *, allow_zero: bool = False
) -> tuple[int, ...]:
    """Spread an int over `length` axes, or check a sequence of that many.

    Example:
        >>> integer_tuple("Conv2D", "strides", 2, 2)
        (2, 2)
    """
    single = _whole_number(value)
    if single is not None:
        numbers: tuple[int | None, ...] = (single,) * length
    else:
        try:
            numbers = tuple(_whole_number(item) for item in value)
        except TypeError:
            numbers = ()
    sign = ">= 0" if allow_zero else "> 0"
    bad = {number for number in numbers if number is not None and number < (0 if allow_zero else 1)}
    if len(numbers) != length or None in numbers or bad:
        which = f", including values {bad} that do not satisfy `value {sign}`" if bad else ""
        raise ValueError(
            f"{layer}: The `{argument}` argument must be a tuple of {length} integers. Received "
            f"{argument}={value!r}{which}. Pass an int {sign}, or {length} of them."
        )
    return tuple(number for number in numbers if number is not None)


def _whole_number(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    try:
        return int(value.__index__())
    except (AttributeError, TypeError):
        return None


def one_of(layer: str, argument: str, value: Any, allowed: Iterable[Any]) -> Any:
    """Return `value` (strings in lower case) if it is among `allowed`, else raise with the closest name."""
    choices = tuple(allowed)
    candidate = value.lower() if isinstance(value, str) else value
    if candidate in choices:
        return candidate
    close = difflib.get_close_matches(str(candidate), [str(choice) for choice in choices], n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise ValueError(f"{layer}: `{argument}` must be one of {choices}; got {argument}={value!r}.{hint}")


def padding_mode(layer: str, value: Any, *, allow_causal: bool = False) -> str:
    """Check a convolution's or pooling's `padding`."""
    allowed = ("valid", "same", "causal") if allow_causal else ("valid", "same")
    if not allow_causal and isinstance(value, str) and value.lower() == "causal":
        raise ValueError(
            f"{layer}: padding='causal' is for Conv1D and SeparableConv1D only; got padding={value!r}. "
            f"Pass 'valid' or 'same'."
        )
    return str(one_of(layer, "padding", value, allowed))


def data_format_or_default(layer: str, value: Any) -> str:
    """Check `data_format`; None takes `corten.config.image_data_format()`."""
    if value is None:
        return str(config.image_data_format())
    return str(one_of(layer, "data_format", value, ("channels_last", "channels_first")))


def channel_axis(data_format: str) -> int:
    """Where the channels are: the last axis, or the one after the batch."""
    return -1 if data_format == "channels_last" else 1


def require_rank(layer: str, shape: Sequence[int | None], rank: int, fix: str = "") -> None:
    """Raise unless `shape` has `rank` axes."""
    if len(shape) != rank:
        advice = f" {fix}" if fix else ""
        raise ValueError(
            f"{layer}: the input must have {rank} axes (batch included); got shape {tuple(shape)} "
            f"with {len(shape)}.{advice}"
        )


def known_size(layer: str, shape: Sequence[int | None], axis: int, meaning: str) -> int:
    """The size of `axis`, which a weight's shape depends on; raise if the shape leaves it open."""
    size = shape[axis]
    if size is None:
        raise ValueError(
            f"{layer}: axis {axis} of the input ({meaning}) must be known to create the weights; got shape "
            f"{tuple(shape)}. Give it a number in Input(shape=...)."
        )
    return int(size)


def unit_interval(layer: str, argument: str, value: Any, *, open_end: bool = False) -> float:
    """Return `value` as a float in [0, 1] ([0, 1) with `open_end`), or raise."""
    limit = "0 <= value < 1" if open_end else "0 <= value <= 1"
    if isinstance(value, (int, float)) and 0 <= value <= 1 and not (open_end and value == 1):
        return float(value) if isinstance(value, float) else value
    raise ValueError(f"{layer}: `{argument}` must be a number with {limit}; got {argument}={value!r}.")


def check_mask(layer: str, argument: str, mask: Any, shape: Sequence[int | None], axes: str) -> None:
    """Raise unless a mask has the given shape, or 1 where that has more. Without values nothing is checked.

    Args:
        layer: The layer's class.
        argument: The name of the mask.
        mask: The mask, or None.
        shape: The shape that the input wants.
        axes: What its axes are.
    """
    if mask is None or state.probing or not hasattr(mask, "shape"):
        return
    given = tuple(mask.shape)
    fits = len(given) == len(shape) and all(
        want is None or have in (1, want) for have, want in zip(given, shape, strict=True)
    )
    if not fits:
        raise ValueError(
            f"{layer}: `{argument}` must have the shape {tuple(shape)}, {axes}; got a mask of shape {given}. "
            "Make it from the input it belongs to, after cutting or padding that."
        )
