"""Events -> the lines that a client reads. Strict: it writes what Ollama's own SDKs take, and nothing else.

Deltas go out as they come, each in a line; only a call waits until it is whole, for this wire has no pieces of calls.
The bytes around the deltas of a part are made once, when it speaks, and the time is read once for what comes at once.
The durations of the last line are measured here: what the backend needed for itself, nobody tells.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#generate-a-chat-completion
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from llmux.dialects.base import AnswerForm
from llmux.dialects.document import line
from llmux.dialects.ollama.answer import Stamps, encode_call, encode_end, idle_reason
from llmux.dialects.ollama.content import SEPARATOR
from llmux.dialects.ollama.errors import error_document
from llmux.dialects.ollama.schema import REFUSED
from llmux.ir.content import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, PartDelta, PartEnd, PartStart, StreamError, Verbatim
from llmux.ir.response import FinishReason
from llmux.ir.value import Value


class Shape(Value):
    """Where a form says things: what stands before a text, before reasoning, and behind both."""

    text: bytes
    thinking: bytes
    close: bytes


CHAT = Shape(
    b'"message":{"role":"assistant","content":', b'"message":{"role":"assistant","content":"","thinking":', b"}"
)
GENERATE = Shape(b'"response":', b'"response":"","thinking":', b"")


MIDST = b',"done":false}\n'  # how every line ends but the last


class Encoder:
    """Events -> a client's stream. See dialects.base.Encoder."""

    __slots__ = (
        "_after", "_apart", "_before", "_calls", "_first", "_form", "_head", "_hot", "_opening", "_over", "_part",
        "_pending", "_pieces", "_reasoned", "_shape", "_stamps", "_told",
    )  # fmt: skip

    def __init__(self, form: AnswerForm, shape: Shape = CHAT) -> None:
        self._form = form
        self._shape = shape
        self._stamps = Stamps(form)
        self._head = b'{"model":' + line(form.model) + b',"created_at":"'
        self._opening = b""  # of the lines that are told now: the head, and when that is; empty: not read yet
        self._after = shape.close + MIDST
        self._part: Part = Text()
        self._before: bytes | None = None  # what stands before each delta of the open part; None: it is kept, or lost
        self._hot: bytes | None = None  # the same, once the part has spoken: nothing but a line follows from a delta
        self._pending = False  # a separator stands before the next delta
        self._pieces: list[str] = []  # of a call's arguments
        self._calls = 0
        self._first: int | None = None  # nanoseconds until something was said
        self._apart = self._told = self._reasoned = self._over = False

    def feed(self, events: Sequence[Event]) -> bytes:
        self._opening = b""
        out: list[bytes] = []
        for event in events:
            if self._hot is not None and type(event) is PartDelta:
                delta = event.delta
                text = orjson.dumps(delta) if delta.isascii() else line(delta)
                out += (self._opening or self._open(), self._hot, text, self._after)
            elif write := self._WRITERS.get(type(event)):
                write(self, event, out)
        return b"".join(out)

    def keepalive(self) -> bytes:
        """A line that says nothing: the SDKs break on a blank one."""
        self._opening = b""
        return b"" if self._over else self._line(self._shape.text + b'""')

    def _open(self) -> bytes:
        """How the lines begin that are told now."""
        self._opening = self._head + self._stamps.now().encode() + b'",'
        return self._opening

    def _line(self, said: bytes) -> bytes:
        return b"".join((self._opening or self._open(), said, self._after))

    # --- parts -------------------------------------------------------------------------------------------------------

    def _start(self, event: Any, out: list[bytes]) -> None:
        self._part, self._before, self._hot, self._pending = event.part, None, None, False
        start = self._STARTS.get(type(event.part))
        if start is not None:
            start(self, out)
        self._apart = not isinstance(self._part, Text)

    def _start_text(self, _out: list[bytes]) -> None:
        self._before = self._shape.text
        self._pending = self._told and (self._apart or not isinstance(self._part, Text))

    def _start_reasoning(self, _out: list[bytes]) -> None:
        self._before = self._shape.thinking
        self._pending = self._reasoned

    def _start_call(self, _out: list[bytes]) -> None:
        self._pieces.clear()

    def _start_opaque(self, out: list[bytes]) -> None:
        """What only another dialect understands has at most a text."""
        if text := getattr(self._part, "text", ""):
            self._start_text(out)
            self._delta(PartDelta(0, text), out)

    def _delta(self, event: Any, out: list[bytes]) -> None:
        if self._before is None:
            self._pieces.append(event.delta)
            return
        if self._first is None:
            self._first = self._form.elapsed()
        if self._pending:
            self._pending = False
            out.append(self._line(self._before + line(SEPARATOR)))
        delta = event.delta
        out.append(self._line(self._before + (orjson.dumps(delta) if delta.isascii() else line(delta))))
        self._hot = self._before
        if self._before is self._shape.thinking:
            self._reasoned = True
        else:
            self._told = True

    def _end_part(self, _event: Any, out: list[bytes]) -> None:
        if not isinstance(self._part, ToolCall) or self._shape is not CHAT:
            return  # /api/generate knows no tools
        if self._first is None:
            self._first = self._form.elapsed()
        call = encode_call(self._part, "".join(self._pieces), self._calls)
        self._calls += 1
        out.append(self._line(self._shape.text + b'"","tool_calls":[' + line(call) + b"]"))

    # --- the end -----------------------------------------------------------------------------------------------------

    def _end(self, event: Any, out: list[bytes]) -> None:
        self._over = True
        self._opening = b""  # it tells how long all took: a time of its own
        if idle := idle_reason(self._form):
            out.append(self._last({"done_reason": idle, "done": True}))
            return
        if event.finish_reason is FinishReason.REFUSAL and not self._told:  # the finish reason alone does not say so
            out.append(self._line(self._shape.text + line(REFUSED)))
        total = self._form.elapsed()
        first = total if self._first is None else self._first
        durations = {"total_duration": total, "prompt_eval_duration": first, "eval_duration": total - first}
        out.append(self._last(encode_end(event.finish_reason, event.usage, durations)))

    def _last(self, fields: Mapping[str, Any]) -> bytes:
        said = (
            self._opening or self._open(),
            self._shape.text,
            b'""',
            self._shape.close,
            b",",
            line(fields)[1:],
            b"\n",
        )
        return b"".join(said)

    def _fail(self, event: Any, out: list[bytes]) -> None:
        self._over = True
        out.append(line(error_document(event.error)) + b"\n")

    def _pass_on(self, event: Any, out: list[bytes]) -> None:
        self._over = self._over or event.done
        out.append(event.data)

    _STARTS: ClassVar[Mapping[type[Part], Callable[["Encoder", list[bytes]], None]]] = {
        Text: _start_text,
        Refusal: _start_text,
        Reasoning: _start_reasoning,
        ToolCall: _start_call,
        Opaque: _start_opaque,
    }
    # What the IR says beyond these (who answers, states, citations, usage so far) has no place in this stream.
    _WRITERS: ClassVar[Mapping[type[Event], Callable[["Encoder", Any, list[bytes]], None]]] = {
        Verbatim: _pass_on,
        PartStart: _start,
        PartDelta: _delta,
        PartEnd: _end_part,
        MessageEnd: _end,
        StreamError: _fail,
    }
