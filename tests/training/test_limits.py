"""`config.set_max_epochs` and `config.set_max_steps_per_epoch`."""

import numpy as np
import pytest

import corten


@pytest.fixture
def limits():
    yield
    corten.config.set_max_epochs(None)
    corten.config.set_max_steps_per_epoch(None)


def make_model():
    model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def test_epochs_and_steps_are_limited(limits):
    corten.config.set_max_epochs(2)
    corten.config.set_max_steps_per_epoch(3)
    x, y = np.ones((40, 2), "float32"), np.ones((40, 1), "float32")
    model = make_model()
    assert model.fit(x, y, batch_size=4, epochs=5, verbose=0).epoch == [0, 1]
    assert int(model.optimizer.iterations) == 6
    assert model.fit(x, y, batch_size=4, steps_per_epoch=7, verbose=0).epoch == [0]
    assert int(model.optimizer.iterations) == 9
    assert model.fit(x, y, batch_size=20, verbose=0).epoch == [0]
    assert int(model.optimizer.iterations) == 11
    assert model.predict(x, batch_size=4, verbose=0).shape == (12, 1)
    weights = np.arange(40, dtype="float32")
    limited = model.evaluate(x, y, sample_weight=weights, batch_size=4, verbose=0)
    corten.config.set_max_steps_per_epoch(None)
    assert limited == pytest.approx(model.evaluate(x[:12], y[:12], sample_weight=weights[:12], verbose=0))
    assert model.predict(x, batch_size=4, verbose=0).shape == (40, 1)


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3"])
def test_wrong_limits(value):
    with pytest.raises(ValueError, match="set_max_epochs: expected None or a whole number"):
        corten.config.set_max_epochs(value)
    with pytest.raises(ValueError, match="set_max_steps_per_epoch: expected None"):
        corten.config.set_max_steps_per_epoch(value)
