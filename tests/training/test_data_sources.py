"""`fit` on every kind of data."""

import numpy as np
import pytest
from linear import linear_data, linear_model

import corten
from corten import layers
from corten.data import Dataset
from corten.utils import PyDataset


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


def test_lists_of_numbers_and_tensors_are_arrays():
    model = corten.Sequential([corten.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    model.fit([[1.0], [2.0], [3.0]], [1.0, 2.0, 3.0], epochs=1, verbose=0)
    x = corten.ops.convert_to_tensor([[1.0], [2.0]])
    model.fit(x, x, epochs=1, verbose=0)
    assert model.predict(x).shape == (2, 1)


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


def test_no_epochs_and_bool_labels():
    x, y = linear_data()
    model = corten.Sequential([corten.Input((3,)), layers.Dense(1, activation="sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy", corten.metrics.AUC(name="auc")])
    assert model.fit(x, y > 0, epochs=0, verbose=0).history == {}
    assert set(model.fit(x, y > 0, verbose=0).history) == {"loss", "accuracy", "auc"}
