"""What `fit`, `evaluate` and `predict` leave out where nothing changed, and that they notice what did."""

import copy
import gc
import subprocess
import sys
import warnings
import weakref

import numpy as np
import pytest
from linear import linear_data, linear_model

import corten
from corten import layers, ops
from corten.training.predictions import Predictions, Rows


def classifier(classes=3, activation="softmax", **loss):
    corten.utils.set_random_seed(2)
    model = corten.Sequential([corten.Input((4,)), layers.Dense(classes, activation=activation)])
    model.compile("sgd", corten.losses.SparseCategoricalCrossentropy(**loss))
    return model


X = np.random.default_rng(0).normal(size=(24, 4)).astype("float32")
Y = np.arange(24) % 3


# ---- what belongs to a layer -------------------------------------------------------------------


class Holder(layers.Layer):
    def __init__(self):
        super().__init__()
        self.parts = [layers.Dense(2)]
        self.named = {"deep": ([layers.Dense(2)],)}

    def call(self, x):
        for part in (*self.parts, *self.named["deep"][0]):
            x = part(x)
        return x


def names(layer):
    return [layer.name for layer in layer._flatten_layers()]


def test_lists_and_dicts_that_change_are_noticed():
    holder = Holder()
    holder(np.ones((1, 2), "float32"))
    assert len(holder.trainable_variables) == 4
    assert len(holder.trainable_variables) == 4
    more = layers.Dense(2)
    more.build((None, 2))
    holder.parts.append(more)
    assert len(holder.trainable_variables) == 6
    holder.parts[0] = more
    assert len(holder.trainable_variables) == 4
    holder.named["deep"][0].append(layers.Dense(2, name="late"))
    assert "late" in names(holder)
    holder.named["more"] = layers.Dense(2, name="later")
    assert "later" in names(holder)
    del holder.named["more"]
    assert "later" not in names(holder)


def test_attributes_variables_and_freezing_are_noticed():
    outer = layers.Layer()
    outer.inner = layers.Dense(2)
    assert outer.trainable_variables == []
    outer.inner.build((None, 3))
    kernel, bias = outer.trainable_variables
    bias.trainable = False
    assert outer.trainable_variables == [kernel]
    outer.inner.trainable = False
    assert outer.trainable_variables == []
    outer.inner.trainable = True
    assert len(outer.trainable_variables) == 2
    outer.other = layers.BatchNormalization()
    outer.other.build((None, 2))
    assert len(outer.trainable_variables) == 4
    outer.inner = None
    assert len(outer.trainable_variables) == 2
    del outer.other
    assert outer.trainable_variables == []
    outer.score = corten.metrics.Mean(name="score")
    assert [metric.name for metric in outer.metrics] == ["score"]


def test_lists_that_are_handed_out_are_the_callers():
    model = linear_model()
    model.trainable_variables.clear()
    model._flatten_layers().clear()
    assert len(model.trainable_variables) == 2
    assert len(model._flatten_layers()) == 3


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_copies_find_their_own(copied):
    holder = Holder()
    holder(np.ones((1, 2), "float32"))
    before = holder.trainable_variables
    twin = copied(holder)
    assert twin._flatten_layers()[0] is twin
    shared = copied is copy.copy
    for one, other in zip(twin.trainable_variables, before, strict=True):
        assert (one is other) is shared


def test_a_layer_is_freed_without_the_collector():
    gc.collect()
    gc.disable()
    try:
        layer = layers.Dense(3)
        layer.build((None, 2))
        assert len(layer.trainable_variables) == 2
        reference = weakref.ref(layer)
        del layer
        assert reference() is None
    finally:
        gc.enable()


# ---- data like the last call's -----------------------------------------------------------------


def test_labels_are_checked_in_every_call():
    model = classifier()
    model.fit(X, Y, verbose=0)
    before = model.get_weights()[0]
    wrong = Y.copy()
    wrong[7] = 3
    for call in (model.fit, model.evaluate):
        with pytest.raises(ValueError, match=r"labels 0 to 3.*3 units"):
            call(X, wrong, verbose=0)
    wrong[7] = -1
    with pytest.raises(ValueError, match="Number the classes from 0"):
        model.fit(X, wrong, verbose=0)
    with pytest.raises(ValueError, match="whole class indices"):
        model.fit(X, Y + 0.5, verbose=0)
    np.testing.assert_array_equal(before, model.get_weights()[0])
    model.fit(X, Y, verbose=0)


