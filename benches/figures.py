"""Measures what Corten promises: size, start, overhead, repeatability, memory.

    python benches/figures.py [NAME ...]

Names: wheel import eager predict fit linear_regression bits soak.

Each line says what was measured, the median and the spread. Run nothing beside it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def in_a_process(code: str, **environment: str) -> str:
    """What a fresh interpreter prints."""
    result = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, **environment},
    )
    return result.stdout


def spread(values: list[float]) -> str:
    """Median, extremes and number of runs."""
    values = sorted(values)
    return (
        f"median {statistics.median(values):.3g}, {values[0]:.3g} to {values[-1]:.3g} over {len(values)} runs"
    )


def wheel() -> None:
    """Size of the wheel `make wheel` built."""
    for path in sorted((ROOT / "dist").glob("*.whl")):
        print(f"wheel: {path.stat().st_size / 1e6:.2f} MB ({path.name})")


IMPORT = """
import resource, sys, time
import numpy
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
start = time.perf_counter()
{statement}
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
print(seconds * 1e3, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit / 1e6)
"""


def import_() -> None:
    """Time and memory of `import corten` after `import numpy`, and that it prints nothing."""
    runs = [in_a_process(IMPORT.format(statement="import corten")).split() for _ in range(15)]
    print("import corten over import numpy, ms:", spread([float(run[0]) for run in runs]))
    print("import corten over import numpy, MB:", spread([float(run[1]) for run in runs]))
    print("silent:", in_a_process("import corten") == "")


def per_call(function: Callable[[], object], seconds: float = 0.3) -> list[float]:
    """Microseconds a call, over rounds of many calls."""
    function()
    n, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds / 10:
        function()
        n += 1
    rounds = []
    for _ in range(10):
        start = time.perf_counter()
        for _ in range(n):
            function()
        rounds.append((time.perf_counter() - start) / n * 1e6)
    return rounds


def eager() -> None:
    """An eager addition of 16 floats, beside NumPy's."""
    import numpy as np

    import corten

    x = np.ones(16, dtype="float32")
    t = corten.ops.convert_to_tensor(x)
    print("add of 16 floats, us: corten.ops.add:", spread(per_call(lambda: corten.ops.add(t, t))))
    print("add of 16 floats, us: tensor + tensor:", spread(per_call(lambda: t + t)))
    print("add of 16 floats, us: numpy:", spread(per_call(lambda: x + x)))


def small_model() -> object:
    """A network of three dense layers on 16 numbers."""
    import corten
    from corten import layers

    model = corten.Sequential(
        [
            corten.Input((16,)),
            layers.Dense(64, activation="relu"),
            layers.Dense(64, activation="relu"),
            layers.Dense(1),
        ]
    )
    model.compile(optimizer="adam", loss="mse")
    return model


def predict() -> None:
    """`predict` of one row through a small network."""
    import numpy as np

    model = small_model()
    x = np.ones((1, 16), dtype="float32")
    print("predict, one row, us:", spread(per_call(lambda: model.predict(x, verbose=0))))


def fit() -> None:
    """One training step of a small network inside `fit`, batch 32."""
    import numpy as np

    model = small_model()
    rng = np.random.default_rng(0)
    x, y = rng.random((3200, 16), dtype="float32"), rng.random((3200, 1), dtype="float32")
    model.fit(x, y, batch_size=32, verbose=0)
    runs = []
    for _ in range(10):
        start = time.perf_counter()
        model.fit(x, y, batch_size=32, verbose=0)
        runs.append((time.perf_counter() - start) / 100 * 1e6)
    print("training step, batch 32, us:", spread(runs))


LINEAR_REGRESSION = """
import numpy as np
import corten.tf as tf
tf.random.set_seed(42)
x = np.random.rand(100, 1)
y = 2 * x + 1 + np.random.randn(100, 1)
model = tf.keras.Sequential([tf.keras.layers.Dense(units=1, input_shape=(1,))])
model.compile(optimizer="sgd", loss="mean_squared_error")
model.fit(x, y, epochs=100, verbose=0)
model.predict(x, verbose=0)
"""


def linear_regression() -> None:
    """A tutorial's linear regression as a whole script: 100 epochs of 4 steps, start of Python included."""
    runs = []
    for _ in range(7):
        start = time.perf_counter()
        in_a_process(LINEAR_REGRESSION)
        runs.append(time.perf_counter() - start)
    print("linear regression script, s:", spread(runs))


BITS = """
import hashlib, json
import numpy as np
import corten
from corten import layers

def digest(model, x, y, loss):
    model.compile(optimizer="adam", loss=loss)
    model.fit(x, y, epochs=3, batch_size=32, verbose=0)
    return hashlib.sha256(b"".join(w.tobytes() for w in model.get_weights())).hexdigest()

rng = np.random.default_rng(1)
corten.utils.set_random_seed(7)
labels = rng.integers(0, 10, 320)
cnn = corten.Sequential([corten.Input((28, 28, 1)), layers.Conv2D(32, 3, activation="relu"),
    layers.MaxPooling2D(2), layers.Conv2D(64, 3, activation="relu"), layers.BatchNormalization(),
    layers.MaxPooling2D(2), layers.Flatten(),
    layers.Dense(64, activation="relu"), layers.Dense(10, activation="softmax")])
lstm = corten.Sequential([corten.Input((32, 16)), layers.LSTM(64), layers.Dense(10, activation="softmax")])
mlp = corten.Sequential([corten.Input((64,)), layers.Dense(256, activation="relu"), layers.Dropout(0.5),
    layers.Dense(256, activation="relu"), layers.Dropout(0.5), layers.Dense(10, activation="softmax")])
sparse = "sparse_categorical_crossentropy"
print(json.dumps([
    digest(cnn, rng.random((320, 28, 28, 1), dtype="float32"), labels, sparse),
    digest(lstm, rng.random((320, 32, 16), dtype="float32"), labels, sparse),
    digest(mlp, rng.random((320, 64), dtype="float32"), labels, sparse),
]))
"""


def bits() -> None:
    """Whether weights after 3 epochs are byte-equal on 1, 2 and 3 threads and in two processes."""
    runs = [json.loads(in_a_process(BITS, CORTEN_NUM_THREADS=threads)) for threads in ("1", "2", "2", "3")]
    for i, name in enumerate(("CNN", "LSTM", "dropout model")):
        print(f"same bits on 1, 2 and 3 threads, {name}: {len({run[i] for run in runs}) == 1}")


def resident() -> float:
    """Resident memory of this process, MB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak() -> None:
    """Memory while 1,000 models are built, fitted one step and dropped."""
    import numpy as np

    x, y = np.ones((32, 16), dtype="float32"), np.ones((32, 1), dtype="float32")

    def build_and_drop(n: int) -> None:
        for _ in range(n):
            small_model().fit(x, y, verbose=0)

    build_and_drop(50)
    before = resident()
    build_and_drop(1000)
    print(f"1,000 models built, fitted, dropped: memory {resident() - before:+.2f} MB")


FIGURES = {
    "wheel": wheel,
    "import": import_,
    "eager": eager,
    "predict": predict,
    "fit": fit,
    "linear_regression": linear_regression,
    "bits": bits,
    "soak": soak,
}


def main() -> None:
    """Measures what the command line names, or everything."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(FIGURES))
    for name in parser.parse_args().names or FIGURES:
        if name not in FIGURES:
            parser.error(f"unknown figure {name!r}; known: {', '.join(FIGURES)}")
        FIGURES[name]()


if __name__ == "__main__":
    main()
