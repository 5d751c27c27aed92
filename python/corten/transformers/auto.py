"""Classes that choose: the kind of a model is in its `config.json`."""

from __future__ import annotations

import os
from typing import Any

from corten.transformers.configuration import PretrainedConfig, read_config
from corten.transformers.hub import split_hub_arguments


def _encoder(prefix: str) -> tuple[str, dict[str, str]]:
    """The classes of an encoder, whose names begin alike."""
    tasks = ("MaskedLM", "QuestionAnswering", "SequenceClassification", "TokenClassification")
    heads = {f"AutoModelFor{task}": f"{prefix}For{task}" for task in tasks}
    return f"{prefix}Config", {"AutoModel": f"{prefix}Model", **heads}


def _decoder(prefix: str, causal: str) -> tuple[str, dict[str, str]]:
    """The classes of a decoder."""
    return f"{prefix}Config", {
        "AutoModel": f"{prefix}Model",
        "AutoModelForCausalLM": causal,
        "AutoModelForSequenceClassification": f"{prefix}ForSequenceClassification",
    }


# By `model_type`: the configuration's class, and the models' by the class that chooses.
_KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "bert": _encoder("Bert"),
    "distilbert": _encoder("DistilBert"),
    "gpt2": _decoder("GPT2", "GPT2LMHeadModel"),
    "llama": _decoder("Llama", "LlamaForCausalLM"),
    "qwen2": _decoder("Qwen2", "Qwen2ForCausalLM"),
    "qwen3": _decoder("Qwen3", "Qwen3ForCausalLM"),
    "roberta": _encoder("Roberta"),
    "t5": (
        "T5Config",
        {"AutoModel": "T5Model", "AutoModelForSeq2SeqLM": "T5ForConditionalGeneration"},
    ),
    "xlm-roberta": _encoder("XLMRoberta"),
}


def _class(name: str) -> Any:
    from corten import transformers

    return getattr(transformers, name)


def config_class_of(model_type: Any, source: str) -> Any:
    """Return the configuration's class of a kind of model.

    Args:
        model_type: The entry `model_type` of a configuration.
        source: Where it comes from, for messages.

    Raises:
        ValueError: The kind is not known.
    """
    if not isinstance(model_type, str) or model_type not in _KINDS:
        from corten.identifiers import suggestion

        hint = suggestion(str(model_type), list(_KINDS))
        missing = "has no `model_type`" if model_type is None else f"is of the type {model_type!r}"
        raise ValueError(f"{source} {missing}; the types that Corten has are {', '.join(_KINDS)}.{hint}")
    return _class(_KINDS[model_type][0])


def class_names(auto: str) -> list[str]:
    """Return the names of the classes that a class which chooses may choose.

    Args:
        auto: Its name, such as `'AutoModelForMaskedLM'`.

    Example:
        >>> from corten.transformers.auto import class_names
        >>> class_names("AutoModelForSeq2SeqLM")
        ['T5ForConditionalGeneration']
    """
    return [models[auto] for _, models in _KINDS.values() if auto in models]


class AutoConfig:
    """Reads a configuration of whatever kind.

    Example:
        >>> import tempfile
        >>> from corten.transformers import AutoConfig, BertConfig
        >>> folder = tempfile.mkdtemp()
        >>> BertConfig(num_hidden_layers=2).save_pretrained(folder)
        >>> type(AutoConfig.from_pretrained(folder)).__name__
        'BertConfig'
    """

    def __init__(self) -> None:
        raise TypeError("AutoConfig is not constructed: use AutoConfig.from_pretrained(folder).")

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Any:
        """Return the configuration of a model.

        Args:
            pretrained_model_name_or_path: A folder, or a name on the hub.
            **kwargs: As for `PretrainedConfig.from_pretrained`.

        Raises:
            OSError: There is no `config.json`.
            ValueError: The kind of model is not known.
        """
        where, overrides = split_hub_arguments(kwargs)
        entries = read_config(pretrained_model_name_or_path, **where)
        source = f"AutoConfig: {os.fspath(pretrained_model_name_or_path)!r}"
        return config_class_of(entries.get("model_type"), source).from_dict(entries, **overrides)

    @classmethod
    def for_model(cls, model_type: str, **kwargs: Any) -> Any:
        """Return a new configuration of a kind.

        Args:
            model_type: The kind, such as `'bert'`.
            **kwargs: Entries.

        Raises:
            ValueError: The kind is not known.

        Example:
            >>> from corten.transformers import AutoConfig
            >>> AutoConfig.for_model("distilbert", n_layers=2).num_hidden_layers
            2
        """
        return config_class_of(model_type, "AutoConfig.for_model: the model")(**kwargs)


