"""A backend's stream -> events. The way back is `encoder.py`; a stream that stays as it is, `verbatim.py`.

Usual chunks are read by type, which takes a third of the time; every other one as a document, by `chunks.py`. An
answer ends at `[DONE]`, or with the connection once it has given a finish reason: anything less is a cut.

Reference: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from contextlib import suppress

from llmux.dialects.base import Names
from llmux.dialects.openai_chat.answer import decode_document, usage_in
from llmux.dialects.openai_chat.calls import Fragment
from llmux.dialects.openai_chat.chunks import Chunks
from llmux.dialects.openai_chat.errors import decode_error
from llmux.dialects.openai_chat.usual import UNUSUAL, Delta, decode_chunk, edge, usage_of
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError
from llmux.wire.sse import DONE, Frame, SseFramer, parse

OK = 200
EMPTY = "The backend's answer is empty."
CUT = "The backend's answer broke off."


class Decoder:
    """A backend's stream -> events. See dialects.base.Decoder."""

    __slots__ = ("_chunks", "_done", "_framer", "_over", "_plain")

    def __init__(self, names: Names) -> None:
        self._framer = SseFramer()
        self._chunks = Chunks(names)
        self._plain: list[bytes] | None = []  # the bytes so far, until a frame shows that this is a stream
        self._done = False
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        out: list[Event] = []
        if self._over:
            return out
        if self._plain is not None:
            self._plain.append(data)
        try:
            self._blocks(self._framer.blocks(data), out)
        except GatewayError as error:
            return self._fail(error, out)
        return self._end(out) if self._done else out

    def close(self) -> list[Event]:
        out: list[Event] = []
        if self._over:
            return out
        try:
            for event, data in self._framer.close() or self._unframed():
                self._unusual(event, data, out)
        except BackendGarbled:
            pass  # half a frame: what came before it decides
        except GatewayError as error:
            return self._fail(error, out)
        if self._done or self._chunks.first.finished:
            return self._end(out)
        return self._fail(BackendCut(CUT) if self._chunks.begun else BackendGarbled(EMPTY), out)

    def _blocks(self, blocks: list[bytes], out: list[Event]) -> None:
        """Read whole frames. A usual one is a single line: what has more lines is no JSON behind the first word."""
        chunks, reader = self._chunks, self._chunks.first
        for number, block in enumerate(blocks):
            if chunks.begun and block[:6] == b"data: ":
                try:
                    delta = decode_chunk(block[6:]).choices[0].delta
                except UNUSUAL:
                    pass
                else:
                    if delta.tool_calls or delta.reasoning_content or delta.reasoning:
                        self._say(delta, out)
                    elif delta.content:
                        reader.text(delta.content, out)
                    continue
            event, data = parse(block)
            if data and self._unusual(event, data, out):
                self._late(blocks[number + 1 :])
                return

    def _say(self, delta: Delta, out: list[Event]) -> None:
        """Reasoning, text and calls of one chunk: in the order in which a model says them."""
        reader = self._chunks.first
        if delta.reasoning_content:
            reader.reasoning("reasoning_content", delta.reasoning_content, out)
        if delta.reasoning:
            reader.reasoning("reasoning", delta.reasoning, out)
        if delta.content:
            reader.text(delta.content, out)
        for call in delta.tool_calls or ():
            function = call.function
            if call.id is None and function.name is None:
                reader.arguments(call.index, function.arguments, out)
            else:
                reader.call(Fragment(call.index, call.id or "", function.name or "", function.arguments), out)

    def _unusual(self, event: bytes, data: bytes, out: list[Event]) -> bool:
        """Read a frame that is not in the midst of an answer; True when it is the last one."""
        self._plain = None
        if data.strip() == DONE:
            self._done = True
        elif (event or not self._edge(data, out)) and (document := decode_document(event, data)):
            self._chunks.chunk(document, out)
        return self._done

    def _edge(self, data: bytes, out: list[Event]) -> bool:
        """Read the first or one of the last chunks by type, if it has the usual form."""
        chunk = edge(data)
        if chunk is None:
            return False
        chunks = self._chunks
        chunks.count(usage_of(chunk.usage, chunk.service_tier))
        if not chunks.begun:
            chunks.begin(chunk.id, chunk.created, chunk.model, out)
        for choice in chunk.choices:
            self._say(choice.delta, out)
            chunks.first.finish(choice.finish_reason)
        return True

    def _late(self, blocks: list[bytes]) -> None:
        """Behind the end some servers tell the usage; nothing else counts there."""
        for block in blocks:
            with suppress(GatewayError):
                self._chunks.count(usage_in(decode_document(*parse(block))))

    def _unframed(self) -> list[Frame]:
        """An answer that is no stream: a whole one in JSON, or an error page."""
        body = b"".join(self._plain or ()).strip()
        if body and not body.startswith((b"{", b":", b"data", b"event")):
            raise decode_error(OK, {}, body)
        return [(b"", body)] if body.startswith(b"{") else []

    def _end(self, out: list[Event]) -> list[Event]:
        if not self._chunks.first.spoke and not self._chunks.first.finished:
            return self._fail(BackendGarbled(EMPTY), out)
        self._over = True
        self._chunks.end(out)
        return out

    def _fail(self, error: GatewayError, out: list[Event]) -> list[Event]:
        self._over = True
        out.append(StreamError(error))
        return out
