"""Forecasts the next day of an hourly series with a GRU, and compares with "as yesterday".

Shows: windows over a series, splits in time order, scaling by the training part, several steps ahead at once,
a baseline that has to be beaten.
Data: two years of hourly temperatures made with a yearly and a daily wave and weather that drifts (an
autoregression), or a file of your own: ``--csv FILE --column NAME``.

    python examples/forecast.py [--small] [--csv FILE --column NAME]
"""

import argparse
import csv

import numpy as np

import corten
from corten import layers

PAST, AHEAD = 72, 24


def temperatures(hours: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    t = np.arange(hours)
    weather = np.zeros(hours)
    for i in range(1, hours):  # an AR(1) process: about four days of memory
        weather[i] = 0.99 * weather[i - 1] + rng.normal(0, 0.4)
    day = (4 + 2 * np.sin(2 * np.pi * t / 8766)) * np.sin(2 * np.pi * (t - 9) / 24)
    return (11 - 8 * np.cos(2 * np.pi * t / 8766) + day + weather + rng.normal(0, 0.3, hours)).astype(
        "float32"
    )


def read_column(path: str, column: str) -> np.ndarray:
    with open(path, encoding="utf8", newline="") as stream:
        return np.array([float(row[column]) for row in csv.DictReader(stream)], dtype="float32")


def windows(series: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """`(samples, PAST, 1)` hours to look at and `(samples, AHEAD)` hours to forecast."""
    both = np.lib.stride_tricks.sliding_window_view(series, PAST + AHEAD)[::stride]
    return both[:, :PAST, None].copy(), both[:, PAST:].copy()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="a shorter series and fewer epochs")
    parser.add_argument("--csv", help="a file with one row per hour")
    parser.add_argument("--column", default="temp")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    series = read_column(arguments.csv, arguments.column) if arguments.csv else temperatures(2 * 8766)
    if arguments.small:
        series = series[:6000]
    cut = int(0.8 * len(series))
    mean, scale = series[:cut].mean(), series[:cut].std()
    x_train, y_train = windows((series[:cut] - mean) / scale, stride=3)
    x_test, y_test = windows((series[cut:] - mean) / scale, stride=7)
    print(f"{len(x_train)} windows to train on, {len(x_test)} later ones held out")

    inputs = corten.Input((PAST, 1))
    state = layers.GRU(32)(inputs)
    yesterday = layers.Reshape((AHEAD,))(inputs[:, -AHEAD:])
    change = layers.Dense(AHEAD)(layers.Concatenate()([state, yesterday]))
    model = corten.Model(inputs, layers.Add()([yesterday, change]))  # forecasts the difference to yesterday
    model.compile(optimizer=corten.optimizers.Adam(3e-3), loss="mse", metrics=["mae"])
    model.fit(x_train, y_train, batch_size=64, epochs=5 if arguments.small else 20, verbose=2)

    error = np.abs(model.predict(x_test, verbose=0) - y_test).mean() * scale
    naive = np.abs(x_test[:, -AHEAD:, 0] - y_test).mean() * scale
    print(f"Mean absolute error of 'as yesterday': {naive:.3f}")
    print(f"Mean absolute error of the model: {error:.3f}")


if __name__ == "__main__":
    main()
