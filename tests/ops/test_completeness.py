"""Nothing is left out: every public op has a row, every engine op is reached, every op is symbolic too."""

import inspect
import pathlib
import re

import numpy as np
import pytest
from tests.ops.table import ROWS, draw, outputs

import corten
from corten import ops

NAMES = {one.name for one in ROWS}
# Public functions without a row, and where they are tested instead.
ELSEWHERE = {
    "convert_to_numpy": "gives an array; used by every test of values",
    "is_tensor": "docstring example",
    "shape": "docstring example",
    "ndim": "docstring example",
    "size": "docstring example",
    "dtype": "docstring example",
    "custom_gradient": "tests of automatic differentiation",
    "eig": "test_complex_numbers",
    "jvp": "tests of automatic differentiation",
    "zeros": "takes no tensor: test_creation",
    "ones": "takes no tensor: test_creation",
    "empty": "takes no tensor: test_creation",
    "arange": "takes no tensor: test_creation",
    "eye": "takes no tensor: test_creation",
    "identity": "takes no tensor: test_creation",
    "tri": "takes no tensor: test_creation",
    "hanning": "takes no tensor: test_creation",
    "hamming": "takes no tensor: test_creation",
    "blackman": "takes no tensor: test_creation",
    "bartlett": "takes no tensor: test_creation",
    "kaiser": "takes no tensor: test_creation",
}


def public() -> set[str]:
    names = {
        name for name, value in vars(ops).items() if not name.startswith("_") and inspect.isfunction(value)
    }
    return names | {f"image.{name}" for name, value in vars(ops.image).items() if inspect.isfunction(value)}


def test_every_public_op_has_a_row():
    assert public() - NAMES - set(ELSEWHERE) == set()
    assert set(ELSEWHERE) <= public()
    assert set(ELSEWHERE) & NAMES == set()


def test_namespaces_hold_the_same_functions():
    for space in (ops.numpy, ops.nn, ops.linalg):
        for name, value in vars(space).items():
            if inspect.isfunction(value) and not name.startswith("_") and hasattr(ops, name):
                assert getattr(ops, name) is value, name


# Which row reaches each op of the engine, by the name of the variant in rust/core/src/op.rs.
ENGINE = {
    "Op": {
        "Full": "full_like",
        "Iota": "linspace",
        "Random": "random",
        "RandomGamma": "random",
        "Unary": "exp",
        "Binary": "add",
        "Compare": "equal",
        "Select": "where",
        "Cast": "cast",
        "Reshape": "reshape",
        "Permute": "transpose",
        "Expand": "broadcast_to",
        "Slice": "slice",
        "Copy": "copy",
        "SliceScatter": "slice_update",
        "Pad": "pad",
        "Concat": "concatenate",
        "Gather": "take",
        "Scatter": "scatter",
        "TakeAlong": "take_along_axis",
        "ScatterAlong": "take_along_axis",
        "Reduce": "sum",
        "ArgReduce": "argmax",
        "Scan": "cumsum",
        "Sort": "sort",
        "TopK": "top_k",
        "SearchSorted": "searchsorted",
        "Matmul": "matmul",
        "WideMatmul": "matmul",
        "Linalg": "inv",
        "Conv": "conv",
        "ConvGradInput": "conv_transpose",
        "ConvGradWeight": "conv",
        "MaxPool": "max_pool",
        "MaxPoolGrad": "max_pool",
        "MaxPoolSelect": "max_pool",
        "AvgPool": "average_pool",
        "AvgPoolGrad": "average_pool",
        "Fused": "softmax",
    },
    "UnaryOp": {
        "Neg": "negative",
        "Abs": "absolute",
        "Asin": "arcsin",
        "Acos": "arccos",
        "Atan": "arctan",
        "Asinh": "arcsinh",
        "Acosh": "arccosh",
        "Atanh": "arctanh",
        "Polygamma": "digamma",
        "BesselI0": "i0",
        "BesselI1": "i1",
        "GeluTanh": "gelu",
        "Not": "bitwise_not",
        "IsNan": "isnan",
        "IsInf": "isinf",
        "IsFinite": "isfinite",
        "SignBit": "signbit",
    },
    "BinaryOp": {
        "Sub": "subtract",
        "Mul": "multiply",
        "Div": "divide",
        "FloorDiv": "floor_divide",
        "Pow": "power",
        "Max": "maximum",
        "Min": "minimum",
        "Atan2": "arctan2",
        "LogAddExp": "logaddexp",
        "And": "bitwise_and",
        "Or": "bitwise_or",
        "Xor": "bitwise_xor",
        "ShiftLeft": "left_shift",
        "ShiftRight": "right_shift",
    },
    "CompareOp": {
        "Eq": "equal",
        "Ne": "not_equal",
        "Lt": "less",
        "Le": "less_equal",
        "Gt": "greater",
        "Ge": "greater_equal",
    },
    "ReduceOp": {},
    "ArgReduceOp": {"Max": "argmax", "Min": "argmin"},
    # Running extremes have no public op: they are reached by the engine's own tests.
    "ScanOp": {"Sum": "cumsum", "Prod": "cumprod", "Max": "engine", "Min": "engine"},
    "ScatterMode": dict.fromkeys(("Set", "Add", "Mul", "Max", "Min"), "scatter_update"),
    "Distribution": dict.fromkeys(("Bits", "Uniform", "Normal", "TruncatedNormal", "Integers"), "random"),
    "LinalgOp": {"SlogDet": "slogdet", "SolveTriangular": "solve_triangular", "LuFactor": "lu_factor"},
    "Activation": dict.fromkeys(
        ("Linear", "Relu", "Sigmoid", "Tanh", "Gelu", "GeluTanh", "Silu"), "bias_activation"
    ),
    "FusedOp": {
        "LogSoftmax": "log_softmax",
        "CrossEntropy": "categorical_crossentropy",
        "SparseCrossEntropy": "sparse_categorical_crossentropy",
        "BinaryCrossEntropy": "binary_crossentropy",
        "LayerNorm": "layer_normalization",
        "RmsNorm": "rms_normalization",
        "BatchNorm": "batch_norm_training",
        "GroupNorm": "group_normalization",
        "BiasActivation": "bias_activation",
        "ConvBias": "conv_bias",
        "Dropout": "random",
        "Attention": "dot_product_attention",
    },
    "OptimizerOp": None,
}


