"""`tf.data`."""

from corten.data import (
    AUTOTUNE as AUTOTUNE,
    INFINITE_CARDINALITY as INFINITE_CARDINALITY,
    UNKNOWN_CARDINALITY as UNKNOWN_CARDINALITY,
    Dataset as Dataset,
)


class Options:
    """Accepted for TensorFlow's sake; has no effect."""


class experimental:
    """`tf.data.experimental`."""

    AUTOTUNE = AUTOTUNE
    UNKNOWN_CARDINALITY = UNKNOWN_CARDINALITY
    INFINITE_CARDINALITY = INFINITE_CARDINALITY
