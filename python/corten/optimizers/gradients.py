"""What happens to gradients before a rule sees them: filtering, clipping, accumulation."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from corten import ops


def filter_missing(gradients: Sequence[Any], variables: Sequence[Any]) -> tuple[list[Any], list[Any]]:
    """Drops the variables without a gradient, with a warning that names them.

    Raises:
        ValueError: No variable has a gradient.

    Example:
        >>> filter_missing([1.0, 2.0], ["a", "b"])
        ([1.0, 2.0], ['a', 'b'])
    """
    for gradient in gradients:
        if gradient is None:
            break
    else:
        return list(gradients), list(variables)
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None]
    if not pairs:
        raise ValueError(
            "No gradients provided for any variable. The loss does not depend on them: was it computed"
            " from the"
            " model's output with corten operations, inside the tape or the function that is differentiated?"
        )
    missing = [getattr(v, "path", str(v)) for g, v in zip(gradients, variables, strict=True) if g is None]
    warnings.warn(
        f"Gradients do not exist for variables {missing} when minimizing the loss. If you are using"
        " `model.compile()`, did you forget to provide a `loss` argument?",
        stacklevel=4,
    )
    return [g for g, _ in pairs], [v for _, v in pairs]


def _tensor(x: Any) -> Any:
    return ops.convert_to_tensor(x)


def clip_by_norm(gradient: Any, limit: float) -> Any:
    """Scales one gradient down to the norm `limit`.

    Example:
        >>> print(clip_by_norm([3.0, 4.0], 1.0).numpy().round(4))
        [0.6 0.8]
    """
    gradient = _tensor(gradient)
    norm = ops.sqrt(ops.sum(ops.square(gradient)))
    return gradient * (limit / ops.maximum(norm, limit))


def clip_by_global_norm(gradients: Sequence[Any], limit: float) -> list[Any]:
    """Scales all gradients by one factor so that together they have at most the norm `limit`.

    Example:
        >>> [float(g) for g in clip_by_global_norm([3.0, 4.0], 5.0)]
        [3.0, 4.0]
    """
    tensors = [_tensor(gradient) for gradient in gradients]
    total: Any = 0.0
    for gradient in tensors:
        wide = ops.cast(gradient, "float32") if gradient.dtype in ("float16", "bfloat16") else gradient
        total = total + ops.sum(ops.square(wide))
    norm = ops.sqrt(total)
    # An infinite norm makes the factor NaN on purpose: training on silently zeroed gradients hides the fault.
    factor = limit / ops.maximum(norm, limit) + (norm - norm)
    return [gradient * ops.cast(factor, gradient.dtype) for gradient in tensors]


def clip_by_value(gradient: Any, limit: float) -> Any:
    """Clips every element to [-limit, limit].

    Example:
        >>> clip_by_value([3.0, -0.5], 1.0).tolist()
        [1.0, -0.5]
    """
    return ops.clip(_tensor(gradient), -limit, limit)
