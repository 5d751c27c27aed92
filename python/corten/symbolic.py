"""Symbolic tensors: how `Input()` becomes a graph, and how output shapes are inferred.

A `KerasTensor` has a shape (None for unknown sizes) and a dtype but no values. A function called
with one is run on the engine's `meta` device, which computes shapes and dtypes only: twice, with
two different sizes in place of every None. Sizes that differ between the runs are unknown in the
result. So no layer and no function writes its shape rule a second time.
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from corten import _core, tree
from corten._state import state
from corten.config import COMPLEX_DTYPES, standardize_dtype
from corten.naming import auto_name

# The sizes that stand for None. Primes, so that they rarely meet a real size; far apart, so that
# strided layers still give different results; small enough that four of them fit into 64 bits.
PROBES = (2003, 5003)


class History(NamedTuple):
    """Where a symbolic tensor comes from."""

    operation: Any
    node_index: int
    tensor_index: int


class Node:
    """One call of an operation on symbolic tensors.

    Attributes:
        operation: The layer or `FunctionOperation` that was called.
        args: The positional arguments, with symbolic tensors inside.
        kwargs: The keyword arguments.
        inputs: The symbolic tensors in the arguments, in walking order.
        output: The result, a structure of symbolic tensors.
        outputs: The leaves of the result.
    """

    __slots__ = ("args", "inputs", "kwargs", "operation", "output", "outputs")

    def __init__(self, operation: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> None:
        self.operation = operation
        self.args = args
        self.kwargs = kwargs
        self.inputs = [leaf for leaf in tree.flatten((args, kwargs)) if is_symbolic(leaf)]
        self.output = output
        self.outputs = [leaf for leaf in tree.flatten(output) if is_symbolic(leaf)]
        index = len(operation._inbound_nodes)
        operation._inbound_nodes.append(self)
        for position, tensor in enumerate(self.outputs):
            tensor._keras_history = History(operation, index, position)

    @property
    def is_input(self) -> bool:
        """Whether this node starts a graph."""
        return not self.inputs

    @property
    def parents(self) -> list[Node]:
        """The nodes that made the inputs."""
        return [node_of(tensor) for tensor in self.inputs if tensor._keras_history is not None]


def node_of(tensor: KerasTensor) -> Node:
    """Return the node that made a symbolic tensor."""
    history = tensor._keras_history
    if history is None:
        raise ValueError(f"{tensor!r} was not made by a layer or function, so it has no history.")
    node: Node = history.operation._inbound_nodes[history.node_index]
    return node


class FunctionOperation:
    """A recorded call of a plain function such as `ops.add`, a node of a functional model."""

    def __init__(self, function: Callable[..., Any], name: str | None = None) -> None:
        self.function = function
        self.name = name or auto_name(function.__name__.strip("_"))
        self._inbound_nodes: list[Node] = []

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if any_symbolic(args, kwargs):
            return symbolic_call(self.function, args, kwargs, operation=self)
        return self.function(*args, **kwargs)

    def get_config(self) -> dict[str, Any]:
        """Return the name and the function's public name."""
        return {"name": self.name, "function": public_function_name(self.function)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FunctionOperation:
        """Create an operation from what `get_config` returned."""
        return cls(find_public_function(config["function"]), config["name"])

    def __repr__(self) -> str:
        return f"<Operation {self.function.__name__} name={self.name}>"


# The modules whose public functions a saved model may name. Nothing else is ever looked up.
_FUNCTION_MODULES = (
    "corten.ops",
    "corten.ops.image",
    "corten.random",
    "corten.activations",
    "corten.symbolic",
)
# They run a function over and over: a file could make a loop that does not end.
_LOOPS = frozenset({"while_loop", "fori_loop"})


def public_function_name(function: Callable[..., Any]) -> str:
    """Return the name under which `find_public_function` finds a function."""
    name = function.__name__
    for module_name in _FUNCTION_MODULES:
        module = sys.modules.get(module_name)
        found = getattr(module, name, None) if module is not None else None
        if found is not None and (
            found is function
            or getattr(found, "__wrapped__", None) is function
            or getattr(found, "__qualname__", "") == function.__qualname__
        ):
            return f"{module_name}.{name}"
    raise ValueError(
        f"Cannot serialize the call of {name!r} in a functional model: it is not a public function "
        f"of {', '.join(_FUNCTION_MODULES[:4])}. Wrap it in a Layer."
    )


def find_public_function(qualified: str) -> Callable[..., Any]:
    """Return a function from a name that `public_function_name` returned."""
    import importlib

    module_name, _, name = str(qualified).rpartition(".")
    allowed = name in _OPERATORS if module_name == "corten.symbolic" else name[:1] != "_"
    if module_name in _FUNCTION_MODULES and allowed and name not in _LOOPS:
        function = getattr(importlib.import_module(module_name), name, None)
        if inspect.isroutine(function) and str(function.__module__).startswith("corten"):
            return function
    raise ValueError(f"The model uses the function {str(qualified)[:100]!r}, which Corten does not have.")


class KerasTensor:
    """A tensor without values: what `Input()` returns and layers pass on in functional models.

    Args:
        shape: The shape; None stands for an unknown size.
        dtype: The dtype.
        sparse: Accepted for compatibility; must be false.
        ragged: Accepted for compatibility; must be false.
        name: A name.

    Example:
        >>> import corten
        >>> corten.KerasTensor((None, 3), name="x")
        <KerasTensor shape=(None, 3), dtype=float32, name=x>
    """

    __array_priority__ = 200

    # Tells the engine to leave `tensor + symbolic` to this class instead of asking for an array.
    _corten_symbolic = True

    def __init__(
        self,
        shape: Any,
        dtype: Any = "float32",
        sparse: bool = False,
        ragged: bool = False,
        name: str | None = None,
        **_: Any,
    ) -> None:
        if sparse or ragged:
            raise NotImplementedError("KerasTensor: sparse and ragged tensors are not supported.")
        self._shape = standardize_shape(shape)
        # Text has no tensors: it goes as NumPy arrays to the layers that make numbers of it.
        self._dtype = "string" if _is_string(dtype) else standardize_dtype(dtype)
        self.name = name or auto_name("KerasTensor")
        self._keras_history: History | None = None
        self.sparse = False
        self.ragged = False

    @property
    def shape(self) -> tuple[int | None, ...]:
        """The shape, None for unknown sizes."""
        return self._shape

    @property
    def dtype(self) -> str:
        """The dtype."""
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    rank = ndim

    @property
    def size(self) -> int | None:
        """The number of elements, None if unknown."""
        size = 1
        for length in self._shape:
            if length is None:
                return None
            size *= length
        return size

    @property
    def T(self) -> Any:
        """The transpose."""
        from corten import ops

        return ops.transpose(self)

    def reshape(self, *newshape: Any) -> Any:
        """Return the tensor with another shape."""
        from corten import ops

        return ops.reshape(self, newshape[0] if len(newshape) == 1 else newshape)

    def squeeze(self, axis: Any = None) -> Any:
        """Return the tensor without its axes of length 1."""
        from corten import ops

        return ops.squeeze(self, axis)

    def astype(self, dtype: Any) -> Any:
        """Return the tensor in another dtype."""
        from corten import ops

        return ops.cast(self, dtype)

    def _no_values(self, what: str) -> TypeError:
        return TypeError(
            f"A KerasTensor is symbolic: it has a shape and a dtype but no values, so it cannot be "
            f"{what}. Use Corten layers and `corten.ops` functions on it (inside a Layer's `call` "
            "any Python code is fine, since it runs on real tensors)."
        )

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        raise self._no_values("converted to a NumPy array")

    def __int__(self) -> int:
        raise self._no_values("converted to an int")

    def __float__(self) -> float:
        raise self._no_values("converted to a float")

    def __bool__(self) -> bool:
        raise self._no_values("used as a condition")

    def __iter__(self) -> Any:
        raise self._no_values("iterated over")

    def __len__(self) -> int:
        raise self._no_values("asked for its length")

    def __repr__(self) -> str:
        return f"<KerasTensor shape={self._shape}, dtype={self._dtype}, name={self.name}>"

    def __getitem__(self, key: Any) -> Any:
        return symbolic_call(getitem, (self, key), {})


def _is_string(dtype: Any) -> bool:
    return dtype.__class__ is str and dtype in ("string", "str")


def getitem(x: Any, key: Any) -> Any:
    """Return `x[key]`, recorded as a node of a functional model when `x` is symbolic."""
    return x[key]


def _binary(name: str, reverse: bool = False) -> Callable[[Any, Any], Any]:
    def method(self: KerasTensor, other: Any) -> Any:
        from corten import ops

        function = getattr(ops, name)
        return function(other, self) if reverse else function(self, other)

    return method


def _unary(name: str) -> Callable[[Any], Any]:
    def method(self: KerasTensor) -> Any:
        from corten import ops

        return getattr(ops, name)(self)

    return method


_OPERATORS = frozenset({"getitem"})
for _dunder, _name in {
    "add": "add", "sub": "subtract", "mul": "multiply", "truediv": "true_divide",
    "floordiv": "floor_divide", "mod": "mod", "pow": "power", "matmul": "matmul",
    "and": "logical_and", "or": "logical_or", "xor": "logical_xor",
}.items():  # fmt: skip
    setattr(KerasTensor, f"__{_dunder}__", _binary(_name))
    setattr(KerasTensor, f"__r{_dunder}__", _binary(_name, reverse=True))
for _dunder, _name in {
    "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal", "ne": "not_equal",
}.items():  # fmt: skip
    setattr(KerasTensor, f"__{_dunder}__", _binary(_name))
for _dunder, _name in {"neg": "negative", "abs": "absolute", "invert": "logical_not"}.items():
    setattr(KerasTensor, f"__{_dunder}__", _unary(_name))


def is_symbolic(value: Any) -> bool:
    """Return whether `value` is a symbolic tensor."""
    return isinstance(value, KerasTensor)


is_keras_tensor = is_symbolic


def any_symbolic(args: Any, kwargs: Any = None) -> bool:
    """Return whether a symbolic tensor is among (or nested in) the arguments.

    Example:
        >>> import corten
        >>> from corten.symbolic import any_symbolic
        >>> any_symbolic(([1, corten.KerasTensor((2,))],)), any_symbolic((1, 2))
        (True, False)
    """
    for arg in args:
        cls = arg.__class__
        if cls is KerasTensor:
            return True
        if cls in _CONTAINERS or isinstance(arg, (list, tuple, dict)):
            if any_symbolic(arg.values() if isinstance(arg, dict) else arg):
                return True
        elif isinstance(arg, KerasTensor):
            return True
    return bool(kwargs) and any_symbolic(kwargs.values())


_CONTAINERS = frozenset({list, tuple, dict})


def standardize_shape(shape: Any) -> tuple[int | None, ...]:
    """Return a checked shape as a tuple of int and None.

    Raises:
        ValueError: It is not a shape.

    Example:
        >>> from corten.symbolic import standardize_shape
        >>> standardize_shape([None, 3])
        (None, 3)
    """
    if shape is None:
        raise ValueError("Undefined shapes are not supported: `shape` must be a tuple; got None.")
    if isinstance(shape, int) and not isinstance(shape, bool):
        shape = (shape,)
    try:
        sizes = tuple(shape)
    except TypeError:
        raise ValueError(f"Cannot convert {shape!r} to a shape; expected a tuple of ints.") from None
    result: list[int | None] = []
    for size in sizes:
        if size is None:
            result.append(None)
            continue
        try:
            length = size.__index__()
        except AttributeError:
            raise ValueError(
                f"Cannot convert {sizes!r} to a shape: expected ints or None; got {size!r}."
            ) from None
        if length < 0:
            raise ValueError(f"Cannot convert {sizes!r} to a shape: sizes must be >= 0.")
        result.append(length)
    return tuple(result)


def meta_tensor(shape: Any, dtype: str) -> Any:
    """Return a tensor that has a shape and a dtype but no storage; for text an array likewise."""
    if dtype == "string":
        return np.broadcast_to(np.array("", dtype=object), tuple(shape))
    if dtype in COMPLEX_DTYPES:
        from corten.complex_tensor import FLOAT_OF, ComplexTensor

        return ComplexTensor(meta_tensor(shape, FLOAT_OF[dtype]), meta_tensor(shape, FLOAT_OF[dtype]))
    return _core.broadcast_to(_meta_scalar(dtype), tuple(shape))


_meta_scalars: dict[str, _core.Tensor] = {}


def _meta_scalar(dtype: str) -> _core.Tensor:
    scalar = _meta_scalars.get(dtype)
    if scalar is None:
        scalar = _meta_scalars[dtype] = _core.full((), 0, dtype, "cpu").to("meta")
    return scalar


def hide_probes(shape: tuple[int, ...]) -> tuple[int | None, ...]:
    """Return a shape met during inference with None where a stand-in size is."""
    probe = state.probing
    if not probe:
        return shape
    return tuple(None if size == probe else size for size in shape)


def is_unknown_size(x: Any, axis: int) -> bool:
    """Return whether a tensor met during inference has a size along an axis that is unknown."""
    return bool(state.probing) and x.device == "meta" and bool(x.shape[axis] == state.probing)


def value_dependent_size() -> int:
    """Return a size for an axis whose length depends on values, so that inference gives None for it.

    Raises:
        RuntimeError: No shapes are being inferred, so there must be values.

    Example:
        >>> import corten
        >>> corten.ops.nonzero(corten.KerasTensor((2, 3)))[0].shape
        (None,)
    """
    if not state.probing:
        raise RuntimeError("this size depends on values, which a tensor on the device 'meta' does not have")
    state.value_dependent = True
    return state.probing


def _known_sizes(leaves: list[Any]) -> dict[int, int]:
    """Return the sizes, by axis counted from the right, on which all tensors that know one agree."""
    sizes: dict[int, set[int]] = {}
    for leaf in leaves:
        shape = getattr(leaf, "shape", None)
        for offset, size in enumerate(reversed(shape or ())):
            if size is not None and size != 1:
                sizes.setdefault(offset, set()).add(size)
    return {offset: next(iter(found)) for offset, found in sizes.items() if len(found) == 1}


def _run_probe(
    function: Callable[..., Any], args: Any, kwargs: Any, probe: int, known: dict[int, int] | None = None
) -> Any:
    made: dict[int, _core.Tensor] = {}

    def substitute(leaf: Any) -> Any:
        if not isinstance(leaf, KerasTensor):
            return leaf
        tensor = made.get(id(leaf))
        if tensor is None:
            shape = tuple(probe if size is None else size for size in leaf.shape)
            if known:
                last = len(shape) - 1
                shape = tuple(
                    known.get(last - axis, probe) if size is None else size
                    for axis, size in enumerate(leaf.shape)
                )
            tensor = made[id(leaf)] = meta_tensor(shape, leaf.dtype)
        return tensor

    args, kwargs = tree.map_structure(substitute, (tuple(args), dict(kwargs)))
    previous = state.probing
    state.probing = probe
    recording = _core.set_grad_enabled(False)
    try:
        return function(*args, **kwargs)
    except Exception as error:
        # Nobody asked for a size of 2003: it is unknown, so the message says None.
        if len(error.args) == 1 and isinstance(error.args[0], str):
            error.args = (re.sub(rf"\b{probe}\b", "None", error.args[0]),)
        raise
    finally:
        _core.set_grad_enabled(recording)
        state.probing = previous


def output_spec(function: Callable[..., Any], args: Any = (), kwargs: Any = None) -> Any:
    """Return what a function would return, as symbolic tensors without history.

    Args:
        function: A function of tensors.
        args: Positional arguments with symbolic tensors in them.
        kwargs: Keyword arguments.

    Example:
        >>> import corten
        >>> from corten.symbolic import output_spec
        >>> x = corten.KerasTensor((None, 8, 3))
        >>> output_spec(lambda x: x.transpose((0, 2, 1)), (x,)).shape
        (None, 3, 8)
    """
    kwargs = kwargs or {}
    symbols = [leaf for leaf in tree.flatten((args, kwargs)) if isinstance(leaf, KerasTensor)]
    unknown = any(None in symbol.shape for symbol in symbols)
    if not unknown:
        outer, state.value_dependent = state.value_dependent, False
        try:
            first = _run_probe(function, args, kwargs, PROBES[0])
            if not state.value_dependent:
                return tree.map_structure(lambda leaf: _as_symbolic(leaf, None), first)
        finally:
            state.value_dependent = outer
        return tree.map_structure(_as_symbolic, first, _run_probe(function, args, kwargs, PROBES[1]))
    known = None
    try:
        first = _run_probe(function, args, kwargs, PROBES[0])
    except _core.ShapeError as error:
        # An unknown size meets a known one: they must be equal, so run on with the known one.
        known = _known_sizes(tree.flatten((args, kwargs)))
        if not known:
            raise
        try:
            first = _run_probe(function, args, kwargs, PROBES[0], known)
        except Exception:
            raise error from None
    second = _run_probe(function, args, kwargs, PROBES[1], known)
    try:
        return tree.map_structure(_as_symbolic, first, second)
    except (ValueError, TypeError) as error:
        raise ValueError(
            f"The number of outputs of {getattr(function, '__name__', function)!r} depends on an "
            f"unknown dimension; give its input a full shape. ({error})"
        ) from None


def _as_symbolic(first: Any, second: Any) -> Any:
    numbers = isinstance(first, _core.Tensor) or hasattr(first, "_corten_complex")
    dtype = first.dtype if numbers else None
    if dtype is None:
        if not (isinstance(first, np.ndarray) and first.dtype == object):
            return first
        dtype = "string"
    shape: tuple[int | None, ...] = first.shape
    if second is not None:
        if len(first.shape) != len(second.shape):
            raise ValueError("the number of axes changes with an unknown dimension.")
        pairs = zip(first.shape, second.shape, strict=True)
        shape = tuple(a if a == b else None for a, b in pairs)
    return KerasTensor(shape, dtype)


def symbolic_call(function: Callable[..., Any], args: Any, kwargs: Any = None, operation: Any = None) -> Any:
    """Call a function on symbolic tensors: infer its outputs and record the call.

    Args:
        function: The function.
        args: Positional arguments.
        kwargs: Keyword arguments.
        operation: What the graph shows as the node; None makes a `FunctionOperation`.

    Returns:
        A structure of `KerasTensor`, ready to go into further layers.

    Example:
        >>> import corten
        >>> from corten.symbolic import symbolic_call
        >>> symbolic_call(lambda x: x + 1, (corten.KerasTensor((None, 4)),)).shape
        (None, 4)
    """
    kwargs = kwargs or {}
    output = output_spec(function, args, kwargs)
    Node(operation or FunctionOperation(function), tuple(args), kwargs, output)
    return output
