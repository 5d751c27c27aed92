"""Cross-entropies, encodings of classes, and connectionist temporal classification."""

from __future__ import annotations

import math
from typing import Any

from corten import _core
from corten.config import epsilon
from corten.ops._common import (
    INTEGERS,
    Tensor,
    TensorLike,
    as_float,
    as_index,
    as_tensor,
    axis_of,
    dtype_name,
    filled_beside,
    promoted_float,
)
from corten.ops.dispatch import op
from corten.ops.manipulation import moveaxis


def _clipped(probabilities: Tensor) -> Tensor:
    """Keeps probabilities away from 0 and 1, where the logarithm or its gradient is infinite."""
    small = epsilon()
    # Above 1 - eps the 16-bit types round up to 1.
    top = {"float16": 1.0 - 2.0**-11, "bfloat16": 1.0 - 2.0**-8}.get(probabilities.dtype, 1.0 - small)
    low = _core.where(_core.compare("less", probabilities, small), small, probabilities)
    return _core.where(_core.compare("greater", low, top), top, low)


@op
def binary_crossentropy(target: TensorLike, output: TensorLike, from_logits: bool = False) -> Tensor:
    """Cross-entropy of yes/no predictions, elementwise.

    Args:
        target: What is true: 0 or 1, or a probability.
        output: The predictions, in the shape of `target`.
        from_logits: Whether predictions are logits; else they are probabilities.

    Returns:
        A float tensor of the same shape.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> corten.ops.binary_crossentropy([1.0, 0.0], [0.0, 0.0], from_logits=True).shape
        (2,)
    """
    output = as_float(output)
    target = as_tensor(target, output.dtype)
    if target.shape != output.shape:
        raise ValueError(
            f"binary_crossentropy: target and output must have one shape; "
            f"got {target.shape} and {output.shape}"
        )
    if from_logits:
        return _core.binary_cross_entropy(output, target)
    output = _clipped(output)
    yes = _core.binary("multiply", target, _core.unary("log", output))
    no = _core.binary(
        "multiply",
        _core.binary("subtract", 1.0, target),
        _core.unary("log", _core.binary("subtract", 1.0, output)),
    )
    return _core.unary("negative", _core.binary("add", yes, no))


def _to_last(x: Tensor, axis: int) -> Tensor:
    return x if axis == x.ndim - 1 else moveaxis(x, axis, -1)


