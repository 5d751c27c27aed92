"""Models that are dropped leave nothing behind."""

import gc
from pathlib import Path

import numpy as np
import pytest

import corten
from corten import layers


def resident_megabytes():
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    return 0.0


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux's /proc")
def test_a_thousand_models_built_fitted_and_dropped():
    x = np.random.default_rng(0).random((8, 8)).astype("float32")
    y = np.arange(8) % 3

    def one():
        model = corten.Sequential([corten.Input((8,)), layers.Dense(16, "relu"), layers.Dense(3, "softmax")])
        model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, verbose=0)

    for _ in range(100):
        one()
    gc.collect()
    before = resident_megabytes()
    for _ in range(1000):
        one()
    gc.collect()
    assert resident_megabytes() - before < 5
