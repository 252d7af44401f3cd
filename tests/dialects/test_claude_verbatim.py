"""The verbatim lane: every byte as it came, and the facts in it."""

import itertools
from typing import Any

import orjson
import pytest

from llmux.dialects.claude import CLAUDE
from llmux.errors import BackendCut, BackendGarbled, GatewayError, Overloaded, RateLimited
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.wire.sse import MAX_FRAME_BYTES
from tests.amount import cut

STOP_FRAME = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


def frame(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def delta(text: str) -> bytes:
    return frame("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


BEGIN = frame("message_start", message={"id": "msg_1", "usage": {"input_tokens": 3, "output_tokens": 1}, "new": [1, 2]})
PING = frame("ping")
TEXT = frame("content_block_start", index=0, content_block={"type": "text", "text": ""})
CALL = frame("content_block_start", index=0, content_block={"type": "tool_use", "id": "a", "name": "f", "input": {}})
CLOSE = frame("content_block_stop", index=0)
REASON = frame("message_delta", delta={"stop_reason": "max_tokens"}, usage={"output_tokens": 2})
END = CLOSE + REASON + STOP_FRAME
# Words that matter, inside texts; a comment, an unknown event, spaces that no encoder of ours writes.
TRICKY = (
    delta('message_delta" message_stop" "error" \n\n\r\n\r\n')
    + delta("message_stop")
    + b": hello\n\n"
    + frame("new", x=1)
    + b'event:content_block_delta\ndata:  {"type" : "content_block_delta", "delta": {"text": "error"}}\n\n'
)


def hear(stream: bytes, size: int | None = None) -> list[Event]:
    decoder = CLAUDE.verbatim()
    size = size or len(stream) or 1
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    events += decoder.close()
    assert decoder.feed(stream) == decoder.close() == []
    return events


def passed(events: list[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Verbatim))


SIZES = pytest.mark.parametrize("size", [None, 1, 2, 3, 7, 64], ids=lambda size: f"by {size}")
CLEAN = {
    "text": BEGIN + PING + TEXT + delta("a") + delta("b") + END,
    "tricky": BEGIN + TEXT + TRICKY + delta("b") + END,
    "a call": BEGIN + CALL + END,
    "nothing said": BEGIN + REASON + STOP_FRAME,
    "comments first": b": connected\n\n\n" + BEGIN + TEXT + delta("a") + END,
    "a mark of byte order": b"\xef\xbb\xbf" + BEGIN + TEXT + delta("a") + END,
}


@SIZES
@pytest.mark.parametrize("ends", [b"\n", b"\r\n", b"\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("stream", CLEAN.values(), ids=CLEAN)
def test_every_byte_is_passed_on(stream: bytes, ends: bytes, size: int | None) -> None:
    stream = stream.replace(b"\n", ends)
    events = hear(stream, size)
    assert passed(events) == stream
    told = [event for event in events if isinstance(event, Verbatim)]
    assert [event.usage for event in told if event.usage][-1] == Usage(3, 2)
    assert [event.finish_reason for event in told if event.finish_reason] == [FinishReason.MAX_TOKENS]
    assert [event.done for event in told] == [False] * (len(told) - 1) + [True]


@pytest.mark.parametrize("stream", CLEAN.values(), ids=CLEAN)
def test_whole_frames_only(stream: bytes) -> None:
    for at in range(len(stream)):
        decoder = CLAUDE.verbatim()
        told = passed(decoder.feed(stream[:at]))
        assert stream.startswith(told)
        assert told == b"" or told.endswith(b"\n\n")
        assert b"\n\n" not in stream[len(told) : at].lstrip(b"\n")


CONTENT: dict[str, tuple[list[bytes], list[bool]]] = {
    "text": ([BEGIN, PING, TEXT, delta("a"), CLOSE], [False, False, False, True, True]),
    "in one read": ([BEGIN + TEXT + delta("a")], [True]),
    "a call": ([BEGIN, CALL], [False, True]),
    "reasoning": (
        [
            frame("content_block_start", index=0, content_block={"type": "thinking", "thinking": "", "signature": ""}),
            frame("content_block_delta", index=0, delta={"type": "signature_delta", "signature": "S"}),
        ],
        [False, True],
    ),
    "text in its start": ([frame("content_block_start", index=0, content_block={"type": "text", "text": "a"})], [True]),
    "an answer that is whole": ([frame("message_start", message={"content": [{"type": "tool_use"}]})], [True]),
    "nothing said": ([BEGIN, REASON, STOP_FRAME], [False, False, False]),
    "a block of no type": ([frame("content_block_start", content_block=5)], [True]),
}


@pytest.mark.parametrize(("reads", "content"), CONTENT.values(), ids=CONTENT)
def test_when_something_is_said(reads: list[bytes], content: list[bool]) -> None:
    decoder = CLAUDE.verbatim()
    events = list(itertools.chain.from_iterable(map(decoder.feed, reads)))
    assert [event.content for event in events if isinstance(event, Verbatim)] == content


def test_facts_are_told_with_their_bytes() -> None:
    decoder = CLAUDE.verbatim()
    assert decoder.feed(BEGIN) == [Verbatim(BEGIN, content=False, usage=Usage(3, 1))]
    assert decoder.feed(TEXT + delta("a")) == [Verbatim(TEXT + delta("a"))]
    assert decoder.feed(delta("b")) == [Verbatim(delta("b"))]
    assert decoder.feed(END + b"data: [DONE]\n\n") == [
        Verbatim(END, usage=Usage(3, 2), finish_reason=FinishReason.MAX_TOKENS, done=True)
    ]


SAID = BEGIN + TEXT + delta("a")
LATE: dict[str, tuple[bytes, bytes]] = {
    # stream -> what the client gets
    "no message_stop": (SAID + CLOSE + REASON, SAID + CLOSE + REASON + STOP_FRAME),
    "no blank line": (SAID + END.rstrip(b"\n"), SAID + END),
    "half a message_stop": (SAID + CLOSE + REASON + STOP_FRAME[:-6], SAID + CLOSE + REASON + STOP_FRAME),
    "[DONE] behind it": (SAID + END + b"data: [DONE]\n\n", SAID + END),
    "[DONE] instead": (
        SAID + CLOSE + REASON + b"data: [DONE]\n\n",
        SAID + CLOSE + REASON + b"data: [DONE]\n\n" + STOP_FRAME,
    ),
    "garbage that says nothing": (SAID + b'data: "error"\n\n' + END, SAID + b'data: "error"\n\n' + END),
    "garbage": (SAID + b'data: {"error"\n\n' + END, SAID + b'data: {"error"\n\n' + END),
    "[DONE] first": (b"data: [DONE]\n\n" + SAID + END, b"data: [DONE]\n\n" + SAID + END),
}


@SIZES
@pytest.mark.parametrize(("stream", "told"), LATE.values(), ids=LATE)
def test_ends_that_are_completed(stream: bytes, told: bytes, size: int | None) -> None:
    events = hear(stream, size)
    assert passed(events) == told
    assert isinstance(events[-1], Verbatim)
    assert events[-1].done


def test_an_end_without_a_reason() -> None:
    last = hear(SAID + STOP_FRAME)[-1]
    assert isinstance(last, Verbatim)
    assert (last.done, last.finish_reason) == (True, FinishReason.END)


OVERLOADED = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
ERROR = b"event: error\ndata: " + OVERLOADED + b"\n\n"
FAILURES: dict[str, tuple[bytes, bytes, type[GatewayError]]] = {
    "nothing": (b"", b"", BackendCut),
    "an error at once": (ERROR, b"", Overloaded),
    "an error before anything is said": (BEGIN + TEXT + ERROR + END, BEGIN + TEXT, Overloaded),
    "an error in the middle": (SAID + ERROR + END, SAID, Overloaded),
    "an error without a name": (SAID + b'data: {"error":{"code":429,"message":"x"}}\n\n', SAID, RateLimited),
    "an error at the very end": (SAID + ERROR.rstrip(b"\n"), SAID, Overloaded),
    "a cut": (SAID, SAID, BackendCut),
    "a cut in a frame": (SAID + delta("b")[:-5], SAID, BackendCut),
    "a cut behind a frame": (SAID + delta("b")[:-1], SAID + delta("b"), BackendCut),
    "a cut in a comment": (SAID + b": hel", SAID, BackendCut),
    "not JSON, before anything is said": (BEGIN + b"data: {x\n\n", BEGIN, BackendGarbled),
    "no object, before anything is said": (BEGIN + b"data: 5\n\n", BEGIN, BackendGarbled),
    "a page": (b"<html>", b"", BackendGarbled),
    "a document that tells of a failure": (OVERLOADED, b"", Overloaded),
    "a whole answer": (b'{"content":[]}', b"", BackendGarbled),
}


@SIZES
@pytest.mark.parametrize(("stream", "told", "error"), FAILURES.values(), ids=FAILURES)
def test_failures(stream: bytes, told: bytes, error: type[GatewayError], size: int | None) -> None:
    events = hear(stream, size)
    assert passed(events) == told
    assert isinstance(events[-1], StreamError)
    assert type(events[-1].error) is error
    assert not any(event.done for event in events if isinstance(event, Verbatim))


def test_a_frame_that_is_too_large() -> None:
    decoder = CLAUDE.verbatim()
    decoder.feed(SAID)
    half = b"x" * (MAX_FRAME_BYTES // 2)
    assert decoder.feed(half) == decoder.feed(half) == []
    (failed,) = decoder.feed(b"x")
    assert isinstance(failed, StreamError)
    assert decoder.feed(b"x") == decoder.close() == []


def test_an_empty_read_says_nothing() -> None:
    assert CLAUDE.verbatim().feed(b"") == []
