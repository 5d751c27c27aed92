"""`DTypePolicyMap`: a policy per layer."""

from __future__ import annotations

from typing import Any

from corten import config as settings
from corten.dtype_policies.policy import DTypePolicy


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
        self._default_policy = default_policy if default_policy is None else _get(default_policy)
        if policy_map is not None and not isinstance(policy_map, dict):
            raise TypeError(
                "DTypePolicyMap: `policy_map` must be a dict of paths to policies; got "
                f"{policy_map!r} of type {type(policy_map).__name__}."
            )
        super().__init__(self.default_policy.name)
        self._map = {path: _get(policy) for path, policy in (policy_map or {}).items()}

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
        self._map[path] = _get(policy)

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

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this map."""
        default = None if self._default_policy is None else _serialize(self._default_policy)
        return {
            "default_policy": default,
            "policy_map": {path: _serialize(policy) for path, policy in self._map.items()},
        }


def _get(identifier: Any) -> DTypePolicy:
    # Late: the package imports this module.
    from corten import dtype_policies

    return dtype_policies.get(identifier)


def _serialize(policy: DTypePolicy) -> dict[str, Any]:
    from corten import dtype_policies

    return dtype_policies.serialize(policy)
