"""Makes `einops.rearrange`, `reduce`, `repeat`, `pack` and `einsum` take Corten's tensors.

einops looks for the subclasses of its `AbstractBackend`, so ours is declared wherever einops is installed:
loading it takes 2 ms, and it loads nothing in turn.

Example:
    >>> import einops
    >>> einops.rearrange(corten.ops.ones((2, 3, 4)), "a b c -> c (a b)").shape
    (4, 6)
"""

from __future__ import annotations

from typing import Any

try:
    from einops._backends import AbstractBackend
except ImportError:
    AbstractBackend = object  # type: ignore[assignment, misc]


class CortenBackend(AbstractBackend):
    """What einops asks of a backend, by its names and arguments."""

    framework_name = "corten"

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
