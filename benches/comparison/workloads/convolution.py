"""Two-dimensional convolutions: forward, and forward with both gradients."""

from .workload import F32, Workload

# images, height, width, channels in, channels out, kernel, stride, padding on each side
SHAPES = [
    (32, 28, 28, 1, 32, 3, 1, 0),
    (32, 13, 13, 32, 64, 3, 1, 0),
    (16, 32, 32, 64, 64, 3, 1, 1),
    (16, 16, 16, 128, 128, 3, 1, 1),
    (8, 56, 56, 64, 256, 1, 1, 0),
    (4, 224, 224, 3, 64, 7, 2, 3),
]


def convolution(shape: tuple[int, ...], gradients: bool) -> Workload:
    """Channels last; where a framework takes no such images, in the layout it prefers."""
    n, h, w, c_in, c_out, kernel, stride, pad = shape
    rows, columns = ((size + 2 * pad - kernel) // stride + 1 for size in (h, w))
    flops = 2.0 * n * rows * columns * c_out * c_in * kernel * kernel
    traffic = F32 * float(n * h * w * c_in + kernel * kernel * c_in * c_out + n * rows * columns * c_out)
    return Workload(
        f"conv_{'fwdbwd' if gradients else 'fwd'}_{n}x{h}x{w}x{c_in}_{c_out}_k{kernel}s{stride}",
        "convolution",
        "convolution",
        {
            "images": (n, h, w, c_in),
            "filters": c_out,
            "kernel": kernel,
            "stride": stride,
            "pad": pad,
            "gradients": gradients,
        },
        flops=3 * flops if gradients else flops,
        bytes=3 * traffic if gradients else traffic,
        ceiling="fma",
    )


WORKLOADS = [convolution(shape, gradients) for gradients in (False, True) for shape in SHAPES]
