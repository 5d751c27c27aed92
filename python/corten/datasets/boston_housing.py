"""Boston housing: 506 districts, 13 features and the price of houses in the 1970s.

One feature was made to measure a supposed effect of the share of Black residents. Prefer
`corten.datasets.california_housing`; this one is here because old tutorials use it.
"""

from __future__ import annotations

import os

import numpy as np

from corten.datasets.locate import GOOGLE, Source, given_path, locate
from corten.datasets.readers import read_npz
from corten.datasets.shipped_files import Split

_SOURCE = Source(
    "boston_housing.npz",
    f"{GOOGLE}boston_housing.npz",
    "f553886a1f8d56431e820c5b82552d9d95cfcb96d1e678153f8839538947dff5",
)


def load_data(
    path: str | os.PathLike[str] = "boston_housing.npz", test_split: float = 0.2, seed: int = 113
) -> Split:
    """Gives districts split into a part to train on and one to test on.

    Args:
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
            f"boston_housing.load_data: test_split must be at least 0 and below 1; got {test_split!r}"
        )
    arrays = read_npz(given_path(path, _SOURCE.file) or locate(_SOURCE, "boston_housing"))
    x, y = arrays["x"], arrays["y"]
    order = np.arange(len(x))
    np.random.RandomState(seed).shuffle(order)
    x, y = x[order], y[order]
    cut = int(len(x) * (1 - test_split))
    return (x[:cut], y[:cut]), (x[cut:], y[cut:])
