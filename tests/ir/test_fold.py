"""fold and explode: a whole answer and its events are the same thing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.errors import BackendCut, Overloaded
from llmux.ir.content import Citation, Extra, Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    UsageUpdate,
)
from llmux.ir.fold import GROWING, explode, fold
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.strategies import RESPONSES

WHOLE = Response(
    "1",
    "m",
    (
        Reasoning(text="hm", states=(ReasoningState("claude", "signature", "s"),)),
        Reasoning(states=(ReasoningState("claude", "redacted", "r"),)),
        Text(text="yes", citations=(Citation("claude", {}, url="u"),)),
        Refusal(text="no"),
        ToolCall(id="a", name="look", arguments='{"x": 1}', states=(ReasoningState("gemini", "signature", "g"),)),
        Opaque(dialect="claude", raw={"type": "server_tool_use"}),
    ),
    FinishReason.TOOL_CALL,
    Usage(input_tokens=3, output_tokens=5),
    stop_sequence="END",
    details=Extra("claude", {"x": 1}),
)


@given(RESPONSES)
def test_a_response_is_its_events(response: Response) -> None:
    assert fold(explode(response)) == response


@given(RESPONSES)
def test_its_events_are_in_order(response: Response) -> None:
    assert len(list(check(explode(response)))) >= 2


def test_every_field_survives() -> None:
    assert fold(explode(WHOLE)) == WHOLE


def test_a_part_begins_empty_and_a_whole_one_has_no_deltas() -> None:
    events = list(explode(WHOLE))
    started = [event.part for event in events if isinstance(event, PartStart)]
    assert [getattr(part, GROWING[type(part)]) for part in started if type(part) in GROWING] == [""] * 5
    assert started[-1] == WHOLE.parts[-1]
    assert {event.index for event in events if isinstance(event, PartDelta)} == {0, 2, 3, 4}


def test_a_call_begins_with_its_proofs_and_reasoning_ends_with_them() -> None:
    """Claude's wire, and that of Responses, have no place for a proof behind the call that it is of."""
    events = list(explode(WHOLE))
    begun = [event.part.states for event in events if isinstance(event, PartStart) and isinstance(event.part, ToolCall)]
    assert begun == [WHOLE.parts[4].states]  # type: ignore[attr-defined]  # a call
    assert [event.index for event in events if isinstance(event, PartState)] == [0]


def test_deltas_are_put_together() -> None:
    events: list[Event] = [
        MessageStart("1", "m"),
        PartStart(0, Text()),
        *(PartDelta(0, letter) for letter in "hello"),
        UsageUpdate(Usage(output_tokens=1)),
        PartEnd(0),
        MessageEnd(FinishReason.END, Usage(output_tokens=5)),
    ]
    assert fold(events) == Response("1", "m", (Text(text="hello"),), FinishReason.END, Usage(output_tokens=5))


def test_an_error_is_raised() -> None:
    with pytest.raises(Overloaded):
        fold([MessageStart("1", "m"), StreamError(Overloaded("busy"))])


@given(RESPONSES, st.data())
def test_an_answer_without_its_end_is_none(response: Response, data: st.DataObject) -> None:
    events = list(explode(response))
    with pytest.raises(BackendCut):
        fold(events[: data.draw(st.integers(0, len(events) - 1))])


def test_every_part_of_an_answer_grows_or_comes_whole() -> None:
    whole: set[type[Part]] = {Opaque}
    assert GROWING.keys() | whole == {type(part) for part in WHOLE.parts}
