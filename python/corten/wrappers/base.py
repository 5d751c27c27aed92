"""What all scikit-learn wrappers share: making the model, fitting it, and predictions."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from corten import tree
from corten.models import Model, clone_model

_ROWS = 32


def make_model(source: Any, warm: Any, name: str, inputs: Any, targets: Any, arguments: Any) -> Model:
    """Gives the compiled model to fit: made by the user's function, or a clone of the user's model.

    Args:
        source: A compiled model, or a function of `X` and `y` that gives one.
        warm: The model of an earlier fit to go on with, or None.
        name: The estimator, for messages.
        inputs: What the model will be fitted on.
        targets: The targets as the model sees them.
        arguments: More arguments of the function.

    Raises:
        TypeError: `source` is neither, or its function gives no model.
        RuntimeError: The model is not compiled.
    """
    if warm is not None:
        return warm
    if isinstance(source, Model):
        check_compiled(source, name)
        return clone_model(source)
    if not callable(source):
        raise TypeError(
            f"{name}: model must be a compiled model or a function of X and y that gives one; got {source!r}"
        )
    model = source(X=inputs, y=targets, **(arguments or {}))
    if not isinstance(model, Model):
        raise TypeError(f"{name}: the model function must return a model; got {type(model).__name__}")
    check_compiled(model, name)
    return model


def check_compiled(model: Model, name: str) -> None:
    """Raises RuntimeError for a model without loss or optimizer."""
    if not model.compiled or not model.loss or not model.optimizer:
        raise RuntimeError(
            f"{name}: the given model needs to be compiled, and have a loss and an optimizer: call "
            "`model.compile(optimizer, loss)` first"
        )


def classes_and_codes(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Gives the sorted classes, and the number of each label's.

    Raises:
        ValueError: There is only one class.
    """
    classes, codes = np.unique(labels, return_inverse=True)
    if len(classes) == 1:
        raise ValueError(
            f"Classifier can't train when only one class is present: all labels are {classes[0]!r}."
        )
    return classes, codes


def seed_of(random_state: Any) -> int | None:
    """Gives a number for scikit-learn's `random_state`; None stays None."""
    return None if random_state is None else int(check_random_state(random_state).randint(2**31 - 1))


def predict_rows(model: Any, inputs: np.ndarray) -> np.ndarray:
    """Gives a model's outputs for samples, each with the same bits whichever samples are beside it.

    How products are summed depends on their sizes, so the last batch is filled up to the size of the others.
    """
    rest = len(inputs) % _ROWS
    parts = []
    if rest < len(inputs):
        parts.append(_predict(model, inputs[: len(inputs) - rest]))
    if rest:
        last = inputs[len(inputs) - rest :]
        filled = np.concatenate([last, np.repeat(last[-1:], _ROWS - rest, axis=0)])
        parts.append(_predict(model, filled)[:rest])
    return np.concatenate(parts)


def _predict(model: Any, inputs: np.ndarray) -> np.ndarray:
    outputs = model.predict(inputs, batch_size=_ROWS, verbose=0)
    leaves = tree.flatten(outputs)
    if len(leaves) != 1:
        raise ValueError(
            f"scikit-learn's estimators have one output, but the model {model.name!r} has {len(leaves)}; "
            "make a model of the one that is wanted: `Model(model.input, model.output[0])`"
        )
    return np.asarray(leaves[0])


class EstimatorBase(BaseEstimator):
    """Fits a model on validated arrays, and predicts. Subclasses encode targets and decode predictions."""

    model: Any
    warm_start: bool
    model_kwargs: dict[str, Any] | None
    fit_kwargs: dict[str, Any] | None

    def _train(self, inputs: np.ndarray, targets: np.ndarray, arguments: dict[str, Any]) -> Any:
        """Makes the model and fits it; `arguments` of `Model.fit` go before `fit_kwargs`."""
        name = type(self).__name__
        model = make_model(self._source(), self._warm_model(), name, inputs, targets, self.model_kwargs)
        settings = {**(self.fit_kwargs or {}), **arguments}
        self.history_ = model.fit(inputs, self._targets_for(model, targets), **settings)
        self.model_ = model
        return self

    def _source(self) -> Any:
        """The model to clone, or the function that makes one."""
        return self.model

    def _warm_model(self) -> Any:
        """The model to go on with, or None."""
        return getattr(self, "model_", None) if self.warm_start else None

    def _targets_for(self, model: Model, targets: np.ndarray) -> np.ndarray:
        """The targets as the model's loss takes them."""
        return targets

    def _outputs(self, X: Any, **kwargs: Any) -> np.ndarray:
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, **kwargs)
        return predict_rows(self.model_, X)

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")
