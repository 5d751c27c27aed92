"""`fit`, `evaluate` and `predict` on every kind of data."""

import numpy as np
import pytest

import corten
from corten import layers
from corten.data import Dataset
from corten.utils import PyDataset


def linear_data(count=64, features=3, seed=0):
    generator = np.random.default_rng(seed)
    x = generator.normal(size=(count, features)).astype("float32")
    weights = generator.normal(size=(features, 1)).astype("float32")
    return x, x @ weights + 0.5


def linear_model(features=3, metrics=None, optimizer="sgd", **kwargs):
    corten.utils.set_random_seed(1)
    model = corten.Sequential([corten.Input((features,)), layers.Dense(1)])
    model.compile(optimizer, "mse", metrics=metrics, **kwargs)
    return model


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


def test_generator_with_steps():
    x, y = linear_data()

    def batches():
        while True:
            for start in range(0, 64, 16):
                yield x[start : start + 16], y[start : start + 16]

    model = linear_model()
    history = model.fit(batches(), steps_per_epoch=4, epochs=3, verbose=0)
    assert len(history.history["loss"]) == 3
    assert isinstance(model.evaluate(batches(), steps=2, verbose=0), float)
    assert model.predict((x[:4] for _ in range(3)), verbose=0).shape == (12, 1)


def test_steps_per_epoch_goes_on_where_it_stopped():
    seen = []

    class Spy(corten.Model):
        def train_step(self, data):
            seen.append(int(data[0].numpy()[0, 0]))
            return {"loss": 0.0}

        def call(self, inputs):
            return inputs

    x = np.arange(5, dtype="float32")[:, None]
    model = Spy()
    model.compile("sgd")
    with pytest.warns(UserWarning, match="this one got 2"):
        model.fit(Dataset.from_tensor_slices((x, x)).batch(1), steps_per_epoch=3, epochs=3, verbose=0)
    assert seen == [0, 1, 2, 3, 4, 0, 1, 2]
    seen.clear()
    model.fit(Dataset.from_tensor_slices((x, x)).batch(1).repeat(), steps_per_epoch=3, epochs=2, verbose=0)
    assert seen == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("workers", [1, 3])
def test_py_dataset(workers):
    x, y = linear_data()
    ended = []

    class Batches(PyDataset):
        def __len__(self):
            return 8

        def __getitem__(self, index):
            rows = slice(8 * index, 8 * index + 8)
            return x[rows], y[rows]

        def on_epoch_end(self):
            ended.append(True)

    model = linear_model()
    history = model.fit(Batches(workers=workers), epochs=3, verbose=0)
    assert len(history.history["loss"]) == 3
    assert len(ended) == 3
    np.testing.assert_array_equal(
        model.predict(Batches(workers=workers), verbose=0), model.predict(x, 8, verbose=0)
    )


def test_dataset_and_plain_iterables():
    x, y = linear_data()
    pairs = [(x[i : i + 16], y[i : i + 16]) for i in range(0, 64, 16)]

    class Loader:
        """What a foreign data loader looks like: iterable, with a length, giving lists."""

        def __iter__(self):
            return iter([list(pair) for pair in pairs])

        def __len__(self):
            return 4

    results = []
    for source in (Dataset.from_tensor_slices((x, y)).batch(16), Loader(), iter(pairs)):
        model = linear_model()
        model.fit(source, epochs=1, verbose=0, shuffle=False)
        results.append(model.get_weights()[0])
    model = linear_model()
    model.fit(x, y, batch_size=16, epochs=1, verbose=0, shuffle=False)
    for kernel in results:
        np.testing.assert_array_equal(kernel, model.get_weights()[0])


def test_several_inputs_and_outputs_by_name_and_position():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(2, 24, 3)).astype("float32")
    size, label = a.sum(1, keepdims=True), (b.sum(1) > 0).astype("int64")

    def build():
        corten.utils.set_random_seed(2)
        first, second = corten.Input((3,), name="a"), corten.Input((3,), name="b")
        joined = layers.Concatenate()([first, second])
        outputs = [layers.Dense(1, name="size")(joined), layers.Dense(2, "softmax", name="label")(joined)]
        return corten.Model([first, second], outputs)

    by_name = build()
    by_name.compile(
        "sgd",
        loss={"size": "mse", "label": "sparse_categorical_crossentropy"},
        loss_weights={"size": 0.5, "label": 2.0},
        metrics={"label": ["accuracy"]},
    )
    h1 = by_name.fit({"a": a, "b": b}, {"size": size, "label": label}, epochs=2, verbose=0, shuffle=False)
    by_position = build()
    by_position.compile(
        "sgd",
        loss=["mse", "sparse_categorical_crossentropy"],
        loss_weights=[0.5, 2.0],
        metrics=[[], ["accuracy"]],
    )
    h2 = by_position.fit([a, b], [size, label], epochs=2, verbose=0, shuffle=False)
    assert h1.history == h2.history
    assert set(h1.history) == {"loss", "size_loss", "label_loss", "label_accuracy"}
    parts = 0.5 * h1.history["size_loss"][0] + 2 * h1.history["label_loss"][0]
    assert h1.history["loss"][0] == pytest.approx(parts, rel=1e-5)
    values = by_name.evaluate([a, b], [size, label], verbose=0)
    named = by_name.evaluate([a, b], [size, label], verbose=0, return_dict=True)
    assert values == [named[name] for name in by_name.metrics_names]
    predicted = by_name.predict([a, b], verbose=0)
    assert [part.shape for part in predicted] == [(24, 1), (24, 2)]


