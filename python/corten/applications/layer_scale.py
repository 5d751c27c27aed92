"""A learned factor for each channel."""

from __future__ import annotations

from typing import Any

from corten import initializers, layers


class LayerScale(layers.Layer):
    """Multiplies each channel by a learned number that starts small.

    Args:
        init_values: What the numbers start from.
        projection_dim: Number of channels.
        kwargs: Arguments of every layer.

    Example:
        >>> import numpy as np
        >>> LayerScale(0.5, 2)(np.ones((1, 2), "float32")).tolist()
        [[0.5, 0.5]]

    Source: https://arxiv.org/abs/2103.17239, section 2.
    """

    def __init__(self, init_values: float, projection_dim: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.init_values = init_values
        self.projection_dim = projection_dim

    def build(self, input_shape: Any = None) -> None:
        self.gamma = self.add_weight(
            shape=(self.projection_dim,),
            initializer=initializers.Constant(self.init_values),
            trainable=True,
            name="gamma",
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs * self.gamma

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "init_values": self.init_values,
            "projection_dim": self.projection_dim,
        }
