"""`Persistence`: a layer's parameters count, stored variables and configuration."""

from __future__ import annotations

from typing import Any

from corten import tree


class Persistence:
    """Base of `Layer` with what is written to files."""

    @property
    def metrics(self: Any) -> list[Any]:
        """The metrics that this layer and those below it hold."""

        def find() -> list[Any]:
            found: list[Any] = []
            for layer in self._flatten_layers():
                found.extend(m for m in layer._direct_metrics() if not any(m is f for f in found))
            return found

        metrics: list[Any] = self._remembered("metrics", find)
        return metrics

    def count_params(self: Any) -> int:
        """Return the number of weights' elements."""
        if not self.built and not self.weights:
            raise ValueError(
                f"You tried to call `count_params` on layer '{self.name}', but the layer isn't "
                f"built. Build it manually via: `layer.build(input_shape)`."
            )
        return sum(variable.size for variable in self.weights)

    def _stored_variables(self: Any) -> list[Any]:
        """The variables that `load_own_variables` fills, by position."""
        return list(self._own_variables(seeds=False))

    def save_own_variables(self: Any, store: dict[str, Any]) -> None:
        """Put this layer's own variables (not its sub-layers') into `store`, by position."""
        for index, variable in enumerate(self._own_variables(seeds=False)):
            store[str(index)] = variable

    def load_own_variables(self: Any, store: dict[str, Any]) -> None:
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

    def build_from_config(self: Any, config: dict[str, Any]) -> None:
        """Build the layer from what `get_build_config` returned."""
        if not self.built and config:
            shapes = config.get("input_shape")
            if isinstance(shapes, dict) and all(key.endswith("_shape") for key in shapes):
                self.build(**shapes)
            elif shapes is not None:
                self.build(tree.lists_to_tuples(shapes))
