"""Fourier transforms. A complex tensor is a pair (real part, imaginary part)."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from corten import _core
from corten.ops import creation, extension, manipulation
from corten.ops._common import FLOATS, Tensor, TensorLike, as_float, as_tensor, filled_beside
from corten.ops.dispatch import op
from corten.ops.math import extract_sequences
from corten.symbolic import meta_tensor

Complex = tuple[Tensor, Tensor]
# Up to this length a transform is one matrix product.
_DIRECT = 64


@functools.lru_cache(maxsize=64)
def _waves(rows: int, columns: int, period: int, inverse: bool) -> tuple[np.ndarray, np.ndarray]:
    """``exp(-2 pi i r c / period)`` as cosine and (signed) sine."""
    # The product is reduced before it becomes an angle: large angles would lose digits.
    turn = np.outer(np.arange(rows), np.arange(columns)) % period * (2 * np.pi / period)
    return np.cos(turn), np.sin(turn) if inverse else -np.sin(turn)


def _constants(x: Tensor, waves: tuple[np.ndarray, np.ndarray]) -> Complex:
    dtype = "float64" if x.dtype == "float64" else "float32"
    return as_tensor(waves[0], dtype), as_tensor(waves[1], dtype)


def _times(a: Complex, b: Complex) -> Complex:
    multiply = functools.partial(_core.binary, "multiply")
    return (
        _core.binary("subtract", multiply(a[0], b[0]), multiply(a[1], b[1])),
        _core.binary("add", multiply(a[0], b[1]), multiply(a[1], b[0])),
    )


def _matrix_times(a: Complex, m: Complex) -> Complex:
    return (
        _core.binary("subtract", _core.matmul(a[0], m[0]), _core.matmul(a[1], m[1])),
        _core.binary("add", _core.matmul(a[0], m[1]), _core.matmul(a[1], m[0])),
    )


def _factor(size: int) -> int:
    """The divisor nearest to the square root: 1 for primes."""
    divisor = int(size**0.5)
    while size % divisor:
        divisor -= 1
    return divisor


def _shape_only(x: Tensor, size: int) -> Tensor:
    """A transform of a symbolic tensor: what is `size` long at the end, without the table of waves."""
    return meta_tensor((*x.shape[:-1], size), "float64" if x.dtype == "float64" else "float32")


def _transform(x: Complex, inverse: bool) -> Complex:
    """The (unscaled) transform of the last axis: Cooley and Tukey's splitting of the length."""
    size = x[0].shape[-1]
    if x[0].device == "meta":
        return _shape_only(x[0], size), _shape_only(x[1], size)
    few = _factor(size) if size > _DIRECT else 1
    if few == 1:
        return _matrix_times(x, _constants(x[0], _waves(size, size, size, inverse)))
    many = size // few
    lead = x[0].shape[:-1]
    rank = len(lead)
    # Element few * i + j stands at (i, j): transform over i, turn by j, transform over j.
    swap = (*range(rank), rank + 1, rank)
    grid = tuple(_core.transpose(_core.reshape(part, (*lead, many, few)), swap) for part in x)
    inner = _transform((grid[0], grid[1]), inverse)
    turned = _times(inner, _constants(x[0], _waves(few, many, size, inverse)))
    outer = _transform((_core.transpose(turned[0], swap), _core.transpose(turned[1], swap)), inverse)
    result = tuple(_core.reshape(_core.transpose(part, swap), (*lead, size)) for part in outer)
    return result[0], result[1]


def _pair(name: str, x: Any, rank: int = 1) -> Complex:
    if not isinstance(x, (tuple, list)) or len(x) != 2:
        raise ValueError(
            f"{name}: Input `x` should be a tuple of two tensors, real and imaginary part; "
            f"got {type(x).__name__}"
        )
    real, imaginary = as_float(x[0]), as_float(x[1])
    if real.shape != imaginary.shape:
        raise ValueError(
            f"{name}: Both the real and imaginary parts should have the same shape; "
            f"got {real.shape} and {imaginary.shape}"
        )
    if real.ndim < rank:
        raise ValueError(f"{name}: Input should have rank >= {rank}; got shape {real.shape}")
    return real, imaginary


def transform(x: Complex, axes: tuple[int, ...], inverse: bool) -> Complex:
    """The transform over some axes, divided by their lengths if it is the inverse one."""
    for axis in axes:
        moved = _transform(
            (manipulation.moveaxis(x[0], axis, -1), manipulation.moveaxis(x[1], axis, -1)), inverse
        )
        x = manipulation.moveaxis(moved[0], -1, axis), manipulation.moveaxis(moved[1], -1, axis)
        if inverse:
            size = float(x[0].shape[axis])
            x = _core.binary("divide", x[0], size), _core.binary("divide", x[1], size)
    return x


