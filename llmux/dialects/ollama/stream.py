"""A backend's stream -> events. The way back is `encoder.py`; a stream that stays as it is, `verbatim.py`.

An answer ends with the line that says `done`; anything less is a cut.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion
"""

from llmux.dialects.base import Names
from llmux.dialects.ollama.answer import CUT, decode_line
from llmux.dialects.ollama.errors import decode_error
from llmux.dialects.ollama.reader import Reader
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError
from llmux.wire.ndjson import MAX_LINE_BYTES, NdjsonFramer

OK = 200
EMPTY = "The backend's answer is empty."
NO_STREAM = "The backend's answer is no stream of Ollama's."


class Decoder:
    """A backend's stream -> events. See dialects.base.Decoder."""

    __slots__ = ("_framer", "_over", "_page", "_reader", "_size")

    def __init__(self, names: Names) -> None:
        self._framer = NdjsonFramer()
        self._reader = Reader(names)
        self._page: list[bytes] = []  # the lines of what turns out to be no stream: one document, a page of an error
        self._size = 0
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        out: list[Event] = []
        if self._over:
            return out
        try:
            for line in self._framer.feed(data):
                self._line(line, out)
        except GatewayError as error:
            self._fail(error, out)
        return out

    def close(self) -> list[Event]:
        out: list[Event] = []
        if self._over:
            return out
        try:
            self._rest(out)
        except GatewayError as error:
            self._fail(error, out)
        if not self._over:
            self._fail(BackendCut(CUT) if self._reader.begun else BackendGarbled(EMPTY), out)
        return out

    def _line(self, line: bytes, out: list[Event]) -> None:
        if self._over:
            return  # behind the end nothing counts
        if self._page:
            self._turn(line)
            return
        try:
            said = decode_line(line)
        except BackendGarbled:
            if self._reader.begun:
                raise
            self._turn(line)
        else:
            self._reader.line(said, out)
            self._over = bool(said.done)

    def _turn(self, line: bytes) -> None:
        """One more line of what is no stream."""
        self._size += len(line)
        if self._size > MAX_LINE_BYTES:
            raise BackendGarbled(NO_STREAM)
        self._page.append(line)

    def _rest(self, out: list[Event]) -> None:
        """What the end of the stream leaves. Half a line says nothing: what came before it decides."""
        for line in self._framer.close():
            try:
                self._line(line, out)
            except BackendGarbled:
                return
        if self._page:
            self._document(b"\n".join(self._page), out)

    def _document(self, body: bytes, out: list[Event]) -> None:
        """A whole answer that was written on many lines, or an error page."""
        if not body.startswith(b"{"):
            raise decode_error(OK, {}, body)
        said = decode_line(body)
        self._reader.line(said, out)
        self._over = bool(said.done)

    def _fail(self, error: GatewayError, out: list[Event]) -> None:
        self._over = True
        out.append(StreamError(error))
