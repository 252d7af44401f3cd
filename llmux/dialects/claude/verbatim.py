"""The verbatim lane: a backend's bytes as they came, in whole frames, and the few facts found in them.

Until something is said, every frame is read, so that a failure can still be met elsewhere. Then the bytes are only
searched for the frames that matter: a word in unescaped quotes cannot stand inside a JSON string, so a search without
a hit is certain, and a hit is read to be sure.

Reference: https://docs.claude.com/en/docs/build-with-claude/streaming
"""

import re
from typing import Any

import orjson
from msgspec.structs import replace

from llmux.dialects import faults
from llmux.dialects.claude.answer import decode_finish, decode_usage, read_message
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.ir.response import FinishReason
from llmux.wire.sse import BOM, DONE, MAX_FRAME_BYTES, Frame, SseFramer, parse

Wire = dict[str, Any]

MATTERS = frozenset({"message_start", "content_block_start", "content_block_delta", "message_delta", "message_stop"})
SILENT = ("text", "thinking")  # blocks whose start says nothing yet
FRAME_END = re.compile(rb"\n\r?\n|\r\r")
BLANKS = (b"\n\n", b"\n\r\n", b"\r\r")
WORDS = (b'message_delta"', b'message_stop"', b'"error"')  # one of them stands in each frame that may end an answer
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'


class VerbatimDecoder:
    """One stream, passed on."""

    __slots__ = ("_content", "_done", "_last", "_pending", "_size", "_stopped", "_usage")

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # an incomplete frame, as it came; joined once
        self._last = b""  # its last two bytes
        self._size = 0
        self._usage: Wire = {}
        self._content = self._stopped = self._done = False

    def feed(self, data: bytes) -> list[Event]:
        """The whole frames that `data` completes, as one event, and behind it the failure that ends them."""
        if self._done:
            return []
        if self._content and not self._pending and data.endswith(b"\n\n") and not _may_matter(data):
            return [Verbatim(data)]  # nearly every read
        cut = self._cut(data)
        if not cut:
            return self._hold(data)
        whole = data[:cut]
        if self._pending:
            whole = b"".join((*self._pending, whole))
            self._pending, self._last, self._size = [], b"", 0
        events = self._tell(whole)
        return events if _is_over(events) else events + self._hold(data[cut:])

    def close(self) -> list[Event]:
        """What follows from the end of the stream. What its form lacks is added; what its content lacks is a cut."""
        if self._done:
            return []
        rest = b"".join(self._pending)
        if not self._content and rest.lstrip()[:1] in {b"{", b"[", b"<"}:
            return self._fail(_no_stream(rest))
        events = self._tell(rest.rstrip(b"\r\n") + b"\n\n") if _is_whole(rest) else []
        return events if _is_over(events) else events + self._finish()

    def _finish(self) -> list[Event]:
        """The end that was not told: of a whole answer, or of a cut one."""
        if not self._stopped:
            return self._fail(BackendCut("The backend's answer ended before it was complete."))
        self._done = True
        return [Verbatim(STOP, content=self._content, done=True)]

    def _cut(self, data: bytes) -> int:
        """Where the last whole frame ends in `data`; 0 when none does."""
        if data.endswith(b"\n\n"):
            return len(data)
        cut = max(data.rfind(b"\n\n") + 2, data.rfind(b"\n\r\n") + 3, data.rfind(b"\r\r") + 2)
        if cut > len(b"\n\r\n"):
            return cut
        # No blank line, or one so early that it may lie across the cut between two reads.
        near = self._last + data[:3]
        return max((match.end() - len(self._last) for match in FRAME_END.finditer(near)), default=0)

    def _hold(self, data: bytes) -> list[Event]:
        if not data:
            return []
        self._size += len(data)
        if self._size > MAX_FRAME_BYTES:
            return self._fail(BackendGarbled("The backend sent an event that is too large."))
        self._pending.append(data)
        self._last = (self._last + data[-2:])[-2:]
        return []

    def _tell(self, whole: bytes) -> list[Event]:
        """`whole` frames, with the facts that are in them."""
        if self._content and not _may_matter(whole):
            return [Verbatim(whole)]
        told = Verbatim(whole)
        begin = 0
        while match := FRAME_END.search(whole, begin := self._next(whole, begin)):
            try:
                told = self._read(whole[begin : match.end()], told)
            except GatewayError as error:
                before = replace(told, data=whole[:begin], content=self._content)
                return ([before] if begin else []) + self._fail(error)
            begin = match.end()
            if told.done:
                return [replace(told, data=whole[:begin], content=self._content)]
        return [replace(told, content=self._content)]

    def _next(self, whole: bytes, begin: int) -> int:
        """Where the next frame that must be read begins: this one, or, once something is said, one that may matter."""
        if not self._content:
            return begin
        hits = [hit for word in WORDS if (hit := whole.find(word, begin)) >= 0]
        if not hits:
            return len(whole)
        hit = min(hits)
        ends = (whole.rfind(blank, begin, hit) + len(blank) for blank in BLANKS if blank in whole[begin:hit])
        return max(ends, default=begin)

    def _read(self, frame: bytes, told: Verbatim) -> Verbatim:
        """`told`, and what `frame` adds to it.

        Raises:
            GatewayError: the one that the frame tells of.
        """
        event, data = parse_raw(frame)
        if not data:
            return told
        kind, document = self._document(event, data)
        if kind not in MATTERS and (kind == "error" or document.get("error")):
            raise faults.decode_document(document)
        self._content = self._content or _says_something(kind, document)
        return self._learn(kind, document, told)

    def _document(self, event: bytes, data: bytes) -> tuple[str, Wire]:
        if data.strip() == DONE:
            return "", {}
        try:
            document = orjson.loads(data)
        except orjson.JSONDecodeError:
            document = None
        if not isinstance(document, dict):
            if self._content:
                return "", {}  # the client will see it as it came
            raise BackendGarbled("The backend sent an event that is not JSON.")
        return str(document.get("type") or event.decode(errors="replace")), document

    def _learn(self, kind: str, document: Wire, told: Verbatim) -> Verbatim:
        if kind == "message_stop":
            self._done = True
            reason = told.finish_reason if self._stopped else FinishReason.END
            usage = decode_usage(self._usage) if self._usage else None
            return replace(told, usage=usage, done=True, finish_reason=reason)
        if kind not in {"message_start", "message_delta"}:
            return told
        message = _object(document.get("message")) if kind == "message_start" else document
        self._usage |= {name: value for name, value in _object(message.get("usage")).items() if value is not None}
        word = _object(document.get("delta")).get("stop_reason") or message.get("stop_reason")
        self._stopped = self._stopped or bool(word)
        usage = decode_usage(self._usage) if self._usage else None
        return replace(told, usage=usage, finish_reason=finish_reason(word) if word else told.finish_reason)

    def _fail(self, error: GatewayError) -> list[Event]:
        self._done = True
        return [StreamError(error)]


