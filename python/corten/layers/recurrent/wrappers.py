"""Wrappers over time: both directions, and any layer at every step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops, saving, tree
from corten.layers.arguments import one_of
from corten.layers.core import Wrapper
from corten.layers.layer import Layer


class Bidirectional(Layer):
    """Runs a recurrent layer forwards and a copy of it backwards, and joins the outputs.

    Args:
        layer: A recurrent layer, such as `LSTM`.
        merge_mode: How to join: "concat", "sum", "mul", "ave", or None for a list of both.
        weights: Initial weights, those of the forward layer first.
        backward_layer: The layer for the other direction (with `go_backwards` opposite to `layer`); None
            copies `layer`.

    Example:
        >>> import numpy as np
        >>> from corten import layers
        >>> Bidirectional(layers.LSTM(4))(np.ones((2, 5, 3), "float32")).shape
        (2, 8)
    """

    def __init__(
        self,
        layer: Layer,
        merge_mode: str | None = "concat",
        weights: list[Any] | None = None,
        backward_layer: Layer | None = None,
        **kwargs: Any,
    ) -> None:
        if not isinstance(layer, Layer):
            raise ValueError(
                "Bidirectional: Please initialize `Bidirectional` layer with a `Layer` instance. "
                f"Received: {layer}"
            )
        if backward_layer is not None and not isinstance(backward_layer, Layer):
            raise ValueError(
                f"Bidirectional: `backward_layer` need to be a `Layer` instance. Received: {backward_layer}"
            )
        merge_mode = one_of("Bidirectional", "merge_mode", merge_mode, ("sum", "mul", "ave", "concat", None))
        if not hasattr(layer, "go_backwards") or not hasattr(layer, "return_sequences"):
            raise ValueError(
                "Bidirectional: `layer` must be a recurrent layer (with go_backwards and "
                "return_sequences); got "
                f"{type(layer).__name__}."
            )
        super().__init__(**kwargs)
        self.merge_mode = merge_mode
        # Layers from a file have the prefix already.
        name = layer.name.removeprefix("forward_")
        self.forward_layer = _copy(layer, f"forward_{name}")
        if backward_layer is None:
            self.backward_layer = _copy(layer, f"backward_{name}", go_backwards=not layer.go_backwards)
        else:
            given = backward_layer.name.removeprefix("backward_")
            self.backward_layer = _copy(backward_layer, f"backward_{given}")
        self._given_backward_layer = backward_layer is not None
        self._check_pair()
        self.return_sequences = layer.return_sequences
        self.return_state = self.forward_layer.return_state
        self.stateful = self.forward_layer.stateful
        self.supports_masking = True
        self._initial_weights = weights

    def _check_pair(self) -> None:
        forward, backward = self.forward_layer, self.backward_layer
        if forward.go_backwards == backward.go_backwards:
            raise ValueError(
                "Bidirectional: Forward layer and backward layer should have different `go_backwards` value. "
                f"Received: forward_layer.go_backwards {forward.go_backwards}, backward_layer.go_backwards="
                f"{backward.go_backwards}"
            )
        for name in ("stateful", "return_sequences", "return_state"):
            if getattr(forward, name) != getattr(backward, name):
                raise ValueError(
                    "Bidirectional: Forward layer and backward layer are expected to have the same "
                    "value for "
                    f'attribute "{name}", got "{getattr(forward, name)}" for forward layer and '
                    f'"{getattr(backward, name)}" for backward layer'
                )

    @property
    def layer(self) -> Layer:
        """The forward layer."""
        return self.forward_layer

    def build(self, sequences_shape: Sequence[int | None], initial_state_shape: Any = None) -> None:
        for layer in (self.forward_layer, self.backward_layer):
            if not layer.built:
                layer.build(sequences_shape)
                layer.built = True
        if self._initial_weights is not None:
            half = len(self._initial_weights) // 2
            self.forward_layer.set_weights(self._initial_weights[:half])
            self.backward_layer.set_weights(self._initial_weights[half:])
            self._initial_weights = None
        self.built = True

    def call(
        self, sequences: Any, initial_state: Any = None, mask: Any = None, training: bool | None = None
    ) -> Any:
        first_state = second_state = None
        if initial_state is not None:
            half = len(initial_state) // 2
            first_state, second_state = list(initial_state[:half]), list(initial_state[half:])
        y = self.forward_layer(sequences, initial_state=first_state, mask=mask, training=training)
        y_back = self.backward_layer(sequences, initial_state=second_state, mask=mask, training=training)
        states: tuple[Any, ...] = ()
        if self.return_state:
            states = (*y[1:], *y_back[1:])
            y, y_back = y[0], y_back[0]
        if self.return_sequences:
            y_back = ops.flip(y_back, axis=1)
        output = self._join(y, y_back)
        if not self.return_state:
            return output
        return (*output, *states) if self.merge_mode is None else (output, *states)

    def _join(self, y: Any, y_back: Any) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate([y, y_back], axis=-1)
        if self.merge_mode == "sum":
            return ops.add(y, y_back)
        if self.merge_mode == "ave":
            return ops.divide(ops.add(y, y_back), 2)
        if self.merge_mode == "mul":
            return ops.multiply(y, y_back)
        return (y, y_back)

    def reset_state(self) -> None:
        """Set the kept states of stateful layers to zero."""
        if self.stateful:
            self.forward_layer.reset_state()
            self.backward_layer.reset_state()

    def reset_states(self) -> None:
        """The older name of `reset_state`."""
        self.reset_state()

    def compute_mask(self, inputs: Any, mask: Any = None) -> Any:
        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        kept = mask if self.return_sequences else None
        output_mask: Any = (kept, kept) if self.merge_mode is None else kept
        if not self.return_state:
            return output_mask
        states = tuple(None for _ in self.forward_layer.state_size) * 2
        return (*output_mask, *states) if self.merge_mode is None else (output_mask, *states)

    def get_config(self) -> dict[str, Any]:
        layer = _config_of(self.forward_layer)
        config = {**super().get_config(), "merge_mode": self.merge_mode, "layer": layer}
        if self._given_backward_layer:
            config["backward_layer"] = _config_of(self.backward_layer)
        return config

    @classmethod
    def from_config(
        cls, config: dict[str, Any], custom_objects: dict[str, Any] | None = None
    ) -> Bidirectional:
        config = dict(config)
        for name in ("layer", "backward_layer"):
            if config.get(name) is not None:
                config[name] = saving.deserialize_keras_object(config[name], custom_objects=custom_objects)
        return cls(**config)


def _config_of(layer: Layer) -> dict[str, Any]:
    """A direction's config; the wrapper builds it."""
    config = saving.serialize_keras_object(layer)
    config.pop("build_config", None)
    return config


