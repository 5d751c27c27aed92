"""Random tensors."""

from __future__ import annotations

import builtins
import math
from collections.abc import Sequence
from typing import Any

from corten import _core
from corten._state import state as call_state
from corten.ops._common import (
    FLOATS,
    INTEGERS,
    Tensor,
    TensorLike,
    as_float,
    as_tensor,
    axis_of,
    dtype_name,
    shape_of,
)
from corten.ops.dispatch import op
from corten.random.seed_generator import Seed, draw_key


def _draw(kind: str, shape: tuple[int, ...], dtype: str, key: tuple[int, int], *bounds: int) -> Tensor:
    if call_state.probing:
        from corten.symbolic import meta_tensor

        return meta_tensor(shape, dtype)
    low, high = bounds or (None, None)
    return _core.random(kind, shape, dtype, key[0], key[1], low, high)


def _float_dtype(name: str, dtype: Any) -> str:
    dtype = dtype_name(dtype)
    if dtype not in FLOATS:
        raise ValueError(f"random.{name} requires a floating point `dtype`; got {dtype!r}")
    return dtype


def _scaled(x: Tensor, mean: Any, stddev: Any) -> Tensor:
    if not _is_number(stddev, 1.0):
        x = _core.binary("multiply", x, as_tensor(stddev, x.dtype))
    return x if _is_number(mean, 0.0) else _core.binary("add", x, as_tensor(mean, x.dtype))


def _is_number(value: Any, number: float) -> bool:
    return type(value) in (int, float) and value == number


