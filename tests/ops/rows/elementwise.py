"""Rows of elementwise ops."""

import numpy as np
from scipy import special
from tests.ops.table import B, F, I, row

X = F(3, 4)
PLUS = F(3, 4, low=0.3, high=3.0)
UNIT = F(3, 4, low=-0.9, high=0.9)

for name, domain, reference in [
    ("sqrt", PLUS, np.sqrt),
    ("rsqrt", PLUS, lambda x: 1 / np.sqrt(x)),
    ("cbrt", PLUS, np.cbrt),
    ("reciprocal", PLUS, lambda x: 1 / x),
    ("exp", X, np.exp),
    ("exp2", X, np.exp2),
    ("expm1", X, np.expm1),
    ("log", PLUS, np.log),
    ("log2", PLUS, np.log2),
    ("log10", PLUS, np.log10),
    ("log1p", PLUS, np.log1p),
    ("erf", X, special.erf),
    ("erfc", X, special.erfc),
    ("erfinv", UNIT, special.erfinv),
    ("lgamma", PLUS, special.gammaln),
    ("digamma", PLUS, special.digamma),
    ("i0", X, special.i0),
    ("i1", X, special.i1),
    ("sin", X, np.sin),
    ("cos", X, np.cos),
    ("tan", UNIT, np.tan),
    ("arcsin", UNIT, np.arcsin),
    ("arccos", UNIT, np.arccos),
    ("arctan", X, np.arctan),
    ("sinh", X, np.sinh),
    ("cosh", X, np.cosh),
    ("tanh", X, np.tanh),
    ("arcsinh", X, np.arcsinh),
    ("arccosh", F(3, 4, low=1.2, high=3.0), np.arccosh),
    ("arctanh", UNIT, np.arctanh),
    ("deg2rad", X, np.deg2rad),
    ("rad2deg", X, np.rad2deg),
    ("sinc", X, np.sinc),
]:
    # Steep or piecewise special functions at NaN and infinity are pinned in test_forward.
    row(
        name,
        [domain],
        reference,
        result="float",
        special=name not in ("lgamma", "digamma", "sinc", "i0", "i1"),
    )

row("absolute", [X], np.abs, result="same", special=True)
row("abs", [X], np.abs, result="same")
row("fabs", [X], np.abs, result="float")
row("negative", [X], np.negative, result="same", special=True)
row("sign", [X], np.sign, result="same", special=True)
row("square", [X], np.square, result="same", special=True)
row("angle", [X], np.angle, result="float")
row("floor", [X], np.floor, result="float", special=True)
row("ceil", [X], np.ceil, result="float", special=True)
row("trunc", [X], np.trunc, result="same", special=True)
row("round", [X], np.round, result="same", special=True)
row("round", [X], lambda x: np.round(x, 1), decimals=1)
row("round", [F(3, 4, low=-500, high=500)], lambda x: np.round(x, -2), decimals=-2)
row("nan_to_num", [X], np.nan_to_num, special=True)
row("nan_to_num", [X], lambda x: np.nan_to_num(x, nan=1, posinf=2, neginf=3), nan=1.0, posinf=2.0, neginf=3.0)
row("real", [X], np.real, result="same")
row("imag", [X], np.imag, result="same", grad=False)
row("conjugate", [X], np.conjugate, result="same")
row("conj", [X], np.conjugate)
row("isnan", [X], np.isnan, result="bool", special=True)
row("isinf", [X], np.isinf, result="bool", special=True)
row("isfinite", [X], np.isfinite, result="bool", special=True)
row("isposinf", [X], np.isposinf, result="bool", special=True)
row("isneginf", [X], np.isneginf, result="bool", special=True)
row("isreal", [X], np.isreal, result="bool")
row("signbit", [X], np.signbit, result="bool", special=True)
row("logical_not", [B(3, 4)], np.logical_not, result="bool")
row("bitwise_not", [I(3, 4)], np.bitwise_not)
row("bitwise_invert", [I(3, 4)], np.bitwise_not)

