"""The base of all metrics: state on the device, updated per batch, read when somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from corten import _core, config, initializers, naming, ops
from corten.losses.loss import resolve_dtype
from corten.variable import Variable


class Metric:
    """A quantity accumulated over batches: `update_state`, `result`, `reset_state`.

    A subclass makes its state with `add_variable` and writes `update_state` and `result`.

    Args:
        dtype: What to compute in, a dtype or a `DTypePolicy`; `None` means `config.floatx()`.
        name: Name of the metric.

    Example:
        >>> class Positives(Metric):
        ...     def __init__(self, **kwargs):
        ...         super().__init__(**kwargs)
        ...         self.count = self.add_variable((), "zeros", name="count")
        ...     def update_state(self, y_true, y_pred, sample_weight=None):
        ...         self.count.assign_add(ops.sum(ops.cast(ops.greater(y_pred, 0), self.dtype)))
        ...     def result(self):
        ...         return self.count
        >>> metric = Positives(name="positives")
        >>> metric.update_state([1], [2.0])
        >>> float(metric.result())
        1.0
    """

    def __init__(self, dtype: Any = None, name: str | None = None) -> None:
        self.name = name or naming.auto_name(type(self).__name__)
        self._dtype = resolve_dtype(dtype)
        self._variables: list[Variable] = []

    @property
    def dtype(self) -> str:
        """The dtype the metric computes in."""
        return self._dtype

    # -- State ------------------------------------------------------------------------------------

    def add_variable(
        self,
        shape: Any,
        initializer: Any = "zeros",
        dtype: str | None = None,
        aggregation: str = "sum",
        name: str | None = None,
    ) -> Variable:
        """Makes a state variable, which `reset_state` sets to zero."""
        variable = Variable(
            initializers.get(initializer),
            shape=tuple(shape),
            dtype={"int": "int32", "float": config.floatx()}.get(dtype or self._dtype, dtype or self._dtype),
            trainable=False,
            aggregation=aggregation,
            name=name,
        )
        self._variables.append(variable)
        return variable

    def add_weight(
        self, shape: Any = (), initializer: Any = None, dtype: str | None = None, name: str | None = None
    ) -> Variable:
        """`add_variable` with zeros unless said otherwise."""
        return self.add_variable(shape, initializer or "zeros", dtype=dtype, name=name)

    @property
    def variables(self) -> list[Variable]:
        """All state, with that of metrics held in attributes, lists and dicts."""
        found = list(self._variables)
        seen = {id(variable) for variable in found}
        for variable in _variables_in(list(vars(self).values())):
            if id(variable) not in seen:
                seen.add(id(variable))
                found.append(variable)
        return found

    def reset_state(self) -> None:
        """Sets all state to zero, as at the start of an epoch."""
        for variable in self.variables:
            variable.assign(ops.zeros(variable.shape, dtype=variable._dtype))

    # -- Use --------------------------------------------------------------------------------------

    def update_state(self, *args: Any, **kwargs: Any) -> Any:
        """Takes a batch into the state; written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} does not define `update_state`.")

    def result(self) -> Any:
        """The current value; written by the subclass."""
        raise NotImplementedError(f"{type(self).__name__} does not define `result`.")

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Takes a batch in and gives the value so far."""
        self.update_state(*args, **kwargs)
        return self.result()

    # -- Stateless use ----------------------------------------------------------------------------

    def stateless_update_state(self, metric_variables: Sequence[Any], *args: Any, **kwargs: Any) -> list[Any]:
        """`update_state` as a function from old to new values of `variables`."""
        with _Values(self.variables, metric_variables, "stateless_update_state"):
            self.update_state(*args, **kwargs)
            return [_core.copy(variable._value) for variable in self.variables]

    def stateless_result(self, metric_variables: Sequence[Any]) -> Any:
        """`result` for given values of `variables`."""
        with _Values(self.variables, metric_variables, "stateless_result"):
            result = self.result()
            return _core.copy(result._value) if isinstance(result, Variable) else result

    def stateless_reset_state(self) -> list[Any]:
        """The values that `reset_state` would set."""
        variables = self.variables
        with _Values(variables, [variable._value for variable in variables], "stateless_reset_state"):
            self.reset_state()
            return [_core.copy(variable._value) for variable in variables]

    # -- Saving -----------------------------------------------------------------------------------

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments, as plain values."""
        return {"name": self.name, "dtype": self.dtype}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Metric:
        """Makes an equal metric from `get_config`'s dict."""
        return cls(**config)

    def __repr__(self) -> str:
        return f"<{type(self).__name__} name={self.name}>"


class _Values:
    """Puts values into variables for a while."""

    def __init__(self, variables: Sequence[Variable], values: Sequence[Any], method: str) -> None:
        if len(variables) != len(values):
            raise ValueError(
                f"{method}: `metric_variables` must hold one value per metric variable; got {len(values)} for"
                f" {len(variables)} variables."
            )
        self._variables = list(variables)
        self._values = list(values)

    def __enter__(self) -> None:
        self._before = [_core.copy(variable._value) for variable in self._variables]
        for variable, value in zip(self._variables, self._values, strict=True):
            variable.assign(value)

    def __exit__(self, *error: object) -> None:
        for variable, value in zip(self._variables, self._before, strict=True):
            variable.assign(value)


def _variables_in(values: Sequence[Any]) -> Iterator[Variable]:
    for value in values:
        if isinstance(value, Variable):
            yield value
        elif isinstance(value, Metric):
            yield from value.variables
        elif isinstance(value, (list, tuple)):
            yield from _variables_in(value)
        elif isinstance(value, dict):
            yield from _variables_in(list(value.values()))
