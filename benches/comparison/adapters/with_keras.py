"""Keras on TensorFlow or on JAX. Its kernels are those of the backend, so only whole models are measured."""

import importlib
import os
from collections.abc import Callable
from typing import Any

from .keras_api import KerasApi


class Keras(KerasApi):
    """The backend is set in the environment before this is imported."""

    def __init__(self, threads: int, backend: str) -> None:
        super().__init__(threads)
        if backend == "tensorflow":
            import tensorflow

            tensorflow.config.threading.set_intra_op_parallelism_threads(threads)
        elif hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
        import keras

        if keras.backend.backend() != backend:
            raise ImportError(f"Keras runs on {keras.backend.backend()}, not on {backend}")
        self.keras, self.backend = keras, backend

    def versions(self) -> dict[str, str]:
        backend = importlib.import_module(self.backend)
        return {"keras": self.keras.__version__, self.backend: backend.__version__}

    def answer(self, model: Any, x: Any) -> Callable[[], object]:
        """As TensorFlow says: the call in a `tf.function`; on JAX: jitted, without state."""
        if self.backend == "tensorflow":
            import tensorflow

            traced = tensorflow.function(lambda x: model(x, training=False))
            tensor = tensorflow.constant(x)
            return lambda: traced(tensor)
        import jax

        compiled = jax.jit(lambda weights, state, x: model.stateless_call(weights, state, x)[0])
        weights = [variable.value for variable in model.trainable_variables]
        state = [variable.value for variable in model.non_trainable_variables]
        tensor = jax.numpy.array(x)
        return lambda: jax.block_until_ready(compiled(weights, state, tensor))


ADAPTER = Keras