Y = F(4)
DIVISOR = F(4, low=0.5, high=2.0)
row("add", [X, Y], np.add, result="same", special=True)
row("subtract", [X, Y], np.subtract, result="same", special=True)
row("multiply", [X, Y], np.multiply, result="same", special=True)
row("divide", [X, DIVISOR], np.divide, result="float", special=True)
row("true_divide", [X, DIVISOR], np.divide)
row(
    "divide_no_nan",
    [X, F(4, fix=lambda x: np.where(x > 0, x, 0))],
    lambda a, b: np.where(b == 0, 0, a / np.where(b == 0, 1, b)),
    layouts=False,
    grad=False,
)
row("divide_no_nan", [X, DIVISOR], np.divide)
row("floor_divide", [X, DIVISOR], np.floor_divide, result="same", grad=False)
row("mod", [X, DIVISOR], np.mod, result="same", smooth=False)
row("fmod", [X, DIVISOR], np.fmod, result="same", smooth=False)
row("power", [PLUS, Y], np.power, result="same")
row("power", [X], lambda x: x**3, call=lambda x: find_power(x))
row("maximum", [X, Y], np.maximum, result="same", special=True)
row("minimum", [X, Y], np.minimum, result="same", special=True)
row("fmax", [X, Y], np.fmax, special=True)
row("fmin", [X, Y], np.fmin, special=True)
row("arctan2", [X, DIVISOR], np.arctan2, result="float")
row("hypot", [X, DIVISOR], np.hypot, result="float")
row("logaddexp", [X, Y], np.logaddexp, result="float")
row("logaddexp2", [X, Y], np.logaddexp2, result="float")
row("heaviside", [X, Y], np.heaviside, result="float")
row("copysign", [X, Y], np.copysign, result="float")
row("ldexp", [X, I(4)], np.ldexp)
row("nextafter", [X, Y], np.nextafter, grad=False)
row("gcd", [I(3, 4), I(4)], np.gcd)
row("lcm", [I(3, 4), I(4)], np.lcm)

for name, reference in [
    ("equal", np.equal),
    ("not_equal", np.not_equal),
    ("less", np.less),
    ("less_equal", np.less_equal),
    ("greater", np.greater),
    ("greater_equal", np.greater_equal),
]:
    row(name, [X, Y], reference, result="bool", special=True)
for name, reference in [
    ("logical_and", np.logical_and),
    ("logical_or", np.logical_or),
    ("logical_xor", np.logical_xor),
]:
    row(name, [B(3, 4), B(4)], reference, result="bool")
SHIFT = I(4, low=0, high=5)
for name, reference, other in [
    ("bitwise_and", np.bitwise_and, I(4)),
    ("bitwise_or", np.bitwise_or, I(4)),
    ("bitwise_xor", np.bitwise_xor, I(4)),
    ("left_shift", np.left_shift, SHIFT),
    ("right_shift", np.right_shift, SHIFT),
    ("bitwise_left_shift", np.left_shift, SHIFT),
    ("bitwise_right_shift", np.right_shift, SHIFT),
]:
    row(name, [I(3, 4), other], reference)
row("isclose", [X, Y], np.isclose, result="bool")
row("allclose", [X, X], np.allclose, grad=False)
row("isin", [I(3, 4), I(5)], np.isin)
row("isin", [I(3, 4), I(5)], lambda a, b: np.isin(a, b, invert=True), invert=True)
row("where", [B(3, 4), X, Y], np.where)
row(
    "select",
    [B(3, 4), X, Y],
    lambda c, a, b: np.select([c, ~c], [a, np.broadcast_to(b, a.shape)]),
    call=lambda c, a, b: select_two(c, a, b),
)
row("clip", [X], lambda x: np.clip(x, -1, 1), x_min=-1.0, x_max=1.0, result="same")
row("clip", [X, F(4, low=-1, high=0), F(4, low=0, high=1)], np.clip)
row(
    "saturate_cast",
    [F(3, 4, low=-500, high=500)],
    lambda x: np.clip(x, 0, 255).astype(np.uint8),
    dtype="uint8",
    grad=False,
)
row("cast", [X], lambda x: x.astype(np.int32), dtype="int32", grad=False)
row("cast", [X], lambda x: x, dtype="float64")


