"""Control flow: conditions, loops, scans.

Corten runs eagerly, so these are Python loops around tensor operations; they exist so that code
written for compiled backends runs unchanged, with gradients through every step.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import Any

import numpy as np

from corten import _core, tree
from corten.ops._common import Tensor, TensorLike, as_tensor
from corten.ops.dispatch import op
from corten.ops.manipulation import piece
from corten.symbolic import any_symbolic, hide_probes, is_symbolic, symbolic_call


@op
def cond(pred: TensorLike, true_fn: Callable[[], Any], false_fn: Callable[[], Any]) -> Any:
    """Calls one of two functions.

    Args:
        pred: A bool, or a tensor with one element.
        true_fn: Called without arguments if `pred` is true.
        false_fn: Called without arguments otherwise.

    Returns:
        What the function gives.

    Example:
        >>> corten.ops.cond(True, lambda: 1, lambda: 2)
        1
    """
    # On the shape-only device there is no value: both branches must give the same shapes.
    if isinstance(pred, Tensor) and pred.device == "meta":
        result = true_fn()
        _check_alike(result, false_fn())
        return result
    return true_fn() if bool(as_tensor(pred)) else false_fn()


def _check_alike(one: Any, other: Any) -> None:
    """Refuses branches whose results differ in structure, shape or dtype; None goes with every size."""

    def described(result: Any) -> list[tuple[tuple[int | None, ...], str]]:
        leaves = [leaf for leaf in tree.flatten(result) if leaf is not None]
        known = [leaf if is_symbolic(leaf) else as_tensor(leaf) for leaf in leaves]
        return [(hide_probes(leaf.shape), leaf.dtype) for leaf in known]

    first, second = described(one), described(other)
    alike = len(first) == len(second) and all(
        a_type == b_type
        and len(a) == len(b)
        and all(None in pair or pair[0] == pair[1] for pair in zip(a, b, strict=True))
        for (a, a_type), (b, b_type) in zip(first, second, strict=True)
    )
    if not alike:
        raise ValueError(
            "cond: with a symbolic `pred`, `true_fn` and `false_fn` must give tensors of the same shapes and "
            f"dtypes; got {first} and {second}"
        )


@op
def switch(index: TensorLike, branches: Any, *operands: TensorLike) -> Any:
    """Calls one of several functions.

    Args:
        index: Which; limited to the range of `branches`.
        branches: The functions.
        *operands: Their arguments.

    Returns:
        What the function gives.

    Example:
        >>> corten.ops.switch(1, [lambda x: x, lambda x: -x], 5)
        -5
    """
    index = 0 if isinstance(index, Tensor) and index.device == "meta" else int(as_tensor(index))
    return branches[builtins.min(builtins.max(index, 0), len(branches) - 1)](*operands)


def _need_function(name: str, argument: str, function: Any) -> None:
    if not callable(function):
        raise TypeError(f"{name}: `{argument}` should be a callable. Received: {argument}={function!r}")


@op
def while_loop(
    cond: Callable[..., Any],
    body: Callable[..., Any],
    loop_vars: TensorLike,
    maximum_iterations: int | None = None,
) -> Any:
    """Repeats a function while a condition holds.

    Args:
        cond: Called with the variables; gives a bool.
        body: Called with the variables; gives the new ones in the same structure.
        loop_vars: The variables: a tuple, a list, or a single value.
        maximum_iterations: When to stop at the latest.

    Returns:
        The variables at the end.

    Example:
        >>> corten.ops.while_loop(lambda i: i < 3, lambda i: (i + 1,), (0,))
        (3,)
    """
    _need_function("while_loop", "cond", cond)
    _need_function("while_loop", "body", body)
    single = not isinstance(loop_vars, (tuple, list))
    values: Any = (loop_vars,) if single else tuple(loop_vars)
    if any(isinstance(leaf, Tensor) and leaf.device == "meta" for leaf in tree.flatten(values)):
        # Symbolic: there is no value to decide by, and a loop does not change shapes.
        body(*values)
        return loop_vars
    count = 0
    while bool(cond(*values)) and (maximum_iterations is None or count < maximum_iterations):
        values = body(*values)
        values = tuple(values) if isinstance(values, (tuple, list)) else (values,)
        count += 1
    if single:
        return values[0]
    return list(values) if isinstance(loop_vars, list) else values


@op
def fori_loop(lower: int, upper: int, body_fun: Callable[[int, Any], Any], init_val: TensorLike) -> Any:
    """Repeats a function with a counter.

    Args:
        lower: The first number.
        upper: The bound that is not reached.
        body_fun: Called with the number and the value; gives the new value.
        init_val: The first value.

    Returns:
        The last value.

    Example:
        >>> corten.ops.fori_loop(0, 4, lambda i, total: total + i, 0)
        6
    """
    value = init_val
    for i in builtins.range(int(lower), int(upper)):
        value = body_fun(i, value)
    return value


def _row(x: Any, index: int) -> Tensor:
    x = as_tensor(x)
    return _core.reshape(piece(x, 0, index, index + 1), x.shape[1:])


def _length(name: str, structure: Any) -> int:
    sizes = {as_tensor(leaf).shape[0] for leaf in tree.flatten(structure)}
    if len(sizes) != 1:
        raise ValueError(f"{name}: all tensors need the same size along the first axis; got {sorted(sizes)}")
    return sizes.pop()


def _stacked(results: list[Any]) -> Any:
    return tree.map_structure(lambda *parts: _core.stack([as_tensor(part) for part in parts], 0), *results)


@op
def scan(
    f: Callable[[Any, Any], tuple[Any, Any]],
    init: TensorLike,
    xs: TensorLike | None = None,
    length: int | None = None,
    reverse: bool = False,
    unroll: int | bool = 1,
) -> tuple[Any, Any]:
    """Carries a value along the first axis and collects what each step gives.

    Args:
        f: Called with the carried value and a slice of `xs`; gives the new value and an output.
        init: The first value.
        xs: Tensors (in any structure) to walk along; None if `length` is given.
        length: The number of steps.
        reverse: Whether to walk from the end.
        unroll: Accepted for compatibility; makes no difference.

    Returns:
        The last value, and the outputs stacked along a new first axis.

    Example:
        >>> xs = corten.ops.array([1, 2, 3])
        >>> total, sums = corten.ops.scan(lambda carry, x: (carry + x, carry + x), 0, xs)
        >>> int(total), sums.tolist()
        (6, [1, 3, 6])
    """
    _need_function("scan", "f", f)
    if not isinstance(unroll, bool) and (not isinstance(unroll, int) or unroll < 1):
        raise ValueError(
            f"scan: `unroll` must be an positive integer or boolean. Received: unroll={unroll!r}"
        )
    if xs is None and length is None:
        raise ValueError("scan: Got no `xs` to scan over and no `length`; one of them is needed")
    count = _length("scan", xs) if xs is not None else int(length or 0)
    if length is not None and count != length:
        raise ValueError(f"scan: length={length} does not agree with the {count} slices of xs")
    carry, outputs = init, []
    steps = builtins.range(count - 1, -1, -1) if reverse else builtins.range(count)
    for step in steps:
        part = None if xs is None else tree.map_structure(lambda x, step=step: _row(x, step), xs)
        carry, output = f(carry, part)
        outputs.append(output)
    if reverse:
        outputs.reverse()
    return carry, (_stacked(outputs) if outputs and outputs[0] is not None else None)


@op
def associative_scan(
    f: Callable[[Any, Any], Any], elems: TensorLike, reverse: bool = False, axis: int = 0
) -> Any:
    """Running combination along an axis with a function that may be grouped at will.

    Args:
        f: Combines two structures of slices; associative.
        elems: Tensors (in any structure) of equal size along the axis.
        reverse: Whether to run from the end.
        axis: The axis.

    Returns:
        The combinations of the first 1, 2, 3, ... slices, in the structure of `elems`.

    Example:
        >>> corten.ops.associative_scan(lambda a, b: a + b, corten.ops.array([1, 2, 3])).tolist()
        [1, 3, 6]
    """
    leaves = [as_tensor(leaf) for leaf in tree.flatten(elems)]
    if not leaves:
        raise ValueError("associative_scan: at least one tensor is needed")
    places = [axis % leaf.ndim for leaf in leaves]
    count = leaves[0].shape[places[0]]
    if any(leaf.shape[place] != count for leaf, place in zip(leaves, places, strict=True)):
        raise ValueError(
            "associative_scan: Array inputs must have the same first dimension, or size along `axis`; "
            f"got axis={axis} and {[leaf.shape for leaf in leaves]}"
        )
    if reverse:
        leaves = [_core.flip(leaf, (place,)) for leaf, place in zip(leaves, places, strict=True)]

    def combine(one: list[Tensor], other: list[Tensor]) -> list[Tensor]:
        result = f(tree.pack_sequence_as(elems, one), tree.pack_sequence_as(elems, other))
        return [as_tensor(leaf) for leaf in tree.flatten(result)]

    # Doubling: after a step of distance d every place holds the last 2 d slices up to it.
    distance = 1
    while distance < count:
        early = [piece(leaf, place, 0, count - distance) for leaf, place in zip(leaves, places, strict=True)]
        late = [piece(leaf, place, distance, count) for leaf, place in zip(leaves, places, strict=True)]
        start = [piece(leaf, place, 0, distance) for leaf, place in zip(leaves, places, strict=True)]
        leaves = [
            _core.concatenate([first, rest], place)
            for first, rest, place in zip(start, combine(early, late), places, strict=True)
        ]
        distance *= 2
    if reverse:
        leaves = [_core.flip(leaf, (place,)) for leaf, place in zip(leaves, places, strict=True)]
    return tree.pack_sequence_as(elems, leaves)


@op
def map(f: Callable[[Any], Any], xs: TensorLike) -> Any:
    """Calls a function on each slice along the first axis.

    Args:
        f: Called with a slice (a structure of slices).
        xs: Tensors in any structure.

    Returns:
        The results stacked along a new first axis.

    Example:
        >>> corten.ops.map(lambda x: x * 2, corten.ops.array([1, 2])).tolist()
        [2, 4]
    """
    count = _length("map", xs)
    if count == 0:
        raise ValueError("map: there is no slice to call the function with")
    return _stacked([f(tree.map_structure(lambda x, i=i: _row(x, i), xs)) for i in builtins.range(count)])


@op
def vectorized_map(function: Callable[[Any], Any], elements: TensorLike) -> Any:
    """Calls a function on each slice along the first axis; the same as `map`.

    Args:
        function: Called with a slice (a structure of slices).
        elements: Tensors in any structure.

    Returns:
        The results stacked along a new first axis.

    Example:
        >>> corten.ops.vectorized_map(lambda x: x + 1, corten.ops.array([1, 2])).tolist()
        [2, 3]
    """
    return map(function, elements)


def vectorize(
    pyfunc: Callable[..., Any], *, excluded: Any = None, signature: str | None = None
) -> Callable[..., Any]:
    """Turns a function of single elements into one of tensors that broadcast.

    Args:
        pyfunc: The function; takes and gives scalar tensors.
        excluded: Names or places of arguments to pass on whole.
        signature: Must be None: core dimensions are not understood yet.

    Returns:
        A function of tensors.

    Example:
        >>> corten.ops.vectorize(lambda a, b: a + b)([1, 2], 10).tolist()
        [11, 12]
    """
    if signature is not None:
        raise NotImplementedError("vectorize: signature must be None; map over axes with ops.vectorized_map")
    whole = set() if excluded is None else set(excluded)

    def vectorized(*args: TensorLike, **kwargs: TensorLike) -> Any:
        if any_symbolic(args, kwargs):
            return symbolic_call(vectorized, args, kwargs)
        taken = {i: as_tensor(x) for i, x in enumerate(args) if i not in whole}
        taken_by_name = {name: as_tensor(x) for name, x in kwargs.items() if name not in whole}
        parts = [*taken.values(), *taken_by_name.values()]
        if not parts:
            return pyfunc(*args, **kwargs)
        common = np.broadcast_shapes(*(x.shape for x in parts))
        flat = [_core.reshape(_core.broadcast_to(x, common), (-1,)) for x in parts]
        results = []
        for i in builtins.range(flat[0].shape[0]):
            row = iter(_row(x, i) for x in flat)
            now = [next(row) if i in taken else x for i, x in enumerate(args)]
            named = {name: next(row) if name in taken_by_name else x for name, x in kwargs.items()}
            results.append(pyfunc(*now, **named))
        return tree.map_structure(lambda x: _core.reshape(x, (*common, *x.shape[1:])), _stacked(results))

    return vectorized
