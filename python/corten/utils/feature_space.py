"""`FeatureSpace`: columns of tables (numbers, categories, text) as what a network learns from."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from corten import ops
from corten.data import Dataset
from corten.layers.core import Identity
from corten.layers.input_layer import Input
from corten.layers.layer import Layer
from corten.layers.preprocessing import (
    CategoryEncoding,
    Discretization,
    HashedCrossing,
    Hashing,
    IntegerLookup,
    Normalization,
    Rescaling,
    StringLookup,
    TextVectorization,
)
from corten.saving import serialization
from corten.symbolic import KerasTensor
from corten.text_arrays import as_text, is_text

_ADAPTABLE = (Discretization, IntegerLookup, Normalization, StringLookup, TextVectorization)
# So many rows at a time are shown to `adapt` when a data set holds single rows.
_ROWS = 256


class Cross:
    """Features whose combinations are one category: `crossing_dim` bins, `output_mode` "one_hot" or "int"."""

    def __init__(self, feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> None:
        if output_mode not in ("int", "one_hot"):
            raise ValueError(
                f"FeatureSpace.cross: `output_mode` must be 'int' or 'one_hot'; got {output_mode!r}."
            )
        self.feature_names = tuple(feature_names)
        self.crossing_dim = crossing_dim
        self.output_mode = output_mode

    @property
    def name(self) -> str:
        """The names joined by `_X_`."""
        return "_X_".join(self.feature_names)

    def get_config(self) -> dict[str, Any]:
        """The arguments."""
        return {
            "feature_names": list(self.feature_names),
            "crossing_dim": self.crossing_dim,
            "output_mode": self.output_mode,
        }


class Feature:
    """A feature: its dtype, the layer that preprocesses it, and `output_mode` "int", "one_hot" or "float"."""

    def __init__(self, dtype: str, preprocessor: Any, output_mode: str) -> None:
        if output_mode not in ("int", "one_hot", "float"):
            raise ValueError(
                f"FeatureSpace.feature: `output_mode` must be 'int', 'one_hot' or 'float'; "
                f"got {output_mode!r}."
            )
        self.dtype = dtype
        self.preprocessor = (
            serialization.deserialize_keras_object(preprocessor)
            if isinstance(preprocessor, dict)
            else preprocessor
        )
        if not callable(self.preprocessor):
            raise ValueError(f"FeatureSpace.feature: `preprocessor` must be a layer; got {preprocessor!r}.")
        self.output_mode = output_mode

    def get_config(self) -> dict[str, Any]:
        """The arguments, the layer as its configuration."""
        return {
            "dtype": self.dtype,
            "preprocessor": serialization.serialize_keras_object(self.preprocessor),
            "output_mode": self.output_mode,
        }


class FeatureSpace(Layer):
    """Encodes columns of a table, each in its way, and joins them.

    Args:
        features: Each feature's name with its kind: a string ("float", "float_normalized", "float_rescaled",
            "float_discretized", "integer_categorical", "string_categorical", "integer_hashed",
            "string_hashed"), or what the static method of that name returns.
        output_mode: "concat" for one vector of all features in the order of `features`, then crosses; "dict"
            for a dict of them.
        crosses: Tuples of names of features to be crossed, or `FeatureSpace.cross(...)`.
        crossing_dim: How many bins a cross given as a tuple has.
        hashing_dim: How many bins the "..._hashed" kinds given as strings have.
        num_discretization_bins: How many bins "float_discretized" given as a string has.
        name: The name.

    Raises:
        ValueError: A kind or a crossed feature does not exist; called before `adapt`; a column is missing.
        TypeError: A column holds text where numbers belong.

    Called on a dict (or a frame) of columns of shape `(batch,)` or `(batch, 1)`, or of single values. It may
    be used in `Dataset.map`, or in a model with `get_inputs` and `get_encoded_features`.
    See https://keras.io/api/utils/feature_space/.

    Example:
        >>> import corten
        >>> from corten.utils import FeatureSpace
        >>> data = {"size": [1.0, 3.0], "color": ["red", "blue"]}
        >>> space = FeatureSpace({"size": "float_normalized", "color": "string_categorical"})
        >>> space.adapt(corten.data.Dataset.from_tensor_slices(data))
        >>> space(data).tolist()
        [[-1.0, 0.0, 1.0, 0.0], [1.0, 0.0, 0.0, 1.0]]
    """

    takes_text = True

    def __init__(
        self,
        features: dict[str, Any],
        output_mode: str = "concat",
        crosses: Any = None,
        crossing_dim: int = 32,
        hashing_dim: int = 32,
        num_discretization_bins: int = 32,
        name: str | None = None,
    ) -> None:
        super().__init__(name=name or "feature_space", autocast=False)
        if not features:
            raise ValueError("FeatureSpace: the `features` argument cannot be None or empty.")
        if output_mode not in ("concat", "dict"):
            raise ValueError(
                f"FeatureSpace: `output_mode` must be 'concat' or 'dict'. Received: output_mode={output_mode}"
            )
        self.crossing_dim = crossing_dim
        self.hashing_dim = hashing_dim
        self.num_discretization_bins = num_discretization_bins
        self.output_mode = output_mode
        self.features = {key: self._standardized(key, value) for key, value in features.items()}
        self.crosses = [self._standardized_cross(cross) for cross in crosses or []]
        self.preprocessors = {key: feature.preprocessor for key, feature in self.features.items()}
        self.crossers = {cross.name: HashedCrossing(cross.crossing_dim) for cross in self.crosses}
        for layer in self.preprocessors.values():
            if isinstance(layer, Normalization) and not layer.built:
                layer.build((None, 1))
        self._inputs: dict[str, Any] = {}
        self._encoded: Any = None
        self.built = True

    # ---- kinds of features -----------------------------------------------------------------------

    @staticmethod
    def cross(feature_names: Any, crossing_dim: int, output_mode: str = "one_hot") -> Cross:
        """Crosses features: `crossing_dim` bins for their combinations."""
        return Cross(feature_names, crossing_dim, output_mode)

    @staticmethod
    def feature(dtype: str, preprocessor: Any, output_mode: str) -> Feature:
        """A feature with a preprocessing layer of your own."""
        return Feature(dtype, preprocessor, output_mode)

    @staticmethod
    def float(name: str | None = None) -> Feature:
        """Numbers as they are."""
        return Feature("float32", Identity(dtype="float32", name=name), "float")

    @staticmethod
    def float_rescaled(scale: Any = 1.0, offset: Any = 0.0, name: str | None = None) -> Feature:
        """Numbers times `scale` plus `offset`."""
        return Feature("float32", Rescaling(scale, offset, name=name), "float")

    @staticmethod
    def float_normalized(name: str | None = None) -> Feature:
        """Numbers with mean 0 and variance 1, learned by `adapt`."""
        return Feature("float32", Normalization(axis=-1, name=name), "float")

    @staticmethod
    def float_discretized(
        num_bins: int, bin_boundaries: Any = None, output_mode: str = "one_hot", name: str | None = None
    ) -> Feature:
        """Numbers by their bin; boundaries are learned by `adapt` where not given."""
        bins = None if bin_boundaries is not None else num_bins
        return Feature("float32", Discretization(bin_boundaries, num_bins=bins, name=name), output_mode)

    @staticmethod
    def integer_categorical(
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Integers by their place in a vocabulary that `adapt` learns."""
        layer = IntegerLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name)
        return Feature("int64", layer, output_mode)

    @staticmethod
    def string_categorical(
        max_tokens: int | None = None,
        num_oov_indices: int = 1,
        output_mode: str = "one_hot",
        name: str | None = None,
    ) -> Feature:
        """Texts by their place in a vocabulary that `adapt` learns."""
        layer = StringLookup(max_tokens=max_tokens, num_oov_indices=num_oov_indices, name=name)
        return Feature("string", layer, output_mode)

    @staticmethod
    def string_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Texts by their hash."""
        return Feature("string", Hashing(num_bins, name=name), output_mode)

    @staticmethod
    def integer_hashed(num_bins: int, output_mode: str = "one_hot", name: str | None = None) -> Feature:
        """Integers by their hash."""
        return Feature("int64", Hashing(num_bins, name=name), output_mode)

    def _standardized(self, name: str, kind: Any) -> Feature:
        if isinstance(kind, Feature):
            return kind
        if isinstance(kind, dict):
            config = kind.get("config", kind)
            return Feature(config["dtype"], config["preprocessor"], config["output_mode"])
        label = f"{name}_preprocessor"  # Inputs have the names of the features.
        makers: dict[str, Callable[[], Feature]] = {
            "float": lambda: self.float(name=label),
            "float_rescaled": lambda: self.float_rescaled(name=label),
            "float_normalized": lambda: self.float_normalized(name=label),
            "float_discretized": lambda: self.float_discretized(self.num_discretization_bins, name=label),
            "integer_categorical": lambda: self.integer_categorical(name=label),
            "string_categorical": lambda: self.string_categorical(name=label),
            "integer_hashed": lambda: self.integer_hashed(self.hashing_dim, name=label),
            "string_hashed": lambda: self.string_hashed(self.hashing_dim, name=label),
        }
        if not isinstance(kind, str) or kind not in makers:
            raise ValueError(
                f"FeatureSpace: invalid type of feature {name!r}: {kind!r}. Available: {sorted(makers)}."
            )
        return makers[kind]()

    def _standardized_cross(self, cross: Any) -> Cross:
        if isinstance(cross, dict):
            cross = Cross(**cross.get("config", cross))
        elif not isinstance(cross, Cross):
            if self.crossing_dim is None:
                raise ValueError(
                    f"FeatureSpace: the cross {cross} needs a number of bins: set `crossing_dim`, or give "
                    "`FeatureSpace.cross(feature_names, crossing_dim)`."
                )
            cross = Cross(cross, self.crossing_dim)
        for name in cross.feature_names:
            if name not in self.features:
                raise ValueError(
                    "FeatureSpace: all features to be crossed should be present in `features`; "
                    f"{name!r} is not one of {list(self.features)}."
                )
        return cross

    # ---- learning --------------------------------------------------------------------------------

    def _adaptable(self) -> list[str]:
        def learns(layer: Any) -> bool:
            if isinstance(layer, Normalization):
                return layer.input_mean is None
            if isinstance(layer, Discretization):
                return layer.input_bin_boundaries is None
            return isinstance(layer, _ADAPTABLE) and getattr(layer, "input_vocabulary", None) is None

        return [name for name, layer in self.preprocessors.items() if learns(layer)]

    def adapt(self, dataset: Any) -> None:
        """Lets the preprocessing layers learn vocabularies, means and bins, each in one pass.

        Args:
            dataset: A `Dataset` of dicts of columns, of single rows or batches, without labels; or a dict of
                whole columns.

        Raises:
            ValueError: It is something else, a column is missing, or columns differ in length.
        """
        if isinstance(dataset, dict):
            missing = sorted(set(self.features) - set(dataset))
            if missing:
                raise ValueError(
                    f"FeatureSpace.adapt: columns {missing} are missing; the data has "
                    f"{sorted(map(str, dataset))}."
                )
            dataset = Dataset.from_tensor_slices({name: np.asarray(dataset[name]) for name in self.features})
        if not isinstance(dataset, Dataset):
            raise ValueError(
                "FeatureSpace.adapt: `dataset` must be a `corten.data.Dataset` of dicts, or a dict of "
                f"columns. Received: {type(dataset).__name__}."
            )
        for name in self._adaptable():
            self.preprocessors[name].adapt(self._columns(dataset, name))
        self._inputs, self._encoded = {}, None

    def _columns(self, dataset: Dataset, name: str) -> Iterator[Any]:
        rows: list[Any] = []
        for element in dataset:
            if not hasattr(element, "keys"):
                raise ValueError(
                    f"FeatureSpace.adapt: expected dicts of columns; got {type(element).__name__}. "
                    "Leave labels out first: `dataset.map(lambda x, y: x)`."
                )
            value = self._value(name, self._column(element, name))
            if np.ndim(value):
                yield value if np.ndim(value) > 1 else value[:, None]
            else:
                rows.append(value)
                if len(rows) == _ROWS:
                    yield np.stack(rows)[:, None]
                    rows = []
        if rows:
            yield np.stack(rows)[:, None]

    def _column(self, data: Any, name: str) -> Any:
        if name not in data:
            raise ValueError(
                f"FeatureSpace: column {name!r} is missing; the data has {sorted(map(str, data.keys()))}."
            )
        return data[name]

    def _value(self, name: str, value: Any) -> Any:
        dtype = self.features[name].dtype
        if dtype == "string":
            return as_text(f"FeatureSpace, feature {name!r}", value)
        if hasattr(value, "to_numpy"):
            value = value.to_numpy()
        array = np.asarray(value)
        if is_text(value) or array.dtype.kind not in "biuf":
            raise TypeError(
                f"FeatureSpace: feature {name!r} takes numbers ({dtype}); got {array.dtype}. "
                "Declare it 'string_categorical' or 'string_hashed' if it is text."
            )
        return array.astype(dtype)

    # ---- encoding --------------------------------------------------------------------------------

    def get_inputs(self) -> dict[str, Any]:
        """One `Input` of shape `(None, 1)` for each feature.

        Raises:
            ValueError: Called before `adapt`.
        """
        self._check_adapted()
        if not self._inputs:
            self._inputs = {
                name: Input(shape=(1,), dtype=feature.dtype, name=name)
                for name, feature in self.features.items()
            }
        return self._inputs

    def get_encoded_features(self) -> Any:
        """What `get_inputs` becomes: a symbolic tensor, or a dict of them.

        Raises:
            ValueError: Called before `adapt`.
        """
        inputs = self.get_inputs()
        if self._encoded is None:
            self._encoded = self._encode(inputs)
        return self._encoded

    def _check_adapted(self) -> None:
        missing = [name for name in self._adaptable() if not _has_learned(self.preprocessors[name])]
        if missing:
            raise ValueError(
                "FeatureSpace: you need to call `.adapt(dataset)` before you can use it; "
                f"these features learn from data: {missing}."
            )

    def __call__(self, data: Any) -> Any:
        """Encodes a dict of columns."""
        self._check_adapted()
        if not hasattr(data, "keys"):
            raise ValueError(f"FeatureSpace: can only be called with a dict. Received: {type(data).__name__}")
        columns = {name: self._column(data, name) for name in self.features}
        if any(isinstance(value, KerasTensor) for value in columns.values()):
            return self._encode(columns)
        columns = {name: self._value(name, value) for name, value in columns.items()}
        single = all(np.ndim(value) == 0 for value in columns.values())
        columns = {
            name: value.reshape(1, 1) if single else value[:, None] if np.ndim(value) == 1 else value
            for name, value in columns.items()
        }
        encoded = self._encode(columns)
        if not single:
            return encoded
        if isinstance(encoded, dict):
            return {name: ops.squeeze(value, 0) for name, value in encoded.items()}
        return ops.squeeze(encoded, 0)

    def _encode(self, columns: dict[str, Any]) -> Any:
        found = {name: self.preprocessors[name](columns[name]) for name in self.features}
        modes = {name: feature.output_mode for name, feature in self.features.items()}
        sizes = {name: _size(layer) for name, layer in self.preprocessors.items()}
        for cross in self.crosses:
            for name in cross.feature_names:
                if "int" not in str(found[name].dtype):
                    raise ValueError(
                        f"FeatureSpace: feature {name!r} cannot be crossed: its layer gives "
                        f"{found[name].dtype}, not integers. Discretize it."
                    )
            parts = tuple(found[name] for name in cross.feature_names)
            found[cross.name] = self.crossers[cross.name](parts)
            modes[cross.name], sizes[cross.name] = cross.output_mode, cross.crossing_dim
        for name, value in found.items():
            if modes[name] == "one_hot" and "int" in str(value.dtype):
                if sizes[name] is None:
                    raise ValueError(
                        f"FeatureSpace: feature {name!r} has output mode 'one_hot', but how many categories "
                        f"its layer gives is not known. Use 'int' or 'float'."
                    )
                found[name] = CategoryEncoding(sizes[name], output_mode="multi_hot")(value)
        if self.output_mode == "dict":
            return found
        for name in found:
            if modes[name] == "int":
                raise ValueError(
                    f"FeatureSpace: cannot concatenate features because feature {name!r} has not been "
                    "encoded (its output mode is 'int'). Use 'one_hot', or `output_mode='dict'`."
                )
        values = [ops.cast(value, "float32") for value in found.values()]
        return ops.concatenate(values, axis=-1) if len(values) > 1 else values[0]

    # ---- saving ----------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        return {
            "features": {name: feature.get_config() for name, feature in self.features.items()},
            "output_mode": self.output_mode,
            "crosses": [cross.get_config() for cross in self.crosses],
            "crossing_dim": self.crossing_dim,
            "hashing_dim": self.hashing_dim,
            "num_discretization_bins": self.num_discretization_bins,
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> FeatureSpace:
        return cls(**config)

    def save(self, filepath: Any) -> None:
        """Saves it, with what it learned, to a file that `corten.saving.load_model` reads."""
        from corten.saving import save_model

        save_model(self, filepath)


def _has_learned(layer: Any) -> bool:
    if isinstance(layer, Normalization):
        return int(layer.count.numpy()) > 0
    if isinstance(layer, Discretization):
        return layer.bin_boundaries is not None
    return bool(layer.get_vocabulary(include_special_tokens=False))


def _size(layer: Any) -> int | None:
    """How many categories a layer gives; None where that is not known."""
    if isinstance(layer, (IntegerLookup, StringLookup, TextVectorization)):
        return layer.vocabulary_size()
    if isinstance(layer, CategoryEncoding):
        return layer.num_tokens
    return layer.num_bins if isinstance(layer, (Discretization, Hashing)) else None
