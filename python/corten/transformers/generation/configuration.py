"""`GenerationConfig`: how text is generated, as `generation_config.json` says it."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

#: The names, with what holds where nothing is said.
DEFAULTS: dict[str, Any] = {
    "max_length": 20,
    "max_new_tokens": None,
    "min_length": 0,
    "min_new_tokens": None,
    "max_time": None,
    "stop_strings": None,
    "do_sample": False,
    "num_beams": 1,
    "early_stopping": False,
    "use_cache": True,
    "prompt_lookup_num_tokens": None,
    "max_matching_ngram_size": 2,
    "temperature": 1.0,
    "top_k": 50,
    "top_p": 1.0,
    "min_p": None,
    "typical_p": 1.0,
    "epsilon_cutoff": 0.0,
    "eta_cutoff": 0.0,
    "repetition_penalty": 1.0,
    "encoder_repetition_penalty": 1.0,
    "length_penalty": 1.0,
    "no_repeat_ngram_size": 0,
    "encoder_no_repeat_ngram_size": 0,
    "bad_words_ids": None,
    "renormalize_logits": False,
    "forced_bos_token_id": None,
    "forced_eos_token_id": None,
    "remove_invalid_values": False,
    "exponential_decay_length_penalty": None,
    "suppress_tokens": None,
    "begin_suppress_tokens": None,
    "sequence_bias": None,
    "num_return_sequences": 1,
    "output_scores": False,
    "output_logits": False,
    "return_dict_in_generate": False,
    "pad_token_id": None,
    "bos_token_id": None,
    "eos_token_id": None,
    "decoder_start_token_id": None,
}

# Names of other ways to generate. A file may carry them switched off; switched on they are refused.
ELSEWHERE: dict[str, tuple[Any, ...]] = {
    "num_beam_groups": (None, 1),
    "diversity_penalty": (None, 0.0),
    "penalty_alpha": (None, 0.0),
    "dola_layers": (None,),
    "constraints": (None,),
    "force_words_ids": (None,),
    "guidance_scale": (None, 1.0),
    "low_memory": (None, False),
    "output_attentions": (None, False),
    "output_hidden_states": (None, False),
    "token_healing": (None, False),
    "watermarking_config": (None,),
    "top_h": (None,),
}
FILE_NAME = "generation_config.json"


class GenerationConfig:
    """The settings of `generate`.

    Args:
        max_length: Tokens of prompt and answer together; for an encoder-decoder, tokens of the answer.
        max_new_tokens: Tokens of the answer; goes before `max_length`. None leaves it to `max_length`.
        min_length: As `max_length`: before so many tokens the end-of-sequence token is not chosen.
        min_new_tokens: As `max_new_tokens`.
        max_time: Seconds after which no further token is begun.
        stop_strings: A string, or some, that end the answer; `generate` needs `tokenizer=` for them.
        do_sample: Whether tokens are drawn; otherwise the most probable one is taken.
        num_beams: Beams of a beam search; 1 is none.
        early_stopping: When a beam search ends: True as soon as there are `num_beams` finished answers, False
            when a better one is unlikely, `"never"` when there cannot be a better one.
        use_cache: Whether keys and values of earlier tokens are kept.
        prompt_lookup_num_tokens: If given, so many tokens at once are proposed by looking where in the text
            the last ones occurred before, and checked in one step (greedy, one sequence; the answer is the
            same).
        max_matching_ngram_size: How many of the last tokens are looked for.
        temperature: Divides the scores before a token is drawn.
        top_k: Only so many of the most probable tokens are drawn; 0 and None: all.
        top_p: Only the most probable tokens that together reach this probability are drawn.
        min_p: Only tokens with at least this share of the probability of the most probable one are drawn.
        typical_p: Only the tokens whose surprise is closest to the expected one, up to this probability.
        epsilon_cutoff: Only tokens of at least this probability are drawn.
        eta_cutoff: As `epsilon_cutoff`, lower where the distribution is flat.
        repetition_penalty: Scores of tokens that are there already are divided (below 0: multiplied) by it.
        encoder_repetition_penalty: The reverse for tokens of the encoder's input.
        length_penalty: Beam scores are divided by the length to this power.
        no_repeat_ngram_size: No sequence of so many tokens occurs twice; 0 allows it.
        encoder_no_repeat_ngram_size: None of the encoder's input occurs.
        bad_words_ids: Sequences of tokens that are never generated.
        renormalize_logits: Whether scores are made log probabilities again after all processors.
        forced_bos_token_id: The token that comes first after `decoder_start_token_id`.
        forced_eos_token_id: The token, or tokens, that come last when `max_length` is reached.
        remove_invalid_values: Whether NaN and infinite scores are replaced.
        exponential_decay_length_penalty: `(start, factor)`: after `start` tokens the end becomes ever
            likelier.
        suppress_tokens: Tokens that are never generated.
        begin_suppress_tokens: Tokens that do not come first.
        sequence_bias: A list of `[tokens, bias]`: what is added to the score of the last token of each.
        num_return_sequences: Answers for each prompt.
        output_scores: Whether the processed scores of each step are returned.
        output_logits: Whether the model's scores are.
        return_dict_in_generate: Whether `generate` returns a `ModelOutput` rather than the tokens alone.
        pad_token_id: Fills up shorter answers.
        bos_token_id: The prompt where there is none.
        eos_token_id: The token, or tokens, that end an answer.
        decoder_start_token_id: The first token of the decoder of an encoder-decoder.
        **kwargs: Names that are not known are kept and written back.

    Source: the page "Generation" of the transformers documentation.

    Example:
        >>> from corten.transformers import GenerationConfig
        >>> config = GenerationConfig(max_new_tokens=5, do_sample=True, top_p=0.9)
        >>> config.top_p, config.num_beams, config.to_diff_dict()
        (0.9, 1, {'max_new_tokens': 5, 'do_sample': True, 'top_p': 0.9})
    """

    # What is written down in `__init__` by name, for those who read the class and for type checkers.
    max_length: int
    max_new_tokens: int | None
    min_length: int
    min_new_tokens: int | None
    max_time: float | None
    stop_strings: str | list[str] | None
    do_sample: bool
    num_beams: int
    early_stopping: bool | str
    use_cache: bool
    prompt_lookup_num_tokens: int | None
    max_matching_ngram_size: int
    temperature: float
    top_k: int | None
    top_p: float
    min_p: float | None
    typical_p: float
    epsilon_cutoff: float
    eta_cutoff: float
    repetition_penalty: float
    encoder_repetition_penalty: float
    length_penalty: float
    no_repeat_ngram_size: int
    encoder_no_repeat_ngram_size: int
    bad_words_ids: list[list[int]] | None
    renormalize_logits: bool
    forced_bos_token_id: int | None
    forced_eos_token_id: int | list[int] | None
    remove_invalid_values: bool
    exponential_decay_length_penalty: tuple[int, float] | None
    suppress_tokens: list[int] | None
    begin_suppress_tokens: list[int] | None
    sequence_bias: list[Any] | dict[tuple[int, ...], float] | None
    num_return_sequences: int
    output_scores: bool
    output_logits: bool
    return_dict_in_generate: bool
    pad_token_id: int | None
    bos_token_id: int | None
    eos_token_id: int | list[int] | None
    decoder_start_token_id: int | None

    def __init__(self, **kwargs: Any) -> None:
        #: The names that were said, which another config then goes after.
        self._given: set[str] = set()
        self._extra: dict[str, Any] = {}
        for name, value in DEFAULTS.items():
            self.__dict__[name] = copy.deepcopy(value)
        self.update(**kwargs)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in DEFAULTS:
            self._given.add(name)
            # Files write null for "as if nothing were said".
            value = DEFAULTS[name] if value is None else value
        object.__setattr__(self, name, value)

    def update(self, **kwargs: Any) -> dict[str, Any]:
        """Set some of the names.

        Args:
            **kwargs: Names and values; None is the default.

        Returns:
            Those that are no setting of `generate`; they are kept beside the others.

        Raises:
            ValueError: A value is out of its range, or asks for a way of generating that there is not.
        """
        unknown = {}
        for name, value in kwargs.items():
            if name in DEFAULTS:
                setattr(self, name, value)
            else:
                unknown[name] = value
        self._extra.update(unknown)
        self.validate()
        return unknown

    def validate(self) -> None:
        """Check all values.

        Raises:
            ValueError: A value is out of its range; two do not go together.
        """
        for name, off in ELSEWHERE.items():
            value = self._extra.get(name)
            if not any(value is one or value == one for one in off):
                raise ValueError(
                    f"GenerationConfig: `{name}={value!r}` asks for a way to generate that is not there. "
                    "There are greedy search, sampling, beam search and beam sampling, and prompt lookup: "
                    f"leave `{name}` out."
                )
        at_least_one = ("max_length", "max_new_tokens", "num_beams", "num_return_sequences",
                        "max_matching_ngram_size", "prompt_lookup_num_tokens")  # fmt: skip
        for name in at_least_one:
            _check_integer(name, getattr(self, name), 1)
        for name in ("min_length", "min_new_tokens", "top_k", "no_repeat_ngram_size"):
            _check_integer(name, getattr(self, name), 0)
        for name in ("temperature", "repetition_penalty", "encoder_repetition_penalty"):
            value = getattr(self, name)
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value > 0:
                hint = " For the most probable token use `do_sample=False`." if name == "temperature" else ""
                raise ValueError(f"GenerationConfig: `{name}` must be a number above 0; got {value!r}.{hint}")
        for name in ("top_p", "typical_p", "min_p", "epsilon_cutoff", "eta_cutoff"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, (int, float)) and 0 <= value <= 1):
                raise ValueError(f"GenerationConfig: `{name}` must be a number from 0 to 1; got {value!r}.")
        if self.early_stopping not in (True, False, "never"):
            raise ValueError(
                "GenerationConfig: `early_stopping` must be True, False or 'never'; got "
                f"{self.early_stopping!r}."
            )
        answers = self.num_return_sequences
        if answers > 1 and not self.do_sample and answers > self.num_beams:
            raise ValueError(
                f"GenerationConfig: num_return_sequences={answers} needs `do_sample=True` or at least as "
                f"many `num_beams`; got num_beams={self.num_beams}."
            )

    @property
    def eos_token_ids(self) -> list[int]:
        """The tokens that end an answer, none, one or several."""
        ids = self.eos_token_id
        return [] if ids is None else list(ids) if isinstance(ids, (list, tuple)) else [ids]

    def warn_about_unused(self) -> None:
        """Warn about settings that were made and have no effect."""
        sampling = ("temperature", "top_k", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff")
        beams = ("early_stopping", "length_penalty")
        for names, used, need in (
            (sampling, self.do_sample, "`do_sample=True`"),
            (beams, self.num_beams > 1, "`num_beams` above 1"),
        ):
            idle = [name for name in names if getattr(self, name) != DEFAULTS[name]]
            if idle and not used:
                shown = ", ".join(f"{name}={getattr(self, name)!r}" for name in idle)
                warnings.warn(f"generate: {shown}: has no effect without {need}.", stacklevel=4)

    # ---- files ---------------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """Return all names with their values."""
        return {**{name: copy.deepcopy(getattr(self, name)) for name in DEFAULTS}, **self._extra}

    def to_diff_dict(self) -> dict[str, Any]:
        """Return the names whose values are not the defaults, and those that were not known."""
        known = {name: copy.deepcopy(getattr(self, name)) for name in DEFAULTS}
        changed = {name: value for name, value in known.items() if value != DEFAULTS[name]}
        return {**changed, **self._extra}

    @classmethod
    def from_dict(cls, values: dict[str, Any], **kwargs: Any) -> GenerationConfig:
        """Make a config from a dict, such as a JSON file holds.

        Args:
            values: Names and values.
            **kwargs: More of them, which go before.
        """
        return cls(**{**values, **kwargs})

    @classmethod
    def from_model_config(cls, config: Any) -> GenerationConfig:
        """Make a config from what a model's configuration says about generating.

        Args:
            config: A `PretrainedConfig`, or anything with attributes of those names.

        Example:
            >>> from corten.transformers import GenerationConfig, GPT2Config
            >>> GenerationConfig.from_model_config(GPT2Config()).eos_token_id
            50256
        """
        made = cls()
        for name in DEFAULTS:
            value = getattr(config, name, None)
            if value is not None and value != DEFAULTS[name]:
                setattr(made, name, value)
        made.validate()
        return made

    @classmethod
    def from_pretrained(cls, folder: Any, **kwargs: Any) -> GenerationConfig:
        """Read `generation_config.json` of a folder or of a name in the local cache.

        Args:
            folder: The folder, or a model's name.
            **kwargs: `revision`, `cache_dir`, `local_files_only`, as for a model; other names change
                settings.

        Raises:
            OSError: There is no such file.
            ValueError: It holds something else.
        """
        from corten.transformers.hub import find_file, split_hub_arguments

        where, settings = split_hub_arguments(kwargs)
        return cls.from_dict(_read(find_file(folder, FILE_NAME, **where)), **settings)

    @classmethod
    def beside_model(cls, folder: Any, **where: Any) -> GenerationConfig | None:
        """Read `generation_config.json` of a model; None if it has none.

        Args:
            folder: The folder, or the model's name.
            **where: Where to look, as for `from_pretrained`.
        """
        from corten.transformers.hub import find_file

        path = find_file(folder, FILE_NAME, **{**where, "required": False})
        return None if path is None else cls.from_dict(_read(path))

    def save_pretrained(self, save_directory: Any) -> None:
        """Write `generation_config.json` into a folder.

        Args:
            save_directory: The folder; it is made.
        """
        from corten.saving.atomic import write_bytes

        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.to_diff_dict(), indent=2, sort_keys=True) + "\n"
        write_bytes(folder / FILE_NAME, text.encode())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, GenerationConfig) and self.to_dict() == other.to_dict()

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"GenerationConfig {json.dumps(self.to_diff_dict(), indent=2, default=str)}"


def _read(path: Path) -> dict[str, Any]:
    from corten.saving.files import parse_json

    values = parse_json(path.read_bytes(), str(path))
    if not isinstance(values, dict):
        raise ValueError(
            f"{path}: expected the names and values of a GenerationConfig; got {type(values).__name__}."
        )
    return values


def _check_integer(name: str, value: Any, least: int) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < least):
        raise ValueError(f"GenerationConfig: `{name}` must be an integer from {least} on; got {value!r}.")
