"""`DTypePolicyMap`: a policy per layer."""

from __future__ import annotations

import re
from collections.abc import MutableMapping
from typing import Any

from corten import config as settings
from corten.dtype_policies.policy import DTypePolicy


class DTypePolicyMap(DTypePolicy, MutableMapping):
    """A policy per layer path, with a default one for the rest.

    Args:
        default_policy: The policy of layers without an entry; None takes the global one.
        policy_map: Paths, or regular expressions that match whole paths, to policies.

    Raises:
        TypeError: `policy_map` is no dict.

    Example:
        >>> from corten.dtype_policies import DTypePolicyMap
        >>> policies = DTypePolicyMap(policy_map={"encoder/.*": "mixed_bfloat16"})
        >>> policies["encoder/dense"].name, policies["decoder/dense"].name
        ('mixed_bfloat16', 'float32')
    """

    _is_map = True

    def __init__(self, default_policy: Any = None, policy_map: dict[str, Any] | None = None) -> None:
        if isinstance(default_policy, DTypePolicyMap):
            raise ValueError("DTypePolicyMap: `default_policy` cannot be a map itself.")
        self._default_policy = default_policy if default_policy is None else _get(default_policy)
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                "DTypePolicyMap: If specified, `policy_map` must be a dict. Received: "
                f"policy_map={policy_map!r} (of type {type(policy_map).__name__})"
            )
        super().__init__(None if self._default_policy is None else _source(self._default_policy))
        self._map = {path: _get(policy) for path, policy in (policy_map or {}).items()}

    @property
    def name(self) -> str:
        """The default policy's name, for messages."""
        return f"map_{self.default_policy.name}"

    @property
    def default_policy(self) -> DTypePolicy:
        """The policy of layers without an entry."""
        return self._default_policy or settings.dtype_policy()

    def __getitem__(self, path: str) -> DTypePolicy:
        if path in self._map:
            return self._map[path]
        matches = [key for key in self._map if re.fullmatch(key, path)]
        if len(matches) > 1:
            raise ValueError(
                f"DTypePolicyMap: Path '{path}' matches multiple dtype policy keys: {matches}. Make the "
                "expressions exclude each other, or give the path an entry of its own."
            )
        return self._map[matches[0]] if matches else self.default_policy

    def __setitem__(self, path: str, policy: Any) -> None:
        if path in self._map:
            raise ValueError(
                f"DTypePolicyMap: {path} already exist in the DTypePolicyMap with value {self._map[path]}: a "
                "path already has a policy for good; use `replace`."
            )
        try:
            self._map[path] = _get(policy)
        except (ValueError, TypeError) as error:
            raise ValueError(
                f"DTypePolicyMap: Cannot interpret the assigned value. Received: {policy!r} ({error})"
            ) from None

    def replace(self, path: str, policy: Any) -> None:
        """Set the policy of a path, whether it has one or not."""
        self._map[path] = _get(policy)

    def __delitem__(self, path: str) -> None:
        del self._map[path]

    def __contains__(self, path: object) -> bool:
        return path in self._map

    def __len__(self) -> int:
        return len(self._map)

    def __iter__(self) -> Any:
        return iter(self._map)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DTypePolicyMap)
            and self._default_policy == other._default_policy
            and self._map == other._map
        )

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        mapping = [(path, policy.name) for path, policy in self._map.items()]
        default = None if self._default_policy is None else self._default_policy.name
        return f"<DTypePolicyMap default_policy={default}, mapping={mapping}>"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this map."""
        default = None if self._default_policy is None else _serialize(self._default_policy)
        return {
            "default_policy": default,
            "policy_map": {path: _serialize(policy) for path, policy in self._map.items()},
        }


def _source(policy: DTypePolicy) -> str:
    """The name of the float types of a policy."""
    return getattr(policy, "_source_name", policy._name)


def _get(identifier: Any) -> DTypePolicy:
    # Late: the package imports this module.
    from corten import dtype_policies

    return dtype_policies.get(identifier)


def _serialize(policy: DTypePolicy) -> dict[str, Any]:
    from corten import dtype_policies

    return dtype_policies.serialize(policy)
