"""A backend's stream -> events: what real servers leave out, repeat, or spell otherwise."""

import json
from typing import Any

import pytest

from llmux.dialects.freetext import FreeText
from llmux.dialects.openai_responses import OPENAI_RESPONSES
from llmux.errors import (
    BackendCut,
    BackendFailed,
    BackendGarbled,
    ContextTooLong,
    GatewayError,
    KeyRefused,
    Overloaded,
    QuotaUsedUp,
)
from llmux.ir.content import Citation, Extra, Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart, StreamError
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from tests.amount import cut

Wire = dict[str, Any]

CREATED: Wire = {"type": "response.created", "response": {"id": "resp_1", "model": "m"}}
COMPLETED: Wire = {"type": "response.completed", "response": {"status": "completed"}}
MESSAGE: Wire = {"type": "message", "id": "msg", "role": "assistant", "content": []}
CALL: Wire = {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": ""}


def added(item: Wire, at: int = 0) -> Wire:
    return {"type": "response.output_item.added", "output_index": at, "item": item}


def done(item: Wire, at: int = 0) -> Wire:
    return {"type": "response.output_item.done", "output_index": at, "item": item}


def words(delta: str, at: int = 0, **fields: Any) -> Wire:
    return {"type": "response.output_text.delta", "output_index": at, "content_index": 0, "delta": delta, **fields}


def arguments(delta: str, at: int = 0) -> Wire:
    return {"type": "response.function_call_arguments.delta", "output_index": at, "delta": delta}


def thoughts(delta: str, part: int = 0, at: int = 0) -> Wire:
    return {
        "type": "response.reasoning_summary_text.delta",
        "output_index": at,
        "summary_index": part,
        "delta": delta,
    }


def framed(event: Any, *, named: bool = True) -> bytes:
    name = f"event: {event['type']}\n" if named and isinstance(event, dict) and "type" in event else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def hear(*events: Any, names: dict[str, str] | None = None) -> list[Event]:
    """What the decoder says; the same whether frames have names, and however they are cut."""
    told = [_hear(b"".join(framed(event, named=named) for event in events), names, size)
            for named in (True, False) for size in (1, 9999)]  # fmt: skip
    assert all(list(check(events_)) == told[0] for events_ in told)
    return told[0]


def _hear(data: bytes, names: dict[str, str] | None = None, size: int = 9999) -> list[Event]:
    decoder = OPENAI_RESPONSES.decoder(names or {})
    heard = [event for piece in cut(data, size) for event in decoder.feed(piece)]
    return heard + decoder.close()


def parts(*events: Any, names: dict[str, str] | None = None) -> tuple[Part, ...]:
    """The parts of an answer that tells `events` between its beginning and its end."""
    return fold(hear(CREATED, *events, COMPLETED, names=names)).parts


def failure(*events: Any) -> GatewayError:
    last = hear(*events)[-1]
    assert isinstance(last, StreamError)
    return last.error


# --- as the grammar has it -------------------------------------------------------------------------------------------


def test_every_delta_is_told_as_it_comes() -> None:
    heard = hear(
        CREATED,
        {"type": "response.in_progress", "response": {}},
        added(MESSAGE),
        {"type": "response.content_part.added", "output_index": 0, "part": {"type": "output_text", "text": ""}},
        words("a"),
        words("b"),
        {"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "ab"},
        done({**MESSAGE, "content": [{"type": "output_text", "text": "ab", "annotations": []}]}),
        {"type": "response.completed", "response": {"status": "completed", "usage": {"input_tokens": 3}}},
    )
    assert heard == [
        MessageStart("resp_1", "m"),
        PartStart(0, Text()),
        PartDelta(0, "a"),
        PartDelta(0, "b"),
        PartEnd(0),
        MessageEnd(FinishReason.END, Usage(input_tokens=3)),
    ]


def test_usage_and_what_only_own_clients_understand() -> None:
    usage = {
        "input_tokens": 100,
        "input_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
        "output_tokens": 20,
        "output_tokens_details": {"reasoning_tokens": 5},
    }
    last = hear(
        CREATED,
        {
            "type": "response.completed",
            "response": {"status": "completed", "usage": usage, "service_tier": "flex", "novel": 1, "error": None},
        },
    )[-1]
    assert last == MessageEnd(
        FinishReason.END, Usage(30, 20, 60, 10, reasoning_tokens=5, service_tier="flex"), details=Extra(
            "openai_responses", {"novel": 1}
        ),
    )  # fmt: skip


# --- what servers leave out ------------------------------------------------------------------------------------------

THINKING: Wire = {"type": "reasoning", "id": "rs", "summary": []}
TEXT = Text(text="ab")
LEFT_OUT: dict[str, tuple[list[Wire], tuple[Part, ...]]] = {
    "any beginning of the item": ([words("a"), words("b")], (TEXT,)),
    "deltas": (
        [{"type": "response.output_text.done", "output_index": 0, "content_index": 0, "text": "ab"}],
        (TEXT,),
    ),
    "all but the whole item": ([done({**MESSAGE, "content": [{"type": "output_text", "text": "ab"}]})], (TEXT,)),
    "the last delta": (
        [words("a"), done({**MESSAGE, "content": [{"type": "output_text", "text": "ab"}]})],
        (TEXT,),
    ),
    "agreement between the deltas and the whole": (
        [words("ab"), done({**MESSAGE, "content": [{"type": "output_text", "text": "xyz"}]})],
        (TEXT,),
    ),
    "the place of the item": (
        [{**words("a"), "output_index": None, "item_id": "msg"}, {"type": "response.output_text.delta", "delta": "b"}],
        (TEXT,),
    ),
    "arguments but for the whole": (
        [added(CALL), {"type": "response.function_call_arguments.done", "output_index": 0, "arguments": '{"a":1}'}],
        (ToolCall(id="c", name="f", arguments='{"a":1}'),),
    ),
    "arguments but for the item": (
        [added(CALL), done({**CALL, "arguments": {"a": 1}})],
        (ToolCall(id="c", name="f", arguments='{"a":1}'),),
    ),
    "the beginning of a call": (
        [arguments('{"a"'), done({**CALL, "arguments": '{"a":1}'})],
        (ToolCall(id="c", name="f", arguments='{"a":1}'),),
    ),
    "the name of a tool at first": (
        [
            added({**CALL, "name": ""}), arguments("{"), added(CALL, 1), arguments("{}", 1),
            done({**CALL, "arguments": "{}"}),
        ],
        (ToolCall(id="c", name="f", arguments="{}"), ToolCall(id="c", name="f", arguments="{}")),
    ),
    "the name of a tool": ([added({**CALL, "name": None}), arguments("{}")], ()),
    "the end of a call": ([added(CALL), arguments("{}")], (ToolCall(id="c", name="f", arguments="{}"),)),
    "all of a reasoning's text": ([added(THINKING), done(THINKING)], ()),
    "reasoning's deltas": (
        [done({**THINKING, "summary": [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]})],
        (Reasoning(text="a\n\nb"),),
    ),
    "the number of a summary": ([{**thoughts("a"), "summary_index": None}], (Reasoning(text="a"),)),
    "a delta that is a text": ([words("ab"), {**words("x"), "delta": 1}, {**words("x"), "delta": ""}], (TEXT,)),
    "sense": ([words("ab"), {"type": "response.novel"}, {"type": "keepalive"}, {"novel": 1}], (TEXT,)),
    "items that are objects": ([added(None), done(None), words("ab")], (TEXT,)),
}  # fmt: skip


@pytest.mark.parametrize("case", LEFT_OUT)
def test_what_servers_leave_out(case: str) -> None:
    events, expected = LEFT_OUT[case]
    assert parts(*events) == expected


def test_items_that_only_the_last_event_tells() -> None:
    output = [
        {"type": "reasoning", "summary": [], "encrypted_content": "eA=="},
        {**MESSAGE, "content": [{"type": "output_text", "text": "ab"}]},
        {**CALL, "arguments": "{}"},
    ]
    last = {"type": "response.completed", "response": {"status": "completed", "output": output}}
    expected = (
        Reasoning(states=(ReasoningState("openai", "encrypted", "eA=="),)),
        TEXT,
        ToolCall(id="c", name="f", arguments="{}"),
    )
    assert fold(hear(last)).parts == expected, "not even a beginning was told"
    assert fold(hear(CREATED, words("a", 1), last)).parts == (TEXT, expected[0], expected[2])
    assert fold(hear(CREATED, *map(done, output[:1]), *(done(item, 1) for item in output[1:2]), last)).parts == expected


def test_ids_that_change_all_the_time() -> None:
    call = [
        added({**CALL, "id": "a"}),
        {**arguments("{"), "item_id": "b"},
        {**arguments("}"), "item_id": "c"},
        done({**CALL, "id": "d", "arguments": "{}"}),
    ]
    assert parts(*call) == (ToolCall(id="c", name="f", arguments="{}"),)


def test_one_place_for_every_item() -> None:
    events = [added(MESSAGE), words("ab"), done({**MESSAGE, "content": []}), added(CALL), arguments("{}"), done(CALL)]
    assert parts(*events) == (TEXT, ToolCall(id="c", name="f", arguments="{}"))


def test_what_comes_behind_the_end_of_an_item_is_too_late() -> None:
    item = done({**MESSAGE, "content": [{"type": "output_text", "text": "ab"}]})
    late = [words("x"), {"type": "response.output_text.done", "output_index": 0, "text": "abx"}, item]
    note = {"type": "response.output_text.annotation.added", "output_index": 0, "annotation": {"type": "x"}}
    assert parts(item, *late, note) == (TEXT,)
    call = done({**CALL, "arguments": "{}"})
    assert parts(call, arguments("x")) == (ToolCall(id="c", name="f", arguments="{}"),)


# --- texts -----------------------------------------------------------------------------------------------------------


def test_parts_of_a_message_are_parts() -> None:
    heard = parts(
        words("a"),
        words("b", content_index=1),
        {"type": "response.refusal.delta", "output_index": 0, "content_index": 2, "delta": "No"},
        {"type": "response.refusal.done", "output_index": 0, "content_index": 2, "refusal": "No."},
    )
    assert heard == (Text(text="a"), Text(text="b"), Refusal(text="No."))


def test_a_phase_is_kept() -> None:
    home = Extra("openai_responses", {"message": {"phase": "commentary"}})
    content = [{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}, {"type": "novel"}]
    whole = done({**MESSAGE, "phase": "commentary", "content": content})
    assert parts(added({**MESSAGE, "phase": "commentary"}), words("a")) == (Text(text="a", extra=home),)
    assert parts(whole) == (Text(text="a", extra=home), Refusal(text="b"))


NOTE = {"type": "url_citation", "url": "https://x.test", "title": "X"}
CITED = Citation("openai_responses", NOTE, "https://x.test", "X")


@pytest.mark.parametrize("place", [0, 1, 5])
def test_a_text_is_told_once_wherever_its_deltas_are_counted_from(place: int) -> None:
    """vLLM counts the texts of all items in its deltas, and those of one item in its wholes."""
    whole = {**MESSAGE, "content": [{"type": "output_text", "text": "ab"}, {"type": "refusal", "refusal": "no"}]}
    thought = {"type": "reasoning", "id": "rs", "content": [{"type": "reasoning_text", "text": "hm"}]}
    hidden = {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": place, "delta": "h"}
    refused = {"type": "response.refusal.delta", "output_index": 1, "content_index": place + 1, "delta": "n"}
    spoken = words("ab", at=1, content_index=place)
    told = parts(added(thought), hidden, done(thought), added(MESSAGE, at=1), spoken, refused, done(whole, at=1))
    assert told == (Reasoning(text="hm"), Text(text="ab"), Refusal(text="no"))


def test_citations_are_told_once() -> None:
    note = {"type": "response.output_text.annotation.added", "output_index": 0, "content_index": 0, "annotation": NOTE}
    whole = done({**MESSAGE, "content": [{"type": "output_text", "text": "ab", "annotations": [NOTE, NOTE]}]})
    cited = Text(text="ab", citations=(CITED, CITED))
    assert parts(words("ab"), note, whole) == (cited,)
    assert parts(note, words("ab"), whole) == (cited,), "a citation may come before its text"
    assert parts(whole) == (cited,)
    assert parts(words("ab"), {**note, "annotation": None}) == (TEXT,)
    assert parts(words("ab"), words("c", 1), note) == (TEXT, Text(text="c")), "its text is closed"


def test_pieces_of_reasoning_stand_apart() -> None:
    whole = done(
        {"type": "reasoning", "summary": [{"text": "ab"}, {"text": "c"}, {"text": "d"}], "encrypted_content": "eA=="}
    )
    state = ReasoningState("openai", "encrypted", "eA==")
    expected = Reasoning(text="ab\n\nc\n\nd", states=(state,))
    assert parts(thoughts("a"), thoughts("b"), thoughts("c", 1), whole) == (expected,)


def test_of_a_summary_and_the_reasoning_itself_the_first_to_speak_is_told() -> None:
    raw = {"type": "response.reasoning_text.delta", "output_index": 0, "content_index": 0, "delta": "raw"}
    whole = {"type": "response.reasoning_text.done", "output_index": 0, "content_index": 0, "text": "raw"}
    assert parts(raw, whole, thoughts("a")) == (Reasoning(text="raw"),)
    assert parts(thoughts("a"), raw, whole) == (Reasoning(text="a"),)


def test_proof_of_reasoning_that_has_been_interrupted() -> None:
    state = ReasoningState("openai", "encrypted", "eA==")
    heard = parts(
        thoughts("a"), words("b", 1), done({**THINKING, "summary": [{"text": "a"}], "encrypted_content": "eA=="})
    )
    assert heard == (Reasoning(text="a"), Text(text="b"), Reasoning(states=(state,)))


# --- calls -----------------------------------------------------------------------------------------------------------


def test_calls_that_come_entangled_are_told_one_after_the_other() -> None:
    """The first is told at once; what belongs to others waits for its end."""
    second = {**CALL, "call_id": "d", "name": "g"}
    events = [
        added(CALL),
        arguments('{"a":'),
        added(second, 1),
        arguments('{"b":', 1),
        words("between", 2),
        thoughts("why", 0, 3),
        arguments("1}"),
        arguments("2}", 1),
        done({**CALL, "arguments": '{"a":1}'}),
        arguments("", 1),
        done({**second, "arguments": '{"b":2}'}, 1),
    ]
    expected = (
        ToolCall(id="c", name="f", arguments='{"a":1}'),
        ToolCall(id="d", name="g", arguments='{"b":2}'),
        Text(text="between"),
        Reasoning(text="why"),
    )
    assert parts(*events) == expected
    assert parts(*events[:-3]) == expected, "nor does it need their ends"
    early = _hear(b"".join(map(framed, [CREATED, *events[:2]])))
    assert PartDelta(0, '{"a":') in early


def test_a_call_that_ended_while_it_waited() -> None:
    second = {**CALL, "call_id": "d", "arguments": "{}"}
    heard = parts(added(CALL), added(second, 1), done(second, 1), done({**CALL, "arguments": "{}"}))
    assert heard == (ToolCall(id="c", name="f", arguments="{}"), ToolCall(id="d", name="f", arguments="{}"))


def test_free_text() -> None:
    item = {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": ""}
    delta = {"type": "response.custom_tool_call_input.delta", "output_index": 0, "delta": "*** "}
    whole = {"type": "response.custom_tool_call_input.done", "output_index": 0, "input": "*** Be"}
    heard = parts(added(item), delta, whole, done({**item, "input": "*** Begin"}))
    assert heard == (ToolCall(id="c", name="f", arguments="*** Begin", kind="custom"),)


def test_names_come_back() -> None:
    named = {"a_b": "a.b", "p": FreeText("patch")}
    call = done({**CALL, "name": "A_B", "arguments": "{}"})
    assert parts(call, names=named) == (ToolCall(id="c", name="a.b", arguments="{}"),)
    bridged = [added({**CALL, "name": "p"}), arguments('{"input":'), arguments('"x"}')]
    assert parts(*bridged, done({**CALL, "name": "p"}), names=named) == (
        ToolCall(id="c", name="patch", arguments="x", kind="custom"),
    )


def test_namespaces_are_part_of_the_name() -> None:
    inside = done({**CALL, "namespace": "ns", "arguments": "{}"})
    assert parts(inside) == (ToolCall(id="c", name="ns__f", arguments="{}"),)
    alone = done({**CALL, "namespace": "f", "arguments": "{}"})
    kept = Extra("openai_responses", {"namespace": "f"})
    assert parts(alone) == (ToolCall(id="c", name="f", arguments="{}", extra=kept),)


def test_calls_in_items_of_their_own_form() -> None:
    shell = {"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"], "timeout_ms": None}}
    hosted = {**shell, "environment": {"type": "container_reference"}}
    assert parts(added(shell), done(shell)) == (ToolCall(id="c", name="shell", arguments='{"commands":["ls"]}'),)
    assert parts(done(hosted)) == (Opaque(dialect="openai_responses", raw=hosted),)
    assert parts(added(shell)) == (), "an item that comes whole, or not at all"
    last = hear(CREATED, done(shell), COMPLETED)[-1]
    assert isinstance(last, MessageEnd)
    assert last.finish_reason is FinishReason.TOOL_CALL


@pytest.mark.parametrize("kind", [[], {}, None, 5])
def test_a_call_whose_kind_is_lost_at_its_end_is_what_it_began_as(kind: Any) -> None:
    call: Wire = {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"]}}
    (part,) = parts(added(call), done({**call, "type": kind}))
    assert isinstance(part, ToolCall)


def test_what_the_provider_does_itself_is_carried() -> None:
    search = {"type": "web_search_call", "id": "ws", "status": "completed"}
    progress = {"type": "response.web_search_call.searching", "output_index": 0}
    assert parts(added(search), progress, done(search)) == (Opaque(dialect="openai_responses", raw=search),)


# --- the end ---------------------------------------------------------------------------------------------------------

REASONS: list[tuple[Any, FinishReason]] = [
    ({"reason": "max_output_tokens"}, FinishReason.MAX_TOKENS),
    ({"reason": "content_filter"}, FinishReason.FILTERED),
    ({"reason": "steered"}, FinishReason.END),
    ({"reason": "novel"}, FinishReason.MAX_TOKENS),
    ({"reason": 1}, FinishReason.MAX_TOKENS),
    (None, FinishReason.MAX_TOKENS),
]


@pytest.mark.parametrize(("details", "reason"), REASONS)
def test_an_incomplete_answer_says_why(details: Any, reason: FinishReason) -> None:
    response = {"status": "incomplete", "incomplete_details": details}
    last = hear(CREATED, words("a"), {"type": "response.incomplete", "response": response})[-1]
    assert isinstance(last, MessageEnd)
    assert last.finish_reason is reason
    kept = Extra("openai_responses", response) if reason is FinishReason.END else None
    assert last.details == kept


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ([words("a")], FinishReason.END),
        ([words("a"), done({**CALL, "arguments": "{}"}, 1)], FinishReason.TOOL_CALL),
        ([{"type": "response.refusal.done", "output_index": 0, "refusal": "No."}], FinishReason.REFUSAL),
    ],
)
def test_a_complete_answer_ends_as_it_speaks(events: list[Wire], reason: FinishReason) -> None:
    last = hear(CREATED, *events, COMPLETED)[-1]
    assert isinstance(last, MessageEnd)
    assert last.finish_reason is reason


FAILURES: dict[str, tuple[Wire, type[GatewayError]]] = {
    "an answer that failed": (
        {"type": "response.failed", "response": {"status": "failed", "error": {"code": "server_error"}}},
        BackendFailed,
    ),
    "a prompt that is too long": (
        {"type": "response.failed", "response": {"error": {"code": "context_length_exceeded", "message": "x"}}},
        ContextTooLong,
    ),
    "a flat error": ({"type": "error", "code": "insufficient_quota", "message": "x", "param": None}, QuotaUsedUp),
    "a nested error": ({"type": "error", "error": {"type": "overloaded_error", "message": "x"}}, Overloaded),
    "an error of another dialect": ({"error": {"code": "invalid_api_key", "message": "x"}}, KeyRefused),
    "an answer that was cancelled": (
        {"type": "response.cancelled", "response": {"status": "cancelled"}}, BackendFailed,
    ),
    "an end that tells of a failure": (
        {"type": "response.completed", "response": {"status": "failed"}},
        BackendFailed,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FAILURES)
def test_a_failure_inside_an_answer(case: str) -> None:
    event, kind = FAILURES[case]
    assert type(failure(event)) is kind
    assert type(failure(CREATED, words("a"), event, words("b"), COMPLETED)) is kind


def test_an_answer_without_its_end_is_cut() -> None:
    assert type(failure(CREATED, words("a"))) is BackendCut
    assert type(failure()) is BackendCut
    cut = _hear(framed(CREATED) + framed(words("a")) + b"data: [DONE]\n\n")
    assert isinstance(cut[-1], StreamError), "the mark of another API's end is none"
    half = _hear(framed(CREATED) + framed(COMPLETED)[:-20])
    assert isinstance(half[-1], StreamError)


def test_a_last_frame_without_its_blank_line_counts() -> None:
    assert isinstance(_hear(framed(CREATED) + framed(COMPLETED)[:-2])[-1], MessageEnd)
    broken = framed({"type": "error", "message": "x"})[:-2]
    assert isinstance(_hear(framed(CREATED) + broken)[-1], StreamError)


def test_nothing_is_told_behind_the_end() -> None:
    data = framed(CREATED) + framed(COMPLETED)
    decoder = OPENAI_RESPONSES.decoder({})
    assert decoder.feed(data + framed(words("a")) + b"data: [DONE]\n\n")[-1] == MessageEnd(FinishReason.END, Usage())
    assert decoder.feed(data) == []
    assert decoder.close() == []


def test_half_a_surrogate_pair_does_not_end_an_answer() -> None:
    data = framed(CREATED) + b'data: {"type":"response.output_text.delta","output_index":0,"delta":"\\ud83d"}\n\n'
    assert PartDelta(0, "�") in _hear(data + framed(COMPLETED))


@pytest.mark.parametrize("data", [b"data: nonsense\n\n", b"data: [1]\n\n", b'data: "text"\n\n'])
def test_frames_that_are_no_objects(data: bytes) -> None:
    last = _hear(data)[-1]
    assert isinstance(last, StreamError)
    assert isinstance(last.error, BackendGarbled)


# --- no stream at all ------------------------------------------------------------------------------------------------

DOCUMENTS: dict[str, tuple[bytes, type[Event]]] = {
    "a whole answer": (b'{"output":[],"status":"completed"}', MessageEnd),
    "a whole answer, behind blanks": (b' \n{"output":[],"status":"completed"}', MessageEnd),
    "an error": (b'{"error":{"message":"x"}}', StreamError),
    "a page": (b"<html>502</html>", StreamError),
    "a list": (b"[]", StreamError),
    "half a document": (b'{"output":[', StreamError),
}


@pytest.mark.parametrize("case", DOCUMENTS)
@pytest.mark.parametrize("size", [1, 999])
def test_a_document_where_a_stream_was_asked_for(case: str, size: int) -> None:
    data, kind = DOCUMENTS[case]
    assert type(_hear(data, size=size)[-1]) is kind
