"""`StackedRNNCells`: several cells that act as one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops, saving
from corten.layers.layer import Layer


class StackedRNNCells(Layer):
    """Cells on top of one another: each takes the output of the one before.

    Args:
        cells: The cells, first to last.

    Example:
        >>> from corten import layers
        >>> StackedRNNCells([layers.GRUCell(4), layers.LSTMCell(5)]).state_size
        [4, [5, 5]]
    """

    def __init__(self, cells: Sequence[Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        for cell in cells:
            if not callable(getattr(cell, "call", None)) or not hasattr(cell, "state_size"):
                raise ValueError(
                    "StackedRNNCells: All cells must have a `call` method and a `state_size` attribute. "
                    f"Received cell without them: {cell}"
                )
        self.cells = list(cells)
        self.autocast = False  # Each cell casts to its own dtype.

    @property
    def state_size(self) -> list[Any]:
        """The state sizes of the cells, one entry per cell."""
        return [cell.state_size for cell in self.cells]

    @property
    def output_size(self) -> Any:
        """The output size of the last cell."""
        last = self.cells[-1]
        if getattr(last, "output_size", None) is not None:
            return last.output_size
        return last.state_size[0] if isinstance(last.state_size, (list, tuple)) else last.state_size

    def build(self, input_shape: Sequence[int | None]) -> None:
        for cell in self.cells:
            if isinstance(cell, Layer) and not cell.built:
                cell.build(input_shape)
                cell.built = True
            size = getattr(cell, "output_size", None)
            if size is None:
                size = cell.state_size[0] if isinstance(cell.state_size, (list, tuple)) else cell.state_size
            input_shape = (input_shape[0], size)
        self.built = True

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """The states each cell starts with, one entry per cell."""
        states = []
        for cell in self.cells:
            if hasattr(cell, "get_initial_state"):
                state = cell.get_initial_state(batch_size=batch_size)
            elif isinstance(cell.state_size, (list, tuple)):
                state = [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in cell.state_size]
            else:
                state = [ops.zeros((batch_size, cell.state_size), dtype=self.compute_dtype)]
            single = isinstance(cell.state_size, int)
            states.append(state[0] if single and isinstance(state, (list, tuple)) else state)
        return states

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> Any:
        from corten.layers.recurrent.loop import _accepts_training

        new_states = []
        for cell, state in zip(self.cells, states, strict=True):
            kwargs = {"training": training} if _accepts_training(cell) else {}
            single = not isinstance(state, (list, tuple))
            inputs, new_state = cell(inputs, [state] if single else list(state), **kwargs)
            if single and isinstance(new_state, (list, tuple)):
                new_state = new_state[0]
            new_states.append(list(new_state) if isinstance(new_state, tuple) else new_state)
        return inputs, new_states

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "cells": [saving.serialize_keras_object(cell) for cell in self.cells]}

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> StackedRNNCells:
        config = dict(config)
        cells = [
            saving.deserialize_keras_object(cell, custom_objects=custom_objects)
            for cell in config.pop("cells")
        ]
        return cls(cells, **config)
