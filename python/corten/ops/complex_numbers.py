"""Functions that give or take complex numbers, which `ComplexTensor` holds as two tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from corten import _core
from corten._state import state as call_state
from corten.ops._common import Tensor, TensorLike, as_float, as_tensor
from corten.ops.dispatch import op

if TYPE_CHECKING:
    from corten.complex_tensor import ComplexTensor


def _complex(real: Tensor, imag: Tensor) -> ComplexTensor:
    from corten.complex_tensor import ComplexTensor

    return ComplexTensor(real, imag)


@op
def polar(abs_: TensorLike, angle: TensorLike) -> ComplexTensor:
    """Complex numbers of given absolute values and angles: ``abs_ * (cos(angle) + 1j * sin(angle))``.

    Args:
        abs_: Absolute values.
        angle: Angles in radians, of a shape that broadcasts with it.

    Returns:
        A `ComplexTensor`: complex128 if an argument is float64, else complex64. Gradients flow through
        its parts.

    Example:
        >>> import numpy as np
        >>> corten.ops.polar([1.0, 2.0], [0.0, np.pi]).numpy().round(5).tolist()
        [(1+0j), (-2-0j)]
    """
    abs_, angle = as_float(abs_), as_float(angle)
    return _complex(
        _core.binary("multiply", abs_, _core.unary("cos", angle)),
        _core.binary("multiply", abs_, _core.unary("sin", angle)),
    )


@op
def view_as_complex(x: TensorLike) -> ComplexTensor:
    """Complex numbers whose real and imaginary parts lie along the last axis.

    Args:
        x: A tensor of shape ``(..., 2)``.

    Returns:
        A `ComplexTensor` without the last axis: complex128 if `x` is float64, else complex64.

    Raises:
        ValueError: The last axis does not hold 2 elements.

    Example:
        >>> corten.ops.view_as_complex([[1.0, 2.0], [3.0, 4.0]]).tolist()
        [(1+2j), (3+4j)]
    """
    x = as_tensor(x)
    if not x.ndim or x.shape[-1] != 2:
        raise ValueError(
            f"view_as_complex: Last dimension of input must be size 2 (real, imaginary); got shape {x.shape}"
        )
    return _complex(x[..., 0], x[..., 1])


@op
def view_as_real(x: TensorLike) -> Tensor:
    """Real and imaginary parts of complex numbers, along a new last axis.

    Args:
        x: A `ComplexTensor` or an array of complex numbers; real numbers have imaginary part 0.

    Returns:
        A tensor of shape ``(*x.shape, 2)``: float64 for complex128, else float32.

    Example:
        >>> import numpy as np
        >>> corten.ops.view_as_real(np.array([1 + 2j, 3 + 4j], "complex64")).tolist()
        [[1.0, 2.0], [3.0, 4.0]]
    """
    from corten.complex_tensor import ComplexTensor

    whole = ComplexTensor.of(x)
    return _core.stack([whole.real, whole.imag], -1)


@op
def eig(x: TensorLike) -> tuple[ComplexTensor, ComplexTensor]:
    """Eigenvalues and eigenvectors of square matrices; `eigh` is faster where they are symmetric.

    Args:
        x: Real or complex matrices of shape ``(..., M, M)``.

    Returns:
        Eigenvalues ``(..., M)``, in no order, and eigenvectors of length 1 in the columns of
        ``(..., M, M)``, both `ComplexTensor`.

    Raises:
        ValueError: The matrices are not square.
        NotImplementedError: A gradient is asked for `x`: none is known here.

    Example:
        >>> values, vectors = corten.ops.eig([[0.0, -1.0], [1.0, 0.0]])
        >>> sorted(values.numpy().imag.round(5).tolist())
        [-1.0, 1.0]
    """
    from corten.complex_tensor import ComplexTensor, is_complex, through_numpy

    matrix: Any = ComplexTensor.of(x) if is_complex(x) else as_float(x)
    if matrix.ndim < 2 or matrix.shape[-1] != matrix.shape[-2]:
        raise ValueError(f"eig: square matrices are needed in the last two axes; got shape {matrix.shape}")
    if call_state.probing:
        like = matrix if isinstance(matrix, ComplexTensor) else ComplexTensor(matrix)
        return like[..., 0], like
    if not isinstance(matrix, ComplexTensor) and matrix.dtype != "float64":
        matrix = as_tensor(matrix, "float32")
    values, vectors = through_numpy("eig", np.linalg.eig, matrix)
    return ComplexTensor.of(values), ComplexTensor.of(vectors)
