"""Translates names of languages from English to Ukrainian with a small T5 trained from nothing.

Shows: a tokenizer of characters built with the package tokenizers and wrapped (``PreTrainedTokenizerFast``),
``T5ForConditionalGeneration``, ``Seq2SeqTrainer`` with ``DataCollatorForSeq2Seq``, translations by
``generate``, exact matches and a score of characters (chrF), two baselines to beat.
Sources: Popovic, chrF: character n-gram F-score for automatic MT evaluation, 2015; Brown et al., The
mathematics of statistical machine translation, 1993 (its first model pairs words and letters for a baseline).
Data: the names of 7,900 languages and their Ukrainian translations (gettext), by volunteers, from the package
pycountry. Some words are translated ("Southern", "Sign Language"), others sounded out in other letters, and
parts change places: "Totonac, Yecuatla" is "тотонак (єкуатла)". Most words of a name that is held out are in
no other name.

    pip install "corten[text]"
    pip install --no-deps pycountry
    python examples/translation.py [--small]
"""

import argparse
import collections
import re
import tempfile

import numpy as np
import tokenizers

import corten
import package_data
from corten.transformers import (
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerFast,
    Seq2SeqTrainer,
    Seq2SeqTrainingArguments,
    T5Config,
    T5ForConditionalGeneration,
)

OWN = ["Old Cornish", "Kyiv Sign Language", "Elvish, Northern"]


def make_tokenizer(texts: list[str]) -> PreTrainedTokenizerFast:
    """Each character is a token, for both languages."""
    special = ["<pad>", "</s>", "<unk>", "<s>"]
    vocabulary = {token: number for number, token in enumerate([*special, *sorted(set("".join(texts)))])}
    backend = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Split("", "isolated")
    backend.decoder = tokenizers.decoders.Fuse()
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 3), ("</s>", 1)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>", bos_token="<s>"
    )


def pieces(text: str, size: int) -> collections.Counter:
    text = text.replace(" ", "")
    return collections.Counter(text[i : i + size] for i in range(len(text) - size + 1))


def chrf(found: list[str], wanted: list[str]) -> float:
    """chrF2 of a whole set, of 100: pieces of one to six characters; recall counts twice."""
    precisions, recalls = [], []
    for size in range(1, 7):
        both = total_found = total_wanted = 0
        for a, b in zip(found, wanted, strict=True):
            a, b = pieces(a, size), pieces(b, size)
            both += (a & b).total()
            total_found += a.total()
            total_wanted += b.total()
        precisions.append(both / max(total_found, 1))
        recalls.append(both / max(total_wanted, 1))
    precision, recall = np.mean(precisions), np.mean(recalls)
    return float(500 * precision * recall / max(4 * precision + recall, 1e-9))


def proposals(texts: list[str], train: list[tuple[str, str]]) -> list[str]:
    """For each name the translation of the training name that shares most pieces of three characters."""
    known = [pieces(f" {english.lower()} ", 3) for english, _ in train]
    found = []
    for text in texts:
        own = pieces(f" {text.lower()} ", 3)
        shared = [2 * (own & other).total() / max(own.total() + other.total(), 1) for other in known]
        found.append(train[int(np.argmax(shared))][1])
    return found


def counterparts(pairs: list[tuple[list[str], list[str]]], rounds: int = 5) -> dict[str, str]:
    """The likeliest counterpart of each word or letter; each on the right comes from one on the left."""
    chances = collections.defaultdict(lambda: collections.defaultdict(lambda: 1.0))
    for _ in range(rounds):
        counts = collections.defaultdict(lambda: collections.defaultdict(float))
        for left, right in pairs:
            for b in right:
                total = sum(chances[a][b] for a in left)
                for a in left:
                    counts[a][b] += chances[a][b] / total
        chances = counts
        for row in chances.values():
            total = sum(row.values())
            row.update({b: count / total for b, count in row.items()})
    return {a: max(row, key=row.get) for a, row in chances.items()}


def word_by_word(texts: list[str], train: list[tuple[str, str]]) -> list[str]:
    """Words that were seen are looked up, others are written letter by letter."""
    split = [(re.findall(r"\w+", a.lower()), re.findall(r"[\w’']+", b)) for a, b in train]
    single = [(list(a[0]), list(b[0])) for a, b in split if len(a) == len(b) == 1]
    words, letters = counterparts(split), counterparts(single)

    def written(match: re.Match) -> str:
        word = match.group().lower()
        return words.get(word) or "".join(letters.get(letter, letter) for letter in word)

    return [re.sub(r"\w+", written, text) for text in texts]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="short names, a smaller network, fewer steps")
    arguments = parser.parse_args()
    longest, width, steps = (7, 32, 300) if arguments.small else (24, 64, 6000)

    corten.utils.set_random_seed(0)
    pairs = [pair for pair in package_data.language_names("uk") if max(map(len, pair)) <= longest]
    test, train = pairs[:500], pairs[500:]
    print(f"{len(train)} names to train on, {len(test)} held out")

    tokenizer = make_tokenizer([text for pair in train for text in pair])

    def encoded(rows):
        english, other = (tokenizer(list(texts))["input_ids"] for texts in zip(*rows, strict=True))
        # The decoder begins with the token for padding, so the labels need no begin.
        return [{"input_ids": a, "labels": b[1:]} for a, b in zip(english, other, strict=True)]

    # One layer each, and small: to learn which letter stands for which takes many steps, not many weights.
    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=width,
            d_kv=32,
            d_ff=4 * width,
            num_layers=1,
            num_heads=width // 32,
            dropout_rate=0.0,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
        )
    )

    def translated(texts: list[str]) -> list[str]:
        found = []
        for start in range(0, len(texts), 100):
            inputs = tokenizer(texts[start : start + 100], padding=True, return_tensors="np")
            ids = model.generate(
                inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=longest + 2
            )
            found += tokenizer.batch_decode(ids, skip_special_tokens=True)
        return found

    with tempfile.TemporaryDirectory() as scratch:
        settings = Seq2SeqTrainingArguments(
            scratch,
            max_steps=steps,
            per_device_train_batch_size=32,
            per_device_eval_batch_size=100,
            learning_rate=2e-3,  # with twice as much it does not learn to attend
            warmup_ratio=0.1,
            group_by_length=True,
            logging_steps=0.1,
            save_strategy="no",
        )
        # Few lengths make few kinds of steps, and each kind is captured once.
        collator = DataCollatorForSeq2Seq(tokenizer, model, pad_to_multiple_of=8)
        trainer = Seq2SeqTrainer(model, settings, collator, encoded(train), encoded(test))
        print(f"Before training: held-out loss {trainer.evaluate()['eval_loss']:.4f}")
        trainer.train()
        print(f"After training: held-out loss {trainer.evaluate()['eval_loss']:.4f}")

    texts, wanted = [list(part) for part in zip(*test, strict=True)]
    found = translated(texts)
    ways = {"Most similar name": proposals(texts, train), "Word by word": word_by_word(texts, train)}
    for way, other in {**ways, "T5": found}.items():
        exact = np.mean([a == b for a, b in zip(other, wanted, strict=True)])
        print(f"{way}: held-out exact matches {exact:.4f}, chrF {chrf(other, wanted):.2f}")
    for text, own, right in list(zip(texts, found, wanted, strict=True))[:8]:
        print(f"{text} -> {own}  (right: {right})")
    for text, own in zip(OWN, translated(OWN), strict=True):
        print(f"{text} -> {own}")


if __name__ == "__main__":
    main()
