"""A Jinja environment for templates that come from elsewhere: they reach no Python, and end soon.

Jinja's sandbox keeps templates from attributes that begin with an underscore and from changing what they are
given. It does not keep them from running for hours or filling memory, so all that can grow is measured here
against a `Budget`: rounds of loops, calls, filters, texts that are joined, and lists that are made of lists.
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
#: Numbers in a range, parts of a list that is repeated.
_MAX_PARTS = 100_000
#: Parts that are looked at for one step.
_PARTS_OF_STEP = 2
_WIDTH = re.compile(r"\d{5,}|\*|\{[^{}]*\{")
#: Filters and functions of Jinja that no chat template needs and that are hard to bound.
_REMOVED = ("lipsum", "pprint", "urlize", "xmlattr")
# What looks at one place only, and so needs no measure of all the rest.
_CHEAP = {
    "filter": frozenset({"attr", "count", "d", "default", "first", "last", "length"}),
    "test": frozenset(
        {
            "boolean", "callable", "defined", "false", "float", "integer", "iterable", "mapping", "none",
            "number", "sequence", "string", "true", "undefined",
        }
    ),
}  # fmt: skip
#: Methods of texts that no chat template needs: they take tables, or give what is no text.
_REMOVED_METHODS = frozenset({"encode", "expandtabs", "format_map", "maketrans", "translate"})


class TemplateRefusedError(ValueError):
    """A template did something that none needs."""


class _SaysNoError(Exception):
    """The template called `raise_exception`."""


class Budget:
    """What a template may use up.

    Args:
        steps: Rounds of loops and calls, about.
        characters: Of all texts that it makes.
        parts: Of a list or dict, with those of its parts.
        seconds: Time.
    """

    def __init__(self, steps: int, characters: int, parts: int = 100_000, seconds: float = 5.0) -> None:
        self.steps = steps
        self.characters = self.most_characters = characters
        self.most_parts = parts
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

    def measure(self, value: Any) -> Any:
        """Walks through lists and dicts, each as often as it occurs.

        Returns:
            The value.

        Raises:
            TemplateRefusedError: It has too many parts, or too much text.
        """
        if not isinstance(value, (list, tuple, dict)):
            return value
        parts = characters = 0
        waiting = [value]
        while waiting:
            one = waiting.pop()
            parts += len(one)
            if parts > self.most_parts:
                raise TemplateRefusedError("a list is too long, or lists are nested too often")
            for part in (*one, *one.values()) if isinstance(one, dict) else one:
                if isinstance(part, str):
                    characters += len(part)
                elif isinstance(part, (list, tuple, dict)):
                    waiting.append(part)
        if characters > self.most_characters:
            raise TemplateRefusedError("a list has too much text")
        self.use(1 + parts // _PARTS_OF_STEP)
        return value


_BUDGET: contextvars.ContextVar[Budget] = contextvars.ContextVar("budget")


def _use(steps: int = 1, characters: int = 0) -> None:
    _BUDGET.get().use(steps, characters)


def _measured(value: Any) -> Any:
    return _BUDGET.get().measure(value)


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
        raise ValueError(
            f"the chat template is refused: it has {len(template)} characters; {MAX_TEMPLATE} are allowed."
        )
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


def new_mark() -> str:
    """Returns a text that no template and no message has."""
    return f"\x00{secrets.token_hex(8)}\x00"


# ---- what templates may call -------------------------------------------------------------------------------


def _raise_exception(message: Any) -> None:
    raise _SaysNoError(str(message)[:500])


def _strftime_now(form: Any) -> str:
    form = str(form)
    if len(form) > 200 or re.search(r"%\W*\d{3,}", form):
        raise TemplateRefusedError("the form of a date is too long")
    return datetime.datetime.now().strftime(form)


def _to_json(
    value: Any,
    ensure_ascii: bool = False,
    indent: Any = None,
    separators: Any = None,
    sort_keys: bool = False,
) -> str:
    # Unlike Jinja's own filter it leaves `<` and `é` as they are: this is no web page.
    if isinstance(indent, str) or (isinstance(indent, int) and indent > 16):
        raise TemplateRefusedError("an indentation is too large")
    return json.dumps(
        value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def _range(*places: Any) -> range:
    found = range(*places)
    if len(found) > _MAX_PARTS:
        raise TemplateRefusedError("a range is too long")
    return found


def _counted(items: Any, characters: int) -> Iterator[Any]:
    """What a loop goes over, each round counted."""
    for item in items:
        _use(1, characters)
        yield item


# ---- what they are measured by -----------------------------------------------------------------------------


def _check_numbers(arguments: tuple[Any, ...], named: Mapping[str, Any]) -> None:
    for value in (*arguments, *named.values()):
        if isinstance(value, (int, float)) and abs(value) > _MAX_NUMBER:
            raise TemplateRefusedError(f"a function is given the number {str(value)[:30]}")


def _check_form(form: Any) -> None:
    if isinstance(form, str) and _WIDTH.search(form):
        raise TemplateRefusedError("the form of a text has a width that is too large")


def _check_growth(name: str, value: Any, arguments: tuple[Any, ...]) -> None:
    """Counts ahead what functions will make that join, fill and replace."""
    if name == "replace" and isinstance(value, str) and len(arguments) >= 2:
        old, new = str(arguments[0]), str(arguments[1])
        count = value.count(old) if old else len(value) + 1
        _use(1, len(value) + count * len(new))
    elif name in {"indent", "wordwrap"} and isinstance(value, str):
        most = max((len(one) for one in arguments if isinstance(one, str)), default=0)
        _use(1, most * (value.count("\n") + value.count(" ") + 1))
    elif name == "format":
        _check_filled(value, arguments)


def _check_filled(form: Any, values: Any) -> None:
    """Counts ahead what filling a form will make."""
    if not isinstance(form, str):
        return
    _check_form(form)
    listed = values if isinstance(values, (tuple, list)) else [values]
    most = max((len(one) if isinstance(one, str) else 1000 for one in map(_measured, listed)), default=0)
    _use(1, len(form) + most * (form.count("{") + form.count("%")))


def _joined(between: str, parts: Any) -> list[Any]:
    """What is to be joined, as a list, and its length counted."""
    listed = list(parts)
    _use(1 + len(listed) // _PARTS_OF_STEP, (len(between) + 1) * len(listed))
    return listed


def _bounded(kind: str, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """A filter or a test (`kind`) that is measured."""
    # Some get the environment or the context ahead of the value.
    first = 1 if hasattr(function, "jinja_pass_arg") else 0

    @functools.wraps(function)
    def filtered(*given: Any, **named: Any) -> Any:
        arguments = list(given)
        if name not in {"d", "default"}:
            _check_numbers(given[first + 1 :], named)
        _use()
        if name in _CHEAP[kind]:
            return function(*given, **named)
        for one in (*given[first:], *named.values()):
            _measured(one)
        if name == "join":
            between = arguments[first + 1] if len(arguments) > first + 1 else named.get("d", "")
            arguments[first] = _joined(str(between), arguments[first])
        else:
            _check_growth(name, given[first], (*given[first + 1 :], *named.values()))
        result = function(*arguments, **named)
        if isinstance(result, str):
            _use(0, len(result))
        return _measured(result)

    return filtered


@functools.lru_cache(maxsize=32)
def _compiled(template: str) -> Any:
    return environment().from_string(template)


@functools.cache
def environment() -> Any:
    """Returns the environment, which all templates share."""
    jinja2 = jinja2_package()
    from jinja2 import nodes
    from jinja2.compiler import CodeGenerator
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment
    from jinja2.visitor import NodeTransformer

    class Measures(NodeTransformer):
        """Puts filters around what loops go over, and around lists and dicts that are made."""

        def visit_For(self, node: Any) -> Any:
            fixed = sum(len(data.data) for data in node.find_all(nodes.TemplateData))
            self.generic_visit(node)
            node.iter = self._filter(node.iter, "_counted", nodes.Const(fixed))
            return node

        def visit_List(self, node: Any) -> Any:
            self.generic_visit(node)
            return self._filter(node, "_measured")

        visit_Dict = visit_List

        def visit_Tuple(self, node: Any) -> Any:
            self.generic_visit(node)
            return node if node.ctx != "load" else self._filter(node, "_measured")

        def _filter(self, node: Any, name: str, *arguments: Any) -> Any:
            made = nodes.Filter(node, name, list(arguments), [], None, None)
            return made.set_lineno(node.lineno).set_environment(node.environment)

    class Generator(CodeGenerator):
        """Joins texts in a way that is measured."""

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
            mark = _BUDGET.get().mark
            return f"{mark}{caller()}{mark}"

    class Environment(ImmutableSandboxedEnvironment):
        """The sandbox, with everything measured."""

        code_generator_class = Generator
        intercepted_binops = frozenset({"*", "**", "+", "%"})

        def _generate(self, source: Any, *arguments: Any, **named: Any) -> Any:
            return super()._generate(Measures().visit(source), *arguments, **named)

        def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
            if isinstance(obj, (str, bytes)) and attr in _REMOVED_METHODS:
                return False
            return bool(super().is_safe_attribute(obj, attr, value))

        def wrap_str_format(self, value: Any) -> Any:
            # Forms of texts go this way, and not through `call` with their text.
            fill = super().wrap_str_format(value)
            if fill is None or getattr(value, "__name__", "") != "format":
                return None

            def filled(*arguments: Any, **named: Any) -> Any:
                _check_filled(value.__self__, [*arguments, *named.values()])
                return fill(*arguments, **named)

            return filled

        def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
            _use()
            if operator == "**":
                _check_numbers((left, right), {})
                if abs(right) > 64:
                    raise TemplateRefusedError("a power is too large")
            elif operator == "*":
                if (
                    isinstance(left, int)
                    and isinstance(right, int)
                    and max(left, right, -left, -right) >> 4096
                ):
                    raise TemplateRefusedError("a number is too large")
                for one, other in ((left, right), (right, left)):
                    if isinstance(one, (str, list, tuple)) and isinstance(other, int):
                        if not isinstance(one, str) and len(one) * other > _MAX_PARTS:
                            raise TemplateRefusedError("a list is repeated too often")
                        _use(0, len(one) * max(other, 0))
            elif operator == "%":
                _check_filled(left, right)
            elif isinstance(left, str) and isinstance(right, str):
                _use(0, len(left) + len(right))
            return _measured(super().call_binop(context, operator, left, right))

        def call(*positional: Any, **named: Any) -> Any:
            # As in the class above: a template may name an argument `self`.
            env, context, function, *arguments = positional
            _use()
            owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
            if isinstance(owner, (str, bytes, int, float, list, tuple, dict)):
                _check_numbers(tuple(arguments), named)
            if isinstance(owner, str):
                if name == "join" and arguments:
                    arguments[0] = _joined(owner, arguments[0])
                else:
                    _check_growth(name, owner, (*arguments, *named.values()))
            result = ImmutableSandboxedEnvironment.call(env, context, function, *arguments, **named)
            if isinstance(result, str):
                _use(0, len(result))
            return _measured(result)

        def concatenated(self, parts: tuple[Any, ...]) -> str:
            """Joins texts."""
            texts = [str(_measured(part)) for part in parts]
            _use(1, sum(map(len, texts)))
            return "".join(texts)

    def shown(value: Any) -> Any:
        if value is not None and not isinstance(value, jinja2.Undefined):
            value = value if isinstance(value, str) else str(_measured(value))
            _use(1, len(value))
        return value

    made = Environment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[Generation, loopcontrols],
        optimized=False,  # Nothing is computed before there is a budget.
        finalize=shown,
        autoescape=False,
        cache_size=0,
    )
    for name in _REMOVED:
        made.filters.pop(name, None)
        made.globals.pop(name, None)
    made.filters["tojson"] = _to_json
    tables: dict[str, dict[str, Any]] = {"filter": made.filters, "test": made.tests}
    for kind, table in tables.items():
        for name, function in list(table.items()):
            table[name] = _bounded(kind, name, function)
    made.filters["_counted"] = _counted
    made.filters["_measured"] = _measured
    made.globals["range"] = _range
    made.globals["raise_exception"] = _raise_exception
    made.globals["strftime_now"] = _strftime_now
    return made
