"""Functions as the JSON schemas by which models are told what they may call."""

from __future__ import annotations

import inspect
import json
import re
import types
import typing
from collections.abc import Mapping
from typing import Any

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null", Any: None}
_SECTION = re.compile(r"^(Args|Returns|Raises|Example|Examples|Yields):\s*$", re.MULTILINE)
_ARGUMENT = re.compile(r"^(\w+)\s*(?:\([^)]*\))?:\s*(.*)$")
_CHOICES = re.compile(r"\(choices:\s*(\[.*?\])\)\s*$", re.IGNORECASE)


def tool_schema(tool: Any) -> Any:
    """Returns the schema of a function, or what is a schema already.

    Args:
        tool: A dict, which is returned as it is; or a function whose arguments have annotations and are
            described in a Google-style docstring.

    Raises:
        ValueError: It is neither, or something of the function is not described.

    Example:
        >>> from corten.transformers.tokenization.tool_schemas import tool_schema
        >>> def double(x: int) -> int:
        ...     '''Doubles a number.
        ...
        ...     Args:
        ...         x: The number.
        ...     '''
        ...     return 2 * x
        >>> tool_schema(double)["function"]["parameters"]["properties"]
        {'x': {'type': 'integer', 'description': 'The number.'}}
    """
    if isinstance(tool, Mapping):
        return tool
    if not callable(tool):
        raise ValueError(
            f"apply_chat_template: a tool is a function or a JSON schema (a dict); got {tool!r}."
        )
    name = getattr(tool, "__name__", type(tool).__name__)
    description, arguments, returns = _described(name, inspect.getdoc(tool))
    try:
        hints = typing.get_type_hints(tool)
    except NameError as error:
        raise ValueError(
            f"apply_chat_template: the annotations of {name} are not defined ({error})."
        ) from None
    properties, required = {}, []
    for parameter in inspect.signature(tool).parameters.values():
        if parameter.name not in hints or parameter.name not in arguments:
            missing = (
                "annotation" if parameter.name not in hints else "description under `Args:` in the docstring"
            )
            raise ValueError(
                f"apply_chat_template: the argument {parameter.name!r} of the tool {name} has no {missing}."
            )
        schema = _type(name, hints[parameter.name])
        text = arguments[parameter.name]
        choices = _CHOICES.search(text)
        if choices:
            schema["enum"] = json.loads(choices[1])
            text = text[: choices.start()].strip()
        properties[parameter.name] = {**schema, "description": text}
        if parameter.default is inspect.Parameter.empty:
            required.append(parameter.name)
    parameters: dict[str, Any] = {"type": "object", "properties": properties}
    if required:
        parameters["required"] = required
    function: dict[str, Any] = {"name": name, "description": description, "parameters": parameters}
    if "return" in hints and hints["return"] is not type(None):
        function["return"] = _type(name, hints["return"])
        if returns:
            function["return"]["description"] = returns
    return {"type": "function", "function": function}


def _described(name: str, doc: str | None) -> tuple[str, dict[str, str], str]:
    """The parts of a docstring: what the function does, its arguments, what it returns."""
    if not doc:
        raise ValueError(
            f"apply_chat_template: the tool {name} has no docstring, which is what tells the model about it."
        )
    parts = _SECTION.split(doc)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    arguments: dict[str, str] = {}
    current = ""
    lines = [line for line in sections.get("Args", "").splitlines() if line.strip()]
    indent = min((len(line) - len(line.lstrip()) for line in lines), default=0)
    for line in lines:
        found = _ARGUMENT.match(line[indent:])
        if found:
            current = found[1]
            arguments[current] = found[2].strip()
        elif current:
            arguments[current] = f"{arguments[current]} {line.strip()}".strip()
    returns = " ".join(sections.get("Returns", "").split())
    return parts[0].strip(), arguments, returns


def _type(name: str, hint: Any) -> dict[str, Any]:
    """The schema of an annotation."""
    if hint in _SIMPLE:
        kind = _SIMPLE[hint]
        return {} if kind is None else {"type": kind}
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in {typing.Union, types.UnionType}:
        kinds = [_type(name, one) for one in inner if one is not type(None)]
        if len(kinds) == 1:
            found = kinds[0]
        elif all(list(kind) == ["type"] for kind in kinds):
            found = {"type": sorted(kind["type"] for kind in kinds)}
        else:
            found = {"anyOf": kinds}
        return {**found, "nullable": True} if type(None) in inner else found
    if origin is typing.Literal:
        schemas = {json.dumps(_type(name, type(value)), sort_keys=True) for value in inner}
        return {**(json.loads(schemas.pop()) if len(schemas) == 1 else {}), "enum": list(inner)}
    if hint is list or origin is list:
        return {"type": "array", "items": _type(name, inner[0])} if inner else {"type": "array"}
    if hint is dict or origin is dict:
        return (
            {"type": "object", "additionalProperties": _type(name, inner[1])} if inner else {"type": "object"}
        )
    raise ValueError(
        f"apply_chat_template: the tool {name} has an argument of type {hint!r}; expected str, int, "
        f"float, bool, list, dict, Literal "
        "or unions of these."
    )
