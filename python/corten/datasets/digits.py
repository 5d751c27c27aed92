"""1,797 handwritten digits of 8x8 pixels, inside the wheel: no download."""

from __future__ import annotations

from corten.datasets.shipped_files import Split, load_split, names


def load_data(test_split: float = 0.2, seed: int = 113) -> Split:
    """Gives small images of the digits 0 to 9.

    Args:
        test_split: Part of the samples to test on.
        seed: Number that fixes the order and so the split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 8, 8)` with values
        0 to 16, and uint8 digits of shape `(n,)`.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, x_test.shape
        ((1438, 8, 8), (359, 8, 8))
    """
    return load_split("digits", test_split, seed)


def get_feature_names() -> list[str]:
    """Gives the names of the pixels, row by row.

    Example:
        >>> get_feature_names()[0]
        'pixel_0_0'
    """
    return names("digits", "feature_names")


def get_label_names() -> list[str]:
    """Gives the names of the classes, in the order of their numbers.

    Example:
        >>> get_label_names()
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9']
    """
    return names("digits", "target_names")
