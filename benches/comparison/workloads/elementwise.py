"""Elementwise functions, reductions, normalizations and a transposing copy, on 4096 x 1024 numbers."""

from .workload import F32, MILLION, Workload

ARRAY = float(F32 * MILLION)
SHAPE = (4096, 1024)


def pointwise(name: str, function: str, arrays: int, shape: tuple[int, ...] = SHAPE) -> Workload:
    """`function` reading and writing so many arrays; below a few kilobytes overhead is all there is."""
    return Workload(
        name,
        "elementwise",
        "elementwise",
        {"function": function, "shape": shape},
        bytes=arrays * ARRAY if shape == SHAPE else None,
        ceiling=None if shape != SHAPE else "read" if arrays == 1 else "copy",
    )


WORKLOADS = [
    pointwise("add_16", "add", 3, (16,)),
    pointwise("add_4M", "add", 3),
    pointwise("exp_4M", "exp", 2),
    pointwise("tanh_4M", "tanh", 2),
    pointwise("gelu_tanh_4M", "gelu_tanh", 2),
    pointwise("gelu_erf_4M", "gelu_erf", 2),
    pointwise("sum_4M", "sum", 1),
    pointwise("sum_axis0_4M", "sum_axis0", 1),
    pointwise("softmax_4096x1024", "softmax", 2),
    pointwise("layernorm_4096x1024", "layernorm", 2),
    pointwise("transpose_copy_4M", "transpose", 2),
]
