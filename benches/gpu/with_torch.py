"""The workloads in PyTorch on the same GPU: eager, without TF32, channels-last images, fused optimizers."""

from collections.abc import Callable
from typing import Any

import torch
from torch.nn import functional

from ..comparison.adapters import torch_networks
from ..comparison.workloads import networks
from .with_corten import Prepared
from .workloads import SMALL_MLP, TRANSFORMER, Workload


def device() -> str | None:
    """The device that PyTorch has for a GPU; None if it has none."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else None


class _Clock:
    """The GPU's time between two events."""

    def __init__(self) -> None:
        self.begin, self.end = (torch.cuda.Event(enable_timing=True) for _ in range(2))

    def start(self) -> None:
        torch.cuda.synchronize()
        self.begin.record()

    def stop(self) -> float:
        self.end.record()
        torch.cuda.synchronize()
        return float(self.begin.elapsed_time(self.end)) / 1e3


def _graph(step: Callable[[], None]) -> Callable[[], None]:
    """A step as a CUDA graph, after some on a stream of its own as PyTorch's notes on graphs ask for."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(3):
            step()
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


class Torch:
    """PyTorch on one device. A method named as a workload's `kind` gives a function that asks for it."""

    def __init__(self, place: str) -> None:
        self.place = place
        torch.manual_seed(0)
        torch.backends.cuda.matmul.allow_tf32 = False
        torch.backends.cudnn.allow_tf32 = False
        torch.backends.cudnn.benchmark = True
        torch.set_float32_matmul_precision("highest")

    def described(self) -> dict[str, str]:
        """Versions, and what PyTorch calls the GPU."""
        name = torch.cuda.get_device_name(0) if self.place == "cuda" else self.place
        return {"torch": torch.__version__, "cuda": str(torch.version.cuda), "gpu": name}

    def prepare(self, workload: Workload, dry: bool = False) -> Prepared:
        """Sets up data, parameters and models."""
        sizes = workload.dry if dry else workload.sizes
        call = getattr(self, workload.kind)(**sizes)
        clock = _Clock() if self.place == "cuda" else None
        return Prepared(
            call,
            self.finish,
            sizes.get("steps", 1),
            start_clock=clock.start if clock else None,
            stop_clock=clock.stop if clock else float,
        )

    def can(self, workload: Workload) -> bool:
        """Whether PyTorch has this here: graphs are CUDA's."""
        return self.place == "cuda" or not workload.sizes.get("captured")

    def finish(self) -> None:
        """Waits for the device."""
        (torch.cuda if self.place == "cuda" else torch.mps).synchronize()

    def tensor(self, *shape: int, needs_gradient: bool = False) -> Any:
        """Normal numbers."""
        return torch.randn(*shape, device=self.place, requires_grad=needs_gradient)

    def matmul(self, m: int, k: int, n: int, dtype: str) -> Callable[[], Any]:
        a, b = (self.tensor(*shape).to(getattr(torch, dtype)) for shape in ((m, k), (k, n)))
        return lambda: a @ b

    def elementwise(self, function: str, n: int) -> Callable[[], Any]:
        x, y = self.tensor(n), self.tensor(n)
        if function == "add":
            return lambda: x + y
        return lambda: torch.tanh(x * y + 0.5) * 2.0 - x

    def rows(self, function: str, shape: tuple[int, int]) -> Callable[[], Any]:
        x = self.tensor(*shape, needs_gradient=True)
        gamma, beta = (self.tensor(shape[1], needs_gradient=True) for _ in range(2))
        upstream = self.tensor(shape[0]) if function == "sum" else self.tensor(*shape)
        functions: dict[str, Callable[[], Any]] = {
            "sum": lambda: x.sum(-1),
            "softmax": lambda: torch.softmax(x, -1),
            "layernorm": lambda: functional.layer_norm(x, shape[1:], gamma, beta),
        }
        forward, leaves = functions[function], [x, gamma, beta] if function == "layernorm" else [x]
        return lambda: torch.autograd.grad(forward(), leaves, upstream)

    def convolution(
        self, part: str, batch: int, side: int, channels: int, filters: int, kernel: int, stride: int
    ) -> Callable[[], Any]:
        def images(*shape: int) -> Any:
            return self.tensor(*shape).contiguous(memory_format=torch.channels_last)

        x = images(batch, channels, side, side).requires_grad_(part == "dx")
        weight = images(filters, channels, kernel, kernel).requires_grad_(part == "dw")

        def forward() -> Any:
            return functional.conv2d(x, weight, None, stride, kernel // 2)

        if part == "forward":
            return forward
        y = forward()
        upstream = torch.randn_like(y)
        leaf = x if part == "dx" else weight
        return lambda: torch.autograd.grad(y, leaf, upstream, retain_graph=True)

    def attention(
        self, batch: int, heads: int, length: int, width: int, gradients: bool
    ) -> Callable[[], Any]:
        q, k, v = (self.tensor(batch, heads, length, width, needs_gradient=gradients) for _ in range(3))
        if not gradients:
            return lambda: functional.scaled_dot_product_attention(q, k, v)
        upstream = self.tensor(batch, heads, length, width)
        return lambda: torch.autograd.grad(
            functional.scaled_dot_product_attention(q, k, v), [q, k, v], upstream
        )

    def launch(self, function: str, count: int) -> Callable[[], Any]:
        x, weight = self.tensor(16, 16), self.tensor(16, 16) * 0.1

        def chain() -> Any:
            y = x
            for _ in range(count):
                y = y + 1.0 if function == "add" else y @ weight
            return y

        return chain

    def training(self, network: str, batch: int, steps: int, captured: bool = False) -> Callable[[], Any]:
        model: Any
        if network == "transformer":
            model = torch_networks.TextClassifier(TRANSFORMER).to(self.place)
            x = torch.randint(TRANSFORMER.vocabulary, (batch, TRANSFORMER.length), device=self.place)
            optimizer: Any = torch.optim.AdamW(model.parameters(), fused=True)
        elif network == "cnn":
            model = torch_networks.cnn().to(self.place, memory_format=torch.channels_last)
            x = self.tensor(batch, 1, 28, 28).contiguous(memory_format=torch.channels_last)
            optimizer = torch.optim.RMSprop(model.parameters())
        else:
            widths = SMALL_MLP if network == "mlp" else networks.WIDE
            model = torch_networks.mlp(widths).to(self.place)
            x = self.tensor(batch, widths[0])
            few = network == "mlp"
            optimizer = (torch.optim.SGD if few else torch.optim.Adam)(model.parameters(), 0.01, fused=True)
        y = torch.randint(2, (batch,), device=self.place)

        def step() -> None:
            optimizer.zero_grad(set_to_none=True)
            functional.cross_entropy(model(x), y).backward()
            optimizer.step()

        if captured:
            step = _graph(step)

        def run() -> None:
            for _ in range(steps):
                step()

        return run
