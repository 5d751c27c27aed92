"""Estimators that need no model to begin with, and whose settings a grid search can reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from corten.training.compile_loss import resolve_loss
from corten.training.outputs import only_entry
from corten.training.target_checks import loss_kind
from corten.utils.seeding import seeded
from corten.wrappers.base import EstimatorBase, classes_and_codes, predict_rows, seed_of


def _hidden(inputs: Any) -> list[Any]:
    """The first layers of the models that are used where the user gives none."""
    from corten import Input, layers

    shape = inputs.shape[1:]
    flat = [] if len(shape) == 1 else [layers.Flatten()]
    # Features come in any unit: batch normalization spares the user the scaling. Its averages must
    # be good after few steps, which the default momentum is too slow for.
    scaled = [layers.BatchNormalization(momentum=0.9), layers.Dense(64, activation="relu")]
    return [Input(shape), *flat, *scaled]


def _compiled(stack: list[Any], loss: str, name: str) -> Any:
    from corten import Sequential
    from corten.optimizers import Adam

    model = Sequential(stack, name=name)
    model.compile(Adam(0.01), loss)
    return model


def _default_classifier(X: Any, y: Any) -> Any:
    from corten import layers

    count = int(y.max()) + 1
    output = layers.Dense(count, activation="softmax")
    return _compiled([*_hidden(X), output], "sparse_categorical_crossentropy", "classifier")


def _default_regressor(X: Any, y: Any) -> Any:
    from corten import layers

    return _compiled([*_hidden(X), layers.Dense(int(np.prod(y.shape[1:])))], "mse", "regressor")


def _default_transformer(X: Any, y: Any) -> Any:
    from corten import layers

    stack = _hidden(X)
    features = int(np.prod(y.shape[1:]))
    code = layers.Dense(2, name="code")
    return _compiled(
        [*stack, code, layers.Dense(64, activation="relu"), layers.Dense(features)], "mse", "coder"
    )


class _Estimator(EstimatorBase):
    _default: Callable[..., Any]

    def __init__(
        self,
        model: Any = None,
        *,
        epochs: int = 20,
        batch_size: int | None = 32,
        verbose: int | str = 0,
        random_state: Any = None,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.epochs = epochs
        self.batch_size = batch_size
        self.verbose = verbose
        self.random_state = random_state
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def _train(self, inputs: np.ndarray, targets: np.ndarray, arguments: dict[str, Any]) -> Any:
        own = {"epochs": self.epochs, "batch_size": self.batch_size, "verbose": self.verbose}
        with seeded(seed_of(self.random_state)):
            super()._train(inputs, targets, {**own, **(self.fit_kwargs or {}), **arguments})
        self.n_iter_ = len(self.history_.epoch)
        return self

    def _source(self) -> Any:
        return type(self)._default if self.model is None else self.model


class CortenClassifier(ClassifierMixin, _Estimator):
    """A model as a scikit-learn classifier.

    Labels may be of any kind. The model sees them as whole numbers, or as one-hot rows where its
    loss is a categorical one (or `kl_divergence`).

    Args:
        model: None takes a small network; a compiled model is cloned for every fit; a function is
            called as `model(X=X, y=y, **model_kwargs)`, with `y` as whole numbers, and gives a
            compiled model. One output (sigmoid) serves two classes, else there is one per class.
        epochs: Passes over the data.
        batch_size: Rows per step.
        verbose: As for `Model.fit`.
        random_state: Number that fixes weights and order; None draws from the global generator.
        warm_start: Go on with the model of the last fit.
        model_kwargs: More arguments of the model function.
        fit_kwargs: More arguments of `Model.fit`, such as `validation_split` and `callbacks`.

    Attributes:
        model_: The fitted model.
        history_: The `History` of the fit.
        classes_: The labels, sorted.

    Raises:
        ValueError: There is only one class, or the model has not one output per class.

    Example:
        >>> import corten
        >>> from sklearn.datasets import load_iris
        >>> x, y = load_iris(return_X_y=True)
        >>> estimator = corten.wrappers.CortenClassifier(random_state=0).fit(x, y)
        >>> estimator.score(x, y) > 0.9
        True
    """

    _default = staticmethod(_default_classifier)

    def fit(self, X: Any, y: Any, **kwargs: Any) -> CortenClassifier:
        """Fits the model.

        Args:
            X: Features, shape `(samples, features)` or more axes.
            y: Labels, shape `(samples,)`.
            **kwargs: Arguments of `Model.fit`.
        """
        X, y = validate_data(self, X, y, allow_nd=True)
        check_classification_targets(y)
        self.classes_, codes = classes_and_codes(y)
        return self._train(X, codes.astype(np.int64), kwargs)

    def _targets_for(self, model: Any, targets: np.ndarray) -> np.ndarray:
        outputs = _width(model)
        one_is_enough = outputs == 1 and len(self.classes_) == 2
        if outputs is not None and outputs != len(self.classes_) and not one_is_enough:
            raise ValueError(
                f"CortenClassifier: there are {len(self.classes_)} classes, but the model has {outputs} "
                "outputs; give the last layer one per class"
            )
        one_hot = _takes_one_hot(_loss_of(model))
        return np.eye(len(self.classes_), dtype=np.float32)[targets] if one_hot else targets

    def predict_proba(self, X: Any) -> np.ndarray:
        """Gives the probability of every class, shape `(samples, classes)`.

        The outputs of a model whose loss has `from_logits` go through softmax or sigmoid first.

        Args:
            X: Features, as for `fit`.
        """
        outputs = self._outputs(X, allow_nd=True)
        outputs = outputs.reshape(len(outputs), -1).astype(np.float64)
        from_logits = bool(getattr(_loss_of(self.model_), "from_logits", False))
        if outputs.shape[1] == 1:
            positive = 1 / (1 + np.exp(-outputs)) if from_logits else outputs
            return np.concatenate([1 - positive, positive], axis=1).astype(np.float32)
        if from_logits:
            outputs = np.exp(outputs - outputs.max(axis=1, keepdims=True))
        return (outputs / outputs.sum(axis=1, keepdims=True)).astype(np.float32)

    def predict(self, X: Any) -> np.ndarray:
        """Gives the most probable labels.

        Args:
            X: Features, as for `fit`.
        """
        best = self.predict_proba(X).argmax(axis=1)
        labels: np.ndarray = self.classes_[best]
        return labels


def _loss_of(model: Any) -> Any:
    """The loss of a model with one output, however it was given to `compile`."""
    return resolve_loss(only_entry(model.loss))


def _takes_one_hot(loss: Any) -> bool:
    kind = loss if isinstance(loss, str) else loss_kind(loss) or loss.name
    return kind.startswith("categorical") or kind == "kl_divergence"


def _width(model: Any) -> int | None:
    """The number of outputs per sample, None where the model cannot tell."""
    try:
        shape = model.output_shape
    except (AttributeError, ValueError):
        return None
    if isinstance(shape, list) and len(shape) == 1:
        shape = shape[0]
    return shape[-1] if isinstance(shape, tuple) and shape else None


class CortenRegressor(RegressorMixin, _Estimator):
    """A model as a scikit-learn regressor, with one target per sample or several.

    Args:
        model: None takes a small network; a compiled model is cloned for every fit; a function is
            called as `model(X=X, y=y, **model_kwargs)` and gives a compiled model.
        epochs: Passes over the data.
        batch_size: Rows per step.
        verbose: As for `Model.fit`.
        random_state: Number that fixes weights and order; None draws from the global generator.
        warm_start: Go on with the model of the last fit.
        model_kwargs: More arguments of the model function.
        fit_kwargs: More arguments of `Model.fit`.

    Attributes:
        model_: The fitted model.
        history_: The `History` of the fit.

    Example:
        >>> import corten
        >>> x = np.linspace(-1, 1, 200)[:, None]
        >>> estimator = corten.wrappers.CortenRegressor(random_state=0).fit(x, x[:, 0] ** 2)
        >>> estimator.score(x, x[:, 0] ** 2) > 0.9
        True
    """

    _default = staticmethod(_default_regressor)

    def fit(self, X: Any, y: Any, **kwargs: Any) -> CortenRegressor:
        """Fits the model.

        Args:
            X: Features, shape `(samples, features)` or more axes.
            y: Targets, shape `(samples,)` or `(samples, targets)`.
            **kwargs: Arguments of `Model.fit`.
        """
        X, y = validate_data(self, X, y, allow_nd=True, multi_output=True, y_numeric=True)
        self._flat_targets = y.ndim == 1
        # Targets in any unit are learned in units of their spread; predictions are put back.
        self._center = y.mean(axis=0)
        spread = y.std(axis=0)
        self._spread = np.where(spread > 0, spread, 1.0)
        scaled = ((y - self._center) / self._spread) if self.model is None else y
        return self._train(X, scaled.reshape(len(y), -1), kwargs)

    def predict(self, X: Any) -> np.ndarray:
        """Gives predictions in the shape of the targets.

        Args:
            X: Features, as for `fit`.
        """
        outputs = self._outputs(X, allow_nd=True)
        outputs = outputs.reshape(len(outputs), -1)
        if self._flat_targets and outputs.shape[1] == 1:
            outputs = outputs[:, 0]
        if self.model is not None:
            return outputs
        scaled: np.ndarray = outputs.astype(np.float64) * self._spread + self._center
        return scaled

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class CortenTransformer(TransformerMixin, _Estimator):
    """A model as a scikit-learn transformer: `transform` gives the outputs of one of its layers.

    Without `y` the model is trained to give its inputs back, so that a narrow layer of it holds a code.

    Args:
        model: None takes a small autoencoder whose code has two numbers; a compiled model is cloned
            for every fit; a function is called as `model(X=X, y=y, **model_kwargs)` and gives a
            compiled model.
        layer: Name or number of the layer whose output is the result; None is the model's output,
            for the autoencoder its code.
        epochs: Passes over the data.
        batch_size: Rows per step.
        verbose: As for `Model.fit`.
        random_state: Number that fixes weights and order; None draws from the global generator.
        warm_start: Go on with the model of the last fit.
        model_kwargs: More arguments of the model function.
        fit_kwargs: More arguments of `Model.fit`.

    Attributes:
        model_: The fitted model.
        history_: The `History` of the fit.

    Example:
        >>> import corten
        >>> x = np.random.default_rng(0).normal(size=(64, 5))
        >>> corten.wrappers.CortenTransformer(epochs=2, random_state=0).fit_transform(x).shape
        (64, 2)
    """

    _default = staticmethod(_default_transformer)

    def __init__(
        self,
        model: Any = None,
        *,
        layer: str | int | None = None,
        epochs: int = 20,
        batch_size: int | None = 32,
        verbose: int | str = 0,
        random_state: Any = None,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(
            model,
            epochs=epochs,
            batch_size=batch_size,
            verbose=verbose,
            random_state=random_state,
            warm_start=warm_start,
            model_kwargs=model_kwargs,
            fit_kwargs=fit_kwargs,
        )
        self.layer = layer

    def fit(self, X: Any, y: Any = None, **kwargs: Any) -> CortenTransformer:
        """Fits the model.

        Args:
            X: Features, shape `(samples, features)` or more axes.
            y: Targets of the model; None trains it to give `X`. The autoencoder that is used where
                no model is given never looks at them.
            **kwargs: Arguments of `Model.fit`.
        """
        if y is None or self.model is None:
            X = validate_data(self, X, allow_nd=True)
            y = X if self.model is not None else X.reshape(len(X), -1)
        else:
            X, y = validate_data(self, X, y, allow_nd=True, multi_output=True)
        return self._train(X, y, kwargs)

    def transform(self, X: Any) -> np.ndarray:
        """Gives the outputs of the layer.

        Args:
            X: Features, as for `fit`.
        """
        from corten.models import Model

        check_is_fitted(self)
        layer = "code" if self.layer is None and self.model is None else self.layer
        if layer is None:
            return self._outputs(X, allow_nd=True)
        X = validate_data(self, X, reset=False, allow_nd=True)
        place = {"index": layer} if isinstance(layer, int) else {"name": layer}
        part = Model(self.model_.input, self.model_.get_layer(**place).output)
        return predict_rows(part, X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Models compute in their own dtype.
        tags.transformer_tags.preserves_dtype = []
        return tags
