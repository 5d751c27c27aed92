"""The Trainer's search for hyper-parameters."""

import math

import numpy as np
import pytest
from tests.transformers.trainer_cases import ROWS, bert, trainer

import corten
from corten import tuner
from corten.transformers import Trainer, TrainingArguments
from corten.transformers.training.search_part import SearchTrial, default_objective, default_space


def searcher(folder, model_init=bert, **arguments):
    defaults = {"per_device_train_batch_size": 11, "max_steps": 4, "save_strategy": "no", "seed": 5}
    made = Trainer(
        None,
        TrainingArguments(folder, **{**defaults, **arguments}),
        train_dataset=ROWS,
        eval_dataset=ROWS,
        model_init=model_init,
    )
    made.pop_callback(made.printer)
    return made


def test_the_best_arguments_train_as_they_did_in_the_search(tmp_path):
    made = searcher(tmp_path)
    args = made.args
    space = {"learning_rate": tuner.Float(1e-4, 1e-1, log=True), "weight_decay": tuner.Float(0.0, 0.1)}
    best = made.hyperparameter_search(space, n_trials=4)
    assert made.args is args
    scores = [trial.score for trial in made.search_trials]
    assert len(set(scores)) == 4
    assert best.objective == min(scores)
    assert best.run_id == str(scores.index(best.objective))
    assert set(best.hyperparameters) == set(space)
    # The same values in a training of its own give the same bits.
    again = searcher(tmp_path, **best.hyperparameters)
    again.train()
    assert again.evaluate()["eval_loss"] == best.objective
    # So does the whole search.
    assert searcher(tmp_path).hyperparameter_search(space, n_trials=4) == best
    assert searcher(tmp_path).hyperparameter_search(space, n_trials=1, seed=1).hyperparameters not in (
        trial.parameters for trial in made.search_trials
    )


def test_a_function_draws_values_as_optuna_does(tmp_path):
    seen = []

    def model_init(trial=None):
        seen.append(None if trial is None else trial.params["dropout"])
        return bert(dropout=0.0 if trial is None else trial.params["dropout"])

    def space(trial):
        return {
            "dropout": trial.suggest_categorical("dropout", [0.0, 0.1, 0.3]),
            "num_train_epochs": trial.suggest_int("num_train_epochs", 1, 3),
            "learning_rate": trial.suggest_float("learning_rate", 1e-3, 1e-2, log=True),
        }

    made = searcher(tmp_path, model_init, max_steps=-1, save_strategy="epoch")
    made.compute_metrics = lambda found: {
        "accuracy": (found.predictions.argmax(-1) == found.label_ids).mean()
    }
    best = made.hyperparameter_search(
        space,
        n_trials=3,
        direction="maximize",
        backend="corten",
        hp_name=lambda trial: f"{trial.number}-{trial.params['dropout']}",
        compute_objective=lambda metrics: metrics["eval_accuracy"],
    )
    assert best.objective == max(trial.score for trial in made.search_trials)
    assert seen[1:] == [trial.parameters["dropout"] for trial in made.search_trials]
    for number, trial in enumerate(made.search_trials):
        folders = list((tmp_path / f"{number}-{trial.parameters['dropout']}").glob("checkpoint-*"))
        assert len(folders) == trial.parameters["num_train_epochs"]


def test_values_depend_on_seed_number_and_name():
    first, second = (default_space(SearchTrial(3, seed)) for seed in (1, 1))
    assert first == second != default_space(SearchTrial(4, 1))
    rates = [
        SearchTrial(number).suggest_float("learning_rate", 1e-6, 1e-4, log=True) for number in range(200)
    ]
    assert 0.3 < np.mean(np.array(rates) < 1e-5) < 0.7
    assert default_objective({"eval_loss": 1.0, "eval_runtime": 3.0, "epoch": 2.0}) == 1.0
    assert default_objective({"eval_loss": 1.0, "eval_a": 0.5, "eval_b": 0.25}) == 0.75
    assert math.isnan(default_objective({}))


def test_label_smoothing_can_be_searched(tmp_path):
    made = searcher(tmp_path)
    made.hyperparameter_search({"label_smoothing_factor": tuner.Choice([0.0, 0.4])}, n_trials=4)
    losses = {trial.parameters["label_smoothing_factor"]: trial.score for trial in made.search_trials}
    assert losses[0.0] != losses[0.4]
    assert made.label_smoother is None


def test_wrong_searches_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"each training needs a new model: Trainer\(model_init"):
        trainer(tmp_path).hyperparameter_search()
    made = searcher(tmp_path)
    for arguments, message in (
        ({"direction": "up"}, "direction must be 'minimize' or 'maximize'"),
        ({"backend": "optuna"}, "backend='optuna' is not there"),
        ({"n_trials": 0}, "n_trials must be a whole number"),
        ({"hp_space": {"learning_rate": tuner.Float(-2.0, -1.0)}}, "learning_rate must be a number"),
    ):
        with pytest.raises(ValueError, match=message):
            made.hyperparameter_search(**arguments)
    with pytest.raises(TypeError, match="hp_space must give a dict"):
        made.hyperparameter_search(lambda trial: [1e-3])
    with pytest.raises(ValueError, match="the objective was NaN in all trainings"):
        made.hyperparameter_search({"seed": tuner.Int(1, 2)}, lambda metrics: math.nan, n_trials=1)
    assert made.args.output_dir == str(tmp_path)
    held = Trainer(
        None,
        TrainingArguments(tmp_path),
        train_dataset=ROWS,
        model_init=bert,
        optimizers=(corten.optimizers.SGD(), None),
    )
    with pytest.raises(ValueError, match="`optimizers` hold the state of one training"):
        held.hyperparameter_search()
