"""Rows of products and linear algebra."""

import numpy as np
import scipy.linalg
from tests.ops.table import F, I, row

from corten import ops


def positive(x):
    return x @ np.swapaxes(x, -1, -2) + 2 * np.eye(x.shape[-1])


def regular(x):
    return x + 4 * np.eye(x.shape[-1])


def symmetric(x):
    return x + np.swapaxes(x, -1, -2)


S = F(2, 3, 3, fix=positive)
A = F(2, 3, 3, fix=regular)

row("matmul", [F(2, 3, 4), F(4, 5)], np.matmul, result="product")
row("matmul", [F(4), F(2, 4, 3)], np.matmul)
row("matmul", [F(2, 1, 3, 4), F(3, 4, 2)], np.matmul)
row(
    "matmul",
    [I(2, 3, 7, low=-128, high=128), I(7, 5, low=-128, high=128)],
    np.matmul,
    call=lambda a, b: ops.matmul(ops.cast(a, "int8"), ops.cast(b, "int8")),
    result="int32",
)
row("dot", [F(3, 4), F(4)], np.dot)
row("dot", [F(2, 3, 4), F(5, 4, 2)], np.dot)
row("vdot", [F(2, 3), F(6)], lambda a, b: np.vdot(a, b))
row("inner", [F(2, 3), F(4, 3)], np.inner)
row("outer", [F(2, 2), F(3)], np.outer)
row("tensordot", [F(2, 3, 4), F(3, 4, 5)], np.tensordot)
row(
    "tensordot",
    [F(2, 3, 4), F(4, 2, 5)],
    lambda a, b: np.tensordot(a, b, ([0, 2], [1, 0])),
    axes=([0, 2], [1, 0]),
)
row(
    "einsum",
    [F(2, 3), F(3, 4), F(4)],
    lambda a, b, c: np.einsum("ij,jk,k->i", a, b, c),
    call=lambda a, b, c: ops.einsum("ij,jk,k->i", a, b, c),
)
row("einsum", [F(2, 3, 3)], lambda a: np.einsum("bii->b", a), call=lambda a: ops.einsum("bii->b", a))
row(
    "einsum",
    [F(2, 3, 4), F(2, 4, 5)],
    lambda a, b: np.einsum("...ij,...jk", a, b),
    call=lambda a, b: ops.einsum("...ij,...jk", a, b),
)
row("kron", [F(2, 3), F(3, 2)], np.kron)
row("cross", [F(4, 3), F(4, 3)], np.cross)
row("cross", [F(3, 4), F(3, 4)], lambda a, b: np.cross(a, b, axis=0), axis=0)
row("cdist", [F(3, 4), F(5, 4)], lambda a, b: np.sqrt(((a[:, None] - b[None]) ** 2).sum(-1)))

# Without repeats along the first axis: these matrices have to keep their shape of rows.
row(
    "cholesky",
    [S],
    np.linalg.cholesky,
    call=lambda a: ops.cholesky((a + ops.swapaxes(a, -1, -2)) / 2.0),
    layouts=False,
)
row(
    "cholesky",
    [S],
    lambda a: np.swapaxes(np.linalg.cholesky(a), -1, -2),
    grad=False,
    upper=True,
    layouts=False,
)
row(
    "cholesky_inverse",
    [F(3, 3, fix=lambda x: np.tril(x) + 3 * np.eye(3))],
    lambda x: np.linalg.inv(x @ x.T),
    call=lambda x: ops.cholesky_inverse(ops.tril(x)),
    layouts=False,
)
row("det", [A], np.linalg.det, layouts=False)
row("slogdet", [A], lambda x: tuple(np.linalg.slogdet(x)), layouts=False)
row("logdet", [S], lambda x: np.linalg.slogdet(x)[1], layouts=False)
row("inv", [A], np.linalg.inv, layouts=False)
row("solve", [A, F(2, 3, 2)], np.linalg.solve, layouts=False)
row("solve", [F(3, 3, fix=regular), F(3)], np.linalg.solve, layouts=False)
row(
    "solve_triangular",
    [F(3, 3, fix=regular), F(3, 2)],
    lambda a, b: scipy.linalg.solve_triangular(a, b),
    layouts=False,
)
row(
    "solve_triangular",
    [F(3, 3, fix=regular), F(3)],
    lambda a, b: scipy.linalg.solve_triangular(a, b, lower=True),
    lower=True,
    layouts=False,
)
row(
    "eigh",
    [F(2, 3, 3, fix=symmetric)],
    lambda a: np.linalg.eigvalsh(a),
    call=lambda a: ops.eigh((a + ops.swapaxes(a, -1, -2)) / 2.0)[0],
    layouts=False,
)
row(
    "eigh",
    [F(3, 3, fix=symmetric)],
    np.square,
    call=lambda a: eigen_square((a + ops.swapaxes(a, -1, -2)) / 2.0),
    layouts=False,
    smooth=False,
)
row(
    "svd",
    [F(2, 4, 3)],
    lambda a: np.linalg.svd(a, compute_uv=False),
    compute_uv=False,
    layouts=False,
    smooth=False,
)
row(
    "svd",
    [F(4, 3)],
    lambda a: a,
    call=lambda a: rebuilt(*ops.svd(a, full_matrices=False)),
    layouts=False,
    smooth=False,
)
row("qr", [F(2, 4, 3)], lambda a: a, call=lambda a: ops.matmul(*ops.qr(a)), layouts=False)
row(
    "qr",
    [F(4, 3)],
    lambda a: np.abs(np.linalg.qr(a)[1]),
    call=lambda a: ops.absolute(ops.qr(a)[1]),
    layouts=False,
)
row("lu_factor", [F(3, 3, fix=regular)], scipy.linalg.lu_factor, grad=False, layouts=False)
row("pinv", [F(4, 3)], np.linalg.pinv, layouts=False)
row("pinv", [F(2, 3, 4)], np.linalg.pinv, layouts=False)
row("lstsq", [F(4, 3), F(4, 2)], lambda a, b: np.linalg.lstsq(a, b)[0], layouts=False, smooth=False)
row("matrix_rank", [F(3, 4)], np.linalg.matrix_rank, grad=False)
for order in (None, 1, 2, 3, 0, np.inf, -np.inf):
    row("norm", [F(3, 4)], lambda x, o=order: np.linalg.norm(x, o, 1), ord=order, axis=1, grad=order != 0)
