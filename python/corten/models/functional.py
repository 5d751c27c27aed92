"""`Functional`: a model made from symbolic inputs and outputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from corten import _core, tree
from corten._state import Structure
from corten.layers.input_spec import InputSpec, assert_input_compatibility
from corten.models.graph import Graph
from corten.models.model import Model
from corten.naming import auto_name
from corten.symbolic import KerasTensor, Node, any_symbolic, output_spec
from corten.text_arrays import as_text


class Function:
    """A callable graph without training methods.

    Args:
        inputs: A structure of symbolic tensors.
        outputs: A structure of symbolic tensors made from them.
        name: The name.

    Example:
        >>> import corten
        >>> x = corten.KerasTensor((None, 2))
        >>> double = corten.models.Function(x, x + x)
        >>> double(corten.ops.ones((1, 2))).tolist()
        [[2.0, 2.0]]
    """

    def __init__(self, inputs: Any, outputs: Any, name: str | None = None) -> None:
        self.name = name or auto_name(self.__class__.__name__)
        self._inputs_struct = inputs
        self._outputs_struct = outputs
        self._graph = Graph(inputs, outputs, self.name)
        self._inbound_nodes: list[Node] = []

    @property
    def operations(self) -> list[Any]:
        """The layers and functions of the graph, in running order."""
        run = [operation for operation, *_ in self._graph.steps]
        starts = [node.operation for node in self._graph.nodes if node.is_input]
        kept = {id(operation) for operation in (*run, *starts)}
        # What made an input that is not from `Input()` is outside of the graph.
        return [operation for operation in self._graph.operations if id(operation) in kept]

    @property
    def inputs(self) -> list[KerasTensor]:
        """The inputs as a list."""
        return list(self._graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The outputs as a list."""
        return list(self._graph.outputs)

    def __call__(self, inputs: Any) -> Any:
        self._check(inputs)
        if any_symbolic((inputs,)):
            output = self.compute_output_spec(inputs)
            Node(self, (inputs,), {}, output)
            return output
        return self._run(inputs)

    def compute_output_spec(self, inputs: Any) -> Any:
        """Return the results for symbolic inputs as symbolic tensors, without recording a call.

        Args:
            inputs: Symbolic tensors in the structure of the function's inputs.
        """
        self._check(inputs)
        return output_spec(self._run, (inputs,))

    def compute_output_shape(self, input_shape: Any) -> Any:
        """Return the shapes of the results.

        Args:
            input_shape: A shape for each input, in the structure of the inputs; None is an unknown size.
        """
        dtypes = tree.map_structure(lambda tensor: tensor.dtype, self._inputs_struct)
        inputs = tree.map_structure_up_to(dtypes, KerasTensor, input_shape, dtypes)
        return tree.map_structure(lambda tensor: tensor.shape, self.compute_output_spec(inputs))

    def _check(self, inputs: Any) -> None:
        """Refuse inputs of another structure or of shapes that do not fit."""
        try:
            tree.assert_same_structure(inputs, self._inputs_struct, check_types=False)
        except (ValueError, TypeError):
            expected = tree.map_structure(lambda tensor: tensor.name, self._inputs_struct)
            raise ValueError(
                f"Function {self.name!r}: invalid input structure; expected that of {expected}, "
                f"got {type(inputs).__name__}"
            ) from None
        for given, expected in zip(tree.flatten(inputs), self.inputs, strict=True):
            shape = given.shape if hasattr(given, "shape") else np.shape(given)
            fits = len(shape) == len(expected.shape) and all(
                size is None or known is None or size == known
                for size, known in zip(shape, expected.shape, strict=True)
            )
            if not fits:
                raise ValueError(
                    f"Function {self.name!r}: incompatible inputs: {expected.name!r} is {expected.shape}; "
                    f"got {tuple(shape)}"
                )

    def _run(self, inputs: Any) -> Any:
        return tree.pack_sequence_as(self._outputs_struct, self._graph.run(tree.flatten(inputs)))


