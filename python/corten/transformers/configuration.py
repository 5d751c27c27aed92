"""`PretrainedConfig`: the numbers and names that a model is made from, as `config.json` holds them."""

from __future__ import annotations

import copy
import difflib
import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

CONFIG_NAME = "config.json"
# What a file may ask for in numbers of layers and sizes; far beyond every model there is.
_MOST = 1 << 31
_MOST_LAYERS = 100_000
_MOST_LABELS = 10_000_000
_NUMBERS = (
    "initializer_range", "initializer_factor", "layer_norm_eps", "layer_norm_epsilon", "rms_norm_eps",
)  # fmt: skip


class PretrainedConfig:
    """The settings of a model, read from and written to `config.json`.

    Entries that a class does not know are kept as attributes and written back. Code that a file names
    (`auto_map`) is never run.

    Args:
        output_hidden_states: Whether models return the states of all layers.
        output_attentions: Whether models return attention weights.
        return_dict: Whether models return a `ModelOutput` rather than a tuple.
        num_labels: The number of classes of a classifier; None takes that of `id2label`, or 2.
        id2label: Names of the classes by number.
        label2id: Numbers of the classes by name.
        problem_type: `'single_label_classification'`, `'multi_label_classification'`, `'regression'`, or
            None: told by the labels.
        pad_token_id: The id that fills up short texts.
        bos_token_id: The id that begins a text.
        eos_token_id: The id that ends a text.
        tie_word_embeddings: Whether the output layer shares the table of the word embeddings.
        is_encoder_decoder: Whether the model has an encoder and a decoder.
        **kwargs: Further entries, kept as attributes.

    Raises:
        TypeError: An entry has another type than it must.
        ValueError: A number is out of range, or the labels contradict each other.

    Example:
        >>> from corten.transformers import PretrainedConfig
        >>> config = PretrainedConfig(id2label={0: "bad", 1: "good", 2: "fair"}, made_by="me")
        >>> config.num_labels, config.label2id["fair"], config.to_dict()["made_by"]
        (3, 2, 'me')
    """

    #: The name in `config.json` that says which class this is.
    model_type: ClassVar[str] = ""
    #: Other names of attributes: what users write to the attribute it stands for.
    attribute_map: ClassVar[dict[str, str]] = {}
    #: Entries that must be whole numbers above 0.
    positive_integers: ClassVar[tuple[str, ...]] = ("vocab_size", "hidden_size", "num_attention_heads")
    #: Entries that must be numbers from 0 to below 1.
    rates: ClassVar[tuple[str, ...]] = ()
    #: Entries that count layers.
    layer_counts: ClassVar[tuple[str, ...]] = ("num_hidden_layers",)

    def __init__(
        self,
        *,
        output_hidden_states: bool = False,
        output_attentions: bool = False,
        return_dict: bool = True,
        num_labels: int | None = None,
        id2label: Mapping[Any, str] | None = None,
        label2id: Mapping[str, Any] | None = None,
        problem_type: str | None = None,
        pad_token_id: int | None = None,
        bos_token_id: int | None = None,
        eos_token_id: int | list[int] | None = None,
        tie_word_embeddings: bool = True,
        is_encoder_decoder: bool = False,
        **kwargs: Any,
    ) -> None:
        self.output_hidden_states = output_hidden_states
        self.output_attentions = output_attentions
        self.return_dict = return_dict
        self.problem_type = problem_type
        self.pad_token_id = pad_token_id
        self.bos_token_id = bos_token_id
        self.eos_token_id = eos_token_id
        self.tie_word_embeddings = tie_word_embeddings
        self.is_encoder_decoder = is_encoder_decoder
        self.architectures: list[str] | None = kwargs.pop("architectures", None)
        # Entries whose names are those of methods: kept for the file, out of the way of the code.
        self._further: dict[str, Any] = {}
        self._set_labels(num_labels, id2label, label2id)
        for name in ("model_type", "use_return_dict", "transformers_version"):
            kwargs.pop(name, None)
        if kwargs.get("auto_map"):
            warnings.warn(
                f"{type(self).__name__}: the configuration names code of its own (`auto_map`), which Corten "
                "never "
                "runs; the model is Corten's. If the published model needs that code, results will differ.",
                UserWarning,
                stacklevel=2,
            )
        for name, value in kwargs.items():
            if name.startswith("_") or not name.isidentifier() or hasattr(type(self), name):
                self._further[name] = value
            else:
                setattr(self, name, value)
        self._check()

    # ---- labels --------------------------------------------------------------------------------

    def _set_labels(self, num_labels: Any, id2label: Any, label2id: Any) -> None:
        owner = type(self).__name__
        if label2id is not None:
            label2id = self._numbers_of_labels(label2id)
        if id2label is None and isinstance(label2id, Mapping) and label2id and num_labels is None:
            id2label = {number: label for label, number in label2id.items()}
        if id2label is None:
            count = 2 if num_labels is None else self._whole("num_labels", num_labels, 1, _MOST_LABELS)
            self.id2label = {number: f"LABEL_{number}" for number in range(count)}
        else:
            if not isinstance(id2label, Mapping):
                raise TypeError(f"{owner}: `id2label` must be a dict; got {type(id2label).__name__}.")
            try:
                self.id2label = {int(number): str(label) for number, label in id2label.items()}
            except (TypeError, ValueError):
                raise ValueError(
                    f"{owner}: the keys of `id2label` must be numbers; got {list(id2label)}."
                ) from None
            if num_labels is not None and num_labels != len(self.id2label):
                # As a number given in passing stands above what a file had.
                count = self._whole("num_labels", num_labels, 1, _MOST_LABELS)
                self.id2label = {number: f"LABEL_{number}" for number in range(count)}
                label2id = None
        if label2id is None or len(label2id) != len(self.id2label):
            label2id = {label: number for number, label in self.id2label.items()}
        self.label2id: dict[str, int] = label2id

    def _numbers_of_labels(self, label2id: Any) -> dict[str, int]:
        owner = type(self).__name__
        if not isinstance(label2id, Mapping):
            raise TypeError(f"{owner}: `label2id` must be a dict; got {type(label2id).__name__}.")
        try:
            return {str(label): int(number) for label, number in label2id.items()}
        except (TypeError, ValueError):
            raise ValueError(
                f"{owner}: the values of `label2id` must be numbers; got {list(label2id.values())}."
            ) from None

    @property
    def num_labels(self) -> int:
        """The number of classes."""
        return len(self.id2label)

    @num_labels.setter
    def num_labels(self, value: int) -> None:
        if value != len(self.id2label):
            self._set_labels(value, None, None)

    @property
    def use_return_dict(self) -> bool:
        """Whether models return a `ModelOutput`."""
        return bool(self.return_dict)

    # ---- checks --------------------------------------------------------------------------------

    def _whole(self, name: str, value: Any, least: int, most: int = _MOST) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(
                f"{type(self).__name__}: `{name}` must be a whole number from {least} to {most}; got "
                f"{value!r}."
            )
        return value

    def _check(self) -> None:
        """Refuse sizes that make no model."""
        for name in self.positive_integers:
            if name in self.__dict__:
                self._whole(name, getattr(self, name), 1)
        for name in self.layer_counts:
            if name in self.__dict__:
                self._whole(name, getattr(self, name), 0, _MOST_LAYERS)
        for name in _NUMBERS:
            value = self.__dict__.get(name, 0)
            real = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (real and 0 <= value < float("inf")):
                raise ValueError(f"{type(self).__name__}: `{name}` must be a number from 0; got {value!r}.")
        for name in self.rates:
            value = getattr(self, name, None)
            if value is not None and (
                isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1
            ):
                raise ValueError(
                    f"{type(self).__name__}: `{name}` must be a number from 0 to below 1; got {value!r}."
                )
        size, heads = getattr(self, "hidden_size", None), getattr(self, "num_attention_heads", None)
        if (
            size is not None
            and heads is not None
            and getattr(self, "head_dim", None) is None
            and size % heads
        ):
            raise ValueError(
                f"{type(self).__name__}: `hidden_size` ({size}) must be a multiple of `num_attention_heads` "
                f"({heads})."
            )
        self._check_token_ids()

    def _check_token_ids(self) -> None:
        for name in ("pad_token_id", "bos_token_id", "eos_token_id"):
            value = getattr(self, name)
            # A text may end in several ways; -1 is what some files have for none.
            for number in value if isinstance(value, list) and name == "eos_token_id" else [value]:
                if number is not None:
                    self._whole(name, number, -1)

    # ---- attributes ----------------------------------------------------------------------------

    def __getattr__(self, name: str) -> Any:
        target = type(self).attribute_map.get(name)
        if target is not None:
            return getattr(self, target)
        further = self.__dict__.get("_further", {})
        if name in further and not name.startswith("__"):
            return further[name]
        known = [key for key in self.__dict__ if not key.startswith("_")]
        close = difflib.get_close_matches(name, [*known, *type(self).attribute_map], 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise AttributeError(f"{type(self).__name__} has no entry {name!r}.{hint}")

    def __setattr__(self, name: str, value: Any) -> None:
        object.__setattr__(self, type(self).attribute_map.get(name, name), value)

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__} {self.to_json_string()}"

    def update(self, entries: Mapping[str, Any]) -> None:
        """Set entries, and check the whole.

        Args:
            entries: Values by name.
        """
        for name, value in entries.items():
            setattr(self, name, value)
        self._check()

    # ---- files ---------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return the entries as `config.json` holds them.

        Example:
            >>> from corten.transformers import BertConfig
            >>> BertConfig(num_labels=3).to_dict()["model_type"]
            'bert'
        """
        entries = {name: copy.deepcopy(value) for name, value in self.__dict__.items() if name != "_further"}
        entries.update(copy.deepcopy(self._further))
        if self.id2label == {0: "LABEL_0", 1: "LABEL_1"}:
            del entries["id2label"], entries["label2id"]
        else:
            entries["id2label"] = {str(number): label for number, label in self.id2label.items()}
        if self.model_type:
            entries["model_type"] = self.model_type
        return dict(sorted(entries.items()))

    def to_json_string(self) -> str:
        """Return `to_dict` as indented JSON."""
        return json.dumps(self.to_dict(), indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_dict(cls, config_dict: Mapping[str, Any], **overrides: Any) -> Any:
        """Create a configuration from what `to_dict` gave.

        Args:
            config_dict: The entries.
            **overrides: Entries that take the place of those.

        Example:
            >>> from corten.transformers import BertConfig
            >>> BertConfig.from_dict({"hidden_size": 48, "num_attention_heads": 4}, num_labels=5).num_labels
            5
        """
        entries = dict(config_dict)
        if "num_labels" in overrides and overrides["num_labels"] != len(entries.get("id2label") or "12"):
            entries.pop("id2label", None)
            entries.pop("label2id", None)
        if "id2label" in overrides:
            entries.pop("label2id", None)
            entries.pop("num_labels", None)
        for alias, name in cls.attribute_map.items():
            if alias in overrides:
                overrides[name] = overrides.pop(alias)
        return cls(**{**entries, **overrides})

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """Read the configuration of a model.

        Args:
            pretrained_model_name_or_path: A folder with `config.json`, that file, or a name on the hub that
                is in the local cache.
            **kwargs: `cache_dir`, `revision`, `local_files_only` and the like say where to look; all else are
                entries that take the place of the file's.

        Raises:
            OSError: There is no such file.
            ValueError: The file holds no configuration, or that of another kind of model.

        Example:
            >>> import tempfile
            >>> from corten.transformers import BertConfig
            >>> folder = tempfile.mkdtemp()
            >>> BertConfig(num_hidden_layers=3).save_pretrained(folder)
            >>> BertConfig.from_pretrained(folder).num_hidden_layers
            3
        """
        from corten.transformers.hub import split_hub_arguments

        where, overrides = split_hub_arguments(kwargs)
        entries = read_config(pretrained_model_name_or_path, **where)
        found = entries.get("model_type")
        if cls.model_type and found not in (None, cls.model_type):
            raise ValueError(
                f"{cls.__name__}: {os.fspath(pretrained_model_name_or_path)!r} is a model of the type "
                f"{found!r}, not "
                f"{cls.model_type!r}. Use the classes of that type, or AutoConfig and AutoModel, which "
                "choose."
            )
        return cls.from_dict(entries, **overrides)

    def save_pretrained(self, save_directory: str | os.PathLike[str]) -> None:
        """Write `config.json` into a folder, which is made if need be.

        Args:
            save_directory: The folder.
        """
        from corten.saving.files import write_bytes

        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        write_bytes(folder / CONFIG_NAME, self.to_json_string().encode())


PreTrainedConfig = PretrainedConfig


def read_config(name_or_path: str | os.PathLike[str], **where: Any) -> dict[str, Any]:
    """Return the entries of a model's `config.json`.

    Args:
        name_or_path: A folder, the file, or a name on the hub.
        **where: Arguments of `hub.find_file`.

    Raises:
        OSError: There is no such file.
        ValueError: It is no JSON object.
    """
    from corten.saving.files import parse_json
    from corten.transformers.hub import find_file

    path = find_file(name_or_path, CONFIG_NAME, **where)
    entries = parse_json(path.read_bytes(), str(path))
    if not isinstance(entries, dict):
        raise ValueError(f"{path}: a configuration must be a JSON object; got {type(entries).__name__}.")
    return entries
