"""k-fold cross-validation: every sample is tested on once, by a model that never saw it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np

from corten.training.adapters.arrays import check_lengths
from corten.training.adapters.conversion import flatten, map_leaves
from corten.training.adapters.lazy_rows import is_sparse
from corten.utils.seeding import numbered_seed, numpy_generator, seeded


@dataclasses.dataclass
class CrossValidation:
    """What `cross_validate` measured.

    Attributes:
        scores: Name of loss or metric to an array with one value per fold.
        histories: The `History` of every fold.
        models: The models of the folds; empty unless they were asked for.
    """

    scores: dict[str, np.ndarray]
    histories: list[Any]
    models: list[Any]

    def mean(self) -> dict[str, float]:
        """Gives the mean over the folds, by name."""
        return {name: float(values.mean()) for name, values in self.scores.items()}

    def std(self) -> dict[str, float]:
        """Gives the standard deviation (of a sample, n - 1) over the folds, by name."""
        return {name: float(values.std(ddof=1)) for name, values in self.scores.items()}

    def __repr__(self) -> str:
        spread = self.std()
        listed = ", ".join(f"{name}: {value:.4g} ± {spread[name]:.2g}" for name, value in self.mean().items())
        return f"<CrossValidation of {len(self.histories)} folds: {listed}>"


def k_fold(
    samples: Any, folds: int = 5, *, shuffle: bool = True, seed: int | None = None, stratify: Any = None
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Splits samples into parts, each of which is left out once.

    Args:
        samples: Number of samples, or an array with one row per sample.
        folds: How many parts.
        shuffle: Mix the samples first; False cuts them in the given order.
        seed: Number that fixes the parts; drawn from the global generator if None.
        stratify: Labels; every part gets the same share of each class.

    Returns:
        Pairs of the indices to train on and those to test on, both in ascending order.

    Raises:
        ValueError: There are fewer samples (or samples of a class) than folds.

    Example:
        >>> [test.tolist() for train, test in k_fold(6, 3, shuffle=False)]
        [[0, 1], [2, 3], [4, 5]]
    """
    count = samples if isinstance(samples, int | np.integer) else len(samples)
    if isinstance(folds, bool) or not isinstance(folds, int | np.integer) or folds < 2:
        raise ValueError(f"k_fold: folds must be a whole number of at least 2; got {folds!r}")
    if folds > count:
        raise ValueError(f"k_fold: {count} samples cannot be split into {folds} folds")
    generator = numpy_generator(seed) if shuffle else None
    order = np.arange(count) if generator is None else generator.permutation(count)
    if stratify is None:
        parts = np.array_split(order, folds)
    else:
        parts = _stratified_parts(order, np.asarray(stratify), int(count), int(folds))
    return _pairs([np.sort(part) for part in parts], int(count))


