"""Sounds in folders as a dataset."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from corten.utils import directories

ENDINGS = (".wav", ".flac", ".ogg")
# What a file may unpack to: so many times its size, and these bytes.
_GROWTH = 100
_SLACK = 64 << 20


def audio_dataset_from_directory(
    directory: Any,
    labels: Any = "inferred",
    label_mode: str | None = "int",
    class_names: Sequence[str] | None = None,
    batch_size: int | None = 32,
    sampling_rate: int | None = None,
    output_sequence_length: int | None = None,
    ragged: bool = False,
    shuffle: bool = True,
    seed: int | None = None,
    validation_split: float | None = None,
    subset: str | None = None,
    follow_links: bool = False,
    verbose: bool = True,
) -> Any:
    """Sound files in folders, one folder for each class, as a dataset of `(sounds, labels)`.

    Args:
        directory: The folder; `.wav`, `.flac` and `.ogg` are read.
        labels: As for `image_dataset_from_directory`.
        label_mode: As for `image_dataset_from_directory`.
        class_names: As for `image_dataset_from_directory`.
        batch_size: Sounds of a batch; None gives single sounds.
        sampling_rate: Samples a second that all sounds are brought to (by their spectrum); None keeps theirs.
        output_sequence_length: Samples that all sounds are cut or filled with silence to; None takes the
            length of the longest in each batch.
        ragged: Not supported; must be False.
        shuffle: Whether each pass has another order.
        seed: Makes orders and parts repeatable.
        validation_split: The share of the files kept for validation.
        subset: ``'training'``, ``'validation'``, or ``'both'`` for a pair of datasets.
        follow_links: Whether links to folders are followed.
        verbose: Whether to say how many files were found.

    Returns:
        A `Dataset` of float32 sounds from -1 to 1, `(batch, samples, channels)`, with the attributes
        `class_names` and `file_paths`.

    Raises:
        ImportError: The package soundfile is missing (`pip install corten[audio]`).
        ValueError: Folder or arguments do not fit.
    """
    name = "audio_dataset_from_directory"
    soundfile = _soundfile()
    if ragged:
        raise ValueError(f"{name}: there are no ragged tensors; leave ragged=False, and sounds are filled up")
    for what, value in (("sampling_rate", sampling_rate), ("output_sequence_length", output_sequence_length)):
        if value is not None and value <= 0:
            raise ValueError(f"{name}: {what} must be positive; got {value!r}")
    directories.check_split(name, validation_split, subset, shuffle, seed)
    listing = directories.list_files(name, directory, labels, label_mode, class_names, ENDINGS, follow_links)

    def read(path: str) -> np.ndarray:
        try:
            sound, rate = _read_sound(soundfile, path)
        except (soundfile.LibsndfileError, RuntimeError, ValueError, MemoryError) as error:
            raise ValueError(f"{name}: {path!r} cannot be read ({error})") from None
        if sampling_rate is not None and sampling_rate > _GROWTH * rate:
            raise ValueError(f"{name}: {path!r} says it has {rate} samples a second; it is damaged")
        if sampling_rate is not None and rate != sampling_rate:
            sound = resampled(sound, rate, sampling_rate)
        if output_sequence_length is not None:
            sound = sound[:output_sequence_length]
            sound = np.pad(sound, ((0, output_sequence_length - len(sound)), (0, 0)))
        return sound

    datasets = directories.datasets_of(
        listing, read, label_mode, None if output_sequence_length is None else batch_size, shuffle, seed,
        validation_split, subset, verbose,
    )  # fmt: skip
    if output_sequence_length is not None or batch_size is None:
        return datasets
    if isinstance(datasets, tuple):
        return tuple(_filled_up(dataset, batch_size) for dataset in datasets)
    return _filled_up(datasets, batch_size)


def _read_sound(soundfile: Any, path: str) -> tuple[np.ndarray, int]:
    """The samples of a file, no more than its size accounts for.

    Raises:
        ValueError: The header says more, or no rate.
    """
    with soundfile.SoundFile(path) as file:
        size = os.path.getsize(path)
        if not file.samplerate > 0 or not 0 < file.channels <= 1024:
            raise ValueError(f"it has {file.channels} channels and {file.samplerate} samples a second")
        most = (_GROWTH * size + _SLACK) // (4 * file.channels)
        if file.frames > most:
            raise ValueError(f"its header says {file.frames} samples, and it has {size} bytes")
        sound = file.read(dtype="float32", always_2d=True)
        if len(sound) < file.frames:
            raise ValueError(f"its header says {file.frames} samples, and it has {len(sound)}")
        return sound, file.samplerate


def _filled_up(dataset: Any, batch_size: int) -> Any:
    batches = dataset.padded_batch(batch_size)
    batches.class_names, batches.file_paths = dataset.class_names, dataset.file_paths
    return batches


def resampled(sound: np.ndarray, rate: int, new_rate: int) -> np.ndarray:
    """A sound at another sampling rate, by cutting or filling up its spectrum.

    Args:
        sound: `(samples, channels)`.
        rate: Its samples a second.
        new_rate: The wanted ones.

    Example:
        >>> tone = np.sin(np.arange(100) / 100 * 2 * np.pi * 5)[:, None]
        >>> bool(abs(resampled(tone, 100, 50) - tone[::2]).max() < 1e-6)
        True
    """
    if not len(sound):
        return sound
    length = max(1, round(len(sound) * new_rate / rate))
    spectrum = np.fft.rfft(sound, axis=0)[: length // 2 + 1]
    return (np.fft.irfft(spectrum, n=length, axis=0) * (length / len(sound))).astype("float32")


def _soundfile() -> Any:
    try:
        return importlib.import_module("soundfile")
    except (ImportError, OSError) as error:
        raise ImportError("sounds need the package soundfile: pip install corten[audio]") from error
