"""Functional models as configurations: layers with the calls that connect them."""

from __future__ import annotations

import inspect
from collections import deque
from typing import Any, NamedTuple

from corten import tree
from corten.symbolic import FunctionOperation, KerasTensor, Node, any_symbolic, getitem, node_of


def has_functional_init(cls: type) -> bool:
    """Return whether a class can be recreated as `cls(inputs, outputs, name=...)`."""
    from corten.models.functional import Functional

    if cls is Functional or "__init__" not in _own_attributes(cls):
        return True
    parameters = list(inspect.signature(cls.__init__).parameters)[1:]  # type: ignore[misc]
    kinds = {p.kind for p in inspect.signature(cls.__init__).parameters.values()}  # type: ignore[misc]
    open_ended = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD} <= kinds
    return parameters[:2] == ["inputs", "outputs"] or open_ended


def _own_attributes(cls: type) -> set[str]:
    from corten.models.functional import Functional

    names: set[str] = set()
    for base in cls.__mro__:
        if base is Functional:
            break
        names |= set(base.__dict__)
    return names


def graph_config(model: Any) -> dict[str, Any]:
    """Return the configuration of a functional model."""
    from corten.saving import serialization

    graph = model._graph
    indices = {id(node): index for index, node in _positions(graph.nodes)}

    def reference(tensor: KerasTensor) -> list[Any]:
        node = node_of(tensor)
        operation, _, position = tensor._keras_history  # type: ignore[misc]
        return [operation.name, indices[id(node)], position]

    def serialize_arguments(node: Node) -> dict[str, Any]:
        def replace(leaf: Any) -> Any:
            if isinstance(leaf, KerasTensor):
                return _Reference(
                    {
                        "class_name": "__keras_tensor__",
                        "config": {
                            "shape": list(leaf.shape),
                            "dtype": leaf.dtype,
                            "keras_history": reference(leaf),
                        },
                    }
                )
            return leaf

        args, kwargs = tree.map_structure(replace, (node.args, node.kwargs))
        return {
            "args": serialization.serialize_keras_object(list(args)),
            "kwargs": serialization.serialize_keras_object(kwargs),
        }

    layers = []
    for operation in graph.operations:
        if isinstance(operation, FunctionOperation):
            entry: dict[str, Any] = {
                "module": "corten.symbolic",
                "class_name": "FunctionOperation",
                "config": operation.get_config(),
                "registered_name": None,
            }
        else:
            entry = serialization.serialize_keras_object(operation)
        entry["name"] = operation.name
        nodes = [node for node in graph.nodes if node.operation is operation]
        entry["inbound_nodes"] = [
            serialize_arguments(node) for node in nodes if not node.is_input and not _starts(node, graph)
        ]
        layers.append(entry)
    from corten import dtype_policies

    return {
        "name": model.name,
        "trainable": model.trainable,
        "dtype": dtype_policies.serialize(model.dtype_policy),
        "layers": layers,
        "input_layers": tree.map_structure(reference, model._inputs_struct),
        "output_layers": tree.map_structure(reference, model._outputs_struct),
    }


def _starts(node: Node, graph: Any) -> bool:
    starts = {id(tensor) for tensor in graph.inputs}
    return bool(node.outputs) and all(id(tensor) in starts for tensor in node.outputs)


def _positions(nodes: list[Node]) -> list[tuple[int, Node]]:
    counts: dict[int, int] = {}
    result = []
    for node in nodes:
        index = counts.get(id(node.operation), 0)
        counts[id(node.operation)] = index + 1
        result.append((index, node))
    return result


