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
    if config.mode in {"gptq", "awq"}:
        raise NotImplementedError(
            f"quantize: {config.mode!r} needs a run over data, which is not there; use 'int8' or 'int4'."
        )
    if not model.built:
        raise ValueError(
            f"Cannot quantize a layer that isn't yet built. Layer '{model.name}' (of type "
            f"'{type(model).__name__}') is not built yet. Call it once or call `build(input_shape)`."
        )
    quantized = []
    for layer in model._flatten_layers(include_self=False):
        # Layers without weights of their own have nothing to quantize.
        if not any(True for _ in layer._own_variables(seeds=False)) and layer.built:
            continue
        if layer._layers or not should_quantize_layer(layer, filters):
            continue
        try:
            layer.quantize(config.mode, type_check=type_check, config=config)
            quantized.append(layer)
        except NotImplementedError as error:
            warnings.warn(str(error), stacklevel=3)
    # Steps that were traced had the float weights.
    model.__dict__.pop("_training_state", None)


def quantization_layer_structure(model: Any, mode: str | None) -> dict[str, Any] | None:
    """Find the blocks of a model that is one stack of equal layers.

    Args:
        model: The model.
        mode: The mode; not looked at.

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
