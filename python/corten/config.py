"""Global settings: the default float type, the fuzz factor, the image layout and the dtype policy."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.devices import (
        device_statistics as device_statistics,
        get_default_device as get_default_device,
        list_logical_devices as list_logical_devices,
        list_physical_devices as list_physical_devices,
        reset_device as reset_device,
        set_default_device as set_default_device,
        synchronize as synchronize,
    )
    from corten.dtype_policies import DTypePolicy

# Loaded when first asked for.
_OF_DEVICES = frozenset(
    {
        "device_statistics", "get_default_device", "list_logical_devices", "list_physical_devices",
        "reset_device", "set_default_device", "synchronize",
    }
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _OF_DEVICES:
        from corten import devices

        return getattr(devices, name)
    raise AttributeError(f"module 'corten.config' has no attribute {name!r}")


FLOAT_DTYPES = ("float16", "bfloat16", "float32", "float64")
INTEGER_DTYPES = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
ALL_DTYPES = (*FLOAT_DTYPES, *INTEGER_DTYPES, "bool")

_PYTHON_DTYPES: dict[Any, str] = {bool: "bool", int: "int32", "int": "int32"}
# Dtypes of pairs of tensors (`corten.complex_tensor`); the engine's tensors have none of them.
COMPLEX_DTYPES = ("complex64", "complex128")
_KNOWN_DTYPES = frozenset((*ALL_DTYPES, *COMPLEX_DTYPES))


class _Settings:
    """The mutable values behind this module's functions."""

    floatx = "float32"
    epsilon = 1e-7
    image_data_format = "channels_last"
    dtype_policy: DTypePolicy | None = None
    interactive_logging = True
    traceback_filtering = True
    flash_attention: bool | None = None
    dataset_mirror: str | None = None
    max_epochs: int | None = None
    max_steps_per_epoch: int | None = None


def floatx() -> str:
    """Return the default float type, as a string.

    Example:
        >>> import corten
        >>> corten.config.floatx()
        'float32'
    """
    return _Settings.floatx


def set_floatx(value: str) -> None:
    """Set the default float type.

    Args:
        value: One of `'float16'`, `'bfloat16'`, `'float32'`, `'float64'`.

    Raises:
        ValueError: `value` is not a float type.

    Example:
        >>> import corten
        >>> corten.config.set_floatx("float64")
        >>> corten.config.floatx()
        'float64'
        >>> corten.config.set_floatx("float32")
    """
    if value not in FLOAT_DTYPES:
        raise ValueError(f"set_floatx: expected one of {FLOAT_DTYPES}; got {value!r}.")
    _Settings.floatx = str(value)


def epsilon() -> float:
    """Return the small number that keeps divisions and logarithms finite.

    Example:
        >>> import corten
        >>> corten.config.epsilon()
        1e-07
    """
    return _Settings.epsilon


def set_epsilon(value: float) -> None:
    """Set the value that `epsilon` returns.

    Args:
        value: A float.
    """
    _Settings.epsilon = float(value)


def image_data_format() -> str:
    """Return the default image layout: `'channels_last'` or `'channels_first'`.

    Example:
        >>> import corten
        >>> corten.config.image_data_format()
        'channels_last'
    """
    return _Settings.image_data_format


def set_image_data_format(data_format: str) -> None:
    """Set the default image layout.

    Args:
        data_format: `'channels_last'` or `'channels_first'`.

    Raises:
        ValueError: `data_format` is neither.
    """
    _Settings.image_data_format = standardize_data_format(data_format)


def standardize_data_format(data_format: str | None) -> str:
    """Return a checked image layout, the default one for None.

    Example:
        >>> from corten import config
        >>> config.standardize_data_format(None)
        'channels_last'
    """
    if data_format is None:
        return _Settings.image_data_format
    name = str(data_format).lower()
    if name not in {"channels_first", "channels_last"}:
        raise ValueError(f"data_format: expected 'channels_first' or 'channels_last'; got {data_format!r}.")
    return name


def backend() -> str:
    """Return the name of the engine, always `'corten'`.

    Example:
        >>> import corten
        >>> corten.config.backend()
        'corten'
    """
    return "corten"


def dtype_policy() -> DTypePolicy:
    """Return the policy that layers without an own `dtype` use.

    Example:
        >>> import corten
        >>> corten.config.dtype_policy().name
        'float32'
    """
    from corten.dtype_policies import DTypePolicy

    policy = _Settings.dtype_policy
    if policy is None:
        return DTypePolicy(_Settings.floatx)
    # What is done to a layer's policy is not done to those of other layers.
    return copy.copy(policy) if type(policy) is DTypePolicy else policy


def set_dtype_policy(policy: Any) -> None:
    """Set the policy that layers without an own `dtype` use.

    Args:
        policy: A `DTypePolicy` or a name such as `'mixed_bfloat16'`.

    Example:
        >>> import corten
        >>> corten.config.set_dtype_policy("mixed_bfloat16")
        >>> corten.config.dtype_policy().compute_dtype
        'bfloat16'
        >>> corten.config.set_dtype_policy("float32")
    """
    from corten import dtype_policies

    if not isinstance(policy, (str, dict, dtype_policies.DTypePolicy)):
        raise ValueError(
            "set_dtype_policy: Invalid `policy` argument. Expected a DTypePolicy or a name such as "
            f"'mixed_bfloat16'; got {policy!r}."
        )
    _Settings.dtype_policy = dtype_policies.get(policy)


def dataset_mirror() -> str | None:
    """Return the address or folder data sets are looked for first, None without one."""
    return _Settings.dataset_mirror


