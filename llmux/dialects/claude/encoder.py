"""Events -> Claude's event stream, exactly in its grammar: blocks are dense, one after the other, and all are closed.

A failure leaves the open block open: what was cut must not look finished.

Reference: https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from llmux.dialects.base import AnswerForm
from llmux.dialects.claude.answer import encode_finish, encode_parts, encode_usage, message_id, proven, signature
from llmux.dialects.claude.blocks import tool_use
from llmux.dialects.claude.errors import error_document
from llmux.dialects.claude.schema import DIALECT, MAKER
from llmux.dialects.document import line
from llmux.ir.content import Part, Reasoning, Refusal, Text, ToolCall, restore
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
    Verbatim,
)
from llmux.ir.usage import Usage

Wire = dict[str, Any]

PING = b'event: ping\ndata: {"type":"ping"}\n\n'
COMMENT = b": keepalive\n\n"
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'

# A frame of a delta: HEAD with the index and the words of the part's type, the text as JSON, TAIL.
HEAD = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":%d,"delta":{"type":"%b:'
TAIL = b"}}\n\n"
DELTAS: Mapping[type[Part], bytes] = {
    Text: b'text_delta","text"',
    Refusal: b'text_delta","text"',
    Reasoning: b'thinking_delta","thinking"',
    ToolCall: b'input_json_delta","partial_json"',
}
FREE_TEXT = ('{"input":"', '"}')  # what stands around the argument of a custom tool: see dialects/arguments.py
HAVE_INPUT = ("server_tool_use", "mcp_tool_use")


def frame(kind: str, **fields: Any) -> bytes:
    """One event."""
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), line({"type": kind, **fields}))


class Encoder:
    """One stream."""

    __slots__ = ("_done", "_form", "_free", "_head", "_index", "_is_signed", "_open", "_started")

    def __init__(self, form: AnswerForm) -> None:
        self._form = form
        self._index = 0  # of the open block, or the next one
        self._open: type[Part] | None = None
        self._head = b""  # of a delta of the open block; empty when none is open
        self._free = b""  # the same, of a call whose argument is free text
        self._is_signed = False
        self._started = self._done = False

    def feed(self, events: Sequence[Event]) -> bytes:
        """The frames that tell `events`."""
        out: list[bytes] = []
        for event in events:
            if type(event) is PartDelta:
                if self._head:
                    out += (self._head, line(event.delta), TAIL)
                elif self._free:  # a piece of the one string of an object
                    out += (self._free, line(line(event.delta)[1:-1].decode()), TAIL)
            elif step := self._STEPS.get(type(event)):
                step(self, out, event)
        return b"".join(out)

    def keepalive(self) -> bytes:
        """A ping where the grammar has one, else a comment; nothing after the end."""
        if self._done:
            return b""
        return PING if self._started else COMMENT

    def _verbatim(self, out: list[bytes], event: Verbatim) -> None:
        self._started = True
        self._done = event.done
        out.append(event.data)

    def _begin(self, out: list[bytes], event: MessageStart) -> None:
        self._started = True
        usage = event.usage or Usage(input_tokens=self._form.input_tokens)
        message: Wire = {
            "id": message_id(event.id, self._form.id),
            "type": "message",
            "role": "assistant",
            "model": self._form.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": encode_usage(usage),
        }
        out.append(frame("message_start", message=message))

    def _start_part(self, out: list[bytes], event: PartStart) -> None:
        part = event.part
        if isinstance(part, Text | Refusal):
            self._start(out, type(part), {"type": "text", "text": "", **restore(DIALECT, part.extra)})
        elif isinstance(part, Reasoning) and not part.states:
            self._start(out, Reasoning, {"type": "thinking", "thinking": "", "signature": ""})
        elif isinstance(part, ToolCall):
            self._whole(out, [proven("", state) for state in part.states])
            self._start(out, ToolCall, {**tool_use(part.id, part.name, {}), **restore(DIALECT, part.extra)})
            if part.kind == "custom":
                self._free, self._head = self._head, b""
                out += (self._free, line(FREE_TEXT[0]), TAIL)
        else:
            self._whole(out, encode_parts((part,)))
            self._is_signed = isinstance(part, Reasoning)

    def _start(self, out: list[bytes], part: type[Part], block: Wire) -> None:
        self._open, self._is_signed = part, False
        self._head = HEAD % (self._index, DELTAS[part])
        out.append(frame("content_block_start", index=self._index, content_block=block))

    def _whole(self, out: list[bytes], blocks: list[Wire]) -> None:
        """Blocks that come complete. SDKs show text, arguments and signatures only from deltas."""
        for block in blocks:
            if delta := WHOLE.get(block["type"], _nothing)(block):
                empty = {name: type(value)() for name, value in block.items() if name in EMPTIED}
                out.append(frame("content_block_start", index=self._index, content_block=block | empty))
                out.append(frame("content_block_delta", index=self._index, delta=delta))
            else:
                out.append(frame("content_block_start", index=self._index, content_block=block))
            self._stop(out)

    def _stop(self, out: list[bytes]) -> None:
        out.append(frame("content_block_stop", index=self._index))
        self._index += 1
        self._open, self._head = None, b""

    def _state(self, out: list[bytes], event: PartState) -> None:
        """The signature; a second one, or hidden reasoning, is a block of its own."""
        if self._open is not Reasoning and not self._is_signed:
            return  # a proof that comes after its call has begun: the grammar has no place for it
        is_redacted = (event.state.maker, event.state.kind) == (MAKER, "redacted")
        if self._open is None or self._is_signed or is_redacted:
            self._close_part(out)
            self._whole(out, [proven("", event.state)])
        else:
            delta = {"type": "signature_delta", "signature": signature(event.state)}
            out.append(frame("content_block_delta", index=self._index, delta=delta))
        self._is_signed = True

    def _cite(self, out: list[bytes], event: PartCitation) -> None:
        if self._open is Text and event.citation.dialect == DIALECT:
            delta = {"type": "citations_delta", "citation": event.citation.raw}
            out.append(frame("content_block_delta", index=self._index, delta=delta))

    def _end_part(self, out: list[bytes], _event: PartEnd) -> None:
        if self._free:
            out += (self._free, line(FREE_TEXT[1]), TAIL)
            self._free = b""
        self._close_part(out)
        self._is_signed = False

    def _close_part(self, out: list[bytes]) -> None:
        if self._open is not None:
            self._stop(out)

    def _end(self, out: list[bytes], event: MessageEnd) -> None:
        self._done = True
        details = dict(restore(DIALECT, event.details))
        management = {name: details.pop(name) for name in ("context_management",) if name in details}
        delta = {**encode_finish(event.finish_reason, event.stop_sequence), **details}
        out += (frame("message_delta", delta=delta, usage=encode_usage(event.usage), **management), STOP)

    def _fail(self, out: list[bytes], event: StreamError) -> None:
        self._done = True
        document = error_document(event.error, self._form.id)
        out.append(b"event: error\ndata: %b\n\n" % line(document))

    _STEPS: ClassVar[Mapping[type[Event], Callable[["Encoder", list[bytes], Any], None]]] = {
        Verbatim: _verbatim,
        MessageStart: _begin,
        PartStart: _start_part,
        PartState: _state,
        PartCitation: _cite,
        PartEnd: _end_part,
        MessageEnd: _end,
        StreamError: _fail,
    }


def _nothing(_block: Wire) -> Wire:
    return {}


def _input(block: Wire) -> Wire:
    return {"type": "input_json_delta", "partial_json": line(block["input"]).decode()} if block.get("input") else {}


EMPTIED = ("text", "input", "signature")
WHOLE: Mapping[str, Callable[[Wire], Wire]] = {
    "text": lambda block: {"type": "text_delta", "text": block["text"]},
    "thinking": lambda block: {"type": "signature_delta", "signature": block["signature"]},
    "server_tool_use": _input,
    "mcp_tool_use": _input,
}
