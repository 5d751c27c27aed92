"""Whole models written to `.h5` as Keras 3 writes them: its older format, which Keras 3 reads."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from corten import losses
from corten.saving import files, keras_files, safetensors
from corten.saving.array_files import import_h5py
from corten.saving.legacy_models import own_weights, weights_in_order
from corten.saving.legacy_reader import TOP_LEVEL
from corten.saving.model_state import to_array

# An attribute of HDF5 takes 64 KB, 16 bytes for each name.
_NAMES_IN_ATTRIBUTE = 2000
_TRAINING = (
    "loss",
    "loss_weights",
    "metrics",
    "weighted_metrics",
    "run_eagerly",
    "steps_per_execution",
    "jit_compile",
)


def write_legacy(path: Path, model: Any, config: dict[str, Any], include_optimizer: bool) -> None:
    """Writes a Sequential or Functional model to an HDF5 file.

    Args:
        path: Where it goes.
        model: The model; it must be built.
        config: Its configuration from `serialize_keras_object`.
        include_optimizer: Whether what `compile` was told and the optimizer's state go in.

    Raises:
        ImportError: h5py is not installed.
        ValueError: The model is of another kind or not built.
    """
    from corten.models import Functional, Sequential

    if not isinstance(model, (Functional, Sequential)):
        raise ValueError(
            f"save: `.h5` files hold Sequential and Functional models; got {type(model).__name__}. Use "
            f"`model.save({path.stem + '.corten'!r})`, or `save_weights` for weights."
        )
    if not model.built:
        raise ValueError(
            f"save: model {model.name!r} is not built, and a `.h5` file cannot say so: call it on data "
            f"first, or use `model.save({path.stem + '.corten'!r})`."
        )
    h5py = import_h5py()
    translated = keras_files.for_keras(config)
    compiled = translated.pop("compile_config", None)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        _describe(file)
        file.attrs["model_config"] = json.dumps(_layer_config(translated))
        weights = file.create_group("model_weights")
        _describe(weights)
        _write_names(weights, "layer_names", [layer.name for layer in model.layers])
        for layer in model.layers:
            variables = weights_in_order(layer)
            group = weights.require_group(layer.name)
            _write_arrays(group, [variable.path for variable in variables], variables)
        own = own_weights(model)
        _write_arrays(weights.require_group(TOP_LEVEL), [item.path for item in own], own)
        optimizer = getattr(model, "optimizer", None)
        if include_optimizer and compiled and optimizer is not None:
            file.attrs["training_config"] = json.dumps(_training_config(compiled))
            if optimizer.built:
                variables = list(optimizer.variables)
                names = [variable.path for variable in variables]
                _write_arrays(file.create_group("optimizer_weights"), names, variables)
    files.write_bytes(path, buffer.getvalue())
    keras_files.warn_about_functions(path, translated)


def _describe(group: Any) -> None:
    group.attrs["keras_version"] = keras_files.KERAS_VERSION
    group.attrs["backend"] = "corten"


def _write_arrays(group: Any, names: list[str], values: Iterable[Any]) -> None:
    """Writes datasets and, in an attribute, their names in order."""
    written: list[str] = []
    taken: set[str] = set()
    for name, value in zip(names, values, strict=True):
        unique, count = name, 0
        while unique in taken:
            count += 1
            unique = f"{name}_{count}"
        taken.add(unique)
        array = to_array(value)
        if isinstance(array, safetensors.Bfloat16):
            array = array.to_float32()
        group.create_dataset(unique, data=array)
        written.append(unique)
    _write_names(group, "weight_names", written)


def _write_names(group: Any, attribute: str, names: list[str]) -> None:
    text = import_h5py().string_dtype()
    if len(names) <= _NAMES_IN_ATTRIBUTE:
        group.attrs.create(attribute, names, shape=(len(names),), dtype=text)
        return
    for part, begin in enumerate(range(0, len(names), _NAMES_IN_ATTRIBUTE)):
        group.attrs.create(f"{attribute}{part}", names[begin : begin + _NAMES_IN_ATTRIBUTE], dtype=text)


def _layer_config(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a layer or model as the format has it: a name of the class without its module."""
    if str(config.get("module", "")).startswith("keras.src.ops") or (
        config["class_name"] == "FunctionOperation"
    ):
        return config  # Without its module a call of `add` would be the layer `Add`.
    result: dict[str, Any] = {
        "class_name": config.get("registered_name") or config["class_name"],
        "config": config["config"],
    }
    result |= {key: config[key] for key in ("name", "inbound_nodes") if key in config}
    inner = config["config"]
    if isinstance(inner, dict) and isinstance(inner.get("layers"), list):
        layers = [_layer_config(layer) for layer in inner["layers"]]
        result["config"] = {**inner, "layers": layers}
    return result


def _training_config(compiled: dict[str, Any]) -> dict[str, Any]:
    """What `compile` was told, losses and metrics without their modules."""
    result = {name: _without_module(compiled.get(name)) for name in _TRAINING}
    result["loss"] = _full_names(result["loss"])
    return {**result, "optimizer_config": _without_module(compiled["optimizer"])}


def _full_names(loss: Any) -> Any:
    """Losses with `mean_squared_error` for `mse`: Keras does not find short names when it loads."""
    if isinstance(loss, list):
        return [_full_names(item) for item in loss]
    if isinstance(loss, dict):
        return loss if "class_name" in loss else {key: _full_names(item) for key, item in loss.items()}
    if isinstance(loss, str) and hasattr(losses, loss):
        return getattr(getattr(losses, loss), "__name__", loss)
    return loss


def _without_module(value: Any) -> Any:
    if isinstance(value, list):
        return [_without_module(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "class_name" not in value or "config" not in value:
        return {key: _without_module(item) for key, item in value.items()}
    if value["class_name"] == "function":
        return value.get("registered_name") or value["config"]
    return {"class_name": value.get("registered_name") or value["class_name"], "config": value["config"]}
