"""`InputSpec`: what a layer accepts, and the check of it."""

from __future__ import annotations

from typing import Any

from corten import tree


class InputSpec:
    """Rank, dtype and shape that a layer's input must have. None accepts anything.

    Args:
        dtype: The dtype.
        shape: The whole shape, None for free sizes.
        ndim: The exact number of axes.
        max_ndim: The largest number of axes.
        min_ndim: The smallest number of axes.
        axes: Required sizes of single axes, as a dict from axis to size.
        allow_last_axis_squeeze: Whether a last axis of length 1 may be missing or extra.
        name: The expected key when inputs come as a dict.
        optional: Whether the input may be None.

    Example:
        >>> from corten.layers import InputSpec
        >>> InputSpec(min_ndim=2, axes={-1: 4})
        InputSpec(min_ndim=2, axes={-1: 4})
    """

    def __init__(
        self,
        dtype: Any = None,
        shape: Any = None,
        ndim: int | None = None,
        max_ndim: int | None = None,
        min_ndim: int | None = None,
        axes: dict[int, int | None] | None = None,
        allow_last_axis_squeeze: bool = False,
        name: str | None = None,
        optional: bool = False,
    ) -> None:
        from corten.symbolic import standardize_shape

        self.dtype = dtype
        self.shape = None if shape is None else standardize_shape(shape)
        self.ndim = ndim if self.shape is None else len(self.shape)
        self.max_ndim = max_ndim
        self.min_ndim = min_ndim
        self.name = name
        self.optional = optional
        self.allow_last_axis_squeeze = allow_last_axis_squeeze
        try:
            self.axes = {int(axis): size for axis, size in (axes or {}).items()}
        except (TypeError, ValueError, AttributeError):
            raise TypeError(f"InputSpec: `axes` must be a dict with integer keys; got {axes!r}.") from None
        if self.axes and (self.ndim is not None or self.max_ndim is not None):
            rank = self.ndim if self.ndim is not None else self.max_ndim
            assert rank is not None
            if max(self.axes) > rank - 1:
                raise ValueError(
                    f"InputSpec: axis {max(self.axes)} is too large (maximum allowed: {rank - 1})."
                )

    def __repr__(self) -> str:
        names: tuple[str, ...] = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes")
        if self.shape is not None:
            names = ("dtype", "shape", "max_ndim", "min_ndim", "axes")
        shown = [f"{name}={getattr(self, name)}" for name in names if getattr(self, name)]
        return f"InputSpec({', '.join(shown)})"

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this object."""
        names = ("dtype", "shape", "ndim", "max_ndim", "min_ndim", "axes", "optional")
        return {name: getattr(self, name) for name in names}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputSpec:
        """Create an object from what `get_config` returned."""
        config = dict(config)
        if config.get("shape") is not None:
            config["ndim"] = None
        return cls(**config)


def assert_input_compatibility(input_spec: Any, inputs: Any, layer_name: str) -> None:
    """Raise ValueError unless the inputs are what the layer accepts.

    Args:
        input_spec: An `InputSpec` or a structure of them.
        inputs: A tensor or a structure of tensors (anything with a `shape`).
        layer_name: The name for the message.

    Example:
        >>> import corten
        >>> from corten.layers import InputSpec
        >>> from corten.layers.input_spec import assert_input_compatibility
        >>> assert_input_compatibility(InputSpec(ndim=2), corten.KerasTensor((None, 3)), "dense")
    """
    if not input_spec:
        return
    specs = tree.flatten(input_spec)
    if isinstance(inputs, dict) and all(spec.name is not None for spec in specs):
        names = [spec.name for spec in specs]
        missing = [name for name in names if name not in inputs]
        if missing:
            raise ValueError(
                f'Missing data for input "{missing[0]}" of layer "{layer_name}". '
                f"You passed a data dictionary with keys {list(inputs)}. "
                f"Expected the following keys: {names}"
            )
        flat = [inputs[name] for name in names]
    else:
        flat = tree.flatten(inputs)
    if len(flat) != len(specs):
        raise ValueError(
            f'Layer "{layer_name}" expects {len(specs)} input(s), '
            f"but it received {len(flat)} input tensors. Inputs received: {_describe(flat)}"
        )
    for index, (spec, value) in enumerate(zip(specs, flat, strict=True)):
        if spec is None or (value is None and spec.optional):
            continue
        shape = getattr(value, "shape", None)
        if shape is None:
            raise ValueError(f'Inputs to layer "{layer_name}" must be tensors; input {index} is {value!r}.')
        problem = _problem(spec, tuple(shape), value)
        if problem:
            raise ValueError(
                f'Input {index} of layer "{layer_name}" is incompatible with the layer: {problem}'
            )


def takes_one_tensor(input_spec: Any) -> bool:
    """Whether a layer with this `input_spec` is known to take a single tensor."""
    if isinstance(input_spec, (list, tuple)):
        return len(input_spec) == 1
    return isinstance(input_spec, InputSpec)


def _describe(flat: list[Any]) -> list[Any]:
    return [getattr(value, "shape", type(value).__name__) for value in flat]


def _problem(spec: InputSpec, shape: tuple[int | None, ...], value: Any) -> str | None:
    """Return what is wrong with one input, or None."""
    ndim = len(shape)
    if spec.ndim is not None and not spec.allow_last_axis_squeeze and ndim != spec.ndim:
        if spec.shape is not None:
            return f"expected shape={spec.shape}, found shape={shape}{_flatten_hint(_flat_size(spec), shape)}"
        return f"expected ndim={spec.ndim}, found ndim={ndim}. Full shape received: {shape}"
    if spec.max_ndim is not None and ndim > spec.max_ndim:
        return f"expected max_ndim={spec.max_ndim}, found ndim={ndim}"
    if spec.min_ndim is not None and ndim < spec.min_ndim:
        return f"expected min_ndim={spec.min_ndim}, found ndim={ndim}. Full shape received: {shape}"
    if spec.dtype is not None and str(value.dtype) != spec.dtype:
        return f"expected dtype={spec.dtype}, found dtype={value.dtype}"
    for axis, size in spec.axes.items():
        if size is None or not -ndim <= axis < ndim:
            continue
        if shape[axis] not in {size, None}:
            return (
                f"expected axis {axis} of input shape to have value {size}, "
                f"but received input with shape {shape}"
                f"{_flatten_hint(size if axis == -1 else None, shape)}"
            )
    if spec.shape is not None:
        expected = spec.shape
        if spec.allow_last_axis_squeeze:
            if shape and shape[-1] == 1:
                shape = shape[:-1]
            if expected and expected[-1] == 1:
                expected = expected[:-1]
        for want, found in zip(expected, shape, strict=False):
            if want is not None and found is not None and want != found:
                return (
                    f"expected shape={spec.shape}, found shape={tuple(value.shape)}"
                    f"{_flatten_hint(_flat_size(spec), shape)}"
                )
    return None


def _flat_size(spec: InputSpec) -> int | None:
    """Return how many numbers a sample has where the layer takes flat ones."""
    return spec.shape[1] if spec.shape is not None and len(spec.shape) == 2 else None


def _flatten_hint(wanted: int | None, shape: tuple[int | None, ...]) -> str:
    """Return the fix for the commonest mistake: images given to a model of flat vectors."""
    if wanted is None or len(shape) <= 2 or None in shape[1:]:
        return ""
    size = 1
    for length in shape[1:]:
        size *= length or 1
    if size != wanted:
        return ""
    return (
        f". Each sample has shape {shape[1:]}; the model wants {size} numbers: start the model "
        f"with `layers.Flatten()` or pass `x.reshape(-1, {size})`."
    )
