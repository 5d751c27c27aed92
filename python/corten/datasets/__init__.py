"""Data sets; each has `load_data()`.

`mnist_sample`, `digits`, `iris`, `breast_cancer` and `wine` are inside the wheel; others are found on the
machine, on a mirror or at their well-known address.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.datasets import (
        boston_housing,
        breast_cancer,
        california_housing,
        cifar10,
        cifar100,
        digits,
        fashion_mnist,
        imdb,
        iris,
        mnist,
        mnist_sample,
        reuters,
        wine,
    )  # fmt: skip

__all__ = [
    "boston_housing",
    "breast_cancer",
    "california_housing",
    "cifar10",
    "cifar100",
    "digits",
    "fashion_mnist",
    "imdb",
    "iris",
    "mnist",
    "mnist_sample",
    "reuters",
    "wine",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"corten.datasets.{name}")
    from corten.identifiers import suggestion

    raise AttributeError(f"module 'corten.datasets' has no attribute {name!r}.{suggestion(name, __all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
