"""Rows of reductions, order and statistics."""

import numpy as np
from scipy import special
from tests.ops.table import B, F, I, row

X = F(2, 3, 4)
M = F(3, 4)


def with_nan(x):
    x = x.copy()
    x.flat[::5] = np.nan
    return x


N = F(3, 4, fix=with_nan)

for name, reference in [
    ("sum", np.sum),
    ("prod", np.prod),
    ("max", np.max),
    ("min", np.min),
    ("amax", np.max),
    ("amin", np.min),
    ("mean", np.mean),
    ("var", np.var),
    ("std", np.std),
    ("ptp", np.ptp),
]:
    rule = {"sum": "sum", "prod": "sum", "mean": "float", "var": "float", "std": "float"}.get(name, "same")
    row(name, [X], reference, result=rule if name != "ptp" else None)
    row(name, [X], lambda x, f=reference: f(x, axis=1), axis=1)
    row(name, [X], lambda x, f=reference: f(x, axis=(0, -1), keepdims=True), axis=(0, -1), keepdims=True)
row("max", [M], lambda x: np.max(x, initial=1.0), initial=1.0)
row("min", [M], lambda x: np.min(x, initial=-1.0), initial=-1.0)
row("any", [B(2, 3, 4)], lambda x: np.any(x, axis=1), axis=1)
row("all", [B(2, 3, 4)], lambda x: np.all(x, axis=(0, 1)), axis=(0, 1))
row("count_nonzero", [I(3, 4, low=-1, high=2)], lambda x: np.count_nonzero(x, axis=1), axis=1)
row("argmax", [X], lambda x: np.argmax(x, 1), axis=1, result="int32")
row("argmax", [X], np.argmax, grad=False)
row("argmin", [X], lambda x: np.argmin(x, 2, keepdims=True), axis=-1, keepdims=True, result="int32")
row("cumsum", [X], lambda x: np.cumsum(x, 1), axis=1)
row("cumsum", [X], np.cumsum)
row("cumprod", [X], lambda x: np.cumprod(x, 1), axis=1)
row("logsumexp", [X], lambda x: special.logsumexp(x, 1), axis=1, result="float")
row("logsumexp", [X], lambda x: special.logsumexp(x, (0, 2), keepdims=True), axis=(0, 2), keepdims=True)
row(
    "average", [X, F(3, low=0.1)], lambda x, w: np.average(x, 1, w), call=lambda x, w: _ops().average(x, 1, w)
)
row("trapezoid", [X], lambda y: np.trapezoid(y, dx=0.5, axis=1), dx=0.5, axis=1)
row("trapezoid", [X, F(4)], np.trapezoid)
row("moments", [X], lambda x: (x.mean((0, 1)), x.var((0, 1))), axes=(0, 1))
row("diff", [X], lambda x: np.diff(x, 2, 1), n=2, axis=1)

row("sort", [M], lambda x: np.sort(x, -1), result="same")
row("sort", [M], lambda x: np.sort(x, 0), axis=0, layouts=False)
row("argsort", [M], lambda x: np.argsort(x, 0, kind="stable"), axis=0, result="int32")
row(
    "argpartition",
    [F(9)],
    lambda x: np.argsort(x)[2],
    call=lambda x: _ops().argpartition(x, 2)[2],
    grad=False,
    layouts=False,
)
row("top_k", [M], lambda x: (-np.sort(-x, -1)[:, :2], np.argsort(-x, -1, kind="stable")[:, :2]), k=2)
row(
    "in_top_k",
    [I(3, low=0, high=4), M],
    lambda t, x: np.array([t[i] in np.argsort(-x[i])[:2] for i in range(3)]),
    k=2,
    grad=False,
    layouts=False,
)
row("searchsorted", [F(5, fix=np.sort), M], np.searchsorted, grad=False, layouts=False)
row(
    "searchsorted",
    [I(5, fix=np.sort), I(3, 4)],
    lambda a, v: np.searchsorted(a, v, "right"),
    side="right",
    layouts=False,
)
row("digitize", [M, F(5, fix=np.sort)], np.digitize, grad=False, layouts=False)
row("bincount", [I(9, low=0, high=5)], lambda x: np.bincount(x, minlength=7), minlength=7)
row("bincount", [I(9, low=0, high=5), F(9)], np.bincount, call=lambda x, w: _ops().bincount(x, weights=w))
row("histogram", [M], lambda x: np.histogram(x, 4), bins=4, grad=False)
row("histogram", [M], lambda x: np.histogram(x, 5, (-1, 1)), bins=5, range=(-1, 1), grad=False)
row("unique", [I(3, 4)], np.unique)
row(
    "unique",
    [I(9)],
    lambda x: np.unique(x, return_index=True, return_inverse=True, return_counts=True),
    return_index=True,
    return_inverse=True,
    return_counts=True,
)

