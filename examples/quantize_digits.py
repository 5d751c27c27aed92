"""Trains a classifier of handwritten digits, then keeps its weights in 8 and in 4 bits.

Shows: ``quantize`` to int8, int4, GPTQ and AWQ, and what each does to the file, the accuracy and the time.
Data: 5,000 real MNIST images that come with Corten.

    python examples/quantize_digits.py [--small]
"""

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np

import corten
from corten import layers, quantizers


def load():
    """Images as rows of floats in 0..1, labels as whole numbers."""
    (x_train, y_train), (x_test, y_test) = corten.datasets.mnist_sample.load_data()
    flat = [x.reshape(len(x), -1) / np.float32(255) for x in (x_train, x_test)]
    return (flat[0], y_train), (flat[1], y_test)


def build(width: int) -> corten.Model:
    return corten.Sequential(
        [
            corten.Input((784,)),
            layers.Dense(width, activation="relu"),
            layers.Dense(width, activation="relu"),
            layers.Dense(10),
        ]
    )


def modes(x_train):
    """Names and options. GPTQ and AWQ run the model on images that it was trained on."""
    data = {"dataset": x_train, "tokenizer": None, "num_samples": 512, "group_size": 64}
    return {
        "float32": None,
        "int8": quantizers.Int8QuantizationConfig(),
        "int8, weights only": quantizers.Int8QuantizationConfig(activation_quantizer=None),
        "int4, by channel": quantizers.Int4QuantizationConfig(block_size=None),
        "int4, groups of 64": quantizers.Int4QuantizationConfig(block_size=64),
        "GPTQ, groups of 64": quantizers.GPTQConfig(**data),
        "AWQ, groups of 64": quantizers.AWQConfig(**data),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer images and epochs, a narrower model")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test) = load()
    if arguments.small:
        x_train, y_train = x_train[:1000], y_train[:1000]
    width = 128 if arguments.small else 1024
    model = build(width)
    loss = corten.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer="adam", loss=loss, metrics=["accuracy"])
    model.fit(x_train, y_train, batch_size=64, epochs=3 if arguments.small else 10, verbose=2)

    with tempfile.TemporaryDirectory() as folder:
        trained = Path(folder) / "trained.corten"
        model.save(trained, include_optimizer=False)
        for name, options in modes(x_train).items():
            candidate = corten.models.load_model(trained)
            if options is not None:
                if hasattr(options, "quantization_layer_structure"):
                    # Every layer is a block of its own: the next one sees what the rounded one gives.
                    blocks = {"pre_block_layers": [], "sequential_blocks": candidate.layers}
                    options.quantization_layer_structure = blocks
                candidate.quantize(config=options)
            path = Path(folder) / "quantized.corten"
            candidate.save(path, include_optimizer=False)
            again = corten.models.load_model(path)
            accuracy = np.mean(np.argmax(again.predict(x_test, verbose=0), -1) == y_test)
            best = min(timed(again, x_test[:1000]) for _ in range(5))
            size = path.stat().st_size / 1e6
            print(
                f"{name}: held-out accuracy {accuracy:.3f}, file {size:.2f} MB, "
                f"1,000 images in {best * 1e3:.1f} ms"
            )


def timed(model: corten.Model, x) -> float:
    start = time.perf_counter()
    model.predict(x, batch_size=250, verbose=0)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
