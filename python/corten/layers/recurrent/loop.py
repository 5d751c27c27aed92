"""`RNN`: runs a cell over the steps of a sequence."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops, saving, tree
from corten.layers.arguments import check_mask
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer
from corten.layers.recurrent.stacked import StackedRNNCells
from corten.symbolic import meta_tensor
from corten.variable import Variable


class RNN(Layer):
    """Runs a recurrent cell over the steps of a sequence `(batch, steps, features)`.

    Args:
        cell: A layer with `call(inputs, states)` giving `(output, new_states)` and an attribute `state_size`
            (an int or a list); `output_size` and `get_initial_state(batch_size)` are optional. A list of
            cells is stacked.
        return_sequences: Whether to return the outputs of all steps or the last one.
        return_state: Whether to return the final states too.
        go_backwards: Whether to run from the last step to the first; the outputs come in that order.
        stateful: Whether each batch starts with the states the previous one ended with.
        unroll: Accepted for compatibility; the loop is always unrolled.
        zero_output_for_mask: Whether masked steps give zeros instead of the previous output.

    Call arguments:
        sequences: The input, `(batch, steps, features)`.
        initial_state: The states to start with; zeros by default.
        mask: `(batch, steps)` bool: masked (False) steps leave the states as they are.
        training: Whether dropout is active.

    Example:
        >>> import numpy as np
        >>> from corten import layers
        >>> layer = RNN([layers.LSTMCell(4), layers.LSTMCell(5)], return_sequences=True)
        >>> layer(np.ones((2, 6, 3), "float32")).shape
        (2, 6, 5)
    """

    def __init__(
        self,
        cell: Any,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        stateful: bool = False,
        unroll: bool = False,
        zero_output_for_mask: bool = False,
        **kwargs: Any,
    ) -> None:
        layer = type(self).__name__
        if isinstance(cell, (list, tuple)):
            cell = StackedRNNCells(cell)
        if not callable(getattr(cell, "call", None)):
            raise ValueError(f"{layer}: Argument `cell` should have a `call` method. Received: cell={cell}")
        if not hasattr(cell, "state_size"):
            raise ValueError(
                f"{layer}: The RNN cell should have a `state_size` attribute (single integer or list "
                "of integers, one "
                f"integer per RNN state). Received: cell={cell}"
            )
        super().__init__(**kwargs)
        self.cell = cell
        self.return_sequences = return_sequences
        self.return_state = return_state
        self.go_backwards = go_backwards
        self.stateful = stateful
        self.unroll = unroll
        self.zero_output_for_mask = zero_output_for_mask
        self.supports_masking = True
        self.input_spec: Any = None
        self.states: Any = None
        self.single_state = isinstance(cell.state_size, int)

    @property
    def state_size(self) -> Any:
        """The sizes of the cell's states, always a list."""
        size = self.cell.state_size
        return [size] if isinstance(size, int) else list(size)

    def build(self, sequences_shape: Sequence[int | None], initial_state_shape: Any = None) -> None:
        layer = type(self).__name__
        if len(sequences_shape) < 3:
            raise ValueError(
                f"{layer}: the input must have the axes (batch, steps, features); got shape "
                f"{tuple(sequences_shape)}. "
                "Add the missing axis with x[..., None] for single numbers per step, or x[:, None] "
                "for single steps; "
                "layers before this one need return_sequences=True."
            )
        step_shape = (sequences_shape[0], *sequences_shape[2:])
        if isinstance(self.cell, Layer) and not self.cell.built:
            self.cell.build(step_shape)
            self.cell.built = True
        if self.stateful:
            if sequences_shape[0] is None:
                raise ValueError(
                    f"{layer}: stateful=True needs a fixed batch size; got input shape "
                    f"{tuple(sequences_shape)}. "
                    "Give it with Input(batch_shape=(batch, steps, features))."
                )
            self._create_state_variables(sequences_shape)
        self.built = True

    def _create_state_variables(self, sequences_shape: Sequence[int | None]) -> None:
        def variable(value: Any) -> Variable:
            state = self.add_weight(
                name="rnn_state",
                shape=tuple(value.shape),
                initializer="zeros",
                dtype=value.dtype,
                trainable=False,
            )
            state._is_state = True
            return state

        self.states = tree.map_structure(variable, self._initial_state_for(sequences_shape))

    def get_initial_state(self, batch_size: int | None) -> list[Any]:
        """The states a sequence starts with, as a list."""
        own = getattr(self.cell, "get_initial_state", None)
        if own is not None:
            initial = own(batch_size=batch_size)
        else:
            initial = [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in self.state_size]
        return list(initial) if isinstance(initial, (list, tuple)) else [initial]

    def _initial_state_for(self, sequences_shape: Sequence[int | None]) -> list[Any]:
        return self.get_initial_state(sequences_shape[0])

    def reset_state(self) -> None:
        """Set the kept states of a stateful layer to zero."""
        if self.states is not None:
            for variable in tree.flatten(self.states):
                variable.assign(ops.zeros(variable.shape, dtype=variable.dtype))

    def reset_states(self) -> None:
        """The older name of `reset_state`."""
        self.reset_state()

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = False
    ) -> Any:
        if isinstance(mask, (list, tuple)):
            mask = mask[0]
        if mask is not None and len(mask.shape) != 3:  # With a last axis of 1 it works, too.
            check_mask(type(self).__name__, "mask", mask, sequences.shape[:2], "(batch, steps)")
        states = self._starting_states(sequences, initial_state)
        try:
            last, outputs, states = self.inner_loop(sequences, states, mask, training)
        finally:
            self._reset_dropout_masks()
        if self.stateful and last.device != "meta":
            for variable, value in zip(tree.flatten(self.states), tree.flatten(states), strict=True):
                variable.assign(ops.cast(ops.stop_gradient(value), variable.dtype))
        result = outputs if self.return_sequences else last
        return (result, *states) if self.return_state else result

    def _starting_states(self, sequences: Any, initial_state: Any) -> list[Any]:
        if initial_state is None:
            if not self.stateful:
                return self._initial_state_for(sequences.shape)
            size, kept = sequences.shape[0], tree.flatten(self.states)[0].shape[0]
            if size != kept:
                raise ValueError(
                    f"{type(self).__name__}: a stateful layer keeps the batch size it was built with; got a "
                    f"batch size of {size} instead of {kept}. Use batches of {kept} samples."
                )
            initial_state = tree.map_structure(lambda variable: variable.value, self.states)
        states = list(initial_state) if isinstance(initial_state, (list, tuple)) else [initial_state]
        if len(states) != len(self.state_size):
            raise ValueError(
                f"{type(self).__name__}: `initial_state` must hold {len(self.state_size)} tensors; "
                f"got {len(states)}."
            )
        return [
            tree.map_structure(lambda value: ops.cast(value, self.compute_dtype), state) for state in states
        ]

    def inner_loop(
        self, sequences: Any, states: list[Any], mask: Any, training: bool | None
    ) -> tuple[Any, Any, list[Any]]:
        """Run the cell over all steps: the last output, all outputs, the final states."""
        steps = sequences.shape[1]
        if steps == 0:
            raise ValueError(
                f"{type(self).__name__}: the input has no steps; got shape {tuple(sequences.shape)}."
            )
        advance = self._step_function(sequences, training)
        order = range(steps - 1, -1, -1) if self.go_backwards else range(steps)
        # Shapes are the same at each step, and a file may say any number of them.
        shapes_only = getattr(sequences, "device", None) == "meta" and steps > 2
        if shapes_only:
            order = order[:2]
        outputs: list[Any] = []
        for step in order:
            output, new_states = advance(step, states)
            if mask is not None:
                kept = mask[:, step]
                previous = outputs[-1] if outputs else ops.zeros_like(output)
                output = _keep(kept, output, previous)
                new_states = tree.map_structure(
                    lambda new, old, k=kept: _keep(k, new, old), new_states, states
                )
            states = new_states
            outputs.append(output)
        last = outputs[-1]
        every = None
        if self.return_sequences:
            every = ops.stack(outputs, axis=1)
            if shapes_only:
                every = meta_tensor((last.shape[0], steps, *last.shape[1:]), every.dtype)
        if mask is not None and self.zero_output_for_mask:
            final = order[-1]
            last = _keep(mask[:, final], last, ops.zeros_like(last))
            if every is not None:
                ordered = ops.flip(mask, axis=1) if self.go_backwards else mask
                every = _keep(ordered, every, ops.zeros_like(every))
        return last, every, states

    def _step_function(self, sequences: Any, training: bool | None) -> Any:
        """A function `(step, states) -> (output, new states)`."""
        cell = self.cell
        if hasattr(cell, "project_inputs"):
            projected = cell.project_inputs(sequences, training)
            return lambda step, states: cell.step(projected[:, step], states, training)
        kwargs = {"training": training} if _accepts_training(self.cell) else {}

        def advance(step: int, states: list[Any]) -> tuple[Any, list[Any]]:
            output, new_states = self.cell(sequences[:, step], states, **kwargs)
            return output, list(new_states) if isinstance(new_states, (list, tuple)) else [new_states]

        return advance

    def _reset_dropout_masks(self) -> None:
        cells = self.cell.cells if isinstance(self.cell, StackedRNNCells) else [self.cell]
        for cell in cells:
            if hasattr(cell, "reset_dropout_masks"):
                cell.reset_dropout_masks()

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        output_mask = mask if self.return_sequences else None
        return (output_mask, *(None for _ in self.state_size)) if self.return_state else output_mask

    def _loop_config(self) -> dict[str, Any]:
        return {
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "go_backwards": self.go_backwards,
            "stateful": self.stateful,
            "unroll": self.unroll,
            "zero_output_for_mask": self.zero_output_for_mask,
        }

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            **self._loop_config(),
            "cell": saving.serialize_keras_object(self.cell),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> RNN:
        config = dict(config)
        cell = saving.deserialize_keras_object(config.pop("cell"), custom_objects=custom_objects)
        return cls(cell, **config)


