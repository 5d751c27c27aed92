"""Several threads and processes at once."""

import multiprocessing
import os
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np

import corten
from corten import layers, ops


def threads_train(generator, folder):
    """Models trained in threads of Python are what they are when trained one after another."""
    x = generator.normal(size=(64, 5)).astype("float32")
    y = generator.normal(size=(64, 1)).astype("float32")
    models = []
    for _ in range(6):
        model = corten.Sequential([corten.Input((5,)), layers.Dense(9, "tanh"), layers.Dense(1)])
        model.compile("adam", "mse")
        models.append(model)
    starts = [model.get_weights() for model in models[:3]]
    for model, start in zip(models[3:], starts, strict=True):
        model.set_weights(start)

    def train(model):
        model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0)
        return b"".join(weight.tobytes() for weight in model.get_weights())

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(train, models[:3])) == [train(model) for model in models[3:]]


def threads_compute(generator, folder):
    """Ops in threads of Python, on shared operands."""
    a, b = generator.random((60, 80)), generator.random((80, 50))
    left, right = corten.tensor(a), corten.tensor(b)
    with ThreadPoolExecutor(4) as pool:
        for result in pool.map(lambda n: ops.sum(left @ right + n, axis=0), range(12)):
            assert result.shape == (50,)
        results = list(pool.map(lambda n: (left @ right + n).numpy(), range(12)))
    for n, result in enumerate(results):
        np.testing.assert_allclose(result, a @ b + n, rtol=1e-12)


def another_number_of_threads(generator, folder):
    """The engine's threads come and go; results keep their bits."""
    x = corten.tensor(generator.normal(size=(300, 200)).astype("float32"))
    results = set()
    for threads in generator.permutation([1, 2, 3]):
        corten.set_num_threads(int(threads))
        results.add((ops.softmax(x @ ops.transpose(x)).numpy().tobytes(), float(ops.sum(x))))
    assert len(results) == 1


def child(connection, x):
    connection.send(float(ops.sum(corten.tensor(x))))
    connection.close()
    os._exit(0)


def a_forked_child(generator, folder):
    """A child that was forked computes, and is gone afterwards."""
    x = generator.integers(0, 100, (500,)).astype("float64")
    context = multiprocessing.get_context("fork")
    mine, its = context.Pipe()
    process = context.Process(target=child, args=(its, x))
    with warnings.catch_warnings():
        # Python warns of any fork beside threads; that this one works is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    its.close()
    assert mine.poll(60), "the child gave no answer"
    assert mine.recv() == x.sum()
    process.join()
    process.close()
    mine.close()


JOBS = [threads_train, threads_compute, another_number_of_threads, a_forked_child]
