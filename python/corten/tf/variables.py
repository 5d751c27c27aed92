"""Constants, variables and `function`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import corten
from corten import ops
from corten.variable import Variable as CortenVariable

Tensor = corten.Tensor


def convert_to_tensor(value: Any, dtype: Any = None, dtype_hint: Any = None, name: str | None = None) -> Any:
    """Makes a tensor. Python floats become float32, as in TensorFlow; NumPy arrays keep their dtype.

    Args:
        value: Number, list, array, tensor or variable.
        dtype: Of the result; that of the value if None.
        dtype_hint: Ignored.
        name: Ignored.

    Example:
        >>> convert_to_tensor([1.0, 2.0]).dtype, convert_to_tensor(np.zeros(2)).dtype
        ('float32', 'float64')
    """
    return ops.convert_to_tensor(value, dtype)


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const") -> Any:
    """Makes a tensor, of a given shape if wanted (a single number fills it).

    Example:
        >>> constant(3, shape=(2, 2)).tolist()
        [[3, 3], [3, 3]]
    """
    tensor = convert_to_tensor(value, dtype)
    if shape is None:
        return tensor
    shape = tuple(shape)
    return ops.broadcast_to(tensor, shape) if tensor.size == 1 else ops.reshape(tensor, shape)


def is_tensor(value: Any) -> bool:
    """Whether the value is a tensor or a variable."""
    return isinstance(value, Tensor | CortenVariable)


class Variable(CortenVariable):
    """A variable made from its first value, as `tf.Variable(3.0)`.

    Args:
        initial_value: Its value.
        trainable: Whether a tape watches it by itself.
        validate_shape: Ignored.
        caching_device: Ignored.
        name: Its name.
        variable_def: Ignored.
        dtype: Its dtype; that of the value if None.
        **kwargs: Ignored.

    Example:
        >>> v = Variable([1.0, 2.0])
        >>> v.assign_add([1.0, 1.0]).numpy()
        array([2., 3.], dtype=float32)
    """

    def __init__(
        self,
        initial_value: Any,
        trainable: bool = True,
        validate_shape: bool = True,
        caching_device: Any = None,
        name: str | None = None,
        variable_def: Any = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        value = initial_value() if callable(initial_value) else initial_value
        tensor = convert_to_tensor(value, dtype)
        floating = np.dtype(tensor.dtype).kind == "f" if tensor.dtype != "bfloat16" else True
        super().__init__(tensor, dtype=tensor.dtype, trainable=trainable and floating, name=name)

    def assign(self, value: Any) -> Any:
        """Sets the value and gives the variable."""
        super().assign(value)
        return self

    def assign_add(self, value: Any) -> Any:
        """Adds to the value and gives the variable."""
        super().assign_add(value)
        return self

    def assign_sub(self, value: Any) -> Any:
        """Subtracts from the value and gives the variable."""
        super().assign_sub(value)
        return self


@dataclass(frozen=True)
class TensorSpec:
    """Shape and dtype of a tensor, as `Dataset.from_generator` is told in TensorFlow.

    Attributes:
        shape: The shape, None for unknown sizes.
        dtype: The dtype.
        name: A name.
    """

    shape: Any
    dtype: Any = "float32"
    name: str | None = None


def function(func: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Gives the function back: Corten needs no graphs.

    Args:
        func: The function; None when used as `@tf.function(...)`.
        **options: Ignored.

    Example:
        >>> @function(jit_compile=True)
        ... def double(x):
        ...     return 2 * x
        >>> double(3)
        6
    """
    if func is not None:
        return func
    return lambda decorated: decorated