def test_binary_targets_are_checked_in_every_call():
    model = corten.Sequential([corten.Input((4,)), layers.Dense(1, activation="sigmoid")])
    model.compile("sgd", "binary_crossentropy")
    y = (Y > 0).astype("float32")[:, None]
    model.fit(X, y, verbose=0)
    with pytest.raises(ValueError, match="between 0 and 1"):
        model.fit(X, y * 2, verbose=0)
    model.fit(X, y > 0, verbose=0)


def test_ignored_labels_are_no_mistake():
    model = classifier(ignore_class=-1)
    masked = np.where(Y == 1, -1, Y)
    for _ in range(2):
        model.fit(X, masked, verbose=0)


def test_other_shapes_are_looked_at():
    model = classifier()
    model.fit(X, Y, verbose=0)
    with pytest.raises(ValueError, match="expects inputs of shape"):
        model.fit(X[:, :3], Y, verbose=0)
    with pytest.raises(ValueError, match="looks one-hot"):
        model.fit(X, np.eye(3)[Y], verbose=0)
    with pytest.raises(ValueError, match="there is no y"):
        model.fit(X, verbose=0)
    with pytest.raises(ValueError, match="same number of samples"):
        model.fit(X, Y[:5], verbose=0)
    model.fit(X, Y, verbose=0)


def test_other_layers_are_looked_at():
    model = classifier()
    model.fit(X, Y, verbose=0)
    model.pop()
    model.add(layers.Dense(2, activation="softmax"))
    model.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="2 units"):
        model.fit(X, Y, verbose=0)


def test_warnings_come_in_every_call():
    model = classifier(activation=None)
    for _ in range(2):
        with pytest.warns(UserWarning, match="raw scores"):
            model.fit(X, Y, verbose=0)
    model.layers[-1].activation = corten.activations.softmax
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(X, Y, verbose=0)
        model.fit(X, Y, verbose=0)
        model.layers[-1].activation = corten.activations.linear
        with pytest.raises(UserWarning, match="raw scores"):
            model.fit(X, Y, verbose=0)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_found_in_every_call(value):
    x, y = linear_data()
    model = linear_model()
    model.fit(x, y, verbose=0)
    x[3, 1] = value
    with pytest.warns(UserWarning, match=r"x has 1 .* value \(first in row 3, column 1\)"):
        model.fit(x, y, verbose=0)


def test_large_values_are_no_infinity():
    x = np.full((4, 1), 3e38, "float32")
    model = corten.Sequential([corten.Input((1,)), layers.Dense(1)])
    model.compile("sgd", "mse")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(x, x, verbose=0)


def test_two_short_calls_are_one_long():
    x, y = linear_data()
    histories = []
    for calls in ([3], [1, 1, 1]):
        model = linear_model(metrics=["mae"])
        losses = [
            loss for epochs in calls for loss in model.fit(x, y, epochs=epochs, verbose=0).history["loss"]
        ]
        histories.append((losses, [weight.tobytes() for weight in model.get_weights()]))
    assert histories[0] == histories[1]


# ---- calls of models ---------------------------------------------------------------------------


def test_later_calls_of_a_model_notice_masks_and_losses():
    model = corten.Sequential([corten.Input((3,)), layers.Dense(2)])
    x = ops.ones((2, 3))
    model(x)
    expected = model(x).numpy()

    class Penalty(layers.Layer):
        def call(self, inputs):
            self.add_loss(ops.sum(inputs))
            return inputs

    outer = corten.Sequential([corten.Input((3,)), model, Penalty()])
    for _ in range(3):
        np.testing.assert_array_equal(outer(x).numpy(), expected)
        assert len(outer.losses) == 1


def test_later_calls_of_a_model_pass_the_training_flag():
    seen = []

    class Asks(layers.Layer):
        def call(self, inputs, training=None):
            seen.append(training)
            return inputs

    class Net(corten.Model):
        def __init__(self):
            super().__init__()
            self.asks = Asks()

        def call(self, inputs, training=False):
            return self.asks(inputs)

    net, x = Net(), ops.ones((2, 3))
    for _ in range(3):
        net(x)
        net(x, training=True)
    assert seen == [False, True] * 3


