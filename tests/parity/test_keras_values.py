"""Corten on each device against stored values of Keras 3.15.1 on JAX (`make_keras_values.py` made them)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.parity import running
from tests.parity.cases import FAMILIES, Case
from tests.parity.cases.excluded import EXCLUDED

import corten

VALUES = {path.stem: np.load(path) for path in (Path(__file__).parent / "values").glob("*.npz")}


class Corten(running.Side):
    """How the runner does things with Corten."""

    library = corten

    def tensor(self, array: np.ndarray) -> Any:
        return corten.ops.convert_to_tensor(array)

    def gradients(self, function: Any, tensors: list[Any], layer: Any = None) -> tuple[Any, list[np.ndarray]]:
        variables = [] if layer is None else layer.trainable_variables
        with corten.GradientTape() as tape:
            for tensor in tensors:
                tape.watch(tensor)
            outputs = function(*tensors)
            total = running.weighted_sum(outputs, corten.ops)
            for loss in [] if layer is None else layer.losses:
                total = total + loss
        sources = [*tensors, *variables]
        if not sources or not hasattr(total, "dtype"):
            return outputs, []
        found = tape.gradient(total, sources)
        return outputs, [
            np.zeros(source.shape, "float32") if gradient is None else np.asarray(gradient)
            for source, gradient in zip(sources, found, strict=True)
        ]


PAIRS = [(family, case) for family, cases in FAMILIES.items() for case in cases]


@pytest.mark.parametrize(("family", "case"), PAIRS, ids=[f"{family}-{case.name}" for family, case in PAIRS])
def test_same_as_keras(family: str, case: Case, device: str) -> None:
    corten.utils.set_random_seed(1)
    got = running.RUNNERS[family](Corten(), case)
    stored = VALUES[family]
    count = sum(name.rsplit("/", 1)[0] == case.name for name in stored.files)
    assert len(got) == count, f"{len(got)} arrays, Keras gives {count}"
    for index, array in enumerate(got):
        expected = stored[f"{case.name}/{index}"]
        array = np.asarray(array, np.float32)
        assert array.shape == expected.shape, f"array {index}"
        scale = max(1.0, float(np.max(np.abs(expected[np.isfinite(expected)]), initial=0)))
        np.testing.assert_allclose(
            array, expected, rtol=case.tolerance, atol=case.tolerance * scale, err_msg=f"array {index}"
        )


def classes(module: Any, base: type | None = None) -> set[str]:
    """The public classes of a module, one name for each."""
    found = {
        name: value for name, value in vars(module).items() if isinstance(value, type) and name[0].isupper()
    }
    return {value.__name__ for name, value in found.items() if base is None or issubclass(value, base)}


def named(cases: list[Case]) -> set[str]:
    """The first words of cases' names."""
    return {case.name.split()[0].split(".")[-1] for case in cases}


@pytest.mark.parametrize(
    ("family", "public"),
    [
        ("layers", classes(corten.layers, corten.layers.Layer)),
        ("losses", classes(corten.losses)),
        ("metrics", classes(corten.metrics)),
        ("optimizers", classes(corten.optimizers)),
        ("schedules", classes(corten.optimizers.schedules)),
        ("initializers", classes(corten.initializers)),
        ("functions", classes(corten.regularizers) | classes(corten.constraints)),
    ],
)
def test_every_class_has_a_case(family: str, public: set[str]) -> None:
    """A new class needs a case, or a line in `cases/excluded.py` with the reason."""
    missing = public - named(FAMILIES[family]) - set(EXCLUDED)
    assert not missing, f"no case for {sorted(missing)}"
