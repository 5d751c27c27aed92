"""`fit`, `evaluate` and `predict`."""

import numpy as np
import pytest
from linear import linear_data, linear_model

import corten
from corten import layers
from corten.data import Dataset


def test_fit_learns_a_linear_function():
    x, y = linear_data()
    model = linear_model(optimizer=corten.optimizers.SGD(0.1), metrics=["mae"])
    history = model.fit(x, y, epochs=60, verbose=0)
    assert set(history.history) == {"loss", "mae"}
    assert len(history.history["loss"]) == 60
    assert history.epoch == list(range(60))
    assert history.history["loss"][-1] < 1e-3 < history.history["loss"][0]
    assert all(isinstance(value, float) for value in history.history["loss"])


def test_the_first_step_is_plain_gradient_descent():
    x, y = linear_data(count=8)
    model = linear_model(optimizer=corten.optimizers.SGD(0.1))
    kernel, bias = (weight.copy() for weight in model.get_weights())
    residual = x @ kernel + bias - y
    model.fit(x, y, batch_size=8, epochs=1, verbose=0)
    new_kernel, new_bias = model.get_weights()
    np.testing.assert_allclose(new_kernel, kernel - 0.1 * 2 * x.T @ residual / 8, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(new_bias, bias - 0.1 * 2 * residual.mean(0), rtol=1e-4, atol=1e-6)


def test_reported_loss_is_the_mean_over_samples():
    x, y = linear_data(count=10)
    model = linear_model(optimizer=corten.optimizers.SGD(0.0))
    expected = float(np.mean((model.predict(x, verbose=0) - y) ** 2))
    history = model.fit(x, y, batch_size=4, epochs=1, verbose=0)
    assert history.history["loss"][0] == pytest.approx(expected, rel=1e-5)
    assert model.evaluate(x, y, batch_size=3, verbose=0) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("batch_size", [1, 7, 64, 1000])
def test_any_batch_size(batch_size):
    x, y = linear_data()
    model = linear_model(optimizer=corten.optimizers.SGD(0.05))
    history = model.fit(x, y, batch_size=batch_size, epochs=3, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]


def test_same_seed_gives_the_same_bytes():
    x, y = linear_data()

    def train():
        corten.utils.set_random_seed(3)
        model = corten.Sequential(
            [corten.Input((3,)), layers.Dense(8, "relu"), layers.Dropout(0.3), layers.Dense(1)]
        )
        model.compile("adam", "mse")
        model.fit(x, y, batch_size=5, epochs=3, verbose=0)
        return b"".join(weight.tobytes() for weight in model.get_weights())

    assert train() == train()


def test_shuffle_changes_the_order_and_sees_every_sample():
    seen = []

    class Spy(corten.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)

        def call(self, inputs):
            return self.dense(inputs)

        def train_step(self, data):
            x, _ = data
            seen.append(x.numpy()[:, 0])
            return super().train_step(data)

    x = np.arange(10, dtype="float32")[:, None]
    corten.utils.set_random_seed(0)
    model = Spy()
    model.compile("sgd", "mse")
    model.fit(x, x * 0, batch_size=4, epochs=2, verbose=0)
    first, second = np.concatenate(seen[:3]), np.concatenate(seen[3:])
    assert sorted(first) == sorted(second) == list(range(10))
    assert first.tolist() != second.tolist()
    seen.clear()
    model.fit(x, x * 0, batch_size=4, epochs=1, shuffle=False, verbose=0)
    assert np.concatenate(seen).tolist() == list(range(10))
    seen.clear()
    model.fit(x, x * 0, batch_size=2, epochs=1, shuffle="batch", verbose=0)
    assert sorted(np.concatenate(seen)) == list(range(10))
    assert all(batch[1] == batch[0] + 1 for batch in seen)


def test_validation_split_takes_the_end_before_shuffling():
    x, y = linear_data(count=20)
    model = linear_model(optimizer=corten.optimizers.SGD(0.0))
    history = model.fit(x, y, validation_split=0.25, epochs=1, verbose=0)
    expected = float(np.mean((model.predict(x[15:]) - y[15:]) ** 2))
    assert history.history["val_loss"][0] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("kind", ["tuple", "weighted", "dataset"])
def test_validation_data(kind):
    x, y = linear_data()
    model = linear_model(metrics=["mae"])
    validation = {
        "tuple": (x[:10], y[:10]),
        "weighted": (x[:10], y[:10], np.ones(10)),
        "dataset": Dataset.from_tensor_slices((x[:10], y[:10])).batch(4),
    }[kind]
    history = model.fit(x, y, validation_data=validation, epochs=2, verbose=0)
    assert set(history.history) == {"loss", "mae", "val_loss", "val_mae"}
    assert len(history.history["val_loss"]) == 2
    assert history.history["val_loss"][-1] == pytest.approx(
        model.evaluate(x[:10], y[:10], verbose=0)[0], rel=1e-5
    )


def test_validation_freq():
    x, y = linear_data()
    model = linear_model()
    history = model.fit(x, y, validation_data=(x, y), validation_freq=2, epochs=5, verbose=0)
    assert len(history.history["val_loss"]) == 2
    history = model.fit(x, y, validation_data=(x, y), validation_freq=[1, 4, 5], epochs=5, verbose=0)
    assert len(history.history["val_loss"]) == 3


def test_initial_epoch():
    x, y = linear_data()
    history = linear_model().fit(x, y, initial_epoch=3, epochs=5, verbose=0)
    assert history.epoch == [3, 4]


def test_sample_weight_of_zero_is_as_if_the_sample_were_not_there():
    x, y = linear_data(count=8)
    weights = np.array([1, 1, 1, 1, 0, 0, 0, 0], dtype="float32")
    weighted, half = linear_model(), linear_model()
    weighted.fit(x, y, sample_weight=weights * 2, batch_size=8, epochs=1, verbose=0)
    half.fit(x[:4], y[:4], batch_size=4, epochs=1, verbose=0)
    for a, b in zip(weighted.get_weights(), half.get_weights(), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("one_hot", [False, True])
def test_class_weight_is_a_sample_weight_by_class(one_hot):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(12, 3)).astype("float32")
    y = generator.integers(0, 3, 12)
    targets = corten.utils.to_categorical(y, 3) if one_hot else y

    def train(**kwargs):
        corten.utils.set_random_seed(5)
        model = corten.Sequential([corten.Input((3,)), layers.Dense(3, "softmax")])
        model.compile("sgd", "crossentropy")
        model.fit(x, targets, epochs=2, batch_size=4, verbose=0, **kwargs)
        return model.get_weights()

    by_class = train(class_weight={0: 1.0, 1: 3.0})
    by_sample = train(sample_weight=np.array([1.0, 3.0, 1.0])[y])
    for a, b in zip(by_class, by_sample, strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("units", "activation", "labels", "expected"),
    [
        (1, "sigmoid", np.array([0, 1, 1, 0]), "BinaryAccuracy"),
        (3, "softmax", np.array([0, 1, 2, 0]), "SparseCategoricalAccuracy"),
        (3, "softmax", np.array([[0], [1], [2], [0]]), "SparseCategoricalAccuracy"),
        (3, "softmax", np.eye(3)[[0, 1, 2, 0]], "CategoricalAccuracy"),
    ],
)
def test_accuracy_and_crossentropy_resolve_by_shape(units, activation, labels, expected):
    model = corten.Sequential([corten.Input((2,)), layers.Dense(units, activation)])
    model.compile("sgd", "crossentropy", metrics=["accuracy"])
    history = model.fit(np.ones((4, 2)), labels, epochs=1, verbose=0)
    assert set(history.history) == {"loss", "accuracy"}
    assert type(model.compiled_metrics.metrics[0]).__name__ == expected


def test_regularizers_and_added_losses_count():
    x, y = linear_data(count=8)
    model = corten.Sequential(
        [corten.Input((3,)), layers.Dense(1, kernel_regularizer=corten.regularizers.L2(0.1))]
    )
    model.compile(corten.optimizers.SGD(0.0), "mse")
    plain = float(np.mean((model.predict(x, verbose=0) - y) ** 2))
    penalty = 0.1 * float((model.get_weights()[0] ** 2).sum())
    history = model.fit(x, y, epochs=1, verbose=0)
    assert history.history["loss"][0] == pytest.approx(plain + penalty, rel=1e-5)
    assert model.evaluate(x, y, verbose=0) == pytest.approx(plain + penalty, rel=1e-5)


def test_frozen_layers_stay():
    x, y = linear_data()
    model = corten.Sequential([corten.Input((3,)), layers.Dense(4, name="frozen"), layers.Dense(1)])
    model.get_layer("frozen").trainable = False
    model.compile("sgd", "mse")
    before = [weight.copy() for weight in model.get_weights()]
    model.fit(x, y, epochs=1, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


def test_predict_shapes_and_paths_agree():
    x, _ = linear_data(count=70)
    model = linear_model()
    whole = model.predict(x, batch_size=100, verbose=0)
    np.testing.assert_array_equal(whole, model.predict(x, batch_size=7, verbose=0))
    np.testing.assert_array_equal(whole[:1], model.predict(x[:1]))
    np.testing.assert_array_equal(whole, model.predict_on_batch(x))
    assert isinstance(whole, np.ndarray)
    assert whole.dtype == np.float32


def test_evaluate_leaves_the_weights_alone():
    x, y = linear_data()
    model = linear_model(metrics=["mae"])
    before = model.get_weights()[0].copy()
    assert model.evaluate(x, y, verbose=0, return_dict=True).keys() == {"loss", "mae"}
    np.testing.assert_array_equal(before, model.get_weights()[0])


def test_train_test_and_predict_on_batch():
    x, y = linear_data(count=8)
    model = linear_model(metrics=["mae"])
    first = model.train_on_batch(x, y)
    assert len(first) == 2
    model.reset_metrics()
    second = model.train_on_batch(x, y, return_dict=True)
    assert second["loss"] < first[0]
    model.reset_metrics()
    assert model.test_on_batch(x, y)[0] < second["loss"]
    assert model.predict_on_batch(x).shape == (8, 1)


def test_a_model_without_input_is_built_by_fit():
    x, y = linear_data()
    model = corten.Sequential([layers.Dense(4, activation="relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, y, epochs=1, verbose=0)
    assert model.count_params() == 3 * 4 + 4 + 4 + 1


def test_a_model_without_trainable_weights_says_so():
    x, y = linear_data()
    model = linear_model()
    model.trainable = False
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="no trainable weights"):
        model.fit(x, y, epochs=1, verbose=0)


def test_layers_frozen_between_two_fits_stay_from_then_on():
    x, y = linear_data()
    model = corten.Sequential([corten.Input((3,)), layers.Dense(4, name="first"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, y, epochs=1, verbose=0)
    model.get_layer("first").trainable = False
    before = model.get_layer("first").kernel.numpy().copy()
    last = model.layers[-1].kernel.numpy().copy()
    model.fit(x, y, epochs=1, verbose=0)
    np.testing.assert_array_equal(before, model.get_layer("first").kernel.numpy())
    assert not np.array_equal(last, model.layers[-1].kernel.numpy())


def test_functions_as_loss_and_metric():
    def error(y_true, y_pred):
        return corten.ops.mean(corten.ops.abs(y_true - y_pred), axis=-1)

    x, y = linear_data()
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1)])
    model.compile("sgd", loss=error, metrics=[error, "mae"])
    logs = model.fit(x, y, epochs=1, verbose=0).history
    assert set(logs) == {"loss", "error", "mae"}
    assert logs["error"][0] == pytest.approx(logs["mae"][0], rel=1e-5)


def test_a_compiled_model_is_copied_and_pickled_with_its_training():
    import copy
    import pickle

    x, y = linear_data()
    model = linear_model(metrics=["mae"], optimizer="adam")
    model.fit(x, y, epochs=1, verbose=0)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
        assert twin.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)


def test_finding_the_shapes_of_a_model_leaves_its_variables_alone():
    class Counting(corten.Model):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(1)
            self.calls = self.add_variable(shape=(), initializer="zeros", trainable=False)

        def call(self, inputs):
            self.calls.assign(self.calls + 1)
            return self.dense(inputs)

    seen = []
    model = Counting()
    model.compile("sgd", "mse")
    note = corten.callbacks.LambdaCallback(on_train_batch_end=lambda *_: seen.append(int(model.calls)))
    model.fit(np.ones((6, 1)), np.ones((6, 1)), batch_size=2, verbose=0, callbacks=[note])
    assert seen == [1, 2, 3]
