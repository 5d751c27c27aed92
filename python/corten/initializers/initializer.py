"""The base of all initializers."""

from __future__ import annotations

from typing import Any


class Initializer:
    """Fills a new variable: `initializer(shape, dtype)` gives a tensor.

    A subclass writes `__call__` and, if its constructor takes arguments, `get_config`.

    Example:
        >>> from corten import ops
        >>> class Sevens(Initializer):
        ...     def __call__(self, shape, dtype=None):
        ...         return ops.full(shape, 7.0, dtype=dtype)
        >>> Sevens()((2,)).tolist()
        [7.0, 7.0]
    """

    def __call__(self, shape: Any, dtype: str | None = None) -> Any:
        """Gives a tensor of that shape and dtype."""
        raise NotImplementedError(
            f"{type(self).__name__} does not define `__call__(self, shape, dtype=None)`."
        )

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        return {}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Initializer:
        """Makes an equal initializer from `get_config`'s dict."""
        return cls(**config)

    def clone(self) -> Initializer:
        """A new initializer with the same arguments."""
        return type(self).from_config(self.get_config())
