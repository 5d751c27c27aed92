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
    from corten import (
        Functional as Functional,
        Input as Input,
        InputSpec as InputSpec,
        KerasTensor as KerasTensor,
        Layer as Layer,
        Model as Model,
        Sequential as Sequential,
        Variable as Variable,
        activations as activations,
        applications as applications,
        callbacks as callbacks,
        config as config,
        constraints as constraints,
        datasets as datasets,
        dtype_policies as dtype_policies,
        initializers as initializers,
        layers as layers,
        losses as losses,
        metrics as metrics,
        models as models,
        ops as ops,
        optimizers as optimizers,
        quantizers as quantizers,
        random as random,
        regularizers as regularizers,
        saving as saving,
        tree as tree,
        utils as utils,
        visualization as visualization,
        wrappers as wrappers,
    )

doors.install()

__version__ = corten.__version__

_MODULES = frozenset(
    {
        "activations", "applications", "backend", "callbacks", "config", "constraints", "datasets",
        "distillation", "dtype_policies", "initializers", "layers", "losses", "metrics", "mixed_precision",
        "models", "ops", "optimizers", "preprocessing", "quantizers", "random", "regularizers", "saving",
        "tree", "utils", "visualization", "wrappers",
    }
)  # fmt: skip
_NAMES = frozenset(
    {
        "DTypePolicy", "FloatDTypePolicy", "Function", "Functional", "Initializer", "Input",
        "InputSpec", "KerasTensor", "Layer", "Loss", "Metric", "Model", "Optimizer", "Regularizer",
        "Operation", "RematScope", "Sequential", "SymbolicScope",
        "Variable", "device", "name_scope", "remat", "version",
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
