"""scikit-learn's own check of estimators: some fifty checks for each."""

import re

import pytest

pytest.importorskip("sklearn")

from sklearn.utils.estimator_checks import parametrize_with_checks

import corten
from corten.wrappers import (
    CortenClassifier,
    CortenRegressor,
    CortenTransformer,
    SKLearnClassifier,
    SKLearnRegressor,
    SKLearnTransformer,
)


def dense(X, y, loss, activation=None):
    corten.utils.set_random_seed(0)  # Keras's arguments have no random_state
    units = y.shape[1] if y.ndim > 1 else 1
    model = corten.Sequential([corten.Input((X.shape[1],)), corten.layers.Dense(units, activation)])
    model.compile("adam", loss)
    return model


def wrapped(kind, loss, activation=None):
    arguments = {"loss": loss, "activation": activation}
    return kind(dense, model_kwargs=arguments, fit_kwargs={"epochs": 10, "verbose": 0})


KERAS_CLASSIFIER = {
    "check_classifiers_train": "Keras's decision_function gives the model's outputs, also for two classes",
    "check_classifiers_one_label_sample_weights": "samples of weight 0 count as a class",
    "check_classifiers_classes": "ten epochs of a linear model need not find every class",
}


def expected_failures(estimator):
    return KERAS_CLASSIFIER if isinstance(estimator, SKLearnClassifier) else {}


CHECKS = parametrize_with_checks(
    [
        CortenClassifier(random_state=0),
        CortenRegressor(random_state=0),
        CortenTransformer(epochs=2, random_state=0),
        wrapped(SKLearnClassifier, "categorical_crossentropy", "softmax"),
        wrapped(SKLearnRegressor, "mse"),
        wrapped(SKLearnTransformer, "mse"),
    ],
    expected_failed_checks=expected_failures,
)


def name_of(part):
    """scikit-learn's name for an estimator or a check, without addresses: each process has other ones."""
    name = CHECKS.kwargs["ids"](part)
    return name and re.sub(" ?at ?0x[0-9a-f]+", "", name)


@pytest.mark.parametrize(*CHECKS.args, ids=name_of)
@pytest.mark.filterwarnings("ignore")
def test_sklearn_check(estimator, check):
    corten.utils.set_random_seed(0)
    check(estimator)
