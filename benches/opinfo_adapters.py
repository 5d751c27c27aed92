"""How each op of the database is called in Corten: names, argument order, layouts (channels first)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import ops
from opinfo_networks import NETWORKS

ADAPTERS: dict[str, Any] = {}

for torch_name, name in {
    "abs": "absolute", "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh",
    "atan": "arctan", "atanh": "arctanh", "neg": "negative", "special.i1": "i1", "positive": "array",
    "sub": "subtract", "mul": "multiply", "div": "divide", "remainder": "mod", "pow": "power",
    "atan2": "arctan2",
    "eq": "equal", "ne": "not_equal", "lt": "less", "le": "less_equal", "gt": "greater",
    "ge": "greater_equal",
    "mm": "matmul", "bmm": "matmul", "mv": "matmul", "permute": "transpose", "swapaxes": "swapaxes",
    "transpose": "swapaxes", "movedim": "moveaxis", "unsqueeze": "expand_dims", "repeat": "tile",
    "linalg.det": "det", "linalg.inv": "inv", "linalg.solve": "solve", "linalg.slogdet": "slogdet",
}.items():  # fmt: skip
    ADAPTERS[torch_name] = getattr(ops, name)
for name in [
    "ceil",
    "cos",
    "cosh",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "log",
    "log10",
    "log1p",
    "log2",
    "reciprocal",
    "round",
    "rsqrt",
    "sigmoid",
    "sign",
    "sin",
    "sinc",
    "sinh",
    "sqrt",
    "square",
    "tan",
    "tanh",
    "trunc",
    "isfinite",
    "isinf",
    "isnan",
    "logical_not",
    "lgamma",
    "digamma",
    "i0",
    "nan_to_num",
    "angle",
    "deg2rad",
    "rad2deg",
    "signbit",
    "add",
    "true_divide",
    "floor_divide",
    "fmod",
    "maximum",
    "minimum",
    "fmax",
    "fmin",
    "hypot",
    "logaddexp",
    "logaddexp2",
    "logical_and",
    "logical_or",
    "logical_xor",
    "heaviside",
    "copysign",
    "isclose",
    "allclose",
    "matmul",
    "dot",
    "inner",
    "outer",
    "kron",
    "trace",
    "vstack",
    "hstack",
    "tile",
    "broadcast_to",
    "tril",
    "triu",
    "ravel",
    "diag",
]:
    ADAPTERS[name] = getattr(ops, name)


def adapter(name):
    """Registers a function under an op's name."""

    def register(function):
        ADAPTERS[name] = function
        return function

    return register


def axis_of(x, dim):
    """The axis argument: a scalar has none, an empty list means all."""
    return (
        None
        if x.ndim == 0 or dim is None or len(np.atleast_1d(dim)) == 0
        else (tuple(dim) if np.ndim(dim) else dim)
    )


def reduction(f):
    def call(x, dim=None, keepdim=False, dtype=None):
        return f(x, axis=axis_of(x, dim), keepdims=keepdim and x.ndim > 0)

    return call


for name in ("sum", "mean", "amax", "amin", "all", "any", "argmax", "argmin", "nansum", "nanmean", "prod"):
    ADAPTERS[name] = reduction(getattr(ops, name))
ADAPTERS["count_nonzero"] = lambda x, dim=None: ops.count_nonzero(x, axis_of(x, dim))
ADAPTERS["logsumexp"] = lambda x, dim, keepdim=False: ops.logsumexp(
    x, axis_of(x, dim), keepdim and x.ndim > 0
)
ADAPTERS["frac"] = lambda x: x - ops.trunc(x)
ADAPTERS["logit"] = lambda x, eps=None: logit(x if eps is None else ops.clip(x, eps, 1 - eps))
ADAPTERS["float_power"] = lambda a, b: ops.power(ops.cast(a, "float64"), ops.cast(b, "float64"))
ADAPTERS["lerp"] = lambda a, b, weight: a + (b - a) * weight
ADAPTERS["addcmul"] = lambda x, a, b, value=1: x + a * b * value
ADAPTERS["addcdiv"] = lambda x, a, b, value=1: x + a / b * value
ADAPTERS["addmm"] = ADAPTERS["baddbmm"] = lambda x, a, b, alpha=1, beta=1: x * beta + ops.matmul(a, b) * alpha
ADAPTERS["add"] = lambda a, b, alpha=1: ops.add(a, b if alpha == 1 else b * alpha)
ADAPTERS["sub"] = lambda a, b, alpha=1: ops.subtract(a, b if alpha == 1 else b * alpha)
ADAPTERS["where"] = lambda x, condition, other: ops.where(condition, x, other)
ADAPTERS["clamp"] = lambda x, low=None, high=None: clamp(x, low, high)
ADAPTERS["cumsum"] = lambda x, dim, dtype=None: ops.cumsum(x, dim if x.ndim else None).reshape(x.shape)
ADAPTERS["cumprod"] = lambda x, dim, dtype=None: ops.cumprod(x, dim if x.ndim else None).reshape(x.shape)


