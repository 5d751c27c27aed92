"""`pipeline`: a pipeline by the name of its task."""

from __future__ import annotations

import os
import re
from typing import Any, NamedTuple

from corten.transformers.configuration import PretrainedConfig, read_config
from corten.transformers.hub import split_hub_arguments
from corten.transformers.pipelines.base import Pipeline


class _Task(NamedTuple):
    """A task: the module and class of its pipeline, and a published model to begin with."""

    module: str
    pipeline: str
    model: str


_TASKS = {
    "text-classification": _Task(
        "text_classification",
        "TextClassificationPipeline",
        "distilbert/distilbert-base-uncased-finetuned-sst-2-english",
    ),
    "token-classification": _Task(
        "token_classification",
        "TokenClassificationPipeline",
        "dbmdz/bert-large-cased-finetuned-conll03-english",
    ),
    "question-answering": _Task(
        "question_answering", "QuestionAnsweringPipeline", "distilbert/distilbert-base-cased-distilled-squad"
    ),
    "fill-mask": _Task("fill_mask", "FillMaskPipeline", "distilbert/distilroberta-base"),
    "feature-extraction": _Task(
        "feature_extraction", "FeatureExtractionPipeline", "sentence-transformers/all-MiniLM-L6-v2"
    ),
    "text-generation": _Task("text_generation", "TextGenerationPipeline", "openai-community/gpt2"),
    "text2text-generation": _Task("text_to_text", "Text2TextGenerationPipeline", "google/flan-t5-small"),
    "summarization": _Task("text_to_text", "SummarizationPipeline", "google-t5/t5-small"),
    "translation": _Task("text_to_text", "TranslationPipeline", "google-t5/t5-small"),
    "zero-shot-classification": _Task(
        "zero_shot", "ZeroShotClassificationPipeline", "FacebookAI/roberta-large-mnli"
    ),
}
_ALIASES = {"sentiment-analysis": "text-classification", "ner": "token-classification"}
# What a model's class ends with says what it is for.
_BY_HEAD = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMaskedLM": "fill-mask",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForConditionalGeneration": "text2text-generation",
    "Model": "feature-extraction",
}


def pipeline(
    task: str | None = None,
    model: Any = None,
    tokenizer: Any = None,
    *,
    config: Any = None,
    revision: str | None = None,
    use_fast: bool = True,
    token: Any = None,
    device: Any = None,
    device_map: Any = None,
    dtype: Any = None,
    torch_dtype: Any = None,
    trust_remote_code: bool | None = None,
    model_kwargs: dict[str, Any] | None = None,
    pipeline_class: Any = None,
    framework: str | None = None,
    **kwargs: Any,
) -> Any:
    """Make a pipeline, which takes texts and gives answers.

    Args:
        task: `'text-classification'` (`'sentiment-analysis'`), `'token-classification'` (`'ner'`),
            `'question-answering'`, `'fill-mask'`, `'feature-extraction'`, `'text-generation'`,
            `'text2text-generation'`, `'summarization'`, `'translation'` (`'translation_en_to_de'`) or
            `'zero-shot-classification'`. None goes by the model's head.
        model: A model, a folder, or a name on the hub that is looked for in the local cache first. No model
            is chosen for you.
        tokenizer: A tokenizer, or a folder or name of one; None is that of the folder or name of the model.
        config: A configuration, or a folder or name of one, in place of the model's.
        revision: A branch, tag or commit of names on the hub.
        use_fast: Does nothing: all tokenizers are.
        token: A token for models that are not public.
        device: `None`, `-1` or `'cpu'`: models compute on the CPU.
        device_map: None, `'auto'` or `'cpu'`, which come to the same.
        dtype: The dtype that the model computes in, such as `'bfloat16'` or `'auto'` for that of its file.
        torch_dtype: The older name of `dtype`.
        trust_remote_code: Does nothing: code of models is never run.
        model_kwargs: Further arguments of the model's `from_pretrained`.
        pipeline_class: A subclass of `Pipeline` in place of the task's.
        framework: Does nothing.
        **kwargs: `batch_size`, where to look for files (`cache_dir`, `local_files_only`, ...), and defaults
            of the arguments of the pipeline's calls.

    Returns:
        The task's pipeline, such as a `TextClassificationPipeline`.

    Raises:
        KeyError: There is no such task.
        ValueError: No model is named, or its folder has no head for the task.
        TypeError: The model's head does not fit the task, or the tokenizer is missing.
        OSError: Files are missing.

    Example:
        >>> from corten.transformers import BertConfig, BertForSequenceClassification, BertTokenizer, pipeline
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "good": 5, "bad": 6}
        >>> config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertForSequenceClassification(config)
        >>> pipe = pipeline("text-classification", model, BertTokenizer(vocab))
        >>> pipe.save_pretrained("classifier")
        >>> again = pipeline("sentiment-analysis", model="classifier")
        >>> again("good") == pipe("good")
        True
    """
    for name, value in (("feature_extractor", None), ("image_processor", None), ("processor", None)):
        if kwargs.pop(name, value) is not None:
            raise ValueError(f"pipeline: `{name}` is of tasks with pictures or sounds, which are not there.")
    if device_map is not None and device is not None:
        raise ValueError("pipeline: give `device` or `device_map`, not both.")
    where, settings = split_hub_arguments(
        {**kwargs, "revision": revision, "token": token, "trust_remote_code": bool(trust_remote_code)}
    )
    where = {name: value for name, value in where.items() if value is not None}
    if isinstance(config, (str, os.PathLike)):
        from corten.transformers.auto import AutoConfig

        config = AutoConfig.from_pretrained(config, **where)
    if model is None:
        raise _no_model(task, pipeline_class)
    if task is None and pipeline_class is None:
        task = _task_of(model, config, where)
    chosen = _pipeline_class(task) if pipeline_class is None else _checked_class(pipeline_class)
    source = os.fspath(model) if isinstance(model, (str, os.PathLike)) else None
    if source is not None:
        dtype = torch_dtype if dtype is None else dtype
        model = _read_model(chosen, source, config, dtype, {**where, **(model_kwargs or {})})
    if chosen.needs_tokenizer:
        tokenizer = _read_tokenizer(tokenizer, source, type(model).__name__, where)
    device = device_map if device is None else device
    return chosen(model=model, tokenizer=tokenizer, task=task or "", device=device, **settings)


