"""`Model`: a layer with training methods, a summary and files."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from corten import tree
from corten.layers.layer import Layer
from corten.symbolic import KerasTensor, hide_probes
from corten.training.trainer import Trainer


class Model(Trainer, Layer):
    """A network that can be trained, evaluated and saved.

    There are three ways to make one: `Model(inputs, outputs)` from symbolic tensors,
    `Sequential([...])` from a list of layers, or a subclass with its own `call`.

    Args:
        *args: `inputs` and `outputs` of a functional model; nothing for a subclass.
        **kwargs: `name`, `trainable`, `dtype` as for any layer.

    Example:
        >>> import corten
        >>> class Net(corten.Model):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.hidden = corten.layers.Dense(8, activation="relu")
        ...         self.out = corten.layers.Dense(1)
        ...
        ...     def call(self, inputs):
        ...         return self.out(self.hidden(inputs))
        >>> Net()(corten.ops.ones((2, 3))).shape
        (2, 1)
    """

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        if cls is Model and _is_functional_call(args, kwargs):
            from corten.models.functional import Functional

            return Layer.__new__(Functional, *args, **kwargs)
        return Layer.__new__(cls, *args, **kwargs)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if _is_functional_call(args, kwargs):
            from corten.models.functional import Functional

            _make_functional(type(self))
            Functional.__init__(self, *args, **kwargs)  # type: ignore[arg-type]
            return
        if type(self) is Model and (args or "inputs" in kwargs or "outputs" in kwargs):
            missing = "inputs" if "outputs" in kwargs else "outputs"
            raise TypeError(
                f"Model: `{missing}` are missing; a functional model is made by "
                "`Model(inputs=x, outputs=y)` from `Input()` and what layers made of it."
            )
        if args:
            raise TypeError(
                f"{type(self).__name__}: a model takes `inputs` and `outputs` (symbolic tensors "
                f"from `Input()` and layers) or no positional arguments; got {args!r}."
            )
        Layer.__init__(self, **kwargs)
        if "__init__" in Trainer.__dict__:
            Trainer.__init__(self)

    def call(self, *args: Any, **kwargs: Any) -> Any:
        """Compute the output. Override this."""
        raise NotImplementedError(
            f"Model {self.__class__.__name__} does not have a `call` method implemented."
        )

    @property
    def layers(self) -> list[Any]:
        """The direct sub-layers."""
        return [layer for layer in self._layers if isinstance(layer, Layer)]

    @layers.setter
    def layers(self, _: Any) -> None:
        raise AttributeError(
            "`Model.layers` attribute is reserved and should not be used. Please use another name."
        )

    def get_layer(self, name: str | None = None, index: int | None = None) -> Any:
        """Return a layer by its name or position.

        Args:
            name: The layer's name.
            index: The layer's position in `layers`.

        Raises:
            ValueError: There is no such layer.

        Example:
            >>> import corten
            >>> model = corten.Sequential([corten.layers.Dense(2, name="out")])
            >>> model.get_layer("out").units
            2
        """
        layers = self.layers
        if index is not None and name is not None:
            raise ValueError(
                f"Provide only a layer name or a layer index. Received: index={index}, name={name}."
            )
        if index is not None:
            if not -len(layers) <= index < len(layers):
                raise ValueError(
                    f"Was asked to retrieve layer at index {index} but model only has {len(layers)} layers."
                )
            return layers[index]
        if name is None:
            raise ValueError("Provide either a layer name or layer index at `get_layer`.")
        for layer in layers:
            if layer.name == name:
                return layer
        import difflib

        names = [layer.name for layer in layers]
        close = difflib.get_close_matches(name, names, 1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise ValueError(f"No such layer: {name}. Existing layers are: {names}.{hint}")

    # ---- building ------------------------------------------------------------------------------

    def _placed_variables(self) -> list[Any]:
        state, optimizer = self._training_state, self.optimizer
        metrics = [] if state is None or state.metrics is None else state.metrics.variables
        return [*super()._placed_variables(), *metrics, *([] if optimizer is None else optimizer.variables)]

    def _was_moved(self) -> None:
        state = self._training_state
        if state is not None and state.capture is not None:
            state.capture.moved()

    def build(self, input_shape: Any = None) -> None:
        """Create all weights from the shape of the input.

        Args:
            input_shape: The input's shape with the batch axis, None for unknown sizes; a list or
                dict of shapes for several inputs.
        """
        if self._layers and all(layer.built for layer in self._flatten_layers(False)):
            return
        if input_shape is None:
            raise ValueError(f"Model {self.name!r}: `build` needs the input's shape, as in `(None, 784)`.")
        dtype = self.compute_dtype
        symbols = tree.map_shape_structure(lambda shape: KerasTensor(shape, dtype), input_shape)
        self.built = True
        try:
            self.compute_output_spec(symbols)
        except Exception as error:
            self.built = False
            if hasattr(error, "add_note"):
                error.add_note(
                    f"Model {self.name!r} could not be built by running its `call` on inputs of "
                    f"shape {input_shape}. Build it by calling it on real data."
                )
            raise

    def _maybe_build(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        if type(self).build is Model.build:
            # The call that follows builds the sub-layers, with the data's own dtypes.
            named = self._call_signature.named(args, kwargs)
            shapes = {
                name: tree.map_structure(_described, value)
                for name, value in named.items()
                if any(hasattr(leaf, "shape") for leaf in tree.flatten(value))
            }
            self.__dict__["_build_shapes"] = {"call": shapes}
            self.built = True
            return
        super()._maybe_build(args, kwargs)

    def build_from_config(self, config: dict[str, Any]) -> None:
        """Build the model from what `get_build_config` returned."""
        shapes = config.get("input_shape") if config else None
        if self.built or not isinstance(shapes, dict) or set(shapes) != {"call"}:
            super().build_from_config(config)
            return
        symbols = {name: _map_descriptions(value) for name, value in shapes["call"].items()}
        self.__dict__["_build_shapes"] = shapes
        self.built = True
        self.compute_output_spec(**symbols)

    # ---- showing -------------------------------------------------------------------------------

    def summary(
        self,
        line_length: int | None = None,
        positions: list[float] | None = None,
        print_fn: Callable[..., Any] | None = None,
        expand_nested: bool = False,
        show_trainable: bool = False,
        layer_range: list[str] | tuple[str, str] | None = None,
    ) -> None:
        """Print the layers with their output shapes and numbers of weights.

        Args:
            line_length: The width of the table; None fits it to the terminal.
            positions: Relative widths of the columns.
            print_fn: Called with each line in place of `print`.
            expand_nested: Whether to list the layers of nested models.
            show_trainable: Whether to add a column that tells which layers are trained.
            layer_range: The names (or regular expressions) of the first and last layer to show.
        """
        from corten.models.summary import print_summary

        print_summary(self, line_length, positions, print_fn, expand_nested, show_trainable, layer_range)

    # ---- quantizing ----------------------------------------------------------------------------

    def quantize(  # type: ignore[override]
        self, mode: str | None = None, config: Any = None, filters: Any = None, **kwargs: Any
    ) -> None:
        """Replace the weights of all `Dense`, `EinsumDense` and embedding layers by quantized ones.

        Args:
            mode: `'int8'`, `'int4'`, `'float8'`, `'gptq'` or `'awq'`; may be left out with `config`.
            config: Options, such as `corten.quantizers.Int4QuantizationConfig(block_size=64)`. `'gptq'` and
                `'awq'` need theirs, with data to run the model on.
            filters: Which layers: a regular expression to be found in the name, a list of those, or a
                function of the layer; None for all.
            **kwargs: `type_check=False` takes subclasses of those layers too.

        Raises:
            ValueError: The mode is not known, the model is not built, or a layer is quantized already.

        Example:
            >>> import corten
            >>> model = corten.Sequential([corten.Input((8,)), corten.layers.Dense(4)])
            >>> model.quantize("int8")
            >>> model.layers[0].kernel.dtype
            'int8'
        """
        from corten.models.quantization import quantize_model

        type_check = kwargs.pop("type_check", True)
        if kwargs:
            raise ValueError(f"Unrecognized keyword arguments passed to {type(self).__name__}: {kwargs}")
        quantize_model(self, mode, config, filters, type_check)

    def get_quantization_layer_structure(self, mode: str | None = None) -> dict[str, Any] | None:
        """Return which layers GPTQ and AWQ take for the blocks of the model. May be overridden.

        Args:
            mode: The mode, for models that override this.

        Returns:
            `{"pre_block_layers": [...], "sequential_blocks": [...]}`, or None for a model without blocks.

        Example:
            >>> import corten
            >>> model = corten.Sequential([corten.Input((8,)), corten.layers.Dense(4)])
            >>> model.get_quantization_layer_structure() is None
            True
        """
        from corten.models.quantization import quantization_layer_structure

        return quantization_layer_structure(self)

    # ---- files ---------------------------------------------------------------------------------

    def save(self, filepath: Any, overwrite: bool = True, zipped: bool | None = None, **kwargs: Any) -> None:
        """Save the architecture, weights, optimizer and compile state to one `.corten` file.

        Args:
            filepath: The path.
            overwrite: Whether an existing file may be replaced.
            zipped: False writes a folder with what a `.keras` file holds; True and None write one file.
            **kwargs: `include_optimizer=False` leaves the training state out.

        Example:
            >>> import corten, os, tempfile
            >>> path = os.path.join(tempfile.mkdtemp(), "model.corten")
            >>> model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
            >>> model.save(path)
            >>> corten.models.load_model(path).count_params()
            3
        """
        from corten.saving import save_model

        save_model(self, filepath, overwrite=overwrite, zipped=zipped, **kwargs)

    def export(
        self,
        filepath: Any,
        format: str | None = None,
        verbose: bool | None = None,
        input_signature: Any = None,
    ) -> None:
        """Write what the model computes in inference to a file that runs without Corten.

        Args:
            filepath: Where to write.
            format: ``'onnx'``; None is told by the ending of `filepath`. (Keras's ``'tf_saved_model'``,
                ``'openvino'``, ``'litert'`` and ``'torch'`` need their own frameworks.)
            verbose: Whether to say where the file is; None is True.
            input_signature: What the model is called with, a structure of `corten.InputSpec`; None takes the
                model's `Input`.

        Raises:
            ImportError: The package onnx is missing (`pip install corten[onnx]`).
            NotImplementedError: An op or a size has no form in the format.
            ValueError: The format is not known.

        Example:
            >>> import corten, os, tempfile
            >>> path = os.path.join(tempfile.mkdtemp(), "model.onnx")
            >>> corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)]).export(path, verbose=False)
            >>> os.path.exists(path)
            True
        """
        from corten.export import export_model

        export_model(self, filepath, format, verbose, input_signature)

    def save_weights(
        self, filepath: Any, overwrite: bool = True, max_shard_size: float | None = None, **kwargs: Any
    ) -> None:
        """Save the weights to a `.weights.safetensors`, `.safetensors`, `.npz` or `.h5` file.

        Args:
            filepath: The path; its ending chooses the format.
            overwrite: Whether an existing file may be replaced.
            max_shard_size: The size in GB that no file is to exceed, for a name that ends in `.weights.json`;
                None for one file.
            **kwargs: `objects_to_skip`, layers whose own weights are left out.
        """
        from corten.saving import save_weights

        save_weights(self, filepath, overwrite=overwrite, max_shard_size=max_shard_size, **kwargs)

    def load_weights(
        self, filepath: Any, skip_mismatch: bool = False, by_name: bool = False, **kwargs: Any
    ) -> None:
        """Load weights that `save_weights` or `save` wrote. On failure the model is as it was.

        Args:
            filepath: The path.
            skip_mismatch: Whether layers whose weights do not fit are left alone, with a warning.
            by_name: Whether layers take the weights of the layer of their name, wherever it was;
                layers without one are left alone. Otherwise the place in the model counts.
            **kwargs: `objects_to_skip`, layers whose own weights stay as they are.
        """
        from corten.saving import load_weights

        load_weights(self, filepath, skip_mismatch=skip_mismatch, by_name=by_name, **kwargs)

    def to_json(self, **kwargs: Any) -> str:
        """Return the architecture as JSON; `model_from_json` reads it.

        Args:
            **kwargs: Passed to `json.dumps`.
        """
        from corten.saving import serialize_keras_object

        return json.dumps(serialize_keras_object(self), **kwargs)

    # ---- configuration -------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that recreate this model."""
        from corten.layers import configuration

        return configuration.layer_config(self)

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """Create a model from what `get_config` returned."""
        from corten.models.functional_config import model_from_graph_config
        from corten.saving import CustomObjectScope

        with CustomObjectScope(custom_objects or {}):
            if "layers" in config and "input_layers" in config:
                return model_from_graph_config(cls, config, custom_objects)
            from corten.layers import configuration

            return configuration.layer_from_config(cls, config)

    def get_state_tree(self, value_format: str = "backend_tensor") -> dict[str, Any]:
        """Return the values of all variables as a dict of nested dicts, keyed by path.

        Args:
            value_format: `'backend_tensor'` or `'numpy_array'`.

        Raises:
            ValueError: The format is another one, or two variables have the same path.
        """
        if value_format not in {"backend_tensor", "numpy_array"}:
            raise ValueError(
                "get_state_tree: `value_format` must be 'backend_tensor' or 'numpy_array'; got "
                f"{value_format!r}."
            )
        groups: dict[str, list[Any]] = {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
        }
        optimizer = getattr(self, "optimizer", None)
        if optimizer is not None:
            groups["optimizer_variables"] = list(optimizer.variables)
        groups["metrics_variables"] = list(self.metrics_variables)
        result: dict[str, Any] = {}
        for group, variables in groups.items():
            branch: dict[str, Any] = {}
            for variable in variables:
                node = branch
                *parents, leaf = variable.path.split("/")
                for part in parents:
                    node = node.setdefault(part, {})
                if leaf in node:
                    raise ValueError(
                        f"The following variable path is found twice in the model: {variable.path!r}. "
                        "Give the layers different names."
                    )
                value = variable.numpy() if value_format == "numpy_array" else variable.value
                node[leaf] = value
            result[group] = branch
        return result

    def _get_variable_map(self) -> dict[str, Any]:
        """All variables, those of the optimizer too, by their paths."""
        optimizer = getattr(self, "optimizer", None)
        variables = [*self.variables, *(optimizer.variables if optimizer is not None else ())]
        return {variable.path: variable for variable in variables}

    def set_state_tree(self, state_tree: dict[str, Any]) -> None:
        """Assign the variables from what `get_state_tree` returned."""
        optimizer = getattr(self, "optimizer", None)
        groups = {
            "trainable_variables": self.trainable_variables,
            "non_trainable_variables": self.non_trainable_variables,
            "optimizer_variables": list(optimizer.variables) if optimizer is not None else [],
            "metrics_variables": list(self.metrics_variables),
        }
        for group, branch in state_tree.items():
            if group not in groups:
                raise ValueError(f"set_state_tree: unknown group {group!r}; known: {list(groups)}.")
            for variable in groups[group]:
                node = branch
                for part in variable.path.split("/"):
                    node = node.get(part) if isinstance(node, dict) else None
                    if node is None:
                        break
                if node is not None:
                    variable.assign(node)


