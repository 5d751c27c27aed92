"""Several optimizers, each for its own variables."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from typing import Any

from corten.identifiers import serialize_object
from corten.optimizers.loss_scale import LossScaleOptimizer, _no_rate
from corten.optimizers.optimizer import Optimizer
from corten.variable import Variable


class OptimizerMap(MutableMapping[str, Optimizer]):
    """Chooses an optimizer by a variable's path.

    Args:
        default_optimizer: For variables that no pattern matches.
        optimizer_map: Regular expressions searched in paths, and their optimizers.

    Example:
        >>> import corten
        >>> chosen = OptimizerMap(default_optimizer=corten.optimizers.Adam())
        >>> chosen["embedding"] = corten.optimizers.SGD(0.1)
        >>> type(chosen(corten.Variable([1.0], name="embedding_table"))).__name__
        'SGD'
    """

    def __init__(
        self, default_optimizer: Optimizer, optimizer_map: Mapping[str, Optimizer] | None = None
    ) -> None:
        self.default_optimizer = default_optimizer
        self._optimizer_map: dict[str, Optimizer] = dict(optimizer_map or {})

    def __getitem__(self, key: str) -> Optimizer:
        return self._optimizer_map[key]

    def __setitem__(self, key: str, optimizer: Optimizer) -> None:
        if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
            raise ValueError(
                f"OptimizerMap: the optimizer cannot be {type(optimizer).__name__}. Wrap the MultiOptimizer"
                " instead, or give the variables to its inner optimizers."
            )
        if key in self._optimizer_map:
            raise ValueError(
                f"OptimizerMap: the pattern {key!r} already has an optimizer, {self._optimizer_map[key]!r}."
            )
        self._optimizer_map[key] = optimizer

    def __delitem__(self, key: str) -> None:
        del self._optimizer_map[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._optimizer_map)

    def __len__(self) -> int:
        return len(self._optimizer_map)

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __call__(self, variable: Any) -> Optimizer:
        """The optimizer for that variable.

        Raises:
            ValueError: Two patterns match.
        """
        matching = [pattern for pattern in self._optimizer_map if re.search(pattern, variable.path)]
        if len(matching) > 1:
            raise ValueError(
                f"OptimizerMap: the path {variable.path!r} matches several patterns: {matching}."
            )
        return self._optimizer_map[matching[0]] if matching else self.default_optimizer

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        return {
            "default_optimizer": serialize_object(self.default_optimizer),
            "optimizer_map": {
                pattern: serialize_object(optimizer) for pattern, optimizer in self._optimizer_map.items()
            },
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> OptimizerMap:
        """Makes an equal map from `get_config`'s dict."""
        from corten.optimizers import deserialize

        return cls(
            default_optimizer=deserialize(config["default_optimizer"]),
            optimizer_map={pattern: deserialize(inner) for pattern, inner in config["optimizer_map"].items()},
        )


