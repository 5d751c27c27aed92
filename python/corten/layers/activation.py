"""Activation functions with parameters, as layers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import activations, ops
from corten.layers.arguments import known_size
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer
from corten.layers.weight_options import WeightOptions


class ReLU(Layer):
    """Rectified linear unit, with an optional cap, slope below the threshold and threshold.

    `x` above `threshold` (at most `max_value`), `negative_slope * (x - threshold)` below.

    Args:
        max_value: Largest output; None for no limit.
        negative_slope: Slope below the threshold.
        threshold: Where the linear part starts.

    Example:
        >>> import numpy as np
        >>> ReLU(max_value=2)(np.array([-1.0, 1.0, 5.0], "float32")).tolist()
        [0.0, 1.0, 2.0]
    """

    def __init__(
        self,
        max_value: float | None = None,
        negative_slope: float = 0.0,
        threshold: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if max_value is not None and max_value < 0.0:
            raise ValueError(
                f"ReLU: max_value of a ReLU layer cannot be a negative value. Received: max_value={max_value}"
            )
        if negative_slope is None or negative_slope < 0.0:
            raise ValueError(
                "ReLU: negative_slope of a ReLU layer cannot be None or a negative value. "
                f"Received: negative_slope={negative_slope}"
            )
        if threshold is None or threshold < 0.0:
            raise ValueError(
                "ReLU: threshold of a ReLU layer cannot be None or a negative value. Received: "
                f"threshold={threshold}"
            )
        self.max_value = max_value
        self.negative_slope = negative_slope
        self.threshold = threshold
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return activations.relu(
            inputs, negative_slope=self.negative_slope, max_value=self.max_value, threshold=self.threshold
        )

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "max_value": self.max_value,
            "negative_slope": self.negative_slope,
            "threshold": self.threshold,
        }


class LeakyReLU(Layer):
    """Rectified linear unit that lets a little of the negative part through.

    Args:
        negative_slope: Slope below zero.

    Example:
        >>> import numpy as np
        >>> LeakyReLU(negative_slope=0.5)(np.array([-2.0, 2.0], "float32")).tolist()
        [-1.0, 2.0]
    """

    def __init__(self, negative_slope: float | None = 0.3, **kwargs: Any) -> None:
        if "alpha" in kwargs:
            negative_slope = kwargs.pop("alpha")  # Its name before Keras 3.
        super().__init__(**kwargs)
        if negative_slope is None or negative_slope < 0:
            raise ValueError(
                "LeakyReLU: The negative_slope value of a Leaky ReLU layer cannot be None or a "
                "negative value. "
                f"Expected a float. Received: negative_slope={negative_slope}"
            )
        self.negative_slope = negative_slope
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return activations.leaky_relu(inputs, negative_slope=self.negative_slope)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "negative_slope": self.negative_slope}


class PReLU(WeightOptions, Layer):
    """Leaky rectified linear unit whose slope below zero is learned, one per cell of the input.

    Args:
        alpha_initializer: Initializer of the slopes.
        alpha_regularizer: Penalty on the slopes.
        alpha_constraint: Projection of the slopes after each optimizer step.
        shared_axes: Axes over which the slopes are shared, such as `[1, 2]` for images.

    Example:
        >>> import numpy as np
        >>> layer = PReLU(shared_axes=[1, 2])
        >>> layer(np.ones((1, 4, 4, 3), "float32")).shape
        (1, 4, 4, 3)
        >>> layer.alpha.shape
        (1, 1, 3)
    """

    def __init__(
        self,
        alpha_initializer: Any = "Zeros",
        alpha_regularizer: Any = None,
        alpha_constraint: Any = None,
        shared_axes: int | Sequence[int] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self._set_weight_options(alpha=(alpha_initializer, alpha_regularizer, alpha_constraint))
        if shared_axes is None or isinstance(shared_axes, (list, tuple)):
            self.shared_axes = list(shared_axes) if shared_axes is not None else None
        else:
            self.shared_axes = [shared_axes]
        self.supports_masking = True

    def build(self, input_shape: Sequence[int | None]) -> None:
        rank = len(input_shape)
        shared = {axis % rank for axis in self.shared_axes or ()}
        shape = tuple(
            1 if axis in shared else known_size("PReLU", input_shape, axis, "an axis with its own slopes")
            for axis in range(1, rank)
        )
        self.alpha = self._add_option_weight("alpha", shape)
        self.input_spec = InputSpec(
            ndim=rank, axes={a: input_shape[a] for a in range(1, rank) if a not in shared}
        )
        self.built = True

    def call(self, inputs: Any) -> Any:
        below = ops.multiply(self.alpha, ops.relu(ops.negative(inputs)))
        return ops.subtract(ops.relu(inputs), below)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), **self._weight_config(), "shared_axes": self.shared_axes}


class ELU(Layer):
    """Exponential linear unit: `x` above zero, `alpha * (exp(x) - 1)` below.

    Args:
        alpha: Scale of the negative part.

    Example:
        >>> import numpy as np
        >>> ELU()(np.array([0.0, 2.0], "float32")).tolist()
        [0.0, 2.0]
    """

    def __init__(self, alpha: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.alpha = alpha
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any) -> Any:
        return activations.elu(inputs, alpha=self.alpha)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha}


class Softmax(Layer):
    """Softmax over `axis`; masked cells get zero.

    Args:
        axis: The axis, or axes, whose cells sum to one.

    Example:
        >>> import numpy as np
        >>> Softmax()(np.array([[1.0, 1.0]], "float32")).tolist()
        [[0.5, 0.5]]
        >>> Softmax()(np.array([[1.0, 1.0]], "float32"), mask=np.array([[True, False]])).tolist()
        [[1.0, 0.0]]
    """

    def __init__(self, axis: int | Sequence[int] = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.axis: Any = list(axis) if isinstance(axis, (list, tuple)) else axis
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, mask: Any = None) -> Any:
        kept = None
        if mask is not None:
            kept = self._matching_mask(mask, inputs)
            # Finite, so that a row without any cell gives zeros and no NaN.
            lowest = -3e4 if inputs.dtype == "float16" else -1e9
            inputs = ops.where(kept, inputs, ops.cast(lowest, inputs.dtype))
        axis = tuple(self.axis) if isinstance(self.axis, list) else self.axis
        outputs = activations.softmax(inputs, axis=axis)
        return outputs if kept is None else ops.multiply(outputs, ops.cast(kept, outputs.dtype))

    def _matching_mask(self, mask: Any, inputs: Any) -> Any:
        """The mask as bool, with the input's rank: missing axes of size 1 are added."""
        mask = ops.cast(mask, "bool")
        shape, target = tuple(mask.shape), tuple(inputs.shape)
        if len(shape) > len(target):
            raise ValueError(
                "Softmax: the mask must not have more dimensions than the input; got mask shape "
                f"{shape} for input "
                f"shape {target}."
            )

        def fits(candidate: tuple[int, ...]) -> bool:
            return all(a in (1, b) for a, b in zip(candidate, target, strict=True))

        missing = (1,) * (len(target) - len(shape))
        for candidate in ((*missing, *shape), (*shape, *missing)):
            if fits(candidate):
                return ops.reshape(mask, candidate)
        raise ValueError(
            f"Softmax: the mask must be broadcastable to the input; got mask shape {shape} for input "
            f"shape {target}."
        )

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "axis": self.axis}
