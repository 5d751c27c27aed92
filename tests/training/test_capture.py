"""Captured steps give the bits of steps run as Python code, and what cannot be captured is not."""

from __future__ import annotations

import re
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import corten
from corten import layers
from corten._state import state

Build = Callable[[], Any]

rng = np.random.default_rng(0)
X = rng.standard_normal((100, 8)).astype("float32")
LABELS = rng.integers(10, size=100)
IDS = rng.integers(10, size=(100, 6)).astype("int32")
WEIGHTS = rng.random(100).astype("float32")


def sequential(
    *stack: Callable[[], list[Any]],
    inputs: tuple[int, ...] = (8,),
    optimizer: Any = "adam",
    loss: Any = "sparse_categorical_crossentropy",
    **compile_arguments: Any,
) -> Build:
    def build() -> Any:
        model = corten.Sequential([corten.Input(inputs), *stack[0]()])
        chosen = optimizer() if callable(optimizer) else optimizer
        model.compile(chosen, loss, **compile_arguments)
        return model

    return build


def classifier(*hidden: Any, **arguments: Any) -> Build:
    return sequential(lambda: [*(make() for make in hidden), layers.Dense(10, "softmax")], **arguments)


def dense_classifier(**arguments: Any) -> Build:
    return classifier(lambda: layers.Dense(8, "relu"), **arguments)


def two_outputs() -> Any:
    inputs = corten.Input((8,))
    hidden = layers.Dense(5, "tanh")(inputs)
    outputs = [layers.Dense(10, name="label")(hidden), layers.Dense(1, name="size")(hidden)]
    model = corten.Model(inputs, outputs)
    scores = corten.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("rmsprop", [scores, "mse"], loss_weights=[1.0, 0.5])
    return model


def transformer() -> Any:
    ids = corten.Input((6,), dtype="int32")
    x = layers.Embedding(10, 8)(ids)
    x = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4, dropout=0.1)(x, x))
    x = layers.LayerNormalization()(x + layers.Dense(8)(layers.Dense(16, "gelu")(x)))
    model = corten.Model(ids, layers.Dense(10, "softmax")(layers.GlobalAveragePooling1D()(x)))
    model.compile("adamw", "sparse_categorical_crossentropy")
    return model


def wide() -> Any:
    """Results large enough to take the place of operands: skips, and functions that no product ends with."""
    inputs = corten.Input((8,))
    x = layers.Dense(256, "tanh")(inputs)
    for function in ("softplus", "elu", "exponential"):
        hidden = layers.Activation(function)(layers.Dense(256, kernel_initializer="zeros")(x))
        x = x + hidden * 0.1 - x * x * 0.01
    model = corten.Model(inputs, layers.Dense(10)(x))
    scores = corten.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("sgd", scores)
    return model


def trained(build: Build, eagerly: bool, x: Any, y: Any, fits: int = 1, **arguments: Any) -> Any:
    """A trained model, and all that training leaves behind."""
    corten.utils.set_random_seed(1)
    model = build()
    model.run_eagerly = eagerly
    logs = []
    for _ in range(fits):
        logs.append(model.fit(x, y, **{"epochs": 4, "verbose": 0, **arguments}).history)
    values = [variable.numpy() for variable in (*model.variables, *model.optimizer.variables)]
    return model, logs, values


def replayed(model: Any) -> int:
    capture = model._training_state.capture
    return 0 if capture is None else capture.replayed


def check_equal(build: Build, x: Any, y: Any, **arguments: Any) -> Any:
    _, eager_logs, eager_values = trained(build, True, x, y, **arguments)
    model, logs, values = trained(build, False, x, y, **arguments)
    assert logs == eager_logs
    for one, other in zip(values, eager_values, strict=True):
        np.testing.assert_array_equal(one, other)
    return model


