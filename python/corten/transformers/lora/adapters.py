"""Adding LoRA adapters to a model, merging them into its weights, and taking them away."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from corten import initializers
from corten._state import Structure
from corten.layers.embedding import Embedding
from corten.transformers.lora.settings import LoraSettings
from corten.transformers.lora.targets import (
    check_target,
    default_modules_to_save,
    default_targets,
    find_modules,
    find_targets,
)
from corten.transformers.weight_names import named_layers


@dataclass
class Adapters:
    """The adapters of a model.

    Attributes:
        settings: How they were made.
        layers: Names and layers that have one.
        saved: Names and layers that are trained as a whole.
        variables_before: The variables of the model, and whether they were trained before.
        layers_before: The same of its layers.
        is_merged: Whether the weights have the products in them.
        trained_before_merging: Variables of adapters that were trained until then.
    """

    settings: LoraSettings
    layers: list[tuple[str, Any]]
    saved: list[tuple[str, Any]]
    variables_before: list[tuple[Any, bool]] = field(default_factory=list)
    layers_before: list[tuple[Any, bool]] = field(default_factory=list)
    is_merged: bool = False
    trained_before_merging: list[Any] = field(default_factory=list)

    def variables(self) -> list[Any]:
        """Return the variables of the adapters."""
        return [pair for _, layer in self.layers for pair in matrices_of(layer)]

    def saved_variables(self) -> list[Any]:
        """Return the variables of the layers that are trained as a whole."""
        found = {id(variable): variable for _, layer in self.saved for variable in layer.weights}
        return list(found.values())

    def set_trainable(self, trainable: bool) -> None:
        """Let all of them be trained, or none."""
        saved = [variable for variable in self.saved_variables() if variable._created_trainable]
        for variable in (*self.variables(), *saved):
            variable.trainable = trainable

    @property
    def is_trainable(self) -> bool:
        """Whether they are trained, or would be if they were not merged."""
        return any(variable.trainable for variable in (*self.variables(), *self.saved_variables()))


def adapters_of(model: Any) -> Adapters | None:
    """Return the adapters that `add_lora` or `load_lora` gave a model; None if it has none."""
    found: Adapters | None = model.__dict__.get("_adapters")
    return found


def matrices_of(layer: Any) -> tuple[Any, Any]:
    """Return the two thin matrices of a layer with an adapter."""
    name = f"lora_{layer._adapted}_"
    return getattr(layer, name + "a"), getattr(layer, name + "b")


def add_lora(
    model: Any,
    r: int = 8,
    lora_alpha: float = 16,
    targets: str | list[str] | tuple[str, ...] | None = None,
    lora_dropout: float = 0.0,
    modules_to_save: list[str] | tuple[str, ...] | None = None,
    *,
    use_rslora: bool = False,
    rank_pattern: dict[str, int] | None = None,
    alpha_pattern: dict[str, float] | None = None,
    seed: int | None = None,
) -> Any:
    """Freeze a model and give some of its layers adapters, which are trained in place of its weights.

    A layer with an adapter computes `x @ W + b + (lora_alpha / r) * (dropout(x) @ A) @ B`, with `A` of shape
    `(inputs, r)` and `B` of shape `(r, outputs)`. `B` begins as zeros, so that the model computes at first
    what it did. Compile the model anew afterwards, or hand it to a `Trainer`. `model.save` keeps weights and
    adapters apart; `save_lora` writes the adapters alone, as the package peft does.

    Args:
        model: A model of `corten.transformers`. Its layers may be quantized with int8 or int4.
        r: The rank.
        lora_alpha: The strength.
        targets: Which layers: ends of names, as in `["query", "value"]`; or a regular expression that whole
            names match; or `"all-linear"` for all dense layers but the output layer. None takes queries and
            values (`c_attn` of GPT-2).
        lora_dropout: The share of the inputs' cells that adapters do not see in training.
        modules_to_save: Names of layers that are trained and saved as a whole. None takes the heads of
            classifiers and taggers, and what `from_pretrained` had to initialise; `[]` takes none.
        use_rslora: Whether the strength is `lora_alpha / sqrt(r)` (arXiv 2312.03732).
        rank_pattern: Other ranks for some layers, by ends of names.
        alpha_pattern: Other strengths for some layers, by ends of names.
        seed: Seed of the first values of `A` and of dropout; None draws from the global generator.

    Returns:
        The model.

    Raises:
        TypeError: The model is none of `corten.transformers`.
        ValueError: It has adapters already, no layer matches, or a number is out of its range. The model is
            left as it was.

    Source: Hu et al. 2021, arXiv:2106.09685; arguments as in https://huggingface.co/docs/peft.

    Example:
        >>> from corten.transformers import BertConfig, BertForSequenceClassification, add_lora
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = add_lora(BertForSequenceClassification(config), r=2, lora_dropout=0.1)
        >>> [variable.path.split("/")[-2:] for variable in model.trainable_variables][0]
        ['query', 'lora_kernel_a']
    """
    check_model(model, "add_lora")
    if adapters_of(model) is not None:
        raise ValueError(
            "add_lora: the model has adapters already; take them away with `remove_lora(model)` first, or "
            "merge them for good with `remove_lora(merge_lora(model))`."
        )
    wanted = default_targets(model) if targets is None else targets
    names = default_modules_to_save(model) if modules_to_save is None else modules_to_save
    settings = LoraSettings(
        r=r,
        lora_alpha=lora_alpha,
        targets=wanted if isinstance(wanted, str) else list(wanted),
        lora_dropout=lora_dropout,
        modules_to_save=[names] if isinstance(names, str) else list(names),
        use_rslora=use_rslora,
        rank_pattern={} if rank_pattern is None else rank_pattern,
        alpha_pattern={} if alpha_pattern is None else alpha_pattern,
    )
    settings.check("add_lora")
    saved = find_modules(model, settings.modules_to_save)
    attach(model, settings, find_targets(model, settings.targets, saved), saved, seed=seed)
    return model


def check_model(model: Any, owner: str) -> None:
    """Refuse what is no model of `corten.transformers`.

    Raises:
        TypeError: It is none.
    """
    from corten.transformers.modeling import PreTrainedModel

    if not isinstance(model, PreTrainedModel):
        raise TypeError(
            f"{owner}: expected a model of corten.transformers; got {type(model).__name__}. Layers of other "
            "models have `layer.enable_lora(rank)`."
        )


def attach(
    model: Any,
    settings: LoraSettings,
    targets: list[tuple[str, Any]],
    saved: list[tuple[str, Any]],
    seed: int | None = None,
    empty: bool = False,
) -> Adapters:
    """Give layers their adapters, and freeze all else.

    Args:
        model: The model.
        settings: The settings.
        targets: Names and layers that get one.
        saved: Names and layers that are trained as a whole.
        seed: Seed of the first values.
        empty: Whether the matrices begin as zeros, as they get values afterwards.
    """
    layers = model._flatten_layers()
    adapters = Adapters(
        settings,
        targets,
        saved,
        [(variable, variable.trainable) for variable in model.weights],
        [(layer, layer.trainable) for layer in layers],
    )
    for layer in layers:
        # A frozen layer would freeze the adapters in it.
        layer.__dict__["_trainable"] = True
    for variable in model.weights:
        variable.trainable = False
    chance = None if seed is None else random.Random(seed)
    for name, layer in targets:
        seeds = [None] * 2 if chance is None else [chance.randrange(2**31) for _ in range(2)]
        layer._add_lora_apart(
            settings.rank_of(name),
            settings.alpha_of(name),
            0.0 if isinstance(layer, Embedding) else settings.lora_dropout,
            settings.use_rslora,
            *(("zeros", "zeros") if empty else _beginnings(layer, seeds[0])),
            seeds[1],
        )
    adapters.set_trainable(True)
    model.__dict__["_adapters"] = adapters
    _changed(model)
    return adapters


def _beginnings(layer: Any, seed: int | None) -> tuple[Any, Any]:
    """The initializers of `A` and `B`: one of them is zeros, so that nothing is added at first.

    Those of dense layers are uniform within one over the root of the inputs, those of tables normal, as in
    https://huggingface.co/docs/peft/package_reference/lora (`init_lora_weights`).
    """
    if isinstance(layer, Embedding):
        return "zeros", initializers.RandomNormal(stddev=1.0, seed=seed)
    bound = layer._adapted_shape[0] ** -0.5
    return initializers.RandomUniform(-bound, bound, seed=seed), "zeros"


def _changed(model: Any) -> None:
    Structure.change()
    model._state().forget_steps()


def _needed(model: Any, owner: str) -> Adapters:
    check_model(model, owner)
    adapters = adapters_of(model)
    if adapters is None:
        raise ValueError(f"{owner}: the model has no adapters; `add_lora` and `load_lora` give it some.")
    return adapters


def merge_lora(model: Any) -> Any:
    """Add the adapters to the weights, so that the model computes as fast as one without.

    They are kept, and `unmerge_lora` undoes it to the bit; meanwhile they are not trained. Weights of int8
    and int4 are rounded anew. `remove_lora(merge_lora(model))` makes a plain model of the sum, which
    `save_pretrained` writes.

    Args:
        model: A model with adapters.

    Returns:
        The model.

    Raises:
        ValueError: It has no adapters, or they are merged.

    Example:
        >>> from corten.transformers import LlamaConfig, LlamaForCausalLM, add_lora, merge_lora, remove_lora
        >>> config = LlamaConfig(
        ...     vocab_size=30, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
        ... )
        >>> model = LlamaForCausalLM(config)
        >>> number = model.num_parameters()
        >>> remove_lora(merge_lora(add_lora(model))).num_parameters() == number
        True
    """
    adapters = _needed(model, "merge_lora")
    if adapters.is_merged:
        raise ValueError("merge_lora: the adapters are merged already.")
    adapters.trained_before_merging = [one for one in adapters.variables() if one.trainable]
    for _, layer in adapters.layers:
        layer._merge_lora()
    for variable in adapters.variables():
        variable.trainable = False
    adapters.is_merged = True
    _changed(model)
    return model


def unmerge_lora(model: Any) -> Any:
    """Undo `merge_lora`: the weights are as before to the bit, and the adapters beside them.

    Args:
        model: A model with merged adapters.

    Returns:
        The model.

    Raises:
        ValueError: It has none.

    Example:
        >>> from corten.transformers import BertConfig, BertModel, add_lora, merge_lora, unmerge_lora
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = unmerge_lora(merge_lora(add_lora(BertModel(config))))
        >>> model.encoder.layer[0].attention.self_attention.query.lora_enabled
        True
    """
    adapters = _needed(model, "unmerge_lora")
    if not adapters.is_merged:
        raise ValueError("unmerge_lora: the adapters are not merged.")
    for _, layer in adapters.layers:
        layer._unmerge_lora()
    for variable in adapters.trained_before_merging:
        variable.trainable = True
    adapters.is_merged = False
    _changed(model)
    return model


def remove_lora(model: Any) -> Any:
    """Take the adapters away: the model is plain again, and trained where it was before.

    Merged adapters stay in the weights; otherwise these are as they were. Layers of `modules_to_save` keep
    what they have learned.

    Args:
        model: A model with adapters.

    Returns:
        The model.

    Raises:
        ValueError: It has none.

    Example:
        >>> from corten.transformers import BertConfig, BertModel, add_lora, remove_lora
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertModel(config)
        >>> number = model.num_parameters(only_trainable=True)
        >>> remove_lora(add_lora(model)).num_parameters(only_trainable=True) == number
        True
    """
    adapters = _needed(model, "remove_lora")
    for _, layer in adapters.layers:
        layer._remove_lora()
    for layer, trainable in adapters.layers_before:
        layer.__dict__["_trainable"] = trainable
    for variable, trainable in adapters.variables_before:
        variable.trainable = trainable
    del model.__dict__["_adapters"]
    _changed(model)
    return model


def print_trainable_parameters(model: Any, print_fn: Callable[[str], Any] = print) -> None:
    """Print how many of a model's numbers are trained.

    Args:
        model: A built model.
        print_fn: Called with the line.

    Example:
        >>> from corten.transformers import BertConfig, BertModel, add_lora, print_trainable_parameters
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> print_trainable_parameters(add_lora(BertModel(config), r=1))
        trainable params: 32 || all params: 57,024 || trainable%: 0.0561
    """
    trained = sum(variable.size for variable in model.trainable_weights)
    total = sum(variable.size for variable in model.weights)
    share = 100 * trained / total if total else 0.0
    print_fn(f"trainable params: {trained:,d} || all params: {total:,d} || trainable%: {share:.4f}")


# ---- in the configuration of a model ---------------------------------------------------------------------


def config_of(model: Any) -> dict[str, Any] | None:
    """Return what a file of Corten's says about the adapters of a model; None if it has none."""
    adapters = adapters_of(model)
    if adapters is None:
        return None
    return {
        "settings": adapters.settings.to_entries(),
        "further": adapters.settings.further,
        "layers": [name for name, _ in adapters.layers],
        "saved": [name for name, _ in adapters.saved],
        "trainable": adapters.is_merged or adapters.is_trainable,
    }


def restore(model: Any, entries: Any) -> None:
    """Give a model the adapters that `config_of` describes, without values.

    Raises:
        ValueError: The description is damaged, or of another model.
    """
    owner = f"{type(model).__name__}: the adapters in the file"
    try:
        settings = LoraSettings(**entries["settings"], further=dict(entries["further"]))
        lists = [list(entries["layers"]), list(entries["saved"])]
        trainable = bool(entries["trainable"])
        settings.check(owner)
        unique = {name for names in lists for name in names}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{owner} have a damaged description: {error}") from None
    layers = dict(named_layers(model))
    if len(unique) != sum(map(len, lists)):
        raise ValueError(f"{owner} name a layer more than once.")
    for name in unique:
        if name not in layers:
            raise ValueError(f"{owner} are for a layer {name!r}, which the model has not.")
    targets, saved = ([(name, layers[name]) for name in names] for names in lists)
    for name, layer in targets:
        check_target(model, name, layer)
    attach(model, settings, targets, saved, empty=True).set_trainable(trainable)
