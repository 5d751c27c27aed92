"""Complex numbers: a pair of tensors that behaves as one array."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from corten import _core
from corten.ops._common import as_tensor

Tensor = _core.Tensor
#: The complex dtype of each float dtype, and back.
COMPLEX_OF = {"float32": "complex64", "float64": "complex128"}
FLOAT_OF = {"complex64": "float32", "complex128": "float64"}


def is_complex(x: Any) -> bool:
    """Whether `x` is a complex number or an array of such.

    Example:
        >>> is_complex(1j), is_complex(1.0)
        (True, False)
    """
    if isinstance(x, (ComplexTensor, complex, np.complexfloating)):
        return True
    return isinstance(x, np.ndarray) and x.dtype.kind == "c"


class ComplexTensor:
    """A tensor of complex numbers, kept as real and imaginary part.

    The parts are tensors of the engine. Arithmetic, products, shapes and sums are written with its
    ops and have gradients with respect to the parts. Other functions (`exp`, `sqrt`, `eig` and
    the like, in `corten.array_api`) are NumPy's, and refuse parts that a gradient is asked for.

    Args:
        real: Tensor of the real parts; float32 or float64 (integers become float32).
        imag: Tensor of the imaginary parts, of a shape that broadcasts with it; zeros if None.

    Attributes:
        real: Tensor of the real parts.
        imag: Tensor of the imaginary parts.

    Example:
        >>> from corten.complex_tensor import ComplexTensor
        >>> z = ComplexTensor(corten.tensor([3.0, 0.0]), corten.tensor([4.0, 1.0]))
        >>> abs(z).tolist(), (z * z).tolist()
        ([5.0, 1.0], [(-7+24j), (-1+0j)])
    """

    __slots__ = ("__weakref__", "imag", "real")
    __array_priority__ = 2000.0
    _corten_complex = True

    def __init__(self, real: Any, imag: Any = None) -> None:
        real = as_tensor(real)
        imag = None if imag is None else as_tensor(imag)
        wide = real.dtype == "float64" or (imag is not None and imag.dtype == "float64")
        dtype = "float64" if wide else "float32"
        real = as_tensor(real, dtype)
        imag = _core.full(real.shape, 0.0, dtype) if imag is None else as_tensor(imag, dtype)
        if real.shape != imag.shape:
            shape = np.broadcast_shapes(real.shape, imag.shape)
            real, imag = _core.broadcast_to(real, shape), _core.broadcast_to(imag, shape)
        self.real: Tensor = real
        self.imag: Tensor = imag

    @classmethod
    def of(cls, x: Any, dtype: str | None = None) -> ComplexTensor:
        """Makes complex numbers of an array or number.

        Args:
            x: A tensor, an array, a number or nested lists of numbers, complex or not.
            dtype: ``"complex64"`` or ``"complex128"``; by default that of `x`, and complex64 for
                numbers.

        Example:
            >>> ComplexTensor.of([1, 2j]).tolist()
            [(1+0j), 2j]
        """
        if not isinstance(x, cls):
            if isinstance(x, Tensor) or hasattr(x, "__corten_tensor__"):
                x = cls(x)
            else:
                array = np.asarray(x)
                if not hasattr(x, "dtype") and dtype is None:
                    dtype = "complex64"
                x = cls(_core.tensor(array.real.copy()), _core.tensor(array.imag.copy()))
        return x if dtype is None else x.astype(dtype)

    @property
    def dtype(self) -> str:
        """``"complex64"`` or ``"complex128"``."""
        return COMPLEX_OF[self.real.dtype]

    @property
    def shape(self) -> tuple[int, ...]:
        """Length of each axis."""
        return self.real.shape

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return self.real.ndim

    @property
    def size(self) -> int:
        """Number of elements."""
        return self.real.size

    @property
    def itemsize(self) -> int:
        """Bytes of one element."""
        return 2 * self.real.itemsize

    @property
    def nbytes(self) -> int:
        """Bytes of the elements."""
        return 2 * self.real.nbytes

    @property
    def device(self) -> str:
        """Where the parts are: ``"cpu"`` or ``"meta"``."""
        return self.real.device

    @property
    def requires_grad(self) -> bool:
        """Whether a gradient can be asked for a part."""
        return self.real.requires_grad or self.imag.requires_grad

    @property
    def T(self) -> ComplexTensor:
        """The axes reversed."""
        return self.map(lambda part: part.T)

    @property
    def mT(self) -> ComplexTensor:
        """The last two axes exchanged."""
        return self.map(lambda part: part.mT)

    def map(self, function: Callable[[Tensor], Any]) -> ComplexTensor:
        """Applies a function that acts on real and imaginary part alike.

        Example:
            >>> ComplexTensor.of([1 + 2j, 3j]).map(lambda part: part.sum()).item()
            (1+5j)
        """
        return ComplexTensor(function(self.real), function(self.imag))

    def astype(self, dtype: str) -> ComplexTensor:
        """The same numbers as ``"complex64"`` or ``"complex128"``."""
        if dtype not in FLOAT_OF:
            raise TypeError(
                f"complex numbers cannot become {dtype!r}; take `.real` or `.imag` first, or ask for "
                "'complex64' or 'complex128'"
            )
        part = FLOAT_OF[dtype]
        return self if part == self.real.dtype else self.map(lambda x: _core.cast(x, part))

    def conj(self) -> ComplexTensor:
        """The conjugate: imaginary parts with their signs changed."""
        return ComplexTensor(self.real, -self.imag)

    def reshape(self, *shape: Any) -> ComplexTensor:
        """The same elements with another shape."""
        return self.map(lambda part: part.reshape(*shape))

    def copy(self) -> ComplexTensor:
        """A copy."""
        return self.map(_core.copy)

    def numpy(self) -> np.ndarray:
        """The numbers as a NumPy array."""
        result = np.empty(self.shape, self.dtype)
        result.real, result.imag = self.real.numpy(), self.imag.numpy()
        return result

    def item(self) -> complex:
        """The only element as a Python number."""
        return complex(self.numpy().item())

    def tolist(self) -> Any:
        """The elements as nested lists."""
        return self.numpy().tolist()

    def to_device(self, device: str, /, *, stream: Any = None) -> ComplexTensor:
        """The numbers on a device of the array API: ``"cpu"`` is the only one."""
        if stream is not None:
            raise ValueError("to_device: `stream` must be None; the CPU has no streams")
        return self.map(lambda part: part.to(device))

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        from corten.array_api import namespace_of_version

        return namespace_of_version(api_version)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        if copy is False:
            raise ValueError("a ComplexTensor keeps its parts apart: a NumPy array of it is always a copy")
        return self.numpy() if dtype is None else self.numpy().astype(dtype)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[int, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        if copy is False:
            raise BufferError("a ComplexTensor keeps its parts apart and can only be exported as a copy")
        # The array made here is fresh, so it is the copy that was asked for.
        return self.numpy().__dlpack__(stream=stream, max_version=max_version, dl_device=dl_device)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.real.__dlpack_device__()

    def __getitem__(self, key: Any) -> ComplexTensor:
        return self.map(lambda part: part[key])

    def __setitem__(self, key: Any, value: Any) -> None:
        value = ComplexTensor.of(value)
        # Other numbers may have these parts too: they keep their values.
        real, imag = +self.real, +self.imag
        real[key] = as_tensor(value.real, real.dtype)
        imag[key] = as_tensor(value.imag, imag.dtype)
        self.real, self.imag = real, imag

    def __len__(self) -> int:
        return len(self.real)

    def __iter__(self) -> Iterator[ComplexTensor]:
        return (ComplexTensor(real, imag) for real, imag in zip(self.real, self.imag, strict=True))

    def __bool__(self) -> bool:
        return bool(self.item())

    def __complex__(self) -> complex:
        return self.item()

    def __repr__(self) -> str:
        return f"ComplexTensor({np.array2string(self.numpy(), separator=', ')}, dtype={self.dtype})"

    def __hash__(self) -> int:
        return id(self)

    def __pos__(self) -> ComplexTensor:
        return self

    def __neg__(self) -> ComplexTensor:
        return ComplexTensor(-self.real, -self.imag)

    def __abs__(self) -> Tensor:
        return _core.binary("hypot", self.real, self.imag)

    def _operand(self, other: Any) -> ComplexTensor | None:
        """The other operand as complex numbers; Python numbers take this one's dtype."""
        if isinstance(other, ComplexTensor):
            return other
        if isinstance(other, (bool, int, float, complex)):
            return ComplexTensor.of(np.asarray(other, self.dtype))
        if isinstance(other, (Tensor, np.ndarray, np.generic, list)) or hasattr(other, "__corten_tensor__"):
            return ComplexTensor.of(other)
        return None

    def _with(self, other: Any, operate: Callable[[ComplexTensor, ComplexTensor], Any], swap: bool) -> Any:
        pair = self._operand(other)
        if pair is None:
            return NotImplemented
        return operate(pair, self) if swap else operate(self, pair)

    def __add__(self, other: Any) -> Any:
        return self._with(other, _add, False)

    def __radd__(self, other: Any) -> Any:
        return self._with(other, _add, True)

    def __sub__(self, other: Any) -> Any:
        return self._with(other, _subtract, False)

    def __rsub__(self, other: Any) -> Any:
        return self._with(other, _subtract, True)

    def __mul__(self, other: Any) -> Any:
        return self._with(other, _multiply, False)

    def __rmul__(self, other: Any) -> Any:
        return self._with(other, _multiply, True)

    def __truediv__(self, other: Any) -> Any:
        return self._with(other, _divide, False)

    def __rtruediv__(self, other: Any) -> Any:
        return self._with(other, _divide, True)

    def __pow__(self, other: Any) -> Any:
        return self._with(other, _power, False)

    def __rpow__(self, other: Any) -> Any:
        return self._with(other, _power, True)

    def __matmul__(self, other: Any) -> Any:
        return self._with(other, _matmul, False)

    def __rmatmul__(self, other: Any) -> Any:
        return self._with(other, _matmul, True)

    def __eq__(self, other: object) -> Any:
        return self._with(other, _equal, False)

    def __ne__(self, other: object) -> Any:
        return self._with(other, _not_equal, False)


