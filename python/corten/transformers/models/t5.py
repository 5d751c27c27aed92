"""T5: an encoder and a decoder that turn one text into another."""

from __future__ import annotations

from typing import Any, ClassVar

from corten import initializers, ops
from corten._state import state
from corten.layers import Dense, Dropout, Layer, ReversibleEmbedding, RMSNormalization
from corten.symbolic import KerasTensor, meta_tensor
from corten.transformers import loss_functions
from corten.transformers.cache import EncoderDecoderCache
from corten.transformers.configuration import PretrainedConfig
from corten.transformers.generation.mixin import GenerationMixin
from corten.transformers.modeling import PreTrainedModel
from corten.transformers.models.decoder_attention import attention_mask_of
from corten.transformers.models.t5_attention import T5Block
from corten.transformers.outputs import BaseModelOutput, ModelOutput, Seq2SeqLMOutput, Seq2SeqModelOutput


class T5Config(PretrainedConfig):
    """The settings of T5.

    Args:
        vocab_size: Number of tokens.
        d_model: Size of the states.
        d_kv: Size of a head.
        d_ff: Size within the feed-forward parts.
        num_layers: Number of the encoder's layers.
        num_decoder_layers: Number of the decoder's; None is as many.
        num_heads: Number of attention heads.
        relative_attention_num_buckets: Kinds of distances that attention tells apart.
        relative_attention_max_distance: The distance from which on all are alike.
        dropout_rate: Rate of all dropout.
        layer_norm_epsilon: Added to mean squares.
        initializer_factor: A factor of all deviations of new weights.
        feed_forward_proj: The activation, `'relu'`, or with gates `'gated-gelu'` (T5 1.1, Flan-T5).
        use_cache: Whether calls return the cache of keys and values.
        pad_token_id: The id that fills up short texts.
        eos_token_id: The id that ends a text.
        decoder_start_token_id: The id that the decoder begins with; None takes `pad_token_id`.
        tie_word_embeddings: Whether scores are computed with the word embeddings.
        scale_decoder_outputs: The same, as transformers 5 writes it beside a `tie_word_embeddings` that is
            always true; None takes `tie_word_embeddings`. Where it is False, the scores have a matrix of
            their own.
        **kwargs: As for `PretrainedConfig`.

    Source: Raffel et al. 2019, arXiv:1910.10683.

    Example:
        >>> from corten.transformers import T5Config
        >>> T5Config(feed_forward_proj="gated-gelu").dense_act_fn
        'gelu_new'
    """

    model_type = "t5"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "num_heads",
        "num_hidden_layers": "num_layers",
        "head_dim": "d_kv",
    }
    positive_integers = (
        "vocab_size", "d_model", "d_kv", "d_ff", "num_heads", "relative_attention_max_distance",
    )  # fmt: skip
    layer_counts = ("num_layers", "num_decoder_layers")
    rates = ("dropout_rate",)

    def __init__(
        self,
        vocab_size: int = 32128,
        d_model: int = 512,
        d_kv: int = 64,
        d_ff: int = 2048,
        num_layers: int = 6,
        num_decoder_layers: int | None = None,
        num_heads: int = 8,
        relative_attention_num_buckets: int = 32,
        relative_attention_max_distance: int = 128,
        dropout_rate: float = 0.1,
        layer_norm_epsilon: float = 1e-6,
        initializer_factor: float = 1.0,
        feed_forward_proj: str = "relu",
        use_cache: bool = True,
        pad_token_id: int | None = 0,
        eos_token_id: int | list[int] | None = 1,
        decoder_start_token_id: int | None = None,
        tie_word_embeddings: bool = True,
        scale_decoder_outputs: bool | None = None,
        **kwargs: Any,
    ) -> None:
        scales = tie_word_embeddings if scale_decoder_outputs is None else scale_decoder_outputs
        self.scale_decoder_outputs = scales
        self.vocab_size = vocab_size
        self.d_model = d_model
        self.d_kv = d_kv
        self.d_ff = d_ff
        self.num_layers = num_layers
        self.num_decoder_layers = num_layers if num_decoder_layers is None else num_decoder_layers
        self.num_heads = num_heads
        self.relative_attention_num_buckets = relative_attention_num_buckets
        self.relative_attention_max_distance = relative_attention_max_distance
        self.dropout_rate = dropout_rate
        self.layer_norm_epsilon = layer_norm_epsilon
        self.initializer_factor = initializer_factor
        self.feed_forward_proj = feed_forward_proj
        self.use_cache = use_cache
        start = pad_token_id if decoder_start_token_id is None else decoder_start_token_id
        self.decoder_start_token_id = start
        for name in ("is_gated_act", "dense_act_fn"):
            kwargs.pop(name, None)
        kwargs["is_encoder_decoder"] = True
        super().__init__(
            pad_token_id=pad_token_id,
            eos_token_id=eos_token_id,
            tie_word_embeddings=tie_word_embeddings,
            **kwargs,
        )

    def _check(self) -> None:
        super()._check()
        self._whole("relative_attention_num_buckets", self.relative_attention_num_buckets, 4)
        if self.relative_attention_max_distance <= self.relative_attention_num_buckets // 2:
            raise ValueError(
                f"{type(self).__name__}: `relative_attention_max_distance` "
                f"({self.relative_attention_max_distance}) must be more than half of "
                f"`relative_attention_num_buckets` ({self.relative_attention_num_buckets})."
            )

    @property
    def is_gated_act(self) -> bool:
        """Whether the feed-forward parts have gates."""
        return str(self.feed_forward_proj).startswith("gated-")

    @property
    def dense_act_fn(self) -> str:
        """The activation of the feed-forward parts."""
        # The published models of this kind have the tanh form.
        name = str(self.feed_forward_proj).removeprefix("gated-")
        return "gelu_new" if self.is_gated_act and name == "gelu" else name


