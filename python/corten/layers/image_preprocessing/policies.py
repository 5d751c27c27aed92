"""`RandAugment` and `AugMix`: random choices of other augmentations."""

from __future__ import annotations

from typing import Any

from corten import ops, random
from corten.layers.image_preprocessing.base import ColorLayer, Range
from corten.layers.image_preprocessing.filters import RandomSharpness
from corten.layers.image_preprocessing.grayscale import RandomColorDegeneration
from corten.layers.image_preprocessing.histograms import AutoContrast, Equalization
from corten.layers.image_preprocessing.pointwise import RandomPosterization, Solarization
from corten.layers.image_preprocessing.random_brightness import RandomBrightness
from corten.layers.image_preprocessing.random_contrast import RandomContrast
from corten.layers.image_preprocessing.random_rotation import RandomRotation
from corten.layers.image_preprocessing.random_shear import RandomShear
from corten.layers.image_preprocessing.random_translation import RandomTranslation


class _Policy(ColorLayer):
    """Base: holds the layers that are chosen from, all of one strength."""

    _FACTOR_BOUNDS: Range = (0, 1)
    moves_pixels = True

    def __init__(
        self,
        value_range: Any,
        factor: Any,
        interpolation: str,
        seed: int | None,
        data_format: str | None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, seed, factor, data_format=data_format, **kwargs)
        self.interpolation = interpolation

    def _make_layers(self) -> None:
        shared = {
            "data_format": self.data_format,
            "bounding_box_format": self.bounding_box_format,
            "dtype": self.dtype_policy,
        }
        factor = self.factor
        drawn: dict[str, Any] = {**shared, "seed": self.seed}
        warp = {**drawn, "interpolation": self.interpolation}
        color = {**drawn, "value_range": self.value_range}
        self.random_shear = RandomShear(factor, factor, **warp)
        self.random_translation = RandomTranslation(factor, factor, **warp)
        self.random_rotation = RandomRotation(factor, **warp)
        self.random_brightness = RandomBrightness(factor, **color)
        self.random_color_degeneration = RandomColorDegeneration(factor, **color)
        self.random_contrast = RandomContrast(factor, **color)
        self.random_sharpness = RandomSharpness(factor, **color)
        self.random_posterization = RandomPosterization(max(1, int(8 * factor[1])), **color)
        self.solarization = Solarization(factor, factor, **color)
        self.auto_contrast = AutoContrast(self.value_range, **shared)
        self.equalization = Equalization(self.value_range, **shared)

    def _indices(self, count: int, choices: int, seed: Any) -> list[int]:
        return [int(index) for index in random.randint((count,), 0, choices, seed=seed).tolist()]

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "interpolation": self.interpolation}


class RandAugment(_Policy):
    """Applies some augmentations, drawn out of eleven, with random strengths (arXiv:1909.13719).

    One choice is made for all images of a batch; each image has strengths of its own.

    Args:
        value_range: The lowest and the highest value of a pixel.
        num_ops: How many augmentations are applied, one after the other.
        factor: How strong they may be, 0 to 1: a number for (0, factor), or two numbers.
        interpolation: "bilinear" or "nearest".
        seed: Seed for repeatable choices.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Example:
        >>> import numpy as np
        >>> RandAugment(seed=1)(np.ones((2, 8, 8, 3), "float32"), training=True).shape
        (2, 8, 8, 3)
    """

    _AUGMENT_LAYERS = (
        "random_shear", "random_translation", "random_rotation", "random_brightness",
        "random_color_degeneration", "random_contrast", "random_sharpness", "random_posterization",
        "solarization", "auto_contrast", "equalization",
    )  # fmt: skip

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_ops: int = 2,
        factor: Any = 0.5,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_ops = num_ops
        self._make_layers()

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw which augmentations come, and their transformations.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        seed = self.generator if seed is None else seed
        indices = self._indices(self.num_ops, len(self._AUGMENT_LAYERS), seed)
        transforms = {}
        for index in sorted(set(indices)):
            name = self._AUGMENT_LAYERS[index]
            transforms[name] = getattr(self, name).get_random_transformation(data, seed=seed)
        return {"transforms": transforms, "layer_idxes": indices}

    def _chosen_layers(self, transformation: Any) -> list[tuple[Any, Any]]:
        """The layers in their order, each with its transformation."""
        names = [self._AUGMENT_LAYERS[int(index)] for index in transformation["layer_idxes"]]
        return [(getattr(self, name), transformation["transforms"][name]) for name in names]

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        for layer, part in self._chosen_layers(transformation):
            images = layer.transform_images(images, part)
        return images

    def transform_bounding_boxes(
        self, bounding_boxes: dict[str, Any], transformation: Any = None, training: bool = True
    ) -> dict[str, Any]:
        if training:
            for layer, part in self._chosen_layers(transformation):
                bounding_boxes = layer.transform_bounding_boxes(bounding_boxes, part)
        return bounding_boxes

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        masks = ops.convert_to_tensor(segmentation_masks)
        if training:
            for layer, part in self._chosen_layers(transformation):
                masks = layer.transform_segmentation_masks(masks, part)
        return masks

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_ops": self.num_ops}


