"""Translates short messages of programs from English to German with a small T5 trained from nothing.

Shows: a tokenizer built with the package tokenizers and wrapped (``PreTrainedTokenizerFast``),
``T5ForConditionalGeneration``, ``Seq2SeqTrainer`` with ``DataCollatorForSeq2Seq``, translations by
``generate``, a score of characters (chrF), a baseline: the translation of the most similar message of the
training set, as a translator's program would propose it.
Source of the score: Popovic, chrF: character n-gram F-score for automatic MT evaluation, 2015.
Data: the German catalogues (gettext) in the packages django and wagtail, whose translators are volunteers;
``--language fr`` is French. Some 1,500 messages are far too few for a translator: it learns what such
messages have in common.

    pip install "corten[text]"
    pip install --no-deps django wagtail
    python examples/translation.py [--small] [--language CODE]
"""

import argparse
import collections
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

OWN = ["Delete page", "No users found.", "Edit this image"]


def make_tokenizer(texts: list[str], size: int) -> PreTrainedTokenizerFast:
    """One vocabulary of merged characters for both languages; blanks are the character `▁`."""
    backend = tokenizers.Tokenizer(tokenizers.models.BPE(unk_token="<unk>"))
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Sequence(
        [tokenizers.pre_tokenizers.Metaspace(), tokenizers.pre_tokenizers.Punctuation()]
    )
    backend.decoder = tokenizers.decoders.Metaspace()
    special = ["<pad>", "</s>", "<unk>"]
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=size, special_tokens=special, show_progress=False)
    backend.train_from_iterator(texts, trainer)
    backend.post_processor = tokenizers.processors.TemplateProcessing(
        single="$A </s>", special_tokens=[("</s>", backend.token_to_id("</s>"))]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
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
    """For each text the translation of the training message that shares most pieces of three characters."""
    known = [pieces(f" {english.lower()} ", 3) for english, _ in train]
    found = []
    for text in texts:
        own = pieces(f" {text.lower()} ", 3)
        shared = [2 * (own & other).total() / max(own.total() + other.total(), 1) for other in known]
        found.append(train[int(np.argmax(shared))][1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--small", action="store_true", help="shorter messages, a smaller network, fewer epochs"
    )
    parser.add_argument("--language", default="de", help="code of the language to translate to")
    arguments = parser.parse_args()
    characters, width, epochs = (20, 64, 4) if arguments.small else (40, 128, 15)

    corten.utils.set_random_seed(0)
    pairs = [
        (english, other)
        for english, other in package_data.messages(arguments.language)
        if len(english) <= characters and not set("<\n{") & set(english)
    ]
    held = min(200, len(pairs) // 8)
    test, train = pairs[:held], pairs[held:]
    print(f"{len(train)} messages to train on, {held} held out")

    tokenizer = make_tokenizer([text for pair in train for text in pair], 600 if arguments.small else 1500)

    def encoded(rows):
        english, other = (tokenizer(list(texts))["input_ids"] for texts in zip(*rows, strict=True))
        return [{"input_ids": a, "labels": b} for a, b in zip(english, other, strict=True)]

    model = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(tokenizer),
            d_model=width,
            d_kv=32,
            d_ff=4 * width,
            num_layers=2,
            num_heads=width // 32,
            pad_token_id=tokenizer.pad_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.pad_token_id,
        )
    )

    def translated(texts: list[str]) -> list[str]:
        found = []
        for start in range(0, len(texts), 50):
            inputs = tokenizer(texts[start : start + 50], padding=True, return_tensors="np")
            ids = model.generate(
                inputs["input_ids"], attention_mask=inputs["attention_mask"], max_new_tokens=32
            )
            found += tokenizer.batch_decode(ids, skip_special_tokens=True)
        return found

    with tempfile.TemporaryDirectory() as scratch:
        settings = Seq2SeqTrainingArguments(
            scratch,
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=50,
            learning_rate=3e-3 if arguments.small else 2e-3,
            warmup_ratio=0.1,
            label_smoothing_factor=0.1,
            group_by_length=True,
            logging_steps=0.2,
            save_strategy="no",
        )
        collator = DataCollatorForSeq2Seq(tokenizer, model)
        trainer = Seq2SeqTrainer(model, settings, collator, encoded(train), encoded(test))
        print(f"Before training: held-out loss {trainer.evaluate()['eval_loss']:.4f}")
        trainer.train()
        print(f"After training: held-out loss {trainer.evaluate()['eval_loss']:.4f}")

    texts, wanted = [list(part) for part in zip(*test, strict=True)]
    found = translated(texts)
    print(f"English itself: held-out chrF {chrf(texts, wanted):.2f}")
    print(f"Most similar message: held-out chrF {chrf(proposals(texts, train), wanted):.2f}")
    print(f"T5: held-out chrF {chrf(found, wanted):.2f}")
    for text, own, right in list(zip(texts, found, wanted, strict=True))[:6]:
        print(f"{text} -> {own}  (right: {right})")
    known = {english for english, _ in train}
    for text, own in zip(OWN, translated(OWN), strict=True):
        print(f"{text} -> {own}{'  (was in the training set)' if text in known else ''}")


if __name__ == "__main__":
    main()