def logit(x):
    return ops.log(x / (1.0 - x))


def clamp(x, low, high):
    # The database's limits may cross: the upper one wins, elementwise.
    x = x if low is None else ops.maximum(x, low)
    return x if high is None else ops.minimum(x, high)


@adapter("div")
def divide(a, b, rounding_mode=None):
    if rounding_mode == "floor":
        return ops.floor_divide(a, b)
    return ops.trunc(a / b) if rounding_mode == "trunc" else ops.divide(a, b)


@adapter("xlogy")
def xlogy(x, y):
    zero = ops.equal(x, 0.0)
    product = x * ops.log(ops.where(zero, 1.0, y))
    return ops.where(ops.logical_and(zero, ops.logical_not(ops.isnan(y))), x * 0.0, product)


def extreme(reduce, argument, combine):
    def call(x, other=None, keepdim=False, dim=None):
        if other is not None and not isinstance(other, int):
            return combine(x, other)
        dim = other if dim is None else dim
        if dim is None:
            return reduce(x)
        keepdim = keepdim and x.ndim > 0
        # The indices decide, so that ties give the gradient to one element.
        place = argument(x, axis=axis_of(x, dim), keepdims=keepdim)
        return reduce(x, axis=axis_of(x, dim), keepdims=keepdim), place

    return call


ADAPTERS["max"] = extreme(ops.max, ops.argmax, ops.maximum)
ADAPTERS["min"] = extreme(ops.min, ops.argmin, ops.minimum)


@adapter("median")
def median(x, dim=None, keepdim=False):
    # The lower of two middle elements, and its place.
    if x.ndim == 0:
        return (x,) if dim is None else (x, 0)
    if dim is None:
        return ops.quantile(x, 0.5, method="lower")
    middle = (x.shape[dim] - 1) // 2
    place = ops.take(ops.argsort(x, dim), [middle], dim)
    value = ops.take_along_axis(x, place, dim)
    return (value, place) if keepdim else (ops.squeeze(value, dim), ops.squeeze(place, dim))


@adapter("quantile")
def quantile(x, q, dim=None, keepdim=False, interpolation="linear"):
    return ops.quantile(x, q, axis_of(x, dim), interpolation, keepdim and x.ndim > 0)


def running(name):
    def call(x, dim):
        if x.ndim == 0:
            return x, 0
        # A prefix maximum has no public op: compare every prefix, which these sizes allow.
        size = x.shape[dim]
        wide = ops.expand_dims(ops.moveaxis(x, dim, -1), -2)
        inside = ops.tri(size, dtype="bool")
        best = ops.where(inside, wide, -math.inf if name == "argmax" else math.inf)
        place = getattr(ops, name)(best, axis=-1, keepdims=True)
        value = ops.squeeze(ops.take_along_axis(ops.broadcast_to(wide, best.shape), place, -1), -1)
        return ops.moveaxis(value, -1, dim), ops.moveaxis(ops.squeeze(place, -1), -1, dim)

    return call


ADAPTERS["cummax"], ADAPTERS["cummin"] = running("argmax"), running("argmin")


@adapter("logcumsumexp")
def logcumsumexp(x, dim):
    return ops.associative_scan(ops.logaddexp, x, axis=dim) if x.ndim else x


