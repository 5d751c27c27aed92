"""The Trainer's checkpoints: models in folders, the best one, going on with the same bits."""

from pathlib import Path

import numpy as np
import pytest
from tests.transformers.trainer_cases import ROWS, accuracy, bert, trainer, weights_of

import corten
from corten.transformers import (
    BertConfig,
    BertForSequenceClassification,
    EarlyStoppingCallback,
    TrainerCallback,
    TrainerState,
    get_last_checkpoint,
)


def test_checkpoints_are_models_and_the_best_one_is_loaded(tmp_path):
    made = trainer(
        tmp_path,
        model=bert(0.1),
        settings={"eval_dataset": ROWS[:10], "compute_metrics": accuracy},
        num_train_epochs=8,
        eval_strategy="epoch",
        save_strategy="epoch",
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model="accuracy",
    )
    made.train()
    values = [log["eval_accuracy"] for log in made.state.log_history if "eval_accuracy" in log]
    assert made.state.best_metric == max(values)
    best = Path(made.state.best_model_checkpoint)
    assert best.name == f"checkpoint-{6 * (values.index(max(values)) + 1)}"
    assert len(list(tmp_path.glob("checkpoint-*"))) == 2
    assert best.is_dir()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    loaded = BertForSequenceClassification.from_pretrained(best)
    np.testing.assert_array_equal(weights_of(loaded), weights_of(made.model))
    assert made.evaluate()["eval_accuracy"] == max(values)
    state = TrainerState.load_from_json(best / "trainer_state.json")
    assert state.best_metric == max(values)


def test_saving_only_the_best(tmp_path):
    made = trainer(
        tmp_path,
        settings={"eval_dataset": ROWS},
        num_train_epochs=3,
        eval_strategy="epoch",
        save_strategy="best",
        save_total_limit=1,
        load_best_model_at_end=True,
    )
    made.train()
    assert [path.name for path in tmp_path.glob("checkpoint-*")] == [
        Path(made.state.best_model_checkpoint).name
    ]


def test_adapters_are_in_checkpoints_too(tmp_path):
    def adapted():
        model = bert()
        for layer in model._flatten_layers():
            if type(layer).__name__ == "Dense":
                layer.enable_lora(2)
            elif not layer._layers:
                layer.trainable = False
        return model

    def values(model):
        return np.concatenate([variable.numpy().ravel() for variable in model.trainable_variables])

    kept = {}

    class Keep(TrainerCallback):
        def on_evaluate(self, args, state, control, model=None, **kwargs):
            kept[state.global_step] = values(model)

    arguments = {"num_train_epochs": 3, "eval_strategy": "epoch", "save_strategy": "epoch"}
    arguments |= {"load_best_model_at_end": True, "metric_for_best_model": "score", "report_to": "none"}
    scores = iter((1.0, 3.0, 2.0))
    settings = {"eval_dataset": ROWS, "compute_metrics": lambda found: {"score": next(scores)}}
    made = trainer(tmp_path, model=adapted(), settings=settings, callbacks=[Keep()], **arguments)
    made.train()
    assert made.state.best_global_step == 12
    np.testing.assert_array_equal(values(made.model), kept[12])
    scores = iter((2.0,))
    again = trainer(tmp_path, model=adapted(), settings=settings, callbacks=[Keep()], **arguments)
    whole = kept[18]
    again.train(resume_from_checkpoint=tmp_path / "checkpoint-12")
    np.testing.assert_array_equal(kept[18], whole)


def test_early_stopping_ends_the_training(tmp_path):
    made = trainer(
        tmp_path,
        settings={"eval_dataset": ROWS, "compute_metrics": lambda prediction: {"constant": 1.0}},
        callbacks=[EarlyStoppingCallback(2)],
        num_train_epochs=20,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="constant",
    )
    made.train()
    assert made.state.epoch == 3.0
    with pytest.raises(ValueError, match="needs metric_for_best_model and an eval_strategy"):
        trainer(tmp_path, callbacks=[EarlyStoppingCallback]).train()


@pytest.mark.parametrize("stop", [5, 6, 9])
def test_a_training_goes_on_with_the_same_bits(stop, tmp_path):
    settings = {"eval_dataset": ROWS[:7]}
    arguments = {"save_strategy": "steps", "save_steps": 1, "save_total_limit": 1, "eval_strategy": "epoch"}
    arguments |= {"logging_steps": 4}
    whole = trainer(tmp_path / "whole", model=bert(0.2), settings=settings, **arguments)
    whole.train()

    class Stop(TrainerCallback):
        def on_save(self, args, state, control, **kwargs):
            if state.global_step == stop:
                raise KeyboardInterrupt

    broken = trainer(tmp_path / "broken", model=bert(0.2), settings=settings, callbacks=[Stop], **arguments)
    with pytest.raises(KeyboardInterrupt):
        broken.train()
    assert get_last_checkpoint(tmp_path / "broken").endswith(f"checkpoint-{stop}")
    again = trainer(tmp_path / "broken", model=bert(0.2, seed=9), settings=settings, **arguments)
    again.train(resume_from_checkpoint=True)
    np.testing.assert_array_equal(weights_of(again.model), weights_of(whole.model))
    times = ("runtime", "per_second")
    plain = [
        [{k: v for k, v in log.items() if not any(t in k for t in times)} for log in made.state.log_history]
        for made in (whole, again)
    ]
    assert plain[0] == plain[1]


