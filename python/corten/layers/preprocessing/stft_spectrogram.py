"""`STFTSpectrogram`: sound as an image of frequencies over time, by convolution."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import ops
from corten._state import state
from corten.layers.arguments import data_format_or_default, one_of, positive_integer
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer

MODES = ("log", "magnitude", "psd", "real", "imag", "angle", "stft")


class STFTSpectrogram(Layer):
    """Turns waves into spectrograms by a short-time Fourier transform.

    The transform is a convolution with windowed cosines and sines. They are weights (`real_kernel`,
    `imag_kernel`), so they can be trained; `trainable=False` keeps them.

    Args:
        mode: What comes out: "log" (the logarithm of the magnitude), "magnitude", "psd" (the power spectral
            density), "real", "imag", "angle" (in radians) or "stft" (real parts, then imaginary ones).
        frame_length: The length of windows, in samples.
        frame_step: The distance of windows, in samples; None takes half of `frame_length`.
        fft_length: The length of the transforms, in samples; None takes the next power of two.
        window: The name of a window ("hann", "hamming", or another one that SciPy knows), an array of
            weights of `frame_length`, or None.
        periodic: Whether the window is one period of a periodic function, instead of symmetric.
        scaling: "density" (power per hertz), "spectrum" (power) or None.
        padding: "valid", or "same" (zeros around).
        expand_dims: Whether channels are an axis of their own, as in images.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `name`, `dtype`, `trainable`.

    Takes waves of shape `(batch, samples, channels)` and gives `(batch, frames, channels * frequencies)`,
    with `expand_dims` `(batch, frames, frequencies, channels)`; channels come first with "channels_first".

    Raises:
        ValueError: An argument is not one of these, or waves are shorter than a frame (for "valid").
        TypeError: Waves are not floats.

    See https://keras.io/api/layers/preprocessing_layers/audio_preprocessing/stft_spectrogram/.

    Example:
        >>> import numpy as np
        >>> layer = STFTSpectrogram(mode="magnitude", frame_length=256, frame_step=64)
        >>> layer(np.ones((1, 1024, 1), "float32")).shape
        (1, 13, 129)
    """

    real_kernel: Any
    imag_kernel: Any

    def __init__(
        self,
        mode: str = "log",
        frame_length: int = 256,
        frame_step: int | None = None,
        fft_length: int | None = None,
        window: Any = "hann",
        periodic: bool = False,
        scaling: str | None = "density",
        padding: str = "valid",
        expand_dims: bool = False,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        layer = "STFTSpectrogram"
        self.mode = one_of(layer, "mode", mode, MODES)
        self.frame_length = positive_integer(layer, "frame_length", frame_length)
        if frame_step is not None and not (isinstance(frame_step, int) and 1 <= frame_step <= frame_length):
            raise ValueError(
                f"{layer}: `frame_step` should be a positive integer not greater than `frame_length`. "
                f"Received frame_step={frame_step}, frame_length={frame_length}"
            )
        if fft_length is not None and fft_length < frame_length:
            raise ValueError(
                f"{layer}: `fft_length` should be not less than `frame_length`. Received "
                f"fft_length={fft_length}, frame_length={frame_length}"
            )
        self.frame_step, self.fft_length = frame_step, fft_length
        self._frame_step = frame_step or max(frame_length // 2, 1)
        self._fft_length = fft_length or 1 << math.ceil(math.log2(frame_length))
        self.window = window
        self.periodic = periodic
        self.scaling = None if scaling is None else one_of(layer, "scaling", scaling, ("density", "spectrum"))
        self.padding = one_of(layer, "padding", padding, ("valid", "same"))
        self.expand_dims = expand_dims
        self.data_format = data_format_or_default(layer, data_format)
        # A window that does not exist is an error now; the numbers of a long one can wait.
        self._window_weights(
            min(frame_length, 2) if window is None or isinstance(window, str) else frame_length
        )
        self.input_spec = InputSpec(ndim=3)

    def _window_weights(self, size: int) -> np.ndarray:
        if self.window is None:
            return np.ones(size)
        if not isinstance(self.window, str):
            weights = np.asarray(self.window, dtype="float64")
            if weights.shape != (size,):
                raise ValueError(
                    f"STFTSpectrogram: `window` must have the shape ({size},) of `frame_length`; "
                    f"got {weights.shape}."
                )
            return weights
        if self.window in ("hann", "hamming"):
            constant = 0.5 if self.window == "hann" else 0.54
            turns = np.arange(size) / max(size if self.periodic else size - 1, 1)
            return constant - (1 - constant) * np.cos(2 * np.pi * turns)
        try:
            from scipy.signal import get_window
        except ImportError as error:
            raise ImportError(
                f"STFTSpectrogram: the window {self.window!r} comes from SciPy: pip install scipy. "
                "Without it there are 'hann' and 'hamming', and arrays of weights."
            ) from error
        try:
            weights = get_window(self.window, size, fftbins=self.periodic)
        except ValueError as error:
            raise ValueError(f"STFTSpectrogram: invalid window {self.window!r}: {error}.") from error
        return np.asarray(weights, dtype="float64")

    def build(self, input_shape: Any = None) -> None:
        shape = (self.frame_length, 1, self._fft_length // 2 + 1)
        # Made before their values, so that a size no memory suffices for is refused first.
        kernels = {
            name: self.add_weight(shape, "zeros", name=f"{name}_kernel")
            for name in ("real", "imag")
            if self.mode not in ("real", "imag") or self.mode == name
        }
        window = self._window_weights(self.frame_length)
        scale = 1.0
        if self.scaling == "density":
            scale = 1 / math.sqrt((window**2).sum())
        elif self.scaling == "spectrum":
            scale = 1 / abs(window.sum())
        places = np.arange(self.frame_length)[:, None] * np.arange(self._fft_length // 2 + 1)
        # Whole turns are taken out before the cosine, where they would cost digits.
        turns = 2 * np.pi * (places % self._fft_length) / self._fft_length
        for name, kernel in kernels.items():
            waves = np.cos(turns) if name == "real" else -np.sin(turns)
            kernel.assign((waves * (window[:, None] * scale)).reshape(shape).astype("float32"))
            setattr(self, f"{name}_kernel", kernel)
        super().build(input_shape)

    def call(self, inputs: Any) -> Any:
        if "float" not in str(inputs.dtype):
            raise TypeError(
                f"STFTSpectrogram: expected waves of floats, usually from -1 to 1; got dtype {inputs.dtype}. "
                "Divide integer samples by their largest value, as in `wave / 32768.0`."
            )
        inputs = ops.cast(inputs, self.compute_dtype)
        if self.data_format == "channels_first":
            inputs = ops.swapaxes(inputs, 1, 2)
        batch, samples, channels = inputs.shape
        if self.padding == "valid" and samples < self.frame_length and not state.probing:
            raise ValueError(
                f"STFTSpectrogram: expected at least `frame_length` samples ({self.frame_length}); got "
                f'{samples} (inputs of shape {tuple(inputs.shape)}). Use `padding="same"` or a shorter frame.'
            )
        # Every channel is a wave of its own.
        waves = ops.reshape(ops.swapaxes(inputs, 1, 2), (batch * channels, samples, 1))

        def transformed(kernel: Any) -> Any:
            return ops.conv(waves, kernel, self._frame_step, self.padding, "channels_last")

        frames = self._as_mode(transformed)
        frames = ops.reshape(frames, (batch, channels, *frames.shape[1:]))
        if self.expand_dims:
            # (batch, channels, frames, frequencies)
            return frames if self.data_format == "channels_first" else ops.transpose(frames, (0, 2, 3, 1))
        frames = ops.transpose(frames, (0, 2, 1, 3))
        frames = ops.reshape(frames, (batch, frames.shape[1], channels * frames.shape[3]))
        return ops.swapaxes(frames, 1, 2) if self.data_format == "channels_first" else frames

    def _as_mode(self, transformed: Any) -> Any:
        if self.mode in ("real", "imag"):
            return transformed(self.real_kernel if self.mode == "real" else self.imag_kernel)
        real, imaginary = transformed(self.real_kernel), transformed(self.imag_kernel)
        if self.mode == "stft":
            return ops.concatenate([real, imaginary], axis=-1)
        if self.mode == "angle":
            return ops.arctan2(imaginary, real)
        power = ops.square(real) + ops.square(imaginary)
        if self.mode == "psd":
            # Both halves of the spectrum are in one, but for the frequencies that are in both.
            twice = np.full(power.shape[-1], 2.0, "float32")
            twice[0] = 1
            if self._fft_length % 2 == 0:
                twice[-1] = 1
            return power * ops.convert_to_tensor(twice, dtype=power.dtype)
        magnitude = ops.sqrt(ops.maximum(power, 1e-14))
        return ops.log(magnitude) if self.mode == "log" else magnitude

    def get_config(self) -> dict[str, Any]:
        window = self.window
        return {
            **super().get_config(),
            "mode": self.mode,
            "frame_length": self.frame_length,
            "frame_step": self.frame_step,
            "fft_length": self.fft_length,
            "window": window if window is None or isinstance(window, str) else np.asarray(window).tolist(),
            "periodic": self.periodic,
            "scaling": self.scaling,
            "padding": self.padding,
            "data_format": self.data_format,
            "expand_dims": self.expand_dims,
        }
