"""`BaseImagePreprocessingLayer`: what all layers that change or augment images have in common."""

from __future__ import annotations

from typing import Any, NamedTuple

from corten import ops, random
from corten._state import state
from corten.layers.arguments import data_format_or_default
from corten.layers.image_preprocessing.boxes import dense_boxes
from corten.layers.layer import Layer

Range = tuple[float, float]


class ImageSize(NamedTuple):
    """Sizes of one image or a batch of images."""

    batch: int
    height: int
    width: int
    channels: int
    batched: bool


def factor_range(layer: str, name: str, factor: Any, bounds: Range, *, both_sides: bool = True) -> Range:
    """A factor as (lower, upper).

    Args:
        layer: The layer, for messages.
        name: The argument.
        factor: A number, or two.
        bounds: The numbers allowed.
        both_sides: Whether one number f stands for (-f, f), as far as the bounds go.
    """
    problem = (
        f"{layer}: The `{name}` argument should be a number (or a list of two numbers) in the range "
        f"[{bounds[0]}, {bounds[1]}]. Received: {name}={factor}"
    )
    if isinstance(factor, (tuple, list)):
        if len(factor) != 2 or not all(isinstance(number, (int, float)) for number in factor):
            raise ValueError(problem)
        if factor[0] > bounds[1] or factor[1] < bounds[0]:
            raise ValueError(problem)
        lower, upper = sorted(factor)
        return lower, upper
    if isinstance(factor, bool) or not isinstance(factor, (int, float)):
        raise ValueError(problem)
    if not bounds[0] <= factor <= bounds[1]:
        raise ValueError(problem)
    size = abs(factor)
    return (max(-size, bounds[0]) if both_sides else size), size


def value_limits(layer: str, value_range: Any) -> Range:
    """The lowest and highest value of a pixel, in order."""
    if not isinstance(value_range, (tuple, list)) or len(value_range) != 2:
        raise ValueError(
            f"{layer}: The `value_range` argument should be a list of two numbers. "
            f"Received: value_range={value_range}"
        )
    lower, upper = sorted(value_range)
    return lower, upper


def scaled_range(images: Any, source: Range, target: Range) -> Any:
    """Pixels of one value range in another."""
    if tuple(source) == tuple(target):
        return images
    part = (images - source[0]) / (source[1] - source[0])
    return part * (target[1] - target[0]) + target[0]


