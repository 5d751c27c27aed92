"""Fashion-MNIST: 70,000 images of clothing."""

from __future__ import annotations

import os

from corten.datasets.image_files import as_uint8, load_given, split_from_idx
from corten.datasets.locate import GOOGLE, Source, given_path, locate
from corten.datasets.shipped_files import Split

_FOLDER = "fashion-mnist"
_SOURCES = tuple(
    Source(name, f"{GOOGLE}{name}", digest, _FOLDER, content)
    for name, digest, content in (
        (
            "train-images-idx3-ubyte.gz",
            "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        (
            "train-labels-idx1-ubyte.gz",
            "25c81989df183df01b3e8a0aad5dffbe",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        (
            "t10k-images-idx3-ubyte.gz",
            "bef4ecab320f06d8554ea6380940ec79",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        (
            "t10k-labels-idx1-ubyte.gz",
            "bb300cfdad3c16e7a12a480ee83cd310",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    )
)


def load_data(path: str | os.PathLike[str] | None = None) -> Split:
    """Gives 60,000 images to train on and 10,000 to test on, of ten kinds of clothing.

    On Debian and its kin the package `dataset-fashion-mnist` is found without a download.

    Args:
        path: A folder with the four IDX files, or an `.npz` file, of your own.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 28, 28)`, uint8 classes.

    Raises:
        OSError: A file is not there and cannot be downloaded; the message names the ways out.
    """
    own = given_path(path, _FOLDER)
    if own is not None:
        return as_uint8(load_given(own))
    return split_from_idx([locate(source, "fashion_mnist") for source in _SOURCES])


def get_label_names() -> list[str]:
    """Gives the names of the classes.

    Example:
        >>> get_label_names()[9]
        'Ankle boot'
    """
    return [
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat",
        "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ]  # fmt: skip