CAPTURED: dict[str, tuple[Build, Any, Any]] = {
    "linear regression": (sequential(lambda: [layers.Dense(1)], optimizer="sgd", loss="mse"), X, X[:, :1]),
    "dropout": (classifier(lambda: layers.Dense(8, "relu"), lambda: layers.Dropout(0.3)), X, LABELS),
    "two dropouts": (classifier(lambda: layers.Dropout(0.1), lambda: layers.GaussianNoise(0.1)), X, LABELS),
    "normalization": (
        classifier(lambda: layers.Dense(8), layers.BatchNormalization, layers.LayerNormalization),
        X,
        LABELS,
    ),
    "convolution": (
        classifier(
            lambda: layers.Reshape((4, 2, 1)),
            lambda: layers.Conv2D(3, 2, activation="relu"),
            lambda: layers.MaxPooling2D((2, 1)),
            layers.Flatten,
        ),
        X,
        LABELS,
    ),
    "lstm": (classifier(lambda: layers.Reshape((4, 2)), lambda: layers.LSTM(5, dropout=0.2)), X, LABELS),
    "embedding and mask": (
        classifier(lambda: layers.Embedding(10, 4, mask_zero=True), lambda: layers.GRU(5), inputs=(6,)),
        IDS,
        LABELS,
    ),
    "attention": (transformer, IDS, LABELS),
    "metrics": (dense_classifier(metrics=["accuracy", "sparse_top_k_categorical_accuracy"]), X, LABELS),
    "weight decay": (dense_classifier(optimizer="adamw"), X, LABELS),
    "regularizer": (
        classifier(lambda: layers.Dense(8, kernel_regularizer="l2"), optimizer="adagrad"),
        X,
        LABELS,
    ),
    "momentum and clipping": (
        dense_classifier(optimizer=lambda: corten.optimizers.SGD(0.1, momentum=0.9, clipnorm=0.5)),
        X,
        LABELS,
    ),
    "schedule": (
        dense_classifier(
            optimizer=lambda: corten.optimizers.Adam(
                corten.optimizers.schedules.ExponentialDecay(0.1, 3, 0.7, staircase=True)
            )
        ),
        X,
        LABELS,
    ),
    "mixed precision": (
        classifier(lambda: layers.Dense(8, "relu", dtype="mixed_bfloat16")),
        X,
        LABELS,
    ),
    "two outputs": (two_outputs, X, [LABELS, X[:, :1]]),
    "results in the place of operands": (wide, X, LABELS),
}


@pytest.mark.parametrize("name", CAPTURED)
def test_captured_training_has_the_bits_of_eager_training(name: str) -> None:
    build, x, y = CAPTURED[name]
    model = check_equal(build, x, y)
    assert model._training_state.capture.refusal is None
    assert replayed(model) >= 8


@pytest.mark.parametrize("rule", ["sgd", "rmsprop", "adagrad", "adadelta", "adam", "adamax", "lion", "nadam"])
def test_every_optimizer(rule: str) -> None:
    model = check_equal(dense_classifier(optimizer=rule), X, LABELS)
    assert (replayed(model) > 0) == (rule != "nadam")


@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_size": 100},
        {"batch_size": 7},
        {"shuffle": False},
        {"shuffle": "batch"},
        {"steps_per_epoch": 2},
        {"sample_weight": WEIGHTS},
        {"class_weight": {0: 2.0, 3: 0.5}},
        {"validation_split": 0.25},
        {"fits": 3, "epochs": 2},
        {"callbacks": [corten.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: None)]},
        {"callbacks": [corten.callbacks.EarlyStopping("loss", patience=1, restore_best_weights=True)]},
        {"callbacks": [corten.callbacks.LearningRateScheduler(lambda epoch, rate: rate * 0.5)]},
    ],
    ids=lambda arguments: re.sub(" object at 0x[0-9a-f]+", "", str(arguments)),  # the same in all processes
)
def test_ways_to_fit(arguments: dict[str, Any]) -> None:
    model = check_equal(dense_classifier(metrics=["accuracy"]), X, LABELS, **arguments)
    assert replayed(model) > 0


def test_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    model = check_equal(dense_classifier(), X, LABELS, verbose=1)
    assert replayed(model) > 0
    assert "4/4" in capsys.readouterr().out


def test_inputs_by_name_in_another_order() -> None:
    def build() -> Any:
        inputs = {name: corten.Input((8,), name=name) for name in ("a", "b")}
        outputs = layers.Dense(1)(layers.Dense(4, "tanh")(inputs["a"]) * layers.Dense(4)(inputs["b"]))
        model = corten.Model(inputs, outputs)
        model.compile("sgd", "mse")
        return model

    results = []
    for eagerly in (True, False):
        model, _, _ = trained(build, eagerly, {"a": X, "b": 2 * X}, X[:, :1])
        model.fit({"b": X, "a": 2 * X}, X[:, :1], epochs=3, verbose=0)
        results.append([variable.numpy() for variable in model.variables])
    assert all(np.array_equal(*pair) for pair in zip(*results, strict=True))


