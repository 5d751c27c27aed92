"""Dtype policies: which type a layer computes in and which type its weights have."""

from __future__ import annotations

from typing import Any

from corten import config as settings
from corten.dtype_policies.mapping import DTypePolicyMap
from corten.dtype_policies.policy import DTypePolicy, FloatDTypePolicy
from corten.dtype_policies.quantized import (
    OF_MODE,
    QUANTIZATION_MODES,
    AWQDTypePolicy,
    GPTQDTypePolicy,
    Int4DTypePolicy,
    QuantizedDTypePolicy,
    QuantizedFloat8DTypePolicy,
    quantized_policy,
)

__all__ = [
    "AWQDTypePolicy",
    "DTypePolicy",
    "DTypePolicyMap",
    "FloatDTypePolicy",
    "GPTQDTypePolicy",
    "Int4DTypePolicy",
    "QuantizedDTypePolicy",
    "QuantizedFloat8DTypePolicy",
    "deserialize",
    "get",
    "serialize",
]


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """Return the configuration of a policy, with its class name.

    Example:
        >>> from corten import dtype_policies
        >>> dtype_policies.serialize(dtype_policies.get("float32"))["config"]
        {'name': 'float32'}
    """
    return {
        "module": "corten.dtype_policies",
        "class_name": dtype_policy.__class__.__name__,
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> Any:
    """Create a policy from what `serialize` returned."""
    classes: dict[Any, Any] = {"DTypePolicyMap": DTypePolicyMap, "FloatDTypePolicy": FloatDTypePolicy}
    quantized: list[Any] = [QuantizedDTypePolicy, *OF_MODE.values()]
    classes.update({policy.__name__: policy for policy in quantized})
    classes = {"DTypePolicy": DTypePolicy, **classes, **(custom_objects or {})}
    name = config.get("class_name")
    if name not in classes:
        raise ValueError(f"dtype_policies: unknown policy class {name!r}; known: {sorted(classes)}.")
    return classes[name].from_config(config["config"])


def get(identifier: Any) -> DTypePolicy:
    """Return a policy from a policy, a name, a configuration, or None (the global policy).

    Example:
        >>> from corten import dtype_policies
        >>> dtype_policies.get("mixed_float16").compute_dtype
        'float16'
    """
    if identifier is None:
        return settings.dtype_policy()
    if isinstance(identifier, DTypePolicy):
        return identifier
    if isinstance(identifier, dict):
        policy = deserialize(identifier)
        if isinstance(policy, DTypePolicy):
            return policy
    if isinstance(identifier, str):
        if identifier.startswith(QUANTIZATION_MODES) and identifier not in settings.ALL_DTYPES:
            return quantized_policy(identifier)
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(settings.standardize_dtype(identifier))
    except ValueError:
        raise ValueError(
            f"dtype_policies.get: Cannot interpret `dtype` argument. Received: {identifier!r}; expected a "
            "DTypePolicy, a name such as 'float32' or 'mixed_bfloat16', or a configuration."
        ) from None