def _keep(kept: Any, new: Any, old: Any) -> Any:
    """`new` where `kept` is true, else `old`; `kept` lacks the last axes."""
    while len(kept.shape) < len(new.shape):
        kept = ops.expand_dims(kept, -1)
    return ops.where(kept, new, old)


def _accepts_training(cell: Any) -> bool:
    import inspect

    return "training" in inspect.signature(cell.call).parameters


def cell_property(name: str) -> Any:
    """A read-only property of a layer that shows an attribute of its cell."""
    return property(lambda self: getattr(self.cell, name), doc=f"The cell's `{name}`.")


class CellLayer(RNN):
    """Base of SimpleRNN, LSTM and GRU: an RNN that makes its own cell and shows its options."""

    units = cell_property("units")
    activation = cell_property("activation")
    use_bias = cell_property("use_bias")
    kernel_initializer = cell_property("kernel_initializer")
    recurrent_initializer = cell_property("recurrent_initializer")
    bias_initializer = cell_property("bias_initializer")
    kernel_regularizer = cell_property("kernel_regularizer")
    recurrent_regularizer = cell_property("recurrent_regularizer")
    bias_regularizer = cell_property("bias_regularizer")
    kernel_constraint = cell_property("kernel_constraint")
    recurrent_constraint = cell_property("recurrent_constraint")
    bias_constraint = cell_property("bias_constraint")
    dropout = cell_property("dropout")
    recurrent_dropout = cell_property("recurrent_dropout")
    seed = cell_property("seed")

    def __init__(self, cell: Any, **kwargs: Any) -> None:
        super().__init__(cell, **kwargs)
        self.input_spec = InputSpec(ndim=3)

    def get_config(self) -> dict[str, Any]:
        from corten import regularizers

        cell = self.cell.get_config()
        for name in ("name", "trainable", "dtype", "autocast"):
            cell.pop(name, None)
        base = Layer.get_config(self)
        loop = self._loop_config()
        return {
            **base,
            **loop,
            **cell,
            "activity_regularizer": regularizers.serialize(self.activity_regularizer),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None) -> CellLayer:
        return cls(**config)
