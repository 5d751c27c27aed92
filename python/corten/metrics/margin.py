"""Margin metrics."""

from __future__ import annotations

from typing import Any

from corten.losses.margin import categorical_hinge, hinge, squared_hinge
from corten.metrics.reduction import MeanMetricWrapper


class Hinge(MeanMetricWrapper):
    """Mean hinge loss.

    Example:
        >>> round(float(Hinge()([[1.0]], [[0.5]])), 4)
        0.5
    """

    def __init__(self, name: str = "hinge", dtype: Any = None) -> None:
        super().__init__(hinge, name, dtype=dtype)


class SquaredHinge(MeanMetricWrapper):
    """Mean squared hinge loss.

    Example:
        >>> round(float(SquaredHinge()([[1.0]], [[0.5]])), 4)
        0.25
    """

    def __init__(self, name: str = "squared_hinge", dtype: Any = None) -> None:
        super().__init__(squared_hinge, name, dtype=dtype)


class CategoricalHinge(MeanMetricWrapper):
    """Mean categorical hinge loss.

    Example:
        >>> round(float(CategoricalHinge()([[0.0, 1.0]], [[0.5, 0.25]])), 4)
        1.25
    """

    def __init__(self, name: str = "categorical_hinge", dtype: Any = None) -> None:
        super().__init__(categorical_hinge, name, dtype=dtype)
