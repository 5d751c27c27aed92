"""NumPy: what arrays alone can do, as a user of NumPy writes it. Training needs gradients: it has none."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np

from ..workloads import networks
from .adapter import Adapter, NotOfferedError


def softmax(x: Any) -> Any:
    """Over the last axis."""
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


class NumPy(Adapter):
    """Products run in its BLAS, everything else on one thread."""

    packages = ("numpy",)

    def matmul(self, m: int, k: int, n: int, dtype: str) -> Callable[[], object]:
        if dtype != "float32":
            raise NotOfferedError("NumPy has no bfloat16")
        a, b = self.normal(m, k), self.normal(k, n)
        return lambda: a @ b

    def convolution(
        self, images: tuple[int, ...], filters: int, kernel: int, stride: int, pad: int, gradients: bool
    ) -> Callable[[], object]:
        if gradients:
            raise NotOfferedError("NumPy has no gradients")
        channels = images[-1]
        x, weights = self.normal(*images), self.normal(channels * kernel * kernel, filters)

        def run() -> Any:
            padded = np.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
            patches = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), (1, 2))
            patches = patches[:, ::stride, ::stride]
            return patches.reshape(*patches.shape[:3], -1) @ weights

        return run

    def elementwise(self, function: str, shape: tuple[int, ...]) -> Callable[[], object]:
        x, y = self.normal(*shape), self.normal(*shape)
        if function == "gelu_erf":
            raise NotOfferedError("NumPy has no error function")
        if function == "layernorm":
            gamma, beta = self.normal(shape[-1]), self.normal(shape[-1])

            def layernorm() -> Any:
                centred = x - x.mean(-1, keepdims=True)
                return centred / np.sqrt(np.square(centred).mean(-1, keepdims=True) + 1e-5) * gamma + beta

            return layernorm
        functions: dict[str, Callable[[], object]] = {
            "add": lambda: x + y,
            "exp": lambda: np.exp(x),
            "tanh": lambda: np.tanh(x),
            "gelu_tanh": lambda: 0.5 * x * (1 + np.tanh(0.7978845608 * (x + 0.044715 * x * x * x))),
            "sum": lambda: x.sum(),
            "sum_axis0": lambda: x.sum(0),
            "softmax": lambda: softmax(x),
            "transpose": lambda: np.ascontiguousarray(x.T),
        }
        return functions[function]

    def attention(
        self, batch: int, heads: int, length: int, width: int, gradients: bool
    ) -> Callable[[], object]:
        if gradients:
            raise NotOfferedError("NumPy has no gradients")
        q, k, v = (self.normal(batch, heads, length, width) for _ in range(3))
        return lambda: softmax(q @ k.swapaxes(-1, -2) / width**0.5) @ v

    def adamw(self, tensors: int, shape: tuple[int, ...]) -> Callable[[], object]:
        sets = [[self.normal(*shape) for _ in range(2)] for _ in range(tensors)]
        moments = [[np.zeros(shape, np.float32) for _ in range(2)] for _ in range(tensors)]
        steps = [0]

        def run() -> None:
            steps[0] += 1
            rate = 1e-3 * (1 - 0.999 ** steps[0]) ** 0.5 / (1 - 0.9 ** steps[0])
            for (p, g), (m, v) in zip(sets, moments, strict=True):
                m += 0.1 * (g - m)
                v += 0.001 * (g * g - v)
                p *= 1 - 1e-3 * 0.004
                p -= rate * m / (np.sqrt(v) + 1e-7)

        return run

    def infer_mlp(self, batch: int) -> Callable[[], object]:
        x = self.normal(batch, networks.MLP[0])
        weights = [self.normal(a, b) for a, b in itertools.pairwise(networks.MLP)]
        biases = [self.normal(b) for b in networks.MLP[1:]]

        def run() -> Any:
            h = x
            for weight, bias in zip(weights[:-1], biases[:-1], strict=True):
                h = np.maximum(h @ weight + bias, 0)
            return softmax(h @ weights[-1] + biases[-1])

        return run


ADAPTER = NumPy
