import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_iris
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import corten
from corten.wrappers import CortenClassifier, CortenRegressor, CortenTransformer, SKLearnClassifier


def classifier_model(units=1, activation="sigmoid", loss="binary_crossentropy"):
    model = corten.Sequential([corten.Input((4,)), corten.layers.Dense(units, activation)])
    model.compile(corten.optimizers.Adam(0.1), loss)
    return model


@pytest.fixture
def iris():
    return load_iris(return_X_y=True)


def test_labels_of_any_kind_come_back(iris):
    x, y = iris
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    fitted = CortenClassifier(random_state=0).fit(x, names)
    assert fitted.classes_.tolist() == ["setosa", "versicolor", "virginica"]
    assert fitted.score(x, names) > 0.9
    proba = fitted.predict_proba(x)
    assert proba.shape == (150, 3)
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-6)
    assert fitted.n_iter_ == 20


def test_same_random_state_same_bits_and_the_global_generator_is_left_alone(iris):
    x, y = iris
    corten.utils.set_random_seed(5)
    first = CortenClassifier(random_state=3, epochs=2).fit(x, y).predict_proba(x)
    after = corten.random.uniform((2,)).tolist()
    second = CortenClassifier(random_state=3, epochs=2).fit(x, y).predict_proba(x)
    assert (first == second).all()
    corten.utils.set_random_seed(5)
    assert corten.random.uniform((2,)).tolist() == after


@pytest.mark.parametrize(
    ("units", "activation", "loss"),
    [
        (1, "sigmoid", "binary_crossentropy"),
        (2, "softmax", "sparse_categorical_crossentropy"),
        (2, "softmax", "categorical_crossentropy"),
        (2, "softmax", "CategoricalCrossentropy"),
        (2, "softmax", ["categorical_crossentropy"]),
        (2, "softmax", corten.losses.CategoricalCrossentropy),
        (2, "softmax", corten.losses.KLDivergence(name="mine")),
        (2, None, corten.losses.CategoricalCrossentropy(from_logits=True)),
        (1, None, corten.losses.BinaryCrossentropy(from_logits=True)),
    ],
)
def test_two_classes_with_each_way_to_compile(iris, units, activation, loss):
    x, y = iris[0][:100], iris[1][:100]
    corten.utils.set_random_seed(0)
    model = classifier_model(units, activation, loss)
    fitted = CortenClassifier(model, epochs=20, random_state=0).fit(x, y)
    assert fitted.score(x, y) == 1.0
    assert fitted.predict_proba(x).shape == (100, 2)
    assert fitted.predict_proba(x).min() >= 0
    # The given model is cloned, not trained.
    assert fitted.model_ is not model


def test_outputs_must_match_the_classes(iris):
    with pytest.raises(ValueError, match="there are 3 classes, but the model has 1 outputs"):
        CortenClassifier(classifier_model()).fit(*iris)


def test_regression_in_any_unit():
    x, y = load_diabetes(return_X_y=True)
    fitted = CortenRegressor(random_state=0).fit(x, 1000 * y)
    assert fitted.score(x, 1000 * y) > 0.4
    two = CortenRegressor(random_state=0, epochs=2).fit(x, np.stack([y, -y], axis=1))
    assert two.predict(x).shape == (442, 2)


def test_pipelines_cross_validation_and_grid_search(iris):
    x, y = iris
    pipeline = make_pipeline(StandardScaler(), CortenClassifier(random_state=0, epochs=10))
    assert cross_val_score(pipeline, x, y, cv=3).mean() > 0.85
    search = GridSearchCV(CortenClassifier(random_state=0), {"epochs": [1, 15]}, cv=2).fit(x, y)
    assert search.best_params_ == {"epochs": 15}


def test_transformer_gives_the_code_or_a_layer(iris):
    x = iris[0]
    assert CortenTransformer(random_state=0, epochs=1).fit(x).transform(x).shape == (150, 2)
    model = corten.Sequential(
        [corten.Input((4,)), corten.layers.Dense(3, name="narrow"), corten.layers.Dense(4)]
    )
    model.compile("adam", "mse")
    fitted = CortenTransformer(model, layer="narrow", epochs=1).fit(x)
    kernel, bias = (weight.numpy() for weight in fitted.model_.get_layer("narrow").weights)
    np.testing.assert_allclose(fitted.transform(x), x @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_warm_start_goes_on(iris):
    x, y = iris
    estimator = CortenClassifier(random_state=0, epochs=1, warm_start=True)
    model = estimator.fit(x, y).model_
    assert estimator.fit(x, y).model_ is model
    given = classifier_model(3, "softmax", "categorical_crossentropy")
    assert SKLearnClassifier(given, warm_start=True).fit(x, y, verbose=0).model_ is given


def test_models_that_cannot_be_used(iris):
    with pytest.raises(RuntimeError, match="needs to be compiled"):
        SKLearnClassifier(corten.Sequential([corten.layers.Dense(3)])).fit(*iris)
    with pytest.raises(TypeError, match="compiled model or a function"):
        SKLearnClassifier(3).fit(*iris)
    with pytest.raises(TypeError, match="must return a model; got NoneType"):
        CortenClassifier(lambda X, y: None).fit(*iris)


def test_one_output_may_be_in_a_list_and_several_are_refused(iris):
    x, y = iris
    inputs = corten.Input((4,))
    outputs = [corten.layers.Dense(3, "softmax")(inputs) for _ in range(2)]
    one = corten.Model(inputs, outputs[:1])
    one.compile("adam", "categorical_crossentropy")
    assert SKLearnClassifier(one).fit(x, y, verbose=0).predict(x).shape == (150,)
    assert CortenClassifier(one, epochs=1).fit(x, y).predict_proba(x).shape == (150, 3)
    both = corten.Model(inputs, outputs)
    both.compile("adam", ["categorical_crossentropy"] * 2)
    estimator = CortenClassifier(both)
    estimator.classes_, estimator.model_, estimator.n_features_in_ = np.arange(3), both, 4
    with pytest.raises(ValueError, match=r"have one output, but the model .* has 2"):
        estimator.predict(x)


def test_clone_keeps_the_settings():
    estimator = clone(CortenClassifier(epochs=3, fit_kwargs={"validation_split": 0.1}))
    assert estimator.get_params()["epochs"] == 3


def test_what_to_install_is_said_where_scikit_learn_is_missing():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import corten\n"
        "try:\n    corten.wrappers.CortenClassifier\n"
        "except ImportError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install corten[sklearn]" in run.stdout, run.stderr
