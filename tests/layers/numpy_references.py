"""Plain NumPy versions of what layers compute, written for clarity."""

from __future__ import annotations

import itertools

import numpy as np


def sigmoid(x):
    return 1.0 / (1.0 + np.exp(-x))


def same_padding(size: int, window: int, stride: int) -> tuple[int, int]:
    total = max((-(-size // stride) - 1) * stride + window - size, 0)
    return total // 2, total - total // 2


def convolution(x, kernel, strides, padding, dilation, groups=1):
    """x `(n, spatial..., c)`, kernel `(window..., c / groups, filters)`."""
    rank = x.ndim - 2
    window = [(k - 1) * d + 1 for k, d in zip(kernel.shape[:rank], dilation, strict=True)]
    if padding == "same":
        sizes = x.shape[1:-1]
        pads = [same_padding(s, w, st) for s, w, st in zip(sizes, window, strides, strict=True)]
        x = np.pad(x, [(0, 0), *pads, (0, 0)])
    elif padding == "causal":
        x = np.pad(x, [(0, 0), (window[0] - 1, 0), (0, 0)])
    out = [(s - w) // st + 1 for s, w, st in zip(x.shape[1:-1], window, strides, strict=True)]
    filters, per_group = kernel.shape[-1], kernel.shape[-2]
    result = np.zeros((x.shape[0], *out, filters), x.dtype)
    for cell in itertools.product(*map(range, out)):
        for offset in itertools.product(*map(range, kernel.shape[:rank])):
            place = tuple(c * s + o * d for c, s, o, d in zip(cell, strides, offset, dilation, strict=True))
            values = x[(slice(None), *place)]
            for f in range(filters):
                group = f // (filters // groups)
                part = values[:, group * per_group : (group + 1) * per_group]
                result[(slice(None), *cell, f)] += part @ kernel[(*offset, slice(None), f)]
    return result


def transposed_convolution(x, kernel, strides, padding):
    """kernel `(window..., filters, c)`; "same" gives `size * stride`, "valid" at least the window."""
    rank = x.ndim - 2
    window = kernel.shape[:rank]
    full = [(s - 1) * st + w for s, st, w in zip(x.shape[1:-1], strides, window, strict=True)]
    result = np.zeros((x.shape[0], *full, kernel.shape[-2]), x.dtype)
    for cell in itertools.product(*map(range, x.shape[1:-1])):
        for offset in itertools.product(*map(range, window)):
            place = tuple(c * s + o for c, s, o in zip(cell, strides, offset, strict=True))
            result[(slice(None), *place)] += x[(slice(None), *cell)] @ kernel[offset].T
    wanted = [
        s * st if padding == "same" else s * st + max(w - st, 0)
        for s, st, w in zip(x.shape[1:-1], strides, window, strict=True)
    ]
    for axis, (size, stride, w, want) in enumerate(
        zip(x.shape[1:-1], strides, window, wanted, strict=True), start=1
    ):
        have = result.shape[axis]
        if padding == "same":
            before = same_padding(want, w, stride)[0]
            result = np.take(result, range(before, min(have, before + want)), axis=axis)
        short = want - result.shape[axis]
        if short > 0:
            pads = [(0, 0)] * result.ndim
            pads[axis] = (0, short)
            result = np.pad(result, pads)
        del size
    return result


def pooling(x, window, strides, padding, kind):
    rank = x.ndim - 2
    pads = [(0, 0)] * rank
    if padding == "same":
        pads = [same_padding(s, w, st) for s, w, st in zip(x.shape[1:-1], window, strides, strict=True)]
    fill = -np.inf if kind == "max" else np.nan
    x = np.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
    out = [(s - w) // st + 1 for s, w, st in zip(x.shape[1:-1], window, strides, strict=True)]
    result = np.zeros((x.shape[0], *out, x.shape[-1]), x.dtype)
    reduce = np.max if kind == "max" else np.nanmean
    for cell in itertools.product(*map(range, out)):
        place = tuple(slice(c * s, c * s + w) for c, s, w in zip(cell, strides, window, strict=True))
        result[(slice(None), *cell)] = reduce(x[(slice(None), *place)], axis=tuple(range(1, rank + 1)))
    return result


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def simple_rnn(x, kernel, recurrent, bias, h=None):
    h = np.zeros((x.shape[0], recurrent.shape[0])) if h is None else h
    outputs = []
    for t in range(x.shape[1]):
        h = np.tanh(x[:, t] @ kernel + h @ recurrent + bias)
        outputs.append(h)
    return np.stack(outputs, 1)


def lstm(x, kernel, recurrent, bias, h=None, c=None):
    units = recurrent.shape[0]
    h = np.zeros((x.shape[0], units)) if h is None else h
    c = np.zeros((x.shape[0], units)) if c is None else c
    outputs = []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + h @ recurrent + bias, 4, axis=1)
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, 1), h, c


def gru(x, kernel, recurrent, bias, reset_after=True):
    units = recurrent.shape[0]
    h = np.zeros((x.shape[0], units))
    outputs = []
    for t in range(x.shape[1]):
        if reset_after:
            xz, xr, xh = np.split(x[:, t] @ kernel + bias[0], 3, axis=1)
            hz, hr, hh = np.split(h @ recurrent + bias[1], 3, axis=1)
            z, r = sigmoid(xz + hz), sigmoid(xr + hr)
            candidate = np.tanh(xh + r * hh)
        else:
            xz, xr, xh = np.split(x[:, t] @ kernel + bias, 3, axis=1)
            z = sigmoid(xz + h @ recurrent[:, :units])
            r = sigmoid(xr + h @ recurrent[:, units : 2 * units])
            candidate = np.tanh(xh + (r * h) @ recurrent[:, 2 * units :])
        h = z * h + (1 - z) * candidate
        outputs.append(h)
    return np.stack(outputs, 1)


def attention(q, k, v, mask=None):
    """q, k, v `(batch, steps, heads, size)`; mask broadcasts to `(batch, heads, queries, keys)`."""
    scores = np.einsum("btnh,bsnh->bnts", q, k) / np.sqrt(q.shape[-1])
    if mask is not None:
        scores = np.where(mask, scores, -1e30)
    weights = softmax(scores)
    return np.einsum("bnts,bsnh->btnh", weights, v), weights
