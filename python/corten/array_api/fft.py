"""Fourier transforms (`xp.fft`), with gradients. Lengths with large prime factors take quadratic time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import _core
from corten.array_api._common import (
    FLOAT_OF,
    Array,
    ComplexTensor,
    Tensor,
    array,
    check_device,
    default_float,
    dtype_of,
)
from corten.array_api.manipulation import roll
from corten.ops._common import axes_of, axis_of
from corten.ops.fourier import transform

_NORMS = ("backward", "ortho", "forward")


def _check_length(name: str, length: int) -> None:
    if length < 1:
        raise ValueError(f"{name}: a transform needs at least one number; got length {length}")


def _fitted(name: str, x: Tensor, axis: int, length: int) -> Tensor:
    """Cut or filled with zeros to a length."""
    _check_length(name, length)
    have = x.shape[axis]
    if length < have:
        return x[(*((slice(None),) * axis), slice(length))]
    if length > have:
        return _core.pad(x, [(0, length - have if i == axis else 0) for i in range(x.ndim)])
    return x


def _complex(x: Any) -> ComplexTensor:
    x = array(x)
    return x if isinstance(x, ComplexTensor) else ComplexTensor(x)


def _many(
    name: str, x: ComplexTensor, lengths: tuple[int, ...], axes: tuple[int, ...], norm: str, inverse: bool
) -> ComplexTensor:
    if norm not in _NORMS:
        raise ValueError(f"{name}: norm must be 'backward', 'ortho' or 'forward'; got {norm!r}")
    for axis, length in zip(axes, lengths, strict=True):
        x = ComplexTensor(_fitted(name, x.real, axis, length), _fitted(name, x.imag, axis, length))
    result = ComplexTensor(*transform((x.real, x.imag), axes, inverse))
    # The engine divides inverse transforms by the length, as "backward" wants.
    count = math.prod(lengths)
    power = {"backward": 0.0, "ortho": 0.5 if inverse else -0.5, "forward": 1.0 if inverse else -1.0}[norm]
    return result.map(lambda part: part * count**power) if power else result


def _sizes(name: str, x: Array, s: Any, axes: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Lengths and axes of a transform over several axes."""
    if axes is None:
        axes = range(x.ndim) if s is None else range(x.ndim - len(s), x.ndim)
    places = axes_of(name, tuple(axes), x.ndim)
    lengths = tuple(x.shape[axis] for axis in places) if s is None else tuple(s)
    if len(lengths) != len(places):
        raise ValueError(f"{name}: s and axes must be of one length; got {lengths} and {places}")
    return tuple(x.shape[a] if n == -1 else n for n, a in zip(lengths, places, strict=True)), places


def fft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """Discrete Fourier transform along an axis.

    Args:
        x: Complex numbers (floats count as such).
        n: Length to which the axis is cut or filled with zeros.
        axis: The axis.
        norm: What is divided by the length: ``"backward"`` the inverse transform, ``"forward"`` this one,
            ``"ortho"`` both, by its square root.

    Example:
        >>> corten.array_api.fft.fft(corten.array_api.asarray([1j, 0j])).tolist()
        [1j, 1j]
    """
    x = _complex(x)
    axis = axis_of("fft", axis, x.ndim)
    return _many("fft", x, (x.shape[axis] if n is None else n,), (axis,), norm, False)


def ifft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """Inverse of `fft`."""
    x = _complex(x)
    axis = axis_of("ifft", axis, x.ndim)
    return _many("ifft", x, (x.shape[axis] if n is None else n,), (axis,), norm, True)


