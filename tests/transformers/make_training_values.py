"""Stores what transformers' Trainer and its schedules give, for a small BERT without dropout.

    python tests/transformers/make_training_values.py

Needs transformers (5.24 made the stored values), torch and accelerate, which the tests do not.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import torch

from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments, get_scheduler

FOLDER = Path(__file__).parent
CONFIG = {
    "vocab_size": 40,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 32,
    "max_position_embeddings": 16,
    "hidden_dropout_prob": 0.0,
    "attention_probs_dropout_prob": 0.0,
    "num_labels": 3,
}
COMMON = {"per_device_train_batch_size": 4, "per_device_eval_batch_size": 4, "learning_rate": 5e-3}
RUNS = {
    "plain": {
        "num_train_epochs": 2,
        "warmup_steps": 3,
        "weight_decay": 0.1,
        "max_grad_norm": 0.5,
        "logging_steps": 1,
    },
    "cosine": {
        "num_train_epochs": 3,
        "per_device_train_batch_size": 8,
        "lr_scheduler_type": "cosine",
        "adam_beta2": 0.98,
        "logging_steps": 1,
    },
    "smoothed": {
        "num_train_epochs": 2,
        "label_smoothing_factor": 0.2,
        "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": 4,
        "logging_steps": 3,
    },
    "few_steps": {
        "max_steps": 8,
        "dataloader_drop_last": True,
        "warmup_steps": 0.25,
        "lr_scheduler_type": "polynomial",
        "logging_steps": 2,
        "logging_first_step": True,
    },
}
SCHEDULES = {
    "linear": {},
    "cosine": {},
    "cosine_with_restarts": {"num_cycles": 3},
    "polynomial": {"lr_end": 1e-5, "power": 2.0},
    "constant": {},
    "constant_with_warmup": {},
    "inverse_sqrt": {},
    "cosine_with_min_lr": {"min_lr": 1e-4},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1, "warmup_lr_rate": 0.3},
    "warmup_stable_decay": {"num_decay_steps": 20, "min_lr_ratio": 0.1},
    "cosine_warmup_with_min_lr/default_warmup": {"min_lr": 2e-4},
    "inverse_sqrt/timescale": {"timescale": 30},
    "warmup_stable_decay/linear": {
        "num_decay_steps": 20,
        "num_stable_steps": 25,
        "warmup_type": "cosine",
        "decay_type": "linear",
    },
    "warmup_stable_decay/root": {"num_decay_steps": 15, "warmup_type": "1-sqrt", "decay_type": "1-sqrt"},
}


def rows():
    """Token ids of different lengths, padded, and labels."""
    chance = np.random.default_rng(5)
    found = []
    for _ in range(22):
        length = int(chance.integers(3, 11))
        ids = np.zeros(10, "int64")
        ids[:length] = chance.integers(1, 40, length)
        mask = (np.arange(10) < length).astype("int64")
        found.append({"input_ids": ids, "attention_mask": mask, "labels": int(chance.integers(0, 3))})
    return found


class InOrder(Trainer):
    def _get_train_sampler(self, *_):
        return torch.utils.data.SequentialSampler(self.train_dataset)


def main():
    torch.manual_seed(3)
    torch.set_num_threads(1)
    model = BertForSequenceClassification(BertConfig(**CONFIG))
    with torch.no_grad():  # Large enough that a wrong step shows.
        for name, parameter in model.named_parameters():
            if name.endswith("weight") and "LayerNorm" not in name:
                parameter.mul_(8.0)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    data = rows()
    stored = {f"weight/{name}": tensor.numpy() for name, tensor in weights.items()}
    stored |= {
        name: np.stack([row[key] for row in data])
        for name, key in (("ids", "input_ids"), ("mask", "attention_mask"), ("labels", "labels"))
    }
    described = {"config": CONFIG, "common": COMMON, "runs": RUNS, "logs": {}, "evaluated": {}, "train": {}}
    for name, arguments in RUNS.items():
        model.load_state_dict(weights)
        with tempfile.TemporaryDirectory() as folder:
            settings = TrainingArguments(
                folder, use_cpu=True, save_strategy="no", disable_tqdm=True, **(COMMON | arguments)
            )
            trainer = InOrder(model, settings, train_dataset=data, eval_dataset=data[:7])
            result = trainer.train()
            described["evaluated"][name] = trainer.evaluate()["eval_loss"]
        described["logs"][name] = [log for log in trainer.state.log_history if "loss" in log]
        described["train"][name] = {"global_step": result.global_step, "training_loss": result.training_loss}
        stored[f"after/{name}"] = model.classifier.weight.detach().numpy().copy()
    for name, arguments in SCHEDULES.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.002)
        schedule = get_scheduler(
            name.split("/")[0], optimizer, 10, 60, scheduler_specific_kwargs=dict(arguments)
        )
        rates = []
        for _ in range(70):
            rates.append(schedule.get_last_lr()[0])
            optimizer.step()
            schedule.step()
        stored[f"schedule/{name}"] = np.array(rates)
    described["schedules"] = SCHEDULES
    stored["described"] = np.array(json.dumps(described))
    np.savez_compressed(FOLDER / "reference_values" / "training.npz", **stored)


if __name__ == "__main__":
    main()
