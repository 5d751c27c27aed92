"""The kind of data set that `timeseries_dataset_from_array` is asked for."""

import numpy as np
import pytest

from corten.utils import timeseries_dataset_from_array


def test_unknown_format():
    with pytest.raises(ValueError, match="`format` should be 'tf' or 'grain'"):
        timeseries_dataset_from_array(np.arange(10), None, 3, format="arrow")
    windows = [
        np.asarray(batch) for batch in timeseries_dataset_from_array(np.arange(4), None, 3, format="grain")
    ]
    np.testing.assert_array_equal(windows[0], [[0, 1, 2], [1, 2, 3]])
