"""A small network learns digits from the answers of a large one, without labels.

Shows: `corten.distillation`: soft answers at a temperature, what a hidden layer gives as a hint, and the same
small network by 60 labels alone, to compare. Source: Hinton, Vinyals and Dean, 2015. Data: 8 x 8 digits that
come with Corten.

    python examples/distillation.py [--small]
"""

import argparse

import numpy as np

import corten
from corten import layers
from corten.distillation import Distiller, FeatureDistillation, LogitsDistillation


def network(name: str, filters: int, hidden: int) -> corten.Model:
    return corten.Sequential(
        [
            corten.Input((8, 8, 1)),
            layers.Conv2D(filters, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(hidden, activation="relu"),
            layers.Dense(16, activation="tanh", name="code"),
            layers.Dense(10, name="logits"),
        ],
        name=name,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer epochs")
    arguments = parser.parse_args()
    passes = 10 if arguments.small else 40  # over all pictures; as many steps over the few

    (x_train, y_train), (x_test, y_test) = corten.datasets.digits.load_data()
    x_train, x_test = (x.reshape(-1, 8, 8, 1).astype("float32") / 16 for x in (x_train, x_test))
    few = np.concatenate([np.flatnonzero(y_train == digit)[:6] for digit in range(10)])
    loss = corten.losses.SparseCategoricalCrossentropy(from_logits=True)

    def accuracy(model: corten.Model) -> float:
        return float(np.mean(model.predict(x_test, verbose=0).argmax(axis=-1) == y_test))

    corten.utils.set_random_seed(0)
    teacher = network("teacher", 32, 128)
    teacher.compile("adam", loss)
    teacher.fit(x_train, y_train, epochs=15, verbose=0)
    print(
        f"Teacher, {len(x_train)} labels, {teacher.count_params()} weights: accuracy {accuracy(teacher):.4f}"
    )

    corten.utils.set_random_seed(1)
    alone = network("alone", 4, 16)
    alone.compile("adam", loss)
    alone.fit(x_train[few], y_train[few], epochs=passes * len(x_train) // len(few), verbose=0)
    print(f"Student alone, {len(few)} labels, {alone.count_params()} weights: accuracy {accuracy(alone):.4f}")

    corten.utils.set_random_seed(1)
    temperature = 3.0
    distiller = Distiller(
        teacher,
        network("student", 4, 16),
        [LogitsDistillation(temperature), FeatureDistillation("mse", "code", "code")],
        distillation_loss_weights=[temperature**2, 1.0],
        student_loss_weight=0.0,  # the teacher's answers are enough
    )
    distiller.compile("adam")
    distiller.fit(x_train, epochs=passes, verbose=0)
    print(f"Student taught, {len(x_train)} pictures, no labels: accuracy {accuracy(distiller.student):.4f}")


if __name__ == "__main__":
    main()
