"""`MaxNumBoundingBoxes`: as many boxes for every image."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.arguments import positive_integer
from corten.layers.image_preprocessing.base import BaseImagePreprocessingLayer


class MaxNumBoundingBoxes(BaseImagePreprocessingLayer):
    """Drops boxes beyond a number, and fills up to it, so that batches have one shape.

    Args:
        max_number: The number of boxes per image.
        fill_value: What boxes and labels are filled up with.
        **kwargs: `bounding_box_format`, `data_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> boxes = {"boxes": np.ones((1, 2, 4), "float32"), "labels": np.ones((1, 2), "int32")}
        >>> data = {"images": np.ones((1, 4, 4, 3), "float32"), "bounding_boxes": boxes}
        >>> layer = MaxNumBoundingBoxes(3, bounding_box_format="xyxy")
        >>> layer(data)["bounding_boxes"]["labels"].tolist()
        [[1, 1, -1]]
    """

    _USE_BASE_FACTOR = False
    random_only = False

    def __init__(self, max_number: int, fill_value: int = -1, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.max_number = positive_integer("MaxNumBoundingBoxes", "max_number", max_number)
        self.fill_value = int(fill_value)

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        boxes = ops.convert_to_tensor(bounding_boxes["boxes"])[:, : self.max_number]
        labels = ops.convert_to_tensor(bounding_boxes["labels"])[:, : self.max_number]
        more = self.max_number - boxes.shape[1]
        if more:
            boxes = ops.pad(boxes, [(0, 0), (0, more), (0, 0)], constant_values=self.fill_value)
            labels = ops.pad(labels, [(0, 0), (0, more)], constant_values=self.fill_value)
        return {**bounding_boxes, "boxes": boxes, "labels": labels}

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "max_number": self.max_number, "fill_value": self.fill_value}
