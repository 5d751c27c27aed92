"""How layers' ops of the database are called in Corten: convolutions, pools, norms, activations, losses."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np

from corten import ops

NETWORKS: dict[str, Any] = {}
F = "nn.functional."


def adapter(name):
    """Registers a function under an op's name."""

    def register(function):
        NETWORKS[name if "softmax" in name or name == "cdist" else F + name] = function
        return function

    return register


def each(value, count):
    value = [value] if isinstance(value, int) else list(value)
    return value * count if len(value) == 1 else value


# Activations.
for name in ("relu", "relu6", "selu", "silu", "mish", "softsign"):
    NETWORKS[F + name] = getattr(ops, name) if hasattr(ops, name) else None
NETWORKS[F + "leaky_relu"] = lambda x, slope=0.01: ops.leaky_relu(x, slope)
NETWORKS[F + "prelu"] = lambda x, weight: prelu(x, weight)
NETWORKS[F + "elu"] = lambda x, alpha=1.0: ops.elu(x, alpha)
NETWORKS[F + "celu"] = lambda x, alpha=1.0: ops.celu(x, alpha)
NETWORKS[F + "gelu"] = lambda x, approximate="none": ops.gelu(x, approximate == "tanh")
NETWORKS[F + "glu"] = lambda x, dim=-1: ops.glu(x, dim)
NETWORKS[F + "hardsigmoid"] = ops.hard_sigmoid
NETWORKS[F + "hardswish"] = ops.hard_silu
NETWORKS[F + "hardtanh"] = lambda x, min_val=-1.0, max_val=1.0: ops.clip(x, min_val, max_val)
NETWORKS[F + "hardshrink"] = lambda x, lambd=0.5: ops.hard_shrink(x, lambd)
NETWORKS[F + "softshrink"] = lambda x, lambd=0.5: ops.soft_shrink(x, lambd)
NETWORKS[F + "tanhshrink"] = ops.tanh_shrink
NETWORKS[F + "softplus"] = lambda x, beta=1, threshold=20: ops.where(
    x * beta > threshold, x, ops.softplus(x * float(beta)) / float(beta)
)
NETWORKS[F + "logsigmoid"] = ops.log_sigmoid
NETWORKS[F + "threshold"] = lambda x, threshold, value: ops.threshold(x, threshold, value)


def over_axis(f):
    def call(x, dim, dtype=None):
        x = ops.cast(x, dtype or x.dtype)
        # Corten asks for an axis: a scalar is a line of one.
        return f(x, dim) if x.ndim else ops.reshape(f(ops.reshape(x, (1,)), 0), ())

    return call


NETWORKS["softmax"], NETWORKS["log_softmax"] = over_axis(ops.softmax), over_axis(ops.log_softmax)
NETWORKS[F + "softmin"] = over_axis(lambda x, dim: ops.softmax(-x, dim))


def prelu(x, weight):
    if weight.ndim and x.ndim > 1:
        weight = ops.reshape(weight, (-1,) + (1,) * (x.ndim - 2))
    return ops.where(
        x > 0.0, x, ops.reshape(weight, ()) * x if weight.size == 1 and not x.ndim else weight * x
    )


# Linear maps and convolutions.
@adapter("linear")
def linear(x, weight, bias=None):
    y = ops.matmul(x, ops.transpose(weight))
    return y if bias is None else y + bias


@adapter("bilinear")
def bilinear(a, b, weight, bias=None):
    y = ops.einsum("...i,oij,...j->...o", a, weight, b)
    return y if bias is None else y + bias


def batched(x, rank):
    """A batch of one where the database leaves the batch out."""
    return (x, False) if x.ndim == rank + 2 else (ops.expand_dims(x, 0), True)


def unbatched(y, single):
    return ops.squeeze(y, 0) if single else y


def to_last(x):
    return ops.moveaxis(x, 1, -1)


def to_first(x):
    return ops.moveaxis(x, -1, 1)


