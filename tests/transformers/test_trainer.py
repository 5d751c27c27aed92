"""The Trainer: data of all kinds, updates of several batches, evaluation, checkpoints, errors."""

import json

import numpy as np
import pandas as pd
import pytest
from tests.transformers.trainer_cases import IDS, LABELS, ROWS, accuracy, bert, trainer, weights_of

import corten
from corten.transformers import (
    BertConfig,
    BertForSequenceClassification,
    Trainer,
    TrainerCallback,
    TrainerState,
    TrainingArguments,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The weights of a training on plain rows."""
    made = trainer(tmp_path_factory.mktemp("whole"))
    made.train()
    return weights_of(made.model)


class Items:
    """A data set as PyTorch has them."""

    def __len__(self):
        return len(ROWS)

    def __getitem__(self, index):
        return {"input_ids": IDS[index], "label": LABELS[index], "text": "not for the model"}


class Encoding(dict):
    """As a BatchEncoding: a dict of columns, whose length is the number of columns."""

    def __init__(self, data):
        super().__init__(data)
        self.data = data


KINDS = {
    "columns": {"input_ids": IDS, "labels": LABELS},
    "lists": {"input_ids": IDS.tolist(), "label": LABELS.tolist(), "text": ["a"] * 22},
    "tensors": {
        "input_ids": corten.ops.convert_to_tensor(IDS),
        "labels": corten.ops.convert_to_tensor(LABELS),
    },
    "encoding": Encoding({"input_ids": IDS, "labels": LABELS}),
    "pair": ({"input_ids": IDS}, LABELS),
    "items": Items(),
    "frame": pd.DataFrame({"input_ids": IDS.tolist(), "label": LABELS, "text": "b"}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_data_of_all_kinds_trains_alike(kind, tmp_path, whole):
    made = trainer(tmp_path, KINDS[kind])
    made.train()
    np.testing.assert_array_equal(weights_of(made.model), whole)


@pytest.mark.parametrize("batched", [False, True])
def test_a_dataset_of_rows_or_batches_is_walked_through(batched, tmp_path):
    data = corten.data.Dataset.from_tensor_slices({"input_ids": IDS, "labels": LABELS})
    made = trainer(tmp_path, data.batch(4) if batched else data)
    made.train()
    other = trainer(tmp_path, train_sampling_strategy="sequential")
    other.train()
    np.testing.assert_array_equal(weights_of(made.model), weights_of(other.model))
    assert made.state.global_step == 12


def test_a_py_dataset_gives_batches(tmp_path):
    class Batches(corten.utils.PyDataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            rows = slice(4 * index, 4 * index + 4)
            return {"input_ids": IDS[rows]}, LABELS[rows]

    made = trainer(tmp_path, Batches())
    made.train()
    other = trainer(tmp_path, train_sampling_strategy="sequential")
    other.train()
    np.testing.assert_array_equal(weights_of(made.model), weights_of(other.model))


def test_an_iterable_without_a_length_needs_a_number_of_steps(tmp_path):
    class Endless:
        def __iter__(self):
            return iter(ROWS)

    with pytest.raises(ValueError, match=r"max_steps must be set: TrainingArguments\(max_steps=1000\)"):
        trainer(tmp_path, Endless()).train()
    made = trainer(tmp_path, Endless(), max_steps=8)
    assert made.train().global_step == 8
    with pytest.raises(TypeError, match="a generator can be walked through once"):
        trainer(tmp_path, (row for row in ROWS), max_steps=8).train()


def test_several_batches_train_as_one_batch_of_all_their_rows(tmp_path):
    one = trainer(tmp_path, per_device_train_batch_size=8)
    one.train()
    several = trainer(tmp_path, per_device_train_batch_size=2, gradient_accumulation_steps=4)
    several.train()
    assert one.state.global_step == several.state.global_step == 6
    np.testing.assert_allclose(weights_of(one.model), weights_of(several.model), atol=2e-5)
    logs = [made.state.log_history[-1]["train_loss"] for made in (one, several)]
    assert logs[0] == pytest.approx(logs[1], abs=1e-5)


def test_captured_steps_have_the_bits_of_steps_in_python(tmp_path, whole):
    class Own(Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    made = trainer(tmp_path, kind=Own)
    made.train()
    np.testing.assert_array_equal(weights_of(made.model), whole)


def test_gradient_checkpointing_gives_the_same_bits(tmp_path, whole):
    made = trainer(tmp_path, gradient_checkpointing=True)
    made.train()
    np.testing.assert_array_equal(weights_of(made.model), whole)


def test_a_loss_of_the_users_is_minimized(tmp_path):
    def loss(outputs, labels, num_items_in_batch=None):
        return 2.0 * corten.ops.mean(
            corten.ops.square(outputs.logits[:, 0] - corten.ops.cast(labels, "float32"))
        )

    made = trainer(tmp_path, settings={"compute_loss_func": loss, "eval_dataset": ROWS}, num_train_epochs=15)
    before = made.evaluate()["eval_loss"]
    made.train()
    assert made.evaluate()["eval_loss"] < 0.5 * before


def test_biases_and_normalizations_do_not_decay(tmp_path):
    made = trainer(tmp_path)
    decayed = {path.rpartition("/")[2] for path in made.get_decay_parameter_names()}
    assert decayed == {"kernel", "embeddings"}
    assert not [path for path in made.get_decay_parameter_names() if "norm" in path.lower()]


@pytest.mark.parametrize("optim", ["adafactor", "adagrad", "lion", "rmsprop", "sgd"])
def test_other_optimizers_train(optim, tmp_path):
    more = {"optim_args": "momentum=0.5"} if optim == "sgd" else {}
    made = trainer(tmp_path, optim=optim, num_train_epochs=1, weight_decay=0.01, **more)
    before = weights_of(made.model)
    made.train()
    assert type(made.optimizer).__name__.lower() == optim
    assert np.abs(weights_of(made.model) - before).max() > 0


def test_an_optimizer_and_a_schedule_of_the_users_are_used(tmp_path):
    optimizer = corten.optimizers.SGD(0.5)
    schedule = corten.optimizers.schedules.PolynomialDecay(0.25, 12)
    made = trainer(tmp_path, settings={"optimizers": (optimizer, schedule)}, logging_steps=6)
    made.train()
    assert made.optimizer is optimizer
    rates = [log["learning_rate"] for log in made.state.log_history if "loss" in log]
    assert rates == [schedule.rate(5), schedule.rate(11)]
    with pytest.raises(TypeError, match="must be \\(a Corten optimizer, a schedule\\); got a str"):
        trainer(tmp_path, settings={"optimizers": ("adam", None)})


def test_rows_of_like_length_come_together(tmp_path):
    rows = [{"input_ids": IDS[i % 22][: 2 + i % 5], "labels": i % 2} for i in range(40)]
    made = trainer(tmp_path, rows, train_sampling_strategy="group_by_length")
    lengths = [batch["input_ids"].shape[1] for batch in _batches(made)]
    assert lengths[0] == 6
    assert sorted(lengths, reverse=True) == lengths
    again = [batch["input_ids"].shape[1] for batch in made.get_train_dataloader().batches(1)]
    assert again == lengths


def _batches(made):
    from corten.transformers.training.rows import stack

    def shortest(rows):
        length = max(len(row["input_ids"]) for row in rows)
        return stack([{**row, "input_ids": np.resize(row["input_ids"], length)} for row in rows])

    made.data_collator = shortest
    return list(made.get_train_dataloader())


def test_orders_depend_on_seed_and_epoch_alone(tmp_path):
    def order(seed, epoch):
        batches = trainer(tmp_path, data_seed=seed).get_train_dataloader().batches(epoch)
        return np.concatenate([batch["input_ids"][:, 0] for batch in batches]).tolist()

    assert order(1, 0) == order(1, 0)
    assert order(1, 0) != order(1, 1)
    assert order(1, 0) != order(2, 0)


def test_the_last_batch_is_left_out_if_asked_for(tmp_path):
    made = trainer(tmp_path, dataloader_drop_last=True)
    assert len(made.get_train_dataloader()) == 5
    made.train()
    assert made.state.global_step == 10


# -- evaluation -----------------------------------------------------------------------------------------


def test_predictions_come_in_the_order_of_the_rows(tmp_path):
    made = trainer(tmp_path, settings={"compute_metrics": accuracy}, per_device_eval_batch_size=5)
    output = made.predict(ROWS)
    wanted = made.model(IDS).logits.numpy()
    np.testing.assert_allclose(output.predictions, wanted, atol=1e-6)
    np.testing.assert_array_equal(output.label_ids, LABELS)
    assert output.metrics["test_accuracy"] == (wanted.argmax(-1) == LABELS).mean()
    loss = made.model(IDS, labels=LABELS).loss
    assert output.metrics["test_loss"] == pytest.approx(float(loss), abs=1e-5)
    assert made.predict([{"input_ids": ids} for ids in IDS]).label_ids is None


def test_several_data_sets_are_evaluated_by_name(tmp_path):
    several = {"first": ROWS[:4], "second": ROWS[4:10]}
    made = trainer(tmp_path, settings={"eval_dataset": several, "compute_metrics": accuracy})
    found = made.evaluate()
    assert {"eval_first_loss", "eval_second_loss", "eval_first_accuracy"} <= set(found)
    columns = {"input_ids": IDS, "labels": LABELS}
    assert "eval_loss" in made.evaluate(columns)

    class DatasetDict(dict):
        """As Hugging Face's: a dict of data sets by name."""

    assert "eval_test_loss" in made.evaluate(DatasetDict(test=Items()))


def test_metrics_of_single_batches(tmp_path):
    seen = []

    def count(prediction, compute_result):
        seen.append(len(prediction.label_ids))
        return {"rows": sum(seen)} if compute_result else {}

    settings = {"eval_dataset": ROWS, "compute_metrics": count}
    made = trainer(tmp_path, settings=settings, batch_eval_metrics=True)
    assert made.evaluate()["eval_rows"] == 22


def test_metrics_get_inputs_losses_and_preprocessed_outputs(tmp_path):
    def look(prediction):
        assert prediction.inputs.shape == (22, 6)
        assert prediction.losses.shape == (22,)
        assert prediction.predictions.shape == (22,)
        return {"seen": np.float32(1)}

    settings = {
        "eval_dataset": ROWS,
        "compute_metrics": look,
        "preprocess_logits_for_metrics": lambda logits, labels: corten.ops.argmax(logits, -1),
    }
    made = trainer(tmp_path, settings=settings, include_for_metrics=["inputs", "loss"])
    assert made.evaluate()["eval_seen"] == 1.0


def test_evaluating_does_not_change_the_training(tmp_path, whole):
    made = trainer(tmp_path, settings={"eval_dataset": ROWS}, eval_strategy="steps", eval_steps=1)
    made.train()
    np.testing.assert_array_equal(weights_of(made.model), whole)
    assert sum("eval_loss" in log for log in made.state.log_history) == 12


def test_bfloat16_trains_and_leaves_the_model_as_it_was(tmp_path):
    made = trainer(tmp_path, bf16=True, num_train_epochs=10, settings={"eval_dataset": ROWS})
    dtypes = set()

    class Look(TrainerCallback):
        def on_step_end(self, args, state, control, model=None, **kwargs):
            dtypes.add((model.compute_dtype, model.variable_dtype))

    made.add_callback(Look)
    before = made.evaluate()["eval_loss"]
    made.train()
    assert dtypes == {("bfloat16", "float32")}
    assert made.model.compute_dtype == "float32"
    assert made.evaluate()["eval_loss"] < before


# -- logs -----------------------------------------------------------------------------------------------


def test_logs_go_to_files(tmp_path):
    made = trainer(
        tmp_path,
        settings={"eval_dataset": ROWS},
        logging_dir=str(tmp_path / "logs"),
        logging_steps=4,
        eval_strategy="epoch",
    )
    made.train()
    table = pd.read_csv(tmp_path / "logs" / "log.csv")
    assert table["loss"].dropna().tolist() == [log["loss"] for log in made.state.log_history if "loss" in log]
    assert table["eval_loss"].notna().sum() == 2
    assert list(table["step"]) == [log["step"] for log in made.state.log_history]
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    events = accumulator.EventAccumulator(str(tmp_path / "logs"))
    events.Reload()
    assert {"train/loss", "eval/loss", "train/learning_rate"} <= set(events.Tags()["tensors"])


def test_logs_are_printed(tmp_path, capsys):
    args = TrainingArguments(tmp_path, logging_steps=2, save_strategy="no", num_train_epochs=1)
    Trainer(bert(), args, train_dataset=ROWS).train()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert "'learning_rate': " in lines[0]
    assert "'train_loss': " in lines[1]


def test_a_bar_shows_the_progress(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("corten.training.progress.is_interactive", lambda: True)
    args = TrainingArguments(
        tmp_path, logging_steps=2, save_strategy="no", num_train_epochs=2, disable_tqdm=False
    )
    Trainer(bert(), args, train_dataset=ROWS).train()
    assert "6/6" in capsys.readouterr().out


def test_losses_that_are_not_finite_are_left_out_of_the_mean(tmp_path):
    class Sometimes(Trainer):
        def compute_loss(self, model, inputs, return_outputs=False, num_items_in_batch=None):
            loss = super().compute_loss(model, inputs)
            return loss * (float("nan") if self.state.global_step == 1 else 0.0) + 2.0

    found = []
    for filtered in (True, False):
        made = trainer(
            tmp_path, kind=Sometimes, max_steps=3, logging_steps=3, logging_nan_inf_filter=filtered
        )
        made.train()
        found.append(made.state.log_history[0]["loss"])
    assert found[0] == 2.0
    assert np.isnan(found[1])


def test_metrics_are_saved(tmp_path, capsys):
    made = trainer(tmp_path)
    result = made.train()
    made.save_metrics("train", result.metrics)
    made.save_metrics("eval", {"eval_loss": 1.0})
    made.log_metrics("train", {"train_loss": 0.25})
    made.save_state()
    made.save_model()
    assert set(json.loads((tmp_path / "all_results.json").read_text())) == {*result.metrics, "eval_loss"}
    assert "train_loss = 0.25" in capsys.readouterr().out
    assert TrainerState.load_from_json(tmp_path / "trainer_state.json") == made.state
    assert weights_of(BertForSequenceClassification.from_pretrained(tmp_path)).size


# -- callbacks ------------------------------------------------------------------------------------------


def test_callbacks_are_called_in_order(tmp_path):
    seen = []

    class Watch(TrainerCallback):
        pass

    for name in [name for name in vars(TrainerCallback) if name.startswith("on_")]:
        setattr(Watch, name, lambda self, args, state, control, name=name, **kwargs: seen.append(name))
    made = trainer(
        tmp_path,
        callbacks=[Watch()],
        max_steps=1,
        gradient_accumulation_steps=2,
        save_strategy="steps",
        save_steps=1,
        logging_steps=1,
        settings={"eval_dataset": ROWS[:4]},
        eval_strategy="steps",
    )
    made.train()
    assert seen == [
        "on_init_end", "on_train_begin", "on_epoch_begin", "on_step_begin", "on_substep_end",
        "on_pre_optimizer_step", "on_optimizer_step", "on_step_end", "on_log", "on_prediction_step", "on_log",
        "on_evaluate", "on_save", "on_epoch_end", "on_log", "on_train_end",
    ]  # fmt: skip


def test_callbacks_of_fit_are_refused(tmp_path):
    with pytest.raises(
        TypeError, match=r"got a EarlyStopping: callbacks of corten.callbacks go to Model.fit"
    ):
        trainer(tmp_path, callbacks=[corten.callbacks.EarlyStopping()])


# -- errors ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "needs a train_dataset"),
        ([], "train_dataset: has no rows"),
        ("data.csv", "got the text 'data.csv'. Load and tokenize"),
        (["a text"], "got the text 'a text'; tokenize it first"),
        (
            [{"text": "a", "label": 1}],
            "no column that BertForSequenceClassification takes.*Tokenize the texts",
        ),
        ([{"input_ids": [1, 2]}], "gave no loss: its outputs are \\['logits'\\].*have labels"),
        ([{"input_ids": [1, 2], "label": 2}], "does not know: \\[2\\]; it has 2 classes.*num_labels=3"),
        ({"input_ids": [[1, 2]], "labels": [-1]}, "does not know: \\[-1\\]"),
        ([{"input_ids": [1, 30], "label": 1}], "has the token 30; .*vocabulary of 30 tokens"),
        ([{"input_ids": [1] * 9, "label": 1}], "a text of 9 tokens; .* has places for 8.*max_length=8"),
        ({"input_ids": IDS, "labels": LABELS[:3]}, "the columns differ in length"),
        (
            [{"input_ids": [1], "label": 1}, {"input_ids": [1, 2], "label": 1}],
            "differ in the length of 'input_ids' \\(1 to 2\\).*processing_class=tokenizer",
        ),
        (7, "expected a list of dicts.*got a int"),
    ],
)
def test_wrong_data_is_refused(data, message, tmp_path):
    with pytest.raises((ValueError, TypeError), match=message):
        trainer(tmp_path, data).train()


