"""Language models with Hugging Face's names: models, tokenizers, training, generation and pipelines.

Weights are read from folders as Hugging Face writes them (`config.json`, `model.safetensors`), and written so
that `transformers` reads them. Models are ordinary Corten models. Each name is loaded when first used.

Example:
    >>> from corten.transformers import BertConfig, BertModel
    >>> config = BertConfig(
    ...     vocab_size=30,
    ...     hidden_size=8,
    ...     num_hidden_layers=1,
    ...     num_attention_heads=2,
    ...     intermediate_size=16,
    ... )
    >>> model = BertModel(config)
    >>> model(input_ids=[[1, 2, 3]]).last_hidden_state.shape
    (1, 3, 8)
"""

from __future__ import annotations

import importlib
from typing import Any

# Module to the names that it defines. A module is loaded when one of its names is first asked for.
_NAMES_BY_MODULE: dict[str, tuple[str, ...]] = {
    "auto": (
        "AutoConfig", "AutoModel", "AutoModelForCausalLM", "AutoModelForMaskedLM",
        "AutoModelForQuestionAnswering", "AutoModelForSeq2SeqLM", "AutoModelForSequenceClassification",
        "AutoModelForTokenClassification",
    ),
    "batch_encoding": ("BatchEncoding", "CharSpan", "TokenSpan"),
    "data_collator": (
        "DataCollatorForLanguageModeling", "DataCollatorForSeq2Seq", "DataCollatorForTokenClassification",
        "DataCollatorWithPadding", "DefaultDataCollator", "default_data_collator",
    ),
    "cache": ("DynamicCache", "EncoderDecoderCache", "StaticCache"),
    "configuration": ("PretrainedConfig", "PreTrainedConfig"),
    "generation.configuration": ("GenerationConfig",),
    "generation.logits_process": (
        "EncoderNoRepeatNGramLogitsProcessor", "EncoderRepetitionPenaltyLogitsProcessor",
        "ExponentialDecayLengthPenalty", "ForcedBOSTokenLogitsProcessor", "ForcedEOSTokenLogitsProcessor",
        "InfNanRemoveLogitsProcessor", "LogitNormalization", "LogitsProcessor", "LogitsProcessorList",
        "MinLengthLogitsProcessor", "MinNewTokensLengthLogitsProcessor", "NoBadWordsLogitsProcessor",
        "NoRepeatNGramLogitsProcessor", "PrefixConstrainedLogitsProcessor",
        "RepetitionPenaltyLogitsProcessor", "SequenceBiasLogitsProcessor",
        "SuppressTokensAtBeginLogitsProcessor", "SuppressTokensLogitsProcessor",
    ),
    "generation.logits_warpers": (
        "EpsilonLogitsWarper", "EtaLogitsWarper", "MinPLogitsWarper", "TemperatureLogitsWarper",
        "TopKLogitsWarper", "TopPLogitsWarper", "TypicalLogitsWarper",
    ),
    "generation.mixin": ("GenerationMixin",),
    "generation.outputs": (
        "GenerateBeamDecoderOnlyOutput", "GenerateBeamEncoderDecoderOutput", "GenerateDecoderOnlyOutput",
        "GenerateEncoderDecoderOutput",
    ),
    "generation.stopping_criteria": (
        "EosTokenCriteria", "MaxLengthCriteria", "MaxTimeCriteria", "StopStringCriteria", "StoppingCriteria",
        "StoppingCriteriaList",
    ),
    "generation.streamers": ("BaseStreamer", "TextIteratorStreamer", "TextStreamer"),
    "lora.adapters": ("add_lora", "merge_lora", "print_trainable_parameters", "remove_lora", "unmerge_lora"),
    "lora.files": ("load_lora", "save_lora"),
    "modeling": ("PreTrainedModel",),
    "models.bert": (
        "BertConfig", "BertModel", "BertForMaskedLM", "BertForQuestionAnswering",
        "BertForSequenceClassification", "BertForTokenClassification",
    ),
    "models.distilbert": (
        "DistilBertConfig", "DistilBertModel", "DistilBertForMaskedLM", "DistilBertForQuestionAnswering",
        "DistilBertForSequenceClassification", "DistilBertForTokenClassification",
    ),
    "models.roberta": (
        "RobertaConfig", "RobertaModel", "RobertaForMaskedLM", "RobertaForQuestionAnswering",
        "RobertaForSequenceClassification", "RobertaForTokenClassification",
        "XLMRobertaConfig", "XLMRobertaModel", "XLMRobertaForMaskedLM", "XLMRobertaForQuestionAnswering",
        "XLMRobertaForSequenceClassification", "XLMRobertaForTokenClassification",
    ),
    "models.gpt2": ("GPT2Config", "GPT2ForSequenceClassification", "GPT2LMHeadModel", "GPT2Model"),
    "models.llama": (
        "LlamaConfig", "LlamaForCausalLM", "LlamaForSequenceClassification", "LlamaModel",
        "Qwen2Config", "Qwen2ForCausalLM", "Qwen2ForSequenceClassification", "Qwen2Model",
        "Qwen3Config", "Qwen3ForCausalLM", "Qwen3ForSequenceClassification", "Qwen3Model",
    ),
    "models.t5": ("T5Config", "T5EncoderModel", "T5ForConditionalGeneration", "T5Model"),
    "outputs": (
        "ModelOutput", "BaseModelOutput", "BaseModelOutputWithPast", "BaseModelOutputWithPooling",
        "CausalLMOutput", "CausalLMOutputWithPast", "MaskedLMOutput",
        "QuestionAnsweringModelOutput", "Seq2SeqLMOutput", "Seq2SeqModelOutput", "SequenceClassifierOutput",
        "TokenClassifierOutput",
    ),
    "pipelines.base": ("Pipeline",),
    "pipelines.factory": ("pipeline",),
    "pipelines.feature_extraction": ("FeatureExtractionPipeline",),
    "pipelines.fill_mask": ("FillMaskPipeline",),
    "pipelines.inputs": ("KeyDataset", "KeyPairDataset"),
    "pipelines.question_answering": ("QuestionAnsweringPipeline",),
    "pipelines.text_classification": ("TextClassificationPipeline",),
    "pipelines.text_generation": ("TextGenerationPipeline",),
    "pipelines.text_to_text": (
        "SummarizationPipeline", "Text2TextGenerationPipeline", "TranslationPipeline",
    ),
    "pipelines.token_classification": ("TokenClassificationPipeline",),
    "pipelines.zero_shot": ("ZeroShotClassificationPipeline",),
    "trainer": ("Trainer",),
    "trainer_seq2seq": ("Seq2SeqTrainer",),
    "trainer_callback": (
        "CallbackHandler", "DefaultFlowCallback", "EarlyStoppingCallback", "TrainerCallback",
        "TrainerControl", "TrainerState",
    ),
    "trainer_utils": (
        "EvalLoopOutput", "EvalPrediction", "IntervalStrategy", "PredictionOutput", "SaveStrategy",
        "SchedulerType", "TrainOutput", "get_last_checkpoint", "set_seed",
    ),
    "training.loggers": ("CSVCallback", "PrinterCallback", "ProgressCallback", "TensorBoardCallback"),
    "training_args": ("TrainingArguments",),
    "training_args_seq2seq": ("Seq2SeqTrainingArguments",),
    "tokenization.auto": ("AutoTokenizer",),
    "tokenization.backend": ("AddedToken",),
    "tokenization.base": (
        "PreTrainedTokenizer", "PreTrainedTokenizerBase", "PreTrainedTokenizerFast", "TokenizersBackend",
    ),
    "tokenization.bert": (
        "BertTokenizer", "BertTokenizerFast", "DistilBertTokenizer", "DistilBertTokenizerFast",
    ),
    "tokenization.byte_level": (
        "GPT2Tokenizer", "GPT2TokenizerFast", "Qwen2Tokenizer", "Qwen2TokenizerFast", "RobertaTokenizer",
        "RobertaTokenizerFast",
    ),
    "tokenization.sentencepiece": (
        "LlamaTokenizer", "LlamaTokenizerFast", "T5Tokenizer", "T5TokenizerFast", "XLMRobertaTokenizer",
        "XLMRobertaTokenizerFast",
    ),
}  # fmt: skip

_HOMES = {name: module for module, names in _NAMES_BY_MODULE.items() for name in names}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        value = getattr(importlib.import_module(f"corten.transformers.{_HOMES[name]}"), name)
        globals()[name] = value
        return value
    from corten.identifiers import no_attribute

    raise no_attribute(__name__, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
