import json

import numpy as np
import pytest

import corten
from corten import tuner

X = np.random.default_rng(0).normal(size=(96, 3)).astype("float32")
Y = (X[:, 0] * X[:, 1] > 0).astype("int64")
SPACE = {
    "units": tuner.Int(2, 32, log=True),
    "rate": tuner.Float(1e-4, 1e-1, log=True),
    "activation": tuner.Choice(["relu", "tanh"]),
    "normalize": tuner.Boolean(),
}


def make_model(units, rate, activation, normalize):
    stack = [corten.Input((3,)), corten.layers.Dense(units, activation), corten.layers.Dropout(0.1)]
    if normalize:
        stack.append(corten.layers.BatchNormalization())
    model = corten.Sequential([*stack, corten.layers.Dense(2, "softmax")])
    model.compile(corten.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def run(search, **settings):
    search.run(X, Y, validation_split=0.25, verbose=0, **settings)
    return search


def test_parameters_cover_their_range_evenly():
    places = (np.arange(1000) + 0.5) / 1000
    numbers = [tuner.Int(3, 7).value_at(place) for place in places]
    assert np.bincount(numbers).tolist() == [0, 0, 0, 200, 200, 200, 200, 200]
    assert {tuner.Int(1, 9, step=4).value_at(place) for place in places} == {1, 5, 9}
    rates = [tuner.Float(1e-4, 1e-1, log=True).value_at(place) for place in places]
    assert np.histogram(np.log10(rates), bins=3)[0].tolist() == [333, 334, 333]
    logs = tuner.Int(1, 1000, log=True)
    assert (logs.value_at(0.0), logs.value_at(1 - 1e-12)) == (1, 1000)
    assert tuner.Float(2, 4).value_at(0.25) == 2.5


def test_impossible_parameters_are_refused():
    with pytest.raises(ValueError, match="low must not be above high"):
        tuner.Float(2, 1)
    with pytest.raises(ValueError, match="limits above 0"):
        tuner.Int(0, 5, log=True)
    with pytest.raises(ValueError, match="at least one value"):
        tuner.Choice([])
    with pytest.raises(ValueError, match="Choose a name"):
        tuner.Choice([np.zeros(2)])
    with pytest.raises(TypeError, match=r"space\['units'\] must be an Int"):
        tuner.RandomSearch(make_model, {"units": 3})


def test_the_same_seed_gives_the_same_trials_and_models():
    first = run(tuner.RandomSearch(make_model, SPACE, "val_accuracy", trials=3, seed=4), epochs=2)
    corten.utils.set_random_seed(99)
    second = run(tuner.RandomSearch(make_model, SPACE, "val_accuracy", trials=3, seed=4), epochs=2)
    assert first.trials == second.trials
    assert (first.best_model.predict(X, verbose=0) == second.best_model.predict(X, verbose=0)).all()
    other = run(tuner.RandomSearch(make_model, SPACE, "val_accuracy", trials=3, seed=5), epochs=1)
    assert [trial.parameters for trial in other.trials] != [trial.parameters for trial in first.trials]


def test_the_best_trial_goes_by_the_direction_of_the_metric():
    search = run(tuner.RandomSearch(make_model, SPACE, "val_accuracy", trials=4), epochs=1)
    assert search.direction == "max"
    assert search.best_trial.score == max(trial.score for trial in search.trials)
    loss = run(tuner.RandomSearch(make_model, SPACE, trials=4), epochs=1)
    assert loss.direction == "min"
    assert loss.best_trial.score == min(trial.score for trial in loss.trials)
    lines = loss.table().splitlines()
    assert lines[0].split() == ["trial", "val_loss", "epochs", *SPACE]
    assert lines[1].split()[0] == str(loss.best_trial.number)
    measured = loss.best_model.evaluate(X[72:], Y[72:], verbose=0, return_dict=True)
    assert measured["loss"] == pytest.approx(loss.best_trial.score, abs=1e-6)


class Stop(Exception):
    pass


def stopping_after(count):
    calls = []

    def make(**parameters):
        calls.append(parameters)
        if len(calls) > count:
            raise Stop
        return make_model(**parameters)

    return make, calls


@pytest.mark.parametrize(
    ("kind", "settings", "stop"),
    [
        (tuner.RandomSearch, {"trials": 4}, 2),
        (tuner.SuccessiveHalving, {"trials": 4, "factor": 2}, 3),
    ],
)
def test_a_stopped_search_goes_on_to_the_same_end(kind, settings, stop, tmp_path):
    whole = run(kind(make_model, SPACE, "val_accuracy", seed=2, **settings))
    broken, _ = stopping_after(stop)
    with pytest.raises(Stop) as caught:
        run(kind(broken, SPACE, "val_accuracy", seed=2, directory=tmp_path, **settings))
    assert f"in trial {stop}" in caught.value.__notes__[0]
    again, calls = stopping_after(100)
    resumed = run(kind(again, SPACE, "val_accuracy", seed=2, directory=tmp_path, **settings))
    assert resumed.trials == whole.trials
    assert len(calls) >= 4 - stop
    loaded = kind(make_model, SPACE, "val_accuracy", seed=2, directory=tmp_path, **settings)
    assert loaded.best_hyperparameters == whole.best_hyperparameters
    np.testing.assert_array_equal(
        loaded.best_model.predict(X, verbose=0), whole.best_model.predict(X, verbose=0)
    )


def test_halving_trains_survivors_on_as_if_in_one_go():
    search = run(tuner.SuccessiveHalving(make_model, SPACE, trials=4, factor=2, seed=3))
    assert sorted(trial.epochs for trial in search.trials) == [1, 1, 2, 4]
    best = search.best_trial
    assert best.epochs == 4
    assert len(best.history["val_loss"]) == 4
    single = tuner.RandomSearch(make_model, SPACE, trials=4, seed=3)
    run(single, epochs=4)
    assert single.trials[best.number].history == best.history
    first = sorted(search.trials, key=lambda trial: trial.history["val_loss"][0])[:2]
    assert {trial.number for trial in first} == {trial.number for trial in search.trials if trial.epochs > 1}


def test_results_of_another_search_are_refused(tmp_path):
    run(tuner.RandomSearch(make_model, SPACE, trials=1, directory=tmp_path))
    stored = json.loads((tmp_path / "results.json").read_text())
    assert stored["trials"][0]["parameters"].keys() == SPACE.keys()
    with pytest.raises(ValueError, match="another search: its seed is 0, not 1"):
        tuner.RandomSearch(make_model, SPACE, trials=1, seed=1, directory=tmp_path)
    (tmp_path / "results.json").write_text("{")
    with pytest.raises(ValueError, match="no file of search results"):
        tuner.RandomSearch(make_model, SPACE, trials=1, directory=tmp_path)


def test_training_that_breaks_down_ranks_last():
    def make(rate):
        model = corten.Sequential([corten.Input((3,)), corten.layers.Dense(1)])
        model.compile(corten.optimizers.SGD(rate), "mse")
        return model

    search = tuner.RandomSearch(make, {"rate": tuner.Choice([1e20, 0.01])}, "loss", trials=8)
    search.run(X, Y.astype("float32"), epochs=3, verbose=0)
    assert any(np.isnan(trial.score) for trial in search.trials)
    assert search.best_hyperparameters == {"rate": 0.01}
    assert search.table().splitlines()[-1].split()[1] == "nan"


def test_halving_ranks_trials_that_callbacks_ended_early():
    search = tuner.SuccessiveHalving(make_model, SPACE, trials=4, min_epochs=3, factor=2)
    run(search, callbacks=lambda: [corten.callbacks.EarlyStopping("loss", min_delta=100.0, patience=1)])
    assert sorted(trial.epochs for trial in search.trials) == [3, 3, 6, 12]
    assert all(len(trial.history["loss"]) < trial.epochs for trial in search.trials)
    first = sorted(search.trials, key=lambda trial: trial.scores[3])
    assert {trial.number for trial in search.trials if trial.epochs > 3} == {t.number for t in first[:2]}


def test_halving_goes_on_after_training_that_broke_down(tmp_path):
    def broken(rate):
        start = corten.initializers.Constant(np.nan if rate > 0.01 else 0.0)
        model = corten.Sequential([corten.Input((3,)), corten.layers.Dense(1, kernel_initializer=start)])
        model.compile(corten.optimizers.SGD(rate), "mse")
        return model

    def search():
        space = {"rate": SPACE["rate"]}
        return run(tuner.SuccessiveHalving(broken, space, trials=6, factor=2, directory=tmp_path))

    once, again = search(), search()
    assert 0 < sum(np.isnan(trial.score) for trial in once.trials) < 6
    assert [(t.epochs, repr(t.scores), repr(t.history)) for t in again.trials] == [
        (t.epochs, repr(t.scores), repr(t.history)) for t in once.trials
    ]


def test_mistakes_are_named():
    with pytest.raises(ValueError, match=r"logs no 'val_loss'.*validation_data"):
        tuner.RandomSearch(make_model, SPACE).run(X, Y, verbose=0)
    with pytest.raises(TypeError, match="takes no argument width"):
        run(tuner.RandomSearch(make_model, {"width": tuner.Int(1, 2)}))
    with pytest.raises(TypeError, match="must be a function that gives new callbacks"):
        run(tuner.RandomSearch(make_model, SPACE), callbacks=[])
    with pytest.raises(TypeError, match="must give a compiled model"):
        run(tuner.RandomSearch(lambda **_: corten.Sequential([corten.layers.Dense(1)]), SPACE))
    with pytest.raises(ValueError, match="call `run` first"):
        _ = tuner.RandomSearch(make_model, SPACE).best_trial
    with pytest.raises(ValueError, match="trials must be a whole number"):
        tuner.RandomSearch(make_model, SPACE, trials=0)
