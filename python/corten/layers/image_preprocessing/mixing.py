"""`MixUp` and `CutMix`: images and labels mixed with those of another image of the batch."""

from __future__ import annotations

from typing import Any

from corten import ops, random
from corten.layers.image_preprocessing.base import BaseImagePreprocessingLayer, Range
from corten.layers.image_preprocessing.regions import interval, rectangle_mask


def _mixed(values: Any, transformation: Any) -> Any:
    """Each with its partner, by weight; whole numbers become floats."""
    values = ops.convert_to_tensor(values)
    if not values.dtype.startswith(("float", "bfloat")):
        values = ops.cast(values, "float32")
    weight = ops.cast(ops.convert_to_tensor(transformation["mix_weight"]), values.dtype)
    weight = ops.reshape(weight, (-1, *(1,) * (values.ndim - 1)))
    return weight * values + (1.0 - weight) * _partners(values, transformation)


def _partners(values: Any, transformation: Any) -> Any:
    return ops.take(values, ops.convert_to_tensor(transformation["permutation_order"]), axis=0)


class MixUp(BaseImagePreprocessingLayer):
    """Gives weighted means of pairs of images, and of their labels (arXiv:1710.09412).

    Args:
        alpha: Parameter of the beta distribution of weights: small numbers mix little, 1 evenly.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        seed: Seed for repeatable mixing.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Labels should be one-hot: shape ``(batch, classes)``. An image gets the boxes of both images.

    Example:
        >>> import numpy as np
        >>> data = {"images": np.ones((4, 2, 2, 3), "float32"), "labels": np.eye(4, dtype="float32")}
        >>> corten.ops.round(corten.ops.sum(MixUp(seed=1)(data, training=True)["labels"], axis=1)).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    _USE_BASE_FACTOR = False
    moves_pixels = True

    def __init__(
        self, alpha: float = 0.2, data_format: str | None = None, seed: int | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        if isinstance(alpha, bool) or not isinstance(alpha, (int, float)) or alpha <= 0:
            raise ValueError(f"MixUp: `alpha` must be a number above 0; got alpha={alpha!r}.")
        self.alpha = alpha
        self._set_seed(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw partners and weights.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        batch = self._size(data).batch
        seed = self.generator if seed is None else seed
        return {
            "permutation_order": random.permutation(batch, seed=seed),
            "mix_weight": random.beta((batch,), self.alpha, self.alpha, dtype="float32", seed=seed),
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return images if transformation is None else _mixed(images, transformation)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        return labels if not training or transformation is None else _mixed(labels, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        if not training or transformation is None:
            return bounding_boxes
        boxes = ops.convert_to_tensor(bounding_boxes["boxes"])
        labels = ops.convert_to_tensor(bounding_boxes["labels"])
        both = [
            ops.concatenate([v, _partners(v, transformation)], axis=min(1, v.ndim - 1))
            for v in (boxes, labels)
        ]
        return {**bounding_boxes, "boxes": both[0], "labels": both[1]}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "alpha": self.alpha, "seed": self.seed}


class CutMix(BaseImagePreprocessingLayer):
    """Replaces a rectangle of each image by that of another, and mixes labels by area (arXiv:1905.04899).

    Args:
        factor: Parameter of the beta distribution that the area comes from, 0 to 1: a number, or two that
            it is drawn between.
        seed: Seed for repeatable rectangles.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `name`, `dtype`.

    Labels should be one-hot: shape ``(batch, classes)``. A single image stays as it is; boxes cannot be
    mixed.

    Example:
        >>> import numpy as np
        >>> data = {"images": np.ones((4, 8, 8, 3), "float32"), "labels": np.eye(4, dtype="float32")}
        >>> corten.ops.round(corten.ops.sum(CutMix(seed=1)(data, training=True)["labels"], axis=1)).tolist()
        [1.0, 1.0, 1.0, 1.0]
    """

    _USE_BASE_FACTOR = False
    _FACTOR_BOUNDS: Range = (0, 1)
    moves_pixels = True

    def __init__(
        self, factor: Any = 1.0, seed: int | None = None, data_format: str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self._set_factor(factor)
        self._set_seed(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw partners and rectangles.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise, and for a single image.
            seed: None takes the layer's own generator.
        """
        size = self._size(data)
        if not training or not size.batched:
            return None
        seed = self.generator if seed is None else seed
        alpha = self._uniform((), self.factor, seed) + 1e-6
        part = ops.sqrt(1.0 - random.beta((size.batch,), alpha, alpha, dtype="float32", seed=seed))
        start = self._uniform((size.batch, 2), (0.0, 1.0), seed)
        across = interval(start[:, 0], size.width, part)
        down = interval(start[:, 1], size.height, part)
        area = (across[1] - across[0]) * (down[1] - down[0]) / (size.width * size.height)
        return {
            "permutation_order": random.permutation(size.batch, seed=seed),
            "batch_masks": rectangle_mask(size, across, down, self.data_format),
            "mix_weight": 1.0 - area,
        }

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if transformation is None:
            return images
        inside = ops.convert_to_tensor(transformation["batch_masks"])
        return ops.where(inside, _partners(images, transformation), images)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        return labels if not training or transformation is None else _mixed(labels, transformation)

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        raise NotImplementedError("CutMix: bounding boxes cannot be mixed; leave 'bounding_boxes' out.")

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "factor": self.factor, "seed": self.seed}
