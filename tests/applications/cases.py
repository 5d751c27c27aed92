"""The networks that are compared with Keras, and weights and pictures that are the same on both sides."""

import hashlib
import json

import numpy as np

SMALL = {"input_shape": (64, 64, 3)}
FEATURES = {"include_top": False, "pooling": "avg", **SMALL}
CLASSIFIER = {"classes": 5, **SMALL}

# With their default arguments.
WHOLE = (
    "VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2",
    "DenseNet121", "DenseNet169", "DenseNet201", "MobileNet", "MobileNetV2",
    "Xception", "InceptionV3", "InceptionResNetV2", "MobileNetV3Small", "MobileNetV3Large",
    "EfficientNetB0", "EfficientNetB1", "EfficientNetB2", "EfficientNetB3", "EfficientNetB4",
    "EfficientNetB5", "EfficientNetB6", "EfficientNetB7", "EfficientNetV2B0", "EfficientNetV2B1",
    "EfficientNetV2B2", "EfficientNetV2B3", "EfficientNetV2S", "EfficientNetV2M", "EfficientNetV2L",
    "ConvNeXtTiny", "ConvNeXtSmall", "ConvNeXtBase", "ConvNeXtLarge", "ConvNeXtXLarge",
    "NASNetMobile", "NASNetLarge",
)  # fmt: skip

# Compared by names, shapes and counts; with the arguments of the call beside `weights=None`.
STRUCTURES = {
    **{name: (name, {}) for name in WHOLE},
    "MobileNet narrow": ("MobileNet", {"alpha": 0.25, "depth_multiplier": 2, **CLASSIFIER}),
    "MobileNet features": ("MobileNet", {"include_top": False, "pooling": "max"}),
    "MobileNetV2 narrow": ("MobileNetV2", {"alpha": 0.35, "include_top": False, "input_shape": (75, 81, 3)}),
    "MobileNetV2 wide": ("MobileNetV2", {"alpha": 1.4, "input_shape": (96, 96, 3)}),
    "MobileNetV3Small minimalistic": (
        "MobileNetV3Small",
        {
            "alpha": 0.75,
            "minimalistic": True,
            "dropout_rate": 0,
            "include_preprocessing": False,
            **CLASSIFIER,
        },
    ),
    "MobileNetV3Large wide": (
        "MobileNetV3Large",
        {"alpha": 1.25, "include_top": False, "pooling": "max"},
    ),
    "EfficientNetB0 features": ("EfficientNetB0", FEATURES),
    "EfficientNetV2B0 gray": ("EfficientNetV2B0", {"include_top": False, "input_shape": (64, 64, 1)}),
    "EfficientNetV2B1 bare": ("EfficientNetV2B1", {"include_preprocessing": False, **CLASSIFIER}),
    "ConvNeXtTiny gray": ("ConvNeXtTiny", {**FEATURES, "input_shape": (64, 64, 1)}),
    "ConvNeXtTiny bare": ("ConvNeXtTiny", {"include_preprocessing": False, **CLASSIFIER}),
    "ResNet50 features": ("ResNet50", {"include_top": False, "pooling": "max"}),
    "DenseNet121 features": ("DenseNet121", FEATURES),
    "VGG16 features": ("VGG16", FEATURES),
    "NASNetMobile odd size": (
        "NASNetMobile",
        {"include_top": False, "pooling": "max", "input_shape": (75, 64, 1)},
    ),
    "NASNetLarge features": ("NASNetLarge", {"include_top": False, "input_shape": (64, 64, 3)}),
}