def fftn(x: Array, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Array:
    """Discrete Fourier transform over several axes (all if None), `s` long."""
    x = _complex(x)
    return _many("fftn", x, *_sizes("fftn", x, s, axes), norm, False)


def ifftn(x: Array, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Array:
    """Inverse of `fftn`."""
    x = _complex(x)
    return _many("ifftn", x, *_sizes("ifftn", x, s, axes), norm, True)


def _half(x: ComplexTensor, axis: int) -> ComplexTensor:
    """The frequencies from 0 up: for real signals the others are their conjugates."""
    kept = (*((slice(None),) * axis), slice(x.shape[axis] // 2 + 1))
    return x[kept]


def _whole(name: str, x: ComplexTensor, axis: int, length: int) -> ComplexTensor:
    """All frequencies of a real signal from those that `_half` keeps."""
    _check_length(name, length)
    lead = (slice(None),) * axis
    x = x.map(lambda part: _fitted(name, part, axis, length // 2 + 1))
    mirrored = x[(*lead, slice(1, (length + 1) // 2))].map(lambda part: _core.flip(part, (axis,)))
    # The signal is real, so the parts that must be 0 are taken as such.
    first = _core.full(x[(*lead, slice(0, 1))].shape, 0.0, x.real.dtype)
    parts = [first, x.imag[(*lead, slice(1, (length + 1) // 2))]]
    if length % 2 == 0:
        parts.append(first)
    imag = _core.concatenate([*parts, -mirrored.imag], axis)
    return ComplexTensor(_core.concatenate([x.real, mirrored.real], axis), imag)


def rfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """Transform of real numbers: the ``n // 2 + 1`` frequencies from 0 up.

    Example:
        >>> corten.array_api.fft.rfft(corten.tensor([1.0, 0.0, 0.0])).tolist()
        [(1+0j), (1+0j)]
    """
    x = _real("rfft", x)
    axis = axis_of("rfft", axis, x.ndim)
    return _half(fft(x, n=n, axis=axis, norm=norm), axis)


def irfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """Inverse of `rfft`, of length `n` (by default even)."""
    x = _complex(x)
    axis = axis_of("irfft", axis, x.ndim)
    length = 2 * (x.shape[axis] - 1) if n is None else n
    return ifft(_whole("irfft", x, axis, length), axis=axis, norm=norm).real


def rfftn(x: Array, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Array:
    """Transform of real numbers over several axes: half of the frequencies of the last one."""
    x = _real("rfftn", x)
    lengths, places = _sizes("rfftn", x, s, axes)
    return _half(_many("rfftn", _complex(x), lengths, places, norm, False), places[-1])


def irfftn(x: Array, /, *, s: Any = None, axes: Any = None, norm: str = "backward") -> Tensor:
    """Inverse of `rfftn`, whose last axis is by default of even length."""
    x = _complex(x)
    lengths, places = _sizes("irfftn", x, s, axes)
    if s is None or tuple(s)[-1] == -1:
        lengths = (*lengths[:-1], 2 * (x.shape[places[-1]] - 1))
    x = _many("irfftn", x, lengths[:-1], places[:-1], norm, True) if len(places) > 1 else x
    return irfft(x, n=lengths[-1], axis=places[-1], norm=norm)


def hfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Tensor:
    """Transform of a signal with conjugate symmetry, of which one half is given: real frequencies."""
    x = _complex(x)
    axis = axis_of("hfft", axis, x.ndim)
    length = 2 * (x.shape[axis] - 1) if n is None else n
    return fft(_whole("hfft", x, axis, length), axis=axis, norm=norm).real


def ihfft(x: Array, /, *, n: int | None = None, axis: int = -1, norm: str = "backward") -> Array:
    """Inverse of `hfft`."""
    x = _real("ihfft", x)
    axis = axis_of("ihfft", axis, x.ndim)
    return _half(ifft(x, n=n, axis=axis, norm=norm), axis)


def _real(name: str, x: Any) -> Tensor:
    x = array(x)
    if isinstance(x, ComplexTensor):
        raise TypeError(f"{name}: expected real numbers; got {x.dtype}. Use `{name[1:]}` for complex ones")
    return x


def fftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Frequencies of a transform of length `n` for samples `d` apart.

    Example:
        >>> corten.array_api.fft.fftfreq(4).tolist()
        [0.0, 0.25, -0.5, -0.25]
    """
    return _frequencies("fftfreq", np.fft.fftfreq(n, d), dtype, device)


def rfftfreq(n: int, /, *, d: float = 1.0, dtype: Any = None, device: Any = None) -> Tensor:
    """Frequencies of `rfft` of length `n` for samples `d` apart.

    Example:
        >>> corten.array_api.fft.rfftfreq(4).tolist()
        [0.0, 0.25, 0.5]
    """
    return _frequencies("rfftfreq", np.fft.rfftfreq(n, d), dtype, device)


def _frequencies(name: str, values: np.ndarray, dtype: Any, device: Any) -> Tensor:
    check_device(name, device)
    wanted = dtype_of(dtype, default_float())
    if wanted in FLOAT_OF:
        raise TypeError(f"{name}: dtype must be a float dtype; got {wanted!r}")
    return _core.cast(_core.tensor(values), wanted)


def fftshift(x: Array, /, *, axes: Any = None) -> Array:
    """Frequency 0 moved to the middle.

    Example:
        >>> corten.array_api.fft.fftshift(corten.tensor([0, 1, -2, -1])).tolist()
        [-2, -1, 0, 1]
    """
    x = array(x)
    places = axes_of("fftshift", axes, x.ndim)
    return roll(x, tuple(x.shape[axis] // 2 for axis in places), axis=places)


def ifftshift(x: Array, /, *, axes: Any = None) -> Array:
    """Inverse of `fftshift`."""
    x = array(x)
    places = axes_of("ifftshift", axes, x.ndim)
    return roll(x, tuple(-(x.shape[axis] // 2) for axis in places), axis=places)


__all__ = [
    "fft", "fftfreq", "fftn", "fftshift", "hfft", "ifft", "ifftn", "ifftshift", "ihfft", "irfft", "irfftn",
    "rfft", "rfftfreq", "rfftn",
]  # fmt: skip
