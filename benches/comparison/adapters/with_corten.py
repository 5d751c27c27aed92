"""Corten, through its public API."""

import hashlib
from collections.abc import Callable
from typing import Any

import corten
from corten import ops

from ..workloads import Workload
from .keras_api import KerasApi


class Corten(KerasApi):
    """Whole models are Keras's; kernels are `corten.ops`."""

    keras = corten

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        corten.set_num_threads(threads)

    def versions(self) -> dict[str, str]:
        return {"corten": corten.__version__}

    def tensor(self, *shape: int) -> Any:
        """Normal numbers."""
        return ops.convert_to_tensor(self.normal(*shape))

    def matmul(self, m: int, k: int, n: int, dtype: str) -> Callable[[], object]:
        a, b = (ops.cast(self.tensor(*shape), dtype) for shape in ((m, k), (k, n)))
        return lambda: ops.matmul(a, b)

    def convolution(
        self, images: tuple[int, ...], filters: int, kernel: int, stride: int, pad: int, gradients: bool
    ) -> Callable[[], object]:
        x, weights = self.tensor(*images), self.tensor(kernel, kernel, images[-1], filters)
        padding = "same" if pad else "valid"

        def forward(x: Any, weights: Any) -> Any:
            return ops.conv(x, weights, strides=stride, padding=padding, data_format="channels_last")

        if not gradients:
            return lambda: forward(x, weights)
        both = corten.value_and_grad(lambda x, w: ops.sum(forward(x, w)), argnums=(0, 1))
        return lambda: both(x, weights)

    def elementwise(self, function: str, shape: tuple[int, ...]) -> Callable[[], object]:
        x, y = self.tensor(*shape), self.tensor(*shape)
        gamma, beta = self.tensor(shape[-1]), self.tensor(shape[-1])
        functions: dict[str, Callable[[], object]] = {
            "add": lambda: ops.add(x, y),
            "exp": lambda: ops.exp(x),
            "tanh": lambda: ops.tanh(x),
            "gelu_tanh": lambda: ops.gelu(x, approximate=True),
            "gelu_erf": lambda: ops.gelu(x, approximate=False),
            "sum": lambda: ops.sum(x),
            "sum_axis0": lambda: ops.sum(x, axis=0),
            "softmax": lambda: ops.softmax(x, axis=-1),
            "layernorm": lambda: ops.layer_normalization(x, gamma=gamma, beta=beta, axis=-1, epsilon=1e-5),
            "transpose": lambda: ops.copy(ops.transpose(x)),
        }
        return functions[function]

    def attention(
        self, batch: int, heads: int, length: int, width: int, gradients: bool
    ) -> Callable[[], object]:
        q, k, v = (self.tensor(batch, length, heads, width) for _ in range(3))
        if not gradients:
            return lambda: ops.dot_product_attention(q, k, v)
        both = corten.value_and_grad(
            lambda q, k, v: ops.sum(ops.dot_product_attention(q, k, v)), argnums=(0, 1, 2)
        )
        return lambda: both(q, k, v)

    def adamw(self, tensors: int, shape: tuple[int, ...]) -> Callable[[], object]:
        variables = [corten.Variable(self.tensor(*shape)) for _ in range(tensors)]
        gradients = [self.tensor(*shape) for _ in range(tensors)]
        optimizer = corten.optimizers.AdamW(0.001)
        optimizer.build(variables)
        return lambda: optimizer.apply(gradients, variables)

    def answer(self, model: Any, x: Any) -> Callable[[], object]:
        tensor = ops.convert_to_tensor(x)

        def run() -> Any:
            with corten.no_grad():
                return model(tensor)

        return run

    def digest(self, workload: Workload) -> str:
        corten.utils.set_random_seed(7)
        prepared = self.prepare(workload)
        prepared.call()
        return hashlib.sha256(b"".join(w.tobytes() for w in prepared.model.get_weights())).hexdigest()


ADAPTER = Corten
