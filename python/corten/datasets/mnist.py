"""MNIST: 70,000 handwritten digits."""

from __future__ import annotations

import os

from corten.datasets.image_files import as_uint8, find_idx_files, load_given, split_from_idx, split_from_npz
from corten.datasets.locate import GOOGLE, Source, find_local, given_path, locate
from corten.datasets.shipped_files import Split

_SOURCE = Source(
    "mnist.npz", f"{GOOGLE}mnist.npz", "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
)


def load_data(path: str | os.PathLike[str] = "mnist.npz") -> Split:
    """Gives 60,000 images to train on and 10,000 to test on.

    Searched are `CORTEN_HOME/datasets` (or `~/.corten/datasets`), `~/.keras/datasets`, the mirror
    and the address Keras uses. The four IDX files in a folder `mnist` are read as well.

    Args:
        path: An `.npz` file, or a folder with the IDX files, of your own.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 28, 28)`, uint8 digits.

    Raises:
        OSError: The file is not there and cannot be downloaded; the message names the ways out.
    """
    own = given_path(path, _SOURCE.file)
    if own is not None:
        return as_uint8(load_given(own))
    if find_local(_SOURCE.file) is None:
        files = find_idx_files("mnist")
        if files is not None:
            return split_from_idx(files)
    return split_from_npz(locate(_SOURCE, "mnist"))
