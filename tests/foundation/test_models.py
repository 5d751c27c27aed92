"""Sequential, functional and subclassed models."""

import copy
import pickle

import numpy as np
import pytest

import corten
from corten import Input, Model, Sequential, layers, ops
from corten.models import clone_model, model_from_json

ONES = np.ones((2, 4), "float32")


def weights_equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


# ---- Sequential --------------------------------------------------------------------------------


def test_sequential_built_from_data_takes_other_lengths(tmp_path):
    model = Sequential([layers.Embedding(10, 4), layers.LSTM(5), layers.Dense(1)])
    model.compile("sgd", "mse")
    target = np.zeros((8, 1), "float32")
    model.fit(np.ones((8, 6), "int32"), target, verbose=0)
    model.save(tmp_path / "m.corten")
    again = corten.models.load_model(tmp_path / "m.corten")
    clone = Sequential.from_config(model.get_config())
    for known in (model, again, clone, clone_model(model)):
        assert known.input_shape == (None, 6)
        for length in (3, 9):
            assert known(np.ones((8, length), "int32")).shape == (8, 1)
    for known in (model, again):
        x = np.ones((8, 3), "int32")
        assert known.predict(x, verbose=0).shape == (8, 1)
        known.evaluate(x, target, verbose=0)
        known.fit(x, target, verbose=0)
    model.add(layers.Dense(2))
    assert model(np.ones((8, 4), "int32")).shape == (8, 2)
    images = Sequential([layers.Conv2D(2, 3), layers.GlobalMaxPooling2D(), layers.Dense(1)])
    images(np.ones((1, 8, 8, 3), "float32"))
    assert images.predict(np.ones((2, 5, 12, 3), "float32"), verbose=0).shape == (2, 1)
    with pytest.raises(ValueError, match=r"expected shape=\(None, None, None, 3\), found"):
        images(np.ones((1, 8, 8, 4), "float32"))


def test_sequential_built_from_data_keeps_the_sizes_layers_need():
    flat = Sequential([layers.Flatten(), layers.Dense(1)])
    flat(np.ones((2, 4, 3), "float32"))
    with pytest.raises(ValueError, match=r"expected shape=\(None, 4, 3\)"):
        flat(np.ones((2, 5, 3), "float32"))
    dense = Sequential([layers.Dense(1)])
    dense(ONES)
    with pytest.raises(ValueError, match="have 5 features and the model wants 4"):
        dense.predict(np.ones((2, 5), "float32"), verbose=0)
    declared = Sequential([Input((6,)), layers.Embedding(10, 4), layers.GlobalMaxPooling1D()])
    with pytest.raises(ValueError, match="expected shape"):
        declared(np.ones((2, 3), "int32"))


def test_sequential_with_a_known_input():
    model = Sequential([Input((4,)), layers.Dense(3), layers.Dense(2)])
    assert model.built
    assert model.input_shape == (None, 4)
    assert model.output_shape == (None, 2)
    assert [type(layer).__name__ for layer in model.layers] == ["Dense", "Dense"]
    assert model(ONES).shape == (2, 2)
    assert len(model.inputs) == len(model.outputs) == 1


def test_sequential_deferred():
    model = Sequential([layers.Dense(3), layers.Dense(2)])
    assert not model.built
    with pytest.raises(AttributeError, match="no defined output shape"):
        _ = model.output_shape
    assert model(ONES).shape == (2, 2)
    assert model.output_shape == (None, 2)
    assert model(np.ones((7, 4), "float32")).shape == (7, 2)


def test_sequential_legacy_input_shape():
    for kwargs in ({"input_shape": (4,)}, {"input_dim": 4}, {"input_shape": 4}, {"input_shape": [4]}):
        model = Sequential([layers.Dense(3, **kwargs)])
        assert model.input_shape == (None, 4)


def test_sequential_add_and_pop():
    model = Sequential(name="stack")
    model.add(Input((4,)))
    model.add(layers.Dense(3))
    model.add(layers.Dense(2, name="last"))
    assert model.output_shape == (None, 2)
    assert model.pop().name == "last"
    assert model.output_shape == (None, 3)
    assert len(model.weights) == 2
    model.add(layers.Dense(5))
    assert model(ONES).shape == (2, 5)
    model.pop()
    model.pop()
    with pytest.raises(ValueError, match="no layers"):
        model.pop()


def test_sequential_refuses_what_is_no_layer():
    with pytest.raises(ValueError, match="Only instances"):
        Sequential([3])
    with pytest.raises(ValueError, match="unique names"):
        Sequential([layers.Dense(1, name="a"), layers.Dense(1, name="a")])
    with pytest.raises(ValueError, match="already been configured"):
        Sequential([Input((2,)), Input((2,))])
    with pytest.raises(ValueError, match="no layers"):
        Sequential().build((None, 2))
    with pytest.raises(ValueError, match="no layers"):
        Sequential()(ONES)


