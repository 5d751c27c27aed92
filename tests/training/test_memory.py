"""Models that are dropped leave nothing behind."""

import gc
import weakref
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


def test_models_whose_steps_the_engine_ran_are_collected():
    x = np.random.default_rng(0).random((64, 4)).astype("float32")
    dropped = []
    for _ in range(3):
        model = corten.Sequential([corten.Input((4,)), layers.Dense(3, "relu"), layers.Dense(1)])
        model.compile("adam", "mse")
        model.fit(x, x[:, :1], batch_size=8, verbose=0)
        assert model._training_state.capture.replayed > 0
        dropped.append(weakref.ref(model))
    del model
    gc.collect()
    assert [reference() for reference in dropped] == [None] * 3
