"""Answers put right on their way: in which lane, how it is told, and what becomes of an answer that breaks off."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut, BackendSlow
from llmux.gateway.answer import Answer
from llmux.ir.capability import Profile
from llmux.ir.content import Reasoning, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, Opened, PartDelta, PartEnd, StreamError
from llmux.ir.fold import fold
from llmux.ir.request import Tool
from llmux.ir.response import FinishReason, Response
from llmux.normalise.normaliser import normaliser
from llmux.telemetry import AnswerRepaired, AttemptFailed
from tests.fakes import FakeClock, settle
from tests.gateway.test_gateway import HELLO, Table, said
from tests.scripted import JSON, SSE, Break, Script, ScriptedTransport, chat_stream, chunk, sse

SCHEMA = {"type": "object", "properties": {"file_path": {"type": "string"}, "limit": {"type": "integer"}}}
TOOLS = [{"type": "function", "function": {"name": "Read", "parameters": SCHEMA}}]
OPENAI = {**HELLO, "tools": TOOLS}
CLAUDE = {
    "model": "any", "max_tokens": 99, "stream": True, "messages": HELLO["messages"],
    "tools": [{"name": "Read", "input_schema": SCHEMA}],
}  # fmt: skip
WHOLE = {**CLAUDE, "stream": False}

STRAY = '{"limit": 5, "filePath": "/a"}'
RIGHT = '{"limit": 5, "file_path": "/a"}'
TOLD = ("repaired=Read.filePath>file_path",)
PRINTED = '<tool_call>{"name": "Read", "arguments": ' + RIGHT + "}</tool_call>"


def call_chunks(arguments: str, size: int = 4) -> bytes:
    """The chunks of a call, without an end."""
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "Read", "arguments": ""}}
    pieces = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    return sse(
        chunk({"role": "assistant", "tool_calls": [call]}),
        *(chunk({"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}) for piece in pieces),
    )


def call_stream(arguments: str) -> bytes:
    return call_chunks(arguments) + sse(chunk({}, "tool_calls"), "[DONE]")


def call_body(arguments: str) -> bytes:
    call = {"id": "c1", "type": "function", "function": {"name": "Read", "arguments": arguments}}
    choice = {"index": 0, "message": {"role": "assistant", "tool_calls": [call]}, "finish_reason": "tool_calls"}
    return orjson.dumps({"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})


def answer(events: Sequence[Event]) -> Response:
    return fold(event for event in events if not isinstance(event, Opened))


def arguments_in(events: Sequence[Event]) -> list[str]:
    return [part.arguments for part in answer(events).parts if isinstance(part, ToolCall)]


def opened(events: Sequence[Event]) -> Opened:
    assert isinstance(events[0], Opened)
    return events[0]


def repairs(table: Table) -> list[AnswerRepaired]:
    return [fact for fact in table.facts if isinstance(fact, AnswerRepaired)]


def table_of(*steps: bytes | Break, headers: Mapping[str, str] = SSE, **backend: Any) -> Table:
    return Table(ScriptedTransport(Script(headers=headers, steps=steps)), a=backend)


# --- which lane ------------------------------------------------------------------------------------------------------


async def test_the_verbatim_lane_is_never_put_right() -> None:
    stream = call_stream(STRAY)
    table = table_of(stream)
    assert said(await table.ask(OPENAI)) == stream
    assert not repairs(table)
    table = table_of(call_body(STRAY), headers=JSON)
    assert said(await table.ask({**OPENAI, "stream": False})) == call_body(STRAY)


async def test_unless_its_backend_says_so() -> None:
    table = table_of(call_stream(STRAY), tool_repair="always")
    assert arguments_in(await table.ask(OPENAI)) == [RIGHT]
    table = table_of(chat_stream("Hi."), tool_repair="always", tool_text=True)
    assert said(await table.ask(HELLO)) == chat_stream("Hi."), "without tools there is nothing to put right"


LANES = {"translated": RIGHT, "always": RIGHT, "never": STRAY}


@pytest.mark.parametrize("repair", LANES)
async def test_the_translated_lane_is_put_right_unless_its_backend_says_no(repair: str) -> None:
    table = table_of(call_stream(STRAY), tool_repair=repair)
    assert arguments_in(await table.ask(CLAUDE, dialect="claude")) == [LANES[repair]]


async def test_printed_calls_are_found_in_both_dialects() -> None:
    for body, dialect in ((OPENAI, "openai_chat"), (CLAUDE, "claude")):
        table = table_of(chat_stream(PRINTED), tool_text=True)
        events = await table.ask(body, dialect=dialect)
        assert arguments_in(events) == [RIGHT]
        assert answer(events).finish_reason is FinishReason.TOOL_CALL
        assert repairs(table) == [AnswerRepaired("r1", "a", ("repaired=text>Read",))]


async def test_printed_calls_stay_text_where_nobody_says_that_they_are_printed() -> None:
    (text,) = answer(await table_of(chat_stream(PRINTED)).ask(CLAUDE, dialect="claude")).parts
    assert text == Text(text=PRINTED)


async def test_nor_do_they_become_calls_where_the_client_forbids_any() -> None:
    table = table_of(chat_stream(PRINTED), tool_text=True)
    (text,) = answer(await table.ask({**OPENAI, "tool_choice": "none"})).parts
    assert text == Text(text=PRINTED)


async def test_reasoning_in_tags_is_found_with_and_without_tools() -> None:
    for body in (HELLO, OPENAI):
        table = table_of(chat_stream("<think>Hm.</think>\nYes."), profile=Profile(think_tags=True))
        assert answer(await table.ask(body)).parts == (Reasoning(text="Hm."), Text(text="Yes."))
        assert not repairs(table)


# --- how it is told --------------------------------------------------------------------------------------------------


async def test_a_stream_whose_head_has_gone_is_told_of_in_the_log() -> None:
    table = table_of(call_chunks(STRAY), sse(chunk({}, "tool_calls"), "[DONE]"))
    assert opened(await table.ask(CLAUDE, dialect="claude")).warnings == ()
    assert repairs(table) == [AnswerRepaired("r1", "a", TOLD)]


async def test_what_is_known_before_the_first_byte_is_told_there() -> None:
    table = table_of(call_stream(STRAY))  # in one read
    assert opened(await table.ask(CLAUDE, dialect="claude")).warnings == TOLD


async def test_a_whole_answer_tells_it_in_its_head() -> None:
    table = table_of(call_body(STRAY), headers=JSON)
    events = await table.ask(WHOLE, dialect="claude")
    assert arguments_in(events) == [RIGHT]
    assert opened(events).warnings == TOLD
    assert repairs(table) == [AnswerRepaired("r1", "a", TOLD)]


async def test_so_does_one_that_came_as_a_stream_unasked() -> None:
    table = table_of(call_chunks(STRAY), sse(chunk({}, "tool_calls")), sse("[DONE]"))
    events = await table.ask(WHOLE, dialect="claude")
    assert arguments_in(events) == [RIGHT]
    assert opened(events).warnings == TOLD


async def test_a_sound_answer_tells_nothing() -> None:
    table = table_of(call_stream(RIGHT))
    assert opened(await table.ask(CLAUDE, dialect="claude")).warnings == ()
    assert not repairs(table)


# --- answers that break off ------------------------------------------------------------------------------------------


async def test_a_cut_call_that_is_held_back_ends_in_an_error() -> None:
    table = table_of(call_chunks(STRAY), Break())
    events = await table.ask(CLAUDE, dialect="claude")
    assert isinstance(events[-1], StreamError)
    assert isinstance(events[-1].error, BackendCut)
    assert "".join(event.delta for event in events if isinstance(event, PartDelta)) == '{"limit": 5'
    assert not [event for event in events if isinstance(event, PartEnd | MessageEnd)]
    assert not repairs(table)


async def test_so_does_one_that_the_backend_ends_too_early() -> None:
    events = await table_of(call_chunks(STRAY)).ask(CLAUDE, dialect="claude")
    assert isinstance(events[-1], StreamError)
    assert not [event for event in events if isinstance(event, PartEnd | MessageEnd)]


@pytest.mark.parametrize("cut", [len(PRINTED) - 1, 20, 3])
async def test_a_cut_call_in_print_that_nobody_has_seen_is_asked_for_elsewhere(cut: int) -> None:
    begun = sse(chunk({"role": "assistant", "content": PRINTED[: min(cut, PRINTED.index("}}") + 1)]}))
    a, b = Script(steps=[begun, Break()]), Script(steps=[chat_stream("from b")])
    table = Table(ScriptedTransport(a), ScriptedTransport(b), a={"tool_text": True})
    events = await table.ask(OPENAI)
    assert opened(events).backend == "b"
    assert table.tries == "a"
    assert b"from b" in said(events)


async def test_a_whole_answer_that_breaks_off_in_a_stream_unasked_is_asked_for_elsewhere() -> None:
    a, b = Script(steps=[call_chunks(RIGHT), Break()]), Script(headers=JSON, steps=[call_body(STRAY)])
    table = Table(ScriptedTransport(a), ScriptedTransport(b))
    events = await table.ask(WHOLE, dialect="claude")
    assert opened(events).backend == "b"
    assert arguments_in(events) == [RIGHT]
    assert [fact.error for fact in table.facts if isinstance(fact, AttemptFailed)] == ["BackendCut"]
    assert all(reply.closed for transport in table.transports.values() for reply in transport.replies)


# --- how long it may take --------------------------------------------------------------------------------------------


class SlowReply:
    """A reply each piece of which takes its time."""

    def __init__(self, clock: FakeClock, pieces: Sequence[bytes], pause: float) -> None:
        self.status, self.headers = 200, SSE
        self._clock, self._pieces, self._pause = clock, list(pieces), pause
        self._error: Exception | None = None

    async def read(self) -> bytes:
        await self._clock.sleep(self._pause)
        if self._error is not None:
            raise self._error
        return self._pieces.pop(0) if self._pieces else b""

    def abort(self, error: Exception) -> None:
        self._error = error

    def close(self) -> None:
        pass


SLOW = {"within the idle timeout": (8.0, 20.0, True), "too slow": (8.0, 5.0, False)}


@pytest.mark.parametrize("case", SLOW.values(), ids=SLOW)
async def test_while_a_call_is_held_back_only_silence_counts(case: tuple[float, float, bool]) -> None:
    """The first event of the backend came in time; that its call is long is no fault."""
    pause, idle, works = case
    clock = FakeClock()
    pieces = [sse(chunk({"content": character})) for character in PRINTED]
    reply = SlowReply(clock, [*pieces, sse(chunk({}, "stop"), "[DONE]")], pause)
    machine = normaliser((Tool(name="Read"),), repair=True, printed=True, tags=False)
    reader = Answer(reply, TABLE["openai_chat"].decoder({}), clock, 10.0, machine)
    task = asyncio.ensure_future(reader.hold(idle))
    await settle()
    while not task.done():
        clock.advance(max(0.01, clock.pending[0]))
        await settle()
    if works:
        assert task.result()[-1] == PartDelta(0, RIGHT)
        assert clock.monotonic() > 10.0
    else:
        with pytest.raises(BackendSlow):
            task.result()
    await reader.close()
