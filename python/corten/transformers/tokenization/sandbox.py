"""A Jinja environment for templates that come from elsewhere: they reach no Python, and end soon.

Jinja's sandbox keeps templates from attributes that begin with an underscore and from changing what they are
given. It does not keep them from running for hours or filling memory, so loops, calls, filters and joined
texts are counted here against a `Budget`.
"""

from __future__ import annotations

import contextvars
import datetime
import functools
import json
import re
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

MAX_TEMPLATE = 1 << 20
#: Numbers that functions and filters are given: widths, counts, indentations.
_MAX_NUMBER = 1_000_000
_MAX_ITEMS = 1_000_000
_WIDTH = re.compile(r"\d{5,}|\*")
#: Filters of Jinja that no chat template needs and that are hard to bound.
_REMOVED = ("lipsum", "pprint", "urlize", "xmlattr")


class TemplateRefusedError(ValueError):
    """A template did something that none needs."""


class Budget:
    """What a template may use up.

    Args:
        steps: Rounds of loops and calls, about.
        characters: Of all texts that it makes.
        seconds: Time.
    """

    def __init__(self, steps: int, characters: int = 1 << 25, seconds: float = 10.0) -> None:
        self.steps = steps
        self.characters = characters
        self.end = time.monotonic() + seconds
        #: What begins and ends the assistant's text in the output, if that is to be found again.
        self.mark = ""

    def use(self, steps: int = 1, characters: int = 0) -> None:
        """Takes from what is left.

        Raises:
            TemplateRefusedError: Nothing is.
        """
        self.steps -= steps
        self.characters -= characters
        if self.steps < 0 or time.monotonic() > self.end:
            raise TemplateRefusedError("it takes too many steps")
        if self.characters < 0:
            raise TemplateRefusedError("it makes too much text")


_BUDGET: contextvars.ContextVar[Budget] = contextvars.ContextVar("budget")


def _use(steps: int = 1, characters: int = 0) -> None:
    budget = _BUDGET.get(None)
    if budget is not None:
        budget.use(steps, characters)


def jinja2_package() -> Any:
    """Returns the package `jinja2`.

    Raises:
        ImportError: It is not installed.
    """
    try:
        import jinja2.sandbox
    except ImportError as error:
        raise ImportError("Chat templates need the package jinja2: `pip install corten[text]`.") from error
    return jinja2


def render(template: str, values: Mapping[str, Any], budget: Budget) -> str:
    """Renders a template.

    Args:
        template: Its text.
        values: What it may use.
        budget: What it may use up.

    Raises:
        ValueError: It is wrong, refused, or says itself that it cannot render this.
    """
    jinja2 = jinja2_package()
    if len(template) > MAX_TEMPLATE:
        raise ValueError(f"the chat template has {len(template)} characters; {MAX_TEMPLATE} are allowed.")
    before = _BUDGET.set(budget)
    try:
        return str(_compiled(template).render(**values))
    except TemplateRefusedError as error:
        raise ValueError(f"the chat template is refused: {error}.") from None
    except _SaysNoError as error:
        raise ValueError(f"the chat template says: {error}") from None
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(
            f"the chat template is wrong in line {error.lineno}: {str(error.message)[:300]}"
        ) from None
    except jinja2.sandbox.SecurityError as error:
        raise ValueError(f"the chat template is refused: {str(error)[:300]}") from None
    except Exception as error:
        raise ValueError(f"the chat template fails: {type(error).__name__}: {str(error)[:300]}") from None
    finally:
        _BUDGET.reset(before)


class _SaysNoError(Exception):
    """The template called `raise_exception`."""


def _raise_exception(message: Any) -> None:
    raise _SaysNoError(str(message)[:500])


def _strftime_now(form: Any) -> str:
    form = str(form)
    if len(form) > 200:
        raise TemplateRefusedError("a form of dates is too long")
    return datetime.datetime.now().strftime(form)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    # Unlike Jinja's own filter it leaves `<` and `é` as they are: this is no web page.
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _counted(items: Any, characters: int) -> Iterator[Any]:
    """What a loop goes over, each round counted."""
    for item in items:
        _use(1, characters)
        yield item


def _range(*places: Any) -> range:
    found = range(*places)
    if len(found) > _MAX_ITEMS:
        raise TemplateRefusedError("a range is too long")
    _use(len(found))
    return found


def _size(value: Any) -> int:
    return len(value) if isinstance(value, (str, list, tuple, dict)) else 0


