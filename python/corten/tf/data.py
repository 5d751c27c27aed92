"""`tf.data`."""

from corten.data import AUTOTUNE as AUTOTUNE
from corten.data import INFINITE_CARDINALITY as INFINITE_CARDINALITY
from corten.data import UNKNOWN_CARDINALITY as UNKNOWN_CARDINALITY
from corten.data import Dataset as Dataset


class Options:
    """Accepted for TensorFlow's sake; has no effect."""


class experimental:
    """`tf.data.experimental`."""

    AUTOTUNE = AUTOTUNE
    UNKNOWN_CARDINALITY = UNKNOWN_CARDINALITY
    INFINITE_CARDINALITY = INFINITE_CARDINALITY
