"""`MelSpectrogram`: sound as an image of mel frequencies over time."""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from corten import ops
from corten._state import state as call_state
from corten.layers.arguments import positive_integer
from corten.layers.layer import Layer


class MelSpectrogram(Layer):
    """Turns waves into mel spectrograms.

    Args:
        fft_length: The length of each Fourier transform, in samples.
        sequence_stride: The distance of windows, in samples.
        sequence_length: The length of windows, in samples; None takes `fft_length`.
        window: "hann", "hamming", or a tensor of `sequence_length` weights.
        sampling_rate: Samples per second.
        num_mel_bins: How many frequencies come out.
        min_freq: The lowest frequency, in hertz.
        max_freq: The highest frequency, in hertz; None takes half the sampling rate.
        power_to_db: Whether powers come out in decibels.
        top_db: How far below the loudest decibels are cut off; None for nowhere.
        mag_exp: The exponent of magnitudes: 1 for magnitudes, 2 for powers.
        min_power: The smallest power, before decibels.
        ref_power: The power of 0 decibels.
        **kwargs: `name`, `dtype`, `trainable`.

    Takes waves of shape `(..., samples)` and gives `(..., num_mel_bins, samples // sequence_stride + 1)`.
    Mel frequencies follow O'Shaughnessy: 2595 log10(1 + f / 700).
    See https://keras.io/api/layers/preprocessing_layers/audio_preprocessing/mel_spectrogram/.

    Example:
        >>> import numpy as np
        >>> layer = MelSpectrogram(num_mel_bins=64, sampling_rate=8000, sequence_stride=256, fft_length=2048)
        >>> layer(np.sin(np.arange(16000, dtype="float32"))).shape
        (64, 63)
    """

    def __init__(
        self,
        fft_length: int = 2048,
        sequence_stride: int = 512,
        sequence_length: int | None = None,
        window: Any = "hann",
        sampling_rate: int = 16000,
        num_mel_bins: int = 128,
        min_freq: float = 20.0,
        max_freq: float | None = None,
        power_to_db: bool = True,
        top_db: float | None = 80.0,
        mag_exp: float = 2.0,
        min_power: float = 1e-10,
        ref_power: float = 1.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        for name, value in (
            ("fft_length", fft_length),
            ("sequence_stride", sequence_stride),
            ("num_mel_bins", num_mel_bins),
        ):
            positive_integer("MelSpectrogram", name, value)
        self.fft_length = fft_length
        self.sequence_stride = sequence_stride
        self.sequence_length = sequence_length or fft_length
        if fft_length < self.sequence_length:
            raise ValueError(
                "MelSpectrogram: `fft_length` must be greater than or equal to `sequence_length`. Received: "
                f"fft_length={fft_length}, sequence_length={sequence_length}."
            )
        self.window = window
        self.sampling_rate = sampling_rate
        self.num_mel_bins = num_mel_bins
        self.min_freq = min_freq
        self.max_freq = max_freq or sampling_rate / 2
        self.power_to_db = power_to_db
        self.top_db = top_db
        self.mag_exp = mag_exp
        self.min_power = min_power
        self.ref_power = ref_power
        if not 0 <= self.min_freq < self.max_freq <= sampling_rate / 2:
            raise ValueError(
                "MelSpectrogram: expected 0 <= min_freq < max_freq <= sampling_rate / 2; got "
                f"min_freq={min_freq}, max_freq={self.max_freq}, sampling_rate={sampling_rate}."
            )
        self.built = True

    @functools.cached_property
    def _triangles(self) -> np.ndarray:
        return mel_weights(
            self.num_mel_bins, self.fft_length // 2 + 1, self.sampling_rate, self.min_freq, self.max_freq
        )

    def call(self, inputs: Any) -> Any:
        inputs = ops.cast(inputs, self.compute_dtype)
        real, imaginary = ops.stft(
            inputs, self.sequence_length, self.sequence_stride, self.fft_length, window=self.window
        )
        powers = ops.square(real) + ops.square(imaginary)
        spectrogram = powers if self.mag_exp == 2 else ops.power(powers, self.mag_exp / 2)
        if call_state.probing:
            # Shapes alone need no triangles, of which a file may say any number.
            weights = ops.zeros((self.fft_length // 2 + 1, self.num_mel_bins), spectrogram.dtype)
        else:
            weights = ops.convert_to_tensor(self._triangles, dtype=spectrogram.dtype)
        mel = ops.swapaxes(ops.matmul(spectrogram, weights), -1, -2)
        return ops.cast(self._decibels(mel) if self.power_to_db else mel, self.compute_dtype)

    def _decibels(self, powers: Any) -> Any:
        decibels = 10 * ops.log10(ops.maximum(powers, self.min_power))
        decibels = decibels - 10 * math.log10(max(self.min_power, abs(self.ref_power)))
        if self.top_db is not None:
            decibels = ops.maximum(decibels, ops.max(decibels) - self.top_db)
        return decibels

    def get_config(self) -> dict[str, Any]:
        window = (
            self.window if isinstance(self.window, str) or self.window is None else np.asarray(self.window)
        )
        return {
            **super().get_config(),
            "fft_length": self.fft_length,
            "sequence_stride": self.sequence_stride,
            "sequence_length": self.sequence_length,
            "window": window.tolist() if isinstance(window, np.ndarray) else window,
            "sampling_rate": self.sampling_rate,
            "num_mel_bins": self.num_mel_bins,
            "min_freq": self.min_freq,
            "max_freq": self.max_freq,
            "power_to_db": self.power_to_db,
            "top_db": self.top_db,
            "mag_exp": self.mag_exp,
            "min_power": self.min_power,
            "ref_power": self.ref_power,
        }


def mel_weights(
    bins: int, frequencies: int, sampling_rate: float, lowest: float, highest: float
) -> np.ndarray:
    """How much each frequency of a Fourier transform counts for each mel frequency: triangles in mel.

    Args:
        bins: How many mel frequencies.
        frequencies: How many frequencies of the transform, from 0 to half the sampling rate.
        sampling_rate: Samples per second.
        lowest: Where the first triangle begins, in hertz.
        highest: Where the last one ends, in hertz.

    Returns:
        Shape `(frequencies, bins)`; the constant part (frequency 0) counts for nothing.

    Example:
        >>> mel_weights(4, 9, 8000, 20.0, 4000.0).shape
        (9, 4)
    """

    def mel(hertz: Any) -> Any:
        return 2595 * np.log10(1 + np.asarray(hertz) / 700)

    edges = np.linspace(mel(lowest), mel(highest), bins + 2)
    places = mel(np.linspace(0, sampling_rate / 2, frequencies))[1:, None]
    left, center, right = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.minimum((places - left) / (center - left), (right - places) / (right - center))
    return np.pad(np.maximum(triangles, 0), ((1, 0), (0, 0))).astype("float32")
