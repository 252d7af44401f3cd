"""Where the values of a JSON text stand. Pure; for texts that are known to be valid: it finds no fault in any.

Whoever changes a text at these places leaves the bytes of everything else alone.
"""

import re
from collections.abc import Iterator

import orjson

from llmux.ir.value import Value

# Possessive: a string of a megabyte leaves nothing to go back to.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_STEP = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]')
_SCALAR = re.compile(r"[^\s,\]}]+")
_GAP = re.compile(r"[\s,:]*")  # between values; the text is valid, so nobody has to look which of them it is
_DEPTHS = {"{": 1, "[": 1, "}": -1, "]": -1}


class Member(Value):
    """A key and its value: `at` and `key_end` enclose the key with its quotes, `start` and `end` the value."""

    key: str
    at: int
    key_end: int
    start: int
    end: int


def skip(text: str, at: int) -> int:
    """Where what begins at `at`, or behind a gap there, begins."""
    return next(_GAP.finditer(text, at)).end()


def end_of(text: str, at: int) -> int:
    """Where the value ends that begins at `at`."""
    if text[at] in "{[":
        return _end_of_container(text, at)
    return next((_STRING if text[at] == '"' else _SCALAR).finditer(text, at)).end()


def members(text: str, at: int) -> Iterator[Member]:
    """The members of the object that begins at `at`."""
    at = skip(text, at + 1)
    while text[at] != "}":
        key_end = end_of(text, at)
        start = skip(text, key_end)
        end = end_of(text, start)
        yield Member(orjson.loads(text[at:key_end]), at, key_end, start, end)
        at = skip(text, end)


def elements(text: str, at: int) -> Iterator[int]:
    """Where the elements of the array begin that begins at `at`."""
    at = skip(text, at + 1)
    while text[at] != "]":
        yield at
        at = skip(text, end_of(text, at))


def _end_of_container(text: str, at: int) -> int:
    steps, depth = _STEP.finditer(text, at), 0
    while True:
        step = next(steps)
        depth += _DEPTHS.get(text[step.start()], 0)
        if not depth:
            return step.end()
