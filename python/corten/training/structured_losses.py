"""Losses of parts of a nested output: of a whole list or dict of outputs, and several for one output."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from corten import losses

_CONTAINERS = (list, tuple, Mapping)


def several(choices: Any, like: Any) -> bool:
    """Whether a list of choices is meant for one thing, an output or a structure of outputs.

    A list for an output always is. One for a structure is where an entry is a list or dict itself and so
    cannot be for what is at its place: `[whole_loss, (loss_a, loss_b)]` for a tuple of two outputs. A list
    for a list of outputs goes entry by entry.

    Args:
        choices: Losses or their weights.
        like: The structure of outputs, with a number for each.

    Example:
        >>> several(["mse"], 0), several(["mse", "mae"], (0, 1)), several(["mse", ("mae", None)], (0, 1))
        (True, False, True)
    """
    if not isinstance(choices, list | tuple):
        return False
    if isinstance(like, int):
        return True
    if type(choices) is type(like):
        return False
    children = list(like.values()) if isinstance(like, dict) else like
    if len(choices) != len(children):
        return any(isinstance(choice, _CONTAINERS) for choice in choices)
    return any(
        isinstance(choice, Mapping if isinstance(child, list | tuple) else _CONTAINERS)
        and not isinstance(child, dict)
        for choice, child in zip(choices, children, strict=True)
    )


def packed(like: Any, numbers: Any, values: list[Any]) -> Any:
    """Arranges values, one per output, as a part of what the model returned.

    Args:
        like: That part, which gives the types of lists, tuples and dicts.
        numbers: The number of the output at each place of it.
        values: One value for each output of the model.
    """
    if isinstance(numbers, int):
        return values[numbers]
    if isinstance(numbers, dict):
        return {key: packed(like[key], number, values) for key, number in numbers.items()}
    items = [packed(part, number, values) for part, number in zip(like, numbers, strict=True)]
    if isinstance(like, tuple):
        return type(like)(*items) if hasattr(like, "_fields") else tuple(items)
    return items


def numbers_in(numbers: Any) -> list[int]:
    """Lists the outputs of a part."""
    if isinstance(numbers, int):
        return [numbers]
    parts = numbers.values() if isinstance(numbers, dict) else numbers
    return [number for part in parts for number in numbers_in(part)]


class SeveralLosses:
    """The sum of losses of one output.

    Args:
        parts: The losses; None adds nothing.
        weights: Their factors; None is 1.

    Example:
        >>> from corten.losses import MeanAbsoluteError, MeanSquaredError
        >>> both = SeveralLosses([MeanSquaredError(), MeanAbsoluteError()], [None, 0.5])
        >>> float(both([[1.0]], [[3.0]]))
        5.0
    """

    def __init__(self, parts: list[Any], weights: list[Any]) -> None:
        self.parts = [(part, weight) for part, weight in zip(parts, weights, strict=True) if part is not None]

    def __call__(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> Any:
        """Gives the sum for one batch."""
        total: Any = None
        for part, weight in self.parts:
            value = part(y_true, y_pred, sample_weight)
            value = value if weight is None else value * weight
            total = value if total is None else total + value
        return total


class WholeLoss:
    """The loss of a structure of outputs, as one.

    Args:
        place: Keys and indices that lead to the structure in what the model returned.
        numbers: The outputs in it, arranged as they are.
        loss: A `Loss`, or a function of targets and outputs, both with that structure.
        weight: A factor or None.
    """

    def __init__(self, place: tuple[Any, ...], numbers: Any, loss: Callable[..., Any], weight: Any) -> None:
        self.place = place
        self.numbers = numbers
        self.loss = loss
        self.weight = weight

    def value(self, targets: list[Any], predictions: Any, sample_weights: list[Any]) -> Any:
        """Gives the loss of one batch.

        Args:
            targets: One for each output of the model.
            predictions: What the model returned.
            sample_weights: One for each output, or None.

        Raises:
            ValueError: The outputs have different sample weights.
        """
        for key in self.place:
            predictions = predictions[key]
        y_true = packed(predictions, self.numbers, targets)
        used = [sample_weights[number] for number in numbers_in(self.numbers)]
        if any(weight is not used[0] for weight in used):
            raise ValueError(
                "loss: the loss of several outputs as one takes one sample_weight; got one for each"
            )
        if isinstance(self.loss, losses.Loss):
            return self.loss(y_true, predictions, used[0])
        return losses.loss.reduce_weighted_values(self.loss(y_true, predictions), used[0])