def _check_arguments(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    for value in (*arguments, *named.values()):
        if isinstance(value, (int, float)) and abs(value) > _MAX_NUMBER:
            raise TemplateRefusedError(f"a function is given the number {str(value)[:30]}")


def _check_form(form: Any) -> None:
    if isinstance(form, str) and _WIDTH.search(form):
        raise TemplateRefusedError("a form of texts has a width that is too large")


def _check_growth(name: str, text: Any, arguments: tuple[Any, ...]) -> None:
    """Counts ahead what `replace` and `join` will make."""
    if name == "replace" and len(arguments) >= 2 and isinstance(text, str):
        old, new = str(arguments[0]), str(arguments[1])
        count = text.count(old) if old else len(text) + 1
        _use(1, len(text) + count * len(new))
    elif (
        name == "join"
        and arguments
        and isinstance(text, str)
        and isinstance(arguments[0], (list, tuple, str))
    ):
        _use(len(arguments[0]), len(text) * len(arguments[0]))
    elif name in {"format", "format_map"}:
        _check_form(text)


def _bounded(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter that counts."""

    @functools.wraps(function)
    def filtered(*arguments: Any, **named: Any) -> Any:
        _check_arguments(arguments, named)
        # Some get the environment or the context ahead of the value.
        value = next((one for one in arguments if isinstance(one, (str, list, tuple, dict))), None)
        place = arguments.index(value) if value is not None else 0
        if name == "join" and isinstance(value, (list, tuple)):
            between = [*arguments[place + 1 :], *named.values()]
            _use(len(value), sum(len(str(one)) for one in between[:1]) * len(value))
        else:
            _check_growth(name, value, (*arguments[place + 1 :], *named.values()))
        size = _size(value)
        _use(1 + (size // 64 if isinstance(value, str) else size))
        result = function(*arguments, **named)
        if isinstance(result, str):
            _use(0, len(result))
        return result

    return filtered


@functools.cache
def environment() -> Any:
    """Returns the environment, which all templates share."""
    jinja2 = jinja2_package()
    from jinja2 import nodes
    from jinja2.compiler import CodeGenerator
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generator(CodeGenerator):
        """Makes joined texts count."""

        def visit_Concat(self, node: Any, frame: Any) -> None:
            self.write("environment.concatenated((")
            for part in node.nodes:
                self.visit(part, frame)
                self.write(", ")
            self.write("))")

    class Generation(Extension):
        """The tag `{% generation %}`: what the assistant said."""

        tags = {"generation"}

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("_marked"), [], [], body).set_lineno(line)

        def _marked(self, caller: Any) -> str:
            budget = _BUDGET.get(None)
            text = str(caller())
            return f"{budget.mark}{text}{budget.mark}" if budget is not None else text

    class Environment(ImmutableSandboxedEnvironment):
        """The sandbox, with everything counted."""

        code_generator_class = Generator
        intercepted_binops = frozenset({"*", "**", "+", "%"})

        def _generate(self, source: Any, *arguments: Any, **named: Any) -> Any:
            for loop in list(source.find_all(nodes.For)):
                fixed = sum(len(data.data) for data in loop.find_all(nodes.TemplateData))
                counted = nodes.Filter(loop.iter, "_counted", [nodes.Const(fixed)], [], None, None)
                loop.iter = counted.set_lineno(loop.lineno).set_environment(self)
            return super()._generate(source, *arguments, **named)

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            _use()
            if operator == "*":
                for one, other in ((left, right), (right, left)):
                    if isinstance(one, (str, list, tuple)) and isinstance(other, int):
                        if len(one) * other > _MAX_ITEMS:
                            raise TemplateRefusedError("a text or a list is repeated too often")
                        _use(0, len(one) * max(other, 0))
            if operator in {"*", "**"}:
                _check_arguments((left, right), {})
                if operator == "**" and (not isinstance(right, int) or abs(right) > 64):
                    raise TemplateRefusedError("a power is too large")
            if operator == "%":
                _check_form(left)
            if operator == "+":
                _use((_size(left) + _size(right)) // 64)
                if isinstance(left, str):
                    _use(0, _size(left) + _size(right))
                elif _size(left) + _size(right) > _MAX_ITEMS:
                    raise TemplateRefusedError("a list is too long")
            return super().call_binop(context, operator, left, right)

        def call(*positional: Any, **named: Any) -> Any:
            # As in the class above: the template may name an argument `self`.
            env, context, function, *arguments = positional
            _check_arguments(tuple(arguments), named)
            owner = getattr(function, "__self__", None)
            if isinstance(owner, str):
                _check_growth(getattr(function, "__name__", ""), owner, tuple(arguments))
            _use(1 + _size(owner) // 64)
            result = ImmutableSandboxedEnvironment.call(env, context, function, *arguments, **named)
            if isinstance(result, str):
                _use(0, len(result))
            return result

        def concatenated(self, parts: tuple[Any, ...]) -> str:
            """Joins texts."""
            texts = [str(part) for part in parts]
            _use(1, sum(map(len, texts)))
            return "".join(texts)

    def shown(value: Any) -> Any:
        if value is not None and not isinstance(value, jinja2.Undefined):
            value = value if isinstance(value, str) else str(value)
            _use(1, len(value))
        return value

    made = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, loopcontrols],
        optimized=False,
        finalize=shown,
        autoescape=False,
        cache_size=0,
    )
    for name in _REMOVED:
        made.filters.pop(name, None)
        made.globals.pop(name, None)
    made.filters["tojson"] = _to_json
    for name in list(made.filters):
        made.filters[name] = _bounded(name, made.filters[name])
    made.filters["_counted"] = _counted
    made.globals["range"] = _range
    made.globals["raise_exception"] = _raise_exception
    made.globals["strftime_now"] = _strftime_now
    return made


@functools.lru_cache(maxsize=32)
def _compiled(template: str) -> Any:
    return environment().from_string(template)


def new_mark() -> str:
    """Returns a text that no template and no message has."""
    return f"\x00{secrets.token_hex(8)}\x00"