class _Reference:
    """A serialized symbolic tensor on its way through `serialize_keras_object`."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def __corten_serialize__(self) -> dict[str, Any]:
        return self.content


def model_from_graph_config(cls: type, config: dict[str, Any], custom_objects: Any = None) -> Any:
    """Create a functional model from its configuration.

    Raises:
        ValueError: The configuration's calls refer to tensors that are never made.
    """
    from corten.models.functional import Functional
    from corten.models.model import Model
    from corten.saving import serialization

    operations: dict[str, Any] = {}
    settings: dict[str, dict[str, Any]] = {}
    objects: dict[str, list[str]] = {}
    made: dict[tuple[str, int, int], KerasTensor] = {}
    waiting: list[_Call] = []
    if not isinstance(config["layers"], list):
        raise ValueError("The model's configuration is broken: its layers are no list.")
    for entry in config["layers"]:
        if not isinstance(entry, dict):
            raise ValueError(f"The model's configuration is broken: {str(entry)[:100]!r} is no layer.")
        if entry.get("class_name") == "FunctionOperation":
            operation: Any = FunctionOperation.from_config(entry["config"])
        elif (function := _function_of(entry)) is not None:
            settings[entry["name"]] = {k: v for k, v in entry["config"].items() if k not in _NO_ARGUMENTS}
            operation = FunctionOperation(function, entry["name"])
        else:
            operation = serialization.deserialize_keras_object(entry, custom_objects=custom_objects)
        name = entry.get("name") or operation.name
        operations[name] = operation
        if not str(entry.get("module", "keras")).startswith(("keras", "corten")):
            objects[name] = _objects_in(entry.get("config"))
        operation.__dict__.setdefault("_inbound_nodes", [])
        before = len(operation._inbound_nodes) if entry.get("inbound_nodes") == [] else 0
        if before:
            for position, tensor in enumerate(operation._inbound_nodes[0].outputs):
                made[name, 0, position] = tensor
        for index, call in enumerate(entry.get("inbound_nodes", [])):
            waiting.append(_Call(name, index, _call_of(call)))
    for call in waiting:
        for missing in _names_in(call.arguments):
            if missing not in operations:
                raise ValueError(f"The model's configuration is broken. Missing node: {missing[:100]}")
    _make_calls(waiting, operations, settings, objects, made)

    def find(reference: list[Any]) -> KerasTensor:
        key = (reference[0], int(reference[1]), int(reference[2]))
        if key not in made:
            raise ValueError(f"The model's configuration is broken: no tensor {list(key)}.")
        return made[key]

    inputs = _map_references(find, config["input_layers"])
    outputs = _map_references(find, config["output_layers"])
    name, trainable = config.get("name"), config.get("trainable", True)
    extra = {}
    known = {"name", "trainable", "dtype", "layers", "input_layers", "output_layers"}
    if cls not in (Functional, Model):
        extra = {key: value for key, value in config.items() if key not in known}
    factory: Any = Functional if cls is Model else cls
    model = factory(inputs, outputs, name=name, **extra)
    if not trainable:
        model.trainable = False
    return model


class _Call(NamedTuple):
    """A call of an operation that is still to be made.

    Attributes:
        name: The operation's name.
        number: Which of its calls it is.
        arguments: Its arguments, with references in place of tensors.
    """

    name: str
    number: int
    arguments: dict[str, Any]


def _make_calls(
    calls: list[_Call],
    operations: dict[str, Any],
    settings: dict[str, dict[str, Any]],
    objects: dict[str, list[str]],
    made: dict[tuple[str, int, int], KerasTensor],
) -> None:
    """Make calls in their order, those that need a tensor of a later one as soon as there is one.

    Raises:
        ValueError: A call has no tensor among its arguments, or waits for one that is never made.
    """
    from corten.saving import serialization

    asleep: dict[tuple[str, int, int], list[_Call]] = {}
    ready = deque(calls)
    done = 0
    while ready:
        call = ready.popleft()
        name, index, written = call
        # Calls of one operation keep their order, which is that of its nodes.
        needed = _tensors_in(written) + ([(name, index - 1, 0)] if index else [])
        missing = next((key for key in needed if key not in made), None)
        if missing is not None:
            asleep.setdefault(missing, []).append(call)
            continue
        arguments = _replace_references(written, made)
        args = serialization.deserialize_keras_object(arguments.get("args", []))
        kwargs = serialization.deserialize_keras_object(arguments.get("kwargs", {}))
        if not isinstance(args, (list, tuple)) or not isinstance(kwargs, dict):
            raise ValueError(f"The model's configuration is broken: the arguments of {name!r} are none.")
        kwargs = {**settings.get(name, {}), **kwargs}
        if not any_symbolic(args, kwargs):
            # It would run here and now, on numbers of the file's.
            raise ValueError(f"The model's configuration is broken: {name!r} is called without a tensor.")
        try:
            output = operations[name](*args, **kwargs)
        except (AttributeError, TypeError) as error:
            if not objects.get(name):
                raise
            raise TypeError(
                f"Layer {name!r} cannot be called after loading: {error}. Its configuration holds "
                f"{', '.join(objects[name])}: make sure that objects in it are explicitly deserialized "
                "in `from_config`, with `corten.saving.deserialize_keras_object`."
            ) from error
        flat = tree.flatten(output)
        done += 1
        for position, tensor in enumerate(leaf for leaf in flat if isinstance(leaf, KerasTensor)):
            made[name, index, position] = tensor
            ready.extend(asleep.pop((name, index, position), ()))
    if done != len(calls):
        names = sorted({call.name for waiting in asleep.values() for call in waiting})
        shown = f"{names[:8]}{', ...' if len(names) > 8 else ''}"
        raise ValueError(
            f"The model's configuration is broken: layers {shown} wait for one another in a loop, "
            "or for a tensor that no layer makes."
        )


def _objects_in(config: Any) -> list[str]:
    """The names in a configuration under which there are objects that `from_config` has to make."""
    if not isinstance(config, dict):
        return []
    return [
        name
        for name, value in config.items()
        if name != "dtype" and isinstance(value, dict) and value.get("class_name") is not None
    ]


# What Keras writes of an operation besides the arguments of its function.
_NO_ARGUMENTS = {"name", "dtype", "trainable"}


def _function_of(entry: dict[str, Any]) -> Any:
    """The function of `corten.ops` that an operation of Keras's stands for, or None if it is a layer."""
    from corten import layers, ops
    from corten.naming import to_snake_case

    class_name, module = entry.get("class_name"), entry.get("module")
    if not isinstance(class_name, str) or not isinstance(entry.get("config"), dict):
        return None
    is_operation = isinstance(module, str) and module.startswith(("keras.src.ops", "keras.ops"))
    # HDF5 files have no modules; what distinguishes a layer there is that it has a dtype.
    is_layer = module is not None or (hasattr(layers, class_name) and "dtype" in entry["config"])
    if is_layer and not is_operation:
        return None
    function = getitem if class_name == "GetItem" else getattr(ops, to_snake_case(class_name), None)
    return function if inspect.isfunction(function) else None


