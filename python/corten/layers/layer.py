"""`Layer`: the base of everything that has weights and is called on tensors."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from corten import _core, dtype_policies, tree
from corten._state import Seen, autocast_scope, get_mask, state
from corten.config import is_float_dtype
from corten.layers.building import StateLock, batch_shape, build_shape, managed_build, unknown_arguments
from corten.layers.call_context import CallContext, declares_more_than_training
from corten.layers.call_signature import BuildSignature, CallSignature
from corten.layers.conversion import FLOATS, convert_input, is_numbers
from corten.layers.input_spec import InputSpec, assert_input_compatibility, takes_one_tensor
from corten.layers.masks import Masks
from corten.layers.naming_and_dtypes import Named, forgot_super
from corten.layers.persistence import Persistence
from corten.layers.placement import Placement, elsewhere
from corten.layers.quantization.base import Quantizing
from corten.layers.shape_inference import SymbolicCalls, is_default
from corten.layers.tracking import Tracking
from corten.naming import at_path, auto_name, current_path, name_scope
from corten.operation import Operation
from corten.symbolic import KerasTensor, any_symbolic
from corten.variable import Variable

__all__ = ["InputSpec", "Layer", "convert_input"]

_Tensor = _core.Tensor


class Layer(
    SymbolicCalls, CallContext, Masks, Named, Quantizing, Persistence, Placement, Tracking, Operation
):
    """A function of tensors with weights of its own.

    Subclasses set hyper-parameters in `__init__`, create weights with `add_weight` in `build`
    (called once, with the shape of the first input) and compute in `call`.

    Args:
        activity_regularizer: A function of the output that gives a penalty, which is divided by the size
            of the batch.
        trainable: Whether optimizers update the weights.
        dtype: A dtype or dtype policy; None takes the global policy.
        autocast: Whether float inputs are cast to the layer's compute dtype.
        name: The name; None makes one from the class name.
        **kwargs: `input_shape` (or `input_dim`, `batch_size`), which lets `Sequential` build at once.

    Example:
        >>> import corten
        >>> class Scale(corten.layers.Layer):
        ...     def build(self, input_shape):
        ...         self.factor = self.add_weight(shape=(input_shape[-1],), initializer="ones")
        ...
        ...     def call(self, inputs):
        ...         return inputs * self.factor
        >>> layer = Scale()
        >>> layer(corten.ops.ones((2, 3))).shape, layer.count_params()
        ((2, 3), 3)
    """

    built = False
    input_spec: Any = None
    supports_masking = False
    autocast = True
    # False, or the dtype of the inputs that may take the short way; for layers that hold others
    # the way is another.
    _fast: Any = False
    _steady: Any = False
    _checked_shape: Any = None
    _call_signature: CallSignature
    _build_signature: BuildSignature

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls._build_signature = BuildSignature(cls.__dict__["build"])
            cls.build = managed_build(cls.__dict__["build"])
        if "call" in cls.__dict__:
            cls._call_signature = CallSignature(cls.__dict__["call"])

    def __init__(
        self,
        *,
        activity_regularizer: Any = None,
        trainable: bool = True,
        dtype: Any = None,
        autocast: bool = True,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        input_shape = kwargs.pop("input_shape", None)
        input_dim = kwargs.pop("input_dim", None)
        if input_dim is not None and input_shape is None:
            input_shape = (input_dim,)
        batch_size = kwargs.pop("batch_size", None)
        self._declared_shape = kwargs.pop("batch_input_shape", kwargs.pop("batch_shape", None))
        if input_shape is not None:
            # `input_shape=(5)` is an int in Python, yet what its author means is plain.
            shape = (input_shape,) if isinstance(input_shape, int) else tuple(input_shape)
            self._declared_shape = (batch_size, *shape)
        if kwargs:
            raise unknown_arguments(self, kwargs)
        name = auto_name(self.__class__.__name__) if name is None else name
        if not isinstance(name, str) or "/" in name:
            raise ValueError(
                f"Layer: `name` must be a string and cannot contain character `/`; got {name!r}."
            )
        self._name = name
        self._path: str | None = None
        self._dtype_policy = dtype_policies.get(dtype)
        self.autocast = autocast
        if activity_regularizer is not None:
            from corten import regularizers

            activity_regularizer = regularizers.get(activity_regularizer)
        self.activity_regularizer = activity_regularizer
        self.supports_masking = self.supports_masking or not is_default(self.compute_mask)
        if not isinstance(trainable, (bool, np.bool_)):
            raise ValueError(f"{name}: expected `trainable` to be a boolean; got {trainable!r}.")
        self.__dict__["_trainable"] = bool(trainable)
        if state.remat_scopes:
            self.__dict__.update(_remat_scope=state.remat_scopes[-1], _general_only=True, _steady=False)

    # ---- building ------------------------------------------------------------------------------

    if TYPE_CHECKING:
        # Subclasses take one shape, or one for each tensor that `call` takes.
        build: Callable[..., None]

    def build(self, input_shape: Any = None) -> None:  # type: ignore[no-redef]
        """Create the weights. Override this; the base has none.

        Args:
            input_shape: The shape of the first input, None for unknown sizes. A layer whose
                `call` takes several tensors may take a shape for each, named after them:
                `build(self, query_shape, value_shape)`.
        """
        self.__dict__["_build_shapes"] = input_shape
        self.built = True

    def add_weight(
        self,
        shape: Any = None,
        initializer: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        aggregation: str = "none",
        overwrite_with_gradient: bool = False,
        name: str | None = None,
    ) -> Variable:
        """Create a variable that belongs to this layer.

        Args:
            shape: The shape; None makes a scalar.
            initializer: An initializer, its name or a value; None means Glorot uniform for floats
                and zeros otherwise.
            dtype: The dtype; None takes the layer's variable dtype.
            trainable: Whether optimizers update it.
            autocast: Whether mixed precision applies to it.
            regularizer: A penalty on it, or its name.
            constraint: A projection after each update, or its name.
            aggregation: How replicas would combine it.
            overwrite_with_gradient: Whether the gradient replaces the value.
            name: The name below the layer's path.

        Example:
            >>> import corten
            >>> layer = corten.layers.Layer(name="mine")
            >>> layer.add_weight(shape=(2,), initializer="zeros", name="offset").shape
            (2,)
        """
        from corten import constraints, initializers, regularizers

        if "_name" not in self.__dict__:
            raise forgot_super(self)
        if isinstance(shape, str):
            raise ValueError(
                f"add_weight: the first argument is the shape; pass the name {shape!r} as the keyword "
                "argument `name`."
            )
        if self._locked:
            self._refuse_if_locked(name or "weight", None)
        shape = () if shape is None else (shape,) if isinstance(shape, int) else tuple(shape)
        dtype = self.variable_dtype if dtype is None else dtype
        if initializer is None:
            initializer = "glorot_uniform" if is_float_dtype(dtype) else "zeros"
        if isinstance(initializer, (str, dict)) or callable(initializer):
            initializer = initializers.get(initializer)
        # In `build` the layer's name scope is open already; after it the path is known.
        scope: Any = name_scope(self.name)
        if self.__dict__.get("_building"):
            scope = contextlib.nullcontext()
        elif self.built and self._path and not current_path():
            scope = at_path(self._path)
        with scope:
            variable = Variable(
                initializer,
                shape,
                dtype,
                trainable,
                autocast,
                aggregation,
                name=name or auto_name("variable"),
                regularizer=None if regularizer is None else regularizers.get(regularizer),
                constraint=None if constraint is None else constraints.get(constraint),
            )
        if variable._created_trainable and not self._trainable:
            variable.trainable = False
        variable.overwrite_with_gradient = overwrite_with_gradient
        self._track_variable(variable)
        return variable

    def add_variable(
        self,
        shape: Any,
        initializer: Any,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        regularizer: Any = None,
        constraint: Any = None,
        name: str | None = None,
    ) -> Variable:
        """Create a variable that belongs to this layer: `add_weight` with shape and initializer required."""
        return self.add_weight(
            shape, initializer, dtype, trainable, autocast, regularizer, constraint, name=name
        )

    def _maybe_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        signature = self._call_signature
        shapes: dict[str, Any] = {}
        for name, value in signature.named(args, kwargs).items():
            wanted = f"{name}_shape" in self._build_signature.names
            if not wanted and (name in {"training", "mask"} or name.endswith("_mask")):
                continue
            if any(hasattr(leaf, "shape") for leaf in tree.flatten(value)):
                shapes[f"{name}_shape"] = tree.map_structure(build_shape, value)
        positional, named = self._build_signature.arguments(shapes)
        # Built inside another layer's inference, its weights are as real as anywhere.
        probing, state.probing = state.probing, 0
        try:
            self.build(*positional, **named)
        finally:
            state.probing = probing

    def _build_at_init(self) -> None:
        """Say in `__init__` that all weights are there: the layer needs no input's shape."""
        if is_default(self.build) or self._build_signature.takes_nothing:
            self.build()
        self.built = True

    @property
    def _tracker(self) -> StateLock:
        """The lock that `_tracker.unlock()` opens for weights after the first call."""
        return StateLock(self)

    # ---- calling -------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output. Override this."""
        raise NotImplementedError(
            f"Layer {self.__class__.__name__} does not have a `call` method implemented."
        )

    def rematerialized_call(  # type: ignore[override]
        self, layer_call: Callable[..., Any], *args: Any, **kwargs: Any
    ) -> Any:
        """Return a call as the `RematScope` that the layer was made in wants it.

        Args:
            layer_call: The layer's `call`, or what stands for it.
            *args: The arguments of the call to come, whose output's size may count.
            **kwargs: The keyword arguments of it.

        Returns:
            `layer_call`, or a function that keeps less and computes it again for the gradient.
        """
        from corten.rematerialization import rematerialized

        return rematerialized(self.__dict__.get("_remat_scope"), self, layer_call, args, kwargs)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if Seen.devices and state.entry is None and (scope := elsewhere(self, args)) is not None:
            with scope:
                return self(*args, **kwargs)
        if len(args) == 1 and not kwargs:
            x = args[0]
            # The common case: a built layer without sub-layers, one tensor of the right dtype.
            fast = self._fast
            if fast:
                if (
                    x.__class__ is _Tensor
                    and ((dtype := x.dtype) == fast or dtype not in FLOATS)
                    and state.autocast is None
                    and not (Seen.masks and get_mask(x) is not None)
                ):
                    try:
                        if x.shape != self._checked_shape:
                            if self.input_spec is not None:
                                assert_input_compatibility(self.input_spec, x, self.name)
                            self.__dict__["_checked_shape"] = x.shape
                        if self._call_signature.has_training:
                            training = state.training
                            if training is not None:
                                return self.call(x, training=training)
                        return self.call(x)
                    except Exception as error:
                        raise self._with_note(error, args)  # noqa: B904 (the same error, noted)
            elif self._steady and self._is_steady(x):
                return self._steady_call(x)
        if declares_more_than_training(self):
            return self._call_in_context(args, kwargs)
        return self._general_call(args, kwargs)

    def _is_steady(self, x: Any) -> bool:
        """Whether an input is like one that took the general way before, and nothing else is to be done."""
        return (
            x.__class__ is _Tensor
            and x.shape == self._checked_shape
            and ((dtype := x.dtype) == self._steady or dtype not in FLOATS)
            and state.autocast is None
            and not (Seen.losses or Seen.masks)
        )

    def _steady_call(self, x: Any) -> Any:
        """What `_general_call` comes to for a model or another layer of layers in its later calls."""
        signature = self._call_signature
        outermost = state.entry is None
        if outermost:
            state.entry = self
        try:
            if not signature.has_training:
                return self.call(x)
            training = previous = state.training
            if training is None:
                training = signature.training_default
                if training is None:
                    return self.call(x)
                state.training = training
            try:
                return self.call(x, training=training)
            finally:
                state.training = previous
        except Exception as error:
            raise self._with_note(error, (x,))  # noqa: B904 (the same error, noted)
        finally:
            if outermost:
                state.entry = None

    def _general_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        attributes = self.__dict__
        cast, mixed, compute_dtype = attributes.get("_casting") or self._resolve_casting()
        single = len(args) == 1 and args[0].__class__ is _Tensor and not kwargs
        if single:
            args = (convert_input(args[0], cast),)
        else:
            convert = functools.partial(convert_input, dtype=cast)
            if args and is_numbers(args[0]) and takes_one_tensor(self.input_spec):
                args = (np.asarray(args[0]), *args[1:])
            args = tuple(tree.map_structure(convert, arg) for arg in args)
            kwargs = {name: tree.map_structure(convert, value) for name, value in kwargs.items()}
            if len(args) > 1:
                self._check_positional(args)
        try:
            if not single and any_symbolic(args, kwargs):
                return self._symbolic_call(args, kwargs)
            kwargs = self._complete_arguments(args, kwargs)
            if not self.built:
                if isinstance(self.input_spec, InputSpec):
                    self._check_one_tensor(args, kwargs)
                self._build_in_scope(args, kwargs)
            if not single or attributes.get("_checked_shape") != args[0].shape:
                self._check_input(args, kwargs, single)
            if "_seen_output_shape" in attributes:
                outputs = self._run_call(args, kwargs, mixed)
            else:
                # What the first call builds belongs below this layer.
                with name_scope(self.name):
                    outputs = self._run_call(args, kwargs, mixed)
        except Exception as error:
            raise self._with_note(error, args)  # noqa: B904 (the same error, noted)
        if not (self._fast or self._steady):
            self._finish_first_call(compute_dtype, mixed, outputs)
        return outputs

    def _resolve_casting(self) -> tuple[str | None, str | None, str]:
        """Return what float inputs and float variables are cast to (None: nothing), and the dtype."""
        if "_name" not in self.__dict__:
            raise forgot_super(self)
        policy = self.dtype_policy
        compute_dtype = policy.compute_dtype
        cast = compute_dtype if self.autocast and compute_dtype in FLOATS else None
        mixed = compute_dtype if self.autocast and policy.variable_dtype != compute_dtype else None
        if self.built:  # Before, the path that a policy map looks up is not known.
            self.__dict__["_casting"] = (cast, mixed, compute_dtype)
        return cast, mixed, compute_dtype

    def _check_positional(self, args: tuple[Any, ...]) -> None:
        for arg in args[1:]:
            for leaf in tree.flatten(arg):
                if leaf is not None and not isinstance(leaf, (_Tensor, KerasTensor, Variable)):
                    raise ValueError(
                        "Only input tensors may be passed as positional arguments. The following "
                        f"argument value should be passed as a keyword argument: {leaf!r} (of type "
                        f"{type(leaf).__name__})."
                    )

    def _check_input(self, args: tuple[Any, ...], kwargs: dict[str, Any], single: bool) -> None:
        spec = self.input_spec
        if spec is not None:
            first = self._call_signature.first
            named = self._call_signature.named(args, kwargs)
            assert_input_compatibility(spec, named.get(first), self.name)
        if single:
            self.__dict__["_checked_shape"] = args[0].shape

    def _check_one_tensor(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Refuse text, None and several tensors before `build` stumbles over them."""
        given = self._call_signature.named(args, kwargs).get(self._call_signature.first)
        if isinstance(given, dict):
            raise ValueError(
                f'Layer "{self.name}" takes one tensor; it received a dict with keys {list(given)}: '
                "pass one of its values."
            )
        leaves = tree.flatten(given)
        if len(leaves) != 1 or not getattr(leaves[0], "shape", ()):
            assert_input_compatibility(self.input_spec, given, self.name)

    def _run_call(self, args: tuple[Any, ...], kwargs: dict[str, Any], mixed: str | None) -> Any:
        outermost = state.entry is None
        previous_training = state.training
        if outermost:
            state.entry = self
            if Seen.losses and not state.probing:
                self._clear_losses()
        if kwargs.get("training") is not None:
            state.training = kwargs["training"]
        if not self._call_signature.has_training and not self._call_signature.any_keyword:
            kwargs.pop("training", None)
        try:
            call = self.call
            if "_remat_scope" in self.__dict__:
                call = self.rematerialized_call(call, *args, **kwargs)
            if mixed == state.autocast:
                outputs = call(*args, **kwargs)
            else:
                with autocast_scope(mixed):
                    outputs = call(*args, **kwargs)
            if self.activity_regularizer is not None:
                for output in tree.flatten(outputs):
                    if isinstance(output, _Tensor):
                        # By the size of the batch, so that the penalty does not depend on it.
                        size = max(output.shape[0], 1) if output.shape else 1
                        self.add_loss(self.activity_regularizer(output) / size)
            if Seen.masks or not is_default(self.compute_mask):
                self._attach_masks(args, kwargs, outputs)
            return outputs
        finally:
            state.training = previous_training
            if outermost:
                state.entry = None

    def _build_in_scope(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with name_scope(self.name):
            self.__dict__["_path"] = current_path()
        self._maybe_build(args, kwargs)
        self.__dict__["_locked"] = True

    def _finish_first_call(self, compute_dtype: str, mixed: str | None, outputs: Any) -> None:
        """Note the output's shape for summaries; decide whether later calls may take the short way."""
        attributes = self.__dict__
        if "_seen_output_shape" not in attributes:
            attributes["_seen_output_shape"] = tree.map_structure(batch_shape, outputs)
        if not state.probing:
            attributes["_locked"] = True
            if "_general_only" not in attributes:
                attributes["_general_only"] = not (
                    self._is_plain(mixed) and not self._layers and "call" not in attributes
                )
            if not attributes["_general_only"]:
                attributes["_fast"] = compute_dtype
            elif "_steady" not in attributes:
                steady = self._is_plain(mixed) and not self._call_signature.any_keyword
                attributes["_steady"] = compute_dtype if steady else False

    def _is_plain(self, mixed: str | None) -> bool:
        """Whether a call is nothing but `call`: no casting of weights, no penalties or masks of its own."""
        return (
            mixed is None
            and self.autocast
            and self.activity_regularizer is None
            and is_default(self.compute_mask)
            and not self.__dict__["_call_losses"]
        )

    def _with_note(self, error: Exception, args: tuple[Any, ...]) -> Exception:
        """Add which layer failed, on which input, to an error on its way up."""
        shapes = [tree.map_structure(_shape_or_type, arg) for arg in args]
        shown = shapes[0] if len(shapes) == 1 else tuple(shapes)
        name = self.__dict__.get("_name", "?")
        note = f"layer {name!r} ({self.__class__.__name__}), input shape {shown}"
        if hasattr(error, "add_note") and note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        return error

    def __repr__(self) -> str:
        name = self.__dict__.get("_name")
        return f"<{self.__class__.__name__} name={name}, built={self.built}>"


Layer._call_signature = CallSignature(Layer.call)
Layer._build_signature = BuildSignature(Layer.build)


def _shape_or_type(leaf: Any) -> Any:
    shape = build_shape(leaf)
    return type(leaf).__name__ if shape is None else shape
