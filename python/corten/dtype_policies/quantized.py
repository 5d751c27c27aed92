"""Policies of layers whose weights are quantized."""

from __future__ import annotations

from typing import Any

from corten import config as settings
from corten.dtype_policies.policy import DTypePolicy

#: The modes that `quantize` takes.
QUANTIZATION_MODES = ("int8", "float8", "int4", "gptq", "awq")


class QuantizedDTypePolicy(DTypePolicy):
    """A policy whose layers keep their weights quantized.

    Args:
        mode: `'int8'` or `'int4'`.
        source_name: Name of the policy that says in which dtypes the rest is computed and kept; None takes
            the global one.

    Raises:
        ValueError: The mode is not known, or computing in float16, whose range is too small for the scales.

    Example:
        >>> from corten.dtype_policies import QuantizedDTypePolicy
        >>> policy = QuantizedDTypePolicy("int8", "mixed_bfloat16")
        >>> policy.name, policy.compute_dtype, policy.quantization_mode
        ('int8_from_mixed_bfloat16', 'bfloat16', 'int8')
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        if source_name is None:
            current = settings.dtype_policy()
            source_name = getattr(current, "_source_name", current.name)
        family = mode.partition("/")[0] if isinstance(mode, str) else mode
        if family not in QUANTIZATION_MODES:
            raise ValueError(
                f"Invalid quantization mode. Expected one of {QUANTIZATION_MODES}. Received: mode={mode}"
            )
        super().__init__(source_name)
        self._source_name = source_name
        self._quantization_mode = family
        self._name = f"{mode}_from_{source_name}"
        if self._compute_dtype == "float16" and family in {"int8", "int4"}:
            raise ValueError(
                f"Quantization mode={mode} doesn't work well with compute_dtype='float16': scales leave its "
                "range. Use 'bfloat16' or 'mixed_bfloat16'."
            )

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this policy."""
        return {"mode": self._name.partition("_from_")[0], "source_name": self._source_name}


class Int4DTypePolicy(QuantizedDTypePolicy):
    """A policy of 4-bit weights that says how many elements share a scale.

    Args:
        mode: `'int4/<block_size>'`, such as `'int4/128'`; -1 is one scale per channel.
        source_name: Name of the policy for the rest; None takes the global one.

    Raises:
        ValueError: `mode` is not of that form.

    Example:
        >>> from corten.dtype_policies import Int4DTypePolicy
        >>> Int4DTypePolicy("int4/64", "float32").block_size
        64
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        (self.block_size,) = _mode_numbers(type(self).__name__, mode, "int4", "<block_size>")
        _check_group("block_size", self.block_size, "per-channel", mode)
        super().__init__(mode, source_name)
        self.mode = "int4"


class QuantizedFloat8DTypePolicy(QuantizedDTypePolicy):
    """A policy of layers that round to 8-bit floats in training.

    Args:
        mode: `'float8'`.
        source_name: Name of the policy for the rest; None takes the global one.
        amax_history_length: How many calls the scales look back.

    Raises:
        TypeError: `amax_history_length` is not an integer.
        ValueError: The mode is not known.

    Example:
        >>> from corten.dtype_policies import QuantizedFloat8DTypePolicy
        >>> QuantizedFloat8DTypePolicy("float8", "float32", amax_history_length=16).amax_history_length
        16
    """

    default_amax_history_length = 1024

    def __init__(self, mode: str, source_name: str | None = None, amax_history_length: int = 1024) -> None:
        if not isinstance(amax_history_length, int):
            raise TypeError(
                "`amax_history_length` must be an integer. Received: "
                f"amax_history_length={amax_history_length!r}"
            )
        super().__init__(mode, source_name)
        self._amax_history_length = amax_history_length

    @property
    def amax_history_length(self) -> int:
        """How many calls the scales look back."""
        return self._amax_history_length

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this policy."""
        return {**super().get_config(), "amax_history_length": self.amax_history_length}

    def __eq__(self, other: object) -> bool:
        length = getattr(other, "_amax_history_length", None)
        return super().__eq__(other) and self._amax_history_length == length

    def __hash__(self) -> int:
        return hash((self._name, self._amax_history_length))


