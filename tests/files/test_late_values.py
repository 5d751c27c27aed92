"""Costly initializers are not run while a file is loaded that has the values, and run where it has not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import corten
from corten import initializers, layers
from corten.saving.loading import make_late_values, objects_from_file


@pytest.mark.parametrize("ending", ["corten", "keras", "h5"])
def test_values_come_from_the_file(tmp_path: Path, ending: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = corten.Sequential([corten.Input((5, 3)), layers.GRU(4)])
    model.save(tmp_path / f"m.{ending}")

    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("run in vain")

    monkeypatch.setattr(initializers.Orthogonal, "__call__", refuse)
    loaded = corten.models.load_model(tmp_path / f"m.{ending}")
    for one, other in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_values_that_the_file_has_not_are_made() -> None:
    initializer = initializers.Orthogonal(seed=3)
    with objects_from_file("a file", {}) as late:
        kept = corten.Variable(initializer, shape=(3, 3))
        assigned = corten.Variable(initializer, shape=(3, 3))
    assigned.assign(np.ones((3, 3)))
    make_late_values(late)
    np.testing.assert_array_equal(kept.numpy(), initializer((3, 3)).numpy())
    np.testing.assert_array_equal(assigned.numpy(), np.ones((3, 3)))
    assert corten.Variable(initializer, shape=(3, 3)).numpy().any()


def test_models_from_texts_have_initial_values() -> None:
    model = corten.Sequential([corten.Input((5, 3)), layers.GRU(4)])
    made = corten.models.model_from_json(model.to_json())
    kernel = (
        made.layers[0].cell.recurrent_kernel.numpy() if hasattr(made.layers[0], "cell") else made.weights[1]
    )
    assert np.asarray(kernel).any()
