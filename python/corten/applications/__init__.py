"""Networks for pictures, with weights trained on ImageNet (https://keras.io/api/applications/).

Each network has a module with what belongs to it: `preprocess_input` scales pictures as it expects them,
`decode_predictions` names the classes it finds.

Example:
    >>> import corten
    >>> base = corten.applications.MobileNetV2(
    ...     weights=None, include_top=False, input_shape=(32, 32, 3), pooling="avg"
    ... )
    >>> base.output_shape
    (None, 1280)
"""

from __future__ import annotations

import importlib
from typing import Any

# Networks by module; a module is loaded when it is first asked for.
_NETWORKS = {
    "convnext": ("ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge"),
    "densenet": ("DenseNet121", "DenseNet169", "DenseNet201"),
    "efficientnet": tuple(f"EfficientNetB{size}" for size in range(8)),
    "efficientnet_v2": tuple(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "imagenet_utils": (),
    "inception_resnet_v2": ("InceptionResNetV2",),
    "inception_v3": ("InceptionV3",),
    "mobilenet": ("MobileNet",),
    "mobilenet_v2": ("MobileNetV2",),
    "mobilenet_v3": ("MobileNetV3Small", "MobileNetV3Large"),
    "nasnet": ("NASNetLarge", "NASNetMobile"),
    "resnet": ("ResNet50", "ResNet101", "ResNet152"),
    "resnet50": (),
    "resnet_v2": ("ResNet50V2", "ResNet101V2", "ResNet152V2"),
    "vgg16": ("VGG16",),
    "vgg19": ("VGG19",),
    "xception": ("Xception",),
}
_MODULE_OF = {name: module for module, names in _NETWORKS.items() for name in names}

__all__ = [*sorted(_NETWORKS), *sorted(_MODULE_OF)]


def __getattr__(name: str) -> Any:
    if name in _NETWORKS:
        return importlib.import_module(f"corten.applications.{name}")
    if name in _MODULE_OF:
        return getattr(importlib.import_module(f"corten.applications.{_MODULE_OF[name]}"), name)
    from corten.identifiers import no_attribute

    raise no_attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