def test_a_training_that_was_over_goes_on_with_more_epochs(tmp_path):
    short = trainer(tmp_path, save_strategy="epoch", lr_scheduler_type="constant", num_train_epochs=1)
    short.train()
    longer = trainer(tmp_path, save_strategy="epoch", lr_scheduler_type="constant", num_train_epochs=2)
    longer.train(resume_from_checkpoint=get_last_checkpoint(tmp_path))
    whole = trainer(tmp_path / "whole", lr_scheduler_type="constant", num_train_epochs=2)
    whole.train()
    np.testing.assert_array_equal(weights_of(longer.model), weights_of(whole.model))


def test_a_damaged_checkpoint_is_passed_over(tmp_path):
    trainer(tmp_path, save_strategy="epoch").train()
    state = tmp_path / "checkpoint-12" / "training_state.safetensors"
    state.write_bytes(state.read_bytes()[:-3])
    made = trainer(tmp_path)
    with pytest.warns(UserWarning, match="newest checkpoint is damaged .* goes on from 'checkpoint-6'"):
        made.train(resume_from_checkpoint=True)
    with pytest.raises(ValueError, match="truncated or damaged"):
        trainer(tmp_path).train(resume_from_checkpoint=tmp_path / "checkpoint-12")


def test_checkpoints_that_training_cannot_go_on_from(tmp_path):
    with pytest.raises(ValueError, match=r"there is no checkpoint in .*get_last_checkpoint"):
        trainer(tmp_path).train(resume_from_checkpoint=True)
    trainer(tmp_path, save_strategy="epoch", save_only_model=True).train()
    with pytest.raises(FileNotFoundError, match="written with save_only_model=True or by another library"):
        trainer(tmp_path).train(resume_from_checkpoint=tmp_path / "checkpoint-6")
    with pytest.raises(FileNotFoundError, match="no checkpoint folder"):
        trainer(tmp_path).train(resume_from_checkpoint=tmp_path / "checkpoint-7")


def test_a_checkpoint_of_another_training_or_model_is_refused(tmp_path):
    from corten.training.checkpoint.files import write_checkpoint

    trainer(tmp_path, save_strategy="epoch").train()
    config = BertConfig(
        vocab_size=30, hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16
    )
    other = trainer(tmp_path, model=BertForSequenceClassification(config))
    with pytest.raises(ValueError, match=r"has the shape \(\d+, 8\).*but \(\d+, 12\)"):
        other.train(resume_from_checkpoint=tmp_path / "checkpoint-6")
    write_checkpoint(tmp_path / "checkpoint-6" / "training_state.safetensors", {"epoch": 1}, {})
    with pytest.raises(ValueError, match="is the state of another kind of training"):
        trainer(tmp_path).train(resume_from_checkpoint=tmp_path / "checkpoint-6")


def test_going_on_with_other_arguments_is_told(tmp_path):
    trainer(tmp_path, save_strategy="epoch", num_train_epochs=1).train()
    made = trainer(tmp_path, per_device_train_batch_size=2)
    with pytest.warns(UserWarning, match="per_device_train_batch_size was 4 and is 2"):
        made.train(resume_from_checkpoint=True)


def test_a_model_of_the_users_is_saved_and_goes_on(tmp_path):
    class Line(corten.Model):
        def __init__(self):
            super().__init__()
            self.dense = corten.layers.Dense(1)

        def call(self, x, labels=None):
            y = self.dense(x)[:, 0]
            return {"loss": corten.ops.mean(corten.ops.square(y - labels)), "logits": y}

    rows = [{"x": [float(x)], "labels": 3.0 * x} for x in np.linspace(-1, 1, 20)]

    def train(folder, epochs, **more):
        corten.utils.set_random_seed(2)
        made = trainer(
            folder, rows, Line(), num_train_epochs=epochs, save_strategy="epoch", lr_scheduler_type="constant"
        )
        made.train(**more)
        return np.concatenate([weight.ravel() for weight in made.model.get_weights()])

    whole = train(tmp_path / "whole", 4)
    train(tmp_path / "parts", 2)
    np.testing.assert_array_equal(train(tmp_path / "parts", 4, resume_from_checkpoint=True), whole)
