"""Shows which parts of a picture a network looked at (Grad-CAM).

Shows: a second model over the same layers that also gives a feature map, a gradient with respect to that map,
heat maps over pictures, and a check of the claim: hiding the hottest ink hurts the answer more than hiding
the coldest.
Source: Selvaraju et al., Grad-CAM, 2017. Data: MNIST digits that come with Corten.

    python examples/grad_cam.py [--small] [--output FILE.png]
"""

import argparse

import numpy as np

import corten
from corten import layers, ops


def build() -> corten.Model:
    inputs = corten.Input((28, 28, 1))
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(inputs)
    x = layers.BatchNormalization(momentum=0.9)(layers.MaxPooling2D(2)(x))
    x = layers.Conv2D(32, 3, padding="same", activation="relu")(x)
    x = layers.BatchNormalization(momentum=0.9)(x)
    x = layers.Conv2D(64, 3, padding="same", activation="relu", name="features")(x)
    return corten.Model(inputs, layers.Dense(10, name="logits")(layers.GlobalAveragePooling2D()(x)))


def grad_cam(model: corten.Model, layer_name: str, images: np.ndarray, classes: np.ndarray) -> np.ndarray:
    """Heat maps in 0..1, of shape `(n, height, width)`: where the layer's features speak for the class."""
    both = corten.Model(model.inputs, [model.get_layer(layer_name).output, model.outputs[0]])
    with corten.GradientTape() as tape:
        features, logits = both(images, training=False)
        tape.watch(features)
        chosen = ops.take_along_axis(logits, ops.convert_to_tensor(classes[:, None], dtype="int32"), axis=1)
        score = ops.sum(chosen)
    slope = tape.gradient(score, features)
    importance = ops.mean(slope, axis=(1, 2), keepdims=True)  # of each channel
    heat = ops.relu(ops.sum(importance * features, axis=-1, keepdims=True))
    heat = ops.image.resize(heat, images.shape[1:3], interpolation="bilinear")[..., 0]
    return (heat / (ops.max(heat, axis=(1, 2), keepdims=True) + 1e-8)).numpy()


def hide(images: np.ndarray, heat: np.ndarray, share: float) -> np.ndarray:
    """Blanks this share of each picture's ink, where the heat is greatest."""
    hidden = images.copy()
    for picture, map_ in zip(hidden, heat, strict=True):
        ink = np.flatnonzero(picture.ravel() > 0.2)
        hottest = ink[np.argsort(-map_.ravel()[ink], kind="stable")][: int(share * len(ink))]
        picture.reshape(-1)[hottest] = 0
    return hidden


def draw(images: np.ndarray, heat: np.ndarray, classes: np.ndarray, path: str) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 8, figsize=(10, 2.9), layout="constrained")
    for i, (above, below) in enumerate(axes.T):
        above.imshow(images[i, ..., 0], cmap="gray_r")
        above.set_title(f"read as {classes[i]}", fontsize=9)
        below.imshow(images[i, ..., 0], cmap="gray_r")
        below.imshow(heat[i], cmap="jet", alpha=0.5)
        above.axis("off")
        below.axis("off")
    figure.savefig(path, dpi=120)
    plt.close(figure)
    print(f"Heat maps: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer images and epochs")
    parser.add_argument("--output", help="write a picture of eight digits with heat maps (needs matplotlib)")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = corten.datasets.mnist_sample.load_data()
    x_train, x_test = (x[..., None].astype("float32") / 255 for x in (x_train, x_test))
    if arguments.small:
        x_train, y_train, x_test, y_test = x_train[:1500], y_train[:1500], x_test[:200], y_test[:200]

    model = build()
    loss = corten.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=corten.optimizers.Adam(5e-3), loss=loss, metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=64, epochs=5 if arguments.small else 8, verbose=2)
    classes = model.predict(x_test, verbose=0).argmax(axis=-1)
    print(f"Held-out accuracy: {np.mean(classes == y_test):.4f}")

    heat = grad_cam(model, "features", x_test, classes)
    for name, map_ in (("coldest", -heat), ("hottest", heat)):
        answers = model.predict(hide(x_test, map_, share=0.3), verbose=0).argmax(axis=-1)
        print(f"Same answer without the {name} 30 % of the ink: {np.mean(answers == classes):.4f}")
    if arguments.output:
        draw(x_test, heat, classes, arguments.output)


if __name__ == "__main__":
    main()
