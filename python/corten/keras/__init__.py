"""Keras's door: `from corten.keras import layers, models` and `import corten.keras as keras`.

Everything here is Corten's own: `corten.keras.layers is corten.layers`.

Example:
    >>> from corten.keras import layers
    >>> from corten.keras.layers import Dense
    >>> layers.Dense is Dense
    True
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import corten
from corten import doors

if TYPE_CHECKING:
    from corten import Functional as Functional
    from corten import Input as Input
    from corten import InputSpec as InputSpec
    from corten import KerasTensor as KerasTensor
    from corten import Layer as Layer
    from corten import Model as Model
    from corten import Sequential as Sequential
    from corten import Variable as Variable
    from corten import activations as activations
    from corten import callbacks as callbacks
    from corten import config as config
    from corten import constraints as constraints
    from corten import datasets as datasets
    from corten import dtype_policies as dtype_policies
    from corten import initializers as initializers
    from corten import layers as layers
    from corten import losses as losses
    from corten import metrics as metrics
    from corten import models as models
    from corten import ops as ops
    from corten import optimizers as optimizers
    from corten import random as random
    from corten import regularizers as regularizers
    from corten import saving as saving
    from corten import tree as tree
    from corten import utils as utils

doors.install()

__version__ = corten.__version__

_MODULES = frozenset(
    {
        "activations", "applications", "backend", "callbacks", "config", "constraints", "datasets",
        "dtype_policies", "initializers", "layers", "losses", "metrics", "mixed_precision",
        "models", "ops", "optimizers", "preprocessing", "random", "regularizers", "saving", "tree",
        "utils",
    }
)  # fmt: skip
_NAMES = frozenset(
    {
        "DTypePolicy", "FloatDTypePolicy", "Function", "Functional", "Initializer", "Input",
        "InputSpec", "KerasTensor", "Layer", "Loss", "Metric", "Model", "Optimizer", "Regularizer",
        "Sequential", "StatelessScope", "Variable", "name_scope", "remat", "version",
    }
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(corten, name)
    elif name in _MODULES:
        try:
            value = importlib.import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            raise AttributeError(f"corten.keras has no {name!r} yet") from error
    else:
        from corten.identifiers import suggestion

        raise AttributeError(
            f"module 'corten.keras' has no attribute {name!r}.{suggestion(name, _NAMES | _MODULES)}"
        )
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_MODULES})
