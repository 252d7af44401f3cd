"""A stage over events that reads the texts of an answer and makes parts of them anew. What it makes, a reader says.

Every other part passes; parts are numbered anew.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

from msgspec.structs import replace

from llmux.ir.content import Part, Text
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
)
from llmux.ir.response import FinishReason
from llmux.ir.writer import EventWriter

Piece = tuple[Part | None, str]  # an empty part, None: the text itself; and more of it


class TextReader(Protocol):
    """Reads the text of an answer, as it comes."""

    called: bool  # it has found a call

    def begin(self, message_id: str) -> None:
        """The answer begins."""

    def open(self, before: Sequence[type[Part]]) -> None:
        """A text begins; `before` are the parts of the answer so far."""

    def feed(self, text: str) -> list[Piece]:
        """More of it: what can be said now."""

    def close(self, *, cut: bool = False) -> list[Piece]:
        """It is complete, or `cut` off: what is still to be said."""


class TextStage:
    """The texts of one answer. See normaliser.Stage."""

    __slots__ = ("_before", "_part", "_reader", "_reads", "_untouched", "_writer")

    def __init__(self, reader: TextReader) -> None:
        self._reader = reader
        self._writer = EventWriter()
        self._before: list[type[Part]] = []
        self._part: Part = Text()  # the one that the backend has open
        self._reads = False  # it is a text
        self._untouched = True  # nothing has been made of it yet

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """`events`, with what the reader makes of their texts."""
        out: list[Event] = []
        for event in events:
            if step := self._STEPS.get(type(event)):
                step(self, event, out)
            else:
                out.append(event)
        return out

    def _say(self, pieces: Sequence[Piece], out: list[Event]) -> None:
        for part, more in pieces:
            self._untouched = False
            self._writer.write(out, part or self._part, more)

    def _begin(self, event: MessageStart, out: list[Event]) -> None:
        self._reader.begin(event.id)
        out.append(event)

    def _start(self, event: PartStart, out: list[Event]) -> None:
        self._part, self._reads = event.part, isinstance(event.part, Text)
        if self._reads:
            self._untouched = True
            self._reader.open(self._before)
        else:
            self._writer.start(out, event.part)
        self._before.append(type(event.part))

    def _delta(self, event: PartDelta, out: list[Event]) -> None:
        if self._reads:
            self._say(self._reader.feed(event.delta), out)
        else:
            self._writer.write(out, self._part, event.delta)

    def _state(self, event: PartState, out: list[Event]) -> None:
        self._touch(out)
        self._writer.state(out, event.state)

    def _cite(self, event: PartCitation, out: list[Event]) -> None:
        self._touch(out)
        self._writer.cite(out, event.citation)

    def _touch(self, out: list[Event]) -> None:
        """Something is said of the part that is open at the backend: a text that has waited must be open here too."""
        if self._reads and self._writer.open is None:
            self._say([(None, "")], out)

    def _end(self, _event: PartEnd, out: list[Event]) -> None:
        if self._reads:
            self._say(self._reader.close(), out)
            if self._untouched:  # a text without a word
                self._say([(None, "")], out)
            self._reads = False
        self._writer.close(out)

    def _fail(self, event: StreamError, out: list[Event]) -> None:
        if self._reads:
            self._say(self._reader.close(cut=True), out)
        out.append(event)

    def _finish(self, event: MessageEnd, out: list[Event]) -> None:
        calls = self._reader.called and event.finish_reason is FinishReason.END
        out.append(replace(event, finish_reason=FinishReason.TOOL_CALL) if calls else event)

    _STEPS: ClassVar[Mapping[type[Event], Callable[["TextStage", Any, list[Event]], None]]] = {
        MessageStart: _begin,
        PartStart: _start,
        PartDelta: _delta,
        PartState: _state,
        PartCitation: _cite,
        PartEnd: _end,
        StreamError: _fail,
        MessageEnd: _finish,
    }
