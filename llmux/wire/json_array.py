"""A JSON array that arrives in pieces: bytes -> its elements, as they came. Pure, incremental, blind to what they say.

Where the network cuts does not matter. Elements are objects or arrays; one is given as soon as its last bracket is
there, because who streams an array sends the comma only with the next element. Documents that stand there without an
array around them are taken too. Whether an element is JSON is its reader's business. Linear in what arrives.

Reference: https://www.rfc-editor.org/rfc/rfc8259#section-5
"""

import re

from llmux.errors import BackendGarbled
from llmux.wire.sse import BOM, MAX_FRAME_BYTES

# From outside of a string to the next bracket, over whole strings; and the inside of a string. Neither turns back.
TO_BRACKET = re.compile(rb'(?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+")*+', re.DOTALL)
STRING = re.compile(rb'(?:[^"\\]++|\\.)*+', re.DOTALL)
QUOTE, OPENING, ARRAY = ord('"'), b"{[", ord("[")
BETWEEN = b" \t\r\n,"  # what stands between elements


def nested(depth: int) -> bytes:
    """A pattern of an element that has brackets within brackets, `depth` deep at most. It turns back nowhere."""
    inner = b"" if depth == 1 else b"|" + nested(depth - 1)
    return rb'[{\[](?:[^"{}\[\]]++|"(?:[^"\\]++|\\.)*+"' + inner + rb")*+[}\]]"


# A whole element, with what stands before it: nearly every read brings some, and this finds their ends six times as
# fast as going from bracket to bracket. One that is deeper, or not complete, is left to that.
WHOLE = re.compile(b"[ \t\r\n,]*+" + nested(12), re.DOTALL)


class ArrayFramer:
    """Cuts a byte stream into the elements of the array that it is."""

    __slots__ = ("_base", "_depth", "_escaped", "_pending", "_quoted", "_size", "_unopened", "closed", "end")

    def __init__(self) -> None:
        self.closed = False  # the array's own last bracket has come; nothing counts behind it
        self.end = 0  # where the last element ended in what was fed last; 0: none did
        self._pending: list[bytes] = []  # the element that is not complete; joined once
        self._size = 0
        self._base: int | None = None  # the depth at which elements stand: 1 in an array; None: nothing has come
        self._unopened = True  # the array's first bracket, if any, is still in front of the first element
        self._depth = 0
        self._quoted = False
        self._escaped = False  # the next byte is

    def feed(self, data: bytes) -> list[bytes]:
        """The elements that `data` completes.

        Raises:
            BackendGarbled: an element is larger than MAX_FRAME_BYTES.
        """
        elements: list[bytes] = []
        self.end = 0
        for end in self._ends(data):
            elements.append(self._element(b"".join((*self._pending, data[self.end : end]))))
            self._pending.clear()
            self._size, self.end = 0, end
        self._hold(data[self.end :])
        return elements

    def _ends(self, data: bytes) -> list[int]:
        """Where elements end in `data`: behind the last bracket of each."""
        ends: list[int] = []
        at = self._inside(data, 0) if self._quoted else 0
        while at < len(data) and not self.closed:
            if self._depth == self._base and (whole := WHOLE.match(data, at)):
                at = whole.end()
                ends.append(at)
                continue
            at = TO_BRACKET.match(data, at).end()  # type: ignore[union-attr]  # it matches nothing, at least
            if at == len(data):
                break
            if data[at] == QUOTE:
                at = self._inside(data, at + 1)
                continue
            at += 1
            if self._bracket(data[at - 1]):
                ends.append(at)
        return ends

    def _inside(self, data: bytes, start: int) -> int:
        """Go on in a string from `start`: where it is over, or the end of `data`."""
        self._quoted = True
        if self._escaped and start < len(data):
            self._escaped, start = False, start + 1
        end = STRING.match(data, start).end()  # type: ignore[union-attr]  # it matches nothing, at least
        if end == len(data):
            return end
        if data[end] == QUOTE:
            self._quoted = False
        else:
            self._escaped = True  # a backslash, and nothing behind it yet
        return end + 1

    def _bracket(self, bracket: int) -> bool:
        """Whether `bracket` is the last one of an element."""
        if self._base is None:
            self._base = 1 if bracket == ARRAY else 0
        if bracket in OPENING:
            self._depth += 1
            return False
        self._depth -= 1
        if self._depth < self._base:
            self.closed = True
        return self._depth == self._base

    def _element(self, data: bytes) -> bytes:
        data = data.strip(BETWEEN)
        if self._unopened:
            self._unopened = False
            data = data.removeprefix(BOM).lstrip(BETWEEN)
            data = data[1:].lstrip(BETWEEN) if self._base else data
        return data

    def _hold(self, data: bytes) -> None:
        if not data or self.closed:
            return
        self._size += len(data)
        if self._size > MAX_FRAME_BYTES:
            raise BackendGarbled("The backend sent an event that is too large.")
        self._pending.append(data)
