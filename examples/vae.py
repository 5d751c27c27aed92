"""A variational autoencoder draws new digits.

Shows: a layer that samples (``SeedGenerator``) and adds its own loss (``add_loss``), a subclassed model whose
encoder and decoder are models, ``history``, pictures of what the decoder draws.
Source: Kingma & Welling, Auto-Encoding Variational Bayes, 2013. Data: MNIST digits that come with Corten.

    python examples/vae.py [--small] [--output FILE.png]
"""

import argparse

import numpy as np

import corten
from corten import layers, ops


class Sampling(layers.Layer):
    """Draws `z = mean + exp(log_variance / 2) * noise` and adds the KL divergence to a standard normal."""

    def __init__(self, weight: float = 1.0, seed: int | None = None, **kwargs):
        super().__init__(**kwargs)
        self.weight, self.seed = weight, seed
        self.seed_generator = corten.random.SeedGenerator(seed)

    def call(self, inputs):
        mean, log_variance = inputs
        divergence = -0.5 * ops.sum(1 + log_variance - mean**2 - ops.exp(log_variance), axis=-1)
        self.add_loss(self.weight * ops.mean(divergence))
        noise = corten.random.normal(ops.shape(mean), seed=self.seed_generator)
        return mean + ops.exp(0.5 * log_variance) * noise

    def get_config(self):
        return {**super().get_config(), "weight": self.weight, "seed": self.seed}


class VAE(corten.Model):
    def __init__(self, size: int, latent: int, **kwargs):
        super().__init__(**kwargs)
        self.size, self.latent = size, latent
        inputs = corten.Input((size,))
        hidden = layers.Dense(256, activation="relu")(inputs)
        statistics = [layers.Dense(latent, name=name)(hidden) for name in ("mean", "log_variance")]
        self.encoder = corten.Model(inputs, statistics, name="encoder")
        self.sampling = Sampling(seed=1)
        self.decoder = corten.Sequential(
            [
                corten.Input((latent,)),
                layers.Dense(256, activation="relu"),
                layers.Dense(size, activation="sigmoid"),
            ],
            name="decoder",
        )

    def call(self, inputs):
        return self.decoder(self.sampling(self.encoder(inputs)))

    def get_config(self):
        return {**super().get_config(), "size": self.size, "latent": self.latent}


def negative_log_likelihood(y_true, y_pred):
    """Of all pixels of a picture together: the unit in which the KL divergence is added."""
    return y_true.shape[-1] * corten.losses.binary_crossentropy(y_true, y_pred)


def draw(pictures: np.ndarray, path: str) -> None:
    """Writes a sheet of 8 x 8 pictures."""
    import matplotlib.pyplot as plt

    sheet = pictures.reshape(8, 8, 28, 28).swapaxes(1, 2).reshape(8 * 28, 8 * 28)
    plt.imsave(path, sheet, cmap="gray_r")
    print(f"Drawn digits: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer images and epochs")
    parser.add_argument("--output", help="write a picture of 64 drawn digits (needs matplotlib)")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    (x_train, _), (x_test, _) = corten.datasets.mnist_sample.load_data()
    x_train, x_test = (x.reshape(len(x), 784).astype("float32") / 255 for x in (x_train, x_test))
    if arguments.small:
        x_train = x_train[:2000]

    model = VAE(size=784, latent=8)
    model.compile(optimizer=corten.optimizers.Adam(2e-3), loss=negative_log_likelihood)
    history = model.fit(x_train, x_train, batch_size=64, epochs=6 if arguments.small else 40, verbose=2)
    print(f"First epoch's loss: {history.history['loss'][0]:.2f}")
    print(f"Last epoch's loss: {history.history['loss'][-1]:.2f}")

    mean_picture = np.repeat(x_train.mean(axis=0, keepdims=True), len(x_test), axis=0)
    rebuilt = model.decoder.predict(model.encoder.predict(x_test, verbose=0)[0], verbose=0)
    print(f"Held-out squared error of the mean picture: {np.mean((x_test - mean_picture) ** 2):.4f}")
    print(f"Held-out squared error of the autoencoder: {np.mean((x_test - rebuilt) ** 2):.4f}")
    if arguments.output:
        noise = np.random.default_rng(0).normal(size=(64, 8)).astype("float32")
        draw(model.decoder.predict(noise, verbose=0), arguments.output)


if __name__ == "__main__":
    main()
