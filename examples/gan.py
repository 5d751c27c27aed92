"""Two networks compete: one draws digits, the other tells them from real ones.

Shows: a model with two optimizers, its own ``compile`` and ``train_step`` with ``GradientTape``, ``metrics``,
and a callback that writes pictures while training goes on.
Sources: Goodfellow et al., Generative Adversarial Networks, 2014; Radford et al., DCGAN, 2015.
Data: MNIST digits that come with Corten.

    python examples/gan.py [--small] [--output FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np

import corten
from corten import layers, ops

LATENT = 32


def build_generator() -> corten.Model:
    return corten.Sequential(
        [
            corten.Input((LATENT,)),
            layers.Dense(7 * 7 * 32, use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(0.2),
            layers.Reshape((7, 7, 32)),
            layers.Conv2DTranspose(16, 4, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.LeakyReLU(0.2),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid"),
        ],
        name="generator",
    )


def build_discriminator() -> corten.Model:
    return corten.Sequential(
        [
            corten.Input((28, 28, 1)),
            layers.Conv2D(16, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Conv2D(32, 4, strides=2, padding="same"),
            layers.LeakyReLU(0.2),
            layers.Flatten(),
            layers.Dropout(0.3),
            layers.Dense(1),
        ],
        name="discriminator",
    )


class GAN(corten.Model):
    def __init__(self, generator, discriminator):
        super().__init__()
        self.generator, self.discriminator = generator, discriminator
        self.seed_generator = corten.random.SeedGenerator(7)
        self.d_loss = corten.metrics.Mean(name="d_loss")
        self.g_loss = corten.metrics.Mean(name="g_loss")

    def compile(self, d_optimizer, g_optimizer):
        super().compile()
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    @property
    def metrics(self):
        return [self.d_loss, self.g_loss]  # `fit` resets these at the start of an epoch

    def call(self, noise):
        return self.generator(noise)

    def train_step(self, real):
        noise = corten.random.normal((real.shape[0], LATENT), seed=self.seed_generator)
        entropy = corten.losses.BinaryCrossentropy(from_logits=True)

        with corten.GradientTape() as tape:
            drawn = self.generator(noise, training=True)
            of_real = self.discriminator(real, training=True)
            of_drawn = self.discriminator(ops.stop_gradient(drawn), training=True)
            # 0.9 rather than 1 for real pictures keeps the discriminator from becoming too sure.
            d_loss = entropy(0.9 * ops.ones_like(of_real), of_real) + entropy(
                ops.zeros_like(of_drawn), of_drawn
            )
        weights = self.discriminator.trainable_variables
        self.d_optimizer.apply_gradients(zip(tape.gradient(d_loss, weights), weights, strict=True))

        with corten.GradientTape() as tape:
            of_drawn = self.discriminator(self.generator(noise, training=True), training=True)
            g_loss = entropy(ops.ones_like(of_drawn), of_drawn)
        weights = self.generator.trainable_variables
        self.g_optimizer.apply_gradients(zip(tape.gradient(g_loss, weights), weights, strict=True))

        self.d_loss.update_state(d_loss)
        self.g_loss.update_state(g_loss)
        return {metric.name: metric.result() for metric in self.metrics}


class Draw(corten.callbacks.Callback):
    """Writes a sheet of 36 digits after every fifth epoch."""

    def __init__(self, folder: Path):
        super().__init__()
        self.folder = folder
        self.noise = np.random.default_rng(0).normal(size=(36, LATENT)).astype("float32")

    def on_epoch_end(self, epoch, logs=None):
        if epoch % 5 == 4:
            import matplotlib.pyplot as plt

            pictures = self.model.generator.predict(self.noise, verbose=0).reshape(6, 6, 28, 28)
            sheet = pictures.swapaxes(1, 2).reshape(6 * 28, 6 * 28)
            plt.imsave(self.folder / f"epoch-{epoch + 1:03}.png", sheet, cmap="gray_r")


def distance(model: GAN, real: np.ndarray) -> float:
    """How far the drawn pictures' mean and spread per pixel are from the real ones'."""
    noise = np.random.default_rng(1).normal(size=(500, LATENT)).astype("float32")
    drawn = model.generator.predict(noise, verbose=0)
    return float(np.abs(drawn.mean(0) - real.mean(0)).mean() + np.abs(drawn.std(0) - real.std(0)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer images and epochs")
    parser.add_argument("--output", type=Path, help="write pictures into this folder (needs matplotlib)")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    (images, _), _ = corten.datasets.mnist_sample.load_data()
    images = images[..., None].astype("float32") / 255
    if arguments.small:
        images = images[:1024]
    callbacks = []
    if arguments.output:
        arguments.output.mkdir(parents=True, exist_ok=True)
        callbacks.append(Draw(arguments.output))

    model = GAN(build_generator(), build_discriminator())
    adam = corten.optimizers.Adam
    model.compile(d_optimizer=adam(2e-4, beta_1=0.5), g_optimizer=adam(1e-3, beta_1=0.5))
    before = distance(model, images)
    model.fit(images, batch_size=64, epochs=3 if arguments.small else 60, callbacks=callbacks, verbose=2)
    print(f"Distance to real digits before: {before:.4f}")
    print(f"Distance to real digits after: {distance(model, images):.4f}")


if __name__ == "__main__":
    main()
