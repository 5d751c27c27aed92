"""Data frames of pandas and polars, and what is wrong with some of them."""

import datetime

import numpy as np
import pytest

import corten

pandas = pytest.importorskip("pandas")
polars = pytest.importorskip("polars")

VALUES = np.random.default_rng(0).normal(size=(40, 2)).astype("float32")
TARGETS = VALUES @ np.array([1.0, -2.0], "float32")
FRAMES = {"pandas": pandas.DataFrame, "polars": polars.DataFrame}


@pytest.fixture(params=FRAMES)
def frame(request):
    return FRAMES[request.param]({"age": VALUES[:, 0], "income": VALUES[:, 1], "target": TARGETS})


def single_input():
    corten.utils.set_random_seed(0)
    model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
    model.compile("sgd", "mse")
    return model


def history_of(model, *data, **settings):
    corten.utils.set_random_seed(1)
    return model.fit(*data, verbose=0, **settings).history


def named_inputs(as_dict=True):
    corten.utils.set_random_seed(0)
    inputs = [corten.Input((1,), name="age"), corten.Input((1,), name="income")]
    output = corten.layers.Dense(1)(corten.layers.Concatenate()(inputs))
    model = corten.Model({tensor.name: tensor for tensor in inputs} if as_dict else inputs, output)
    model.compile("sgd", "mse")
    return model


def test_a_frame_is_the_array_of_its_columns(frame):
    from_array, from_frame = single_input(), single_input()
    expected = history_of(from_array, VALUES, TARGETS, epochs=2)
    x = frame[["age", "income"]]
    assert history_of(from_frame, x, frame["target"], epochs=2) == expected
    assert from_frame.evaluate(x, frame["target"], verbose=0) == from_array.evaluate(
        VALUES, TARGETS, verbose=0
    )
    np.testing.assert_array_equal(from_frame.predict(x, verbose=0), from_array.predict(VALUES, verbose=0))


@pytest.mark.parametrize("as_dict", [True, False])
def test_named_inputs_take_the_columns_of_their_name(frame, as_dict):
    model, other = named_inputs(as_dict), named_inputs(as_dict)
    # Of columns in another order, and of more than there are inputs.
    mixed = frame[["target", "income", "age"]]
    history = history_of(model, mixed, frame["target"], validation_data=(mixed, frame["target"]))
    arrays = {"age": VALUES[:, :1], "income": VALUES[:, 1:]}
    given = arrays if as_dict else list(arrays.values())
    assert history == history_of(other, given, TARGETS, validation_data=(given, TARGETS))
    np.testing.assert_array_equal(model.predict(mixed, verbose=0), other.predict(given, verbose=0))
    assert model.evaluate(mixed, frame["target"], verbose=0) == other.evaluate(given, TARGETS, verbose=0)


def test_missing_columns_are_named(frame):
    with pytest.raises(
        ValueError, match=r"fit: x is a data frame without a column for the input 'income'.*'age'"
    ):
        named_inputs().fit(frame[["age", "target"]], TARGETS, verbose=0)
    with pytest.raises(
        ValueError, match="predict: x is a data frame without a column for the inputs 'age', 'in"
    ):
        named_inputs().predict(frame[["target"]], verbose=0)
    with pytest.raises(ValueError, match=r"3 features and the model wants 2.*which columns"):
        single_input().fit(frame, TARGETS, verbose=0)


def test_several_outputs_take_columns_too(frame):
    x = corten.Input((2,))
    outputs = [corten.layers.Dense(1, name="target")(x), corten.layers.Dense(1, name="age")(x)]
    model = corten.Model(x, outputs)
    model.compile("sgd", "mse")
    model.fit(frame[["age", "income"]], frame[["age", "target"]], verbose=0)
    with pytest.raises(ValueError, match="y is a data frame without a column for the output 'target'"):
        model.fit(frame[["age", "income"]], frame[["age", "income"]], verbose=0)


def test_columns_that_are_no_numbers_are_named():
    data = {"age": VALUES[:, 0], "city": ["Rome", "Bonn"] * 20}
    for x in (
        pandas.DataFrame(data),
        pandas.DataFrame(data).astype({"city": "category"}),
        polars.DataFrame(data),
        polars.DataFrame(data).with_columns(polars.col("city").cast(polars.Categorical)),
    ):
        with pytest.raises(TypeError, match=r"x must hold numbers.*'Rome' in column 'city'.*categories"):
            single_input().fit(x, TARGETS, verbose=0)
        with pytest.raises(TypeError, match=r"y must hold numbers.*'Rome'"):
            single_input().fit(VALUES, x["city"], verbose=0)
    days = pandas.DataFrame({"age": VALUES[:, 0], "day": [datetime.date(2024, 1, 1)] * 40})
    with pytest.raises(TypeError, match=r"in column 'day'.*Turn times into numbers"):
        single_input().fit(days, TARGETS, verbose=0)


def test_nullable_columns_are_numbers_and_gaps_are_reported_with_their_column():
    whole = pandas.DataFrame({"age": VALUES[:, 0], "kids": pandas.array([1, 2] * 20, dtype="Int64")})
    single_input().fit(whole, TARGETS, verbose=0)
    gaps = whole.assign(kids=pandas.array([1, None] * 20, dtype="Int64"))
    with pytest.warns(UserWarning, match="x has 20 NaN values .*column 'kids'"):
        single_input().fit(gaps, TARGETS, verbose=0)


def test_plans_and_duplicate_columns_are_refused():
    plan = polars.DataFrame({"age": VALUES[:, 0]}).lazy()
    with pytest.raises(TypeError, match=r"pass `x.collect\(\)`"):
        single_input().fit(plan, TARGETS, verbose=0)
    twice = pandas.DataFrame(np.c_[VALUES, VALUES[:, :1]], columns=["age", "income", "age"])
    with pytest.raises(ValueError, match="more than one column 'age'"):
        named_inputs().fit(twice, TARGETS, verbose=0)


def test_lists_of_samples_and_images_of_mixed_sizes_are_told_apart_from_several_inputs():
    model = corten.Sequential([corten.Input((8, 8, 3)), corten.layers.Flatten(), corten.layers.Dense(1)])
    model.compile("sgd", "mse")
    images = [np.zeros((8, 8, 3)), np.zeros((9, 8, 3))]
    with pytest.raises(ValueError, match=r"theirs are \(8, 8, 3\), \(9, 8, 3\): bring images to one size"):
        model.fit(images, np.zeros(2), verbose=0)
    with pytest.raises(ValueError, match=r"join them: `np.stack\(x\)`"):
        model.predict(images[:1] * 2, verbose=0)
    objects = np.empty(2, object)
    objects[:] = images
    with pytest.raises(ValueError, match=r"arrays of their own, of shape .*to one size"):
        model.fit(iter([(objects, np.zeros(2))]), verbose=0)
    with pytest.raises(ValueError, match=r"x is not one array: its rows differ in length"):
        single_input().fit([[1.0, 2.0], [3.0]], np.zeros(2), verbose=0)
