"""The base class `Layer`."""

import numpy as np
import pytest

import corten
from corten import layers, ops
from corten.layers import InputSpec, Layer

ONES = np.ones((2, 3), "float32")


class Scale(Layer):
    def __init__(self, factor=2.0, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def build(self, input_shape):
        self.scale = self.add_weight(shape=(input_shape[-1],), initializer="ones", name="scale")

    def call(self, inputs):
        return inputs * self.scale * self.factor


class Block(Layer):
    def __init__(self):
        super().__init__()
        self.first = Scale()
        self.rest = [Scale(), {"deep": (Scale(),)}]

    def call(self, inputs, training=False):
        x = self.rest[1]["deep"][0](self.rest[0](self.first(inputs)))
        return x + 1 if training else x


# ---- names -------------------------------------------------------------------------------------


def test_names_are_counted():
    corten.naming.reset_names()
    assert [layers.Dense(1).name for _ in range(3)] == ["dense", "dense_1", "dense_2"]
    assert layers.Dense(1, name="mine").name == "mine"
    with pytest.raises(ValueError, match="cannot contain"):
        layers.Dense(1, name="a/b")


def test_paths():
    layer = layers.Dense(1, name="d")
    layer.build((None, 3))
    assert layer.path == "d"
    assert [v.path for v in layer.variables] == ["d/kernel", "d/bias"]


def test_super_init_forgotten():
    class Bad(Layer):
        def __init__(self):
            self.dense = layers.Dense(2)

        def call(self, x):
            return self.dense(x)

    with pytest.raises(RuntimeError, match="super"):
        Bad()(ONES)


def test_unknown_arguments_get_a_hint():
    with pytest.raises(ValueError, match="Did you mean `activation`"):
        layers.Dense(2, activaton="relu")


# ---- building ----------------------------------------------------------------------------------


def test_lazy_build():
    layer = Scale()
    assert not layer.built
    assert layer.weights == []
    with pytest.raises(ValueError, match="isn't"):
        layer.count_params()
    np.testing.assert_array_equal(layer(ONES).numpy(), 2 * ONES)
    assert layer.built
    assert layer.count_params() == 3


def test_build_of_several_arguments():
    shapes = {}

    class Two(Layer):
        def build(self, query_shape, value_shape):
            shapes.update(query=query_shape, value=value_shape)

        def call(self, query, value=None, scale=1.0):
            return query

    Two()(ONES, value=np.ones((2, 5), "float32"), scale=3.0)
    assert shapes == {"query": (2, 3), "value": (2, 5)}


def test_build_of_a_list():
    shapes = []

    class Merge(Layer):
        def build(self, input_shape):
            shapes.append(input_shape)

        def call(self, inputs):
            return inputs[0] + inputs[1]

    Merge()([ONES, ONES])
    assert shapes == [[(2, 3), (2, 3)]]


def test_inner_layers_built_during_inference_do_not_see_probes():
    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Scale()

        def call(self, x):
            return self.inner(ops.transpose(x, (0, 2, 1)))

    y = Outer()(corten.Input((5, None)))
    assert y.shape == (None, None, 5)
    with pytest.raises(ValueError, match="must be known"):
        Outer()(corten.Input((None, 5)))


def test_no_new_state_after_building():
    layer = Block()
    layer(ONES)
    layer.note = "fine"
    layer.sizes = [1, 2]
    with pytest.raises(ValueError, match="already built"):
        layer.late = Scale()
    with pytest.raises(ValueError, match="already built"):
        layer.late = [Scale()]


def test_add_weight():
    layer = Layer()
    v = layer.add_weight(shape=(2, 2), initializer="zeros", regularizer="l2", constraint="non_neg", name="v")
    assert v.regularizer is not None
    assert v.constraint is not None
    assert layer.add_weight().shape == ()
    assert layer.add_weight(shape=3, dtype="int32", trainable=False).dtype == "int32"
    assert layer.add_weight(shape=(2,), initializer=lambda s, dtype: np.full(s, 5, dtype)).numpy()[0] == 5
    assert [w.trainable for w in layer.weights] == [True, True, True, False]


# ---- tracking ----------------------------------------------------------------------------------


def test_sublayers_in_containers():
    block = Block()
    block.rest.append(Scale())
    block(ONES)
    assert len(block._flatten_layers()) == 5
    assert len(block.weights) == 3
    assert len({v.path for v in block.weights}) == 3


def test_shared_layers_count_once():
    shared = Scale()
    block = Layer()
    block.a = shared
    block.b = [shared]
    shared(ONES)
    assert len(block.variables) == 1


def test_replacing_and_deleting_attributes():
    layer = Layer()
    layer.v = corten.Variable([1.0])
    layer.v = corten.Variable([2.0])
    assert [float(v[0]) for v in layer.variables] == [2]
    del layer.v
    assert layer.variables == []
    layer.child = Scale()
    layer.child = None
    assert layer._layers == []


def test_trainable():
    block = Block()
    block(ONES)
    assert len(block.trainable_variables) == 3
    block.first.trainable = False
    assert len(block.trainable_variables) == 2
    assert len(block.non_trainable_variables) == 1
    assert not block.first.scale.value.requires_grad
    block.trainable = False
    assert block.trainable_variables == []
    assert not block.rest[0].trainable
    block.trainable = True
    assert len(block.trainable_variables) == 3


def test_frozen_before_building():
    layer = Scale(trainable=False)
    layer(ONES)
    assert layer.trainable_variables == []
    assert not layer.scale.trainable


def test_random_states_are_variables_but_no_weights():
    layer = layers.Dropout(0.5)
    layer(ONES)
    assert len(layer.variables) == 1
    assert layer.weights == []
    assert layer.trainable_variables == []


def test_get_and_set_weights():
    block = Block()
    block(ONES)
    values = [np.full(3, i, "float32") for i in range(3)]
    block.set_weights(values)
    for value, weight in zip(values, block.get_weights(), strict=True):
        np.testing.assert_array_equal(value, weight)
    with pytest.raises(ValueError, match="weight list of length 1"):
        block.set_weights(values[:1])
    with pytest.raises(ValueError, match="not compatible"):
        block.set_weights([np.zeros(3), np.zeros(3), np.zeros(4)])
    np.testing.assert_array_equal(block.get_weights()[0], values[0])


def test_metrics_belong_to_the_layer():
    class Counting(Layer):
        def __init__(self):
            super().__init__()
            self.seen = corten.metrics.Mean(name="seen")

        def call(self, x):
            self.seen.update_state(ops.sum(x))
            return x

    layer = Counting()
    layer(ONES)
    assert [m.name for m in layer.metrics] == ["seen"]
    assert float(layer.seen.result()) == 6
    assert layer.variables == []
    assert len(layer.metrics_variables) == 2


# ---- calling -----------------------------------------------------------------------------------


def test_training_is_inherited():
    seen = []

    class Inner(Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def call(self, x):
            return self.inner(x)

    outer = Outer()
    for _ in range(2):
        outer(ONES)
        outer(ONES, training=True)
        outer(ONES, training=False)
    assert seen == [None, True, False] * 2
    block = Block()
    assert float(block(ONES, training=True)[0, 0]) == float(block(ONES)[0, 0]) + 1


def test_training_of_an_inner_call_wins():
    seen = []

    class Inner(Layer):
        def call(self, x, training=None):
            seen.append(training)
            return x

    class Outer(Layer):
        def __init__(self):
            super().__init__()
            self.inner = Inner()

        def call(self, x, training=None):
            return self.inner(self.inner(x, training=False))

    Outer()(ONES, training=True)
    assert seen == [False, True]


def test_inputs_are_converted():
    layer = Scale()
    assert layer(ONES.astype("float64")).dtype == "float32"
    assert layer(ONES).dtype == "float32"
    assert layer(corten.tensor(ONES, dtype="float16")).dtype == "float32"
    assert Scale(dtype="float64")(ONES).dtype == "float64"


def test_mixed_precision():
    layer = layers.Dense(4, dtype="mixed_bfloat16")
    for _ in range(3):
        y = layer(ONES)
    assert y.dtype == "bfloat16"
    assert layer.kernel.dtype == "float32"
    assert layer.compute_dtype == "bfloat16"
    with corten.GradientTape() as tape:
        loss = ops.sum(ops.cast(layer(ONES), "float32"))
    assert tape.gradient(loss, layer.kernel).dtype == "float32"


def test_a_full_precision_layer_inside_a_mixed_one():
    class Outer(Layer):
        def __init__(self):
            super().__init__(dtype="mixed_bfloat16")
            self.inner = layers.Dense(2, dtype="float32")

        def call(self, x):
            assert x.dtype == "bfloat16"
            return self.inner(x)

    outer = Outer()
    for _ in range(3):
        assert outer(ONES).dtype == "float32"


def test_errors_name_the_layers():
    class Outer(Layer):
        def __init__(self):
            super().__init__(name="outer")
            self.dense = layers.Dense(2, name="inner")

        def call(self, x):
            return self.dense(x) @ corten.ops.ones((7, 7))

    with pytest.raises(ValueError, match="matmul") as caught:
        Outer()(ONES)
    assert "layer 'outer' (Outer), input shape (2, 3)" in caught.value.__notes__

    dense = layers.Dense(2, name="out")
    dense(ONES)
    for _ in range(2):
        with pytest.raises(ValueError, match="expected axis -1 of input shape to have value 3") as caught:
            dense(np.ones((32, 784), "float32"))
        assert caught.value.__notes__ == ["layer 'out' (Dense), input shape (32, 784)"]


def test_call_is_needed():
    with pytest.raises(NotImplementedError, match="call"):
        Layer()(ONES)


# ---- specs -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"ndim": 3}, "expected ndim=3, found ndim=2"),
        ({"min_ndim": 3}, "expected min_ndim=3, found ndim=2"),
        ({"max_ndim": 1}, "expected max_ndim=1, found ndim=2"),
        ({"axes": {-1: 4}}, "expected axis -1 of input shape to have value 4"),
        ({"shape": (None, 4)}, r"expected shape=\(None, 4\), found shape=\(2, 3\)"),
        ({"dtype": "int32"}, "expected dtype=int32, found dtype=float32"),
    ],
)
def test_input_spec(spec, message):
    layer = Scale()
    layer.input_spec = InputSpec(**spec)
    with pytest.raises(ValueError, match=message):
        layer(ONES)


