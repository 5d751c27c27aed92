"""`PreTrainedModel`: a Corten model that is made from a configuration and reads Hugging Face's files."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from corten import config as settings, ops
from corten._state import state
from corten.layers.core import Dense
from corten.layers.einsum_dense import EinsumDense
from corten.layers.embedding import Embedding, ReversibleEmbedding
from corten.layers.layer import Layer
from corten.models.model import Model
from corten.naming import current_path, name_scope
from corten.symbolic import KerasTensor
from corten.transformers import loss_functions
from corten.transformers.configuration import PretrainedConfig
from corten.transformers.model_methods import ModelMethods
from corten.transformers.outputs import ModelOutput

# What a file for other programs has as inputs.
_EXPORTED = ("input_ids", "attention_mask", "token_type_ids", "decoder_input_ids")


class _Construction(threading.local):
    """How many constructors of models run inside one another."""

    depth = 0


_construction = _Construction()


def _constructing(init: Callable[..., None]) -> Callable[..., None]:
    """Wrap a constructor: when the outermost one is done, the model gets its weights."""

    @functools.wraps(init)
    def construct(self: Any, *args: Any, **kwargs: Any) -> None:
        outermost = _construction.depth == 0
        dtype = kwargs.get("dtype")
        before = settings._Settings.dtype_policy
        _construction.depth += 1
        if outermost and dtype is not None:
            # The layers that the constructor makes compute as the model does.
            settings.set_dtype_policy(dtype)
        try:
            init(self, *args, **kwargs)
        finally:
            _construction.depth -= 1
            if outermost:
                settings._Settings.dtype_policy = before
        if outermost:
            self._create_weights()

    return construct


class PreTrainedModel(ModelMethods, Model):
    """Base of the models of `corten.transformers`.

    A subclass names its `config_class`, makes its layers in `__init__` and computes in `call`. All weights
    are there once it is constructed.

    Args:
        config: The configuration.
        **kwargs: `name`, `trainable` and `dtype`, as for any model.

    Call arguments:
        A dict of them (or a `BatchEncoding`) may stand in place of keyword arguments.

    Raises:
        TypeError: The configuration is of another class.

    Example:
        >>> import corten
        >>> from corten.transformers import BertConfig, BertForSequenceClassification
        >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
        >>> model = BertForSequenceClassification(config)
        >>> output = model({"input_ids": [[2, 5, 3]]}, labels=[1])
        >>> output.logits.shape, output.loss.shape
        ((1, 2), ())
    """

    config_class: ClassVar[type[Any]] = PretrainedConfig
    #: The attribute that holds the model without its head, and what names begin with in files of the whole.
    base_model_prefix: ClassVar[str] = ""
    #: The first argument of `call`.
    main_input_name: ClassVar[str] = "input_ids"
    #: Names in files that stand for a weight that another name has too.
    tied_weight_names: ClassVar[dict[str, str]] = {}
    #: Endings of names in files that are no weights.
    ignored_names: ClassVar[tuple[str, ...]] = ("position_ids", "token_type_ids")
    #: What `from_pretrained` found, by kind.
    loading_info: dict[str, Any] | None = None
    #: The folder or name that `from_pretrained` got; empty for a new model.
    name_or_path: str = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__init__" in cls.__dict__:
            cls.__init__ = _constructing(cls.__dict__["__init__"])  # type: ignore[method-assign]

    def __init__(self, config: PretrainedConfig, **kwargs: Any) -> None:
        if not isinstance(config, PretrainedConfig):
            raise TypeError(
                f"{type(self).__name__}: expected a {self.config_class.__name__}; got "
                f"{type(config).__name__}. For "
                f"trained weights use `{type(self).__name__}.from_pretrained(folder)`."
            )
        super().__init__(**kwargs)
        self.config = config

    # ---- building ------------------------------------------------------------------------------

    def symbolic_inputs(self) -> dict[str, Any]:
        """Return symbolic arguments of `call`, which the model is built with."""
        return {self.main_input_name: KerasTensor((None, None), "int32")}

    def _text_of_input(self, name: str) -> str:
        """What the second axis of an input counts: inputs of one text have as many tokens."""
        return "decoder_tokens" if name.startswith("decoder_") else "tokens"

    def export_inputs(self) -> dict[str, Any]:
        """Return what `export` takes for the inputs: ids and the masks that the model knows, int64."""
        from corten.layers.input_spec import InputSpec

        names = [name for name in _EXPORTED if name in self._call_signature.accepted]
        return {name: InputSpec(shape=(None, None), dtype="int64", name=name) for name in names}

    def _create_weights(self) -> None:
        if self.built:
            return
        _adopt_names(self)
        with name_scope(self.name):
            self.__dict__["_path"] = current_path()
            self.built = True
            super().compute_output_spec(**self.symbolic_inputs(), training=False)
        self.tie_weights()

    def tie_weights(self) -> None:
        """Share weights as the configuration says; for models whose layers do not do so by themselves."""

    def build(self, input_shape: Any = None) -> None:
        """Nothing is left to do: the weights come with the constructor."""
        self.built = True

    # ---- calling -------------------------------------------------------------------------------

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        given = self._named_arguments(args, kwargs)
        if self._mode is not None and state.training is None and "training" not in given:
            given["training"] = self._mode
        return super().__call__(**given)

    def compute_output_spec(self, *args: Any, **kwargs: Any) -> Any:
        return super().compute_output_spec(**self._named_arguments(args, kwargs))

    def _named_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Return all arguments by name, lists as arrays."""
        signature = self._call_signature
        owner = type(self).__name__
        if len(args) == 1 and isinstance(args[0], Mapping):
            given = {**args[0], **kwargs}
        else:
            if len(args) == 1 and isinstance(args[0], (list, tuple)) and _holds_arrays(args[0]):
                args = tuple(args[0])
            if len(args) > len(signature.names):
                raise TypeError(f"{owner}: takes {len(signature.names)} arguments; got {len(args)}.")
            given = {**dict(zip(signature.names, args, strict=False)), **kwargs}
        unknown = [name for name in given if name not in signature.accepted and name != "training"]
        if unknown and not signature.any_keyword:
            accepted = ", ".join(name for name in signature.names if name != "training")
            raise TypeError(
                f"{owner}: unexpected argument{'s' if len(unknown) > 1 else ''} "
                f"{', '.join(map(repr, unknown))}; it "
                f"takes {accepted}. Take out what the model does not know."
            )
        return {
            name: _as_array(owner, name, value) if isinstance(value, (list, tuple)) else value
            for name, value in given.items()
            if value is not None
        }

    def _wanted(self, name: str, given: bool | None) -> bool:
        """Return a choice of a call, or the configuration's."""
        return bool(getattr(self.config, name) if given is None else given)

    def _output(self, output: ModelOutput, return_dict: bool | None) -> Any:
        """Return an output in the form that was asked for."""
        wanted = self.config.use_return_dict if return_dict is None else return_dict
        return output if wanted else output.to_tuple()

    def _with_loss(self, output: ModelOutput, labels: Any) -> ModelOutput:
        """Return an output with the model's loss, where there are labels."""
        return output if labels is None else type(output)(output, loss=self.loss_function(output, labels))

    def _check_ids(self, input_ids: Any, inputs_embeds: Any) -> None:
        """Refuse calls with neither or both kinds of inputs, and ids of another rank."""
        owner = type(self).__name__
        if (input_ids is None) == (inputs_embeds is None):
            raise ValueError(f"{owner}: give either `input_ids` or `inputs_embeds`.")
        if input_ids is not None and len(input_ids.shape) != 2:
            raise ValueError(
                f"{owner}: `input_ids` must have the shape (batch, tokens); got {tuple(input_ids.shape)}. "
                "For one text add the batch axis: `input_ids[None]`."
            )
        if input_ids is not None and not str(input_ids.dtype).startswith(("int", "uint")):
            raise TypeError(f"{owner}: `input_ids` must be integers; got {input_ids.dtype}.")

    # ---- training ------------------------------------------------------------------------------

    _has_own_loss = True

    def _own_loss(self, y: Any, y_pred: Any, sample_weight: Any) -> Any:
        if sample_weight is not None:
            raise ValueError(
                f"{type(self).__name__}: the model's own loss takes no sample or class weights. Compile with "
                "a loss, such as `corten.losses.SparseCategoricalCrossentropy(from_logits=True)`."
            )
        found = y_pred.get("loss") if isinstance(y_pred, Mapping) else None
        if found is not None:
            return found
        if y is None:
            raise ValueError(
                f"{type(self).__name__}: there are no labels to compute the loss from. Pass them in the "
                "data, as in `fit({**encodings, 'labels': labels})`, or as `y`."
            )
        return self.loss_function(y_pred, y)

    def _compared(self, x: Any, y: Any, y_pred: Any) -> tuple[Any, Any]:
        if y is None and isinstance(x, Mapping):
            y = x.get("labels")
        if isinstance(y_pred, Mapping) and "logits" in y_pred:
            y_pred = y_pred["logits"]
        return y, y_pred

    def _counted(self, y: Any, y_pred: Any, sample_weight: Any) -> tuple[Any, ...]:
        of_tokens = (
            hasattr(y, "shape") and hasattr(y_pred, "shape") and len(y.shape) == len(y_pred.shape) - 1 > 1
        )
        if not of_tokens or sample_weight is not None or "int" not in str(y.dtype):
            return y, y_pred, sample_weight
        # Tokens without a label are none that a metric could be right about.
        counted = ops.not_equal(y, loss_functions.IGNORED)
        return ops.where(counted, y, ops.zeros_like(y)), y_pred, None, ops.cast(counted, "float32")

    def _check_labels(self, x: Any, y: Any, caller: str) -> None:
        labels = x.get("labels") if isinstance(x, Mapping) and y is None else y
        if labels is not None and self._training_state is not None and self._training_state.loss is None:
            self.check_labels(labels, caller)

    def check_labels(self, labels: Any, caller: str) -> None:
        """Refuse labels that the model's loss cannot take; `fit` asks before it trains.

        Args:
            labels: All labels at hand.
            caller: What to call in messages.

        Raises:
            ValueError: A label is no class of the model.
        """

    def loss_function(self, output: Any, labels: Any) -> Any:
        """Return the model's own loss.

        Args:
            output: What `call` gave.
            labels: What `labels=` of `call` takes.

        Raises:
            NotImplementedError: The model has none.
        """
        raise NotImplementedError(
            f"{type(self).__name__} has no loss of its own: compile it with one, or use a model with a head, "
            "such as BertForSequenceClassification."
        )

    # ---- embeddings ----------------------------------------------------------------------------

    @property
    def base_model(self) -> Any:
        """The model without its head; the model itself if it has none."""
        return getattr(self, self.base_model_prefix, self) if self.base_model_prefix else self

    def get_input_embeddings(self) -> Any:
        """Return the layer with the vectors of the words."""
        base = self.base_model
        if base is self:
            raise NotImplementedError(f"{type(self).__name__} does not say where its word embeddings are.")
        return base.get_input_embeddings()

    def get_output_embeddings(self) -> Any:
        """Return the layer that gives a score for each word; None if the model has none."""
        return getattr(self, "lm_head", None)

    def vocabulary_layers(self) -> list[Any]:
        """Return the layers, besides the input embeddings, whose weights have an entry for each word."""
        layer = self.get_output_embeddings()
        return [] if layer is None else [layer]

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None
    ) -> Any:
        """Change the number of words that the model knows, as after adding tokens to the tokenizer.

        New entries begin as the mean of the old ones.

        Args:
            new_num_tokens: The number, `len(tokenizer)`; None leaves it.
            pad_to_multiple_of: A number whose next multiple is taken.

        Returns:
            The input embeddings.

        Raises:
            ValueError: The model has been trained since `compile`, or is quantized.

        Example:
            >>> from corten.transformers import BertConfig, BertForMaskedLM
            >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
            >>> model = BertForMaskedLM(config)
            >>> model.resize_token_embeddings(32).embeddings.shape
            (32, 8)
            >>> model(input_ids=[[31]]).logits.shape
            (1, 1, 32)
        """
        from corten.transformers.vocabulary import resize_vocabulary

        size = self.get_input_embeddings().input_dim if new_num_tokens is None else new_num_tokens
        if pad_to_multiple_of:
            size = -(-size // pad_to_multiple_of) * pad_to_multiple_of
        resize_vocabulary(self, size)
        return self.get_input_embeddings()

    # ---- quantizing ----------------------------------------------------------------------------

    def quantize(  # type: ignore[override]
        self, mode: str | None = None, config: Any = None, filters: Any = None, **kwargs: Any
    ) -> None:
        """Replace the matrices of all dense layers and embeddings by quantized ones, see `Model.quantize`.

        Args:
            mode: `'int8'`, `'int4'`, `'float8'`, `'gptq'` or `'awq'`; may be left out with `config`.
            config: Options, such as `corten.quantizers.Int4QuantizationConfig(block_size=64)`.
            filters: Which layers; None for all that can be.
            **kwargs: As for `Model.quantize`.
        """
        if filters is None:
            # The others, such as norms, are asked for nothing, and warn of nothing.
            filters = _has_a_matrix
        super().quantize(mode, config, filters, **kwargs)

    # ---- files ---------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: str | os.PathLike[str],
        *,
        config: PretrainedConfig | None = None,
        ignore_mismatched_sizes: bool = False,
        dtype: Any = None,
        output_loading_info: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Create a model from a folder with `config.json` and `model.safetensors`.

        What the file has not (a new classifier) is newly initialised; one warning says so, and what was left
        over.

        Args:
            pretrained_model_name_or_path: A folder, or a name on the hub that is in the local cache.
            config: A configuration in place of the folder's.
            ignore_mismatched_sizes: Whether weights of another shape are newly initialised, as for a
                classifier with another number of classes.
            dtype: A dtype or policy, such as `'mixed_bfloat16'`; None takes the global policy, `'auto'` that
                of the file.
            output_loading_info: Whether to return the lists of what was missing and left over too.
            **kwargs: `cache_dir`, `revision`, `local_files_only` and the like say where to look, `name` and
                `trainable` are the model's; all else takes the place of entries of the configuration, as in
                `num_labels=3`.

        Returns:
            The model, or `(model, loading info)`.

        Raises:
            OSError: A file is missing.
            ValueError: A file is damaged, or weights have other shapes than the configuration says.

        Example:
            >>> import tempfile
            >>> from corten.transformers import BertConfig, BertModel
            >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
            >>> folder = tempfile.mkdtemp()
            >>> BertModel(config).save_pretrained(folder)
            >>> BertModel.from_pretrained(folder).config.hidden_size
            8
        """
        from corten.transformers.pretrained_files import load_model

        return load_model(
            cls,
            pretrained_model_name_or_path,
            config,
            ignore_mismatched_sizes,
            dtype,
            output_loading_info,
            kwargs,
        )

    def save_pretrained(
        self,
        save_directory: str | os.PathLike[str],
        *,
        max_shard_size: int | str = "50GB",
        safe_serialization: bool = True,
        **kwargs: Any,
    ) -> None:
        """Write `config.json` and `model.safetensors` into a folder, as `transformers` reads them.

        Args:
            save_directory: The folder, which is made if need be.
            max_shard_size: The size that no file of weights is to exceed, in bytes or as in `'200MB'`.
            safe_serialization: Must be true: Corten writes no pickles.
            **kwargs: `push_to_hub` must be false.

        Raises:
            ValueError: The model is quantized, or an argument asks for what is not done.
        """
        from corten.transformers.pretrained_files import save_model

        save_model(self, save_directory, max_shard_size, safe_serialization, kwargs)

    def get_config(self) -> dict[str, Any]:
        from corten import dtype_policies
        from corten.transformers.lora.adapters import config_of

        policy = self.__dict__.get("_dtype_policy") or dtype_policies.get(None)
        adapters = config_of(self)
        return {
            "name": self.name,
            "trainable": self.trainable,
            "dtype": dtype_policies.serialize(policy),
            "config": self.config.to_dict(),
            **({} if adapters is None else {"adapters": adapters}),
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        given = dict(config)
        if isinstance(given.get("dtype"), dict):
            from corten import dtype_policies

            given["dtype"] = dtype_policies.deserialize(given["dtype"])
        adapters = given.pop("adapters", None)
        model = cls(cls.config_class.from_dict(given.pop("config")), **given)
        if adapters is not None:
            from corten.transformers.lora.adapters import restore

            restore(model, adapters)
        return model


def _has_a_matrix(layer: Layer) -> bool:
    return type(layer) in (Dense, EinsumDense, Embedding, ReversibleEmbedding)


def _adopt_names(model: Layer) -> None:
    """Name the layers below a model after their attributes, so that paths of variables say where they are."""
    waiting, seen = [model], {id(model)}
    while waiting:
        layer = waiting.pop()
        for attribute in layer.__dict__["_tracked"]:
            value = layer.__dict__.get(attribute)
            children = list(value) if isinstance(value, (list, tuple)) else [value]
            for index, child in enumerate(children):
                if isinstance(child, Layer) and id(child) not in seen:
                    seen.add(id(child))
                    child._name = attribute if child is value else f"{attribute}_{index}"
                    waiting.append(child)


def _holds_arrays(values: Any) -> bool:
    return bool(values) and all(hasattr(value, "shape") for value in values)


def _as_array(owner: str, name: str, value: Any) -> Any:
    if not value or _holds_arrays(value) or hasattr(value[0], "shape") or isinstance(value[0], (tuple, dict)):
        return value
    try:
        return np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{owner}: the lists in `{name}` have different lengths; fill them up first, for example by the "
            "tokenizer's `padding=True`."
        ) from None
