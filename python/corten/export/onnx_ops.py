"""What each op of the engine is in ONNX."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from corten.export.onnx_graph import Graph
from corten.export.sizes import Sizes, Unknown


class Call(NamedTuple):
    """One op, as both traces have it.

    Attributes:
        kind: The op's kind.
        attributes: What the op is told, in the first trace.
        others: The same in the second trace.
        inputs: Names of its operands.
        shapes: Shapes of the operands, in the first and the second trace.
        dtypes: Dtypes of the operands.
        results: Shape in the first trace, in the second, and dtype of each result.
    """

    kind: str
    attributes: dict[str, Any]
    others: dict[str, Any]
    inputs: list[str]
    shapes: list[tuple[tuple[int, ...], tuple[int, ...]]]
    dtypes: list[str]
    results: list[tuple[tuple[int, ...], tuple[int, ...], str]]

    @property
    def dtype(self) -> str:
        """The dtype of the first result."""
        return self.results[0][2]

    def rank(self, operand: int = 0) -> int:
        """The rank of an operand."""
        return len(self.shapes[operand][0])


class Last(NamedTuple):
    """Of a sequence `(batch, steps, units)` the last step, all that ONNX has: `(1, batch, units)`."""

    name: str


Converter = Callable[[Graph, Sizes, Call], Any]
CONVERTERS: dict[str, Converter] = {}


def converter(*kinds: str) -> Callable[[Converter], Converter]:
    """Notes what these ops are."""

    def note(function: Converter) -> Converter:
        for kind in kinds:
            CONVERTERS[kind] = function
        return function

    return note


def refuse(what: str) -> Any:
    """Says that ONNX lacks an op."""
    raise NotImplementedError(
        f"export: {what} has no form in ONNX that Corten writes; leave it out of the exported model"
    )


# -- elementwise ----------------------------------------------------------------------------------------

_SAME_NAME = {
    "negative": "Neg", "absolute": "Abs", "sign": "Sign", "sqrt": "Sqrt", "reciprocal": "Reciprocal",
    "exp": "Exp", "log": "Log", "sin": "Sin", "cos": "Cos", "tan": "Tan", "arcsin": "Asin",
    "arccos": "Acos", "arctan": "Atan", "sinh": "Sinh", "cosh": "Cosh", "tanh": "Tanh",
    "arcsinh": "Asinh", "arccosh": "Acosh", "arctanh": "Atanh", "erf": "Erf", "floor": "Floor",
    "ceil": "Ceil", "round": "Round", "sigmoid": "Sigmoid", "softplus": "Softplus", "relu": "Relu",
    "isnan": "IsNaN", "isinf": "IsInf", "add": "Add", "subtract": "Sub", "multiply": "Mul",
    "divide": "Div", "power": "Pow", "maximum": "Max", "minimum": "Min", "equal": "Equal",
    "less": "Less", "less_equal": "LessOrEqual", "greater": "Greater",
    "greater_equal": "GreaterOrEqual",
}  # fmt: skip
_LOGICAL = {"bitwise_and": "And", "bitwise_or": "Or", "bitwise_xor": "Xor"}


def function_of(graph: Graph, name: str, x: str, dtype: str) -> str:
    """A function of one operand."""
    if name in _SAME_NAME:
        return str(graph.node(_SAME_NAME[name], [x]))

    def number(value: float) -> str:
        return graph.scalar(value, dtype)

    def node(kind: str, *inputs: str) -> str:
        return str(graph.node(kind, inputs))

    match name:
        case "square":
            return node("Mul", x, x)
        case "rsqrt":
            return node("Reciprocal", node("Sqrt", x))
        case "exp2":
            return node("Pow", number(2.0), x)
        case "expm1":
            return node("Sub", node("Exp", x), number(1.0))
        case "log2" | "log10":
            return node("Div", node("Log", x), number(math.log(2.0 if name == "log2" else 10.0)))
        case "log1p":
            return node("Log", node("Add", x, number(1.0)))
        case "erfc":
            return node("Sub", number(1.0), node("Erf", x))
        case "trunc":
            return node("Mul", node("Sign", x), node("Floor", node("Abs", x)))
        case "silu":
            return node("Mul", x, node("Sigmoid", x))
        case "gelu":
            erf = node("Erf", node("Mul", x, number(math.sqrt(0.5))))
            return node("Mul", node("Mul", x, number(0.5)), node("Add", erf, number(1.0)))
        case "gelu_tanh":
            cubic = node("Mul", node("Mul", node("Mul", x, x), x), number(0.044715))
            inner = node("Mul", node("Add", x, cubic), number(math.sqrt(2.0 / math.pi)))
            return node("Mul", node("Mul", x, number(0.5)), node("Add", node("Tanh", inner), number(1.0)))
        case "isfinite":
            return node("Not", node("Or", node("IsNaN", x), node("IsInf", x)))
        case "linear":
            return x
        case "bitwise_not" if dtype == "bool":
            return node("Not", x)
    return str(refuse(f"the function {name!r} of {dtype}"))


@converter("unary")
def _unary(graph: Graph, sizes: Sizes, call: Call) -> str:
    return function_of(graph, call.attributes["function"], call.inputs[0], call.dtypes[0])


@converter("binary", "compare")
def _binary(graph: Graph, sizes: Sizes, call: Call) -> str:
    name, (a, b), dtype = call.attributes["function"], call.inputs, call.dtypes[0]
    is_float = "float" in dtype

    def node(kind: str, *inputs: str, **attributes: Any) -> str:
        return str(graph.node(kind, inputs, **attributes))

    if name in _LOGICAL and dtype == "bool":
        return node(_LOGICAL[name], a, b)
    if name in _SAME_NAME:
        return node(_SAME_NAME[name], a, b)
    match name:
        case "not_equal":
            return node("Not", node("Equal", a, b))
        case "fmod":
            return node("Mod", a, b, fmod=1)
        case "mod" | "floor_divide" if is_float:
            quotient = node("Floor", node("Div", a, b))
            return quotient if name == "floor_divide" else node("Sub", a, node("Mul", b, quotient))
        case "mod":
            return node("Mod", a, b)
        case "floor_divide":
            return node("Div", node("Sub", a, node("Mod", a, b)), b)
        case "hypot":
            return node("Sqrt", node("Add", node("Mul", a, a), node("Mul", b, b)))
        case "logaddexp":
            top = node("Max", a, b)
            sums = node("Add", node("Exp", node("Sub", a, top)), node("Exp", node("Sub", b, top)))
            return node("Add", top, node("Log", sums))
    return str(refuse(f"the function {name!r} of {dtype}"))


@converter("where")
def _select(graph: Graph, sizes: Sizes, call: Call) -> str:
    return str(graph.node("Where", call.inputs))


@converter("cast")
def _cast(graph: Graph, sizes: Sizes, call: Call) -> str:
    return graph.cast(call.inputs[0], call.dtype)


@converter("copy")
def _copy(graph: Graph, sizes: Sizes, call: Call) -> str:
    return call.inputs[0]


# -- creation and shapes --------------------------------------------------------------------------------


@converter("full")
def _full(graph: Graph, sizes: Sizes, call: Call) -> str:
    first, second, dtype = call.results[0]
    if call.attributes["value"] != call.others["value"]:
        raise Unknown("export: a number depends on the sizes of the inputs; fix them with `input_signature`")
    scalar = graph.scalar(call.attributes["value"], dtype)
    return str(graph.node("Expand", [scalar, sizes.shape(first, second)])) if first else scalar


@converter("arange")
def _iota(graph: Graph, sizes: Sizes, call: Call) -> str:
    first, second, dtype = call.results[0]
    if first == second:
        return graph.constant(range(first[0]), dtype)
    limit = graph.node("Squeeze", [sizes.one((first[0], second[0])), graph.constant([0], "int64")])
    numbers = graph.node("Range", [graph.scalar(0, "int64"), limit, graph.scalar(1, "int64")])
    return graph.cast(numbers, dtype)


@converter("reshape")
def _reshape(graph: Graph, sizes: Sizes, call: Call) -> str:
    first, second, _ = call.results[0]
    values = graph.values(call.inputs[0])
    if values is not None and first == second:
        name = f"{call.inputs[0]}/{'x'.join(map(str, first))}"
        return graph.weight(name, values.reshape(first))
    return str(graph.node("Reshape", [call.inputs[0], sizes.shape(first, second, reshaped=True)]))


@converter("transpose")
def _permute(graph: Graph, sizes: Sizes, call: Call) -> str:
    return graph.transpose(call.inputs[0], call.attributes["axes"])


@converter("broadcast_to")
def _expand(graph: Graph, sizes: Sizes, call: Call) -> str:
    first, second, _ = call.results[0]
    return str(graph.node("Expand", [call.inputs[0], sizes.shape(first, second)]))


@converter("slice")
def _slice(graph: Graph, sizes: Sizes, call: Call) -> str:
    starts, ends, axes, steps = [], [], [], []
    shapes = call.shapes[0]
    for axis, (one, other) in enumerate(zip(call.attributes["ranges"], call.others["ranges"], strict=True)):
        size = shapes[0][axis], shapes[1][axis]
        lengths = one[2], other[2]
        if one[1] == 1 and lengths == size:
            continue
        if one[1] != other[1]:
            raise Unknown("export: the step of a slice depends on the sizes of the inputs")
        # Places are counted from the end where that is what stays the same.
        bounds = []
        for start, step, length in (one, other):
            last = start + step * (length - 1)
            bounds.append((start, last + (1 if step > 0 else -1)))
        begin = _place(bounds[0][0], bounds[1][0], size)
        end = _place(bounds[0][1], bounds[1][1], size, is_end=True)
        starts.append(begin)
        ends.append(end)
        axes.append(axis)
        steps.append(one[1])
    if not axes:
        return call.inputs[0]
    operands = [graph.constant(values, "int64") for values in (starts, ends, axes, steps)]
    return str(graph.node("Slice", [call.inputs[0], *operands]))


def _place(one: int, other: int, size: tuple[int, int], is_end: bool = False) -> int:
    if one < 0:
        return -(2**62)
    if one == other:
        return one
    if is_end and (one, other) == size:
        return 2**62
    if one - size[0] == other - size[1] < 0:
        return one - size[0]
    raise Unknown("export: where a slice begins or ends depends on the sizes of the inputs in an unknown way")


@converter("pad")
def _pad(graph: Graph, sizes: Sizes, call: Call) -> str:
    if call.attributes["padding"] != call.others["padding"]:
        raise Unknown("export: a padding depends on the sizes of the inputs; fix them with `input_signature`")
    low, high = zip(*call.attributes["padding"], strict=True)
    value = graph.scalar(call.attributes["value"], call.dtype)
    return str(graph.node("Pad", [call.inputs[0], graph.constant([*low, *high], "int64"), value]))


@converter("concatenate")
def _concat(graph: Graph, sizes: Sizes, call: Call) -> str:
    return str(graph.node("Concat", call.inputs, axis=call.attributes["axis"]))


@converter("take")
def _gather(graph: Graph, sizes: Sizes, call: Call) -> str:
    return str(graph.node("Gather", call.inputs, axis=call.attributes["axis"]))


@converter("take_along_axis")
def _take_along(graph: Graph, sizes: Sizes, call: Call) -> str:
    return str(graph.node("GatherElements", call.inputs, axis=call.attributes["axis"]))


# -- reductions and order -------------------------------------------------------------------------------

_REDUCTIONS = {"prod": "ReduceProd", "max": "ReduceMax", "min": "ReduceMin", "mean": "ReduceMean"}


@converter("reduce")
def _reduce(graph: Graph, sizes: Sizes, call: Call) -> str:
    name, axes = call.attributes["function"], list(call.attributes["axes"])
    keeps = int(call.attributes["keepdims"])
    x = call.inputs[0]
    if not axes:
        return x
    if name == "sum":
        return str(graph.node("ReduceSum", [x, graph.constant(axes, "int64")], keepdims=keeps))
    if name in ("any", "all"):
        kind = "ReduceMax" if name == "any" else "ReduceMin"
        return graph.cast(graph.node(kind, [graph.cast(x, "int32")], axes=axes, keepdims=keeps), "bool")
    return str(graph.node(_REDUCTIONS[name], [x], axes=axes, keepdims=keeps))


@converter("arg_reduce")
def _arg_reduce(graph: Graph, sizes: Sizes, call: Call) -> str:
    kind = "ArgMax" if call.attributes["function"] == "argmax" else "ArgMin"
    axis, keeps = call.attributes["axis"], int(call.attributes["keepdims"])
    return graph.cast(graph.node(kind, [call.inputs[0]], axis=axis, keepdims=keeps), call.dtype)


@converter("scan")
def _scan(graph: Graph, sizes: Sizes, call: Call) -> str:
    if call.attributes["function"] != "cumsum":
        refuse(f"the op {call.attributes['function']!r}")
    axis = graph.scalar(call.attributes["axis"], "int64")
    return str(graph.node("CumSum", [call.inputs[0], axis], reverse=int(call.attributes["reverse"])))


@converter("sort", "top_k")
def _sort(graph: Graph, sizes: Sizes, call: Call) -> list[str]:
    axis = call.attributes.get("axis", call.rank() - 1)
    count = call.results[0][0][axis], call.results[0][1][axis]
    largest = int(call.attributes.get("descending", True))
    values, places = graph.node(
        "TopK", [call.inputs[0], sizes.one(count)], outputs=2, axis=axis, largest=largest
    )
    return [values, graph.cast(places, call.results[1][2])]