class BaseImagePreprocessingLayer(Layer):
    """Base of the layers that change images, alone or with their labels, boxes and masks.

    A call draws a transformation (`get_random_transformation`) and applies it to all parts of the
    data alike. The data is an image, a batch of images, or a dict with "images" and any of
    "labels", "bounding_boxes" (a dict with "boxes" and "labels") and "segmentation_masks". As in Keras
    augmentation is on unless `training=False` is given or inherited from a model.

    Subclasses write `_transform_images` for a batch; those that move pixels also
    `transform_bounding_boxes`, and set `moves_pixels`, so that masks are moved with the image.

    Args:
        factor: How strong the transformation is: a number or two, (lower, upper); only for layers
            whose transformation has one strength.
        bounding_box_format: The format of the boxes, see `corten.utils.bounding_boxes.convert_format`.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `name`, `dtype`, `trainable`.
    """

    _USE_BASE_FACTOR = True
    _FACTOR_BOUNDS: Range = (-1, 1)
    moves_pixels = False
    """Whether segmentation masks move with the image."""
    random_only = True
    """Whether nothing happens outside of training."""
    keeps_shape = True
    interpolation = "bilinear"
    factor: Any = None
    seed: int | None = None

    def __init__(
        self,
        factor: Any = None,
        bounding_box_format: str | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bounding_box_format = bounding_box_format
        self.data_format = data_format_or_default(type(self).__name__, data_format)
        if self._USE_BASE_FACTOR:
            self._set_factor(factor or 0.0)
        elif factor is not None:
            raise ValueError(
                f"Layer {type(self).__name__} does not take a `factor` argument. Received: factor={factor}"
            )
        self.built = True

    def _set_factor(self, factor: Any) -> None:
        self.factor = factor_range(type(self).__name__, "factor", factor, self._FACTOR_BOUNDS)

    def _set_seed(self, seed: int | None) -> None:
        self.seed = seed
        self.generator = random.SeedGenerator(seed)

    # ---- what is drawn -------------------------------------------------------------------------

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw what is done to the data: a dict of tensors, or None for nothing.

        Args:
            data: The image, images or dict that the layer is called with.
            training: Whether to augment.
            seed: None takes the layer's own generator.
        """
        return None

    def _size(self, data: Any) -> ImageSize:
        images = data["images"] if isinstance(data, dict) else data
        shape = tuple(images.shape)
        if len(shape) not in (3, 4):
            raise ValueError(
                f"{type(self).__name__}: Expected the input image to be rank 3 or 4. A single image has 3 "
                f"axes, a batch of images 4. Received: inputs.shape={shape}"
            )
        batched = len(shape) == 4
        rows, columns, channels = (-3, -2, -1) if self.data_format == "channels_last" else (-2, -1, -3)
        return ImageSize(shape[0] if batched else 1, shape[rows], shape[columns], shape[channels], batched)

    def _uniform(self, shape: Any, bounds: Any, seed: Any) -> Any:
        """Evenly distributed numbers between two bounds."""
        seed = self.generator if seed is None else seed
        if bounds[0] == bounds[1]:
            random.draw_key(seed)  # So that later draws do not depend on the bounds.
            return ops.full(shape, bounds[0], dtype="float32")
        return random.uniform(shape, bounds[0], bounds[1], dtype="float32", seed=seed)

    def _chosen(self, batch: int, probability: Any, seed: Any) -> Any:
        """One decision per image; the probability itself lies between two bounds."""
        limit = self._uniform((batch,), probability, seed)
        return self._uniform((batch,), (0.0, 1.0), seed) < limit

    # ---- what is done --------------------------------------------------------------------------

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        """Apply the transformation to a batch in the compute dtype."""
        raise NotImplementedError(f"{type(self).__name__} does not define `_transform_images`.")

    def transform_images(self, images: Any, transformation: Any = None, training: bool = True) -> Any:
        """Apply a transformation to images (or one image), which are given back in the compute dtype.

        Args:
            images: Shape ``(batch, height, width, channels)``, or one image.
            transformation: What `get_random_transformation` gave.
            training: Whether to augment.
        """
        images = ops.cast(ops.convert_to_tensor(images), self.compute_dtype)
        if self.random_only and not training:
            return images
        return self._for_batch(images, transformation, self.interpolation)

    def _for_batch(self, images: Any, transformation: Any, interpolation: str) -> Any:
        if len(images.shape) == 4:
            return self._transform_images(images, transformation, interpolation)
        images = ops.expand_dims(images, 0)
        return ops.squeeze(self._transform_images(images, transformation, interpolation), 0)

    def transform_labels(self, labels: Any, transformation: Any = None, training: bool = True) -> Any:
        """Apply a transformation to labels; most leave them as they are."""
        return labels

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        """Apply a transformation to boxes, which are in `bounding_box_format`.

        Args:
            bounding_boxes: A dict with "boxes", shape ``(batch, boxes, 4)``, and "labels".
            transformation: What `get_random_transformation` gave.
            training: Whether to augment.
        """
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        """Apply a transformation to masks; numbers of classes are moved, never mixed."""
        masks = ops.convert_to_tensor(segmentation_masks)
        if not self.moves_pixels or (self.random_only and not training):
            return masks
        return self._for_batch(masks, transformation, "nearest")

    def transform_single_image(self, image: Any, transformation: Any, training: bool = True) -> Any:
        """`transform_images` for one image."""
        image = ops.expand_dims(ops.convert_to_tensor(image), 0)
        return ops.squeeze(self.transform_images(image, transformation, training=training), 0)

    def transform_single_label(self, label: Any, transformation: Any, training: bool = True) -> Any:
        """`transform_labels` for the label of one image."""
        label = ops.expand_dims(ops.convert_to_tensor(label), 0)
        return ops.squeeze(self.transform_labels(label, transformation, training=training), 0)

    def transform_single_bounding_box(
        self, bounding_box: dict[str, Any], transformation: Any, training: bool = True
    ) -> dict[str, Any]:
        """`transform_bounding_boxes` for the boxes of one image."""
        batch = {
            key: ops.expand_dims(value, 0) if key in ("boxes", "labels") else value
            for key, value in bounding_box.items()
        }
        result = self.transform_bounding_boxes(batch, transformation, training=training)
        return {
            key: ops.squeeze(value, 0) if key in ("boxes", "labels") else value
            for key, value in result.items()
        }

    def transform_single_segmentation_mask(
        self, segmentation_mask: Any, transformation: Any, training: bool = True
    ) -> Any:
        """`transform_segmentation_masks` for the mask of one image."""
        mask = ops.expand_dims(ops.convert_to_tensor(segmentation_mask), 0)
        return ops.squeeze(self.transform_segmentation_masks(mask, transformation, training=training), 0)

    def call(self, data: Any, training: bool = True) -> Any:
        single = self._size(data).batched is False
        images = data["images"] if isinstance(data, dict) else data
        if state.probing and self.keeps_shape and not isinstance(data, dict):
            # Drawing and sampling would make real arrays of the probes' sizes.
            return ops.cast(images, self.compute_dtype)
        transformation = self.get_random_transformation(data, training=training)
        transform = self.transform_single_image if single else self.transform_images
        images = transform(images, transformation, training=training)
        if not isinstance(data, dict):
            return images
        result = {**data, "images": images}
        if "bounding_boxes" in data:
            if not self.bounding_box_format:
                raise ValueError(
                    "You passed an input with a 'bounding_boxes' key, but you didn't specify a bounding box "
                    f"format. Pass a `bounding_box_format` argument to your {type(self).__name__} layer, "
                    "e.g. `bounding_box_format='xyxy'`."
                )
            boxes = dense_boxes(type(self).__name__, data["bounding_boxes"])
            move = self.transform_single_bounding_box if single else self.transform_bounding_boxes
            result["bounding_boxes"] = move(boxes, transformation, training=training)
        if "labels" in data:
            change = self.transform_single_label if single else self.transform_labels
            labels = ops.convert_to_tensor(data["labels"])
            result["labels"] = change(labels, transformation, training=training)
        if "segmentation_masks" in data:
            cover = self.transform_single_segmentation_mask if single else self.transform_segmentation_masks
            result["segmentation_masks"] = cover(
                data["segmentation_masks"], transformation, training=training
            )
        return result

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "data_format": self.data_format}
        if self.bounding_box_format is not None:
            config["bounding_box_format"] = self.bounding_box_format
        return config


class ColorLayer(BaseImagePreprocessingLayer):
    """Base of layers that change values of pixels within a range and move none."""

    _USE_BASE_FACTOR = False
    value_range: Range

    def __init__(
        self, value_range: Any = (0, 255), seed: int | None = None, factor: Any = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.value_range = value_limits(type(self).__name__, value_range)
        self._set_seed(seed)
        if factor is not None:
            self._set_factor(factor)

    def _limited(self, images: Any) -> Any:
        return ops.clip(images, self.value_range[0], self.value_range[1])

    def get_config(self) -> dict[str, Any]:
        config = {**super().get_config(), "value_range": self.value_range, "seed": self.seed}
        return config if self.factor is None else {**config, "factor": self.factor}


def per_image(numbers: Any, dtype: str, axes: int = 3) -> Any:
    """One number per image, shaped to broadcast over its pixels."""
    numbers = ops.cast(ops.convert_to_tensor(numbers), dtype)
    return ops.reshape(numbers, (-1, *(1,) * axes))


def per_box(numbers: Any, dtype: str, boxes: Any) -> Any:
    """One number per image, shaped to broadcast over the boxes of a batch (or of one image)."""
    return per_image(numbers, dtype, len(boxes.shape) - 1)
