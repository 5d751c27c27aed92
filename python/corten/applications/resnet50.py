"""ResNet50 under its older module name; see `corten.applications.resnet`."""

from corten.applications.resnet import ResNet50, decode_predictions, preprocess_input

__all__ = ["ResNet50", "decode_predictions", "preprocess_input"]
