"""GPT-2: a decoder with learned positions."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from corten import initializers, ops
from corten.layers import Dense, Dropout, Embedding, Layer, LayerNormalization, ReversibleEmbedding
from corten.random import SeedGenerator
from corten.transformers.cache import DynamicCache
from corten.transformers.configuration import PretrainedConfig
from corten.transformers.layers import activation as activation_of
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.models.decoder import DecoderForCausalLM, DecoderForSequenceClassification
from corten.transformers.models.decoder_attention import (
    attend_cached,
    attention_mask_of,
    positions,
)
from corten.transformers.outputs import BaseModelOutputWithPast


class GPT2Config(PretrainedConfig):
    """The settings of GPT-2.

    Args:
        vocab_size: Number of tokens.
        n_positions: The longest text.
        n_embd: Size of the states.
        n_layer: Number of layers.
        n_head: Number of attention heads.
        n_inner: Size within the feed-forward parts; None is `4 * n_embd`.
        activation_function: The activation within them.
        resid_pdrop: Dropout rate of what layers add.
        embd_pdrop: Dropout rate of the embeddings.
        attn_pdrop: Dropout rate of attention weights.
        layer_norm_epsilon: Added to variances.
        initializer_range: Standard deviation of new weights.
        scale_attn_weights: Whether scores are divided by the root of the heads' size.
        scale_attn_by_inverse_layer_idx: Whether they are divided by the layer's number too.
        use_cache: Whether calls return the cache of keys and values.
        bos_token_id: The id that begins a text.
        eos_token_id: The id that ends a text.
        **kwargs: As for `PretrainedConfig`.

    Source: Radford et al. 2019, "Language Models are Unsupervised Multitask Learners".

    Example:
        >>> from corten.transformers import GPT2Config
        >>> GPT2Config(n_embd=64, n_head=4).hidden_size
        64
    """

    model_type = "gpt2"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "n_embd",
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }
    positive_integers = ("vocab_size", "n_positions", "n_embd", "n_head")
    layer_counts = ("n_layer",)
    rates = ("resid_pdrop", "embd_pdrop", "attn_pdrop")

    def __init__(
        self,
        vocab_size: int = 50257,
        n_positions: int = 1024,
        n_embd: int = 768,
        n_layer: int = 12,
        n_head: int = 12,
        n_inner: int | None = None,
        activation_function: str = "gelu_new",
        resid_pdrop: float = 0.1,
        embd_pdrop: float = 0.1,
        attn_pdrop: float = 0.1,
        layer_norm_epsilon: float = 1e-5,
        initializer_range: float = 0.02,
        scale_attn_weights: bool = True,
        scale_attn_by_inverse_layer_idx: bool = False,
        use_cache: bool = True,
        bos_token_id: int = 50256,
        eos_token_id: int | list[int] = 50256,
        **kwargs: Any,
    ) -> None:
        self.vocab_size = vocab_size
        self.n_positions = n_positions
        self.n_embd = n_embd
        self.n_layer = n_layer
        self.n_head = n_head
        self.n_inner = n_inner
        self.activation_function = activation_function
        self.resid_pdrop = resid_pdrop
        self.embd_pdrop = embd_pdrop
        self.attn_pdrop = attn_pdrop
        self.layer_norm_epsilon = layer_norm_epsilon
        self.initializer_range = initializer_range
        self.scale_attn_weights = scale_attn_weights
        self.scale_attn_by_inverse_layer_idx = scale_attn_by_inverse_layer_idx
        self.use_cache = use_cache
        super().__init__(bos_token_id=bos_token_id, eos_token_id=eos_token_id, **kwargs)

    def _check(self) -> None:
        super()._check()
        if self.n_inner is not None:
            self._whole("n_inner", self.n_inner, 1)


def _dense(units: int, deviation: float, activation: Any = None) -> Dense:
    """A dense layer whose matrix lies in files as it lies here, `(inputs, outputs)`."""
    layer = Dense(
        units, activation=activation, kernel_initializer=initializers.RandomNormal(stddev=deviation)
    )
    layer.stores_transposed = False
    return layer


class GPT2Attention(Layer):
    """Attention of each token to itself and those before.

    Args:
        config: The configuration.
        layer_idx: The number of the layer.
    """

    def __init__(self, config: GPT2Config, layer_idx: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.layer_idx = layer_idx
        self.heads = config.n_head
        self.rate = config.attn_pdrop
        self.scale = 1 / math.sqrt(config.n_embd // config.n_head) if config.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            self.scale /= layer_idx + 1
        self.c_attn = _dense(3 * config.n_embd, config.initializer_range)
        deviation = config.initializer_range / math.sqrt(2 * max(config.n_layer, 1))
        self.c_proj = _dense(config.n_embd, deviation)
        self.resid_dropout = Dropout(config.resid_pdrop)
        if self.rate > 0:
            self.seed_generator = SeedGenerator()

    def call(
        self,
        hidden_states: Any,
        mask_and_order: Any = (None, True),
        past_key_values: Any = None,
        output_attentions: bool = False,
        training: bool = False,
    ) -> Any:
        batch, tokens, size = hidden_states.shape
        joined = ops.reshape(self.c_attn(hidden_states), (batch, tokens, 3 * self.heads, size // self.heads))
        query, key, value = (joined[:, :, i * self.heads : (i + 1) * self.heads] for i in range(3))
        if past_key_values is not None:
            key, value = past_key_values.update(key, value, self.layer_idx)
        found, weights = attend_cached(
            query,
            key,
            value,
            *mask_and_order,
            scale=self.scale,
            dropout=self.rate if training else 0.0,
            seed=self.__dict__.get("seed_generator"),
            with_weights=output_attentions,
        )
        found = self.c_proj(ops.reshape(found, (batch, tokens, size)))
        return self.resid_dropout(found, training=training), weights


class GPT2MLP(Layer):
    """The feed-forward part of a layer.

    Args:
        config: The configuration.
    """

    def __init__(self, config: GPT2Config, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        activation = activation_of("GPT2Config", config.activation_function)
        self.c_fc = _dense(config.n_inner or 4 * config.n_embd, config.initializer_range, activation)
        deviation = config.initializer_range / math.sqrt(2 * max(config.n_layer, 1))
        self.c_proj = _dense(config.n_embd, deviation)
        self.dropout = Dropout(config.resid_pdrop)

    def call(self, hidden_states: Any, training: bool = False) -> Any:
        return self.dropout(self.c_proj(self.c_fc(hidden_states)), training=training)


class GPT2Block(Layer):
    """A layer: attention and a feed-forward part, each normalized before and added.

    Args:
        config: The configuration.
        layer_idx: The number of the layer.
    """

    def __init__(self, config: GPT2Config, layer_idx: int, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.ln_1 = LayerNormalization(epsilon=config.layer_norm_epsilon)
        self.attn = GPT2Attention(config, layer_idx)
        self.ln_2 = LayerNormalization(epsilon=config.layer_norm_epsilon)
        self.mlp = GPT2MLP(config)

    def call(
        self,
        hidden_states: Any,
        mask_and_order: Any = (None, True),
        past_key_values: Any = None,
        output_attentions: bool = False,
        training: bool = False,
    ) -> Any:
        found, weights = self.attn(
            self.ln_1(hidden_states),
            mask_and_order=mask_and_order,
            past_key_values=past_key_values,
            output_attentions=output_attentions,
            training=training,
        )
        hidden_states = ops.add(hidden_states, found)
        hidden_states = ops.add(hidden_states, self.mlp(self.ln_2(hidden_states), training=training))
        return (hidden_states, weights) if output_attentions else hidden_states


class GPT2PreTrainedModel(PreTrainedModel):
    """Base of the GPT-2 models."""

    config_class = GPT2Config
    base_model_prefix = "transformer"
    # Old files hold the causal order as tables.
    ignored_names = (*PreTrainedModel.ignored_names, ".attn.bias", ".attn.masked_bias")


class GPT2Model(GPT2PreTrainedModel):
    """GPT-2 without a head.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.

    Call arguments:
        input_ids: Integers, `(batch, tokens)`.
        past_key_values: A cache; the tokens follow those in it, and it takes them in.
        attention_mask: 1 for tokens and 0 for padding, `(batch, tokens in the cache + tokens)`.
        token_type_ids: Kinds of the tokens, whose vectors are added.
        position_ids: Places of the tokens, `(batch, tokens)`; None counts from the cache on.
        inputs_embeds: Vectors in place of `input_ids`, `(batch, tokens, hidden size)`.
        use_cache: Whether a cache is returned; None: if one is given.
        output_attentions: Whether attention weights are returned.
        output_hidden_states: Whether the states of all layers are.
        return_dict: False for a tuple.

    Returns:
        A `BaseModelOutputWithPast`.

    Example:
        >>> from corten.transformers import GPT2Config, GPT2Model
        >>> model = GPT2Model(GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=1, n_head=2))
        >>> model(input_ids=[[1, 2, 3]]).last_hidden_state.shape
        (1, 3, 8)
    """

    def __init__(self, config: GPT2Config, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        initializer = initializers.RandomNormal(stddev=config.initializer_range)
        self.wte = ReversibleEmbedding(config.vocab_size, config.n_embd, embeddings_initializer=initializer)
        self.wpe = Embedding(config.n_positions, config.n_embd, embeddings_initializer=initializer)
        self.drop = Dropout(config.embd_pdrop)
        self.h = [GPT2Block(config, index) for index in range(config.n_layer)]
        self.ln_f = LayerNormalization(epsilon=config.layer_norm_epsilon)

    def get_input_embeddings(self) -> Any:
        return self.wte

    def call(
        self,
        input_ids: Any = None,
        past_key_values: Any = None,
        attention_mask: Any = None,
        token_type_ids: Any = None,
        position_ids: Any = None,
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
        vectors = self.wte(input_ids) if inputs_embeds is None else inputs_embeds
        tokens = vectors.shape[1]
        past = 0 if past_key_values is None else past_key_values.get_seq_length()
        if position_ids is None:
            self._check_length(past + tokens)
            position_ids = positions(tokens, past)
        hidden_states = ops.add(vectors, self.wpe(position_ids))
        if token_type_ids is not None:
            hidden_states = ops.add(hidden_states, self.wte(token_type_ids))
        hidden_states = self.drop(hidden_states, training=training)
        seen = attention_mask_of(type(self).__name__, attention_mask, tokens, past)
        states, attentions = [hidden_states], []
        for block in self.h:
            hidden_states = block(
                hidden_states,
                mask_and_order=seen,
                past_key_values=past_key_values,
                output_attentions=with_weights,
                training=training,
            )
            if with_weights:
                hidden_states, weights = hidden_states
                attentions.append(weights)
            states.append(hidden_states)
        states[-1] = hidden_states = self.ln_f(hidden_states)
        output = BaseModelOutputWithPast(
            last_hidden_state=hidden_states,
            past_key_values=past_key_values,
            hidden_states=tuple(states) if with_states else None,
            attentions=tuple(attentions) if with_weights else None,
        )
        return self._output(output, return_dict)

    def _check_length(self, length: int) -> None:
        from corten._state import state

        if length > self.config.n_positions and not state.probing:
            raise ValueError(
                f"{type(self).__name__}: {length} tokens are more than the model has positions for, "
                f"{self.config.n_positions} (`n_positions`). Cut the text, for example by the tokenizer's "
                f"`truncation=True, max_length={self.config.n_positions}`."
            )


class GPT2LMHeadModel(DecoderForCausalLM, GPT2PreTrainedModel):
    """GPT-2 with scores over the vocabulary, which generates text.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.

    Call arguments:
        labels: Token ids, `(batch, tokens)`, -100 where there is none: each token is to be told from those
            before.
        logits_to_keep: How many last tokens get logits; 0: all.

    The others are those of `GPT2Model`.

    Example:
        >>> from corten.transformers import GPT2Config, GPT2LMHeadModel
        >>> model = GPT2LMHeadModel(GPT2Config(vocab_size=30, n_positions=16, n_embd=8, n_layer=1, n_head=2))
        >>> model(input_ids=[[1, 2, 3]]).logits.shape
        (1, 3, 30)
        >>> model.generate([[1, 2, 3]], max_new_tokens=4).shape
        (1, 7)
    """

    base_class = GPT2Model
    embeddings_name = "wte"
    tied_weight_names: ClassVar[dict[str, str]] = {"lm_head.weight": "transformer.wte.weight"}


class GPT2ForSequenceClassification(DecoderForSequenceClassification, GPT2PreTrainedModel):
    """GPT-2 that classifies texts by the state of their last token.

    Args:
        config: The configuration; `pad_token_id` tells which tokens are padding.
        **kwargs: As for `PreTrainedModel`.

    Example:
        >>> from corten.transformers import GPT2Config, GPT2ForSequenceClassification
        >>> config = GPT2Config(
        ...     vocab_size=30, n_positions=16, n_embd=8, n_layer=1, n_head=2, num_labels=3, pad_token_id=0
        ... )
        >>> GPT2ForSequenceClassification(config)(input_ids=[[1, 2, 0]]).logits.shape
        (1, 3)
    """

    base_class = GPT2Model
