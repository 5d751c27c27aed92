"""Whole models and weights of Keras's older HDF5 files, given to models of Corten."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

from corten.saving.legacy_reader import LegacyModel
from corten.saving.object_registration import CustomObjectScope


def load_legacy(path: Path, custom_objects: dict[str, Any] | None, compile: bool) -> Any:
    """A whole model that Keras 2 or 3 wrote to HDF5."""
    from corten.saving.legacy_config import compile_arguments, modern_config
    from corten.saving.loading import make_late_values, objects_from_file
    from corten.saving.serialization import deserialize_keras_object

    stored = LegacyModel(path)
    if stored.config is None:
        raise ValueError(
            f"{path}: holds weights and no model; build the model and use "
            f"`model.load_weights({path.name!r})`."
        )
    with (
        CustomObjectScope(custom_objects or {}),
        objects_from_file(f"{path}: model_config", stored.arrays()) as late,
    ):
        model = deserialize_keras_object(modern_config(stored.config))
        arguments = compile_arguments(stored.training) if compile and stored.training else None
        if arguments:
            model.compile(**{key: deserialize_keras_object(value) for key, value in arguments.items()})
    assign_legacy(model, stored)
    make_late_values(late)
    optimizer = getattr(model, "optimizer", None)
    if arguments and optimizer is not None and stored.optimizer:
        optimizer.build(model.trainable_variables)
        _assign_legacy_optimizer(optimizer, stored.optimizer, str(path))
    return model


def assign_legacy(model: Any, stored: LegacyModel, skip_mismatch: bool = False) -> None:
    """Gives each layer with weights those of the layer at its place in the file, all or none."""
    layers = [layer for layer in model.layers if layer.weights]
    if len(layers) != len(stored.layers):
        raise ValueError(
            f"{stored.path}: has {len(stored.layers)} layers with weights, the model has {len(layers)}."
        )
    pairs = list(zip(layers, stored.layers, strict=True))
    if stored.own:
        pairs.append((_OwnWeights(model), ("(the model itself)", stored.own)))
    _assign_legacy_pairs(model, pairs, stored.path, skip_mismatch)


class _OwnWeights:
    """The weights that belong to a model and to none of its layers."""

    def __init__(self, model: Any) -> None:
        self.name = model.name
        self.weights = own_weights(model)


def own_weights(model: Any) -> list[Any]:
    """Gives the weights of a model that no layer of it has, trained ones first."""
    inside = {id(variable) for layer in model.layers for variable in layer.weights}
    weights = [*model.trainable_weights, *model.non_trainable_weights]
    return [variable for variable in weights if id(variable) not in inside]


def weights_in_order(layer: Any) -> list[Any]:
    """Gives the weights of a layer as the files have them: models inside write first what is trained."""
    if hasattr(layer, "layers"):
        return [*layer.trainable_weights, *layer.non_trainable_weights]
    return list(layer.weights)


def assign_legacy_by_name(model: Any, stored: LegacyModel, skip_mismatch: bool) -> None:
    """Gives each layer the weights of the layer of its name in the file; others stay as they are."""
    there = dict(stored.layers)
    pairs = [(layer, (layer.name, there[layer.name])) for layer in model.layers if layer.name in there]
    if not pairs:
        given = ", ".join(sorted(there)[:8])
        raise ValueError(f"{stored.path}: no layer of the model has a name of the file's layers ({given}).")
    _assign_legacy_pairs(model, pairs, stored.path, skip_mismatch)


def _assign_legacy_pairs(
    model: Any, pairs: list[tuple[Any, tuple[str, list[Any]]]], path: Path, skip_mismatch: bool
) -> None:
    """Gives layers arrays of the file, all or none."""
    saved = [(variable, variable._value) for variable in model.variables]
    try:
        for layer, (name, arrays) in pairs:
            _assign_legacy_layer(layer, arrays, f"{path}: layer {name!r}", skip_mismatch)
    except BaseException:
        for variable, value in saved:
            variable._value = value
        raise


def _assign_legacy_layer(layer: Any, arrays: list[Any], where: str, skip_mismatch: bool) -> None:
    weights = weights_in_order(layer)
    fits = len(weights) == len(arrays) and all(
        tuple(array.shape) == variable.shape for variable, array in zip(weights, arrays, strict=True)
    )
    if not fits:
        found = ", ".join(str(tuple(array.shape)) for array in arrays)
        wanted = ", ".join(str(variable.shape) for variable in weights)
        message = f"{where}: has weights of shapes {found}; the model's layer {layer.name!r} has {wanted}."
        if not skip_mismatch:
            raise ValueError(message)
        warnings.warn(f"Skipping layer {layer.name!r}: {message}", stacklevel=5)
        return
    for variable, array in zip(weights, arrays, strict=True):
        variable.assign(array)


def _assign_legacy_optimizer(optimizer: Any, arrays: list[Any], source: str) -> None:
    variables = optimizer.variables
    if len(variables) != len(arrays) or any(
        variable.shape != tuple(array.shape) for variable, array in zip(variables, arrays, strict=True)
    ):
        warnings.warn(
            f"{source}: the optimizer's state is of another version of Keras and was left out; training "
            "starts with a fresh state.",
            stacklevel=4,
        )
        return
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)
