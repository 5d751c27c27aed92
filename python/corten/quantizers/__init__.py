"""Fewer bits for weights: quantizers, their options, and functions to build more.

Example:
    >>> import corten
    >>> from corten import quantizers
    >>> layer = corten.layers.Dense(4)
    >>> layer.build((None, 8))
    >>> layer.quantize(config=quantizers.Int4QuantizationConfig(block_size=4))
    >>> layer.kernel.dtype
    'int8'
"""

from __future__ import annotations

from typing import Any

from corten.identifiers import deserialize_object, names_of, serialize_object
from corten.quantizers.abs_max import (
    AbsMaxQuantizer,
    Quantizer,
    abs_max_quantize,
    abs_max_quantize_grouped_with_zero_point,
)
from corten.quantizers.affine import (
    compute_quantization_parameters,
    dequantize_with_sz_map,
    dequantize_with_zero_point,
    quantize_with_sz_map,
    quantize_with_zero_point,
)
from corten.quantizers.awq import AWQ, awq_quantize_matrix, awq_search_optimal_scales
from corten.quantizers.calibration import get_dataloader
from corten.quantizers.configuration import (
    AWQConfig,
    Float8QuantizationConfig,
    GPTQConfig,
    Int4QuantizationConfig,
    Int8QuantizationConfig,
    QuantizationConfig,
    validate_and_resolve_config,
)
from corten.quantizers.fake_quant import fake_quant_with_min_max_vars
from corten.quantizers.filters import should_quantize_layer
from corten.quantizers.float8 import (
    compute_float8_amax_history,
    compute_float8_scale,
    quantize_and_dequantize,
)
from corten.quantizers.gptq import GPTQ, gptq_quantize_matrix
from corten.quantizers.int4 import pack_int4, unpack_int4

__all__ = [
    "AWQ", "AWQConfig", "AbsMaxQuantizer", "Float8QuantizationConfig", "GPTQ", "GPTQConfig",
    "Int4QuantizationConfig", "awq_quantize_matrix", "awq_search_optimal_scales", "get_dataloader",
    "gptq_quantize_matrix",
    "Int8QuantizationConfig", "QuantizationConfig", "Quantizer", "abs_max_quantize",
    "abs_max_quantize_grouped_with_zero_point", "compute_float8_amax_history", "compute_float8_scale",
    "compute_quantization_parameters", "dequantize_with_sz_map", "dequantize_with_zero_point",
    "deserialize", "fake_quant_with_min_max_vars", "get", "pack_int4", "quantize_and_dequantize",
    "quantize_with_sz_map", "quantize_with_zero_point", "serialize", "should_quantize_layer", "unpack_int4",
    "validate_and_resolve_config",
]  # fmt: skip

_CLASSES = names_of(
    [
        Quantizer, AbsMaxQuantizer, QuantizationConfig, Int8QuantizationConfig, Int4QuantizationConfig,
        Float8QuantizationConfig, GPTQConfig, AWQConfig,
    ]
)  # fmt: skip


def serialize(initializer: Any) -> Any:
    """Return the configuration of a quantizer or of quantization options; None stays None.

    Example:
        >>> serialize(AbsMaxQuantizer())["class_name"]
        'AbsMaxQuantizer'
    """
    return serialize_object(initializer)


def deserialize(config: Any, custom_objects: dict[str, Any] | None = None) -> Any:
    """Create an object from what `serialize` returned.

    Example:
        >>> deserialize(serialize(AbsMaxQuantizer(axis=0))).axis
        (0,)
    """
    return deserialize_object(config, custom_objects)


def get(identifier: Any, **kwargs: Any) -> Any:
    """Return a quantizer from a quantizer, a name, a class or a configuration; None stays None.

    Args:
        identifier: What to look up.
        **kwargs: Arguments for a class that is given by name or as itself.

    Raises:
        ValueError: There is none of that name.

    Example:
        >>> get("abs_max_quantizer", axis=-1).axis
        (-1,)
    """
    if identifier is None:
        return None
    found = identifier
    if isinstance(identifier, dict):
        found = deserialize(identifier)
    elif isinstance(identifier, str):
        found = _CLASSES.get(identifier)
    if isinstance(found, type):
        found = found(**kwargs)
    if callable(found) or isinstance(found, QuantizationConfig):
        return found
    raise ValueError(
        f"Could not interpret quantizer identifier: {identifier}. Expected a Quantizer, its name, such as "
        "'abs_max_quantizer', or a configuration."
    )
