"""Training runs against transformers' Trainer: the same weights, rows and arguments give the same logs."""

import json
from pathlib import Path

import numpy as np
import pytest

from corten.transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments
from corten.transformers.pretrained_files import assign_weights
from corten.transformers.weight_names import named_weights

VALUES = np.load(Path(__file__).parent / "reference_values" / "training.npz")
DESCRIBED = json.loads(str(VALUES["described"]))


def rows():
    columns = (VALUES["ids"], VALUES["mask"], VALUES["labels"])
    return [
        {"input_ids": ids, "attention_mask": mask, "labels": int(label)}
        for ids, mask, label in zip(*columns, strict=True)
    ]


def model():
    made = BertForSequenceClassification(BertConfig(**DESCRIBED["config"]))
    weights = {key.removeprefix("weight/"): VALUES[key] for key in VALUES.files if key.startswith("weight/")}
    assign_weights(made, weights, "the stored values")
    return made


def arguments(folder, **more):
    settings = {**DESCRIBED["common"], "save_strategy": "no", "train_sampling_strategy": "sequential", **more}
    return TrainingArguments(folder, **settings)


@pytest.mark.parametrize("name", DESCRIBED["runs"])
def test_a_training_logs_what_transformers_logs(name, tmp_path, capsys):
    trainer = Trainer(
        model(), arguments(tmp_path, **DESCRIBED["runs"][name]), train_dataset=rows(), eval_dataset=rows()[:7]
    )
    result = trainer.train()
    found = [log for log in trainer.state.log_history if "loss" in log]
    wanted = DESCRIBED["logs"][name]
    assert [log["step"] for log in found] == [log["step"] for log in wanted]
    for key, tolerance in (("loss", 1e-4), ("grad_norm", 1e-3), ("learning_rate", 1e-12), ("epoch", 1e-12)):
        np.testing.assert_allclose(
            [log[key] for log in found], [log[key] for log in wanted], rtol=0, atol=tolerance, err_msg=key
        )
    assert result.global_step == DESCRIBED["train"][name]["global_step"]
    assert abs(result.training_loss - DESCRIBED["train"][name]["training_loss"]) <= 1e-4
    if not trainer.args.dataloader_drop_last:  # There transformers leaves rows out of evaluations as well.
        assert abs(trainer.evaluate()["eval_loss"] - DESCRIBED["evaluated"][name]) <= 1e-4
    weights = {weight.name: weight.to_file() for weight in named_weights(trainer.model)}
    np.testing.assert_allclose(weights["classifier.weight"], VALUES[f"after/{name}"], atol=2e-4)
    capsys.readouterr()