def _may_matter(data: bytes) -> bool:
    """Whether a frame in `data` may end the answer. A text may end in such a word too; read, it is a text."""
    # From the end, because that is where they are; and a search from there takes half the time of one from the start.
    delta, stop, error = WORDS
    return data.rfind(delta) >= 0 or data.rfind(stop) >= 0 or data.rfind(error) >= 0


def parse_raw(frame: bytes) -> Frame:
    """One frame as it came, with any line ends."""
    if b"\r" in frame:
        frame = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return parse(frame.removeprefix(BOM).strip(b"\n"))


def _is_over(events: list[Event]) -> bool:
    last = events[-1] if events else None
    return isinstance(last, StreamError) or (isinstance(last, Verbatim) and last.done)


def finish_reason(word: Any) -> FinishReason:
    """Why the answer ended, by the backend's word alone."""
    return decode_finish(word, calls=word == "tool_use")


def _says_something(kind: str, document: Wire) -> bool:
    if kind == "content_block_start":
        block = _object(document.get("content_block"))
        return block.get("type") not in SILENT or bool(block.get("text") or block.get("thinking"))
    if kind == "message_start":
        return bool(_object(document.get("message")).get("content"))
    return kind == "content_block_delta"


def _object(value: Any) -> Wire:
    return value if isinstance(value, dict) else {}


def _is_whole(rest: bytes) -> bool:
    """Whether a frame lacks nothing but its blank line."""
    framer = SseFramer()
    frames: list[Frame] = framer.feed(rest) + framer.close()
    try:
        return bool(frames) and all(isinstance(orjson.loads(data), dict) for _, data in frames)
    except orjson.JSONDecodeError:
        return False


def _no_stream(body: bytes) -> GatewayError:
    """A document where a stream was asked for: what it tells of, or that it is none."""
    try:
        read_message(body)
    except GatewayError as error:
        return error
    return BackendGarbled("The backend answered with one document where a stream was asked for.")


def verbatim_response(body: bytes) -> Verbatim:
    """A whole answer, passed on.

    Raises:
        GatewayError: the one that the body tells of, or BackendGarbled when it is no answer of Claude's.
    """
    document = read_message(body)
    return Verbatim(
        body,
        content=bool(document["content"]),
        usage=decode_usage(_object(document.get("usage"))),
        finish_reason=finish_reason(document.get("stop_reason")),
        done=True,
    )
