"""Layers that act in training only: dropout and noise; and a penalty on activations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from corten import ops, random, regularizers
from corten.layers.arguments import data_format_or_default
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer


def check_rate(layer: str, rate: Any) -> Any:
    """Check a dropout rate: a number from 0 to 1."""
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
        raise ValueError(
            f"{layer}: Invalid value received for argument `rate`. Expected a float value between 0 and 1. "
            f"Received: rate={rate}"
        )
    return rate


class Dropout(Layer):
    """Sets random cells to zero in training and scales the others by `1 / (1 - rate)`.

    Args:
        rate: Share of the cells to drop, 0 to 1.
        noise_shape: Shape of the random mask, broadcast to the input; None entries take the input's size.
        seed: Seed for repeatable masks.

    Example:
        >>> import numpy as np
        >>> Dropout(0.5)(np.ones((2, 3), "float32")).tolist()
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
        >>> y = Dropout(0.5, seed=1)(np.ones((100,), "float32"), training=True)
        >>> sorted(set(y.tolist()))
        [0.0, 2.0]
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = check_rate(type(self).__name__, rate)
        self.seed = seed
        self.noise_shape = self._check_noise_shape(noise_shape)
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def _check_noise_shape(self, noise_shape: Any) -> tuple[int | None, ...] | None:
        if noise_shape is None:
            return None
        problem = None
        if not isinstance(noise_shape, (list, tuple)):
            problem = "Expected a tuple or list of integers."
        elif any(isinstance(size, bool) or not isinstance(size, (int, type(None))) for size in noise_shape):
            problem = "Expected all elements to be integers or None."
        elif any(size is not None and size <= 0 for size in noise_shape):
            problem = "Expected all dimensions to be positive integers or None."
        if problem:
            raise ValueError(
                f"{type(self).__name__}: Invalid value received for argument `noise_shape`. {problem} "
                f"Received: noise_shape={noise_shape}"
            )
        return tuple(noise_shape)

    def _concrete_noise_shape(self, inputs: Any) -> tuple[int, ...] | None:
        if self.noise_shape is None:
            return None
        shape = tuple(inputs.shape)
        if len(self.noise_shape) > len(shape):
            raise ValueError(
                f"{type(self).__name__}: `noise_shape` must not have more axes than the input; got "
                f"noise_shape={self.noise_shape} for input shape {shape}."
            )
        tail = shape[len(shape) - len(self.noise_shape) :]
        return tuple(
            size if given is None else given for given, size in zip(self.noise_shape, tail, strict=True)
        )

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if training and self.rate == 1:
            return ops.zeros_like(inputs)
        if training and self.rate > 0:
            return random.dropout(
                inputs, self.rate, noise_shape=self._concrete_noise_shape(inputs), seed=self.seed_generator
            )
        return inputs

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class BaseSpatialDropout(Dropout):
    """Drops whole channels; use the classes below."""

    rank: int

    def __init__(
        self, rate: float, seed: Any = None, name: str | None = None, dtype: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = "channels_last"
        self.input_spec = InputSpec(ndim=self.rank + 2)

    def _concrete_noise_shape(self, inputs: Any) -> tuple[int, ...] | None:
        ones = (1,) * self.rank
        if self.data_format == "channels_first":
            return (inputs.shape[0], inputs.shape[1], *ones)
        return (inputs.shape[0], *ones, inputs.shape[-1])

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["noise_shape"]
        return config


class SpatialDropout1D(BaseSpatialDropout):
    """Drops whole channels of a sequence: `(batch, steps, channels)`.

    Args:
        rate: Share of the channels to drop.
        seed: Seed for repeatable masks.

    Example:
        >>> import numpy as np
        >>> SpatialDropout1D(0.5)(np.ones((2, 5, 3), "float32")).shape
        (2, 5, 3)
    """

    rank = 1


class SpatialDropout2D(BaseSpatialDropout):
    """Drops whole channels of an image.

    Args:
        rate: Share of the channels to drop.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable masks.

    Example:
        >>> import numpy as np
        >>> SpatialDropout2D(0.5)(np.ones((2, 5, 5, 3), "float32")).shape
        (2, 5, 5, 3)
    """

    rank = 2

    def __init__(
        self,
        rate: float,
        data_format: str | None = None,
        seed: Any = None,
        name: str | None = None,
        dtype: Any = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(rate, seed=seed, name=name, dtype=dtype, **kwargs)
        self.data_format = data_format_or_default(type(self).__name__, data_format)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "data_format": self.data_format}


class SpatialDropout3D(SpatialDropout2D):
    """Drops whole channels of a volume. The arguments are those of `SpatialDropout2D`.

    Example:
        >>> import numpy as np
        >>> SpatialDropout3D(0.5)(np.ones((2, 4, 4, 4, 3), "float32")).shape
        (2, 4, 4, 4, 3)
    """

    rank = 3


class GaussianDropout(Layer):
    """Multiplies by noise of mean 1 and deviation `sqrt(rate / (1 - rate))` in training.

    Args:
        rate: Drop rate whose noise has the same deviation.
        seed: Seed for repeatable noise.

    Example:
        >>> import numpy as np
        >>> GaussianDropout(0.5)(np.ones((2,), "float32")).tolist()
        [1.0, 1.0]
    """

    def __init__(self, rate: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rate = check_rate("GaussianDropout", rate)
        self.seed = seed
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not (training and self.rate > 0):
            return inputs
        deviation = math.sqrt(self.rate / (1.0 - self.rate))
        noise = random.normal(
            tuple(inputs.shape), mean=1.0, stddev=deviation, dtype=inputs.dtype, seed=self.seed_generator
        )
        return ops.multiply(inputs, noise)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed}


class GaussianNoise(Layer):
    """Adds noise of mean 0 in training.

    Args:
        stddev: Deviation of the noise.
        seed: Seed for repeatable noise.

    Example:
        >>> import numpy as np
        >>> GaussianNoise(0.5)(np.ones((2,), "float32")).tolist()
        [1.0, 1.0]
    """

    def __init__(self, stddev: float, seed: Any = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not stddev >= 0:
            raise ValueError(
                "GaussianNoise: Invalid value received for argument `stddev`. Expected a "
                "non-negative number. "
                f"Received: stddev={stddev}"
            )
        self.stddev = stddev
        self.seed = seed
        if stddev > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not (training and self.stddev > 0):
            return inputs
        noise = random.normal(
            tuple(inputs.shape), mean=0.0, stddev=self.stddev, dtype=inputs.dtype, seed=self.seed_generator
        )
        return ops.add(inputs, noise)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "stddev": self.stddev, "seed": self.seed}


# Where SELU saturates: -scale * alpha of self-normalizing networks.
_SELU_SATURATION = -1.0507009873554804934193349852946 * 1.6732632423543772848170429916717


class AlphaDropout(Layer):
    """Dropout that keeps the mean and the variance of SELU activations.

    Args:
        rate: Share of the cells to drop.
        noise_shape: Shape of the random mask, broadcast to the input; None entries take the input's size.
        seed: Seed for repeatable masks.

    Example:
        >>> import numpy as np
        >>> AlphaDropout(0.5)(np.ones((2,), "float32")).tolist()
        [1.0, 1.0]
    """

    def __init__(
        self, rate: float, noise_shape: Sequence[int | None] | None = None, seed: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.rate = check_rate("AlphaDropout", rate)
        self.noise_shape = noise_shape
        self.seed = seed
        if rate > 0:
            self.seed_generator = random.SeedGenerator(seed)
        self.supports_masking = True
        self.built = True

    def call(self, inputs: Any, training: bool | None = False) -> Any:
        if not (training and self.rate > 0):
            return inputs
        shape = tuple(inputs.shape)
        if self.noise_shape is not None:
            shape = tuple(
                size if given is None else given for given, size in zip(self.noise_shape, shape, strict=True)
            )
        kept = ops.greater_equal(random.uniform(shape, seed=self.seed_generator), self.rate)
        # a and b restore mean 0 and variance 1 after dropped cells became the saturation value.
        scale = ((1 - self.rate) * (1 + self.rate * _SELU_SATURATION**2)) ** -0.5 if self.rate < 1 else 0.0
        offset = -scale * _SELU_SATURATION * self.rate
        x = ops.where(kept, inputs, ops.cast(_SELU_SATURATION, inputs.dtype))
        return ops.add(ops.multiply(x, scale), offset)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "rate": self.rate, "seed": self.seed, "noise_shape": self.noise_shape}


class ActivityRegularization(Layer):
    """Returns its input and adds a penalty on it to the loss.

    Args:
        l1: Weight of the sum of absolute values.
        l2: Weight of the sum of squares.

    Example:
        >>> import numpy as np
        >>> layer = ActivityRegularization(l1=0.5)
        >>> layer(np.array([[2.0]], "float32")).tolist()
        [[2.0]]
        >>> [float(loss) for loss in layer.losses]
        [1.0]
    """

    def __init__(self, l1: float = 0.0, l2: float = 0.0, **kwargs: Any) -> None:
        super().__init__(activity_regularizer=regularizers.L1L2(l1=l1, l2=l2), **kwargs)
        self.supports_masking = True
        self.l1 = l1
        self.l2 = l2
        self.built = True

    def call(self, inputs: Any) -> Any:
        return inputs

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        config.pop("activity_regularizer", None)
        return {**config, "l1": self.l1, "l2": self.l2}
