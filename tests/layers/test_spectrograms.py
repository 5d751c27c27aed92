"""Spectrogram layers. Numbers marked so are what Keras 3.15.1 gives for the same input."""

from __future__ import annotations

import json

import numpy as np
import pytest

from corten import layers


def again(layer):
    """The layer from its configuration as it is in a file."""
    return type(layer).from_config(json.loads(json.dumps(layer.get_config())))


@pytest.mark.parametrize("scaling", ["density", "spectrum", None])
def test_spectrogram_is_the_transform_of_windowed_frames(scaling):
    x = np.random.default_rng(0).normal(size=(2, 1000, 3)).astype("float32")
    window = np.hanning(100)
    scale = {"density": 1 / np.sqrt((window**2).sum()), "spectrum": 1 / window.sum(), None: 1.0}[scaling]
    frames = np.stack([x[:, start : start + 100] for start in range(0, 901, 40)], 1) * window[:, None]
    wanted = np.fft.rfft(frames, 128, axis=2) * scale  # (batch, frame, frequency, channel)
    twice = np.r_[1, np.full(63, 2), 1][:, None]
    modes = {
        "magnitude": np.abs(wanted),
        "log": np.log(np.abs(wanted)),
        "psd": np.abs(wanted) ** 2 * twice,
        "real": wanted.real,
        "imag": wanted.imag,
        "stft": np.concatenate([wanted.real, wanted.imag], 2),
    }
    for mode, expected in modes.items():
        layer = layers.STFTSpectrogram(
            mode, frame_length=100, frame_step=40, scaling=scaling, expand_dims=True
        )
        np.testing.assert_allclose(layer(x), expected, atol=2e-4 * np.abs(expected).max(), err_msg=mode)
        flat = layers.STFTSpectrogram(mode, frame_length=100, frame_step=40, scaling=scaling)
        by_channel = np.moveaxis(expected, -1, 2).reshape(2, 23, -1)
        np.testing.assert_allclose(flat(x), by_channel, atol=2e-4 * np.abs(expected).max(), err_msg=mode)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"mode": "x"}, "mode"),
        ({"frame_step": 500}, "not greater than `frame_length`"),
        ({"fft_length": 50}, "not less than `frame_length`"),
        ({"scaling": "x"}, "scaling"),
        ({"window": np.ones(3)}, "frame_length"),
    ],
)
def test_spectrogram_refuses(options, match):
    with pytest.raises(ValueError, match=match):
        layers.STFTSpectrogram(**options)


def test_spectrograms_refuse_waves_that_do_not_fit():
    layer = layers.STFTSpectrogram(frame_length=256)
    with pytest.raises(ValueError, match=r"at least `frame_length` samples \(256\); got 100"):
        layer(np.ones((1, 100, 1), "float32"))
    assert layers.STFTSpectrogram(frame_length=256, padding="same")(
        np.ones((1, 100, 1), "float32")
    ).shape == (
        1,
        1,
        129,
    )
    with pytest.raises(TypeError, match=r"floats.*int16.*32768"):
        layer(np.ones((1, 512, 1), "int16"))
    with pytest.raises(ValueError, match="`fft_length` must be greater than or equal to `sequence_length`"):
        layers.MelSpectrogram(fft_length=256, sequence_length=512)


def test_mel_spectrogram_of_a_tone_peaks_at_its_frequency():
    wave = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000).astype("float32")
    layer = layers.MelSpectrogram(num_mel_bins=40, fft_length=1024, sequence_stride=256)
    decibels = np.asarray(again(layer)(wave))
    edges = np.linspace(*(2595 * np.log10(1 + np.array([20.0, 8000.0]) / 700)), 42)
    nearest = np.abs(edges[1:-1] - 2595 * np.log10(1 + 440 / 700)).argmin()
    assert decibels.shape == (40, 63)
    assert (decibels[:, 5:-5].argmax(0) == nearest).all()
    assert decibels.max() - decibels.min() <= 80
