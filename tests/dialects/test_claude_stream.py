"""Claude's event stream -> events, as servers really send it; wherever the network cuts."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from llmux.dialects.claude import CLAUDE
from llmux.dialects.freetext import FreeText
from llmux.errors import BackendCut, BackendGarbled, GatewayError, Overloaded, RateLimited
from llmux.ir.content import Citation, Extra, Opaque, Part, Reasoning, ReasoningState, Text, ToolCall
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
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.wire.sse import MAX_FRAME_BYTES
from tests.amount import cut

Wire = dict[str, Any]


def frame(kind: str, **fields: Any) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), orjson.dumps({"type": kind, **fields}))


def start(index: int, **block: Any) -> bytes:
    return frame("content_block_start", index=index, content_block=block)


def delta(index: int, kind: str, **fields: Any) -> bytes:
    return frame("content_block_delta", index=index, delta={"type": kind, **fields})


def stop(index: int) -> bytes:
    return frame("content_block_stop", index=index)


def ending(reason: str | None = "end_turn", **fields: Any) -> bytes:
    return frame("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, **fields)


BEGIN = frame("message_start", message={"id": "msg_1", "model": "m", "usage": {"input_tokens": 3, "output_tokens": 1}})
PING = frame("ping")
STOP = frame("message_stop")
STARTED = MessageStart("msg_1", "m", Usage(3, 1))
TEXT = start(0, type="text", text="")
END = ending(usage={"output_tokens": 2}) + STOP


def hear(stream: bytes, size: int | None = None, names: dict[str, str] | None = None) -> list[Event]:
    """The events of `stream`, read in pieces of `size` bytes. They are checked."""
    decoder = CLAUDE.decoder(names or {})
    size = size or len(stream) or 1
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    events += decoder.close()
    assert decoder.feed(stream) == decoder.close() == []
    return list(check(events))


def part(number: int, empty: Part, *deltas: Event | str) -> list[Event]:
    told: list[Event] = [PartDelta(number, said) if isinstance(said, str) else said for said in deltas]
    return [PartStart(number, empty), *told, PartEnd(number)]


CITED: Wire = {"type": "char_location", "cited_text": "q", "document_title": "t"}
CITATION = Citation("claude", CITED, title="t", quote="q")
SIGNED = ReasoningState("anthropic", "signature", "S")
CALL: Wire = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
SERVER: Wire = {"type": "server_tool_use", "id": "s", "name": "n", "input": {}}

# What stands between message_start and the end -> the events between.
BLOCKS: dict[str, tuple[bytes, list[Event]]] = {
    "nothing": (b"", []),
    "text": (
        PING + TEXT + delta(0, "text_delta", text="a") + PING + delta(0, "text_delta", text="é") + stop(0),
        part(0, Text(), "a", "é"),
    ),
    "an empty delta": (TEXT + delta(0, "text_delta", text="") + stop(0), part(0, Text())),
    "a delta of nothing": (TEXT + delta(0, "text_delta", text=None) + stop(0), part(0, Text())),
    "text that its start holds": (start(0, type="text", text="a") + stop(0), part(0, Text(), "a")),
    "citations": (
        start(0, type="text", text="", citations=[])
        + delta(0, "citations_delta", citation=CITED)
        + delta(0, "text_delta", text="a")
        + stop(0),
        part(0, Text(), PartCitation(0, CITATION), "a"),
    ),
    "citations that its start holds": (
        start(0, type="text", text="", citations=[CITED]) + delta(0, "citations_delta") + stop(0),
        part(0, Text(), PartCitation(0, CITATION)),
    ),
    "reasoning": (
        start(0, type="thinking", thinking="", signature="")
        + delta(0, "thinking_delta", thinking="t", estimated_tokens=1)
        + delta(0, "signature_delta", signature="S")
        + stop(0),
        part(0, Reasoning(), "t", PartState(0, SIGNED)),
    ),
    "reasoning that its start holds": (
        start(0, type="thinking", thinking="t", signature="S") + stop(0),
        part(0, Reasoning(), "t", PartState(0, SIGNED)),
    ),
    "unsigned reasoning": (
        start(0, type="thinking", thinking="")
        + delta(0, "thinking_delta", thinking="t")
        + delta(0, "signature_delta")
        + stop(0),
        part(0, Reasoning(), "t"),
    ),
    "hidden reasoning": (
        start(0, type="redacted_thinking", data="D") + stop(0),
        part(0, Reasoning(states=(ReasoningState("anthropic", "redacted", "D"),))),
    ),
    "a call": (
        start(0, **CALL)
        + delta(0, "input_json_delta", partial_json="")
        + delta(0, "input_json_delta", partial_json='{"x":')
        + delta(0, "input_json_delta", partial_json="1}")
        + stop(0),
        part(0, ToolCall(id="a", name="f"), '{"x":', "1}"),
    ),
    "a call without arguments": (start(0, **CALL) + stop(0), part(0, ToolCall(id="a", name="f"), "{}")),
    "a call that its start holds": (
        start(0, **CALL | {"input": {"x": 1}, "caller": {"type": "direct"}}) + stop(0),
        part(0, ToolCall(id="a", name="f", extra=Extra("claude", {"caller": {"type": "direct"}})), '{"x":1}'),
    ),
    "a server tool": (
        start(0, **SERVER)
        + delta(0, "input_json_delta", partial_json='{"q":')
        + delta(0, "input_json_delta", partial_json="1}")
        + stop(0),
        part(0, Opaque(dialect="claude", raw=SERVER | {"input": {"q": 1}})),
    ),
    "a server tool that was cut": (
        start(0, **SERVER) + delta(0, "input_json_delta", partial_json='{"q":') + stop(0),
        part(0, Opaque(dialect="claude", raw=SERVER)),
    ),
    "a summary": (
        start(0, type="compaction", content=None)
        + delta(0, "compaction_delta", content="So ")
        + delta(0, "compaction_delta", content="far", encrypted_content="E")
        + stop(0),
        part(0, Opaque(dialect="claude", raw={"type": "compaction", "content": "So far", "encrypted_content": "E"})),
    ),
    "indexes with gaps": (
        start(3, type="text", text="") + delta(3, "text_delta", text="a") + stop(3) + start(9, **CALL) + stop(9),
        [*part(0, Text(), "a"), *part(1, ToolCall(id="a", name="f"), "{}")],
    ),
    "ends that are implied": (
        TEXT + delta(0, "text_delta", text="a") + start(1, type="text", text="") + delta(1, "text_delta", text="b"),
        [*part(0, Text(), "a"), *part(1, Text(), "b")],
    ),
    "no index": (frame("content_block_start", content_block={"type": "text", "text": "a"}), part(0, Text(), "a")),
    "no start": (
        delta(0, "text_delta", text="a") + delta(0, "text_delta", text="b") + stop(0),
        part(0, Text(), "a", "b"),
    ),
    "a delta of another type": (
        TEXT + delta(0, "text_delta", text="a") + delta(0, "thinking_delta", thinking="t") + stop(0),
        [*part(0, Text(), "a"), *part(1, Reasoning(), "t")],
    ),
    "a delta of a type to come": (TEXT + delta(0, "mood_delta", mood=1) + stop(0), part(0, Text())),
    "an event to come": (TEXT + frame("mood", mood=1) + stop(0), part(0, Text())),
    "a type that is none": (b'event: x\ndata: {"type":[]}\n\n', []),
    "a second start": (TEXT + BEGIN + stop(0), part(0, Text())),
    "comments, and frames without data": (b": hello\n\nevent: ping\n\ndata:\n\n" + TEXT + stop(0), part(0, Text())),
    "the name of the event only": (
        b'event: content_block_start\ndata: {"index":0,"content_block":{"type":"text","text":"a"}}\n\n',
        part(0, Text(), "a"),
    ),
    "no name of the event": (
        (TEXT + delta(0, "text_delta", text="a"))
        .replace(b"event: content_block_start\n", b"")
        .replace(b"event: content_block_delta\n", b""),
        part(0, Text(), "a"),
    ),
    "data on two lines": (
        (
            b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,\ndata: '
            b'"delta":{"type":"text_delta","text":"a"}}\n\n'
        ),
        part(0, Text(), "a"),
    ),
}


@pytest.mark.parametrize("size", [None, 1, 7], ids=["whole", "bytes", "sevens"])
@pytest.mark.parametrize(("stream", "between"), BLOCKS.values(), ids=BLOCKS)
def test_blocks(stream: bytes, between: Sequence[Event], size: int | None) -> None:
    calls = any(isinstance(event, PartStart) and isinstance(event.part, ToolCall) for event in between)
    reason = FinishReason.TOOL_CALL if calls else FinishReason.END
    events = [STARTED, *between, MessageEnd(reason, Usage(3, 2))]
    assert hear(BEGIN + stream + END, size) == events
    assert hear((BEGIN + stream + END).replace(b"\n", b"\r\n"), size) == events


def test_calls_have_the_names_that_the_client_knows() -> None:
    json = '{"input":"say"}'
    stream = b"".join(
        start(index, **CALL | {"name": name}) + delta(index, "input_json_delta", partial_json=json) + stop(index)
        for index, name in enumerate("fgh")
    )
    events = hear(BEGIN + stream + END, names={"f": "files.read", "g": FreeText("patch")})
    assert events[1:-1] == [
        *part(0, ToolCall(id="a", name="files.read"), json),
        *part(1, ToolCall(id="a", name="patch", kind="custom"), "say"),
        *part(2, ToolCall(id="a", name="h"), json),
    ]


ENDS: dict[str, tuple[bytes, MessageEnd]] = {
    "one": (END, MessageEnd(FinishReason.END, Usage(3, 2))),
    "no message_stop": (ending(usage={"output_tokens": 2}), MessageEnd(FinishReason.END, Usage(3, 2))),
    "no blank line": (END.rstrip(b"\n"), MessageEnd(FinishReason.END, Usage(3, 2))),
    "half a message_stop": (END[:-6], MessageEnd(FinishReason.END, Usage(3, 2))),
    "no reason": (STOP, MessageEnd(FinishReason.END, Usage(3, 1))),
    "[DONE] behind it": (END + b"data: [DONE]\n\n", MessageEnd(FinishReason.END, Usage(3, 2))),
    "[DONE] instead": (ending() + b"data: [DONE]\n\n", MessageEnd(FinishReason.END, Usage(3, 1))),
    "usage without message": (
        b'data: {"type":"message_delta","delta":5}\n\n' + STOP,
        MessageEnd(FinishReason.END, Usage(3, 1)),
    ),
    "two deltas": (
        ending(None, usage={"input_tokens": 9, "output_tokens": 4})
        + ending("max_tokens", usage={"input_tokens": None, "output_tokens": 5})
        + ending(None)
        + STOP,
        MessageEnd(FinishReason.MAX_TOKENS, Usage(9, 5)),
    ),
    "a stop sequence": (
        frame("message_delta", delta={"stop_reason": "stop_sequence", "stop_sequence": "X"}) + STOP,
        MessageEnd(FinishReason.STOP_SEQUENCE, Usage(3, 1), "X"),
    ),
    "details": (
        frame(
            "message_delta",
            delta={"stop_reason": "refusal", "stop_details": {"type": "refusal"}},
            context_management={"applied_edits": []},
        )
        + STOP,
        MessageEnd(
            FinishReason.REFUSAL,
            Usage(3, 1),
            details=Extra("claude", {"stop_details": {"type": "refusal"}, "context_management": {"applied_edits": []}}),
        ),
    ),
}


@pytest.mark.parametrize("size", [None, 1, 7], ids=["whole", "bytes", "sevens"])
@pytest.mark.parametrize(("stream", "end"), ENDS.values(), ids=ENDS)
def test_ends(stream: bytes, end: MessageEnd, size: int | None) -> None:
    assert hear(BEGIN + stream, size) == [STARTED, end]


def test_an_answer_that_is_whole_in_its_start() -> None:
    message = {"id": "msg_1", "model": "m", "content": [CALL | {"input": {"x": 1}}], "stop_reason": "tool_use"}
    assert hear(frame("message_start", message=message) + STOP) == [
        MessageStart("msg_1", "m"),
        *part(0, ToolCall(id="a", name="f"), '{"x":1}'),
        MessageEnd(FinishReason.TOOL_CALL, Usage()),
    ]


def test_a_stream_without_a_start() -> None:
    assert hear(TEXT + END) == [MessageStart("", ""), *part(0, Text()), MessageEnd(FinishReason.END, Usage(0, 2))]


OVERLOADED = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'
FAILURES: dict[str, tuple[bytes, type[GatewayError]]] = {
    "nothing": (b"", BackendCut),
    "a cut": (BEGIN + TEXT, BackendCut),
    "half a frame": (BEGIN + TEXT + delta(0, "text_delta", text="abc")[:-9], BackendCut),
    "an error": (BEGIN + TEXT + b"event: error\ndata: " + OVERLOADED + b"\n\n" + END, Overloaded),
    "an error at once": (b"event: error\ndata: " + OVERLOADED + b"\n\n", Overloaded),
    "an error without a name": (BEGIN + b'data: {"error":{"code":429,"message":"slow"}}\n\n', RateLimited),
    "an error at the very end": (BEGIN + b"event: error\ndata: " + OVERLOADED, Overloaded),
    "not JSON": (BEGIN + b"data: {x\n\n", BackendGarbled),
    "no object": (BEGIN + b"data: [1]\n\n", BackendGarbled),
    "no block": (BEGIN + frame("content_block_start", index=0), BackendGarbled),
    "a block of another shape": (BEGIN + start(0, type="text"), BackendGarbled),
    "no delta": (BEGIN + TEXT + frame("content_block_delta", index=0), BackendGarbled),
    "arguments without a call": (BEGIN + TEXT + delta(0, "input_json_delta", partial_json="{"), BackendGarbled),
    "arguments of another call": (
        BEGIN + start(0, **CALL) + delta(1, "input_json_delta", partial_json="{"),
        BackendGarbled,
    ),
    "a page": (b"<html>Bad gateway</html>", BackendGarbled),
    "a document that tells of a failure": (OVERLOADED, Overloaded),
    "half a document": (b' {"id":', BackendGarbled),
}


@pytest.mark.parametrize("size", [None, 1, 7], ids=["whole", "bytes", "sevens"])
@pytest.mark.parametrize(("stream", "error"), FAILURES.values(), ids=FAILURES)
def test_failures(stream: bytes, error: type[GatewayError], size: int | None) -> None:
    last = hear(stream, size)[-1]
    assert isinstance(last, StreamError)
    assert type(last.error) is error


def test_a_frame_that_is_too_large() -> None:
    decoder = CLAUDE.decoder({})
    events = decoder.feed(BEGIN + b"data: " + b"x" * (MAX_FRAME_BYTES + 1))
    assert isinstance(events[-1], StreamError)


@pytest.mark.parametrize("size", [None, 1, 7], ids=["whole", "bytes", "sevens"])
def test_a_document_where_a_stream_was_asked_for(size: int | None) -> None:
    message = {"id": "msg_1", "model": "m", "content": [{"type": "text", "text": "a"}], "stop_reason": "end_turn"}
    assert hear(b"\n" + orjson.dumps(message), size) == [
        MessageStart("msg_1", "m", Usage()),
        *part(0, Text(), "a"),
        MessageEnd(FinishReason.END, Usage()),
    ]
