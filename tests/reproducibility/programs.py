"""Small programs of training, each with the hash of all it gives: weights, predictions, history.

    python -m tests.reproducibility.programs            # every program, in a process of its own: JSON

Inputs come from whole numbers, so that they are the same bits with any version of NumPy.
"""

import hashlib
import json
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

import corten
from corten import layers, optimizers

Array = np.ndarray
ROWS = 48
OPTIMIZERS = [
    ("sgd", {}), ("sgd", {"momentum": 0.9, "nesterov": True}), ("rmsprop", {"centered": True}),
    ("adagrad", {}), ("adadelta", {}), ("adam", {"amsgrad": True}),
    ("adam", {"use_ema": True, "clipnorm": 1.0}), ("adamw", {}), ("adamax", {}), ("nadam", {}), ("lion", {}),
    ("lamb", {}), ("ftrl", {}), ("adafactor", {}), ("muon", {}), ("schedulefreeadamw", {}),
]  # fmt: skip
#: Programs whose bits depend on instructions for 16-bit products, as well as on the instruction set.
SIXTEEN_BITS = ("bfloat16",)


def numbers(*shape: int, seed: int = 0) -> Array:
    """Float32 numbers from -1 to 1 that are multiples of 1/1024."""
    return ((np.random.default_rng(seed).integers(-1024, 1025, shape)) / 1024).astype("float32")


def trained(stack: list[Any], x: Array, y: Array, loss: str, optimizer: Any = "adam", epochs: int = 2) -> str:
    """Trains a stack of layers and hashes what comes out."""
    model = corten.Sequential(stack)
    model.compile(optimizer, loss)
    history = model.fit(x, y, batch_size=16, epochs=epochs, validation_split=0.25, verbose=0)
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(np.ascontiguousarray(weight).tobytes())
    digest.update(np.asarray(model.predict(x, verbose=0), "float32").tobytes())
    digest.update(repr(history.history).encode())
    return digest.hexdigest()[:16]


def labels(count: int) -> Array:
    """Three classes in turn."""
    return np.arange(count) % 3


CLASSES = "sparse_categorical_crossentropy"


def dense() -> str:
    """Dense layers with functions whose kernels differ."""
    stack = [
        corten.Input((20,)),
        *(layers.Dense(n, f) for n, f in ((33, "gelu"), (17, "swish"), (9, "tanh"))),
    ]
    return trained([*stack, layers.Dense(3, "softmax")], numbers(ROWS, 20), labels(ROWS), CLASSES)


def convolutions() -> str:
    """Convolutions, pooling and normalization."""
    stack = [
        corten.Input((9, 9, 3)),
        layers.Conv2D(8, 3, activation="relu"),
        layers.BatchNormalization(),
        layers.DepthwiseConv2D(3, padding="same"),
        layers.MaxPooling2D(2),
        layers.Conv2DTranspose(4, 3, strides=2),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3, "softmax"),
    ]
    return trained(stack, numbers(ROWS, 9, 9, 3), labels(ROWS), CLASSES)


def recurrent() -> str:
    """An LSTM over a GRU in both directions."""
    stack = [
        corten.Input((7, 5)),
        layers.Bidirectional(layers.GRU(6, return_sequences=True)),
        layers.LSTM(8),
        layers.Dense(3, "softmax"),
    ]
    return trained(stack, numbers(ROWS, 7, 5), labels(ROWS), CLASSES)


