"""`clone_model`: the same architecture with fresh weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten import tree
from corten.layers.input_layer import Input, InputLayer
from corten.layers.layer import Layer
from corten.models.functional import Functional
from corten.models.sequential import Sequential
from corten.symbolic import FunctionOperation, KerasTensor


def clone_model(
    model: Any,
    input_tensors: Any = None,
    clone_function: Callable[[Any], Any] | None = None,
    call_function: Callable[..., Any] | None = None,
    recursive: bool = False,
    **_: Any,
) -> Any:
    """Return a model of the same architecture with freshly initialized weights.

    Args:
        model: The model.
        input_tensors: Symbolic tensors to start the new model with; None makes new ones.
        clone_function: Called with each layer; returns the layer to use.
        call_function: Called as `f(layer, *args, **kwargs)` to apply each new layer.
        recursive: Whether nested models are cloned layer by layer too.

    Example:
        >>> import corten
        >>> model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
        >>> corten.models.clone_model(model).count_params()
        3
    """

    def clone(layer: Any) -> Any:
        if recursive and isinstance(layer, (Functional, Sequential)):
            return clone_model(layer, None, clone_function, call_function, True)
        if clone_function is not None and not isinstance(layer, FunctionOperation):
            return clone_function(layer)
        if isinstance(layer, FunctionOperation):
            return FunctionOperation(layer.function, layer.name)
        return layer.__class__.from_config(layer.get_config())

    if isinstance(model, Sequential):
        result = _clone_sequential(model, input_tensors, clone)
        return _compile_like(model, result)
    if isinstance(model, Functional):
        result = _clone_functional(model, input_tensors, clone, clone_function, call_function)
        return _compile_like(model, result)
    if clone_function is not None or input_tensors is not None:
        raise ValueError(
            "Arguments `clone_function` and `input_tensors` are only supported for Sequential "
            f"models or Functional models. Received model of type '{model.__class__.__name__}'."
        )
    return model.__class__.from_config(model.get_config())


def _compile_like(model: Any, clone: Any) -> Any:
    if getattr(model, "compiled", False):
        config = model.get_compile_config()
        if config:
            clone.compile_from_config(config)
    return clone


def _clone_sequential(model: Any, input_tensors: Any, clone: Any) -> Any:
    copies: list[Any] = []
    if input_tensors is not None:
        tensors = tree.flatten(input_tensors)
        if len(tensors) != 1 or not isinstance(tensors[0], KerasTensor):
            raise ValueError("clone_model: a Sequential model takes exactly one symbolic input.")
        copies.append(tensors[0])
    for layer in model._stack:
        if isinstance(layer, InputLayer):
            if input_tensors is None:
                copies.append(InputLayer.from_config(layer.get_config()))
        else:
            copies.append(clone(layer))
    result = model.__class__(copies, name=model.name)
    if input_tensors is None and model.__dict__.get("_free_axes"):
        result._leave_free(model._free_axes)
    result.trainable = model.trainable
    return result


def _clone_functional(
    model: Any, input_tensors: Any, clone: Any, clone_function: Any, call_function: Any
) -> Any:
    if input_tensors is None:
        inputs = tree.map_structure(
            lambda t: Input(batch_shape=t.shape, dtype=t.dtype, name=t.name), model._inputs_struct
        )
    else:
        flat = tree.flatten(input_tensors)
        try:
            tree.assert_same_structure(input_tensors, model._inputs_struct, check_types=False)
        except ValueError as error:
            raise ValueError(
                f"clone_model: `input_tensors` must have the same structure as model.input: {error}"
            ) from None
        if len(flat) != len(model.inputs) or not all(isinstance(t, KerasTensor) for t in flat):
            raise ValueError(f"clone_model: `input_tensors` must be {len(model.inputs)} symbolic tensor(s).")
        inputs = tree.pack_sequence_as(model._inputs_struct, flat)
    copies: dict[int, Any] = {}

    def call(operation: Any, args: Any, kwargs: Any) -> Any:
        copy = copies.get(id(operation))
        if copy is None:
            copy = copies[id(operation)] = clone(operation)
        if call_function is not None and isinstance(copy, Layer):
            return call_function(copy, *args, **kwargs)
        return copy(*args, **kwargs)

    outputs = model._graph.run(tree.flatten(inputs), call)
    outputs = tree.pack_sequence_as(model._outputs_struct, outputs)
    if clone_function is None and type(model) is not Functional:
        config = model.get_config()
        if "input_layers" not in config:
            return model.__class__.from_config(config)
    return Functional(inputs, outputs, name=model.name)
