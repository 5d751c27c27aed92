"""What `quantize` is to do: a mode with its options."""

from __future__ import annotations

from typing import Any

from corten.dtype_policies.quantized import QUANTIZATION_MODES
from corten.quantizers.abs_max import AbsMaxQuantizer


class QuantizationConfig:
    """Base of the options of `quantize`.

    Args:
        weight_quantizer: Quantizer of the weights; None takes the mode's own.
        activation_quantizer: Quantizer of a layer's inputs; None leaves them as they are.

    Example:
        >>> Int8QuantizationConfig().mode
        'int8'
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = None) -> None:
        from corten import quantizers

        self.weight_quantizer = quantizers.get(weight_quantizer)
        self.activation_quantizer = quantizers.get(activation_quantizer)

    @property
    def mode(self) -> str:
        """The mode, such as `'int8'`."""
        raise NotImplementedError(
            "Do not instantiate QuantizationConfig directly. Use Int8QuantizationConfig and its like."
        )

    def dtype_policy_string(self) -> str:
        """Return the part of a dtype policy's name that stands for this mode."""
        return self.mode

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this object."""
        from corten import quantizers

        return {
            "weight_quantizer": quantizers.serialize(self.weight_quantizer),
            "activation_quantizer": quantizers.serialize(self.activation_quantizer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> QuantizationConfig:
        """Create an object from what `get_config` returned."""
        return cls(**config)

    def _check_weight_quantizer(self, value_range: tuple[int, int] | None = None) -> None:
        quantizer = self.weight_quantizer
        if quantizer is None:
            return
        name = type(self).__name__
        if getattr(quantizer, "output_dtype", "int8") != "int8":
            raise ValueError(
                f"{name} requires a weight_quantizer with output_dtype='int8'. Received: "
                f"output_dtype={quantizer.output_dtype}"
            )
        if value_range is not None and tuple(getattr(quantizer, "value_range", value_range)) != value_range:
            raise ValueError(
                f"{name} requires a weight_quantizer with value_range={value_range}. Received: "
                f"value_range={quantizer.value_range}"
            )


class Int8QuantizationConfig(QuantizationConfig):
    """Weights, and by default inputs, as 8-bit integers with a scale per channel.

    Args:
        weight_quantizer: Quantizer of the weights; None takes `AbsMaxQuantizer` over the summed axes.
        activation_quantizer: Quantizer of a layer's inputs; None keeps them as floats.

    Example:
        >>> Int8QuantizationConfig(activation_quantizer=None).activation_quantizer is None
        True
    """

    def __init__(self, weight_quantizer: Any = None, activation_quantizer: Any = "default") -> None:
        if activation_quantizer == "default":
            activation_quantizer = AbsMaxQuantizer()
        super().__init__(weight_quantizer, activation_quantizer)
        self._check_weight_quantizer()

    @property
    def mode(self) -> str:
        """`'int8'`."""
        return "int8"


class Int4QuantizationConfig(QuantizationConfig):
    """Weights as 4-bit integers, two in a byte.

    Args:
        weight_quantizer: Quantizer of the weights, only with a scale per channel.
        activation_quantizer: Quantizer of a layer's inputs, only with a scale per channel.
        block_size: Summed elements that share a scale and a zero point; None or -1 for one symmetric scale
            per channel.

    Raises:
        ValueError: `block_size` is not possible, or goes with quantizers, or the weight quantizer's range is
            not -8 to 7.

    Example:
        >>> Int4QuantizationConfig(block_size=64).dtype_policy_string()
        'int4/64'
    """

    def __init__(
        self,
        weight_quantizer: Any = None,
        activation_quantizer: Any = "default",
        block_size: int | None = 128,
    ) -> None:
        if activation_quantizer == "default":
            activation_quantizer = None
        if block_size is not None and block_size != -1 and block_size <= 0:
            raise ValueError(
                f"block_size must be None, -1, or a positive integer. Received: block_size={block_size}"
            )
        by_group = block_size is not None and block_size > 0
        if by_group and (weight_quantizer is not None or activation_quantizer is not None):
            raise ValueError(
                "Int4 sub-channel quantization (block_size > 0) does not support custom quantizers. Either "
                "set block_size to None or -1 for per-channel quantization, or remove the custom quantizer "
                f"arguments. Received: block_size={block_size}"
            )
        super().__init__(weight_quantizer, activation_quantizer)
        self.block_size = block_size
        self._check_weight_quantizer((-8, 7))

    @property
    def mode(self) -> str:
        """`'int4'`."""
        return "int4"

    def dtype_policy_string(self) -> str:
        return f"int4/{-1 if self.block_size is None else self.block_size}"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "block_size": self.block_size}


class Float8QuantizationConfig(QuantizationConfig):
    """Inputs, weights and gradients rounded to 8-bit floats while training.

    Example:
        >>> Float8QuantizationConfig().mode
        'float8'
    """

    def __init__(self) -> None:
        super().__init__(None, None)

    @property
    def mode(self) -> str:
        """`'float8'`."""
        return "float8"

    def get_config(self) -> dict[str, Any]:
        return {}


class CalibrationConfig(QuantizationConfig):
    """What the options of GPTQ and AWQ share: text or tokens to run the model on.

    Args:
        dataset: Sequences to run the model on: texts, or token ids of any lengths.
        tokenizer: Turns a text into token ids; may be None where `dataset` holds ids.
        weight_bits: Bits of the integers.
        num_samples: Sequences to run.
        sequence_length: Tokens in each.
        group_size: Inputs that share a scale; -1 for all.
        quantization_layer_structure: Which layers run before the blocks and which are the blocks; see
            `Model.get_quantization_layer_structure`.
    """

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        weight_bits: int,
        num_samples: int,
        sequence_length: int,
        group_size: int,
        quantization_layer_structure: dict[str, Any] | None,
    ) -> None:
        super().__init__(None, None)
        if num_samples <= 0:
            raise ValueError(f"num_samples must be a positive integer. Received: num_samples={num_samples}")
        if sequence_length <= 0:
            raise ValueError(
                f"sequence_length must be a positive integer. Received: sequence_length={sequence_length}"
            )
        if group_size < -1 or group_size == 0:
            raise ValueError(
                "Invalid group_size. Supported values are -1 (one group) or a positive integer. Received: "
                f"group_size={group_size}"
            )
        self.dataset = dataset
        self.tokenizer = tokenizer
        self.weight_bits = weight_bits
        self.num_samples = num_samples
        self.sequence_length = sequence_length
        self.group_size = group_size
        self.quantization_layer_structure = quantization_layer_structure

    def dtype_policy_string(self) -> str:
        return f"{self.mode}/{self.weight_bits}/{self.group_size}"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this object, without data, tokenizer and layers."""
        return {
            "dataset": None,
            "tokenizer": None,
            "weight_bits": self.weight_bits,
            "num_samples": self.num_samples,
            "sequence_length": self.sequence_length,
            "group_size": self.group_size,
            "quantization_layer_structure": None,
        }


