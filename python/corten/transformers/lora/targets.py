"""Which layers of a model get adapters, and which are trained as a whole."""

from __future__ import annotations

import re
from typing import Any

from corten.layers.core import Dense
from corten.layers.embedding import Embedding
from corten.transformers.weight_names import named_layers

#: The ends of names of the layers that get adapters where nothing else is said, by the type of the model. For
#: most they are those of queries and values, as in the paper (arXiv 2106.09685, section 4.2).
DEFAULT_TARGETS: dict[str, list[str]] = {
    "bert": ["query", "value"],
    "roberta": ["query", "value"],
    "xlm-roberta": ["query", "value"],
    "distilbert": ["q_lin", "v_lin"],
    "gpt2": ["c_attn"],
    "llama": ["q_proj", "v_proj"],
    "qwen2": ["q_proj", "v_proj"],
    "qwen3": ["q_proj", "v_proj"],
    "t5": ["q", "v"],
}
#: What peft calls the tasks of models, by the ends of the names of their classes.
_TASKS = {
    "ForSequenceClassification": "SEQ_CLS",
    "ForTokenClassification": "TOKEN_CLS",
    "ForQuestionAnswering": "QUESTION_ANS",
    "ForCausalLM": "CAUSAL_LM",
    "LMHeadModel": "CAUSAL_LM",
    "ForConditionalGeneration": "SEQ_2_SEQ_LM",
    "Model": "FEATURE_EXTRACTION",
}
# The tasks whose heads no pretrained model has.
_WITH_NEW_HEADS = ("SEQ_CLS", "TOKEN_CLS", "QUESTION_ANS")


def task_of(model: Any) -> str | None:
    """Return what peft calls the task of a model; None if it has no name for it."""
    return next((task for end, task in _TASKS.items() if type(model).__name__.endswith(end)), None)


def default_targets(model: Any) -> list[str]:
    """Return which layers of a model get adapters where nothing is said.

    Raises:
        ValueError: There are no defaults for models of this type.

    Example:
        >>> from corten.transformers import GPT2Config, GPT2Model
        >>> from corten.transformers.lora.targets import default_targets
        >>> model = GPT2Model(GPT2Config(vocab_size=9, n_positions=4, n_embd=4, n_layer=1, n_head=1))
        >>> default_targets(model)
        ['c_attn']
    """
    found = DEFAULT_TARGETS.get(model.config.model_type)
    if found is None:
        raise ValueError(
            f"add_lora: {type(model).__name__} has no default targets; name some, such as "
            f"`targets={_ends(model)[:2]}`."
        )
    return list(found)


def default_modules_to_save(model: Any) -> list[str]:
    """Return the layers that are trained as a whole where nothing is said.

    Those are the heads of classifiers and taggers, and what `from_pretrained` did not find in the file: they
    hold random numbers.
    """
    found: list[str] = []
    base = model.base_model
    if task_of(model) in _WITH_NEW_HEADS and base is not model:
        found = [
            name
            for name, layer in named_layers(model)
            if "." not in name and layer is not base and layer.weights
        ]
    missing = (model.loading_info or {}).get("missing_keys", [])
    for key in missing:
        name = key.rpartition(".")[0]
        if name and not any(name == known or name.startswith(f"{known}.") for known in found):
            found.append(name)
    return found


def find_modules(model: Any, names: list[str]) -> list[tuple[str, Any]]:
    """Return the layers that are trained as a whole.

    Args:
        model: The model.
        names: Their names, or the ends of them.

    Raises:
        ValueError: There is no such layer, or it has no weights that can be trained.
    """
    layers = list(named_layers(model))
    found: dict[str, Any] = {}
    for wanted in names:
        matching = {name: layer for name, layer in layers if name == wanted or name.endswith(f".{wanted}")}
        if not any(variable._created_trainable for layer in matching.values() for variable in layer.weights):
            raise ValueError(
                f"add_lora: {type(model).__name__} has no layer {wanted!r} with weights (`modules_to_save`); "
                f"its outer layers are {sorted({name.partition('.')[0] for name, _ in layers})}."
            )
        found.update(matching)
    # Not once more what is inside of another.
    inside = {name for name in found for outer in found if name.startswith(f"{outer}.")}
    return [(name, layer) for name, layer in found.items() if name not in inside]


def find_targets(model: Any, targets: str | list[str], saved: list[tuple[str, Any]]) -> list[tuple[str, Any]]:
    """Return the layers that get adapters, with their names.

    Args:
        model: The model.
        targets: The ends of their names; or a regular expression that whole names match; or `'all-linear'`.
        saved: Layers that are trained as a whole, which get none.

    Raises:
        ValueError: No layer matches, or one that cannot have an adapter.
    """
    inside = tuple(f"{name}." for name, _ in saved)
    names = {name for name, _ in saved}
    layers: list[tuple[str, Any]] = [
        (name, layer)
        for name, layer in named_layers(model)
        if name not in names and not name.startswith(inside)
    ]
    if targets == "all-linear":
        output = model.get_output_embeddings()
        found = [(name, layer) for name, layer in layers if isinstance(layer, Dense) and layer is not output]
    elif isinstance(targets, str):
        try:
            pattern = re.compile(targets)
        except re.error as error:
            raise ValueError(f"add_lora: `targets` = {targets!r} is no regular expression: {error}") from None
        found = [(name, layer) for name, layer in layers if pattern.fullmatch(name)]
    else:
        ends = tuple(f".{target}" for target in targets)
        found = [(name, layer) for name, layer in layers if name in targets or name.endswith(ends)]
    if not found:
        raise ValueError(
            f"add_lora: {type(model).__name__} has no layers that match `targets` = {targets!r}; the last "
            f"parts of names there are: {', '.join(_ends(model))}."
        )
    for name, layer in found:
        check_target(model, name, layer)
    return found


def check_target(model: Any, name: str, layer: Any) -> None:
    """Refuse a layer that cannot have an adapter.

    Raises:
        ValueError: It is of another class, or quantized in a way that allows none, or shares its table.
    """
    if not isinstance(layer, (Dense, Embedding)):
        raise ValueError(
            f"add_lora: {name!r} is a {type(layer).__name__}; adapters go beside dense layers and "
            "embeddings. Name those inside of it, or pass it as `modules_to_save` to train it as a whole."
        )
    if layer.quantization_mode not in (None, "int8", "int4"):
        raise ValueError(
            f"add_lora: {name!r} is quantized with {layer.quantization_mode}, beside which no adapter can be "
            "trained; int8 and int4 can have them."
        )
    if layer.lora_enabled:
        raise ValueError(f"add_lora: {name!r} has an adapter already, of `enable_lora`.")
    if isinstance(layer, Embedding) and _is_shared(model, layer):
        raise ValueError(
            f"add_lora: {name!r} is also the table that scores are computed with (`tie_word_embeddings`); an "
            "adapter beside one of the two uses only would untie them. Leave it out of `targets`."
        )


def _is_shared(model: Any, table: Any) -> bool:
    if not model.config.tie_word_embeddings or table is not model.get_input_embeddings():
        return False
    return bool(model.tied_weight_names)


def _ends(model: Any) -> list[str]:
    """The last parts of the names of layers that can have adapters."""
    found = [name.rpartition(".")[2] for name, layer in named_layers(model) if isinstance(layer, Dense)]
    return list(dict.fromkeys(found))