class AugMix(_Policy):
    """Mixes images with several augmented versions of themselves (arXiv:1912.02781).

    Each version comes from a chain of augmentations, drawn (or left out) for all images of a batch.

    Args:
        value_range: The lowest and the highest value of a pixel.
        num_chains: How many versions are mixed.
        chain_depth: How many augmentations a version has, at most.
        factor: How strong they may be, 0 to 1: a number for (0, factor), or two numbers.
        alpha: Parameter of the Dirichlet and beta distributions of weights.
        all_ops: Whether brightness, contrast, color and sharpness are among the augmentations.
        interpolation: "bilinear" or "nearest".
        seed: Seed for repeatable choices.
        data_format: "channels_last" or "channels_first"; None takes `corten.config.image_data_format()`.
        **kwargs: `bounding_box_format`, `name`, `dtype`.

    Masks are mixed like images, boxes stay as they are, as in Keras.

    Example:
        >>> import numpy as np
        >>> AugMix(seed=1)(np.ones((2, 8, 8, 3), "float32"), training=True).shape
        (2, 8, 8, 3)
    """

    _SOME = (
        "random_shear", "random_translation", "random_rotation", "random_posterization", "solarization",
        "auto_contrast", "equalization",
    )  # fmt: skip
    _REST = ("random_brightness", "random_color_degeneration", "random_contrast", "random_sharpness")

    def __init__(
        self,
        value_range: Any = (0, 255),
        num_chains: int = 3,
        chain_depth: int = 3,
        factor: Any = 0.3,
        alpha: float = 1.0,
        all_ops: bool = True,
        interpolation: str = "bilinear",
        seed: int | None = None,
        data_format: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(value_range, factor, interpolation, seed, data_format, **kwargs)
        self.num_chains = num_chains
        self.chain_depth = chain_depth
        self.alpha = alpha
        self.all_ops = all_ops
        self._make_layers()

    def get_random_transformation(self, data: Any, training: bool = True, seed: Any = None) -> Any:
        """Draw weights, chains and the transformations in them.

        Args:
            data: The image, images or dict.
            training: Whether to draw; None is returned otherwise.
            seed: None takes the layer's own generator.
        """
        if not training:
            return None
        seed = self.generator if seed is None else seed
        names = (*self._SOME, *self._REST) if self.all_ops else self._SOME
        parts = random.gamma((self.num_chains,), self.alpha, dtype="float32", seed=seed)
        chains = []
        for _ in range(self.num_chains):
            chain = []
            # One number more than there are augmentations: the last one leaves the place empty.
            for index in self._indices(self.chain_depth, len(names) + 1, seed):
                if index < len(names):
                    name = names[index]
                    part = getattr(self, name).get_random_transformation(data, seed=seed)
                    chain.append({"layer_name": name, "transformation": part})
            chains.append(chain)
        return {
            "chain_mixing_weights": parts / ops.sum(parts),
            "weight_sample": random.beta((), self.alpha, self.alpha, dtype="float32", seed=seed),
            "chain_transforms": chains,
        }

    def _mixed(self, values: Any, transformation: Any, method: str) -> Any:
        weights = ops.cast(ops.convert_to_tensor(transformation["chain_mixing_weights"]), values.dtype)
        own = ops.cast(ops.convert_to_tensor(transformation["weight_sample"]), values.dtype)
        mixed: Any = 0.0
        for index, chain in enumerate(transformation["chain_transforms"]):
            version = values
            for step in chain:
                change = getattr(getattr(self, step["layer_name"]), method)
                version = change(version, step["transformation"])
            mixed = mixed + version * weights[index]
        return own * values + (1 - own) * mixed

    def _transform_images(self, images: Any, transformation: Any, interpolation: str) -> Any:
        return self._limited(self._mixed(images, transformation, "transform_images"))

    def transform_segmentation_masks(
        self, segmentation_masks: Any, transformation: Any = None, training: bool = True
    ) -> Any:
        masks = ops.convert_to_tensor(segmentation_masks)
        if not training:
            return masks
        if not masks.dtype.startswith(("float", "bfloat")):
            masks = ops.cast(masks, "float32")
        return self._mixed(masks, transformation, "transform_segmentation_masks")

    def get_config(self) -> dict[str, Any]:
        return {
            **super().get_config(),
            "num_chains": self.num_chains,
            "chain_depth": self.chain_depth,
            "alpha": self.alpha,
            "all_ops": self.all_ops,
        }