def test_an_error_of_a_later_call_names_the_layer():
    class Fails(layers.Layer):
        fails = False

        def call(self, inputs):
            if self.fails:
                raise ValueError("no more")
            return inputs

    model = corten.Sequential([corten.Input((3,)), Fails(name="weak")], name="whole")
    x = ops.ones((2, 3))
    model(x)
    model.layers[0].fails = True
    with pytest.raises(ValueError, match="no more") as caught:
        model(x)
    assert any("weak" in note for note in caught.value.__notes__)
    assert any("whole" in note for note in caught.value.__notes__)


def test_another_dtype_policy_of_a_model_is_noticed():
    model = corten.Sequential([corten.Input((3,)), layers.Dense(2)])
    model(ops.ones((2, 3)))
    model.layers[0].dtype_policy = "float64"
    assert model(ops.ones((2, 3))).dtype == "float64"


# ---- predictions -------------------------------------------------------------------------------


def test_batches_of_predictions_of_every_structure():
    inputs = corten.Input((3,))
    outputs = {"a": layers.Dense(2)(inputs), "b": [layers.Dense(1)(inputs)]}
    model = corten.Model(inputs, outputs)
    x, _ = linear_data(count=70)
    whole, parts = model.predict(x, batch_size=70, verbose=0), model.predict(x, batch_size=16, verbose=0)
    np.testing.assert_array_equal(whole["a"], parts["a"])
    np.testing.assert_array_equal(whole["b"][0], parts["b"][0])
    parts["a"][0, 0] = 5.0  # The caller's own memory.
    assert parts["a"].base is None


def test_predictions_end_early():
    class Stops(corten.callbacks.Callback):
        def on_predict_batch_end(self, batch, logs=None):
            assert logs["outputs"].shape == (16, 1)
            self.model.stop_predicting = batch == 1

    x, _ = linear_data(count=70)
    model = linear_model()
    found = model.predict(x, batch_size=16, verbose=0, callbacks=[Stops()])
    np.testing.assert_array_equal(found, model.predict(x[:32], verbose=0))


def test_rows_that_do_not_match_are_collected():
    rows = Rows(np.zeros((2, 3)), 6)
    rows.add(np.ones((2, 3)))
    rows.add(np.full((4, 3), 2.0))
    assert rows.result()[:, 0].tolist() == [0, 0, 1, 1, 2, 2, 2, 2]
    scalars = Rows(np.asarray(1.0), 2)
    scalars.add(np.asarray(2.0))
    assert scalars.result().tolist() == [1.0, 2.0]
    wider = Rows(np.zeros((1,), np.float32), 2)
    wider.add(np.ones((1,), np.float64))
    assert wider.result().dtype == np.float64


def test_predictions_do_not_share_memory_with_what_they_were_given():
    given = np.zeros((2, 1))
    for count in (None, 2):
        predictions = Predictions(count)
        predictions.add(given)
        result = predictions.result()
        result[0, 0] = 1.0
        assert given[0, 0] == 0.0


def test_a_single_number_is_no_batch():
    with pytest.raises(ValueError, match="single number"):
        linear_model().predict(np.float32(3) + np.zeros(()), verbose=0)


# ---- what is loaded ----------------------------------------------------------------------------


def test_the_first_fit_loads_nothing_but_its_own_parts():
    code = (
        "import sys, numpy as np, corten\n"
        "model = corten.Sequential([corten.Input((1,)), corten.layers.Dense(1)])\n"
        "model.compile('adam', 'mse')\n"
        "before = set(sys.modules)\n"
        "model.fit(np.ones((4, 1), 'f'), np.ones((4, 1), 'f'), verbose=0)\n"
        "new = set(sys.modules) - before\n"
        "print(sorted(name for name in new if not name.startswith('corten.training.')))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_callbacks_are_there_when_asked_for():
    for name in corten.callbacks.__all__:
        assert getattr(corten.callbacks, name).__name__ == name
        assert name in dir(corten.callbacks)
    with pytest.raises(AttributeError, match="EarlyStoping"):
        corten.callbacks.EarlyStoping  # noqa: B018
