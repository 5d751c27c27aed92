"""`LoraSettings`: how the adapters of a model are made, and the `adapter_config.json` that says so."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import Any

# A name, or the end of one, as keys of patterns are where they are no regular expressions.
_LITERAL = re.compile(r"\^?[\w.-]+")


@dataclass
class LoraSettings:
    """How the adapters of a model are made.

    Attributes:
        r: The rank.
        lora_alpha: The strength, which is divided by the rank.
        targets: Which layers: ends of names, or a regular expression of whole names.
        lora_dropout: The share of the inputs' cells that adapters do not see in training.
        modules_to_save: Names of layers that are trained and saved as a whole.
        use_rslora: Whether the strength is divided by the root of the rank.
        rank_pattern: Other ranks, by ends of names.
        alpha_pattern: Other strengths, by ends of names.
        further: What else a file that the adapters come from says.
    """

    r: int = 8
    lora_alpha: float = 16
    targets: str | list[str] = field(default_factory=list)
    lora_dropout: float = 0.0
    modules_to_save: list[str] = field(default_factory=list)
    use_rslora: bool = False
    rank_pattern: dict[str, int] = field(default_factory=dict)
    alpha_pattern: dict[str, float] = field(default_factory=dict)
    further: dict[str, Any] = field(default_factory=dict)

    def check(self, owner: str) -> None:
        """Refuse what makes no adapters.

        Args:
            owner: What to call in messages.

        Raises:
            TypeError: A pattern is no dict, or a name no text.
            ValueError: A number is out of its range.
        """
        for name in ("rank_pattern", "alpha_pattern"):
            pattern = getattr(self, name)
            if not isinstance(pattern, dict):
                raise TypeError(f"{owner}: `{name}` must be a dict; got {type(pattern).__name__}.")
            for key in pattern:
                if not (isinstance(key, str) and _LITERAL.fullmatch(key)):
                    raise ValueError(
                        f"{owner}: the keys of `{name}` must be names of layers or ends of them, such as "
                        f"'layer.0.attention.self.query'; got {key!r}."
                    )
        for rank in (self.r, *self.rank_pattern.values()):
            if isinstance(rank, bool) or not isinstance(rank, int) or rank < 1:
                raise ValueError(f"{owner}: ranks (`r`) must be positive integers; got {rank!r}.")
        for alpha in (self.lora_alpha, *self.alpha_pattern.values()):
            real = isinstance(alpha, (int, float)) and not isinstance(alpha, bool)
            if not (real and math.isfinite(alpha)):
                raise ValueError(f"{owner}: `lora_alpha` must be a number; got {alpha!r}.")
        rate = self.lora_dropout
        if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 <= rate < 1:
            raise ValueError(f"{owner}: `lora_dropout` must be a number from 0 to below 1; got {rate!r}.")
        if not isinstance(self.use_rslora, bool):
            raise ValueError(f"{owner}: `use_rslora` must be True or False; got {self.use_rslora!r}.")
        for name in ("targets", "modules_to_save"):
            value = getattr(self, name)
            texts = isinstance(value, list) and all(isinstance(one, str) for one in value)
            if not (texts or (name == "targets" and isinstance(value, str))):
                raise TypeError(f"{owner}: `{name}` must be a list of names of layers; got {value!r}.")

    def rank_of(self, name: str) -> int:
        """Return the rank of the adapter of a layer."""
        return int(_by_name(self.rank_pattern, name, self.r))

    def alpha_of(self, name: str) -> float:
        """Return the strength of the adapter of a layer."""
        found: float = _by_name(self.alpha_pattern, name, self.lora_alpha)
        return found

    def to_entries(self) -> dict[str, Any]:
        """Return the entries that a file of Corten's has, beside those of `to_file`."""
        return {name: value for name, value in self.__dict__.items() if name != "further"}

    def to_file(self, model: Any, task_type: str | None, stores_transposed: bool) -> dict[str, Any]:
        """Return the entries of `adapter_config.json`.

        Args:
            model: The model that the adapters are for.
            task_type: What the model is for, by the names that peft has.
            stores_transposed: Whether its matrices lie in files as `(inputs, outputs)`.

        Source: https://huggingface.co/docs/peft/package_reference/lora
        """
        return {
            "auto_mapping": None,
            "bias": "none",
            "init_lora_weights": True,
            "layer_replication": None,
            "layers_pattern": None,
            "layers_to_transform": None,
            "loftq_config": {},
            "megatron_config": None,
            "megatron_core": "megatron.core",
            "revision": None,
            "use_dora": False,
            **self.further,
            "alpha_pattern": self.alpha_pattern,
            "base_model_name_or_path": model.name_or_path or None,
            "fan_in_fan_out": stores_transposed,
            "inference_mode": True,
            "lora_alpha": self.lora_alpha,
            "lora_dropout": self.lora_dropout,
            "modules_to_save": self.modules_to_save or None,
            "peft_type": "LORA",
            "r": self.r,
            "rank_pattern": self.rank_pattern,
            "target_modules": self.targets,
            "task_type": task_type,
            "use_rslora": self.use_rslora,
        }


