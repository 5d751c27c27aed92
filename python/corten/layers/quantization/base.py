"""`Quantizing`: the part of every layer that `quantize` and dtype policies talk to."""

from __future__ import annotations

from typing import Any

from corten.dtype_policies.quantized import QUANTIZATION_MODES


class Quantizing:
    """Base of `Layer`: layers whose weights cannot be quantized refuse here."""

    _is_quantized = False

    def quantize(self, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Replace the weights by quantized ones. Layers that can do this override it.

        Args:
            mode: `'int8'`, `'int4'`, `'float8'`, `'gptq'` or `'awq'`; may be left out with `config`.
            type_check: Whether subclasses, which may use the weights in other ways, are refused.
            config: Options: `corten.quantizers.Int8QuantizationConfig` and its like.

        Raises:
            ValueError: The mode is not known, the layer is not built, or is quantized already.
            NotImplementedError: The layer cannot be quantized.
        """
        from corten.quantizers import validate_and_resolve_config

        self._check_quantize_args(validate_and_resolve_config(mode, config).mode)
        raise self._lacks("quantize")

    def quantized_build(self, input_shape: Any, mode: str) -> None:
        """Create the weights of a mode instead of those of `build`. Layers that can do this override it.

        Args:
            input_shape: The shape of the input.
            mode: The mode.

        Raises:
            NotImplementedError: The layer cannot be quantized.
        """
        raise self._lacks("quantized_build")

    def quantized_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Compute the output with quantized weights, as the layer's mode says.

        Args:
            *args: The arguments of `call`.
            **kwargs: The same.

        Raises:
            NotImplementedError: There is no such mode.
        """
        mode = self.quantization_mode
        compute = getattr(self, f"_{mode}_call", None) if mode in QUANTIZATION_MODES else None
        if compute is None:
            raise NotImplementedError(
                f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}. Received: "
                f"quantization_mode={mode}"
            )
        return compute(*args, **kwargs)

    def _int8_call(self, *args: Any, **kwargs: Any) -> Any:
        raise self._lacks("_int8_call")

    def _float8_call(self, *args: Any, **kwargs: Any) -> Any:
        raise self._lacks("_float8_call")

    def _check_quantize_args(self: Any, mode: str) -> None:
        if not self.built:
            raise ValueError(
                f"Cannot quantize a layer that isn't yet built. Layer '{self.name}' (of type "
                f"'{type(self).__name__}') is not built yet. Call it once or call `build(input_shape)`."
            )
        if self._is_quantized:
            raise ValueError(
                f"Layer '{self.name}' is already quantized with dtype_policy='{self.dtype_policy.name}'. "
                f"Received: mode={mode}"
            )

    def _lacks(self, method: str) -> NotImplementedError:
        return NotImplementedError(
            f"Layer {type(self).__name__} does not have a `{method}` method implemented."
        )