def test_number_of_inputs():
    layer = Scale()
    layer.input_spec = [InputSpec(ndim=2), InputSpec(ndim=2)]
    with pytest.raises(ValueError, match=r"expects 2 input\(s\)"):
        layer(ONES)


def test_input_spec_itself():
    spec = InputSpec(shape=(None, 3), dtype="float32")
    assert repr(InputSpec.from_config(spec.get_config())) == repr(spec)
    with pytest.raises(TypeError, match="integer keys"):
        InputSpec(axes={"a": 1})
    with pytest.raises(ValueError, match="too large"):
        InputSpec(ndim=2, axes={2: 5})


# ---- losses ------------------------------------------------------------------------------------


def test_losses_of_calls_and_regularizers():
    class Noisy(Layer):
        def __init__(self):
            super().__init__()
            self.dense = layers.Dense(2, kernel_regularizer="l2", activity_regularizer="l2")

        def call(self, x):
            self.add_loss(ops.sum(x))
            return self.dense(x)

    layer = Noisy()
    for _ in range(3):
        y = layer(ONES)
    values = [float(loss) for loss in layer.losses]
    assert len(values) == 3
    assert values[0] == 6
    np.testing.assert_allclose(values[2], 0.01 * (layer.dense.kernel.numpy() ** 2).sum(), rtol=1e-5)
    assert values[1] > 0
    assert y.shape == (2, 2)


