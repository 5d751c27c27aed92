"""Scopes of Keras: RematScope, SymbolicScope, device; names of keras.backend."""

import numpy as np
import pytest

import corten
from corten.autograd import remat
from corten.rematerialization import get_current_remat_mode
from corten.scopes import in_symbolic_scope


class Counted(corten.layers.Layer):
    """Counts its calls with values, and adds a penalty."""

    def build(self, input_shape):
        self.kernel = self.add_variable((input_shape[-1], 3), "ones", name="kernel")

    def call(self, inputs):
        self.calls = getattr(self, "calls", 0) + (inputs.device != "meta")
        self.add_loss(corten.ops.sum(inputs * inputs))
        return corten.ops.tanh(corten.ops.matmul(inputs, self.kernel))


def gradient(layer, x):
    x = corten.Variable(x)
    with corten.GradientTape() as tape:
        value = corten.ops.sum(layer(x.value)) + sum(layer.losses)
    return value, tape.gradient(value, [x, *layer.trainable_variables])


@pytest.mark.parametrize(
    ("scope", "calls"),
    [
        (corten.RematScope(), 2),
        (corten.RematScope("larger_than", output_size_threshold=5), 2),
        (corten.RematScope("larger_than", output_size_threshold=6), 1),
        (corten.RematScope("list_of_layers", layer_names=["counted"]), 2),
        (corten.RematScope("list_of_layers", layer_names=["other"]), 1),
        (corten.RematScope("activations"), 1),
        (corten.RematScope(None), 1),
    ],
)
def test_the_gradient_calls_again_what_the_mode_says_and_has_the_same_bits(scope, calls):
    x = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
    plain = Counted(name="counted")
    with scope:
        layer = Counted(name="counted")
    for one in (plain, layer):
        one(x)
        one.calls = 0
    expected_value, expected = gradient(plain, x)
    value, gradients = gradient(layer, x)
    assert (plain.calls, layer.calls) == (1, calls)
    assert float(value) == float(expected_value)
    for one, other in zip(gradients, expected, strict=True):
        np.testing.assert_array_equal(one.numpy(), other.numpy())


def test_a_call_that_fails_while_its_size_is_found_is_over():
    with corten.RematScope("larger_than"):
        layer = Counted()
    layer.build((None, 4))
    with pytest.raises(ValueError, match="matmul"):
        layer(np.ones((2, 5), "float32"))
    plain = Counted()
    plain(np.ones((2, 4), "float32"))
    plain(np.ones((2, 4), "float32"))
    assert len(plain.losses) == 1


def test_an_activation_is_computed_again():
    calls = []

    def activation(x):
        calls.append(1)
        return corten.ops.tanh(x)

    x = corten.ops.ones((2, 4))
    with corten.RematScope("activations"):
        layer = corten.layers.Dense(3, activation=activation, kernel_initializer="ones")
    layer(x)
    calls.clear()
    (found,) = gradient(layer, x)[1][1:2]
    assert len(calls) == 2
    assert layer.activation is activation
    np.testing.assert_allclose(found, np.full((4, 3), 2 * (1 - np.tanh(4.0) ** 2)), rtol=1e-4)


def small_model():
    corten.utils.set_random_seed(3)
    return corten.Sequential(
        [
            corten.Input((6,)),
            corten.layers.Dense(8, activation="gelu"),
            corten.layers.BatchNormalization(),
            corten.layers.Dropout(0.5, seed=1),
            corten.layers.Dense(1),
        ]
    )


@pytest.mark.parametrize("mode", ["full", "activations", "larger_than"])
def test_fit_gives_the_same_model(mode):
    x = np.random.default_rng(0).normal(size=(48, 6)).astype("float32")
    y = x.sum(1, keepdims=True)
    plain = small_model()
    with corten.RematScope(mode, output_size_threshold=10):
        model = small_model()
    for one in (plain, model):
        corten.utils.set_random_seed(4)  # The order of the rows.
        one.compile("adam", "mse")
        one.fit(x, y, epochs=3, batch_size=16, verbose=0)
    for one, other in zip(model.get_weights(), plain.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_scopes_nest_and_know_their_modes():
    assert get_current_remat_mode() is None
    with corten.RematScope("full"), corten.RematScope(None):
        assert get_current_remat_mode().mode is None
    assert get_current_remat_mode() is None
    with pytest.raises(ValueError, match=r"RematScope: expected `mode` to be one of 'full'.*got 'some'"):
        corten.RematScope("some")


def test_rematerialized_call_without_a_scope_is_the_call():
    layer = corten.layers.Dense(2)
    assert layer.rematerialized_call(remat, corten.ops.ones((1, 2))) is remat


def test_symbolic_scope():
    seen = []

    class Asks(corten.layers.Layer):
        def call(self, x):
            seen.append(in_symbolic_scope())
            return x

    with corten.SymbolicScope(), corten.SymbolicScope():
        assert in_symbolic_scope()
    assert not in_symbolic_scope()
    Asks()(corten.Input((2,)))
    Asks()(corten.ops.ones((1, 2)))
    assert seen == [True, True, False]


@pytest.mark.parametrize("name", ["gpu:0", "cuda", "cpu:1", 3])
def test_device_knows_the_cpu_only(name):
    with corten.device("CPU:0"):
        assert corten.ops.ones(1).device == "cpu"
    with pytest.raises(ValueError, match="device: "), corten.device(name):
        pass


@pytest.mark.parametrize(
    ("dtypes", "result"),  # As Keras 3.15 with JAX.
    [
        (("int32", "float32"), "float32"),
        ((float, "int32"), "float32"),
        (("bfloat16", int), "bfloat16"),
        ((), "float32"),
        (("bool", "uint8"), "uint8"),
        (("float16", "bfloat16"), "float32"),
        (("int64", "float32"), "float32"),
        (("uint32", int), "uint32"),
        ((int,), "int32"),
        ((bool, int), "int32"),
        (("int8", np.float16), "float16"),
    ],
)
def test_result_type(dtypes, result):
    assert corten.backend.result_type(*dtypes) == result


def test_result_type_names_what_is_no_dtype():
    with pytest.raises(ValueError, match="Invalid dtype: 'flaot32'"):
        corten.backend.result_type("int8", "flaot32")


def test_is_int_dtype():
    assert [corten.backend.is_int_dtype(d) for d in ("int8", "uint64", int, "bool", "float16")] == [
        True, True, True, False, False,
    ]  # fmt: skip


def test_masks_are_set_and_read():
    x = corten.ops.ones((2, 3))
    assert corten.backend.get_keras_mask(x) is None
    mask = corten.ops.array([[True, False, True], [True, True, True]])
    corten.backend.set_keras_mask(x, mask)
    assert corten.backend.get_keras_mask(x) is mask
    corten.backend.set_keras_mask(x, None)
    assert corten.backend.get_keras_mask(x) is None


def test_autocast_scope_shows_variables_in_a_dtype():
    variable = corten.Variable([70000.0])
    fixed = corten.Variable([70000.0], autocast=False)
    with corten.backend.AutocastScope("float16"):
        assert (variable.value.dtype, fixed.value.dtype) == ("float16", "float32")
    assert variable.value.dtype == "float32"
