"""The `@op` decorator: a public op called with a symbolic argument records a node instead of computing.

An op's tensor arguments are the parameters whose annotation mentions ``Tensor``; only those are
looked at, by type, so that an eager call pays some tens of nanoseconds. The wrapper is generated
with the op's own parameter list, because forwarding ``*args, **kwargs`` costs three times as much.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from types import CodeType
from typing import Any, TypeVar

from corten import _core
from corten._state import Seen
from corten.symbolic import KerasTensor, any_symbolic, symbolic_call

Function = TypeVar("Function", bound=Callable[..., Any])

# Types that are, or may contain, a symbolic tensor.
_LOOK_CLOSER = frozenset({KerasTensor, list, tuple, dict})


@functools.cache
def _wrapper_code(parameters: str, forward: str, checked: tuple[str, ...]) -> CodeType:
    """Compiles the wrapper of one parameter list; many ops share each list."""
    # The wrapper's globals start with an underscore: no parameter hides them.
    test = " or ".join(f"type({name}) in _look_closer" for name in checked)
    arguments = f"({', '.join(checked)},)"
    # In a build without GPUs nothing is asked.
    beside = f"    if _seen.devices:\n        return _beside(_function, {arguments}, {forward})\n"
    source = (
        f"def wrapper({parameters}):\n"
        f"    if ({test}) and _any_symbolic({arguments}, None):\n"
        f"        return _record({forward})\n"
        f"{beside if _core.has_gpu_backend() else ''}"
        f"    return _function({forward})\n"
    )
    return compile(source, "<corten op>", "exec")


def _parameter_lists(function: Function) -> tuple[str, str, tuple[str, ...]]:
    """Gives the parameters as declared, as forwarded, and the names of those that take tensors."""
    code = function.__code__
    count, keyword_count = code.co_argcount, code.co_kwonlyargcount
    names = code.co_varnames
    positional, keyword_only = names[:count], names[count : count + keyword_count]
    extra = list(names[count + keyword_count :])
    defaults = len(function.__defaults__ or ())
    declared = [*positional[: count - defaults], *(f"{name}=None" for name in positional[count - defaults :])]
    forward = list(positional)
    tensors = [
        name for name, hint in function.__annotations__.items() if "Tensor" in str(hint) and name != "return"
    ]
    if code.co_flags & inspect.CO_VARARGS:
        name = extra.pop(0)
        declared.append(f"*{name}")
        forward.append(f"*{name}")
    elif keyword_only:
        declared.append("*")
    for name in keyword_only:
        declared.append(f"{name}=None")
        forward.append(f"{name}={name}")
    if code.co_flags & inspect.CO_VARKEYWORDS:
        name = extra.pop(0)
        declared.append(f"**{name}")
        forward.append(f"**{name}")
    return ", ".join(declared), ", ".join(forward), tuple(tensors)


def beside(_function: Callable[..., Any], _arguments: tuple[Any, ...], /, *args: Any, **kwargs: Any) -> Any:
    """Calls a function where its operands are: what it makes from nothing belongs there.

    Args:
        _function: The function.
        _arguments: Those of its arguments that may be tensors.
        *args: Its arguments.
        **kwargs: Its arguments by name.

    Example:
        >>> import corten
        >>> beside(corten.ops.add, (1, 2), 1, 2).item()
        3
    """
    place = place_of(_arguments)
    if place is None or place == _core.current_device():
        return _function(*args, **kwargs)
    before = _core.set_device_scope(place)
    try:
        return _function(*args, **kwargs)
    finally:
        _core.set_device_scope(before)


def place_of(arguments: Any) -> str | None:
    """Gives the device of the first operand that is more than a number, else of the first; None without one.

    Example:
        >>> import corten
        >>> place_of((1.0, corten.ops.ones(2)))
        'cpu'
    """
    found = None
    for one in arguments:
        if isinstance(one, _core.Tensor):
            place = one.device
            shape: Any = one.shape
        elif isinstance(one, (list, tuple)):
            inner = place_of(one)
            if inner is None:
                continue
            place, shape = inner, (1,)
        elif hasattr(one, "__corten_tensor__"):
            place, shape = one.device, one.shape
        else:
            continue
        if place != "meta":
            if shape:
                return place
            found = found or place
    return found


def op(function: Function) -> Function:
    """Makes `function` a public op: symbolic arguments are recorded, all others computed.

    Args:
        function: A function whose tensor parameters are annotated with a type that has
            ``Tensor`` in its name.

    Returns:
        A function of the same name, parameters, defaults and docstring.
    """
    declared, forward, checked = _parameter_lists(function)
    if not checked:
        return function
    scope: dict[str, Any] = {
        "_look_closer": _LOOK_CLOSER,
        "_any_symbolic": any_symbolic,
        "_function": function,
        "_seen": Seen,
        "_beside": beside,
    }
    exec(_wrapper_code(declared, forward, checked), scope)
    wrapper = scope["wrapper"]
    wrapper.__defaults__ = function.__defaults__
    wrapper.__kwdefaults__ = function.__kwdefaults__
    functools.update_wrapper(wrapper, function)

    def record(*args: Any, **kwargs: Any) -> Any:
        return symbolic_call(wrapper, args, kwargs)

    scope["_record"] = record
    return wrapper
