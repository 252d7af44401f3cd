"""Events <-> a whole answer. Pure: fold(explode(response)) == response."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from llmux.errors import BackendCut
from llmux.ir.content import Citation, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
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
from llmux.ir.response import Response

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


def fold(events: Iterable[Event]) -> Response:
    """The whole answer that `events` tell.

    Raises:
        GatewayError: the one that a StreamError carries, or BackendCut when there is no end.
    """
    start, parts = MessageStart("", ""), list[_Growing]()

    def begin(event: MessageStart) -> None:
        nonlocal start
        start = event

    def fail(event: StreamError) -> None:
        raise event.error

    steps: Mapping[type[Event], Callable[[Any], object]] = {
        MessageStart: begin,
        PartStart: lambda event: parts.append(_Growing(event.part)),
        PartDelta: lambda event: parts[event.index].deltas.append(event.delta),
        PartState: lambda event: parts[event.index].states.append(event.state),
        PartCitation: lambda event: parts[event.index].citations.append(event.citation),
        StreamError: fail,
    }
    for event in events:
        if isinstance(event, MessageEnd):
            built = tuple(part.build() for part in parts)
            return Response(
                start.id, start.model, built, event.finish_reason, event.usage, event.stop_sequence, event.details
            )
        step = steps.get(type(event))
        if step is not None:
            step(event)
    raise BackendCut("The answer ended before it was complete.")


def explode(response: Response) -> Iterator[Event]:
    """The events that tell `response`: each part in one delta."""
    yield MessageStart(response.id, response.model, response.usage)
    for index, part in enumerate(response.parts):
        yield from _explode_part(index, part)
    yield MessageEnd(response.finish_reason, response.usage, response.stop_sequence, response.details)


def _explode_part(index: int, part: Part) -> Iterator[Event]:
    field = GROWING.get(type(part))
    delta = getattr(part, field) if field else ""
    states = part.states if isinstance(part, Reasoning | ToolCall) and delta else ()
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