@op
def fft(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Discrete Fourier transform of the last axis.

    Args:
        x: The pair (real part, imaginary part).

    Returns:
        The pair (real part, imaginary part).

    Example:
        >>> real, imaginary = corten.ops.fft(([1.0, 1.0], [0.0, 0.0]))
        >>> real.tolist()
        [2.0, 0.0]
    """
    return transform(_pair("fft", x), (-1,), False)


@op
def fft2(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Discrete Fourier transform of the last two axes.

    Args:
        x: The pair (real part, imaginary part).

    Returns:
        The pair (real part, imaginary part).

    Example:
        >>> real, imaginary = corten.ops.fft2(([[1.0, 1.0]], [[0.0, 0.0]]))
        >>> real.tolist()
        [[2.0, 0.0]]
    """
    return transform(_pair("fft2", x, 2), (-1, -2), False)


@op
def ifft2(x: TensorLike) -> tuple[Tensor, Tensor]:
    """Inverse of `fft2`.

    Args:
        x: The pair (real part, imaginary part).

    Returns:
        The pair (real part, imaginary part).

    Example:
        >>> real, imaginary = corten.ops.ifft2(([[2.0, 0.0]], [[0.0, 0.0]]))
        >>> real.tolist()
        [[1.0, 1.0]]
    """
    return transform(_pair("ifft2", x, 2), (-1, -2), True)


def _fitted(x: Tensor, length: int | None) -> Tensor:
    """Cuts the last axis, or fills it up with zeros."""
    size = x.shape[-1]
    if length is None or length == size:
        return x
    if length < size:
        return manipulation.piece(x, x.ndim - 1, 0, length)
    return _core.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, length - size)], 0)


@op
def rfft(x: TensorLike, fft_length: int | None = None) -> tuple[Tensor, Tensor]:
    """Discrete Fourier transform of real numbers along the last axis.

    Args:
        x: A tensor of real numbers.
        fft_length: To how many numbers to cut or fill up; None takes all.

    Returns:
        The pair (real part, imaginary part) of the ``fft_length // 2 + 1`` frequencies from 0 up.

    Example:
        >>> real, imaginary = corten.ops.rfft([1.0, 1.0, 1.0, 1.0])
        >>> real.shape, float(real[0])
        ((3,), 4.0)
    """
    x = as_float(x)
    if x.ndim < 1:
        raise ValueError(f"rfft: Input should have rank >= 1; got shape {x.shape}")
    x = _fitted(x, fft_length)
    size = x.shape[-1]
    real, imaginary = _transform((x, creation.zeros_like(x)), False)
    last, count = x.ndim - 1, size // 2 + 1
    return manipulation.piece(real, last, 0, count), manipulation.piece(imaginary, last, 0, count)


@op
def irfft(x: TensorLike, fft_length: int | None = None) -> Tensor:
    """Inverse of `rfft`.

    Args:
        x: The pair (real part, imaginary part) of the frequencies from 0 up.
        fft_length: How many numbers the result has; None is ``2 * (frequencies - 1)``.

    Returns:
        A tensor of real numbers.

    Example:
        >>> corten.ops.irfft(([4.0, 0.0, 0.0], [0.0, 0.0, 0.0])).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    real, imaginary = _pair("irfft", x)
    size = 2 * (real.shape[-1] - 1) if fft_length is None else int(fft_length)
    if size < 1:
        raise ValueError(f"irfft: the result needs one number or more; got fft_length={size}")
    if real.device == "meta":
        return _shape_only(real, size)
    half = size // 2 + 1
    real, imaginary = _fitted(real, half), _fitted(imaginary, half)
    # The other half mirrors this one: it counts as twice the real part, save frequency 0 (and the
    # middle one of an even length), which stand alone.
    cosine, sine = _waves(half, size, size, True)
    weight = np.full((half, 1), 2.0)
    weight[0] = 1.0
    if size % 2 == 0:
        weight[-1] = 1.0
    waves = _constants(real, (cosine * weight / size, sine * weight / size))
    return _core.binary("subtract", _core.matmul(real, waves[0]), _core.matmul(imaginary, waves[1]))


def _window(window: Any, length: int, fft_length: int, beside: Tensor) -> Tensor:
    """Gives the window, padded to the transform's length around its middle."""
    if window is None:
        return filled_beside(beside, (fft_length,), 1.0)
    if isinstance(window, str):
        if window not in ("hann", "hamming"):
            raise ValueError(
                f"If a string is passed to `window`, it must be 'hann' or 'hamming'; got {window!r}"
            )
        if beside.device == "meta":
            return filled_beside(beside, (fft_length,), 1.0)
        # Periodic windows: one point more than asked for, the last one dropped.
        phase = 2 * np.pi * np.arange(length) / length
        values = 0.5 - 0.5 * np.cos(phase) if window == "hann" else 0.54 - 0.46 * np.cos(phase)
    else:
        values = as_float(window).detach().numpy().astype(np.float64)
        if values.shape != (length,):
            raise ValueError(
                f"The shape of `window` must be equal to [sequence_length], ({length},); got {values.shape}"
            )
    low = (fft_length - length) // 2
    return as_tensor(np.pad(values, (low, fft_length - length - low)), beside.dtype)


