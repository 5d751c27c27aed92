"""CIFAR-10: 60,000 small color images of ten kinds."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from corten.datasets.locate import Source, find_local, given_path, local_folders, locate
from corten.datasets.readers import read_cifar_batch
from corten.datasets.shipped_files import Split
from corten.utils.file_utils import extract_archive

_SOURCE = Source(
    "cifar-10-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
    "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
)
_FOLDER = "cifar-10-batches-py"


def load_data(path: str | os.PathLike[str] | None = None) -> Split:
    """Gives 50,000 images to train on and 10,000 to test on.

    Args:
        path: The archive, or the folder that was in it, of your own.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 32, 32, 3)`, uint8 classes
        of shape `(n, 1)`.

    Raises:
        OSError: The file is not there and cannot be downloaded; the message names the ways out.
    """
    folder = batch_folder(path, _SOURCE, _FOLDER, "cifar10")
    parts = [read_cifar_batch(folder / f"data_batch_{number}", "labels") for number in range(1, 6)]
    images, labels = zip(*parts, strict=True)
    return (np.concatenate(images), np.concatenate(labels)), read_cifar_batch(folder / "test_batch", "labels")


def batch_folder(path: str | os.PathLike[str] | None, source: Source, folder: str, dataset: str) -> Path:
    """Gives the folder with the batches: the user's own, one unpacked before, or from the archive."""
    own = given_path(path, source.file)
    if own is None and find_local(source.file) is None:
        for base in local_folders():
            for candidate in (base / folder, base / f"{folder}-target" / folder):
                if candidate.is_dir():
                    return candidate
    archive = own if own is not None else locate(source, dataset)
    if archive.is_dir():
        return archive / folder if (archive / folder).is_dir() else archive
    unpacked = extract_archive(archive)
    return unpacked / folder if (unpacked / folder).is_dir() else unpacked
