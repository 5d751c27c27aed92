"""Predicts from a table with numbers, categories and gaps.

Shows: one input per column in a dict, ``Normalization`` and ``StringLookup``, an ``Embedding`` for each
category column, category values that training never saw, missing numbers with a flag of their own, class
weights, AUC.
Data: a generated table of loans. What decides is known (the code below), so the best possible AUC is known
too.

    python examples/tabular.py [--small]
"""

import argparse

import numpy as np

import corten
from corten import layers

NUMBERS = ["age", "income", "debt", "years_employed"]
CATEGORIES = ["job", "region", "purpose"]


def make_table(rows: int, seed: int = 0) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """Columns, labels (1: defaulted, about one in five), and the true probabilities."""
    rng = np.random.default_rng(seed)
    table = {
        "age": rng.integers(19, 70, rows).astype("float32"),
        "income": rng.lognormal(10.3, 0.5, rows).astype("float32"),
        "years_employed": rng.exponential(6, rows).astype("float32"),
        "job": rng.choice([f"job-{i}" for i in range(25)], rows),
        "region": rng.choice([f"region-{i}" for i in range(12)], rows),
        "purpose": rng.choice(["car", "house", "study", "travel", "business"], rows),
    }
    table["debt"] = (table["income"] * rng.gamma(2.0, 0.2, rows)).astype("float32")
    fixed = np.random.default_rng(99)  # the world is the same for every seed
    of_job = dict(zip(sorted(f"job-{i}" for i in range(25)), fixed.normal(0, 1.0, 25), strict=True))
    of_region = dict(zip(sorted(f"region-{i}" for i in range(12)), fixed.normal(0, 0.6, 12), strict=True))
    burden = table["debt"] / table["income"]
    logit = -4.2 + 3.5 * burden + np.vectorize(of_job.get)(table["job"])
    logit += np.vectorize(of_region.get)(table["region"]) * np.where(table["purpose"] == "business", 2.5, 0.5)
    logit += 2.0 * np.abs(table["age"] - 45) / 25 - 0.08 * table["years_employed"]
    probability = 1 / (1 + np.exp(-logit))
    labels = (rng.random(rows) < probability).astype("float32")
    table["income"][rng.random(rows) < 0.1] = np.nan  # one in ten is not known
    return table, labels, probability


class Preparation:
    """Learns scales and categories from the training rows; gives the arrays the model reads."""

    def __init__(self, table: dict[str, np.ndarray]):
        # Incomes and debts are spread over powers of ten: their logarithms are what is even.
        self.scales = {name: layers.Normalization(axis=None) for name in NUMBERS}
        for name, scale in self.scales.items():
            values = self.transform(name, table[name])
            scale.adapt(values[np.isfinite(values)])
        self.lookups = {name: layers.StringLookup() for name in CATEGORIES}
        for name, lookup in self.lookups.items():
            lookup.adapt(table[name])

    @staticmethod
    def transform(name: str, values: np.ndarray) -> np.ndarray:
        return np.log(values) if name in ("income", "debt") else values

    def __call__(self, table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        arrays = {}
        for name in NUMBERS:
            scaled = np.asarray(self.scales[name](self.transform(name, table[name])))
            known = np.isfinite(scaled)
            arrays[name] = np.stack([np.where(known, scaled, 0), known], axis=-1).astype("float32")
        for name in CATEGORIES:  # 0 stands for what training never saw
            arrays[name] = np.asarray(self.lookups[name](table[name]))
        return arrays


def build(sizes: dict[str, int], hidden: tuple[int, ...]) -> corten.Model:
    inputs = {name: corten.Input((2,), name=name) for name in NUMBERS}
    inputs |= {name: corten.Input((), dtype="int32", name=name) for name in CATEGORIES}
    parts = [inputs[name] for name in NUMBERS]
    parts += [layers.Embedding(sizes[name], 8)(inputs[name]) for name in CATEGORIES]
    x = layers.Concatenate()(parts)
    for units in hidden:
        x = layers.Dropout(0.2)(layers.Dense(units, activation="relu")(x))
    return corten.Model(inputs, layers.Dense(1, activation="sigmoid")(x))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer rows")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    rows = 8000 if arguments.small else 60_000
    table, y_train, _ = make_table(rows)
    test_table, y_test, best = make_table(5000, seed=1)
    prepare = Preparation(table)
    x_train, x_test = prepare(table), prepare(test_table)
    print(f"{rows} rows, {y_train.mean():.1%} defaulted")
    sizes = {name: lookup.vocabulary_size() for name, lookup in prepare.lookups.items()}

    for label, hidden in (("Linear model", ()), ("Network", (64, 32))):
        model = build(sizes, hidden)
        model.compile(
            optimizer=corten.optimizers.AdamW(2e-3, weight_decay=1e-3),
            loss="binary_crossentropy",
            metrics=[corten.metrics.AUC(name="auc")],
        )
        positive = y_train.mean()
        model.fit(
            x_train,
            y_train,
            batch_size=128,
            epochs=8 if arguments.small else 15,
            class_weight={0: 0.5 / (1 - positive), 1: 0.5 / positive},
            verbose=0,
        )
        print(f"{label}: held-out AUC {model.evaluate(x_test, y_test, verbose=0)[1]:.4f}")
    auc = corten.metrics.AUC()
    auc.update_state(y_test, best)
    print(f"Best possible: held-out AUC {float(auc.result()):.4f}")

    newcomer = {name: values[:1].copy() for name, values in test_table.items()} | {
        "job": np.array(["astronaut"])
    }
    print(f"A job that training never saw: score {model.predict(prepare(newcomer), verbose=0)[0, 0]:.3f}")


if __name__ == "__main__":
    main()
