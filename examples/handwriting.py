"""Trains a network on handwritten digits, saves it, loads it in a fresh process, draws pictures.

Run with ``make demo``, or ``python examples/handwriting.py [--epochs N] [--output FOLDER]``.
The network is Conv32-Pool-Conv64-Pool-Conv64-Flatten-Dense64-Dense10; the data are 5,000 real MNIST images
that come with Corten.
"""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

import corten
from corten import layers

IN_A_FRESH_PROCESS = """
import sys
import numpy as np
import corten

images = np.load(sys.argv[2])
model = corten.models.load_model(sys.argv[1])
np.save(sys.argv[3], model.predict(images, verbose=0))
"""


class Shifted(corten.utils.PyDataset):
    """Batches of images moved by up to two pixels, differently in every epoch: handwriting is not centred."""

    def __init__(self, images: np.ndarray, labels: np.ndarray, batch_size: int = 32, seed: int = 0):
        super().__init__()
        self.images = np.pad(images, ((0, 0), (2, 2), (2, 2), (0, 0)))
        self.labels, self.batch_size = labels, batch_size
        self.rng = np.random.default_rng(seed)
        self.order = self.rng.permutation(len(images))

    def __len__(self) -> int:
        return -(-len(self.images) // self.batch_size)

    def __getitem__(self, index: int) -> tuple[np.ndarray, np.ndarray]:
        chosen = self.order[index * self.batch_size : (index + 1) * self.batch_size]
        places = zip(chosen, *self.rng.integers(0, 5, size=(2, len(chosen))), strict=True)
        batch = np.stack([self.images[i, down : down + 28, right : right + 28] for i, down, right in places])
        return batch, self.labels[chosen]

    def on_epoch_end(self) -> None:
        self.order = self.rng.permutation(len(self.images))


def build(steps: int) -> corten.Model:
    model = corten.Sequential(
        [
            corten.Input((28, 28, 1)),
            layers.Conv2D(32, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.MaxPooling2D((2, 2)),
            layers.Conv2D(64, (3, 3), activation="relu"),
            layers.Flatten(),
            layers.Dense(64, activation="relu"),
            layers.Dense(10, activation="softmax"),
        ],
        name="handwriting",
    )
    schedule = corten.optimizers.schedules.CosineDecay(0.002, decay_steps=steps)
    model.compile(
        optimizer=corten.optimizers.Adam(schedule),
        loss="sparse_categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def draw_curves(history: dict[str, list[float]], path: Path) -> None:
    import matplotlib.pyplot as plt

    epochs = range(1, len(history["loss"]) + 1)
    figure, axes = plt.subplots(1, 2, figsize=(10, 4), layout="constrained")
    for axis, name in zip(axes, ("loss", "accuracy"), strict=True):
        axis.plot(epochs, history[name], marker="o", label="training (shifted)")
        axis.plot(epochs, history[f"val_{name}"], marker="o", label="held out")
        axis.set(xlabel="epoch", title=name.capitalize())
        axis.xaxis.get_major_locator().set_params(integer=True)
        axis.grid(alpha=0.3)
        axis.legend()
    figure.savefig(path, dpi=120)
    plt.close(figure)


def draw_predictions(images: np.ndarray, labels: np.ndarray, probabilities: np.ndarray, path: Path) -> None:
    import matplotlib.pyplot as plt

    guesses = probabilities.argmax(axis=1)
    wrong = np.flatnonzero(guesses != labels)
    shown = np.concatenate([wrong[:12], np.flatnonzero(guesses == labels)])[:40]
    figure, axes = plt.subplots(5, 8, figsize=(10, 7.4), layout="constrained")
    figure.suptitle(f"{len(wrong)} of {len(labels)} held-out digits are misread; they come first, in red")
    for axis, i in zip(axes.flat, shown, strict=True):
        right = guesses[i] == labels[i]
        axis.imshow(images[i, :, :, 0], cmap="gray_r")
        text = f"{guesses[i]} ({probabilities[i].max():.0%})" + ("" if right else f", is {labels[i]}")
        axis.set_title(text, color="black" if right else "crimson", fontsize=9)
        axis.axis("off")
    figure.savefig(path, dpi=120)
    plt.close(figure)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--output", type=Path, default=Path("demo-output"))
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    corten.utils.set_random_seed(42)
    (x_train, y_train), (x_test, y_test) = corten.datasets.mnist_sample.load_data()
    x_train = x_train[..., None].astype("float32") / 255.0
    x_test = x_test[..., None].astype("float32") / 255.0

    training = Shifted(x_train, y_train)
    model = build(steps=arguments.epochs * len(training))
    model.summary()
    start = time.perf_counter()
    history = model.fit(training, epochs=arguments.epochs, validation_data=(x_test, y_test))
    seconds = time.perf_counter() - start
    loss, accuracy = model.evaluate(x_test, y_test, verbose=0)
    print(f"\nTrained in {seconds:.1f} s.")
    print(f"{len(x_test)} held-out images: loss {loss:.4f}, accuracy {accuracy:.2%}")

    saved = arguments.output / "handwriting.corten"
    model.save(saved)
    probabilities = model.predict(x_test, verbose=0)
    images_file, answers_file = arguments.output / "images.npy", arguments.output / "answers.npy"
    np.save(images_file, x_test)
    command = [sys.executable, "-c", IN_A_FRESH_PROCESS, str(saved), str(images_file), str(answers_file)]
    subprocess.run(command, check=True)
    answers = np.load(answers_file)
    images_file.unlink()
    answers_file.unlink()
    if answers.tobytes() != probabilities.tobytes():
        raise SystemExit("The loaded model's predictions differ from the saved one's: this is a bug.")
    print(f"Saved to {saved} ({saved.stat().st_size / 1e3:.0f} kB).")
    print(f"Loaded in a fresh process: all {answers.size} predicted probabilities are bit-equal.")

    curves, sheet = arguments.output / "learning-curves.png", arguments.output / "predictions.png"
    draw_curves(history.history, curves)
    draw_predictions(x_test, y_test, probabilities, sheet)
    print(f"Pictures: {curves}, {sheet}")


if __name__ == "__main__":
    main()