class Block(layers.Layer):
    """Attention with what is around it in a transformer, trained step by step or by the fused kernel."""

    def __init__(self, fused: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.norm = layers.LayerNormalization()
        self.attention = layers.MultiHeadAttention(2, 6, dropout=0.1)
        self.fused = fused

    def call(self, inputs: Any, training: bool = False) -> Any:
        h = self.norm(inputs)
        if training and not self.fused:
            return inputs + self.attention(h, h, use_causal_mask=True, return_attention_scores=True)[0]
        return inputs + self.attention(h, h, use_causal_mask=True)


def attention(fused: bool = False) -> str:
    """An embedding, two attention blocks with dropout, an average."""
    stack = [corten.Input((8,), dtype="int32"), layers.Embedding(11, 12), Block(fused), Block(fused)]
    stack += [layers.GlobalAveragePooling1D(), layers.Dense(3, "softmax")]
    x = np.random.default_rng(1).integers(0, 11, (ROWS, 8))
    return trained(stack, x, labels(ROWS), CLASSES)


def fused_attention() -> str:
    """The same by the fused kernel."""
    return attention(fused=True)


def noise() -> str:
    """Dropout and noise of every kind, with seeds of their own and without."""
    stack = [
        corten.Input((24,)),
        layers.Dense(32, "relu"),
        layers.Dropout(0.4),
        layers.GaussianNoise(0.1, seed=5),
        layers.Dense(32, "selu"),
        layers.AlphaDropout(0.2),
        layers.GaussianDropout(0.2, seed=6),
        layers.Dense(3, "softmax"),
    ]
    return trained(stack, numbers(ROWS, 24), labels(ROWS), CLASSES)


def augmentation() -> str:
    """Images that are flipped, turned, moved and recolored while a model trains."""
    stack = [
        corten.Input((10, 10, 3)),
        layers.RandomFlip(),
        layers.RandomRotation(0.1),
        layers.RandomTranslation(0.1, 0.1),
        layers.RandomZoom(0.1),
        layers.RandomBrightness(0.2, value_range=(0.0, 1.0)),
        layers.RandomContrast(0.2, value_range=(0.0, 1.0)),
        layers.RandomCrop(8, 8),
        layers.Flatten(),
        layers.Dense(3, "softmax"),
    ]
    return trained(stack, np.abs(numbers(ROWS, 10, 10, 3)), labels(ROWS), CLASSES)


def pipeline() -> str:
    """A data set that is mapped by threads, shuffled and cut into batches."""
    x, y = numbers(ROWS, 6), numbers(ROWS, 1, seed=1)
    data = corten.data.Dataset.from_tensor_slices((x, y)).shuffle(20)
    data = data.map(lambda a, b: (a * 2, b), num_parallel_calls=3).batch(8).prefetch(2)
    model = corten.Sequential([corten.Input((6,)), layers.Dense(8, "tanh"), layers.Dense(1)])
    model.compile("adam", "mse")
    history = model.fit(data, epochs=3, verbose=0)
    return corten.utils.fingerprint(model) + hashlib.sha256(repr(history.history).encode()).hexdigest()[:4]


def float64() -> str:
    """A network in double precision."""
    stack = [corten.Input((10,), dtype="float64"), layers.Dense(12, "tanh", dtype="float64")]
    return trained([*stack, layers.Dense(1, dtype="float64")], numbers(ROWS, 10), numbers(ROWS, 1), "mse")


def bfloat16() -> str:
    """Mixed precision: products of bfloat16."""
    stack = [corten.Input((40,))]
    stack += [
        layers.Dense(64, "relu", dtype="mixed_bfloat16"),
        layers.Dense(64, "relu", dtype="mixed_bfloat16"),
    ]
    return trained(
        [*stack, layers.Dense(3, "softmax", dtype="float32")], numbers(ROWS, 40), labels(ROWS), CLASSES
    )


def optimizer_program(name: str, settings: dict[str, Any]) -> Callable[[], str]:
    """A small network that is trained with one rule."""

    def program() -> str:
        rule = type(optimizers.get(name))(learning_rate=0.01, **settings)
        stack = [corten.Input((12,)), layers.Dense(16, "tanh"), layers.Dense(8, "tanh"), layers.Dense(1)]
        return trained(stack, numbers(ROWS, 12), numbers(ROWS, 1, seed=1), "mse", rule)

    return program


PROGRAMS: dict[str, Callable[[], str]] = {
    one.__name__: one
    for one in (
        dense, convolutions, recurrent, attention, fused_attention, noise, augmentation, pipeline, float64,
        bfloat16,
    )
} | {
    " ".join([name, *settings]): optimizer_program(name, settings) for name, settings in OPTIMIZERS
}  # fmt: skip


def run_all() -> dict[str, str]:
    """Runs every program from the same seed."""
    hashes = {}
    for name, program in PROGRAMS.items():
        corten.utils.set_random_seed(7)
        hashes[name] = program()
    return hashes


def send_all(connection: Any, threads: int) -> None:
    """Runs every program in a process that `multiprocessing` started, and sends the hashes."""
    try:
        corten.set_num_threads(threads)
        connection.send(run_all())
    finally:
        connection.close()


if __name__ == "__main__":
    json.dump(run_all(), sys.stdout)
