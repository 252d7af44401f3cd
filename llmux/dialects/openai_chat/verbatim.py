"""A backend's answer for a client of this same dialect: bytes as they came, and the few facts that the house needs.

Until the first words every frame is read: a failure there is told as such and its bytes are not given, so that another
backend can still be asked. From then on whole frames pass unread, but for the few that need reading: see `frames.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from llmux.dialects.base import Metering
from llmux.dialects.openai_chat.answer import decode_document, failed_finish, fault_in, told_reason, usage_in
from llmux.dialects.openai_chat.frames import frames, is_usage_alone, last_frame_end, notable, parse_raw, passes
from llmux.dialects.openai_chat.reasoning import objects
from llmux.dialects.openai_chat.schema import NO_WORDS
from llmux.dialects.openai_chat.stream import CUT, EMPTY, Decoder
from llmux.dialects.openai_chat.usual import edge, usage_of
from llmux.errors import BackendCut, BackendGarbled, GatewayError
from llmux.ir.events import Event, StreamError, Verbatim
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.wire.sse import DONE, MAX_FRAME_BYTES


class VerbatimDecoder:
    """A backend's stream as whole frames, unchanged. See dialects.base.Decoder."""

    __slots__ = ("_content", "_done", "_edge", "_facts", "_hides", "_over", "_pending", "_size", "_streams")

    def __init__(self, *, hides_usage: bool = False) -> None:
        """`hides_usage`: the frame that tells the usage and nothing else is not given."""
        self._hides = hides_usage
        self._pending: list[bytes] = []  # the frame that is not complete; before the first data, everything
        self._edge = b""  # its last bytes: a blank line may lie across the cut
        self._size = 0
        self._facts = Facts()
        self._streams = False  # a frame with data has come
        self._content = False
        self._done = False
        self._over = False

    def feed(self, data: bytes) -> list[Event]:
        if self._over or not data:
            return []
        if not self._pending and data.endswith(b"\n\n"):  # whole frames, as nearly every read brings
            return [Verbatim(data)] if self._content and passes(data) else self._frames(data)
        end = last_frame_end(self._edge + data) - len(self._edge)
        if end <= 0:
            return self._hold(data)
        whole = b"".join((*self._pending, data[:end]))
        self._pending.clear()
        self._size = 0
        self._edge = b""
        events = self._frames(whole)
        return events if self._over else events + self._hold(data[end:])

    def close(self) -> list[Event]:
        """The end. A last frame without its blank line gets one, or the client would never see it."""
        if self._over:
            return []
        if not self._streams:
            return self._as_other_than_stream()
        last = b"".join(self._pending).rstrip(b"\r\n")
        try:
            self._read(last)
        except BackendGarbled:
            last = b""  # cut in its midst
        except GatewayError as error:
            return self._fail(error, b"")
        return self._end(b"" if not last or self._is_hidden(last) else last + b"\n\n")

    def _hold(self, data: bytes) -> list[Event]:
        self._size += len(data)
        if self._size > MAX_FRAME_BYTES:
            return self._fail(BackendGarbled("The backend sent an event that is too large."), b"")
        if data:
            self._pending.append(data)
            self._edge = (self._edge + data)[-3:]
        return []

    def _frames(self, whole: bytes) -> list[Event]:
        """The events of whole frames."""
        hidden = list[tuple[int, int]]()
        for start, end in self._to_read(whole):
            frame = whole[start:end]
            try:
                self._read(frame)
            except GatewayError as error:
                return self._fail(error, without(whole[:start], hidden))
            if self._done:
                self._facts.read_late(whole[end:])
                return self._end(without(whole[:end], hidden))
            if self._is_hidden(frame):
                hidden.append((start, end))
        if not self._streams:  # comments, blank lines, or no stream at all: it will show
            return self._hold(whole)
        return [self._given(without(whole, hidden))]

    def _to_read(self, whole: bytes) -> Iterator[tuple[int, int]]:
        """Where the frames are that must be read: each one until the first words, then what needs reading."""
        for start, end in frames(whole):
            if self._content:
                yield from notable(whole, start)
                return
            yield start, end

    def _read(self, frame: bytes) -> None:
        """Note what one frame says.

        Raises:
            GatewayError: it tells of a failure, or is not JSON.
        """
        if frame[:7] == b"data: {" and (chunk := edge(frame[6:])):
            self._streams = True
            self._facts.count(usage_of(chunk.usage, chunk.service_tier))
            for choice in chunk.choices:
                self._facts.finish(choice.finish_reason)
                self._content = self._content or bool(choice.finish_reason) or choice.delta.speaks
            return
        event, data = parse_raw(frame)
        if not data:
            return
        self._streams = True
        if data.strip() == DONE:
            self._done = True
        else:
            document = decode_document(event, data)
            self._facts.read(document)
            self._content = self._content or says_something(document)

    def _is_hidden(self, frame: bytes) -> bool:
        return self._hides and is_usage_alone(frame)

    def _given(self, data: bytes) -> Event:
        return Verbatim(data, self._content, self._facts.usage, self._facts.finish_reason)

    def _end(self, data: bytes) -> list[Event]:
        """The answer is complete with `data`, if anything has shown so."""
        if self._done and not self._content:
            return self._fail(BackendGarbled(EMPTY), b"")
        if not self._done and self._facts.finish_reason is None:
            return self._fail(BackendCut(CUT), b"")
        self._over = True
        return [Verbatim(data, self._content, self._facts.usage, self._facts.finish_reason, done=True)]

    def _fail(self, error: GatewayError, before: bytes) -> list[Event]:
        """The failure, behind those whole frames that came before it."""
        self._over = True
        given = [self._given(before)] if before else []
        return [*given, StreamError(error)]

    def _as_other_than_stream(self) -> list[Event]:
        """A whole answer or a failure in JSON, an error page, nothing at all: told as events, for it is no stream."""
        decoder = Decoder({})
        return decoder.feed(b"".join(self._pending)) + decoder.close()