def _check_stride(name: str, stride: Any) -> None:
    if not isinstance(stride, int) or stride < 1:
        raise ValueError(f"{name}: `sequence_stride` must be a positive integer; got {stride!r}")


@op
def stft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    window: Any = "hann",
    center: bool = True,
) -> tuple[Tensor, Tensor]:
    """Short-time Fourier transform: the frequencies of overlapping pieces of the last axis.

    Args:
        x: A tensor of real numbers.
        sequence_length: The length of a piece.
        sequence_stride: The distance of their starts.
        fft_length: The length of the transform, not less than `sequence_length`.
        window: ``'hann'``, ``'hamming'``, a tensor of weights, or None.
        center: Whether to mirror the ends so that piece i is centered at ``i * sequence_stride``.

    Returns:
        The pair (real part, imaginary part), of shape ``(..., pieces, fft_length // 2 + 1)``.

    Raises:
        TypeError: `x` holds no floats.
        ValueError: The lengths, the stride or the window do not fit together.

    Example:
        >>> real, imaginary = corten.ops.stft(corten.ops.ones(16), 4, 2, 4)
        >>> real.shape
        (9, 3)
    """
    _check_stride("stft", sequence_stride)
    if fft_length < sequence_length:
        raise ValueError(
            f"stft: `fft_length` must equal or be larger than `sequence_length`; "
            f"got {fft_length} and {sequence_length}"
        )
    x = as_tensor(x)
    if x.dtype not in FLOATS:
        raise TypeError(f"stft: `float32` or `float64` numbers are needed; got {x.dtype}. Cast them first")
    if x.ndim < 1:
        raise ValueError(f"stft: Input should have rank >= 1; got shape {x.shape}")
    if center:
        around = fft_length // 2
        x = extension.pad(x, [(0, 0)] * (x.ndim - 1) + [(around, around)], mode="reflect")
    pieces = extract_sequences(x, fft_length, sequence_stride)
    weights = _window(window, sequence_length, fft_length, x)
    return rfft(_core.binary("multiply", pieces, weights), fft_length)


@op
def istft(
    x: TensorLike,
    sequence_length: int,
    sequence_stride: int,
    fft_length: int,
    length: int | None = None,
    window: Any = "hann",
    center: bool = True,
) -> Tensor:
    """Inverse of `stft`, by weighted overlap and addition.

    Args:
        x: The pair (real part, imaginary part).
        sequence_length: The length of a piece.
        sequence_stride: The distance of their starts.
        fft_length: The length of the transform.
        length: The length of the result; None is as long as the pieces reach.
        window: The window that `stft` used. None adds the pieces as they are, so the result is
            ``fft_length / sequence_stride`` times the signal, as in Keras.
        center: What `stft` used.

    Returns:
        A tensor of real numbers.

    Example:
        >>> spectrum = corten.ops.stft(corten.ops.ones(16), 4, 2, 4)
        >>> corten.ops.round(corten.ops.istft(spectrum, 4, 2, 4), 4).tolist()[:3]
        [1.0, 1.0, 1.0]
    """
    _check_stride("istft", sequence_stride)
    pieces = irfft(_pair("istft", x, 2), fft_length)
    weights = _window(window, sequence_length, fft_length, pieces)
    count = pieces.shape[-2]
    total = (count - 1) * sequence_stride + fft_length
    places = [[i * sequence_stride + k for k in range(fft_length)] for i in range(count)]
    index = as_tensor(places, "int32")
    weighted = _core.binary("multiply", pieces, weights)
    axis = pieces.ndim - 2
    base = filled_beside(pieces, (*pieces.shape[:-2], total), 0.0)
    signal = _core.scatter(base, index, weighted, axis, "add")
    squares = _core.broadcast_to(_core.unary("square", weights), (count, fft_length))
    norm = _core.scatter(filled_beside(pieces, (total,), 0.0), index, squares, 0, "add")
    if window is None:
        # Without a window nothing is weighted: the pieces add up, as in Keras.
        norm = _core.binary("multiply", norm, sequence_stride / fft_length)
    signal = _core.where(
        _core.compare("greater", norm, 1e-11),
        _core.binary("divide", signal, _core.binary("maximum", norm, 1e-11)),
        signal,
    )
    start = fft_length // 2 if center else 0
    stop = start + length if length is not None else total - start
    signal = manipulation.piece(signal, axis, start, min(stop, total))
    return _fitted(signal, length)
