"""Products, windows and fused ops in ONNX."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten.export.onnx_graph import Graph
from corten.export.onnx_ops import Call, Last, converter, function_of, refuse
from corten.export.sizes import Sizes, Unknown


@converter("matmul")
def _matmul(graph: Graph, sizes: Sizes, call: Call) -> str:
    return str(graph.node("MatMul", call.inputs))


@converter("wide_matmul")
def _wide_matmul(graph: Graph, sizes: Sizes, call: Call) -> str:
    return str(graph.node("MatMulInteger", call.inputs))


# -- windows: channels are last here and second there ---------------------------------------------------


def channels_second(graph: Graph, x: str, rank: int) -> str:
    """Moves the last axis behind the first."""
    return graph.transpose(x, (0, rank - 1, *range(1, rank - 1)))


def channels_last(graph: Graph, x: str, rank: int) -> str:
    """Moves the second axis to the end."""
    return graph.transpose(x, (0, *range(2, rank), 1))


def _pads(padding: list[tuple[int, int]]) -> list[int]:
    return [low for low, _ in padding] + [high for _, high in padding]


def _fixed(call: Call, *names: str) -> None:
    if any(call.attributes[name] != call.others[name] for name in names):
        raise Unknown(
            f"export: the padding of {call.kind!r} depends on the sizes of the inputs (padding='same' with "
            "strides); fix them with `input_signature`"
        )


def _conv_attributes(call: Call) -> dict[str, Any]:
    _fixed(call, "padding")
    told = call.attributes
    return {
        "strides": list(told["strides"]),
        "dilations": list(told["dilation"]),
        "pads": _pads(told["padding"]),
        "group": told["groups"],
    }


def _convolution(graph: Graph, call: Call, bias: str | None = None) -> str:
    rank = call.rank()
    x = channels_second(graph, call.inputs[0], rank)
    w = graph.transpose(call.inputs[1], (rank - 1, rank - 2, *range(rank - 2)))
    operands = [x, w] if bias is None else [x, w, bias]
    return channels_last(graph, graph.node("Conv", operands, **_conv_attributes(call)), rank)


@converter("conv")
def _conv(graph: Graph, sizes: Sizes, call: Call) -> str:
    return _convolution(graph, call)


def _missing_cells(call: Call, trace: int) -> list[int]:
    """By how many cells a transposed convolution is larger than its windows make it, along each axis."""
    told = call.attributes
    before, after = call.shapes[0][trace][1:-1], call.results[0][trace][1:-1]
    kernel = call.shapes[1][0]
    found = []
    for axis, (size, result) in enumerate(zip(before, after, strict=True)):
        low, high = told["padding"][axis]
        window = (kernel[axis] - 1) * told["dilation"][axis] + 1
        found.append(result - ((size - 1) * told["strides"][axis] + window - low - high))
    return found


@converter("conv_transpose")
def _conv_transpose(graph: Graph, sizes: Sizes, call: Call) -> str:
    rank = call.rank()
    missing = _missing_cells(call, 0)
    if missing != _missing_cells(call, 1):
        raise Unknown("export: the size of a transposed convolution depends on the sizes of the inputs")
    attributes = _conv_attributes(call)
    for axis, count in enumerate(missing):
        # What is cut off at the end is padding there.
        attributes["pads"][rank - 2 + axis] += max(-count, 0)
    x = channels_second(graph, call.inputs[0], rank)
    w = graph.transpose(call.inputs[1], (rank - 1, rank - 2, *range(rank - 2)))
    more = [max(count, 0) for count in missing]
    result = graph.node("ConvTranspose", [x, w], output_padding=more, **attributes)
    return channels_last(graph, result, rank)


@converter("max_pool", "average_pool")
def _pool(graph: Graph, sizes: Sizes, call: Call) -> str:
    _fixed(call, "padding")
    told, rank = call.attributes, call.rank()
    attributes: dict[str, Any] = {
        "kernel_shape": list(told["window"]),
        "strides": list(told["strides"]),
        "pads": _pads(told["padding"]),
    }
    if call.kind == "max_pool":
        attributes["dilations"] = list(told["dilation"])
    elif set(told["dilation"]) != {1}:
        refuse("average pooling with dilation")
    else:
        attributes["count_include_pad"] = int(told["count_padding"])
    kind = "MaxPool" if call.kind == "max_pool" else "AveragePool"
    return channels_last(
        graph, graph.node(kind, [channels_second(graph, call.inputs[0], rank)], **attributes), rank
    )


# -- fused ops ------------------------------------------------------------------------------------------


def _ended(graph: Graph, call: Call, product: str) -> str:
    told = call.attributes
    if told["scale"] != 1.0:
        product = graph.node("Mul", [product, graph.scalar(told["scale"], call.dtype)])
    if told["residual"]:
        product = graph.node("Add", [product, call.inputs[3]])
    return function_of(graph, told["activation"], graph.node("Add", [product, call.inputs[2]]), call.dtype)


@converter("linear")
def _linear(graph: Graph, sizes: Sizes, call: Call) -> str:
    return _ended(graph, call, graph.node("MatMul", call.inputs[:2]))


@converter("conv_bias")
def _conv_bias(graph: Graph, sizes: Sizes, call: Call) -> str:
    told = call.attributes
    if told["scale"] == 1.0 and not told["residual"]:
        return function_of(graph, told["activation"], _convolution(graph, call, call.inputs[2]), call.dtype)
    return _ended(graph, call, _convolution(graph, call))


@converter("bias_activation")
def _bias_activation(graph: Graph, sizes: Sizes, call: Call) -> str:
    return function_of(graph, call.attributes["activation"], graph.node("Add", call.inputs), call.dtype)


@converter("softmax", "log_softmax")
def _softmax(graph: Graph, sizes: Sizes, call: Call) -> str:
    kind = "Softmax" if call.kind == "softmax" else "LogSoftmax"
    return str(graph.node(kind, call.inputs, axis=call.attributes["axis"]))


@converter("layer_normalization")
def _layer_norm(graph: Graph, sizes: Sizes, call: Call) -> str:
    told = call.attributes
    axes, rest = told["axes"], call.inputs[1:]
    shape = call.shapes[0][0][-axes:]
    scale = rest.pop(0) if told["scale"] else graph.constant(np.ones(shape), call.dtype)
    operands = [call.inputs[0], scale, *rest]
    return str(graph.node("LayerNormalization", operands, axis=-axes, epsilon=told["epsilon"]))


@converter("rms_normalization")
def _rms_norm(graph: Graph, sizes: Sizes, call: Call) -> str:
    told, x = call.attributes, call.inputs[0]
    axes = list(range(call.rank() - told["axes"], call.rank()))
    mean = graph.node("ReduceMean", [graph.node("Mul", [x, x])], axes=axes)
    root = graph.node("Sqrt", [graph.node("Add", [mean, graph.scalar(told["epsilon"], call.dtype)])])
    result = graph.node("Div", [x, root])
    return str(graph.node("Mul", [result, call.inputs[1]]) if told["scale"] else result)


@converter("group_normalization")
def _group_norm(graph: Graph, sizes: Sizes, call: Call) -> str:
    told, rank, rest = call.attributes, call.rank(), call.inputs[1:]
    first, second = call.shapes[0]
    groups = told["groups"]
    x = channels_second(graph, call.inputs[0], rank)
    grouped = graph.node("Reshape", [x, graph.constant([0, groups, -1], "int64")])
    ones, zeros = graph.constant(np.ones(groups), call.dtype), graph.constant(np.zeros(groups), call.dtype)
    normal = graph.node("InstanceNormalization", [grouped, ones, zeros], epsilon=told["epsilon"])
    whole = sizes.shape((first[0], first[-1], *first[1:-1]), (second[0], second[-1], *second[1:-1]))
    result = channels_last(graph, graph.node("Reshape", [normal, whole]), rank)
    if told["scale"]:
        result = graph.node("Mul", [result, rest.pop(0)])
    return str(graph.node("Add", [result, rest[0]]) if told["offset"] else result)


@converter("dot_product_attention")
def _attention(graph: Graph, sizes: Sizes, call: Call) -> str:
    told = call.attributes
    if told["dropout"]:
        refuse("attention with dropout")
    q, k, v = call.inputs[:3]
    queries = graph.node("Mul", [graph.transpose(q, (0, 2, 1, 3)), graph.scalar(told["scale"], call.dtype)])
    scores = graph.node("MatMul", [queries, graph.transpose(k, (0, 2, 3, 1))])
    lowest = graph.scalar(-0.7 * (65504.0 if call.dtype == "float16" else 3.4028234663852886e38), call.dtype)
    if told["mask"] and call.dtypes[3] == "bool":
        scores = graph.node("Where", [call.inputs[3], scores, lowest])
    elif told["mask"]:
        scores = graph.node("Add", [scores, call.inputs[3]])
    if told["causal"]:

        def count(operand: int) -> str:
            size = call.shapes[operand][0][1], call.shapes[operand][1][1]
            limit = graph.node("Squeeze", [sizes.one(size), graph.constant([0], "int64")])
            return str(graph.node("Range", [graph.scalar(0, "int64"), limit, graph.scalar(1, "int64")]))

        rows = graph.node("Unsqueeze", [count(0), graph.constant([1], "int64")])
        scores = graph.node("Where", [graph.node("LessOrEqual", [count(1), rows]), scores, lowest])
    weights = graph.node("Softmax", [scores], axis=-1)
    result = graph.node("MatMul", [weights, graph.transpose(v, (0, 2, 1, 3))])
    return graph.transpose(result, (0, 2, 1, 3))


def _sequence_first(graph: Graph, call: Call) -> str:
    return graph.transpose(call.inputs[0], (1, 0, 2))


def _gates(graph: Graph, matrix: str, order: list[int], what: str) -> str:
    """Weights `(features, gates * units)` as `(1, gates * units, features)`, gates in another order."""
    values = graph.values(matrix)
    if values is None:
        refuse(f"a recurrent layer whose {what} is computed")
    parts = np.split(np.asarray(values), len(order), axis=-1)
    name = graph.name(what)
    return graph.weight(name, np.ascontiguousarray(np.concatenate([parts[i] for i in order], -1).T)[None])


def _state(graph: Graph, state: str) -> str:
    return str(graph.node("Unsqueeze", [state, graph.constant([0], "int64")]))


def _sequence(graph: Graph, result: str) -> str:
    """`(steps, 1, batch, units)` as `(batch, steps, units)`."""
    flat = graph.node("Squeeze", [result, graph.constant([1], "int64")])
    return graph.transpose(flat, (1, 0, 2))


@converter("lstm")
def _lstm(graph: Graph, sizes: Sizes, call: Call) -> list[Any]:
    _, kernel, recurrent, bias, hidden, cell = call.inputs
    order = [0, 3, 1, 2]  # i, f, c, o as i, o, f, c
    units = call.shapes[4][0][1]
    values = graph.values(bias)
    if values is None:
        refuse("a recurrent layer whose bias is computed")
    parts = np.split(np.asarray(values), 4)
    both = np.concatenate([*(parts[i] for i in order), np.zeros_like(values)])[None]
    operands = [
        _sequence_first(graph, call), _gates(graph, kernel, order, "kernel"),
        _gates(graph, recurrent, order, "recurrent_kernel"), graph.weight(graph.name("bias"), both),
        "", _state(graph, hidden), _state(graph, cell),
    ]  # fmt: skip
    hidden_states, _, last_cell = graph.node("LSTM", operands, outputs=3, hidden_size=units)
    return [_sequence(graph, hidden_states), Last(last_cell), None]


@converter("gru")
def _gru(graph: Graph, sizes: Sizes, call: Call) -> list[Any]:
    _, kernel, recurrent, bias, hidden = call.inputs
    order, units = [0, 1, 2], call.shapes[4][0][1]
    values = graph.values(bias)
    if values is None:
        refuse("a recurrent layer whose bias is computed")
    operands = [
        _sequence_first(graph, call), _gates(graph, kernel, order, "kernel"),
        _gates(graph, recurrent, order, "recurrent_kernel"),
        graph.weight(graph.name("bias"), np.asarray(values).reshape(1, -1)), "", _state(graph, hidden),
    ]  # fmt: skip
    result = graph.node("GRU", operands, hidden_size=units, linear_before_reset=1)
    return [_sequence(graph, result), None, None]
