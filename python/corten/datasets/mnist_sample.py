"""5,000 handwritten digits of MNIST, inside the wheel: no download."""

from __future__ import annotations

from corten.datasets.shipped_files import Split, read_shipped


def load_data() -> Split:
    """Gives 4,000 images to train on and 1,000 to test on, every digit equally often.

    Returns:
        `(x_train, y_train), (x_test, y_test)`: uint8 images of shape `(n, 28, 28)` with values 0 to
        255, and uint8 digits of shape `(n,)`. The order is mixed and always the same.

    Example:
        >>> (x_train, y_train), (x_test, y_test) = load_data()
        >>> x_train.shape, y_test.shape
        ((4000, 28, 28), (1000,))
    """
    arrays = read_shipped("mnist_sample")
    return (arrays["x_train"], arrays["y_train"]), (arrays["x_test"], arrays["y_test"])
