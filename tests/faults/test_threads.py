"""Python threads: models of their own, one model shared to predict, one model trained twice."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import corten
from corten import layers

X = np.random.default_rng(0).normal(size=(96, 12)).astype("float32")
Y = X.sum(axis=1, keepdims=True)
IMAGES = np.random.default_rng(1).normal(size=(48, 10, 10, 1)).astype("float32")
LABELS = np.arange(48) % 3


def dense_model(seed):
    model = corten.Sequential(
        [
            corten.Input((12,)),
            layers.Dense(64, "relu", kernel_initializer=corten.initializers.GlorotUniform(seed)),
            layers.BatchNormalization(),
            layers.Dropout(0.3, seed=seed),
            layers.Dense(1, kernel_initializer=corten.initializers.GlorotUniform(seed + 1)),
        ]
    )
    model.compile("adam", "mse")
    return model


def image_model(seed):
    model = corten.Sequential(
        [
            corten.Input((10, 10, 1)),
            layers.Conv2D(
                8, 3, activation="relu", kernel_initializer=corten.initializers.GlorotUniform(seed)
            ),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(3, kernel_initializer=corten.initializers.GlorotUniform(seed)),
        ]
    )
    model.compile("sgd", corten.losses.SparseCategoricalCrossentropy(from_logits=True), metrics=["accuracy"])
    return model


def sequence_model(seed):
    made = corten.initializers.GlorotUniform(seed)
    model = corten.Sequential(
        [
            corten.Input((12, 1)),
            layers.LSTM(16, kernel_initializer=made, recurrent_initializer=made),
            layers.Dense(1, kernel_initializer=made),
        ]
    )
    model.compile("rmsprop", "mse", run_eagerly=seed % 2 == 0)
    return model


def train(job):
    make, seed = job
    model = make(seed)
    data = (IMAGES, LABELS) if make is image_model else (X, Y)
    history = model.fit(*data, batch_size=16, epochs=6, shuffle=False, verbose=0)
    predicted = model.predict(data[0], verbose=0)
    weights = [v.numpy().tobytes() for v in (*model.variables, *model.optimizer.variables)]
    return weights, history.history, predicted.tobytes()


@pytest.mark.parametrize("threads", [1, 3])
def test_models_trained_side_by_side_have_the_bits_of_models_trained_in_turn(threads):
    jobs = [(make, seed) for seed in range(3) for make in (dense_model, image_model, sequence_model)]
    before = corten.num_threads()
    corten.set_num_threads(threads)
    try:
        alone = [train(job) for job in jobs]
        with ThreadPoolExecutor(len(jobs)) as pool:
            together = list(pool.map(train, jobs))
    finally:
        corten.set_num_threads(before)
    for job, one, other in zip(jobs, alone, together, strict=True):
        assert one == other, job


def test_one_model_predicts_in_many_threads():
    model = dense_model(0)
    model.fit(X, Y, verbose=0)
    inputs = [
        np.random.default_rng(i).normal(size=(5 + 40 * (i % 2), 12)).astype("float32") for i in range(12)
    ]
    expected = [model.predict(x, verbose=0) for x in inputs]
    with ThreadPoolExecutor(6) as pool:
        for _ in range(5):
            found = list(pool.map(lambda x: model.predict(x, verbose=0), inputs))
            for one, other in zip(expected, found, strict=True):
                np.testing.assert_array_equal(one, other)


def test_a_model_is_built_once_whoever_comes_first():
    for _ in range(10):
        model = corten.Sequential([layers.Dense(32, "relu"), layers.Dense(1)])
        gate = threading.Barrier(4)

        def first(_, model=model, gate=gate):
            gate.wait()
            return model.predict(X, verbose=0)

        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(first, range(4)))
        assert len(model.weights) == 4
        for other in found:
            np.testing.assert_array_equal(model.predict(X, verbose=0), other)


def test_a_model_is_trained_by_one_thread():
    model = dense_model(0)
    inside, done = threading.Event(), threading.Event()

    class Wait(corten.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            inside.set()
            assert done.wait(20)

        def on_epoch_end(self, epoch, logs=None):
            # The thread that trains may do with the model what it likes.
            self.model.evaluate(X, Y, verbose=0)

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(model.fit, X, Y, verbose=0, callbacks=[Wait()])
        try:
            assert inside.wait(20)
            for call in (model.fit, model.evaluate, model.train_on_batch, model.test_on_batch):
                with pytest.raises(
                    RuntimeError, match=rf"{call.__name__}: the model .* by another thread.*clone_model"
                ):
                    call(X, Y)
            assert model.predict(X, verbose=0).shape == (96, 1)
        finally:
            done.set()
        running.result()
    model.fit(X, Y, verbose=0)
    assert corten.models.clone_model(model).count_params() == model.count_params()


def test_a_copy_of_a_model_in_training_is_free():
    import copy
    import pickle

    copies = []

    class Copy(corten.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            copies.extend([copy.deepcopy(self.model), pickle.loads(pickle.dumps(self.model))])

    model = dense_model(0)
    model.fit(X, Y, verbose=0, callbacks=[Copy()])
    with ThreadPoolExecutor(1) as pool:
        for one in copies:
            pool.submit(one.fit, X, Y, verbose=0).result()


def test_layers_and_settings_are_per_thread():
    """Flags of a call that runs (training, recording, autocast) are not seen by other threads."""
    gate = threading.Barrier(2)
    dropout = layers.Dropout(0.9, seed=1)
    ones = corten.ops.ones((100,))

    def training():
        with corten.no_grad():
            gate.wait()
            found = dropout(ones, training=True)
            gate.wait()
        return found.numpy()

    def inference():
        gate.wait()
        enabled = corten._core.is_grad_enabled()
        found = dropout(ones)
        gate.wait()
        return found.numpy(), enabled

    with ThreadPoolExecutor(2) as pool:
        one, other = pool.submit(training), pool.submit(inference)
        assert (one.result() == 0).sum() > 50
        np.testing.assert_array_equal(other.result()[0], np.ones(100))
        assert other.result()[1]
