"""A backend's stream -> events: server-sent events, a JSON array, or one document where a stream was asked for.

The way back is `encoder.py`; a stream that stays as it is, `verbatim.py`. This wire has no last word: an answer ends
with its connection, once it has said why. Anything less is a cut.

Reference: https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent
"""

from typing import Any

from llmux.dialects.base import SAME, Names
from llmux.dialects.document import decode
from llmux.dialects.gemini.candidates import Candidates
from llmux.dialects.gemini.errors import decode_error
from llmux.dialects.gemini.usual import UNUSUAL, decode_chunk
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError
from llmux.wire.json_array import ArrayFramer
from llmux.wire.sse import BOM, DONE, SseFramer, parse

OK = 200
NOTHING = b" \t\r\n" + BOM
EMPTY = "The backend's answer is empty."
CUT = "The backend's answer broke off."
DATA = b"data: "


def begins_with(data: bytes) -> bytes:
    """The first character of a stream, whatever space or mark stands before it; b"" when only such has come."""
    return data.lstrip(NOTHING)[:1]


class Decoder:
    """One stream. See dialects.base.Decoder."""

    __slots__ = ("_array", "_begun", "_candidates", "_over", "_page", "_sse")

    def __init__(self, names: Names = SAME) -> None:
        """`names` undoes the renaming of tools."""
        self._candidates = Candidates(names)
        self._begun = False  # a first character has shown what this is
        self._sse: SseFramer | None = None
        self._array: ArrayFramer | None = None
        self._page: list[bytes] = []  # of HTML
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        """The events that `data` completes."""
        out: list[Event] = []
        if self._over:
            return out
        if not self._begun:
            data = self._begin(data)
        try:
            if self._sse is not None:
                self._blocks(self._sse.blocks(data), out)
            elif self._array is not None:
                self._elements(self._array.feed(data), out)
            elif data:
                self._page.append(data)
        except GatewayError as error:
            self._fail(error, out)
        return out

    def close(self) -> list[Event]:
        """What follows from the end of the stream: the end of the answer, or a cut."""
        out: list[Event] = []
        if self._over:
            return out
        try:
            if self._sse is not None:
                self._blocks(self._sse.blocks(b"\n\n"), out)
        except BackendGarbled:
            pass  # half a frame: what came before it decides
        except GatewayError as error:
            self._fail(error, out)
            return out
        if self._page:
            self._fail(decode_error(OK, {}, b"".join(self._page)), out)
        elif self._candidates.finished:
            self._over = True
            self._candidates.end(out)
        else:
            self._fail(BackendCut(CUT) if self._candidates.begun else BackendGarbled(EMPTY), out)
        return out

    def _begin(self, data: bytes) -> bytes:
        """Find out what this is; what of `data` is to be read."""
        data = data.lstrip(NOTHING)
        self._begun = bool(data)
        if data[:1] in {b"{", b"["}:
            self._array = ArrayFramer()
        elif data and data[:1] != b"<":
            self._sse = SseFramer()
        return data

    def _blocks(self, blocks: list[bytes], out: list[Event]) -> None:
        """Read whole frames of server-sent events. A usual one is a single line."""
        for block in blocks:
            if self._candidates.begun and block[:6] == DATA and self._usual(block[6:], out):
                continue
            _, data = parse(block)
            # Google tells of some failures in bare lines in the midst of a stream.
            data = data or (block if begins_with(block) in {b"{", b"["} else b"")
            if data and data.strip() != DONE:
                self._document(data, out)

    def _elements(self, elements: list[bytes], out: list[Event]) -> None:
        """Read whole elements of an array."""
        for element in elements:
            if not (self._candidates.begun and self._usual(element, out)):
                self._document(element, out)

    def _usual(self, data: bytes, out: list[Event]) -> bool:
        """Read a chunk in the midst of the answer, if it is one."""
        try:
            chunk = decode_chunk(data)
        except UNUSUAL:
            return False
        (candidate,) = chunk.candidates
        if candidate.index:
            return False
        self._candidates.count(chunk.usageMetadata)
        reader = self._candidates.first
        for part in candidate.content.parts:
            if part.text:
                (reader.reasoning if part.thought else reader.text)(part.text, out)
        return True

    def _document(self, data: bytes, out: list[Event]) -> None:
        document: Any
        try:
            document = decode(data)
        except ValueError:
            raise BackendGarbled("The backend sent an event that is not JSON.") from None
        self._candidates.chunk(document, out)

    def _fail(self, error: GatewayError, out: list[Event]) -> None:
        self._over = True
        out.append(StreamError(error))
