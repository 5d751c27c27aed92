"""An optimizer's step on gradients that are there already."""

from .workload import F32, Workload

TENSORS = 10
SHAPE = (1000, 1000)

# Reads the parameter, its gradient and two moments; writes all but the gradient.
WORKLOADS = [
    Workload(
        "adamw_fused_10M",
        "optimizers",
        "adamw",
        {"tensors": TENSORS, "shape": SHAPE},
        bytes=7.0 * F32 * TENSORS * SHAPE[0] * SHAPE[1],
        ceiling="copy",
    )
]