class MultiOptimizer(Optimizer):
    """Gives each variable to one of several optimizers.

    Args:
        optimizer_selector: An `OptimizerMap`, or a callable from a variable to its optimizer.
        loss_scale_factor: The loss is multiplied and the gradients divided by it; those of the inner
            optimizers do not count.
        name: Name of the optimizer.
        **kwargs: See `Optimizer`.

    Example:
        >>> import corten
        >>> from corten import ops
        >>> slow, fast = corten.optimizers.SGD(0.5), corten.optimizers.SGD(1.0)
        >>> a, b = corten.Variable([1.0], name="a"), corten.Variable([1.0], name="b")
        >>> opt = MultiOptimizer(lambda variable: slow if variable.name == "a" else fast)
        >>> opt.apply([ops.ones((1,)), ops.ones((1,))], [a, b])
        >>> a.numpy().tolist(), b.numpy().tolist()
        ([0.5], [0.0])
    """

    def __init__(
        self,
        optimizer_selector: Callable[[Any], Optimizer] | Optimizer,
        loss_scale_factor: float | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        if isinstance(optimizer_selector, Optimizer):
            optimizer_selector = OptimizerMap(default_optimizer=optimizer_selector)
        if not callable(optimizer_selector):
            raise ValueError(
                "MultiOptimizer: `optimizer_selector` is an OptimizerMap or a callable from a variable to its"
                f" optimizer; got {optimizer_selector!r}."
            )
        self.optimizer_selector = optimizer_selector
        self.optimizers: list[Optimizer] = []
        self._var_to_optimizer_idx: dict[int, int] = {}
        if isinstance(optimizer_selector, OptimizerMap):
            for optimizer in (*optimizer_selector.values(), optimizer_selector.default_optimizer):
                self._optimizer_index(optimizer)
        kwargs.pop("learning_rate", None)
        super().__init__(learning_rate=_no_rate, name=name, loss_scale_factor=loss_scale_factor, **kwargs)

    def _optimizer_index(self, optimizer: Optimizer) -> int:
        for index, known in enumerate(self.optimizers):
            if known is optimizer:
                return index
        self.optimizers.append(optimizer)
        return len(self.optimizers) - 1

    def build(self, variables: Any) -> None:
        if self.built:
            return
        chosen = [self.optimizer_selector(variable) for variable in variables]
        for optimizer in chosen:
            if isinstance(optimizer, (LossScaleOptimizer, MultiOptimizer)):
                raise ValueError(
                    f"{type(optimizer).__name__} cannot be used inside an MultiOptimizer. For loss"
                    " scaling wrap the"
                    " MultiOptimizer in a LossScaleOptimizer."
                )
        super().build(variables)
        groups: dict[int, list[Any]] = {}
        for variable, optimizer in zip(self._trainable_variables, chosen, strict=True):
            index = self._optimizer_index(optimizer)
            self._var_to_optimizer_idx[self._var_key(variable)] = index
            groups.setdefault(index, []).append(variable)
        for index, optimizer in enumerate(self.optimizers):
            optimizer.build(groups.get(index, []))

    @property
    def variables(self) -> list[Any]:
        """The step count, then the state of each optimizer."""
        return [
            *self._variables,
            *(variable for optimizer in self.optimizers for variable in optimizer.variables),
        ]

    @property
    def learning_rate(self) -> Any:
        """The first optimizer's learning rate. Setting it scales all of them by the same factor."""
        return self.optimizers[0].learning_rate if self.optimizers else 0.0

    @learning_rate.setter
    def learning_rate(self, value: Any) -> None:
        rates = [optimizer._learning_rate for optimizer in self.optimizers]
        first = float(self.learning_rate)
        if not all(isinstance(rate, Variable) for rate in rates) or first == 0.0:
            raise ValueError(
                "The learning rate of a MultiOptimizer can be set where all its optimizers have a plain one;"
                " set `optimizer.optimizers[i].learning_rate` instead."
            )
        factor = float(value) / first
        for rate in rates:
            rate.assign(float(rate._value) * factor)

    def _backend_apply_gradients(self, grads: list[Any], trainable_variables: list[Any]) -> None:
        groups: dict[int, tuple[list[Any], list[Any]]] = {}
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            own_grads, own_variables = groups.setdefault(
                self._var_to_optimizer_idx[self._var_key(variable)], ([], [])
            )
            own_grads.append(gradient)
            own_variables.append(variable)
        for index, (own_grads, own_variables) in sorted(groups.items()):
            self.optimizers[index]._apply_unscaled(own_grads, own_variables)

    def finalize_variable_values(self, var_list: Sequence[Any]) -> None:
        for optimizer in self.optimizers:
            if optimizer._trainable_variables:
                optimizer.finalize_variable_values(optimizer._trainable_variables)

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["learning_rate"]
        return {**config, "optimizer_selector": serialize_object(self.optimizer_selector)}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> MultiOptimizer:
        from corten.optimizers import deserialize

        selector = config["optimizer_selector"]
        if isinstance(selector, (dict, str)):
            selector = deserialize(selector, custom_objects)
        return cls(**{**config, "optimizer_selector": selector})

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        owners = {id(v): i for i, inner in enumerate(self.optimizers) for v in inner._trainable_variables}
        self._var_to_optimizer_idx = {self._var_key(v): owners[id(v)] for v in self._trainable_variables}
