"""`Variable`: a tensor that is kept between calls and can be assigned: weights, counters, states."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from corten import _core
from corten._state import Seen, Structure, state
from corten.config import is_float_dtype, standardize_dtype
from corten.naming import auto_name, join_path

if TYPE_CHECKING:
    from corten._core import Tensor

_Tensor = _core.Tensor


class Variable:
    """A value that layers and optimizers update.

    Args:
        initializer: The first value (anything array-like), or a callable `f(shape, dtype)`, or the
            name of an initializer such as `'glorot_uniform'`; the last two need `shape`.
        shape: The shape; with a value it is taken from the value.
        dtype: The dtype; None takes the value's dtype, or `corten.config.floatx()`.
        trainable: Whether optimizers update it; float ones then take part in gradients.
        autocast: Whether a layer with a mixed dtype policy sees it in its compute dtype.
        aggregation: How replicas would combine it: `'none'`, `'mean'`, `'sum'` or
            `'only_first_replica'`.
        synchronization: Accepted for compatibility.
        name: The last part of its path; it must not contain `/`.
        regularizer: A function of the variable that gives a penalty.
        constraint: A function that optimizers apply to the value after each update.

    Example:
        >>> import corten
        >>> v = corten.Variable([1.0, 2.0], name="scale")
        >>> v.assign_add([1.0, 1.0]).numpy().tolist()
        [2.0, 3.0]
    """

    __array_priority__ = 100
    # Whether optimizers take the gradient for the new value.
    overwrite_with_gradient: bool = False
    #: Kept between calls, but no weight: the states of a stateful layer.
    _is_state = False
    #: Whether it stays on the CPU, where every step reads it: counts and learning rates.
    _stays = False

    def __init__(
        self,
        initializer: Any,
        shape: Any = None,
        dtype: Any = None,
        trainable: bool = True,
        autocast: bool = True,
        aggregation: str = "none",
        synchronization: str = "auto",
        name: str | None = None,
        *,
        regularizer: Callable[[Any], Any] | None = None,
        constraint: Callable[[Any], Any] | None = None,
        **_: Any,
    ) -> None:
        name = name or auto_name(self.__class__.__name__)
        if not isinstance(name, str) or "/" in name:
            raise ValueError(f"Variable: `name` must be a string without '/'; got {name!r}.")
        if aggregation not in {None, "none", "mean", "sum", "only_first_replica"}:
            raise ValueError(
                "Variable: `aggregation` must be one of 'none', 'mean', 'sum', "
                f"'only_first_replica'; got {aggregation!r}."
            )
        self._name = name
        self._path = join_path(name)
        self._trainable = bool(trainable)
        self._created_trainable = self._trainable
        self._autocast = bool(autocast)
        self._aggregation = aggregation or "none"
        self._synchronization = synchronization
        self.regularizer = regularizer
        self.constraint = constraint
        self.overwrite_with_gradient = False
        late = (
            None if state.meta_variables or not getattr(initializer, "costly", False) else state.late_values
        )
        value = _first_value(initializer if late is None else "zeros", shape, dtype, name)
        self._dtype: str = value.dtype
        self._shape: tuple[int, ...] = value.shape
        self._float = is_float_dtype(self._dtype)
        self._value: Tensor = value
        if late is not None:
            late.append((self, initializer, value))
        if self._trainable and self._float:
            value.requires_grad = True

    # ---- reading -------------------------------------------------------------------------------

    @property
    def value(self) -> Tensor:
        """The tensor; inside a mixed-precision layer, cast to the layer's compute dtype."""
        return self._hooked_value() if state.hooked else self._value

    def __corten_tensor__(self) -> Tensor:
        return self._hooked_value() if state.hooked else self._value

    def _hooked_value(self) -> Tensor:
        if state.accessed is not None:
            state.accessed.setdefault(self, self._value)
        dtype = state.autocast
        if dtype is not None and self._autocast and self._float and dtype != self._dtype:
            return _core.cast(self._value, dtype)
        return self._value

    def numpy(self) -> np.ndarray[Any, Any]:
        """Return the value as a NumPy array."""
        return np.asarray(self._value.numpy())

    @property
    def name(self) -> str:
        """The name."""
        return self._name

    @property
    def path(self) -> str:
        """The name below the layers it belongs to, as in `'model/dense/kernel'`."""
        return self._path

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape."""
        return self._shape

    @property
    def dtype(self) -> str:
        """The dtype (inside a mixed-precision layer, the one the value shows itself in)."""
        if state.autocast is not None and self._autocast and self._float:
            return state.autocast
        return self._dtype

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self._shape)

    @property
    def size(self) -> int:
        """The number of elements."""
        return int(np.prod(self._shape, dtype=np.int64))

    @property
    def grad(self) -> Tensor | None:
        """The gradient that `backward` left on the value."""
        return self._value.grad

    @property
    def device(self) -> str:
        """Where the value is stored."""
        return self._value.device

    @property
    def aggregation(self) -> str:
        """How replicas would combine it."""
        return self._aggregation

    @property
    def synchronization(self) -> str:
        """Kept for compatibility."""
        return self._synchronization

    @property
    def autocast(self) -> bool:
        """Whether mixed precision applies to it."""
        return self._autocast

    @property
    def trainable(self) -> bool:
        """Whether optimizers update it. Setting it also switches its gradient."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        self._trainable = bool(value)
        Structure.change()
        if self._float and self._value.device != "meta":
            self._value.requires_grad = self._trainable

    @property
    def constraint(self) -> Callable[[Any], Any] | None:
        """The function that optimizers apply to the value after each update."""
        return self._constraint

    @constraint.setter
    def constraint(self, value: Callable[[Any], Any] | None) -> None:
        if value is not None and not callable(value):
            raise ValueError(f"Variable: `constraint` must be callable or None; got {value!r}.")
        self._constraint = value

    @property
    def regularizer(self) -> Callable[[Any], Any] | None:
        """The function that gives this variable's penalty."""
        return self._regularizer

    @regularizer.setter
    def regularizer(self, value: Callable[[Any], Any] | None) -> None:
        if value is not None:
            if not callable(value):
                raise ValueError(f"Variable: `regularizer` must be callable or None; got {value!r}.")
            Seen.losses = True
        self._regularizer = value

    # ---- writing -------------------------------------------------------------------------------

    def assign(self, value: Any) -> Variable:
        """Replace the value.

        Args:
            value: An array-like of the same shape; it is cast to this dtype.

        Raises:
            ValueError: The shapes differ.

        Example:
            >>> import corten
            >>> v = corten.Variable([1.0, 2.0])
            >>> v.assign([3.0, 4.0]).numpy().tolist()
            [3.0, 4.0]
        """
        if value.__class__ is not _Tensor:
            value = _core.tensor(_unwrap(value), dtype=self._dtype)
        if value.shape != self._shape:
            raise ValueError(
                f"Variable.assign: the shapes must match; variable {self._path!r} has shape "
                f"{self._shape}, got a value of shape {value.shape}."
            )
        if (state.probing or value.device == "meta") and self._value.device != "meta":
            # Shape inference runs layers for their shapes only; their state must not move.
            return self
        if Seen.devices and self._value.device != "meta":
            value = value.to(self._value.device)
        if value.dtype != self._dtype:
            value = _core.cast(value, self._dtype)
        # Sharing memory is safe: the engine copies before it changes what somebody else holds.
        self._set(value.detach())
        return self

    def _set(self, tensor: Tensor) -> None:
        """Take over a detached tensor of the right shape and dtype."""
        previous = self._value
        if state.accessed is not None:
            state.accessed.setdefault(self, previous)
        for tape in state.tapes:
            tape._note_replaced(self, previous)
        if self._trainable and self._float:
            tensor.requires_grad = True
        self._value = tensor

    def to(self, device: str) -> Variable:
        """Move the value to another device; integers that a GPU lacks become int32 there.

        What every step of training reads stays on the CPU: step counts, learning rates, random states.

        Args:
            device: A name as for `corten.device`.

        Returns:
            This variable.

        Example:
            >>> import corten
            >>> corten.Variable([1.0, 2.0]).to("cpu").device
            'cpu'
        """
        value = self._value
        if self._stays or value.device == "meta":
            return self
        if value.dtype in _NARROWED and device.lower() != "cpu":
            moved = _core.tensor(value.numpy(), device=device)
            self._dtype = moved.dtype
        else:
            moved = value.detach().to(device)
        if moved.device != value.device:
            self._set(moved)
        return self

    def assign_add(self, value: Any) -> Variable:
        """Add to the value."""
        return self.assign(self._value.detach() + self._operand(value))

    def assign_sub(self, value: Any) -> Variable:
        """Subtract from the value."""
        return self.assign(self._value.detach() - self._operand(value))

    def _operand(self, value: Any) -> Any:
        """What is no tensor as one beside the value, which may be on another device than new tensors."""
        if Seen.devices and isinstance(value, (list, tuple, np.ndarray)):
            return _core.tensor(value, dtype=self._dtype).to(self._value.device)
        return _unwrap(value)

    # ---- being a tensor ------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        return np.asarray(self._value.numpy(), dtype=dtype)

    def __getitem__(self, key: Any) -> Tensor:
        return self.value[key]

    def __getattr__(self, name: str) -> Any:
        # Tensor methods (`sum`, `reshape`, ...) work on variables; private names do not.
        if name.startswith("_"):
            raise AttributeError(f"'Variable' object has no attribute {name!r}")
        try:
            return getattr(self.value, name)
        except AttributeError:
            raise AttributeError(f"'Variable' object has no attribute {name!r}") from None

    def __len__(self) -> int:
        return len(self._value)

    def __iter__(self) -> Any:
        return iter(self.value)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __int__(self) -> int:
        return int(self._value)

    def __float__(self) -> float:
        return float(self._value)

    def __index__(self) -> int:
        return self._value.__index__()

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        value = "" if self._value.device == "meta" else f", value={self.numpy()}"
        return f"<Variable path={self._path}, shape={self._shape}, dtype={self._dtype}{value}>"

    def __deepcopy__(self, memo: dict[int, Any]) -> Variable:
        clone = self.__class__.__new__(self.__class__)
        memo[id(self)] = clone
        clone.__dict__.update(self.__dict__)
        clone._value = self._value
        clone._set(self._value.detach())
        return clone

    def __neg__(self) -> Tensor:
        return -self.value

    def __pos__(self) -> Tensor:
        return self.value

    def __abs__(self) -> Tensor:
        return abs(self.value)

    def __invert__(self) -> Tensor:
        return ~self.value

    def __round__(self, ndigits: int | None = None) -> Any:
        from corten import ops

        return ops.round(self, decimals=ndigits or 0)

    def __eq__(self, other: object) -> Any:
        return self.value == _unwrap(other)

    def __ne__(self, other: object) -> Any:
        return self.value != _unwrap(other)

    def __lt__(self, other: Any) -> Any:
        return self.value < _unwrap(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= _unwrap(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > _unwrap(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= _unwrap(other)

    def __add__(self, other: Any) -> Any:
        return self.value + _unwrap(other)

    def __radd__(self, other: Any) -> Any:
        return _unwrap(other) + self.value

    def __sub__(self, other: Any) -> Any:
        return self.value - _unwrap(other)

    def __rsub__(self, other: Any) -> Any:
        return _unwrap(other) - self.value

    def __mul__(self, other: Any) -> Any:
        return self.value * _unwrap(other)

    def __rmul__(self, other: Any) -> Any:
        return _unwrap(other) * self.value

    def __truediv__(self, other: Any) -> Any:
        return self.value / _unwrap(other)

    def __rtruediv__(self, other: Any) -> Any:
        return _unwrap(other) / self.value

    def __floordiv__(self, other: Any) -> Any:
        return self.value // _unwrap(other)

    def __rfloordiv__(self, other: Any) -> Any:
        return _unwrap(other) // self.value

    def __mod__(self, other: Any) -> Any:
        return self.value % _unwrap(other)

    def __rmod__(self, other: Any) -> Any:
        return _unwrap(other) % self.value

    def __pow__(self, other: Any) -> Any:
        return self.value ** _unwrap(other)

    def __rpow__(self, other: Any) -> Any:
        return _unwrap(other) ** self.value

    def __matmul__(self, other: Any) -> Any:
        return self.value @ _unwrap(other)

    def __rmatmul__(self, other: Any) -> Any:
        return _unwrap(other) @ self.value

    def __and__(self, other: Any) -> Any:
        return self.value & _unwrap(other)

    def __rand__(self, other: Any) -> Any:
        return _unwrap(other) & self.value

    def __or__(self, other: Any) -> Any:
        return self.value | _unwrap(other)

    def __ror__(self, other: Any) -> Any:
        return _unwrap(other) | self.value

    def __xor__(self, other: Any) -> Any:
        return self.value ^ _unwrap(other)

    def __rxor__(self, other: Any) -> Any:
        return _unwrap(other) ^ self.value


def _unwrap(value: Any) -> Any:
    return value.value if isinstance(value, Variable) else value


def _first_value(initializer: Any, shape: Any, dtype: Any, name: str) -> Tensor:
    """Return the first value of a new variable, detached."""
    if isinstance(initializer, str):
        from corten import initializers

        initializer = initializers.get(initializer)
    if callable(initializer) and not isinstance(initializer, (_Tensor, Variable, np.ndarray)):
        if shape is None:
            raise ValueError(f"Variable {name!r}: `shape` is needed with a callable initializer.")
        shape = _checked_shape(shape, name)
        dtype = standardize_dtype(dtype)
        if state.meta_variables:
            return _meta(shape, dtype)
        if state.variable_room is not None:
            _take_room(shape, dtype, name)
        # While shapes are inferred random values have no storage, but a new weight is a real one.
        probing, state.probing = state.probing, 0
        try:
            value = initializer(shape, dtype=dtype)
        finally:
            state.probing = probing
    else:
        value = _unwrap(initializer)
        if dtype is None and not isinstance(value, _Tensor):
            # Python floats mean floatx, as everywhere; arrays keep their dtype.
            array = value if isinstance(value, np.ndarray) else np.asarray(value)
            if not isinstance(value, (np.ndarray, np.generic)) and array.dtype == np.float64:
                dtype = standardize_dtype(None)
    if not isinstance(value, _Tensor):
        value = _core.tensor(_unwrap(value), dtype=None if dtype is None else standardize_dtype(dtype))
    elif dtype is not None and value.dtype != standardize_dtype(dtype):
        narrowed = value.device[:3] == "gpu" and standardize_dtype(dtype) in _NARROWED
        if not (narrowed and value.dtype == "int32"):
            value = _core.cast(value, standardize_dtype(dtype))
    if shape is not None and tuple(shape) != value.shape:
        raise ValueError(f"Variable {name!r}: expected a value of shape {tuple(shape)}; got {value.shape}.")
    return value.detach()


def _take_room(shape: tuple[int, ...], dtype: str, name: str) -> None:
    """Keep account of the memory that a configuration from a file asks for.

    Raises:
        ValueError: It is more than the file can have weights for.
    """
    size = _ITEM_SIZES.get(dtype, 4)
    for length in shape:
        size *= int(length)
    room = state.variable_room
    if room is not None and size > room:
        raise ValueError(
            f"{state.variable_room_of}: the configuration asks for a variable {name!r} of shape {shape}, "
            f"{size} bytes, which is more than its file (or this machine) has room for; the file is damaged, "
            "or made to exhaust memory."
        )
    state.variable_room = None if room is None else room - size


_NARROWED = frozenset({"int8", "int16", "int64", "uint8", "uint16", "uint64"})
_ITEM_SIZES = {
    "float64": 8, "int64": 8, "uint64": 8, "float16": 2, "bfloat16": 2, "int16": 2, "uint16": 2, "int8": 1,
    "uint8": 1, "bool": 1,
}  # fmt: skip


def _meta(shape: tuple[int, ...], dtype: str) -> Tensor:
    # A broadcast scalar: no storage is allocated on the way.
    return _core.broadcast_to(_core.full((), 0, dtype, "cpu").to("meta"), shape)


def _checked_shape(shape: Any, name: str) -> tuple[int, ...]:
    if isinstance(shape, int):
        shape = (shape,)
    shape = tuple(shape)
    for size in shape:
        if size is None or not isinstance(size, (int, np.integer)) or size < 0:
            raise ValueError(
                f"Variable {name!r}: all sizes in its shape must be known and >= 0; got {shape}. "
                "Give the layer's input a static shape."
            )
    return tuple(int(size) for size in shape)