def _described(leaf: Any) -> Any:
    """Return what is needed to make a symbolic tensor like `leaf` when the model is loaded."""
    shape = getattr(leaf, "shape", None)
    if shape is None:
        return None
    shape = hide_probes(tuple(shape))
    return {"shape": [None, *shape[1:]] if shape else [], "dtype": str(leaf.dtype)}


def _map_descriptions(value: Any) -> Any:
    if isinstance(value, dict):
        if set(value) == {"shape", "dtype"}:
            return KerasTensor(tuple(value["shape"]), value["dtype"])
        return {key: _map_descriptions(child) for key, child in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(_map_descriptions(child) for child in value)
    return value


def _is_functional_call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    return (
        len(args) >= 2
        or (len(args) == 1 and "outputs" in kwargs)
        or ("inputs" in kwargs and "outputs" in kwargs)
    )


def _make_functional(cls: type) -> None:
    """Let a subclass that calls `super().__init__(inputs, outputs)` be a functional model."""
    from corten.models.functional import Functional

    if issubclass(cls, Functional) or cls is Model:
        return
    if Model in cls.__bases__:
        cls.__bases__ = tuple(Functional if base is Model else base for base in cls.__bases__)
        return
    for base in cls.__bases__:
        if issubclass(base, Model):
            _make_functional(base)


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """Create a model, with fresh weights, from what `Model.to_json` returned.

    Args:
        json_string: The JSON text.
        custom_objects: Classes and functions that the text names, by name.

    Raises:
        TypeError: The text names a class that is not known, or is malformed.
        ValueError: It is not JSON, or does not describe a model that fits this machine.

    Example:
        >>> import corten
        >>> model = corten.Sequential([corten.Input((2,)), corten.layers.Dense(1)])
        >>> corten.models.model_from_json(model.to_json()).count_params()
        3
    """
    from corten.saving.files import parse_json
    from corten.saving.loading import objects_from_file
    from corten.saving.serialization import deserialize_keras_object

    source = "model_from_json"
    if not isinstance(json_string, (str, bytes)):
        raise TypeError(f"{source}: expected the text that `to_json` gave; got {type(json_string).__name__}.")
    data = json_string if isinstance(json_string, bytes) else json_string.encode("utf-8", "surrogatepass")
    config = parse_json(data, source)
    if not isinstance(config, dict) or not isinstance(config.get("class_name"), str):
        raise ValueError(f"{source}: the text is no configuration of a model (it names no class).")
    with objects_from_file(source, None):
        return deserialize_keras_object(config, custom_objects=custom_objects)