def _pairs(parts: list[np.ndarray], count: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for part in parts:
        keep = np.ones(count, dtype=bool)
        keep[part] = False
        yield np.flatnonzero(keep), part


def _stratified_parts(order: np.ndarray, labels: np.ndarray, count: int, folds: int) -> list[np.ndarray]:
    if len(labels) != count:
        raise ValueError(f"k_fold: stratify has {len(labels)} labels for {count} samples")
    labels = labels.reshape(count, -1)[:, 0]
    classes, sizes = np.unique(labels, return_counts=True)
    if sizes.min() < folds:
        rare = classes[sizes.argmin()].item()
        raise ValueError(
            f"k_fold: class {rare!r} has {sizes.min()} samples, which cannot be in each of {folds} folds; "
            "lower folds, or leave stratify out"
        )
    # Dealt out like cards, class by class without a pause, so that the parts stay equally large.
    dealt = np.concatenate([order[labels[order] == label] for label in classes])
    return [dealt[start::folds] for start in range(folds)]


def cross_validate(
    model: Any,
    x: Any,
    y: Any = None,
    folds: int = 5,
    *,
    sample_weight: Any = None,
    shuffle_folds: bool = True,
    seed: int | None = None,
    stratify: Any = None,
    return_models: bool = False,
    **fit_arguments: Any,
) -> CrossValidation:
    """Trains and tests a new model for every fold.

    Every fold starts from fresh weights and a seed of its own, which depends on `seed` and the
    number of the fold alone: the same call gives the same bits.

    Args:
        model: A function without arguments that gives a compiled model, or a compiled model, which
            is cloned and stays as it is.
        x: Inputs: an array, a data frame, or a list or dict of arrays.
        y: Targets, arranged like the outputs.
        folds: How many parts the samples are split into.
        sample_weight: Weight per sample, for training and testing.
        shuffle_folds: Mix the samples before they are split.
        seed: Number that fixes all; drawn from the global generator if None.
        stratify: Labels; every part gets the same share of each class.
        return_models: Keep the trained models.
        **fit_arguments: More arguments of `Model.fit`, such as `epochs`. `callbacks` is a function
            that gives new ones, as each fold needs its own.

    Returns:
        A `CrossValidation`: `scores` by name, `mean()`, `std()`, `histories` and `models`.

    Raises:
        ValueError: The arrays differ in length, or there are too few samples.
        TypeError: `model` is neither a function nor a compiled model.

    Example:
        >>> import corten
        >>> x = np.linspace(-1, 1, 60)[:, None]
        >>> model = corten.Sequential([corten.Input((1,)), corten.layers.Dense(1)])
        >>> model.compile("sgd", "mse", metrics=["mae"])
        >>> result = cross_validate(model, x, 3 * x, folds=3, seed=0, epochs=2, verbose=0)
        >>> {name: values.shape for name, values in result.scores.items()}
        {'loss': (3,), 'mae': (3,)}
    """
    make = _maker(model)
    callbacks = fit_arguments.pop("callbacks", None)
    check_makes_callbacks(callbacks, "cross_validate", "fold")
    data = [("x", x), ("y", y), ("sample_weight", sample_weight)]
    leaves = [leaf for name, part in data for leaf in flatten(part, name)]
    count = check_lengths([(name, _with_shape(leaf)) for name, leaf in leaves], "cross_validate")
    if seed is None:
        seed = int(numpy_generator(None).integers(2**31))
    batch_size, verbose = fit_arguments.get("batch_size"), fit_arguments.get("verbose", "auto")
    values: dict[str, list[float]] = {}
    histories, models = [], []
    pairs = k_fold(count, folds, shuffle=shuffle_folds, seed=seed, stratify=stratify)
    for fold, (train, test) in enumerate(pairs):
        with seeded(numbered_seed(seed, fold)):
            fresh = make()
            own_callbacks = {} if callbacks is None else {"callbacks": callbacks()}
            x_train, y_train, weight_train = (rows_of(part, train) for _, part in data)
            histories.append(
                fresh.fit(x_train, y_train, sample_weight=weight_train, **own_callbacks, **fit_arguments)
            )
            x_test, y_test, weight_test = (rows_of(part, test) for _, part in data)
            scores = fresh.evaluate(
                x_test,
                y_test,
                batch_size=batch_size,
                sample_weight=weight_test,
                verbose=verbose,
                return_dict=True,
            )
        for name, value in scores.items():
            values.setdefault(name, []).append(float(value))
        if return_models:
            models.append(fresh)
    return CrossValidation({name: np.array(scores) for name, scores in values.items()}, histories, models)


def check_makes_callbacks(callbacks: Any, caller: str, unit: str) -> None:
    """Checks that callbacks are given as a function, as one that is used twice remembers the first time.

    Args:
        callbacks: What the user gave, or None.
        caller: The method, for the message.
        unit: What gets callbacks of its own.

    Raises:
        TypeError: It is no function.
    """
    if callbacks is not None and not callable(callbacks):
        raise TypeError(
            f"{caller}: callbacks must be a function that gives new callbacks for each {unit}, as they "
            "remember: `callbacks=lambda: [...]`"
        )


def _maker(model: Any) -> Any:
    from corten.models import Model, clone_model

    if isinstance(model, Model):
        if not model.compiled:
            raise TypeError("cross_validate: the model is not compiled; call `model.compile` first")
        return lambda: clone_model(model)
    if not callable(model):
        raise TypeError(
            f"cross_validate: model must be a compiled model or a function that gives one; got {model!r}"
        )

    def make() -> Any:
        made = model()
        if not isinstance(made, Model) or not made.compiled:
            raise TypeError(f"cross_validate: the function must give a compiled model; got {made!r}")
        return made

    return make


def _with_shape(leaf: Any) -> Any:
    return leaf if hasattr(leaf, "shape") and hasattr(leaf, "ndim") else np.asarray(leaf)


def rows_of(value: Any, rows: np.ndarray) -> Any:
    """Takes rows of an array, a data frame, or of each in a list or dict.

    Example:
        >>> rows_of({"a": np.arange(4), "b": [5, 6, 7, 8]}, np.array([3, 0]))
        {'a': array([3, 0]), 'b': array([8, 5])}
    """

    def take(leaf: Any, _: str) -> Any:
        if hasattr(leaf, "iloc"):
            return leaf.iloc[rows]
        if is_sparse(leaf):
            return leaf.tocsr()[rows]
        return (leaf if hasattr(leaf, "shape") else np.asarray(leaf))[rows]

    return map_leaves(take, value, "")
