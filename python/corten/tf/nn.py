"""`tf.nn`."""

from __future__ import annotations

from typing import Any

from corten import ops, random
from corten.ops import (
    elu as elu,
    gelu as gelu,
    relu as relu,
    relu6 as relu6,
    selu as selu,
    sigmoid as sigmoid,
    silu as silu,
    softplus as softplus,
    softsign as softsign,
    tanh as tanh,
    top_k as top_k,
)

swish = silu


def softmax(logits: Any, axis: int = -1, name: str | None = None) -> Any:
    """Turns scores into probabilities."""
    return ops.softmax(logits, axis=axis)


def log_softmax(logits: Any, axis: int = -1, name: str | None = None) -> Any:
    """Gives the logarithm of the probabilities."""
    return ops.log_softmax(logits, axis=axis)


def leaky_relu(features: Any, alpha: float = 0.2, name: str | None = None) -> Any:
    """Gives x where positive, else `alpha * x`."""
    return ops.leaky_relu(features, negative_slope=alpha)


def dropout(x: Any, rate: float, noise_shape: Any = None, seed: Any = None, name: str | None = None) -> Any:
    """Sets a random part of the values to 0 and scales the others up."""
    return random.dropout(x, rate, noise_shape=noise_shape, seed=seed)


def l2_loss(t: Any, name: str | None = None) -> Any:
    """Gives half the sum of the squares."""
    return ops.sum(ops.square(t)) / 2


def l2_normalize(x: Any, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """Divides by the Euclidean length."""
    total = ops.sum(ops.square(x), axis=axis, keepdims=True)
    return ops.multiply(x, ops.rsqrt(ops.maximum(total, epsilon)))


def moments(x: Any, axes: Any, shift: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Gives mean and variance."""
    return ops.moments(x, axes, keepdims=keepdims)


def bias_add(value: Any, bias: Any, data_format: Any = None, name: str | None = None) -> Any:
    """Adds a bias to the last axis."""
    return ops.add(value, bias)


def embedding_lookup(params: Any, ids: Any, max_norm: Any = None, name: str | None = None) -> Any:
    """Takes rows of a table."""
    return ops.take(params, ids, axis=0)


def conv2d(
    input: Any,
    filters: Any,
    strides: Any = 1,
    padding: str = "VALID",
    data_format: str = "NHWC",
    dilations: Any = 1,
    name: str | None = None,
) -> Any:
    """Convolves images with filters of shape `(height, width, in, out)`."""
    return ops.conv(
        input,
        filters,
        strides=_spatial(strides),
        padding=padding.lower(),
        data_format=_format(data_format),
        dilation_rate=_spatial(dilations),
    )


def max_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str = "VALID",
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """Takes the largest value of every window."""
    return ops.max_pool(input, _spatial(ksize), _spatial(strides), padding.lower(), _format(data_format))


def avg_pool2d(
    input: Any,
    ksize: Any,
    strides: Any,
    padding: str = "VALID",
    data_format: str = "NHWC",
    name: str | None = None,
) -> Any:
    """Takes the mean of every window."""
    return ops.average_pool(input, _spatial(ksize), _spatial(strides), padding.lower(), _format(data_format))


max_pool, avg_pool = max_pool2d, avg_pool2d


def softmax_cross_entropy_with_logits(
    labels: Any, logits: Any, axis: int = -1, name: str | None = None
) -> Any:
    """Gives the cross-entropy of scores against one-hot rows."""
    return ops.categorical_crossentropy(labels, logits, from_logits=True, axis=axis)


def sparse_softmax_cross_entropy_with_logits(labels: Any, logits: Any, name: str | None = None) -> Any:
    """Gives the cross-entropy of scores against class indices."""
    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


def sigmoid_cross_entropy_with_logits(labels: Any = None, logits: Any = None, name: str | None = None) -> Any:
    """Gives the binary cross-entropy of scores."""
    return ops.binary_crossentropy(labels, logits, from_logits=True)


def _spatial(value: Any) -> Any:
    """TensorFlow gives strides for all four axes; the inner two count."""
    if isinstance(value, list | tuple) and len(value) == 4:
        return tuple(value[1:3])
    return value


def _format(data_format: str) -> str:
    return "channels_first" if data_format.startswith("NC") else "channels_last"
