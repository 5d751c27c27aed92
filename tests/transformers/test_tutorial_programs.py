"""A program from a tutorial, which runs when its import lines are changed.

It passes labels where the tokenizer wants second texts, and a tokenizer's result where the Trainer wants
rows.
"""

import numpy as np
import pytest

import corten
from corten.transformers import BertConfig, BertForSequenceClassification, Trainer

PROGRAM = """
from transformers import BertTokenizer, BertForSequenceClassification
from transformers import Trainer, TrainingArguments

tokenizer = BertTokenizer.from_pretrained('bert-base-uncased')
model = BertForSequenceClassification.from_pretrained('bert-base-uncased')

train_dataset = tokenizer(train_texts, train_labels, padding=True, truncation=True, max_length=512)
test_dataset = tokenizer(test_texts, test_labels, padding=True, truncation=True, max_length=512)

training_args = TrainingArguments(
    output_dir='./results',
    num_train_epochs=3,
    per_device_train_batch_size=16,
    per_device_eval_batch_size=16,
    warmup_steps=500,
    weight_decay=0.01,
    logging_dir='./logs',
    logging_steps=10,
)

trainer = Trainer(
    model=model,
    args=training_args,
    train_dataset=train_dataset,
    eval_dataset=test_dataset,
)

trainer.train()

trainer.evaluate()
"""
GOOD = ("good", "fine", "great", "lovely")
BAD = ("bad", "awful", "poor", "dull")
WORDS = (*GOOD, *BAD, "a", "film", "the", "story", "was", "very")


def texts(count, seed):
    chance = np.random.default_rng(seed)
    labels = [int(label) for label in chance.integers(0, 2, count)]
    chosen = [chance.choice(GOOD if label else BAD) for label in labels]
    return [f"The film was {'very ' * int(chance.integers(0, 2))}{word}" for word in chosen], labels


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with a small BERT in the place of a name on the hub, which is the working folder too."""
    pytest.importorskip("tokenizers")
    monkeypatch.chdir(tmp_path)
    corten.utils.set_random_seed(0)
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    BertForSequenceClassification(config).save_pretrained(tmp_path / "bert-base-uncased")
    (tmp_path / "bert-base-uncased" / "vocab.txt").write_text("\n".join(words) + "\n")
    return tmp_path


def test_the_program_runs_with_other_import_lines(folder, capsys):
    train_texts, train_labels = texts(80, 1)
    test_texts, test_labels = texts(20, 2)
    scope = {
        "train_texts": train_texts,
        "train_labels": train_labels,
        "test_texts": test_texts,
        "test_labels": test_labels,
    }
    program = PROGRAM.replace("from transformers", "from corten.transformers")
    with pytest.warns(UserWarning, match="labels"):
        exec(compile(program, "program.py", "exec"), scope)
    state = scope["trainer"].state
    assert state.global_step == 15
    assert [log["step"] for log in state.log_history if "loss" in log] == [10]
    assert 0 < state.log_history[-1]["eval_loss"] < 2
    assert (folder / "results" / "checkpoint-15" / "model.safetensors").is_file()
    assert (folder / "logs" / "log.csv").is_file()
    assert "'eval_loss'" in capsys.readouterr().out


def test_a_small_bert_learns_to_tell_words(folder):
    from corten.transformers import BertTokenizer, TrainingArguments

    tokenizer = BertTokenizer.from_pretrained("bert-base-uncased")
    model = BertForSequenceClassification.from_pretrained("bert-base-uncased")
    train_texts, train_labels = texts(80, 1)
    test_texts, test_labels = texts(40, 2)
    encoded = tokenizer(train_texts)
    rows = [
        {"input_ids": ids, "attention_mask": mask, "label": label}
        for ids, mask, label in zip(
            encoded["input_ids"], encoded["attention_mask"], train_labels, strict=True
        )
    ]
    tested = tokenizer(test_texts, padding=True)
    tested["labels"] = test_labels
    args = TrainingArguments(
        "out", num_train_epochs=6, learning_rate=5e-3, warmup_ratio=0.1, evaluation_strategy="epoch"
    )
    trainer = Trainer(
        model,
        args,
        train_dataset=rows,
        eval_dataset=tested,
        tokenizer=tokenizer,
        compute_metrics=lambda found: {"accuracy": (found.predictions.argmax(-1) == found.label_ids).mean()},
    )
    trainer.pop_callback(trainer.printer)
    trainer.train()
    assert trainer.evaluate()["eval_accuracy"] >= 0.95
    assert BertTokenizer.from_pretrained("out/checkpoint-60").vocab_size == tokenizer.vocab_size
