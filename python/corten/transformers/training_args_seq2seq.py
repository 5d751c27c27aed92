"""`Seq2SeqTrainingArguments`: how the Seq2SeqTrainer trains."""

from __future__ import annotations

import dataclasses
import os
from typing import Any

from corten.transformers.training_args import TrainingArguments, explicit_signature


@dataclasses.dataclass(init=False, repr=False)
class Seq2SeqTrainingArguments(TrainingArguments):
    """The arguments of `TrainingArguments`, and those of evaluations that generate.

    Args:
        output_dir: Folder for checkpoints and logs.
        sortish_sampler: Rows of like length together, as `group_by_length`.
        predict_with_generate: Let evaluations and predictions generate, so that `compute_metrics` gets
            tokens.
        generation_max_length: Longest sequence to generate; that of the model's configuration if None.
        generation_num_beams: Beams; those of the model's configuration if None.
        generation_config: A `GenerationConfig` in place of the model's.
        **arguments: See `TrainingArguments`.

    Raises:
        TypeError: There is no such argument.
        ValueError: One has a wrong value, or is not possible here.

    Source: https://huggingface.co/docs/transformers/main_classes/trainer

    Example:
        >>> args = Seq2SeqTrainingArguments("out", predict_with_generate=True, generation_num_beams=4)
        >>> args.generation_num_beams
        4
    """

    sortish_sampler: bool = False
    predict_with_generate: bool = False
    generation_max_length: int | None = None
    generation_num_beams: int | None = None
    generation_config: Any = None

    def __init__(self, output_dir: str | os.PathLike[str] | None = None, **arguments: Any) -> None:
        super().__init__(output_dir, **arguments)
        for name in ("generation_max_length", "generation_num_beams"):
            if getattr(self, name) is not None:
                self._whole(name, 1)
        if self.sortish_sampler:
            self.train_sampling_strategy = "group_by_length"

    def to_dict(self) -> dict[str, Any]:
        found = super().to_dict()
        config = self.generation_config
        if hasattr(config, "to_dict"):
            found["generation_config"] = config.to_dict()
        return found


explicit_signature(Seq2SeqTrainingArguments)
