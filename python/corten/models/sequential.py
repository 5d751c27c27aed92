"""`Sequential`: a stack of layers."""

from __future__ import annotations

from typing import Any

from corten import tree
from corten._state import state
from corten.layers.input_layer import InputLayer
from corten.layers.input_spec import InputSpec
from corten.layers.layer import Layer
from corten.layers.shape_inference import is_default
from corten.models.functional import Functional, fit_input
from corten.models.model import Model
from corten.symbolic import KerasTensor


class Sequential(Model):
    """A model that sends its input through a list of layers.

    It is built at once if it starts with `Input(...)` (or a layer with `input_shape=`), otherwise
    on its first call.

    Args:
        layers: The layers.
        trainable: Whether optimizers update the weights.
        name: The name.

    Example:
        >>> import corten
        >>> from corten import layers
        >>> model = corten.Sequential()
        >>> model.add(layers.Dense(8, activation="relu", input_shape=(4,)))
        >>> model.add(layers.Dense(1))
        >>> model.output_shape, model.count_params()
        ((None, 1), 49)
    """

    _functional: Functional | None

    def __init__(self, layers: Any = None, trainable: bool = True, name: str | None = None) -> None:
        super().__init__(trainable=trainable, name=name)
        self._stack: list[Any] = []
        self.__dict__["_functional"] = None
        self.__dict__["_general_only"] = True
        self.supports_masking = True
        if layers is not None:
            for layer in [layers] if isinstance(layers, Layer) else layers:
                self.add(layer, rebuild=False)
            self._rebuild()

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        return Layer.__new__(cls, *args, **kwargs)

    def add(self, layer: Any, rebuild: bool = True) -> None:
        """Put a layer on top of the stack.

        Args:
            layer: The layer, or what `Input()` returned as the first one.
            rebuild: Whether to build the model now if its input shape is known.

        Raises:
            ValueError: It is not a layer, or its name is taken.
        """
        if isinstance(layer, KerasTensor) and layer._keras_history is not None:
            layer = layer._keras_history.operation
        if not isinstance(layer, Layer):
            raise ValueError(
                "Only instances of `corten.layers.Layer` can be added to a Sequential model. "
                f"Received: {layer!r} (of type {type(layer)})"
            )
        if isinstance(layer, InputLayer) and self._stack and isinstance(self._stack[0], InputLayer):
            raise ValueError(
                f"Sequential model '{self.name}' has already been configured to use input shape "
                f"{self._stack[0].batch_shape}. You cannot add a different Input layer to it."
            )
        if any(layer.name == known.name for known in self._stack):
            raise ValueError(
                f"All layers added to a Sequential model should have unique names. Name "
                f"'{layer.name}' is already the name of a layer in this model. Update the `name` "
                "argument to pass a unique name."
            )
        declared = layer.__dict__.get("_declared_shape")
        if not self._stack and declared is not None and not isinstance(layer, InputLayer):
            # Integer ids for an Embedding are cast by it, so the input can be of any type.
            self._stack.append(InputLayer(batch_shape=declared, dtype=layer.compute_dtype))
        self._stack.append(layer)
        self._reset()
        if rebuild:
            self._rebuild()

    def pop(self, rebuild: bool = True) -> Any:
        """Take the last layer off the stack and return it.

        Args:
            rebuild: Whether to rebuild the model now.
        """
        if not self.layers:
            raise ValueError(f"Sequential model '{self.name}' has no layers to pop.")
        layer = self._stack.pop()
        self._reset()
        if rebuild:
            self._rebuild()
        return layer

    def _reset(self) -> None:
        self.__dict__["_functional"] = None
        self.__dict__["_checked_shape"] = None
        self.built = False

    def _rebuild(self) -> None:
        if len(self._stack) > 1 and isinstance(self._stack[0], InputLayer):
            self.build(self._stack[0].batch_shape)
        elif self._stack:
            first = self._stack[0]
            if isinstance(first, Functional) or first.__dict__.get("_functional") is not None:
                self.build(first.input_shape)

    def build(self, input_shape: Any = None) -> None:
        """Create the weights.

        Args:
            input_shape: The input's shape with the batch axis; not needed if the stack starts
                with an `Input`.
        """
        if not self._stack:
            raise ValueError(
                f"Sequential model {self.name} cannot be built because it has no layers. Call "
                "`model.add(layer)`."
            )
        if isinstance(self._stack[0], InputLayer):
            wanted = self._stack[0].batch_shape
            given = tuple(input_shape) if tree.is_shape(input_shape) else None
            if given and not _compatible(wanted, given):
                raise ValueError(
                    f"Sequential model '{self.name}' has already been configured to use input "
                    f"shape {wanted}. You cannot build it with input_shape {input_shape}"
                )
            inputs = self._stack[0].output
        elif input_shape is None:
            raise ValueError("You must provide an `input_shape` argument.")
        elif tree.is_shape(input_shape):
            layer = InputLayer(batch_shape=tuple(input_shape), dtype=self._stack[0].compute_dtype)
            self.__dict__["_locked"] = False
            self._stack.insert(0, layer)
            inputs = layer.output
        else:
            # The first layer takes several tensors.
            from corten.layers.input_layer import Input

            dtype = self._stack[0].compute_dtype
            inputs = tree.map_shape_structure(
                lambda shape: Input(batch_shape=shape, dtype=dtype), input_shape
            )
        x = inputs
        for layer in self.layers:
            try:
                x = layer(x)
            except NotImplementedError:
                if is_default(layer.compute_output_spec):
                    raise
                return  # A layer that says it cannot be inferred: stay a plain stack.
            except TypeError as error:
                raise _single_argument(layer, error) from error
        functional = Functional(inputs, x, name=self.name)
        self.__dict__["_functional"] = functional
        self.built = True
        if self.__dict__.get("_free_axes") is not None and isinstance(self._stack[0], InputLayer):
            self._leave_free(self._axes_layers_leave_free())

    def _maybe_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if not args:
            args = (kwargs["inputs"],)
        shapes = tree.map_structure(lambda x: getattr(x, "shape", None), args[0])
        if any(shape is None for shape in tree.flatten(shapes)):
            self.built = True  # Text or other objects: the layers build themselves.
            return
        from corten.symbolic import hide_probes

        # The next batch may have another size.
        shapes = tree.map_shape_structure(
            lambda shape: (None, *hide_probes(shape)[1:]) if shape else (), shapes
        )
        self.build(shapes)
        self.built = True
        if self._functional is not None and isinstance(self._stack[0], InputLayer):
            self._leave_free(self._axes_layers_leave_free())

    def _axes_layers_leave_free(self) -> list[int]:
        """Return the axes of the input whose size the layers do not fix.

        The shape was only guessed from the first data, and the layers alone know what they take:
        each axis is tried without values at other sizes.
        """
        guessed = self._stack[0].batch_shape
        dtype = self._stack[0].dtype
        free = []
        for axis, size in enumerate(guessed[1:], start=1):
            for other in (2 * size, 2 * size + 1, size // 2) if size else ():
                shape = (*guessed[:axis], other, *guessed[axis + 1 :])
                try:
                    self.compute_output_spec(KerasTensor(shape, dtype))
                except Exception:
                    continue
                free.append(axis)
                break
        return free

    def _leave_free(self, axes: list[int]) -> None:
        """Accept any size of these axes of the input, whose shape was guessed."""
        functional = self._functional
        self.__dict__["_free_axes"] = tuple(axes)
        if functional is None or not axes:
            return
        sizes = self._stack[0].batch_shape
        shape = [None if i == 0 or i in axes else size for i, size in enumerate(sizes)]
        spec = InputSpec(shape=shape, allow_last_axis_squeeze=True, optional=True)
        functional.__dict__["_input_specs"] = [spec]

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Send the inputs through the layers."""
        stack = self._stack
        x = inputs
        if self._functional is not None:
            if not isinstance(stack[0], InputLayer):
                return self._functional.call(inputs, training=training, mask=mask)
            if tree.is_nested(x):
                # One tensor may come in a list, or in a dict by the input's name.
                leaves = tree.flatten(x)
                x = leaves[0] if len(leaves) == 1 else x
            if not tree.is_nested(x):
                x = fit_input(x, self._functional._inputs_struct, self._name)
        if mask is not None:
            from corten._state import set_mask

            set_mask(x, mask)
        for layer in stack if stack[0].__class__ is not InputLayer else stack[1:]:
            x = layer(x)
        return x

    def _check_input(self, args: tuple[Any, ...], kwargs: dict[str, Any], single: bool) -> None:
        functional = self.__dict__.get("_functional")
        if functional is not None and not state.probing:
            functional._check_input(args, kwargs, False)
        if single:
            self.__dict__["_checked_shape"] = args[0].shape

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return None: the layers put masks on the output themselves."""
        return None

    def _run_call(self, args: Any, kwargs: Any, mixed: Any) -> Any:
        if not self._stack:
            raise ValueError(f"Sequential model {self.name} has no layers: call `model.add(layer)`.")
        return super()._run_call(args, kwargs, mixed)

    # ---- structure -----------------------------------------------------------------------------

    @property
    def layers(self) -> list[Any]:
        """The layers, without the input."""
        stack = self._stack
        return stack[1:] if stack and isinstance(stack[0], InputLayer) else list(stack)

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "`Sequential.layers` attribute is reserved and should not be used. Use `add()` and "
            "`pop()` to change the layers in this model."
        )

    def _graph_of(self, what: str) -> Any:
        functional = self.__dict__.get("_functional")
        if functional is None:
            raise AttributeError(
                f"Sequential model '{self.name}' has no defined {what} yet: call it on data, or "
                "start it with `Input(shape)`."
            )
        return functional

    @property
    def inputs(self) -> list[KerasTensor]:
        """The symbolic inputs as a list."""
        return self._graph_of("inputs").inputs

    @property
    def outputs(self) -> list[KerasTensor]:
        """The symbolic outputs as a list."""
        return self._graph_of("outputs").outputs

    @property
    def input(self) -> Any:
        """The symbolic input."""
        return self._graph_of("input").input

    @property
    def output(self) -> Any:
        """The symbolic output."""
        return self._graph_of("output").output

    @property
    def input_shape(self) -> Any:
        """The shape of the input."""
        return self._graph_of("input shape").input_shape

    @property
    def output_names(self) -> list[str]:
        """The name of the last layer, by which `loss={...}` and `metrics={...}` know the output."""
        functional = self.__dict__.get("_functional")
        return functional.output_names if functional is not None else [x.name for x in self._stack[-1:]]

    @property
    def output_shape(self) -> Any:
        """The shape of the output."""
        return self._graph_of("output shape").output_shape

    @property
    def input_dtype(self) -> str:
        """The dtype of the input."""
        first = self._stack[0] if self._stack else None
        return first.dtype if isinstance(first, InputLayer) else self.compute_dtype

    @property
    def input_spec(self) -> Any:
        """What the inputs must look like."""
        functional = self.__dict__.get("_functional")
        return None if functional is None or state.probing else functional.input_spec

    # ---- configuration -------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the layers' configurations."""
        from corten import dtype_policies
        from corten.saving import serialize_keras_object

        config: dict[str, Any] = {"name": self.name, "trainable": self.trainable}
        config["dtype"] = dtype_policies.serialize(self.dtype_policy)
        config["layers"] = [serialize_keras_object(layer) for layer in self._stack]
        if self.__dict__.get("_functional") is not None:
            config["build_input_shape"] = self.input_shape
        if self.__dict__.get("_free_axes"):
            config["free_axes"] = list(self.__dict__["_free_axes"])
        return config

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Create a model from what `get_config` returned."""
        from corten.saving import deserialize_keras_object

        model = cls(name=config.get("name"))
        for layer_config in config["layers"]:
            if isinstance(layer_config, dict) and "config" not in layer_config:
                raise ValueError(
                    f"Cannot load a layer of Sequential {config.get('name')!r}: Expected a dictionary "
                    f"containing a 'config' key. Received: {layer_config!r}"
                )
            layer = deserialize_keras_object(layer_config, custom_objects=custom_objects)
            model.add(layer, rebuild=False)
        model._rebuild()
        shape = config.get("build_input_shape")
        if model._functional is None and shape and model._stack:
            model.build(tuple(shape) if tree.is_shape(shape) else shape)
        if model._functional is not None and config.get("free_axes"):
            model._leave_free(config["free_axes"])
        if config.get("trainable") is False:
            model.trainable = False
        return model


def _single_argument(layer: Any, error: TypeError) -> Exception:
    """Return the error to raise for a layer whose call needs more than one argument."""
    required = layer._call_signature.required
    if len(required) < 2:
        return error
    return ValueError(
        "Layers added to a Sequential model can only have a single positional argument, the input "
        f"tensor. Layer {layer.__class__.__name__} has multiple positional arguments: {required}"
    )


def _compatible(wanted: Any, given: Any) -> bool:
    return len(wanted) == len(given) and all(
        a is None or b is None or a == b for a, b in zip(wanted, given, strict=True)
    )
