"""`Layer`: the base of everything that has weights and is called on tensors."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from corten import _core, dtype_policies, tree
from corten._state import Seen, autocast_scope, get_mask, set_mask, state
from corten.config import is_float_dtype
from corten.layers.call_signature import BuildSignature, CallSignature
from corten.layers.input_spec import InputSpec, assert_input_compatibility
from corten.layers.shape_inference import SymbolicCalls, is_default
from corten.layers.tracking import Tracking
from corten.naming import auto_name, current_path, name_scope
from corten.symbolic import KerasTensor, any_symbolic, hide_probes
from corten.variable import Variable

__all__ = ["InputSpec", "Layer", "convert_input"]

_Tensor = _core.Tensor
_FLOATS = frozenset({"float16", "bfloat16", "float32", "float64"})


class Layer(SymbolicCalls, Tracking):
    """A function of tensors with weights of its own.

    Subclasses set hyper-parameters in `__init__`, create weights with `add_weight` in `build`
    (called once, with the shape of the first input) and compute in `call`.

    Args:
        activity_regularizer: A function of the output that gives a penalty.
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
    _fast = False
    _checked_shape: Any = None
    _call_signature: CallSignature
    _build_signature: BuildSignature

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "build" in cls.__dict__:
            cls._build_signature = BuildSignature(cls.__dict__["build"])
            cls.build = _managed_build(cls.__dict__["build"])
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
            raise _unknown_arguments(self, kwargs)
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

    # ---- names and dtypes ----------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name."""
        try:
            name: str = self.__dict__["_name"]
        except KeyError:
            raise _forgot_super(self) from None
        return name

    @name.setter
    def name(self, value: str) -> None:
        self._name = value

    @property
    def path(self) -> str | None:
        """The names of the enclosing layers and this one; None before it is built."""
        return self._path

    @property
    def dtype_policy(self) -> Any:
        """The dtype policy."""
        policy = self.__dict__.get("_dtype_policy")
        if isinstance(policy, dtype_policies.DTypePolicyMap):
            return policy[self._path or self.name]
        return policy if policy is not None else dtype_policies.get(None)

    @dtype_policy.setter
    def dtype_policy(self, value: Any) -> None:
        current = self.__dict__.get("_dtype_policy")
        if isinstance(current, dtype_policies.DTypePolicyMap) and self._path:
            current.replace(self._path, value)
        else:
            self._dtype_policy = dtype_policies.get(value)
        self.__dict__["_fast"] = False
        self.__dict__.pop("_casting", None)

    @property
    def dtype(self) -> str:
        """The dtype of the weights."""
        return self.variable_dtype

    @property
    def variable_dtype(self) -> str:
        """The dtype of the weights."""
        dtype: str = self.dtype_policy.variable_dtype
        return dtype

    @property
    def compute_dtype(self) -> str:
        """The dtype that float inputs are cast to."""
        dtype: str = self.dtype_policy.compute_dtype
        return dtype

    @property
    def input_dtype(self) -> str:
        """The same as `compute_dtype`."""
        return self.compute_dtype

    @property
    def quantization_mode(self) -> None:
        """Always None: layers are not quantized."""
        return None

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
            raise _forgot_super(self)
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
        # In `build` the layer's name scope is open already.
        scope = contextlib.nullcontext() if self.__dict__.get("_building") else name_scope(self.name)
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

    def _maybe_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        signature = self._call_signature
        shapes: dict[str, Any] = {}
        for name, value in signature.named(args, kwargs).items():
            wanted = f"{name}_shape" in self._build_signature.names
            if not wanted and (name in {"training", "mask"} or name.endswith("_mask")):
                continue
            if any(hasattr(leaf, "shape") for leaf in tree.flatten(value)):
                shapes[f"{name}_shape"] = tree.map_structure(_build_shape, value)
        positional, named = self._build_signature.arguments(shapes)
        # Built inside another layer's inference, its weights are as real as anywhere.
        probing, state.probing = state.probing, 0
        try:
            self.build(*positional, **named)
        finally:
            state.probing = probing

    # ---- calling -------------------------------------------------------------------------------

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output. Override this."""
        raise NotImplementedError(
            f"Layer {self.__class__.__name__} does not have a `call` method implemented."
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        # The common case: a built layer without sub-layers, one tensor of the right dtype.
        if self._fast and len(args) == 1 and not kwargs:
            x = args[0]
            if (
                x.__class__ is _Tensor
                and (x.dtype == self._fast or x.dtype not in _FLOATS)
                and state.autocast is None
                and not (Seen.masks and get_mask(x) is not None)
            ):
                try:
                    if self.input_spec is not None and x.shape != self._checked_shape:
                        assert_input_compatibility(self.input_spec, x, self.name)
                        self.__dict__["_checked_shape"] = x.shape
                    if self._call_signature.has_training:
                        training = state.training
                        if training is not None:
                            return self.call(x, training=training)
                    return self.call(x)
                except Exception as error:
                    raise self._with_note(error, args)  # noqa: B904 (the same error, noted)
        return self._general_call(args, kwargs)

    def _general_call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        attributes = self.__dict__
        cast, mixed, compute_dtype = attributes.get("_casting") or self._resolve_casting()
        single = len(args) == 1 and args[0].__class__ is _Tensor and not kwargs
        if single:
            args = (convert_input(args[0], cast),)
        else:
            convert = functools.partial(convert_input, dtype=cast)
            args = tuple(tree.map_structure(convert, arg) for arg in args)
            kwargs = {name: tree.map_structure(convert, value) for name, value in kwargs.items()}
            if len(args) > 1:
                self._check_positional(args)
        try:
            if not single and any_symbolic(args, kwargs):
                return self._symbolic_call(args, kwargs)
            kwargs = self._complete_arguments(args, kwargs)
            if not self.built:
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
        if not self._fast:
            self._finish_first_call(compute_dtype, mixed, outputs)
        return outputs

    def _resolve_casting(self) -> tuple[str | None, str | None, str]:
        """Return what float inputs and float variables are cast to (None: nothing), and the dtype."""
        if "_name" not in self.__dict__:
            raise _forgot_super(self)
        policy = self.dtype_policy
        compute_dtype = policy.compute_dtype
        cast = compute_dtype if self.autocast and compute_dtype in _FLOATS else None
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
            if mixed == state.autocast:
                outputs = self.call(*args, **kwargs)
            else:
                with autocast_scope(mixed):
                    outputs = self.call(*args, **kwargs)
            if self.activity_regularizer is not None:
                for output in tree.flatten(outputs):
                    if isinstance(output, _Tensor):
                        self.add_loss(self.activity_regularizer(output))
            if Seen.masks or not is_default(self.compute_mask):
                self._attach_masks(args, kwargs, outputs)
            return outputs
        finally:
            state.training = previous_training
            if outermost:
                state.entry = None

    def _complete_arguments(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """Fill in `training` and masks that the caller left out and `call` accepts."""
        signature = self._call_signature
        if kwargs.get("training") is None and not (
            "training" in signature.names and len(args) > signature.names.index("training")
        ):
            training = state.training
            kwargs.pop("training", None)
            if training is None and signature.has_training:
                training = signature.training_default
            if training is not None:
                kwargs["training"] = training
        if Seen.masks:
            if signature.has_mask and kwargs.get("mask") is None and args:
                mask = tree.map_structure(get_mask, args[0])
                given = "mask" in signature.names and len(args) > signature.names.index("mask")
                if not given and any(leaf is not None for leaf in tree.flatten(mask)):
                    kwargs["mask"] = mask
            for name, mask_name in signature.mask_names:
                named = signature.named(args, kwargs)
                if named.get(name) is not None and named.get(mask_name) is None:
                    mask = tree.map_structure(get_mask, named[name])
                    if any(leaf is not None for leaf in tree.flatten(mask)):
                        kwargs[mask_name] = mask
        return kwargs

    def _attach_masks(self, args: tuple[Any, ...], kwargs: dict[str, Any], outputs: Any) -> None:
        if not args and self._call_signature.first not in kwargs:
            return
        inputs = args[0] if args else kwargs[self._call_signature.first]
        previous = kwargs.get("mask")
        if previous is None:
            previous = tree.map_structure(get_mask, inputs)
            if all(leaf is None for leaf in tree.flatten(previous)):
                previous = None
        if previous is None and (is_default(self.compute_mask) or not self.supports_masking):
            return
        if not self.supports_masking:
            if not self._layers:
                import warnings

                warnings.warn(
                    f"Layer '{self.name}' (of type {self.__class__.__name__}) was passed an input "
                    "with a mask attached to it. However, this layer does not support masking and "
                    "will therefore destroy the mask information. Downstream layers will not see "
                    "the mask.",
                    stacklevel=4,
                )
            return
        masks = self.compute_mask(inputs, previous)
        if masks is None:
            return
        flat_outputs, flat_masks = tree.flatten(outputs), tree.flatten(masks)
        for output, mask in zip(flat_outputs, flat_masks, strict=False):
            if mask is not None and get_mask(output) is None:
                set_mask(output, mask)

    def compute_mask(self, inputs: Any, previous_mask: Any) -> Any:
        """Return the mask of the output; the base passes the input's mask on."""
        return previous_mask

    def _build_in_scope(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        with name_scope(self.name):
            self.__dict__["_path"] = current_path()
        self._maybe_build(args, kwargs)
        self.__dict__["_locked"] = True

    def _finish_first_call(self, compute_dtype: str, mixed: str | None, outputs: Any) -> None:
        """Note the output's shape for summaries; decide whether later calls may take the short way."""
        attributes = self.__dict__
        if "_seen_output_shape" not in attributes:
            attributes["_seen_output_shape"] = tree.map_structure(_batch_shape, outputs)
        if not state.probing:
            attributes["_locked"] = True
            if "_general_only" not in attributes:
                attributes["_general_only"] = not (
                    mixed is None
                    and self.autocast
                    and self.activity_regularizer is None
                    and is_default(self.compute_mask)
                    and not attributes["_call_losses"]
                    and not self._layers
                    and "call" not in attributes
                )
            if not attributes["_general_only"]:
                attributes["_fast"] = compute_dtype

    def _with_note(self, error: Exception, args: tuple[Any, ...]) -> Exception:
        """Add which layer failed, on which input, to an error on its way up."""
        shapes = tree.map_structure(lambda x: getattr(x, "shape", type(x).__name__), list(args))
        shown = shapes[0] if len(shapes) == 1 else tuple(shapes)
        name = self.__dict__.get("_name", "?")
        note = f"layer {name!r} ({self.__class__.__name__}), input shape {shown}"
        if hasattr(error, "add_note") and note not in getattr(error, "__notes__", ()):
            error.add_note(note)
        return error

    # ---- the rest ------------------------------------------------------------------------------

    @property
    def metrics(self) -> list[Any]:
        """The metrics that this layer and those below it hold."""
        found: list[Any] = []
        for layer in self._flatten_layers():
            found.extend(m for m in layer._direct_metrics() if not any(m is f for f in found))
        return found

    def count_params(self) -> int:
        """Return the number of weights' elements."""
        if not self.built and not self.weights:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                f"built. Build it manually via: `layer.build(input_shape)`."
            )
        return sum(variable.size for variable in self.weights)

    def save_own_variables(self, store: dict[str, Any]) -> None:
        """Put this layer's own variables (not its sub-layers') into `store`, by position."""
        for index, variable in enumerate(self._own_variables(seeds=False)):
            store[str(index)] = variable

    def load_own_variables(self, store: dict[str, Any]) -> None:
        """Assign this layer's own variables from what `save_own_variables` stored."""
        variables = list(self._own_variables(seeds=False))
        if len(store) != len(variables):
            if store and not variables and not self.built:
                problem = "the layer has no weights yet: build it before loading"
            else:
                problem = f"expected {len(variables)} variables, got {len(store)}"
            raise ValueError(f"Layer '{self.name}' ({self.__class__.__name__}): {problem}.")
        for index, variable in enumerate(variables):
            variable.assign(store[str(index)])

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this layer.

        A subclass that does not override this gets its `__init__` arguments captured.
        """
        from corten.layers import configuration

        return configuration.layer_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Create a layer from what `get_config` returned."""
        from corten.layers import configuration

        return configuration.layer_from_config(cls, config)

    def get_build_config(self) -> dict[str, Any] | None:
        """Return the shapes the layer was built with."""
        shapes = self.__dict__.get("_build_shapes")
        return None if shapes is None else {"input_shape": shapes}

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the layer from what `get_build_config` returned."""
        if not self.built and config:
            shapes = config.get("input_shape")
            if isinstance(shapes, dict) and all(key.endswith("_shape") for key in shapes):
                self.build(**shapes)
            elif shapes is not None:
                self.build(tree.lists_to_tuples(shapes))

    def __repr__(self) -> str:
        name = self.__dict__.get("_name")
        return f"<{self.__class__.__name__} name={name}, built={self.built}>"


Layer._call_signature = CallSignature(Layer.call)
Layer._build_signature = BuildSignature(Layer.build)


def convert_input(value: Any, dtype: str | None) -> Any:
    """Return arrays as tensors and float tensors in `dtype` (None: as they are)."""
    cls = value.__class__
    if cls is _Tensor or isinstance(value, Variable):
        if dtype is not None and value.dtype != dtype and value.dtype in _FLOATS:
            cast = _core.cast(value, dtype)
            mask = get_mask(value)
            if mask is not None:
                set_mask(cast, mask)
            return cast
        return value
    if cls in _PYTHON_VALUES or isinstance(value, KerasTensor) or callable(value):
        return value
    if hasattr(value, "__array__") or hasattr(value, "__dlpack__"):
        if getattr(getattr(value, "dtype", None), "kind", "f") in "OUSV":
            return value  # Text goes to preprocessing layers as it is.
        tensor = _core.tensor(value)
        if dtype is not None and tensor.dtype != dtype and tensor.dtype in _FLOATS:
            tensor = _core.cast(tensor, dtype)
        return tensor
    return value


_PYTHON_VALUES = frozenset({bool, int, float, str, type(None), bytes})


def _build_shape(leaf: Any) -> Any:
    shape = getattr(leaf, "shape", None)
    return None if shape is None else hide_probes(tuple(shape))


def _batch_shape(leaf: Any) -> Any:
    shape = _build_shape(leaf)
    return (None, *shape[1:]) if shape else shape


def _managed_build(build: Callable[..., None]) -> Callable[..., None]:
    """Wrap `build`: open the layer's name scope, note the shapes, mark the layer as built."""

    @functools.wraps(build)
    def managed(self: Layer, *args: Any, **kwargs: Any) -> None:
        if "_name" not in self.__dict__:
            raise _forgot_super(self)
        if self.__dict__.get("_building"):
            build(self, *args, **kwargs)  # `super().build(...)` in a subclass.
            return
        self.__dict__["_building"] = True
        try:
            with name_scope(self.name):
                self.__dict__["_path"] = current_path()
                build(self, *args, **kwargs)
        finally:
            self.__dict__["_building"] = False
        shapes: Any = kwargs if kwargs and not args else args[0] if args else None
        self.__dict__["_build_shapes"] = shapes
        self.built = True

    return managed


def _forgot_super(layer: Any) -> RuntimeError:
    return RuntimeError(
        f"In layer '{layer.__class__.__name__}', you forgot to call `super().__init__()` as the "
        "first statement in the `__init__()` method. Go add it!"
    )


def _unknown_arguments(layer: Layer, kwargs: dict[str, Any]) -> ValueError:
    import difflib

    parameters: set[str] = set()
    for cls in type(layer).__mro__:
        if "__init__" in cls.__dict__ and cls is not object:
            parameters |= set(inspect.signature(cls.__dict__["__init__"]).parameters)
    parameters -= {"self", "kwargs", "args", "_"}
    hints = []
    for name in kwargs:
        close = difflib.get_close_matches(name, parameters, 1)
        if close:
            hints.append(f" Did you mean `{close[0]}` instead of `{name}`?")
    return ValueError(
        f"Unrecognized keyword arguments passed to {layer.__class__.__name__}: {kwargs}." + "".join(hints)
    )
