"""What the callbacks do to a training."""

import csv

import numpy as np
import pytest

import corten
from corten import callbacks, layers


def data():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(32, 2)).astype("float32")
    return x, x.sum(1, keepdims=True)


def make_model(learning_rate=0.1, optimizer=None):
    corten.utils.set_random_seed(0)
    model = corten.Sequential([corten.Input((2,)), layers.Dense(1)])
    model.compile(optimizer or corten.optimizers.SGD(learning_rate), "mse", metrics=["mae"])
    return model


class Feed(callbacks.Callback):
    """Puts chosen values into the logs, ahead of the callback under test."""

    def __init__(self, name, values):
        self.name, self.values = name, values

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]


def fit_with(values, callback, name="val_loss", epochs=None, model=None):
    model = model or make_model()
    x, y = data()
    return model, model.fit(
        x, y, epochs=epochs or len(values), verbose=0, callbacks=[Feed(name, values), callback]
    )


def test_every_hook_is_called_in_order():
    events = []

    class Recorder(callbacks.Callback):
        pass

    def hook(name):
        def method(self, *args):
            events.append(name)

        return method

    for name in dir(callbacks.Callback):
        if name.startswith("on_") and name not in ("on_batch_begin", "on_batch_end"):
            setattr(Recorder, name, hook(name))
    x, y = data()
    model = make_model()
    recorder = Recorder()
    model.fit(x, y, batch_size=16, epochs=1, verbose=0, validation_data=(x, y), callbacks=recorder)
    assert events == [
        "on_train_begin",
        "on_epoch_begin",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_train_batch_begin",
        "on_train_batch_end",
        "on_test_begin",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_batch_begin",
        "on_test_batch_end",
        "on_test_end",
        "on_epoch_end",
        "on_train_end",
    ]
    assert recorder.model is model
    assert recorder.params["epochs"] == 1
    events.clear()
    model.evaluate(x, y, verbose=0, callbacks=[recorder])
    assert events[0] == "on_test_begin"
    assert events[-1] == "on_test_end"
    events.clear()
    model.predict(x, verbose=0, callbacks=[recorder])
    assert events == ["on_predict_begin", "on_predict_batch_begin", "on_predict_batch_end", "on_predict_end"]


def test_batch_logs_are_running_means():
    seen = []
    x, y = data()
    callback = callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: seen.append(logs["loss"]))
    history = make_model(0.0).fit(x, y, batch_size=8, epochs=1, verbose=0, callbacks=[callback])
    assert len(seen) == 4
    assert seen[-1] == pytest.approx(history.history["loss"][0], rel=1e-6)


def test_stop_training_ends_after_the_batch():
    class Stop(callbacks.Callback):
        batches = 0

        def on_train_batch_end(self, batch, logs=None):
            self.batches += 1
            self.model.stop_training = True

    stop = Stop()
    x, y = data()
    history = make_model().fit(x, y, batch_size=4, epochs=5, verbose=0, callbacks=[stop])
    assert stop.batches == 1
    assert len(history.epoch) == 1


@pytest.mark.parametrize(
    ("values", "patience", "min_delta", "epochs_run"),
    [
        ([3, 2, 1, 1, 1, 1], 2, 0, 5),
        ([3, 2, 1, 0.5, 0.4, 0.3], 2, 0, 6),
        ([3, 2.9, 2.8, 2.7, 2.6], 1, 0.5, 2),
        ([1, 2, 3], 0, 0, 2),
    ],
)
def test_early_stopping_patience(values, patience, min_delta, epochs_run):
    stopping = callbacks.EarlyStopping(patience=patience, min_delta=min_delta)
    _, history = fit_with(values, stopping)
    assert len(history.epoch) == epochs_run


def test_early_stopping_maximizes_accuracy():
    _, history = fit_with([0.1, 0.2, 0.3, 0.2, 0.1], callbacks.EarlyStopping("val_accuracy"), "val_accuracy")
    assert len(history.epoch) == 4


def test_early_stopping_baseline_and_start():
    _, history = fit_with([3, 3, 3, 3], callbacks.EarlyStopping(baseline=1.0, patience=2))
    assert len(history.epoch) == 2
    _, history = fit_with([1, 2, 3, 4, 5], callbacks.EarlyStopping(start_from_epoch=3))
    assert len(history.epoch) == 5


