"""The searches: greedy and sampling, with beams, and with tokens that are proposed by looking up."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from corten import _core
from corten.random.seed_generator import SeedGenerator, draw_key
from corten.transformers.generation.beam_search import BeamSearch
from corten.transformers.generation.configuration import GenerationConfig
from corten.transformers.generation.logits_process import (
    Ids,
    LogitsProcessorList,
    Scores,
    log_softmax,
    softmax,
)
from corten.transformers.generation.outputs import (
    GenerateBeamDecoderOnlyOutput,
    GenerateBeamEncoderDecoderOutput,
    GenerateDecoderOnlyOutput,
    GenerateEncoderDecoderOutput,
)
from corten.transformers.generation.session import DecoderSession
from corten.transformers.generation.stopping_criteria import StoppingCriteriaList

# Steps of one seed draw from streams of their own, apart from those of layers and plain tensors.
_STREAMS = 1 << 34


class Search:
    """One call of `generate`.

    Args:
        owner: The model's class, for messages.
        session: The model, fed with nothing yet.
        config: The settings.
        processors: What changes scores.
        criteria: What ends sequences.
        streamer: Takes tokens as they come, or None.
        seed: For sampling.
    """

    def __init__(
        self,
        owner: str,
        session: DecoderSession,
        config: GenerationConfig,
        processors: LogitsProcessorList,
        criteria: StoppingCriteriaList,
        streamer: Any,
        seed: Any,
    ) -> None:
        self.owner, self.session, self.config = owner, session, config
        self.processors, self.criteria, self.streamer = processors, criteria, streamer
        self.seed = seed
        self._draws = 0
        self.scores: list[Any] = []
        self.logits: list[Any] = []

    def run(self, ids: Ids, is_encoder_decoder: bool) -> Any:
        """Generate, and return what was asked for.

        Args:
            ids: Tokens of the prompts, `(batch, length)`.
            is_encoder_decoder: Which class of output it is.
        """
        config = self.config
        if self.streamer is not None:
            self.streamer.put(ids)
        extra: dict[str, Any] = {}
        if config.num_beams > 1:
            sequences, extra = self._beams(ids)
        elif config.prompt_lookup_num_tokens is not None:
            sequences = self._lookup(ids)
        else:
            sequences = self._plain(ids)
        if self.streamer is not None:
            self.streamer.end()
        found = _core.tensor(sequences.astype(np.int32))
        if not config.return_dict_in_generate:
            return found
        kinds: tuple[Any, Any] = (GenerateDecoderOnlyOutput, GenerateEncoderDecoderOutput)
        if config.num_beams > 1:
            kinds = (GenerateBeamDecoderOnlyOutput, GenerateBeamEncoderDecoderOutput)
        return kinds[is_encoder_decoder](
            sequences=found,
            scores=tuple(self.scores) if config.output_scores else None,
            logits=tuple(self.logits) if config.output_logits else None,
            past_key_values=self.session.cache,
            **extra,
        )

    # ---- scores and choices ----------------------------------------------------------------------------

    def _processed(self, ids: Ids, logits: Scores) -> Scores:
        """The scores after all processors, noted where they were asked for."""
        scores = self.processors(ids, logits) if self.processors else logits
        self._note(logits, scores)
        return scores

    def _note(self, logits: Scores, scores: Scores) -> None:
        if self.config.return_dict_in_generate:
            if self.config.output_logits:
                self.logits.append(_core.tensor(logits))
            if self.config.output_scores:
                self.scores.append(_core.tensor(scores))

    def _chosen(self, scores: Scores) -> npt.NDArray[np.int64]:
        if not self.config.do_sample:
            return scores.argmax(1)
        chances = softmax(scores)
        if not np.isfinite(chances).all():
            raise ValueError(
                f"{self.owner}.generate: the scores leave no token to draw from: they are NaN, or a "
                "processor forbids all tokens."
            )
        summed = np.cumsum(chances, 1, dtype=np.float64)
        places = self._random((len(scores),)) * summed[:, -1]
        return np.array(
            [np.searchsorted(row, place, side="right") for row, place in zip(summed, places, strict=True)]
        )

    def _random(self, shape: tuple[int, ...]) -> npt.NDArray[np.float64]:
        """Numbers from 0 to below 1, others in every step."""
        seed, stream = draw_key(self.seed)
        if self.seed is not None and not isinstance(self.seed, SeedGenerator):
            stream += _STREAMS + self._draws
        self._draws += 1
        return np.asarray(_core.random("uniform", shape, "float64", seed, stream))

    # ---- one token after the other ---------------------------------------------------------------------

    def _plain(self, prompts: Ids) -> Ids:
        config, pad = self.config, self._pad()
        logits = self.session.advance(prompts)[:, -1]
        rows = config.num_return_sequences
        if rows > 1:
            self.session.repeat(rows)
            logits, prompts = np.repeat(logits, rows, 0), np.repeat(prompts, rows, 0)
        length = prompts.shape[1]
        text = prompts
        goes_on = np.ones(len(prompts), bool)
        while True:
            scores = self._processed(text[:, :length], logits)
            token = np.where(goes_on, self._chosen(scores), pad)
            if length == text.shape[1]:
                room = min(config.max_length, 2 * length + 64) - length
                text = np.concatenate([text, np.full((len(text), room), pad, np.int64)], 1)
            text[:, length] = token
            length += 1
            if self.streamer is not None:
                self.streamer.put(token)
            goes_on &= ~self.criteria(text[:, :length], scores)
            if not goes_on.any():
                return text[:, :length]
            logits = self.session.advance(text[:, length - 1 : length])[:, -1]

    def _pad(self) -> int:
        # Without an end nothing is filled up.
        return 0 if self.config.pad_token_id is None else self.config.pad_token_id

    # ---- beams -----------------------------------------------------------------------------------------

    def _beams(self, prompts: Ids) -> tuple[Ids, dict[str, Any]]:
        config = self.config
        beams, answers = config.num_beams, config.num_return_sequences
        if answers > beams:
            raise ValueError(
                f"{self.owner}.generate: num_return_sequences={answers} is more than num_beams={beams}."
            )
        search = BeamSearch(
            prompts,
            beams,
            self._pad(),
            prompts.shape[1],
            config.length_penalty,
            config.early_stopping,
            config.max_length,
            self.criteria,
            max(2, 1 + len(config.eos_token_ids)) * beams,
        )
        logits = np.repeat(self.session.advance(prompts)[:, -1], beams, 0)
        self.session.repeat(beams)
        while True:
            scores = log_softmax(logits)
            if self.processors:
                scores = self.processors(search.ids, scores)
            self._note(logits, scores)
            rows, goes_on = search.step(scores, self._random if config.do_sample else None)
            if not goes_on:
                break
            self.session.reorder(rows)
            logits = self.session.advance(search.ids[:, -1:])[:, -1]
        sequences, values, history = search.results(answers)
        extra: dict[str, Any] = {}
        if config.output_scores:
            extra = {"sequences_scores": _core.tensor(values), "beam_indices": _core.tensor(history)}
        return sequences, extra

    # ---- lookup ----------------------------------------------------------------------------------------

    def _lookup(self, prompts: Ids) -> Ids:
        """Greedy search that checks several proposed tokens in one step; what is generated is the same."""
        config = self.config
        if len(prompts) > 1 or config.do_sample or config.num_return_sequences > 1 or not config.use_cache:
            raise ValueError(
                f"{self.owner}.generate: `prompt_lookup_num_tokens` needs one prompt, greedy search and the "
                f"cache; got {len(prompts)} prompts, do_sample={config.do_sample}, num_return_sequences="
                f"{config.num_return_sequences}, use_cache={config.use_cache}."
            )
        text = prompts
        logits = self.session.advance(prompts)[:, -1:]
        proposed = np.zeros(0, np.int64)
        while True:
            # Scores after each proposed token are those of the text only as far as the proposals are right.
            seen = text.shape[1]
            for place in range(logits.shape[1]):
                scores = self._processed(text, logits[:, place])
                token = scores.argmax(1)
                text = np.concatenate([text, token[:, None]], 1)
                if self.streamer is not None:
                    self.streamer.put(token)
                if self.criteria(text, scores).all():
                    return text
                if place < len(proposed) and token[0] != proposed[place]:
                    break
            # The cache has the proposals too, of which some may be wrong.
            self.session.crop(text.shape[1] - 1)
            assert text.shape[1] > seen
            proposed = self._proposals(text[0])
            fed = np.concatenate([text[0, -1:], proposed])[None]
            logits = self.session.advance(fed, keep=fed.shape[1])

    def _proposals(self, text: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """What followed the last tokens where they occurred last before."""
        config = self.config
        assert config.prompt_lookup_num_tokens is not None
        most = min(config.prompt_lookup_num_tokens, config.max_length - len(text) - 1)
        if most < 1:
            return text[:0]
        for size in range(min(config.max_matching_ngram_size, len(text) - 1), 0, -1):
            windows = np.lib.stride_tricks.sliding_window_view(text[:-1], size)
            hits = np.flatnonzero((windows == text[-size:]).all(1))
            if len(hits):
                start = hits[-1] + size
                return text[start : start + most]
        return text[:0]
