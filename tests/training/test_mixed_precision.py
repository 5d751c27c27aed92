"""Training under mixed policies: dtypes of weights and results, loss scaling, saving."""

import numpy as np
import pytest

import corten
from corten import layers, mixed_precision, ops, optimizers

RNG = np.random.default_rng(5)
X = RNG.normal(size=(64, 6)).astype("float32")
Y = (X @ RNG.normal(size=(6, 1)) > 0).astype("float32")


def model_of(policy):
    corten.utils.set_random_seed(3)
    return corten.Sequential(
        [
            corten.Input((6,)),
            layers.Dense(16, activation="relu", dtype=policy),
            layers.LayerNormalization(dtype=policy),
            layers.Dense(1, activation="sigmoid", dtype="float32"),
        ]
    )


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_learning_is_close_to_float32(policy):
    losses = {}
    for name in ("float32", policy):
        model = model_of(name)
        model.compile("adam", "binary_crossentropy")
        history = model.fit(X, Y, batch_size=16, epochs=8, verbose=0, shuffle=False)
        losses[name] = history.history["loss"]
        assert {str(weight.dtype) for weight in model.weights} == {"float32"}
        assert model.predict(X, verbose=0).dtype == np.float32
    np.testing.assert_allclose(losses[policy], losses["float32"], rtol=0.03)
    assert losses[policy][-1] < losses[policy][0]


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_the_global_policy_reaches_layers_made_later(policy):
    before = corten.config.dtype_policy()
    mixed_precision.set_global_policy(policy)
    try:
        model = corten.Sequential([corten.Input((6,)), layers.Dense(2)])
        model.compile("sgd", "mse")
    finally:
        corten.config.set_dtype_policy(before)
    assert model.layers[0].compute_dtype == policy.removeprefix("mixed_")
    assert model.layers[0].variable_dtype == "float32"
    assert isinstance(model.optimizer, optimizers.LossScaleOptimizer) == (policy == "mixed_float16")
    assert layers.Dense(2).compute_dtype == "float32"


def test_a_policy_survives_saving(tmp_path):
    model = model_of("mixed_bfloat16")
    model.save(tmp_path / "model.corten")
    loaded = corten.models.load_model(tmp_path / "model.corten")
    assert [layer.dtype_policy.name for layer in loaded.layers] == [
        layer.dtype_policy.name for layer in model.layers
    ]
    np.testing.assert_array_equal(loaded.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize(
    "shapes", [((7, 300), (300, 90)), ((200, 65), (65, 130)), ((3, 40, 33), (3, 33, 50))]
)
def test_products_are_rounded_once(dtype, shapes):
    left, right = (ops.cast(RNG.normal(size=shape), dtype) for shape in shapes)
    got = ops.matmul(left, right)
    want = ops.cast(ops.matmul(ops.cast(left, "float64"), ops.cast(right, "float64")), "float32")
    assert got.dtype == dtype
    unit = 2.0**-8 if dtype == "bfloat16" else 2.0**-11
    np.testing.assert_allclose(ops.cast(got, "float32").numpy(), want.numpy(), rtol=1.01 * unit, atol=1e-4)


def test_products_of_bytes():
    left, right = (RNG.integers(-128, 128, shape).astype("int8") for shape in ((40, 70), (70, 33)))
    want = left.astype("int64") @ right.astype("int64")
    # As in Keras: these sum in int32, the others in the dtype itself.
    for wide in (ops.matmul(left, right), ops.einsum("ij,jk->ik", left, right), corten.tensor(left) @ right):
        assert wide.dtype == "int32"
        np.testing.assert_array_equal(wide.numpy(), want)
    for narrow in (ops.dot(left, right), ops.tensordot(left, right, 1), ops.inner(left, right.T)):
        assert narrow.dtype == "int8"
        np.testing.assert_array_equal(narrow.numpy(), want.astype("int8"))
    unsigned = ops.matmul(left.astype("uint8"), right.astype("uint8"))
    assert unsigned.dtype == "uint8"
    np.testing.assert_array_equal(unsigned.numpy(), want.astype("uint8"))


@pytest.mark.parametrize(
    "shapes",
    [
        ((3, 4), (4, 0)),
        ((0, 4), (4, 5)),
        ((3, 0), (0, 5)),
        ((2, 1, 3, 4), (3, 4, 2)),
        ((70,), (2, 70, 3)),
        ((9, 33), (33,)),
    ],
)
def test_products_of_bytes_of_any_shape(shapes):
    left, right = (RNG.integers(-128, 128, shape).astype("int8") for shape in shapes)
    want = left.astype("int32") @ right.astype("int32")
    got = ops.matmul(left, right)
    assert (got.dtype, got.shape) == ("int32", want.shape)
    np.testing.assert_array_equal(got.numpy(), want)
    # The same with the summed axis of both backwards.
    axis = max(right.ndim - 2, 0) - right.ndim
    got = ops.matmul(corten.tensor(left)[..., ::-1], ops.flip(corten.tensor(right), axis))
    np.testing.assert_array_equal(got.numpy(), want)


def test_sums_of_bytes_do_not_overflow():
    ones = np.full((3, 5000), -128, "int8")
    assert ops.matmul(ones, ones.T).tolist() == [[128 * 128 * 5000] * 3] * 3
    assert ops.einsum("ij->i", ones).tolist() == [-128 * 5000] * 3
    few = ones[:, :2]
    assert ops.einsum("ij,kj,k->i", few, few, few[:, 0]).tolist() == [-(128**3) * 6] * 3
    assert ops.einsum("ij->ji", few).dtype == "int32"


def test_products_of_bytes_that_do_not_fit():
    with pytest.raises(corten.ShapeError, match=r"matmul.*a=\(2, 3\), b=\(4, 3\)"):
        ops.matmul(np.zeros((2, 3), "int8"), np.zeros((4, 3), "int8"))
