"""The states of a model without a head, as features for other programs."""

from __future__ import annotations

from typing import Any

from corten.transformers.pipelines.base import Pipeline, Settings, as_numpy, check_text


class FeatureExtractionPipeline(Pipeline):
    """Gives the last states of a model, a vector for each token.

    Args:
        model: A model without a head, such as `BertModel`, or `T5EncoderModel`.
        tokenizer: Its tokenizer.
        **kwargs: As for `Pipeline`, and defaults of the call arguments.

    Call arguments:
        inputs: A text, or a list or stream of them.
        tokenize_kwargs: A dict of arguments of the tokenizer.
        truncation: As in `tokenize_kwargs`.
        return_tensors: Whether to give arrays `(1, tokens, hidden size)` rather than nested lists.

    Returns:
        For each text a nested list `[1][tokens][hidden size]`; padding has no vectors.

    Raises:
        ValueError: `truncation` is given twice.

    Example:
        >>> import numpy as np
        >>> from corten.transformers import BertConfig, BertModel, BertTokenizer, FeatureExtractionPipeline
        >>> vocab = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "good": 5, "bad": 6}
        >>> config = BertConfig(vocab_size=7, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> pipe = FeatureExtractionPipeline(BertModel(config), BertTokenizer(vocab))
        >>> [np.shape(vectors) for vectors in pipe(["good", "good bad"], batch_size=2)]
        [(1, 3, 8), (1, 4, 8)]
    """

    auto_class = "AutoModel"
    default_task = "feature-extraction"

    @classmethod
    def head_names(cls) -> list[str]:
        # The decoder of T5 needs a text of its own; its encoder gives features.
        return [*(name for name in super().head_names() if name != "T5Model"), "T5EncoderModel"]

    def _sanitize_parameters(
        self, tokenize_kwargs: Any = None, truncation: Any = None, return_tensors: Any = None
    ) -> Settings:
        before = dict(tokenize_kwargs or {})
        if truncation is not None:
            if "truncation" in before:
                raise ValueError(
                    f"{type(self).__name__}: `truncation` is given by itself and in `tokenize_kwargs`."
                )
            before["truncation"] = truncation
        return before, {}, {} if return_tensors is None else {"return_tensors": return_tensors}

    def preprocess(self, inputs: Any, **kwargs: Any) -> dict[str, Any]:
        return self.encode(check_text(type(self).__name__, inputs), **kwargs)

    def _forward(self, model_inputs: dict[str, Any]) -> Any:
        states = as_numpy(self.call_model(model_inputs).last_hidden_state)
        return {"states": states, "mask": model_inputs.get("attention_mask")}

    def postprocess(self, model_outputs: Any, return_tensors: Any = False) -> Any:
        states, mask = model_outputs["states"], model_outputs["mask"]
        if mask is not None and not mask.all():
            states = states[:, mask[0] == 1]
        return states if return_tensors else states.tolist()