def _add(a: ComplexTensor, b: ComplexTensor) -> ComplexTensor:
    return ComplexTensor(a.real + b.real, a.imag + b.imag)


def _subtract(a: ComplexTensor, b: ComplexTensor) -> ComplexTensor:
    return ComplexTensor(a.real - b.real, a.imag - b.imag)


def _multiply(a: ComplexTensor, b: ComplexTensor) -> ComplexTensor:
    return ComplexTensor(a.real * b.real - a.imag * b.imag, a.real * b.imag + a.imag * b.real)


def _divide(a: ComplexTensor, b: ComplexTensor) -> ComplexTensor:
    # Smith, "Algorithm 116: Complex division" (1962): no intermediate overflows before the result does.
    wide = abs(b.real) >= abs(b.imag)
    large, small = _core.where(wide, b.real, b.imag), _core.where(wide, b.imag, b.real)
    zero = large == 0.0
    ratio = _core.where(zero, 0.0, small / _core.where(zero, 1.0, large))
    below = large + small * ratio
    real = _core.where(wide, a.real + a.imag * ratio, a.real * ratio + a.imag) / below
    imag = _core.where(wide, a.imag - a.real * ratio, a.imag * ratio - a.real) / below
    return ComplexTensor(real, imag)


def _matmul(a: ComplexTensor, b: ComplexTensor) -> ComplexTensor:
    return ComplexTensor(
        a.real @ b.real - a.imag @ b.imag,
        a.real @ b.imag + a.imag @ b.real,
    )


