"""A call's arguments as the object that some wires want, whatever some model once wrote. Dialect-neutral."""

from typing import Any

import orjson

from llmux.ir.content import ToolCall


def object_of(call: ToolCall) -> dict[str, Any]:
    """The arguments of `call` as an object."""
    return as_object(call.arguments, custom=call.kind == "custom")


def as_object(arguments: str, *, custom: bool = False) -> dict[str, Any]:
    """`arguments`, JSON text, as an object. Free text (`custom`) becomes one argument.

    An object that was written as JSON twice is read twice; another value, and what is no JSON, is wrapped in an object.
    """
    if custom:
        return {"input": arguments}
    if not arguments or arguments.isspace():
        return {}
    try:
        value = orjson.loads(arguments)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = _read_again(value)
        orjson.dumps(value)  # what is nested too deep to be written is told as text
    except (orjson.JSONDecodeError, TypeError):
        return {"_invalid_json": arguments}
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"value": value}


def _read_again(text: str) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
