import numpy as np
import pytest

import corten
from corten.utils import cross_validate, k_fold

X = np.random.default_rng(0).normal(size=(90, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


def make_model():
    layers = [corten.Input((3,)), corten.layers.Dense(4, "relu"), corten.layers.Dropout(0.2)]
    model = corten.Sequential([*layers, corten.layers.Dense(2, "softmax")])
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


@pytest.mark.parametrize("count", [10, 11, 14])
def test_every_sample_is_tested_on_once(count):
    pairs = list(k_fold(count, 4, seed=1))
    assert sorted(np.concatenate([test for _, test in pairs])) == list(range(count))
    sizes = [len(test) for _, test in pairs]
    assert max(sizes) - min(sizes) <= 1
    for train, test in pairs:
        assert sorted([*train, *test]) == list(range(count))


def test_folds_follow_the_seed_and_the_classes():
    def parts(**settings):
        return [test.tolist() for _, test in k_fold(60, 5, **settings)]

    assert parts(seed=3) == parts(seed=3) != parts(seed=4)
    labels = np.repeat([0, 1, 2], [40, 15, 5])
    for _, test in k_fold(60, 5, seed=0, stratify=labels):
        assert np.bincount(labels[test]).tolist() == [8, 3, 1]
    with pytest.raises(ValueError, match="class 2 has 5 samples"):
        k_fold(60, 6, stratify=labels)
    with pytest.raises(ValueError, match="3 samples cannot be split into 5 folds"):
        k_fold(3)
    with pytest.raises(ValueError, match="at least 2"):
        k_fold(3, 1)


def test_folds_are_reproducible_and_leave_model_and_generator_alone():
    model = make_model()
    before = [weight.numpy() for weight in model.weights]
    corten.utils.set_random_seed(3)
    first = cross_validate(model, X, Y, 3, seed=5, epochs=2, verbose=0)
    after = corten.random.uniform((2,)).tolist()
    corten.utils.set_random_seed(3)
    assert corten.random.uniform((2,)).tolist() == after
    second = cross_validate(make_model, X, Y, 3, seed=5, epochs=2, verbose=0)
    for name in ("loss", "accuracy"):
        assert first.scores[name].shape == (3,)
        np.testing.assert_array_equal(first.scores[name], second.scores[name])
    assert all((a == b.numpy()).all() for a, b in zip(before, model.weights, strict=True))
    assert first.mean()["loss"] == pytest.approx(first.scores["loss"].mean())
    assert first.std()["loss"] == pytest.approx(first.scores["loss"].std(ddof=1))
    assert "3 folds" in repr(first)


def test_each_fold_has_fresh_weights_and_measures_what_was_left_out():
    result = cross_validate(make_model, X, Y, 3, seed=1, epochs=1, verbose=0, return_models=True)
    kernels = [model.layers[0].kernel.numpy() for model in result.models]
    assert not (kernels[0] == kernels[1]).all()
    for fold, (_, test) in enumerate(k_fold(90, 3, seed=1)):
        scores = result.models[fold].evaluate(X[test], Y[test], verbose=0, return_dict=True)
        assert scores["loss"] == pytest.approx(result.scores["loss"][fold], rel=1e-6)


def test_several_inputs_frames_and_callbacks():
    pandas = pytest.importorskip("pandas")
    first, second = corten.Input((1,), name="a"), corten.Input((2,), name="b")
    output = corten.layers.Dense(1)(corten.layers.Concatenate()([first, second]))
    model = corten.Model({"a": first, "b": second}, output)
    model.compile("sgd", "mse")
    data = {"a": X[:, :1], "b": X[:, 1:]}
    stops = []

    def callbacks():
        stops.append(corten.callbacks.EarlyStopping("loss"))
        return stops[-1:]

    result = cross_validate(model, data, Y, 2, seed=0, verbose=0, callbacks=callbacks)
    assert len(stops) == 2
    assert result.scores["loss"].shape == (2,)
    frame = pandas.DataFrame(X, columns=["p", "q", "r"], index=np.arange(90) + 7)
    series = pandas.Series(Y, index=frame.index)
    from_frame = cross_validate(make_model, frame, series, 3, seed=5, epochs=2, verbose=0)
    from_array = cross_validate(make_model, X, Y, 3, seed=5, epochs=2, verbose=0)
    np.testing.assert_array_equal(from_frame.scores["loss"], from_array.scores["loss"])


def test_mistakes_are_named():
    with pytest.raises(ValueError, match="same number of samples"):
        cross_validate(make_model, X, Y[:-1])
    with pytest.raises(TypeError, match="function that gives one"):
        cross_validate(3, X, Y)
    with pytest.raises(TypeError, match="not compiled"):
        cross_validate(corten.Sequential([corten.layers.Dense(1)]), X, Y)
    with pytest.raises(TypeError, match="gives new callbacks"):
        cross_validate(make_model, X, Y, callbacks=[])