def convolution(rank):
    def call(x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
        x, single = batched(x, rank)
        stride, dilation = each(stride, rank), each(dilation, rank)
        x, kernel = to_last(x), ops.transpose(weight, (*range(2, rank + 2), 1, 0))
        if padding == "same":
            around = [
                ((n - 1) * d // 2, (n - 1) * d - (n - 1) * d // 2)
                for n, d in zip(weight.shape[2:], dilation, strict=True)
            ]
        else:
            around = [(n, n) for n in (each(0 if padding == "valid" else padding, rank))]
        x = ops.pad(x, [(0, 0), *around, (0, 0)])
        # Strides with dilation are no public form: convolve at every place, then take every n-th.
        step = stride if max(dilation) == 1 else [1] * rank
        y = ops.conv(x, kernel, step, "valid", "channels_last", dilation)
        if step != stride:
            y = y[(slice(None), *(slice(None, None, n) for n in stride))]
        y = y if bias is None else y + bias
        return unbatched(to_first(y), single)

    return call


def transposed_convolution(rank):
    def call(x, weight, bias=None, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
        x, single = batched(x, rank)
        stride, padding, dilation = each(stride, rank), each(padding, rank), each(dilation, rank)
        extra = each(output_padding, rank)
        pieces = []
        for part, kernel in zip(ops.split(to_last(x), groups, -1), ops.split(weight, groups, 0), strict=True):
            kernel = ops.transpose(kernel, (*range(2, rank + 2), 1, 0))
            y = ops.conv_transpose(part, kernel, stride, "valid", [0] * rank, "channels_last", dilation)
            pieces.append(y)
        y = ops.concatenate(pieces, -1)
        # The result without its borders; rows that no window reaches are zeros.
        sizes = [n + e - 2 * p for n, e, p in zip(y.shape[1:-1], extra, padding, strict=True)]
        y = ops.pad(y, [(0, 0), *((0, e) for e in extra), (0, 0)])
        y = y[(slice(None), *(slice(p, p + n) for p, n in zip(padding, sizes, strict=True)))]
        y = y if bias is None else y + bias
        return unbatched(to_first(y), single)

    return call


# Pooling.
def pool_plan(shape, kernel, stride, padding, dilation, ceil_mode):
    """Result size and padding at the end of each axis."""
    plans = []
    for n, k, s, p, d in zip(shape, kernel, stride, padding, dilation, strict=True):
        free = n + 2 * p - d * (k - 1) - 1
        count = (-(-free // s) if ceil_mode else free // s) + 1
        if ceil_mode and (count - 1) * s >= n + p:
            count -= 1
        plans.append((count, max((count - 1) * s + d * (k - 1) + 1 - n - p, 0)))
    return plans


def max_pool(rank):
    def call(x, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False, return_indices=False):
        x, single = batched(x, rank)
        kernel, around, gap = each(kernel_size, rank), each(padding, rank), each(dilation, rank)
        step = kernel if stride is None else each(stride, rank)
        plans = pool_plan(x.shape[2:], kernel, step, around, gap, ceil_mode)
        counts = [count for count, _ in plans]
        lowest = ops.pad(x, [(0, 0), (0, 0), *((p, e) for p, (_, e) in zip(around, plans, strict=True))],
                         constant_values=-math.inf)  # fmt: skip
        if max(gap) == 1 and not return_indices:
            y = to_first(ops.max_pool(to_last(lowest), kernel, step, data_format="channels_last"))
            return unbatched(y[(slice(None), slice(None), *(slice(0, n) for n in counts))], single)
        # Windows with gaps (or places asked for) are laid out cell by cell.
        cells, flat = [], []
        inner = np.arange(math.prod(x.shape[2:])).reshape(x.shape[2:])
        inner = np.pad(inner, [(p, e) for p, (_, e) in zip(around, plans, strict=True)])
        for place in itertools.product(*map(range, kernel)):
            at = tuple(
                slice(o * d, o * d + (c - 1) * s + 1, s)
                for o, d, c, s in zip(place, gap, counts, step, strict=True)
            )
            cells.append(lowest[(slice(None), slice(None), *at)])
            flat.append(inner[at])
        stacked = ops.stack(cells, -1)
        best = ops.argmax(stacked, -1, keepdims=True)
        y = ops.squeeze(ops.take_along_axis(stacked, best, -1), -1)
        places = np.broadcast_to(np.stack(flat, -1), stacked.shape)
        where = ops.squeeze(ops.take_along_axis(places.astype(np.int32), best, -1), -1)
        y, where = unbatched(y, single), unbatched(where, single)
        return (y, where) if return_indices else y

    return call


def average_pool(rank):
    def call(
        x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True, divisor_override=None
    ):
        x, single = batched(x, rank)
        kernel, around = each(kernel_size, rank), each(padding, rank)
        step = each(stride, rank) if stride else kernel
        plans = pool_plan(x.shape[2:], kernel, step, around, [1] * rank, ceil_mode)
        pads = [(p, e) for p, (_, e) in zip(around, plans, strict=True)]
        counts = tuple(slice(0, count) for count, _ in plans)
        area = math.prod(kernel)

        def total(values, pads):
            values = ops.pad(values, [(0, 0), *pads, (0, 0)])
            return ops.average_pool(values, kernel, step, data_format="channels_last")[
                (slice(None), *counts)
            ] * float(area)

        y = total(to_last(x), pads)
        if divisor_override:
            y = y / float(divisor_override)
        else:
            # Cells count if they are of the input, or of its own padding (not of the rounding up).
            ones = ops.ones((1, *x.shape[2:], 1))
            if count_include_pad:
                ones = ops.pad(ones, [(0, 0), *((p, p) for p in around), (0, 0)], constant_values=1.0)
                pads = [(0, max(e - p, 0)) for p, e in pads]
            y = y / total(ones, pads)
        return unbatched(to_first(y), single)

    return call


def adaptive(kind, rank):
    def call(x, size, return_indices=False):
        x, single = batched(x, rank)
        sizes = [
            n if s is None else s
            for s, n in zip(each(size, rank) if size is not None else [None] * rank, x.shape[2:], strict=True)
        ]
        if not return_indices:
            return unbatched(getattr(ops, kind)(x, sizes, data_format="channels_first"), single)
        flat = np.arange(math.prod(x.shape[2:]), dtype=np.float32).reshape(x.shape[2:])
        values = getattr(ops, kind)(x, sizes, data_format="channels_first")
        # The place of each maximum: where the input equals it (no two random numbers do).
        same = ops.reshape(values, (*x.shape[:2], -1, 1)) == ops.reshape(x, (*x.shape[:2], 1, -1))
        place = ops.max(ops.where(same, flat.reshape(-1), -1.0), -1)
        place = ops.cast(ops.reshape(place, values.shape), "int32")
        return unbatched(values, single), unbatched(place, single)

    return call


for rank in (1, 2, 3):
    NETWORKS[f"{F}conv{rank}d"] = convolution(rank)
    NETWORKS[f"{F}conv_transpose{rank}d"] = transposed_convolution(rank)
    NETWORKS[f"{F}max_pool{rank}d"] = max_pool(rank)
    NETWORKS[f"{F}avg_pool{rank}d"] = average_pool(rank)
    NETWORKS[f"{F}adaptive_avg_pool{rank}d"] = adaptive("adaptive_average_pool", rank)
    NETWORKS[f"{F}adaptive_max_pool{rank}d"] = adaptive("adaptive_max_pool", rank)


# Normalization.
@adapter("batch_norm")
def batch_norm(x, mean, variance, weight=None, bias=None, training=False, momentum=0.1, eps=1e-5):
    x = to_last(x)
    if training:
        y = ops.batch_norm_training(x, weight, bias, eps)[0]
    else:
        y = ops.batch_normalization(x, mean, variance, -1, bias, weight, eps)
    return to_first(y)


@adapter("layer_norm")
def layer_norm(x, shape, weight=None, bias=None, eps=1e-5):
    return ops.layer_normalization(x, weight, bias, tuple(range(-len(shape), 0)), eps)


@adapter("rms_norm")
def rms_norm(x, shape, weight=None, eps=None):
    eps = float(np.finfo(np.float64).eps) if eps is None else eps
    return ops.rms_normalization(x, weight, tuple(range(-len(shape), 0)), eps)


@adapter("group_norm")
def group_norm(x, groups, weight=None, bias=None, eps=1e-5):
    return ops.group_normalization(x, weight, bias, groups, eps, axis=1)


@adapter("instance_norm")
def instance_norm(
    x,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    return ops.group_normalization(x, weight, bias, x.shape[1], eps, axis=1)


@adapter("local_response_norm")
def local_response_norm(x, size, alpha=1e-4, beta=0.75, k=1.0):
    squares = ops.pad(ops.square(x), [(0, 0), (size // 2, (size - 1) // 2)] + [(0, 0)] * (x.ndim - 2))
    total = sum(ops.take(squares, ops.arange(i, i + x.shape[1]), 1) for i in range(size))
    return x / ops.power(total * (alpha / size) + k, beta)


@adapter("normalize")
def normalize(x, p=2.0, dim=1, eps=1e-12):
    if x.ndim == 0:
        return ops.reshape(normalize(ops.reshape(x, (1,)), p, 0, eps), ())
    if p >= 1:
        return ops.normalize(x, dim, p, eps)
    return x / ops.maximum(ops.norm(x, p, dim, keepdims=True), eps)


# Distances.
@adapter("cosine_similarity")
def cosine_similarity(a, b, dim=1, eps=1e-8):
    if a.ndim == 0:
        a, b = ops.reshape(a, (1,)), ops.reshape(b, (1,))
        dim = 0
    a, b = (
        ops.broadcast_to(a, np.broadcast_shapes(a.shape, b.shape)),
        ops.broadcast_to(b, np.broadcast_shapes(a.shape, b.shape)),
    )
    lengths = [ops.maximum(ops.norm(x, axis=dim, keepdims=True), eps) for x in (a, b)]
    return ops.sum((a / lengths[0]) * (b / lengths[1]), dim)


@adapter("pairwise_distance")
def pairwise_distance(a, b, p=2.0, eps=1e-6, keepdim=False):
    return ops.norm(a - b + eps, p, -1, keepdim)


@adapter("cdist")
def cdist(x, y, p=2.0, compute_mode=None):
    if p == 2.0:
        return ops.cdist(x, y)
    apart = ops.expand_dims(x, -2) - ops.expand_dims(y, -3)
    return ops.norm(apart, p, -1)


# Images.
def sampled(x, size, place, mode):
    """Resizes the axes after the second: `place` gives the source coordinate of each cell."""
    for axis, count in enumerate(size, start=2):
        n = x.shape[axis]
        at = place(count, n)
        shape = [1] * x.ndim
        shape[axis] = count
        if mode == "nearest":
            x = ops.take(x, np.clip(np.floor(at), 0, n - 1).astype(np.int32), axis)
            continue
        low = np.floor(at)
        part = at - low
        if mode == "cubic":
            taps = [(i, cubic(part - i)) for i in (-1, 0, 1, 2)]
        else:
            at = np.maximum(at, 0.0)
            low = np.floor(at)
            part = at - low
            taps = [(0, 1 - part), (1, part)]
        x = sum(
            ops.take(x, np.clip(low + i, 0, n - 1).astype(np.int32), axis)
            * weight.reshape(shape).astype(np.float32)
            for i, weight in taps
        )
    return x


def cubic(t, a=-0.75):
    t = np.abs(t)
    near = ((a + 2) * t - (a + 3)) * t * t + 1
    far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
    return np.where(t <= 1, near, np.where(t < 2, far, 0.0))


@adapter("interpolate")
def interpolate(
    x, size=None, scale_factor=None, mode="nearest", align_corners=None, recompute_scale_factor=None
):
    rank = x.ndim - 2
    scales = None if scale_factor is None else [scale_factor] * rank
    size = (
        each(size, rank)
        if size is not None
        else [math.floor(n * s) for n, s in zip(x.shape[2:], scales, strict=True)]
    )
    if mode == "area":
        return ops.adaptive_average_pool(x, size, data_format="channels_first")
    asked = scales if scales is not None and not recompute_scale_factor else [None] * rank
    sources = iter(asked)

    def place(count, n):
        scale = next(sources)
        step = n / count if scale is None else 1.0 / scale
        cells = np.arange(count)
        if align_corners and mode not in ("nearest", "nearest-exact"):
            return cells * ((n - 1) / (count - 1) if count > 1 else 0.0)
        if mode == "nearest":
            return cells * np.float32(step)
        return (cells + 0.5) * step - (0.0 if mode == "nearest-exact" else 0.5)

    kind = "nearest" if mode.startswith("nearest") else "cubic" if mode == "bicubic" else "linear"
    return sampled(x, size, place, kind)


@adapter("upsample_nearest")
def upsample_nearest(x, size=None, scale_factor=None):
    return interpolate(x, size, scale_factor, "nearest")


@adapter("upsample_bilinear")
def upsample_bilinear(x, size=None, scale_factor=None):
    return interpolate(x, size, scale_factor, "bilinear", align_corners=True)


@adapter("grid_sample")
def grid_sample(x, grid, mode="bilinear", padding_mode="zeros", align_corners=False):
    if mode == "bicubic":
        raise NotImplementedError("cubic sampling at free coordinates is not an op of Corten")
    fill = {"zeros": "constant", "border": "nearest"}.get(padding_mode)
    if fill is None:
        raise NotImplementedError(padding_mode)

    def cells(part, n):
        return (part + 1.0) * ((n - 1) / 2) if align_corners else ((part + 1.0) * float(n) - 1.0) / 2.0

    results = []
    for image, places in zip(ops.unstack(x), ops.unstack(grid), strict=True):
        # The last axis of the grid names the image's last axis first.
        lines = [cells(places[..., -1 - axis], n) for axis, n in enumerate(x.shape[2:])]
        at = ops.stack([ops.round(line) if mode == "nearest" else line for line in lines])
        channels = [
            ops.image.map_coordinates(c, at, 0 if mode == "nearest" else 1, fill) for c in ops.unstack(image)
        ]
        results.append(ops.stack(channels))
    return ops.stack(results)


@adapter("pixel_shuffle")
def pixel_shuffle(x, upscale_factor):
    return ops.depth_to_space(x, upscale_factor, "channels_first")


@adapter("pixel_unshuffle")
def pixel_unshuffle(x, downscale_factor):
    return ops.space_to_depth(x, downscale_factor, "channels_first")


@adapter("unfold")
def unfold(x, kernel, dilation=1, padding=0, stride=1):
    x, single = batched(x, 2)
    return unbatched(ops.unfold(x, kernel, dilation, padding, stride), single)


@adapter("pad")
def pad(x, widths, mode="constant", value=0.0):
    pairs = [(0, 0)] * (x.ndim - len(widths) // 2) + [
        tuple(widths[i : i + 2]) for i in range(len(widths) - 2, -1, -2)
    ]
    modes = {"replicate": "edge", "circular": "wrap"}
    cut = {"constant_values": 0.0 if value is None else value} if mode == "constant" else {}

    # Negative widths cut: the public op only adds. What is cut still repeats, save in a circle.
    def shortened(x):
        return x[tuple(slice(max(-a, 0), n - max(-b, 0)) for (a, b), n in zip(pairs, x.shape, strict=True))]

    x = shortened(x) if mode == "circular" else x
    grown = ops.pad(x, [(max(a, 0), max(b, 0)) for a, b in pairs], modes.get(mode, mode), **cut)
    return grown if mode == "circular" else shortened(grown)


# Attention.
@adapter("scaled_dot_product_attention")
def attention(q, k, v, attn_mask=None, dropout_p=0.0, is_causal=False):
    if dropout_p:
        raise NotImplementedError("dropout is random")
    lead = np.broadcast_shapes(q.shape[:-2], k.shape[:-2], v.shape[:-2])

    def laid_out(x):
        x = ops.broadcast_to(x, (*lead, *x.shape[-2:]))
        return ops.transpose(ops.reshape(x, (-1, 1, *x.shape[-2:])), (0, 2, 1, 3))

    mask = attn_mask
    if mask is not None:
        mask = ops.reshape(
            ops.broadcast_to(mask, (*lead, q.shape[-2], k.shape[-2])), (-1, 1, q.shape[-2], k.shape[-2])
        )
    named = {} if mask is None else {"mask" if mask.dtype == "bool" else "bias": mask}
    y = ops.dot_product_attention(laid_out(q), laid_out(k), laid_out(v), is_causal=is_causal, **named)
    return ops.reshape(ops.transpose(y, (0, 2, 1, 3)), (*lead, q.shape[-2], v.shape[-1]))


# Losses.
def reduced(loss, reduction):
    return loss if reduction == "none" else ops.sum(loss) if reduction == "sum" else ops.mean(loss)


@adapter("mse_loss")
def mse(x, y, reduction="mean"):
    return reduced(ops.square(x - y), reduction)


@adapter("l1_loss")
def l1(x, y, reduction="mean"):
    return reduced(ops.absolute(x - y), reduction)


@adapter("smooth_l1_loss")
def smooth_l1(x, y, reduction="mean", beta=1.0):
    size = ops.absolute(x - y)
    if beta == 0:
        return reduced(size, reduction)
    return reduced(ops.where(size < beta, ops.square(size) * (0.5 / beta), size - 0.5 * beta), reduction)


@adapter("huber_loss")
def huber(x, y, reduction="mean", delta=1.0):
    size = ops.absolute(x - y)
    return reduced(ops.where(size < delta, ops.square(size) * 0.5, (size - 0.5 * delta) * delta), reduction)


@adapter("cross_entropy")
def cross_entropy(x, y, weight=None, reduction="mean", ignore_index=-100):
    x = ops.moveaxis(x, 1, -1) if x.ndim > 1 else x
    if y.dtype.startswith("int"):
        return nll(
            ops.moveaxis(ops.log_softmax(x), -1, 1) if x.ndim > 1 else ops.log_softmax(x),
            y,
            weight,
            ignore_index,
            reduction,
        )
    y = ops.moveaxis(y, 1, -1) if y.ndim > 1 else y
    if weight is not None:
        y = y * weight
    loss = ops.categorical_crossentropy(y, x, from_logits=True)
    return ops.sum(loss) / max(loss.size, 1) if reduction == "mean" else reduced(loss, reduction)


@adapter("nll_loss")
def nll(x, y, weight=None, ignore_index=-100, reduction="mean"):
    x = ops.moveaxis(x, 1, -1) if x.ndim > 1 else x
    kept = ops.not_equal(y, ignore_index)
    label = ops.where(kept, y, 0)
    loss = -ops.squeeze(ops.take_along_axis(x, ops.expand_dims(label, -1), -1), -1)
    factor = ops.cast(kept, x.dtype) if weight is None else ops.take(weight, label) * ops.cast(kept, x.dtype)
    loss = loss * factor
    return ops.sum(loss) / ops.sum(factor) if reduction == "mean" else reduced(loss, reduction)


@adapter("binary_cross_entropy")
def bce(x, y, weight=None, reduction="mean"):
    loss = ops.binary_crossentropy(y, x)
    return reduced(loss if weight is None else loss * weight, reduction)


@adapter("binary_cross_entropy_with_logits")
def bce_with_logits(x, y, weight=None, pos_weight=None, reduction="mean"):
    if pos_weight is None:
        loss = ops.binary_crossentropy(y, x, from_logits=True)
    else:
        loss = -(pos_weight * y * ops.log_sigmoid(x) + (1.0 - y) * ops.log_sigmoid(-x))
    return reduced(loss if weight is None else loss * weight, reduction)


@adapter("kl_div")
def kl_div(x, y, reduction="mean", log_target=False):
    loss = ops.exp(y) * (y - x) if log_target else xlogy(y, y) - y * x
    if reduction == "batchmean":
        return ops.sum(loss) / float(x.shape[0] if x.ndim else 1)
    return reduced(loss, reduction)


def xlogy(x, y):
    return ops.where(ops.equal(x, 0.0), 0.0, x * ops.log(ops.where(ops.equal(x, 0.0), 1.0, y)))


@adapter("poisson_nll_loss")
def poisson_nll(x, y, log_input=True, full=False, eps=1e-8, reduction="mean"):
    loss = ops.exp(x) - y * x if log_input else x - y * ops.log(x + eps)
    if full:
        safe = ops.where(y > 1.0, y, 1.0)
        stirling = safe * ops.log(safe) - safe + 0.5 * ops.log(2.0 * math.pi * safe)
        loss = loss + ops.where(y > 1.0, stirling, 0.0)
    return reduced(loss, reduction)


@adapter("gaussian_nll_loss")
def gaussian_nll(x, y, variance, full=False, eps=1e-6, reduction="mean"):
    if variance.ndim and variance.ndim == x.ndim - 1 and variance.shape == x.shape[:-1]:
        variance = ops.expand_dims(variance, -1)
    # The bound on the variance gives no gradient of its own, but passes that of the variance.
    bounded = variance + ops.stop_gradient(ops.maximum(variance, eps) - variance)
    loss = 0.5 * (ops.log(bounded) + ops.square(x - y) / bounded)
    return reduced(loss + 0.5 * math.log(2 * math.pi) if full else loss, reduction)


@adapter("hinge_embedding_loss")
def hinge_embedding(x, y, margin=1.0, reduction="mean"):
    zero = ops.zeros_like(x)
    loss = ops.where(ops.equal(y, 1.0), zero, ops.relu(margin - x)) + ops.where(ops.equal(y, -1.0), zero, x)
    return reduced(loss, reduction)


@adapter("margin_ranking_loss")
def margin_ranking(a, b, y, margin=0.0, reduction="mean"):
    return reduced(ops.relu(-y * (a - b) + margin), reduction)


@adapter("cosine_embedding_loss")
def cosine_embedding(a, b, y, margin=0.0, reduction="mean"):
    small = 1e-12
    product = ops.sum(a * b, -1)
    lengths = ops.sqrt((ops.sum(a * a, -1) + small) * (ops.sum(b * b, -1) + small))
    cosine = product / lengths
    loss = ops.where(ops.equal(y, 1.0), 1.0 - cosine, 0.0) + ops.where(
        ops.equal(y, -1.0), ops.relu(cosine - margin), 0.0
    )
    return reduced(loss, reduction)


@adapter("triplet_margin_loss")
def triplet_margin(a, p, n, margin=1.0, swap=False, reduction="mean"):
    near, far = pairwise_distance(a, p), pairwise_distance(a, n)
    if swap:
        far = ops.minimum(far, pairwise_distance(p, n))
    return reduced(ops.relu(near - far + margin), reduction)


@adapter("soft_margin_loss")
def soft_margin(x, y, reduction="mean"):
    return reduced(ops.softplus(-y * x), reduction)


@adapter("multi_margin_loss")
def multi_margin(x, y, p=1, margin=1.0, weight=None, reduction="mean"):
    single = x.ndim < 2
    if single:
        x, y = ops.reshape(x, (1, -1)), ops.reshape(y, (1,))
    own = ops.take_along_axis(x, ops.expand_dims(y, -1), -1)
    loss = ops.power(ops.relu(margin - own + x), p)
    if weight is not None:
        loss = loss * ops.expand_dims(ops.take(weight, y), -1)
    others = ops.one_hot(y, x.shape[-1]) < 0.5
    loss = ops.sum(ops.where(others, loss, 0.0), -1) / float(x.shape[-1])
    return reduced(ops.squeeze(loss, 0) if single else loss, reduction)


@adapter("multilabel_soft_margin_loss")
def multilabel_soft_margin(x, y, weight=None, reduction="mean"):
    loss = ops.binary_crossentropy(y, x, from_logits=True)
    return reduced(ops.mean(loss if weight is None else loss * weight, -1), reduction)


@adapter("ctc_loss")
def ctc(log_probabilities, target, steps, lengths, blank=0, reduction="mean", zero_infinity=False):
    # Log probabilities as logits: their log-softmax is themselves.
    x = ops.swapaxes(log_probabilities, 0, 1)
    steps, lengths = ops.cast(steps, "int32"), ops.cast(lengths, "int32")
    loss = ops.ctc_loss(ops.cast(target, "int32"), x, lengths, steps, blank)
    if zero_infinity:
        loss = ops.where(ops.isinf(loss), 0.0, loss)
    if reduction == "mean":
        return ops.mean(loss / ops.cast(ops.maximum(lengths, 1), loss.dtype))
    return reduced(loss, reduction)


NETWORKS[F + "mish"] = lambda x: x * ops.tanh(ops.softplus(x))
