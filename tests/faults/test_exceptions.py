"""What users' code raises comes out as it is, frees what was held, and leaves a model that works."""

import gc
import threading
import time
import traceback

import numpy as np
import pytest

import corten
from corten import layers, ops

X = np.random.default_rng(0).normal(size=(64, 4)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


class Mine(Exception):
    """What the user's code raises."""


def fails_here(*parts):
    raise Mine("the user's own")


class Calls:
    """Fails at one of its calls."""

    def __init__(self, at):
        self.at, self.count = at, 0

    def __call__(self, value=None):
        self.count += 1
        if self.count == self.at:
            fails_here()
        return value


class FailingLayer(layers.Layer):
    def __init__(self, calls):
        super().__init__()
        self.calls = calls

    def call(self, x):
        return self.calls(x)


def make_model(**kwargs):
    corten.utils.set_random_seed(0)
    inner = kwargs.pop("layer", None)
    model = corten.Sequential(
        [
            corten.Input((4,)),
            layers.Dense(8, "relu"),
            layers.Dropout(0.2),
            *([inner] if inner else []),
            layers.Dense(1),
        ]
    )
    model.compile("adam", **{"loss": "mse", **kwargs})
    return model


def with_callback(hook):
    calls = Calls(2)
    callback = corten.callbacks.LambdaCallback()
    setattr(callback, hook, lambda *args, **kwargs: calls())
    return callback


def dataset():
    return corten.data.Dataset.from_tensor_slices((X, Y))


def failing(calls):
    def function(x, y):
        calls()
        return x, y

    return function


class Batches(corten.utils.PyDataset):
    def __init__(self, **kwargs):
        super().__init__(**kwargs)

    def __len__(self):
        return 16

    def __getitem__(self, index):
        if index == 6:
            fails_here()
        return X[:4], Y[:4]


def generator(closed):
    try:
        for _ in range(3):
            yield X[:8], Y[:8]
        fails_here()
    finally:
        closed.append(True)


class FailingMetric(corten.metrics.Mean):
    def update_state(self, y_true, y_pred, sample_weight=None):
        fails_here()


def later_loss(calls):
    return lambda y_true, y_pred: calls(ops.mean(ops.square(y_true - y_pred)))


def own_step():
    class Own(corten.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            fails_here()

    model = Own()
    model.compile("sgd", "mse")
    return model


CASES = {
    **{
        hook: lambda hook=hook: make_model().fit(
            X, Y, 8, epochs=3, validation_data=(X, Y), callbacks=[with_callback(hook)], verbose=0
        )
        for hook in (
            "on_epoch_begin",
            "on_epoch_end",
            "on_train_batch_begin",
            "on_train_batch_end",
            "on_test_batch_end",
        )
    },
    "generator": lambda: make_model().fit(generator([]), verbose=0),
    "map": lambda: make_model().fit(dataset().map(failing(Calls(20))).batch(8), verbose=0),
    "map on threads": lambda: make_model().fit(
        dataset().map(failing(Calls(20)), num_parallel_calls=3).batch(8), verbose=0
    ),
    "prefetch": lambda: make_model().fit(dataset().map(failing(Calls(40))).batch(8).prefetch(2), verbose=0),
    "filter": lambda: make_model().fit(dataset().filter(lambda x, y: fails_here()).batch(8), verbose=0),
    "PyDataset": lambda: make_model().fit(Batches(), shuffle=False, verbose=0),
    "PyDataset on threads": lambda: make_model().fit(Batches(workers=3), shuffle=False, verbose=0),
    "loss": lambda: make_model(loss=lambda t, p: fails_here()).fit(X, Y, verbose=0),
    "later loss": lambda: make_model(loss=later_loss(Calls(9))).fit(X, Y, 8, 4, 0),
    "metric": lambda: make_model(metrics=[FailingMetric()]).fit(X, Y, verbose=0),
    "layer": lambda: make_model(layer=FailingLayer(Calls(7))).fit(X, Y, 8, verbose=0),
    "train_step": lambda: own_step().fit(X, Y, verbose=0),
    "evaluate": lambda: make_model().evaluate(
        dataset().map(failing(Calls(20))).batch(8).prefetch(2), verbose=0
    ),
    "predict": lambda: make_model().predict(dataset().map(failing(Calls(20)), 2).batch(8), verbose=0),
    "iteration": lambda: list(dataset().map(failing(Calls(20)), num_parallel_calls=2).prefetch(1)),
}


def threads_end(before):
    deadline = time.monotonic() + 60
    while threading.active_count() > before and time.monotonic() < deadline:
        time.sleep(0.01)
    return threading.active_count() <= before


@pytest.mark.parametrize("case", CASES)
def test_the_users_exception_comes_out(case):
    before = threading.active_count()
    with pytest.raises(Mine, match="the user's own") as caught:
        CASES[case]()
    assert "fails_here" in "".join(traceback.format_tb(caught.value.__traceback__))
    assert threads_end(before), threading.enumerate()
    # Nothing of the failed call is in the way of the next one, in this thread's state either.
    history = make_model().fit(X, Y, 8, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    assert corten._core.is_grad_enabled()


@pytest.mark.parametrize("eagerly", [True, False])
def test_the_step_that_failed_is_undone(eagerly):
    """What is random, and moving statistics, are as before it."""
    calls = Calls(-1)
    model = corten.Sequential(
        [
            corten.Input((4,)),
            layers.BatchNormalization(),
            layers.Dropout(0.5),
            FailingLayer(calls),
            layers.Dense(1),
        ]
    )
    model.compile("adam", "mse", run_eagerly=eagerly)
    start = model.get_weights()
    model.fit(X[:32], Y[:32], 8, epochs=1, shuffle=False, verbose=0)
    before = [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)]
    calls.at = calls.count + 1
    with pytest.raises(Mine):
        model.fit(X, Y, 8, shuffle=False, verbose=0)
    assert [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)] == before
    assert len(start) == len(model.get_weights())
    model.fit(X, Y, 8, shuffle=False, verbose=0)


def test_generators_are_closed_and_tensors_freed():
    closed = []

    def batches():
        try:
            while True:
                yield X[:8], Y[:8]
        finally:
            closed.append(True)

    source = corten.data.Dataset.from_generator(batches).prefetch(2)
    model = make_model(layer=FailingLayer(Calls(9)))
    gc.collect()
    used = corten.memory.stats()["allocated"]
    before = threading.active_count()
    with pytest.raises(Mine):
        model.fit(source, steps_per_epoch=50, verbose=0)
    assert threads_end(before)
    assert closed == [True] * len(closed)
    assert closed
    del model, source
    gc.collect()
    assert corten.memory.stats()["allocated"] <= used + 4096


def test_the_users_own_generator_stays_open():
    closed = []
    source = generator(closed)
    model = make_model(layer=FailingLayer(Calls(4)))
    with pytest.raises(Mine):
        model.fit(source, verbose=0)
    assert not closed
    source.close()


def test_an_early_stop_ends_the_threads():
    before = threading.active_count()

    class Stop(corten.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    endless = dataset().repeat().batch(8).prefetch(4)
    make_model().fit(endless, steps_per_epoch=100, callbacks=[Stop()], verbose=0)
    assert threads_end(before)
    for element in endless:
        assert len(element) == 2
        break
    del element
    gc.collect()
    assert threads_end(before)


def test_leaving_does_not_wait_for_a_function_that_hangs():
    release, over = threading.Event(), threading.Event()
    slow = iter([False, True, True])

    def function(x, y):
        if next(slow, False):
            release.wait(240)
            over.set()
        return x, y

    try:
        for _ in dataset().map(function, num_parallel_calls=2):
            break
        assert not over.is_set()
    finally:
        release.set()
