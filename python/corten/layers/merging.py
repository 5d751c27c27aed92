"""Layers that join several inputs into one, and the functions of the same name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.layer import Layer

Shape = tuple[int | None, ...]


class Merge(Layer):
    """Base of the elementwise merge layers: a subclass says in `_merge` how two tensors meet."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.supports_masking = True

    _exactly_two = False

    def build(self, input_shape: Any) -> None:
        layer = type(self).__name__
        shapes = _shapes(layer, input_shape)
        if self._exactly_two and len(shapes) != 2:
            raise ValueError(f"{layer}: the layer should be called on exactly 2 inputs; got shapes {shapes}.")
        if len(shapes) < 1:
            raise ValueError(f"{layer}: takes a list of at least 1 input; got none.")
        self._check_broadcast(shapes)
        self.built = True

    def _check_broadcast(self, shapes: list[Shape]) -> None:
        batch_sizes = {shape[0] for shape in shapes if shape and shape[0] is not None}
        if len(batch_sizes - {1}) > 1:
            raise ValueError(
                f"{type(self).__name__}: cannot merge inputs of different batch sizes; got shapes {shapes}."
            )
        if len({len(shape) for shape in shapes}) > 1:
            return  # Different ranks align after the batch axis; the op checks the sizes.
        for sizes in zip(*(shape[1:] for shape in shapes), strict=True):
            known = {size for size in sizes if size not in (None, 1)}
            if len(known) > 1:
                raise ValueError(
                    f"{type(self).__name__}: inputs must have shapes that broadcast; got {shapes}. "
                    "Use Concatenate to join along an axis, or Reshape to align."
                )

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(
                f"{type(self).__name__}: takes a list of inputs; got a single {type(inputs).__name__}."
            )
        return self._merge_all(_aligned(list(inputs)))

    def _merge_all(self, inputs: list[Any]) -> Any:
        output = inputs[0]
        for item in inputs[1:]:
            output = self._merge(output, item)
        return output

    def _merge(self, first: Any, second: Any) -> Any:
        raise NotImplementedError(f"{type(self).__name__}: define _merge(first, second).")

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        masks = _masks(type(self).__name__, inputs, mask)
        if masks is None or any(item is None for item in masks):
            return None  # An input without a mask has data everywhere.
        output = masks[0]
        for item in masks[1:]:
            output = ops.logical_or(output, item)
        return output


class MergeOfUnmasked(Merge):
    """Base of merges that leave masked cells out instead of counting what stands in them."""

    def call(self, inputs: Any, mask: Any = None) -> Any:
        if mask is None or all(item is None for item in mask):
            return super().call(inputs)
        kept = [_cell_mask(own, len(item.shape)) for own, item in zip(mask, inputs, strict=True)]
        (output, *rest), (output_kept, *rest_kept) = _aligned(list(inputs)), _aligned(kept)
        for item, item_kept in zip(rest, rest_kept, strict=True):
            merged = self._merge(output, item)
            merged = ops.where(ops.logical_and(output_kept, ops.logical_not(item_kept)), output, merged)
            output = ops.where(ops.logical_and(item_kept, ops.logical_not(output_kept)), item, merged)
            output_kept = ops.logical_or(output_kept, item_kept)
        return output


def _cell_mask(mask: Any, rank: int) -> Any:
    """A mask over the first axes of an input, with axes of size 1 for the others; all true without a mask."""
    if mask is None:
        return ops.ones((1,) * rank, dtype="bool")
    mask = ops.cast(mask, "bool")
    while len(mask.shape) < rank:
        mask = ops.expand_dims(mask, -1)
    return mask


def _shapes(layer: str, input_shape: Any) -> list[Shape]:
    """The list of shapes a merge layer is built with."""
    if (
        not isinstance(input_shape, (list, tuple))
        or not input_shape
        or not all(isinstance(shape, (list, tuple)) for shape in input_shape)
    ):
        raise ValueError(
            f"{layer}: takes a list of inputs, such as {layer}()([a, b]); got a single input of shape "
            f"{input_shape}."
        )
    return [tuple(shape) for shape in input_shape]


def _masks(layer: str, inputs: Any, mask: Any) -> list[Any] | None:
    if mask is None:
        return None
    if not isinstance(mask, (list, tuple)):
        raise ValueError(f"{layer}: `mask` should be a list. Pass one mask, or None, per input.")
    if not isinstance(inputs, (list, tuple)):
        raise ValueError(f"{layer}: `inputs` should be a list. Pass [a, b] instead of a single tensor.")
    if len(mask) != len(inputs):
        raise ValueError(
            f"{layer}: `inputs` and `mask` should have the same length. Received {len(inputs)} inputs and "
            f"{len(mask)} masks."
        )
    return list(mask)


