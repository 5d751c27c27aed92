"""California housing: 20,640 districts, 8 features and the price of houses in 1990."""

from __future__ import annotations

import os

import numpy as np

from corten.datasets.locate import GOOGLE, Source, given_path, locate
from corten.datasets.readers import read_npz
from corten.datasets.shipped_files import Split

_SOURCE = Source(
    "california_housing.npz",
    f"{GOOGLE}california_housing.npz",
    "1a2e3a52e0398de6463aebe6f4a8da34fb21fbb6b934cf88c3425e766f2a1a6f",
)


def load_data(
    version: str = "large",
    path: str | os.PathLike[str] = "california_housing.npz",
    test_split: float = 0.2,
    seed: int = 113,
) -> Split:
    """Gives districts split into a part to train on and one to test on.

    Args:
        version: 'large' for all districts, 'small' for the first 600, around San Francisco.
        path: A file of your own.
        test_split: Part to test on.
        seed: Number that fixes the order.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: features and prices.

    Raises:
        ValueError: `test_split` is not at least 0 and below 1.
        OSError: The file is not there and cannot be downloaded; the message names the ways out.
    """
    if not 0 <= test_split < 1:
        raise ValueError(
            f"california_housing.load_data: test_split must be at least 0 and below 1; got {test_split!r}"
        )
    if version not in ("large", "small"):
        raise ValueError(f"california_housing.load_data: version must be 'large' or 'small'; got {version!r}")
    arrays = read_npz(given_path(path, _SOURCE.file) or locate(_SOURCE, "california_housing"))
    x, y = arrays["x"], arrays["y"]
    if version == "small":
        x, y = x[:600], y[:600]
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