class _AutoModel:
    """Base of the classes that choose a model's class by its configuration."""

    def __init__(self) -> None:
        name = type(self).__name__
        raise TypeError(
            f"{name} is not constructed: use {name}.from_pretrained(folder) or .from_config(config)."
        )

    @classmethod
    def _choose(cls, model_type: Any, source: str) -> Any:
        config_class_of(model_type, f"{cls.__name__}: {source}")
        models = _KINDS[model_type][1]
        if cls.__name__ not in models:
            others = [kind for kind, (_, classes) in _KINDS.items() if cls.__name__ in classes]
            raise ValueError(
                f"{cls.__name__}: there is no such model of the type {model_type!r}, which has "
                f"{', '.join(models)}. The types that have one: {', '.join(others)}."
            )
        return _class(models[cls.__name__])

    @classmethod
    def from_config(cls, config: PretrainedConfig, **kwargs: Any) -> Any:
        """Return a model with new weights.

        Args:
            config: The configuration.
            **kwargs: `name`, `trainable`, `dtype`.

        Raises:
            ValueError: There is no such model of the configuration's kind.
        """
        if not isinstance(config, PretrainedConfig):
            raise TypeError(
                f"{cls.__name__}.from_config: expected a configuration; got {type(config).__name__}."
            )
        return cls._choose(config.model_type or None, "the configuration")(config, **kwargs)

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: str | os.PathLike[str], *, config: Any = None, **kwargs: Any
    ) -> Any:
        """Return a model with the weights of a folder.

        Args:
            pretrained_model_name_or_path: A folder, or a name on the hub.
            config: A configuration in place of the folder's.
            **kwargs: As for `PreTrainedModel.from_pretrained`.

        Raises:
            OSError: A file is missing.
            ValueError: The kind of model is not known, or has no such model.
        """
        if config is None:
            where, _ = split_hub_arguments(kwargs)
            entries = read_config(pretrained_model_name_or_path, **where)
            chosen = cls._choose(entries.get("model_type"), repr(os.fspath(pretrained_model_name_or_path)))
        else:
            chosen = cls._choose(config.model_type or None, "the configuration")
        return chosen.from_pretrained(pretrained_model_name_or_path, config=config, **kwargs)


class AutoModel(_AutoModel):
    """Chooses the model without a head.

    Example:
        >>> from corten.transformers import AutoModel, BertConfig
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> type(AutoModel.from_config(config)).__name__
        'BertModel'
    """


class AutoModelForMaskedLM(_AutoModel):
    """Chooses the model that says which words were masked."""


class AutoModelForCausalLM(_AutoModel):
    """Chooses the model that continues texts."""


class AutoModelForSeq2SeqLM(_AutoModel):
    """Chooses the model that makes a text from a text."""


class AutoModelForSequenceClassification(_AutoModel):
    """Chooses the model that puts texts into classes."""


class AutoModelForTokenClassification(_AutoModel):
    """Chooses the model that puts tokens into classes."""


class AutoModelForQuestionAnswering(_AutoModel):
    """Chooses the model that finds answers in texts."""