def variants() -> dict[str, list[str]]:
    """The variants of each enum in the engine's list of ops."""
    source = (pathlib.Path(__file__).parents[2] / "rust/core/src/op.rs").read_text()
    found = {}
    for match in re.finditer(r"pub enum (\w+) \{\n(.*?)\n\}", source, re.S):
        # Variants stand at one level of indentation; fields of theirs deeper.
        found[match[1]] = re.findall(r"^    ([A-Z]\w*)", match[2], re.M)
    return found


def test_every_engine_op_is_reached():
    found = variants()
    assert set(found) == set(ENGINE)
    for enum, names in found.items():
        known = ENGINE[enum]
        if known is None:
            continue
        for variant in names:
            name = known.get(variant, variant.lower())
            assert name in NAMES | {"random", "engine"}, (
                f"{enum}::{variant} has no row; add one and name it here"
            )


# Results whose shape follows from values have no symbolic form; decompositions by Python code on
# values neither.
VALUE_SHAPED = {"nonzero", "unique", "where-1", "bincount-1", "histogram", "nextafter", "view", "binomial"}


@pytest.mark.parametrize("one", ROWS, ids=lambda one: one.id)
def test_symbolic_shapes(one):
    arrays = draw(one)
    if one.id in VALUE_SHAPED or one.id.split("-")[0] in VALUE_SHAPED:
        pytest.skip("the shape depends on values")
    concrete = outputs(one.call(*(corten.tensor(x) for x in arrays), **one.kwargs))
    symbols = [corten.KerasTensor(x.shape, dtype=str(x.dtype)) for x in arrays]
    symbolic = outputs(one.call(*symbols, **one.kwargs))
    assert len(symbolic) == len(concrete)
    for symbol, tensor in zip(symbolic, concrete, strict=True):
        assert symbol.shape == tensor.shape
        assert symbol.dtype == tensor.dtype


def test_creation():
    assert ops.zeros((2, 1)).tolist() == [[0.0], [0.0]]
    assert ops.ones(2, "bool").tolist() == [True, True]
    assert ops.empty(0).shape == (0,)
    for arguments in [(5,), (2, 9, 3), (9, 2, -2), (0.0, 1.0, 0.25)]:
        np.testing.assert_allclose(ops.arange(*arguments).numpy(), np.arange(*arguments))
    for k in (-1, 0, 2):
        np.testing.assert_array_equal(ops.eye(3, 4, k).numpy(), np.eye(3, 4, k))
        np.testing.assert_array_equal(ops.tri(3, 4, k).numpy(), np.tri(3, 4, k))
    np.testing.assert_array_equal(ops.identity(3).numpy(), np.identity(3))
    for name in ("hanning", "hamming", "blackman", "bartlett"):
        for count in (0, 1, 7):
            np.testing.assert_allclose(getattr(ops, name)(count).numpy(), getattr(np, name)(count), atol=1e-6)
    np.testing.assert_allclose(ops.kaiser(7, 8.6).numpy(), np.kaiser(7, 8.6), atol=1e-6)


def test_recorded_ops_survive_saving(tmp_path):
    inputs = corten.Input((8, 8, 3))
    x = ops.image.resize(inputs, (4, 4))
    x = ops.concatenate([x, ops.relu(x - 0.5)], -1)
    x = corten.layers.Dense(2)(ops.reshape(x, (-1, 96)))
    model = corten.Model(inputs, ops.softmax(x))
    model.save(tmp_path / "model.corten")
    images = np.random.default_rng(0).random((3, 8, 8, 3), np.float32)
    again = corten.models.load_model(tmp_path / "model.corten")
    assert (model.predict(images, verbose=0) == again.predict(images, verbose=0)).all()