def without(whole: bytes, hidden: Sequence[tuple[int, int]]) -> bytes:
    """`whole` without some of its frames, each from where to where."""
    for start, end in reversed(hidden):
        whole = whole[:start] + whole[end:]
    return whole


def ask_for_usage(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The wish to be told the usage, beside the client's other options."""
    options = document.get("stream_options")
    return {"stream_options": {**(options or {}), "include_usage": True}}


METERING = Metering(ask_for_usage, lambda: VerbatimDecoder(hides_usage=True))


class Facts:
    """What the frames that were read have told."""

    __slots__ = ("_words", "usage")

    def __init__(self) -> None:
        self._words: list[str] = []
        self.usage: Usage | None = None

    def read(self, document: dict[str, Any]) -> None:
        """Note what a document tells.

        Raises:
            GatewayError: the document tells of a failure.
        """
        if failure := fault_in(document):
            raise failure
        self.count(usage_in(document))
        for choice in objects(document.get("choices")):
            self.finish(choice.get("finish_reason"))

    def count(self, usage: Usage | None) -> None:
        """Note the usage, if any."""
        self.usage = usage or self.usage

    def finish(self, word: Any) -> None:
        """Note a finish reason.

        Raises:
            GatewayError: it tells of a failure.
        """
        if failure := failed_finish(word):
            raise failure
        if isinstance(word, str) and word not in NO_WORDS:
            self._words.append(word)

    def read_late(self, rest: bytes) -> None:
        """Behind the end some servers tell the usage; nothing else counts there."""
        for start, end in frames(rest):
            with suppress(GatewayError):
                self.count(usage_in(decode_document(*parse_raw(rest[start:end]))))

    @property
    def finish_reason(self) -> FinishReason | None:
        return told_reason(self._words) if self._words else None


def says_something(document: dict[str, Any]) -> bool:
    """Whether a chunk carries text, reasoning, a call, a refusal, or the end: anything but a role."""
    for choice in objects(document.get("choices")):
        said = choice.get("delta") or choice.get("message")
        told = isinstance(said, dict) and any(value for name, value in said.items() if name != "role")
        if told or choice.get("finish_reason") or choice.get("text"):  # the last is of the older form
            return True
    return False