def test_early_stopping_restores_the_best_weights():
    kept = []

    class Keep(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append([weight.copy() for weight in self.model.get_weights()])

    model = make_model()
    x, y = data()
    stopping = callbacks.EarlyStopping(patience=2, restore_best_weights=True)
    model.fit(x, y, epochs=6, verbose=0, callbacks=[Keep(), Feed("val_loss", [3, 1, 2, 2, 2, 2]), stopping])
    for a, b in zip(model.get_weights(), kept[1], strict=True):
        np.testing.assert_array_equal(a, b)
    assert stopping.best_epoch == 1


def test_a_missing_value_warns_once_and_says_why():
    x, y = data()
    with pytest.warns(
        UserWarning, match="no value 'val_loss' to watch.*There is no validation data"
    ) as caught:
        make_model().fit(x, y, epochs=3, verbose=0, callbacks=[callbacks.EarlyStopping()])
    assert len(caught) == 1


def test_reduce_on_plateau():
    model = make_model(0.1)
    reducer = callbacks.ReduceLROnPlateau(factor=0.5, patience=2, min_lr=0.03)
    _, history = fit_with([1.0] * 8, reducer, model=model)
    rates = [round(rate, 6) for rate in history.history["learning_rate"]]
    assert rates == [0.1, 0.1, 0.1, 0.05, 0.05, 0.03, 0.03, 0.03]


def test_reduce_on_plateau_cooldown():
    _, history = fit_with(
        [1.0] * 7, callbacks.ReduceLROnPlateau(factor=0.5, patience=1, cooldown=2), model=make_model(0.1)
    )
    assert [round(rate, 6) for rate in history.history["learning_rate"]][:4] == [0.1, 0.1, 0.05, 0.05]


def test_learning_rate_scheduler():
    x, y = data()
    history = make_model(0.1).fit(
        x, y, epochs=3, verbose=0, callbacks=[callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)]
    )
    assert history.history["learning_rate"] == pytest.approx([0.05, 0.025, 0.0125])
    history = make_model(0.1).fit(
        x,
        y,
        epochs=2,
        verbose=0,
        callbacks=[callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1))],
    )
    assert history.history["learning_rate"] == pytest.approx([0.1, 0.05])


def test_csv_logger(tmp_path):
    path = tmp_path / "deep" / "log.csv"
    x, y = data()
    history = make_model().fit(x, y, epochs=2, verbose=0, callbacks=[callbacks.CSVLogger(path)])
    make_model().fit(x, y, epochs=1, verbose=0, callbacks=[callbacks.CSVLogger(path, append=True)])
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["0", "1", "0"]
    assert float(rows[1]["loss"]) == pytest.approx(history.history["loss"][1])


def test_csv_logger_with_rare_validation(tmp_path):
    x, y = data()
    path = tmp_path / "log.csv"
    make_model().fit(
        x,
        y,
        epochs=2,
        validation_data=(x, y),
        validation_freq=2,
        verbose=0,
        callbacks=[callbacks.CSVLogger(path)],
    )
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["val_loss"] == "NA"
    assert float(rows[1]["val_loss"]) >= 0