def find_power(x):
    from corten import ops

    return ops.power(x, 3)


def select_two(condition, one, other):
    from corten import ops

    return ops.select([condition, ops.logical_not(condition)], [one, ops.broadcast_to(other, one.shape)])


row("relu", [X], lambda x: np.maximum(x, 0), result="same", special=True)
row("relu6", [F(3, 4, low=-3, high=9)], lambda x: np.clip(x, 0, 6), result="same")
row("leaky_relu", [X], lambda x: np.where(x > 0, x, 0.2 * x), result="float")
row("leaky_relu", [X], lambda x: np.where(x > 0, x, 0.5 * x), negative_slope=0.5)
row("elu", [X], lambda x: np.where(x > 0, x, np.expm1(x)), result="float")
row("celu", [X], lambda x: np.where(x > 0, x, 0.5 * np.expm1(x / 0.5)), alpha=0.5)
row(
    "selu",
    [X],
    lambda x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * np.expm1(x)),
    result="float",
)
row("gelu", [X], lambda x: x * special.ndtr(x), approximate=False)
row(
    "gelu", [X], lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))), result="float"
)
row("sigmoid", [X], special.expit, result="float", special=True)
row("log_sigmoid", [X], lambda x: -np.logaddexp(0, -x), result="float")
row("silu", [X], lambda x: x * special.expit(x), result="float")
row("swish", [X], lambda x: x * special.expit(x))
row("softplus", [X], lambda x: np.logaddexp(0, x), result="float", special=True)
row("softsign", [X], lambda x: x / (1 + np.abs(x)), result="float")
row("hard_sigmoid", [F(3, 4, low=-5, high=5)], lambda x: np.clip(x / 6 + 0.5, 0, 1), result="float")
row("hard_silu", [F(3, 4, low=-5, high=5)], lambda x: x * np.clip(x / 6 + 0.5, 0, 1), result="float")
row("hard_swish", [F(3, 4, low=-5, high=5)], lambda x: x * np.clip(x / 6 + 0.5, 0, 1))
row("hard_tanh", [X], lambda x: np.clip(x, -1, 1), result="float")
row("hard_shrink", [X], lambda x: np.where(np.abs(x) > 0.5, x, 0), result="float")
row("soft_shrink", [X], lambda x: np.sign(x) * np.maximum(np.abs(x) - 0.5, 0), result="float")
row("tanh_shrink", [X], lambda x: x - np.tanh(x), result="float")
row("threshold", [X], lambda x: np.where(x > 0.5, x, -1.0), threshold=0.5, default_value=-1.0)
row("squareplus", [X], lambda x: (x + np.sqrt(x * x + 4)) / 2, result="float")
row("sparse_plus", [X], lambda x: np.where(x <= -1, 0, np.where(x < 1, (x + 1) ** 2 / 4, x)), result="float")
row("sparse_sigmoid", [X], lambda x: np.where(x <= -1, 0, np.where(x >= 1, 1, (x + 1) / 2)), result="float")
row("mish", [X], lambda x: x * np.tanh(np.logaddexp(0, x)), result="float")
row("glu", [X], lambda x: x[:, :2] * special.expit(x[:, 2:]))
row("softmax", [X], lambda x: special.softmax(x, -1), result="float")
row("softmax", [F(2, 3, 4)], lambda x: special.softmax(x, (0, 2)), axis=(0, 2))
row("log_softmax", [X], lambda x: special.log_softmax(x, -1), result="float")
row("log_softmax", [F(2, 3, 4)], lambda x: special.log_softmax(x, (0, 1)), axis=(0, 1))


def sparsemax(x):
    z = -np.sort(-x, -1)
    k = np.arange(1, x.shape[-1] + 1)
    total = np.cumsum(z, -1)
    size = (1 + k * z > total).sum(-1, keepdims=True)
    tau = (np.take_along_axis(total, size - 1, -1) - 1) / size
    return np.maximum(x - tau, 0)


row("sparsemax", [X], sparsemax, layouts=False)
