"""Calls printed as text, found in it as it comes. What is no call of a tool that the request has stays text.

Text flows on; what may be the beginning of a call's mark waits, a mark's worth of it, and a call waits until it is
complete. Bare JSON is a call only where it is the whole answer. Each character is looked at once.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from llmux.ir.content import Part, Text, ToolCall
from llmux.normalise.extent import Extent
from llmux.normalise.forms import (
    ALONE,
    BODY,
    CLOSERS,
    END_OF_PARAMETERS,
    HEAD,
    OPENERS,
    Printed,
    name_in,
    read_alone,
    read_json,
    read_parameters,
)
from llmux.normalise.texts import Piece
from llmux.normalise.toolbox import Repairs, Toolbox

# A mark with the name of a tool, and the beginning of an answer that is nothing but a call: neither is longer.
LONGEST_HEAD = 256  # characters


class PrintedReader:
    """See texts.TextReader."""

    __slots__ = ("_body", "_buffer", "_extent", "_held", "_id", "_name", "_number", "_out", "_repairs", "_state",
                 "_tools", "_turn", "called")  # fmt: skip

    def __init__(self, tools: Toolbox, repairs: Repairs, turn: int) -> None:
        """`turn`: how long the conversation is, for the ids of calls."""
        self._tools = tools
        self._repairs = repairs
        self.called = False
        self._id = ""
        self._turn = turn
        self._number = 0  # of calls so far
        self._state = "text"
        self._buffer = ""  # what is read now
        self._held = ""  # at its end: what cannot be told yet; short
        self._body: list[str] = []  # of what may be a call, with its head
        self._name: str | None = None  # of its tool, if the head says it
        self._extent = Extent()
        self._out: list[Piece] = []

    def begin(self, message_id: str) -> None:
        """The ids of calls are made of the answer's."""
        self._id = message_id

    def open(self, before: Sequence[type[Part]]) -> None:
        """A text begins. It is the whole answer only where nothing was said before it."""
        self._state = "text" if {Text, ToolCall}.intersection(before) else "start"

    def feed(self, text: str) -> list[Piece]:
        """More of the text."""
        self._buffer, self._held = self._held + text, ""
        at = 0
        while at < len(self._buffer):
            at = self._STATES[self._state](self, at)
        return self._take()

    def close(self, *, cut: bool = False) -> list[Piece]:
        """The end: what is complete without more of it is a call, and the rest is text."""
        if self._state in {"start", "alone"} and not cut:
            whole = "".join((*self._body, self._held))
            if self._may_be_alone(whole) and self._found(read_alone(whole, self._tools)):
                self._body.clear()
                self._held = ""
        self._text("".join((*self._body, self._held)))
        self._body.clear()
        self._held = ""
        return self._take()

    def _take(self) -> list[Piece]:
        out, self._out = self._out, []
        return out

    def _text(self, text: str) -> None:
        if text:
            self._out.append((None, text))

    def _hold(self, at: int) -> int:
        self._held = self._buffer[at:]
        return len(self._buffer)

    # --- the states: each reads on from `at`, and says where the next one goes on

    def _read_start(self, at: int) -> int:
        """Could the whole answer be a call?"""
        window = self._buffer[at : at + LONGEST_HEAD]
        if window.lstrip()[:1] in {"", "{", "`"} and len(window) < LONGEST_HEAD:
            return self._hold(at)
        self._state = "alone" if self._may_be_alone(window) else "text"
        return at

    def _may_be_alone(self, text: str) -> bool:
        found = ALONE.match(text, 0, LONGEST_HEAD)
        return found is not None and (found[1] is None or self._tools.name(found[1]) is not None)

    def _read_alone(self, at: int) -> int:
        self._body.append(self._buffer[at:])
        return len(self._buffer)

    def _read_text(self, at: int) -> int:
        if found := OPENERS.find(self._buffer, at):
            self._state = "head"
            self._text(self._buffer[at : found.start()])
            return found.start()
        end = OPENERS.begun(self._buffer, at)
        self._text(self._buffer[at:end])
        return self._hold(end)

    def _read_head(self, at: int) -> int:
        """From the mark of a call to what it holds."""
        found = BODY.search(self._buffer, at, at + LONGEST_HEAD)
        if found is None and len(self._buffer) - at < LONGEST_HEAD:
            return self._hold(at)
        start = found.start() if found else at
        in_json = self._buffer[start] == "{"
        if in_json and self._buffer[at:start].rstrip()[-1:] == "[":  # of several calls
            start = self._buffer.rindex("[", at, start)
        head = HEAD.fullmatch(self._buffer, at, start)
        name = name_in(head) if head else None
        if head is None or not self._is_right(name, in_json=in_json):
            self._text(self._buffer[at])  # no call, but one may begin right behind
            self._state = "text"
            return at + 1
        self._name, self._extent = name, Extent()
        self._body.append(self._buffer[at:start])
        self._state = "json" if in_json else "parameters"
        return start

    def _is_right(self, name: str | None, *, in_json: bool) -> bool:
        """Whether a head names a known tool, or leaves that to the JSON behind it."""
        return in_json if name is None else self._tools.name(name) is not None

    def _read_json(self, at: int) -> int:
        end = self._extent.end(self._buffer, at)
        self._body.append(self._buffer[at:end])
        if end is None:
            return len(self._buffer)
        self._judge(read_json("".join(self._body[1:]), self._name, self._tools))
        return end

    def _read_parameters(self, at: int) -> int:
        found = END_OF_PARAMETERS.find(self._buffer, at)
        if found is None:
            end = END_OF_PARAMETERS.begun(self._buffer, at)
            self._body.append(self._buffer[at:end])
            return self._hold(end)
        self._body.append(self._buffer[at : found.start()])
        calls = read_parameters("".join(self._body[1:]), self._name or "", self._tools)
        self._body.append(found[0])
        self._judge(calls)
        return found.end()

    def _read_behind(self, at: int) -> int:
        """Behind a call: blanks and closing marks are no text."""
        while at < len(self._buffer) and self._buffer[at].isspace():
            at += 1
        if found := CLOSERS.match(self._buffer, at):
            return found.end()
        if CLOSERS.begun(self._buffer, at) == at:  # or nothing is left
            return self._hold(at)
        self._state = "text"
        return at

    # --- what was found

    def _judge(self, calls: Sequence[Printed]) -> None:
        """What looked like a call is complete: it is one, or else text."""
        if self._found(calls):
            self._state = "behind"
        else:
            self._text("".join(self._body))
            self._state = "text"
        self._body.clear()

    def _found(self, calls: Sequence[Printed]) -> bool:
        for call in calls:
            self._out.append((ToolCall(id=self._next_id(call), name=call.name), call.arguments))
            self._repairs.rename("text", call.name)
        self.called = self.called or bool(calls)
        return bool(calls)

    def _next_id(self, call: Printed) -> str:
        """An id that the same answer always gets, and another one of the same conversation does not.

        Not every server gives its answers ids, and of those that do some have three digits.
        """
        self._number += 1
        seed = "\0".join((self._id, str(self._turn), str(self._number), call.name, call.arguments))
        return "call_" + hashlib.sha256(seed.encode(errors="surrogatepass")).hexdigest()[:24]

    _STATES: ClassVar[Mapping[str, Callable[["PrintedReader", int], int]]] = {
        "start": _read_start,
        "alone": _read_alone,
        "text": _read_text,
        "head": _read_head,
        "json": _read_json,
        "parameters": _read_parameters,
        "behind": _read_behind,
    }
