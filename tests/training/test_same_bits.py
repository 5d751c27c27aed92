"""Same seed, same bytes: in every process and with any number of threads."""

import os
import subprocess
import sys
import textwrap

import pytest

PROGRAM = """
    import hashlib, sys
    import numpy as np
    import corten
    from corten import layers

    corten.set_random_seed(7)
    (x, y), _ = corten.datasets.digits.load_data()
    x, y = x[:320] / 16.0, y[:320]
    models = {
        "cnn": [
            corten.Input((8, 8, 1)), layers.Conv2D(8, 3, activation="relu"), layers.BatchNormalization(),
            layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(10, "softmax"),
        ],
        "lstm": [corten.Input((8, 8)), layers.LSTM(12), layers.Dense(10, "softmax")],
        "dropout": [
            corten.Input((8, 8)), layers.Flatten(), layers.Dense(64, "relu"), layers.Dropout(0.4),
            layers.Dense(10, "softmax"),
        ],
    }
    model = corten.Sequential(models[sys.argv[1]])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    data = x[..., None] if sys.argv[1] == "cnn" else x
    history = model.fit(data, y, epochs=3, verbose=0, validation_split=0.1)
    digest = hashlib.sha256(b"".join(weight.tobytes() for weight in model.get_weights()))
    digest.update(model.predict(data, verbose=0).tobytes())
    digest.update(repr(history.history).encode())
    print(digest.hexdigest())
"""


def run(kind, threads):
    environment = {**os.environ, "CORTEN_NUM_THREADS": str(threads)}
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(PROGRAM), kind],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return result.stdout.strip()


@pytest.mark.parametrize("kind", ["cnn", "lstm", "dropout"])
def test_weights_predictions_and_history_are_byte_equal(kind):
    digests = {run(kind, threads) for threads in (1, 2, 2, 3)}
    assert len(digests) == 1
