"""The verbatim lane: the backend's bytes as they came, and the same verdict as the full reader's."""

import json
from typing import Any

import pytest

from llmux.dialects.base import Decoder
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.errors import BackendCut, BackendFailed, BackendGarbled, GatewayError
from llmux.ir.events import Event, MessageEnd, StreamError, Verbatim
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from tests.amount import cut

Wire = dict[str, Any]
SIZES = [None, 1, 2, 7, 64]


def chunk(delta: Wire | None = None, finish: str | None = None, **more: Any) -> Wire:
    return {"id": "r", "model": "m", "choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}], **more}


def stream(*documents: Wire | str, compact: bool = True) -> bytes:
    separators = (",", ":") if compact else (", ", ": ")
    texts = (text if isinstance(text, str) else json.dumps(text, separators=separators) for text in documents)
    return b"".join(b"data: " + text.encode() + b"\n\n" for text in texts)


def run(data: bytes, size: int | None = None, decoder: Decoder | None = None) -> list[Event]:
    decoder = decoder or OPENAI_CHAT.verbatim()
    size = size or len(data) or 1
    events = [event for piece in cut(data, size) for event in decoder.feed(piece)]
    return [*events, *decoder.close()]


def given(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Verbatim))


ROLE = chunk({"role": "assistant", "content": ""}, usage=None)
SAYS = chunk({"content": 'a "usage":{"finish_reason":"x"} data: [DONE] "error":'}, usage=None)
USAGE = {"prompt_tokens": 3, "completion_tokens": 2}
END = chunk(finish="stop", usage=None)
LAST = {"id": "r", "choices": [], "usage": USAGE}
PLAIN = stream(ROLE, SAYS, SAYS, END, LAST, "[DONE]")

CLEAN: dict[str, bytes] = {
    "compact": PLAIN,
    "spaced": stream(ROLE, SAYS, SAYS, END, LAST, "[DONE]", compact=False),
    "CRLF": PLAIN.replace(b"\n", b"\r\n"),
    "CR": PLAIN.replace(b"\n", b"\r"),
    "no blank": PLAIN.replace(b"data: ", b"data:"),
    "comments": b": hello\n\n" + PLAIN.replace(b"\n\n", b"\n\n: still here\n\n", 3),
    "more blank lines": PLAIN.replace(b"\n\n", b"\n\n\n", 3),
    "a byte order mark": b"\xef\xbb\xbf" + PLAIN,
    "usage with the end": stream(ROLE, SAYS, chunk(finish="stop", usage=USAGE), "[DONE]"),
    "usage in every chunk": stream(
        chunk({"content": "a"}, usage={"prompt_tokens": 1}), chunk(finish="stop", usage=USAGE)
    ),
    "usage in Groq's field": stream(SAYS, chunk(finish="stop", x_groq={"usage": USAGE}), "[DONE]"),
    "no [DONE]": stream(SAYS, END, LAST),
}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CLEAN)
def test_every_byte_reaches_the_client(case: str, size: int | None) -> None:
    events = run(CLEAN[case], size)
    assert given(events) == CLEAN[case]
    last = events[-1]
    assert isinstance(last, Verbatim)
    assert (last.done, last.finish_reason) == (True, FinishReason.END)
    assert last.usage == Usage(input_tokens=3, output_tokens=2)
    assert [event.done for event in events if isinstance(event, Verbatim)].count(True) == 1


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", CLEAN)
def test_usage_that_only_we_asked_for_is_told_and_not_given(case: str, size: int | None) -> None:
    assert OPENAI_CHAT.metering is not None
    events = run(CLEAN[case], size, OPENAI_CHAT.metering.decoder())
    compact, spaced = stream(LAST), stream(LAST, compact=False)
    ends = b"\r\n" if case == "CRLF" else b"\r" if case == "CR" else b"\n"
    expected = CLEAN[case]
    for frame in (compact, spaced, compact.replace(b"data: ", b"data:")):
        expected = expected.replace(frame.replace(b"\n", ends), b"")
    assert given(events) == expected
    last = events[-1]
    assert isinstance(last, Verbatim)
    assert (last.done, last.finish_reason, last.usage) == (True, FinishReason.END, Usage(3, 2))


def test_usage_that_comes_last_and_without_its_blank_line_is_not_given_either() -> None:
    assert OPENAI_CHAT.metering is not None
    body = stream(SAYS, END)
    assert given(run(body + stream(LAST).rstrip(), None, OPENAI_CHAT.metering.decoder())) == body