def test_wrong_models_and_hooks_are_refused(tmp_path):
    with pytest.raises(TypeError, match="must be a Corten model; got BertConfig"):
        trainer(tmp_path, model=BertConfig)
    with pytest.raises(ValueError, match="either a model or a model_init"):
        Trainer(args=TrainingArguments(tmp_path))
    with pytest.raises(TypeError, match="args must be TrainingArguments; got a dict"):
        Trainer(bert(), {"learning_rate": 1})

    class Own(Trainer):
        def training_step(self, model, inputs):
            return 0.0

    with pytest.raises(TypeError, match=r"has a training_step, which .* never calls.*Override compute_loss"):
        trainer(tmp_path, kind=Own)
    frozen = bert()
    frozen.trainable = False
    with pytest.raises(ValueError, match="no trainable weights"):
        trainer(tmp_path, model=frozen).train()


def test_a_metric_that_is_not_there_is_told(tmp_path):
    made = trainer(
        tmp_path,
        settings={"eval_dataset": ROWS},
        eval_strategy="epoch",
        save_strategy="best",
        metric_for_best_model="f1",
    )
    with pytest.raises(KeyError, match=r"has no 'eval_f1'; it has \['eval_loss'\]"):
        made.train()


def test_model_init_gives_a_new_model_for_each_training(tmp_path):
    made = Trainer(
        args=TrainingArguments(tmp_path, save_strategy="no", num_train_epochs=1),
        model_init=bert,
        train_dataset=ROWS,
    )
    made.pop_callback(made.printer)
    made.train()
    first = weights_of(made.model)
    made.train()
    np.testing.assert_array_equal(weights_of(made.model), first)
