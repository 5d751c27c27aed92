"""MLX on the CPU: compiled functions, evaluated at the end of each call."""

import itertools
import math
from collections.abc import Callable
from typing import Any

import mlx.core as mx
from mlx import nn, optimizers

from ..workloads import networks
from .adapter import Adapter

mx.set_default_device(mx.cpu)


def cross_entropy(model: nn.Module, x: Any, y: Any) -> Any:
    """Mean over the rows."""
    return nn.losses.cross_entropy(model(x), y, reduction="mean")


class Mlx(Adapter):
    """It has no setting for threads."""

    packages = ("mlx",)

    def array(self, *shape: int) -> Any:
        """Normal numbers, in memory."""
        return mx.array(self.normal(*shape))

    def evaluated(self, function: Callable[..., Any], *arguments: Any) -> Callable[[], object]:
        """A call that waits for what it gives."""
        return lambda: mx.eval(function(*arguments))

    def matmul(self, m: int, k: int, n: int, dtype: str) -> Callable[[], object]:
        a, b = (self.array(*shape).astype(getattr(mx, dtype)) for shape in ((m, k), (k, n)))
        return self.evaluated(mx.matmul, a, b)

    def convolution(
        self, images: tuple[int, ...], filters: int, kernel: int, stride: int, pad: int, gradients: bool
    ) -> Callable[[], object]:
        x, weights = self.array(*images), self.array(filters, kernel, kernel, images[-1])
        if not gradients:
            return self.evaluated(lambda x, w: mx.conv2d(x, w, stride, pad), x, weights)
        both = mx.value_and_grad(lambda x, w: mx.conv2d(x, w, stride, pad).sum(), argnums=(0, 1))
        return self.evaluated(both, x, weights)

    def elementwise(self, function: str, shape: tuple[int, ...]) -> Callable[[], object]:
        x, y = self.array(*shape), self.array(*shape)
        gamma, beta = self.array(shape[-1]), self.array(shape[-1])
        if function == "add":
            return self.evaluated(mx.add, x, y)
        functions: dict[str, Callable[[Any], Any]] = {
            "exp": mx.exp,
            "tanh": mx.tanh,
            "gelu_tanh": mx.compile(nn.gelu_approx),
            "gelu_erf": mx.compile(nn.gelu),
            "sum": mx.sum,
            "sum_axis0": lambda x: mx.sum(x, 0),
            "softmax": lambda x: mx.softmax(x, -1),
            "layernorm": lambda x: mx.fast.layer_norm(x, gamma, beta, 1e-5),
            "transpose": lambda x: mx.contiguous(x.T),
        }
        return self.evaluated(functions[function], x)

    def attention(
        self, batch: int, heads: int, length: int, width: int, gradients: bool
    ) -> Callable[[], object]:
        q, k, v = (self.array(batch, heads, length, width) for _ in range(3))

        def forward(q: Any, k: Any, v: Any) -> Any:
            return mx.fast.scaled_dot_product_attention(q, k, v, scale=1 / math.sqrt(width))

        if not gradients:
            return self.evaluated(forward, q, k, v)
        both = mx.value_and_grad(lambda q, k, v: forward(q, k, v).sum(), argnums=(0, 1, 2))
        return self.evaluated(both, q, k, v)

    def adamw(self, tensors: int, shape: tuple[int, ...]) -> Callable[[], object]:
        parameters, gradients = ({str(i): self.array(*shape) for i in range(tensors)} for _ in range(2))
        optimizer = optimizers.AdamW(1e-3)
        optimizer.init(parameters)

        def run() -> None:
            parameters.update(optimizer.apply_gradients(gradients, parameters))
            mx.eval(parameters, optimizer.state)

        return run

    def mlp(self, widths: tuple[int, ...]) -> nn.Module:
        """Dense layers with relu between them."""
        layers: list[nn.Module] = []
        for a, b in itertools.pairwise(widths):
            layers += [nn.Linear(a, b), nn.ReLU()]
        return nn.Sequential(*layers[:-1])

    def cnn(self) -> nn.Module:
        """Three convolutions, two poolings, two dense layers."""
        return nn.Sequential(
            nn.Conv2d(1, 32, 3),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(32, 64, 3),
            nn.ReLU(),
            nn.MaxPool2d(2, 2),
            nn.Conv2d(64, 64, 3),
            nn.ReLU(),
            lambda x: x.reshape(x.shape[0], -1),
            nn.Linear(576, 64),
            nn.ReLU(),
            nn.Linear(64, networks.CLASSES),
        )

    def step(self, model: nn.Module, optimizer: Any, x: Any, y: Any) -> Callable[[], object]:
        """One training step on one batch."""
        both = nn.value_and_grad(model, cross_entropy)

        def run() -> None:
            _, gradients = both(model, x, y)
            optimizer.update(model, gradients)
            mx.eval(model.parameters(), optimizer.state)

        return run

    def train_mlp(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        x, y = self.array(batch, networks.MLP[0]), mx.array(self.labels(batch))
        return self.step(self.mlp(networks.MLP), optimizers.Adam(1e-3), x, y)

    def train_cnn(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        x, y = self.array(batch, *networks.IMAGE), mx.array(self.labels(batch))
        return self.step(self.cnn(), optimizers.RMSprop(1e-3), x, y)

    def answer(self, model: nn.Module, x: Any) -> Callable[[], object]:
        """The network with softmax."""
        mx.eval(model.parameters())
        return self.evaluated(lambda x: mx.softmax(model(x), -1), x)

    def infer_mlp(self, batch: int) -> Callable[[], object]:
        return self.answer(self.mlp(networks.MLP), self.array(batch, networks.MLP[0]))

    def infer_cnn(self, batch: int) -> Callable[[], object]:
        return self.answer(self.cnn(), self.array(batch, *networks.IMAGE))


ADAPTER = Mlx
