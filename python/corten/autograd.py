"""Gradients: of functions (`grad`, `vjp`, `jvp`, ...), on a tape, custom ones and recomputed ones.

The engine records whenever an input requires a gradient, so nothing here switches recording on; it
chooses what to differentiate. All functions take nested structures (dicts, lists, tuples) of
tensors, arrays and `Variable`s.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from corten import _core, tree
from corten._state import record_access, state
from corten.config import FLOAT_DTYPES
from corten.symbolic import any_symbolic, symbolic_call
from corten.tape import GradientTape
from corten.variable import Variable

__all__ = [
    "GradientTape", "custom_gradient", "grad", "hessian", "hvp", "jacobian", "jvp", "no_grad",
    "remat", "stop_gradient", "value_and_grad", "vjp",
]  # fmt: skip

Tensor = _core.Tensor


class no_grad:
    """Context manager and decorator: nothing is recorded inside.

    Example:
        >>> import corten
        >>> v = corten.Variable([1.0, 2.0])
        >>> with corten.no_grad():
        ...     y = v * 2
        >>> y.requires_grad
        False
    """

    def __init__(self) -> None:
        self._previous: list[bool] = []

    def __enter__(self) -> no_grad:
        self._previous.append(_core.set_grad_enabled(False))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _core.set_grad_enabled(self._previous.pop())

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            with no_grad():
                return function(*args, **kwargs)

        return wrapper


def stop_gradient(value: Any) -> Any:
    """Return tensors with the same values that no gradient flows through.

    Args:
        value: A tensor, or a structure of tensors.

    Example:
        >>> import corten
        >>> f = lambda x: (x * corten.stop_gradient(x)).sum()
        >>> corten.grad(f)(corten.tensor([3.0])).tolist()
        [3.0]
    """
    if any_symbolic((value,)):
        return symbolic_call(stop_gradient, (value,))

    def detach(leaf: Any) -> Any:
        if isinstance(leaf, Variable):
            leaf = leaf.value
        if not isinstance(leaf, Tensor):
            leaf = _core.tensor(leaf)
        return leaf.detach()

    return tree.map_structure(detach, value)


# ---- functions of functions --------------------------------------------------------------------


def _is_differentiable(leaf: Any) -> bool:
    return isinstance(leaf, (Tensor, Variable)) and leaf.dtype in FLOAT_DTYPES


def _identity(tensor: Tensor) -> Tensor:
    """Return a new node with the same values, so that two uses of one tensor can be told apart."""
    return _core.custom_node([tensor.detach()], [tensor], lambda upstream: list(upstream))[0]


class _Inputs:
    """The inputs to differentiate by: fresh nodes in place of the caller's tensors."""

    def __init__(self, what: str, structure: Any, names: str) -> None:
        self.sources: list[Tensor] = []
        self.outer = bool(state.tapes) or _depth.value > 0
        self._variables: list[tuple[Variable, bool]] = []
        self.structure = tree.map_structure(lambda leaf: self._start(leaf, what, names), structure)

    def _start(self, leaf: Any, what: str, names: str) -> Any:
        if isinstance(leaf, Variable):
            if leaf.dtype not in FLOAT_DTYPES:
                raise TypeError(f"{what}: {names} must be floats; got dtype {leaf.dtype}.")
            value = leaf._value
            if not value.requires_grad:
                value.requires_grad = True
                self._variables.append((leaf, False))
            self.sources.append(value)
            return leaf
        tensor = leaf if isinstance(leaf, Tensor) else _core.tensor(leaf)
        if tensor.dtype not in FLOAT_DTYPES:
            raise TypeError(
                f"{what}: {names} must be floats; got dtype {tensor.dtype}. Cast with "
                "`corten.ops.cast(x, 'float32')`."
            )
        if tensor.requires_grad:
            self.outer = True
            tensor = _identity(tensor)
        else:
            tensor = tensor.detach()
            tensor.requires_grad = True
        self.sources.append(tensor)
        return tensor

    def close(self) -> None:
        for variable, requires_grad in self._variables:
            variable._value.requires_grad = requires_grad

    def pack(self, gradients: list[Any]) -> Any:
        """Return gradients in the form of the inputs, zeros for inputs that have no effect."""
        filled = [
            _zeros_like(source) if gradient is None else gradient
            for source, gradient in zip(self.sources, gradients, strict=True)
        ]
        return tree.pack_sequence_as(self.structure, filled)


