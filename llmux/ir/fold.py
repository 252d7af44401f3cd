"""Events <-> a whole answer. Pure: fold(explode(response)) == response."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

import msgspec

from llmux.errors import BackendCut
from llmux.ir.content import Citation, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    OtherChoice,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
)
from llmux.ir.response import Choice, Response
from llmux.ir.usage import Usage

# The field of each part that deltas append to. A part of another type has no deltas.
GROWING: Mapping[type[Part], str] = {Text: "text", Reasoning: "text", Refusal: "text", ToolCall: "arguments"}


class _Growing:
    """One part while it is put together."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.deltas: list[str] = []
        self.states: list[ReasoningState] = []
        self.citations: list[Citation] = []

    def build(self) -> Part:
        changes: dict[str, Any] = {}
        if self.deltas:
            field = GROWING[type(self.part)]
            changes[field] = getattr(self.part, field) + "".join(self.deltas)
        if self.states and isinstance(self.part, Reasoning | ToolCall):
            changes["states"] = (*self.part.states, *self.states)
        if self.citations and isinstance(self.part, Text):
            changes["citations"] = (*self.part.citations, *self.citations)
        return msgspec.structs.replace(self.part, **changes) if changes else self.part


class _Folding:
    """One candidate answer while it is put together."""

    def __init__(self) -> None:
        self.parts: list[_Growing] = []
        self.end: MessageEnd | None = None
        self.start = MessageStart("", "")
        self.others: dict[int, _Folding] = {}

    def take(self, event: Event) -> None:
        step = self._STEPS.get(type(event))
        if step is not None:
            step(self, event)

    def built(self) -> tuple[Part, ...]:
        return tuple(part.build() for part in self.parts)

    def choices(self) -> tuple[Choice, ...]:
        ended = ((other, other.end) for _, other in sorted(self.others.items()))
        return tuple(
            Choice(other.built(), end.finish_reason, end.stop_sequence, end.details) for other, end in ended if end
        )

    def _end(self, event: MessageEnd) -> None:
        self.end = event

    def _begin(self, event: MessageStart) -> None:
        self.start = event

    def _fail(self, event: StreamError) -> None:
        raise event.error

    def _other(self, event: OtherChoice) -> None:
        other = self.others.setdefault(event.choice, _Folding())
        for told in event.events:
            other.take(told)

    _STEPS: ClassVar[Mapping[type[Event], Callable[["_Folding", Any], object]]] = {
        MessageStart: _begin,
        PartStart: lambda self, event: self.parts.append(_Growing(event.part)),
        PartDelta: lambda self, event: self.parts[event.index].deltas.append(event.delta),
        PartState: lambda self, event: self.parts[event.index].states.append(event.state),
        PartCitation: lambda self, event: self.parts[event.index].citations.append(event.citation),
        OtherChoice: _other,
        MessageEnd: _end,
        StreamError: _fail,
    }


def fold(events: Iterable[Event]) -> Response:
    """The whole answer that `events` tell.

    Raises:
        GatewayError: the one that a StreamError carries, or BackendCut when there is no end.
    """
    folding = _Folding()
    for event in events:
        if type(event) is PartDelta:  # nearly all of a stream: a third of the time
            folding.parts[event.index].deltas.append(event.delta)
            continue
        folding.take(event)
        if end := folding.end:
            told = (end.finish_reason, end.usage, end.stop_sequence, end.details)
            start = folding.start
            return Response(start.id, start.model, folding.built(), *told, others=folding.choices())
    raise BackendCut("The answer ended before it was complete.")


def explode(response: Response) -> Iterator[Event]:
    """The events that tell `response`: each part in one delta. A call begins with its proofs, as many wires want it."""
    yield MessageStart(response.id, response.model, response.usage)
    for index, part in enumerate(response.parts):
        yield from _explode_part(index, part)
    for number, choice in enumerate(response.others, 1):
        parts = (event for index, part in enumerate(choice.parts) for event in _explode_part(index, part))
        end = MessageEnd(choice.finish_reason, Usage(), choice.stop_sequence, choice.details)
        yield OtherChoice(number, (*parts, end))
    yield MessageEnd(response.finish_reason, response.usage, response.stop_sequence, response.details)


def _explode_part(index: int, part: Part) -> Iterator[Event]:
    field = GROWING.get(type(part))
    delta = getattr(part, field) if field else ""
    states = part.states if isinstance(part, Reasoning) and delta else ()
    citations = part.citations if isinstance(part, Text) else ()
    empty: dict[str, Any] = {field: ""} if field else {}
    empty |= {"states": ()} if states else {}
    empty |= {"citations": ()} if citations else {}
    yield PartStart(index, msgspec.structs.replace(part, **empty) if empty else part)
    if delta:
        yield PartDelta(index, delta)
    for state in states:
        yield PartState(index, state)
    for citation in citations:
        yield PartCitation(index, citation)
    yield PartEnd(index)
