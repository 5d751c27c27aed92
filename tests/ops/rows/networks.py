"""Rows of convolutions, pooling, normalization, losses, attention and recurrent layers."""

import itertools

import numpy as np
from scipy import special
from tests.ops.table import B, F, I, row

from corten import ops


def same(size, window, stride):
    missing = max((-(-size // stride) - 1) * stride + window - size, 0)
    return missing // 2, missing - missing // 2


def spread(value, count):
    return (value,) * count if isinstance(value, int) else tuple(value)


def windows(x, size, stride, dilation=1, padding="valid", fill=0.0):
    """(batch, results..., window cells..., channels) by plain loops over window cells."""
    count = x.ndim - 2
    size, stride, dilation = spread(size, count), spread(stride, count), spread(dilation, count)
    reach = [(n - 1) * d + 1 for n, d in zip(size, dilation, strict=True)]
    around = [(0, 0)] * count
    if padding == "same":
        around = [same(n, r, s) for n, r, s in zip(x.shape[1:-1], reach, stride, strict=True)]
    elif padding == "causal":
        around = [(reach[0] - 1, 0)]
    x = np.pad(x, [(0, 0), *around, (0, 0)], constant_values=fill)
    counts = [(n - r) // s + 1 for n, r, s in zip(x.shape[1:-1], reach, stride, strict=True)]
    cells = []
    for place in itertools.product(*map(range, size)):
        at = [
            slice(p * d, p * d + (c - 1) * s + 1, s)
            for p, d, c, s in zip(place, dilation, counts, stride, strict=True)
        ]
        cells.append(x[(slice(None), *at)])
    return np.stack(cells, -2).reshape(x.shape[0], *counts, *size, x.shape[-1])


def conv(x, w, strides=1, padding="valid", dilation_rate=1):
    count = x.ndim - 2
    groups = x.shape[-1] // w.shape[-2]
    laid_out = windows(x, w.shape[:count], strides, dilation_rate, padding)
    laid_out = laid_out.reshape(*laid_out.shape[: count + 1], -1, groups, w.shape[-2])
    kernel = w.reshape(-1, w.shape[-2], groups, w.shape[-1] // groups)
    return np.einsum("...kgi,kigo->...go", laid_out, kernel).reshape(
        *laid_out.shape[: count + 1], w.shape[-1]
    )


def depthwise(x, w, strides=1, padding="valid", dilation_rate=1):
    merged = w.reshape(*w.shape[:-2], 1, -1)
    return conv(x, merged, strides, padding, dilation_rate)


def first(f):
    return lambda x, *rest: np.moveaxis(f(np.moveaxis(x, 1, -1), *rest), -1, 1)


def conv_transpose(y, w, output, low, strides=1, dilation_rate=1):
    """The adjoint of `conv` by adding each input cell's window."""
    count = y.ndim - 2
    strides, dilation = spread(strides, count), spread(dilation_rate, count)
    wide = [max(o, 64) + 64 for o in output]
    result = np.zeros((y.shape[0], *wide, w.shape[-2]))
    for cell in itertools.product(*map(range, y.shape[1:-1])):
        for place in itertools.product(*map(range, w.shape[:count])):
            at = tuple(c * s + p * d for c, s, p, d in zip(cell, strides, place, dilation, strict=True))
            result[(slice(None), *at)] += y[(slice(None), *cell)] @ w[place].T
    cut = tuple(slice(b, b + o) for b, o in zip(low, output, strict=True))
    return result[(slice(None), *cut)]


for padding, stride, dilation in [("valid", 1, 1), ("same", 2, 1), ("causal", 1, 2)]:
    row(
        "conv",
        [F(2, 7, 4), F(3, 4, 3)],
        lambda x, w, p=padding, s=stride, d=dilation: conv(x, w, s, p, d),
        strides=stride,
        padding=padding,
        dilation_rate=dilation,
    )
row(
    "conv",
    [F(2, 6, 5, 4), F(3, 2, 4, 3)],
    lambda x, w: conv(x, w, (2, 1), "same"),
    strides=(2, 1),
    padding="same",
)
row(
    "conv",
    [F(2, 6, 5, 4), F(3, 2, 2, 6)],
    lambda x, w: conv(x, w, 1, "same", (2, 1)),
    padding="same",
    dilation_rate=(2, 1),
)
row(
    "conv",
    [F(2, 4, 6, 5), F(3, 2, 4, 3)],
    first(lambda x, w: conv(x, w, 2)),
    strides=2,
    data_format="channels_first",
)
row(
    "conv",
    [F(1, 4, 5, 4, 2), F(2, 3, 2, 2, 3)],
    lambda x, w: conv(x, w, 2, "same"),
    strides=2,
    padding="same",
    smooth=False,
)
row(
    "depthwise_conv",
    [F(2, 6, 5, 3), F(3, 2, 3, 2)],
    lambda x, w: depthwise(x, w, 2, "same"),
    strides=2,
    padding="same",
)
row("depthwise_conv", [F(2, 3, 6), F(3, 3, 2)], first(depthwise), data_format="channels_first")
row(
    "separable_conv",
    [F(2, 5, 5, 3), F(2, 2, 3, 2), F(1, 1, 6, 4)],
    lambda x, d, p: conv(depthwise(x, d, 1, "same"), p),
    padding="same",
)
row(
    "conv_transpose",
    [F(2, 4, 3), F(3, 2, 3)],
    lambda y, w: conv_transpose(y, w, (8,), (0,), 2),
    strides=2,
    padding="same",
)
row("conv_transpose", [F(2, 4, 3), F(2, 2, 3)], lambda y, w: conv_transpose(y, w, (12,), (0,), 3), strides=3)
row(
    "conv_transpose",
    [F(2, 3, 4, 2), F(3, 4, 3, 2)],
    lambda y, w: conv_transpose(y, w, (6, 8), (0, 1), 2),
    strides=2,
    padding="same",
)
row(
    "conv_transpose",
    [F(2, 3, 2), F(4, 3, 2)],
    lambda y, w: conv_transpose(y, w, (5,), (1,), 2),
    strides=2,
    padding="same",
    output_padding=1,
)
row(
    "conv",
    [F(2, 9, 4), F(3, 2, 4)],
    lambda x, w: conv(x, w, 2, "same", 2),
    strides=2,
    padding="same",
    dilation_rate=2,
)
row(
    "conv_transpose",
    [F(2, 8, 2), F(2, 3, 2)],
    lambda y, w: conv_transpose(y, w, (23,), (0,), 3),
    strides=3,
    padding="same",
    output_padding=2,
)
row(
    "conv_transpose",
    [F(1, 2, 3, 2, 2), F(2, 2, 2, 3, 2)],
    lambda y, w: conv_transpose(y, w, (3, 4, 3), (0, 0, 0)),
    smooth=False,
)
row(
    "conv_transpose",
    [F(2, 2, 4), F(3, 3, 2)],
    first(lambda y, w: conv_transpose(y, w, (8,), (0,), 1, 2)),
    dilation_rate=2,
    data_format="channels_first",
)


def max_pool(x, size, stride, padding="valid"):
    laid_out = windows(x, size, stride, 1, padding, -np.inf)
    return laid_out.max(tuple(range(x.ndim - 1, laid_out.ndim - 1)))


def average_pool(x, size, stride, padding="valid"):
    laid_out = windows(x, size, stride, 1, padding, np.nan)
    return np.nanmean(laid_out, tuple(range(x.ndim - 1, laid_out.ndim - 1)))


for name, reference in [("max_pool", max_pool), ("average_pool", average_pool)]:
    row(name, [F(2, 7, 3)], lambda x, f=reference: f(x, 3, 2, "same"), pool_size=3, strides=2, padding="same")
    row(name, [F(2, 5, 6, 3)], lambda x, f=reference: f(x, (2, 3), (2, 3)), pool_size=(2, 3))
    row(
        name,
        [F(2, 3, 5, 6)],
        first(lambda x, f=reference: f(x, 2, 1, "same")),
        pool_size=2,
        strides=1,
        padding="same",
        data_format="channels_first",
    )
    row(name, [F(1, 4, 5, 4, 2)], lambda x, f=reference: f(x, 2, 2), pool_size=2)


def adaptive(x, sizes, reduce):
    for axis, m in enumerate(sizes, start=1):
        n = x.shape[axis]
        cells = [reduce(np.take(x, range(i * n // m, -(-(i + 1) * n // m)), axis), axis) for i in range(m)]
        x = np.stack(cells, axis)
    return x


row("adaptive_average_pool", [F(2, 7, 5, 3)], lambda x: adaptive(x, (3, 2), np.mean), output_size=(3, 2))
row("adaptive_max_pool", [F(2, 7, 5, 3)], lambda x: adaptive(x, (3, 2), np.max), output_size=(3, 2))
row(
    "adaptive_max_pool",
    [F(2, 3, 5)],
    first(lambda x: adaptive(x, (7,), np.max)),
    output_size=7,
    data_format="channels_first",
)


def normal(x, axes, epsilon, center=True):
    mean = x.mean(axes, keepdims=True) if center else 0.0
    return (x - mean) / np.sqrt(((x - mean) ** 2).mean(axes, keepdims=True) + epsilon)


X = F(2, 3, 4)
POSITIVE = F(4, low=0.5)
row(
    "batch_normalization",
    [X, F(4), POSITIVE, F(4), F(4)],
    lambda x, m, v, o, s: (x - m) / np.sqrt(v + 1e-3) * s + o,
    call=lambda x, m, v, o, s: ops.batch_normalization(x, m, v, -1, o, s),
)
row(
    "batch_normalization",
    [X, F(3), F(3, low=0.5)],
    lambda x, m, v: (x - m[:, None]) / np.sqrt(v[:, None] + 0.1),
    axis=1,
    epsilon=0.1,
)
row(
    "batch_norm_training",
    [X, F(4), F(4)],
    lambda x, s, o: (normal(x, (0, 1), 1e-3) * s + o, x.mean((0, 1)), x.var((0, 1))),
    layouts=False,
)
row("layer_normalization", [X, F(4), F(4)], lambda x, g, b: normal(x, -1, 1e-3) * g + b, epsilon=1e-3)
row("layer_normalization", [X], lambda x: normal(x, (1, 2), 1e-3), axis=(1, 2), epsilon=1e-3)
row("layer_normalization", [X, F(3)], lambda x, g: normal(x, 1, 1e-3) * g[:, None], axis=1, epsilon=1e-3)
row("rms_normalization", [X, F(4)], lambda x, s: normal(x, -1, 1e-3, False) * s, epsilon=1e-3)
row("rms_normalization", [X, F(3, 4)], lambda x, s: normal(x, -1, 1e-3, False) * s, epsilon=1e-3)
row(
    "layer_normalization", [X, F(2, 3, 1), F(3, 4)], lambda x, g, b: normal(x, -1, 1e-3) * g + b, epsilon=1e-3
)
row("rms_normalization", [X], lambda x: normal(x, 1, 1e-3, False), axis=1, epsilon=1e-3)


def group_normal(x, scale, offset):
    split = x.reshape(2, 3, 2, 2)
    return normal(split, (1, 3), 1e-3).reshape(x.shape) * scale + offset


row("group_normalization", [X, F(4), F(4)], group_normal, groups=2)
row(
    "group_normalization",
    [F(2, 4, 3)],
    lambda x: np.moveaxis(group_normal(np.moveaxis(x, 1, 2), 1, 0), 2, 1),
    groups=2,
    axis=1,
)
for order in (1, 2, 3):
    row("normalize", [X], lambda x, o=order: x / np.linalg.norm(x, o, 1, keepdims=True), axis=1, order=order)

P = F(3, 4, low=0.05, high=0.95)
T = F(3, 4, low=0.0, high=1.0)
row("binary_crossentropy", [T, P], lambda t, p: -(t * np.log(p) + (1 - t) * np.log(1 - p)))
row("binary_crossentropy", [T, F(3, 4)], lambda t, x: np.logaddexp(0, x) - t * x, from_logits=True)
row("categorical_crossentropy", [T, P], lambda t, p: -(t * np.log(p / p.sum(-1, keepdims=True))).sum(-1))
row(
    "categorical_crossentropy",
    [T, F(3, 4)],
    lambda t, x: -(t * special.log_softmax(x, 0)).sum(0),
    from_logits=True,
    axis=0,
)
LABELS = I(3, low=0, high=4)
row(
    "sparse_categorical_crossentropy",
    [LABELS, P],
    lambda t, p: -np.log((p / p.sum(-1, keepdims=True))[range(3), t]),
    layouts=False,
)
row(
    "sparse_categorical_crossentropy",
    [LABELS, F(3, 4)],
    lambda t, x: -special.log_softmax(x, -1)[range(3), t],
    from_logits=True,
    layouts=False,
)
row(
    "one_hot",
    [I(2, 3, low=-1, high=5)],
    lambda x: (x[:, None] == np.arange(4)[:, None]).astype(float),
    num_classes=4,
    axis=1,
)
row(
    "multi_hot",
    [I(2, 3, low=0, high=5)],
    lambda x: (x[..., None] == np.arange(6)).any(1).astype(float),
    num_classes=6,
)
row("psnr", [X, X], lambda a, b: 20 * np.log10(2.0) - 10 * np.log10(((a - b) ** 2).mean()), max_val=2.0)


def ctc(target, x, target_length, length):
    """Sums over all label paths by brute force."""
    logs = special.log_softmax(x, -1)
    result = []
    for t, log, n, steps in zip(target, logs, target_length, length, strict=True):
        total = -np.inf
        for path in itertools.product(range(x.shape[-1]), repeat=int(steps)):
            merged = [k for k, _ in itertools.groupby(path) if k != 0]
            if merged == list(t[:n]):
                total = np.logaddexp(total, sum(log[i, k] for i, k in enumerate(path)))
        result.append(-total)
    return np.array(result)


row(
    "ctc_loss",
    [I(2, 2, low=1, high=3), F(2, 4, 3), I(2, low=1, high=3), I(2, low=4, high=5)],
    ctc,
    layouts=False,
    smooth=False,
    tolerance=1e-8,
)
row(
    "ctc_decode",
    [F(2, 4, 3)],
    lambda x: (greedy(x), -x.max(-1).sum(-1, keepdims=True)),
    call=lambda x: ops.ctc_decode(x, [4, 4]),
    layouts=False,
)


def greedy(x):
    result = np.full((1, *x.shape[:2]), -1)
    for i, path in enumerate(x.argmax(-1)):
        merged = [k for k, _ in itertools.groupby(path) if k != 0]
        result[0, i, : len(merged)] = merged
    return result


def attention(q, k, v, mask=None, bias=0.0, causal=False, cap=None):
    k, v = (np.repeat(x, q.shape[2] // x.shape[2], 2) for x in (k, v))
    scores = np.einsum("btnh,bsnh->bnts", q, k) / np.sqrt(q.shape[-1])
    if cap:
        scores = cap * np.tanh(scores / cap)
    scores = scores + bias
    if mask is not None:
        scores = np.where(mask, scores, -1e30)
    if causal:
        scores = np.where(np.tril(np.ones(scores.shape[-2:], bool)), scores, -1e30)
    return np.einsum("bnts,bsnh->btnh", special.softmax(scores, -1), v)


Q, K, V = F(2, 3, 2, 4), F(2, 5, 2, 4), F(2, 5, 2, 3)
row("dot_product_attention", [Q, K, V], attention)
row("dot_product_attention", [Q, Q, Q], lambda q, k, v: attention(q, k, v, causal=True), is_causal=True)
row(
    "dot_product_attention",
    [Q, F(2, 5, 1, 4), F(2, 5, 1, 3), F(2, 1, 3, 5)],
    lambda q, k, v, b: attention(q, k, v, bias=b),
)
row(
    "dot_product_attention",
    [Q, K, V, B(2, 1, 3, 5)],
    lambda q, k, v, m: attention(q, k, v, m | (np.arange(5) == 0)),
    call=lambda q, k, v, m: ops.dot_product_attention(q, k, v, mask=ops.logical_or(m, ops.arange(5) == 0)),
)
# The first query may attend to a later key alone, so to none: it weighs all alike.
LATER = np.array([[False, True, False], [True, False, False], [True, True, False]])
row(
    "dot_product_attention",
    [Q, Q, Q],
    lambda q, k, v: attention(q, k, v, mask=LATER[None, None], causal=True),
    call=lambda q, k, v: ops.dot_product_attention(q, k, v, mask=LATER[None, None], is_causal=True),
)
row(
    "dot_product_attention",
    [Q, Q, Q],
    lambda q, k, v: attention(q, k, v, causal=True, cap=0.7),
    is_causal=True,
    attn_logits_soft_cap=0.7,
)


def lstm(x, kernel, recurrent, bias, hidden, cell):
    hiddens, cells = [], []
    for t in range(x.shape[1]):
        i, f, g, o = np.split(x[:, t] @ kernel + hidden @ recurrent + bias, 4, -1)
        cell = special.expit(f) * cell + special.expit(i) * np.tanh(g)
        hidden = special.expit(o) * np.tanh(cell)
        hiddens.append(hidden)
        cells.append(cell)
    return np.stack(hiddens, 1), np.stack(cells, 1)


def gru(x, kernel, recurrent, bias, hidden):
    hiddens = []
    for t in range(x.shape[1]):
        xz, xr, xh = np.split(x[:, t] @ kernel + bias[0], 3, -1)
        hz, hr, hh = np.split(hidden @ recurrent + bias[1], 3, -1)
        z, r = special.expit(xz + hz), special.expit(xr + hr)
        hidden = z * hidden + (1 - z) * np.tanh(xh + r * hh)
        hiddens.append(hidden)
    return np.stack(hiddens, 1)


row("lstm", [F(2, 3, 4), F(4, 8), F(2, 8), F(8), F(2, 2), F(2, 2)], lstm)
row(
    "lstm",
    [F(2, 3, 4), F(4, 8), F(2, 8)],
    lambda x, k, r: lstm(x[:, ::-1], k, r, 0, np.zeros((2, 2)), 0),
    go_backwards=True,
)
row("gru", [F(2, 3, 4), F(4, 6), F(2, 6), F(2, 6), F(2, 2)], gru)
row(
    "bias_activation",
    [F(3, 4), F(4)],
    lambda x, b: special.expit(x + b),
    name_="sigmoid",
    call=lambda x, b, name_: ops.bias_activation(x, b, name_),
)
for kind, f in [
    ("linear", lambda x: x),
    ("relu", lambda x: np.maximum(x, 0)),
    ("tanh", np.tanh),
    ("gelu", lambda x: x * special.ndtr(x)),
    ("silu", lambda x: x * special.expit(x)),
]:
    row(
        "bias_activation",
        [F(3, 4), F(4)],
        lambda x, b, f=f: f(x + b),
        call=lambda x, b, k=kind: ops.bias_activation(x, b, k),
    )


for kind, f in [
    ("linear", lambda x: x),
    ("relu", lambda x: np.maximum(x, 0)),
    ("sigmoid", special.expit),
    ("tanh", np.tanh),
    ("gelu", lambda x: x * special.ndtr(x)),
    ("gelu_tanh", lambda x: x / 2 * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    ("silu", lambda x: x * special.expit(x)),
]:
    row(
        "linear",
        [F(2, 3, 4), F(4, 5), F(5)],
        lambda x, w, b, f=f: f(x @ w + b),
        result="float" if kind == "linear" else None,
        activation=kind,
    )
    row(
        "conv_bias",
        [F(2, 7, 4), F(3, 2, 6), F(6)],
        lambda x, w, b, f=f: f(conv(x, w, 2, "same") + b),
        activation=kind,
        strides=2,
        padding="same",
    )
row(
    "linear",
    [F(2, 3, 4), F(3, 4, 2, 5), F(2, 5)],
    lambda x, w, b: np.tanh(np.tensordot(x, w, 2) + b),
    activation="tanh",
    axes=2,
)
row("linear", [F(1, 6), F(6, 1), F(1)], lambda x, w, b: special.expit(x @ w + b), activation="sigmoid")
for kind, f in [("linear", lambda x: x), ("relu", lambda x: np.maximum(x, 0)), ("tanh", np.tanh)]:
    row(
        "linear",
        [F(2, 3, 4), F(4, 5), F(5), F(2, 3, 5)],
        lambda x, w, b, r, f=f: f(-0.5 * (x @ w) + r + b),
        call=lambda x, w, b, r, k=kind: ops.linear(x, w, b, k, residual=r, scale=-0.5),
    )
    row(
        "conv_bias",
        [F(2, 7, 4), F(3, 2, 6), F(6), F(2, 4, 6)],
        lambda x, w, b, r, f=f: f(1.5 * conv(x, w, 2, "same") + r + b),
        call=lambda x, w, b, r, k=kind: ops.conv_bias(x, w, b, k, 2, "same", residual=r, scale=1.5),
    )
row(
    "linear",
    [F(2, 3, 4), F(3, 4, 2, 5), F(2, 5), F(2, 2, 5)],
    lambda x, w, b, r: np.tensordot(x, w, 2) + r + b,
    call=lambda x, w, b, r: ops.linear(x, w, b, axes=2, residual=r),
)
row(
    "conv_bias",
    [F(2, 4, 6, 5), F(3, 2, 4, 3), F(3), F(2, 3, 2, 2)],
    lambda x, w, b, r: first(lambda x, w, b: conv(x, w, 2))(x, w, b) + r + b[:, None, None],
    call=lambda x, w, b, r: ops.conv_bias(x, w, b, "linear", 2, data_format="channels_first", residual=r),
)
row(
    "conv_bias",
    [F(2, 4, 6, 5), F(3, 2, 4, 3), F(3)],
    first(lambda x, w, b: np.tanh(conv(x, w, 2) + b)),
    activation="tanh",
    strides=2,
    data_format="channels_first",
)


def unfold(x, size, stride, dilation, padding):
    x = np.pad(np.moveaxis(x, 1, -1), [(0, 0), (padding, padding), (padding, padding), (0, 0)])
    laid_out = windows(x, size, stride, dilation)
    b, h, w, m, n, c = laid_out.shape
    return laid_out.transpose(0, 5, 3, 4, 1, 2).reshape(b, c * m * n, h * w)


row(
    "unfold",
    [F(2, 3, 6, 5)],
    lambda x: unfold(x, (2, 3), 2, (2, 1), 1),
    kernel_size=(2, 3),
    stride=2,
    dilation=(2, 1),
    padding=1,
)


def fold(x):
    # The adjoint of unfold, column by column.
    result = np.zeros((2, 3, 5, 4))
    columns = x.reshape(2, 3, 2, 2, 4, 3)
    for i, j in itertools.product(range(2), repeat=2):
        result[:, :, i : i + 4, j : j + 3] += columns[:, :, i, j]
    return result


row("fold", [F(2, 12, 12)], fold, output_size=(5, 4), kernel_size=2)


def to_space(x, b=2):
    n, h, w, c = x.shape
    return x.reshape(n, h, w, b, b, c // 4).transpose(0, 1, 3, 2, 4, 5).reshape(n, h * b, w * b, c // 4)


row("depth_to_space", [F(2, 2, 3, 8)], to_space, block_size=2)
row(
    "depth_to_space",
    [F(2, 8, 2, 3)],
    lambda x: x.reshape(2, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(2, 2, 4, 6),
    block_size=2,
    data_format="channels_first",
)
row(
    "space_to_depth",
    [F(2, 2, 3, 8, fix=to_space)],
    lambda y: y.reshape(2, 2, 2, 3, 2, 2).transpose(0, 1, 3, 2, 4, 5).reshape(2, 2, 3, 8),
    block_size=2,
)