def test_a_layer_called_twice_keeps_both_losses():
    class Twice(Layer):
        def __init__(self):
            super().__init__()
            self.penalty = layers.ActivityRegularization(l1=1.0)

        def call(self, x):
            return self.penalty(self.penalty(x))

    layer = Twice()
    layer(ONES)
    layer(ONES)
    assert len(layer.losses) == 2


# ---- masks -------------------------------------------------------------------------------------


def test_masks_travel_with_tensors():
    embedding = layers.Embedding(5, 3, mask_zero=True)
    seen = []

    class Reader(Layer):
        supports_masking = True

        def call(self, x, mask=None):
            seen.append(None if mask is None else mask.numpy().tolist())
            return x

    reader = Reader()
    ids = np.array([[1, 2, 0]])
    for _ in range(2):
        x = embedding(ids)
        reader(reader(x))
    assert seen == [[[True, True, False]]] * 4
    reader(np.ones((1, 3, 3), "float32"))
    assert seen[-1] is None


def test_layers_without_mask_support_warn():
    class Plain(Layer):
        def call(self, x):
            return x * 1

    x = layers.Embedding(5, 3, mask_zero=True)(np.array([[1, 0]]))
    with pytest.warns(UserWarning, match="does not support masking"):
        Plain()(x)


def test_masks_in_functional_models():
    ids = corten.Input((3,), dtype="int32")
    x = layers.Embedding(5, 2, mask_zero=True)(ids)
    model = corten.Model(ids, layers.GlobalAveragePooling1D()(x))
    short, long = model(np.array([[1, 0, 0]])).numpy(), model(np.array([[1, 1, 1]])).numpy()
    np.testing.assert_allclose(short, long, rtol=1e-6)


