"""The networks that are trained and asked, and the arithmetic they need for one row."""

import itertools
from dataclasses import dataclass

MLP = (784, 256, 128, 64, 10)
WIDE = (784, 2048, 2048, 10)
IMAGE = (28, 28, 1)
CLASSES = 10
LSTM_STEPS, LSTM_IN, LSTM_UNITS = 64, 64, 128
LINES, LINE_BATCH = 100, 32  # of the linear regression


@dataclass(frozen=True)
class Encoder:
    """A text classifier of the size of MiniLM: post-norm Transformer layers, mean over positions, classes."""

    vocabulary: int = 30522
    width: int = 384
    heads: int = 12
    hidden: int = 1536
    layers: int = 6
    length: int = 128
    classes: int = 2


ENCODER = Encoder()


def dense_flops(widths: tuple[int, ...], training: bool) -> float:
    """Dense layers in a row: forward, and both gradients, but that of the data."""
    products = [2.0 * a * b for a, b in itertools.pairwise(widths)]
    return 3 * sum(products) - products[0] if training else sum(products)


def cnn_flops(training: bool) -> float:
    """3x3 convolutions of 1 -> 32 -> 64 -> 64 channels with pooling between, then 576 -> 64 -> 10."""
    convolutions = [2.0 * 9 * side * side * a * b for side, a, b in ((26, 1, 32), (11, 32, 64), (3, 64, 64))]
    forward = sum(convolutions) + dense_flops((576, 64, CLASSES), False)
    return 3 * forward - convolutions[0] if training else forward


def lstm_flops() -> float:
    """A training step's part for one row: four gates a step, then the classes."""
    data, state = (2.0 * LSTM_STEPS * 4 * LSTM_UNITS * width for width in (LSTM_IN, LSTM_UNITS))
    return 2 * data + 3 * state + 3 * 2.0 * LSTM_UNITS * CLASSES


def encoder_flops(encoder: Encoder = ENCODER) -> float:
    """A training step's part for one row: in every layer four projections, attention and two dense layers."""
    width, length = encoder.width, encoder.length
    token = 4 * width * width + 2 * width * encoder.hidden + 2 * length * width
    return 3 * 2.0 * (length * encoder.layers * token + width * encoder.classes)
