"""`Named`: a layer's name, path and dtype policy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from corten import dtype_policies


class Named:
    """Base of `Layer` with what the layer is called and which dtypes it uses."""

    _path: str | None
    _is_quantized: bool
    built: bool
    quantize: Callable[..., None]

    @property
    def name(self) -> str:
        """The name."""
        try:
            name: str = self.__dict__["_name"]
        except KeyError:
            raise forgot_super(self) from None
        return name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def path(self) -> str | None:
        """The names of the enclosing layers and this one; None before it is built."""
        return self._path

    @property
    def dtype_policy(self) -> Any:
        """The dtype policy."""
        policy = self.__dict__.get("_dtype_policy")
        if policy is None:
            return dtype_policies.get(None)
        # Not `isinstance`, which takes its time for mappings: this is asked for in every call.
        return policy[self._path or self.name] if policy._is_map else policy

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        policy = dtype_policies.get(value)
        mode = policy.quantization_mode
        becomes = mode is not None and self.built and not self._is_quantized
        options = _options(mode, policy) if becomes else None
        current = self.__dict__.get("_dtype_policy")
        if isinstance(current, dtype_policies.DTypePolicyMap) and self._path:
            current.replace(self._path, policy)
        else:
            self._dtype_policy = policy
        self.__dict__["_fast"] = False
        self.__dict__.pop("_steady", None)
        self.__dict__.pop("_casting", None)
        if becomes:
            self.quantize(mode, config=options)

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        dtype: str = self.dtype_policy.variable_dtype
        return dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype that float inputs are cast to."""
        dtype: str = self.dtype_policy.compute_dtype
        return dtype

    @property
    def input_dtype(self) -> str:
        """The same as `compute_dtype`."""
        return self.compute_dtype

    @property
    def quantization_mode(self) -> str | None:
        """How the weights are quantized, such as `'int8'`; None where they are not."""
        mode: str | None = self.dtype_policy.quantization_mode
        return mode


def _options(mode: str | None, policy: Any) -> Any:
    """The options that a quantizing policy's name has in it; None for those of the mode."""
    from corten import quantizers

    if hasattr(policy, "block_size"):
        return quantizers.Int4QuantizationConfig(block_size=policy.block_size)
    if mode in {"gptq", "awq"}:
        raise ValueError(
            f"Implicitly enabling {mode.upper()} quantization by setting `dtype_policy` to '{policy.name}' "
            "is not supported. Use `layer.quantize(config=...)`, or give the policy to a new layer."
        )
    return None


def forgot_super(layer: Any) -> RuntimeError:
    """Return the error for a layer whose `__init__` did not call `super().__init__()`."""
    return RuntimeError(
        f"In layer '{layer.__class__.__name__}', you forgot to call `super().__init__()` as the "
        "first statement in the `__init__()` method. Go add it!"
    )