WISHES: list[tuple[Wire, Wire]] = [
    ({}, {"include_usage": True}),
    ({"stream_options": None}, {"include_usage": True}),
    ({"stream_options": {"include_usage": False, "x": 1}}, {"include_usage": True, "x": 1}),
]


@pytest.mark.parametrize(("asked", "options"), WISHES)
def test_the_wish_for_usage_keeps_the_clients_other_options(asked: Wire, options: Wire) -> None:
    assert OPENAI_CHAT.metering is not None
    assert OPENAI_CHAT.metering.ask(asked) == {"stream_options": options}


@pytest.mark.parametrize("size", SIZES)
def test_nothing_is_content_before_the_first_words(size: int | None) -> None:
    contents = [(event.data, event.content) for event in run(PLAIN, size) if isinstance(event, Verbatim)]
    for data, content in contents:
        assert content or b'"role"' in data
    assert contents[-1][1]


SPEAKING: list[tuple[Wire, bool]] = [
    ({"role": "assistant"}, False),
    ({"content": "", "tool_calls": [], "reasoning": None}, False),
    ({"content": "a"}, True),
    ({"reasoning_content": "a"}, True),
    ({"tool_calls": [{"index": 0}]}, True),
    ({"refusal": "no"}, True),
]


@pytest.mark.parametrize(("delta", "content"), SPEAKING)
def test_what_says_something(delta: Wire, content: bool) -> None:
    (event,) = OPENAI_CHAT.verbatim().feed(stream(chunk(delta)))
    assert isinstance(event, Verbatim)
    assert event.content is content


def test_the_midst_of_an_answer_is_not_read() -> None:
    """Not even what is no JSON: it is the client's to judge, and the price of reading none of it."""
    decoder = OPENAI_CHAT.verbatim()
    decoder.feed(stream(SAYS))
    odd = b'data: {{"finish_reason":null\n\n'
    assert decoder.feed(odd) == [Verbatim(odd)]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tail", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n"])
def test_a_missing_blank_line_is_made_up(tail: bytes, size: int | None) -> None:
    body = stream(SAYS, END)
    assert given(run(body + tail, size)) == body + b"data: [DONE]\n\n"


def test_half_a_frame_behind_the_end_is_not_given() -> None:
    body = stream(SAYS, END)
    events = run(body + b'data: {"id": "r", "usa')
    assert given(events) == body
    assert isinstance(events[-1], Verbatim)
    assert events[-1].done


ERROR = {"error": {"message": "broken", "code": 500}}
FAILURES: dict[str, tuple[bytes, bytes, type[GatewayError]]] = {
    "at once": (stream(ERROR), b"", BackendFailed),
    "before any word": (stream(ROLE, ERROR, "[DONE]"), stream(ROLE), BackendFailed),
    "in the midst": (stream(SAYS, ERROR, SAYS, END, "[DONE]"), stream(SAYS), BackendFailed),
    "in the midst, spaced": (
        stream(SAYS, ERROR, "[DONE]", compact=False), stream(SAYS, compact=False), BackendFailed,
    ),
    "by its name": (
        stream(SAYS) + b'event: error\ndata: {"message":"broken"}\n\n', stream(SAYS), BackendFailed,
    ),
    "in a finish reason": (stream(SAYS, chunk(finish="error")), stream(SAYS), BackendFailed),
    "in the last frame, without its blank line": (stream(SAYS, ERROR).rstrip(), stream(SAYS), BackendFailed),
    "no end": (stream(SAYS, SAYS), stream(SAYS, SAYS), BackendCut),
    "no end, half a frame": (stream(SAYS) + b'data: {"choi', stream(SAYS), BackendCut),
    "no words": (stream(ROLE, "[DONE]"), stream(ROLE), BackendGarbled),
    "no words at all": (stream("[DONE]"), b"", BackendGarbled),
    "nothing": (b"", b"", BackendGarbled),
    "comments only": (b": hello\n\n", b"", BackendGarbled),
    "no JSON at once": (stream(ROLE, "{]"), stream(ROLE), BackendGarbled),
    "an error in JSON": (json.dumps(ERROR, indent=2).encode(), b"", BackendFailed),
}  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("case", FAILURES)
def test_failures(case: str, size: int | None) -> None:
    data, before, error = FAILURES[case]
    events = run(data, size)
    last = events[-1]
    assert isinstance(last, StreamError)
    assert type(last.error) is error
    assert given(events) in {before, b""} if error is BackendGarbled else given(events) == before


