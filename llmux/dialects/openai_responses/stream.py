"""A backend's stream -> events. The way back is `encoder.py`; a stream that stays as it is, `verbatim.py`.

Deltas, nearly all of a stream, take a typed path; other frames are read whole. An answer ends with the event that
tells all of it: anything less is a cut.

Reference: https://platform.openai.com/docs/api-reference/responses-streaming
"""

import msgspec

from llmux.dialects.base import SAME, Names
from llmux.dialects.faults import decode as decode_error
from llmux.dialects.openai_responses.answer import load, load_response
from llmux.dialects.openai_responses.arriving import Delta
from llmux.dialects.openai_responses.reader import Reader
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError
from llmux.wire.sse import DONE, SseFramer, parse

OK = 200
CUT = "The backend's answer ended before it was complete."
NO_JSON = "The backend sent an event that is no object."
# How the frames begin for which there is a type; those without a name are read by their data alone.
DELTAS = (
    b"event: response.output_text.delta\ndata: ",
    b"event: response.function_call_arguments.delta\ndata: ",
    b"event: response.reasoning_summary_text.delta\ndata: ",
    b"event: response.reasoning_text.delta\ndata: ",
)
NO_STREAM = frozenset({b"{", b"[", b"<"})  # the first bytes of a document, or of a page
UNUSUAL = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what the typed path leaves to the other
_delta = msgspec.json.Decoder(Delta).decode


class Decoder:
    """One stream. See dialects.base.Decoder."""

    __slots__ = ("_done", "_framer", "_reader", "_whole")

    def __init__(self, names: Names = SAME) -> None:
        """`names` undoes the renaming of tools."""
        self._framer = SseFramer()
        self._reader = Reader(names)
        self._whole: list[bytes] | None = []  # what came so far, until it is sure to be a stream
        self._done = False

    def feed(self, data: bytes) -> list[Event]:
        out: list[Event] = []
        if self._done or (self._whole is not None and self._is_no_stream(data)):
            return out
        try:
            for block in self._framer.blocks(data):
                if not (block.startswith(DELTAS) and self._more(out, block)):
                    self._frame(out, *parse(block))
        except GatewayError as error:
            self._fail(out, error)
        return out

    def close(self) -> list[Event]:
        """What follows from the end of the stream: nothing, the answer that was no stream, or a cut."""
        out: list[Event] = []
        if self._done:
            return out
        try:
            if self._whole:
                self._read_whole(out, b"".join(self._whole))
            else:
                self._last_frame(out)
            if not self._done:
                raise BackendCut(CUT)
        except GatewayError as error:
            self._fail(out, error)
        return out

    def _is_no_stream(self, data: bytes) -> bool:
        """A backend may answer with one JSON document, or with a page, although a stream was asked for."""
        if not self._whole:
            begins = data.lstrip()[:1]
            if begins not in NO_STREAM:
                self._whole = None if begins else []
                return False
            self._whole = []
        self._whole.append(data)
        return True

    def _read_whole(self, out: list[Event], body: bytes) -> None:
        if body.lstrip()[:1] == b"<":
            raise decode_error(OK, {}, body)
        self._reader.end(load_response(body), out)
        self._done = True

    def _more(self, out: list[Event], frame: bytes) -> bool:
        """The typed path: whether `frame` says more of what is open, and nothing else."""
        try:
            found = _delta(frame[frame.index(b"\n") + len("\ndata: ") :])
        except UNUSUAL:
            return False
        return self._reader.more(found, out)

    def _frame(self, out: list[Event], event: bytes, data: bytes) -> None:
        if self._done or not data or data.strip() == DONE:
            return
        document = load(data)
        if not isinstance(document, dict):
            raise BackendGarbled(NO_JSON)
        kind = document.get("type") or event.decode(errors="replace")
        self._done = self._reader.event(kind if isinstance(kind, str) else "", document, out)

    def _last_frame(self, out: list[Event]) -> None:
        """The frame that has no blank line behind it: told, if it is whole."""
        for event, data in self._framer.close():
            try:
                self._frame(out, event, data)
            except BackendGarbled:
                return

    def _fail(self, out: list[Event], error: GatewayError) -> None:
        self._done = True
        out.append(StreamError(error))
