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
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from corten.applications import (
        convnext as convnext,
        densenet as densenet,
        efficientnet as efficientnet,
        efficientnet_v2 as efficientnet_v2,
        imagenet_utils as imagenet_utils,
        inception_resnet_v2 as inception_resnet_v2,
        inception_v3 as inception_v3,
        mobilenet as mobilenet,
        mobilenet_v2 as mobilenet_v2,
        mobilenet_v3 as mobilenet_v3,
        nasnet as nasnet,
        resnet as resnet,
        resnet50 as resnet50,
        resnet_v2 as resnet_v2,
        vgg16 as vgg16,
        vgg19 as vgg19,
        xception as xception,
    )
    from corten.applications.convnext import (
        ConvNeXtBase as ConvNeXtBase,
        ConvNeXtLarge as ConvNeXtLarge,
        ConvNeXtSmall as ConvNeXtSmall,
        ConvNeXtTiny as ConvNeXtTiny,
        ConvNeXtXLarge as ConvNeXtXLarge,
    )
    from corten.applications.densenet import (
        DenseNet121 as DenseNet121,
        DenseNet169 as DenseNet169,
        DenseNet201 as DenseNet201,
    )
    from corten.applications.efficientnet import (
        EfficientNetB0 as EfficientNetB0,
        EfficientNetB1 as EfficientNetB1,
        EfficientNetB2 as EfficientNetB2,
        EfficientNetB3 as EfficientNetB3,
        EfficientNetB4 as EfficientNetB4,
        EfficientNetB5 as EfficientNetB5,
        EfficientNetB6 as EfficientNetB6,
        EfficientNetB7 as EfficientNetB7,
    )
    from corten.applications.efficientnet_v2 import (
        EfficientNetV2B0 as EfficientNetV2B0,
        EfficientNetV2B1 as EfficientNetV2B1,
        EfficientNetV2B2 as EfficientNetV2B2,
        EfficientNetV2B3 as EfficientNetV2B3,
        EfficientNetV2L as EfficientNetV2L,
        EfficientNetV2M as EfficientNetV2M,
        EfficientNetV2S as EfficientNetV2S,
    )
    from corten.applications.inception_resnet_v2 import InceptionResNetV2 as InceptionResNetV2
    from corten.applications.inception_v3 import InceptionV3 as InceptionV3
    from corten.applications.mobilenet import MobileNet as MobileNet
    from corten.applications.mobilenet_v2 import MobileNetV2 as MobileNetV2
    from corten.applications.mobilenet_v3 import (
        MobileNetV3Large as MobileNetV3Large,
        MobileNetV3Small as MobileNetV3Small,
    )
    from corten.applications.nasnet import (
        NASNetLarge as NASNetLarge,
        NASNetMobile as NASNetMobile,
    )
    from corten.applications.resnet import (
        ResNet50 as ResNet50,
        ResNet101 as ResNet101,
        ResNet152 as ResNet152,
    )
    from corten.applications.resnet_v2 import (
        ResNet50V2 as ResNet50V2,
        ResNet101V2 as ResNet101V2,
        ResNet152V2 as ResNet152V2,
    )
    from corten.applications.vgg16 import VGG16 as VGG16
    from corten.applications.vgg19 import VGG19 as VGG19
    from corten.applications.xception import Xception as Xception

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
