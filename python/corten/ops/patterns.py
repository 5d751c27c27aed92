"""Rearranging axes by a pattern of names."""

from __future__ import annotations

import math
import re

from corten import _core
from corten.ops._common import Tensor, TensorLike, as_tensor
from corten.ops.dispatch import op

_TOKEN = re.compile(r"\.\.\.|[A-Za-z_]\w*|[()]|1|\S")


def _groups(side: str, pattern: str) -> list[list[str]]:
    """Reads one side: a list of axes, each a list of names (none for an axis of size 1)."""
    groups: list[list[str]] = []
    inside: list[str] | None = None
    for token in _TOKEN.findall(side):
        if token == "(" and inside is None:
            inside = []
        elif token == ")" and inside is not None:
            groups.append(inside)
            inside = None
        elif token == "1" or token == "..." or token.isidentifier():
            names = [] if token == "1" else [token]
            if inside is None:
                groups.append(names)
            else:
                inside.extend(names)
        else:
            raise ValueError(f"rearrange: {token!r} in {pattern!r} is not understood")
    if inside is not None:
        raise ValueError(f"rearrange: a parenthesis of {pattern!r} is not closed")
    return groups


def _sizes(
    groups: list[list[str]], shape: tuple[int, ...], known: dict[str, int], pattern: str
) -> dict[str, int]:
    """The size of every name on the left side."""
    sizes = dict(known)
    for names, size in zip(groups, shape, strict=True):
        unknown = [name for name in names if name not in sizes]
        rest = math.prod(sizes[name] for name in names if name in sizes)
        if len(unknown) > 1 or rest == 0 or size % rest or (not unknown and rest != size):
            raise ValueError(
                f"rearrange: ({' '.join(names)}) of {pattern!r} does not fit an axis of size {size}; "
                f"give sizes as keyword arguments (all but one)"
            )
        if unknown:
            sizes[unknown[0]] = size // rest
    return sizes


@op
def rearrange(tensor: TensorLike, pattern: str, **axes_lengths: int) -> Tensor:
    """Reorders, splits and merges axes by name.

    Args:
        tensor: A tensor.
        pattern: The axes before and after ``->``. Parentheses hold the parts of one axis, ``...``
            stands for any axes, ``1`` for an axis of size 1.
        **axes_lengths: The sizes of names that do not follow from the tensor's shape.

    Returns:
        A tensor.

    Raises:
        ValueError: The pattern does not fit the shape.

    Example:
        >>> x = corten.ops.arange(6)
        >>> corten.ops.rearrange(x, "(a b) -> b a", a=2).tolist()
        [[0, 3], [1, 4], [2, 5]]
    """
    x = as_tensor(tensor)
    sides = pattern.split("->")
    if len(sides) != 2:
        raise ValueError(f"rearrange: the pattern needs one '->'; got {pattern!r}")
    left, right = (_groups(side, pattern) for side in sides)
    if ["..."] in left:
        place = left.index(["..."])
        # The axes that the ellipsis stands for get names that no pattern can use.
        hidden = [f".{i}" for i in range(x.ndim - len(left) + 1)]
        left[place : place + 1] = [[name] for name in hidden]
        right = [
            group
            for names in right
            for group in ([[name] for name in hidden] if names == ["..."] else [_expanded(names, hidden)])
        ]
    if len(left) != x.ndim:
        raise ValueError(f"rearrange: {pattern!r} names {len(left)} axes; the tensor has shape {x.shape}")
    before, after = [name for names in left for name in names], [name for names in right for name in names]
    if sorted(before) != sorted(after) or len(set(before)) != len(before):
        raise ValueError(f"rearrange: both sides of {pattern!r} must name the same axes, each once")
    sizes = _sizes(left, x.shape, axes_lengths, pattern)
    split = _core.reshape(x, tuple(sizes[name] for name in before))
    turned = _core.transpose(split, tuple(before.index(name) for name in after))
    return _core.reshape(turned, tuple(math.prod(sizes[name] for name in names) for names in right))


def _expanded(names: list[str], hidden: list[str]) -> list[str]:
    return [part for name in names for part in (hidden if name == "..." else [name])]
