"""Claude's event stream -> events. Deltas, nearly all of a stream, take a typed path; other frames are read whole.

Reference: https://docs.claude.com/en/docs/build-with-claude/streaming
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import msgspec

from llmux.dialects import faults
from llmux.dialects.base import SAME, Names
from llmux.dialects.claude.answer import decode_details, decode_finish, decode_usage, read_answer
from llmux.dialects.claude.assembler import Assembler, BlockDelta
from llmux.dialects.claude.schema import DIALECT
from llmux.dialects.document import decode
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.content import Extra
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, StreamError
from llmux.ir.fold import explode
from llmux.wire.sse import DONE, SseFramer, parse

Wire = dict[str, Any]

DELTA = b"event: content_block_delta\ndata: "
UNUSUAL = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what the typed path leaves to the other
_delta = msgspec.json.Decoder(BlockDelta).decode


class Decoder:
    """One stream."""

    __slots__ = ("_assembler", "_details", "_done", "_framer", "_names", "_started", "_stop", "_usage", "_whole")

    def __init__(self, names: Names = SAME) -> None:
        """`names` undoes the renaming of tools."""
        self._names = names
        self._framer = SseFramer()
        self._assembler = Assembler(names)
        self._whole: bytes | None = b""  # what came so far, until it is sure to be a stream
        self._started = self._done = False
        self._usage: Wire = {}
        self._stop: Wire = {}
        self._details: Wire = {}

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if self._done or (self._whole is not None and self._is_no_stream(data)):
            return out
        try:
            for block in self._framer.blocks(data):
                if not (block.startswith(DELTA) and self._more(out, block)):
                    self._frame(out, *parse(block))
        except GatewayError as error:
            self._fail(out, error)
        return out

    def close(self) -> list[Event]:
        """What follows from the end of the stream: an end that was not told, or a cut."""
        out: list[Event] = []
        if self._done:
            return out
        try:
            if self._whole:
                self._done = True
                return list(explode(read_answer(self._whole, self._names)))
            self._last_frame(out)
            if not self._done and not self._stop:
                raise BackendCut("The backend's answer ended before it was complete.")
            self._end(out, {})
        except GatewayError as error:
            self._fail(out, error)
        return out

    def _is_no_stream(self, data: bytes) -> bool:
        """A backend may answer with one JSON document, or with a page, although a stream was asked for."""
        whole = (self._whole or b"") + data
        begins = whole.lstrip()[:1]
        if begins in {b"{", b"[", b"<"}:
            self._whole = whole
            return True
        if begins:
            self._whole = None
        return False

    def _more(self, out: list[Event], frame: bytes) -> bool:
        """The typed path: whether `frame` says more of the open block, and nothing else."""
        try:
            found = _delta(frame[len(DELTA) :])
        except UNUSUAL:
            return False
        block, delta = self._assembler.block, found.delta
        if found.index != block.index or type(delta) is not block.expects:
            return False
        if delta.text:
            out.append(PartDelta(self._assembler.index, delta.text))
        return True

    def _frame(self, out: list[Event], event: bytes, data: bytes) -> None:
        if self._done or not data or data.strip() == DONE:
            return
        try:
            document = decode(data)
        except ValueError:
            raise BackendGarbled("The backend sent an event that is not JSON.") from None
        if not isinstance(document, dict):
            raise BackendGarbled("The backend sent an event that is no object.")
        kind = document.get("type") or event.decode(errors="replace")
        if step := self._STEPS.get(kind) if isinstance(kind, str) else None:
            if not self._started:
                self._begin(out, document)
            step(self, out, document)
        elif kind == "error" or document.get("error"):
            raise faults.decode_document(document)

    def _last_frame(self, out: list[Event]) -> None:
        """The frame that has no blank line behind it: told, if it is whole."""
        for event, data in self._framer.close():
            try:
                self._frame(out, event, data)
            except BackendGarbled:
                return

    # --- steps

    def _begin(self, out: list[Event], document: Wire) -> None:
        """The start of the message: `document` is message_start, or says nothing of it.

        An answer that goes on with calls from server tools is whole in its message_start.
        """
        self._started = True
        message = _object(document.get("message"))
        self._count(message.get("usage"))
        usage = decode_usage(self._usage) if self._usage else None
        out.append(MessageStart(str(message.get("id") or ""), str(message.get("model") or ""), usage))
        content = message.get("content")
        for index, block in enumerate(content if isinstance(content, list) else ()):
            self._assembler.start(out, {"index": index, "content_block": block})
        self._assembler.stop(out)
        self._learn(message)

    def _begun(self, _out: list[Event], _document: Wire) -> None:
        """message_start, which has been told; a second one says nothing."""

    def _start(self, out: list[Event], document: Wire) -> None:
        self._assembler.start(out, document)

    def _add(self, out: list[Event], document: Wire) -> None:
        self._assembler.delta(out, document)

    def _stop_block(self, out: list[Event], _document: Wire) -> None:
        self._assembler.stop(out)

    def _message_delta(self, _out: list[Event], document: Wire) -> None:
        self._learn(_object(document.get("delta")), document)
        self._count(document.get("usage"))

    def _learn(self, *told: Wire) -> None:
        """Why the answer ended, and what else was said with that."""
        self._stop |= {name: value for name in ("stop_reason", "stop_sequence") if (value := told[0].get(name))}
        if details := decode_details(*told):
            self._details |= details.fields

    def _count(self, usage: Any) -> None:
        """Later counts replace earlier ones; what is null says nothing."""
        self._usage |= {name: value for name, value in _object(usage).items() if value is not None}

    def _end(self, out: list[Event], _document: Wire) -> None:
        if self._done:
            return
        self._done = True
        self._assembler.stop(out)
        word, sequence = self._stop.get("stop_reason"), self._stop.get("stop_sequence")
        out.append(
            MessageEnd(
                decode_finish(word, calls=self._assembler.calls),
                decode_usage(self._usage),
                sequence if isinstance(sequence, str) else None,
                Extra(DIALECT, self._details) if self._details else None,
            )
        )

    def _fail(self, out: list[Event], error: GatewayError) -> None:
        self._done = True
        out.append(StreamError(error))

    _STEPS: ClassVar[Mapping[str, Callable[["Decoder", list[Event], Wire], None]]] = {
        "message_start": _begun,
        "content_block_start": _start,
        "content_block_delta": _add,
        "content_block_stop": _stop_block,
        "message_delta": _message_delta,
        "message_stop": _end,
    }


def _object(value: Any) -> Wire:
    return value if isinstance(value, dict) else {}
