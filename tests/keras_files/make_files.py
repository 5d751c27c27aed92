"""Writes the files that test_keras_files.py reads; needs Keras 3.

    KERAS_BACKEND=jax python tests/keras_files/make_files.py

Every model is saved as `<name>.keras` and `<name>.h5`; `<name>.npz` holds inputs and what Keras gives for
them.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
from keras import layers

FOLDER = Path(__file__).parent
RNG = np.random.default_rng(0)


def floats(*shape):
    return RNG.normal(size=shape).astype("float32")


def dense():
    model = keras.Sequential(
        [
            keras.Input((4,)),
            layers.Dense(3, "relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.2),
            layers.Dense(2),
        ]
    )
    model.compile(keras.optimizers.Adam(0.01), "mse", metrics=["mae"])
    model.fit(floats(16, 4), floats(16, 2), epochs=2, verbose=0)
    return model, [floats(3, 4)]


def two_inputs():
    first, second = keras.Input((4,), name="first"), keras.Input((5,), name="second")
    both = layers.Concatenate()(
        [layers.Dense(3, "tanh")(first), layers.Dense(3, kernel_regularizer="l2")(second)]
    )
    outputs = [layers.Dense(2, name="one")(both), layers.Dense(1, "sigmoid", name="two")(both * 2.0 + 1.0)]
    return keras.Model([first, second], outputs), [floats(3, 4), floats(3, 5)]


def nested():
    inner = keras.Sequential(
        [keras.Input((3,)), layers.Dense(4, "gelu"), layers.LayerNormalization()], name="inner"
    )
    inputs = keras.Input((3,))
    return keras.Model(inputs, layers.Add()([inner(inputs), inner(inputs + 1.0)])), [floats(2, 3)]


def recurrent():
    inputs = keras.Input((5,), dtype="int32")
    x = layers.Embedding(10, 4, mask_zero=True)(inputs)
    x = layers.Bidirectional(layers.LSTM(3, return_sequences=True))(x)
    return keras.Model(inputs, layers.GRU(3)(x)), [np.array([[1, 2, 3, 0, 0], [4, 5, 6, 7, 8]], "int32")]


def attention():
    inputs = keras.Input((4, 6))
    x = layers.MultiHeadAttention(2, 3)(inputs, inputs, use_causal_mask=True)
    x = layers.GlobalAveragePooling1D()(x + inputs)
    return keras.Model(inputs, layers.Dense(2)(x)), [floats(2, 4, 6)]


def convolution():
    stack = [
        keras.Input((8, 8, 3)), layers.Conv2D(4, 3, strides=2, padding="same", activation="relu"),
        layers.DepthwiseConv2D(3, padding="same"), layers.SeparableConv2D(5, 2), layers.MaxPooling2D(2),
        layers.Conv2DTranspose(2, 2), layers.Flatten(), layers.Dense(2, "softmax"),
    ]  # fmt: skip
    return keras.Sequential(stack), [floats(2, 8, 8, 3)]


def main():
    keras.utils.set_random_seed(0)
    for make in (dense, two_inputs, nested, recurrent, attention, convolution):
        model, inputs = make()
        name = make.__name__
        outputs = model.predict(inputs if len(inputs) > 1 else inputs[0], verbose=0)
        outputs = outputs if isinstance(outputs, list) else [outputs]
        model.save(FOLDER / f"{name}.keras")
        model.save(FOLDER / f"{name}.h5")
        if name == "dense":
            model.save_weights(FOLDER / f"{name}.weights.h5")
        arrays = {f"input_{i}": x for i, x in enumerate(inputs)} | {
            f"output_{i}": y for i, y in enumerate(outputs)
        }
        np.savez_compressed(FOLDER / f"{name}.npz", **arrays)


if __name__ == "__main__":
    main()