def moment(f):
    def call(x, dim=None, correction=1, keepdim=False, unbiased=None):
        if isinstance(dim, bool):
            dim, correction = None, int(dim)
        correction = 1 if correction is None else correction
        axis = axis_of(x, dim)
        count = x.size if axis is None else math.prod(np.take(x.shape, axis, 0).reshape(-1).tolist())
        left = max(count - correction, 0)
        spread = ops.var(x, axis, keepdim) * (count / left if left else math.nan)
        return f(spread)

    return call


ADAPTERS["var"], ADAPTERS["std"] = moment(lambda x: x), moment(ops.sqrt)


@adapter("linalg.vector_norm")
def vector_norm(x, ord=2, dim=None, keepdim=False):
    if x.ndim == 0:
        return ops.reshape(ops.norm(ops.reshape(x, (1,)), ord=ord, axis=0), ())
    axes = [a % x.ndim for a in ([dim] if isinstance(dim, int) else dim or range(x.ndim))]
    kept = [a for a in range(x.ndim) if a not in axes]
    flat = ops.reshape(ops.transpose(x, [*kept, *axes]), [*(x.shape[a] for a in kept), -1])
    result = ops.norm(flat, ord=ord, axis=-1)
    return ops.reshape(result, [1 if a in axes else n for a, n in enumerate(x.shape)]) if keepdim else result


@adapter("norm")
def norm(x, p="fro", dim=None):
    if isinstance(p, str):
        if p == "nuc":
            return ops.norm(x, ord="nuc", axis=tuple(dim) if dim else None)
        return ops.norm(x, axis=axis_of(x, dim))
    return vector_norm(x, p, dim)


@adapter("linalg.norm")
def linalg_norm(x, ord=None, dim=None, keepdim=False):
    if x.ndim == 0:
        return vector_norm(x, 2 if ord is None else ord)
    return ops.norm(x, ord, axis_of(x, dim), keepdim)


@adapter("topk")
def topk(x, k, dim=-1, largest=True, ordered=True):
    if x.ndim == 0:
        return x, 0
    moved = ops.moveaxis(x, dim, -1)
    values, places = ops.top_k(moved if largest else -moved, k)
    values = values if largest else -values
    return ops.moveaxis(values, -1, dim), ops.moveaxis(places, -1, dim)


def order(x, dim, descending):
    if not descending:
        return ops.argsort(x, dim)
    # Stable: equal elements keep their order, so the keys are turned around, not the result.
    return ops.argsort(-x, dim)


@adapter("sort")
def sort(x, dim=-1, descending=False, stable=False):
    if x.ndim == 0:
        return x, 0
    place = order(x, dim, descending)
    return ops.take_along_axis(x, place, dim), place


@adapter("argsort")
def argsort(x, dim=-1, descending=False, stable=False):
    return order(x, dim, descending) if x.ndim else 0


@adapter("unique")
def unique(x, sorted=True, return_inverse=False, return_counts=False, dim=None):
    return ops.unique(x, return_inverse=return_inverse, return_counts=return_counts, axis=dim)


@adapter("searchsorted")
def searchsorted(sequence, values, out_int32=False, side=None, sorter=None, right=False):
    side = side or ("right" if right else "left")
    if sorter is not None:
        sequence = ops.take_along_axis(sequence, sorter, -1)
    if sequence.ndim <= 1:
        return ops.searchsorted(sequence, values, side)
    rows = ops.reshape(sequence, (-1, sequence.shape[-1]))
    wanted = ops.reshape(values, (rows.shape[0], -1))
    found = [ops.searchsorted(rows[i], wanted[i], side) for i in range(rows.shape[0])]
    return ops.reshape(ops.stack(found), values.shape) if found else ops.zeros(values.shape, "int32")


@adapter("diff")
def diff(x, n=1, dim=-1, prepend=None, append=None):
    parts = [part for part in (prepend, x, append) if part is not None]
    return ops.diff(ops.concatenate(parts, dim) if len(parts) > 1 else x, n, dim)


# Products and linear algebra.
ADAPTERS["einsum"] = lambda operands, equation: ops.einsum(equation, *operands)
ADAPTERS["diag_embed"] = lambda x, offset=0, dim1=-2, dim2=-1: diag_embed(x, offset, dim1, dim2)
ADAPTERS["diagonal"] = lambda x, offset=0, dim1=0, dim2=1: ops.diagonal(x, offset, dim1, dim2)
ADAPTERS["linalg.cholesky"] = lambda x, upper=False: ops.cholesky(x, upper)


