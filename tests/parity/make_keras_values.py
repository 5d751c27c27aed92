"""Stores what Keras gives for the cases in `tests/parity/cases`.

    KERAS_BACKEND=jax python tests/parity/make_keras_values.py [family ...]

Needs Keras 3.15 and JAX; the tests need neither.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("KERAS_BACKEND", "jax")
sys.path.insert(0, str(Path(__file__).parents[2]))

import jax
import keras
import numpy as np
from tests.parity import running
from tests.parity.cases import FAMILIES


class Keras(running.Side):
    """How the runner does things with Keras on JAX."""

    library = keras

    def tensor(self, array: np.ndarray) -> Any:
        return jax.numpy.asarray(array)

    def gradients(self, function: Any, tensors: list[Any], layer: Any = None) -> tuple[Any, list[np.ndarray]]:
        """The outputs of a function, and the gradients of their sum with fixed factors.

        The function gets tensors in place of `tensors` and values in place of the layer's trainable weights.
        """
        trainable = [] if layer is None else [v.value for v in layer.trainable_variables]
        fixed = [] if layer is None else [v.value for v in layer.non_trainable_variables]

        def total(tensors: list[Any], trainable: list[Any]) -> Any:
            if layer is None:
                outputs, losses = function(*tensors), []
            else:
                mapping = [
                    *zip(layer.trainable_variables, trainable, strict=True),
                    *zip(layer.non_trainable_variables, fixed, strict=True),
                ]
                with keras.StatelessScope(state_mapping=mapping, collect_losses=True):
                    outputs = function(*tensors)
                    losses = list(layer.losses)
            return running.weighted_sum(outputs, jax.numpy) + sum(losses), outputs

        (_, outputs), grads = jax.value_and_grad(total, argnums=(0, 1), has_aux=True, allow_int=True)(
            tensors, trainable
        )
        return outputs, [np.asarray(g) for g in [*grads[0], *grads[1]] if g.dtype == np.float32]


def main() -> None:
    side = Keras()
    for family, cases in FAMILIES.items():
        if sys.argv[1:] and family not in sys.argv[1:]:
            continue
        values: dict[str, np.ndarray] = {}
        for case in cases:
            for index, array in enumerate(running.RUNNERS[family](side, case)):
                values[f"{case.name}/{index}"] = np.asarray(array, np.float32)
        path = Path(__file__).parent / "values" / f"{family}.npz"
        path.parent.mkdir(exist_ok=True)
        np.savez_compressed(path, **values)
        print(f"{family}: {len(cases)} cases, {path.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
