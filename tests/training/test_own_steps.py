"""Steps, layers and gradients that users write themselves."""

from __future__ import annotations

import numpy as np
import pytest

import corten
from corten import layers, ops

X = np.random.default_rng(0).normal(size=(20, 5)).astype("float32")


class Seen(corten.Model):
    """Notes what the steps receive."""

    def __init__(self):
        super().__init__()
        self.dense = layers.Dense(1)
        self.received = []

    def call(self, x):
        return self.dense(x)

    def train_step(self, data):
        self.received.append(data)
        x, _, _ = corten.utils.unpack_x_y_sample_weight(data)
        return {"loss": ops.mean(self(x))}

    def predict_step(self, data):
        self.received.append(data)
        return self(data)


def test_a_step_without_targets_gets_the_tensor_itself():
    model = Seen()
    model.compile("sgd")
    model.fit(X, verbose=0)
    model.predict(X, verbose=0)
    model.predict_on_batch(X)
    assert [type(data) for data in model.received] == [corten.Tensor] * 3
    model.fit(X, X[:, :1], verbose=0)
    assert [type(data) for data in model.received[3:]] == [tuple]


class Uneven(corten.utils.PyDataset):
    """Few labelled samples and many without labels in one batch."""

    def __len__(self):
        return 2

    def __getitem__(self, index):
        return (X[:4], X[:4, :1]), X


def test_an_own_step_may_join_parts_of_different_length():
    class Joined(Seen):
        def train_step(self, data):
            (x, y), more = data
            self.received.append((x.shape, y.shape, more.shape))
            return {"loss": ops.mean((self(x) - y) ** 2) + ops.mean(self(more) ** 2)}

    for source in (Uneven(), (Uneven()[i] for i in range(2))):
        joined = Joined()
        joined.compile("sgd")
        joined.fit(source, verbose=0)
        assert joined.received == [((4, 5), (4, 1), (20, 5))] * 2

    plain = corten.Sequential([layers.Dense(1)])
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match="same number of samples"):
        plain.fit(((X, X[:4, :1]) for _ in range(2)), verbose=0)


def test_packing_and_unpacking():
    pack, unpack = corten.utils.pack_x_y_sample_weight, corten.utils.unpack_x_y_sample_weight
    for parts in [(1, None, None), (1, 2, None), (1, 2, 3), ([1, 1], None, None)]:
        assert unpack(pack(*parts)) == parts
    with pytest.raises(ValueError, match="got 4 parts"):
        unpack((1, 2, 3, 4))


class Counter(layers.Layer):
    """Counts its calls, with a value that does not depend on the input."""

    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign_add(1.0)
        return x


def test_inferring_shapes_changes_no_state():
    layer = Counter()
    model = corten.Sequential([corten.Input((5,)), layer, layers.Dense(1)])
    layer.compute_output_shape((None, 5))
    assert float(layer.count) == 0.0
    model(X)
    assert float(layer.count) == 1.0


def test_hvp_of_a_single_tensor():
    x, v = corten.tensor([1.0, 2.0]), corten.tensor([1.0, 0.0])
    assert corten.hvp(lambda t: ops.sum(t**3), x, v).tolist() == [6.0, 0.0]


def test_f1_score_takes_flat_labels_of_one_unit():
    metric = corten.metrics.F1Score(threshold=0.5)
    metric.update_state(np.array([0, 1, 1]), np.array([[0.1], [0.9], [0.2]]))
    np.testing.assert_allclose(np.asarray(metric.result()), [2 / 3], rtol=1e-5)


def test_a_sequential_output_goes_by_the_name_of_its_layer():
    model = corten.Sequential([layers.Dense(1, name="price")])
    model.compile("sgd", {"price": "mse"}, metrics={"price": "mae"})
    history = model.fit(X, {"price": X[:, :1]}, verbose=0).history
    assert set(history) == {"loss", "mae"}


def test_a_validation_without_data_is_no_perfect_one():
    model = corten.Sequential([layers.Dense(1)])
    model.compile("sgd", "mse")
    once = ((X, X[:, :1]) for _ in range(2))
    with pytest.warns(UserWarning, match="ran out of data"):
        history = model.fit(X, X[:, :1], validation_data=once, epochs=2, verbose=0).history
    assert np.isfinite(history["val_loss"][0])
    assert np.isnan(history["val_loss"][1])


def test_predict_of_one_sample_says_how_to_make_it_a_batch():
    model = corten.Sequential([corten.Input((5,)), layers.Dense(1)])
    with pytest.raises(ValueError, match=r"predict: .*add it: `x = x"):
        model.predict(X[0], verbose=0)


@pytest.mark.parametrize(
    "predicted",
    [[0, 1, 1], np.array([0.0, 1.0, 1.0]), [[0.2], [0.7], [0.9]], [[0.9, 0.1], [0.3, 0.7], [0, 1]]],
)
def test_confusion_matrix_of_every_form_of_prediction(predicted):
    metric = corten.metrics.ConfusionMatrix(num_classes=2)
    metric.update_state([0, 1, 0], predicted)
    assert np.asarray(metric.result()).tolist() == [[1, 1], [0, 1]]