for order in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
    row(
        "norm",
        [F(2, 4, 3)],
        lambda x, o=order: np.linalg.norm(x, o, (1, 2), keepdims=True),
        ord=order,
        axis=(1, 2),
        keepdims=True,
        smooth=False,
        layouts=False,
    )


def eigen_square(a):
    # a @ a from the decomposition, taken apart again so that vectors matter: sum over columns.
    values, vectors = ops.eigh(a)
    return ops.square(ops.matmul(vectors * ops.expand_dims(values, -2), ops.swapaxes(vectors, -1, -2)))


def rebuilt(u, s, vt):
    return ops.matmul(u * ops.expand_dims(s, -2), vt)


X = F(2, 12)
PAIR = [X, X]
row("fft", PAIR, lambda a, b: parts(np.fft.fft(a + 1j * b)), call=lambda a, b: ops.fft((a, b)))
row(
    "fft",
    [F(2, 150), F(2, 150)],
    lambda a, b: parts(np.fft.fft(a + 1j * b)),
    call=lambda a, b: ops.fft((a, b)),
    smooth=False,
)
row("fft2", PAIR, lambda a, b: parts(np.fft.fft2(a + 1j * b)), call=lambda a, b: ops.fft2((a, b)))
row("ifft2", PAIR, lambda a, b: parts(np.fft.ifft2(a + 1j * b)), call=lambda a, b: ops.ifft2((a, b)))
row("rfft", [X], lambda a: parts(np.fft.rfft(a)))
row("rfft", [X], lambda a: parts(np.fft.rfft(a, 9)), fft_length=9)
row("irfft", [F(2, 7), F(2, 7)], lambda a, b: np.fft.irfft(a + 1j * b), call=lambda a, b: ops.irfft((a, b)))
row(
    "irfft",
    [F(2, 5), F(2, 5)],
    lambda a, b: np.fft.irfft(a + 1j * b, 9),
    call=lambda a, b: ops.irfft((a, b), 9),
)


def parts(x):
    return x.real, x.imag


def short_time(x):
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(8) / 8)
    x = np.pad(x, ((0, 0), (4, 4)), "reflect")
    pieces = np.stack([x[:, i : i + 8] * window for i in range(0, x.shape[1] - 7, 3)], 1)
    return parts(np.fft.rfft(pieces))


row("stft", [F(2, 20)], short_time, sequence_length=8, sequence_stride=3, fft_length=8)
row("istft", [F(2, 24)], lambda x: x, call=lambda x: ops.istft(ops.stft(x, 8, 2, 8), 8, 2, 8, length=24))


def polar_parts(radius, angle):
    """Real and imaginary parts, along a new last axis."""
    return ops.view_as_real(ops.polar(radius, angle))


def there_and_back(pairs):
    return ops.view_as_real(ops.view_as_complex(pairs))


row("polar", PAIR, lambda a, b: np.stack([a * np.cos(b), a * np.sin(b)], -1), call=polar_parts)
row("view_as_complex", [F(3, 2)], np.array, call=there_and_back)
row("view_as_real", [F(2, 3, 2)], np.array, call=there_and_back)
