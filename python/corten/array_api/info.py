"""What the namespace can do: `__array_namespace_info__`."""

from __future__ import annotations

from typing import Any

from corten.array_api._common import COMPLEX_OF, DEVICE, check_device, default_float
from corten.array_api.data_types import ALL, is_of_kind


class NamespaceInfo:
    """The answers of ``__array_namespace_info__()``.

    Example:
        >>> NamespaceInfo().default_dtypes()["integral"]
        'int32'
    """

    def capabilities(self) -> dict[str, Any]:
        """What is optional in the standard: all of it is there; the number of axes has no limit."""
        return {"boolean indexing": True, "data-dependent shapes": True, "max dimensions": None}

    def default_device(self) -> str:
        """The device of new arrays."""
        return DEVICE

    def default_dtypes(self, *, device: str | None = None) -> dict[str, str]:
        """The dtypes of new arrays; the float dtype is `corten.config.floatx()`."""
        check_device("default_dtypes", device)
        real = default_float()
        return {
            "real floating": real,
            "complex floating": COMPLEX_OF[real],
            "integral": "int32",
            "indexing": "int32",
        }

    def dtypes(
        self, *, device: str | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, str]:
        """The standard's dtypes of a kind, by name."""
        check_device("dtypes", device)
        return {name: name for name in ALL if kind is None or is_of_kind(name, kind)}

    def devices(self) -> list[str]:
        """All devices."""
        return [DEVICE]


def __array_namespace_info__() -> NamespaceInfo:
    """Gives what says which dtypes, devices and optional features there are.

    Example:
        >>> corten.array_api.__array_namespace_info__().devices()
        ['cpu']
    """
    return NamespaceInfo()
