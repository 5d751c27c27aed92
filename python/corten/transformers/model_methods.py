"""`ModelMethods`: what users of Hugging Face's models call on them, besides calling and training them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from corten import _core, dtype_policies
from corten._state import Structure
from corten.layers.layer import Layer
from corten.layers.placement import Placement

_DEVICE = re.compile(r"(cpu|cuda|gpu|mps|xpu|npu|tpu|hpu)(:\d+)?")


class ModelMethods:
    """Mixin of `PreTrainedModel`: modes, dtypes, numbers of weights, gradient checkpointing."""

    # What calls are that say nothing about it; None: inference.
    _mode: bool | None = None

    # ---- modes -----------------------------------------------------------------------------------

    @property
    def training(self) -> bool:
        """Whether calls without the argument `training` are those of training, as `train` sets it."""
        return bool(self._mode)

    def train(self: Any, mode: bool = True) -> Any:
        """Let calls without the argument `training` use dropout; for training loops of your own.

        `fit`, `evaluate`, `predict`, `generate` and the Trainer say what they are, whatever the mode.

        Args:
            mode: False does what `eval` does.

        Returns:
            The model.

        Example:
            >>> from corten.transformers import BertConfig, BertModel
            >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
            >>> BertModel(config).train().training
            True
        """
        if not isinstance(mode, bool):
            raise TypeError(
                f"{type(self).__name__}.train: expected True or False; got {type(mode).__name__}. To train a "
                "model on data use `fit`, or a Trainer."
            )
        self.__dict__["_mode"] = mode
        return self

    def eval(self) -> Any:
        """Let calls without the argument `training` be inference, as they are for a new model.

        Returns:
            The model.

        Example:
            >>> from corten.transformers import BertConfig, BertModel
            >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
            >>> BertModel(config).train().eval().training
            False
        """
        return self.train(False)

    # ---- devices and dtypes ----------------------------------------------------------------------

    def to(self: Any, *args: Any, device: Any = None, dtype: Any = None, **_: Any) -> Any:
        """Set the dtype of weights and calls, or name the device.

        Args:
            *args: A device, such as `'cpu'` or `'gpu:0'` (`'cuda'` is `'gpu'` here); a dtype or policy,
                such as `'bfloat16'` or `'mixed_bfloat16'`; or both.
            device: The device.
            dtype: The dtype or policy, as for `from_pretrained`. Adapters of `add_lora` stay float32.

        Returns:
            The model.

        Raises:
            ValueError: There is no such device or dtype, the model is quantized, or it has been trained since
                `compile`.

        Example:
            >>> from corten.transformers import BertConfig, BertModel
            >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
            >>> model = BertModel(config).to("cpu").to("bfloat16")
            >>> model.dtype, model(input_ids=[[1, 2]]).last_hidden_state.dtype
            ('bfloat16', 'bfloat16')
        """
        for value in args:
            if isinstance(value, str) and _DEVICE.fullmatch(value.lower()):
                device = value
            elif str(getattr(value, "type", "")) and hasattr(value, "index"):
                device = str(value)  # A device of PyTorch.
            elif value is not None and not isinstance(value, bool):
                dtype = value
        if device is not None:
            Placement.to(self, str(device).lower().replace("cuda", "gpu"))
        if dtype is not None:
            _set_dtype(self, dtype)
        return self

    def float(self) -> Any:
        """The same as `to("float32")`."""
        return self.to("float32")

    def half(self) -> Any:
        """The same as `to("float16")`."""
        return self.to("float16")

    def bfloat16(self) -> Any:
        """The same as `to("bfloat16")`."""
        return self.to("bfloat16")

    def cpu(self) -> Any:
        """The same as `to("cpu")`."""
        return self.to("cpu")

    def cuda(self, device: int | None = None) -> Any:
        """The same as `to("gpu")`.

        Args:
            device: The number of the device.
        """
        return self.to("gpu" if device is None else f"gpu:{device}")

    @property
    def device(self: Any) -> str:
        """Where the weights are."""
        return str(self.weights[0].device)

    # ---- numbers of weights ----------------------------------------------------------------------

    def num_parameters(self: Any, only_trainable: bool = False, exclude_embeddings: bool = False) -> int:
        """Return the number of weights' elements.

        Args:
            only_trainable: Whether to leave out what is frozen.
            exclude_embeddings: Whether to leave out the tables of words, places and text types.
        """
        from corten.layers.embedding import Embedding

        left_out: set[int] = set()
        if exclude_embeddings:
            tables = [layer for layer in self._flatten_layers() if isinstance(layer, Embedding)]
            left_out = {id(variable) for table in tables for variable in table.weights}
        variables = self.trainable_weights if only_trainable else self.weights
        return sum(variable.size for variable in variables if id(variable) not in left_out)

    def print_trainable_parameters(self, print_fn: Callable[[str], Any] = print) -> None:
        """Print how many of the model's numbers are trained; see `corten.transformers.add_lora`.

        Args:
            print_fn: Called with the line.
        """
        from corten.transformers.lora.adapters import print_trainable_parameters

        print_trainable_parameters(self, print_fn)

    # ---- gradient checkpointing ------------------------------------------------------------------

    def gradient_checkpointing_enable(
        self: Any, gradient_checkpointing_kwargs: dict[str, Any] | None = None
    ) -> None:
        """Keep only the states between layers for the gradient, and compute the layers again backwards.

        Memory then grows with one layer and not with all; a step takes about a third longer. Values and
        gradients have the same bits.

        Args:
            gradient_checkpointing_kwargs: Accepted for compatibility.

        Example:
            >>> from corten.transformers import BertConfig, BertModel
            >>> config = BertConfig(vocab_size=30, hidden_size=8, num_hidden_layers=1, num_attention_heads=2)
            >>> model = BertModel(config)
            >>> model.gradient_checkpointing_enable()
            >>> model.is_gradient_checkpointing
            True
        """
        from corten.rematerialization import RematScope

        for block in self._blocks():
            scope = RematScope(mode="list_of_layers", layer_names=[block.name])
            block.__dict__.update(_remat_scope=scope, _general_only=True, _fast=False, _steady=False)
        self._state().forget_steps()

    def gradient_checkpointing_disable(self: Any) -> None:
        """Undo `gradient_checkpointing_enable`."""
        for block in self._blocks():
            block.__dict__.pop("_remat_scope", None)
        self._state().forget_steps()

    @property
    def is_gradient_checkpointing(self) -> bool:
        """Whether layers are computed again for the gradient."""
        return any("_remat_scope" in block.__dict__ for block in self._blocks())

    def _blocks(self) -> list[Any]:
        """The layers of which the model has several, one after the other."""
        found: list[Any] = []
        waiting: list[Any] = [self]
        while waiting:
            for attribute in (layer := waiting.pop()).__dict__["_tracked"]:
                value = layer.__dict__.get(attribute)
                if isinstance(value, Layer):
                    waiting.append(value)
                elif isinstance(value, list):
                    found += [item for item in value if isinstance(item, Layer)]
        return found


def policy_of(dtype: Any) -> Any:
    """Return the policy of a dtype, which may be one of PyTorch's or a policy already."""
    return dtype_policies.get(
        dtype if hasattr(dtype, "variable_dtype") else str(dtype).removeprefix("torch.")
    )


