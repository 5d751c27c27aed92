"""Corten: deep learning with a Rust engine and a Keras-3-shaped interface.

Example:
    >>> import corten
    >>> model = corten.Sequential([corten.Input((4,)), corten.layers.Dense(3)])
    >>> model.count_params()
    15
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from corten import _einops as _einops

if TYPE_CHECKING:
    from corten import (
        activations,
        applications,
        autograd,
        callbacks,
        config,
        constraints,
        data,
        datasets,
        debug,
        distillation,
        dtype_policies,
        initializers,
        layers,
        losses,
        metrics,
        models,
        ops,
        optimizers,
        quantizers,
        random,
        regularizers,
        saving,
        training,
        transformers,
        tree,
        tuner,
        utils,
        visualization,
        wrappers,
    )  # fmt: skip
    from corten._core import (
        ShapeError,
        Tensor,
        from_dlpack,
        num_threads,
        set_num_threads,
        tensor,
    )
    from corten.autograd import (
        GradientTape,
        custom_gradient,
        grad,
        hessian,
        hvp,
        jacobian,
        jvp,
        no_grad,
        remat,
        stop_gradient,
        value_and_grad,
        vjp,
    )  # fmt: skip
    from corten.dtype_policies import DTypePolicy, FloatDTypePolicy
    from corten.initializers import Initializer
    from corten.layers import Input, InputSpec, Layer
    from corten.losses import Loss
    from corten.metrics import Metric
    from corten.models import Functional, Model, Sequential
    from corten.naming import name_scope
    from corten.operation import Operation
    from corten.optimizers import Optimizer
    from corten.quantizers import Quantizer
    from corten.regularizers import Regularizer
    from corten.rematerialization import RematScope
    from corten.saving import load_model
    from corten.scopes import SymbolicScope, device
    from corten.symbolic import KerasTensor
    from corten.utils import set_random_seed
    from corten.variable import Variable

__version__ = "0.1.0"

__all__ = [
    "DTypePolicy", "FloatDTypePolicy", "Functional", "GradientTape", "Initializer", "Input",
    "InputSpec", "KerasTensor", "Layer", "Loss", "Metric", "Model", "Operation", "Optimizer",
    "Quantizer", "Regularizer", "RematScope", "Sequential", "ShapeError", "SymbolicScope", "Tensor",
    "Variable", "activations", "applications", "autograd", "backend", "callbacks", "config",
    "constraints", "custom_gradient", "data", "datasets", "debug", "device", "distillation", "dtype_policies",
    "from_dlpack", "grad", "hessian", "hvp", "initializers", "jacobian", "jvp", "layers", "load_model",
    "losses", "metrics", "models", "name_scope", "no_grad", "num_threads", "ops", "optimizers",
    "quantizers", "random", "regularizers", "remat", "saving", "set_num_threads", "set_random_seed",
    "stop_gradient", "tensor", "training", "transformers", "tree", "tuner", "utils", "value_and_grad",
    "version", "visualization", "vjp", "wrappers",
]  # fmt: skip

# Loaded when first asked for, so that a script pays only for what it uses.
_MODULES = frozenset(
    {
        "activations", "applications", "array_api", "autograd", "backend", "callbacks", "complex_tensor",
        "config", "constraints", "data", "datasets", "debug", "distillation", "dtype_policies",
        "initializers", "keras", "layers", "legacy", "losses", "memory", "metrics", "mixed_precision",
        "models", "naming", "ops", "optimizers", "preprocessing", "quantizers", "random", "regularizers",
        "saving", "stateless", "symbolic", "tf", "training", "transformers", "tree", "tuner", "utils",
        "variable", "visualization", "wrappers",
    }
)  # fmt: skip
_NAMES = {
    "Tensor": "_core", "ShapeError": "_core", "tensor": "_core", "num_threads": "_core",
    "set_num_threads": "_core", "from_dlpack": "_core",
    "GradientTape": "autograd", "custom_gradient": "autograd", "grad": "autograd",
    "hessian": "autograd", "hvp": "autograd", "jacobian": "autograd", "jvp": "autograd",
    "no_grad": "autograd", "remat": "autograd", "stop_gradient": "autograd",
    "value_and_grad": "autograd", "vjp": "autograd",
    "DTypePolicy": "dtype_policies", "FloatDTypePolicy": "dtype_policies",
    "Initializer": "initializers", "Loss": "losses", "Metric": "metrics",
    "Optimizer": "optimizers", "Quantizer": "quantizers", "Regularizer": "regularizers",
    "Input": "layers", "InputSpec": "layers", "Layer": "layers",
    "Function": "models", "Functional": "models", "Model": "models", "Sequential": "models",
    "KerasTensor": "symbolic", "name_scope": "naming", "Variable": "variable",
    "Operation": "operation", "RematScope": "rematerialization",
    "SymbolicScope": "scopes", "device": "scopes",
    "StatelessScope": "stateless", "load_model": "saving", "set_random_seed": "utils",
}  # fmt: skip


def _load(name: str) -> Any:
    try:
        return importlib.import_module(f"corten.{name}")
    except ImportError as error:
        # What NumPy and the binding say, each in its words, when they are loaded a second time.
        if not any(words in str(error) for words in ("subinterpreter", "more than once per process")):
            raise
        raise ImportError(
            "Corten cannot be used in a sub-interpreter: its engine, like NumPy, is loaded once per process. "
            "Use threads (kernels run without the interpreter's lock), or processes (`multiprocessing`)."
        ) from error


def __getattr__(name: str) -> Any:
    if name in _NAMES:
        value = getattr(_load(_NAMES[name]), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        try:
            return _load(name)
        except ModuleNotFoundError as error:
            if error.name != f"corten.{name}":
                raise
    import difflib

    close = difflib.get_close_matches(name, [*_NAMES, *_MODULES], 1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise AttributeError(f"module 'corten' has no attribute {name!r}.{hint}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_NAMES, *_MODULES})


def version() -> str:
    """Return Corten's version.

    Example:
        >>> import corten
        >>> corten.version() == corten.__version__
        True
    """
    return __version__
