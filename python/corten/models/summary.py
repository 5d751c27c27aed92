"""The table that `model.summary()` prints."""

from __future__ import annotations

import itertools
import re
import shutil
import sys
from collections.abc import Callable
from typing import Any

from corten import tree
from corten.symbolic import KerasTensor, Node

# top, header rule, row rule, bottom: left, line, cross, right; then the header and row bars.
_BOX = (("┏", "━", "┳", "┓"), ("┡", "━", "╇", "┩"), ("├", "─", "┼", "┤"), ("└", "─", "┴", "┘"))
_ASCII = (("+", "-", "+", "+"), ("+", "=", "+", "+"), ("+", "-", "+", "+"), ("+", "-", "+", "+"))


def print_summary(
    model: Any,
    line_length: int | None = None,
    positions: list[float] | None = None,
    print_fn: Callable[..., Any] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
) -> None:
    """Print the layers of a model; the arguments are those of `Model.summary`."""
    text = summary_text(
        model, line_length, positions, expand_nested, show_trainable, layer_range,
        ascii_only=print_fn is None and not _can_print_boxes(),
    )  # fmt: skip
    if print_fn is None:
        print(text)
        return
    for line in text.splitlines():
        print_fn(line)


def _can_print_boxes() -> bool:
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    try:
        "┏━".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def summary_text(
    model: Any,
    line_length: int | None = None,
    positions: list[float] | None = None,
    expand_nested: bool = False,
    show_trainable: bool = False,
    layer_range: Any = None,
    ascii_only: bool = False,
) -> str:
    """Return the table as text."""
    layers = _shown_layers(model, layer_range)
    connected = not _is_chain(model)
    header = ["Layer (type)", "Output Shape", "Param #"]
    if connected:
        header.append("Connected to")
    if show_trainable:
        header.append("Trainable")
    right_aligned = {2}
    rows = [
        row for layer in layers for row in _rows(layer, model, connected, show_trainable, expand_nested, 0)
    ]
    width = line_length or min(shutil.get_terminal_size((88, 24)).columns, 110)
    widths = _column_widths(header, rows, width, positions, line_length is not None)
    lines = [f'Model: "{model.name}"', *_table(header, rows, widths, right_aligned, ascii_only)]
    lines.extend(_totals(model))
    return "\n".join(lines)


def _shown_layers(model: Any, layer_range: Any) -> list[Any]:
    layers = list(getattr(model, "operations", None) or model.layers)
    if layer_range is None:
        return layers
    if len(layer_range) != 2 or not all(isinstance(name, str) for name in layer_range):
        raise ValueError(
            f"summary: `layer_range` must be two layer names (or regular expressions); got {layer_range!r}."
        )
    matches = [
        [index for index, layer in enumerate(layers) if re.match(pattern, layer.name)]
        for pattern in layer_range
    ]
    if not matches[0] or not matches[1]:
        raise ValueError(
            f"summary: `layer_range` {list(layer_range)} matches no layers; the names are "
            f"{[layer.name for layer in layers]}."
        )
    first, last = min(matches[0]), max(matches[1])
    return layers[min(first, last) : max(first, last) + 1]


def _is_chain(model: Any) -> bool:
    """Return whether every layer simply follows the one before."""
    graph = getattr(model, "_graph", None)
    if graph is None:
        return True
    if len(graph.inputs) > 1 or len({id(node.operation) for node in graph.nodes}) < len(graph.nodes):
        return False
    uses: dict[int, int] = {}
    for node in graph.nodes:
        if len(node.inputs) > 1:
            return False
        for tensor in node.inputs:
            uses[id(tensor)] = uses.get(id(tensor), 0) + 1
    return all(count == 1 for count in uses.values())


def _rows(
    layer: Any, model: Any, connected: bool, show_trainable: bool, expand: bool, depth: int
) -> list[list[str]]:
    indent = "  " * depth + ("└ " if depth else "")
    row = [
        f"{indent}{layer.name} ({_type_name(layer)})",
        _output_shape(layer),
        _parameter_text(layer),
    ]
    if connected:
        row.append(_connections(layer, model))
    if show_trainable:
        weights = getattr(layer, "weights", [])
        row.append(("Y" if layer.trainable else "N") if weights else "-")
    rows = [row]
    if expand and getattr(layer, "layers", None) and hasattr(layer, "summary"):
        for child in _shown_layers(layer, None):
            rows.extend(_rows(child, layer, connected, show_trainable, expand, depth + 1))
    return rows


def _type_name(layer: Any) -> str:
    function = getattr(layer, "function", None)
    if layer.__class__.__name__ == "FunctionOperation" and function is not None:
        name: str = function.__name__
        return "".join(part.capitalize() for part in name.strip("_").split("_"))
    return str(layer.__class__.__name__)


def _output_shape(layer: Any) -> str:
    nodes: list[Node] = layer.__dict__.get("_inbound_nodes") or []
    if nodes:
        shapes = [
            tree.map_structure(lambda t: t.shape if isinstance(t, KerasTensor) else None, node.output)
            for node in nodes[:1]
        ]
        return _format_shapes(shapes[0])
    try:
        return _format_shapes(layer.output_shape)
    except Exception:
        shape = layer.__dict__.get("_seen_output_shape")
        return _format_shapes(shape) if shape is not None else "?"


