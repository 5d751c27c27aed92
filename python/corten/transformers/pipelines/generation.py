"""What pipelines that generate text share: settings, the call of `generate`, and answers as texts."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from corten.transformers.generation.configuration import DEFAULTS, GenerationConfig
from corten.transformers.outputs import ModelOutput
from corten.transformers.pipelines.base import Pipeline


class GenerationPipeline(Pipeline):
    """Base of the pipelines that generate text."""

    #: Settings where neither the call, nor the task, nor the model's `generation_config` says one.
    generation_defaults: ClassVar[dict[str, Any]] = {}

    def task_settings(self, task: str | None = None) -> dict[str, Any]:
        """Return what the model's configuration says about a task (`task_specific_params`).

        Args:
            task: The task; None is the pipeline's.
        """
        tasks = vars(self.model.config).get("task_specific_params")
        found = tasks.get(task or self.task) if isinstance(tasks, dict) else None
        return dict(found) if isinstance(found, dict) else {}

    def generate(self, model_inputs: dict[str, Any], given: dict[str, Any], task: str | None = None) -> Any:
        """Generate, and return the tokens of each row, `(rows, answers, length)`.

        Args:
            model_inputs: `input_ids` and `attention_mask`.
            given: Arguments of `generate`.
            task: The task whose settings hold; None is the pipeline's.
        """
        given = dict(given)
        config: GenerationConfig | None = given.get("generation_config")
        settings = {name: value for name, value in self.task_settings(task).items() if name in DEFAULTS}
        known = self.model.generation_config._given | set(settings) | set(given)
        if config is not None:
            known |= config._given
            settings = {name: value for name, value in settings.items() if name not in config._given}
        for name, value in self.generation_defaults.items():
            if name not in known and not (name == "max_new_tokens" and "max_length" in known):
                settings[name] = value
        if "max_new_tokens" in settings:
            settings["max_new_tokens"] = self._fitting(settings["max_new_tokens"], model_inputs["input_ids"])
        settings.update(given)
        if not settings.get("do_sample", True) and "temperature" not in given:
            settings.pop("temperature", None)
        if "stop_strings" in settings:
            settings.setdefault("tokenizer", self.tokenizer)
        ids = model_inputs["input_ids"]
        rows = ids.shape[0]
        inputs = {"input_ids": ids, "attention_mask": model_inputs.get("attention_mask")}
        found = self.model.generate(**(inputs if ids.shape[1] else {}), **settings)
        tokens = np.asarray(found["sequences"] if isinstance(found, ModelOutput) else found)
        return tokens.reshape(rows, -1, tokens.shape[1])

    def _fitting(self, count: int, ids: Any) -> int:
        """So many new tokens by default, or fewer where the model has no more positions."""
        limit = None if self.model.config.is_encoder_decoder else self.model._longest()
        return count if limit is None else max(1, min(count, limit - ids.shape[1]))

    def decoded(self, tokens: Any, skip_special_tokens: bool, clean_up: bool | None) -> str:
        """Return the text of tokens.

        Args:
            tokens: Their numbers.
            skip_special_tokens: Whether special tokens are left out.
            clean_up: Whether blanks before punctuation are removed; None goes by the tokenizer.
        """
        return str(
            self.tokenizer.decode(
                tokens, skip_special_tokens=skip_special_tokens, clean_up_tokenization_spaces=clean_up
            )
        )
