"""TrainingArguments: defaults, names of other versions, what is refused."""

import json
import warnings

import pytest

from corten.transformers import TrainingArguments


def test_defaults_are_those_of_transformers():
    args = TrainingArguments()
    assert args.output_dir == "trainer_output"
    assert (args.per_device_train_batch_size, args.num_train_epochs, args.learning_rate) == (8, 3.0, 5e-5)
    assert (args.weight_decay, args.adam_beta1, args.adam_beta2, args.adam_epsilon) == (0.0, 0.9, 0.999, 1e-8)
    assert (args.max_grad_norm, args.seed, args.logging_steps, args.save_steps) == (1.0, 42, 500, 500)
    assert (args.eval_strategy, args.save_strategy, args.logging_strategy) == ("no", "steps", "steps")
    assert args.lr_scheduler_type == "linear"
    assert args.report_to == []


def test_the_arguments_of_seed_004_are_taken():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        args = TrainingArguments(
            output_dir="./results",
            num_train_epochs=3,
            per_device_train_batch_size=16,
            per_device_eval_batch_size=16,
            warmup_steps=500,
            weight_decay=0.01,
            logging_dir="./logs",
            logging_steps=10,
        )
    assert args.get_warmup_steps(30) == 500
    assert "csv" in args.report_to
    assert args.log_folder.name == "logs"


def test_names_of_earlier_versions_mean_the_same():
    args = TrainingArguments(
        "out",
        evaluation_strategy="epoch",
        per_gpu_train_batch_size=2,
        warmup_ratio=0.1,
        group_by_length=True,
        no_cuda=True,
        overwrite_output_dir=True,
    )
    assert args.eval_strategy == "epoch"
    assert args.do_eval
    assert args.per_device_train_batch_size == 2
    assert args.get_warmup_steps(55) == 6
    assert args.train_sampling_strategy == "group_by_length"


def test_numbers_below_one_are_shares_of_all_steps():
    args = TrainingArguments(eval_strategy="steps", eval_steps=0.25, save_steps=0.5, warmup_steps=0.2)
    assert args.steps_between("eval_steps", 10) == 3
    assert args.steps_between("save_steps", 10) == 5
    assert args.get_warmup_steps(10) == 2


def test_evaluations_happen_as_often_as_logs_unless_said_otherwise():
    assert TrainingArguments(eval_strategy="steps", logging_steps=7).eval_steps == 7


def test_steps_between_evaluations_that_will_not_happen_are_told():
    with pytest.warns(UserWarning, match="eval_steps=5 has no effect without eval_strategy='steps'"):
        TrainingArguments(eval_steps=5)


def test_the_best_model_is_the_one_with_the_least_loss_by_default():
    args = TrainingArguments(eval_strategy="epoch", save_strategy="epoch", load_best_model_at_end=True)
    assert (args.metric_for_best_model, args.greater_is_better) == ("loss", False)
    args = TrainingArguments(eval_strategy="epoch", save_strategy="best", metric_for_best_model="accuracy")
    assert args.greater_is_better


def test_they_go_through_json():
    args = TrainingArguments("out", lr_scheduler_type="cosine", lr_scheduler_kwargs='{"num_cycles": 2}')
    assert args.lr_scheduler_kwargs == {"num_cycles": 2}
    again = TrainingArguments(**json.loads(args.to_json_string()))
    assert again.to_dict() == args.to_dict()
    assert "lr_scheduler_type='cosine'" in repr(args)


def test_what_cannot_change_the_result_is_taken_with_a_warning():
    with pytest.warns(UserWarning, match="without effect in Corten: torch_compile=True"):
        TrainingArguments(torch_compile=True, dataloader_num_workers=4, fp16=False, push_to_hub=False)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fp16": True}, "fp16=True is not possible in Corten.* bf16=True"),
        ({"deepspeed": "config.json"}, "deepspeed='config.json' is not possible"),
        ({"push_to_hub": True}, "push_to_hub=True .* upload the folder"),
        ({"neftune_noise_alpha": 5}, "neftune_noise_alpha=5"),
        ({"ignore_data_skip": True}, "ignore_data_skip must be False"),
        ({"learning_rate": -1.0}, "learning_rate must be a number of at least 0; got -1.0"),
        ({"learning_rate": "fast"}, "learning_rate must be a number"),
        ({"per_device_train_batch_size": 0}, "whole number of at least 1; got 0"),
        ({"gradient_accumulation_steps": 1.5}, "whole number of at least 1; got 1.5"),
        ({"label_smoothing_factor": 1.0}, "at least 0 and below 1; got 1.0"),
        ({"warmup_ratio": 2.0}, "warmup_ratio must be a number of at least 0 and at most 1"),
        ({"eval_strategy": "weekly"}, "eval_strategy: 'weekly' .* 'no', 'steps', 'epoch'"),
        ({"lr_scheduler_type": "zigzag"}, "lr_scheduler_type: 'zigzag'"),
        ({"optim": "shampoo"}, "optim must be one of .*optimizers=\\(optimizer, None\\)"),
        ({"optim_args": "momentum"}, "optim_args must be 'name=value,name=value'"),
        ({"report_to": "wandb"}, "report_to must be .* TrainerCallback whose on_log"),
        ({"load_best_model_at_end": True}, "needs a checkpoint for every evaluation"),
        ({"save_strategy": "best"}, "set eval_strategy to 'steps' or 'epoch'"),
        (
            {"load_best_model_at_end": True, "eval_strategy": "steps", "eval_steps": 4, "save_steps": 6},
            "multiple of eval_steps; got save_steps=6 and eval_steps=4",
        ),
        ({"eval_strategy": "no", "evaluation_strategy": "no"}, "former name of eval_strategy; give one"),
        ({"save_total_limit": 0}, "save_total_limit must be a whole number of at least 1"),
        ({"lr_scheduler_kwargs": "{"}, "a dict or the JSON text of one"),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        TrainingArguments("out", **arguments)


def test_an_unknown_argument_is_refused_with_the_likely_name():
    with pytest.raises(TypeError, match="no argument 'learning_rat'; is 'learning_rate' meant"):
        TrainingArguments("out", learning_rat=1.0)


def test_the_arguments_are_shown_to_editors():
    import inspect

    parameters = inspect.signature(TrainingArguments).parameters
    assert parameters["learning_rate"].default == 5e-5
    assert next(iter(parameters)) == "output_dir"
