"""Llama, Qwen2 and Qwen3: decoders with RMS normalization, rotary embeddings and gated feed-forward parts."""

from __future__ import annotations

from typing import Any, ClassVar

from corten import initializers, ops
from corten.layers import Dense, Layer, ReversibleEmbedding, RMSNormalization
from corten.random import SeedGenerator
from corten.transformers.cache import DynamicCache
from corten.transformers.configuration import PretrainedConfig
from corten.transformers.layers import activation as activation_of
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.models.decoder import DecoderForCausalLM, DecoderForSequenceClassification
from corten.transformers.models.decoder_attention import (
    RotaryFrequencies,
    attend_cached,
    attention_mask_of,
    positions,
    rotate,
)
from corten.transformers.outputs import BaseModelOutputWithPast


class LlamaConfig(PretrainedConfig):
    """The settings of Llama.

    Args:
        vocab_size: Number of tokens.
        hidden_size: Size of the states.
        intermediate_size: Size within the feed-forward parts.
        num_hidden_layers: Number of layers.
        num_attention_heads: Number of attention heads.
        num_key_value_heads: Number of heads of keys and values, which groups of heads share; None is as many.
        head_dim: Size of a head; None is `hidden_size / num_attention_heads`.
        hidden_act: The activation of the gates.
        max_position_embeddings: The longest text the model was trained on.
        initializer_range: Standard deviation of new weights.
        rms_norm_eps: Added to mean squares.
        use_cache: Whether calls return the cache of keys and values.
        rope_theta: The base of the rotary embedding's angles.
        rope_scaling: How they are scaled for longer texts: a dict with `rope_type`, `'linear'`, `'llama3'` or
            `'yarn'`.
        rope_parameters: Both in one dict, as files of transformers 5 have it.
        attention_bias: Whether the projections of attention have a bias.
        attention_dropout: Dropout rate of attention weights.
        mlp_bias: Whether those of the feed-forward parts have one.
        pad_token_id: The id that fills up short texts.
        bos_token_id: The id that begins a text.
        eos_token_id: The id that ends a text.
        tie_word_embeddings: Whether scores are computed with the word embeddings.
        **kwargs: As for `PretrainedConfig`.

    Source: Touvron et al. 2023, arXiv:2302.13971.

    Example:
        >>> from corten.transformers import LlamaConfig
        >>> LlamaConfig(hidden_size=64, num_attention_heads=4).head_dim
        16
    """

    model_type = "llama"
    positive_integers = (
        "vocab_size", "hidden_size", "intermediate_size", "num_attention_heads", "num_key_value_heads",
        "max_position_embeddings",
    )  # fmt: skip
    rates = ("attention_dropout",)

    def __init__(
        self,
        vocab_size: int = 32000,
        hidden_size: int = 4096,
        intermediate_size: int = 11008,
        num_hidden_layers: int = 32,
        num_attention_heads: int = 32,
        num_key_value_heads: int | None = None,
        head_dim: int | None = None,
        hidden_act: str = "silu",
        max_position_embeddings: int = 2048,
        initializer_range: float = 0.02,
        rms_norm_eps: float = 1e-6,
        use_cache: bool = True,
        rope_theta: float = 10000.0,
        rope_scaling: dict[str, Any] | None = None,
        rope_parameters: dict[str, Any] | None = None,
        attention_bias: bool = False,
        attention_dropout: float = 0.0,
        mlp_bias: bool = False,
        pad_token_id: int | None = None,
        bos_token_id: int | None = 1,
        eos_token_id: int | list[int] | None = 2,
        tie_word_embeddings: bool = False,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.intermediate_size = intermediate_size
        self.num_hidden_layers = num_hidden_layers
        self.num_attention_heads = num_attention_heads
        self.num_key_value_heads = num_attention_heads if num_key_value_heads is None else num_key_value_heads
        given = all(isinstance(size, int) and size > 0 for size in (hidden_size, num_attention_heads))
        self.head_dim: Any = hidden_size // num_attention_heads if head_dim is None and given else head_dim
        self.hidden_act = hidden_act
        self.max_position_embeddings = max_position_embeddings
        self.initializer_range = initializer_range
        self.rms_norm_eps = rms_norm_eps
        self.use_cache = use_cache
        if rope_parameters is not None:
            rope_theta = rope_parameters.get("rope_theta", rope_theta)
            kept = {name: value for name, value in rope_parameters.items() if name != "rope_theta"}
            rope_scaling = kept if kept.get("rope_type", "default") != "default" else None
        self.rope_theta = rope_theta
        self.rope_scaling = rope_scaling
        self.attention_bias = attention_bias
        self.attention_dropout = attention_dropout
        self.mlp_bias = mlp_bias
        super().__init__(
            pad_token_id=pad_token_id,
            bos_token_id=bos_token_id,
            eos_token_id=eos_token_id,
            tie_word_embeddings=tie_word_embeddings,
            **kwargs,
        )

    def _check(self) -> None:
        super()._check()
        self._whole("head_dim", self.head_dim, 2)
        if self.head_dim % 2:
            raise ValueError(f"{type(self).__name__}: `head_dim` must be even; got {self.head_dim}.")
        if self.num_attention_heads % self.num_key_value_heads:
            raise ValueError(
                f"{type(self).__name__}: `num_attention_heads` ({self.num_attention_heads}) must be a "
                f"multiple of `num_key_value_heads` ({self.num_key_value_heads})."
            )
        RotaryFrequencies(self)

    # What the variants of this family differ in.

    @property
    def projection_biases(self) -> tuple[bool, bool]:
        """Whether the projections before attention have a bias, and whether the one after it has."""
        return self.attention_bias, self.attention_bias

    @property
    def normalizes_heads(self) -> bool:
        """Whether queries and keys are normalized, head by head."""
        return False


class Qwen2Config(LlamaConfig):
    """The settings of Qwen2 and Qwen2.5: those of Llama, with biases for queries, keys and values.

    Args:
        vocab_size: Number of tokens.
        hidden_size: Size of the states.
        intermediate_size: Size within the feed-forward parts.
        num_hidden_layers: Number of layers.
        num_attention_heads: Number of attention heads.
        num_key_value_heads: Number of heads of keys and values.
        max_position_embeddings: The longest text the model was trained on.
        use_sliding_window: Must be False.
        **kwargs: As for `LlamaConfig`.

    Source: Qwen team 2024, arXiv:2407.10671.

    Example:
        >>> from corten.transformers import Qwen2Config
        >>> Qwen2Config(hidden_size=64, num_attention_heads=4, num_key_value_heads=2).projection_biases
        (True, False)
    """

    model_type = "qwen2"

    def __init__(
        self,
        vocab_size: int = 151936,
        hidden_size: int = 4096,
        intermediate_size: int = 22016,
        num_hidden_layers: int = 32,
        num_attention_heads: int = 32,
        num_key_value_heads: int | None = 32,
        max_position_embeddings: int = 32768,
        use_sliding_window: bool = False,
        bos_token_id: int | None = None,
        eos_token_id: int | list[int] | None = None,
        **kwargs: Any,
    ) -> None:
        if use_sliding_window:
            raise ValueError(
                f"{type(self).__name__}: `use_sliding_window=True` is not there: all layers see all tokens. "
                "For texts shorter than `sliding_window` the results are the same with False."
            )
        self.use_sliding_window = use_sliding_window
        super().__init__(
            vocab_size=vocab_size,
            hidden_size=hidden_size,
            intermediate_size=intermediate_size,
            num_hidden_layers=num_hidden_layers,
            num_attention_heads=num_attention_heads,
            num_key_value_heads=num_key_value_heads,
            max_position_embeddings=max_position_embeddings,
            bos_token_id=bos_token_id,
            eos_token_id=eos_token_id,
            **kwargs,
        )

    @property
    def projection_biases(self) -> tuple[bool, bool]:
        return True, False


class Qwen3Config(Qwen2Config):
    """The settings of Qwen3: those of Qwen2, with normalized queries and keys in place of biases.

    Args:
        vocab_size: Number of tokens.
        head_dim: Size of a head.
        **kwargs: As for `Qwen2Config`.

    Source: Qwen team 2025, arXiv:2505.09388.

    Example:
        >>> from corten.transformers import Qwen3Config
        >>> Qwen3Config(hidden_size=64, num_attention_heads=4, num_key_value_heads=2).head_dim
        128
    """

    model_type = "qwen3"

    def __init__(self, vocab_size: int = 151936, head_dim: int | None = 128, **kwargs: Any) -> None:
        super().__init__(vocab_size=vocab_size, head_dim=head_dim, **kwargs)

    @property
    def projection_biases(self) -> tuple[bool, bool]:
        return self.attention_bias, self.attention_bias

    @property
    def normalizes_heads(self) -> bool:
        return True


def _dense(config: LlamaConfig, units: int, use_bias: bool) -> Dense:
    initializer = initializers.RandomNormal(stddev=config.initializer_range)
    return Dense(units, use_bias=use_bias, kernel_initializer=initializer)


class LlamaAttention(Layer):
    """Attention of each token to itself and those before, with rotary embeddings.

    Args:
        config: The configuration.
        layer_idx: The number of the layer.
    """

    def __init__(self, config: LlamaConfig, layer_idx: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer_idx = layer_idx
        self.size = config.head_dim
        self.rate = config.attention_dropout
        before, after = config.projection_biases
        self.q_proj = _dense(config, config.num_attention_heads * config.head_dim, before)
        self.k_proj = _dense(config, config.num_key_value_heads * config.head_dim, before)
        self.v_proj = _dense(config, config.num_key_value_heads * config.head_dim, before)
        self.o_proj = _dense(config, config.hidden_size, after)
        self.normalizes_heads = config.normalizes_heads
        if self.normalizes_heads:
            self.q_norm = RMSNormalization(epsilon=config.rms_norm_eps)
            self.k_norm = RMSNormalization(epsilon=config.rms_norm_eps)
        if self.rate > 0:
            self.seed_generator = SeedGenerator()

    def call(
        self,
        hidden_states: Any,
        cosine_and_sine: Any = None,
        mask_and_order: Any = (None, True),
        past_key_values: Any = None,
        output_attentions: bool = False,
        training: bool = False,
    ) -> Any:
        batch, tokens, _ = hidden_states.shape
        query, key, value = (
            ops.reshape(layer(hidden_states), (batch, tokens, -1, self.size))
            for layer in (self.q_proj, self.k_proj, self.v_proj)
        )
        if self.normalizes_heads:
            query, key = self.q_norm(query), self.k_norm(key)
        query, key = rotate(query, *cosine_and_sine), rotate(key, *cosine_and_sine)
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        found, weights = attend_cached(
            query,
            key,
            value,
            *mask_and_order,
            dropout=self.rate if training else 0.0,
            seed=self.__dict__.get("seed_generator"),
            with_weights=output_attentions,
        )
        return self.o_proj(ops.reshape(found, (batch, tokens, -1))), weights


class LlamaMLP(Layer):
    """The feed-forward part of a layer, with gates.

    Args:
        config: The configuration.
    """

    def __init__(self, config: LlamaConfig, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.gate_proj = _dense(config, config.intermediate_size, config.mlp_bias)
        self.up_proj = _dense(config, config.intermediate_size, config.mlp_bias)
        self.down_proj = _dense(config, config.hidden_size, config.mlp_bias)
        self.activation = activation_of(type(config).__name__, config.hidden_act)

    def call(self, hidden_states: Any) -> Any:
        gate = self.activation(self.gate_proj(hidden_states))
        return self.down_proj(ops.multiply(gate, self.up_proj(hidden_states)))


class LlamaDecoderLayer(Layer):
    """A layer: attention and a feed-forward part, each normalized before and added.

    Args:
        config: The configuration.
        layer_idx: The number of the layer.
    """

    def __init__(self, config: LlamaConfig, layer_idx: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.self_attn = LlamaAttention(config, layer_idx)
        self.mlp = LlamaMLP(config)
        self.input_layernorm = RMSNormalization(epsilon=config.rms_norm_eps)
        self.post_attention_layernorm = RMSNormalization(epsilon=config.rms_norm_eps)

    def call(
        self,
        hidden_states: Any,
        cosine_and_sine: Any = None,
        mask_and_order: Any = (None, True),
        past_key_values: Any = None,
        output_attentions: bool = False,
        training: bool = False,
    ) -> Any:
        found, weights = self.self_attn(
            self.input_layernorm(hidden_states),
            cosine_and_sine=cosine_and_sine,
            mask_and_order=mask_and_order,
            past_key_values=past_key_values,
            output_attentions=output_attentions,
            training=training,
        )
        hidden_states = ops.add(hidden_states, found)
        hidden_states = ops.add(hidden_states, self.mlp(self.post_attention_layernorm(hidden_states)))
        return (hidden_states, weights) if output_attentions else hidden_states


class LlamaPreTrainedModel(PreTrainedModel):
    """Base of the Llama models."""

    config_class: ClassVar[type[PretrainedConfig]] = LlamaConfig
    base_model_prefix = "model"
    ignored_names = (*PreTrainedModel.ignored_names, "rotary_emb.inv_freq")


class LlamaModel(LlamaPreTrainedModel):
    """Llama without a head.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.

    Call arguments:
        input_ids: Integers, `(batch, tokens)`.
        attention_mask: 1 for tokens and 0 for padding, `(batch, tokens in the cache + tokens)`.
        position_ids: Places of the tokens, `(batch, tokens)`; None counts from the cache on.
        past_key_values: A cache; the tokens follow those in it, and it takes them in.
        inputs_embeds: Vectors in place of `input_ids`, `(batch, tokens, hidden size)`.
        use_cache: Whether a cache is returned; None: if one is given.
        output_attentions: Whether attention weights are returned.
        output_hidden_states: Whether the states of all layers are.
        return_dict: False for a tuple.

    Returns:
        A `BaseModelOutputWithPast`.

    Example:
        >>> from corten.transformers import LlamaConfig, LlamaModel
        >>> config = LlamaConfig(
        ...     vocab_size=30, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
        ... )
        >>> LlamaModel(config)(input_ids=[[1, 2, 3]]).last_hidden_state.shape
        (1, 3, 8)
    """

    # Keras has `layers` for the list of all direct layers.
    weight_names: ClassVar[dict[str, str]] = {"decoder_layers": "layers"}

    def __init__(self, config: LlamaConfig, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        initializer = initializers.RandomNormal(stddev=config.initializer_range)
        self.embed_tokens = ReversibleEmbedding(
            config.vocab_size, config.hidden_size, embeddings_initializer=initializer
        )
        self.decoder_layers = [LlamaDecoderLayer(config, index) for index in range(config.num_hidden_layers)]
        self.norm = RMSNormalization(epsilon=config.rms_norm_eps)
        self.rotary = RotaryFrequencies(config)

    def get_input_embeddings(self) -> Any:
        return self.embed_tokens

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        position_ids: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Any = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
    ) -> Any:
        self._check_ids(input_ids, inputs_embeds)
        if past_key_values is None and use_cache:
            past_key_values = DynamicCache()
        with_weights = self._wanted("output_attentions", output_attentions)
        with_states = self._wanted("output_hidden_states", output_hidden_states)
        hidden_states = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        tokens = hidden_states.shape[1]
        past = 0 if past_key_values is None else past_key_values.get_seq_length()
        if position_ids is None:
            position_ids = positions(tokens, past)
        turns = self.rotary(position_ids, hidden_states.dtype)
        seen = attention_mask_of(type(self).__name__, attention_mask, tokens, past)
        states, attentions = [hidden_states], []
        for layer in self.decoder_layers:
            hidden_states = layer(
                hidden_states,
                cosine_and_sine=turns,
                mask_and_order=seen,
                past_key_values=past_key_values,
                output_attentions=with_weights,
                training=training,
            )
            if with_weights:
                hidden_states, weights = hidden_states
                attentions.append(weights)
            states.append(hidden_states)
        states[-1] = hidden_states = self.norm(hidden_states)
        output = BaseModelOutputWithPast(
            last_hidden_state=hidden_states,
            past_key_values=past_key_values,
            hidden_states=tuple(states) if with_states else None,
            attentions=tuple(attentions) if with_weights else None,
        )
        return self._output(output, return_dict)


class LlamaForCausalLM(DecoderForCausalLM, LlamaPreTrainedModel):
    """Llama with scores over the vocabulary, which generates text.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.

    Call arguments:
        labels: Token ids, `(batch, tokens)`, -100 where there is none: each token is to be told from those
            before.
        logits_to_keep: How many last tokens get logits; 0: all.

    The others are those of `LlamaModel`.

    Example:
        >>> from corten.transformers import LlamaConfig, LlamaForCausalLM
        >>> config = LlamaConfig(
        ...     vocab_size=30, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2
        ... )
        >>> model = LlamaForCausalLM(config)
        >>> model.generate([[3, 4]], max_new_tokens=3, min_new_tokens=3).shape
        (1, 5)
    """

    base_class = LlamaModel
    tied_weight_names: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}


class LlamaForSequenceClassification(DecoderForSequenceClassification, LlamaPreTrainedModel):
    """Llama that classifies texts by the state of their last token.

    Args:
        config: The configuration; `pad_token_id` tells which tokens are padding.
        **kwargs: As for `PreTrainedModel`.
    """

    base_class = LlamaModel


class Qwen2PreTrainedModel(LlamaPreTrainedModel):
    """Base of the Qwen2 models."""

    config_class = Qwen2Config


class Qwen2Model(Qwen2PreTrainedModel, LlamaModel):
    """Qwen2 without a head; called as `LlamaModel` is.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.
    """


class Qwen2ForCausalLM(DecoderForCausalLM, Qwen2PreTrainedModel):
    """Qwen2 with scores over the vocabulary; called as `LlamaForCausalLM` is.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.
    """

    base_class = Qwen2Model
    tied_weight_names: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}


class Qwen2ForSequenceClassification(DecoderForSequenceClassification, Qwen2PreTrainedModel):
    """Qwen2 that classifies texts by the state of their last token.

    Args:
        config: The configuration; `pad_token_id` tells which tokens are padding.
        **kwargs: As for `PreTrainedModel`.
    """

    base_class = Qwen2Model


class Qwen3PreTrainedModel(LlamaPreTrainedModel):
    """Base of the Qwen3 models."""

    config_class = Qwen3Config


class Qwen3Model(Qwen3PreTrainedModel, LlamaModel):
    """Qwen3 without a head; called as `LlamaModel` is.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.
    """


class Qwen3ForCausalLM(DecoderForCausalLM, Qwen3PreTrainedModel):
    """Qwen3 with scores over the vocabulary; called as `LlamaForCausalLM` is.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.
    """

    base_class = Qwen3Model
    tied_weight_names: ClassVar[dict[str, str]] = {"lm_head.weight": "model.embed_tokens.weight"}


class Qwen3ForSequenceClassification(DecoderForSequenceClassification, Qwen3PreTrainedModel):
    """Qwen3 that classifies texts by the state of their last token.

    Args:
        config: The configuration; `pad_token_id` tells which tokens are padding.
        **kwargs: As for `PreTrainedModel`.
    """

    base_class = Qwen3Model
