"""`RandomZoom`: images from nearer or farther away."""

from __future__ import annotations

from typing import Any

from corten import ops
from corten.layers.image_preprocessing.affine import AffineLayer, matrix
from corten.layers.image_preprocessing.random_translation import two_sided
from corten.utils.bounding_boxes.formats import corners, joined


class RandomZoom(AffineLayer):
    """Zooms into images or out of them.

    Args:
        height_factor: Bounds of the change of what is seen, downwards: a number f for (-f, f), or two
            numbers above -1, up to 1. 0.3 shows 30 % more (zooms out), -0.3 shows 30 % less (zooms in).
        width_factor: The same across; None keeps the shape of things.
        fill_mode: What lies outside: "reflect", "wrap", "constant" or "nearest".
        interpolation: "bilinear" or "nearest".
        seed: Seed for repeatable zooms.
        fill_value: The value outside, for "constant".
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> RandomZoom(0.2, seed=1)(np.ones((2, 4, 4, 3), "float32"), training=True).shape
        (2, 4, 4, 3)
    """

    def __init__(
        self,
        height_factor: Any,
        width_factor: Any = None,
        fill_mode: str = "reflect",
        interpolation: str = "bilinear",
        seed: int | None = None,
        fill_value: float = 0.0,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(fill_mode, interpolation, seed, fill_value, data_format, **kwargs)
        self.height_factor = height_factor
        self.width_factor = width_factor
        self._height_range = two_sided("RandomZoom", "height_factor", height_factor, -1.0, open_low=True)
        self._width_range = (
            None
            if width_factor is None
            else two_sided("RandomZoom", "width_factor", width_factor, -1.0, open_low=True)
        )

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw how much of the image is seen, downwards and across.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        size = self._size(data)
        lower, upper = self._height_range
        down = self._uniform((size.batch, 1), (1.0 + lower, 1.0 + upper), seed)
        across = down
        if self._width_range is not None:
            lower, upper = self._width_range
            across = self._uniform((size.batch, 1), (1.0 + lower, 1.0 + upper), seed)
        images = data["images"] if isinstance(data, dict) else data
        return {"height_zoom": down, "width_zoom": across, "input_shape": tuple(images.shape)}

    def _zooms(self, transformation: Any) -> tuple[Any, Any]:
        across = ops.cast(ops.convert_to_tensor(transformation["width_zoom"]), "float32")
        down = ops.cast(ops.convert_to_tensor(transformation["height_zoom"]), "float32")
        return across, down

    def _matrix(self, transformation: Any, height: int, width: int) -> Any:
        across, down = self._zooms(transformation)
        left, top = (width - 1) / 2 * (1.0 - across), (height - 1) / 2 * (1.0 - down)
        return matrix(across, 0.0, left, 0.0, down, top, 0.0, 0.0)

    def _moved_boxes(self, boxes: Any, transformation: Any, height: int, width: int) -> Any:
        across, down = (ops.reshape(zoom, (-1, 1, 1)) for zoom in self._zooms(transformation))
        left, top = (width - 1) / 2 * (1.0 - across), (height - 1) / 2 * (1.0 - down)
        x1, y1, x2, y2 = corners(boxes)
        return joined((x1 - left) / across, (y1 - top) / down, (x2 - left) / across, (y2 - top) / down)

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "height_factor": self.height_factor,
            "width_factor": self.width_factor,
        }