def test_sequential_checks_its_input():
    model = Sequential([Input((784,)), layers.Dense(2)])
    with pytest.raises(ValueError, match=r"layers\.Flatten\(\)"):
        model(np.ones((2, 28, 28), "float32"))
    with pytest.raises(ValueError, match="expected shape"):
        model(np.ones((2, 5), "float32"))


def test_sequential_of_models():
    inner = Sequential([Input((4,)), layers.Dense(3)])
    outer = Sequential([inner, layers.Dense(2)])
    assert outer.built
    assert outer(ONES).shape == (2, 2)
    assert len(outer.weights) == 4
    x = Input((4,))
    assert Model(x, outer(x)).output_shape == (None, 2)


def test_integer_and_byte_inputs():
    model = Sequential([layers.Embedding(10, 3), layers.Flatten()])
    assert model(np.array([[1, 2]])).shape == (2 // 2, 6)
    images = Sequential([layers.Conv2D(2, 3)])
    assert images(np.zeros((1, 8, 8, 1), "uint8")).dtype == "float32"


# ---- functional --------------------------------------------------------------------------------


def test_functional_with_several_inputs_and_outputs():
    a, b = Input((4,), name="a"), Input((3,), name="b")
    x = layers.Concatenate()([a, b])
    first, second = layers.Dense(2, name="p")(x), layers.Dense(1, name="q")(x)
    model = Model([a, b], [first, second])
    p, q = model([ONES, np.ones((2, 3), "float32")])
    assert (p.shape, q.shape) == ((2, 2), (2, 1))
    by_name = model({"a": ONES, "b": np.ones((2, 3), "float32")})
    np.testing.assert_array_equal(by_name[0].numpy(), p.numpy())
    assert model.input_names == ["a", "b"]
    assert model.output_names == ["p", "q"]
    with pytest.raises(ValueError, match=r"expects 2 input\(s\)"):
        model(ONES)


def test_functional_with_dicts():
    inputs = {"b": Input((3,), name="b"), "a": Input((4,), name="a")}
    x = layers.Concatenate()([inputs["a"], inputs["b"]])
    model = Model(inputs, {"sum": layers.Dense(1)(x), "copy": x})
    out = model({"a": ONES, "b": np.zeros((2, 3), "float32")})
    assert list(out) == ["sum", "copy"]
    np.testing.assert_array_equal(out["copy"].numpy()[0], [1, 1, 1, 1, 0, 0, 0])
    with pytest.raises(ValueError, match="Missing data for input"):
        model({"a": ONES})


def test_shared_layers():
    dense = layers.Dense(4)
    x = Input((4,))
    model = Model(x, dense(dense(x)))
    assert len(model.weights) == 2
    assert len(model.layers) == 2
    expected = dense(dense(ONES)).numpy()
    np.testing.assert_allclose(model(ONES).numpy(), expected)
    again = model_from_json(model.to_json())
    again.set_weights(model.get_weights())
    np.testing.assert_array_equal(again(ONES).numpy(), model(ONES).numpy())


def test_arguments_of_calls_are_kept():
    x = Input((4,))
    drop = layers.Dropout(0.9, seed=1)
    model = Model(x, drop(x, training=True))
    assert (model(np.ones((50, 4), "float32")).numpy() == 0).any()
    again = model_from_json(model.to_json())
    assert (again(np.ones((50, 4), "float32")).numpy() == 0).any()


def test_training_reaches_nested_models():
    x = Input((50,))
    inner = Model(x, layers.Dropout(0.5)(x))
    outer = Sequential([Input((50,)), inner])
    data = np.ones((4, 50), "float32")
    assert (outer(data).numpy() == 1).all()
    assert (outer(data, training=True).numpy() == 0).any()


def test_disconnected_graphs():
    a, b = Input((2,), name="a"), Input((2,), name="b")
    with pytest.raises(ValueError, match="not connected"):
        Model(a, layers.Add()([a, b]))
    with pytest.raises(ValueError, match="KerasTensors"):
        Model(a, 3)
    with pytest.raises(ValueError, match="should be unique"):
        Model(a, layers.Dense(1, name="x")(layers.Dense(1, name="x")(a)))


def test_intermediate_outputs():
    base = Sequential([Input((4,)), layers.Dense(3, name="features"), layers.Dense(2)])
    extractor = Model(base.inputs, base.get_layer("features").output)
    assert extractor(ONES).shape == (2, 3)
    tail = Model(base.get_layer("features").output, base.output)
    assert tail(np.ones((2, 3), "float32")).shape == (2, 2)


def test_rank_is_adjusted():
    model = Sequential([Input((1,)), layers.Dense(2)])
    assert model(np.ones(5, "float32")).shape == (5, 2)
    x = Input(())
    scalars = Model(x, x * 2)
    assert scalars(np.ones((5, 1), "float32")).shape == (5,)


def test_get_layer():
    model = Sequential([Input((4,)), layers.Dense(3, name="hidden"), layers.Dense(2, name="out")])
    assert model.get_layer("out").units == 2
    assert model.get_layer(index=0).name == "hidden"
    with pytest.raises(ValueError, match="Did you mean 'hidden'"):
        model.get_layer("hiden")
    with pytest.raises(ValueError, match="index 5"):
        model.get_layer(index=5)
    with pytest.raises(ValueError, match="either"):
        model.get_layer()


def test_input_layers():
    assert Input((None, 3), batch_size=4).shape == (4, None, 3)
    assert Input(batch_shape=(2, 3)).shape == (2, 3)
    with pytest.raises(ValueError, match="must pass a `shape`"):
        Input()
    with pytest.raises(ValueError, match="at the same time"):
        Input((2,), batch_shape=(1, 2))


def test_deep_graphs():
    x = y = Input((1,))
    for _ in range(1500):
        y = y + 1.0
    model = Model(x, y)
    assert float(model(np.zeros((1, 1), "float32"))[0, 0]) == 1500


# ---- subclassed --------------------------------------------------------------------------------


class Net(Model):
    def __init__(self, units=3, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.hidden = layers.Dense(units, activation="relu")
        self.heads = [layers.Dense(1), layers.Dense(2)]

    def call(self, inputs, training=False):
        x = self.hidden(inputs)
        return [head(x) for head in self.heads]


def test_subclassed_model():
    model = Net()
    first, second = model(ONES)
    assert (first.shape, second.shape) == ((2, 1), (2, 2))
    assert len(model.weights) == 6
    assert len(model.layers) == 3
    assert model.count_params() == 15 + 4 + 8


def test_subclassed_build():
    model = Net()
    model.build((None, 4))
    assert model.count_params() == 27
    assert model.hidden.kernel.shape == (4, 3)


def test_subclass_of_a_functional_model():
    class Fancy(Model):
        def __init__(self, units):
            x = Input((4,))
            super().__init__(inputs=x, outputs=layers.Dense(units)(x))
            self.units = units

        def twice(self, x):
            return self(x) * 2

    model = Fancy(3)
    assert type(model) is Fancy
    assert model.output_shape == (None, 3)
    np.testing.assert_allclose(model.twice(ONES).numpy(), 2 * model(ONES).numpy())
    assert len(model.weights) == 2


def test_positional_arguments_are_refused():
    with pytest.raises(TypeError, match="inputs"):
        Model(3)


def test_subclassed_model_in_a_graph():
    x = Input((4,))
    first, _ = Net()(x)
    assert Model(x, first)(ONES).shape == (2, 1)


# ---- copies ------------------------------------------------------------------------------------


def model_kinds():
    x = Input((4,))
    h = layers.Dense(4, activation="relu")(x)
    yield "functional", Model(x, layers.Add()([x, h]))
    yield "sequential", Sequential([Input((4,)), layers.Dense(3), layers.BatchNormalization()])
    yield "subclassed", Net(2)
    yield "nested", Model(x, Sequential([Input((4,)), layers.Dense(2)])(h))


@pytest.mark.parametrize("index", range(4), ids=["functional", "sequential", "subclassed", "nested"])
def test_clone_and_config(index):
    _, model = list(model_kinds())[index]
    expected = model(ONES)
    clone = clone_model(model)
    with corten.saving.custom_object_scope({"Net": Net}):
        again = model_from_json(model.to_json())
    for twin in (clone, again):
        twin(ONES)
        assert not weights_equal(twin, model)
        twin.set_weights(model.get_weights())
        for a, b in zip(corten.tree.flatten(twin(ONES)), corten.tree.flatten(expected), strict=True):
            np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_clone_functions():
    model = Sequential([Input((4,)), layers.Dense(3), layers.ReLU()])

    def to_half(layer):
        config = layer.get_config()
        if isinstance(layer, layers.Dense):
            config["units"] = 7
        return type(layer).from_config(config)

    assert clone_model(model, clone_function=to_half).output_shape == (None, 7)
    x = Input((4,))
    functional = Model(x, layers.Dense(2)(x))
    assert clone_model(functional, clone_function=to_half).output_shape == (None, 7)
    assert clone_model(functional, input_tensors=Input((4,), batch_size=3)).output_shape == (3, 2)


def test_state_trees():
    model = Sequential([Input((4,)), layers.Dense(2, name="d")], name="s")
    tree = model.get_state_tree("numpy_array")
    flat = corten.tree.flatten(tree["trainable_variables"])
    assert len(flat) == 2
    model.set_state_tree(
        {"trainable_variables": corten.tree.map_structure(lambda x: x * 0 + 1, tree)["trainable_variables"]}
    )
    assert (model.get_weights()[0] == 1).all()


def test_losses_of_a_model():
    model = Sequential([Input((4,)), layers.Dense(2, kernel_regularizer="l2")])
    assert len(model.losses) == 1
    with corten.GradientTape() as tape:
        loss = ops.sum(model.losses[0])
    np.testing.assert_allclose(
        tape.gradient(loss, model.layers[0].kernel).numpy(),
        0.02 * model.layers[0].kernel.numpy(),
        rtol=1e-5,
    )


def test_function():
    x = corten.KerasTensor((None, 2))
    function = corten.models.Function(x, [x * 2, x + 1])
    double, more = function(np.ones((3, 2), "float32"))
    assert float(double[0, 0]) == float(more[0, 0]) == 2


def test_models_of_later_layers_do_not_hold_earlier_ones():
    x = Input((4,))
    h = layers.Dense(3, name="first")(x)
    y = layers.Dense(2, name="second")(h)
    tail = Model(h, y)
    assert [layer.name for layer in tail.layers][1:] == ["second"]
    assert len(tail.weights) == 2


def test_structures_of_inputs():
    inputs = {"b": Input((2,), name="b"), "a": Input((2,), name="a")}
    model = Model(inputs, inputs["b"] - inputs["a"])
    one, zero = np.ones((1, 2), "float32"), np.zeros((1, 2), "float32")
    assert float(model({"a": zero, "b": one})[0, 0]) == 1
    with pytest.raises(ValueError, match="ambiguous"):
        model([one, zero])
    with pytest.warns(UserWarning, match="ignores the inputs"):
        model({"a": zero, "b": one, "c": one})
    with pytest.raises(ValueError, match=r"named input\(s\) with keys"):
        model(one)
    single = Model({"a": inputs["a"]}, inputs["a"] * 2)
    assert float(single(one)[0, 0]) == 2


def test_optional_inputs():
    class Optional(layers.Layer):
        def call(self, x, y=None):
            return x if y is None else x + y

    x, y = Input((2,), name="x"), Input((2,), name="y", optional=True)
    model = Model([x, y], Optional()(x, y))
    one = np.ones((1, 2), "float32")
    assert float(model([one, one])[0, 0]) == 2
    assert float(model([one, None])[0, 0]) == 1
    with pytest.raises(ValueError, match="not optional"):
        model([None, one])


def test_broken_configurations():
    config = Sequential([Input((2,)), layers.Dense(1, name="d")])._functional.get_config()
    config["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = "nix"
    with pytest.raises(ValueError, match="Missing node: nix"):
        corten.models.Functional.from_config(config)
    config["layers"][1]["inbound_nodes"][0]["args"][0]["config"]["keras_history"][0] = "d"
    with pytest.raises(ValueError, match="loop"):
        corten.models.Functional.from_config(config)


def test_clones_of_compiled_models_are_compiled():
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile("adam", "mse")
    clone = clone_model(model)
    assert clone.compiled
    assert clone.optimizer is not model.optimizer


@pytest.mark.parametrize("index", range(4), ids=["functional", "sequential", "subclassed", "nested"])
@pytest.mark.parametrize("copy_of", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))])
def test_copies_are_independent(index, copy_of):
    _, model = list(model_kinds())[index]
    expected = [leaf.numpy() for leaf in corten.tree.flatten(model(ONES))]
    clone = copy_of(model)
    for weight in clone.trainable_variables:
        weight.assign(weight * 0 + 0.5)
    for before, now in zip(expected, corten.tree.flatten(model(ONES)), strict=True):
        np.testing.assert_array_equal(before, now.numpy())
    assert not weights_equal(model, clone)


def test_compiled_models_can_be_pickled():
    model = Sequential([Input((4,)), layers.Dense(1)])
    model.compile("adam", "mse", metrics=["mae"])
    model.train_on_batch(ONES, ONES[:, :1])
    again = pickle.loads(pickle.dumps(model))
    for _ in range(2):
        model.train_on_batch(ONES, ONES[:, :1])
        again.train_on_batch(ONES, ONES[:, :1])
    assert weights_equal(model, again)