def test_data_too_large_to_reorder_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corten.training.adapters.arrays._REORDER_AT_ONCE_BYTES", 100)
    model = check_equal(dense_classifier(), X, LABELS)
    assert replayed(model) > 0


def test_batches_gathered_ahead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("corten.training.adapters.arrays._REORDER_AT_ONCE_BYTES", 100)
    x = rng.standard_normal((330, 2048)).astype("float32")
    labels = rng.integers(10, size=330)
    before = corten.num_threads()
    corten.set_num_threads(4)
    try:
        model = check_equal(dense_classifier(inputs=(2048,)), x, labels, epochs=3)
    finally:
        corten.set_num_threads(before)
    assert replayed(model) > 20


def test_batches_from_a_generator() -> None:
    def batches() -> Any:
        while True:
            for start in range(0, 100, 20):
                yield X[start : start + 20], LABELS[start : start + 20]

    _, eager, eager_values = trained(dense_classifier(), True, batches(), None, steps_per_epoch=5)
    model, logs, values = trained(dense_classifier(), False, batches(), None, steps_per_epoch=5)
    assert logs == eager
    assert all(np.array_equal(*pair) for pair in zip(values, eager_values, strict=True))
    assert replayed(model) > 0


def test_interrupted_training_goes_on_as_if_it_had_not_stopped() -> None:
    whole = trained(CAPTURED["dropout"][0], False, X, LABELS, epochs=6)
    parts = trained(CAPTURED["dropout"][0], False, X, LABELS, epochs=2, fits=3)
    assert all(np.array_equal(*pair) for pair in zip(whole[2], parts[2], strict=True))


def test_threads_do_not_change_bits() -> None:
    build, x, y = CAPTURED["dropout"]
    values = []
    before = corten.num_threads()
    try:
        for threads in (1, 2):
            corten.set_num_threads(threads)
            values.append(trained(build, False, x, y)[2])
    finally:
        corten.set_num_threads(before)
    assert all(np.array_equal(*pair) for pair in zip(*values, strict=True))


class Annealing(corten.callbacks.Callback):
    """Changes a setting that steps have baked in."""

    def __init__(self, hook: str) -> None:
        super().__init__()
        self.hook = hook

    def anneal(self) -> None:
        self.model.layers[1].rate *= 0.5

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        if self.hook == "epoch":
            self.anneal()


class AnnealingByBatch(Annealing):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        self.anneal()


@pytest.mark.parametrize("make", [lambda: Annealing("epoch"), lambda: AnnealingByBatch("batch")])
def test_settings_that_callbacks_change(make: Any) -> None:
    build, x, y = CAPTURED["dropout"]
    check_equal(build, x, y, callbacks=[make()])


CHANGES: dict[str, Callable[[Any], None]] = {
    "dropout rate": lambda model: setattr(model.layers[1], "rate", 0.6),
    "activation": lambda model: setattr(model.layers[0], "activation", corten.activations.tanh),
    "frozen layer": lambda model: setattr(model.layers[0], "trainable", False),
    "frozen by hand": lambda model: setattr(model.layers[0].kernel.value, "requires_grad", False),
    "weights": lambda model: model.set_weights([weight * 0.5 for weight in model.get_weights()]),
    "learning rate": lambda model: setattr(model.optimizer, "learning_rate", 0.5),
    "beta": lambda model: setattr(model.optimizer, "beta_1", 0.5),
    "decay": lambda model: setattr(model.optimizer, "weight_decay", 0.1),
    "clipping": lambda model: setattr(model.optimizer, "clipvalue", 0.001),
    "compiled again": lambda model: model.compile("sgd", "sparse_categorical_crossentropy"),
    "loss weights by epsilon": lambda _: corten.config.set_epsilon(1e-3),
}


@pytest.mark.filterwarnings("ignore:Gradients do not exist")
@pytest.mark.parametrize("change", CHANGES)
def test_settings_changed_between_fits(change: str) -> None:
    build, x, y = CAPTURED["dropout"]
    results = []
    for eagerly in (True, False):
        model, _, _ = trained(build, eagerly, x, y)
        epsilon = corten.config.epsilon()
        try:
            CHANGES[change](model)
            model.run_eagerly = eagerly
            history = model.fit(x, y, epochs=4, verbose=0).history
        finally:
            corten.config.set_epsilon(epsilon)
        results.append((history, [variable.numpy() for variable in model.variables]))
    assert results[0][0] == results[1][0]
    assert all(np.array_equal(*pair) for pair in zip(results[0][1], results[1][1], strict=True))


