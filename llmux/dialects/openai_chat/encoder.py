"""Events -> the stream that a client reads. Strict: it writes what the vendors' own SDKs take, and nothing else.

One part is open at a time, so the bytes before and behind each of its deltas are made once, when it opens.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

import orjson

from llmux.dialects.base import AnswerForm
from llmux.dialects.document import line
from llmux.dialects.openai_chat.answer import encode_citation, encode_finish, encode_tier, encode_usage
from llmux.dialects.openai_chat.content import SEPARATOR
from llmux.dialects.openai_chat.reasoning import encode_details, encode_thought
from llmux.dialects.openai_chat.schema import REFUSED
from llmux.dialects.openai_errors import error_document
from llmux.ir.content import Citation, Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    OtherChoice,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    Verbatim,
)
from llmux.ir.response import FinishReason

DONE = b"data: [DONE]\n\n"


def numbered(entries: Iterable[Mapping[str, Any]], first: int) -> list[Mapping[str, Any]]:
    """`entries` of a list that grows in a stream: OpenAI's Python SDK puts any such list together by `index`."""
    return [{**entry, "index": index} for index, entry in enumerate(entries, first)]


class Encoder:
    """Events -> a client's stream. See dialects.base.Encoder."""

    __slots__ = (
        "_after", "_apart", "_before", "_calls", "_citations", "_form", "_head", "_index", "_length", "_opening",
        "_others", "_part", "_pending", "_reasoned", "_refused", "_sources", "_states", "_tail", "_told",
    )  # fmt: skip

    def __init__(self, form: AnswerForm, index: int = 0) -> None:
        """`index`: which of several choices it tells. The first one leads the others, which have one each."""
        self._form = form
        self._index = index
        self._others: dict[int, Encoder] = {}
        about = {"id": f"chatcmpl-{form.id}", "object": "chat.completion.chunk", "created": form.created}
        self._opening = b"data: " + line({**about, "model": form.model})[:-1]
        self._head = self._opening + b',"choices":[{"index":%d,"delta":{' % index
        usage = b',"usage":null' if form.include_usage else b""
        self._tail = b'},"logprobs":null,"finish_reason":null}]' + usage + b"}\n\n"
        self._before = self._after = b""
        self._pending: bytes | None = b""  # what stands in front of the next delta; None: the part is not told
        self._part: Part = Text()
        self._length = 0  # characters of the open part
        self._told = 0  # characters of the content before it
        self._apart = False  # something stood between the last text and now
        self._reasoned = False
        self._refused = False
        self._calls = 0
        self._states = 0
        self._sources = 0
        self._citations: list[Citation] = []

    def feed(self, events: Sequence[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if type(event) is not PartDelta:
                write = self._WRITERS.get(type(event))
                out.append(write(self, event) if write else b"")
                continue
            delta = event.delta
            if self._pending != b"":
                if self._pending is None:
                    continue
                out.append(self._pending)
                self._pending = b""
            self._length += len(delta)
            out += (self._before, orjson.dumps(delta) if delta.isascii() else line(delta), self._after)
        return b"".join(out)

    def keepalive(self) -> bytes:
        return b": keepalive\n\n"

    def _chunk(self, delta: bytes) -> bytes:
        return self._head + delta + self._tail

    def _deltas(self, field: bytes, after: bytes = b"") -> None:
        """Every delta of the open part is one chunk: `field`, the text as JSON, `after`."""
        self._before, self._after, self._pending = self._head + field, after + self._tail, b""

    # --- parts -------------------------------------------------------------------------------------------------------

    def _start(self, event: PartStart) -> bytes:
        self._part, self._length = event.part, 0
        start = self._STARTS.get(type(event.part))
        return start(self, event.part) if start else self._start_other(event.part)

    def _start_text(self, _: Part) -> bytes:
        self._deltas(b'"content":')
        if self._apart and self._told:
            self._pending = self._chunk(b'"content":' + line(SEPARATOR))
            self._told += len(SEPARATOR)
        self._apart = False
        return b""

    def _start_reasoning(self, part: Any) -> bytes:
        self._deltas(b'"reasoning_content":')
        if self._reasoned:
            self._pending = self._chunk(b'"reasoning_content":' + line(SEPARATOR))
        self._apart = True
        return b"".join(self._prove(state) for state in part.states)

    def _start_refusal(self, _: Part) -> bytes:
        self._deltas(b'"refusal":')
        self._apart = self._refused = True
        return b""

    def _start_call(self, part: Any) -> bytes:
        self._apart = True
        self._calls += 1
        if self._form.legacy_functions:
            return self._start_function(part)
        index = self._calls - 1
        field, inner = (b"custom", b"input") if part.kind == "custom" else (b"function", b"arguments")
        self._deltas(b'"tool_calls":[{"index":%d,"%b":{"%b":' % (index, field, inner), b"}}]")
        call: dict[str, Any] = {"index": index, "id": part.id, "type": field.decode()}
        call[field.decode()] = {"name": part.name, inner.decode(): ""}
        if part.states:
            call["extra_content"] = encode_thought(part.states[-1], sealed=True)
        return self._chunk(b'"tool_calls":[' + line(call) + b"]")

    def _start_function(self, part: ToolCall) -> bytes:
        """The old API knows one call only."""
        if self._calls > 1:
            self._pending = None
            return b""
        self._deltas(b'"function_call":{"arguments":', b"}")
        return self._chunk(b'"function_call":' + line({"name": part.name, "arguments": ""}))

    def _start_other(self, part: Part) -> bytes:
        """What only another dialect understands has at most a text."""
        if not isinstance(part, Opaque) or not part.text:
            self._pending, self._apart = None, True
            return b""
        self._part = Text()
        self._start_text(part)
        return self.feed([PartDelta(0, part.text)])

    def _end_part(self) -> bytes:
        part = self._part
        if isinstance(part, ToolCall):
            empty = not self._length and part.kind == "function" and self._pending is not None
            return self._before + b'"{}"' + self._after if empty else b""
        self._reasoned = self._reasoned or (isinstance(part, Reasoning) and self._length > 0)
        if not isinstance(part, Text):
            return b""
        start, self._told = self._told, self._told + self._length
        annotations = [encode_citation(citation, start, self._told) for citation in self._citations]
        self._citations.clear()
        told = numbered((annotation for annotation in annotations if annotation), self._sources)
        self._sources += len(told)
        return self._chunk(b'"annotations":' + line(told)) if told else b""

    # --- what is said beside the parts -------------------------------------------------------------------------------

    def _state(self, event: PartState) -> bytes:
        return self._prove(event.state)

    def _prove(self, state: ReasoningState) -> bytes:
        if isinstance(self._part, ToolCall):
            # OpenAI's SDK takes no piece of a call without its function.
            piece = {"custom": {"input": ""}} if self._part.kind == "custom" else {"function": {"arguments": ""}}
            call = {"index": self._calls - 1, **piece, "extra_content": encode_thought(state, sealed=True)}
            return b"" if self._form.legacy_functions else self._chunk(b'"tool_calls":[' + line(call) + b"]")
        details = numbered(encode_details([state]), self._states)
        self._states += len(details)
        return self._chunk(b'"reasoning_details":' + line(details))

    def _cite(self, event: PartCitation) -> bytes:
        """Told at the end of the text: an annotation names the place that it covers."""
        self._citations.append(event.citation)
        return b""

    def _other(self, event: OtherChoice) -> bytes:
        other = self._others.get(event.choice)
        role = b""
        if other is None:
            other = self._others[event.choice] = Encoder(self._form, event.choice)
            role = other.feed([MessageStart("", "")])
        return role + other.feed(event.events)

    def _end(self, event: MessageEnd) -> bytes:
        word = line(encode_finish(event.finish_reason, self._form))
        finish = self._chunk(b"").replace(b'"finish_reason":null', b'"finish_reason":' + word)
        if self._form.include_usage and not self._index:
            last = {"choices": [], "usage": encode_usage(event.usage), **encode_tier(event.usage)}
            finish += self._opening + b"," + line(last)[1:] + b"\n\n"
        # The finish reason alone does not say that the model refused.
        silent = event.finish_reason is FinishReason.REFUSAL and not self._refused
        return (self._chunk(b'"refusal":' + line(REFUSED)) if silent else b"") + finish + (b"" if self._index else DONE)

    def _fail(self, event: StreamError) -> bytes:
        return b"data: " + line({"error": error_document(event.error)}) + b"\n\n" + DONE

    _STARTS: ClassVar[Mapping[type[Part], Callable[["Encoder", Any], bytes]]] = {
        Text: _start_text,
        Reasoning: _start_reasoning,
        Refusal: _start_refusal,
        ToolCall: _start_call,
    }
    # What the IR says beyond these (who answers, usage so far) has no place in this stream.
    _WRITERS: ClassVar[Mapping[type[Event], Callable[["Encoder", Any], bytes]]] = {
        Verbatim: lambda _, event: event.data,
        MessageStart: lambda self, _: self._chunk(b'"role":"assistant","content":""'),
        PartStart: _start,
        PartState: _state,
        PartCitation: _cite,
        PartEnd: lambda self, _: self._end_part(),
        OtherChoice: _other,
        MessageEnd: _end,
        StreamError: _fail,
    }
