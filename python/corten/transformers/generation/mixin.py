"""`GenerationMixin`: the `generate` of models with scores over a vocabulary."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from corten import autograd
from corten.transformers.generation.configuration import DEFAULTS, ELSEWHERE, GenerationConfig
from corten.transformers.generation.logits_process import Ids
from corten.transformers.generation.processors import (
    logits_processors,
    stopping_criteria as criteria_of,
    warn_about_right_padding,
)
from corten.transformers.generation.search import Search
from corten.transformers.generation.session import DecoderSession, EncoderDecoderSession


class GenerationMixin:
    """Adds `generate` to a model whose `call` gives logits and takes `past_key_values`."""

    config: Any
    call: Callable[..., Any]

    @property
    def generation_config(self) -> GenerationConfig:
        """The settings that `generate` begins with; those of the folder or of the model's configuration."""
        found = self.__dict__.get("_generation_config")
        if found is None:
            found = self.__dict__["_generation_config"] = GenerationConfig.from_model_config(self.config)
        return found

    @generation_config.setter
    def generation_config(self, value: GenerationConfig) -> None:
        if not isinstance(value, GenerationConfig):
            raise TypeError(f"generation_config: expected a GenerationConfig; got {type(value).__name__}.")
        self.__dict__["_generation_config"] = value

    def generate(
        self,
        inputs: Any = None,
        generation_config: GenerationConfig | None = None,
        logits_processor: Any = None,
        stopping_criteria: Any = None,
        prefix_allowed_tokens_fn: Any = None,
        streamer: Any = None,
        *,
        tokenizer: Any = None,
        seed: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Generate tokens that follow prompts, or that answer the encoder's input.

        Greedy search, sampling (`do_sample=True`), beam search (`num_beams`), beam sampling (both), and
        prompt lookup (`prompt_lookup_num_tokens`).

        Args:
            inputs: Tokens of the prompts, `(batch, length)`, filled up at the begin; a `BatchEncoding` or
                dict with `input_ids` and `attention_mask` too. For an encoder-decoder: the encoder's tokens.
            generation_config: Settings in place of `model.generation_config`.
            logits_processor: Processors of yours: a list of functions of tokens and scores.
            stopping_criteria: Criteria of yours: a list of functions of tokens and scores.
            prefix_allowed_tokens_fn: Called with the number of a prompt and its tokens; names those that may
                follow.
            streamer: Takes the prompt, then each token, as it comes; one prompt, no beams.
            tokenizer: For `stop_strings`.
            seed: For sampling: an integer, a `SeedGenerator`, or None for the global generator. The same
                seed gives the same tokens; each row of a batch has random numbers of its own.
            **kwargs: Settings of `GenerationConfig`, and arguments of the model such as `attention_mask` or
                `decoder_input_ids`.

        Returns:
            Tokens as an int32 tensor, `(batch * num_return_sequences, length)`, the prompts included; with
            `return_dict_in_generate=True` an output with them as `sequences`.

        Raises:
            ValueError: A setting is out of its range, the prompt is longer than `max_length`, or settings do
                not go together.
            TypeError: An argument is neither a setting nor one of the model's.

        Example:
            >>> from corten.transformers import GPT2Config, GPT2LMHeadModel
            >>> config = GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=1, n_head=2)
            >>> model = GPT2LMHeadModel(config)
            >>> model.generate([[1, 2, 3]], max_new_tokens=4, do_sample=True, seed=1).shape
            (1, 7)
        """
        owner = type(self).__name__
        if isinstance(inputs, Mapping):
            kwargs, inputs = {**inputs, **kwargs}, None
        config, arguments = self._settings(generation_config, kwargs)
        arguments.pop("token_type_ids", None)
        if inputs is None:
            inputs = arguments.pop("input_ids", None)
        elif "input_ids" in arguments:
            raise ValueError(f"{owner}.generate: give the prompt either as `inputs` or as `input_ids`.")
        with autograd.no_grad():
            if self.config.is_encoder_decoder:
                ids, session, encoder_ids = self._begin_encoder_decoder(inputs, arguments, config)
            else:
                ids, session, encoder_ids = self._begin_decoder(inputs, arguments, config)
            if streamer is not None and (
                len(ids) > 1 or config.num_beams > 1 or config.num_return_sequences > 1
            ):
                raise ValueError(
                    f"{owner}.generate: a streamer takes one sequence; got {len(ids)} prompts, num_beams="
                    f"{config.num_beams}, num_return_sequences={config.num_return_sequences}."
                )
            processors = logits_processors(
                config, ids.shape[1], encoder_ids, logits_processor, prefix_allowed_tokens_fn
            )
            criteria = criteria_of(config, stopping_criteria, tokenizer)
            search = Search(owner, session, config, processors, criteria, streamer, seed)
            return search.run(ids, bool(self.config.is_encoder_decoder))

    # ---- settings --------------------------------------------------------------------------------------

    def _settings(
        self, given: GenerationConfig | None, kwargs: dict[str, Any]
    ) -> tuple[GenerationConfig, dict[str, Any]]:
        """The settings of one call, and the arguments that are none."""
        config = copy.deepcopy(self.generation_config)
        if given is not None:
            if not isinstance(given, GenerationConfig):
                raise TypeError(
                    f"{type(self).__name__}.generate: `generation_config` must be a GenerationConfig; got "
                    f"{type(given).__name__}. The prompt comes first, settings by name."
                )
            for name in given._given:
                setattr(config, name, getattr(given, name))
        known = set(inspect.signature(self.call).parameters)
        taken = {*DEFAULTS, *(name for name in ELSEWHERE if name not in known)}
        settings = {name: value for name, value in kwargs.items() if name in taken}
        arguments = {name: value for name, value in kwargs.items() if name not in taken}
        if "max_length" in settings and "max_new_tokens" not in settings:
            # The call's word goes before that of a file.
            config.max_new_tokens = None
        config.update(**settings)
        for name in arguments:
            if name not in known:
                import difflib

                close = difflib.get_close_matches(name, [*DEFAULTS, *known], 1)
                hint = f" Did you mean {close[0]!r}?" if close else ""
                raise TypeError(
                    f"{type(self).__name__}.generate: {name!r} is neither a setting of GenerationConfig nor "
                    f"an argument of the model.{hint}"
                )
        config.warn_about_unused()
        if config.pad_token_id is None and config.eos_token_ids:
            config.pad_token_id = config.eos_token_ids[0]
        return config, arguments

    def _set_lengths(self, config: GenerationConfig, prompt: int, limit: int | None) -> None:
        owner = type(self).__name__
        if config.max_new_tokens is not None:
            config.max_length = prompt + config.max_new_tokens
        elif "max_length" not in config._given:
            config.max_length = prompt + DEFAULTS["max_length"]
            if limit is not None:
                config.max_length = min(config.max_length, limit)
        if config.max_length <= prompt:
            raise ValueError(
                f"{owner}.generate: the prompt has {prompt} tokens, and max_length={config.max_length} "
                "counts them too: nothing can follow. Pass `max_new_tokens` for the length of the answer "
                "alone."
            )
        if limit is not None and config.max_length > limit:
            raise ValueError(
                f"{owner}.generate: {config.max_length} tokens are more than the model has positions for, "
                f"{limit}. Cut the prompt or ask for fewer tokens."
            )
        if config.min_length > config.max_length or (config.min_new_tokens or 0) > config.max_length - prompt:
            raise ValueError(
                f"{owner}.generate: min_length={config.min_length} and "
                f"min_new_tokens={config.min_new_tokens} do not fit into {config.max_length} tokens, "
                f"{prompt} of them the prompt."
            )

    def _longest(self) -> int | None:
        """The longest text that there are positions for; None if there is no table of them."""
        return getattr(self.config, "n_positions", None) if self.config.model_type == "gpt2" else None

    def _prompt(self, inputs: Any, what: str) -> Ids:
        owner = type(self).__name__
        try:
            ids = np.asarray(inputs)
        except ValueError:
            ids = np.asarray(None)
        if ids.dtype == object:
            raise ValueError(
                f"{owner}.generate: the prompts have different lengths; fill them up at the begin, by "
                "`tokenizer(texts, padding=True, padding_side='left')`."
            )
        if ids.ndim != 2 or ids.dtype.kind not in "iu":
            raise ValueError(
                f"{owner}.generate: `{what}` must be integers of the shape (batch, length); got "
                f"{ids.dtype.name} of the shape {ids.shape}."
            )
        if 0 in ids.shape:
            raise ValueError(f"{owner}.generate: `{what}` is empty, of the shape {ids.shape}.")
        size = self.config.vocab_size
        if ids.min() < 0 or ids.max() >= size:
            raise ValueError(
                f"{owner}.generate: token ids must be 0 to {size - 1}, as the model has {size} tokens; got "
                f"{int(ids.min())} to {int(ids.max())}. Is it another model's tokenizer?"
            )
        return ids.astype(np.int64)

    # ---- beginnings ------------------------------------------------------------------------------------

    def _begin_decoder(
        self, inputs: Any, arguments: dict[str, Any], config: GenerationConfig
    ) -> tuple[Ids, DecoderSession, Ids | None]:
        if inputs is None:
            if config.bos_token_id is None:
                raise ValueError(
                    f"{type(self).__name__}.generate: there is no prompt, and no `bos_token_id` to begin "
                    "with."
                )
            inputs = [[config.bos_token_id]]
        ids = self._prompt(inputs, "input_ids")
        mask = self._mask(arguments.pop("attention_mask", None), ids, config)
        if mask is not None and (mask[:, -1] == 0).any():
            warn_about_right_padding(type(self).__name__)
        self._set_lengths(config, ids.shape[1], self._longest())
        for name in ("inputs_embeds", "past_key_values", "labels"):
            if arguments.pop(name, None) is not None:
                raise ValueError(
                    f"{type(self).__name__}.generate: `{name}` is not taken here; give `input_ids`."
                )
        session = DecoderSession(self, mask, config.max_length, config.use_cache, arguments)
        return ids, session, ids

    def _mask(self, mask: Any, ids: Ids, config: GenerationConfig) -> Any:
        """The mask of padding; None if there is none."""
        if mask is None:
            pad = config.pad_token_id
            if pad is None or pad in config.eos_token_ids or not (ids == pad).any():
                return None
            mask = ids != pad
        mask = np.asarray(mask).astype(np.int64)
        if mask.shape != ids.shape:
            raise ValueError(
                f"{type(self).__name__}.generate: `attention_mask` must have the shape of the tokens, "
                f"{ids.shape}; got {mask.shape}."
            )
        if (mask.sum(1) == 0).any():
            raise ValueError(f"{type(self).__name__}.generate: a row of `attention_mask` has no token.")
        return None if mask.all() else mask

    def _begin_encoder_decoder(
        self: Any, inputs: Any, arguments: dict[str, Any], config: GenerationConfig
    ) -> tuple[Ids, DecoderSession, Ids | None]:
        owner = type(self).__name__
        encoded = arguments.pop("encoder_outputs", None)
        mask = arguments.pop("attention_mask", None)
        encoder_ids = None
        if encoded is None:
            if inputs is None:
                raise ValueError(f"{owner}.generate: give the encoder's tokens, or `encoder_outputs`.")
            encoder_ids = self._prompt(inputs, "input_ids")
            mask = self._mask(mask, encoder_ids, config)
            encoded = self.get_encoder()(
                input_ids=encoder_ids.astype(np.int32), attention_mask=mask, return_dict=True
            )
        batch = encoded.last_hidden_state.shape[0]
        start = arguments.pop("decoder_input_ids", None)
        if start is None:
            first = config.decoder_start_token_id
            first = config.bos_token_id if first is None else first
            if first is None:
                raise ValueError(
                    f"{owner}.generate: `decoder_start_token_id` is not set, nor is `bos_token_id`."
                )
            start = np.full((batch, 1), first)
        ids = self._prompt(start, "decoder_input_ids")
        self._set_lengths(config, ids.shape[1], None)
        arguments.pop("labels", None)
        arguments["encoder_outputs"] = encoded
        session = EncoderDecoderSession(
            self, None if mask is None else np.asarray(mask), config.max_length, config.use_cache, arguments
        )
        return ids, session, encoder_ids

    # ---- files -----------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, **kwargs: Any) -> Any:
        from corten.transformers.hub import split_hub_arguments

        found = super().from_pretrained(pretrained_model_name_or_path, **kwargs)  # type: ignore[misc]
        model = found[0] if isinstance(found, tuple) else found
        settings = GenerationConfig.beside_model(
            pretrained_model_name_or_path, **split_hub_arguments(kwargs)[0]
        )
        if settings is not None:
            model.generation_config = settings
        return found

    def save_pretrained(self, save_directory: Any, **kwargs: Any) -> None:
        super().save_pretrained(save_directory, **kwargs)  # type: ignore[misc]
        self.generation_config.save_pretrained(save_directory)
