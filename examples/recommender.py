"""Recommends by matrix factorization: a vector and a bias for every user and every item.

Shows: ``Embedding`` and ``Dot`` in a functional model, regularizers, the error against two baselines, the
best unseen items for one user.
Source: Koren et al., Matrix Factorization Techniques for Recommender Systems, 2009.
Data: generated ratings (six hidden tastes, noise of 0.5 stars), or yours: ``--ratings FILE`` with lines of
``user item rating`` split by tabs or spaces, as in MovieLens 100K's ``u.data``.

    python examples/recommender.py [--small] [--ratings FILE]
"""

import argparse

import numpy as np

import corten
from corten import layers, regularizers

NOISE = 0.5


def make_ratings(users: int, items: int, count: int, seed: int = 0):
    rng = np.random.default_rng(seed)
    tastes, traits = rng.normal(0, 0.6, (users, 6)), rng.normal(0, 0.6, (items, 6))
    user_bias, item_bias = rng.normal(0, 0.3, users), rng.normal(0, 0.5, items)
    chosen = rng.choice(users * items, count, replace=False)  # each pair at most once
    user, item = np.divmod(chosen, items)
    ratings = 3.5 + user_bias[user] + item_bias[item] + (tastes[user] * traits[item]).sum(axis=1)
    return user, item, (ratings + rng.normal(0, NOISE, count)).astype("float32")


def read_ratings(path: str):
    columns = np.loadtxt(path, usecols=(0, 1, 2))
    user, item = (np.unique(columns[:, i], return_inverse=True)[1] for i in (0, 1))
    order = np.random.default_rng(0).permutation(len(columns))
    return user[order], item[order], columns[order, 2].astype("float32")


def build(users: int, items: int, size: int, mean: float, strength: float) -> corten.Model:
    user, item = (corten.Input((), dtype="int32", name=name) for name in ("user", "item"))

    def table(rows: int, width: int, name: str):
        return layers.Embedding(rows, width, embeddings_regularizer=regularizers.L2(strength), name=name)

    match = layers.Dot(axes=-1)([table(users, size, "tastes")(user), table(items, size, "traits")(item)])
    biases = [table(users, 1, "user_bias")(user), table(items, 1, "item_bias")(item)]
    rating = layers.Add()([match, *biases]) + mean
    return corten.Model({"user": user, "item": item}, rating)


def rmse(given: np.ndarray, truth: np.ndarray) -> float:
    return float(np.sqrt(np.mean((given - truth) ** 2)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer users, items and ratings")
    parser.add_argument("--ratings", help="a file with lines of: user item rating")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    if arguments.ratings:
        user, item, rating = read_ratings(arguments.ratings)
    else:
        user, item, rating = make_ratings(*((400, 200, 24_000) if arguments.small else (2000, 800, 200_000)))
    users, items, cut = user.max() + 1, item.max() + 1, int(0.9 * len(rating))
    mean = float(rating[:cut].mean())
    print(f"{len(rating)} ratings by {users} users of {items} items")

    model = build(users, items, size=8, mean=mean, strength=2e-5)
    model.compile(optimizer=corten.optimizers.Adam(1e-2), loss="mse")
    train = {"user": user[:cut], "item": item[:cut]}
    test = {"user": user[cut:], "item": item[cut:]}
    model.fit(train, rating[:cut], batch_size=256, epochs=12 if arguments.small else 15, verbose=2)

    sums, counts = np.zeros(items), np.zeros(items)
    np.add.at(sums, item[:cut], rating[:cut])
    np.add.at(counts, item[:cut], 1)
    item_means = (sums + 5 * mean) / (counts + 5)
    print(f"Held-out error of the mean rating: {rmse(np.full(len(rating) - cut, mean), rating[cut:]):.4f}")
    print(f"Held-out error of the item's mean: {rmse(item_means[item[cut:]], rating[cut:]):.4f}")
    print(f"Held-out error of the model: {rmse(model.predict(test, verbose=0)[:, 0], rating[cut:]):.4f}")
    if not arguments.ratings:
        print(f"Noise in the ratings: {NOISE:.4f}")

    everything = {"user": np.zeros(items, dtype="int32"), "item": np.arange(items, dtype="int32")}
    guesses = model.predict(everything, verbose=0)[:, 0]
    guesses[item[user == 0]] = -np.inf  # already rated
    print(f"For user 0: items {guesses.argsort()[::-1][:5].tolist()}")


if __name__ == "__main__":
    main()
