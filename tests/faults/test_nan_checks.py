"""`corten.debug`: where NaN and infinity come from."""

import threading

import numpy as np
import pytest

import corten
from corten import layers, ops

NonFiniteError = corten.debug.NonFiniteError
X = np.random.default_rng(0).normal(size=(64, 3)).astype("float32")
Y = X.sum(axis=1, keepdims=True)


@pytest.fixture
def checks():
    corten.debug.enable_nan_checks()
    yield
    corten.debug.disable_nan_checks()


class Function(layers.Layer):
    """A layer that is one function."""

    def __init__(self, function, **kwargs):
        super().__init__(**kwargs)
        self.function = function

    def call(self, x):
        return self.function(x)


def model_with(function, optimizer="sgd", **kwargs):
    corten.utils.set_random_seed(0)
    model = corten.Sequential(
        [
            corten.Input((3,)),
            layers.Dense(4, "relu", name="before"),
            Function(function, name="suspect"),
            layers.Dense(1, name="after"),
        ],
        name="net",
    )
    model.compile(optimizer, "mse", **kwargs)
    return model


def plain_model(optimizer="sgd", loss="mse"):
    corten.utils.set_random_seed(0)
    model = corten.Sequential([corten.Input((3,)), layers.Dense(4, "relu"), layers.Dense(1)])
    model.compile(optimizer, loss)
    return model


def test_forward_names_layer_op_step_and_saves_the_batch(tmp_path):
    model = model_with(ops.log)
    before = model.get_weights()
    corten.debug.enable_nan_checks(tmp_path / "made" / "for it")
    try:
        with pytest.raises(
            NonFiniteError, match=r"log: .* inf of 32 results .*net/suspect.*\(Function\)"
        ) as caught:
            model.fit(X, Y, epochs=2, batch_size=8, shuffle=False, verbose=0)
    finally:
        corten.debug.disable_nan_checks()
    error = caught.value
    assert isinstance(error, FloatingPointError)
    assert (error.op, error.phase, error.gradient_of) == ("log", "forward", None)
    assert "net/suspect" in error.place
    assert (error.epoch, error.step) == (0, 0)
    assert error.operands[0]["zero"] == error.result["inf"] > 0
    assert error.operands[0]["min"] == 0
    assert "ops.log(x + 1e-7)" in error.hint
    assert any("epoch 0, step 0" in note for note in error.__notes__)
    with np.load(error.batch_file) as saved:
        np.testing.assert_array_equal(saved["x"], X[:8])
        np.testing.assert_array_equal(saved["y"], Y[:8])
        assert "net/suspect" in str(saved["report"])
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_backward_names_the_layer_whose_gradient_it_is(checks):
    # The root of 0 is 0; its slope is infinite.
    with pytest.raises(NonFiniteError, match="backward, gradient of sqrt, in layer 'net/suspect'") as caught:
        model_with(ops.sqrt).fit(X, Y, verbose=0)
    assert caught.value.phase == "backward"
    assert "1e-12" in caught.value.hint


def test_an_update_that_breaks_a_variable_is_undone(checks):
    model = plain_model(corten.optimizers.SGD(3e38))
    before = model.get_weights()
    with pytest.raises(NonFiniteError, match=r"sgd: .*update") as caught:
        model.fit(100 * X, 100 * Y, verbose=0)
    assert "/kernel" in caught.value.place
    assert any("learning rate 3e+38" in note for note in caught.value.__notes__)
    assert "learning rate" in caught.value.hint
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert int(model.optimizer.iterations) == 0


def test_a_step_in_the_middle_is_numbered(checks):
    x = X.copy()
    x[40] = 1e38
    with pytest.raises(NonFiniteError) as caught:
        plain_model().fit(x, Y, batch_size=8, shuffle=False, verbose=0)
    assert (caught.value.epoch, caught.value.step) == (0, 5)


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda x: x / ops.zeros_like(x), "divide_no_nan"),
        (lambda x: ops.exp(1000.0 * x), "subtract the largest value"),
        (lambda x: ops.power(x - 1.0, 0.5), "keep the base positive"),
        (lambda x: ops.sqrt(x - 10.0), "square root of a negative"),
        (lambda x: ops.cast(ops.cast(1e6 * x, "float16"), "float32"), "float16"),
        (lambda x: ops.rsqrt(x), "add a small number"),
        (lambda x: ops.arccos(x + 2.0), "ops.clip"),
        (lambda x: (1e30 * x) * (1e30 * x), "lower the learning rate"),
    ],
)
def test_the_hint_fits_the_mistake(checks, function, words):
    with pytest.raises(NonFiniteError) as caught:
        model_with(function).predict(np.abs(X), verbose=0)
    assert words in caught.value.hint


def test_evaluate_and_predict_tell_the_step(checks):
    x = X.copy()
    x[20, 0] = np.nan
    model = plain_model()
    for call in (
        lambda: model.evaluate(x, Y, batch_size=8, verbose=0),
        lambda: model.predict(x, 8, verbose=0),
    ):
        with pytest.raises(NonFiniteError, match="operand 0 holds NaN already") as caught:
            call()
        assert caught.value.step == 2
    with pytest.raises(NonFiniteError):
        model.predict(x[16:24], verbose=0)


