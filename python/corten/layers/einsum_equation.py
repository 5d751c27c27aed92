"""Equations of `EinsumDense`: their axes, and the shapes of weights that follow from them."""

from __future__ import annotations

import re

_EQUATION = re.compile(r"^\s*([a-zA-Z.]+)\s*,\s*([a-zA-Z]+)\s*->\s*([a-zA-Z.]*)\s*$")

# An axis of a tensor: a letter, or the position of an axis that the ellipsis stands for.
Label = str | int


def parse_equation(equation: str) -> tuple[str, str, str]:
    """Split an equation into the specifications of input, kernel and output.

    Example:
        >>> parse_equation("...x,xy->...y")
        ('...x', 'xy', '...y')
    """
    match = _EQUATION.match(equation)
    specifications = match.groups() if match else ()
    if len(specifications) != 3 or any("." in text.replace("...", "", 1) for text in specifications):
        raise ValueError(
            "EinsumDense: `equation` must look like 'ab,bc->ac', with at most one '...' in the input "
            "and the output; "
            f"got equation={equation!r}."
        )
    source, weight, result = specifications
    if ("..." in source) != ("..." in result):
        raise ValueError(
            "EinsumDense: '...' must stand in both the input and the output of `equation`; got "
            f"equation={equation!r}."
        )
    return source, weight, result


def summed_axes(equation: str, kernel_shape: tuple[int, ...], bias_shape: tuple[int, ...] | None) -> int:
    """How many axes a plain product sums over if this is one with a bias for every column; else 0.

    Plain: the last axes of the input are the first of the kernel, whose others end the output.

    Example:
        >>> summed_axes("abc,cde->abde", (8, 2, 4), (2, 4)), summed_axes("abc,acd->abd", (3, 8, 4), (4,))
        (1, 0)
    """
    source, weight, result = parse_equation(equation)
    count = sum(label in source for label in weight)
    inner, outer = weight[:count], weight[count:]
    plain = bool(inner and outer) and source.endswith(inner) and result == source[: -len(inner)] + outer
    letters = source.replace("...", "")
    distinct = len(set(letters)) == len(letters) and len(set(weight)) == len(weight)
    return count if plain and distinct and bias_shape == tuple(kernel_shape[count:]) else 0


def axis_labels(specification: str, hidden: int) -> list[Label]:
    """One label per axis; the ellipsis becomes the numbers of the `hidden` axes it covers."""
    before, dots, after = specification.partition("...")
    return [*before, *(range(hidden) if dots else ()), *after]


def weight_shapes(
    equation: str,
    input_shape: tuple[int | None, ...],
    output_shape: tuple[int | None, ...],
    bias_axes: str | None,
) -> tuple[tuple[int, ...], tuple[int, ...] | None, tuple[int | None, ...]]:
    """The kernel's shape, the bias's shape (None without bias) and the output's shape.

    Example:
        >>> weight_shapes("abc,cd->abd", (None, 5, 3), (None, 64), "d")
        ((3, 64), (64,), (None, 5, 64))
    """
    source, weight, result = parse_equation(equation)
    hidden = len(input_shape) - len(source.replace("...", ""))
    if hidden < 0 or (hidden > 0 and "..." not in source):
        raise ValueError(
            f"EinsumDense: equation={equation!r} expects an input with "
            f"{len(source.replace('...', ''))} axes; "
            f"got shape {input_shape}."
        )
    sizes: dict[Label, int | None] = dict(zip(axis_labels(source, hidden), input_shape, strict=True))
    letters = result.replace("...", "")
    # The batch axis is not in `output_shape`: it is the first letter unless the ellipsis comes first.
    named = letters if result.startswith("...") else letters[1:]
    if len(named) < len(output_shape):
        named = letters
    if len(named) != len(output_shape):
        raise ValueError(
            f"EinsumDense: `output_shape` must give the sizes of output axes {named!r} of "
            f"equation={equation!r}; "
            f"got output_shape={output_shape}."
        )
    for letter, size in zip(named, output_shape, strict=True):
        known = sizes.get(letter)
        if known is not None and size is not None and known != size:
            raise ValueError(
                f"EinsumDense: axis {letter!r} of equation={equation!r} has size {known} in the input "
                f"and {size} in "
                f"`output_shape`; got input shape {input_shape}, output_shape={output_shape}. Make "
                "them equal or None."
            )
        if known is None:
            sizes[letter] = size

    def size_of(letter: str, owner: str) -> int:
        size = sizes.get(letter)
        if size is None:
            raise ValueError(
                f"EinsumDense: the size of axis {letter!r} of the {owner} in equation={equation!r} is "
                "not known from "
                f"input shape {input_shape} and output_shape={output_shape}; give it in "
                "`output_shape` or the input."
            )
        return size

    kernel_shape = tuple(size_of(letter, "kernel") for letter in weight)
    output_labels = axis_labels(result, hidden)
    full_shape = tuple(sizes.get(label) for label in output_labels)
    if not bias_axes:
        return kernel_shape, None, full_shape
    unknown = [letter for letter in bias_axes if letter not in letters]
    if unknown:
        raise ValueError(
            f"EinsumDense: `bias_axes` must be letters of the output {result!r}; got bias_axes={bias_axes!r}."
        )
    first = min(output_labels.index(letter) for letter in bias_axes)
    bias_shape = tuple(
        size_of(label, "bias") if isinstance(label, str) and label in bias_axes else 1
        for label in output_labels[first:]
    )
    return kernel_shape, bias_shape, full_shape
