"""JAX: everything jitted, parameters donated to the step that replaces them."""

import itertools
import os
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from ..workloads import networks
from .adapter import Adapter

Tree = Any


def adam(p: Tree, g: Tree, m: Tree, v: Tree, count: Any, decay: float = 0.0) -> tuple[Tree, Tree, Tree]:
    """Parameters and moments after one step of Adam, or of AdamW where there is decay."""
    m = jax.tree.map(lambda m, g: m + 0.1 * (g - m), m, g)
    v = jax.tree.map(lambda v, g: v + 0.001 * (g * g - v), v, g)
    rate = 1e-3 * jnp.sqrt(1 - 0.999**count) / (1 - 0.9**count)
    p = jax.tree.map(lambda p, m, v: p * (1 - 1e-3 * decay) - rate * m / (jnp.sqrt(v) + 1e-7), p, m, v)
    return p, m, v


def dense(p: list[tuple[Any, Any]], x: Any) -> Any:
    """Logits of dense layers with relu between them."""
    for weight, bias in p[:-1]:
        x = jax.nn.relu(x @ weight + bias)
    return x @ p[-1][0] + p[-1][1]


def convolve(x: Any, weights: Any, stride: int = 1, pad: int = 0) -> Any:
    """Channels last."""
    return jax.lax.conv_general_dilated(
        x, weights, (stride, stride), [(pad, pad)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def images_logits(p: Tree, x: Any) -> Any:
    """The CNN."""
    for i, (weight, bias) in enumerate(p[0]):
        x = jax.nn.relu(convolve(x, weight) + bias)
        if i < 2:
            x = jax.lax.reduce_window(x, -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return dense(p[1], x.reshape(len(x), -1))


def cross_entropy(logits: Any, y: Any) -> Any:
    """Mean over the rows."""
    return -jnp.mean(jnp.take_along_axis(jax.nn.log_softmax(logits), y[:, None], 1))


class Jax(Adapter):
    """XLA's CPU backend; its threads are those the process may run on."""

    packages = ("jax", "jaxlib")

    def __init__(self, threads: int) -> None:
        super().__init__(threads)
        if hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])

    def array(self, *shape: int, scale: float = 1.0) -> Any:
        """Normal numbers on the device."""
        return jnp.array(self.normal(*shape) * np.float32(scale))

    def jitted(self, function: Callable[..., Any], *arguments: Any) -> Callable[[], object]:
        """A call of the compiled function that waits for what it gives."""
        compiled = jax.jit(function)
        return lambda: jax.block_until_ready(compiled(*arguments))

    def matmul(self, m: int, k: int, n: int, dtype: str) -> Callable[[], object]:
        a, b = (self.array(*shape).astype(dtype) for shape in ((m, k), (k, n)))
        return self.jitted(lambda a, b: a @ b, a, b)

    def convolution(
        self, images: tuple[int, ...], filters: int, kernel: int, stride: int, pad: int, gradients: bool
    ) -> Callable[[], object]:
        x, weights = self.array(*images), self.array(kernel, kernel, images[-1], filters)
        if not gradients:
            return self.jitted(lambda x, w: convolve(x, w, stride, pad), x, weights)
        both = jax.value_and_grad(lambda x, w: convolve(x, w, stride, pad).sum(), argnums=(0, 1))
        return self.jitted(both, x, weights)

    def elementwise(self, function: str, shape: tuple[int, ...]) -> Callable[[], object]:
        x, y = self.array(*shape), self.array(*shape)
        if function == "add":
            return self.jitted(lambda x, y: x + y, x, y)
        if function == "layernorm":

            def layernorm(x: Any, gamma: Any, beta: Any) -> Any:
                mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
                return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * gamma + beta

            return self.jitted(layernorm, x, self.array(shape[-1]), self.array(shape[-1]))
        functions: dict[str, Callable[[Any], Any]] = {
            "exp": jnp.exp,
            "tanh": jnp.tanh,
            "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
            "gelu_erf": lambda x: jax.nn.gelu(x, approximate=False),
            "sum": jnp.sum,
            "sum_axis0": lambda x: x.sum(0),
            "softmax": lambda x: jax.nn.softmax(x, -1),
            "transpose": jnp.transpose,
        }
        return self.jitted(functions[function], x)

    def attention(
        self, batch: int, heads: int, length: int, width: int, gradients: bool
    ) -> Callable[[], object]:
        q, k, v = (self.array(batch, length, heads, width) for _ in range(3))
        if not gradients:
            return self.jitted(jax.nn.dot_product_attention, q, k, v)
        both = jax.value_and_grad(
            lambda q, k, v: jax.nn.dot_product_attention(q, k, v).sum(), argnums=(0, 1, 2)
        )
        return self.jitted(both, q, k, v)

    def adamw(self, tensors: int, shape: tuple[int, ...]) -> Callable[[], object]:
        p, g = ([self.array(*shape) for _ in range(tensors)] for _ in range(2))
        state = [p, jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p), 1.0]

        def step(p: Tree, m: Tree, v: Tree, count: Any) -> Tree:
            return *adam(p, g, m, v, count, 0.004), count + 1

        compiled = jax.jit(step, donate_argnums=(0, 1, 2))

        def run() -> None:
            state[:] = compiled(*state)
            jax.block_until_ready(state)

        return run

    def layers(self, widths: tuple[int, ...]) -> list[tuple[Any, Any]]:
        """Parameters of dense layers."""
        pairs = itertools.pairwise(widths)
        return [(self.array(a, b, scale=0.05), jnp.zeros(b)) for a, b in pairs]

    def filters(self) -> Tree:
        """Parameters of the CNN."""
        shapes = [(3, 3, 1, 32), (3, 3, 32, 64), (3, 3, 64, 64)]
        convolutions = [(self.array(*shape, scale=0.05), jnp.zeros(shape[-1])) for shape in shapes]
        return convolutions, self.layers((576, 64, networks.CLASSES))

    def train_mlp(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        return self.train_dense(networks.MLP, batch)

    def train_wide(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        return self.train_dense(networks.WIDE, batch)

    def train_dense(self, widths: tuple[int, ...], batch: int) -> Callable[[], object]:
        """Adam on dense layers."""
        p = self.layers(widths)
        x, y = self.array(batch, widths[0]), jnp.array(self.labels(batch))
        state = [p, jax.tree.map(jnp.zeros_like, p), jax.tree.map(jnp.zeros_like, p), 1.0]

        def step(p: Tree, m: Tree, v: Tree, count: Any, x: Any, y: Any) -> Tree:
            g = jax.grad(lambda p: cross_entropy(dense(p, x), y))(p)
            return *adam(p, g, m, v, count), count + 1

        compiled = jax.jit(step, donate_argnums=(0, 1, 2))

        def run() -> None:
            state[:] = compiled(*state, x, y)
            jax.block_until_ready(state)

        return run

    def train_cnn(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        p = self.filters()
        x, y = self.array(batch, *networks.IMAGE), jnp.array(self.labels(batch))
        state = [p, jax.tree.map(jnp.zeros_like, p)]

        def step(p: Tree, v: Tree, x: Any, y: Any) -> Tree:
            g = jax.grad(lambda p: cross_entropy(images_logits(p, x), y))(p)
            v = jax.tree.map(lambda v, g: 0.9 * v + 0.1 * g * g, v, g)
            return jax.tree.map(lambda p, g, v: p - 1e-3 * g / (jnp.sqrt(v) + 1e-7), p, g, v), v

        compiled = jax.jit(step, donate_argnums=(0, 1))

        def run() -> None:
            state[:] = compiled(*state, x, y)
            jax.block_until_ready(state)

        return run

    def linear_regression(self) -> Callable[[], object]:
        x = self.rng.random((networks.LINES, 1), dtype=np.float32)
        size = networks.LINE_BATCH
        batches = [
            (jnp.array(x[i : i + size]), jnp.array(2 * x[i : i + size] + 1)) for i in range(0, len(x), size)
        ]
        state = [(jnp.zeros((1, 1)), jnp.zeros(1))]

        def step(p: Tree, x: Any, y: Any) -> Tree:
            g = jax.grad(lambda p: jnp.mean(jnp.square(x @ p[0] + p[1] - y)))(p)
            return jax.tree.map(lambda p, g: p - 0.01 * g, p, g)

        compiled = jax.jit(step)

        def epoch() -> None:
            for x, y in batches:
                state[0] = compiled(state[0], x, y)
            jax.block_until_ready(state)

        return epoch

    def infer_mlp(self, batch: int) -> Callable[[], object]:
        x = self.array(batch, networks.MLP[0])
        return self.jitted(lambda p, x: jax.nn.softmax(dense(p, x)), self.layers(networks.MLP), x)

    def infer_cnn(self, batch: int) -> Callable[[], object]:
        x = self.array(batch, *networks.IMAGE)
        return self.jitted(lambda p, x: jax.nn.softmax(images_logits(p, x)), self.filters(), x)


ADAPTER = Jax
