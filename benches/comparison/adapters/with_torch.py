"""PyTorch, eager or through torch.compile: channels-last images, fused optimizers, autocast."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from ..workloads import networks
from . import torch_networks
from .adapter import Adapter, NotOfferedError


class Torch(Adapter):
    """Kernels on their own are the eager framework's; compiling pays where there is something to fuse."""

    packages = ("torch",)

    def __init__(self, threads: int, compiled: bool = False) -> None:
        super().__init__(threads)
        torch.set_num_threads(threads)
        torch.manual_seed(0)
        self.compiled = compiled

    def eager_only(self) -> None:
        """Nothing to compile: the same kernel would be measured twice."""
        if self.compiled:
            raise NotOfferedError("one kernel, nothing to fuse")

    def faster(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function, compiled where this adapter is asked to."""
        return torch.compile(function) if self.compiled else function

    def matmul(self, m: int, k: int, n: int, dtype: str) -> Callable[[], object]:
        self.eager_only()
        a, b = (torch.randn(*shape).to(getattr(torch, dtype)) for shape in ((m, k), (k, n)))
        return lambda: a @ b

    def convolution(
        self, images: tuple[int, ...], filters: int, kernel: int, stride: int, pad: int, gradients: bool
    ) -> Callable[[], object]:
        self.eager_only()
        n, h, w, channels = images
        x = torch.randn(n, channels, h, w).contiguous(memory_format=torch.channels_last)
        weight = torch.randn(filters, channels, kernel, kernel).contiguous(memory_format=torch.channels_last)
        if not gradients:
            return lambda: functional.conv2d(x, weight, None, stride, pad)
        x.requires_grad_()
        weight.requires_grad_()

        def both() -> None:
            x.grad = weight.grad = None
            functional.conv2d(x, weight, None, stride, pad).sum().backward()

        return both

    def elementwise(self, function: str, shape: tuple[int, ...]) -> Callable[[], object]:
        x, y = torch.randn(*shape), torch.randn(*shape)
        gamma, beta = torch.randn(shape[-1]), torch.randn(shape[-1])
        fused: dict[str, Callable[[Any], Any]] = {
            "gelu_tanh": lambda x: functional.gelu(x, approximate="tanh"),
            "gelu_erf": functional.gelu,
            "softmax": lambda x: torch.softmax(x, -1),
            "layernorm": lambda x: functional.layer_norm(x, (shape[-1],), gamma, beta),
        }
        if function in fused:
            run = self.faster(fused[function])
            return lambda: run(x)
        self.eager_only()
        single: dict[str, Callable[[], object]] = {
            "add": lambda: x + y,
            "exp": lambda: torch.exp(x),
            "tanh": lambda: torch.tanh(x),
            "sum": lambda: x.sum(),
            "sum_axis0": lambda: x.sum(0),
            "transpose": lambda: x.T.contiguous(),
        }
        return single[function]

    def attention(
        self, batch: int, heads: int, length: int, width: int, gradients: bool
    ) -> Callable[[], object]:
        self.eager_only()
        q, k, v = (torch.randn(batch, heads, length, width, requires_grad=gradients) for _ in range(3))
        if not gradients:
            return lambda: functional.scaled_dot_product_attention(q, k, v)

        def both() -> None:
            q.grad = k.grad = v.grad = None
            functional.scaled_dot_product_attention(q, k, v).sum().backward()

        return both

    def adamw(self, tensors: int, shape: tuple[int, ...]) -> Callable[[], object]:
        self.eager_only()
        parameters = [nn.Parameter(torch.randn(*shape)) for _ in range(tensors)]
        for parameter in parameters:
            parameter.grad = torch.randn(*shape)
        return torch.optim.AdamW(parameters, fused=True).step

    def step(
        self, model: nn.Module, optimizer: Any, x: Any, y: Any, dtype: str = "float32"
    ) -> Callable[[], object]:
        """One training step on one batch."""
        forward = self.faster(lambda x, y: functional.cross_entropy(model(x), y))

        def run() -> None:
            optimizer.zero_grad(set_to_none=True)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=dtype == "bfloat16"):
                loss = forward(x, y)
            loss.backward()
            optimizer.step()

        return run

    def train_mlp(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        model = torch_networks.mlp(networks.MLP)
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        return self.step(model, optimizer, torch.randn(batch, networks.MLP[0]), torch.randint(10, (batch,)))

    def train_wide(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        model = torch_networks.mlp(networks.WIDE)
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        return self.step(model, optimizer, torch.randn(batch, networks.WIDE[0]), torch.randint(10, (batch,)))

    def train_cnn(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        model = torch_networks.cnn()
        optimizer = torch.optim.RMSprop(model.parameters())
        x = torch.randn(batch, 1, 28, 28).contiguous(memory_format=torch.channels_last)
        return self.step(model, optimizer, x, torch.randint(10, (batch,)))

    def train_lstm(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        if self.compiled:
            raise NotOfferedError("torch.compile leaves nn.LSTM as it is")
        model = torch_networks.Recurrent()
        optimizer = torch.optim.Adam(model.parameters(), fused=True)
        x = torch.randn(batch, networks.LSTM_STEPS, networks.LSTM_IN)
        return self.step(model, optimizer, x, torch.randint(10, (batch,)))

    def train_encoder(self, batch: int, steps: int, dtype: str) -> Callable[[], object]:
        encoder = networks.ENCODER
        model = torch_networks.TextClassifier(encoder)
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        x = torch.randint(encoder.vocabulary, (batch, encoder.length))
        return self.step(model, optimizer, x, torch.randint(encoder.classes, (batch,)), dtype)

    def linear_regression(self) -> Callable[[], object]:
        model = nn.Linear(1, 1)
        optimizer = torch.optim.SGD(model.parameters(), 0.01)
        x = torch.rand(networks.LINES, 1)
        y = 2 * x + 1
        forward = self.faster(lambda x, y: functional.mse_loss(model(x), y))

        def epoch() -> None:
            for i in range(0, len(x), networks.LINE_BATCH):
                optimizer.zero_grad(set_to_none=True)
                forward(x[i : i + networks.LINE_BATCH], y[i : i + networks.LINE_BATCH]).backward()
                optimizer.step()

        return epoch

    def answer(self, model: nn.Module, x: Any) -> Callable[[], object]:
        """The network with softmax, without histories."""
        forward = self.faster(lambda x: torch.softmax(model(x), -1))
        model.eval()

        def run() -> Any:
            with torch.inference_mode():
                return forward(x)

        return run

    def infer_mlp(self, batch: int) -> Callable[[], object]:
        return self.answer(torch_networks.mlp(networks.MLP), torch.randn(batch, networks.MLP[0]))

    def infer_cnn(self, batch: int) -> Callable[[], object]:
        x = torch.randn(batch, 1, 28, 28).contiguous(memory_format=torch.channels_last)
        return self.answer(torch_networks.cnn(), x)


ADAPTER = Torch