def _set_dtype(model: Any, dtype: Any) -> None:
    """Give all layers of a model a policy, and their weights its dtype."""
    owner = f"{type(model).__name__}.to"
    policy = policy_of(dtype)
    layers = model._flatten_layers()
    if policy.quantization_mode is not None or any(layer.quantization_mode for layer in layers):
        raise ValueError(
            f"{owner}: integers have no other dtype; use `model.quantize(mode)` on a model of floats, after "
            "`to`."
        )
    optimizer = getattr(model, "optimizer", None)
    if optimizer is not None and optimizer.built and policy.variable_dtype != model.variable_dtype:
        raise ValueError(
            f"{owner}: the optimizer holds the state of weights of {model.variable_dtype}. Change the dtype "
            "before `fit`, or call `compile` again first."
        )
    for layer in layers:
        layer.dtype_policy = policy
    adapters = model.__dict__.get("_adapters")
    kept = {id(variable) for variable in (() if adapters is None else adapters.variables())}
    for variable in model.weights:
        if variable._float and variable._dtype != policy.variable_dtype and id(variable) not in kept:
            value = _core.cast(variable._value.detach(), policy.variable_dtype)
            variable._dtype = policy.variable_dtype
            variable._set(value)
    Structure.change()
    model._state().forget_steps()
