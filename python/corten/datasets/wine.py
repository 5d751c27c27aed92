"""178 wines, inside the wheel: no download."""

from __future__ import annotations

from corten.datasets.shipped_files import Split, load_split, names


def load_data(test_split: float = 0.2, seed: int = 113) -> Split:
    """Gives thirteen analyses of wines of three cultivars.

    Args:
        test_split: Part of the samples to test on.
        seed: Number that fixes the order and so the split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: floats of shape `(n, 13)` of very different size
        (standardize them), and uint8 classes of shape `(n,)`.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, x_test.shape
        ((142, 13), (36, 13))
    """
    return load_split("wine", test_split, seed)


def get_feature_names() -> list[str]:
    """Gives the names of the analyses.

    Example:
        >>> get_feature_names()[0]
        'alcohol'
    """
    return names("wine", "feature_names")


def get_label_names() -> list[str]:
    """Gives the names of the classes, in the order of their numbers.

    Example:
        >>> get_label_names()
        ['class_0', 'class_1', 'class_2']
    """
    return names("wine", "target_names")
