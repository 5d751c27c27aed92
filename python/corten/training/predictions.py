"""Putting the outputs of the batches together, as NumPy arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


class Rows:
    """One output of a model: the values of every batch below those of the last one.

    Args:
        first: The first batch's values.
        count: How many rows there will be in all, where that is known: they are then written where
            they stay, and need memory once.

    Example:
        >>> rows = Rows(np.array([[1.0]]), 2)
        >>> rows.add(np.array([[2.0]]))
        >>> rows.result().tolist()
        [[1.0], [2.0]]
    """

    def __init__(self, first: np.ndarray, count: int | None) -> None:
        self._parts: list[np.ndarray] = []
        self._whole: np.ndarray | None = None
        self._filled = 0
        if count is not None and first.ndim:
            self._whole = np.empty((count, *first.shape[1:]), first.dtype)
        self.add(first)

    def add(self, values: np.ndarray) -> None:
        """Takes the values of the next batch, which may be a view of what is overwritten later."""
        whole, start = self._whole, self._filled
        if whole is not None:
            stop = start + values.shape[0] if values.ndim else 0
            fits = 0 < stop <= len(whole) and values.shape[1:] == whole.shape[1:]
            if fits and values.dtype == whole.dtype:
                whole[start:stop] = values
                self._filled = stop
                return
            # Not one row of output for each of input: collected from here on.
            self._parts, self._whole = [whole[:start]] if start else [], None
        self._parts.append(values)

    def result(self) -> np.ndarray:
        """Gives all values in one array of its own."""
        if self._whole is not None:
            # Without the rows that were never predicted: `stop_predicting` may end it early.
            return self._whole if self._filled == len(self._whole) else self._whole[: self._filled].copy()
        if len(self._parts) == 1:
            return np.array(self._parts[0])
        if any(part.ndim == 0 for part in self._parts):
            return np.stack(self._parts)
        return np.concatenate(self._parts, axis=0)


class Predictions:
    """The outputs of a model, in the structure it returns them in.

    Args:
        count: How many rows there will be in all, or None.
    """

    def __init__(self, count: int | None = None) -> None:
        self._count = count
        self._collected: Any = None

    def add(self, outputs: Any) -> None:
        """Takes the outputs of the next batch: arrays, or lists, tuples and dicts of them."""
        if self._collected is None:
            self._collected = self._started(outputs)
        else:
            self._extend(self._collected, outputs)

    def result(self) -> Any:
        """Gives the arrays."""
        return self._finished(self._collected)

    def _started(self, outputs: Any) -> Any:
        if isinstance(outputs, dict):
            return _as_given(outputs, {key: self._started(value) for key, value in outputs.items()})
        if isinstance(outputs, list | tuple):
            started = [self._started(value) for value in outputs]
            return started if isinstance(outputs, list) else tuple(started)
        return Rows(outputs, self._count)

    def _extend(self, collected: Any, outputs: Any) -> None:
        if isinstance(collected, Rows):
            collected.add(outputs)
            return
        for key in collected if isinstance(collected, dict) else range(len(collected)):
            self._extend(collected[key], outputs[key])

    def _finished(self, collected: Any) -> Any:
        if isinstance(collected, dict):
            return _as_given(collected, {key: self._finished(value) for key, value in collected.items()})
        if isinstance(collected, list | tuple):
            finished = [self._finished(value) for value in collected]
            return finished if isinstance(collected, list) else tuple(finished)
        return collected.result()


def _as_given(outputs: dict[Any, Any], values: dict[Any, Any]) -> Any:
    """Values in a dict of the kind that the model gave."""
    return values if type(outputs) is dict else type(outputs)(values)
