"""The names of `keras.backend` that user code reaches for."""

from __future__ import annotations

import contextlib
from typing import Any

from corten import _core
from corten._state import autocast_scope, get_mask, set_mask
from corten.config import (
    backend as backend,
    epsilon as epsilon,
    floatx as floatx,
    image_data_format as image_data_format,
    is_float_dtype as is_float_dtype,
    is_int_dtype as is_int_dtype,
    set_epsilon as set_epsilon,
    set_floatx as set_floatx,
    set_image_data_format as set_image_data_format,
    standardize_dtype as standardize_dtype,
)
from corten.naming import get_uid as get_uid, name_scope as name_scope
from corten.rematerialization import get_current_remat_mode as get_current_remat_mode
from corten.scopes import SymbolicScope as SymbolicScope, in_symbolic_scope as in_symbolic_scope
from corten.stateless import StatelessScope as StatelessScope
from corten.symbolic import (
    KerasTensor as KerasTensor,
    is_keras_tensor as is_keras_tensor,
    output_spec,
    standardize_shape as standardize_shape,
)
from corten.utils.session import clear_session as clear_session
from corten.variable import Variable as Variable

# It names bfloat16 to NumPy: `np.dtype("bfloat16")` works where the package is installed, as in Keras.
with contextlib.suppress(ImportError):
    import ml_dtypes as _ml_dtypes  # noqa: F401

#: Context in which float variables show themselves in a dtype (`autocast=False` ones as they are).
AutocastScope = autocast_scope


def result_type(*dtypes: Any) -> str:
    """Return the dtype in which operands of these dtypes meet.

    Args:
        *dtypes: Names of dtypes, NumPy's dtypes, or Python's `bool`, `int` and `float`, which are weak: they
            follow the other dtypes.

    Returns:
        The name of the dtype; that of floats (`floatx`) where none is given.

    Raises:
        ValueError: Something is no dtype.

    Example:
        >>> import corten
        >>> corten.backend.result_type("int32", "bfloat16"), corten.backend.result_type("int8", float)
        ('bfloat16', 'float32')
    """
    if not dtypes:
        return floatx()
    weak = (bool, int, float)
    return _core.result_type(*(d if d in weak else standardize_dtype(d) for d in dtypes))


def get_keras_mask(x: Any) -> Any:
    """Return the mask that a tensor carries, or None.

    Args:
        x: A tensor. For a symbolic one the mask is symbolic too, and can be an output of a model.

    Example:
        >>> import corten
        >>> x = corten.layers.Masking()(corten.ops.ones((1, 2, 3)))
        >>> corten.backend.get_keras_mask(x).shape
        (1, 2)
    """
    if isinstance(x, KerasTensor):
        from corten.layers.masks import symbolic_mask

        return symbolic_mask(x)
    return get_mask(x)


def set_keras_mask(x: Any, mask: Any) -> None:
    """Give a tensor a mask, which layers and losses then heed.

    Args:
        x: A tensor.
        mask: A boolean tensor, of the shape of `x` or of its first axes; None takes the mask off.

    Example:
        >>> import corten
        >>> y = corten.ops.array([[1.0], [3.0]])
        >>> corten.backend.set_keras_mask(y, corten.ops.array([True, False]))
        >>> round(float(corten.losses.MeanSquaredError()(corten.ops.zeros((2, 1)), y)), 4)
        1.0
    """
    set_mask(x, mask)


def compute_output_spec(fn: Any, *args: Any, **kwargs: Any) -> Any:
    """Return what a function would return, shapes and dtypes, without computing it.

    Args:
        fn: A function of tensors.
        *args: Its arguments, with `KerasTensor`s for tensors.
        **kwargs: Its keyword arguments.

    Returns:
        The function's result, with `KerasTensor`s for tensors.

    Example:
        >>> import corten
        >>> x = corten.KerasTensor((None, 4))
        >>> corten.backend.compute_output_spec(corten.ops.matmul, x, corten.KerasTensor((4, 2))).shape
        (None, 2)
    """
    return output_spec(fn, args, kwargs)
