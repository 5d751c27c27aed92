"""A GPU that is lost or full: errors that say the way out, the CPU works on, a new device takes its place.

They need a build with a GPU backend: `make test-gpu`.
"""

import threading

import numpy as np
import pytest

import corten
from corten import _core, callbacks, layers, ops

LOST = r"GPU 0 \(.+\) was lost: it was destroyed.*gone.*reset_device\(\"gpu:0\"\)"
GONE = r"GPU 0 \(.+\) was lost: .*make it anew.*load_weights"
MIB = 1 << 20


@pytest.fixture(autouse=True)
def whole(gpu):
    """Puts a new device in the place of the one that a test has lost or filled."""
    yield
    corten.memory.set_limit(None, gpu)
    corten.config.reset_device(gpu)


def data(rows=64):
    x = np.random.default_rng(0).normal(size=(rows, 6)).astype("float32")
    return x, x.sum(axis=1, keepdims=True)


def make_model(**kwargs):
    corten.utils.set_random_seed(3)
    model = corten.Sequential(
        [
            corten.Input((6,)),
            layers.Dense(8, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ],
        name="net",
    )
    model.compile("adam", "mse", metrics=["mae"], **kwargs)
    return model


def bits(model):
    return [np.asarray(v.numpy()).tobytes() for v in (*model.variables, *model.optimizer.variables)]


class Lose(callbacks.Callback):
    """Takes the GPU away at the end of a step, counted over all epochs."""

    def __init__(self, gpu, step):
        super().__init__()
        self.gpu, self.left = gpu, step

    def on_train_batch_end(self, batch, logs=None):
        self.left -= 1
        if self.left == 0:
            _core.lose_device(self.gpu)


def test_every_use_of_a_lost_device_says_so(gpu):
    x = corten.tensor(np.ones((4, 4), np.float32), device=gpu)
    waiting = ops.exp(x)
    _core.lose_device(gpu)
    for use in (
        lambda: x + 1,
        lambda: x @ x,
        lambda: ops.softmax(x),
        lambda: ops.cholesky(x),
        lambda: x.numpy(),
        lambda: waiting.numpy(),
        lambda: x.to("cpu"),
        lambda: float(x[0, 0]),
        lambda: corten.tensor([1.0, 2.0], device=gpu),
        lambda: corten.config.synchronize(gpu),
    ):
        with pytest.raises(RuntimeError, match=LOST):
            use()
    assert (ops.ones(3) + 1).tolist() == [2.0, 2.0, 2.0]


def test_a_new_device_takes_its_place(gpu):
    x = corten.tensor([1.0, 2.0], device=gpu)
    y = x * 3.0
    _core.lose_device(gpu)
    corten.config.reset_device(gpu)
    anew = corten.tensor([1.0, 2.0], device=gpu)
    assert (anew * 3.0).tolist() == [3.0, 6.0]
    for use in (lambda: x + 1, lambda: y.numpy(), lambda: x + anew, lambda: anew @ x, lambda: x.to("cpu")):
        with pytest.raises(RuntimeError, match=GONE):
            use()
    assert anew.tolist() == [1.0, 2.0]


def test_a_healthy_device_can_be_reset(gpu):
    x = corten.tensor([1.0, 2.0], device=gpu)
    corten.memory.set_limit(64 * MIB, gpu)
    corten.config.reset_device(gpu)
    with pytest.raises(RuntimeError, match=r"was lost: it was reset.*make it anew"):
        x.numpy()
    assert corten.memory.stats(gpu)["allocated"] == 0
    assert corten.memory.limit(gpu) == 64 * MIB
    with pytest.raises(MemoryError, match=f"limit was set to {64 * MIB} bytes"):
        ops.ones((32 * MIB,)).to(gpu)


@pytest.mark.parametrize("captured", [False, True])
def test_fit_stops_and_the_weights_come_back_from_a_file(gpu, captured, tmp_path):
    path = tmp_path / "net.weights.h5" if pytest.importorskip("h5py") else None
    with corten.device(gpu):
        model = make_model(run_eagerly=not captured)
    x, y = data()
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    model.save_weights(path)
    expected = model.predict(x, verbose=0)
    with pytest.raises(RuntimeError, match=LOST):
        model.fit(x, y, batch_size=8, epochs=3, verbose=0, callbacks=[Lose(gpu, 11)])
    for use in (
        lambda: model.predict(x, verbose=0),
        lambda: model.evaluate(x, y, verbose=0),
        lambda: model.get_weights(),
        lambda: model.to("cpu"),
        lambda: model.save(tmp_path / "lost.corten"),
    ):
        with pytest.raises(RuntimeError, match=LOST):
            use()
    assert not (tmp_path / "lost.corten").exists()
    # Another model is trained on the CPU meanwhile.
    make_model().fit(x, y, batch_size=8, verbose=0)
    corten.config.reset_device(gpu)
    with pytest.raises(RuntimeError, match=GONE):
        model.predict(x, verbose=0)
    model.load_weights(path)
    assert {v.device for v in model.weights} == {gpu}
    np.testing.assert_array_equal(model.predict(x, verbose=0), expected)
    # The optimizer's state was not in the file: it says so, and begins anew.
    with pytest.raises(RuntimeError, match=GONE):
        model.fit(x, y, batch_size=8, verbose=0)
    model.compile("adam", "mse")
    history = model.fit(x, y, batch_size=8, epochs=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()


def test_fit_goes_on_from_its_backup(gpu, tmp_path):
    def fitted(model, *more):
        model.fit(*data(), batch_size=8, epochs=4, verbose=0, callbacks=[*more])
        return bits(model)

    with corten.device(gpu):
        expected = fitted(make_model())
        model = make_model()
    with pytest.raises(RuntimeError, match=LOST):
        fitted(model, callbacks.BackupAndRestore(tmp_path), Lose(gpu, 19))
    corten.config.reset_device(gpu)
    assert fitted(model, callbacks.BackupAndRestore(tmp_path)) == expected


def test_a_lost_model_can_train_on_the_cpu(gpu, tmp_path):
    path = tmp_path / "net.corten"
    with corten.device(gpu):
        model = make_model()
    x, y = data()
    model.fit(x, y, batch_size=8, verbose=0)
    model.save(path)
    expected = model.predict(x, verbose=0)
    _core.lose_device(gpu)
    again = corten.saving.load_model(path)
    assert {v.device for v in again.weights} == {"cpu"}
    np.testing.assert_allclose(again.predict(x, verbose=0), expected, rtol=1e-4, atol=1e-5)
    again.fit(x, y, batch_size=8, verbose=0)


def test_other_threads_get_the_error_too(gpu):
    x = corten.tensor(np.ones((32, 32), np.float32), device=gpu)
    begun, ends = threading.Event(), []

    def work():
        try:
            while True:
                (x @ x).numpy()
                begun.set()
        except RuntimeError as error:
            ends.append(str(error))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    begun.wait(60)
    _core.lose_device(gpu)
    for thread in threads:
        thread.join(60)
    assert len(ends) == 2
    assert all("was lost" in end for end in ends), ends


def test_too_little_memory_says_for_what(gpu):
    x = ops.ones((256, 1024)).to(gpu)
    corten.memory.empty_cache(gpu)
    corten.memory.set_limit(corten.memory.stats(gpu)["allocated"] + 3 * MIB, gpu)
    with pytest.raises(
        MemoryError,
        match=r"out of memory: 4194304 bytes could not be allocated for the result of matmul, "
        r"shape \(1024, 1024\), dtype float32 on the GPU, whose limit was set to \d+ bytes",
    ):
        x.T @ x
    # What fits goes on working, and memory that is kept makes room for other sizes.
    for rows in (200, 220, 240, 256):
        assert float((x[:rows] * 2.0).sum()) == rows * 1024 * 2
        assert (x[:rows] + ops.ones((rows, 1024)).to(gpu)).numpy().max() == 2.0
    corten.memory.set_limit(None, gpu)
    assert (x.T @ x).numpy()[0, 0] == 256.0


@pytest.mark.parametrize("captured", [False, True])
def test_a_step_that_does_not_fit_changes_nothing(gpu, captured):
    with corten.device(gpu):
        model = make_model(run_eagerly=not captured)
        wide = corten.Sequential(
            [corten.Input((6,)), layers.Dense(4096, name="large"), layers.Dense(1)], name="wide"
        )
        wide.compile("sgd", "mse", run_eagerly=not captured)
    x, y = data()
    model.fit(x, y, batch_size=8, verbose=0)
    wide.fit(x, y, batch_size=8, verbose=0)
    before = bits(model), bits(wide)
    many = data(2048)
    corten.memory.empty_cache(gpu)
    corten.memory.set_limit(corten.memory.stats(gpu)["allocated"] + 4 * MIB, gpu)
    with pytest.raises(MemoryError, match=r"bytes could not be allocated for .*shape .*float32.*limit"):
        wide.fit(*many, batch_size=2048, verbose=0, shuffle=False)
    assert (bits(model), bits(wide)) == before
    wide.fit(x, y, batch_size=8, verbose=0)
    corten.memory.set_limit(None, gpu)
    wide.fit(*many, batch_size=2048, verbose=0, shuffle=False)
