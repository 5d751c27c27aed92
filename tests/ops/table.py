"""One row per op: inputs, a NumPy or SciPy reference in float64, and what holds for it."""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np

from corten import ops


@dataclasses.dataclass(frozen=True)
class Values:
    """How one array argument is drawn."""

    shape: tuple[int, ...]
    low: float = -2.0
    high: float = 2.0
    kind: str = "float"
    fix: Callable[[np.ndarray], np.ndarray] | None = None

    def draw(self, generator: np.random.Generator) -> np.ndarray:
        if self.kind == "float":
            values = generator.uniform(self.low, self.high, self.shape)
        elif self.kind == "bool":
            values = generator.random(self.shape) < 0.5
        else:
            values = generator.integers(int(self.low), int(self.high), self.shape).astype(np.int32)
        return values if self.fix is None else self.fix(values)


def F(*shape, low=-2.0, high=2.0, fix=None):
    return Values(shape, low, high, "float", fix)


def I(*shape, low=-5, high=6, fix=None):  # noqa: E743
    return Values(shape, low, high, "int", fix)


def B(*shape):
    return Values(shape, kind="bool")


@dataclasses.dataclass(frozen=True)
class Row:
    """What the tests need to know of one op."""

    name: str
    inputs: tuple[Values, ...]
    reference: Callable[..., Any]
    call: Callable[..., Any]
    kwargs: dict[str, Any]
    differentiable: bool
    """Whether a gradient flows from (some) float input to (some) float output."""
    smooth: bool
    """Whether it has a second derivative to check."""
    layouts: bool
    """Whether inputs may be repeated along the first axis (no: positive definite matrices, ...)."""
    result: str | None
    """The dtype rule: same, sum, product, float, bool, int32; None is not checked over dtypes."""
    special: bool
    """Whether NaN and infinities are compared with the reference too (elementwise ops)."""
    tolerance: float
    id: str


ROWS: list[Row] = []


def find(name: str) -> Callable[..., Any]:
    """The public function of a (dotted) name in corten.ops."""
    target: Any = ops
    for part in name.split("."):
        target = getattr(target, part)
    return target


def row(
    name,
    inputs,
    reference,
    call=None,
    grad=None,
    smooth=True,
    layouts=True,
    result=None,
    special=False,
    tolerance=1e-10,
    **kwargs,
):
    """Adds a row. `grad` defaults to whether there is a float input and no fixed result dtype."""
    inputs = tuple(inputs)
    if grad is None:
        grad = result not in ("bool", "int32") and any(v.kind == "float" for v in inputs)
    count = sum(one.name == name for one in ROWS)
    ROWS.append(
        Row(
            name,
            inputs,
            reference,
            call or find(name),
            kwargs,
            grad,
            grad and smooth,
            layouts,
            result,
            special,
            tolerance,
            f"{name}-{count}" if count else name,
        )
    )


def draw(one: Row, seed: int = 0) -> list[np.ndarray]:
    """The arguments of a row, always the same."""
    generator = np.random.default_rng([seed, *one.id.encode()])
    return [values.draw(generator) for values in one.inputs]


def outputs(result: Any) -> list[Any]:
    """The tensors of a result."""
    return list(result) if isinstance(result, (tuple, list)) else [result]


from tests.ops.rows import elementwise, images, linear_algebra, networks, reductions, shapes  # noqa: E402, F401