def _format_shapes(shape: Any) -> str:
    if tree.is_shape(shape):
        return str(tuple(shape))
    flat: list[str] = []
    tree.map_shape_structure(lambda s: flat.append(str(tuple(s))), shape)
    return ", ".join(flat)


def _parameter_text(layer: Any) -> str:
    if not hasattr(layer, "weights"):
        return "0"
    if not layer.built:
        return "0 (unbuilt)"
    return f"{layer.count_params():,}"


def _connections(layer: Any, model: Any) -> str:
    graph = getattr(model, "_graph", None)
    if graph is None:
        return "-"
    names = []
    for node in graph.nodes:
        if node.operation is layer:
            for tensor in node.inputs:
                operation, index, position = tensor._keras_history
                names.append(f"{operation.name}[{index}][{position}]")
    return ", ".join(names) or "-"


def _column_widths(
    header: list[str],
    rows: list[list[str]],
    width: int,
    positions: list[float] | None,
    fixed: bool,
) -> list[int]:
    count = len(header)
    available = max(width - 3 * count - 1, 6 * count)
    if positions:
        shares = [float(p) for p in positions[:count]]
        if shares[-1] > 1:  # Absolute positions, as Keras accepts too.
            shares = [p / shares[-1] for p in shares]
        starts = [0.0, *shares]
        return [max(6, int((b - a) * available)) for a, b in itertools.pairwise(starts)]
    wanted = [max(len(row[i]) for row in [header, *rows]) for i in range(count)]
    if fixed and sum(wanted) < available:
        extra, rest = divmod(available - sum(wanted), count)
        return [size + extra + (1 if i < rest else 0) for i, size in enumerate(wanted)]
    if sum(wanted) <= available:
        return [max(size, 12) for size in wanted]
    # Too wide: shrink the widest columns first, the number column never.
    widths = list(wanted)
    while sum(widths) > available:
        candidates = [i for i in range(count) if i != 2 and widths[i] > 8]
        if not candidates:
            break
        widths[max(candidates, key=lambda i: widths[i])] -= 1
    return widths


def _wrap(text: str, width: int) -> list[str]:
    if len(text) <= width:
        return [text]
    lines: list[str] = []
    line = ""
    for word in text.split(" "):
        candidate = f"{line} {word}".strip() if line.strip() else f"{line}{word}"
        if len(candidate) <= width:
            line = candidate
            continue
        if line:
            lines.append(line)
        while len(word) > width:
            lines.append(word[:width])
            word = word[width:]
        line = word
    return [*lines, line] if line else lines


def _table(
    header: list[str], rows: list[list[str]], widths: list[int], right: set[int], ascii_only: bool
) -> list[str]:
    top, rule, row_rule, bottom = _ASCII if ascii_only else _BOX

    def border(parts: tuple[str, str, str, str]) -> str:
        left, line, cross, end = parts
        return left + cross.join(line * (width + 2) for width in widths) + end

    def cells(row: list[str], bar: str) -> list[str]:
        if ascii_only:
            row = [cell.replace("└ ", "- ") for cell in row]
        wrapped = [_wrap(cell, width) for cell, width in zip(row, widths, strict=True)]
        height = max(len(lines) for lines in wrapped)
        result = []
        for index in range(height):
            parts = []
            for column, (lines, width) in enumerate(zip(wrapped, widths, strict=True)):
                text = lines[index] if index < len(lines) else ""
                parts.append(text.rjust(width) if column in right else text.ljust(width))
            result.append(f"{bar} " + f" {bar} ".join(parts) + f" {bar}")
        return result

    bars = ("|", "|") if ascii_only else ("┃", "│")
    lines = [border(top), *cells(header, bars[0]), border(rule)]
    for index, row in enumerate(rows):
        if index:
            lines.append(border(row_rule))
        lines.extend(cells(row, bars[1]))
    lines.append(border(bottom))
    return lines


def _totals(model: Any) -> list[str]:
    trainable = [(v.size, v._dtype) for v in model.trainable_weights]
    others = [(v.size, v._dtype) for v in model.non_trainable_weights]
    optimizer = getattr(model, "optimizer", None)
    states = []
    if optimizer is not None and getattr(optimizer, "built", False):
        states = [(v.size, v._dtype) for v in optimizer.variables]
    lines = [
        f" Total params: {_amount(trainable + others + states)}",
        f" Trainable params: {_amount(trainable)}",
        f" Non-trainable params: {_amount(others)}",
    ]
    if states:
        lines.append(f" Optimizer params: {_amount(states)}")
    return lines


_ITEM_SIZES = {"float64": 8, "int64": 8, "uint64": 8, "float16": 2, "bfloat16": 2, "int16": 2,
               "uint16": 2, "int8": 1, "uint8": 1, "bool": 1}  # fmt: skip


def _amount(sizes: list[tuple[int, str]]) -> str:
    count = sum(size for size, _ in sizes)
    memory = float(sum(size * _ITEM_SIZES.get(dtype, 4) for size, dtype in sizes))
    for unit in ("B", "KB", "MB", "GB", "TB"):
        if memory < 1024 or unit == "TB":
            break
        memory /= 1024
    return f"{count:,} ({memory:.2f} {unit})"
