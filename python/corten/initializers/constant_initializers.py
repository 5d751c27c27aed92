"""Initializers that draw nothing: constants, identity, Fourier kernels."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from corten import config, ops
from corten.identifiers import deserialize_object, serialize_object, suggestion
from corten.initializers.initializer import Initializer


class Constant(Initializer):
    """Every value is `value`, a number or an array that broadcasts to the shape.

    Example:
        >>> Constant(3.0)((2,)).tolist()
        [3.0, 3.0]
    """

    def __init__(self, value: Any = 0.0) -> None:
        self.value = value

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        dtype = dtype or config.floatx()
        if isinstance(self.value, (int, float)):
            return ops.full(shape, self.value, dtype=dtype)
        return ops.copy(ops.broadcast_to(ops.cast(ops.convert_to_tensor(self.value), dtype), shape))

    def get_config(self) -> dict[str, Any]:
        return {"value": serialize_object(self.value)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Constant:
        return cls(deserialize_object(config["value"]))


class Zeros(Initializer):
    """All zeros.

    Example:
        >>> Zeros()((2,)).tolist()
        [0.0, 0.0]
    """

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        return ops.zeros(shape, dtype=dtype or config.floatx())


class Ones(Initializer):
    """All ones.

    Example:
        >>> Ones()((2,)).tolist()
        [1.0, 1.0]
    """

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        return ops.ones(shape, dtype=dtype or config.floatx())


class Identity(Initializer):
    """`gain` on the main diagonal of a matrix, zeros elsewhere.

    Example:
        >>> Identity(gain=2.0)((2, 2)).tolist()
        [[2.0, 0.0], [0.0, 2.0]]
    """

    def __init__(self, gain: float = 1.0) -> None:
        self.gain = gain

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        if len(shape) != 2:
            raise ValueError(
                f"Identity: only matrices have an identity; expected a shape of rank 2, got {shape}."
            )
        dtype = dtype or config.floatx()
        return ops.cast(self.gain * ops.eye(shape[0], shape[1], dtype=dtype), dtype)

    def get_config(self) -> dict[str, Any]:
        return {"gain": self.gain}


def _cosine_sum(*weights: float) -> Callable[[np.ndarray], np.ndarray]:
    """A window that is a short cosine series over its phase in [0, 2 pi]."""

    def window(phase: np.ndarray) -> np.ndarray:
        total = np.zeros_like(phase)
        for order, weight in enumerate(weights):
            total += (-1.0) ** order * weight * np.cos(order * phase)
        return total

    return window


def _tukey(phase: np.ndarray) -> np.ndarray:
    """Flat in the middle half, cosine flanks of a quarter each."""
    edge = np.minimum(phase, 2.0 * math.pi - phase)
    return np.where(edge < math.pi / 2, 0.5 - 0.5 * np.cos(2.0 * edge), 1.0)


# Each takes the phase, 0 at the first sample and 2 pi at the last (or one past it, if periodic).
_WINDOWS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "boxcar": np.ones_like,
    "rectangular": np.ones_like,
    "hann": _cosine_sum(0.5, 0.5),
    "hamming": _cosine_sum(0.54, 0.46),
    "blackman": _cosine_sum(0.42, 0.5, 0.08),
    "nuttall": _cosine_sum(0.3635819, 0.4891775, 0.1365995, 0.0106411),
    "blackmanharris": _cosine_sum(0.35875, 0.48829, 0.14128, 0.01168),
    "flattop": _cosine_sum(0.21557895, 0.41663158, 0.277263158, 0.083578947, 0.006947368),
    "bartlett": lambda phase: 1.0 - np.abs(phase / math.pi - 1.0),
    "tukey": _tukey,
}


def _window(name: str, length: int, periodic: bool) -> np.ndarray:
    if length == 1:
        return np.ones(1)
    steps = length if periodic else length - 1
    return np.asarray(_WINDOWS[name](2.0 * math.pi * np.arange(length) / steps), dtype="float64")


class STFT(Initializer):
    """Kernels that turn a 1-D convolution into a short-time Fourier transform.

    The shape asked for is `(frame_length, channels, fft_length // 2 + 1)`.

    Args:
        side: 'real' for cosines, 'imag' for sines.
        window: Name of a window, its values, or `None` for none.
        scaling: 'density' divides by the window's norm, 'spectrum' by its sum, `None` by nothing.
        periodic: Whether the window is one period (for analysis) rather than symmetric.

    Example:
        >>> STFT("real", window=None)((4, 1, 3)).numpy().round(3)[1].tolist()
        [[1.0, 0.0, -1.0]]
    """

    def __init__(
        self,
        side: str = "real",
        window: Any = "hann",
        scaling: str | None = "density",
        periodic: bool = False,
    ) -> None:
        if side not in ("real", "imag"):
            raise ValueError(f"STFT: `side` is 'real' or 'imag'; got {side!r}.")
        if isinstance(window, str) and window not in _WINDOWS:
            raise ValueError(
                f"STFT: unknown window {window!r}.{suggestion(window, _WINDOWS)} Known:"
                f" {', '.join(sorted(_WINDOWS))}."
            )
        if scaling not in (None, "density", "spectrum"):
            raise ValueError(f"STFT: `scaling` is 'density', 'spectrum' or None; got {scaling!r}.")
        self.side = side
        self.window = window
        self.scaling = scaling
        self.periodic = periodic

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        frame_length, _, bins = shape
        # In float64 NumPy: the angles reach thousands of radians, too far for float32.
        time = np.arange(frame_length, dtype="float64").reshape(-1, 1, 1)
        frequency = np.arange(bins, dtype="float64").reshape(1, 1, -1) / (2 * (bins - 1))
        angle = -2.0 * math.pi * time * frequency
        kernel = np.cos(angle) if self.side == "real" else np.sin(angle)
        if self.window is not None:
            if isinstance(self.window, str):
                window = _window(self.window, frame_length, self.periodic)
            else:
                window = np.asarray(self.window, dtype="float64")
            if window.shape != (frame_length,):
                raise ValueError(
                    f"STFT: the window must have one value per sample of the frame, shape ({frame_length},);"
                    f" got {window.shape}."
                )
            if self.scaling == "density":
                window = window / np.sqrt(np.sum(np.square(window)))
            elif self.scaling == "spectrum":
                window = window / np.sum(np.abs(window))
            kernel = kernel * window.reshape(-1, 1, 1)
        kernel = np.broadcast_to(kernel, tuple(shape))
        return ops.convert_to_tensor(np.ascontiguousarray(kernel), dtype or config.floatx())

    def get_config(self) -> dict[str, Any]:
        return {"side": self.side, "window": self.window, "scaling": self.scaling, "periodic": self.periodic}
