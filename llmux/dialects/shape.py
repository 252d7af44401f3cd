"""Reading a JSON document that a stranger wrote: values are checked where they are taken, and a fault names its path.

Dialect-neutral and pure. `null` is the same as absent; integers may be spelled as floats; nothing else is bent.
"""

import json
from typing import Any, NoReturn

import orjson

from llmux.errors import BadRequest

# Beyond this a float is no longer exact, and a JSON integer no longer safe.
LARGEST = 2**53


def refuse(path: str, expected: str) -> NoReturn:
    """Raise a BadRequest which says that the value at `path` should be `expected`."""
    raise BadRequest(f"Invalid value for '{path}': expected {expected}.", param=path)


def load(body: bytes) -> dict[str, Any]:
    """The JSON object in `body`, lone surrogates and NUL characters replaced by U+FFFD.

    Raises:
        BadRequest: it is not JSON, not an object, or nested too deeply.
    """
    try:
        document = _parse(body)
    except RecursionError:
        raise BadRequest("The body is nested too deeply.") from None
    except ValueError as error:
        raise BadRequest(f"The body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise BadRequest("The body must be a JSON object.")
    return document


def _parse(body: bytes) -> Any:
    """Two parsers: orjson refuses the escapes of lone surrogates, which real clients send when they cut a string."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError:
        if b"\\ud" not in body and b"\\uD" not in body:
            raise
        return _scrub(json.loads(body, parse_constant=_no_constant))
    return _scrub(document) if b"\\u0000" in body else document


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is no JSON")


def _scrub(value: Any) -> Any:
    """`value` with every character replaced that cannot be written as UTF-8 JSON again, or ends strings elsewhere."""
    if isinstance(value, str):
        clean = value.replace("\0", "\ufffd")
        return clean if clean.isascii() else clean.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, dict):
        return {_scrub(name): _scrub(item) for name, item in value.items()}
    return value


class Fields:
    """A JSON object that knows where it stands. Each getter gives None when the field is absent or null.

    Raises BadRequest, with the path in `param`, when a field has another type than asked for.
    """

    __slots__ = ("document", "path")

    def __init__(self, document: Any, path: str = "") -> None:
        if not isinstance(document, dict):
            refuse(path, "an object")
        self.document: dict[str, Any] = document
        self.path = path

    def at(self, name: str | int) -> str:
        """The path of the field `name`."""
        return f"{self.path}.{name}" if self.path else str(name)

    def text(self, name: str) -> str | None:
        value = self.document.get(name)
        if value is None or isinstance(value, str):
            return value
        refuse(self.at(name), "a string")

    def need_text(self, name: str) -> str:
        """A string that must be there."""
        value = self.document.get(name)
        if isinstance(value, str):
            return value
        refuse(self.at(name), "a string")

    def flag(self, name: str) -> bool | None:
        value = self.document.get(name)
        if value is None or isinstance(value, bool):
            return value
        refuse(self.at(name), "true or false")

    def number(self, name: str) -> float | None:
        value = self.document.get(name)
        if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            return value
        refuse(self.at(name), "a number")

    def integer(self, name: str) -> int | None:
        value = self.number(name)
        if value is None:
            return None
        if abs(value) > LARGEST or value != int(value):
            refuse(self.at(name), "an integer")
        return int(value)

    def object(self, name: str) -> "Fields | None":
        value = self.document.get(name)
        return None if value is None else Fields(value, self.at(name))

    def list(self, name: str) -> list[Any] | None:
        value = self.document.get(name)
        if value is None or isinstance(value, list):
            return value
        refuse(self.at(name), "an array")

    def objects(self, name: str) -> "tuple[Fields, ...]":
        """The objects of an array; none when it is absent."""
        path = self.at(name)
        return tuple(Fields(item, f"{path}.{index}") for index, item in enumerate(self.list(name) or ()))

    def texts(self, name: str) -> tuple[str, ...]:
        """The strings of an array; a single string is an array of one."""
        value = self.document.get(name)
        if isinstance(value, str):
            return (value,)
        for index, item in enumerate(self.list(name) or ()):
            if not isinstance(item, str):
                refuse(f"{self.at(name)}.{index}", "a string")
        return tuple(value or ())
