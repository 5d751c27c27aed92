"""`DTypePolicy`: the pair of a compute dtype and a variable dtype."""

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

    _quantization_mode: str | None = None
    _is_map = False

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
    def quantization_mode(self) -> str | None:
        """How weights are quantized, such as `'int8'`; None where they are not."""
        return self._quantization_mode

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
