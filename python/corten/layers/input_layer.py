"""`Input` and `InputLayer`: where a functional model starts."""

from __future__ import annotations

from typing import Any

from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer
from corten.symbolic import KerasTensor, Node, standardize_shape


class InputLayer(Layer):
    """The layer behind `Input`: it hands its tensor on.

    Args:
        shape: The shape of one sample, without the batch axis; None for unknown sizes.
        batch_size: The batch size, None if it may vary.
        dtype: The dtype; None takes the default float type.
        sparse: Accepted for compatibility; must be false.
        ragged: Accepted for compatibility; must be false.
        batch_shape: The shape with the batch axis, in place of `shape` and `batch_size`.
        input_tensor: A symbolic tensor to use as the input.
        optional: Whether None may be passed for this input.
        name: The name.

    Example:
        >>> import corten
        >>> corten.layers.InputLayer((3,)).output.shape
        (None, 3)
    """

    def __init__(
        self,
        shape: Any = None,
        batch_size: int | None = None,
        dtype: Any = None,
        sparse: bool | None = None,
        ragged: bool | None = None,
        batch_shape: Any = None,
        input_tensor: KerasTensor | None = None,
        optional: bool = False,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if sparse or ragged:
            if input_tensor is not None:
                raise ValueError(
                    "InputLayer: When providing `input_tensor`, you cannot provide an incompatible `sparse` "
                    "or `ragged` argument: tensors are dense."
                )
            raise NotImplementedError("InputLayer: sparse and ragged inputs are not supported.")
        if "input_shape" in kwargs:
            if shape is not None:
                raise ValueError("InputLayer: give `shape` or `input_shape`, not both.")
            import warnings

            warnings.warn("Argument `input_shape` is deprecated. Use `shape` instead.", stacklevel=2)
            shape = kwargs.pop("input_shape")
        batch_shape = kwargs.pop("batch_input_shape", batch_shape)
        super().__init__(name=name, **kwargs)
        if input_tensor is not None:
            if not isinstance(input_tensor, KerasTensor):
                raise ValueError(f"Argument `input_tensor` must be a KerasTensor; got {input_tensor!r}.")
            given = {
                "shape": (shape, input_tensor.shape[1:]),
                "batch_shape": (batch_shape, input_tensor.shape),
                "batch_size": (batch_size, input_tensor.shape[0] if input_tensor.shape else None),
                "dtype": (dtype, input_tensor.dtype),
            }
            for argument, (value, expected) in given.items():
                if argument.endswith("shape") and value is not None:
                    value = standardize_shape(value)
                if value is not None and value != expected:
                    raise ValueError(
                        f"InputLayer: with `input_tensor` you cannot provide an incompatible "
                        f"`{argument}`; the tensor has {expected}, got {value}."
                    )
            batch_shape, dtype = input_tensor.shape, input_tensor.dtype
        elif shape is not None and batch_shape is not None:
            raise ValueError("You cannot pass both `shape` and `batch_shape` at the same time.")
        elif batch_shape is not None:
            if batch_size is not None:
                raise ValueError("You cannot pass both `batch_size` and `batch_shape` at the same time.")
            batch_shape = standardize_shape(batch_shape)
        elif shape is None:
            raise ValueError("You must pass a `shape` argument.")
        else:
            batch_shape = (batch_size, *standardize_shape(shape))
        self._batch_shape = tuple(batch_shape)
        self.optional = optional
        self.sparse = self.ragged = False
        if input_tensor is None:
            input_tensor = KerasTensor(self._batch_shape, dtype, name=self.name)
        self._dtype = input_tensor.dtype
        Node(self, (), {}, input_tensor)
        self.built = True

    def call(self, inputs: Any = None) -> Any:
        """Return the input."""
        return inputs

    @property
    def batch_shape(self) -> tuple[int | None, ...]:
        """The shape with the batch axis."""
        return self._batch_shape

    @property
    def dtype(self) -> str:
        """The dtype of the input."""
        return self._dtype

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer."""
        config = {
            "batch_shape": self._batch_shape,
            "dtype": self._dtype,
            "sparse": False,
            "ragged": False,
            "name": self.name,
        }
        if self.optional:
            config["optional"] = True
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InputLayer:
        """Create a layer from what `get_config` returned."""
        return cls(**config)


def Input(
    shape: Any = None,
    batch_size: int | None = None,
    dtype: Any = None,
    sparse: bool | None = None,
    ragged: bool | None = None,
    batch_shape: Any = None,
    name: str | None = None,
    tensor: KerasTensor | None = None,
    optional: bool = False,
) -> KerasTensor:
    """Return a symbolic tensor that starts a functional model.

    Args:
        shape: The shape of one sample, without the batch axis; None for unknown sizes.
        batch_size: The batch size, None if it may vary.
        dtype: The dtype; None takes the default float type.
        sparse: Accepted for compatibility; must be false.
        ragged: Accepted for compatibility; must be false.
        batch_shape: The shape with the batch axis, in place of `shape` and `batch_size`.
        name: The name, by which a dict of inputs addresses it.
        tensor: A symbolic tensor to use as the input.
        optional: Whether None may be passed for this input.

    Example:
        >>> import corten
        >>> x = corten.Input((4,), name="features")
        >>> model = corten.Model(x, corten.layers.Dense(2)(x))
        >>> model.output_shape
        (None, 2)
    """
    layer = InputLayer(shape, batch_size, dtype, sparse, ragged, batch_shape, tensor, optional, name)
    output: KerasTensor = layer.output
    return output


__all__ = ["Input", "InputLayer", "InputSpec"]
