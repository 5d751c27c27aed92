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

from corten.symbolic import KerasTensor, any_symbolic, symbolic_call

Function = TypeVar("Function", bound=Callable[..., Any])

# Types that are, or may contain, a symbolic tensor.
_LOOK_CLOSER = frozenset({KerasTensor, list, tuple, dict})


@functools.cache
def _wrapper_code(parameters: str, forward: str, checked: tuple[str, ...]) -> CodeType:
    """Compiles the wrapper of one parameter list; many ops share each list."""
    # The wrapper's globals start with an underscore: no parameter hides them.
    test = " or ".join(f"type({name}) in _look_closer" for name in checked)
    source = (
        f"def wrapper({parameters}):\n"
        f"    if ({test}) and _any_symbolic(({', '.join(checked)},), None):\n"
        f"        return _record({forward})\n"
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
