"""The verbatim lane of Responses: bytes as they came, and the few facts that the house needs."""

import json
from typing import Any

import pytest

from llmux.dialects.openai_responses import OPENAI_RESPONSES
from llmux.errors import BackendCut, BackendFailed, BackendGarbled, ContextTooLong, GatewayError, RateLimited
from llmux.ir.events import Event, MessageEnd, StreamError, Verbatim
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.wire.sse import MAX_FRAME_BYTES
from tests.amount import cut


def frame(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


USAGE = {"input_tokens": 3, "output_tokens": 2}
CREATED = frame("response.created", response={"id": "resp_1", "error": None})
ADDED = frame("response.output_item.added", output_index=0, item={"type": "message"})
DELTA = frame("response.output_text.delta", output_index=0, delta="a")
COMPLETED = frame("response.completed", response={"status": "completed", "usage": USAGE, "error": None})
WHOLE = CREATED + ADDED + DELTA + COMPLETED


def hear(data: bytes, size: int = 9999) -> list[Event]:
    decoder = OPENAI_RESPONSES.verbatim()
    events = [event for piece in cut(data, size) for event in decoder.feed(piece)]
    return events + decoder.close()


def passed(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Verbatim))


@pytest.mark.parametrize("size", [1, 7, 100, 9999])
@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_bytes_pass_as_they_came_however_they_are_cut(size: int, end: bytes) -> None:
    data = WHOLE.replace(b"\n", end)
    events = hear(data, size)
    assert passed(events) == data
    last = events[-1]
    assert isinstance(last, Verbatim)
    assert (last.done, last.usage, last.finish_reason) == (True, Usage(3, 2), FinishReason.END)


def test_nothing_is_content_before_the_first_words() -> None:
    decoder = OPENAI_RESPONSES.verbatim()
    told = [decoder.feed(data) for data in (CREATED, ADDED, DELTA, DELTA, COMPLETED)]
    assert [event.content for (event,) in told if isinstance(event, Verbatim)] == [False, False, True, True, True]
    assert decoder.feed(DELTA) == []
    assert decoder.close() == []


CONTENT: list[tuple[bytes, bool]] = [
    (frame("response.in_progress", response={}), False),
    (frame("response.output_item.added", item={"type": "reasoning"}), False),
    (frame("response.output_item.added", item=None), False),
    (frame("response.content_part.added", part={}), False),
    (frame("keepalive"), False),
    (b": comment\n\n", False),
    (b"data: [DONE]\n\n", False),
    (frame("response.output_item.added", item={"type": "function_call"}), True),
    (frame("response.output_item.added", item={"type": "web_search_call"}), True),
    (frame("response.reasoning_summary_text.delta", delta="a"), True),
    (frame("response.output_item.done", item={"type": "reasoning"}), True),
]


@pytest.mark.parametrize(("data", "content"), CONTENT)
def test_what_says_something(data: bytes, content: bool) -> None:
    (event,) = OPENAI_RESPONSES.verbatim().feed(data)
    assert event == Verbatim(data, content=content)


def test_a_call_is_why_it_ended() -> None:
    for item in ({"type": "custom_tool_call"}, {"type": "shell_call"}):
        data = CREATED + frame("response.completed", response={"status": "completed", "output": [item]})
        last = hear(data)[-1]
        assert isinstance(last, Verbatim)
        assert last.finish_reason is FinishReason.TOOL_CALL


