"""Makes `einops.rearrange`, `reduce`, `repeat`, `pack` and `einsum` take Corten's tensors.

einops looks for the subclasses of its `AbstractBackend`. Ours can be declared only where einops is
loaded, which it may be after Corten, and which Corten does not load: it waits for the import.
"""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

_BACKENDS = "einops._backends"
_declared: list[type] = []


def offer() -> None:
    """Declares the backend now if einops is loaded, else as soon as it is.

    Example:
        >>> import einops
        >>> einops.rearrange(corten.ops.ones((2, 3, 4)), "a b c -> c (a b)").shape
        (4, 6)
    """
    loaded = sys.modules.get(_BACKENDS)
    if loaded is not None:
        _declare(loaded)
    else:
        sys.meta_path.insert(0, _Wait)


class _Wait:
    """A finder of modules that sees the one import of einops and then withdraws."""

    @staticmethod
    def find_spec(name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name != _BACKENDS:
            return None
        sys.meta_path.remove(_Wait)
        spec = PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: Any) -> None:
                execute(module)
                _declare(module)

            # On this one loader, which Python made for this one module.
            spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def _declare(backends: Any) -> None:
    """Declares the subclass by which einops finds Corten."""
    base = getattr(backends, "AbstractBackend", None)
    if base is not None:
        # A class knows its subclasses by weak references only: something has to keep this one.
        _declared.append(type("CortenBackend", (_Functions, base), {"framework_name": "corten"}))


class _Functions:
    """What einops asks of a backend, by its names and arguments."""

    def is_appropriate_type(self, tensor: Any) -> bool:
        from corten import KerasTensor, Tensor, Variable

        return isinstance(tensor, (Tensor, KerasTensor, Variable))

    def from_numpy(self, x: Any) -> Any:
        from corten import ops

        return ops.convert_to_tensor(x)

    def to_numpy(self, x: Any) -> Any:
        from corten import ops

        return ops.convert_to_numpy(x)

    def arange(self, start: int, stop: int) -> Any:
        from corten import ops

        return ops.arange(start, stop)

    def shape(self, x: Any) -> tuple[Any, ...]:
        if None in x.shape:
            raise ValueError(
                f"einops: every size must be known; got shape {tuple(x.shape)}. corten.ops.rearrange takes "
                "unknown sizes, as does a call of einops inside a layer"
            )
        return tuple(x.shape)

    def reshape(self, x: Any, shape: Any) -> Any:
        from corten import ops

        return ops.reshape(x, tuple(shape))

    def transpose(self, x: Any, axes: Any) -> Any:
        from corten import ops

        return ops.transpose(x, axes)

    def reduce(self, x: Any, operation: str, axes: Any) -> Any:
        from corten import ops

        return getattr(ops, operation)(x, axis=tuple(axes))

    def stack_on_zeroth_dimension(self, tensors: list[Any]) -> Any:
        from corten import ops

        return ops.stack(tensors)

    def add_axis(self, x: Any, new_position: int) -> Any:
        from corten import ops

        return ops.expand_dims(x, new_position)

    def tile(self, x: Any, repeats: Any) -> Any:
        from corten import ops

        return ops.tile(x, repeats)

    def concat(self, tensors: list[Any], axis: int) -> Any:
        from corten import ops

        return ops.concatenate(tensors, axis)

    def is_float_type(self, x: Any) -> bool:
        from corten.config import is_float_dtype

        return is_float_dtype(x.dtype)

    def einsum(self, pattern: str, *x: Any) -> Any:
        from corten import ops

        return ops.einsum(pattern, *x)
