"""What the image data sets have in common: four IDX files, or one `.npz`."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from corten.datasets.locate import find_local
from corten.datasets.readers import read_idx, read_npz
from corten.datasets.shipped_files import Split

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)


def split_from_npz(path: Path) -> Split:
    """Reads a file with the arrays x_train, y_train, x_test and y_test.

    Raises:
        ValueError: One is missing.
    """
    arrays = read_npz(path)
    missing = [name for name in ("x_train", "y_train", "x_test", "y_test") if name not in arrays]
    if missing:
        raise ValueError(f"{path.name} has no array {missing[0]!r}; it has {sorted(arrays)}")
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])


def split_from_idx(files: list[Path]) -> Split:
    """Reads the four IDX files.

    Raises:
        ValueError: Images and labels do not belong together.
    """
    x_train, y_train, x_test, y_test = (read_idx(path) for path in files)
    for images, labels in ((x_train, y_train), (x_test, y_test)):
        if images.ndim != 3 or labels.ndim != 1 or len(images) != len(labels):
            raise ValueError(
                f"the IDX files do not belong together: images {images.shape}, labels {labels.shape} in "
                f"{files[0].parent}"
            )
    return (x_train, y_train), (x_test, y_test)


def idx_files_in(folder: Path) -> list[Path] | None:
    """Gives the four files, packed or not, if all are in the folder."""
    found: list[Path] = []
    for name in IDX_FILES:
        # Some copies write a dot where the original has a hyphen.
        spellings = (f"{name}.gz", name, f"{name.replace('-idx', '.idx')}.gz", name.replace("-idx", ".idx"))
        path = next((folder / spelling for spelling in spellings if (folder / spelling).is_file()), None)
        if path is None:
            return None
        found.append(path)
    return found


def find_idx_files(folder: str) -> list[Path] | None:
    """Gives the four files if all are in a local data folder."""
    found = [find_local(f"{name}.gz", folder) or find_local(name, folder) for name in IDX_FILES]
    if any(path is None or path.parent.name != folder for path in found):
        return None
    return [path for path in found if path is not None]


def load_given(path: Path) -> Split:
    """Reads what the user named: an `.npz` file, or a folder with the IDX files.

    Raises:
        FileNotFoundError: The folder does not have them.
    """
    if path.is_dir():
        files = idx_files_in(path)
        if files is None:
            raise FileNotFoundError(
                f"the folder {str(path)!r} does not hold {', '.join(IDX_FILES)} (.gz or not)"
            )
        return split_from_idx(files)
    return split_from_npz(path)


def as_uint8(split: Split) -> Split:
    """Gives the arrays as uint8, whatever integer type the file has."""
    (x_train, y_train), (x_test, y_test) = split
    return (
        (x_train.astype(np.uint8), y_train.astype(np.uint8)),
        (x_test.astype(np.uint8), y_test.astype(np.uint8)),
    )