def test_an_incomplete_answer_is_an_end() -> None:
    response = {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    last = hear(CREATED + DELTA + frame("response.incomplete", response=response))[-1]
    assert isinstance(last, Verbatim)
    assert (last.done, last.finish_reason) == (True, FinishReason.MAX_TOKENS)


# --- failures --------------------------------------------------------------------------------------------------------

TOO_LONG = frame("response.failed", response={"error": {"code": "context_length_exceeded", "message": "x"}})
FAILURES: list[tuple[bytes, type[GatewayError]]] = [
    (TOO_LONG, ContextTooLong),
    (frame("error", code="rate_limit_exceeded", message="x"), RateLimited),
    (b'data: {"error":{"code":"rate_limit_exceeded","message":"x"}}\n\n', RateLimited),
    (frame("response.completed", response={"status": "failed"}), BackendFailed),
    (frame("response.cancelled", response={}), BackendFailed),
]


@pytest.mark.parametrize(("data", "kind"), FAILURES)
def test_a_failure_is_told_as_such_and_its_bytes_are_not_given(data: bytes, kind: type[GatewayError]) -> None:
    (first,) = hear(data)
    before, second = hear(CREATED + DELTA + data + COMPLETED)
    assert before == Verbatim(CREATED + DELTA)
    for event in (first, second):
        assert isinstance(event, StreamError)
        assert type(event.error) is kind


@pytest.mark.parametrize("data", [b"", CREATED, CREATED + DELTA, WHOLE[:-20], CREATED + b"data: [DONE]\n\n"])
def test_an_answer_without_its_end_is_cut(data: bytes) -> None:
    last = hear(data)[-1]
    assert isinstance(last, StreamError)
    assert type(last.error) is BackendCut


def test_a_last_frame_without_its_blank_line_gets_one() -> None:
    events = hear(WHOLE[:-2])
    assert passed(events) == WHOLE


@pytest.mark.parametrize("word", ["response.completed", "response.failed", "error"])
def test_words_in_a_text_mean_nothing(word: str) -> None:
    for text in (f'"{word}"', word, f"{word}\\"):
        data = CREATED + DELTA + frame("response.output_text.delta", delta=text) + DELTA
        events = hear(data + COMPLETED, 90)
        assert passed(events) == data + COMPLETED


def test_garbage_is_a_failure_before_the_first_words_and_passes_after() -> None:
    for odd in (b'data: "error"\n\n', b'data: {"error"\n\n'):
        (event,) = hear(odd)
        assert isinstance(event, StreamError)
        assert type(event.error) is BackendGarbled
        assert passed(hear(CREATED + DELTA + odd + COMPLETED)) == CREATED + DELTA + odd + COMPLETED


def test_a_frame_that_never_ends_is_given_up() -> None:
    decoder = OPENAI_RESPONSES.verbatim()
    (event,) = decoder.feed(b"data: " + b"x" * MAX_FRAME_BYTES)
    assert isinstance(event, StreamError)
    assert type(event.error) is BackendGarbled


def test_a_frame_that_is_large_when_the_stream_ends() -> None:
    decoder = OPENAI_RESPONSES.verbatim()
    assert decoder.feed(b"\n" * 10) == [Verbatim(b"\n" * 10, content=False)]
    assert isinstance(decoder.close()[-1], StreamError)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"status":"completed","output":[]}', MessageEnd),
        (b'{"error":{"message":"x"}}', StreamError),
        (b"<html>502</html>", StreamError),
    ],
)
def test_a_document_where_a_stream_was_asked_for(body: bytes, kind: type[Event]) -> None:
    assert type(hear(body)[-1]) is kind


# --- whole answers ---------------------------------------------------------------------------------------------------


def test_a_whole_answer_passes_as_it_came() -> None:
    item = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    body = json.dumps({"status": "completed", "output": [item], "usage": USAGE}).encode()
    told = OPENAI_RESPONSES.verbatim_response(body)
    assert told == Verbatim(body, usage=Usage(3, 2), finish_reason=FinishReason.TOOL_CALL, done=True)


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"status": "failed", "error": {"code": "rate_limit_exceeded", "message": "x"}}, RateLimited),
        ({"status": "cancelled", "output": []}, BackendFailed),
        ({"status": "queued", "output": []}, BackendGarbled),
        ({"detail": "no such path"}, BackendFailed),
        ({"novel": 1}, BackendGarbled),
        ([], BackendGarbled),
        ("x", BackendGarbled),
    ],
)
def test_a_whole_answer_that_is_none(document: Any, kind: type[GatewayError]) -> None:
    body = json.dumps(document).encode()
    for read in (OPENAI_RESPONSES.verbatim_response, lambda body: OPENAI_RESPONSES.decode_response(body, {})):
        with pytest.raises(GatewayError) as caught:
            read(body)
        assert type(caught.value) is kind
    with pytest.raises(BackendGarbled):
        OPENAI_RESPONSES.verbatim_response(b"<html>")