class Counting(layers.Layer):
    """A layer of the user's own, which does something else in every step."""

    def __init__(self) -> None:
        super().__init__()
        self.calls = 0

    def call(self, inputs: Any) -> Any:
        self.calls += 1
        return inputs * (1.0 + 0.01 * self.calls)


def own_loss(y_true: Any, y_pred: Any) -> Any:
    return corten.ops.mean(corten.ops.square(y_true - y_pred))


REFUSED: dict[str, tuple[Build, Any]] = {
    "own layer": (classifier(Counting), LABELS),
    "own activation": (classifier(lambda: layers.Dense(8, lambda x: x * 2)), LABELS),
    "own loss": (sequential(lambda: [layers.Dense(1)], loss=own_loss), X[:, :1]),
    "lambda": (classifier(lambda: layers.Lambda(lambda x: x * 2)), LABELS),
    "constraint": (classifier(lambda: layers.Dense(8, kernel_constraint="max_norm")), LABELS),
    "average": (dense_classifier(optimizer=lambda: corten.optimizers.Adam(use_ema=True)), LABELS),
    "accumulation": (
        dense_classifier(optimizer=lambda: corten.optimizers.Adam(gradient_accumulation_steps=2)),
        LABELS,
    ),
    "callable rate": (dense_classifier(optimizer=lambda: corten.optimizers.SGD(lambda: 0.1)), LABELS),
    "run eagerly": (dense_classifier(run_eagerly=True), LABELS),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_not_captured(name: str) -> None:
    build, y = REFUSED[name]
    corten.utils.set_random_seed(1)
    model = build()
    model.fit(X, y, epochs=4, verbose=0)
    assert replayed(model) == 0


def test_an_interrupt_keeps_weights_and_counts_together() -> None:
    # Enough steps that the engine is at work when the interrupt comes.
    x, labels = np.tile(X, (200, 1)), np.tile(LABELS, 200)
    model, _, _ = trained(dense_classifier(), False, x, labels, epochs=1)
    before, iterations = replayed(model), int(model.optimizer.iterations)
    assert not state.held
    # Whatever libraries that other tests loaded made of Ctrl-C: Python's own handler is what is meant here.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def press() -> None:
        while replayed(model) == before:
            time.sleep(0.01)
        signal.raise_signal(signal.SIGINT)

    presser = threading.Thread(target=press, daemon=True)
    presser.start()
    with pytest.raises(KeyboardInterrupt):
        model.fit(x, labels, epochs=10**6, verbose=0)
    presser.join()
    assert replayed(model) > before
    assert int(model.optimizer.iterations) - iterations == replayed(model) - before


class Broken:
    """A plan that does not do what the step does."""

    def run(self, *arguments: Any) -> None:
        arguments[-1].extend([(0, []), RuntimeError("out of order")])


def test_a_plan_that_fails_where_the_step_does_not_is_given_up() -> None:
    results = []
    for eagerly in (True, False):
        model, _, _ = trained(dense_classifier(), eagerly, X, LABELS, batch_size=20)
        if not eagerly:
            capture = model._training_state.capture
            for kind in capture._kinds.values():
                kind.plan = Broken()
            before = capture.replayed
        model.fit(X, LABELS, batch_size=20, epochs=2, verbose=0)
        results.append([variable.numpy() for variable in (*model.variables, *model.optimizer.variables)])
    assert all(np.array_equal(*pair) for pair in zip(*results, strict=True))
    assert capture.replayed == before
    assert capture.refusal == "the captured step failed: out of order"


def test_wrong_data_is_refused_and_nothing_of_the_batch_is_kept() -> None:
    ids = IDS.copy()
    ids[95, 0] = 10
    build = classifier(lambda: layers.Embedding(10, 4), layers.Flatten, inputs=(6,))
    results = []
    for eagerly in (True, False):
        corten.utils.set_random_seed(1)
        model = build()
        model.run_eagerly = eagerly
        model.fit(IDS, LABELS, epochs=3, batch_size=10, shuffle=False, verbose=0)
        with pytest.raises(IndexError, match="ids must be 0 to 9"):
            model.fit(ids, LABELS, batch_size=10, shuffle=False, verbose=0)
        results.append([variable.numpy() for variable in (*model.variables, *model.optimizer.variables)])
    assert replayed(model) > 20
    assert all(np.array_equal(*pair) for pair in zip(*results, strict=True))
