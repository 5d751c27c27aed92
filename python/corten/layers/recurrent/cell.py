"""What the built-in recurrent cells share: their arguments, weights and dropout masks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, initializers, ops, random
from corten.layers.arguments import known_size, positive_integer
from corten.layers.layer import Layer
from corten.layers.regularization import check_rate
from corten.layers.weight_options import WeightOptions


class DropoutMasks:
    """Mixin: dropout masks that stay the same over the steps of one sequence.

    The loop over steps calls `reset_dropout_masks` when a sequence ends.
    """

    dropout: float
    recurrent_dropout: float
    seed_generator: Any
    _input_mask: Any = None
    _recurrent_mask: Any = None

    def get_dropout_mask(self, inputs: Any) -> Any:
        """The mask for one step's inputs `(batch, features)`, or None without dropout."""
        if self._input_mask is None and self.dropout > 0:
            self._input_mask = self._new_mask(inputs, self.dropout)
        return self._input_mask

    def get_recurrent_dropout_mask(self, state: Any) -> Any:
        """The mask for the state `(batch, units)`, or None without recurrent dropout."""
        if self._recurrent_mask is None and self.recurrent_dropout > 0:
            self._recurrent_mask = self._new_mask(state, self.recurrent_dropout)
        return self._recurrent_mask

    def _new_mask(self, like: Any, rate: float) -> Any:
        return random.dropout(ops.stop_gradient(ops.ones_like(like)), rate, seed=self.seed_generator)

    def reset_dropout_masks(self) -> None:
        """Forget the masks, so that the next sequence draws new ones."""
        self._input_mask = None
        self._recurrent_mask = None


class BaseCell(DropoutMasks, WeightOptions, Layer):
    """Base of the built-in cells.

    A step is split in two: `project_inputs` needs no state, so the loop runs it once for a whole sequence,
    and `step` takes its result for one step and the states.
    """

    #: How many blocks of `units` columns the kernels have.
    gates = 1

    def __init__(
        self,
        units: int,
        *,
        activation: Any,
        use_bias: bool,
        kernel: tuple[Any, Any, Any],
        recurrent: tuple[Any, Any, Any],
        bias: tuple[Any, Any, Any],
        dropout: float,
        recurrent_dropout: float,
        seed: Any,
        **kwargs: Any,
    ) -> None:
        layer = type(self).__name__
        units = positive_integer(layer, "units", units)
        super().__init__(**kwargs)
        self.units = units
        self.activation = activations.get(activation)
        self.use_bias = use_bias
        self._set_weight_options(kernel=kernel, recurrent=recurrent, bias=bias)
        self.dropout = min(1.0, max(0.0, check_rate(layer, dropout)))
        self.recurrent_dropout = min(1.0, max(0.0, check_rate(layer, recurrent_dropout)))
        self.seed = seed
        if self.dropout > 0 or self.recurrent_dropout > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.state_size: Any = units
        self.output_size = units

    bias: Any = None

    def build(self, input_shape: Sequence[int | None]) -> None:
        features = known_size(type(self).__name__, input_shape, -1, "features")
        columns = self.gates * self.units
        self.kernel = self._add_option_weight("kernel", (features, columns))
        self.recurrent_kernel = self._add_option_weight(
            "recurrent", (self.units, columns), name="recurrent_kernel"
        )
        if self.use_bias:
            self._build_bias(columns)
        self.built = True

    def _build_bias(self, columns: int) -> None:
        self.bias = self._add_option_weight("bias", (columns,))

    def project_inputs(self, inputs: Any, training: bool | None) -> Any:
        """The part of a step that needs no state, for one step's inputs or a whole sequence."""
        if training and self.dropout > 0:
            mask = self.get_dropout_mask(inputs if len(inputs.shape) == 2 else inputs[:, 0])
            inputs = ops.multiply(inputs, mask if len(inputs.shape) == 2 else ops.expand_dims(mask, 1))
        projected = ops.matmul(inputs, self.kernel)
        bias = self._input_bias()
        return projected if bias is None else ops.add(projected, bias)

    def _input_bias(self) -> Any:
        return self.bias

    def _dropped_state(self, state: Any, training: bool | None) -> Any:
        if training and self.recurrent_dropout > 0:
            return ops.multiply(state, self.get_recurrent_dropout_mask(state))
        return state

    def step(self, projected: Any, states: list[Any], training: bool | None) -> tuple[Any, list[Any]]:
        """One step from projected inputs and states: the output and the new states."""
        raise NotImplementedError(f"{type(self).__name__}: define step(projected, states, training).")

    def call(self, inputs: Any, states: Any, training: bool | None = False) -> Any:
        given = list(states) if isinstance(states, (list, tuple)) else [states]
        output, new_states = self.step(self.project_inputs(inputs, training), given, training)
        return output, (new_states if isinstance(states, (list, tuple)) else new_states[0])

    def get_initial_state(self, batch_size: int | None = None) -> list[Any]:
        """Zeros for every state, `(batch_size, units)`."""
        sizes = self.state_size if isinstance(self.state_size, list) else [self.state_size]
        return [ops.zeros((batch_size, size), dtype=self.compute_dtype) for size in sizes]

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "units": self.units,
            "activation": activations.serialize(self.activation),
            "use_bias": self.use_bias,
            **self._weight_config(),
            "dropout": self.dropout,
            "recurrent_dropout": self.recurrent_dropout,
            "seed": self.seed,
        }


def forget_gate_bias(own: Any, units: int) -> Any:
    """An initializer for the biases of four gates: `own`, with ones in the forget gate's block."""

    def initialize(shape: Any, dtype: Any = None) -> Any:
        blocks = (
            own((units,), dtype=dtype),
            initializers.Ones()((units,), dtype=dtype),
            own((2 * units,), dtype=dtype),
        )
        return ops.concatenate([ops.convert_to_tensor(block) for block in blocks], axis=0)

    return initialize
