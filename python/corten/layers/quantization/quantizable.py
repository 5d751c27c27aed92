"""`Quantizable`: how layers go from float weights to quantized ones, and build those at once."""

from __future__ import annotations

from typing import Any

from corten import dtype_policies, ops
from corten.layers.quantization.low_rank import LowRank


class Quantizable(LowRank):
    """Mixin of layers that can be quantized.

    A layer class names its modes in `_modes`, and for each mode there are methods `_<mode>_build`, which
    makes the variables, `_<mode>_quantize`, which makes and fills them from the float weights, and
    `_<mode>_call`.
    """

    _modes: tuple[str, ...] = ()
    quantization_config: Any = None

    def _set_quantization_config(self: Any, config: Any) -> None:
        if config is not None:
            from corten import quantizers

            self.quantization_config = quantizers.get(config)

    def _quantization_config_entry(self) -> dict[str, Any]:
        config = self.quantization_config
        if config is None:
            return {"quantization_config": None}
        from corten import quantizers

        return {"quantization_config": quantizers.serialize(config)}

    def quantize(self: Any, mode: str | None = None, type_check: bool = True, config: Any = None) -> None:
        """Replace the weights by quantized ones.

        Args:
            mode: `'int8'`, `'int4'`, `'float8'`, `'gptq'` or `'awq'`; may be left out with `config`.
            type_check: Whether subclasses, which may use the weights in other ways, are refused.
            config: Options: `corten.quantizers.Int8QuantizationConfig` and its like. `'gptq'` and `'awq'`
                need them, and `Model.quantize`, which runs the model on data to find the integers.

        Raises:
            ValueError: The mode is not known, the layer is not built, is quantized already, or computes in
                float16, whose range is too small for the scales of integers.
            NotImplementedError: The layer has no such mode, or is of a subclass.
        """
        if type_check and "_modes" not in type(self).__dict__:
            raise self._lacks("quantize")
        from corten.quantizers import validate_and_resolve_config

        config = validate_and_resolve_config(mode, config)
        self._check_quantize_args(config.mode)
        self._check_mode(config.mode)
        policy = self.dtype_policy
        if policy.quantization_mode is None:
            # Before anything is replaced: not every float policy can be that of integers.
            policy = dtype_policies.get(f"{config.dtype_policy_string()}_from_{policy.name}")
        with self._more_weights():
            # Without the data and the layers that options of GPTQ and AWQ hold.
            keeps = hasattr(config, "dataset")
            self.quantization_config = type(config).from_config(config.get_config()) if keeps else config
            getattr(self, f"_{config.mode}_quantize")()
            self._is_quantized = self._special = True
        if policy is not self.dtype_policy:
            self.dtype_policy = policy

    def quantized_build(self: Any, input_shape: Any, mode: str) -> None:
        """Create the weights of a mode, without values.

        Args:
            input_shape: The shape of the input.
            mode: The mode.

        Raises:
            NotImplementedError: The layer has no such mode.
        """
        self._check_mode(mode)
        with self._more_weights():
            getattr(self, f"_{mode}_build")()
            self._is_quantized = self._special = True

    def _check_mode(self, mode: str | None) -> None:
        if mode not in self._modes:
            raise NotImplementedError(
                f"Invalid quantization mode. Expected one of {self._modes}. Received: "
                f"quantization_mode={mode}"
            )

    def quantized_call(self: Any, *args: Any, **kwargs: Any) -> Any:
        self._check_mode(self.quantization_mode)
        return super().quantized_call(*args, **kwargs)  # type: ignore[misc]

    def _group_index(self: Any, count: int, size: int) -> Any:
        """The variable that says for each of `count` elements to which group of so many it belongs."""
        index = self.add_weight(name="g_idx", shape=(count,), initializer="zeros", trainable=False)
        index.assign(ops.cast(ops.floor_divide(ops.arange(count), size), index._dtype))
        return index

    def _block_size(self: Any) -> int | None:
        """Elements that share a scale in 4 bits; None for one scale per channel."""
        from corten.quantizers import Int4QuantizationConfig

        if isinstance(self.quantization_config, Int4QuantizationConfig):
            return self.quantization_config.block_size
        size: int | None = getattr(self.dtype_policy, "block_size", None)
        return size

    def _activation_quantizer(self, default: bool) -> Any:
        """The quantizer of inputs: the options' own; without options, by `default` that of int8."""
        if self.quantization_config is not None:
            return self.quantization_config.activation_quantizer
        if not default:
            return None
        from corten.quantizers import AbsMaxQuantizer

        return AbsMaxQuantizer()

    def _weight_quantizer(self, axis: Any, value_range: tuple[int, int]) -> Any:
        """The quantizer of weights: the options' own, or one over `axis`."""
        if self.quantization_config is not None and self.quantization_config.weight_quantizer is not None:
            return self.quantization_config.weight_quantizer
        from corten.quantizers import AbsMaxQuantizer

        return AbsMaxQuantizer(axis=axis, value_range=value_range)


def call_axis(quantizer: Any, default: Any) -> Any:
    """The axes to hand to a quantizer of inputs: its own where it has some.

    Example:
        >>> from corten.quantizers import AbsMaxQuantizer
        >>> call_axis(AbsMaxQuantizer(), -1), call_axis(AbsMaxQuantizer(axis=0), -1)
        (-1, (0,))
    """
    own = getattr(quantizer, "axis", None)
    return default if own is None else own
