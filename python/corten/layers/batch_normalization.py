"""Batch normalization."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from corten import ops
from corten.layers.arguments import check_mask, known_size
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer
from corten.layers.weight_options import WeightOptions


class BatchNormalization(WeightOptions, Layer):
    """Normalizes each channel to mean 0 and variance 1 over the batch, then scales and shifts it.

    In training the statistics come from the batch and update the moving averages; otherwise the moving
    averages are used. A layer with `trainable=False` always uses the moving averages.

    Args:
        axis: The axis that keeps its own statistics, usually the channels.
        momentum: Weight of the old value in the moving averages.
        epsilon: Added to the variance.
        center: Whether to add `beta`.
        scale: Whether to multiply by `gamma`.
        beta_initializer: Initializer of `beta`.
        gamma_initializer: Initializer of `gamma`.
        moving_mean_initializer: Initializer of the moving mean.
        moving_variance_initializer: Initializer of the moving variance.
        beta_regularizer: Penalty on `beta`.
        gamma_regularizer: Penalty on `gamma`.
        beta_constraint: Projection of `beta` after each optimizer step.
        gamma_constraint: Projection of `gamma` after each optimizer step.
        renorm: Whether training corrects the batch's statistics towards running ones (batch renormalization,
            Ioffe 2017), which helps small batches.
        renorm_clipping: Limits of that correction: a dict with any of "rmax", "rmin" and "dmax".
        renorm_momentum: Weight of the old value in the statistics that renormalization uses.
        synchronized: Whether devices share statistics; with one device it changes nothing.

    Example:
        >>> import numpy as np
        >>> layer = BatchNormalization()
        >>> y = layer(np.array([[1.0], [3.0]], "float32"), training=True)
        >>> [round(value, 2) for value in y.reshape(-1).tolist()]
        [-1.0, 1.0]
        >>> round(float(layer.moving_mean.numpy()[0]), 4)
        0.02
    """

    def __init__(
        self,
        axis: int = -1,
        momentum: float = 0.99,
        epsilon: float = 1e-3,
        center: bool = True,
        scale: bool = True,
        beta_initializer: Any = "zeros",
        gamma_initializer: Any = "ones",
        moving_mean_initializer: Any = "zeros",
        moving_variance_initializer: Any = "ones",
        beta_regularizer: Any = None,
        gamma_regularizer: Any = None,
        beta_constraint: Any = None,
        gamma_constraint: Any = None,
        renorm: bool = False,
        renorm_clipping: dict[str, float] | None = None,
        renorm_momentum: float = 0.99,
        synchronized: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if isinstance(axis, (list, tuple)) and len(axis) == 1:
            axis = axis[0]
        if isinstance(axis, bool) or not hasattr(axis, "__index__"):
            raise TypeError(f"BatchNormalization: `axis` must be an int; got axis={axis!r}.")
        if not 0.0 <= momentum <= 1.0:
            raise ValueError(f"BatchNormalization: `momentum` must be in [0, 1]; got momentum={momentum!r}.")
        self.axis = int(axis)
        self.momentum = momentum
        self.epsilon = epsilon
        self.center = center
        self.scale = scale
        self.renorm = renorm
        self.renorm_clipping = _check_clipping(renorm_clipping)
        self.renorm_momentum = renorm_momentum
        self.synchronized = synchronized
        self._set_weight_options(
            beta=(beta_initializer, beta_regularizer, beta_constraint),
            gamma=(gamma_initializer, gamma_regularizer, gamma_constraint),
            moving_mean=(moving_mean_initializer, None, None),
            moving_variance=(moving_variance_initializer, None, None),
        )
        self.supports_masking = True

    moving_mean_initializer: Any
    moving_variance_initializer: Any
    gamma: Any = None
    beta: Any = None

    def build(self, input_shape: Sequence[int | None]) -> None:
        rank = len(input_shape)
        if not -rank <= self.axis < rank:
            raise ValueError(
                f"BatchNormalization: axis={self.axis} is out of range for an input of shape "
                f"{tuple(input_shape)}."
            )
        shape = (known_size("BatchNormalization", input_shape, self.axis, "the normalized axis"),)
        if self.scale:
            self.gamma = self._add_option_weight("gamma", shape, autocast=False)
        if self.center:
            self.beta = self._add_option_weight("beta", shape, autocast=False)
        self.moving_mean = self._add_option_weight("moving_mean", shape, trainable=False, autocast=False)
        self.moving_variance = self._add_option_weight(
            "moving_variance", shape, trainable=False, autocast=False
        )
        if self.renorm:
            self._build_renorm(shape)
        self.input_spec = InputSpec(ndim=rank, axes={self.axis: shape[0]})
        self._reduction_axes = [axis for axis in range(rank) if axis != self.axis % rank]
        self.built = True

    def _build_renorm(self, shape: tuple[int, ...]) -> None:
        def deviation(shape: Any, dtype: Any = None) -> Any:
            """The deviation that belongs to the initial variance."""
            variance = self.moving_variance_initializer(shape, dtype=dtype)
            return ops.sqrt(ops.convert_to_tensor(variance))

        options: dict[str, Any] = {"shape": shape, "trainable": False, "autocast": False}
        mean = self.moving_mean_initializer
        self.moving_stddev = self.add_weight(name="moving_stddev", initializer=deviation, **options)
        self.renorm_mean = self.add_weight(name="renorm_mean", initializer=mean, **options)
        self.renorm_stddev = self.add_weight(name="renorm_stddev", initializer=deviation, **options)

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        check_mask("BatchNormalization", "mask", mask, inputs.shape[:-1], "the input's without the last axis")
        # 16-bit statistics lose the moving averages' small steps: normalize in float32.
        dtype = "float32" if inputs.dtype in ("float16", "bfloat16") else inputs.dtype
        x = ops.cast(inputs, dtype)
        gamma = ops.cast(self.gamma, dtype) if self.gamma is not None else None
        beta = ops.cast(self.beta, dtype) if self.beta is not None else None
        if training and self.trainable:
            if mask is None and not self.renorm and self._normalizes_last_axis(x):
                y, mean, variance = ops.batch_norm_training(x, gamma, beta, self.epsilon)
                self._update_moving_averages(mean, variance)
                return ops.cast(y, self.compute_dtype)
            mean, variance = self._moments(x, mask)
            if self.renorm:
                gamma, beta = self._renormalize(mean, variance, gamma, beta)
            self._update_moving_averages(mean, variance)
        else:
            mean = ops.cast(self.moving_mean, dtype)
            variance = ops.cast(self.moving_variance, dtype)
        y = ops.batch_normalization(
            x, mean, variance, axis=self.axis, offset=beta, scale=gamma, epsilon=self.epsilon
        )
        return ops.cast(y, self.compute_dtype)

    def _normalizes_last_axis(self, x: Any) -> bool:
        return self.axis in (-1, len(x.shape) - 1)

    def _moments(self, x: Any, mask: Any) -> tuple[Any, Any]:
        if mask is None:
            return ops.moments(x, axes=self._reduction_axes)
        weights = ops.broadcast_to(ops.expand_dims(ops.cast(mask, x.dtype), -1), x.shape)
        count = ops.add(ops.sum(weights, axis=self._reduction_axes, keepdims=True), 1e-12)
        mean = ops.divide(ops.sum(ops.multiply(weights, x), axis=self._reduction_axes, keepdims=True), count)
        squares = ops.multiply(weights, ops.square(ops.subtract(x, mean)))
        variance = ops.divide(ops.sum(squares, axis=self._reduction_axes, keepdims=True), count)
        return ops.reshape(mean, (-1,)), ops.reshape(variance, (-1,))

    def _renormalize(self, mean: Any, variance: Any, gamma: Any, beta: Any) -> tuple[Any, Any]:
        """Fold the correction `normalized * r + d` into scale and offset, and update its statistics."""
        deviation = ops.stop_gradient(ops.sqrt(ops.add(variance, self.epsilon)))
        center = ops.stop_gradient(mean)
        known = ops.cast(self.renorm_stddev, center.dtype)
        ratio = ops.divide(deviation, known)
        shift = ops.divide(ops.subtract(center, ops.cast(self.renorm_mean, center.dtype)), known)
        limits = self.renorm_clipping or {}
        ratio = ops.minimum(ratio, limits["rmax"]) if "rmax" in limits else ratio
        ratio = ops.maximum(ratio, limits["rmin"]) if "rmin" in limits else ratio
        shift = ops.clip(shift, -limits["dmax"], limits["dmax"]) if "dmax" in limits else shift
        self._move(self.renorm_mean, center, self.renorm_momentum)
        self._move(self.renorm_stddev, deviation, self.renorm_momentum)
        offset = shift if gamma is None else ops.multiply(shift, gamma)
        return (
            ratio if gamma is None else ops.multiply(ratio, gamma),
            offset if beta is None else ops.add(offset, beta),
        )

    def _update_moving_averages(self, mean: Any, variance: Any) -> None:
        self._move(self.moving_mean, mean, self.momentum)
        if not self.renorm:
            self._move(self.moving_variance, variance, self.momentum)
            return
        self._move(self.moving_stddev, ops.sqrt(ops.add(variance, self.epsilon)), self.momentum)
        if variance.device != "meta":
            square = ops.square(self.moving_stddev.value)
            self.moving_variance.assign(ops.maximum(ops.subtract(square, self.epsilon), 0.0))

    @staticmethod
    def _move(average: Any, value: Any, momentum: float) -> None:
        if value.device == "meta":
            return  # A shape probe has no statistics.
        value = ops.cast(ops.stop_gradient(value), average.dtype)
        average.assign(ops.add(ops.multiply(average.value, momentum), ops.multiply(value, 1.0 - momentum)))

    def get_config(self) -> dict[str, Any]:
        config = self._weight_config()
        for moving in ("moving_mean", "moving_variance"):
            del config[f"{moving}_regularizer"], config[f"{moving}_constraint"]
        return {
            **super().get_config(),
            "axis": self.axis,
            "momentum": self.momentum,
            "epsilon": self.epsilon,
            "center": self.center,
            "scale": self.scale,
            **config,
            "renorm": self.renorm,
            "renorm_clipping": self.renorm_clipping,
            "renorm_momentum": self.renorm_momentum,
            "synchronized": self.synchronized,
        }


def _check_clipping(clipping: dict[str, float] | None) -> dict[str, float] | None:
    if clipping is None:
        return None
    unknown = set(clipping) - {"rmax", "rmin", "dmax"}
    problem = None
    if unknown:
        problem = f"Received invalid keys {sorted(unknown)}; the keys are 'rmax', 'rmin' and 'dmax'"
    elif clipping.get("rmax", float("inf")) < clipping.get("rmin", 0.0):
        problem = "rmax should be at least rmin"
    elif clipping.get("dmax", 0.0) < 0:
        problem = "dmax should be non-negative"
    if problem:
        raise ValueError(f"BatchNormalization: `renorm_clipping`: {problem}; got {clipping}.")
    return dict(clipping)