@adapter("tensordot")
def tensordot(a, b, dims=2):
    if not isinstance(dims, int):
        # The database lets contracted axes of size 1 broadcast.
        for i, j in zip(*dims, strict=True):
            size = max(a.shape[i], b.shape[j])
            a = ops.repeat(a, size, i) if a.shape[i] < size else a
            b = ops.repeat(b, size, j) if b.shape[j] < size else b
    return ops.tensordot(a, b, dims)


@adapter("cross")
def cross(a, b, dim=None):
    if dim is None:
        dim = next(i for i, n in enumerate(np.broadcast_shapes(a.shape, b.shape)) if n == 3)
    return ops.cross(a, b, axis=dim)


def diag_embed(x, offset, dim1, dim2):
    size = x.shape[-1] + abs(offset)
    place = ops.arange(x.shape[-1])
    rows, columns = place + max(-offset, 0), place + max(offset, 0)
    moved = ops.reshape(ops.moveaxis(x, -1, 0), (x.shape[-1], -1))
    grid = ops.scatter(ops.stack([rows, columns], 1), moved, (size, size, moved.shape[1]))
    rank = x.ndim + 1
    return ops.moveaxis(ops.reshape(grid, (size, size, *x.shape[:-1])), (0, 1), (dim1 % rank, dim2 % rank))


@adapter("linalg.matrix_power")
def matrix_power(x, n):
    if n == 0:
        return ops.broadcast_to(ops.eye(x.shape[-1]), x.shape)
    x = ops.inv(x) if n < 0 else x
    result = x
    for _ in range(abs(n) - 1):
        result = ops.matmul(result, x)
    return result


@adapter("linalg.pinv")
def pinv(x, rtol=None, hermitian=False):
    if hermitian:
        # The lower triangle is read, yet the gradient goes to the whole matrix.
        whole = ops.tril(x) + ops.swapaxes(ops.tril(x, -1), -1, -2)
        x = ops.stop_gradient(whole - x) + x
    if rtol is not None and not isinstance(rtol, float):
        rtol = float(rtol)
    return ops.pinv(x, rtol)


@adapter("linalg.lstsq")
def lstsq(a, b, driver=None):
    x = ops.lstsq(a, b)
    rows, columns = a.shape[-2:]
    none = ops.zeros((0,))
    # What comes with the solution depends on the driver.
    residuals = (
        ops.sum(ops.square(ops.matmul(a, x) - b), -2) if rows > columns and driver != "gelsy" else none
    )
    rank = none if driver == "gels" else ops.matrix_rank(a)
    values = ops.svd(a, compute_uv=False) if driver in ("gelsd", "gelss") else none
    return x, residuals, rank, values


