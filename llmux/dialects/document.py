"""A client's JSON body -> an object whose text every backend takes; and JSON, written on one line.

What its fields hold is checked where they are taken: `llmux/dialects/shape.py`.
"""

import json
import re
from typing import Any, NoReturn

import orjson

from llmux.errors import BadRequest

REPLACEMENT = "\ufffd"
# What no backend takes in a text: halves of surrogate pairs, which JSON can spell and UTF-8 cannot, and NUL.
UNSAYABLE = re.compile("[\ud800-\udfff\0]")
HOLDS_NUL = re.compile(rb"\\u0000")
MAY_HOLD_HALF = re.compile(rb"\\u[dD][89a-fA-F]")

# Legal in JSON, but ends of lines to many readers of a stream (str.splitlines): https://github.com/tc39/proposal-json-superset
LINE_ENDS = ((b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"), (b"\xc2\x85", rb"\u0085"))


def read(body: bytes) -> tuple[dict[str, Any], bool]:
    """The JSON object in `body`, and whether some of its text could not be kept as it came.

    Raises:
        BadRequest: it is not JSON, no object, or nested more than 250 levels deep.
    """
    try:
        document, clean = _load(body)
        orjson.dumps(clean)  # what is nested deeper than it can be written must not come further; a tenth of reading
    except (ValueError, TypeError, RecursionError) as error:
        raise BadRequest(f"The body is not valid JSON: {error}") from None
    if not isinstance(clean, dict):
        raise BadRequest("The body must be a JSON object.")
    return clean, clean is not document and clean != document


def _load(body: bytes) -> tuple[Any, Any]:
    """The JSON value in `body`, and the same with nothing in it that cannot be said."""
    try:
        document = orjson.loads(body)
    except ValueError:
        # It refuses half a surrogate pair; clients cut texts in the middle of one and send it.
        if not MAY_HOLD_HALF.search(body):
            raise
        document = json.loads(body, parse_constant=_refuse)
        return document, sayable(document)
    return document, sayable(document) if HOLDS_NUL.search(body) else document


def decode(data: bytes) -> Any:
    """A JSON value of a backend's.

    Raises:
        ValueError: it is not JSON, or nested more than 250 levels deep: no client could be told of it.
    """
    value = orjson.loads(data)
    try:
        orjson.dumps(value)
    except TypeError as error:
        raise ValueError(error) from None
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not a number of JSON")


def sayable(value: Any) -> Any:
    """A copy of a JSON value with U+FFFD for every character that UTF-8, or a backend, cannot take."""
    if isinstance(value, str):
        return UNSAYABLE.sub(REPLACEMENT, value)
    if isinstance(value, list):
        return [sayable(entry) for entry in value]
    if isinstance(value, dict):
        return {sayable(name): sayable(entry) for name, entry in value.items()}
    return value


def line(value: Any) -> bytes:
    """`value` as JSON on one line, whatever its reader takes for the end of a line."""
    try:
        written = orjson.dumps(value)
    except TypeError:
        written = orjson.dumps(sayable(value))
    if written.isascii():
        return written
    for raw, escaped in LINE_ENDS:
        written = written.replace(raw, escaped)
    return written
