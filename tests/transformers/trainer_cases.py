"""A small task, and a Trainer for it that prints nothing."""

import numpy as np

import corten
from corten.transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
from corten.transformers.weight_names import named_weights

CHANCE = np.random.default_rng(4)
IDS = CHANCE.integers(1, 30, (22, 6))
LABELS = (IDS[:, 0] > 15).astype("int64")
ROWS = [{"input_ids": ids, "labels": int(label)} for ids, label in zip(IDS, LABELS, strict=True)]


def bert(dropout=0.0, seed=1):
    corten.utils.set_random_seed(seed)
    config = BertConfig(
        vocab_size=30,
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    return BertForSequenceClassification(config)


def trainer(folder, data=ROWS, model=None, callbacks=(), kind=Trainer, settings=None, **arguments):
    """A Trainer that prints nothing."""
    defaults = {"learning_rate": 0.01, "per_device_train_batch_size": 4, "num_train_epochs": 2}
    args = TrainingArguments(folder, **{**defaults, "save_strategy": "no", "seed": 5, **arguments})
    made = kind(
        bert() if model is None else model,
        args,
        train_dataset=data,
        callbacks=list(callbacks),
        **(settings or {}),
    )
    made.pop_callback(made.printer)
    return made


def weights_of(model):
    return np.concatenate([weight.to_file().ravel() for weight in named_weights(model)])


def accuracy(prediction):
    logits, labels = prediction
    return {"accuracy": float((logits.argmax(-1) == labels).mean())}
