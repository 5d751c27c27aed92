"""Whole training steps: forward, loss, gradients, optimizer."""

from . import networks
from .workload import Workload


def step(
    name: str, network: str, batch: int, flops: float | None, steps: int, dtype: str = "float32"
) -> Workload:
    """One step; `steps` is how many of them a call of `fit` makes where steps run inside one."""
    return Workload(
        name,
        "training",
        f"train_{network}",
        {"batch": batch, "steps": steps, "dtype": dtype},
        flops=None if flops is None else batch * flops,
        ceiling=None if flops is None else "fma",
    )


MLP = networks.dense_flops(networks.MLP, True)

COLD = [
    Workload(
        "first_step_mlp_b128",
        "training",
        "train_mlp",
        {"batch": 128, "steps": 1, "dtype": "float32"},
        cold=True,
    )
]

WORKLOADS = [
    step("train_mlp_b128", "mlp", 128, MLP, 100),
    step("train_cnn_b32", "cnn", 32, networks.cnn_flops(True), 100),
    step("train_lstm_b32_t64", "lstm", 32, networks.lstm_flops(), 20),
    step("train_minilm_b8_s128_f32", "encoder", 8, networks.encoder_flops(), 4),
    step("train_minilm_b8_s128_bf16", "encoder", 8, networks.encoder_flops(), 4, "bfloat16"),
    # A whole epoch: the call is the measurement.
    Workload("fit_linreg_epoch", "training", "linear_regression"),
]

# Not in the comparison: conditions.py asks for them.
CONDITIONS = [
    step("train_wide_b128", "wide", 128, networks.dense_flops(networks.WIDE, True), 10),
    step("first_step_cnn_b32", "cnn", 32, None, 1),
    step("first_step_minilm_b8", "encoder", 8, None, 1),
]