def set_dataset_mirror(address: Any) -> None:
    """Set where data sets are looked for before their well-known address.

    Args:
        address: An `https://` or `file://` address or a folder that holds the files under their
            usual names; None for no mirror. The environment variable `CORTEN_DATASET_MIRROR`
            comes first.

    Example:
        >>> import corten
        >>> corten.config.set_dataset_mirror("https://mirror.example/datasets")
        >>> corten.config.dataset_mirror()
        'https://mirror.example/datasets'
        >>> corten.config.set_dataset_mirror(None)
    """
    _Settings.dataset_mirror = None if address is None else str(address)


def max_epochs() -> int | None:
    """Return how many epochs a `fit` has at most; None without a limit."""
    return _Settings.max_epochs


def set_max_epochs(max_epochs: int | None) -> None:
    """Limit the epochs of every `fit`, whatever it asks for: to try a whole program quickly.

    Args:
        max_epochs: A number of at least 1, or None for no limit.

    Raises:
        ValueError: It is neither.

    Example:
        >>> import corten
        >>> corten.config.set_max_epochs(2)
        >>> corten.config.max_epochs()
        2
        >>> corten.config.set_max_epochs(None)
    """
    _Settings.max_epochs = _limit(max_epochs, "set_max_epochs")


def max_steps_per_epoch() -> int | None:
    """Return how many batches an epoch, an evaluation or a prediction has at most; None without a limit."""
    return _Settings.max_steps_per_epoch


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Limit the batches of every epoch of `fit`, of `evaluate` and of `predict`.

    Args:
        max_steps_per_epoch: A number of at least 1, or None for no limit.

    Raises:
        ValueError: It is neither.

    Example:
        >>> import corten
        >>> corten.config.set_max_steps_per_epoch(10)
        >>> corten.config.max_steps_per_epoch()
        10
        >>> corten.config.set_max_steps_per_epoch(None)
    """
    _Settings.max_steps_per_epoch = _limit(max_steps_per_epoch, "set_max_steps_per_epoch")


def _limit(value: Any, name: str) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if value is not None and not whole:
        raise ValueError(f"{name}: expected None or a whole number of at least 1; got {value!r}.")
    return value


def enable_interactive_logging() -> None:
    """Let progress output redraw its line (the default)."""
    _Settings.interactive_logging = True


def disable_interactive_logging() -> None:
    """Make progress output print plain lines."""
    _Settings.interactive_logging = False


def is_interactive_logging_enabled() -> bool:
    """Return whether progress output may redraw its line."""
    return _Settings.interactive_logging


def enable_flash_attention() -> None:
    """Make attention layers use the fused kernel, which never stores the attention weights."""
    _Settings.flash_attention = True


def disable_flash_attention() -> None:
    """Make attention layers compute and store the attention weights, one op at a time."""
    _Settings.flash_attention = False


def is_flash_attention_enabled() -> bool | None:
    """Return whether attention layers use the fused kernel; None means whenever they can.

    Example:
        >>> import corten
        >>> corten.config.is_flash_attention_enabled() is None
        True
    """
    return _Settings.flash_attention


def enable_traceback_filtering() -> None:
    """Accepted for compatibility: Corten's tracebacks are short already."""
    _Settings.traceback_filtering = True


def disable_traceback_filtering() -> None:
    """Accepted for compatibility: Corten's tracebacks are short already."""
    _Settings.traceback_filtering = False


def is_traceback_filtering_enabled() -> bool:
    """Return the flag that the two functions above set."""
    return _Settings.traceback_filtering


def standardize_dtype(dtype: Any) -> str:
    """Return the name of a dtype given as a string, a NumPy dtype or a Python type.

    Args:
        dtype: The dtype; None stands for `floatx()`.

    Raises:
        ValueError: The dtype is not one that Corten has.

    Example:
        >>> import numpy as np
        >>> from corten import config
        >>> config.standardize_dtype(np.int64), config.standardize_dtype(None)
        ('int64', 'float32')
    """
    if dtype.__class__ is str and dtype in _KNOWN_DTYPES:
        return dtype
    if dtype is None or dtype is float:
        return _Settings.floatx
    try:
        name = _PYTHON_DTYPES.get(dtype)
    except TypeError:
        name = None
    if name is None:
        name = dtype if isinstance(dtype, str) else getattr(dtype, "name", None)
    if name is None:
        # `np.float32` and `torch.float32` are no dtype instances but print as one.
        name = getattr(dtype, "__name__", str(dtype)).rsplit(".", 1)[-1]
    if name not in _KNOWN_DTYPES:
        import difflib

        close = difflib.get_close_matches(str(name), ALL_DTYPES, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"Invalid dtype: {dtype!r}; expected one of {ALL_DTYPES}.{hint}")
    return str(name)


def is_float_dtype(dtype: Any) -> bool:
    """Return whether `dtype` is a floating-point type.

    Example:
        >>> from corten import config
        >>> config.is_float_dtype("bfloat16"), config.is_float_dtype("int32")
        (True, False)
    """
    return (dtype if dtype.__class__ is str else standardize_dtype(dtype)) in FLOAT_DTYPES


def is_int_dtype(dtype: Any) -> bool:
    """Return whether `dtype` is an integer type, signed or not; bool is none.

    Example:
        >>> from corten import config
        >>> config.is_int_dtype("uint8"), config.is_int_dtype("bool")
        (True, False)
    """
    return standardize_dtype(dtype).startswith(("int", "uint"))