# Shapes.
ADAPTERS["reshape"] = ADAPTERS["view"] = ops.reshape
ADAPTERS["expand"] = lambda x, shape: ops.broadcast_to(
    x, [n if s == -1 else s for s, n in zip(shape, (1,) * (len(shape) - x.ndim) + x.shape, strict=True)]
)
ADAPTERS["cat"] = lambda xs, dim=0: ops.concatenate([x for x in xs if x.shape != (0,)] or xs, dim)
ADAPTERS["stack"] = lambda xs, dim=0: ops.stack(xs, dim)
ADAPTERS["hstack"] = lambda xs: ops.hstack(xs)
ADAPTERS["vstack"] = lambda xs: ops.vstack(xs)
ADAPTERS["chunk"] = lambda x, count, dim=0: split(x, -(-x.shape[dim] // count), dim)
ADAPTERS["unbind"] = lambda x, dim=0: ops.unstack(x, axis=dim)
ADAPTERS["flip"] = lambda x, dims: ops.flip(x, dims if isinstance(dims, int) else tuple(dims))
ADAPTERS["roll"] = lambda x, shifts, dims=None: ops.roll(x, shifts, dims)
ADAPTERS["rot90"] = lambda x, k=1, dims=(0, 1): ops.rot90(x, k, tuple(dims))
ADAPTERS["narrow"] = lambda x, dim, start, length: narrow(x, dim, int(start), length)
ADAPTERS["select"] = lambda x, dim, index: ops.take(x, index, dim)
ADAPTERS["gather"] = lambda x, dim, index: along(x, dim, index)
ADAPTERS["take"] = lambda x, index: ops.take(x, index)
ADAPTERS["take_along_dim"] = lambda x, index, dim=None: ops.take_along_axis(x, index, dim)
ADAPTERS["index_select"] = lambda x, dim, index: ops.take(x, index, dim) if x.ndim else x
ADAPTERS["masked_fill"] = lambda x, mask, value: ops.where(mask, ops.cast(value, x.dtype), x)
ADAPTERS["nn.functional.embedding"] = lambda weight, index: ops.take(weight, index, 0)
ADAPTERS["meshgrid"] = lambda *xs, indexing: ops.meshgrid(
    *(xs[0] if isinstance(xs[0], (list, tuple)) else xs), indexing=indexing
)
ADAPTERS["arange"] = lambda *bounds, dtype="float32": ops.arange(*bounds, dtype=dtype)
ADAPTERS["full"] = lambda shape, value, dtype: ops.full(shape, value, dtype)
ADAPTERS["eye"] = lambda n, m=None, dtype="float32": ops.eye(n, m, dtype=dtype)
ADAPTERS["linspace"] = lambda start, end, steps, dtype="float32": ops.linspace(start, end, steps, dtype=dtype)


@adapter("permute")
def permute(x, dims):
    return ops.transpose(x, dims)


@adapter("transpose")
def transpose(x, one, other):
    return ops.swapaxes(x, one, other) if x.ndim else x


@adapter("squeeze")
def squeeze(x, dim=None):
    if dim is None:
        return ops.squeeze(x)
    dims = [dim] if isinstance(dim, int) else list(dim)
    axes = tuple(a % x.ndim for a in dims if x.ndim and x.shape[a] == 1)
    return ops.squeeze(x, axes)


@adapter("atleast_2d")
def atleast_2d(*xs):
    xs = xs[0] if isinstance(xs[0], (list, tuple)) else xs
    return [x if x.ndim >= 2 else ops.reshape(x, (1, -1)) for x in xs]


@adapter("flatten")
def flatten(x, start_dim=0, end_dim=-1):
    if x.ndim == 0:
        return ops.reshape(x, (1,))
    stop = end_dim % x.ndim + 1
    return ops.reshape(x, (*x.shape[:start_dim], math.prod(x.shape[start_dim:stop]), *x.shape[stop:]))


@adapter("repeat")
def repeat(x, repeats):
    return ops.tile(x, repeats)


@adapter("repeat_interleave")
def repeat_interleave(x, repeats, dim=None, output_size=None):
    return ops.repeat(x, repeats, dim)


@adapter("split")
def split(x, size, dim=0):
    if isinstance(size, (list, tuple)):
        return ops.split(x, np.cumsum(size)[:-1].tolist(), dim)
    return ops.split(x, list(range(size, x.shape[dim], size)), dim)


@adapter("tensor_split")
def tensor_split(x, parts, dim=0):
    parts = parts.tolist() if hasattr(parts, "tolist") else parts
    return ops.array_split(x, parts, dim)


@adapter("slice")
def slice_(x, dim=0, start=None, end=None, step=1):
    key = [slice(None)] * x.ndim
    key[dim] = slice(start, end, step)
    return ops.get_item(x, tuple(key))


def narrow(x, dim, start, length):
    dim %= x.ndim
    start %= x.shape[dim] + 1
    return ops.take(x, ops.arange(start, start + length), dim)


@adapter("__getitem__")
def getitem(x, key):
    return ops.get_item(x, key)


@adapter("masked_select")
def masked_select(x, mask):
    shape = np.broadcast_shapes(x.shape, mask.shape)
    flat = ops.reshape(ops.broadcast_to(x, shape), (-1,))
    return ops.take(flat, ops.nonzero(ops.reshape(ops.broadcast_to(mask, shape), (-1,)))[0])


@adapter("unfold")
def unfold(x, dim, size, step):
    if x.ndim == 0:
        return ops.reshape(x, (1,))
    pieces = ops.extract_sequences(ops.moveaxis(x, dim, -1), size, step)
    return ops.moveaxis(pieces, -2, dim)


def along(x, dim, index):
    """One element per index; other axes of the index may be shorter than those of x."""
    if x.ndim == 0:
        return ops.reshape(ops.take(ops.reshape(x, (1,)), ops.reshape(index, (-1,))), index.shape)
    dim %= x.ndim
    if 0 in index.shape:
        return ops.zeros(index.shape, x.dtype)
    for axis, count in enumerate(index.shape):
        if axis != dim and count < x.shape[axis]:
            x = ops.take(x, ops.arange(count), axis)
    return ops.take_along_axis(x, ops.cast(index, "int32"), dim)


def places_along(x, dim, index):
    """The full index tuple of each element of an index along one axis."""
    dim %= max(x.ndim, 1)
    grid = ops.meshgrid(*(ops.arange(n) for n in index.shape), indexing="ij") if index.ndim else []
    parts = [ops.cast(index, "int32") if axis == dim else grid[axis] for axis in range(index.ndim)]
    return ops.reshape(ops.stack(parts, -1), (-1, index.ndim))


def scattered(x, dim, index, updates, reduction):
    if x.ndim == 0:
        flat = scattered(
            ops.reshape(x, (1,)), 0, ops.reshape(index, (-1,)), ops.reshape(updates, (-1,)), reduction
        )
        return ops.reshape(flat, ())
    if 0 in index.shape:
        return x
    for axis, count in enumerate(index.shape):
        if count < updates.shape[axis]:
            updates = ops.take(updates, ops.arange(count), axis)
    return ops.scatter_update(x, places_along(x, dim, index), ops.reshape(updates, (-1,)), reduction)


@adapter("scatter")
def scatter(x, dim, index, src, reduce=None):
    if not hasattr(src, "shape"):
        src = ops.full(index.shape, src, x.dtype)
    return scattered(x, dim, index, src, {None: None, "add": "add", "multiply": "mul"}[reduce])


@adapter("scatter_add")
def scatter_add(x, dim, index, src):
    return scattered(x, dim, index, src, "add")


@adapter("scatter_reduce")
def scatter_reduce(x, dim, index, src, reduce, include_self=True):
    kind = {"sum": "add", "prod": "mul", "amax": "max", "amin": "min", "mean": "add"}[reduce]
    start = {"add": 0.0, "mul": 1.0, "max": -math.inf, "min": math.inf}[kind]
    ones = ops.ones(index.shape)
    count = scattered(ops.zeros_like(x), dim, index, ones, "add")
    touched = ops.greater(count, 0.0)
    base = x if include_self else ops.where(touched, start, x)
    result = scattered(base, dim, index, src, kind)
    if reduce == "mean":
        result = result / (count + 1.0 if include_self else ops.maximum(count, 1.0))
    return result


def indexed(x, dim, index):
    """Rows of x along an axis, as the first axis, and the way back."""
    return ops.moveaxis(x, dim, 0), ops.reshape(index, (-1, 1))


@adapter("index_add")
def index_add(x, dim, index, src, alpha=1):
    return rows_updated(x, dim, index, src * alpha, "add")


@adapter("index_copy")
def index_copy(x, dim, index, src):
    return rows_updated(x, dim, index, src, None)


@adapter("index_fill")
def index_fill(x, dim, index, value):
    shape = list(x.shape)
    if shape:
        shape[dim] = index.size
    return rows_updated(x, dim, index, ops.broadcast_to(ops.cast(value, x.dtype), shape), None)


def rows_updated(x, dim, index, src, reduction):
    if x.ndim == 0:
        return ops.reshape(
            rows_updated(ops.reshape(x, (1,)), 0, index, ops.reshape(src, (1,)), reduction), ()
        )
    moved, places = indexed(x, dim, index)
    return ops.moveaxis(ops.scatter_update(moved, places, ops.moveaxis(src, dim, 0), reduction), 0, dim)


@adapter("index_put")
def index_put(x, indices, values, accumulate=False):
    places = [ops.nonzero(i)[0] if i.dtype == "bool" else ops.cast(i, "int32") for i in indices]
    shape = (places[0].shape[0], *x.shape[len(places) :])
    places = ops.stack(places, -1)
    return ops.scatter_update(x, places, ops.broadcast_to(values, shape), "add" if accumulate else None)


ADAPTERS.update(NETWORKS)
