"""Layers that resize, crop and augment images."""

from corten.layers.image_preprocessing.base import (
    BaseImagePreprocessingLayer as BaseImagePreprocessingLayer,
)
from corten.layers.image_preprocessing.crops import CenterCrop as CenterCrop, RandomCrop as RandomCrop
from corten.layers.image_preprocessing.filters import (
    RandomGaussianBlur as RandomGaussianBlur,
    RandomSharpness as RandomSharpness,
)
from corten.layers.image_preprocessing.grayscale import (
    RandomColorDegeneration as RandomColorDegeneration,
    RandomGrayscale as RandomGrayscale,
)
from corten.layers.image_preprocessing.histograms import (
    AutoContrast as AutoContrast,
    ContrastLimitedAdaptiveHistogramEqualization as ContrastLimitedAdaptiveHistogramEqualization,
    Equalization as Equalization,
)
from corten.layers.image_preprocessing.hue_and_saturation import (
    RandomHue as RandomHue,
    RandomSaturation as RandomSaturation,
)
from corten.layers.image_preprocessing.max_num_bounding_boxes import (
    MaxNumBoundingBoxes as MaxNumBoundingBoxes,
)
from corten.layers.image_preprocessing.mixing import CutMix as CutMix, MixUp as MixUp
from corten.layers.image_preprocessing.pointwise import (
    RandomInvert as RandomInvert,
    RandomPosterization as RandomPosterization,
    Solarization as Solarization,
)
from corten.layers.image_preprocessing.policies import AugMix as AugMix, RandAugment as RandAugment
from corten.layers.image_preprocessing.random_brightness import RandomBrightness as RandomBrightness
from corten.layers.image_preprocessing.random_color_jitter import RandomColorJitter as RandomColorJitter
from corten.layers.image_preprocessing.random_contrast import RandomContrast as RandomContrast
from corten.layers.image_preprocessing.random_elastic_transform import (
    RandomElasticTransform as RandomElasticTransform,
)
from corten.layers.image_preprocessing.random_erasing import RandomErasing as RandomErasing
from corten.layers.image_preprocessing.random_flip import RandomFlip as RandomFlip
from corten.layers.image_preprocessing.random_perspective import RandomPerspective as RandomPerspective
from corten.layers.image_preprocessing.random_rotation import RandomRotation as RandomRotation
from corten.layers.image_preprocessing.random_shear import RandomShear as RandomShear
from corten.layers.image_preprocessing.random_translation import RandomTranslation as RandomTranslation
from corten.layers.image_preprocessing.random_zoom import RandomZoom as RandomZoom
from corten.layers.image_preprocessing.resizing import Resizing as Resizing

__all__ = [
    "AugMix", "AutoContrast", "CenterCrop", "ContrastLimitedAdaptiveHistogramEqualization", "CutMix",
    "Equalization", "MaxNumBoundingBoxes", "MixUp", "RandAugment", "RandomBrightness",
    "RandomColorDegeneration", "RandomColorJitter", "RandomContrast", "RandomCrop",
    "RandomElasticTransform", "RandomErasing", "RandomFlip", "RandomGaussianBlur", "RandomGrayscale",
    "RandomHue", "RandomInvert", "RandomPerspective", "RandomPosterization", "RandomRotation",
    "RandomSaturation", "RandomSharpness", "RandomShear", "RandomTranslation", "RandomZoom", "Resizing",
    "Solarization",
]  # fmt: skip
