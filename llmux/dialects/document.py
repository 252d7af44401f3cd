"""A client's JSON body, read with care: what is wrong with it is said with the place where it is. And JSON, written.

The readers of fields take an object of the wire, the field's name, and the object's own place ("messages.3", "" for the
body); null counts as absent. Each raises BadRequest, with the place in `param`, for a value of the wrong shape.
"""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from llmux.errors import BadRequest

REPLACEMENT = "\ufffd"
# What no backend takes in a text: halves of surrogate pairs, which JSON can spell and UTF-8 cannot, and NUL.
UNSAYABLE = re.compile("[\ud800-\udfff\0]")
MAY_HOLD_UNSAYABLE = re.compile(rb"\\u(?:[dD][89a-fA-F]|0000)")

# Legal in JSON, but ends of lines to many readers of a stream (str.splitlines): https://github.com/tc39/proposal-json-superset
LINE_ENDS = ((b"\xe2\x80\xa8", rb"\u2028"), (b"\xe2\x80\xa9", rb"\u2029"), (b"\xc2\x85", rb"\u0085"))


# --- whole documents -------------------------------------------------------------------------------------------------


def read(body: bytes) -> tuple[dict[str, Any], bool]:
    """The JSON object in `body`, and whether some of its text could not be kept as it came.

    Raises:
        BadRequest: it is not JSON, or not an object.
    """
    suspicious = MAY_HOLD_UNSAYABLE.search(body) is not None
    try:
        # orjson refuses half a surrogate pair; clients cut texts in the middle of one and send it.
        document = json.loads(body, parse_constant=_refuse) if suspicious else orjson.loads(body)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object.")
    if not suspicious:
        return document, False
    clean = sayable(document)
    return clean, clean != document


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


# --- fields ----------------------------------------------------------------------------------------------------------


def place(at: str, name: object) -> str:
    """The place of `name` within `at`."""
    return f"{at}.{name}" if at else f"{name}"


def wrong(at: str, what: str) -> BadRequest:
    """The complaint that `what` is not so at the place `at`."""
    return BadRequest(f"{at}: {what}", param=at)


def text(fields: Mapping[str, Any], name: str, at: str) -> str | None:
    """A string, or None when it is absent."""
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise wrong(place(at, name), "must be a string.")


def needed_text(fields: Mapping[str, Any], name: str, at: str) -> str:
    """A string that must be there."""
    value = text(fields, name, at)
    if value is None:
        raise wrong(place(at, name), "is required.")
    return value


def whole(fields: Mapping[str, Any], name: str, at: str) -> int | None:
    """An integer; 1.0 is one too."""
    value = fields.get(name)
    if value is None or type(value) is int:
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise wrong(place(at, name), "must be an integer.")


def number(fields: Mapping[str, Any], name: str, at: str) -> float | None:
    """A number."""
    value = fields.get(name)
    if value is None or type(value) is float or type(value) is int:
        return value
    raise wrong(place(at, name), "must be a number.")


def flag(fields: Mapping[str, Any], name: str, at: str) -> bool | None:
    """True, false, or None when it is absent."""
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise wrong(place(at, name), "must be true or false.")


def child(fields: Mapping[str, Any], name: str, at: str) -> dict[str, Any] | None:
    """An object."""
    value = fields.get(name)
    return None if value is None else as_object(value, place(at, name))


def entries(fields: Mapping[str, Any], name: str, at: str) -> list[Any]:
    """A list; empty when it is absent."""
    value = fields.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise wrong(place(at, name), "must be a list.")
    return value


def texts(fields: Mapping[str, Any], name: str, at: str) -> tuple[str, ...]:
    """A list of strings; empty when it is absent."""
    values = entries(fields, name, at)
    for index, value in enumerate(values):
        if not isinstance(value, str):
            raise wrong(f"{place(at, name)}.{index}", "must be a string.")
    return tuple(values)


def as_object(value: Any, at: str) -> dict[str, Any]:
    """`value`, which must be an object."""
    if not isinstance(value, dict):
        raise wrong(at, "must be an object.")
    return value