def _call_of(call: Any) -> dict[str, Any]:
    """Return a call in today's form; Keras 2 wrote lists `[layer, node, tensor, kwargs]`."""
    if isinstance(call, dict):
        return call
    references: list[Any] = []
    kwargs: dict[str, Any] = {}
    try:
        for entry in [call] if isinstance(call[0], str) else call:
            references.append(
                {"class_name": "__keras_tensor__", "config": {"keras_history": list(entry[:3])}}
            )
            kwargs.update(entry[3] if len(entry) > 3 else {})
    except (TypeError, IndexError, KeyError, ValueError):
        raise ValueError(f"The model's configuration is broken: {call!r} is no call.") from None
    return {"args": [references[0] if len(references) == 1 else references], "kwargs": kwargs}


def _names_in(value: Any) -> set[str]:
    """Return the names of the layers whose tensors a call uses."""
    return {key[0] for key in _tensors_in(value)}


def _tensors_in(value: Any) -> list[tuple[str, int, int]]:
    """Return layer, call and position of the tensors that a call uses.

    Raises:
        ValueError: A reference is none.
    """
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return [_history_of(value)]
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        return [key for child in value for key in _tensors_in(child)]
    return []


def _history_of(reference: dict[str, Any]) -> tuple[str, int, int]:
    inner = reference.get("config")
    history = inner.get("keras_history") if isinstance(inner, dict) else None
    if not _is_reference(history):
        raise ValueError(f"The model's configuration is broken: {str(reference)[:100]} names no tensor.")
    return tuple(history)  # type: ignore[arg-type]


def _is_reference(value: Any) -> bool:
    return (
        isinstance(value, (list, tuple))
        and len(value) == 3
        and isinstance(value[0], str)
        and all(isinstance(part, int) for part in value[1:])
    )


def _map_references(find: Any, value: Any) -> Any:
    if _is_reference(value):
        return find(value)
    if isinstance(value, dict):
        return {key: _map_references(find, child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_map_references(find, child) for child in value)
    raise ValueError(f"The model's configuration is broken: {value!r} names no tensor.")


def _replace_references(value: Any, made: dict[Any, Any]) -> Any:
    """Return the arguments with tensors in place of references."""
    if isinstance(value, dict):
        if value.get("class_name") == "__keras_tensor__":
            return made[_history_of(value)]
        return {key: _replace_references(child, made) for key, child in value.items()}
    if isinstance(value, list):
        return [_replace_references(child, made) for child in value]
    return value