@op
def normal(
    shape: Any, mean: TensorLike = 0.0, stddev: TensorLike = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Normally distributed numbers.

    Args:
        shape: The shape.
        mean: Their mean.
        stddev: Their standard deviation.
        dtype: A float dtype; None is the default float.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor.

    Example:
        >>> corten.random.normal((2, 3), seed=1).shape
        (2, 3)
    """
    drawn = _draw("normal", shape_of(shape), _float_dtype("normal", dtype), draw_key(seed))
    return _scaled(drawn, mean, stddev)


@op
def truncated_normal(
    shape: Any, mean: TensorLike = 0.0, stddev: TensorLike = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Normally distributed numbers, drawn again if more than two deviations from the mean.

    Args:
        shape: The shape.
        mean: The mean before truncation.
        stddev: The standard deviation before truncation.
        dtype: A float dtype; None is the default float.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor.

    Example:
        >>> bool((abs(corten.random.truncated_normal((50,), seed=1)) <= 2.0).all())
        True
    """
    key = draw_key(seed)
    drawn = _draw("truncated_normal", shape_of(shape), _float_dtype("truncated_normal", dtype), key)
    return _scaled(drawn, mean, stddev)


@op
def uniform(
    shape: Any, minval: TensorLike = 0.0, maxval: TensorLike = 1.0, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """Evenly distributed numbers.

    Args:
        shape: The shape.
        minval: The lower bound.
        maxval: The upper bound, not reached.
        dtype: A float dtype; None is the default float.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor.

    Raises:
        ValueError: The dtype is not a float one; integers are drawn by `randint`.

    Example:
        >>> x = corten.random.uniform((50,), 2.0, 3.0, seed=1)
        >>> bool(((x >= 2.0) & (x <= 3.0)).all())
        True
    """
    drawn = _draw("uniform", shape_of(shape), _float_dtype("uniform", dtype), draw_key(seed))
    if _is_number(minval, 0.0) and _is_number(maxval, 1.0):
        return drawn
    low = as_tensor(minval, drawn.dtype)
    return _core.binary(
        "add",
        _core.binary("multiply", drawn, _core.binary("subtract", as_tensor(maxval, drawn.dtype), low)),
        low,
    )


@op
def randint(
    shape: Any, minval: TensorLike, maxval: TensorLike, dtype: Any = "int32", seed: Seed = None
) -> Tensor:
    """Evenly distributed integers.

    Args:
        shape: The shape.
        minval: The lower bound.
        maxval: The upper bound, not reached.
        dtype: An integer dtype.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor.

    Raises:
        ValueError: The range is empty.

    Example:
        >>> x = corten.random.randint((50,), 3, 6, seed=1)
        >>> int(x.min()) >= 3, int(x.max()) <= 5
        (True, True)
    """
    name = dtype_name(dtype)
    if name not in INTEGERS:
        raise ValueError(f"random.randint requires an integer `dtype`; got {name!r}")
    bounds = [x.item() if hasattr(x, "item") and getattr(x, "ndim", 0) == 0 else x for x in (minval, maxval)]
    if builtins.all(isinstance(bound, (int, float)) for bound in bounds):
        return _draw("integers", shape_of(shape), name, draw_key(seed), *(int(bound) for bound in bounds))
    part = _draw("uniform", shape_of(shape), "float64", draw_key(seed))
    low, high = as_tensor(minval, "float64"), as_tensor(maxval, "float64")
    number = _core.binary("add", _core.binary("multiply", part, _core.binary("subtract", high, low)), low)
    return _core.cast(_core.unary("floor", number), name)


@op
def bernoulli(shape: Any, p: TensorLike = 0.5, dtype: Any = "bool", seed: Seed = None) -> Tensor:
    """Independent yes/no decisions.

    Args:
        shape: The shape.
        p: The probability of "yes"; broadcasts to the shape.
        dtype: The dtype.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor.

    Example:
        >>> corten.random.bernoulli((3,), p=1.0, dtype="int32", seed=1).tolist()
        [1, 1, 1]
    """
    part = _draw("uniform", shape_of(shape), "float32", draw_key(seed))
    return as_tensor(_core.compare("less", part, as_tensor(p, "float32")), dtype_name(dtype))


@op
def categorical(logits: TensorLike, num_samples: int, dtype: Any = "int32", seed: Seed = None) -> Tensor:
    """Class numbers drawn by their (unnormalized) log probabilities.

    Args:
        logits: Shape ``(batch, classes)``.
        num_samples: How many to draw per row.
        dtype: The dtype of the result.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor of shape ``(batch, num_samples)``.

    Example:
        >>> corten.random.categorical([[0.0, -1e9]], 3, seed=1).tolist()
        [[0, 0, 0]]
    """
    logits = as_float(logits)
    if logits.ndim != 2:
        raise ValueError(f"random.categorical: logits must be (batch, classes); got {logits.shape}")
    batch, classes = logits.shape
    # The class with the largest logit plus Gumbel noise is a draw from the softmax.
    part = _draw("uniform", (batch, num_samples, classes), "float32", draw_key(seed))
    noise = _core.unary("negative", _core.unary("log", _core.unary("negative", _core.unary("log", part))))
    wide = _core.binary("add", _core.expand_dims(_core.cast(logits, "float32"), 1), noise)
    return as_tensor(_core.arg_reduce("argmax", wide, 2, False), dtype_name(dtype))


def _gamma(alpha: Tensor, key: tuple[int, int]) -> Tensor:
    if alpha.device == "meta":
        return alpha
    return _core.random_gamma(alpha, key[0], key[1])


def _parameter(value: TensorLike, shape: tuple[int, ...], dtype: str) -> Tensor:
    return _core.broadcast_to(as_tensor(value, dtype), shape)


@op
def gamma(shape: Any, alpha: TensorLike, dtype: Any = None, seed: Seed = None) -> Tensor:
    """Numbers of the gamma distribution with scale 1.

    Args:
        shape: The shape.
        alpha: Its shape parameter, positive; broadcasts.
        dtype: A float dtype; None is the default float.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor.

    Example:
        >>> bool((corten.random.gamma((9,), 0.5, seed=1) >= 0.0).all())
        True
    """
    return _gamma(_parameter(alpha, shape_of(shape), _float_dtype("gamma", dtype)), draw_key(seed))


@op
def beta(shape: Any, alpha: TensorLike, beta: TensorLike, dtype: Any = None, seed: Seed = None) -> Tensor:
    """Numbers of the beta distribution.

    Args:
        shape: The shape.
        alpha: Its first parameter, positive; broadcasts.
        beta: Its second parameter, positive; broadcasts.
        dtype: A float dtype; None is the default float.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor of numbers between 0 and 1.

    Example:
        >>> x = corten.random.beta((9,), 2.0, 3.0, seed=1)
        >>> bool(((x >= 0.0) & (x <= 1.0)).all())
        True
    """
    wanted, sizes, key = _float_dtype("beta", dtype), shape_of(shape), draw_key(seed)
    # float64 keeps the quotient away from 0/0 for small parameters.
    first = _gamma(_parameter(alpha, sizes, "float64"), key)
    second = _gamma(_parameter(beta, sizes, "float64"), _next_key(key, 1))
    return as_tensor(_core.binary("divide", first, _core.binary("add", first, second)), wanted)


def _next_key(key: tuple[int, int], step: int) -> tuple[int, int]:
    """Further streams of one draw, far from the streams that are counted."""
    return key[0], key[1] + (step << 40)


@op
def binomial(
    shape: Any, counts: TensorLike, probabilities: TensorLike, dtype: Any = None, seed: Seed = None
) -> Tensor:
    """How often "yes" comes up among independent decisions.

    Args:
        shape: The shape.
        counts: The number of decisions; broadcasts.
        probabilities: The probability of "yes"; broadcasts.
        dtype: The dtype; None is the default float.
        seed: None, an integer (equal numbers at every call) or a `SeedGenerator`.

    Returns:
        A tensor.

    Example:
        >>> corten.random.binomial((3,), 10, 1.0, seed=1).tolist()
        [10.0, 10.0, 10.0]
    """
    sizes, key, wanted = shape_of(shape), draw_key(seed), dtype_name(dtype)
    left, p = _parameter(counts, sizes, "float64"), _parameter(probabilities, sizes, "float64")
    if left.device == "meta" or call_state.probing:
        return _draw("uniform", sizes, wanted, key)
    total = _core.full(sizes, 0.0, "float64")
    step = 0
    # The i-th smallest of n uniform numbers has a beta distribution; drawing the middle one halves
    # n: either it and all below are "yes", or it and all above are "no".
    while math.prod(sizes) and float(_core.reduce("max", left, None, False)) > 32:
        many = _core.compare("greater", left, 32.0)
        middle = _core.binary("add", _core.unary("floor", _core.binary("divide", left, 2.0)), 1.0)
        first = _gamma(middle, _next_key(key, 2 * step + 1))
        second = _gamma(
            _core.binary("add", _core.binary("subtract", left, middle), 1.0), _next_key(key, 2 * step + 2)
        )
        cut = _core.binary("divide", first, _core.binary("add", first, second))
        yes = _core.compare("less_equal", cut, p)
        rest = _core.where(yes, _core.binary("subtract", left, middle), _core.binary("subtract", middle, 1.0))
        above = _core.binary(
            "divide",
            _core.binary("subtract", p, cut),
            _core.binary("maximum", _core.binary("subtract", 1.0, cut), 1e-300),
        )
        new_p = _core.where(yes, above, _core.binary("divide", p, _core.binary("maximum", cut, 1e-300)))
        gained = _core.binary("add", total, middle)
        total = _core.where(_core.binary("bitwise_and", many, yes), gained, total)
        left, p = _core.where(many, rest, left), _core.where(many, new_p, p)
        step += 1
    part = _draw("uniform", (32, *sizes), "float64", key)
    number = _core.reshape(_core.arange(0, 32, 1, "float64"), (32,) + (1,) * len(sizes))
    hits = _core.binary("bitwise_and", _core.compare("less", part, p), _core.compare("less", number, left))
    total = _core.binary("add", total, _core.reduce("sum", _core.cast(hits, "float64"), 0, False))
    return as_tensor(total, wanted)


@op
def shuffle(x: TensorLike, axis: int = 0, seed: Seed = None) -> Tensor:
    """The slices along an axis in random order.

    Args:
        x: A tensor.
        axis: The axis.
        seed: None, an integer (the same order at every call) or a `SeedGenerator`.

    Returns:
        A tensor of the shape of `x`.

    Example:
        >>> sorted(corten.random.shuffle([1, 2, 3], seed=1).tolist())
        [1, 2, 3]
    """
    x = as_tensor(x)
    axis = axis_of("random.shuffle", axis, x.ndim)
    return _core.gather(x, _order(x.shape[axis], draw_key(seed)), axis)


def _order(count: int, key: tuple[int, int]) -> Tensor:
    # Sorting 53 random bits: a tie among a million has a chance of one in ten thousand.
    return _core.sort(_draw("uniform", (count,), "float64", key), 0, False)[1]


@op
def permutation(x: TensorLike, axis: int = 0, seed: Seed = None) -> Tensor:
    """The numbers up to `x` in random order, or the shuffled slices of a tensor.

    Args:
        x: An integer, or a tensor.
        axis: The axis to shuffle.
        seed: None, an integer (the same order at every call) or a `SeedGenerator`.

    Returns:
        An int32 tensor of `x` numbers, or a tensor of the shape of `x`.

    Example:
        >>> sorted(corten.random.permutation(3, seed=1).tolist())
        [0, 1, 2]
    """
    if isinstance(x, int):
        return _order(x, draw_key(seed))
    return shuffle(x, axis, seed)


@op
def dropout(
    inputs: TensorLike, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Seed = None
) -> Tensor:
    """Sets random elements to 0 and divides the others by the part that is kept.

    Args:
        inputs: A tensor.
        rate: The part to set to 0, from 0 up to 1.
        noise_shape: The shape of decisions, which broadcasts to that of `inputs`; None (also for
            one size) is that of `inputs`.
        seed: None, an integer (the same elements at every call) or a `SeedGenerator`.

    Returns:
        A float tensor of the shape of `inputs`.

    Example:
        >>> sorted(set(corten.random.dropout(corten.ops.ones(50), 0.5, seed=1).tolist()))
        [0.0, 2.0]
    """
    x = as_float(inputs)
    if not 0 <= rate <= 1:
        raise ValueError(f"random.dropout: rate must be at least 0 and at most 1; got {rate}")
    if rate == 0:
        return x
    if rate == 1:
        return _core.where(_core.full((), False, "bool"), x, 0.0)
    key = draw_key(seed)
    if noise_shape is None:
        return _core.dropout(x, float(rate), key[0], key[1])
    if len(noise_shape) != x.ndim:
        raise ValueError(
            f"random.dropout: noise_shape needs {x.ndim} sizes, as inputs have; got {tuple(noise_shape)}"
        )
    sizes = tuple(n if one is None else one for one, n in zip(noise_shape, x.shape, strict=True))
    kept = _core.compare("greater_equal", _draw("uniform", sizes, "float32", key), float(rate))
    factor = _core.binary("divide", _core.cast(kept, x.dtype), 1.0 - rate)
    return _core.binary("multiply", x, factor)
