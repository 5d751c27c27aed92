"""Penalties on weights or activations that are added to the loss."""

from __future__ import annotations

import math
from typing import Any

from corten import ops


def validate_float_arg(value: Any, name: str) -> float:
    """Gives a penalty factor as a float.

    Raises:
        ValueError: It is not a finite number of at least zero.

    Example:
        >>> validate_float_arg(1, "l2")
        1.0
    """
    if not isinstance(value, (int, float)) or not math.isfinite(value) or value < 0:
        raise ValueError(
            f"Invalid value for argument `{name}`: expected a non-negative float. Got {name}={value!r}."
        )
    return float(value)


class Regularizer:
    """A callable that gives the penalty of a tensor as a scalar.

    Example:
        >>> class SumOfCubes(Regularizer):
        ...     def __call__(self, x):
        ...         return ops.sum(ops.abs(x) ** 3)
        >>> float(SumOfCubes()([1.0, -2.0]))
        9.0
    """

    def __call__(self, x: Any) -> Any:
        """The penalty of `x`."""
        return 0.0

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Regularizer:
        """Makes an equal regularizer from `get_config`'s dict."""
        return cls(**config)

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        raise NotImplementedError(f"{type(self).__name__} must define `get_config` to be saved.")


class L1L2(Regularizer):
    """`l1 * sum(|x|) + l2 * sum(x^2)`.

    Example:
        >>> round(float(L1L2(l1=0.1, l2=0.01)([1.0, -2.0])), 4)
        0.35
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0) -> None:
        self.l1 = validate_float_arg(0.0 if l1 is None else l1, name="l1")
        self.l2 = validate_float_arg(0.0 if l2 is None else l2, name="l2")

    def __call__(self, x: Any) -> Any:
        if not self.l1:
            return self.l2 * ops.sum(ops.square(x))
        penalty = self.l1 * ops.sum(ops.abs(x))
        return penalty + self.l2 * ops.sum(ops.square(x)) if self.l2 else penalty

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1, "l2": self.l2}


class L1(Regularizer):
    """`l1 * sum(|x|)`: pulls weights to exactly zero.

    Example:
        >>> round(float(L1(0.1)([1.0, -2.0])), 4)
        0.3
    """

    def __init__(self, l1: float = 0.01) -> None:
        self.l1 = validate_float_arg(0.01 if l1 is None else l1, name="l1")

    def __call__(self, x: Any) -> Any:
        return self.l1 * ops.sum(ops.abs(x))

    def get_config(self) -> dict[str, Any]:
        return {"l1": self.l1}


class L2(Regularizer):
    """`l2 * sum(x^2)`: keeps weights small.

    Example:
        >>> round(float(L2(0.1)([1.0, -2.0])), 4)
        0.5
    """

    def __init__(self, l2: float = 0.01) -> None:
        self.l2 = validate_float_arg(0.01 if l2 is None else l2, name="l2")

    def __call__(self, x: Any) -> Any:
        return self.l2 * ops.sum(ops.square(x))

    def get_config(self) -> dict[str, Any]:
        return {"l2": self.l2}


class OrthogonalRegularizer(Regularizer):
    """Mean absolute cosine between the rows (or columns) of a matrix, times `factor`.

    Example:
        >>> float(OrthogonalRegularizer(factor=0.1)([[1.0, 0.0], [0.0, 1.0]]))
        0.0
    """

    def __init__(self, factor: float = 0.01, mode: str = "rows") -> None:
        if mode not in {"rows", "columns"}:
            raise ValueError(
                f'Invalid value for argument `mode`. Expected one of {{"rows", "columns"}}. Received:'
                f" mode={mode}"
            )
        self.factor = validate_float_arg(factor, name="factor")
        self.mode = mode

    def __call__(self, x: Any) -> Any:
        x = ops.convert_to_tensor(x)
        if len(x.shape) != 2:
            raise ValueError(
                f"Inputs to OrthogonalRegularizer must have rank 2. Received: inputs.shape={tuple(x.shape)}"
            )
        axis = 1 if self.mode == "rows" else 0
        x = x / ops.maximum(ops.sqrt(ops.sum(ops.square(x), axis=axis, keepdims=True)), 1e-12)
        products = ops.matmul(x, ops.transpose(x)) if self.mode == "rows" else ops.matmul(ops.transpose(x), x)
        size = x.shape[0] if self.mode == "rows" else x.shape[1]
        off_diagonal = ops.abs(products) * (1.0 - ops.eye(size, dtype=x.dtype))
        pairs = size * (size - 1.0) / 2.0
        return self.factor * 0.5 * ops.sum(off_diagonal) / max(pairs, 1.0)

    def get_config(self) -> dict[str, Any]:
        return {"factor": self.factor, "mode": self.mode}