class GPTQDTypePolicy(QuantizedDTypePolicy):
    """A policy of weights that GPTQ quantized.

    Args:
        mode: `'gptq/<weight_bits>/<group_size>'`, such as `'gptq/4/128'`; -1 is one group.
        source_name: Name of the policy for the rest; None takes the global one.

    Raises:
        ValueError: `mode` is not of that form.

    Example:
        >>> from corten.dtype_policies import GPTQDTypePolicy
        >>> policy = GPTQDTypePolicy("gptq/4/128", "float32")
        >>> policy.weight_bits, policy.group_size
        (4, 128)
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        form = "<weight_bits>/<group_size>"
        self.weight_bits, self.group_size = _mode_numbers(type(self).__name__, mode, "gptq", form)
        if self.weight_bits not in {2, 3, 4, 8}:
            raise ValueError(
                f"Invalid weight_bits in mode. Supported values are 2, 3, 4, and 8, but got "
                f"{self.weight_bits} from {mode!r}."
            )
        _check_group("group_size", self.group_size, "whole-tensor", mode)
        super().__init__(mode, source_name)
        self.mode = "gptq"


class AWQDTypePolicy(QuantizedDTypePolicy):
    """A policy of weights that AWQ quantized.

    Args:
        mode: `'awq/4/<group_size>'`, such as `'awq/4/128'`; -1 is one group.
        source_name: Name of the policy for the rest; None takes the global one.

    Raises:
        ValueError: `mode` is not of that form.

    Example:
        >>> from corten.dtype_policies import AWQDTypePolicy
        >>> AWQDTypePolicy("awq/4/128", "float32").group_size
        128
    """

    def __init__(self, mode: str, source_name: str | None = None) -> None:
        form = "<weight_bits>/<group_size>"
        self.weight_bits, self.group_size = _mode_numbers(type(self).__name__, mode, "awq", form)
        if self.weight_bits != 4:
            raise ValueError(
                f"Invalid weight_bits in mode. AWQ only supports 4-bit quantization, but got "
                f"{self.weight_bits} from {mode!r}."
            )
        _check_group("group_size", self.group_size, "per-channel", mode)
        super().__init__(mode, source_name)
        self.mode = "awq"


def _mode_numbers(policy: str, mode: str, family: str, form: str) -> list[int]:
    """The numbers of a mode such as `'gptq/4/128'`."""
    found, *numbers = mode.split("/")
    expected = f"Expected format '{family}/{form}', but got {mode!r}."
    if found != family or len(numbers) != form.count("/") + 1:
        raise ValueError(f"Invalid mode for {policy}. {expected}")
    try:
        return [int(number) for number in numbers]
    except ValueError:
        names = form.replace("/", " and ")
        verb = "must be integers" if len(numbers) > 1 else "must be an integer"
        raise ValueError(f"Invalid mode for {policy}. {names} {verb}. {expected}") from None


def _check_group(name: str, size: int, whole: str, mode: str) -> None:
    if size < -1 or size == 0:
        raise ValueError(
            f"Invalid {name} in mode. Supported values are -1 ({whole}) or a positive integer, but got "
            f"{size} from {mode!r}."
        )


OF_MODE: dict[str, type[QuantizedDTypePolicy]] = {
    "int4/": Int4DTypePolicy,
    "float8": QuantizedFloat8DTypePolicy,
    "gptq": GPTQDTypePolicy,
    "awq": AWQDTypePolicy,
}


def quantized_policy(name: str) -> QuantizedDTypePolicy:
    """Return the policy of a name such as `'int8_from_float32'`.

    Example:
        >>> quantized_policy("int4/-1_from_float32").name
        'int4/-1_from_float32'
    """
    parts = name.split("_from_")
    if len(parts) != 2:
        raise ValueError(
            "Cannot convert `policy` into a valid pair (`mode`, `source_name`) to instantiate "
            f"`QuantizedDTypePolicy`. Received: policy={name}. A name is like 'int8_from_float32'."
        )
    mode, source = parts
    for beginning, policy in OF_MODE.items():
        if mode.startswith(beginning):
            return policy(mode, source)
    return QuantizedDTypePolicy(mode, source)