def test_the_loss_is_named(checks):
    model = plain_model(loss=lambda y_true, y_pred: ops.log(ops.square(y_pred - y_pred)))
    with pytest.raises(NonFiniteError, match="in the loss"):
        model.fit(X, Y, verbose=0)


def test_own_training_steps_and_tapes(checks):
    class Own(corten.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, _ = data
            with corten.GradientTape() as tape:
                loss = ops.mean(ops.sqrt(ops.square(self(x) - self(x))))
            self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
            return {"loss": loss}

    model = Own()
    model.compile("sgd")
    with pytest.raises(NonFiniteError, match="backward, gradient of sqrt") as caught:
        model.fit(X, Y, verbose=0)
    assert caught.value.epoch == 0


def test_masks_of_minus_infinity_are_no_fault(checks):
    scores = ops.convert_to_tensor(X)
    masked = ops.where(scores > -9.0, scores, -np.inf)
    masked = ops.where(ops.arange(3) < 2, masked, -np.inf)
    assert np.isfinite(ops.softmax(masked).numpy()).all()
    with pytest.raises(NonFiniteError, match="softmax"):
        ops.softmax(ops.where(scores > 1e9, scores, -np.inf))


def test_training_is_the_same_with_and_without_checks():
    def trained(with_checks):
        model = plain_model("adam")
        if with_checks:
            corten.debug.enable_nan_checks()
        try:
            history = model.fit(X, Y, epochs=3, batch_size=8, verbose=0, validation_split=0.25)
        finally:
            corten.debug.disable_nan_checks()
        return history.history, [w.tobytes() for w in model.get_weights()]

    assert trained(True) == trained(False)


def test_steps_are_captured_again_afterwards():
    model = plain_model()
    corten.debug.enable_nan_checks()
    try:
        model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    finally:
        corten.debug.disable_nan_checks()
    assert model._training_state.capture.replayed == 0
    model.fit(X, Y, batch_size=4, epochs=2, verbose=0)
    assert model._training_state.capture.replayed > 0
    assert layers.Layer.__call__.__name__ == "__call__"


def test_checks_switched_on_by_a_callback_reach_captured_steps():
    class Enable(corten.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                corten.debug.enable_nan_checks()

        def on_epoch_end(self, epoch, logs=None):
            if epoch == 1:
                weights = self.model.get_weights()
                weights[0][:] = np.nan
                self.model.set_weights(weights)

    try:
        with pytest.raises(NonFiniteError) as caught:
            plain_model().fit(X, Y, epochs=4, batch_size=4, callbacks=[Enable()], verbose=0)
    finally:
        corten.debug.disable_nan_checks()
    assert (caught.value.epoch, caught.value.step) == (2, 0)


def test_infinite_gradients_are_the_loss_scales_matter(checks):
    model = plain_model(
        corten.optimizers.LossScaleOptimizer(corten.optimizers.SGD(0.01), initial_scale=2.0**127)
    )
    before = model.get_weights()
    model.fit(100 * X, 100 * Y, batch_size=64, verbose=0)
    assert float(model.optimizer.dynamic_scale) == 2.0**126
    for one, other in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_undefined_metrics_are_no_fault(checks):
    model = plain_model()
    model.compile("sgd", "mse", metrics=[corten.metrics.Mean(), corten.metrics.R2Score()])
    model.fit(X, np.zeros_like(Y), verbose=0)


def test_check_numerics_of_a_value():
    x = ops.convert_to_tensor([1.0, np.nan, np.inf])
    with pytest.raises(NonFiniteError, match=r"my sum: 1 NaN and 1 inf among 3 elements of shape \(3,\)"):
        corten.debug.check_numerics(x, "my sum")
    good = {"a": ops.ones(2), "b": np.ones(3)}
    assert corten.debug.check_numerics(good) is good
    with pytest.raises(TypeError, match="symbolic"):
        corten.debug.check_numerics(corten.Input((2,)))


def test_check_numerics_of_a_block_is_of_this_thread_alone():
    zero = ops.zeros(2)
    seen = []

    def elsewhere():
        seen.append(ops.log(zero).numpy())

    with corten.debug.check_numerics(message="block"):
        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        with pytest.raises(NonFiniteError):
            ops.log(zero)
    assert np.isinf(seen[0]).all()
    assert np.isinf(ops.log(zero).numpy()).all()

    @corten.debug.check_numerics(message="of a function")
    def reciprocal(x):
        return 1.0 / x

    with pytest.raises(NonFiniteError) as caught:
        reciprocal(zero)
    assert "of a function" in caught.value.__notes__


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
def test_all_float_dtypes(checks, dtype):
    with pytest.raises(NonFiniteError, match="1 inf of 3"):
        ops.log(ops.cast([0.0, 1.0, 2.0], dtype))
    assert ops.log(ops.cast([1.0, 2.0, 1e4], dtype)).dtype == dtype


def test_an_unwritable_folder_does_not_hide_the_error(tmp_path):
    corten.debug.enable_nan_checks(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    try:
        with pytest.raises(NonFiniteError) as caught:
            model_with(ops.log).fit(X, Y, verbose=0)
    finally:
        corten.debug.disable_nan_checks()
    assert caught.value.batch_file is None
    assert any("could not be saved" in note for note in caught.value.__notes__)
