"""Matrix products: square, odd, and one row."""

from .workload import F32, Workload

SHAPES = [
    (64, 64, 64),
    (128, 784, 256),
    (256, 256, 256),
    (1024, 1024, 1024),
    (2048, 2048, 2048),
    (97, 1023, 511),
    (1, 4096, 4096),
]


def product(m: int, k: int, n: int, dtype: str) -> Workload:
    """`(m, k) @ (k, n)`; with one row it is the reading of the matrix that counts."""
    width = F32 if dtype == "float32" else 2
    short = {"float32": "f32", "bfloat16": "bf16"}[dtype]
    return Workload(
        f"gemm_{short}_{m}x{k}x{n}",
        "matmul",
        "matmul",
        {"m": m, "k": k, "n": n, "dtype": dtype},
        flops=2.0 * m * k * n,
        bytes=float(width * (m * k + k * n + m * n)),
        ceiling="read" if m == 1 else "fma",
    )


WORKLOADS = [product(*shape, dtype) for dtype in ("float32", "bfloat16") for shape in SHAPES]
