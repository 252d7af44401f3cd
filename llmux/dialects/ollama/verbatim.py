"""A backend's answer for a client of this same dialect: bytes as they came, and the few facts that the house needs.

Until the first words every line is read: a failure there is told as such and its bytes are not given, so that another
backend can still be asked. From then on lines pass unread, but for reads that may hold an error or the end: a quoted
word cannot stand inside a JSON string, for the quotes in it are escaped, so a search without a hit is certain.
"""

from collections.abc import Iterator

from llmux.dialects.ollama.answer import CUT, decode_finish, decode_line, decode_usage
from llmux.dialects.ollama.stream import EMPTY, Decoder
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.wire.ndjson import MAX_LINE_BYTES, bare

ERROR = b'"error"'
# A line in the midst of an answer says so, and so does its last, in the spacing of Go or of Python.
MIDST, MIDST_SPACED = b'"done":false', b'"done": false'
END, END_SPACED = b'"done":true', b'"done": true'


class VerbatimDecoder:
    """A backend's stream as whole lines, unchanged. See dialects.base.Decoder."""

    __slots__ = ("_begun", "_called", "_content", "_finish", "_over", "_page", "_pending", "_size", "_usage")

    def __init__(self) -> None:
        self._pending: list[bytes] = []  # the line that is not complete; all there is, where this is no stream
        self._size = 0
        self._page = False  # this is no stream
        self._begun = False  # a line has been read
        self._content = False
        self._called = False
        self._over = False
        self._usage: Usage | None = None
        self._finish: FinishReason | None = None

    def feed(self, data: bytes) -> list[Event]:
        if self._over or not data:
            return []
        if self._content and not self._pending and passes(data):  # nearly every read
            return [Verbatim(data)]
        end = 0 if self._page else data.rfind(b"\n") + 1
        if not end:
            return self._hold(data)
        whole = b"".join((*self._pending, data[:end]))
        self._pending.clear()
        self._size = 0
        events = self._lines(whole)
        return events if self._over else events + self._hold(data[end:])

    def close(self) -> list[Event]:
        """The end. A last line may lack its LF."""
        if self._over:
            return []
        last = b"".join(self._pending)
        if self._page or not self._begun:
            return self._as_other_than_stream(last)
        try:
            self._read(last)
        except BackendGarbled:
            pass  # cut in its midst
        except GatewayError as error:
            return self._fail(error, b"")
        return [self._given(last)] if self._over else self._fail(BackendCut(CUT), b"")

    def _hold(self, data: bytes) -> list[Event]:
        self._size += len(data)
        if self._size > MAX_LINE_BYTES:
            return self._fail(BackendGarbled("The backend sent a line that is too large."), b"")
        if data:
            self._pending.append(data)
        return []

    def _lines(self, whole: bytes) -> list[Event]:
        """The events of whole lines."""
        for start, end in self._to_read(whole):
            try:
                self._read(whole[start:end])
            except BackendGarbled as error:
                return self._fail(error, whole[:start]) if self._begun else self._turn(whole)
            except GatewayError as error:
                return self._fail(error, whole[:start])
            if self._over:
                return [self._given(whole[:end])]
        return [self._given(whole)]

    def _to_read(self, whole: bytes) -> Iterator[tuple[int, int]]:
        """Where the lines are that must be read: each one until the first words, then those behind the sure midst."""
        start, skipped = 0, False
        while start < len(whole):
            if self._content and not skipped:
                start, skipped = past_midst(whole, start), True
                continue
            end = whole.find(b"\n", start) + 1
            yield start, end
            start = end

    def _turn(self, whole: bytes) -> list[Event]:
        """This is no stream: it will show what it is when all of it is there."""
        self._page = True
        return self._hold(whole)

    def _read(self, raw: bytes) -> None:
        """Note what one line says.

        Raises:
            GatewayError: it tells of a failure, or is not JSON.
        """
        data = bare(raw)
        if not data:
            return
        said = decode_line(data)
        self._begun = True
        self._content = self._content or said.speaks
        self._called = self._called or bool(said.message and said.message.tool_calls)
        if said.done:
            self._over = True
            self._usage, self._finish = decode_usage(said), decode_finish(said.done_reason, called=self._called)

    def _given(self, data: bytes) -> Event:
        return Verbatim(data, self._content, self._usage, self._finish, done=self._over)

    def _fail(self, error: GatewayError, before: bytes) -> list[Event]:
        """The failure, behind those whole lines that came before it."""
        given = [self._given(before)] if before else []
        self._over = True
        return [*given, StreamError(error)]

    def _as_other_than_stream(self, body: bytes) -> list[Event]:
        """A whole answer on many lines, an error page, nothing at all: told as events, for it is no stream."""
        self._over = True
        if not body.strip():
            return [StreamError(BackendGarbled(EMPTY))]
        decoder = Decoder({})
        return decoder.feed(body) + decoder.close()


def past_midst(whole: bytes, start: int) -> int:
    """Where those of the whole lines from `start` on end that `passes`, taken together."""
    last = max(whole.rfind(MIDST, start), whole.rfind(MIDST_SPACED, start), start)
    end = whole.find(b"\n", last) + 1
    return end if passes(whole[start:end]) else start


def passes(data: bytes) -> bool:
    """Whether no line of `data` needs reading: all are whole, none tells of an error, the last is in the midst."""
    if data[-1:] != b"\n" or data.find(ERROR) >= 0 or data.find(END) >= 0 or data.find(END_SPACED) >= 0:
        return False
    start = data.rfind(b"\n", 0, -1) + 1
    return data.find(MIDST, start) >= 0 or data.find(MIDST_SPACED, start) >= 0
