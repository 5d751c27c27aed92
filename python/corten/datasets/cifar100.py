"""CIFAR-100: 60,000 small color images of a hundred kinds."""

from __future__ import annotations

import os

from corten.datasets.cifar10 import batch_folder
from corten.datasets.locate import Source
from corten.datasets.readers import read_cifar_batch
from corten.datasets.shipped_files import Split

_SOURCE = Source(
    "cifar-100-python.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-100-python.tar.gz",
    "85cd44d02ba6437773c5bbd22e183051d648de2e7d6b014e1ef29b855ba677a7",
)


def load_data(label_mode: str = "fine", path: str | os.PathLike[str] | None = None) -> Split:
    """Gives 50,000 images to train on and 10,000 to test on.

    Args:
        label_mode: 'fine' for 100 classes, 'coarse' for the 20 groups they form.
        path: The archive, or the folder that was in it, of your own.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 32, 32, 3)`, uint8 classes
        of shape `(n, 1)`.

    Raises:
        ValueError: Another label mode.
        OSError: The file is not there and cannot be downloaded; the message names the ways out.
    """
    if label_mode not in ("fine", "coarse"):
        raise ValueError(f"cifar100.load_data: label_mode must be 'fine' or 'coarse'; got {label_mode!r}")
    folder = batch_folder(path, _SOURCE, "cifar-100-python", "cifar100")
    key = f"{label_mode}_labels"
    return read_cifar_batch(folder / "train", key), read_cifar_batch(folder / "test", key)
