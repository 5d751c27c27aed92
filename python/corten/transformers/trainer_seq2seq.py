"""`Seq2SeqTrainer`: a Trainer whose evaluations may generate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from corten.training.adapters.conversion import to_tensors
from corten.transformers.trainer import Trainer
from corten.transformers.trainer_utils import PredictionOutput
from corten.transformers.training.evaluation import single, to_numpy


class Seq2SeqTrainer(Trainer):
    """Trains models that read one text and write another; evaluations may let them write.

    With `predict_with_generate=True` in the `Seq2SeqTrainingArguments`, predictions are the tokens that the
    model generates, `(rows, tokens)`. Rows are filled up with the padding token, or with -100 where that is
    not known; labels keep their -100.

    Args:
        *args: As for `Trainer`.
        **kwargs: As for `Trainer`.

    Source: https://huggingface.co/docs/transformers/main_classes/trainer

    Example:
        >>> issubclass(Seq2SeqTrainer, Trainer)
        True
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._generation: dict[str, Any] = {}
        config = getattr(self.args, "generation_config", None)
        if config is not None:
            if isinstance(config, str):
                from corten.transformers import GenerationConfig

                config = GenerationConfig.from_pretrained(config)
            self.model.generation_config = config
        if getattr(self.args, "predict_with_generate", False) and not hasattr(self.model, "generate"):
            raise TypeError(
                f"Seq2SeqTrainer: predict_with_generate: {type(self.model).__name__} does not generate; use "
                "an encoder-decoder with a language head, such as T5ForConditionalGeneration"
            )

    def evaluate(
        self,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
        **gen_kwargs: Any,
    ) -> dict[str, float]:
        """Evaluates the model; as `Trainer.evaluate`.

        Args:
            eval_dataset: The data; that of the Trainer if None.
            ignore_keys: Outputs to leave out.
            metric_key_prefix: Start of the names of the metrics.
            **gen_kwargs: Arguments of `generate`.
        """
        self._generation = self._generation_arguments(gen_kwargs)
        return super().evaluate(eval_dataset, ignore_keys, metric_key_prefix)

    def predict(
        self,
        test_dataset: Any,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "test",
        **gen_kwargs: Any,
    ) -> PredictionOutput:
        """Gives predictions and metrics; as `Trainer.predict`.

        Args:
            test_dataset: The data.
            ignore_keys: Outputs to leave out.
            metric_key_prefix: Start of the names of the metrics.
            **gen_kwargs: Arguments of `generate`.
        """
        self._generation = self._generation_arguments(gen_kwargs)
        return super().predict(test_dataset, ignore_keys, metric_key_prefix)

    def _generation_arguments(self, given: dict[str, Any]) -> dict[str, Any]:
        found = {name: value for name, value in given.items() if value is not None}
        length, beams = (
            getattr(self.args, name, None) for name in ("generation_max_length", "generation_num_beams")
        )
        if length is not None and not {"max_length", "max_new_tokens"} & set(found):
            found["max_length"] = length
        if beams is not None:
            found.setdefault("num_beams", beams)
        return found

    def prediction_step(
        self,
        model: Any,
        inputs: Mapping[str, Any],
        prediction_loss_only: bool,
        ignore_keys: Sequence[str] | None = None,
    ) -> tuple[Any, Any, Any]:
        """Evaluates one batch: the loss of the labels, and what the model generates."""
        if not getattr(self.args, "predict_with_generate", False) or prediction_loss_only:
            return super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        loss, _, labels = super().prediction_step(model, inputs, False, ignore_keys)
        tensors = to_tensors(dict(inputs), "x")
        # What the decoder is given in training would be continued.
        left_out = {*self.label_names, "decoder_input_ids", "decoder_attention_mask"}
        given = {name: value for name, value in tensors.items() if name not in left_out}
        tokens = np.asarray(to_numpy(model.generate(**given, **self._generation)))
        return loss, self._filled(tokens), single([labels] if labels is not None else [])

    def _filled(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens filled up to the longest that may be generated."""
        length, padding = self._generation.get("max_length"), self._padding_token()
        if length is None or padding is None or tokens.shape[1] >= length:
            return tokens
        return np.pad(tokens, ((0, 0), (0, length - tokens.shape[1])), constant_values=padding)

    def _padding_token(self) -> int | None:
        for holder in (
            self.processing_class,
            getattr(self.model, "generation_config", None),
            getattr(self.model, "config", None),
        ):
            found = getattr(holder, "pad_token_id", None)
            if found is not None:
                return int(found)
        return None
