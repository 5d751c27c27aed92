"""How each framework does the workloads, in its own best-known way; one file a framework."""

import importlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .adapter import Adapter

__all__ = ["FRAMEWORKS", "Framework", "load"]


@dataclass(frozen=True)
class Framework:
    """Where the adapter of a framework is, and what its process needs set before anything is imported."""

    module: str
    options: dict[str, object] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)


FRAMEWORKS = {
    "corten": Framework("with_corten"),
    "numpy": Framework("with_numpy"),
    "torch": Framework("with_torch"),
    "torch-compile": Framework("with_torch", {"compiled": True}),
    "jax": Framework("with_jax", {}, {"JAX_PLATFORMS": "cpu"}),
    "keras-tf": Framework("with_keras", {"backend": "tensorflow"}, {"KERAS_BACKEND": "tensorflow"}),
    "keras-jax": Framework(
        "with_keras", {"backend": "jax"}, {"KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu"}
    ),
    "onnxruntime": Framework("with_onnxruntime"),
    "mlx": Framework("with_mlx"),
}


def load(name: str, threads: int) -> "Adapter":
    """Imports a framework and gives its adapter.

    Raises:
        ImportError: The framework is not installed here, or not whole.
    """
    framework = FRAMEWORKS[name]
    module = importlib.import_module(f".{framework.module}", __package__)
    adapter: Adapter = module.ADAPTER(threads, **framework.options)
    return adapter