class T5Stack(Layer):
    """The layers of an encoder or a decoder.

    Args:
        config: The configuration.
        is_decoder: Which of them.
    """

    def __init__(self, config: T5Config, is_decoder: bool, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.is_decoder = is_decoder
        count = config.num_decoder_layers if is_decoder else config.num_layers
        self.block: list[Any] = [T5Block(config, index, is_decoder) for index in range(count)]
        self.final_layer_norm = RMSNormalization(epsilon=config.layer_norm_epsilon)
        self.dropout = Dropout(config.dropout_rate)

    def call(
        self,
        hidden_states: Any,
        attention_mask: Any = None,
        encoder_states: Any = None,
        encoder_mask: Any = None,
        past_key_values: Any = None,
        output_attentions: bool = False,
        training: bool = False,
    ) -> Any:
        tokens = hidden_states.shape[1]
        past = 0 if past_key_values is None else past_key_values.get_seq_length()
        hidden_states = self.dropout(hidden_states, training=training)
        # A captured step tells its place by a tensor, as the engine replays it at all places.
        place = getattr(past_key_values, "place", None)
        mask = self._scores_to_add(attention_mask, tokens, past, place)
        seen = None if encoder_mask is None else ops.expand_dims(ops.cast(encoder_mask, "bool"), (1, 2))
        states, attentions, crosses = [hidden_states], [], []
        for block in self.block:
            hidden_states = block(
                hidden_states,
                mask=mask,
                encoder_states=encoder_states,
                encoder_mask=seen,
                past_key_values=past_key_values,
                output_attentions=output_attentions,
                training=training,
            )
            if output_attentions:
                hidden_states, weights, cross = hidden_states
                attentions.append(weights)
                crosses.append(cross)
            states.append(hidden_states)
        states[-1] = hidden_states = self.dropout(self.final_layer_norm(hidden_states), training=training)
        return hidden_states, states, attentions, crosses

    def _scores_to_add(self, attention_mask: Any, tokens: int, past: int, place: Any = None) -> Any:
        """The numbers for relative positions, and for what is not seen one that leaves no weight."""
        if not self.block:
            return None
        table = self.block[0].layer[0].attention.positions
        if not table.built:
            table.build()
        keys = past + tokens
        if state.probing:
            # While shapes are inferred texts are long: numbers for all pairs of their tokens fill gigabytes.
            return meta_tensor((1, table.output_dim, tokens, keys), table.compute_dtype)
        bias = table.bias(tokens, keys) if place is None else table.bias_at(place, keys)
        allowed = None
        if self.is_decoder:
            allowed, is_causal = attention_mask_of(type(self).__name__, attention_mask, tokens, past)
            if is_causal:
                places = ops.arange(tokens)
                allowed = ops.less_equal(places, ops.expand_dims(places, 1))
        elif attention_mask is not None:
            allowed = ops.expand_dims(ops.cast(attention_mask, "bool"), (1, 2))
        if allowed is None:
            return bias
        return ops.where(allowed, bias, -3e4 if bias.dtype == "float16" else -1e30)


class T5PreTrainedModel(PreTrainedModel):
    """Base of the T5 models."""

    config_class = T5Config
    tied_weight_names: ClassVar[dict[str, str]] = {
        "encoder.embed_tokens.weight": "shared.weight",
        "decoder.embed_tokens.weight": "shared.weight",
        "lm_head.weight": "shared.weight",
    }
    # Old files have numbers for positions between the texts, which no model uses.
    ignored_names = (
        *PreTrainedModel.ignored_names,
        "decoder.block.0.layer.1.EncDecAttention.relative_attention_bias.weight",
    )
    shared: Any
    encoder: Any
    decoder: Any

    def _make_stacks(self, config: T5Config, with_decoder: bool = True) -> None:
        initializer = initializers.RandomNormal(stddev=config.initializer_factor)
        self.shared = ReversibleEmbedding(
            config.vocab_size, config.d_model, embeddings_initializer=initializer
        )
        self.encoder = T5Stack(config, is_decoder=False)
        if with_decoder:
            self.decoder = T5Stack(config, is_decoder=True)

    def get_input_embeddings(self) -> Any:
        return self.shared

    def symbolic_inputs(self) -> dict[str, Any]:
        names = ["input_ids"] + ["decoder_input_ids"] * ("decoder" in self.__dict__)
        return {name: KerasTensor((None, None), "int32") for name in names}

    def _encode(
        self,
        input_ids: Any,
        attention_mask: Any,
        inputs_embeds: Any,
        output_attentions: bool | None,
        output_hidden_states: bool | None,
        training: bool,
    ) -> BaseModelOutput:
        self._check_ids(input_ids, inputs_embeds)
        with_weights = self._wanted("output_attentions", output_attentions)
        with_states = self._wanted("output_hidden_states", output_hidden_states)
        vectors = self.shared(input_ids) if inputs_embeds is None else inputs_embeds
        if attention_mask is not None and tuple(attention_mask.shape) != tuple(vectors.shape[:2]):
            raise ValueError(
                f"{type(self).__name__}: `attention_mask` must have the shape {tuple(vectors.shape[:2])} of "
                f"the tokens; got {tuple(attention_mask.shape)}."
            )
        hidden_states, states, attentions, _ = self.encoder(
            vectors, attention_mask=attention_mask, output_attentions=with_weights, training=training
        )
        return BaseModelOutput(
            last_hidden_state=hidden_states,
            hidden_states=tuple(states) if with_states else None,
            attentions=tuple(attentions) if with_weights else None,
        )

    def _decode(
        self,
        encoded: Any,
        attention_mask: Any,
        decoder_input_ids: Any,
        decoder_attention_mask: Any,
        decoder_inputs_embeds: Any,
        past_key_values: Any,
        output_attentions: bool | None,
        output_hidden_states: bool | None,
        training: bool,
    ) -> Seq2SeqModelOutput:
        if (decoder_input_ids is None) == (decoder_inputs_embeds is None):
            raise ValueError(
                f"{type(self).__name__}: give the decoder's tokens, as `decoder_input_ids` or as "
                "`decoder_inputs_embeds`; a model with scores takes `labels` too."
            )
        with_weights = self._wanted("output_attentions", output_attentions)
        with_states = self._wanted("output_hidden_states", output_hidden_states)
        vectors = self.shared(decoder_input_ids) if decoder_inputs_embeds is None else decoder_inputs_embeds
        hidden_states, states, attentions, crosses = self.decoder(
            vectors,
            attention_mask=decoder_attention_mask,
            encoder_states=encoded.last_hidden_state,
            encoder_mask=attention_mask,
            past_key_values=past_key_values,
            output_attentions=with_weights,
            training=training,
        )
        return Seq2SeqModelOutput(
            last_hidden_state=hidden_states,
            past_key_values=past_key_values,
            decoder_hidden_states=tuple(states) if with_states else None,
            decoder_attentions=tuple(attentions) if with_weights else None,
            cross_attentions=tuple(crosses) if with_weights else None,
            encoder_last_hidden_state=encoded.last_hidden_state,
            encoder_hidden_states=encoded.hidden_states,
            encoder_attentions=encoded.attentions,
        )

    def _as_encoded(self, given: Any) -> Any:
        """What an encoder gave, also as a tuple or as the states alone."""
        if isinstance(given, ModelOutput):
            return given
        states = given[0] if isinstance(given, (tuple, list)) else given
        return BaseModelOutput(last_hidden_state=states)


class T5EncoderModel(T5PreTrainedModel):
    """T5's encoder alone.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.

    Example:
        >>> from corten.transformers import T5Config, T5EncoderModel
        >>> config = T5Config(vocab_size=30, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
        >>> T5EncoderModel(config)(input_ids=[[1, 2, 3]]).last_hidden_state.shape
        (1, 3, 8)
    """

    def __init__(self, config: T5Config, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self._make_stacks(config, with_decoder=False)

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        inputs_embeds: Any = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
    ) -> Any:
        found = self._encode(
            input_ids, attention_mask, inputs_embeds, output_attentions, output_hidden_states, training
        )
        return self._output(found, return_dict)


class T5Model(T5PreTrainedModel):
    """T5 without scores over the vocabulary.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.

    Call arguments:
        input_ids: The encoder's tokens, `(batch, tokens)`.
        attention_mask: 1 for tokens and 0 for padding, of the same shape.
        decoder_input_ids: The decoder's tokens, `(batch, target tokens)`.
        decoder_attention_mask: 1 for tokens and 0 for padding, with those in the cache.
        encoder_outputs: What the encoder gave, in place of `input_ids`.
        past_key_values: An `EncoderDecoderCache`.
        inputs_embeds: Vectors in place of `input_ids`.
        decoder_inputs_embeds: Vectors in place of `decoder_input_ids`.
        use_cache: Whether a cache is returned; None: if one is given.
        output_attentions: Whether attention weights are returned.
        output_hidden_states: Whether the states of all layers are.
        return_dict: False for a tuple.

    Example:
        >>> from corten.transformers import T5Config, T5Model
        >>> config = T5Config(vocab_size=30, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
        >>> T5Model(config)(input_ids=[[1, 2, 3]], decoder_input_ids=[[0, 4]]).last_hidden_state.shape
        (1, 2, 8)
    """

    def __init__(self, config: T5Config, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self._make_stacks(config)

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        decoder_input_ids: Any = None,
        decoder_attention_mask: Any = None,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Any = None,
        decoder_inputs_embeds: Any = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        training: bool = False,
    ) -> Any:
        wanted = output_attentions, output_hidden_states, training
        if encoder_outputs is None:
            encoded = self._encode(input_ids, attention_mask, inputs_embeds, *wanted)
        else:
            encoded = self._as_encoded(encoder_outputs)
        if past_key_values is None and use_cache:
            past_key_values = EncoderDecoderCache()
        found = self._decode(
            encoded,
            attention_mask,
            decoder_input_ids,
            decoder_attention_mask,
            decoder_inputs_embeds,
            past_key_values,
            *wanted,
        )
        return self._output(found, return_dict)


class _Encoder:
    """The encoder of a model, called by itself."""

    def __init__(self, model: Any) -> None:
        self._model = model

    def __call__(
        self, input_ids: Any = None, attention_mask: Any = None, inputs_embeds: Any = None, **options: Any
    ) -> Any:
        options.pop("return_dict", None)
        return self._model._encode(
            input_ids,
            attention_mask,
            inputs_embeds,
            options.get("output_attentions"),
            options.get("output_hidden_states"),
            bool(options.get("training")),
        )


class T5ForConditionalGeneration(GenerationMixin, T5PreTrainedModel):
    """T5 with scores over the vocabulary: translation, summaries, and all else that turns text into text.

    Args:
        config: The configuration.
        **kwargs: As for `PreTrainedModel`.

    Call arguments:
        labels: The text to be generated, `(batch, target tokens)`, -100 where there is none. The decoder is
            then fed with them, moved by one place, unless it is given tokens.
        logits_to_keep: How many last tokens get logits; 0: all.

    The others are those of `T5Model`.

    Example:
        >>> from corten.transformers import T5Config, T5ForConditionalGeneration
        >>> config = T5Config(vocab_size=30, d_model=8, d_kv=4, d_ff=16, num_layers=1, num_heads=2)
        >>> model = T5ForConditionalGeneration(config)
        >>> model(input_ids=[[1, 2, 3]], labels=[[4, 5]]).logits.shape
        (1, 2, 30)
        >>> model.generate([[1, 2, 3]], max_new_tokens=4, min_new_tokens=4).shape
        (1, 5)
    """

    def __init__(self, config: T5Config, **kwargs: Any) -> None:
        super().__init__(config, **kwargs)
        self._make_stacks(config)
        if not config.scale_decoder_outputs:
            # A file without this matrix means that of the words.
            self.__dict__["tied_weight_names"] = {
                **{name: tied for name, tied in self.tied_weight_names.items() if name != "lm_head.weight"},
                "shared.weight": "lm_head.weight",
            }
            initializer = initializers.RandomNormal(stddev=config.initializer_factor)
            self.lm_head = Dense(config.vocab_size, use_bias=False, kernel_initializer=initializer)

    def get_encoder(self) -> Any:
        """Return a function that runs the encoder alone."""
        return _Encoder(self)

    def get_output_embeddings(self) -> Any:
        """Return the layer that gives scores over the vocabulary."""
        return self.shared if self.config.scale_decoder_outputs else self.lm_head

    def call(
        self,
        input_ids: Any = None,
        attention_mask: Any = None,
        decoder_input_ids: Any = None,
        decoder_attention_mask: Any = None,
        encoder_outputs: Any = None,
        past_key_values: Any = None,
        inputs_embeds: Any = None,
        decoder_inputs_embeds: Any = None,
        labels: Any = None,
        use_cache: bool | None = None,
        output_attentions: bool | None = None,
        output_hidden_states: bool | None = None,
        return_dict: bool | None = None,
        logits_to_keep: int = 0,
        training: bool = False,
    ) -> Any:
        wanted = output_attentions, output_hidden_states, training
        if encoder_outputs is None:
            encoded = self._encode(input_ids, attention_mask, inputs_embeds, *wanted)
        else:
            encoded = self._as_encoded(encoder_outputs)
        if labels is not None and decoder_input_ids is None and decoder_inputs_embeds is None:
            decoder_input_ids = self.prepare_decoder_input_ids_from_labels(labels)
        if past_key_values is None and use_cache:
            past_key_values = EncoderDecoderCache()
        found = self._decode(
            encoded,
            attention_mask,
            decoder_input_ids,
            decoder_attention_mask,
            decoder_inputs_embeds,
            past_key_values,
            *wanted,
        )
        states = found.pop("last_hidden_state")
        output = Seq2SeqLMOutput(
            found, logits=self._scores(states[:, -logits_to_keep:] if logits_to_keep else states)
        )
        if labels is not None:
            output = Seq2SeqLMOutput(output, loss=self.loss_function(output, labels))
        return self._output(output, return_dict)

    def _scores(self, hidden_states: Any) -> Any:
        if self.config.scale_decoder_outputs:
            return self.shared(ops.multiply(hidden_states, self.config.d_model**-0.5), reverse=True)
        return self.lm_head(hidden_states)

    def prepare_decoder_input_ids_from_labels(self, labels: Any) -> Any:
        """Return what the decoder is fed with so that it gives the labels: they moved by one place.

        Args:
            labels: Token ids, `(batch, tokens)`; -100 becomes padding.

        Raises:
            ValueError: The configuration has no `decoder_start_token_id` or `pad_token_id`.
        """
        start, pad = self.config.decoder_start_token_id, self.config.pad_token_id
        if start is None or pad is None:
            raise ValueError(
                f"{type(self).__name__}: `config.decoder_start_token_id` and `config.pad_token_id` must be "
                "set to feed the decoder with labels."
            )
        labels = ops.cast(labels, "int32")
        first = ops.full((labels.shape[0], 1), start, dtype="int32")
        moved = ops.concatenate([first, labels[:, :-1]], 1)
        return ops.where(ops.equal(moved, loss_functions.IGNORED), ops.full_like(moved, pad), moved)

    def loss_function(self, output: Any, labels: Any) -> Any:
        """Return the mean cross-entropy over the labels that are not -100.

        Args:
            output: What `call` gave.
            labels: Token ids, `(batch, tokens)`.
        """
        return loss_functions.cross_entropy(type(self).__name__, output.logits, labels)