class Functional(Model):
    """A model whose call runs the graph between its inputs and outputs.

    Made by `Model(inputs, outputs)`.

    Args:
        inputs: A symbolic tensor, or a list, tuple or dict of them.
        outputs: A symbolic tensor, or a list, tuple or dict of them.
        name: The name.
        trainable: Whether optimizers update the weights.

    Example:
        >>> import corten
        >>> from corten import layers
        >>> a, b = corten.Input((2,), name="a"), corten.Input((3,), name="b")
        >>> y = layers.Dense(1)(layers.Concatenate()([a, b]))
        >>> model = corten.Model({"a": a, "b": b}, y)
        >>> model({"a": corten.ops.ones((4, 2)), "b": corten.ops.ones((4, 3))}).shape
        (4, 1)
    """

    _graph: Graph
    _graph_layers: list[Any]
    _inputs_struct: Any
    _outputs_struct: Any

    def __init__(
        self, inputs: Any = None, outputs: Any = None, name: str | None = None, **kwargs: Any
    ) -> None:
        trainable = kwargs.pop("trainable", None)
        Model.__init__(self, name=name, **kwargs)
        self._build_graph(inputs, outputs)
        if trainable is not None:
            self.trainable = trainable

    def _build_graph(self: Any, inputs: Any, outputs: Any) -> None:
        attributes = self.__dict__
        inputs = _with_history(inputs)
        inputs, outputs = _from_inputs(inputs, outputs, self.name)
        # Straight into the dict: symbolic tensors are no state to keep account of.
        attributes["_inputs_struct"] = inputs
        attributes["_outputs_struct"] = outputs
        attributes["_graph"] = Graph(inputs, outputs, self.name)
        attributes["_graph_layers"] = [
            op for op in attributes["_graph"].operations if hasattr(op, "_flatten_layers")
        ]
        attributes["_tracked"] = {"_graph_layers": None, **attributes["_tracked"]}
        Structure.change()
        attributes["_general_only"] = True
        self.built = True
        self.supports_masking = True

    # ---- structure -----------------------------------------------------------------------------

    @property
    def operations(self) -> list[Any]:
        """The layers and functions of the graph, in running order."""
        return list(self._graph.operations)

    @property
    def _operations(self) -> list[Any]:
        return self.operations

    @property
    def layers(self) -> list[Any]:
        """The layers of the graph, in running order."""
        return [*self._graph_layers]

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    @property
    def inputs(self) -> list[KerasTensor]:
        """The inputs as a list."""
        return list(self._graph.inputs)

    @property
    def outputs(self) -> list[KerasTensor]:
        """The outputs as a list."""
        return list(self._graph.outputs)

    @property
    def input(self) -> Any:
        """The inputs in the structure they were given in."""
        return self._inputs_struct

    @property
    def output(self) -> Any:
        """The outputs in the structure they were given in."""
        return self._outputs_struct

    @property
    def input_shape(self) -> Any:
        """The shapes of the inputs."""
        return tree.map_structure(lambda tensor: tensor.shape, self._inputs_struct)

    @property
    def output_shape(self) -> Any:
        """The shapes of the outputs."""
        return tree.map_structure(lambda tensor: tensor.shape, self._outputs_struct)

    @property
    def input_names(self) -> list[str]:
        """The names of the inputs."""
        return [tensor.name for tensor in self._graph.inputs]

    @property
    def output_names(self) -> list[str]:
        """The names of the layers that make the outputs."""
        return [tensor._keras_history.operation.name for tensor in self._graph.outputs]

    @property
    def input_spec(self) -> Any:
        """What the inputs must look like."""
        specs = self.__dict__.get("_input_specs")
        if specs is None:
            specs = []
            for tensor in self._graph.inputs:
                layer = tensor._keras_history.operation if tensor._keras_history else None
                specs.append(
                    InputSpec(
                        shape=(None, *tensor.shape[1:]) if tensor.shape else (),
                        allow_last_axis_squeeze=True,
                        # Whether None is fine is for `call` to say, in words.
                        optional=layer is not None,
                    )
                )
            self.__dict__["_input_specs"] = specs
        return specs

    @input_spec.setter
    def input_spec(self, value: Any) -> None:
        self.__dict__["_input_specs"] = self.__dict__["_own_spec"] = value
        self.__dict__["_checked_shape"] = None

    # ---- running -------------------------------------------------------------------------------

    def build(self, input_shape: Any = None) -> None:
        """Do nothing: a functional model is built."""
        self.built = True

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Run the graph."""
        flat = self._flat_inputs(inputs)
        if mask is not None:
            from corten._state import set_mask

            for tensor, tensor_mask in zip(flat, tree.flatten(mask), strict=False):
                if tensor_mask is not None and tensor is not None:
                    set_mask(tensor, tensor_mask)
        return tree.pack_sequence_as(self._outputs_struct, self._graph.run(flat))

    def compute_output_spec(self, inputs: Any, training: Any = None, mask: Any = None) -> Any:
        """Return the symbolic outputs for symbolic inputs."""
        return super().compute_output_spec(inputs, training=training)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Return None: the graph's layers put masks on the outputs themselves."""
        return None

    def _check_input(self, args: tuple[Any, ...], kwargs: dict[str, Any], single: bool) -> None:
        inputs = args[0] if args else kwargs.get("inputs")
        specs = self.input_spec
        if specs is not None:
            flat = self._in_order(inputs) if self.__dict__.get("_own_spec") is None else inputs
            assert_input_compatibility(specs, flat, self.name)
        if single:
            self.__dict__["_checked_shape"] = args[0].shape

    def _in_order(self, inputs: Any) -> list[Any]:
        """Return the given inputs in the order of the graph's.

        Raises:
            ValueError: Some are missing, or which is which cannot be told.
        """
        struct = self._inputs_struct
        tensors = self._graph.inputs
        if isinstance(struct, dict):
            if isinstance(inputs, dict):
                return self._by_key(inputs)
            flat = tree.flatten(inputs)
            if len(flat) != len(tensors):
                raise ValueError(
                    f'Layer "{self.name}" expects {len(tensors)} named input(s) with keys '
                    f"{list(struct)}, but it received {len(flat)} input(s) without names."
                )
            message = (
                "The structure of `inputs` doesn't match the expected structure. Expected a dict with "
                f"keys {list(struct)}; received a {type(inputs).__name__}."
            )
            if len(struct) > 1 and list(struct) != sorted(struct):
                raise ValueError(f"{message} Pass a dict: the order of a list would be ambiguous.")
            if len(struct) > 1 and not self.__dict__.get("_warned_structure"):
                import warnings

                self.__dict__["_warned_structure"] = True
                warnings.warn(message, stacklevel=5)
            return flat
        if isinstance(inputs, dict) and not any(isinstance(c, dict) for c in _children(struct)):
            names = [tensor.name for tensor in tensors]
            if len(tensors) == 1 and len(inputs) == 1:
                return list(inputs.values())
            missing = [name for name in names if name not in inputs]
            if missing:
                raise ValueError(
                    f"Model {self.name!r} expects inputs named {names}; got a dict with keys "
                    f"{sorted(inputs)}."
                )
            return [inputs[name] for name in names]
        flat = tree.flatten(inputs)
        if len(flat) != len(tensors):
            raise ValueError(
                f'Layer "{self.name}" expects {len(tensors)} input(s), but it received '
                f"{len(flat)} input tensors."
            )
        return flat

    def _by_key(self, inputs: dict[str, Any]) -> list[Any]:
        struct = self._inputs_struct
        missing = [key for key in struct if key not in inputs]
        if missing:
            raise ValueError(
                f'Missing data for input "{missing[0]}" of layer "{self.name}". You passed a data '
                f"dictionary with keys {list(inputs)}. Expected the following keys: {list(struct)}"
            )
        extra = sorted(set(inputs) - set(struct))
        if extra and not self.__dict__.get("_warned_structure"):
            import warnings

            self.__dict__["_warned_structure"] = True
            warnings.warn(
                "The structure of `inputs` doesn't match the expected structure: "
                f"model {self.name!r} ignores the inputs {extra}; it has {list(struct)}.",
                stacklevel=6,
            )
        return tree.flatten({key: inputs[key] for key in struct})

    def _flat_inputs(self, inputs: Any) -> list[Any]:
        fitted: list[Any] = []
        for value, tensor in zip(self._in_order(inputs), self._graph.inputs, strict=True):
            if value is None:
                layer = tensor._keras_history.operation
                if not getattr(layer, "optional", False):
                    raise ValueError(
                        f"Model {self.name!r}: input {tensor.name!r} is not optional, but None was "
                        "passed for it."
                    )
                fitted.append(None)
            else:
                fitted.append(fit_input(value, tensor, self.name, self._inputs_struct))
        return fitted

    # ---- configuration -------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the layers and how they are connected."""
        from corten.models import functional_config

        if not functional_config.has_functional_init(type(self)):
            return super().get_config()
        return functional_config.graph_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Create a model from what `get_config` returned."""
        from corten.models import functional_config

        if "layers" not in config or "input_layers" not in config:
            return super().from_config(config, custom_objects=custom_objects)
        return functional_config.model_from_graph_config(cls, config, custom_objects)


def _children(struct: Any) -> Any:
    return struct.values() if isinstance(struct, dict) else struct if tree.is_nested(struct) else ()


def _from_inputs(inputs: Any, outputs: Any, name: str) -> tuple[Any, Any]:
    """Return inputs and outputs of a graph that starts at `Input`s, whatever tensors are given.

    A model of the later layers of another one takes an intermediate tensor as its input; the layer
    that made that tensor is no part of the new model.
    """
    from corten.layers.input_layer import Input, InputLayer

    flat = tree.flatten(inputs)
    if not all(isinstance(tensor, KerasTensor) for tensor in flat) or all(
        isinstance(tensor._keras_history.operation, InputLayer) for tensor in flat
    ):
        return inputs, outputs
    graph = Graph(inputs, outputs, name)
    fresh = [
        tensor
        if isinstance(tensor._keras_history.operation, InputLayer)
        else Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
        for tensor in flat
    ]
    again = graph.run(fresh)
    return tree.pack_sequence_as(inputs, fresh), tree.pack_sequence_as(outputs, again)


def _with_history(inputs: Any) -> Any:
    for tensor in tree.flatten(inputs):
        if isinstance(tensor, KerasTensor) and tensor._keras_history is None:
            # A bare KerasTensor: give it the input layer that it would have had.
            from corten.layers.input_layer import InputLayer

            layer = InputLayer(batch_shape=tensor.shape, dtype=tensor.dtype)
            layer.__dict__["_inbound_nodes"].clear()
            Node(layer, (), {}, tensor)
    return inputs


def _path_of(tensor: KerasTensor, inputs: Any) -> str:
    """Where an input stands in a model's inputs, as '0.key'; '' if it is the only one."""
    paths = [path for path, leaf in tree.flatten_with_path(inputs) if leaf is tensor]
    return ".".join(map(str, paths[0])) if paths else ""


def fit_input(value: Any, tensor: KerasTensor, name: str, inputs: Any = None) -> Any:
    """Return an input with the dtype and number of axes that the model was made for."""
    if tensor.dtype == "string":
        value = as_text(f"Model {name!r}, input {tensor.name!r}", value)
    elif value.__class__ is not _core.Tensor:
        from corten.layers.conversion import convert_input

        value = convert_input(value, None)
        if not isinstance(value, _core.Tensor):
            value = _core.tensor(value)
    if tensor.dtype != "string" and value.dtype != tensor.dtype:
        value = _core.cast(value, tensor.dtype)
    wanted = tensor.shape
    if value.ndim != len(wanted):
        if len(value.shape) == len(wanted) + 1 and value.shape[-1] == 1:
            return value[..., 0]
        if len(value.shape) == len(wanted) - 1 and wanted[-1] == 1:
            return value[..., None]
        raise ValueError(
            f"Invalid input shape for model {name!r}: input with name {tensor.name!r} (of the path "
            f"{_path_of(tensor, inputs)!r}) must have shape {wanted}; got shape {value.shape}."
        )
    return value
