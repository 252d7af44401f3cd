"""The verbatim lane: a backend's bytes as they came, in whole frames, and the few facts found in them.

Until something is said, every frame is read, so that a failure can still be met elsewhere. Then the bytes are only
searched for the frames that matter: a word in unescaped quotes cannot stand inside a JSON string, so a search without
a hit is certain, and a hit is read to be sure.
"""

import re
from typing import Any

from msgspec.structs import replace

from llmux.dialects.openai_responses.answer import decode_finish, decode_usage, failure_in, failure_of, load, objects
from llmux.dialects.openai_responses.calls import is_call
from llmux.dialects.openai_responses.reader import ENDS, FAILURES
from llmux.dialects.openai_responses.stream import CUT, NO_STREAM, Decoder
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.wire.sse import BOM, DONE, MAX_FRAME_BYTES, Frame, SseFramer, parse

Wire = dict[str, Any]

FRAME_END = re.compile(rb"\n\r?\n|\r\r")
BLANKS = (b"\n\n", b"\n\r\n", b"\r\r")
# One of these stands in each frame that may end an answer.
WORDS = (b'response.completed"', b'response.incomplete"', b'response.failed"', b'response.cancelled"', b'"error"')
# Events that say nothing of the answer yet, and items whose beginning says nothing.
SILENT = frozenset({
    "response.created", "response.in_progress", "response.queued", "response.content_part.added",
    "response.reasoning_summary_part.added", "keepalive", "",
})  # fmt: skip
SILENT_ITEMS = ("message", "reasoning")


class VerbatimDecoder:
    """One stream, passed on. See dialects.base.Decoder."""

    __slots__ = ("_content", "_done", "_last", "_pending", "_size", "_streams")

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # an incomplete frame, as it came; joined once
        self._last = b""  # its last two bytes
        self._size = 0
        self._content = self._streams = self._done = False

    def feed(self, data: bytes) -> list[Event]:
        """The whole frames that `data` completes, as one event, and behind it the failure that ends them."""
        if self._done:
            return []
        if self._content and not self._pending and data.endswith(b"\n\n") and not may_matter(data):
            return [Verbatim(data)]  # nearly every read
        cut = self._cut(data)
        if not cut:
            return self._hold(data)
        whole = data[:cut]
        if self._pending:
            whole = b"".join((*self._pending, whole))
            self._pending, self._last, self._size = [], b"", 0
        events = self._tell(whole)
        return events if self._done else events + self._hold(data[cut:])

    def close(self) -> list[Event]:
        """What follows from the end of the stream: a cut, unless a last frame lacked nothing but its blank line."""
        if self._done:
            return []
        rest = b"".join(self._pending)
        if not self._streams and rest.lstrip()[:1] in NO_STREAM:
            return self._as_other_than_stream(rest)
        events = self._tell(rest.rstrip(b"\r\n") + b"\n\n") if _is_whole(rest) else []
        return events if self._done else events + self._fail(BackendCut(CUT))

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
        if self._content and not may_matter(whole):
            return [Verbatim(whole)]
        told, begin = Verbatim(whole), 0
        while match := FRAME_END.search(whole, begin := self._next(whole, begin)):
            try:
                told = self._read(whole[begin : match.end()], told)
            except GatewayError as error:
                before = replace(told, data=whole[:begin], content=self._content)
                return ([before] if begin else []) + self._fail(error)
            begin = match.end()
            if told.done:
                self._done = True
                return [replace(told, data=whole[:begin])]
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
        if not data or data.strip() == DONE:
            return told
        document = self._document(data)
        kind = str(document.get("type") or event.decode(errors="replace"))
        self._streams = True
        if kind in FAILURES or (document.get("error") and not kind.startswith("response.")):
            raise failure_of(document)
        self._content = self._content or says_something(kind, document)
        return _ended(document.get("response"), told) if kind in ENDS else told

    def _document(self, data: bytes) -> Wire:
        try:
            document = load(data)
        except BackendGarbled:
            document = None
        if isinstance(document, dict):
            return document
        if self._content:
            return {}  # the client will see it as it came
        raise BackendGarbled("The backend sent an event that is not JSON.")

    def _fail(self, error: GatewayError) -> list[Event]:
        self._done = True
        return [StreamError(error)]

    def _as_other_than_stream(self, body: bytes) -> list[Event]:
        """A whole answer or a failure in JSON, or an error page: told as events, for it is no stream."""
        self._done = True
        decoder = Decoder()
        return decoder.feed(body) + decoder.close()


def _ended(response: Any, told: Verbatim) -> Verbatim:
    """What the last event says.

    Raises:
        GatewayError: it tells of a failure all the same.
    """
    wire = response if isinstance(response, dict) else {}
    if failure := failure_in(wire):
        raise failure
    reason = decode_finish(wire, called=any(map(is_call, objects(wire.get("output")))), refused=False)
    return replace(told, content=True, usage=decode_usage(wire), finish_reason=reason, done=True)


def may_matter(data: bytes) -> bool:
    """Whether a frame in `data` may end the answer. A text may end in such a word too; read, it is a text."""
    # From the end, because that is where they are; and a search from there takes half the time of one from the start.
    completed, incomplete, failed, cancelled, error = WORDS
    return (
        data.rfind(completed) >= 0
        or data.rfind(incomplete) >= 0
        or data.rfind(failed) >= 0
        or data.rfind(cancelled) >= 0
        or data.rfind(error) >= 0
    )


def parse_raw(frame: bytes) -> Frame:
    """One frame as it came, with any line ends."""
    if b"\r" in frame:
        frame = frame.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return parse(frame.removeprefix(BOM).strip(b"\n"))


def says_something(kind: str, document: Wire) -> bool:
    """Whether an event is the commit point: words, a call, or an item of the provider's own."""
    if kind == "response.output_item.added":
        item = document.get("item")
        return isinstance(item, dict) and item.get("type") not in SILENT_ITEMS
    return kind.startswith("response.") and kind not in SILENT


def _is_whole(rest: bytes) -> bool:
    """Whether a frame lacks nothing but its blank line."""
    framer = SseFramer()
    try:
        frames: list[Frame] = framer.feed(rest) + framer.close()
        return bool(frames) and all(isinstance(load(data), dict) for _, data in frames)
    except BackendGarbled:
        return False
