"""Learns from 40 labelled digits and some 1,400 without labels.

Shows: two data streams in one ``train_step``, pseudo-labels (the model's own sure answers on slightly changed
pictures teach it on strongly changed ones), the same network without the unlabelled pictures, to compare.
Source: Sohn et al., FixMatch, 2020. Data: 8 x 8 digits that come with Corten.

    python examples/semi_supervised.py [--small]
"""

import argparse

import numpy as np

import corten
from corten import layers, ops

SURE = 0.9  # only answers at least so sure become labels


class PseudoLabels(corten.Model):
    def __init__(self, network: corten.Model, weight: float):
        super().__init__()
        self.network, self.weight = network, weight
        self.seed_generator = corten.random.SeedGenerator(1)
        self.loss_mean = corten.metrics.Mean(name="loss")
        self.used = corten.metrics.Mean(name="used")

    @property
    def metrics(self):
        return [self.loss_mean, self.used]

    def call(self, inputs, training=None):
        return self.network(inputs, training=training)

    def shifted(self, images):
        """Moves each picture by up to one pixel."""
        padded = ops.pad(images, ((0, 0), (1, 1), (1, 1), (0, 0)))
        choice = corten.random.randint((images.shape[0],), 0, 9, seed=self.seed_generator)
        moved = ops.stack([padded[:, i : i + 8, j : j + 8] for i in range(3) for j in range(3)], axis=1)
        return ops.take_along_axis(moved, choice[:, None, None, None, None], axis=1)[:, 0]

    def strongly_changed(self, images):
        """Moved, brighter or darker, with noise and a hidden square of 3 x 3 pixels."""
        images = self.shifted(images)
        count, seed = images.shape[0], self.seed_generator
        images = images * corten.random.uniform((count, 1, 1, 1), 0.7, 1.3, seed=seed)
        images = images + corten.random.normal(images.shape, stddev=0.15, seed=seed)
        corner = corten.random.randint((count, 2, 1), 0, 6, seed=seed)
        inside = ops.logical_and(ops.arange(8) >= corner, ops.arange(8) < corner + 3)
        hidden = ops.logical_and(inside[:, 0, :, None], inside[:, 1, None, :])[..., None]
        return ops.where(hidden, 0.0, images)

    def train_step(self, data):
        (images, labels), unlabelled = data
        guess = self.network(self.shifted(unlabelled), training=False)
        pseudo = ops.argmax(guess, axis=-1)
        sure = ops.cast(ops.max(guess, axis=-1) >= SURE, "float32")
        with corten.GradientTape() as tape:
            given = self.network(self.shifted(images), training=True)
            loss = ops.mean(ops.sparse_categorical_crossentropy(labels, given))
            if self.weight:
                taught = self.network(self.strongly_changed(unlabelled), training=True)
                loss += self.weight * ops.mean(sure * ops.sparse_categorical_crossentropy(pseudo, taught))
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        self.loss_mean.update_state(loss)
        self.used.update_state(ops.mean(sure))
        return {metric.name: metric.result() for metric in self.metrics}


class TwoStreams(corten.utils.PyDataset):
    """Batches of `(labelled pictures, their labels), unlabelled pictures`."""

    def __init__(self, labelled, unlabelled, steps: int):
        super().__init__()
        self.labelled, self.unlabelled, self.steps = labelled, unlabelled, steps
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        one = self.rng.choice(len(self.labelled[0]), 20)
        two = self.rng.choice(len(self.unlabelled), 100)
        return (self.labelled[0][one], self.labelled[1][one]), self.unlabelled[two]


def build() -> corten.Model:
    return corten.Sequential(
        [
            corten.Input((8, 8, 1)),
            layers.Conv2D(32, 3, padding="same", activation="relu"),
            layers.Conv2D(32, 3, strides=2, padding="same", activation="relu"),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer steps")
    arguments = parser.parse_args()

    (x_train, y_train), (x_test, y_test) = corten.datasets.digits.load_data()
    x_train, x_test = (x.reshape(-1, 8, 8, 1).astype("float32") / 16 for x in (x_train, x_test))
    chosen = np.concatenate([np.flatnonzero(y_train == digit)[:4] for digit in range(10)])
    labelled = x_train[chosen], y_train[chosen].astype("int32")
    unlabelled = np.delete(x_train, chosen, axis=0)
    print(f"{len(chosen)} labelled pictures, {len(unlabelled)} without labels")

    for name, weight in (("Labels alone", 0.0), ("With pseudo-labels", 1.0)):
        corten.utils.set_random_seed(0)
        model = PseudoLabels(build(), weight)
        model.compile(optimizer=corten.optimizers.Adam(2e-3))
        data = TwoStreams(labelled, unlabelled, steps=60)
        history = model.fit(data, epochs=8 if arguments.small else 25, verbose=0).history
        accuracy = np.mean(model.predict(x_test, verbose=0).argmax(axis=-1) == y_test)
        print(f"{name}: held-out accuracy {accuracy:.4f} (sure of {history['used'][-1]:.0%} at the end)")


if __name__ == "__main__":
    main()