class _Depth(threading.local):
    """How many transformations are running; inside one, gradients are recorded themselves."""

    def __init__(self) -> None:
        self.previous: list[bool] = []

    @property
    def value(self) -> int:
        return len(self.previous)

    def __enter__(self) -> None:
        self.previous.append(_core.set_grad_enabled(True))

    def __exit__(self, *exc: object) -> None:
        _core.set_grad_enabled(self.previous.pop())


_depth = _Depth()


def _zeros_like(tensor: Tensor) -> Tensor:
    return _core.full(tensor.shape, 0, tensor.dtype, tensor.device)


def _ones_like(tensor: Tensor) -> Tensor:
    return _core.full(tensor.shape, 1, tensor.dtype, tensor.device)


def _as_tensor(value: Any) -> Tensor:
    if isinstance(value, Variable):
        return value.value
    return value if isinstance(value, Tensor) else _core.tensor(value)


def _selected(args: tuple[Any, ...], argnums: int | tuple[int, ...], what: str) -> list[int]:
    numbers = [argnums] if isinstance(argnums, int) else list(argnums)
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise ValueError(
                f"{what}: `argnums` is {argnums} but the function got {len(args)} positional argument(s)."
            )
    return [number % len(args) for number in numbers]


def _detached(value: Any) -> Any:
    return tree.map_structure(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, value)


