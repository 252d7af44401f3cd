"""Reads a call's arguments as they arrive, against their tool's schema: how far is there nothing to be put right?

It changes nothing and keeps nothing but a key that is still incomplete. Each character is looked at once, so a call is
read in time that is linear in its length, however it is cut. Text that is not JSON is never an error.
"""

import re
from collections.abc import Callable, Mapping
from typing import ClassVar

import orjson

from llmux.normalise.shape import ANY, KINDS, Shape, Shapes

# Containers within containers: what lies deeper is not looked into.
DEEPEST = 32
# Outside of strings: what has a meaning, or the rest of a number or a word.
_TOKEN = re.compile(r'[{}\[\],:"]|[^\s{}\[\],:"]+')
_IN_STRING = re.compile(r'\\.?|"', re.DOTALL)


class Watch:
    """One call's arguments. What is not yet known to be sound waits: at most a key with the comma before it."""

    __slots__ = ("_escaped", "_key", "_mark", "_optional", "_quoted", "_read", "_shapes", "_stack", "_value", "_wants",
                 "stopped")  # fmt: skip

    def __init__(self, shapes: Shapes) -> None:
        self._shapes = shapes
        self._read = 0  # characters
        self._mark: int | None = None  # where what waits begins
        self._stack: list[tuple[str, Shape]] = []  # open containers: object or array, "" : free; and its shape
        self._wants = "root"  # what comes next: root, key, colon, value, comma; "" : nothing that matters
        self._value = shapes.root  # of the value that comes next
        self._optional = False  # it may be left out
        self._quoted = self._escaped = False
        self._key: list[str] | None = None  # the pieces of an open string, if it is a key
        self.stopped = False  # something may have to be put right, from where what waits begins

    def feed(self, text: str) -> int:
        """More of the arguments. How many characters wait now, counted from the end; they may be more than `text`."""
        at = 0
        while at < len(text) and not self.stopped:
            at = self._string(text, at) if self._quoted else self._token(text, at)
        self._read += len(text)
        return 0 if self._mark is None else self._read - self._mark

    def _string(self, text: str, at: int) -> int:
        begin = at
        if self._escaped:
            self._escaped = False
            at += 1
        for found in _IN_STRING.finditer(text, at):
            if found[0] == '"':
                self._quoted = False
                if self._key is not None:
                    self._key.append(text[begin : found.start()])
                    self._end_key("".join(self._key))
                return found.end()
            self._escaped = len(found[0]) == 1
        if self._key is not None:
            self._key.append(text[begin:])
        return len(text)

    def _token(self, text: str, at: int) -> int:
        found = _TOKEN.search(text, at)
        if found is None:
            return len(text)
        first, place = found[0][0], self._read + found.start()
        if first in KINDS and self._wants in {"value", "root"}:
            self._begin(KINDS[first], place)
        elif step := self._STEPS.get((self._wants, first)):
            step(self, place)
        elif first == '"':
            self._quoted = True
        elif first in "{[":
            self._open("", ANY)
        elif first in "}]":
            self._end_container()
        return found.end()

    @property
    def begun(self) -> bool:
        """Whether there has been more than blanks."""
        return self._wants != "root"

    # --- the steps of an object

    def _begin_key(self, place: int) -> None:
        self._quoted, self._key = True, []
        if self._mark is None:
            self._mark = place

    def _end_key(self, raw: str) -> None:
        """What is known of the value that belongs to a key."""
        self._key, self._wants = None, "colon"
        _, shape = self._stack[-1]
        properties = shape.properties or {}
        try:
            key = orjson.loads(f'"{raw}"')
        except orjson.JSONDecodeError:
            key = None
        if key in properties:
            self._value, self._optional = self._shapes.of(properties[key]), key not in shape.required
            return
        self._value, self._optional = ANY, False
        self.stopped = bool(key and not shape.open and self._shapes.names(properties).meant(key))

    def _colon(self, _place: int) -> None:
        self._wants = "value"

    def _comma(self, place: int) -> None:
        """Another member or element follows."""
        kind, shape = self._stack[-1]
        if kind == "array":
            self._expect_element(shape)
        else:
            self._wants, self._mark = "key", place

    def _expect_element(self, array: Shape) -> None:
        self._wants, self._value, self._optional = "value", self._shapes.of(array.items), False

    # --- values

    def _begin(self, kind: str, place: int) -> None:
        """A value begins: it fits its place, as far as its first character tells, or all waits from here on."""
        shape, at_root = self._value, self._wants == "root"
        stray = kind in {"string", "null"} if at_root else shape.stray(kind) or (kind == "null" and self._lacks(shape))
        if stray:
            self.stopped = True
            self._mark = place if self._mark is None else self._mark
            return
        self._mark = None
        self._wants = "comma" if self._stack else ""
        self._quoted = kind == "string"
        if kind in {"object", "array"}:
            self._open(kind, shape)

    def _lacks(self, shape: Shape) -> bool:
        return self._optional and "null" not in shape.kinds

    def _open(self, kind: str, shape: Shape) -> None:
        """A container begins. One that its schema does not describe is free: nothing in it matters."""
        known = {"object": shape.properties is not None, "array": shape.items is not None}
        if kind not in shape.kinds or not known[kind] or len(self._stack) >= DEEPEST:
            kind = ""
        self._stack.append((kind, shape))
        self._wants = "key" if kind else ""
        if kind == "array":
            self._expect_element(shape)

    def _end_container(self) -> None:
        self._mark, self._wants = None, ""
        if self._stack:
            self._stack.pop()
        if self._stack and self._stack[-1][0]:
            self._wants = "comma"

    _STEPS: ClassVar[Mapping[tuple[str, str], Callable[["Watch", int], None]]] = {
        ("key", '"'): _begin_key,
        ("colon", ":"): _colon,
        ("comma", ","): _comma,
    }
