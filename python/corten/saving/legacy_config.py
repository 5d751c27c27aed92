"""Configurations as Keras 2 and Keras 3's HDF5 files have them, brought into today's form."""

from __future__ import annotations

from typing import Any

# What layers were called, and arguments that say nothing any more.
_RENAMED_CLASSES = {"Model": "Functional", "CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}
_DROPPED = {"ragged", "sparse", "implementation", "time_major", "batch_input_shape"}
_RENAMED_ARGUMENTS = {"lr": "learning_rate"}
_GONE_FROM_OPTIMIZERS = {"decay", "jit_compile", "is_legacy_optimizer", "ema_overwrite_frequency"}


def modern_config(config: dict[str, Any]) -> dict[str, Any]:
    """The configuration of a model as `deserialize_keras_object` reads it.

    Raises:
        ValueError: It is no configuration of a Sequential or Functional model.
    """
    name = config.get("class_name")
    inner = config.get("config")
    if isinstance(inner, list) and name == "Sequential":
        # Before Keras 2.2 a Sequential was the list of its layers.
        inner = {"name": "sequential", "layers": inner}
    if not isinstance(inner, dict) or not isinstance(name, str):
        raise ValueError("the file's model_config is no configuration of a model.")
    name = _RENAMED_CLASSES.get(name, name)
    result = {**config, "class_name": name, "config": _modern_arguments(name, inner)}
    if "layers" in inner and isinstance(inner["layers"], list):
        layers = [modern_config(layer) for layer in inner["layers"]]
        if name == "Sequential":
            layers = _with_input(layers, inner["layers"])
        result["config"]["layers"] = layers
    for key in ("input_layers", "output_layers"):
        ends = inner.get(key)
        if isinstance(ends, list) and len(ends) == 1 and isinstance(ends[0], list):
            # One input or output was a list of one.
            result["config"][key] = ends[0]
    return result


def _modern_arguments(name: str, config: dict[str, Any]) -> dict[str, Any]:
    result = {}
    for key, value in config.items():
        if key in _DROPPED and name != "InputLayer":
            continue
        if isinstance(value, dict) and isinstance(value.get("class_name"), str) and "config" in value:
            value = modern_config(value) if isinstance(value["config"], dict) else value
        result[key] = value
    if name == "InputLayer":
        shape = result.pop("batch_input_shape", None)
        if shape is not None:
            result.setdefault("batch_shape", shape)
        for key in ("ragged", "sparse"):
            result.pop(key, None)
    return result


def _with_input(layers: list[dict[str, Any]], written: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The input that the first layer of a Sequential used to carry as `batch_input_shape`."""
    if not layers or layers[0]["class_name"] == "InputLayer":
        return layers
    first = written[0].get("config", {})
    shape = first.get("batch_input_shape")
    if shape is None and isinstance(first.get("layer"), dict):
        shape = first["layer"].get("config", {}).get("batch_input_shape")
    if shape is None:
        return layers
    dtype = "int32" if layers[0]["class_name"] == "Embedding" else "float32"
    name = f"{first.get('name', 'layer')}_input"
    return [
        {"class_name": "InputLayer", "config": {"batch_shape": shape, "dtype": dtype, "name": name}},
        *layers,
    ]


def compile_arguments(training: dict[str, Any]) -> dict[str, Any] | None:
    """The arguments of `compile` from a file's training_config; None if there are none."""
    optimizer = training.get("optimizer_config")
    if not isinstance(optimizer, dict) or "loss" not in training:
        return None
    settings = {
        _RENAMED_ARGUMENTS.get(key, key): value
        for key, value in optimizer.get("config", {}).items()
        if key not in _GONE_FROM_OPTIMIZERS
    }
    arguments = {
        "optimizer": {**optimizer, "config": settings},
        "loss": training.get("loss"),
        "metrics": _plain_metrics(training.get("metrics")),
        "loss_weights": training.get("loss_weights"),
        "weighted_metrics": _plain_metrics(training.get("weighted_metrics")),
    }
    return {key: value for key, value in arguments.items() if value is not None}


def _plain_metrics(metrics: Any) -> Any:
    """Metrics of a single output, which Keras 2 wrote as a list in a list."""
    if isinstance(metrics, list) and len(metrics) == 1 and isinstance(metrics[0], list):
        return metrics[0]
    return metrics or None
