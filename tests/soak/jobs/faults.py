"""Errors of the user: they are raised as they are, and everything goes on afterwards."""

import numpy as np
import pytest

import corten
from corten import callbacks, layers, ops


class Mine(Exception):
    """An error that nothing else raises."""


def model_and_data(generator):
    model = corten.Sequential([corten.Input((4,)), layers.Dense(6, "relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    x, y = generator.normal(size=(32, 4)).astype("float32"), generator.normal(size=(32, 1)).astype("float32")
    return model, x, y


def still_works(model, x, y):
    before = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=2, batch_size=8, verbose=0)
    assert np.isfinite(before)
    assert all(np.isfinite(weight).all() for weight in model.get_weights())


def errors_in_callbacks(generator, folder):
    """A callback that raises in the middle of an epoch."""
    model, x, y = model_and_data(generator)
    when = int(generator.integers(4))

    def fail(batch, logs=None):
        if batch == when:
            raise Mine(f"batch {batch}")

    hook = str(
        generator.choice(["on_train_batch_begin", "on_train_batch_end", "on_epoch_end", "on_epoch_begin"])
    )
    when = 0 if "epoch" in hook else when
    with pytest.raises(Mine):
        model.fit(x, y, batch_size=8, verbose=0, callbacks=[callbacks.LambdaCallback(**{hook: fail})])
    still_works(model, x, y)


def errors_in_data(generator, folder):
    """A generator that raises, alone and behind threads of a data set."""
    model, x, y = model_and_data(generator)

    def batches():
        yield x[:8], y[:8]
        raise Mine("no more")

    with pytest.raises(Mine):
        model.fit(batches(), verbose=0)
    source = corten.data.Dataset.from_generator(batches).prefetch(2)
    with pytest.raises(Mine):
        model.fit(source.map(lambda a, b: (a, b), num_parallel_calls=2), verbose=0)
    still_works(model, x, y)


def errors_in_losses_and_layers(generator, folder):
    """A loss and a layer that raise after some calls."""
    model, x, y = model_and_data(generator)
    calls = []

    def loss(true, predicted):
        calls.append(None)
        if len(calls) == 3:
            raise Mine("loss")
        return ops.mean(ops.square(true - predicted))

    model.compile("sgd", loss)
    with pytest.raises(Mine):
        model.fit(x, y, batch_size=4, verbose=0)
    model.compile("sgd", "mse")
    still_works(model, x, y)

    class Failing(layers.Layer):
        def call(self, inputs):
            raise Mine("layer")

    with pytest.raises(Mine):
        Failing()(ops.ones((2, 2)))


def wrong_arguments(generator, folder):
    """What is refused before work starts leaves the model as it was."""
    model, x, y = model_and_data(generator)
    before = model.get_weights()
    with pytest.raises((ValueError, TypeError)):
        model.fit(x[:, :3], y, verbose=0)
    with pytest.raises((ValueError, TypeError)):
        model.fit(x, y[:5], verbose=0)
    with pytest.raises((ValueError, TypeError)):
        ops.matmul(ops.ones((2, 3)), ops.ones((4, 5)))
    with pytest.raises((ValueError, TypeError)):
        ops.reshape(ops.ones((2, 3)), (4, 4))
    with pytest.raises((ValueError, TypeError)):
        layers.Dense(-1)
    with pytest.raises((ValueError, OSError)):
        corten.models.load_model(folder / "none.corten")
    for a, b in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    still_works(model, x, y)


def errors_in_threads(generator, folder):
    """A PyDataset whose workers raise."""
    model, x, y = model_and_data(generator)

    class Failing(corten.utils.PyDataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            if index == 3:
                raise Mine("batch 3")
            return x[:8], y[:8]

    with pytest.raises(Mine):
        model.fit(Failing(workers=2), verbose=0)
    still_works(model, x, y)


JOBS = [errors_in_callbacks, errors_in_data, errors_in_losses_and_layers, wrong_arguments, errors_in_threads]