# Compared by what they compute.
VALUES = {
    "VGG16": ("VGG16", FEATURES),
    "ResNet50": ("ResNet50", CLASSIFIER),
    "ResNet50 features": ("ResNet50", FEATURES),
    "ResNet50V2": ("ResNet50V2", CLASSIFIER),
    "DenseNet121": ("DenseNet121", CLASSIFIER),
    "MobileNet": ("MobileNet", {"alpha": 0.5, **CLASSIFIER}),
    "MobileNetV2": ("MobileNetV2", CLASSIFIER),
    "Xception": ("Xception", {"classes": 5, "input_shape": (71, 71, 3)}),
    "InceptionV3": ("InceptionV3", {**FEATURES, "input_shape": (75, 75, 3)}),
    "InceptionResNetV2": ("InceptionResNetV2", {"classes": 5, "input_shape": (75, 75, 3)}),
    "MobileNetV3Small": ("MobileNetV3Small", CLASSIFIER),
    "MobileNetV3Large": ("MobileNetV3Large", {"minimalistic": True, **FEATURES}),
    "EfficientNetB0": ("EfficientNetB0", CLASSIFIER),
    "EfficientNetV2B0": ("EfficientNetV2B0", CLASSIFIER),
    "EfficientNetV2S": ("EfficientNetV2S", FEATURES),
    "ConvNeXtTiny": ("ConvNeXtTiny", CLASSIFIER),
    "ConvNeXtTiny features": ("ConvNeXtTiny", FEATURES),
    "MobileNetV2 odd size": ("MobileNetV2", {**FEATURES, "input_shape": (75, 81, 3)}),
    "NASNetMobile": ("NASNetMobile", CLASSIFIER),
    "NASNetMobile odd size": ("NASNetMobile", {**FEATURES, "input_shape": (75, 81, 3)}),
    "NASNetLarge": ("NASNetLarge", {**FEATURES, "input_shape": (48, 48, 3)}),
}


def numbers(key, shape):
    """Standard normal numbers that depend on the key and their place only (Philox counts)."""
    return np.random.Generator(np.random.Philox(key=key)).standard_normal(shape)


def kind_of(weight):
    """The name of a weight inside its layer; Keras gives LayerScale's none."""
    name = weight.path.rsplit("/", 1)[-1]
    return "gamma" if name.startswith("variable") else name


def fill(model):
    """Gives all weights fixed values of a size that keeps activations near one."""
    for index, weight in enumerate(model.weights):
        kind = kind_of(weight)
        values = numbers(index, tuple(weight.shape))
        if kind in {"count", "mean", "variance"}:
            continue
        if kind == "moving_variance":
            values = 1 + 0.5 * np.tanh(values)
        elif kind == "gamma":
            values = 1 + 0.1 * values
        elif kind in {"beta", "bias", "moving_mean"}:
            values = 0.1 * values
        elif kind == "depthwise_kernel":
            values = values * np.sqrt(2 / np.prod(weight.shape[:2]))
        else:
            values = values * np.sqrt(2 / np.prod(weight.shape[:-1]))
        weight.assign(values.astype("float32"))


def pictures(model):
    """Two pictures of the size a model takes, values from 0 to 255."""
    shape = (2, *model.input_shape[1:])
    return (127.5 * (1 + np.tanh(numbers(10_000, shape)))).astype("float32")


def sample(outputs):
    """Twelve numbers of each row, at even distances."""
    rows = np.asarray(outputs, "float64").reshape(2, -1)
    places = np.unique(np.linspace(0, rows.shape[1] - 1, 12).astype(int))
    return rows[:, places].tolist()


def structure(model):
    """What a file of weights depends on: layers in order, shapes of weights in order, names, counts."""

    def digest(value):
        return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]

    # Calls of functions are in Keras's list of layers too.
    layers = [layer for layer in model.layers if hasattr(layer, "trainable_weights")]
    # A Sequential model has an output only where it was given an input.
    shaped = [layer for layer in layers if type(layer).__name__ != "Sequential"]
    return {
        "name": model.name,
        "parameters": model.count_params(),
        "layers": [len(layers), digest([[type(layer).__name__, layer.name] for layer in layers])],
        "shapes": digest([[layer.name, str(tuple(layer.output.shape))] for layer in shaped]),
        "weights": [len(model.weights), digest([list(weight.shape) for weight in model.weights])],
        "weight_names": digest([kind_of(weight) for weight in model.weights]),
        "trainable": len(model.trainable_weights),
        "output": str(tuple(model.output_shape)),
    }