def _aligned(inputs: list[Any]) -> list[Any]:
    """Give all inputs the same rank by inserting axes of size 1 after the batch axis."""
    rank = max(len(item.shape) for item in inputs)
    aligned = []
    for item in inputs:
        for _ in range(rank - len(item.shape)):
            item = ops.expand_dims(item, 1)
        aligned.append(item)
    return aligned


class Add(Merge):
    """Sum of the inputs.

    Example:
        >>> import numpy as np
        >>> Add()([np.array([[1.0]], "float32"), np.array([[2.0]], "float32")]).tolist()
        [[3.0]]
    """

    def _merge(self, first: Any, second: Any) -> Any:
        return ops.add(first, second)


class Subtract(Merge):
    """First input minus the second.

    Example:
        >>> import numpy as np
        >>> Subtract()([np.array([[3.0]], "float32"), np.array([[1.0]], "float32")]).tolist()
        [[2.0]]
    """

    _exactly_two = True

    def _merge(self, first: Any, second: Any) -> Any:
        return ops.subtract(first, second)


class Multiply(MergeOfUnmasked):
    """Product of the inputs, cell by cell.

    Example:
        >>> import numpy as np
        >>> Multiply()([np.array([[3.0]], "float32"), np.array([[2.0]], "float32")]).tolist()
        [[6.0]]
    """

    def _merge(self, first: Any, second: Any) -> Any:
        return ops.multiply(first, second)


class Average(Merge):
    """Mean of the inputs, cell by cell.

    Example:
        >>> import numpy as np
        >>> Average()([np.array([[3.0]], "float32"), np.array([[1.0]], "float32")]).tolist()
        [[2.0]]
    """

    def _merge(self, first: Any, second: Any) -> Any:
        return ops.add(first, second)

    def _merge_all(self, inputs: list[Any]) -> Any:
        return ops.divide(super()._merge_all(inputs), len(inputs))


class Maximum(MergeOfUnmasked):
    """Largest of the inputs, cell by cell.

    Example:
        >>> import numpy as np
        >>> Maximum()([np.array([[3.0]], "float32"), np.array([[1.0]], "float32")]).tolist()
        [[3.0]]
    """

    def _merge(self, first: Any, second: Any) -> Any:
        return ops.maximum(first, second)


class Minimum(MergeOfUnmasked):
    """Smallest of the inputs, cell by cell.

    Example:
        >>> import numpy as np
        >>> Minimum()([np.array([[3.0]], "float32"), np.array([[1.0]], "float32")]).tolist()
        [[1.0]]
    """

    def _merge(self, first: Any, second: Any) -> Any:
        return ops.minimum(first, second)


class Concatenate(Merge):
    """Joins the inputs along an axis; the other axes must have equal sizes.

    Args:
        axis: The axis to join along.

    Example:
        >>> import numpy as np
        >>> Concatenate()([np.ones((2, 3), "float32"), np.ones((2, 5), "float32")]).shape
        (2, 8)
    """

    def __init__(self, axis: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis = axis

    def _check_broadcast(self, shapes: list[Shape]) -> None:
        rank = len(shapes[0])
        if any(len(shape) != rank for shape in shapes):
            raise ValueError(f"Concatenate: inputs must have the same number of axes; got shapes {shapes}.")
        if not -rank <= self.axis < rank:
            raise ValueError(f"Concatenate: axis={self.axis} is out of range for inputs of shapes {shapes}.")
        for position, sizes in enumerate(zip(*shapes, strict=True)):
            known = {size for size in sizes if size is not None}
            if position != self.axis % rank and len(known) > 1:
                raise ValueError(
                    "Concatenate: A `Concatenate` layer requires inputs with matching shapes except for the "
                    f"concatenation axis. Received: input_shape={shapes} with axis={self.axis}; axis "
                    f"{position} differs."
                )

    def call(self, inputs: Any) -> Any:
        if not isinstance(inputs, (list, tuple)):
            raise ValueError(f"Concatenate: takes a list of inputs; got a single {type(inputs).__name__}.")
        return ops.concatenate(list(inputs), axis=self.axis)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        masks = _masks("Concatenate", inputs, mask)
        if masks is None or all(item is None for item in masks):
            return None
        rank = len(inputs[0].shape)
        parts = []
        for item, item_mask in zip(inputs, masks, strict=True):
            if item_mask is None:
                parts.append(ops.ones_like(item, dtype="bool"))
            else:
                whole = item_mask
                while len(whole.shape) < rank:
                    whole = ops.expand_dims(whole, -1)
                # Broadcasts without asking for sizes, which a symbolic input may not have.
                parts.append(ops.logical_and(whole, ops.ones_like(item, dtype="bool")))
        joined = ops.concatenate(parts, axis=self.axis)
        return ops.any(joined, axis=-1)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}


