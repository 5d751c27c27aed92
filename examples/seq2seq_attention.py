"""Translates written dates ("9 march 2021") to ISO form with an encoder, attention and a decoder.

Shows: a functional model with two inputs, teacher forcing, ``Attention``, a decoding loop that feeds back
what the model wrote, and which letters it looked at.
Source: Luong et al., Effective Approaches to Attention-based Neural Machine Translation, 2015.
Data: dates, written in several ways, made here.

    python examples/seq2seq_attention.py [--small]
"""

import argparse
import datetime

import numpy as np

import corten
from corten import layers

LETTERS = " ,./0123456789abcdefghijklmnopqrstuvwxyz"
INDEX = {letter: number for number, letter in enumerate(LETTERS, start=1)}  # 0 is padding
OUTPUT = "^-0123456789"  # "^" starts the answer
LONGEST, ANSWER = 24, 10


def written(date: datetime.date, style: int) -> str:
    month = date.strftime("%B").lower()
    return [
        f"{date.day} {month} {date.year}",
        f"{month} {date.day}, {date.year}",
        f"{date.day}. {month[:3]} {date.year}",
        f"{date.strftime('%a').lower()} {date.day}/{date.month}/{date.year}",
    ][style]


def make(count: int, seed: int):
    rng = np.random.default_rng(seed)
    first = datetime.date(1950, 1, 1).toordinal()
    dates = [datetime.date.fromordinal(first + int(day)) for day in rng.integers(0, 36_500, count)]
    texts = [written(date, int(style)) for date, style in zip(dates, rng.integers(0, 4, count), strict=True)]
    return texts, [date.isoformat() for date in dates]


def encode(texts: list[str]) -> np.ndarray:
    numbers = [[INDEX[letter] for letter in text] for text in texts]
    return corten.utils.pad_sequences(numbers, maxlen=LONGEST, padding="post")


def encode_answers(answers: list[str]) -> np.ndarray:
    return np.array([[OUTPUT.index(letter) for letter in "^" + answer] for answer in answers], dtype="int32")


def build(units: int) -> tuple[corten.Model, corten.Model]:
    """The model to train, and the same one that also gives the attention scores."""
    text = corten.Input((LONGEST,), dtype="int32", name="text")
    written_so_far = corten.Input((None,), dtype="int32", name="written_so_far")
    letters = layers.Embedding(len(LETTERS) + 1, 32, mask_zero=True)(text)
    memory = layers.Bidirectional(layers.GRU(units // 2, return_sequences=True))(letters)
    state = layers.GRU(units, return_sequences=True)(layers.Embedding(len(OUTPUT), 16)(written_so_far))
    seen, scores = layers.Attention(use_scale=True)(
        [layers.Dense(units)(state), memory], return_attention_scores=True
    )
    joined = layers.Dense(units, activation="tanh")(layers.Concatenate()([state, seen]))
    letter = layers.Dense(len(OUTPUT), activation="softmax")(joined)
    inputs = [text, written_so_far]
    return corten.Model(inputs, letter), corten.Model(inputs, [letter, scores])


def translate(model: corten.Model, texts: list[str]) -> list[str]:
    """Writes letter by letter, always the likeliest."""
    source = encode(texts)
    answer = np.zeros((len(texts), 1), dtype="int32")  # "^"
    for _ in range(ANSWER):
        likeliest = model.predict([source, answer], batch_size=256, verbose=0)[:, -1].argmax(axis=-1)
        answer = np.concatenate([answer, likeliest[:, None].astype("int32")], axis=1)
    return ["".join(OUTPUT[number] for number in row[1:]) for row in answer]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer dates")
    arguments = parser.parse_args()

    corten.utils.set_random_seed(0)
    texts, answers = make(4000 if arguments.small else 20_000, seed=0)
    test_texts, test_answers = make(200 if arguments.small else 1000, seed=1)
    y = encode_answers(answers)

    model, with_scores = build(units=64)
    model.compile(
        optimizer=corten.optimizers.Adam(5e-3), loss="sparse_categorical_crossentropy", metrics=["accuracy"]
    )
    model.fit(
        [encode(texts), y[:, :-1]], y[:, 1:], batch_size=64, epochs=5 if arguments.small else 10, verbose=2
    )

    given = translate(model, test_texts)
    for text, answer in list(zip(test_texts, given, strict=True))[:4]:
        print(f"{text:>24} -> {answer}")
    right = np.mean([a == b for a, b in zip(given, test_answers, strict=True)])
    print(f"Whole dates right: {right:.4f}")

    text, answer = test_texts[0], given[0]
    scores = with_scores.predict([encode([text]), encode_answers([answer])[:, :-1]], verbose=0)[1][0]
    looked = [text[place] if place < len(text) else "_" for place in scores.argmax(axis=-1)]
    print(f"While writing {answer!r} of {text!r} it looked most at {looked}")


if __name__ == "__main__":
    main()
