"""The workloads in Corten, on any of its devices."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import corten
from corten import _core, ops

from ..comparison.adapters.with_corten import Corten
from ..comparison.workloads import networks
from .workloads import SMALL_MLP, TINY_TRANSFORMER, TRANSFORMER, Workload

SEED = 7


@dataclass
class Prepared:
    """Work that is ready to be timed.

    Attributes:
        call: Asks for it once; it may still be under way when this returns.
        finish: Waits for all that was asked for.
        units: How many of what is measured one call does.
        values: Does it, and gives what came of it as NumPy arrays.
        start_clock: The device notes from then on how long its work takes; None if it has no clock.
        stop_clock: Waits for that work, and gives the seconds that the device spent on it.
    """

    call: Callable[[], Any]
    finish: Callable[[], None]
    units: int = 1
    values: Callable[[], list[Any]] = list
    start_clock: Callable[[], None] | None = None
    stop_clock: Callable[[], float] = float


class OnDevice:
    """Corten on one device. A method named as a workload's `kind` gives a function that returns tensors."""

    def __init__(self, device: str) -> None:
        self.device = device
        self.models = Corten(_core.num_threads())

    def prepare(self, workload: Workload, dry: bool = False) -> Prepared:
        """Sets up data, parameters and models."""
        corten.utils.set_random_seed(SEED)
        self.models.rng = np.random.default_rng(SEED)
        sizes = workload.dry if dry else workload.sizes
        with corten.device(self.device):
            if workload.kind == "training":
                return self.clocked(self.training(**sizes))
            work = getattr(self, workload.kind)(**sizes)

        def call() -> list[Any]:
            results = work()
            # Results of elementwise functions wait until somebody reads them.
            for result in results:
                _core.compute(result)
            return results

        return self.clocked(Prepared(call, self.finish, values=lambda: [result.numpy() for result in call()]))

    def clocked(self, prepared: Prepared) -> Prepared:
        """With the clock of the device, if that has one."""
        try:
            _core.start_device_clock(self.device)
            _core.stop_device_clock(self.device)
        except RuntimeError:
            return prepared
        prepared.start_clock = lambda: _core.start_device_clock(self.device)
        prepared.stop_clock = lambda: _core.stop_device_clock(self.device)
        return prepared

    def finish(self) -> None:
        """Waits for the device."""
        corten.config.synchronize(self.device)

    def tensor(self, *shape: int, needs_gradient: bool = False) -> Any:
        """Normal numbers."""
        return corten.tensor(self.models.normal(*shape), device=self.device, requires_grad=needs_gradient)

    def matmul(self, m: int, k: int, n: int, dtype: str) -> Callable[[], list[Any]]:
        a, b = (self.tensor(*shape).astype(dtype) for shape in ((m, k), (k, n)))
        return lambda: [ops.matmul(a, b)]

    def elementwise(self, function: str, n: int) -> Callable[[], list[Any]]:
        x, y = self.tensor(n), self.tensor(n)
        if function == "add":
            return lambda: [x + y]
        return lambda: [ops.tanh(x * y + 0.5) * 2.0 - x]

    def rows(self, function: str, shape: tuple[int, int]) -> Callable[[], list[Any]]:
        x = self.tensor(*shape, needs_gradient=True)
        gamma, beta = (self.tensor(shape[1], needs_gradient=True) for _ in range(2))
        upstream = self.tensor(shape[0]) if function == "sum" else self.tensor(*shape)
        functions: dict[str, Callable[[], Any]] = {
            "sum": lambda: ops.sum(x, axis=-1),
            "softmax": lambda: ops.softmax(x, axis=-1),
            "layernorm": lambda: ops.layer_normalization(x, gamma=gamma, beta=beta, axis=-1, epsilon=1e-5),
        }
        forward, leaves = functions[function], [x, gamma, beta] if function == "layernorm" else [x]

        def both() -> list[Any]:
            y = forward()
            return [y.detach(), *_core.gradients([y], leaves, [upstream], False)]

        return both

    def convolution(
        self, part: str, batch: int, side: int, channels: int, filters: int, kernel: int, stride: int
    ) -> Callable[[], list[Any]]:
        x = self.tensor(batch, side, side, channels, needs_gradient=part == "dx")
        weight = self.tensor(kernel, kernel, channels, filters, needs_gradient=part == "dw")

        def forward() -> Any:
            return ops.conv(x, weight, strides=stride, padding="same", data_format="channels_last")

        if part == "forward":
            return lambda: [forward()]
        y = forward()
        upstream = self.tensor(*y.shape)
        return lambda: _core.gradients([y], [x if part == "dx" else weight], [upstream], False)

    def attention(
        self, batch: int, heads: int, length: int, width: int, gradients: bool
    ) -> Callable[[], list[Any]]:
        q, k, v = (self.tensor(batch, length, heads, width, needs_gradient=gradients) for _ in range(3))
        if not gradients:
            return lambda: [ops.dot_product_attention(q, k, v)]
        upstream = self.tensor(batch, length, heads, width)

        def both() -> list[Any]:
            y = ops.dot_product_attention(q, k, v)
            return [y.detach(), *_core.gradients([y], [q, k, v], [upstream], False)]

        return both

    def launch(self, function: str, count: int) -> Callable[[], list[Any]]:
        x, weight = self.tensor(16, 16), self.tensor(16, 16) * 0.1

        def chain() -> list[Any]:
            y = x
            for _ in range(count):
                y = y + 1.0 if function == "add" else y @ weight
            return [y]

        return chain

    def training(self, network: str, batch: int, steps: int, captured: bool = False) -> Prepared:
        # Steps of `fit` are captured in any case: it is the peer that is asked differently.
        del captured
        is_dry = batch < 8
        rows = batch * steps
        if network == "transformer":
            encoder = TINY_TRANSFORMER if is_dry else TRANSFORMER
            model = self.models.encoder("float32", encoder)
            x = self.models.rng.integers(encoder.vocabulary, size=(rows, encoder.length)).astype(np.int32)
            classes = encoder.classes
        elif network == "cnn":
            model, x = self.models.cnn(), self.models.normal(rows, *networks.IMAGE)
            classes = networks.CLASSES
        else:
            widths = SMALL_MLP if network == "mlp" else networks.WIDE
            widths = (widths[0], *(min(width, 32) for width in widths[1:])) if is_dry else widths
            model, x = self.models.dense(widths), self.models.normal(rows, widths[0])
            classes = widths[-1]
        if network == "mlp":
            model.compile("sgd", "sparse_categorical_crossentropy")
        data = corten.tensor(x, device=self.device)
        labels = corten.tensor(self.models.labels(rows, classes).astype(np.int32), device=self.device)

        def fit() -> None:
            model.fit(data, labels, batch_size=batch, epochs=1, shuffle=False, verbose=0)

        def values() -> list[Any]:
            fit()
            return list(itertools.islice(model.get_weights(), 4))

        return Prepared(fit, self.finish, steps, values)
