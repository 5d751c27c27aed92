"""569 tumors, inside the wheel: no download."""

from __future__ import annotations

from corten.datasets.shipped_files import Split, load_split, names


def load_data(test_split: float = 0.2, seed: int = 113) -> Split:
    """Gives thirty measurements of the cell nuclei of tumors, malignant (0) or benign (1).

    Args:
        test_split: Part of the samples to test on.
        seed: Number that fixes the order and so the split.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: floats of shape `(n, 30)` of very different size
        (standardize them), and uint8 classes of shape `(n,)`.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, x_test.shape
        ((455, 30), (114, 30))
    """
    return load_split("breast_cancer", test_split, seed)


def get_feature_names() -> list[str]:
    """Gives the names of the measurements.

    Example:
        >>> get_feature_names()[0]
        'mean radius'
    """
    return names("breast_cancer", "feature_names")


def get_label_names() -> list[str]:
    """Gives the names of the classes, in the order of their numbers.

    Example:
        >>> get_label_names()
        ['malignant', 'benign']
    """
    return names("breast_cancer", "target_names")
