"""What is measured on a GPU: sizes, the arithmetic and traffic they need, and which ratio would be good."""

from dataclasses import dataclass, field, replace
from typing import Any

from ..comparison.workloads import networks
from ..comparison.workloads.workload import matching

FLOAT = 4  # bytes


@dataclass(frozen=True)
class Workload:
    """One line of the table.

    Attributes:
        name: In tables.
        family: What it belongs to.
        kind: The method of the frameworks that prepares it.
        sizes: Its arguments.
        dry: Arguments of the same work at a tiny size, to see whether it runs and is right.
        flops: Arithmetic of one call, if that is what bounds it.
        bytes: Traffic of one call, if that is what bounds it.
        bars: Ratios of throughput, Corten's to PyTorch's, that are usable, good, and as good as any.
    """

    name: str
    family: str
    kind: str
    sizes: dict[str, Any]
    dry: dict[str, Any]
    flops: float | None = None
    bytes: float | None = None
    bars: tuple[float, float, float] = field(default=(0.6, 0.85, 1.0))


def matmul(m: int, k: int, n: int, dtype: str = "float32") -> Workload:
    """A product of matrices. In float16 PyTorch's goes to tensor cores."""
    is_half = dtype == "float16"
    return Workload(
        f"matmul_{m}x{k}x{n}{'_float16' if is_half else ''}",
        "matmul",
        "matmul",
        {"m": m, "k": k, "n": n, "dtype": dtype},
        {"m": 24, "k": 40, "n": 36, "dtype": dtype},
        flops=2.0 * m * k * n,
        bars=(0.15, 0.3, 0.5) if is_half else (0.45, 0.7, 0.85),
    )


def elementwise(function: str, arrays: int, power: int) -> Workload:
    """A function of 2^power numbers that reads and writes so many arrays of them."""
    return Workload(
        f"{function}_2^{power}",
        "elementwise",
        "elementwise",
        {"function": function, "n": 1 << power},
        {"function": function, "n": 1000},
        bytes=FLOAT * arrays * float(1 << power),
        bars=(0.8, 0.95, 1.0),
    )


def rows(function: str, arrays: int, columns: int) -> Workload:
    """A function over 4096 rows, and its gradient."""
    return Workload(
        f"{function}_4096x{columns}",
        "rows",
        "rows",
        {"function": function, "shape": (4096, columns)},
        {"function": function, "shape": (6, 40)},
        bytes=FLOAT * arrays * 4096.0 * columns,
    )


def convolution(part: str, side: int, channels: int, filters: int, kernel: int, stride: int = 1) -> Workload:
    """One of ResNet's convolutions over 32 images: forward, or a gradient, of the images or the weights."""
    sizes = {"part": part, "batch": 32, "side": side, "channels": channels, "filters": filters}
    out = side // stride
    return Workload(
        f"conv_{part}_{side}x{side}x{channels}_{filters}_k{kernel}s{stride}",
        "convolution",
        "convolution",
        {**sizes, "kernel": kernel, "stride": stride},
        {"part": part, "batch": 2, "side": 8, "channels": min(channels, 4), "filters": 4, "kernel": kernel}
        | {"stride": stride},
        flops=2.0 * 32 * out * out * filters * channels * kernel * kernel,
        bars=(0.3, 0.5, 0.7),
    )


def attention(gradients: bool) -> Workload:
    """Scaled dot products of 8 x 12 heads, 1024 positions, 64 wide."""
    products = 2.0 * 2 * 8 * 12 * 1024 * 1024 * 64
    return Workload(
        f"attention_{'both' if gradients else 'forward'}_8x12x1024x64",
        "attention",
        "attention",
        {"batch": 8, "heads": 12, "length": 1024, "width": 64, "gradients": gradients},
        {"batch": 2, "heads": 2, "length": 20, "width": 8, "gradients": gradients},
        flops=products * (3.5 if gradients else 1.0),
        bars=(0.3, 0.5, 0.8),
    )


def launch(function: str) -> Workload:
    """A thousand tiny ops, each of the result of the one before: what asking costs."""
    return Workload(
        f"launch_1000_{function}",
        "launch",
        "launch",
        {"function": function, "count": 1000},
        {"function": function, "count": 20},
        bars=(0.67, 1.0, 2.0),
    )


def training(network: str, batch: int, **sizes: Any) -> Workload:
    """A training step: forward, loss, gradients, optimizer."""
    return Workload(
        f"train_{network}_b{batch}",
        "training",
        "training",
        {"network": network, "batch": batch, "steps": 50},
        {"network": network, "batch": 4, "steps": 2},
        bars=(0.4, 0.7, 1.0),
        **sizes,
    )


def captured(network: str, batch: int, **sizes: Any) -> Workload:
    """A training step that is recorded once and played again, beside a CUDA graph."""
    plain = training(network, batch, **sizes)
    return replace(
        plain,
        name=f"{plain.name}_captured",
        family="launch",
        sizes={**plain.sizes, "captured": True},
        bars=(0.67, 0.85, 1.0),
    )


#: Of ten million parameters.
TRANSFORMER = networks.Encoder(
    vocabulary=4096, width=384, heads=6, hidden=1536, layers=5, length=128, classes=2
)
TINY_TRANSFORMER = networks.Encoder(
    vocabulary=50, width=16, heads=2, hidden=32, layers=2, length=12, classes=2
)
SMALL_MLP = (784, 128, 10)

WORKLOADS = [
    *(matmul(n, n, n) for n in (1024, 2048, 4096, 8192)),
    matmul(4096, 512, 14336),
    matmul(4096, 4096, 4096, "float16"),
    *(elementwise("add", 3, power) for power in (20, 22, 24, 26, 28)),
    *(elementwise("chain", 3, power) for power in (20, 24, 28)),
    *(rows("sum", 2, columns) for columns in (256, 1024, 8192)),
    *(rows("softmax", 5, columns) for columns in (256, 1024, 8192)),
    *(rows("layernorm", 5, columns) for columns in (256, 1024, 8192)),
    *(
        convolution(part, *shape)
        for shape in (
            (56, 64, 64, 3),
            (28, 128, 128, 3),
            (14, 256, 256, 3),
            (56, 64, 256, 1),
            (224, 3, 64, 7, 2),
        )
        for part in ("forward", "dx", "dw")
    ),
    attention(False),
    attention(True),
    launch("add"),
    launch("matmul"),
    captured("mlp", 64, flops=64 * networks.dense_flops(SMALL_MLP, True)),
    training("mlp", 64, flops=64 * networks.dense_flops(SMALL_MLP, True)),
    training("wide", 256, flops=256 * networks.dense_flops(networks.WIDE, True)),
    training("cnn", 128, flops=128 * networks.cnn_flops(True)),
    training("transformer", 64, flops=64 * networks.encoder_flops(TRANSFORMER)),
]


def select(prefixes: list[str]) -> list[Workload]:
    """The workloads that `--only` names, as `matching` finds them."""
    return matching(WORKLOADS, prefixes)
