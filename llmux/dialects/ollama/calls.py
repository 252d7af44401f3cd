"""The arguments of a call, both ways: an object on this wire, JSON text in the IR. It knows no call and no message."""

from typing import Any

import orjson

OBJECT = b"{"


def decode_arguments(raw: bytes) -> str:
    """The JSON text of arguments as they stand on the wire: an object's own bytes, or the text in a string."""
    text = raw.strip()
    if text[:1] == OBJECT:
        return text.decode()
    if not text or text == b"null":
        return "{}"
    value = orjson.loads(text)
    return value if isinstance(value, str) else text.decode()


def encode_arguments(arguments: str, *, custom: bool = False) -> dict[str, Any]:
    """The object that Ollama and its clients want, whatever some model once wrote. Free text becomes one argument.

    An object that was written as JSON twice is read twice; another value, and what is no JSON, is wrapped in an object.
    """
    if custom:
        return {"input": arguments}
    if not arguments or arguments.isspace():
        return {}
    try:
        value = orjson.loads(arguments)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = orjson.loads(value)
        orjson.dumps(value)  # what is nested too deep to be written is told as text
    except (orjson.JSONDecodeError, TypeError):
        return {"_invalid_json": arguments}
    if value is None:
        return {}
    return value if isinstance(value, dict) else {"value": value}