class Dot(Merge):
    """Dot product of two inputs along one axis of each, sample by sample.

    Args:
        axes: The axis of both inputs to multiply along, or one axis for each.
        normalize: Whether to scale the vectors to length 1 first: the result is then the cosine similarity.

    Example:
        >>> import numpy as np
        >>> a = np.array([[1.0, 2.0]], "float32")
        >>> Dot(axes=1)([a, a]).tolist()
        [[5.0]]
    """

    _exactly_two = True

    def __init__(self, axes: int | Sequence[int], normalize: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not hasattr(axes, "__index__"):
            if (
                not isinstance(axes, (list, tuple))
                or len(axes) != 2
                or not all(hasattr(a, "__index__") for a in axes)
            ):
                raise (TypeError if not isinstance(axes, (list, tuple)) else ValueError)(
                    f"Dot: `axes` must be an int or a list of 2 ints; got axes={axes!r}."
                )
            axes = tuple(axes)
        self.axes: Any = axes
        self.normalize = normalize

    def _axes(self, first: Sequence[Any], second: Sequence[Any]) -> tuple[int, int]:
        axes = self.axes if isinstance(self.axes, tuple) else (self.axes, self.axes)
        one, other = axes
        return (one + len(first) if one < 0 else one), (other + len(second) if other < 0 else other)

    def _check_broadcast(self, shapes: list[Shape]) -> None:
        if any(len(shape) < 2 for shape in shapes):
            raise ValueError(f"Dot: inputs must have at least 2 axes (batch included); got shapes {shapes}.")
        first, second = self._axes(*shapes)
        if first >= len(shapes[0]) or second >= len(shapes[1]):
            raise ValueError(f"Dot: axes={self.axes} is out of range for inputs of shapes {shapes}.")
        sizes = shapes[0][first], shapes[1][second]
        if None not in sizes and sizes[0] != sizes[1]:
            raise ValueError(
                f"Dot: Incompatible input shapes: axis {first} of the first has size {sizes[0]}, axis "
                f"{second} of the "
                f"second {sizes[1]}; got shapes {shapes} with axes={self.axes}."
            )

    def call(self, inputs: Any) -> Any:
        first, second = inputs
        axes = self._axes(first.shape, second.shape)
        if self.normalize:
            first, second = ops.normalize(first, axis=axes[0]), ops.normalize(second, axis=axes[1])
        return batch_dot(first, second, axes)

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        return None

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axes": self.axes, "normalize": self.normalize}


def batch_dot(first: Any, second: Any, axes: tuple[int, int]) -> Any:
    """Multiply along one axis of each tensor, sample by sample; two vectors give `(batch, 1)`."""
    first, second = ops.moveaxis(first, axes[0], -1), ops.moveaxis(second, axes[1], 1)
    before, after = tuple(first.shape[1:-1]), tuple(second.shape[2:])
    size = first.shape[-1]
    product = ops.matmul(
        ops.reshape(first, (first.shape[0], _product(before), size)),
        ops.reshape(second, (second.shape[0], size, _product(after))),
    )
    return ops.reshape(product, (product.shape[0], *(before + after or (1,))))


def _product(sizes: tuple[int, ...]) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result


def add(inputs: Any, **kwargs: Any) -> Any:
    """Sum of the inputs: `Add(**kwargs)(inputs)`."""
    return Add(**kwargs)(inputs)


def subtract(inputs: Any, **kwargs: Any) -> Any:
    """First input minus the second: `Subtract(**kwargs)(inputs)`."""
    return Subtract(**kwargs)(inputs)


def multiply(inputs: Any, **kwargs: Any) -> Any:
    """Product of the inputs: `Multiply(**kwargs)(inputs)`."""
    return Multiply(**kwargs)(inputs)


def average(inputs: Any, **kwargs: Any) -> Any:
    """Mean of the inputs: `Average(**kwargs)(inputs)`."""
    return Average(**kwargs)(inputs)


def maximum(inputs: Any, **kwargs: Any) -> Any:
    """Largest of the inputs: `Maximum(**kwargs)(inputs)`."""
    return Maximum(**kwargs)(inputs)


def minimum(inputs: Any, **kwargs: Any) -> Any:
    """Smallest of the inputs: `Minimum(**kwargs)(inputs)`."""
    return Minimum(**kwargs)(inputs)


def concatenate(inputs: Any, axis: int = -1, **kwargs: Any) -> Any:
    """Joins the inputs along `axis`: `Concatenate(axis, **kwargs)(inputs)`."""
    return Concatenate(axis=axis, **kwargs)(inputs)


def dot(inputs: Any, axes: int | Sequence[int] = -1, normalize: bool = False, **kwargs: Any) -> Any:
    """Dot product of two inputs: `Dot(axes, normalize, **kwargs)(inputs)`."""
    return Dot(axes=axes, normalize=normalize, **kwargs)(inputs)