@op
def categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Cross-entropy of class predictions with one-hot (or soft) targets.

    Args:
        target: The probability of each class, in the shape of `output`.
        output: The predictions.
        from_logits: Whether predictions are logits; else they are probabilities (scaled to sum 1).
        axis: The axis of classes.

    Returns:
        A float tensor without that axis.

    Raises:
        ValueError: The shapes differ.

    Example:
        >>> corten.ops.categorical_crossentropy([[0.0, 1.0]], [[0.0, 0.0]], from_logits=True).shape
        (1,)
    """
    name = "categorical_crossentropy"
    output = as_float(output)
    target = as_tensor(target, output.dtype)
    if target.shape != output.shape:
        hint = ""
        if target.ndim == output.ndim - 1 or (target.ndim == output.ndim and target.shape[-1] == 1):
            hint = ". For integer labels use sparse_categorical_crossentropy"
        raise ValueError(
            f"{name}: target and output must have one shape; got {target.shape} and {output.shape}{hint}"
        )
    if output.ndim < 1:
        raise ValueError(f"{name}: tensors of one or more dimensions are needed; got scalars")
    axis = axis_of(name, axis, output.ndim)
    target, output = _to_last(target, axis), _to_last(output, axis)
    if from_logits:
        return _core.cross_entropy(output, target)
    total = _core.reduce("sum", output, -1, True)
    logs = _core.unary("log", _clipped(_core.binary("divide", output, total)))
    return _core.unary("negative", _core.reduce("sum", _core.binary("multiply", target, logs), -1, False))


@op
def sparse_categorical_crossentropy(
    target: TensorLike, output: TensorLike, from_logits: bool = False, axis: int = -1
) -> Tensor:
    """Cross-entropy of class predictions with integer labels.

    Args:
        target: The class numbers: the shape of `output` without `axis` (or with size 1 there).
        output: The predictions.
        from_logits: Whether predictions are logits; else they are probabilities (scaled to sum 1).
        axis: The axis of classes.

    Returns:
        A float tensor without that axis.

    Raises:
        ValueError: The shapes do not fit.
        IndexError: A label is not a class.

    Example:
        >>> corten.ops.sparse_categorical_crossentropy([1], [[0.0, 0.0]], from_logits=True).shape
        (1,)
    """
    name = "sparse_categorical_crossentropy"
    output = as_float(output)
    if output.ndim < 1:
        raise ValueError(f"{name}: output needs one or more dimensions; got a scalar")
    axis = axis_of(name, axis, output.ndim)
    labels = as_index(target)
    if labels.ndim == output.ndim and labels.shape[axis] == 1:
        labels = _core.squeeze(labels, axis)
    output = _to_last(output, axis)
    if labels.shape != output.shape[:-1]:
        hint = ". For one-hot targets use categorical_crossentropy" if labels.shape == output.shape else ""
        raise ValueError(
            f"{name}: target must be {output.shape[:-1]} for output {output.shape}; got {labels.shape}{hint}"
        )
    if from_logits:
        return _core.sparse_cross_entropy(output, labels)
    # Picked first: what is not the label's class takes part in the sum alone, and needs no logarithm.
    picked = _core.take_along(output, _core.expand_dims(labels, labels.ndim), output.ndim - 1)
    share = _core.binary("divide", picked, _core.reduce("sum", output, -1, True))
    return _core.unary("negative", _core.reshape(_core.unary("log", _clipped(share)), labels.shape))


@op
def one_hot(
    x: TensorLike, num_classes: int, axis: int = -1, dtype: Any = None, sparse: bool = False
) -> Tensor:
    """Turns class numbers into vectors with a 1 at the number.

    Args:
        x: Integers (floats lose what is after the point); a number that is no class gives zeros.
        num_classes: The number of classes.
        axis: Where the axis of classes stands in the result.
        dtype: The dtype; None is the default float.
        sparse: Must be False.

    Returns:
        A tensor with one axis more.

    Example:
        >>> corten.ops.one_hot([0, 2], 3).tolist()
        [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]
    """
    if sparse:
        raise NotImplementedError("one_hot: sparse tensors do not exist in Corten; use sparse=False")
    x = as_tensor(x)
    if x.dtype not in INTEGERS:
        x = _core.cast(x, "int32")
    axis = axis_of("one_hot", axis, x.ndim + 1)
    # Shapes alone need no list of the classes, of which a file may say any number.
    symbolic = x.device == "meta"
    classes = filled_beside(x, (num_classes,), 0) if symbolic else _core.arange(0, num_classes, 1, x.dtype)
    shape = tuple(num_classes if i == axis else 1 for i in range(x.ndim + 1))
    hot = _core.compare("equal", _core.expand_dims(x, axis), _core.reshape(classes, shape))
    return _core.cast(hot, dtype_name(dtype))


@op
def multi_hot(
    inputs: TensorLike,
    num_classes: int | None = None,
    axis: int = -1,
    dtype: Any = None,
    sparse: bool = False,
    **kwargs: Any,
) -> Tensor:
    """Turns sets of class numbers into vectors with a 1 at each number.

    Args:
        inputs: Integers; one set per line along the axis after the first (the only axis of a vector).
        num_classes: The number of classes.
        axis: Where the axis of classes stands in the result.
        dtype: The dtype; None is the default float.
        sparse: Must be False.
        **kwargs: ``num_tokens`` is an old name of `num_classes`.

    Returns:
        A tensor of as many dimensions.

    Example:
        >>> corten.ops.multi_hot([0, 2], 4).tolist()
        [1.0, 0.0, 1.0, 0.0]
    """
    if num_classes is None:
        num_classes = kwargs.pop("num_tokens", None)
    if num_classes is None:
        raise ValueError("multi_hot: num_classes is needed")
    if kwargs:
        raise TypeError(f"multi_hot: unknown argument {next(iter(kwargs))!r}")
    hot = one_hot(inputs, num_classes, axis, dtype, sparse)
    return _core.reduce("max", hot, 1 if as_tensor(inputs).ndim > 1 else 0, False)


@op
def psnr(x1: TensorLike, x2: TensorLike, max_val: float) -> Tensor:
    """Peak signal-to-noise ratio of two signals in decibels.

    Args:
        x1: A tensor.
        x2: A tensor of the same shape.
        max_val: The largest possible signal.

    Returns:
        A float scalar; infinite for equal signals.

    Example:
        >>> float(corten.ops.psnr([1.0, 1.0], [1.0, 1.0], max_val=1.0))
        inf
    """
    x1, x2 = promoted_float(x1, x2)
    if x1.shape != x2.shape:
        raise ValueError(f"psnr: both signals must have one shape; got {x1.shape} and {x2.shape}")
    error = _core.reduce("mean", _core.unary("square", _core.binary("subtract", x1, x2)), None, False)
    peak = 20.0 * math.log10(max_val)
    return _core.binary("subtract", peak, _core.binary("multiply", _core.unary("log10", error), 10.0))


@op
def ctc_loss(
    target: TensorLike,
    output: TensorLike,
    target_length: TensorLike,
    output_length: TensorLike,
    mask_index: int = 0,
) -> Tensor:
    """Connectionist temporal classification: how unlikely a label sequence is, over all alignments.

    Args:
        target: Label sequences, ``(batch, labels)``, padded at the end.
        output: Logits, ``(batch, steps, classes)``.
        target_length: The number of labels of each sequence, ``(batch,)``.
        output_length: The number of steps of each sequence, ``(batch,)``.
        mask_index: The class that stands for "no label".

    Returns:
        The negative logarithm of the probability, ``(batch,)``; infinite if no alignment exists.

    Example:
        >>> loss = corten.ops.ctc_loss([[1]], corten.ops.zeros((1, 1, 2)), [1], [1])
        >>> round(float(loss[0]), 4)
        0.6931
    """
    name = "ctc_loss"
    output = as_float(output)
    if output.dtype in ("float16", "bfloat16"):
        # Sums of logarithms over many steps leave the range of 16 bits.
        output = _core.cast(output, "float32")
    target = as_index(target)
    target_length, output_length = as_index(target_length), as_index(output_length)
    if target.ndim != 2 or output.ndim != 3 or target.shape[0] != output.shape[0]:
        raise ValueError(
            f"{name}: target must be (batch, labels) and output (batch, steps, classes); "
            f"got {target.shape} and {output.shape}"
        )
    batch = target.shape[0]
    for what, length in (("target_length", target_length), ("output_length", output_length)):
        if length.shape != (batch,):
            raise ValueError(f"{name}: {what} must be ({batch},); got {length.shape}")
    return _ctc(_core.log_softmax(output, 2), target, target_length, output_length, mask_index)


# Stands for log 0 in the recursion: finite, so that differences of such terms have gradients.
_LOG_ZERO = -1e30


def _ctc(logs: Tensor, target: Tensor, target_length: Tensor, output_length: Tensor, blank: int) -> Tensor:
    """The forward recursion over states blank, label 1, blank, label 2, ..., blank."""
    (batch, labels), steps = target.shape, logs.shape[1]
    states = 2 * labels + 1
    zero = _LOG_ZERO
    blanks = filled_beside(target, (batch, labels, 1), blank)
    pairs = _core.reshape(_core.concatenate([blanks, _core.expand_dims(target, 2)], 2), (batch, 2 * labels))
    extended = _core.concatenate([pairs, filled_beside(target, (batch, 1), blank)], 1)
    # (batch, steps, states): how likely each state's symbol is at each step.
    emitted = _core.take_along(
        logs, _core.broadcast_to(_core.expand_dims(extended, 1), (batch, steps, states)), 2
    )
    # A label may follow the one before it directly, unless both are equal.
    before = _core.pad(
        _core.slice(extended, (0, 0), (batch, max(states - 2, 0)), (1, 1)), [(0, 0), (2, 0)], blank
    )
    before = _core.slice(before, (0, 0), (batch, states), (1, 1))
    # Labels stand at odd places; told by place, not by value, so that a 0 among them is a label too.
    place = _core.arange(0, states, 1, "int32")
    skips = _core.binary(
        "bitwise_and",
        _core.compare("equal", _core.binary("mod", place, 2), 1),
        _core.compare("not_equal", extended, before),
    )
    skips = _core.binary("bitwise_and", skips, _core.compare("greater", place, 1))
    start = _core.compare("less", place, 2)
    alpha = _core.where(start, _step(emitted, 0), zero)
    for step in range(1, steps):
        one = _shifted(alpha, 1, zero)
        two = _core.where(skips, _shifted(alpha, 2, zero), zero)
        total = _core.binary("logaddexp", _core.binary("logaddexp", alpha, one), two)
        new = _core.binary("maximum", _core.binary("add", total, _step(emitted, step)), zero)
        running = _core.expand_dims(_core.compare("greater", output_length, step), 1)
        alpha = _core.where(running, new, alpha)
    # A path ends in the last label or the blank after it.
    last = _core.binary("multiply", _core.expand_dims(target_length, 1), 2)
    end = _core.take_along(alpha, last, 1)
    previous = _core.take_along(alpha, _core.binary("maximum", _core.binary("subtract", last, 1), 0), 1)
    previous = _core.where(_core.compare("greater", last, 0), previous, zero)
    likelihood = _core.reshape(_core.binary("logaddexp", end, previous), (batch,))
    impossible = _core.compare("less", likelihood, zero / 2)
    return _core.unary("negative", _core.where(impossible, -math.inf, likelihood))


def _step(emitted: Tensor, step: int) -> Tensor:
    batch, _, states = emitted.shape
    return _core.reshape(
        _core.slice(emitted, (0, step, 0), (batch, step + 1, states), (1, 1, 1)), (batch, states)
    )


def _shifted(alpha: Tensor, by: int, fill: float) -> Tensor:
    batch, states = alpha.shape
    keep = _core.slice(alpha, (0, 0), (batch, max(states - by, 0)), (1, 1))
    return _core.pad(keep, [(0, 0), (states - keep.shape[1], 0)], fill)


@op
def ctc_decode(
    inputs: TensorLike,
    sequence_lengths: TensorLike,
    strategy: str = "greedy",
    beam_width: int = 100,
    top_paths: int = 1,
    merge_repeated: bool = True,
    mask_index: int | None = 0,
) -> tuple[Tensor, Tensor]:
    """Reads label sequences off the output of a network trained with `ctc_loss`.

    Args:
        inputs: Logits, ``(batch, steps, classes)``.
        sequence_lengths: The number of steps of each sequence, ``(batch,)``.
        strategy: ``'greedy'`` takes the best class of each step; ``'beam_search'`` keeps the best
            `beam_width` label sequences.
        beam_width: How many sequences a beam search keeps.
        top_paths: How many sequences a beam search gives.
        merge_repeated: Whether a class repeated over steps counts as one label.
        mask_index: The class that stands for "no label"; None is the last class.

    Returns:
        Labels ``(top_paths, batch, steps)``, filled up with -1, and scores: the negative sum of the
        best logits ``(batch, 1)`` for greedy, log probabilities ``(batch, top_paths)`` for beams; float32
        where the inputs have 16 bits.

    Example:
        >>> logits = [[[0.0, 5.0], [0.0, 5.0], [5.0, 0.0]]]
        >>> labels, _ = corten.ops.ctc_decode(logits, [3])
        >>> labels.tolist()
        [[[1, -1, -1]]]
    """
    from corten.ops.decoding import beam_search, greedy_search

    logits, lengths = as_float(inputs), as_index(sequence_lengths)
    if logits.dtype in ("float16", "bfloat16"):
        logits = _core.cast(logits, "float32")
    blank = logits.shape[-1] - 1 if mask_index is None else mask_index
    if strategy == "greedy":
        return greedy_search(logits, lengths, merge_repeated, blank)
    if strategy == "beam_search":
        return beam_search(logits, lengths, beam_width, top_paths, blank)
    raise ValueError(f"ctc_decode: Invalid strategy {strategy!r}; it must be 'greedy' or 'beam_search'")