def test_after_the_end_there_is_nothing() -> None:
    decoder = OPENAI_CHAT.verbatim()
    assert decoder.feed(PLAIN)[-1:] == [
        Verbatim(PLAIN, True, Usage(input_tokens=3, output_tokens=2), FinishReason.END, done=True)
    ]
    assert decoder.feed(PLAIN) == decoder.feed(b"") == decoder.close() == []


def test_usage_behind_the_end_counts_if_it_comes_along() -> None:
    body = stream(SAYS, END, "[DONE]")
    (event,) = OPENAI_CHAT.verbatim().feed(body + stream(LAST, "{]"))
    assert isinstance(event, Verbatim)
    assert (event.data, event.usage) == (body, Usage(input_tokens=3, output_tokens=2))


VERDICT = {"id": "", "choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {"check_offset": 1}}]}
TAILS: dict[str, bytes] = {
    "compact": stream(SAYS, SAYS, END, LAST),
    "spaced": stream(SAYS, SAYS, END, LAST, compact=False),
    "CRLF": stream(SAYS, SAYS, END, LAST).replace(b"\n", b"\r\n"),
    "CR": stream(SAYS, SAYS, END, LAST).replace(b"\n", b"\r"),
    "mixed line ends": stream(SAYS, END) + stream(LAST).replace(b"\n", b"\r\n"),
    "usage with a late word": stream(SAYS, END, chunk({"content": "b"}, usage=USAGE)),
    "an empty word behind": stream(SAYS, END, LAST, chunk({"content": ""}, usage=None)),
    "no finish reason in the midst": stream({"choices": [{"delta": {"content": "b"}}]}, END, LAST),
    "one line more": stream(SAYS, END, LAST).replace(b'data: {"id":"r","model"', b'id: 7\ndata: {"id":"r","model"'),
}


@pytest.mark.parametrize("size", [None, 1, 7, 400])
@pytest.mark.parametrize("case", TAILS)
def test_the_end_is_found_however_it_comes(case: str, size: int | None) -> None:
    """A frame that could end the answer is read wherever the cuts are."""
    body = stream(ROLE, SAYS) + TAILS[case] + stream("[DONE]")
    last = run(body, size)[-1]
    assert isinstance(last, Verbatim)
    assert (last.finish_reason, last.usage) == (FinishReason.END, Usage(input_tokens=3, output_tokens=2))


def test_a_verdict_behind_the_end_hides_no_end() -> None:
    """Azure's filter has its say behind the finish reason, and looks like the midst."""
    (event,) = OPENAI_CHAT.verbatim().feed(stream(SAYS, SAYS, END, VERDICT, "[DONE]"))
    assert isinstance(event, Verbatim)
    assert event.finish_reason is FinishReason.END


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
def test_an_error_in_the_midst_of_a_read_ends_it_there(end: bytes) -> None:
    decoder = OPENAI_CHAT.verbatim()
    decoder.feed(stream(SAYS).replace(b"\n", end))
    before, behind = stream(SAYS, SAYS).replace(b"\n", end), stream(ERROR, SAYS, SAYS).replace(b"\n", end)
    told, error = decoder.feed(before + behind)
    assert (told, type(error)) == (Verbatim(before), StreamError)


def test_a_call_is_seen_by_its_finish_reason() -> None:
    (event,) = OPENAI_CHAT.verbatim().feed(stream(SAYS, chunk(finish="tool_calls"), "[DONE]"))
    assert isinstance(event, Verbatim)
    assert event.finish_reason is FinishReason.TOOL_CALL


@pytest.mark.parametrize("size", SIZES)
def test_a_whole_answer_where_a_stream_was_asked_for_becomes_events(size: int | None) -> None:
    body = json.dumps({"id": "r", "choices": [{"message": {"content": "a"}, "finish_reason": "stop"}]}, indent=1)
    assert isinstance(run(body.encode(), size)[-1], MessageEnd)


def test_a_frame_that_is_too_large_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmux.dialects.openai_chat.verbatim.MAX_FRAME_BYTES", 10)
    (event,) = OPENAI_CHAT.verbatim().feed(b"data: " + b"x" * 20)
    assert isinstance(event, StreamError)
