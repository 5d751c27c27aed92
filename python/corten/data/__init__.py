"""Data sets as chains of steps, in the manner of `tf.data`."""

from corten.data.dataset import AUTOTUNE as AUTOTUNE
from corten.data.dataset import INFINITE_CARDINALITY as INFINITE_CARDINALITY
from corten.data.dataset import UNKNOWN_CARDINALITY as UNKNOWN_CARDINALITY
from corten.data.dataset import Dataset as Dataset

__all__ = ["AUTOTUNE", "Dataset", "INFINITE_CARDINALITY", "UNKNOWN_CARDINALITY"]
