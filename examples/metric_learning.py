"""Learns a distance between pictures, and finds pictures of classes it never saw.

Shows: unit embeddings, ``losses.Circle`` or a triplet loss of one's own (the hardest positive and negative of
each batch), batches with several pictures per class, mean average precision and recall at 1 of retrieval.
Sources: Sun et al., Circle Loss, 2020; Hermans et al., In Defense of the Triplet Loss, 2017.
Data: MNIST digits that come with Corten; 0 to 6 to train on, 7 to 9 only to search in.

    python examples/metric_learning.py [--small] [--loss circle|triplet]
"""

import argparse

import numpy as np

import corten
from corten import layers, ops


class HardTriplets(corten.losses.Loss):
    """`max(0, margin + farthest of the same class - nearest of another)`, for each picture of the batch."""

    def __init__(self, margin: float = 0.3, name: str = "hard_triplets", **kwargs):
        super().__init__(name=name, **kwargs)
        self.margin = margin

    def call(self, y_true, y_pred):
        labels = ops.reshape(y_true, (-1,))
        same = labels[:, None] == labels[None, :]
        # Embeddings have length 1: squared distances are 2 - 2 * cosine. The 1e-6 keeps slopes finite.
        distance = ops.sqrt(ops.maximum(2 - 2 * ops.matmul(y_pred, ops.transpose(y_pred)), 1e-6))
        farthest = ops.max(ops.where(same, distance, 0.0), axis=1)
        nearest = ops.min(ops.where(same, 10.0, distance), axis=1)
        return ops.relu(self.margin + farthest - nearest)

    def get_config(self):
        return {**super().get_config(), "margin": self.margin}


class Balanced(corten.utils.PyDataset):
    """Batches with the same number of pictures of each class."""

    def __init__(self, images, labels, per_class: int, steps: int):
        super().__init__()
        self.images, self.labels, self.per_class, self.steps = images, labels, per_class, steps
        self.of_class = [np.flatnonzero(labels == label) for label in np.unique(labels)]
        self.rng = np.random.default_rng(0)

    def __len__(self):
        return self.steps

    def __getitem__(self, index):
        chosen = np.concatenate([self.rng.choice(rows, self.per_class) for rows in self.of_class])
        return self.images[chosen], self.labels[chosen]


def build() -> corten.Model:
    return corten.Sequential(
        [
            corten.Input((28, 28, 1)),
            layers.Conv2D(16, 5, strides=2, activation="relu"),
            layers.Conv2D(32, 5, strides=2, activation="relu"),
            layers.Flatten(),
            layers.Dense(64),
            layers.UnitNormalization(),
        ]
    )


def retrieval(vectors: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
    """Each picture searches among all others: mean average precision and recall at 1."""
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors @ vectors.T
    np.fill_diagonal(likeness, -np.inf)
    order = np.argsort(-likeness, axis=1)[:, :-1]
    right = labels[order] == labels[:, None]
    precision = np.cumsum(right, axis=1) / np.arange(1, right.shape[1] + 1)
    return float(((precision * right).sum(axis=1) / right.sum(axis=1)).mean()), float(right[:, 0].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer steps")
    parser.add_argument("--loss", choices=["circle", "triplet"], default="circle")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = corten.datasets.mnist_sample.load_data()
    x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))
    y_train, y_test = y_train.astype("int32"), y_test.astype("int32")
    old = y_train < 7
    known, unseen = y_test < 7, y_test >= 7

    model = build()
    loss = corten.losses.Circle(gamma=32, margin=0.4) if arguments.loss == "circle" else HardTriplets()
    model.compile(optimizer=corten.optimizers.Adam(1e-3), loss=loss)
    data = Balanced(x_train[old], y_train[old], per_class=12, steps=50)
    model.fit(data, epochs=4 if arguments.small else 20, verbose=2)

    vectors, pixels = model.predict(x_test, verbose=0), x_test.reshape(len(x_test), -1)
    for name, rows in (("known classes", known), ("unseen classes", unseen)):
        for label, values in (("pixels", pixels), ("embeddings", vectors)):
            precision, recall = retrieval(values[rows], y_test[rows])
            print(f"Held-out {name}, {label}: mean average precision {precision:.4f}, recall@1 {recall:.4f}")


if __name__ == "__main__":
    main()