class GPTQConfig(CalibrationConfig):
    """Options of GPTQ: weights are rounded one after another, later ones make up for errors.

    Args:
        dataset: Sequences to run the model on: texts, or token ids of any lengths.
        tokenizer: Turns a text into token ids; may be None where `dataset` holds ids.
        weight_bits: 2, 3, 4 or 8.
        num_samples: Sequences to run.
        per_channel: Whether each output has its own scale.
        sequence_length: Tokens in each sequence.
        hessian_damping: Share of the mean of the Hessian's diagonal that is added to it, 0 to 1.
        group_size: Inputs that share a scale; -1 for all.
        symmetric: Whether zero is in the middle of the integers.
        activation_order: Whether the inputs with the largest Hessian are rounded first.
        quantization_layer_structure: Which layers run before the blocks and which are the blocks; see
            `Model.get_quantization_layer_structure`.

    Raises:
        ValueError: A number is not possible.

    Source: Frantar et al., GPTQ (arXiv 2210.17323).

    Example:
        >>> GPTQConfig(dataset=None, tokenizer=None, group_size=64).dtype_policy_string()
        'gptq/4/64'
    """

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        per_channel: bool = True,
        sequence_length: int = 512,
        hessian_damping: float = 0.01,
        group_size: int = 128,
        symmetric: bool = False,
        activation_order: bool = False,
        quantization_layer_structure: dict[str, Any] | None = None,
    ) -> None:
        if weight_bits not in {2, 3, 4, 8}:
            raise ValueError(f"Unsupported weight_bits {weight_bits}. Supported values are 2, 3, 4, and 8.")
        if not 0 <= hessian_damping <= 1:
            raise ValueError(
                f"hessian_damping must be between 0 and 1. Received: hessian_damping={hessian_damping}"
            )
        super().__init__(
            dataset,
            tokenizer,
            weight_bits,
            num_samples,
            sequence_length,
            group_size,
            quantization_layer_structure,
        )
        self.per_channel = per_channel
        self.hessian_damping = hessian_damping
        self.symmetric = symmetric
        self.activation_order = activation_order

    @property
    def mode(self) -> str:
        """`'gptq'`."""
        return "gptq"

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "per_channel": self.per_channel,
            "hessian_damping": self.hessian_damping,
            "symmetric": self.symmetric,
            "activation_order": self.activation_order,
        }


