"""Events -> Claude's event stream: exactly its grammar, and nothing else."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from llmux.dialects.base import AnswerForm
from llmux.dialects.claude import CLAUDE
from llmux.dialects.envelope import seal
from llmux.errors import BackendCut
from llmux.ir.content import (
    Citation,
    Extra,
    Image,
    Link,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Text,
    ToolCall,
)
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    Opened,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    UsageUpdate,
    Verbatim,
)
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

Wire = dict[str, Any]

FORM = AnswerForm(id="7", model="asked", created=1, input_tokens=12)
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
BEGIN = MessageStart("chatcmpl-1", "backend's")
END = MessageEnd(FinishReason.END, Usage(3, 2))


def frames(stream: bytes) -> list[Wire]:
    """The documents of a stream, whose frames must be exactly as the grammar has them."""
    *whole, rest = stream.split(b"\n\n")
    assert rest == b""
    documents = []
    for frame in whole:
        name, data = frame.split(b"\n")
        document = orjson.loads(data.removeprefix(b"data: "))
        assert name == b"event: " + document["type"].encode()
        documents.append(document)
    return documents


def tell(*events: Event) -> list[Wire]:
    """What a client hears, in one batch and one by one."""
    whole = CLAUDE.encoder(FORM).feed(events)
    encoder = CLAUDE.encoder(FORM)
    assert b"".join(encoder.feed([event]) for event in events) == whole
    return frames(whole)


def test_a_whole_answer() -> None:
    assert tell(
        Opened("b", "m", 1),
        BEGIN,
        PartStart(0, Text()),
        PartDelta(0, "a"),
        UsageUpdate(Usage(1, 1)),
        PartDelta(0, 'é"\u2028'),
        PartEnd(0),
        END,
    ) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_7",
                "type": "message",
                "role": "assistant",
                "model": "asked",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {
                    "input_tokens": 12,
                    "cache_creation_input_tokens": 0,
                    "cache_read_input_tokens": 0,
                    "output_tokens": 0,
                },
            },
        },
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "a"}},
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": 'é"\u2028'}},
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 3,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 0,
                "output_tokens": 2,
            },
        },
        {"type": "message_stop"},
    ]


def test_a_claudes_own_id_and_usage_are_told() -> None:
    (start,) = tell(MessageStart("msg_1", "m", Usage(5, 1)))
    assert (start["message"]["id"], start["message"]["usage"]["input_tokens"]) == ("msg_1", 5)


def start(index: int, **block: Any) -> Wire:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index: int, kind: str, **fields: Any) -> Wire:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **fields}}


def stop(index: int) -> Wire:
    return {"type": "content_block_stop", "index": index}


def proof(index: int, signature: str) -> list[Wire]:
    """A block that holds a signature and no text."""
    empty = start(index, type="thinking", thinking="", signature="")
    return [empty, delta(index, "signature_delta", signature=signature), stop(index)]


SIGNED = ReasoningState("anthropic", "signature", "S")
HIDDEN = ReasoningState("anthropic", "redacted", "D")
FOREIGN = ReasoningState("google", "signature", "G")
CITED: Wire = {"type": "char_location", "cited_text": "q"}
SERVER: Wire = {"type": "server_tool_use", "id": "s", "name": "n", "input": {"q": 1}}
FOUND: Wire = {"type": "web_search_tool_result", "tool_use_id": "s", "content": []}

PARTS: dict[str, tuple[Part, list[Event], list[Wire]]] = {
    "refusal": (
        Refusal(),
        [PartDelta(0, "no")],
        [start(0, type="text", text=""), delta(0, "text_delta", text="no"), stop(0)],
    ),
    "text with its own field": (
        Text(extra=Extra("claude", {"mood": 1})),
        [],
        [start(0, type="text", text="", mood=1), stop(0)],
    ),
    "citations": (
        Text(),
        [PartCitation(0, Citation("claude", CITED)), PartCitation(0, Citation("o", {}))],
        [start(0, type="text", text=""), delta(0, "citations_delta", citation=CITED), stop(0)],
    ),
    "reasoning": (
        Reasoning(),
        [PartDelta(0, "t"), PartState(0, SIGNED)],
        [
            start(0, type="thinking", thinking="", signature=""),
            delta(0, "thinking_delta", thinking="t"),
            delta(0, "signature_delta", signature="S"),
            stop(0),
        ],
    ),
    "another maker's": (
        Reasoning(),
        [PartState(0, FOREIGN)],
        proof(0, seal(FOREIGN)),
    ),
    "two proofs": (
        Reasoning(),
        [PartState(0, SIGNED), PartState(0, FOREIGN)],
        [*proof(0, "S"), *proof(1, seal(FOREIGN))],
    ),
    "a proof of what is hidden": (
        Reasoning(),
        [PartDelta(0, "t"), PartState(0, HIDDEN)],
        [
            start(0, type="thinking", thinking="", signature=""),
            delta(0, "thinking_delta", thinking="t"),
            stop(0),
            start(1, type="redacted_thinking", data="D"),
            stop(1),
        ],
    ),
    "hidden": (Reasoning(states=(HIDDEN,)), [], [start(0, type="redacted_thinking", data="D"), stop(0)]),
    "proofs alone": (
        Reasoning(states=(SIGNED,)),
        [PartState(0, FOREIGN)],
        [*proof(0, "S"), *proof(1, seal(FOREIGN))],
    ),
    "call": (
        ToolCall(id="functions.x:0", name="f", extra=Extra("claude", {"caller": 1})),
        [PartDelta(0, "{}")],
        [
            start(0, type="tool_use", id="tu_ZnVuY3Rpb25zLng6MA", name="f", input={}, caller=1),
            delta(0, "input_json_delta", partial_json="{}"),
            stop(0),
        ],
    ),
    "call of a tool that takes free text": (
        ToolCall(id="a", name="f", kind="custom"),
        [PartDelta(0, 'a "b"\n'), PartDelta(0, "é")],
        [
            start(0, type="tool_use", id="a", name="f", input={}),
            *(delta(0, "input_json_delta", partial_json=piece) for piece in ('{"input":"', 'a \\"b\\"\\n', "é", '"}')),
            stop(0),
        ],
    ),
    "call with a proof": (
        ToolCall(id="a", name="f", states=(FOREIGN,)),
        [PartState(0, SIGNED)],  # too late: there is no place for it
        [*proof(0, seal(FOREIGN)), start(1, type="tool_use", id="a", name="f", input={}), stop(1)],
    ),
    "server tool": (
        Opaque(dialect="claude", raw=SERVER),
        [],
        [start(0, **SERVER | {"input": {}}), delta(0, "input_json_delta", partial_json='{"q":1}'), stop(0)],
    ),
    "server tool without arguments": (
        Opaque(dialect="claude", raw=SERVER | {"input": {}}),
        [],
        [start(0, **SERVER | {"input": {}}), stop(0)],
    ),
    "its result": (Opaque(dialect="claude", raw=FOUND), [], [start(0, **FOUND), stop(0)]),
    "another's block": (Opaque(dialect="o", raw={}), [], []),
    "another's block, told": (
        Opaque(dialect="o", raw={}, text="x"),
        [],
        [start(0, type="text", text=""), delta(0, "text_delta", text="x"), stop(0)],
    ),
    "a picture": (Image(source=Link("u")), [PartDelta(0, "?")], []),
}


@pytest.mark.parametrize(("part", "events", "told"), PARTS.values(), ids=PARTS)
def test_parts(part: Part, events: Sequence[Event], told: list[Wire]) -> None:
    heard = tell(BEGIN, PartStart(0, part), *events, PartEnd(0), END)
    assert heard[1:-2] == told


def test_blocks_are_counted_as_the_client_sees_them() -> None:
    heard = tell(
        *(PartStart(0, Image(source=Link("u"))), PartEnd(0)),
        *(PartStart(1, Reasoning()), PartState(1, SIGNED), PartState(1, FOREIGN), PartEnd(1)),
        *(PartStart(2, Text()), PartDelta(2, "a"), PartEnd(2)),
    )
    assert [document["index"] for document in heard] == [0, 0, 0, 1, 1, 1, 2, 2, 2]


def test_details_of_the_end() -> None:
    details = {"stop_details": {"type": "refusal"}, "context_management": {"applied_edits": []}}
    said, _ = tell(MessageEnd(FinishReason.STOP_SEQUENCE, Usage(), "X", Extra("claude", details)))
    assert said["delta"] == {"stop_reason": "stop_sequence", "stop_sequence": "X", "stop_details": {"type": "refusal"}}
    assert said["context_management"] == {"applied_edits": []}


def test_a_failure_leaves_the_block_open() -> None:
    heard = tell(BEGIN, PartStart(0, Text()), PartDelta(0, "par"), StreamError(BackendCut("It broke off.")))
    assert heard[-1] == {
        "type": "error",
        "error": {"type": "api_error", "message": "It broke off."},
        "request_id": "7",
    }
    assert [document["type"] for document in heard[1:-1]] == ["content_block_start", "content_block_delta"]


def test_the_verbatim_lane() -> None:
    encoder = CLAUDE.encoder(FORM)
    assert encoder.feed([Opened("b", "m", 1), Verbatim(b"a", content=False), Verbatim(b"b")]) == b"ab"
    assert encoder.keepalive() == PING
    assert frames(encoder.feed([StreamError(BackendCut("x"))]))[0]["type"] == "error"
    assert encoder.keepalive() == b""


def test_keepalive() -> None:
    encoder = CLAUDE.encoder(FORM)
    assert encoder.keepalive() == b": keepalive\n\n"
    encoder.feed([BEGIN])
    assert encoder.keepalive() == PING
    encoder.feed([END])
    assert encoder.keepalive() == b""
    passed = CLAUDE.encoder(FORM)
    passed.feed([Verbatim(b"x", done=True)])
    assert passed.keepalive() == b""
