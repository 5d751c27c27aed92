"""`plot_model`: a picture of a model's layers and how they are connected."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

from corten import tree
from corten.symbolic import FunctionOperation, KerasTensor, node_of
from corten.utils.dot_graph import DotGraph


def get_source_inputs(tensor: Any) -> list[Any]:
    """Gives the inputs that a symbolic tensor is computed from.

    Args:
        tensor: What `Input()` gave, or layers made of it.

    Example:
        >>> import corten
        >>> a, b = corten.Input((2,)), corten.Input((2,))
        >>> [source is a for source in get_source_inputs(corten.layers.Dense(3)(a))]
        [True]
        >>> len(get_source_inputs(a + b))
        2
    """
    if not isinstance(tensor, KerasTensor):
        raise ValueError(f"get_source_inputs: expected a symbolic tensor, as Input() gives; got {tensor!r}")
    found: list[Any] = []
    seen: set[int] = set()
    stack = [tensor]
    while stack:
        current = stack.pop()
        if id(current) in seen:
            continue
        seen.add(id(current))
        if current._keras_history is None or node_of(current).is_input:
            found.append(current)
        else:
            stack.extend(reversed(node_of(current).inputs))
    return found


def model_to_dot(
    model: Any,
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = True,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    subgraph: bool = False,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> DotGraph:
    """Gives a model as a graph for Graphviz. Neither it nor pydot is needed for that.

    Args:
        model: A model that is built.
        show_shapes: Write the shapes of inputs and outputs.
        show_dtype: Write the dtype of the output.
        show_layer_names: Write names beside the classes.
        rankdir: 'TB' from top to bottom, 'LR' from left to right.
        expand_nested: Draw the layers of nested models, in a frame.
        dpi: Resolution of pictures.
        subgraph: Give a graph to be put into another one, without settings for the whole picture.
        show_layer_activations: Write the activation of layers that have one.
        show_trainable: Write whether layers are trained.
        splines: How arrows are drawn: 'ortho', 'curved', 'polyline', 'spline' or 'line'.
        **kwargs: None; named in the error message.

    Returns:
        A `DotGraph`: `to_string()` is the text, `write("model.svg")` a picture.

    Raises:
        ValueError: The model is not built, or an argument is unknown.

    Example:
        >>> import corten
        >>> stack = [corten.Input((4,)), corten.layers.Dense(3, name="hidden")]
        >>> "hidden (Dense)" in corten.utils.model_to_dot(corten.Sequential(stack)).to_string()
        True
    """
    if kwargs:
        raise ValueError(f"model_to_dot: unrecognized arguments {', '.join(sorted(kwargs))}")
    if rankdir not in ("TB", "LR", "BT", "RL"):
        raise ValueError(f"model_to_dot: rankdir must be 'TB', 'LR', 'BT' or 'RL'; got {rankdir!r}")
    if not model.built:
        raise ValueError(
            "This model has not yet been built. Build the model first by calling `build()` or by calling the "
            "model on a batch of data."
        )
    settings = {"rankdir": rankdir, "concentrate": "true", "dpi": dpi, "splines": splines}
    if subgraph:
        settings = {"style": "dashed", "label": model.name}
    shown = _Shown(
        show_shapes, show_dtype, show_layer_names, expand_nested, show_layer_activations, show_trainable
    )
    graph = DotGraph(model.name, settings)
    _add_layers(graph, model, "", shown)
    return graph


class _Shown:
    """What is written into the boxes."""

    def __init__(
        self, shapes: bool, dtype: bool, names: bool, nested: bool, activations: bool, trainable: bool
    ) -> None:
        self.shapes = shapes
        self.dtype = dtype
        self.names = names
        self.nested = nested
        self.activations = activations
        self.trainable = trainable

    def expands(self, operation: Any) -> bool:
        return self.nested and _connected(operation)

    def rows(self, operation: Any) -> list[list[str]]:
        """Gives the lines of a layer's box."""
        function = isinstance(operation, FunctionOperation)
        kind = operation.function.__name__ if function else type(operation).__name__
        title = f"{operation.name} ({kind})" if self.names else kind
        rows = [[title]]
        activation = getattr(operation, "activation", None)
        if self.activations and activation is not None:
            name = getattr(activation, "__name__", None) or type(activation).__name__
            rows.append(["Activation", name])
        if self.shapes:
            inputs, outputs = _shapes(operation)
            if inputs:
                rows.append(["Input shape", inputs])
            rows.append(["Output shape", outputs])
        if self.dtype:
            dtypes = sorted({str(leaf.dtype) for leaf in _tensors(operation)[1]})
            rows.append(["Output dtype", ", ".join(dtypes) or "?"])
        if self.trainable and not function:
            weights = getattr(operation, "weights", [])
            rows.append(["Trainable", str(operation.trainable) if weights else "no weights"])
        return rows


def _tensors(operation: Any) -> tuple[list[Any], list[Any]]:
    nodes = getattr(operation, "_inbound_nodes", None)
    if nodes:
        return list(nodes[0].inputs), list(nodes[0].outputs)
    try:
        return tree.flatten(operation.input), tree.flatten(operation.output)
    except (AttributeError, ValueError):
        return [], []


def _shapes(operation: Any) -> tuple[str, str]:
    inputs, outputs = (", ".join(str(tuple(leaf.shape)) for leaf in part) for part in _tensors(operation))
    return inputs, outputs or "?"


