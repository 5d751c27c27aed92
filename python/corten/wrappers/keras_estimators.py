"""The wrappers with Keras 3's names, arguments and encodings."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin, TransformerMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import column_or_1d, validate_data

from corten.models import Model
from corten.wrappers.base import EstimatorBase, check_compiled, classes_and_codes


class _KerasEstimator(EstimatorBase):
    def __init__(
        self,
        model: Any,
        warm_start: bool = False,
        model_kwargs: dict[str, Any] | None = None,
        fit_kwargs: dict[str, Any] | None = None,
    ) -> None:
        self.model = model
        self.warm_start = warm_start
        self.model_kwargs = model_kwargs
        self.fit_kwargs = fit_kwargs

    def fit(self, X: Any, y: Any, **kwargs: Any) -> Any:
        """Fits the model.

        Args:
            X: Features, shape `(samples, features)`.
            y: Targets, one per sample.
            **kwargs: Arguments of `Model.fit`; they go before `fit_kwargs`.

        Returns:
            The estimator.
        """
        X, y = validate_data(self, X, y)
        return self._train(X, self._encode(y), kwargs)

    def _encode(self, y: Any) -> np.ndarray:
        column: np.ndarray = column_or_1d(y, warn=True).reshape(-1, 1)
        return column

    def _warm_model(self) -> Any:
        warm = super()._warm_model()
        if warm is None and self.warm_start and isinstance(self.model, Model):
            # Keras: the given model itself is trained on.
            check_compiled(self.model, type(self).__name__)
            return self.model
        return warm

    def predict(self, X: Any) -> np.ndarray:
        """Gives the model's outputs for samples, one number per sample where it has one output.

        Args:
            X: Features, shape `(samples, features)`.
        """
        outputs = self._outputs(X)
        return outputs[:, 0] if outputs.ndim == 2 and outputs.shape[1] == 1 else outputs

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # A model and its training may be anything.
        tags.non_deterministic = True
        return tags


class SKLearnClassifier(ClassifierMixin, _KerasEstimator):
    """A model as a scikit-learn classifier, as Keras has it: the model sees one-hot targets.

    `CortenClassifier` is easier to begin with: it has a model of its own, takes whole-number
    targets too, and gives probabilities.

    Args:
        model: A compiled model, which is cloned before it is fitted (unless `warm_start`), or a
            function of `X` and `y` (and `model_kwargs`) that gives one.
        warm_start: Go on from the weights of the last fit.
        model_kwargs: More arguments of the model function.
        fit_kwargs: Arguments of `model.fit`.

    Attributes:
        model_: The fitted model.
        history_: The `History` of the fit.
        classes_: The labels, sorted.

    Raises:
        RuntimeError: The model is not compiled.
        ValueError: There is only one class.

    See https://keras.io/api/utils/sklearn_wrappers/.

    Example:
        >>> import corten
        >>> def make(X, y):
        ...     layers = [corten.Input((X.shape[1],)), corten.layers.Dense(y.shape[1], "softmax")]
        ...     model = corten.Sequential(layers)
        ...     model.compile("adam", "categorical_crossentropy")
        ...     return model
        >>> x = np.array([[0.0], [1.0], [2.0], [3.0]])
        >>> estimator = corten.wrappers.SKLearnClassifier(make, fit_kwargs={"verbose": 0})
        >>> estimator.fit(x, ["no", "no", "yes", "yes"]).classes_.tolist()
        ['no', 'yes']
    """

    def _encode(self, y: Any) -> np.ndarray:
        check_classification_targets(y)
        self.classes_, codes = classes_and_codes(column_or_1d(y, warn=True))
        return np.eye(len(self.classes_))[codes]

    def decision_function(self, X: Any) -> np.ndarray:
        """Gives the model's outputs, shape `(samples, classes)`.

        Args:
            X: Features, shape `(samples, features)`.
        """
        return self._outputs(X)

    def predict(self, X: Any) -> np.ndarray:
        """Gives the label of the largest output.

        Args:
            X: Features, shape `(samples, features)`.
        """
        best = self._outputs(X).argmax(axis=-1)
        labels: np.ndarray = self.classes_[best]
        return labels

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.poor_score = True
        return tags


class SKLearnRegressor(RegressorMixin, _KerasEstimator):
    """A model as a scikit-learn regressor, as Keras has it.

    Args:
        model: A compiled model, which is cloned before it is fitted (unless `warm_start`), or a
            function of `X` and `y` (and `model_kwargs`) that gives one.
        warm_start: Go on from the weights of the last fit.
        model_kwargs: More arguments of the model function.
        fit_kwargs: Arguments of `model.fit`.

    Attributes:
        model_: The fitted model.
        history_: The `History` of the fit.

    Raises:
        RuntimeError: The model is not compiled.

    See https://keras.io/api/utils/sklearn_wrappers/.

    Example:
        >>> import corten
        >>> model = corten.Sequential([corten.Input((1,)), corten.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> estimator = corten.wrappers.SKLearnRegressor(model, fit_kwargs={"verbose": 0})
        >>> estimator.fit(np.ones((4, 1)), np.ones(4)).predict(np.ones((2, 1))).shape
        (2,)
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.regressor_tags.poor_score = True
        return tags


class SKLearnTransformer(TransformerMixin, _KerasEstimator):
    """A model as a scikit-learn transformer, as Keras has it: `transform` gives the outputs.

    Args:
        model: A compiled model, which is cloned before it is fitted (unless `warm_start`), or a
            function of `X` and `y` (and `model_kwargs`) that gives one.
        warm_start: Go on from the weights of the last fit.
        model_kwargs: More arguments of the model function.
        fit_kwargs: Arguments of `model.fit`.

    Attributes:
        model_: The fitted model.
        history_: The `History` of the fit.

    Raises:
        RuntimeError: The model is not compiled.

    See https://keras.io/api/utils/sklearn_wrappers/.

    Example:
        >>> import corten
        >>> model = corten.Sequential([corten.Input((3,)), corten.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> estimator = corten.wrappers.SKLearnTransformer(model, fit_kwargs={"verbose": 0})
        >>> estimator.fit(np.ones((4, 3)), np.ones(4)).transform(np.ones((5, 3))).shape
        (5, 1)
    """

    def transform(self, X: Any) -> np.ndarray:
        """Gives the model's outputs.

        Args:
            X: Features, shape `(samples, features)`.
        """
        return self._outputs(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Models compute in their own dtype.
        tags.transformer_tags.preserves_dtype = []
        return tags