def _by_name(pattern: dict[str, Any], name: str, default: Any) -> Any:
    """The value of the first key that a name ends with, or is where the key begins with '^'."""
    for key, value in pattern.items():
        if name == key.removeprefix("^") or (not key.startswith("^") and name.endswith(f".{key}")):
            return value
    return default


#: Entries of a file with which adapters compute something else, and the values that they may have.
_MEANINGFUL: dict[str, tuple[Any, ...]] = {
    "use_dora": (None, False),
    "bias": (None, "none"),
    "lora_bias": (None, False),
    "layer_replication": (None,),
    "megatron_config": (None,),
    "target_parameters": (None, []),
    "trainable_token_indices": (None, []),
    "alora_invocation_tokens": (None,),
    "arrow_config": (None,),
    "use_qalora": (None, False),
    "use_bdlora": (None, False),
}
#: Ways to begin that change the weights of the model as well.
_CHANGES_WEIGHTS = ("pissa", "olora", "corda", "loftq", "lora_ga")


def settings_of_file(entries: Any, source: str) -> LoraSettings:
    """Return the settings that an `adapter_config.json` has.

    Args:
        entries: What the file holds.
        source: What to call it.

    Raises:
        ValueError: It is no configuration of LoRA, or of a kind that is not there.
    """
    if not isinstance(entries, dict):
        raise ValueError(f"{source}: a configuration must be a JSON object; got {type(entries).__name__}.")
    if entries.get("peft_type") != "LORA":
        raise ValueError(
            f"{source}: holds an adapter of the type {entries.get('peft_type')!r}; Corten reads LoRA's."
        )
    for name, allowed in _MEANINGFUL.items():
        if entries.get(name) not in allowed:
            raise ValueError(
                f"{source}: has `{name}` = {entries[name]!r}, which Corten does not compute. Merge the "
                "adapter into its model with the package peft (`merge_and_unload`), save that, and read it "
                "with `from_pretrained`."
            )
    start = entries.get("init_lora_weights", True)
    if isinstance(start, str) and start.startswith(_CHANGES_WEIGHTS):
        raise ValueError(
            f"{source}: was begun with `init_lora_weights` = {start!r}, which changes the weights of the "
            "model too. Save it with peft's `path_initial_model_for_weight_conversion`: then it is plain."
        )
    targets = entries.get("target_modules")
    known = {name: entries[name] for name in LoraSettings.__dataclass_fields__ if name in entries}
    known.pop("further", None)
    settings = LoraSettings(
        **{
            **known,
            "lora_alpha": entries.get("lora_alpha", 8),
            "targets": targets if isinstance(targets, (str, list)) else [],
            "modules_to_save": entries.get("modules_to_save") or [],
            "rank_pattern": entries.get("rank_pattern") or {},
            "alpha_pattern": entries.get("alpha_pattern") or {},
        }
    )
    settings.further = {
        name: value
        for name, value in entries.items()
        if name not in LoraSettings.__dataclass_fields__ and name != "target_modules"
    }
    try:
        settings.check(source)
    except TypeError as error:
        raise ValueError(str(error)) from None
    return settings
