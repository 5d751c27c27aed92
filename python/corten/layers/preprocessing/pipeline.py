"""`Pipeline`: preprocessing layers one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten.layers.layer import Layer
from corten.saving import serialization


class Pipeline(Layer):
    """Calls layers one after the other; for preprocessing outside of a model, as in `dataset.map(pipeline)`.

    Args:
        layers: The layers.
        name: The name.

    See https://keras.io/api/layers/core_layers/ (`Sequential` is the same for models).

    Example:
        >>> import corten
        >>> from corten import layers
        >>> pipeline = layers.Pipeline([layers.Rescaling(2.0), layers.Rescaling(1.0, offset=1.0)])
        >>> pipeline(corten.ops.ones((1, 2))).tolist()
        [[3.0, 3.0]]
    """

    takes_text = True

    def __init__(self, layers: Sequence[Any], name: str | None = None) -> None:
        super().__init__(name=name, autocast=False)
        self._pipeline_layers = list(layers)

    @property
    def layers(self) -> list[Any]:
        """The layers in order."""
        return list(self._pipeline_layers)

    def build(self, input_shape: Any = None) -> None:
        # Each layer is built by its own first call.
        super().build(input_shape)

    def call(self, inputs: Any, training: bool = True, mask: Any = None) -> Any:
        for layer in self._pipeline_layers:
            signature = layer._call_signature
            arguments: dict[str, Any] = {}
            if signature.has_training:
                arguments["training"] = training
            if signature.has_mask and mask is not None:
                arguments["mask"] = mask
            inputs = layer(inputs, **arguments)
        return inputs

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        saved = config.get("layers")
        if not isinstance(saved, (list, tuple)):
            raise ValueError(
                "Pipeline.from_config: expected a configuration with a list of `layers`, as `get_config` "
                f"gives; got keys {sorted(config)} with layers={saved!r}."
            )
        layers = [serialization.deserialize_keras_object(layer) for layer in saved]
        return cls(layers, name=config.get("name"))

    def get_config(self) -> dict[str, Any]:
        return {
            "layers": [serialization.serialize_keras_object(layer) for layer in self._pipeline_layers],
            "name": self.name,
        }
