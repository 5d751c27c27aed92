"""Which processors and criteria a configuration asks for, in their order."""

from __future__ import annotations

import warnings
from typing import Any

from corten.transformers.generation import logits_process as process, logits_warpers as warpers
from corten.transformers.generation.configuration import GenerationConfig
from corten.transformers.generation.logits_process import Ids, LogitsProcessorList
from corten.transformers.generation.stopping_criteria import (
    EosTokenCriteria,
    MaxLengthCriteria,
    MaxTimeCriteria,
    StoppingCriteriaList,
    StopStringCriteria,
)


def logits_processors(
    config: GenerationConfig,
    prompt_length: int,
    encoder_ids: Ids | None,
    given: Any,
    prefix_allowed_tokens_fn: Any,
) -> LogitsProcessorList:
    """Return the processors of a configuration, with those that a user gave.

    Args:
        config: The configuration.
        prompt_length: Tokens of the prompt.
        encoder_ids: Tokens of the encoder, if there is one; else those of the prompt.
        given: The user's processors, which come before those for sampling.
        prefix_allowed_tokens_fn: Which tokens may come, or None.
    """
    found = LogitsProcessorList()
    ends = config.eos_token_ids
    if config.sequence_bias is not None:
        found.append(process.SequenceBiasLogitsProcessor(config.sequence_bias))
    if config.encoder_repetition_penalty != 1.0 and encoder_ids is not None:
        found.append(
            process.EncoderRepetitionPenaltyLogitsProcessor(config.encoder_repetition_penalty, encoder_ids)
        )
    if config.repetition_penalty != 1.0:
        found.append(process.RepetitionPenaltyLogitsProcessor(config.repetition_penalty))
    if config.no_repeat_ngram_size:
        found.append(process.NoRepeatNGramLogitsProcessor(config.no_repeat_ngram_size))
    if config.encoder_no_repeat_ngram_size and encoder_ids is not None:
        found.append(
            process.EncoderNoRepeatNGramLogitsProcessor(config.encoder_no_repeat_ngram_size, encoder_ids)
        )
    if config.bad_words_ids is not None:
        found.append(process.NoBadWordsLogitsProcessor(config.bad_words_ids, ends))
    if config.min_length and ends:
        found.append(process.MinLengthLogitsProcessor(config.min_length, ends))
    if config.min_new_tokens and ends:
        found.append(process.MinNewTokensLengthLogitsProcessor(prompt_length, config.min_new_tokens, ends))
    if prefix_allowed_tokens_fn is not None:
        rows = config.num_beams if config.num_beams > 1 else config.num_return_sequences
        found.append(process.PrefixConstrainedLogitsProcessor(prefix_allowed_tokens_fn, rows))
    if config.forced_bos_token_id is not None:
        found.append(process.ForcedBOSTokenLogitsProcessor(config.forced_bos_token_id))
    if config.forced_eos_token_id is not None:
        found.append(process.ForcedEOSTokenLogitsProcessor(config.max_length, config.forced_eos_token_id))
    if config.remove_invalid_values:
        found.append(process.InfNanRemoveLogitsProcessor())
    if config.exponential_decay_length_penalty is not None:
        decay = config.exponential_decay_length_penalty
        found.append(process.ExponentialDecayLengthPenalty(decay, ends, prompt_length))
    if config.suppress_tokens is not None:
        found.append(process.SuppressTokensLogitsProcessor(config.suppress_tokens))
    if config.begin_suppress_tokens is not None:
        begin = prompt_length + (config.forced_bos_token_id is not None and prompt_length == 1)
        found.append(process.SuppressTokensAtBeginLogitsProcessor(config.begin_suppress_tokens, begin))
    found.extend(given or ())
    if config.do_sample:
        found.extend(_warpers(config))
    if config.renormalize_logits:
        found.append(process.LogitNormalization())
    return found


def _warpers(config: GenerationConfig) -> LogitsProcessorList:
    # A beam search needs as many continuations as may end, and one more.
    keep = len(config.eos_token_ids) + 1 if config.num_beams > 1 else 1
    found = LogitsProcessorList()
    if config.temperature != 1.0:
        found.append(warpers.TemperatureLogitsWarper(config.temperature))
    if config.top_k:
        found.append(warpers.TopKLogitsWarper(config.top_k, min_tokens_to_keep=keep))
    if config.top_p < 1.0:
        found.append(warpers.TopPLogitsWarper(config.top_p, min_tokens_to_keep=keep))
    if config.min_p is not None:
        found.append(warpers.MinPLogitsWarper(config.min_p, min_tokens_to_keep=keep))
    if config.typical_p < 1.0:
        found.append(warpers.TypicalLogitsWarper(config.typical_p, min_tokens_to_keep=keep))
    if 0.0 < config.epsilon_cutoff < 1.0:
        found.append(warpers.EpsilonLogitsWarper(config.epsilon_cutoff, min_tokens_to_keep=keep))
    if 0.0 < config.eta_cutoff < 1.0:
        found.append(warpers.EtaLogitsWarper(config.eta_cutoff, min_tokens_to_keep=keep))
    return found


def stopping_criteria(config: GenerationConfig, given: Any, tokenizer: Any) -> StoppingCriteriaList:
    """Return the criteria of a configuration, with those that a user gave.

    Args:
        config: The configuration.
        given: The user's criteria.
        tokenizer: For stop strings.

    Raises:
        ValueError: There are stop strings, but no tokenizer.
    """
    found = StoppingCriteriaList([MaxLengthCriteria(config.max_length)])
    if config.max_time is not None:
        found.append(MaxTimeCriteria(config.max_time))
    if config.stop_strings is not None:
        if tokenizer is None:
            raise ValueError(
                "generate: `stop_strings` are looked for in the text of tokens: pass the tokenizer too, as "
                "`model.generate(..., stop_strings=[...], tokenizer=tokenizer)`."
            )
        found.append(StopStringCriteria(tokenizer, config.stop_strings))
    if config.eos_token_ids:
        found.append(EosTokenCriteria(config.eos_token_ids))
    found.extend(given or ())
    return found


def warn_about_right_padding(model: str) -> None:
    """Warn that texts that go on must be filled up at their begin."""
    warnings.warn(
        f"{model}.generate: the prompts end with padding, so that the answers would follow the padding. Fill "
        "them up "
        "at the begin: `tokenizer.padding_side = 'left'`.",
        stacklevel=4,
    )
