"""Public classes without a case of their own, and why."""

_BASES = "a base class, or a name for types"
_IMAGES = "compared in test_image_preprocessing.py"
_PREPROCESSING = "compared with Keras's numbers in tests/layers/test_preprocessing.py"
_CELLS = "compared inside RNN"

EXCLUDED = {
    **dict.fromkeys(
        (
            "Any",
            "Callable",
            "Mapping",
            "Sequence",
            "Table",
            "Layer",
            "Loss",
            "Metric",
            "Optimizer",
            "Wrapper",
        ),
        _BASES,
    ),
    **dict.fromkeys(
        ("Initializer", "RandomInitializer", "Regularizer", "Constraint", "LossFunctionWrapper"), _BASES
    ),
    **dict.fromkeys(
        ("LearningRateSchedule", "AUCCurve", "AUCSummationMethod", "STFTInitializer", "InputLayer"), _BASES
    ),
    "FunctionLoss": "what a function becomes in `compile`",
    "MultiOptimizer": "Keras's has other arguments; covered in tests/optimizers",
    "ConfusionMatrix": "is not public in Keras; covered in tests/metrics",
    "LossScaleOptimizer": "runs under `jit` only with JAX; covered in tests/optimizers",
    "OptimizerMap": "covered in tests/optimizers",
    "WarmupSchedule": "is not Keras's; compared with transformers in tests/transformers",
    **dict.fromkeys(("LSTMCell", "GRUCell", "SimpleRNNCell"), _CELLS),
    **dict.fromkeys(
        [
            "CategoryEncoding",
            "Discretization",
            "HashedCrossing",
            "Hashing",
            "IntegerLookup",
            "MelSpectrogram",
            "Normalization",
            "Pipeline",
            "Rescaling",
            "STFTSpectrogram",
            "StringLookup",
            "TextVectorization",
        ],
        _PREPROCESSING,
    ),
    **dict.fromkeys(
        [
            "AugMix",
            "AutoContrast",
            "BaseImageAugmentationLayer",
            "BaseImagePreprocessingLayer",
            "CenterCrop",
            "ContrastLimitedAdaptiveHistogramEqualization",
            "CutMix",
            "Equalization",
            "MaxNumBoundingBoxes",
            "MixUp",
            "RandAugment",
            "RandomBrightness",
            "RandomColorDegeneration",
            "RandomColorJitter",
            "RandomContrast",
            "RandomCrop",
            "RandomElasticTransform",
            "RandomErasing",
            "RandomFlip",
            "RandomGaussianBlur",
            "RandomGrayscale",
            "RandomHue",
            "RandomInvert",
            "RandomPerspective",
            "RandomPosterization",
            "RandomRotation",
            "RandomSaturation",
            "RandomSharpness",
            "RandomShear",
            "RandomTranslation",
            "RandomZoom",
            "Resizing",
            "Solarization",
        ],
        _IMAGES,
    ),
}