def _copy(layer: Any, name: str, **changes: Any) -> Any:
    """A fresh layer of the same options under another name."""
    return type(layer).from_config({**layer.get_config(), **changes, "name": name})


class TimeDistributed(Wrapper):
    """Applies a layer to every step of a sequence `(batch, steps, ...)`.

    The steps are folded into the batch for the call, so a layer with batch statistics, such as
    `BatchNormalization`, sees all steps of the batch together.

    Args:
        layer: The layer to apply.

    Example:
        >>> import numpy as np
        >>> from corten import layers
        >>> TimeDistributed(layers.Dense(4))(np.ones((2, 5, 3), "float32")).shape
        (2, 5, 4)
    """

    def __init__(self, layer: Layer, **kwargs: Any) -> None:
        super().__init__(layer, **kwargs)
        self.supports_masking = True

    def build(self, input_shape: Any = None) -> None:
        if not isinstance(input_shape, (list, tuple)) or len(input_shape) < 3:
            raise ValueError(
                "TimeDistributed: `TimeDistributed` Layer should be passed an `input_shape` with at least 3 "
                f"dimensions, received: {input_shape}"
            )
        super().build((input_shape[0], *input_shape[2:]))

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        batch, steps = inputs.shape[:2]
        if mask is not None and tuple(mask.shape[:2]) != (batch, steps):
            raise ValueError(
                f"TimeDistributed: The `mask` passed to the `TimeDistributed` layer has a shape "
                f"{tuple(mask.shape)} that does not start with the input's batch and steps {(batch, steps)}."
            )
        signature = self._layer_parameters()
        kwargs: dict[str, Any] = {}
        if "training" in signature:
            kwargs["training"] = training
        if mask is not None and "mask" in signature:
            kwargs["mask"] = ops.reshape(mask, (batch * steps, *mask.shape[2:]))
        outputs = self.layer(ops.reshape(inputs, (batch * steps, *inputs.shape[2:])), **kwargs)
        return tree.map_structure(lambda y: ops.reshape(y, (batch, steps, *y.shape[1:])), outputs)

    def _layer_parameters(self) -> Any:
        import inspect

        return inspect.signature(self.layer.call).parameters