def test_terminate_on_nan():
    x, y = data()
    y = y.copy()
    y[3] = np.nan
    with pytest.warns(UserWarning, match="NaN value|the training stops"):
        history = make_model().fit(x, y, epochs=5, verbose=0, callbacks=[callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1
    with pytest.warns(UserWarning, match="NaN"), pytest.raises(RuntimeError, match="the loss is nan"):
        make_model().fit(x, y, verbose=0, callbacks=[callbacks.TerminateOnNaN(raise_error=True)])


def test_model_checkpoint_every_epoch(tmp_path):
    x, y = data()
    model = make_model()
    checkpoint = callbacks.ModelCheckpoint(tmp_path / "model-{epoch:02d}-{loss:.3f}.corten")
    model.fit(x, y, epochs=2, verbose=0, callbacks=[checkpoint])
    names = sorted(path.name for path in tmp_path.iterdir())
    assert [name[:9] for name in names] == ["model-01-", "model-02-"]
    loaded = corten.models.load_model(tmp_path / names[1])
    np.testing.assert_array_equal(loaded.predict(x, verbose=0), model.predict(x, verbose=0))


def test_model_checkpoint_best_only(tmp_path):
    path = tmp_path / "best.weights.h5"
    path = tmp_path / "best.safetensors"
    weights = []

    class Keep(callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            weights.append(self.model.get_weights()[0].copy())

    x, y = data()
    model = make_model()
    checkpoint = callbacks.ModelCheckpoint(path, save_best_only=True, save_weights_only=True)
    model.fit(x, y, epochs=4, verbose=0, callbacks=[Keep(), Feed("val_loss", [3, 1, 2, 2]), checkpoint])
    model.load_weights(path)
    np.testing.assert_array_equal(model.get_weights()[0], weights[1])


def test_model_checkpoint_by_batches(tmp_path):
    x, y = data()
    checkpoint = callbacks.ModelCheckpoint(
        tmp_path / "{epoch}-{batch}.safetensors", save_weights_only=True, save_freq=3
    )
    make_model().fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[checkpoint])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["1-3.safetensors", "2-2.safetensors"]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_backup_and_restore_goes_on_with_the_same_bytes(tmp_path, optimizer):
    x, y = data()

    class Interrupt(callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 3:
                raise KeyboardInterrupt

    def build():
        corten.utils.set_random_seed(0)
        model = corten.Sequential([corten.Input((2,)), layers.Dense(4), layers.Dropout(0.2), layers.Dense(1)])
        model.compile(optimizer, "mse")
        return model

    whole = build()
    whole.fit(x, y, batch_size=8, epochs=5, verbose=0)
    first = build()
    with pytest.raises(KeyboardInterrupt):
        first.fit(
            x,
            y,
            batch_size=8,
            epochs=5,
            verbose=0,
            callbacks=[callbacks.BackupAndRestore(tmp_path / "b"), Interrupt()],
        )
    second = build()
    history = second.fit(
        x, y, batch_size=8, epochs=5, verbose=0, callbacks=[callbacks.BackupAndRestore(tmp_path / "b")]
    )
    assert history.epoch == [0, 1, 2, 3, 4]
    for a, b in zip(whole.get_weights(), second.get_weights(), strict=True):
        assert a.tobytes() == b.tobytes()
    assert not (tmp_path / "b").exists()


def test_swap_ema_weights():
    x, y = data()
    model = make_model(optimizer=corten.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))
    trained, averaged = [], []

    class Spy(callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            trained.append(self.model.get_weights()[0].copy())

        def on_test_batch_end(self, batch, logs=None):
            averaged.append(self.model.get_weights()[0].copy())

    spies = [callbacks.SwapEMAWeights(), Spy()]
    model.fit(x, y, batch_size=8, epochs=1, verbose=0, validation_data=(x, y), callbacks=spies)
    assert not np.array_equal(averaged[0], trained[-1])
    expected = trained[0]
    for kernel in trained[1:]:
        expected = 0.9 * expected + 0.1 * kernel
    np.testing.assert_allclose(averaged[0], expected, rtol=1e-4)
    with pytest.raises(ValueError, match="use_ema=True"):
        make_model().fit(x, y, verbose=0, callbacks=[callbacks.SwapEMAWeights()])


def test_history_repr():
    x, y = data()
    assert repr(make_model().fit(x, y, epochs=2, verbose=0)) == "<History of 2 epochs: loss, mae>"


def test_a_name_that_no_value_has_is_an_error() -> None:
    model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
    model.compile("sgd", "mse", metrics=["mae"])
    x, y = np.zeros((4, 2), "float32"), np.zeros((4, 1), "float32")
    for callback in (
        corten.callbacks.EarlyStopping(monitor="los"),
        corten.callbacks.ModelCheckpoint("unused.corten", monitor="los", save_best_only=True),
        corten.callbacks.ReduceLROnPlateau(monitor="los"),
    ):
        with pytest.raises(ValueError, match=r"no value 'los' to watch; available are .*loss.*mode='min'"):
            model.fit(x, y, verbose=0, callbacks=[callback])
    with pytest.warns(UserWarning, match="no value 'late' to watch"):
        model.fit(x, y, verbose=0, callbacks=[corten.callbacks.EarlyStopping(monitor="late", mode="max")])


def test_a_direction_that_nothing_tells_is_asked_for():
    callback = corten.callbacks.EarlyStopping(monitor="quality")
    callback.set_model(corten.Sequential([corten.layers.Dense(1)]))
    callback.on_train_begin()
    callback.on_epoch_end(0, {"quality": 1.0})
    with pytest.raises(ValueError, match=r"'quality' tells whether higher .* pass mode='max'"):
        callback.on_epoch_end(1, {"quality": 2.0})
