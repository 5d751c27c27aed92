"""Models as ONNX files: the ops that a call of the model runs, traced."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from corten import _core, tree
from corten.autograd import no_grad
from corten.config import standardize_dtype
from corten.export import onnx_layers as _layers  # noqa: F401  (their converters are noted)
from corten.export.onnx_graph import OPSET, Graph
from corten.export.onnx_ops import CONVERTERS, Call, Last, refuse
from corten.export.sizes import Sizes, pairs, probes
from corten.saving.files import write_bytes


def export_onnx(model: Any, filepath: str | os.PathLike[str], input_signature: Any = None) -> None:
    """Writes what a model computes in inference as an ONNX file (operator set 17).

    Sizes that the inputs leave open (None) stay open in the file, where ONNX can say how what follows
    depends on them. Nothing of Corten is needed to run the file.

    Args:
        model: A built model or layer.
        filepath: Where to write; replaced as a whole.
        input_signature: Structure of `InputSpec` or `KerasTensor`, where the model has no `Input` or other
            sizes are wanted. Inputs are named after it.

    Raises:
        ImportError: The package onnx is missing (`pip install corten[onnx]`).
        NotImplementedError: An op has no form in ONNX, or a size depends on the inputs in an unknown way.
        ValueError: Nothing says what the inputs are, or values decide what is computed.

    Example:
        >>> import corten, onnx
        >>> model = corten.Sequential([corten.Input((3,), name="x"), corten.layers.Dense(2, "relu")])
        >>> model.export("model.onnx", verbose=False)
        >>> [node.op_type for node in onnx.load("model.onnx").graph.node]
        ['MatMul', 'Add', 'Relu']
    """
    structure = _inputs(model, input_signature)
    specs = tree.flatten(structure)
    graph = Graph()
    onnx = graph.onnx
    names = _input_names(specs)
    # Language models: the second axis of inputs counts tokens, the same of those of one text.
    texts = getattr(model, "_text_of_input", None)
    shared = [None if texts is None else texts(name) for name in names]
    others = pairs()
    # Each text has a pair of sizes of its own.
    begins = {text: next(others) for text in dict.fromkeys(shared) if text is not None}
    shapes = [
        probes(tuple(spec.shape), others if text is None else itertools.chain([begins[text]], others))
        for spec, text in zip(specs, shared, strict=True)
    ]
    variables = _distinct(model.variables)
    traced = [_traced(model, structure, specs, [pair[i] for pair in shapes], variables) for i in range(2)]
    (trace, outputs), (other, _) = traced
    writer = _Writer(graph, trace, other)
    writer.sources(names, shapes, specs, variables)
    results = writer.results()
    declared = [
        onnx.helper.make_tensor_value_info(
            name, graph.element_type(_dtype(spec)), _open(name, spec.shape, text)
        )
        for name, spec, text in zip(names, specs, shared, strict=True)
    ]
    finished = []
    given: dict[str, str] = {}
    for output, (name, first, second, dtype) in zip(outputs, results, strict=True):
        wanted = output if output not in names else f"{output}_output"
        graph.call_it(given.get(str(name), str(name)), wanted)
        given.setdefault(str(name), wanted)
        sizes = [
            a if a == b else f"{wanted}_{axis}" for axis, (a, b) in enumerate(zip(first, second, strict=True))
        ]
        if first and first[0] != second[0]:
            sizes[0] = "batch"
        finished.append(onnx.helper.make_tensor_value_info(wanted, graph.element_type(dtype), sizes))
    _save(graph, declared, finished, str(model.name), Path(filepath))


def _inputs(model: Any, signature: Any) -> Any:
    if signature is not None:
        return signature
    declared = getattr(model, "export_inputs", None)
    if declared is not None:
        return declared()
    try:
        inputs = model.inputs
    except (AttributeError, ValueError):
        inputs = None
    if not inputs:
        raise ValueError(
            f"export: {model.name!r} has no Input, so nothing says what it is called with; give "
            "input_signature=[corten.InputSpec(shape=(None, ...), dtype=...)]"
        )
    structure = getattr(model, "_inputs_struct", None)
    return inputs if structure is None else structure


def _dtype(spec: Any) -> str:
    return standardize_dtype(spec.dtype or "float32")


def _input_names(specs: Sequence[Any]) -> list[str]:
    return _told_apart(
        [getattr(spec, "name", None) or f"input_{number}" for number, spec in enumerate(specs)]
    )


def _told_apart(names: list[str]) -> list[str]:
    return [name if names.count(name) == 1 else f"{name}_{number}" for number, name in enumerate(names)]


def _open(name: str, shape: Sequence[int | None], shared: str | None) -> list[int | str]:
    """Sizes, and names of those that are open."""
    prefix = shared or name
    return [
        ("batch" if axis == 0 else f"{prefix}_{axis}") if s is None else s for axis, s in enumerate(shape)
    ]


def _distinct(variables: Sequence[Any]) -> list[Any]:
    found: dict[int, Any] = {}
    for variable in variables:
        found.setdefault(id(variable), variable)
    return list(found.values())


def _traced(
    model: Any, structure: Any, specs: list[Any], shapes: list[list[int]], variables: list[Any]
) -> tuple[Any, list[str]]:
    tensors = [_core.full(tuple(shape), 0, _dtype(spec)) for shape, spec in zip(shapes, specs, strict=True)]
    arguments = tree.pack_sequence_as(structure, tensors)
    if isinstance(arguments, list) and len(arguments) == 1:
        arguments = arguments[0]
    with no_grad():
        _core.trace_function(tensors, [variable.value for variable in variables])
        try:
            output = model(arguments, training=False)
            leaves = tree.flatten(output)
            trace = _core.trace_end(leaves, [])
        except BaseException:
            _core.trace_abort()
            raise
    if isinstance(trace, str):
        raise ValueError(
            f"export: {model.name!r} cannot be written as a fixed list of ops: {trace}. What a layer "
            "computes must not depend on values, only on shapes"
        )
    names = getattr(model, "output_names", None)
    if names is None and isinstance(output, dict):
        names = ["_".join(map(str, path)) for path, _ in tree.flatten_with_path(output)]
    names = names or [f"output_{number}" for number in range(len(leaves))]
    if len(names) != len(leaves):
        names = [f"output_{number}" for number in range(len(leaves))]
    return trace, _told_apart(list(names))


class _Value(NamedTuple):
    """A value of the function: its name in the graph (None: it has none), shapes in both traces, dtype."""

    name: str | None
    first: tuple[int, ...]
    second: tuple[int, ...]
    dtype: str


class _Writer:
    """Adds the ops of two traces of one function to a graph.

    Args:
        graph: Gets the nodes.
        trace: What ran.
        other: What ran with other sizes.
    """

    def __init__(self, graph: Graph, trace: Any, other: Any) -> None:
        self._graph, self._trace, self._other = graph, trace, other
        self._sizes = Sizes(graph)
        self._known: dict[int, _Value] = {}
        self._last: dict[int, str] = {}

    def sources(self, names: list[str], shapes: list[Any], specs: list[Any], variables: list[Any]) -> None:
        """Names the arguments and the variables."""
        for name, (first, second), spec in zip(names, shapes, specs, strict=True):
            self._note(len(self._known), _Value(name, tuple(first), tuple(second), _dtype(spec)))
        taken = set(names)
        for variable in variables:
            place, path = len(self._known), variable.path or variable.name
            name = path if path not in taken else f"{path}_{place}"
            taken.add(name)
            self._constant(place, name, variable.value)

    def _constant(self, place: int, name: str, tensor: Any) -> None:
        values = tensor.numpy()
        self._graph.weight(name, values)
        self._note(place, _Value(name, values.shape, values.shape, str(tensor.dtype)))

    def _note(self, place: int, value: _Value) -> None:
        self._known[place] = value
        if value.name is not None:
            self._sizes.note(value.name, value.first, value.second)

    def results(self) -> list[_Value]:
        """Adds all ops and gives the results."""
        calls, others = self._trace.calls(), self._other.calls()
        if [call[0] for call in calls] != [call[0] for call in others]:
            raise ValueError(
                "export: which ops run depends on the sizes of the inputs; fix them with `input_signature`"
            )
        for (place, tensor), (_, again) in zip(self._trace.constants(), self._other.constants(), strict=True):
            values, others_values = tensor.numpy(), again.numpy()
            if values.shape != others_values.shape or values.tobytes() != others_values.tobytes():
                raise ValueError(
                    "export: an array made outside of Corten depends on the sizes of the inputs; compute it "
                    "with corten.ops, or fix the sizes with `input_signature`"
                )
            self._constant(place, self._graph.name("constant"), tensor)
        for call, other in zip(calls, others, strict=True):
            self._call(call, other)
        return [self._whole(place) for place in self._trace.results()]

    def _whole(self, place: int) -> _Value:
        value = self._known[place]
        if value.name is None:
            refuse("what a recurrent layer gives besides its hidden states")
        return value

    def _call(self, traced: Any, again: Any) -> None:
        kind, told, inputs, outputs = traced
        results = [
            _Value(None, tuple(one[1]), tuple(two[1]), one[2])
            for one, two in zip(outputs, again[3], strict=True)
        ]
        if (
            kind == "slice"
            and inputs[0] in self._last
            and self._is_last_step(self._known[inputs[0]], told, again)
        ):
            name = self._graph.transpose(self._last[inputs[0]], (1, 0, 2))
            return self._note(outputs[0][0], results[0]._replace(name=name))
        operands = [self._whole(place) for place in inputs]
        if kind not in CONVERTERS:
            refuse(f"the op {kind!r}")
        call = Call(
            kind,
            told,
            again[1],
            [str(value.name) for value in operands],
            [(value.first, value.second) for value in operands],
            [value.dtype for value in operands],
            [(value.first, value.second, value.dtype) for value in results],
        )
        made = CONVERTERS[kind](self._graph, self._sizes, call)
        for output, name, value in zip(
            outputs, made if isinstance(made, list) else [made], results, strict=True
        ):
            if isinstance(name, Last):
                self._last[output[0]] = name.name
            self._note(output[0], value._replace(name=None if isinstance(name, Last) else name))
        return None

    @staticmethod
    def _is_last_step(sequence: _Value, told: Any, again: Any) -> bool:
        both = (told["ranges"], sequence.first), (again[1]["ranges"], sequence.second)
        return all(ranges[1] == (sizes[1] - 1, 1, 1) and ranges[2][2] == sizes[2] for ranges, sizes in both)


def _save(graph: Graph, inputs: list[Any], outputs: list[Any], name: str, path: Path) -> None:
    onnx = graph.onnx
    used = {operand for node in graph.nodes for operand in node.input}
    weights = [
        onnx.numpy_helper.from_array(np.ascontiguousarray(values).reshape(values.shape), weight)
        for weight, values in graph.initializers.items()
        if weight in used
    ]
    made = onnx.helper.make_graph(graph.nodes, name, inputs, outputs, weights)
    model = onnx.helper.make_model(
        made, opset_imports=[onnx.helper.make_opsetid("", OPSET)], producer_name="corten", ir_version=8
    )
    onnx.checker.check_model(model)
    data = model.SerializeToString()
    write_bytes(path, data)
