"""Cases for the comparison with Keras 3: how to make a thing, and what to feed it.

Every case is made by the same code on both sides: `make(K)` gets `keras` or `corten`. Inputs and weights are
drawn from the case's name, so they are not stored; `make_keras_values.py` stores what Keras made of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Case:
    """A thing made with a configuration, and its inputs.

    `inputs` are shapes, or pairs (shape, kind): see `draw`. `call` says how the thing is called, `extra` are
    arguments of the call that are drawn too.
    """

    name: str
    make: Callable[[Any], Any]
    inputs: tuple[Any, ...] = ()
    extra: dict[str, Any] = field(default_factory=dict)
    arguments: dict[str, Any] = field(default_factory=dict)
    listed: bool = False
    """Whether the inputs go in as one list."""
    gradient: bool = True
    tolerance: float = 1e-5


def draw(name: str, shape: tuple[int, ...], kind: str = "normal") -> np.ndarray:
    """Numbers that depend on a name only.

    Kinds: "normal", "uniform" (0 to 1), "positive" (0.5 to 1.5), "mask" (bools, the first of each row true),
        "binary",
    "probabilities" (sum 1 over the last axis), "one_hot", "signs" (-1 or 1), "spread" (no two close), or
    "below N" (integers).
    """
    random = np.random.Generator(np.random.Philox(zlib.crc32(name.encode())))
    if kind.startswith("below "):
        return random.integers(0, int(kind[6:]), shape).astype("int32")
    if kind == "mask":
        mask = random.random(shape) < 0.7
        mask[..., 0] = True
        return mask
    if kind == "prefix":
        lengths = random.integers(1, shape[-1] + 1, shape[:-1])
        return np.arange(shape[-1]) < lengths[..., None]
    if kind == "binary":
        return (random.random(shape) < 0.5).astype("float32")
    if kind == "signs":
        return np.where(random.random(shape) < 0.5, -1.0, 1.0).astype("float32")
    if kind == "one_hot":
        return np.eye(shape[-1], dtype="float32")[random.integers(0, shape[-1], shape[:-1])]
    if kind == "spread":
        size = int(np.prod(shape))
        return ((random.permutation(size) - size / 2 + 0.3) * (4 / size)).reshape(shape).astype("float32")
    values = random.random(shape)
    if kind == "uniform":
        return values.astype("float32")
    if kind == "positive":
        return (0.5 + values).astype("float32")
    if kind == "probabilities":
        values = values + 0.05
        return (values / values.sum(-1, keepdims=True)).astype("float32")
    assert kind == "normal", kind
    return random.normal(0.0, 1.0, shape).astype("float32")


def drawn(case: Case, spec: Any, label: str) -> Any:
    """One input: a shape, or a pair (shape, kind)."""
    if isinstance(spec, tuple) and len(spec) == 2 and isinstance(spec[1], str):
        return draw(f"{case.name} {label}", *spec)
    return draw(f"{case.name} {label}", spec)


def inputs_of(case: Case) -> list[np.ndarray]:
    """The inputs of a case."""
    return [drawn(case, spec, f"input {index}") for index, spec in enumerate(case.inputs)]


def extra_of(case: Case) -> dict[str, Any]:
    """The drawn arguments of a case's call."""
    return {
        name: [drawn(case, item, f"{name} {i}") for i, item in enumerate(spec)]
        if isinstance(spec, list)
        else drawn(case, spec, name)
        for name, spec in case.extra.items()
    }


def weights_of(case: Case, shapes: list[tuple[int, ...]], names: list[str]) -> list[np.ndarray]:
    """Values for the weights of a layer."""
    values = []
    for index, (shape, name) in enumerate(zip(shapes, names, strict=True)):
        kind = (
            "positive" if any(part in name for part in ("variance", "gamma", "scale", "stddev")) else "normal"
        )
        values.append(draw(f"{case.name} weight {index}", shape, kind) * np.float32(0.5))
    return values


def _families() -> dict[str, list[Case]]:
    from tests.parity.cases import function_cases, layer_cases, loss_and_metric_cases, training_cases

    return {
        "layers": layer_cases.CASES,
        "losses": loss_and_metric_cases.LOSSES,
        "metrics": loss_and_metric_cases.METRICS,
        "optimizers": training_cases.OPTIMIZERS,
        "schedules": function_cases.SCHEDULES,
        "functions": function_cases.FUNCTIONS,
        "initializers": function_cases.INITIALIZERS,
        "trainings": training_cases.TRAININGS,
    }


FAMILIES = _families()
