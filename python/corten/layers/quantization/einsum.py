"""`QuantizedEinsum`: how the kernel of an einsum equation is a matrix, and where its scales lie."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.einsum_equation import Label, axis_labels, parse_equation
from corten.layers.quantization.product import QuantizedProduct


def aligned(tensor: Any, labels: Sequence[Label], target: Sequence[Label]) -> Any:
    """Put axes in the order of other labels; axes of size 1 come and go as labels do.

    Args:
        tensor: A tensor with an axis for each of `labels`.
        labels: Names of the axes.
        target: Names of the axes of the result.

    Example:
        >>> import numpy as np
        >>> aligned(np.ones((2, 1, 3)), "abc", "xca").shape
        (1, 3, 2)
    """
    sizes = dict(zip(labels, tensor.shape, strict=True))
    kept = [label for label in labels if label in target]
    order = sorted(range(len(kept)), key=lambda place: target.index(kept[place]))
    tensor = ops.reshape(tensor, [sizes[label] for label in kept])
    if order != list(range(len(kept))):
        tensor = ops.transpose(tensor, order)
    return ops.reshape(tensor, [sizes[label] if label in kept else 1 for label in target])


class QuantizedEinsum(QuantizedProduct):
    """Mixin of `EinsumDense`: `QuantizedProduct` for any equation.

    The rows of the matrix are the kernel's summed axes, its columns the others. (Keras takes the rows of a
    GPTQ kernel with three axes from their sizes; for the projections of attention that is the same.)
    """

    def _labels(self: Any) -> tuple[str, str, str]:
        """The equation's input, kernel and output."""
        return parse_equation(self.equation)

    def _output_labels(self: Any) -> list[Label]:
        result = self._labels()[2]
        return axis_labels(result, len(self.full_output_shape) - len(result.replace("...", "")))

    def _input_labels(self, rank: int) -> list[Label]:
        source = self._labels()[0]
        return axis_labels(source, rank - len(source.replace("...", "")))

    def _summed_kernel_axes(self) -> tuple[int, ...]:
        _, kernel, result = self._labels()
        return tuple(axis for axis, label in enumerate(kernel) if label not in result)

    def _summed_input_axes(self, rank: int) -> tuple[int, ...]:
        result = self._output_labels()
        return tuple(axis for axis, label in enumerate(self._input_labels(rank)) if label not in result)

    def _row_order(self, rank: int) -> tuple[int, ...]:
        kernel = self._labels()[1]
        places = self._input_labels(rank)
        return tuple(places.index(kernel[axis]) for axis in self._summed_kernel_axes())

    def _beside_output(self, scale: Any) -> Any:
        return aligned(scale, self._labels()[1], self._output_labels())

    def _beside_kernel(self, scale: Any) -> Any:
        return aligned(scale, self._output_labels(), list(self._labels()[1]))

    def _input_scale_beside_output(self, scale: Any) -> Any:
        return aligned(scale, self._input_labels(len(scale.shape)), self._output_labels())

    # ---- the kernel as a matrix --------------------------------------------------------------------

    def _matrix_axes(self: Any) -> tuple[list[int], list[int]]:
        rows = list(self._summed_kernel_axes())
        return rows, [axis for axis in range(len(self._adapted_shape)) if axis not in rows]

    def _matrix_shape(self: Any) -> tuple[int, int]:
        sizes = [1, 1]
        for which, axes in enumerate(self._matrix_axes()):
            for axis in axes:
                sizes[which] *= self._adapted_shape[axis]
        return sizes[0], sizes[1]

    def _matrix_of(self, kernel: Any) -> Any:
        rows, columns = self._matrix_axes()
        return ops.reshape(ops.transpose(kernel, [*rows, *columns]), self._matrix_shape())

    def _kernel_of(self: Any, matrix: Any) -> Any:
        rows, columns = self._matrix_axes()
        order = [*rows, *columns]
        whole = matrix.shape[0] == self._matrix_shape()[0]
        sizes = [self._adapted_shape[axis] if whole or axis in columns else 1 for axis in order]
        kernel = ops.reshape(matrix, sizes)
        return ops.transpose(kernel, [order.index(axis) for axis in range(len(order))])

    def _block_size(self) -> int | None:
        size = super()._block_size()
        return None if size == -1 else size

    @property
    def _int4_unpacked_column_size(self) -> int:
        return self._matrix_shape()[1]
