"""Dtype policies: which type a layer computes in and which type its weights have."""

from __future__ import annotations

from typing import Any

from corten import config as settings

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


class DTypePolicy:
    """The pair of a compute dtype and a variable dtype.

    Args:
        name: A dtype name (both dtypes are that), or `'mixed_float16'` / `'mixed_bfloat16'`
            (compute in 16 bits, keep the weights in float32). None takes the global policy.

    Example:
        >>> from corten.dtype_policies import DTypePolicy
        >>> policy = DTypePolicy("mixed_bfloat16")
        >>> policy.compute_dtype, policy.variable_dtype
        ('bfloat16', 'float32')
    """

    def __init__(self, name: str | None = None) -> None:
        if name is None:
            name = settings.dtype_policy().name
        if not isinstance(name, str):
            raise TypeError(f"DTypePolicy: 'name' must be a string; got {name!r}.")
        if name in _MIXED:
            self._compute_dtype, self._variable_dtype = _MIXED[name], "float32"
        else:
            try:
                dtype = settings.standardize_dtype(name)
            except ValueError:
                raise ValueError(
                    f"Cannot convert {name!r} to a DTypePolicy. Valid names are "
                    "'mixed_float16', 'mixed_bfloat16', or a dtype such as 'float32'."
                ) from None
            self._compute_dtype = self._variable_dtype = dtype
        self._name = name

    @property
    def name(self) -> str:
        """The policy's name."""
        return self._name

    @property
    def compute_dtype(self) -> str:
        """The dtype that layers cast their inputs to."""
        return self._compute_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the layers' weights."""
        return self._variable_dtype

    @property
    def quantization_mode(self) -> None:
        """Always None: this policy does not quantize."""
        return None

    def convert_input(self, value: Any, autocast: bool, dtype: str) -> Any:
        """Return `value` as a tensor, a float one cast to `dtype` if `autocast`."""
        from corten.layers.conversion import convert_input

        return convert_input(value, dtype if autocast else None)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this policy."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> DTypePolicy:
        """Create a policy from what `get_config` returned."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return self.__class__ is other.__class__ and self._name == getattr(other, "_name", None)

    def __hash__(self) -> int:
        return hash((self.__class__, self._name))

    def __repr__(self) -> str:
        return f'<{self.__class__.__name__} "{self._name}">'


# Keras's name for policies of float types; there are no others here.
FloatDTypePolicy = DTypePolicy


class DTypePolicyMap(DTypePolicy):
    """A policy per layer path, with a default one for the rest.

    Args:
        default_policy: The policy of layers without an entry; None takes the global one.
        policy_map: Paths (or regular expressions) to policies.

    Example:
        >>> from corten.dtype_policies import DTypePolicyMap
        >>> policies = DTypePolicyMap(policy_map={"encoder/dense": "mixed_bfloat16"})
        >>> policies["encoder/dense"].name, policies["decoder/dense"].name
        ('mixed_bfloat16', 'float32')
    """

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None) -> None:
        self._default_policy = default_policy if default_policy is None else get(default_policy)
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                "DTypePolicyMap: `policy_map` must be a dict of paths to policies; got "
                f"{policy_map!r} of type {type(policy_map).__name__}."
            )
        super().__init__(self.default_policy.name)
        self._map = {path: get(policy) for path, policy in (policy_map or {}).items()}

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of layers without an entry."""
        return self._default_policy or settings.dtype_policy()

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self._map:
            return self._map[path]
        import re

        matches = [key for key in self._map if re.search(f"^{key}(/|$)", path)]
        if len(matches) > 1:
            raise ValueError(f"DTypePolicyMap: path {path!r} matches several keys: {matches}.")
        return self._map[matches[0]] if matches else self.default_policy

    def __setitem__(self, path: str, policy: Any) -> None:
        if path in self._map:
            raise ValueError(f"DTypePolicyMap: path {path!r} already has policy {self._map[path]}.")
        self._map[path] = get(policy)

    def replace(self, path: str, policy: Any) -> None:
        """Set the policy of a path, whether it has one or not."""
        self._map[path] = get(policy)

    def __delitem__(self, path: str) -> None:
        del self._map[path]

    def __contains__(self, path: object) -> bool:
        return path in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Any:
        return iter(self._map)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this map."""
        default = None if self._default_policy is None else serialize(self._default_policy)
        return {
            "default_policy": default,
            "policy_map": {path: serialize(policy) for path, policy in self._map.items()},
        }


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
        return DTypePolicy(identifier)
    try:
        return DTypePolicy(settings.standardize_dtype(identifier))
    except ValueError:
        raise ValueError(
            f"dtype_policies.get: cannot interpret {identifier!r}; expected a DTypePolicy, a name "
            "such as 'float32' or 'mixed_bfloat16', or a configuration."
        ) from None
