"""`Model.quantize`: the quantizable layers of a model, one after another."""

from __future__ import annotations

import warnings
from typing import Any

from corten.quantizers import should_quantize_layer, validate_and_resolve_config


def quantize_model(model: Any, mode: str | None, config: Any, filters: Any, type_check: bool) -> None:
    """Do what `Model.quantize` says.

    Args:
        model: The model.
        mode: The mode.
        config: Options, or None.
        filters: Which layers; see `corten.quantizers.should_quantize_layer`.
        type_check: Whether subclasses of the quantizable layers are refused.
    """
    config = validate_and_resolve_config(mode, config)
    if not model.built:
        raise ValueError(
            f"Cannot quantize a layer that isn't yet built. Layer '{model.name}' (of type "
            f"'{type(model).__name__}') is not built yet. Call it once or call `build(input_shape)`."
        )
    if config.mode in {"gptq", "awq"}:
        _quantize_with_data(model, config, filters, type_check)
    else:
        _quantize_layers(model, config, filters, type_check)
    if model._training_state is not None:
        model._training_state.forget_steps()


def _quantize_layers(model: Any, config: Any, filters: Any, type_check: bool) -> None:
    for layer in model._flatten_layers(include_self=False):
        # Layers without weights of their own have nothing to quantize.
        if layer.built and not any(True for _ in layer._own_variables(seeds=False)):
            continue
        if layer._layers or not should_quantize_layer(layer, filters):
            continue
        try:
            layer.quantize(config.mode, type_check=type_check, config=config)
        except NotImplementedError as error:
            warnings.warn(str(error), stacklevel=4)


def _quantize_with_data(model: Any, config: Any, filters: Any, type_check: bool) -> None:
    from corten.quantizers.calibration import calibrate, calibration_inputs, layers_to_calibrate

    structure = config.quantization_layer_structure
    if structure is None:
        structure = model.get_quantization_layer_structure(config.mode)
    if structure is None or not structure.get("sequential_blocks"):
        raise ValueError(
            f"For mode='{config.mode}', a valid quantization structure must be provided: `config."
            "quantization_layer_structure`, or a model with `get_quantization_layer_structure`. It is a dict "
            "with the lists 'pre_block_layers' and 'sequential_blocks'."
        )
    # Before anything is changed, and once: the data may be a generator.
    batches = calibration_inputs(config)
    for layer in layers_to_calibrate(structure, filters):
        layer.quantize(config.mode, type_check=type_check, config=config)
    calibrate(config, batches, structure, filters)


def quantization_layer_structure(model: Any) -> dict[str, Any] | None:
    """Find the blocks of a model that is one stack of equal layers.

    Args:
        model: The model.

    Returns:
        `{"pre_block_layers": [...], "sequential_blocks": [...]}`: the layers before the first block, and the
        blocks, which are the most frequent class of layers with layers inside. None where there are none.
    """
    layers = [layer for layer in getattr(model, "layers", []) if layer.weights]
    blocks = [layer for layer in layers if layer._layers]
    if not blocks:
        return None
    kinds = [type(layer) for layer in blocks]
    kind = max(kinds, key=kinds.count)
    chosen = [layer for layer in blocks if type(layer) is kind]
    before = layers[: next(place for place, layer in enumerate(layers) if layer is chosen[0])]
    return {"pre_block_layers": before, "sequential_blocks": chosen}