def value_and_grad(
    fn: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes `fn` and its gradient.

    Args:
        fn: A function with a scalar result.
        argnums: The position of the argument (or a tuple of positions) to differentiate by. The
            argument may be a structure of tensors or `Variable`s.
        has_aux: Whether `fn` returns `(scalar, anything else)`.

    Returns:
        A function of the same arguments that returns `(value, gradient)`; with a tuple of
        positions the gradient is a tuple.

    Example:
        >>> import corten
        >>> f = corten.value_and_grad(lambda x: (x**2).sum())
        >>> value, gradient = f(corten.tensor([1.0, 2.0]))
        >>> value.item(), gradient.tolist()
        (5.0, [2.0, 4.0])
    """

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        numbers = _selected(args, argnums, "grad")
        inputs = _Inputs("grad", [args[number] for number in numbers], "the arguments")
        arguments = list(args)
        for number, replaced in zip(numbers, inputs.structure, strict=True):
            arguments[number] = replaced
        try:
            with _depth:
                result = fn(*arguments, **kwargs)
                value, aux = result if has_aux else (result, None)
                value = _as_tensor(value)
                if value.size != 1:
                    raise ValueError(
                        f"grad: the function must return a scalar; got shape {value.shape}. Reduce "
                        "it with `.sum()` or `.mean()`, or use `corten.jacobian` or `corten.vjp`."
                    )
                gradients = _core.gradients([value], inputs.sources, None, inputs.outer)
        finally:
            inputs.close()
        packed = inputs.pack(gradients)
        packed = packed[0] if isinstance(argnums, int) else tuple(packed)
        if not inputs.outer:
            value, aux = value.detach(), _detached(aux)
        return ((value, aux), packed) if has_aux else (value, packed)

    return wrapper


def grad(
    fn: Callable[..., Any], argnums: int | tuple[int, ...] = 0, has_aux: bool = False
) -> Callable[..., Any]:
    """Return a function that computes the gradient of `fn`.

    Args:
        fn: A function with a scalar result.
        argnums: The position of the argument (or a tuple of positions) to differentiate by. The
            argument may be a structure of tensors or `Variable`s.
        has_aux: Whether `fn` returns `(scalar, anything else)`; then the new function returns
            `(gradient, anything else)`.

    Example:
        >>> import corten
        >>> cube = lambda x: x**3
        >>> corten.grad(cube)(2.0).item(), corten.grad(corten.grad(cube))(2.0).item()
        (12.0, 12.0)
    """
    both = value_and_grad(fn, argnums, has_aux)

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapper


def vjp(fn: Callable[..., Any], *primals: Any, has_aux: bool = False) -> Any:
    """Compute a function and return its pull-back: cotangents of outputs to those of inputs.

    Args:
        fn: A function of tensors (or structures of them).
        *primals: The arguments.
        has_aux: Whether `fn` returns `(outputs, anything else)`.

    Returns:
        The outputs and a function from cotangents, in the form of the outputs, to a tuple with a
        gradient per argument (and the rest, with `has_aux`).

    Example:
        >>> import corten
        >>> y, pull = corten.vjp(lambda x: x * x, corten.tensor([1.0, 2.0]))
        >>> pull(corten.tensor([1.0, 10.0]))[0].tolist()
        [2.0, 40.0]
    """
    inputs = _Inputs("vjp", list(primals), "the arguments")
    with _depth:
        result = fn(*inputs.structure)
    outputs, aux = result if has_aux else (result, None)
    recorded = [_as_tensor(leaf) for leaf in tree.flatten(outputs)]
    form = outputs

    def pull(cotangents: Any) -> tuple[Any, ...]:
        given = [_as_tensor(leaf) for leaf in tree.flatten(cotangents)]
        _check_cotangents(recorded, given)
        create_graph = inputs.outer or _depth.value > 0 or any(g.requires_grad for g in given)
        with _depth:
            gradients = _core.gradients(recorded, inputs.sources, given, create_graph)
        return tuple(inputs.pack(gradients))

    shown = outputs if inputs.outer else _detached(tree.pack_sequence_as(form, recorded))
    return (shown, pull, aux) if has_aux else (shown, pull)


def _check_cotangents(outputs: list[Tensor], given: list[Tensor]) -> None:
    if len(outputs) != len(given):
        raise ValueError(f"vjp: expected {len(outputs)} cotangent(s), one per output; got {len(given)}.")
    for output, cotangent in zip(outputs, given, strict=True):
        if output.shape != cotangent.shape:
            raise ValueError(
                f"vjp: a cotangent must have its output's shape {output.shape}; got {cotangent.shape}."
            )


def jvp(fn: Callable[..., Any], primals: Any, tangents: Any) -> tuple[Any, Any]:
    """Compute a function and its derivative in a direction.

    The pull-back is linear in the cotangents, so pulling back through it gives the push-forward:
    two reverse passes in place of a forward one.

    Args:
        fn: A function of tensors.
        primals: A tuple or list of arguments.
        tangents: The direction: a tangent per argument, of its form.

    Returns:
        The outputs and their derivatives, of the same form.

    Example:
        >>> import corten
        >>> x, direction = corten.tensor([1.0, 2.0]), corten.tensor([1.0, 0.0])
        >>> corten.jvp(lambda x: x * x, (x,), (direction,))[1].tolist()
        [2.0, 0.0]
    """
    if not isinstance(primals, (tuple, list)) or not isinstance(tangents, (tuple, list)):
        raise TypeError("jvp: `primals` and `tangents` must be tuples or lists, one per argument.")
    inputs = _Inputs("jvp", list(primals), "the arguments")
    directions = [_as_tensor(leaf) for leaf in tree.flatten(list(tangents))]
    if [s.shape for s in inputs.sources] != [d.shape for d in directions]:
        raise ValueError(
            f"jvp: `tangents` must have the shapes of `primals` "
            f"{[s.shape for s in inputs.sources]}; got {[d.shape for d in directions]}."
        )
    outer = inputs.outer or any(d.requires_grad for d in directions)
    with _depth:
        outputs = fn(*inputs.structure)
        flat = [_as_tensor(leaf) for leaf in tree.flatten(outputs)]
        dummies = [_zeros_like(tensor) for tensor in flat]
        for dummy in dummies:
            dummy.requires_grad = True
        pulled = _core.gradients(flat, inputs.sources, dummies, True)
        pairs = [(p, d) for p, d in zip(pulled, directions, strict=True) if p is not None]
        connected = [(p, d) for p, d in pairs if p.requires_grad]
        if connected:
            pushed = _core.gradients([p for p, _ in connected], dummies, [d for _, d in connected], outer)
        else:
            pushed = [None] * len(dummies)
    tangents_out = [_zeros_like(t) if p is None else p for t, p in zip(flat, pushed, strict=True)]
    inputs.close()
    result = outputs if outer else tree.pack_sequence_as(outputs, [t.detach() for t in flat])
    return result, tree.pack_sequence_as(outputs, tangents_out)


def jacobian(fn: Callable[..., Any], argnums: int | tuple[int, ...] = 0) -> Callable[..., Any]:
    """Return a function that computes the matrix of all partial derivatives.

    Args:
        fn: A function with a tensor result (or a structure of tensors).
        argnums: The position of the argument (or a tuple of positions) to differentiate by.

    Returns:
        A function of the same arguments. For an output of shape `o` and an input of shape `i` it
        returns a tensor of shape `o + i`, nested as outputs, then arguments.

    Example:
        >>> import corten
        >>> corten.jacobian(lambda x: x * x)(corten.tensor([1.0, 2.0])).tolist()
        [[2.0, 0.0], [0.0, 4.0]]
    """

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        numbers = _selected(args, argnums, "jacobian")
        inputs = _Inputs("jacobian", [args[n] for n in numbers], "the arguments")
        arguments = list(args)
        for number, replaced in zip(numbers, inputs.structure, strict=True):
            arguments[number] = replaced
        try:
            with _depth:
                outputs = fn(*arguments, **kwargs)

                def rows(output: Any) -> Any:
                    found = rows_of_jacobian(_as_tensor(output), inputs.sources, inputs.outer)
                    packed = tree.pack_sequence_as(inputs.structure, found)
                    return packed[0] if isinstance(argnums, int) else tuple(packed)

                return tree.map_structure(rows, outputs)
        finally:
            inputs.close()

    return wrapper


def rows_of_jacobian(output: Tensor, sources: list[Tensor], create_graph: bool) -> list[Tensor]:
    """Return, per source, the derivatives of every element of `output`, stacked in front."""
    size = output.size
    identity = _core.reshape(
        _core.tensor(_eye(size), output.dtype, None if output.device == "meta" else output.device),
        (size, *output.shape),
    )
    columns: list[list[Tensor]] = [[] for _ in sources]
    for index in range(size):
        gradients = _core.gradients([output], sources, [identity[index]], create_graph)
        for column, source, gradient in zip(columns, sources, gradients, strict=True):
            column.append(_zeros_like(source) if gradient is None else gradient)
    result = []
    for column, source in zip(columns, sources, strict=True):
        shape = (*output.shape, *source.shape)
        if not column:
            result.append(_core.full(shape, 0, output.dtype, output.device))
            continue
        result.append(_core.reshape(_core.stack(column, 0), shape))
    return result


def _eye(size: int) -> Any:
    import numpy as np

    return np.eye(size, dtype=np.float32)


def hessian(fn: Callable[..., Any], argnums: int = 0) -> Callable[..., Any]:
    """Return a function that computes the matrix of second derivatives.

    Args:
        fn: A function with a scalar result.
        argnums: The position of the argument to differentiate by.

    Example:
        >>> import corten
        >>> corten.hessian(lambda x: (x**3).sum())(corten.tensor([1.0, 2.0])).tolist()
        [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacobian(grad(fn, argnums), argnums)


def hvp(fn: Callable[..., Any], primals: Any, tangents: Any) -> Any:
    """Return the Hessian of a function times a vector, without the Hessian.

    Args:
        fn: A function with a scalar result.
        primals: A tuple or list of arguments; a single tensor may stand alone.
        tangents: The vector: a tensor per argument, of its form.

    Returns:
        A tuple with a product per argument; just the product for a single argument.

    Example:
        >>> import corten
        >>> x, v = corten.tensor([1.0, 2.0]), corten.tensor([1.0, 1.0])
        >>> corten.hvp(lambda x: (x**3).sum(), (x,), (v,)).tolist()
        [6.0, 12.0]
    """
    if not isinstance(primals, (tuple, list)):
        primals, tangents = (primals,), (tangents,)
    primals, tangents = tuple(primals), tuple(tangents)
    gradient = grad(fn, tuple(range(len(primals))))
    directions = [_as_tensor(leaf) for leaf in tree.flatten(list(tangents))]
    inputs = _Inputs("hvp", list(primals), "the arguments")
    if [s.shape for s in inputs.sources] != [d.shape for d in directions]:
        raise ValueError(
            f"hvp: `tangents` must have the shapes of `primals` "
            f"{[s.shape for s in inputs.sources]}; got {[d.shape for d in directions]}."
        )
    with _depth:
        first = [_as_tensor(leaf) for leaf in tree.flatten(list(gradient(*inputs.structure)))]
        pairs = [(g, d) for g, d in zip(first, directions, strict=True) if g.requires_grad]
        if pairs:
            second = _core.gradients(
                [g for g, _ in pairs], inputs.sources, [d for _, d in pairs], inputs.outer
            )
        else:
            second = [None] * len(inputs.sources)
    inputs.close()
    packed = tuple(inputs.pack(second))
    return packed[0] if len(packed) == 1 else packed


# ---- own gradients -----------------------------------------------------------------------------


def custom_gradient(fn: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator for a function that brings its own gradient.

    Args:
        fn: Returns `(outputs, grad_fn)`. `grad_fn` gets the gradient of each output and returns
            one gradient per positional argument of `fn` (None where there is none). If it takes a
            keyword argument `variables`, it gets the trainable variables that `fn` used and
            returns `(gradients, gradients of the variables)`.

    Example:
        >>> import corten
        >>> @corten.custom_gradient
        ... def clipped(x):
        ...     return x, lambda upstream: corten.ops.clip(upstream, -1.0, 1.0)
        >>> corten.grad(lambda x: (clipped(x) * 100).sum())(corten.tensor([1.0])).tolist()
        [1.0]
    """
    import inspect

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return symbolic_call(lambda *a, **k: wrapper(*a, **k), args, kwargs)
        converted = tuple(tree.map_structure(_tensor_if_number, arg) for arg in args)
        leaves = tree.flatten(list(converted))
        places = [index for index, leaf in enumerate(leaves) if _is_differentiable(leaf)]
        inputs = [_as_tensor(leaves[index]) for index in places]
        with record_access() as accessed:
            result = fn(*converted, **kwargs)
        if not isinstance(result, tuple) or len(result) != 2 or not callable(result[1]):
            raise TypeError(
                f"custom_gradient: {getattr(fn, '__name__', fn)!r} must return (outputs, grad_fn); "
                f"got {type(result).__name__}."
            )
        outputs, grad_fn = result
        wants_variables = "variables" in inspect.signature(grad_fn).parameters
        used = [v for v in accessed if v.trainable and not any(v is leaf for leaf in leaves)]
        used = used if wants_variables else []
        inputs += [accessed[variable] for variable in used]
        flat = [_as_tensor(leaf) for leaf in tree.flatten(outputs)]
        if not inputs:
            return outputs

        def backward(upstream: list[Tensor | None]) -> list[Any]:
            filled = [
                _zeros_like(output) if gradient is None else gradient
                for output, gradient in zip(flat, upstream, strict=True)
            ]
            if wants_variables:
                gradients, of_variables = grad_fn(*filled, variables=used)
            else:
                gradients, of_variables = grad_fn(*filled), []
            if not isinstance(gradients, (tuple, list)):
                gradients = [gradients]
            found = tree.flatten(list(gradients))
            if len(found) != len(leaves):
                raise ValueError(
                    f"custom_gradient: grad_fn of {getattr(fn, '__name__', fn)!r} must return "
                    f"{len(leaves)} gradient(s), one per argument; got {len(found)}."
                )
            chosen = [found[index] for index in places] + list(of_variables)
            return [None if g is None else _as_tensor(g) for g in chosen]

        nodes = _core.custom_node([tensor.detach() for tensor in flat], inputs, backward)
        return tree.pack_sequence_as(outputs, nodes)

    return wrapper


def _tensor_if_number(leaf: Any) -> Any:
    if isinstance(leaf, (Tensor, Variable)) or leaf is None or isinstance(leaf, (str, bool)):
        return leaf
    if isinstance(leaf, (int, float)) or hasattr(leaf, "__array__"):
        return _core.tensor(leaf)
    return leaf


def remat(f: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that keeps none of its intermediate values and recomputes them backwards.

    Trades time for memory. Layers and other functions that use `Variable`s are fine: the variables
    used are found by themselves, and those that change (random states, moving averages) are put
    back for the second run, so that dropout drops the same units and nothing is counted twice.

    Args:
        f: A function, or a layer.

    Example:
        >>> import corten
        >>> square = corten.remat(lambda x: (x * x).sum())
        >>> corten.grad(square)(corten.tensor([3.0])).tolist()
        [6.0]
    """

    @functools.wraps(f)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs) or not _core.is_grad_enabled() or state.probing:
            return f(*args, **kwargs)
        leaves = tree.flatten((list(args), kwargs))
        places = [index for index, leaf in enumerate(leaves) if isinstance(leaf, Tensor)]
        with record_access() as accessed, no_grad():
            outputs = f(*args, **kwargs)
        form = (list(args), kwargs)
        before = dict(accessed)
        used = [v for v in before if v.trainable and v.dtype in FLOAT_DTYPES]
        inputs = [leaves[index] for index in places] + [before[v] for v in used]
        flat = [_as_tensor(leaf) for leaf in tree.flatten(outputs)]
        training = state.training

        def backward(upstream: list[Tensor | None]) -> list[Any]:
            fresh = list(leaves)
            starts = []
            for index in places:
                tensor = leaves[index]
                if tensor.dtype in FLOAT_DTYPES and tensor.requires_grad:
                    fresh[index] = _identity(tensor) if _core.is_grad_enabled() else _leaf(tensor)
                starts.append(fresh[index])
            now = {variable: variable._value for variable in before}
            twins = {v: _identity(before[v]) if _core.is_grad_enabled() else _leaf(before[v]) for v in used}
            create_graph = _core.is_grad_enabled()
            previous_training = state.training
            state.training = training
            try:
                for variable, value in before.items():
                    variable._value = twins.get(variable, value)
                with _depth:
                    new_args, new_kwargs = tree.pack_sequence_as(form, fresh)
                    again = [_as_tensor(x) for x in tree.flatten(f(*new_args, **new_kwargs))]
                    pairs = [
                        (output, gradient)
                        for output, gradient in zip(again, upstream, strict=True)
                        if gradient is not None and output.requires_grad
                    ]
                    sources = [*starts, *(twins[v] for v in used)]
                    if not pairs:
                        return [None] * len(sources)
                    wanted = [i for i, source in enumerate(sources) if source.requires_grad]
                    found = _core.gradients(
                        [output for output, _ in pairs],
                        [sources[i] for i in wanted],
                        [gradient for _, gradient in pairs],
                        create_graph,
                    )
            finally:
                state.training = previous_training
                for variable, value in now.items():
                    variable._value = value
            result: list[Any] = [None] * len(sources)
            for index, gradient in zip(wanted, found, strict=True):
                result[index] = gradient
            return result

        if not any(tensor.requires_grad for tensor in inputs):
            return outputs
        nodes = _core.custom_node([tensor.detach() for tensor in flat], inputs, backward)
        return tree.pack_sequence_as(outputs, nodes)

    return wrapper


def _leaf(tensor: Tensor) -> Tensor:
    copy = tensor.detach()
    copy.requires_grad = True
    return copy