def _equal(a: ComplexTensor, b: ComplexTensor) -> Tensor:
    return (a.real == b.real) & (a.imag == b.imag)


def _not_equal(a: ComplexTensor, b: ComplexTensor) -> Tensor:
    return (a.real != b.real) | (a.imag != b.imag)


def _power(a: ComplexTensor, b: ComplexTensor) -> ComplexTensor:
    result: ComplexTensor = through_numpy("pow", np.power, a, b)
    return result


def through_numpy(name: str, function: Callable[..., Any], *operands: Any, **arguments: Any) -> Any:
    """Calls a NumPy function of complex numbers and gives its results as tensors.

    Args:
        name: The function's name, for the error.
        function: A NumPy function.
        *operands: Tensors, complex or not.
        **arguments: Passed on.

    Raises:
        NotImplementedError: If a gradient is asked for an operand: NumPy records none.

    Example:
        >>> through_numpy("sqrt", np.sqrt, ComplexTensor.of([-4 + 0j])).tolist()
        [2j]
    """
    for one in operands:
        if getattr(one, "requires_grad", False) and _core.is_grad_enabled():
            raise NotImplementedError(
                f"{name}: complex numbers have no gradient here; detach the operand, or write the "
                "function with real and imaginary part"
            )
    with np.errstate(all="ignore"):
        return of_numpy(function(*(np.asarray(one) for one in operands), **arguments))


def of_numpy(result: Any) -> Any:
    """Gives a NumPy result, or a tuple of them, as tensors.

    Example:
        >>> of_numpy(np.float32(1.0)).dtype
        'float32'
    """
    if isinstance(result, tuple):
        return tuple(of_numpy(one) for one in result)
    array = np.asarray(result)
    return ComplexTensor.of(array) if array.dtype.kind == "c" else _core.tensor(array)
