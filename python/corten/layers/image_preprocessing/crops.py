"""`CenterCrop` and `RandomCrop`: windows of images."""

from __future__ import annotations

from typing import Any, NamedTuple

from corten import ops, random
from corten.layers.arguments import positive_integer
from corten.layers.image_preprocessing.base import BaseImagePreprocessingLayer
from corten.utils.bounding_boxes import convert_format, crop as crop_boxes
from corten.utils.bounding_boxes.formats import clip_to_image_size


class Window(NamedTuple):
    """A window of an image, and the size of the image."""

    top: Any
    left: Any
    height: int
    width: int
    image_height: int
    image_width: int


class _Crop(BaseImagePreprocessingLayer):
    """Base of both: the largest window of the result's shape, resized, where the image is too small."""

    _USE_BASE_FACTOR = False
    moves_pixels = True
    random_only = False
    keeps_shape = False

    def __init__(self, height: int, width: int, data_format: str | None = None, **kwargs: Any) -> None:
        super().__init__(data_format=data_format, **kwargs)
        self.height = positive_integer(type(self).__name__, "height", height)
        self.width = positive_integer(type(self).__name__, "width", width)

    def _cut(self, images: Any, top: Any, left: Any, height: int, width: int) -> Any:
        rows = 1 if self.data_format == "channels_last" else 2
        for axis, start, size in ((rows, top, height), (rows + 1, left, width)):
            if isinstance(start, int):
                window = [slice(None)] * len(images.shape)
                window[axis] = slice(start, start + size)
                images = images[tuple(window)]
            else:  # A place that was drawn: read as a tensor, so that a captured step draws it anew.
                places = ops.cast(start, "int32") + ops.arange(size, dtype="int32")
                images = ops.take(images, places, axis=axis)
        return images

    def _window(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of the largest centered window of the result's shape."""
        high = max(min(height, width * self.height // self.width), 1)
        wide = max(min(width, height * self.width // self.height), 1)
        return (height - high) // 2, (width - wide) // 2, high, wide

    def _fitted(self, images: Any, interpolation: str) -> Any:
        return ops.image.resize(
            images,
            (self.height, self.width),
            interpolation=interpolation,
            crop_to_aspect_ratio=True,
            data_format=self.data_format,
        )

    def _moved_boxes(
        self, bounding_boxes: dict[str, Any], size: tuple[int, int], window: tuple[Any, Any, int, int]
    ) -> dict[str, Any]:
        """Boxes in a window of an image of that size, which is then resized."""
        own = self.bounding_box_format or "xyxy"
        top, left, high, wide = window
        moved = convert_format(bounding_boxes, own, "xyxy", *size)
        boxes = crop_boxes(moved["boxes"], top, left, high, wide)
        scale = [self.width / wide, self.height / high] * 2
        moved["boxes"] = boxes * ops.convert_to_tensor(scale, "float32")
        moved = clip_to_image_size(moved, self.height, self.width)
        return convert_format(moved, "xyxy", own, self.height, self.width)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "height": self.height, "width": self.width}


class CenterCrop(_Crop):
    """Cuts out the middle of images, in training and outside.

    Images that are too small are resized, without distortion: the largest window of the result's
    shape is taken.

    Args:
        height: Height of the result.
        width: Width of the result.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> CenterCrop(2, 2)(np.ones((1, 4, 5, 3), "float32")).shape
        (1, 2, 2, 3)
    """

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        images = data["images"] if isinstance(data, dict) else data
        return {"input_shape": tuple(images.shape)}

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        size = self._size(images)
        top, left = (size.height - self.height) // 2, (size.width - self.width) // 2
        if top >= 0 and left >= 0 and size.height >= self.height and size.width >= self.width:
            return self._cut(images, top, left, self.height, self.width)
        return self._fitted(images, interpolation)

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        shape = transformation["input_shape"]
        last = self.data_format == "channels_last"
        height, width = shape[-3:-1] if last else shape[-2:]
        if height >= self.height and width >= self.width:
            top, left = (height - self.height) // 2, (width - self.width) // 2
            window: tuple[int, int, int, int] = (top, left, self.height, self.width)
        else:
            window = self._window(height, width)
        return self._moved_boxes(bounding_boxes, (height, width), window)


class RandomCrop(_Crop):
    """Cuts a window out of images, at a random place (the same for all images of a batch).

    Outside of training, and where images are not larger than the window, the largest centered window
    of the result's shape is resized. (Keras 3.15 gives images back as they are outside of training,
    unlike its documentation and its inferred shapes.)

    Args:
        height: Height of the result.
        width: Width of the result.
        seed: Seed for repeatable places.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        name: The layer's name.
        **kwargs: `bounding_box_format`, `dtype`.

    Example:
        >>> import numpy as np
        >>> RandomCrop(2, 3, seed=1)(np.ones((2, 8, 8, 3), "float32"), training=True).shape
        (2, 2, 3, 3)
    """

    def __init__(
        self,
        height: int,
        width: int,
        seed: int | None = None,
        data_format: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(height, width, data_format=data_format, name=name, **kwargs)
        self._set_seed(seed)

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw the window.

        Args:
            data: The image, images or dict.
            training: Whether to draw; otherwise the window is in the middle.
            seed: None takes the layer's own generator.

        Returns:
            A `Window`; a pair (top, left) may be given to `transform_images` in its place.
        """
        size = self._size(data)
        if training and size.height > self.height and size.width > self.width:
            seed = self.generator if seed is None else seed
            top = random.randint((), 0, size.height - self.height + 1, seed=seed)
            left = random.randint((), 0, size.width - self.width + 1, seed=seed)
            return Window(top, left, self.height, self.width, size.height, size.width)
        middle = self._window(size.height, size.width)
        return Window(*middle[:2], *middle[2:], size.height, size.width)

    def _as_window(self, transformation: Any) -> Window:
        if isinstance(transformation, Window):
            return transformation
        top, left = transformation
        return Window(top, left, self.height, self.width, self.height, self.width)

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        window = self._as_window(transformation)
        images = self._cut(images, window.top, window.left, window.height, window.width)
        size = self._size(images)
        if (size.height, size.width) == (self.height, self.width):
            return images
        return ops.image.resize(
            images, (self.height, self.width), interpolation=interpolation, data_format=self.data_format
        )

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        window = self._as_window(transformation)
        return self._moved_boxes(bounding_boxes, (window.image_height, window.image_width), window[:4])

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "seed": self.seed}
