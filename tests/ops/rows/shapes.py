"""Rows of creation, shapes, joining, indexing and control flow."""

import numpy as np
from tests.ops.table import B, F, I, row

from corten import ops

X = F(2, 3, 4)
M = F(3, 4)
V = F(4)

row("reshape", [X], lambda x: x.reshape(4, 6), newshape=(4, -1), result="same")
row("ravel", [X], np.ravel)
row("transpose", [X], np.transpose, result="same")
row("transpose", [X], lambda x: x.transpose(1, 2, 0), axes=(1, 2, 0))
row("swapaxes", [X], lambda x: np.swapaxes(x, 0, -1), axis1=0, axis2=-1)
row("moveaxis", [X], lambda x: np.moveaxis(x, [0, 1], [-1, 0]), source=[0, 1], destination=[-1, 0])
row("expand_dims", [X], lambda x: np.expand_dims(x, (0, 2)), axis=(0, 2))
row("squeeze", [F(1, 3, 1, 2)], np.squeeze)
row("squeeze", [F(1, 3, 1, 2)], lambda x: x.squeeze(2), axis=2)
row("broadcast_to", [V], lambda x: np.broadcast_to(x, (3, 4)), shape=(3, 4))
row("copy", [X], np.copy, result="same")
row("flip", [X], lambda x: np.flip(x, (0, 2)), axis=(0, 2))
row("fliplr", [M], np.fliplr)
row("flipud", [M], np.flipud)
for turns in range(4):
    row("rot90", [X], lambda x, k=turns: np.rot90(x, k, (1, 2)), k=turns, axes=(1, 2))
row("roll", [X], lambda x: np.roll(x, 5), shift=5)
row("roll", [X], lambda x: np.roll(x, (1, -1), (0, 2)), shift=(1, -1), axis=(0, 2))
for name, reference, axis in [("concatenate", np.concatenate, 1), ("stack", np.stack, 1)]:
    row(
        name,
        [M, M],
        lambda a, b, f=reference, i=axis: f([a, b], axis=i),
        call=lambda a, b, f=getattr(ops, name), i=axis: f([a, b], axis=i),
    )
for name, reference in [("hstack", np.hstack), ("vstack", np.vstack), ("dstack", np.dstack)]:
    row(name, [V, V], lambda a, b, f=reference: f([a, b]), call=lambda a, b, f=getattr(ops, name): f([a, b]))
    row(name, [X, X], lambda a, b, f=reference: f([a, b]), call=lambda a, b, f=getattr(ops, name): f([a, b]))
row("append", [M, M], np.append)
row("append", [M, M], lambda a, b: np.append(a, b, 0), axis=0)
row("split", [X], lambda x: np.split(x, 2, -1), indices_or_sections=2, axis=-1)
row("split", [X], lambda x: np.split(x, [1, 3], 2), indices_or_sections=[1, 3], axis=2)
row("array_split", [X], lambda x: np.array_split(x, 3, 2), indices_or_sections=3, axis=2)
row("hsplit", [X], lambda x: np.hsplit(x, 3), indices_or_sections=3)
row("vsplit", [X], lambda x: np.vsplit(x, 2), indices_or_sections=2)
row("dsplit", [X], lambda x: np.dsplit(x, 2), indices_or_sections=2)
row("unstack", [X], lambda x: list(np.moveaxis(x, 1, 0)), axis=1)
row("tile", [M], lambda x: np.tile(x, (2, 1, 3)), repeats=(2, 1, 3))
row("repeat", [M], lambda x: np.repeat(x, 2, 1), repeats=2, axis=1)
row("repeat", [M], lambda x: np.repeat(x, [0, 2, 1], 0), repeats=[0, 2, 1], axis=0)
row(
    "pad",
    [M],
    lambda x: np.pad(x, ((1, 2), (0, 3)), constant_values=0.5),
    pad_width=((1, 2), (0, 3)),
    constant_values=0.5,
)
for mode in ("reflect", "symmetric", "edge", "wrap"):
    row("pad", [M], lambda x, m=mode: np.pad(x, ((2, 4), (5, 1)), m), pad_width=((2, 4), (5, 1)), mode=mode)

row("take", [X, I(2, 2, low=-3, high=3)], lambda x, i: np.take(x, i, 1), axis=1)
row("take", [X, I(5, low=0, high=24)], np.take)
row("take_along_axis", [M, I(3, 2, low=-4, high=4)], lambda x, i: np.take_along_axis(x, i, 1), axis=1)
row(
    "take_along_axis",
    [M, I(1, 2, low=0, high=4)],
    lambda x, i: np.take_along_axis(x, np.broadcast_to(i, (3, 2)), 1),
    axis=1,
    layouts=False,
)
row("get_item", [X], lambda x: x[1, ::-2, None, 1:3], key=(1, slice(None, None, -2), None, slice(1, 3)))
row("get_item", [X], lambda x: x[..., [0, 2, 2]], key=(..., [0, 2, 2]))
row("where", [I(3, 4, low=0, high=2)], np.where)
row("nonzero", [I(3, 4, low=0, high=2)], np.nonzero)
row("unravel_index", [I(5, low=0, high=24)], lambda i: np.unravel_index(i, (2, 3, 4)), shape=(2, 3, 4))
for k in (-1, 0, 2):
    row("diag", [V], lambda x, k=k: np.diag(x, k), k=k)
    row("diag", [M], lambda x, k=k: np.diag(x, k), k=k)
    row("tril", [X], lambda x, k=k: np.tril(x, k), k=k)
    row("triu", [X], lambda x, k=k: np.triu(x, k), k=k)
    row("diagonal", [X], lambda x, k=k: np.diagonal(x, k, 1, 2), offset=k, axis1=1, axis2=2)