def _named(task: Any) -> str:
    """The name under which a task is known.

    Raises:
        KeyError: There is no such task.
    """
    found: str = _ALIASES.get(task, task) if isinstance(task, str) else ""
    if re.fullmatch(r"translation_[\w-]+_to_[\w-]+", found):
        return "translation"
    if found not in _TASKS:
        from corten.identifiers import suggestion

        names = [*_TASKS, *_ALIASES, "translation_XX_to_YY"]
        raise KeyError(
            f"pipeline: there is no task {task!r}; there are {', '.join(names)}."
            f"{suggestion(str(task), names)}"
        )
    return found


def _pipeline_class(task: Any) -> Any:
    from corten import transformers

    return getattr(transformers, _TASKS[_named(task)].pipeline)


def _checked_class(given: Any) -> Any:
    if not isinstance(given, type) or not issubclass(given, Pipeline):
        raise TypeError(f"pipeline: pipeline_class must be a subclass of Pipeline; got {given!r}.")
    return given


def _no_model(task: Any, pipeline_class: Any) -> ValueError:
    if task is None:
        return ValueError("pipeline: pass a task, a model, or both.")
    hint = "" if pipeline_class is not None else f", as in model={_TASKS[_named(task)].model!r}"
    return ValueError(
        f"pipeline: no model is named for {task!r}, and none is chosen or downloaded unasked. Pass a model, "
        f"a folder, or a name on the hub{hint}."
    )


def _task_of(model: Any, config: Any, where: dict[str, Any]) -> str:
    """The task that the head of a model is for."""
    if isinstance(model, (str, os.PathLike)):
        if config is not None:
            names = list(config.architectures or [])
        else:
            entries = read_config(model, **where).get("architectures")
            names = [one for one in entries if isinstance(one, str)] if isinstance(entries, list) else []
    else:
        names = [base.__name__ for base in type(model).__mro__]
    for ending, task in _BY_HEAD.items():
        if any(name.endswith(ending) for name in names):
            return task
    shown = os.fspath(model) if isinstance(model, (str, os.PathLike)) else type(model).__name__
    raise ValueError(
        f"pipeline: {shown!r} does not say what it is for ({', '.join(names) or 'no architecture'}). Pass "
        "the task."
    )


def _read_model(chosen: Any, name: str, config: Any, dtype: Any, settings: dict[str, Any]) -> Any:
    from corten import transformers

    auto = transformers.AutoModel if chosen.auto_class is None else getattr(transformers, chosen.auto_class)
    if chosen.auto_class == "AutoModel":
        kind = config.model_type if isinstance(config, PretrainedConfig) else None
        if kind is None:
            kind = read_config(name, **split_hub_arguments(settings)[0]).get("model_type")
        # The decoder of T5 needs a text of its own; its encoder gives features.
        auto = transformers.T5EncoderModel if kind == "t5" else auto
    model = auto.from_pretrained(name, config=config, dtype=dtype, **settings)
    missing = (model.loading_info or {}).get("missing_keys") or []
    if missing and chosen.auto_class not in (None, "AutoModel"):
        raise ValueError(
            f"{chosen.__name__}: {name!r} has no weights for {', '.join(missing[:3])}"
            f"{' and others' if len(missing) > 3 else ''} of {type(model).__name__}: answers of new weights "
            "would mean nothing. Use a model that was fine-tuned for the task, or fine-tune this one first "
            "and pass the model itself."
        )
    return model


def _read_tokenizer(given: Any, name: str | None, model: str, where: dict[str, Any]) -> Any:
    from corten.transformers.tokenization.auto import AutoTokenizer

    settings: dict[str, Any] = {}
    if isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], dict):
        given, settings = given
    if given is None:
        if name is None:
            raise TypeError(
                f"pipeline: the tokenizer is missing, and a {model} does not tell where it is. Pass "
                "tokenizer=..., a tokenizer or its folder."
            )
        given = name
    if not isinstance(given, (str, os.PathLike)):
        return given
    try:
        return AutoTokenizer.from_pretrained(given, **where, **settings)
    except OSError as error:
        raise OSError(
            f"pipeline: the tokenizer cannot be read: {error} If it lies elsewhere, pass tokenizer='folder'."
        ) from error
