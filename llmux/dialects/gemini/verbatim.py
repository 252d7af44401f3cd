"""A backend's answer for a client of this same dialect: bytes as they came, and the few facts that the house needs.

Until the first words every chunk is read: a failure there is told as such and its bytes are not given, so that another
backend can still be asked. From then on chunks pass unread, but for those that may tell of an end or a failure, and
the last one, which tells the usage. A word in unescaped quotes cannot stand inside a JSON string, so a search without a
hit is certain.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import suppress

from llmux.dialects.gemini.facts import Facts
from llmux.dialects.gemini.stream import CUT, EMPTY, Decoder, begins_with
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.wire.json_array import ArrayFramer
from llmux.wire.sse import BOM, CR, DONE, MAX_FRAME_BYTES, parse

# One of them stands in each chunk that may end an answer, or break it.
MATTERS = (b'"finishReason"', b'"error"', b'"promptFeedback"')
OTHER = re.compile(rb'"index": ?[1-9]')  # an answer is not complete before its last candidate is
ENDS = (b"\r\n\r\n", b"\n\n")
LF_END, ANY_END = re.compile(rb"\n\n"), re.compile(rb"\n\r?\n|\r\r")
BLANKS = (b"\n\n", b"\n\r\n", b"\r\r")


def matters(data: bytes) -> bool:
    """Whether a chunk in `data` may tell of an end, a failure, or another candidate."""
    end, error, blocked = MATTERS
    told = data.rfind(end) >= 0 or data.rfind(error) >= 0 or data.rfind(blocked) >= 0
    return told or OTHER.search(data) is not None


class _Lane(ABC):
    """What both forms have in common: bytes that wait, and how an answer ends."""

    __slots__ = ("_begun", "_facts", "_is_other", "_other", "_over", "_pending", "_size", "_streams")

    def __init__(self, is_other: Callable[[bytes], bool]) -> None:
        """`is_other`: whether what begins with this character is no stream of this form."""
        self._is_other = is_other
        self._facts = Facts()
        self._pending: list[bytes] = []  # what does not end a chunk yet; joined once
        self._size = 0
        self._begun = False  # a first character has come
        self._streams = False  # a chunk has come
        self._other: Decoder | None = None  # it is something else, and is told as events
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """The whole chunks that `data` completes."""
        if self._over or not data:
            return []
        if not self._begun and (first := begins_with(data)):
            self._begun = True
            self._other = Decoder() if self._is_other(first) else None
        return self._pass(data) if self._other is None else self._other.feed(self._take(data))

    def close(self) -> list[Event]:
        """The end."""
        if self._over:
            return []
        return self._finish() if self._other is None else self._other.close()

    @abstractmethod
    def _pass(self, data: bytes) -> list[Event]:
        """The whole chunks that `data` completes, of a stream that has this form."""

    @abstractmethod
    def _finish(self) -> list[Event]:
        """The end of a stream that has this form."""

    def _given(self, data: bytes, *, done: bool = False) -> Event:
        facts = self._facts
        return Verbatim(data, facts.content, facts.usage, facts.finish_reason, done)

    def _hold(self, data: bytes) -> list[Event]:
        self._size += len(data)
        if self._size > MAX_FRAME_BYTES:
            return self._fail(BackendGarbled("The backend sent an event that is too large."))
        if data:
            self._pending.append(data)
        return []

    def _take(self, data: bytes) -> bytes:
        """What waits, and `data` behind it."""
        whole = b"".join((*self._pending, data)) if self._pending else data
        self._pending.clear()
        self._size = 0
        return whole

    def _fail(self, error: GatewayError, before: bytes = b"") -> list[Event]:
        """The failure, behind those whole chunks that came before it."""
        self._over = True
        return [*([self._given(before)] if before else []), StreamError(error)]

    def _end(self, rest: bytes) -> list[Event]:
        """The end of the stream: of a whole answer, with `rest` as its last bytes, or of a cut one."""
        if not self._facts.finished:
            return self._fail(BackendCut(CUT) if self._streams else BackendGarbled(EMPTY))
        self._over = True
        return [self._given(rest, done=True)]


class VerbatimDecoder(_Lane):
    """Server-sent events, unchanged. See dialects.base.Decoder."""

    __slots__ = ("_edge", "_last")

    def __init__(self) -> None:
        super().__init__(lambda first: first in {b"{", b"[", b"<"})
        self._edge = b""  # the last bytes that wait: a blank line may lie across the cut
        self._last = b""  # the last frames that passed, perhaps unread

    def _pass(self, data: bytes) -> list[Event]:
        if self._facts.content and not self._pending and data.endswith(ENDS) and not matters(data):
            self._last = data
            return [Verbatim(data)]  # whole frames that need no reading, as nearly every read brings
        end = last_frame_end(self._edge + data) - len(self._edge)
        if end <= 0:
            self._edge = (self._edge + data)[-3:]
            return self._hold(data)
        self._edge = data[end:][-3:]
        events = self._frames(self._take(data[:end]))
        return events if self._over else events + self._hold(data[end:])

    def _finish(self) -> list[Event]:
        """A last frame without its blank line gets one, or the client would never see it."""
        last = self._take(b"").rstrip(b"\r\n")
        try:
            self._read(last)
        except BackendGarbled:
            last = b""  # cut in its midst
        except GatewayError as error:
            return self._fail(error)
        if not last:
            self._read_last()
        return self._end(last + b"\n\n" if last else b"")

    def _frames(self, whole: bytes) -> list[Event]:
        """The events of whole frames."""
        for start, end in self._to_read(whole):
            try:
                self._read(whole[start:end])
            except GatewayError as error:
                return self._fail(error, whole[:start])
        if not self._streams:  # comments and blank lines: it will show
            return self._hold(whole)
        self._last = whole
        return [self._given(whole)]

    def _to_read(self, whole: bytes) -> Iterator[tuple[int, int]]:
        """Where the frames are that must be read: each one until the first words, then those that may matter."""
        for start, end in frames(whole, 0):
            if self._facts.content:
                places = frames(whole, first_that_matters(whole, start))
                yield from (place for place in places if matters(whole[slice(*place)]))
                return
            yield start, end

    def _read(self, frame: bytes) -> None:
        """Note what one frame says.

        Raises:
            GatewayError: it tells of a failure, or is not JSON.
        """
        frame = frame.removeprefix(BOM).replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip(b"\n")
        _, data = parse(frame)
        data = data or (frame if begins_with(frame) in {b"{", b"["} else b"")
        if data and data.strip() != DONE:
            self._streams = True
            self._facts.read(data)

    def _read_last(self) -> None:
        """The last frame tells the usage of all."""
        last = self._last.rstrip(b"\r\n")
        if not matters(frame := last[frame_start(last, 0, len(last)) :]):
            with suppress(GatewayError):  # it has passed already
                self._read(frame)


def last_frame_end(data: bytes) -> int:
    """Where the last blank line of `data` ends; 0: there is none."""
    ends = [(b"\n\n", 2)] if CR not in data else [(b"\n\n", 2), (b"\n\r\n", 3), (b"\r\r", 2)]
    return max(found + length if (found := data.rfind(blank)) >= 0 else 0 for blank, length in ends)


def frames(whole: bytes, start: int) -> Iterator[tuple[int, int]]:
    """Where each frame of `whole` begins and ends, from `start` on, its blank line included."""
    for blank in (ANY_END if CR in whole else LF_END).finditer(whole, start):
        yield start, blank.end()
        start = blank.end()


def first_that_matters(whole: bytes, start: int) -> int:
    """Where the first frame from `start` on begins for which `matters` holds; the end of `whole`: there is none."""
    hits = [hit for word in MATTERS if (hit := whole.find(word, start)) >= 0]
    if other := OTHER.search(whole, start):
        hits.append(other.start())
    return frame_start(whole, start, min(hits)) if hits else len(whole)


def frame_start(whole: bytes, start: int, at: int) -> int:
    """Where the frame begins, not before `start`, in which `at` is."""
    ends = [found + len(blank) for blank in BLANKS if (found := whole.rfind(blank, start, at)) >= 0]
    return max(ends, default=start)


class ArrayVerbatim(_Lane):
    """A JSON array, unchanged but for a last bracket that is missing. See dialects.base.Decoder.

    What stands between two elements goes with the second, so that a failure can still be told as an element.
    """

    __slots__ = ("_framer", "_last")

    def __init__(self) -> None:
        super().__init__(lambda first: first != b"[")
        self._framer = ArrayFramer()
        self._last = b""  # the last element, perhaps unread

    def _pass(self, data: bytes) -> list[Event]:
        try:
            elements = self._framer.feed(data)
            for element in elements:
                self._streams = True
                self._last = element
                if not self._facts.content or matters(element):
                    self._last = b""
                    self._facts.read(element)
        except GatewayError as error:
            return self._fail(error)
        if not elements:
            return self._hold(data)
        end = self._framer.end
        return [self._given(self._take(data[:end])), *self._hold(data[end:])]

    def _finish(self) -> list[Event]:
        if self._last:
            with suppress(GatewayError):  # it has passed already
                self._facts.read(self._last)
        rest = self._take(b"")
        return self._end(rest if self._framer.closed else b"\n]")
