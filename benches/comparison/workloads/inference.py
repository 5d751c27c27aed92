"""Trained networks asked for an answer: one row, where overhead counts, and a batch."""

from . import networks
from .workload import Workload


def ask(network: str, batch: int, flops: float, kind: str = "infer") -> Workload:
    """`infer` is the network called on a tensor; `predict` is Keras's method, from array to array."""
    return Workload(
        f"{kind}_{network}_b{batch}",
        "inference",
        f"{kind}_{network}",
        {"batch": batch},
        flops=batch * flops,
        ceiling=None if batch == 1 else "fma",
    )


MLP = networks.dense_flops(networks.MLP, False)
CNN = networks.cnn_flops(False)

WORKLOADS = [
    ask("mlp", 1, MLP),
    ask("mlp", 128, MLP),
    ask("cnn", 1, CNN),
    ask("cnn", 32, CNN),
    ask("mlp", 1, MLP, "predict"),
    ask("cnn", 1, CNN, "predict"),
]
