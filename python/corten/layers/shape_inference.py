"""`SymbolicCalls`: layers on symbolic tensors, and the output shapes derived from that."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from corten import _core, tree
from corten._state import meta_variable_scope, state
from corten.naming import name_scope
from corten.symbolic import KerasTensor, Node, output_spec


def is_default(method: Any) -> bool:
    """Return whether a layer's method is the one of Corten's base class."""
    function = getattr(method, "__func__", method)
    return getattr(function, "__module__", "") in _BASE_MODULES


_BASE_MODULES = frozenset(
    {
        "corten.layers.layer",
        "corten.layers.masks",
        "corten.layers.shape_inference",
        "corten.models.functional",
        "corten.models.sequential",
    }
)


class SymbolicCalls:
    """Base of `Layer` with everything that works on shapes instead of values."""

    def symbolic_call(self, *args: Any, **kwargs: Any) -> Any:
        """Return the symbolic output for symbolic inputs and record the call."""
        return self._symbolic_call(args, kwargs)

    def _symbolic_call(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        given = dict(kwargs)
        if not self.built:
            self._build_in_scope(args, kwargs)
        self._check_input(args, kwargs, False)
        with name_scope(self.name):
            outputs = self.compute_output_spec(*args, **kwargs, **self._symbolic_arguments(args, kwargs))
        if tree.is_nested(outputs) or isinstance(outputs, KerasTensor):
            # A custom `compute_output_spec` may hand its input back; a node needs its own tensors.
            inputs = {id(leaf) for leaf in tree.flatten((args, kwargs))}
            outputs = tree.map_structure(
                lambda leaf: KerasTensor(leaf.shape, leaf.dtype) if id(leaf) in inputs else leaf,
                outputs,
            )
        Node(self, args, given, outputs)
        return outputs

    def _symbolic_arguments(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
        """The masks that a `call` of the user's may insist on; Corten's layers infer the same without."""
        signature = self._call_signature
        wanted = signature.has_mask or signature.mask_names
        if not wanted or type(self).call.__module__.startswith("corten."):
            return {}
        if not is_default(self.compute_output_spec):
            return {}
        from corten.layers.masks import symbolic_mask

        named = signature.named(args, kwargs)
        pairs = [(signature.first, "mask")] if signature.has_mask else []
        found = {}
        for name, mask_name in (*pairs, *signature.mask_names):
            if named.get(mask_name) is None and named.get(name) is not None:
                mask = tree.map_structure(
                    lambda leaf: symbolic_mask(leaf) if isinstance(leaf, KerasTensor) else None, named[name]
                )
                if any(leaf is not None for leaf in tree.flatten(mask)) and mask_name not in named:
                    found[mask_name] = mask
        return found

    def compute_output_spec(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Return what the layer would return for symbolic inputs: shapes and dtypes.

        Found by running `call` without values, so there is nothing to override. A subclass that
        does override `compute_output_shape` (because its `call` cannot run without values) is
        believed.
        """
        if not is_default(self.compute_output_shape):
            return self._spec_from_shape(args, kwargs)
        if not self.built:
            return self._spec_of_twin(args, kwargs)

        def run(*args: Any, **kwargs: Any) -> Any:
            policy = self.dtype_policy
            mixed = policy.compute_dtype if policy.compute_dtype != policy.variable_dtype else None
            dtype = policy.compute_dtype if self.autocast else None
            from corten.layers.conversion import convert_input

            args, kwargs = tree.map_structure(lambda leaf: convert_input(leaf, dtype), (args, kwargs))
            kwargs = self._complete_arguments(args, kwargs)
            with _quiet_call():
                return self._run_call(args, kwargs, mixed if self.autocast else None)

        return output_spec(run, args, kwargs)

    def _spec_of_twin(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Ask a throwaway twin, whose weights need no storage, so that this layer stays unbuilt."""
        try:
            twin = type(self).from_config(self.get_config())
        except (NotImplementedError, TypeError, ValueError):
            self._build_in_scope(args, kwargs)
            return self.compute_output_spec(*args, **kwargs)
        with meta_variable_scope():
            twin._build_in_scope(args, kwargs)
            twin.built = True
            return twin.compute_output_spec(*args, **kwargs)

    def _spec_from_shape(self: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        shapes = {}
        for name, value in self._call_signature.named(args, kwargs).items():
            if name in {"training", "mask"} or name.endswith("_mask"):
                continue
            if any(hasattr(leaf, "shape") for leaf in tree.flatten(value)):
                shapes[name] = tree.map_structure(lambda x: getattr(x, "shape", None), value)
        from corten.layers.call_signature import BuildSignature

        named = {f"{name}_shape": shape for name, shape in shapes.items()}
        signature = BuildSignature(type(self).compute_output_shape)
        positional, keywords = signature.arguments(named)
        result = self.compute_output_shape(*positional, **keywords)
        dtype = self.compute_dtype
        return tree.map_shape_structure(lambda shape: KerasTensor(shape, dtype), result)

    def compute_output_shape(self: Any, *args: Any, **kwargs: Any) -> Any:
        """Return the shape of the output for the shape of the input.

        Args:
            *args: The input's shape (or one per tensor that `call` takes), None for unknown sizes.
            **kwargs: Shapes by name, as in `query_shape=...`.

        Example:
            >>> import corten
            >>> corten.layers.Dense(5).compute_output_shape((None, 3))
            (None, 5)
        """
        from corten.layers.layer import Layer

        if type(self).call is Layer.call:
            raise NotImplementedError(
                f"Layer {type(self).__name__} does not have a `compute_output_shape` method implemented, and "
                "no `call` that tells the shape. Write `call`."
            )
        dtype = self.compute_dtype
        names = list(self._call_signature.names)

        def symbol(shape: Any) -> Any:
            if shape is None:  # A tensor that is left out.
                return None
            return tree.map_shape_structure(lambda s: KerasTensor(s, dtype), shape)

        symbols = [symbol(arg) for arg in args]
        arguments: dict[str, Any] = {}
        for name, shape in kwargs.items():
            target = name.removesuffix("_shape")
            if target not in names:
                target = "inputs" if target == "input" and "inputs" in names else names[len(args)]
            arguments[target] = symbol(shape)
        spec = self.compute_output_spec(*symbols, **arguments)
        return tree.map_structure(lambda leaf: getattr(leaf, "shape", None), spec)

    def stateless_call(
        self: Any,
        trainable_variables: Any,
        non_trainable_variables: Any,
        *args: Any,
        return_losses: bool = False,
        **kwargs: Any,
    ) -> Any:
        """Call the layer with given values for its variables, which stay as they are.

        Args:
            trainable_variables: Values for `trainable_variables`.
            non_trainable_variables: Values for `non_trainable_variables`.
            *args: Passed to the layer.
            return_losses: Whether to return the penalties too.
            **kwargs: Passed to the layer.

        Returns:
            The outputs and the new values of the non-trainable variables (and the losses).
        """
        if not self.built:
            raise ValueError(
                f"To call stateless_call, {self.__class__.__name__} must be built (i.e. its "
                "variables must have been already created). You can build it by calling it on data."
            )
        trainable, others = self.trainable_variables, self.non_trainable_variables
        for variables, values, what in (
            (trainable, trainable_variables, "trainable_variables"),
            (others, non_trainable_variables, "non_trainable_variables"),
        ):
            if len(variables) != len(values):
                raise ValueError(
                    f"Argument `{what}` must be a list of tensors corresponding 1:1 to "
                    f"{self.__class__.__name__}().{what}. Received list with length {len(values)}, "
                    f"but expected {len(variables)} variables."
                )
        saved = [(v, v._value) for v in [*trainable, *others]]
        given = zip([*trainable, *others], [*trainable_variables, *non_trainable_variables], strict=True)
        try:
            for variable, value in given:
                if not isinstance(value, _core.Tensor):
                    value = _core.tensor(getattr(value, "value", value), dtype=variable._dtype)
                if value.shape != variable.shape:
                    raise ValueError(
                        f"stateless_call: variable {variable.path!r} has shape {variable.shape}; "
                        f"got a value of shape {value.shape}."
                    )
                variable._value = value
            outputs = self(*args, **kwargs)
            losses = self.losses if return_losses else None
            new_values = [variable._value for variable in others]
        finally:
            for variable, value in saved:
                variable._value = value
        return (outputs, new_values, losses) if return_losses else (outputs, new_values)

    # ---- the graph -----------------------------------------------------------------------------

    def _only_node(self: Any, what: str) -> Node:
        nodes = self.__dict__["_inbound_nodes"]
        if not nodes:
            raise AttributeError(
                f"The layer {self.name} has never been called and thus has no defined {what}."
            )
        node: Node = nodes[0]
        return node

    @property
    def input(self) -> Any:
        """The symbolic input of the layer's first symbolic call."""
        node = self._only_node("input")
        return node.args[0] if node.args else node.inputs[0]

    @property
    def output(self) -> Any:
        """The symbolic output of the layer's first symbolic call."""
        return self._only_node("output").output


@contextlib.contextmanager
def _quiet_call() -> Iterator[None]:
    """Let inference run a layer without looking like the outermost call to its sub-layers."""
    previous = state.entry
    state.entry = state.entry or object()
    try:
        yield
    finally:
        state.entry = previous
