"""Scaled dot-product attention."""

from .workload import F32, Workload


def attention(batch: int, heads: int, length: int, width: int, gradients: bool) -> Workload:
    """Two products of (length, length, width) a head; their gradients are four more."""
    products = 6 if gradients else 2
    return Workload(
        f"sdpa_{'fwdbwd' if gradients else 'fwd'}_{batch}x{heads}x{length}x{width}",
        "attention",
        "attention",
        {"batch": batch, "heads": heads, "length": length, "width": width, "gradients": gradients},
        flops=2.0 * products * batch * heads * length * length * width,
        bytes=float(F32 * 4 * batch * heads * length * width * (2 if gradients else 1)),
        ceiling="fma",
    )


WORKLOADS = [attention(8, 12, 128, 32, True), attention(1, 12, 2048, 64, False)]