# ---- shapes ------------------------------------------------------------------------------------


def test_output_shapes_follow_from_call():
    assert Block().compute_output_shape((None, 3)) == (None, 3)
    layer = layers.Conv2D(4, 3, strides=2)
    assert layer.compute_output_shape((None, 28, None, 1)) == (None, 13, None, 4)
    assert not layer.built
    assert layers.Dense(5).compute_output_spec(corten.KerasTensor((2, 3))).shape == (2, 5)


def test_an_own_compute_output_shape_is_believed():
    class Host(Layer):
        def call(self, x):
            return corten.tensor(np.asarray(x.numpy())[:, :1])

        def compute_output_shape(self, input_shape):
            return (input_shape[0], 1)

    layer = Host()
    model = corten.Model(x := corten.Input((4,)), layer(x))
    assert model.output_shape == (None, 1)
    assert model(np.ones((2, 4), "float32")).shape == (2, 1)


def test_stateless_call():
    layer = layers.BatchNormalization(momentum=0.5)
    layer(ONES)
    kept = [v.numpy().copy() for v in layer.variables]
    outputs, new = layer.stateless_call(
        [v.value for v in layer.trainable_variables],
        [v.value for v in layer.non_trainable_variables],
        ONES * 4,
        training=True,
    )
    assert outputs.shape == (2, 3)
    np.testing.assert_allclose(new[0].numpy(), [2, 2, 2])
    for before, variable in zip(kept, layer.variables, strict=True):
        np.testing.assert_array_equal(before, variable.numpy())
    with pytest.raises(ValueError, match="expected 2 variables"):
        layer.stateless_call([], [], ONES)


# ---- configurations ----------------------------------------------------------------------------


def test_init_arguments_are_captured():
    layer = Scale(3.0, name="s", dtype="float64", trainable=False)
    config = layer.get_config()
    assert config["factor"] == 3.0
    again = Scale.from_config(config)
    assert (again.name, again.factor, again.dtype, again.trainable) == ("s", 3.0, "float64", False)


def test_init_without_kwargs():
    class Plain(Layer):
        def __init__(self, size):
            super().__init__(name="fixed")
            self.size = size

    assert Plain.from_config(Plain(3).get_config()).size == 3


def test_arguments_that_cannot_be_written():
    class Holder(Layer):
        def __init__(self, thing):
            super().__init__()

    with pytest.raises(NotImplementedError, match="get_config"):
        Holder(object()).get_config()


def test_from_config_explains_itself():
    with pytest.raises(TypeError, match="Error when deserializing class 'Dense'"):
        layers.Dense.from_config({"unit": 3})


def test_build_config():
    layer = layers.Dense(2)
    layer(ONES)
    again = layers.Dense.from_config(layer.get_config())
    again.build_from_config(layer.get_build_config())
    assert again.kernel.shape == (3, 2)


def test_weights_are_not_created_in_call():
    class Bad(Layer):
        def call(self, x):
            self.w = self.add_weight(shape=(), initializer="zeros")
            return x

    with pytest.raises(ValueError, match="cannot add new elements of state"):
        Bad()(ONES)


def test_losses_added_now_and_then_do_not_pile_up():
    class Sometimes(Layer):
        def call(self, x, training=None):
            if training:
                self.add_loss(ops.sum(x))
            return x

    layer = Sometimes()
    layer(ONES)
    layer(ONES)
    for _ in range(3):
        layer(ONES, training=True)
        assert len(layer.losses) == 1
    layer(ONES)
    assert layer.losses == []


@pytest.mark.parametrize("size", [0, 1, 5])
def test_the_penalty_on_activities_does_not_depend_on_the_size_of_the_batch(size):
    layer = layers.ActivityRegularization(l2=0.1)
    layer(np.full((size, 5), 2.0, "float32"))
    assert [float(loss) for loss in layer.losses] == [pytest.approx(2.0 if size else 0.0)]
