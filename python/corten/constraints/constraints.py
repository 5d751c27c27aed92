"""Projections applied to a weight after each optimizer step."""

from __future__ import annotations

from typing import Any

from corten import config, ops


class Constraint:
    """A callable that gives the allowed tensor nearest to a weight; the base allows all.

    Example:
        >>> class AtMostOne(Constraint):
        ...     def __call__(self, w):
        ...         return ops.minimum(w, 1.0)
        >>> AtMostOne()([0.5, 3.0]).tolist()
        [0.5, 1.0]
    """

    def __call__(self, w: Any) -> Any:
        """The projected weight."""
        return w

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constraint:
        """Makes an equal constraint from `get_config`'s dict."""
        return cls(**config)


def _norms(w: Any, axis: Any) -> Any:
    """Euclidean norm along `axis`, kept as an axis of size one."""
    return ops.sqrt(ops.sum(ops.square(w), axis=axis, keepdims=True))


class MaxNorm(Constraint):
    """Scales down vectors longer than `max_value`.

    Args:
        max_value: Largest norm allowed.
        axis: Axis or axes that make one vector; for a Dense kernel `(inputs, units)` 0 limits each
            unit's weights, for a Conv2D kernel use `[0, 1, 2]`.

    Example:
        >>> print(MaxNorm(2.0)([[3.0], [4.0]]).numpy().round(4))
        [[1.2]
         [1.6]]
    """

    def __init__(self, max_value: float = 2, axis: Any = 0) -> None:
        self.max_value = max_value
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = ops.convert_to_tensor(w)
        norms = _norms(w, self.axis)
        return w * (ops.clip(norms, 0, self.max_value) / (norms + config.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {"max_value": self.max_value, "axis": self.axis}


class NonNeg(Constraint):
    """Sets negative values to zero.

    Example:
        >>> NonNeg()([-1.0, 2.0]).tolist()
        [0.0, 2.0]
    """

    def __call__(self, w: Any) -> Any:
        return ops.maximum(ops.convert_to_tensor(w), 0.0)


class UnitNorm(Constraint):
    """Scales every vector along `axis` to norm one.

    Example:
        >>> print(UnitNorm()([[3.0], [4.0]]).numpy().round(4))
        [[0.6]
         [0.8]]
    """

    def __init__(self, axis: Any = 0) -> None:
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = ops.convert_to_tensor(w)
        return w / (_norms(w, self.axis) + config.epsilon())

    def get_config(self) -> dict[str, Any]:
        return {"axis": self.axis}


class MinMaxNorm(Constraint):
    """Brings norms towards the interval [min_value, max_value].

    Args:
        min_value: Smallest norm.
        max_value: Largest norm.
        rate: How much of the way one call goes; 1 puts every norm inside.
        axis: Axis or axes that make one vector.

    Example:
        >>> print(MinMaxNorm(min_value=0.0, max_value=1.0)([[3.0], [4.0]]).numpy().round(4))
        [[0.6]
         [0.8]]
    """

    def __init__(
        self, min_value: float = 0.0, max_value: float = 1.0, rate: float = 1.0, axis: Any = 0
    ) -> None:
        self.min_value = min_value
        self.max_value = max_value
        self.rate = rate
        self.axis = axis

    def __call__(self, w: Any) -> Any:
        w = ops.convert_to_tensor(w)
        norms = _norms(w, self.axis)
        wanted = self.rate * ops.clip(norms, self.min_value, self.max_value) + (1 - self.rate) * norms
        return w * (wanted / (norms + config.epsilon()))

    def get_config(self) -> dict[str, Any]:
        return {
            "min_value": self.min_value,
            "max_value": self.max_value,
            "rate": self.rate,
            "axis": self.axis,
        }