def test_dict_outputs():
    class Two(corten.Model):
        def __init__(self):
            super().__init__()
            self.one, self.two = layers.Dense(1), layers.Dense(2)

        def call(self, inputs):
            return {"one": self.one(inputs), "two": self.two(inputs)}

    x, y = linear_data()
    model = Two()
    model.compile("sgd", {"one": "mse", "two": "mae"}, metrics={"one": "mae"})
    targets = {"one": y, "two": np.concatenate([y, y], 1)}
    history = model.fit(x, targets, epochs=1, verbose=0)
    assert set(history.history) == {"loss", "one_loss", "two_loss", "one_mae"}
    assert {key: value.shape for key, value in model.predict(x, verbose=0).items()} == {
        "one": (64, 1),
        "two": (64, 2),
    }


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


def test_lists_of_numbers_and_tensors_are_arrays():
    model = corten.Sequential([corten.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0], epochs=1, verbose=0)
    x = corten.ops.convert_to_tensor([[1.0], [2.0]])
    model.fit(x, x, epochs=1, verbose=0)
    assert model.predict(x).shape == (2, 1)


def test_a_model_without_input_is_built_by_fit():
    x, y = linear_data()
    model = corten.Sequential([layers.Dense(4, activation="relu"), layers.Dense(1)])
    model.compile("adam", "mse")
    model.fit(x, y, epochs=1, verbose=0)
    assert model.count_params() == 3 * 4 + 4 + 4 + 1


def test_mixed_labels_dtypes():
    x = np.random.default_rng(0).random((10, 4))
    for dtype in ("int8", "int64", "uint8", "float32", "float64"):
        model = corten.Sequential([corten.Input((4,)), layers.Dense(3, "softmax")])
        model.compile("sgd", "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, np.array([0, 1, 2, 0, 1, 2, 0, 1, 2, 0], dtype=dtype), epochs=1, verbose=0)


def test_uint8_images_train():
    (x, y), _ = corten.datasets.mnist_sample.load_data()
    model = corten.Sequential(
        [corten.Input((28, 28)), layers.Flatten(), layers.BatchNormalization(), layers.Dense(10, "softmax")]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x[:640], y[:640], epochs=2, verbose=0)
    assert history.history["accuracy"][-1] > 0.5


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


class Frame:
    """What the data frames of pandas and polars have in common."""

    def __init__(self, **columns):
        self.columns = list(columns)
        self._columns = columns

    def to_numpy(self):
        return np.stack(list(self._columns.values()), axis=1)

    @property
    def shape(self):
        return self.to_numpy().shape


def test_data_frames():
    x, y = linear_data(features=2)
    frame, target = Frame(age=x[:, 0], height=x[:, 1]), Frame(price=y[:, 0])
    model = linear_model(features=2)
    model.fit(frame, target, epochs=1, verbose=0, validation_split=0.25)
    assert model.predict(frame, verbose=0).shape == (64, 1)
    broken = x.copy()
    broken[3, 1] = np.nan
    with pytest.warns(UserWarning, match="row 3, column 'height'"):
        model.fit(Frame(age=broken[:, 0], height=broken[:, 1]), y, verbose=0)
    city = np.array(["Rome"] * 64, dtype=object)
    with pytest.raises(TypeError, match="'Rome' in column 'city'"):
        model.fit(Frame(age=x[:, 0].astype(object), city=city), y, verbose=0)


def test_flat_arrays_lists_and_dicts_for_one_input():
    x = np.linspace(0, 1, 20).astype("float32")
    model = corten.Sequential([corten.Input((1,), name="a"), layers.Dense(1)])
    model.compile(corten.optimizers.SGD(0.5), "mse", metrics=["mae"])
    history = model.fit(x, 3 * x + 1, epochs=80, verbose=0)
    assert history.history["loss"][-1] < 1e-3
    expected = model.predict(x[:, None])
    for form in (x, [x], {"a": x}, (x,)):
        np.testing.assert_array_equal(model.predict(form), expected)
    assert model.evaluate([x], [3 * x + 1], verbose=0) == model.evaluate(x, 3 * x + 1, verbose=0)


def test_functions_as_loss_and_metric():
    def error(y_true, y_pred):
        return corten.ops.mean(corten.ops.abs(y_true - y_pred), axis=-1)

    x, y = linear_data()
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1)])
    model.compile("sgd", loss=error, metrics=[error, "mae"])
    logs = model.fit(x, y, epochs=1, verbose=0).history
    assert set(logs) == {"loss", "error", "mae"}
    assert logs["error"][0] == pytest.approx(logs["mae"][0], rel=1e-5)


def test_no_epochs_and_bool_labels():
    x, y = linear_data()
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", corten.metrics.AUC(name="auc")])
    assert model.fit(x, y > 0, epochs=0, verbose=0).history == {}
    assert set(model.fit(x, y > 0, verbose=0).history) == {"loss", "accuracy", "auc"}


def test_a_compiled_model_is_copied_and_pickled_with_its_training():
    import copy
    import pickle

    x, y = linear_data()
    model = linear_model(metrics=["mae"], optimizer="adam")
    model.fit(x, y, epochs=1, verbose=0)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict(x, verbose=0), model.predict(x, verbose=0))
        assert twin.evaluate(x, y, verbose=0) == model.evaluate(x, y, verbose=0)
