"""Activations, regularizers, constraints, initializers and schedules."""

# fmt: off

from __future__ import annotations

from typing import Any

from tests.parity.cases import Case

X = ((4, 6), "spread")


def case(name: str, make: Any, *inputs: Any, **options: Any) -> Case:
    return Case(name, make, inputs, **options)


ACTIVATIONS = (
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_swish", "hard_tanh", "leaky_relu",
    "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink", "softmax", "softplus",
    "softsign", "sparse_plus", "sparse_sigmoid", "squareplus", "swish", "tanh", "tanh_shrink", "threshold",
)

FUNCTIONS = [
    *[case(f"activation.{name}", lambda K, n=name: (lambda x: getattr(K.activations, n)(x, 0.3, 0.1)) if n == "threshold" else getattr(K.activations, n), X) for name in ACTIVATIONS],
    case("activation.gelu tanh", lambda K: lambda x: K.activations.gelu(x, approximate=True), X),
    case("activation.relu options", lambda K: lambda x: K.activations.relu(x, negative_slope=0.1, max_value=1.0, threshold=0.2), X),
    case("activation.elu alpha", lambda K: lambda x: K.activations.elu(x, alpha=0.4), X),
    case("activation.celu alpha", lambda K: lambda x: K.activations.celu(x, alpha=0.4), X),
    case("activation.leaky_relu slope", lambda K: lambda x: K.activations.leaky_relu(x, negative_slope=0.05), X),
    case("activation.softmax axis", lambda K: lambda x: K.activations.softmax(x, axis=0), X),
    case("activation.glu axis", lambda K: lambda x: K.activations.glu(x, axis=0), X),
    case("L1", lambda K: K.regularizers.L1(0.02), X),
    case("L2", lambda K: K.regularizers.L2(0.02), X),
    case("L1L2", lambda K: K.regularizers.L1L2(0.02, 0.03), X),
    case("OrthogonalRegularizer rows", lambda K: K.regularizers.OrthogonalRegularizer(0.1, mode="rows"), X),
    case("OrthogonalRegularizer columns", lambda K: K.regularizers.OrthogonalRegularizer(0.1, mode="columns"), X),
    case("MaxNorm", lambda K: K.constraints.MaxNorm(1.0), X, gradient=False),
    case("MaxNorm axis", lambda K: K.constraints.MaxNorm(1.0, axis=1), X, gradient=False),
    case("MinMaxNorm", lambda K: K.constraints.MinMaxNorm(0.5, 1.0, rate=0.7), X, gradient=False),
    case("NonNeg", lambda K: K.constraints.NonNeg(), X, gradient=False),
    case("UnitNorm", lambda K: K.constraints.UnitNorm(axis=(0, 1)), X, gradient=False),
]

BIG = (300, 200)
_INITIALIZERS: dict[str, dict[str, Any]] = {
    "GlorotNormal": {}, "GlorotUniform": {}, "HeNormal": {}, "HeUniform": {}, "LecunNormal": {}, "LecunUniform": {},
    "RandomNormal": {"mean": 0.0, "stddev": 0.2}, "RandomUniform": {"minval": -0.3, "maxval": 0.3}, "TruncatedNormal": {"stddev": 0.1},
    "VarianceScaling": {"scale": 2.0, "mode": "fan_avg", "distribution": "untruncated_normal"}, "Orthogonal": {"gain": 2.0}, "OrthogonalInitializer": {},
}
INITIALIZERS = [
    # What is drawn differs, its statistics must not.
    *[case(name, lambda K, n=name, o=options: getattr(K.initializers, n)(seed=1, **o), arguments={"shape": BIG}, tolerance=0.02 if "Normal" not in name and name != "VarianceScaling" else 0.1) for name, options in _INITIALIZERS.items()],
    *[case(f"{name} kernel", lambda K, n=name: getattr(K.initializers, n)(seed=1), arguments={"shape": (3, 3, 40, 60)}, tolerance=0.02 if "Normal" not in name else 0.1) for name in ("GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "LecunNormal", "LecunUniform")],
    case("Zeros", lambda K: K.initializers.Zeros(), arguments={"shape": (2, 3), "exact": True}),
    case("Ones", lambda K: K.initializers.Ones(), arguments={"shape": (2, 3), "exact": True}),
    case("Constant", lambda K: K.initializers.Constant(1.5), arguments={"shape": (2, 3), "exact": True}),
    case("Identity", lambda K: K.initializers.Identity(gain=2.0), arguments={"shape": (3, 4), "exact": True}),
    case("IdentityInitializer", lambda K: K.initializers.IdentityInitializer(), arguments={"shape": (3, 3), "exact": True}),
    case("STFT real", lambda K: K.initializers.STFT("real", "hann", "density"), arguments={"shape": (20, 1, 17), "exact": True}),
    case("STFT imag", lambda K: K.initializers.STFT("imag", "hamming", "spectrum", True), arguments={"shape": (20, 1, 17), "exact": True}),
]

SCHEDULES = [
    case("ExponentialDecay", lambda K: K.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5)),
    case("ExponentialDecay staircase", lambda K: K.optimizers.schedules.ExponentialDecay(0.1, 10, 0.5, staircase=True)),
    case("PiecewiseConstantDecay", lambda K: K.optimizers.schedules.PiecewiseConstantDecay([5, 50], [1.0, 0.5, 0.1])),
    case("PolynomialDecay", lambda K: K.optimizers.schedules.PolynomialDecay(0.1, 50, 0.01, power=2.0)),
    case("PolynomialDecay cycle", lambda K: K.optimizers.schedules.PolynomialDecay(0.1, 10, 0.01, cycle=True)),
    case("InverseTimeDecay", lambda K: K.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5)),
    case("InverseTimeDecay staircase", lambda K: K.optimizers.schedules.InverseTimeDecay(0.1, 10, 0.5, staircase=True)),
    case("CosineDecay", lambda K: K.optimizers.schedules.CosineDecay(0.1, 50, alpha=0.1)),
    case("CosineDecay warmup", lambda K: K.optimizers.schedules.CosineDecay(0.0, 50, warmup_target=0.1, warmup_steps=10)),
    case("CosineDecayRestarts", lambda K: K.optimizers.schedules.CosineDecayRestarts(0.1, 10, t_mul=2.0, m_mul=0.9, alpha=0.01)),
]