def _connected(model: Any) -> bool:
    """Whether it is known how the layers of a model are connected."""
    return getattr(model, "_graph", None) is not None or _is_sequential(model)


def _is_sequential(model: Any) -> bool:
    from corten.models.sequential import Sequential

    return isinstance(model, Sequential)


def _add_layers(graph: DotGraph, model: Any, prefix: str, shown: _Shown) -> tuple[list[str], list[str]]:
    """Adds the layers of a model, and gives the boxes of its inputs and of its outputs."""
    if not _connected(model):
        # The code of `call` may connect them in any way.
        key = f"{prefix}{model.name}"
        graph.add_node(key, shown.rows(model))
        return [key], [key]
    #: Operation to the boxes that arrows to it end at, and those that arrows from it start at.
    ends: dict[int, tuple[list[str], list[str]]] = {}

    def add(operation: Any) -> None:
        key = f"{prefix}{operation.name}"
        if shown.expands(operation):
            inner = DotGraph(key, {"style": "dashed", "label": operation.name})
            ends[id(operation)] = _add_layers(inner, operation, key + "/", shown)
            graph.add_subgraph(inner)
        else:
            graph.add_node(key, shown.rows(operation))
            ends[id(operation)] = ([key], [key])

    net = getattr(model, "_graph", None)
    if net is None:
        stack = list(model._stack)
        for operation in stack:
            add(operation)
        for before, after in itertools.pairwise(stack):
            _connect(graph, ends[id(before)][1], ends[id(after)][0])
        return ends[id(stack[0])][0], ends[id(stack[-1])][1]
    for operation in net.operations:
        add(operation)
    for node in net.nodes:
        if any(tensor is source for tensor in node.outputs for source in net.inputs):
            continue
        for position, tensor in enumerate(node.inputs):
            if tensor._keras_history is None:
                continue
            parent = node_of(tensor)
            starts = ends[id(parent.operation)][1]
            stops = ends[id(node.operation)][0]
            # A nested model has a box per input and output; other layers have one for all.
            output = next(index for index, leaf in enumerate(parent.outputs) if leaf is tensor)
            start = starts[output] if len(starts) == len(parent.outputs) else starts[0]
            stop = stops[position] if len(stops) == len(node.inputs) else stops[0]
            graph.add_edge(start, stop)
    made = [node_of(tensor).operation for tensor in net.inputs if tensor._keras_history is not None]
    firsts = [ends[id(operation)][0][0] for operation in made]
    lasts = [ends[id(node_of(tensor).operation)][1][0] for tensor in net.outputs]
    return firsts, lasts


def _connect(graph: DotGraph, starts: list[str], stops: list[str]) -> None:
    for start, stop in zip(starts, stops, strict=False):
        graph.add_edge(start, stop)


def plot_model(
    model: Any,
    to_file: Any = "model.png",
    show_shapes: bool = False,
    show_dtype: bool = False,
    show_layer_names: bool = False,
    rankdir: str = "TB",
    expand_nested: bool = False,
    dpi: int = 200,
    show_layer_activations: bool = False,
    show_trainable: bool = False,
    splines: str = "ortho",
    **kwargs: Any,
) -> Any:
    """Draws a model to a file. Pictures need Graphviz; a file that ends in `.dot` gets the text.

    Args:
        model: A model that is built.
        to_file: The file; its ending tells the format ('.png', '.svg', '.pdf', '.dot', ...).
        show_shapes: Write the shapes of inputs and outputs.
        show_dtype: Write the dtype of the output.
        show_layer_names: Write names beside the classes.
        rankdir: 'TB' from top to bottom, 'LR' from left to right.
        expand_nested: Draw the layers of nested models, in a frame.
        dpi: Resolution of pictures.
        show_layer_activations: Write the activation of layers that have one.
        show_trainable: Write whether layers are trained.
        splines: How arrows are drawn: 'ortho', 'curved', 'polyline', 'spline' or 'line'.
        **kwargs: None; named in the error message.

    Returns:
        A picture for the notebook, where IPython is installed and the file is one; else None.

    Raises:
        ValueError: The model is not built, or an argument is unknown.
        ImportError: Graphviz is needed and not installed.

    Example:
        >>> import corten, os, tempfile
        >>> model = corten.Sequential([corten.Input((4,)), corten.layers.Dense(3)])
        >>> path = os.path.join(tempfile.mkdtemp(), "model.dot")
        >>> corten.utils.plot_model(model, path, show_shapes=True)
        >>> os.path.exists(path)
        True
    """
    graph = model_to_dot(
        model,
        show_shapes=show_shapes,
        show_dtype=show_dtype,
        show_layer_names=show_layer_names,
        rankdir=rankdir,
        expand_nested=expand_nested,
        dpi=dpi,
        show_layer_activations=show_layer_activations,
        show_trainable=show_trainable,
        splines=splines,
        **kwargs,
    )
    path = Path(to_file)
    graph.write(path, format=path.suffix[1:].lower() or "png")
    try:
        from IPython import display
    except ImportError:
        return None
    if path.suffix.lower() in (".png", ".jpg", ".jpeg", ".gif"):
        return display.Image(filename=str(path))
    return display.SVG(filename=str(path)) if path.suffix.lower() == ".svg" else None
