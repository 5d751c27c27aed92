"""Classifies handwritten digits with a small convolutional network.

Shows: a Sequential model, ``compile``, ``fit`` with validation and callbacks, ``evaluate``, ``save`` and
``load_model``.
Data: 5,000 real MNIST images that come with Corten; ``--full`` uses the 70,000 of ``corten.datasets.mnist``.

    python examples/mnist_cnn.py [--small] [--full]
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import corten
from corten import layers


def load(full: bool):
    """Images as floats in 0..1 with one channel, labels as whole numbers."""
    source = corten.datasets.mnist if full else corten.datasets.mnist_sample
    (x_train, y_train), (x_test, y_test) = source.load_data()
    return (x_train[..., None] / np.float32(255), y_train), (x_test[..., None] / np.float32(255), y_test)


def build() -> corten.Model:
    return corten.Sequential(
        [
            corten.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer images and epochs")
    parser.add_argument("--full", action="store_true", help="all 70,000 images (read from disk or fetched)")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = load(arguments.full)
    if arguments.small:
        x_train, y_train = x_train[:1000], y_train[:1000]

    model = build()
    model.summary()
    model.compile(optimizer="adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(
        x_train,
        y_train,
        batch_size=32 if arguments.small else 128,
        epochs=3 if arguments.small else 15,
        validation_split=0.1,
        callbacks=[corten.callbacks.EarlyStopping(patience=3, restore_best_weights=True)],
        verbose=2,
    )
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"Held-out loss: {loss:.4f}")
    print(f"Held-out accuracy: {accuracy:.4f}")

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "digits.corten"
        model.save(file)
        again = corten.models.load_model(file)
    same = again.predict(x_test, verbose=0).tobytes() == model.predict(x_test, verbose=0).tobytes()
    print(f"Loaded model predicts the same bits: {same}")


if __name__ == "__main__":
    main()