class AWQConfig(CalibrationConfig):
    """Options of AWQ: inputs that matter are scaled up before rounding, by a searched power.

    Args:
        dataset: Sequences to run the model on: texts, or token ids of any lengths.
        tokenizer: Turns a text into token ids; may be None where `dataset` holds ids.
        weight_bits: 4.
        num_samples: Sequences to run.
        sequence_length: Tokens in each sequence.
        group_size: Inputs that share a scale; -1 for all.
        num_grid_points: Powers between 0 and 1 to try.
        quantization_layer_structure: Which layers run before the blocks and which are the blocks; see
            `Model.get_quantization_layer_structure`.

    Raises:
        ValueError: A number is not possible.

    Source: Lin et al., AWQ (arXiv 2306.00978).

    Example:
        >>> AWQConfig(dataset=None, tokenizer=None).dtype_policy_string()
        'awq/4/128'
    """

    def __init__(
        self,
        dataset: Any,
        tokenizer: Any,
        *,
        weight_bits: int = 4,
        num_samples: int = 128,
        sequence_length: int = 512,
        group_size: int = 128,
        num_grid_points: int = 20,
        quantization_layer_structure: dict[str, Any] | None = None,
    ) -> None:
        if weight_bits != 4:
            raise ValueError(f"AWQ only supports 4-bit quantization. Received: weight_bits={weight_bits}")
        if num_grid_points <= 0:
            raise ValueError(
                f"num_grid_points must be a positive integer. Received: num_grid_points={num_grid_points}"
            )
        super().__init__(
            dataset,
            tokenizer,
            weight_bits,
            num_samples,
            sequence_length,
            group_size,
            quantization_layer_structure,
        )
        self.num_grid_points = num_grid_points

    @property
    def mode(self) -> str:
        """`'awq'`."""
        return "awq"

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_grid_points": self.num_grid_points}


def validate_and_resolve_config(mode: str | None, config: QuantizationConfig | None) -> QuantizationConfig:
    """Return the options for a mode, or check that mode and options belong together.

    Raises:
        ValueError: Neither is given, the mode is not known, or they contradict each other.

    Example:
        >>> validate_and_resolve_config("int8", None).mode
        'int8'
    """
    if mode is None and config is None:
        raise ValueError("You must provide either `mode` or `config` to `quantize`.")
    if config is not None and not isinstance(config, QuantizationConfig):
        raise ValueError(
            "Argument `config` must be an instance of `QuantizationConfig`, such as "
            f"`Int8QuantizationConfig()`. Received: config={config!r}"
        )
    if mode is not None and mode not in QUANTIZATION_MODES:
        raise ValueError(
            f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}. Received: mode={mode}"
        )
    wanted = {"gptq": GPTQConfig, "awq": AWQConfig}
    if config is None:
        plain: dict[str | None, type[QuantizationConfig]] = {
            "int8": Int8QuantizationConfig,
            "int4": Int4QuantizationConfig,
            "float8": Float8QuantizationConfig,
        }
        if mode in plain:
            return plain[mode]()
        name = wanted[str(mode)].__name__
        raise ValueError(
            f"For {str(mode).upper()}, you must pass a `{name}` object in the `config` argument."
        )
    if mode is not None and config.mode != mode:
        raise ValueError(
            f"Contradictory arguments: mode='{mode}' but config.mode='{config.mode}'. Pass one of the two."
        )
    kind = wanted.get(config.mode)
    if kind is not None and not isinstance(config, kind):
        raise ValueError(
            f"Mode '{config.mode}' requires a valid `config` argument of type `{kind.__name__}`. Received: "
            f"{type(config).__name__}"
        )
    return config