for name, reference in [
    ("median", np.median),
    ("nanmedian", np.nanmedian),
    ("nansum", np.nansum),
    ("nanprod", np.nanprod),
    ("nanmax", np.nanmax),
    ("nanmin", np.nanmin),
    ("nanmean", np.nanmean),
    ("nanvar", np.nanvar),
    ("nanstd", np.nanstd),
]:
    domain = M if name == "median" else N
    row(name, [domain], reference, smooth=name == "nanvar")
    row(
        name,
        [domain],
        lambda x, f=reference: f(x, axis=1, keepdims=True),
        axis=1,
        keepdims=True,
        smooth=False,
    )
for name, reference in [("nanargmax", np.nanargmax), ("nanargmin", np.nanargmin)]:
    row(name, [N], lambda x, f=reference: f(x, 1), axis=1, grad=False, layouts=False)
row("nancumsum", [N], lambda x: np.nancumsum(x, 1), axis=1)
row("nancumprod", [N], lambda x: np.nancumprod(x, 1), axis=1)
for method in ("linear", "lower", "higher", "midpoint", "nearest"):
    row(
        "quantile",
        [X],
        lambda x, m=method: np.quantile(x, [0.1, 0.5, 0.83], axis=(0, 2), method=m),
        q=[0.1, 0.5, 0.83],
        axis=(0, 2),
        method=method,
        smooth=False,
        layouts=False,
    )
row("nanquantile", [N], lambda x: np.nanquantile(x, 0.3, 1), q=0.3, axis=1, smooth=False)
row(
    "percentile",
    [M],
    lambda x: np.percentile(x, 30, 1, keepdims=True),
    q=30,
    axis=1,
    keepdims=True,
    smooth=False,
)
row("nanpercentile", [N], lambda x: np.nanpercentile(x, [30, 60], 1), q=[30, 60], axis=1, smooth=False)
row("corrcoef", [M], np.corrcoef, layouts=False)
for mode in ("valid", "same", "full"):
    row("correlate", [F(6), F(3)], lambda a, b, m=mode: np.correlate(a, b, m), mode=mode)
    row("correlate", [F(3), F(6)], lambda a, b, m=mode: np.correlate(a, b, m), mode=mode)


def segments(operation, start, data, ids, count):
    result = np.full((count, *data.shape[1:]), start, np.float64)
    for i, one in enumerate(ids):
        result[one] = operation(result[one], data[i])
    return result


for name, operation, start in [
    ("segment_sum", np.add, 0),
    ("segment_prod", np.multiply, 1),
    ("segment_max", np.maximum, -np.inf),
    ("segment_min", np.minimum, np.inf),
]:
    row(
        name,
        [F(6, 2), I(6, low=0, high=3)],
        lambda x, i, f=operation, s=start: segments(f, s, x, i, 4),
        num_segments=4,
        layouts=False,
    )


def _ops():
    from corten import ops

    return ops