row("diagflat", [M], np.diagflat)
row("trace", [X], lambda x: np.trace(x, 1, 0, 2), offset=1, axis1=0, axis2=2)


def scattered(indices, values):
    result = np.zeros((5, 4))
    np.add.at(result, indices[:, 0], values)
    return result


def updated(base, indices, values, operation):
    result = base.copy()
    for place, value in zip(indices, values, strict=True):
        result[tuple(place)] = operation(result[tuple(place)], value)
    return result


row("scatter", [I(6, 1, low=0, high=5), F(6, 4)], scattered, shape=(5, 4), layouts=False)
PLACES = I(2, 2, low=0, high=3)
for reduction, operation in [
    (None, lambda a, b: b),
    ("add", np.add),
    ("mul", np.multiply),
    ("max", np.maximum),
    ("min", np.minimum),
]:
    row(
        "scatter_update",
        [X, I(2, 2, fix=lambda x: np.array([[0, 2], [1, 1]], np.int32)), F(2, 4)],
        lambda x, i, u, f=operation: updated(x, i, u, f),
        reduction=reduction,
        layouts=False,
    )
row("slice", [X], lambda x: x[1:2, 0:2, 2:4], start_indices=(1, 0, 2), shape=(1, 2, -1))
row(
    "slice_update",
    [X, F(1, 2, 2)],
    lambda x, u: updated_block(x, u),
    call=lambda x, u: ops.slice_update(x, (1, 0, 2), u),
)


def updated_block(x, u):
    x = x.copy()
    x[1:2, 0:2, 2:4] = u
    return x


for name, reference in [
    ("zeros_like", np.zeros_like),
    ("ones_like", np.ones_like),
    ("empty_like", np.zeros_like),
]:
    row(name, [X], reference, grad=False, result="same")
row("full_like", [X, V], lambda x, v: np.broadcast_to(v, x.shape))
row("full", [V], lambda v: np.broadcast_to(v, (3, 4)), call=lambda v: ops.full((3, 4), v, dtype=v.dtype))
row("meshgrid", [V, F(3)], lambda a, b: np.meshgrid(a, b))
row("meshgrid", [V, F(3), F(2)], lambda a, b, c: np.meshgrid(a, b, c, indexing="ij"), indexing="ij")
row("linspace", [V, V], lambda a, b: np.linspace(a, b, 5, axis=1), num=5, axis=1)
row("linspace", [V, V], lambda a, b: np.linspace(a, b, 5, endpoint=False), num=5, endpoint=False)
row("logspace", [V, V], lambda a, b: np.logspace(a, b, 4, base=2.0), num=4, base=2.0, dtype="float64")
row(
    "geomspace",
    [F(4, low=0.5), F(4, low=0.5)],
    lambda a, b: np.geomspace(a, b, 4),
    num=4,
    dtype="float64",
    layouts=False,
    tolerance=1e-9,
)
row("vander", [V], lambda x: np.vander(x, 3), N=3)
row("vander", [V], lambda x: np.vander(x, increasing=True), increasing=True)
row(
    "extract_sequences",
    [F(2, 9)],
    lambda x: np.stack([x[:, i : i + 4] for i in range(0, 6, 2)], 1),
    sequence_length=4,
    sequence_stride=2,
)
row("convert_to_tensor", [X], lambda x: x)
row("array", [X], lambda x: x)
row("stop_gradient", [X], lambda x: x, grad=False)
row("view", [X], lambda x: x.view(np.int64), dtype="int64", grad=False)

row(
    "cond",
    [B(), V],
    lambda c, x: x * 2 if c else -x,
    call=lambda c, x: ops.cond(c, lambda: x * 2.0, lambda: -x),
)
row("switch", [V], lambda x: x + 1, call=lambda x: ops.switch(7, [lambda x: x, lambda x: x + 1.0], x))
row(
    "while_loop",
    [V],
    lambda x: x * 8,
    call=lambda x: ops.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2.0), (0, x))[1],
)
row("fori_loop", [V], lambda x: x**4, call=lambda x: ops.fori_loop(0, 2, lambda i, v: v * v, x))
row("map", [M], lambda x: np.sin(x), call=lambda x: ops.map(ops.sin, x))
row("vectorized_map", [M], lambda x: np.sin(x), call=lambda x: ops.vectorized_map(ops.sin, x))
row(
    "scan",
    [M],
    lambda x: np.cumsum(x, 0),
    call=lambda x: ops.scan(lambda c, v: (c + v, c + v), ops.zeros(4, x.dtype), x)[1],
)
row(
    "associative_scan",
    [F(5, 2)],
    lambda x: np.cumprod(x, 0),
    call=lambda x: ops.associative_scan(ops.multiply, x),
)
row(
    "associative_scan",
    [F(5, 3)],
    lambda x: np.cumsum(x[:, ::-1], 1)[:, ::-1],
    call=lambda x: ops.associative_scan(ops.add, x, reverse=True, axis=1),
)
row("vectorize", [M, V], lambda a, b: a * b, call=lambda a, b: ops.vectorize(lambda x, y: x * y)(a, b))
row(
    "rearrange",
    [F(2, 6, 3)],
    lambda x: x.reshape(2, 3, 2, 3).transpose(1, 3, 0, 2).reshape(3, 3, 4),
    pattern="b (h w) c -> h c (b w)",
    h=3,
)
row("rearrange", [X], lambda x: x.transpose(0, 2, 1)[:, :, :, None], pattern="a ... z -> a z ... 1")
