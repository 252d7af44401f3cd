"""A JSON object that a stranger wrote, read with care: values are checked where they are taken, a fault names its path.

Dialect-neutral. `null` is the same as absent; integers may be spelled as floats; nothing else is bent. The body itself
is read by `llmux/dialects/document.py`.
"""

from typing import Any, NoReturn

from llmux.errors import BadRequest

# Beyond this a float is no longer exact, and a JSON integer no longer safe.
LARGEST = 2**53


def refuse(path: str, expected: str) -> NoReturn:
    """Raise a BadRequest which says that the value at `path` should be `expected`."""
    raise BadRequest(f"Invalid value for '{path}': expected {expected}.", param=path)


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
