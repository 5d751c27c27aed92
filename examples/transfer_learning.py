"""Reuses what a network learned on five digits to tell the five others apart from few examples.

Shows: a base trained for one task, frozen (``trainable = False``), under a new head; BatchNormalization that
stays in inference mode while frozen; then fine-tuning with a small learning rate; the same network from
scratch, to compare.
Data: MNIST digits that come with Corten. The base sees only 0 to 4, the new task has 5 to 9.

    python examples/transfer_learning.py [--small]
"""

import argparse

import numpy as np

import corten
from corten import layers


def load():
    (x_train, y_train), (x_test, y_test) = corten.datasets.mnist_sample.load_data()
    return (x_train[..., None] / np.float32(255), y_train), (x_test[..., None] / np.float32(255), y_test)


def build_base() -> corten.Model:
    """Convolutions with batch normalization: picture in, 64 features out."""
    inputs = corten.Input((28, 28, 1))
    x = inputs
    for filters in (16, 32, 64):
        x = layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization(momentum=0.9)(x)
        x = layers.Activation("relu")(x)
    return corten.Model(inputs, layers.GlobalAveragePooling2D()(x), name="base")


def with_head(base: corten.Model) -> corten.Model:
    """The base under a classifier of five classes.

    ``training=False`` keeps the base's BatchNormalization on its learned statistics, also when the base is
    unfrozen later: a few new pictures would spoil them.
    """
    inputs = corten.Input((28, 28, 1))
    features = base(inputs, training=False)
    return corten.Model(inputs, layers.Dense(5, activation="softmax")(layers.Dropout(0.2)(features)))


def train(model: corten.Model, x, y, epochs: int, learning_rate: float) -> None:
    model.compile(
        optimizer=corten.optimizers.Adam(learning_rate),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x, y, batch_size=32, epochs=epochs, verbose=0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer epochs")
    arguments = parser.parse_args()
    base_epochs, epochs = (4, 15) if arguments.small else (20, 60)
    shots = 10  # examples of each new digit

    corten.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = load()
    old, new = y_train < 5, np.flatnonzero(y_train >= 5)
    few = np.concatenate([new[y_train[new] == digit][:shots] for digit in range(5, 10)])
    x_few, y_few = x_train[few], y_train[few] - 5
    x_new, y_new = x_test[y_test >= 5], y_test[y_test >= 5] - 5

    base = build_base()
    first = corten.Sequential([base, layers.Dense(5, activation="softmax")])
    train(first, x_train[old], y_train[old], base_epochs, 1e-3)
    accuracy = first.evaluate(x_test[y_test < 5], y_test[y_test < 5], verbose=0)[1]
    print(f"Base task, digits 0 to 4, {old.sum()} examples: accuracy {accuracy:.4f}")

    base.trainable = False
    before = [value.copy() for value in base.get_weights()]
    model = with_head(base)
    train(model, x_few, y_few, epochs, 1e-2)
    frozen = all(np.array_equal(a, b) for a, b in zip(before, base.get_weights(), strict=True))
    print(f"Frozen base unchanged, moving statistics included: {frozen}")
    accuracy = model.evaluate(x_new, y_new, verbose=0)[1]
    print(f"New head, digits 5 to 9, {len(few)} examples: accuracy {accuracy:.4f}")

    base.trainable = True  # `compile` again after such a change
    train(model, x_few, y_few, epochs, 3e-4)
    transfer = model.evaluate(x_new, y_new, verbose=0)[1]
    print(f"After fine-tuning: accuracy {transfer:.4f}")

    scratch = corten.Sequential([build_base(), layers.Dense(5, activation="softmax")])
    train(scratch, x_few, y_few, 2 * epochs, 1e-3)
    print(f"From scratch, same examples: accuracy {scratch.evaluate(x_new, y_new, verbose=0)[1]:.4f}")


if __name__ == "__main__":
    main()
