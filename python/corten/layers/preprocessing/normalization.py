"""`Normalization`: features with mean 0 and variance 1."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from corten import ops
from corten._state import state as call_state
from corten.layers.layer import Layer
from corten.layers.preprocessing.adapting import batches
from corten.text_arrays import is_text


class Normalization(Layer):
    """Subtracts the mean and divides by the standard deviation, both known or learned from data with `adapt`.

    Args:
        axis: The axis or axes that keep a mean and a variance each, usually the features'; None takes one
            mean and variance for all values. The batch axis (0) may not be among them.
        mean: The mean, if it is known: a number or an array that broadcasts against the kept axes.
        variance: The variance likewise; given together with `mean`.
        invert: Whether to do the opposite: from normalized values back.
        **kwargs: `name`, `dtype`, `trainable`.

    Raises:
        ValueError: Only one of `mean` and `variance` is given, or an axis does not exist.

    Weights are `mean`, `variance` and `count`, none trainable; before `adapt` they leave values as they are.
    See https://keras.io/api/layers/preprocessing_layers/numerical/normalization/.

    Example:
        >>> import numpy as np
        >>> layer = Normalization()
        >>> layer.adapt(np.array([[1.0, 10.0], [3.0, 30.0]], "float32"))
        >>> layer(np.array([[2.0, 40.0]], "float32")).tolist()
        [[0.0, 2.0]]
    """

    def __init__(
        self, axis: Any = -1, mean: Any = None, variance: Any = None, invert: bool = False, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        axes = () if axis is None else (axis,) if isinstance(axis, int) else tuple(axis)
        if not all(isinstance(item, int) and not isinstance(item, bool) for item in axes):
            raise ValueError(f"Normalization: `axis` must be an int, a tuple of ints or None; got {axis!r}.")
        self.axis = axes
        if (mean is None) != (variance is None):
            raise ValueError(
                "Normalization: when setting values directly, both `mean` and `variance` must be set. "
                f"Received: mean={mean} and variance={variance}"
            )
        self.input_mean, self.input_variance = (_plain(mean), _plain(variance))
        self.invert = invert
        self.supports_masking = True
        self._kept: tuple[int, ...] = ()
        self._weight_shape: tuple[int, ...] = ()

    def build(self, input_shape: Any) -> None:
        rank = len(input_shape)
        kept = sorted(axis + rank if axis < 0 else axis for axis in self.axis)
        for axis, original in zip(kept, self.axis, strict=True):
            if not 0 <= axis < rank:
                raise ValueError(
                    "Normalization: All `axis` values must be in the range [-ndim, ndim). "
                    f"Received inputs of shape {tuple(input_shape)}, axis={self.axis}."
                )
            if input_shape[axis] is None:
                raise ValueError(
                    f"Normalization: All `axis` values to be kept must have a known shape. Received "
                    f"axis={self.axis}, inputs.shape={tuple(input_shape)}, with unknown axis at index "
                    f"{original}"
                )
        self._kept = tuple(kept)
        self._weight_shape = tuple(input_shape[axis] for axis in kept)
        self._broadcast_shape = tuple(input_shape[axis] if axis in kept else 1 for axis in range(rank))
        if self.input_mean is None:
            options: Any = {"dtype": "float32", "trainable": False}
            self.adapt_mean = self.add_weight(self._weight_shape, "zeros", name="mean", **options)
            self.adapt_variance = self.add_weight(self._weight_shape, "ones", name="variance", **options)
            self.count = self.add_weight((), "zeros", dtype="int32", trainable=False, name="count")
        else:
            # Known beforehand: checked here, where the input's shape is known.
            for value in (self.input_mean, self.input_variance):
                self._spread(np.asarray(value, "float32"))
        super().build(input_shape)

    def _spread(self, value: Any) -> Any:
        """Given values over the kept axes, ready to broadcast against the input."""
        if np.ndim(value) == len(self._broadcast_shape):
            return np.broadcast_to(value, self._broadcast_shape)
        return np.broadcast_to(value, self._weight_shape).reshape(self._broadcast_shape)

    def _known(self, value: Any) -> Any:
        if call_state.probing:
            # A single number may be spread over as many features as a file says.
            return ops.zeros(self._broadcast_shape, "float32")
        return ops.convert_to_tensor(self._spread(np.asarray(value, "float32")))

    @property
    def mean(self) -> Any:
        """The mean, in a shape that broadcasts against the inputs."""
        if self.input_mean is not None:
            return self._known(self.input_mean)
        return ops.reshape(self.adapt_mean, self._broadcast_shape)

    @property
    def variance(self) -> Any:
        """The variance, in a shape that broadcasts against the inputs."""
        if self.input_variance is not None:
            return self._known(self.input_variance)
        return ops.reshape(self.adapt_variance, self._broadcast_shape)

    def adapt(self, data: Any) -> None:
        """Learns mean and variance; what was learned before is forgotten.

        Args:
            data: An array, or a `Dataset`, a list of arrays or another iterable of batches; of batches
                `(features, targets)` the features count.

        Raises:
            ValueError: Mean and variance were given to the layer; there is no data; its shape does not fit.
            TypeError: The data is text, or a batch is a single number.
        """
        if self.input_mean is not None:
            raise ValueError(
                "Normalization: cannot `adapt` a layer that is initialized with static `mean` and "
                f"`variance`: you passed mean {self.input_mean} and variance {self.input_variance}."
            )
        self.reset_state()
        count, mean, spread = 0, np.zeros(()), np.zeros(())
        for batch in batches("Normalization", data):
            if is_text(batch):
                raise TypeError(f"Normalization.adapt: expected numbers; got text, {batch!r:.60}.")
            values = np.asarray(batch, dtype="float64")
            if not values.ndim:
                raise TypeError(
                    "Normalization.adapt: expected batches that are arrays, with a `.shape` of at least one "
                    f"axis; got the {type(batch).__name__} {batch!r}."
                )
            if not self.built:
                shape = values.shape if values.ndim > 1 or -1 not in self.axis else (*values.shape, 1)
                self.build((None, *shape[1:]) if len(shape) > 1 else shape)
            rank = len(self._broadcast_shape)
            if values.ndim == rank - 1:
                values = values[..., None] if rank == 2 and self._broadcast_shape[-1] == 1 else values[None]
            if values.ndim != rank or any(
                values.shape[axis] != self._broadcast_shape[axis] for axis in self._kept
            ):
                raise ValueError(
                    f"Normalization.adapt: data of an incompatible shape: the layer was built for axes "
                    f"{self._kept} of sizes {self._weight_shape}; got {values.shape}."
                )
            rest = tuple(axis for axis in range(rank) if axis not in self._kept)
            size = math.prod(values.shape[axis] for axis in rest)
            if not size:
                continue
            # Chan, Golub and LeVeque's rule for joining two parts.
            part = values.mean(axis=rest)
            difference = part - mean
            total = count + size
            mean = mean + difference * (size / total)
            spread = spread + ((values - part.reshape(self._broadcast_shape)) ** 2).sum(axis=rest)
            spread = spread + difference**2 * (count * size / total)
            count = total
        if not count:
            raise ValueError("Normalization.adapt: the data holds no rows; it is an empty iterable or array.")
        self.adapt_mean.assign(mean.astype("float32"))
        self.adapt_variance.assign((spread / count).astype("float32"))
        self.count.assign(min(count, np.iinfo("int32").max))

    def reset_state(self) -> None:
        """Forgets what `adapt` learned."""
        if self.built and self.input_mean is None:
            self.adapt_mean.assign(np.zeros(self._weight_shape, "float32"))
            self.adapt_variance.assign(np.ones(self._weight_shape, "float32"))
            self.count.assign(0)

    def call(self, inputs: Any) -> Any:
        dtype = self.compute_dtype
        mean = ops.cast(self.mean, dtype)
        deviation = ops.maximum(ops.sqrt(ops.cast(self.variance, dtype)), 1e-7)
        inputs = ops.cast(inputs, dtype)
        return inputs * deviation + mean if self.invert else (inputs - mean) / deviation

    def get_config(self) -> dict[str, Any]:
        axis = None if not self.axis else self.axis[0] if len(self.axis) == 1 else list(self.axis)
        return {
            **super().get_config(),
            "axis": axis,
            "invert": self.invert,
            "mean": self.input_mean,
            "variance": self.input_variance,
        }


def _plain(value: Any) -> Any:
    """A number or nested lists of numbers, as a configuration holds them."""
    return None if value is None else np.asarray(value, dtype="float64").tolist()
