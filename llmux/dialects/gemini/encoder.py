"""Events -> the stream that a client reads: server-sent events without names, comments or a last word, or a JSON array.

Google's own SDKs take nothing else. Calls are told whole, the last chunk says why the answer ended and what it cost,
and each chunk has parts: a chat of Google's Python SDK forgets an answer with a chunk that has none.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, ClassVar

import orjson
from msgspec.structs import replace

from llmux.dialects.base import AnswerForm
from llmux.dialects.document import line
from llmux.dialects.gemini.answer import encode_call, encode_end, encode_part, encode_usage, proof
from llmux.dialects.gemini.errors import error_document
from llmux.ir.content import Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    OtherChoice,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    Verbatim,
)

Wire = dict[str, Any]

# A blank line, which ends no event, or space between elements: legal in both forms, and heard by nobody.
KEEPALIVE = b"\n"
TEXT, THOUGHT = (b'{"text":', b"}"), (b'{"text":', b',"thought":true}')
GROWING: Mapping[type[Part], tuple[bytes, bytes]] = {Text: TEXT, Refusal: TEXT, Reasoning: THOUGHT}


class Encoder:
    """One stream of server-sent events. See dialects.base.Encoder."""

    __slots__ = ("_arguments", "_call", "_delta", "_done", "_form", "_head", "_index", "_leads", "_others", "_tail")

    FIRST, NEXT, AFTER, LAST = b"data: ", b"data: ", b"\n\n", b""

    def __init__(self, form: AnswerForm, index: int = 0, leads: Iterator[bytes] | None = None) -> None:
        """`index`: which of several candidates it tells. The first one leads the others, which have one each.

        `leads`: what stands in front of each further chunk, whoever tells it.
        """
        self._form = form
        self._index = index
        self._leads = leads or chain((self.FIRST,), repeat(self.NEXT))
        self._others: dict[int, Encoder] = {}
        about = line({"modelVersion": form.model, "responseId": form.id})
        self._head = b'{"candidates":[{"content":{"parts":['
        self._tail = b'],"role":"model"},"index":%d}],' % index + about[1:] + self.AFTER
        self._done = False
        self._delta: tuple[bytes, bytes] | None = None  # what is around a delta of the open part
        self._call: ToolCall | None = None  # the one that is open
        self._arguments: list[str] = []

    def feed(self, events: Sequence[Event]) -> bytes:
        """The chunks that tell `events`."""
        out: list[bytes] = []
        for event in events:
            if type(event) is PartDelta:
                delta = event.delta
                if self._delta is not None:
                    text = orjson.dumps(delta) if delta.isascii() else line(delta)
                    self._say(out, self._delta[0] + text + self._delta[1])
                elif self._call is not None:
                    self._arguments.append(delta)
            elif write := self._WRITERS.get(type(event)):
                write(self, out, event)
        return b"".join(out)

    def keepalive(self) -> bytes:
        """Nothing after the end."""
        return b"" if self._done else KEEPALIVE

    def _say(self, out: list[bytes], parts: bytes) -> None:
        out += (next(self._leads), self._head, parts, self._tail)

    def _whole(self, out: list[bytes], parts: list[Wire]) -> None:
        if parts:
            self._say(out, b",".join(map(line, parts)))

    # --- parts

    def _start(self, out: list[bytes], event: PartStart) -> None:
        part = event.part
        self._delta = GROWING.get(type(part))
        if isinstance(part, ToolCall):
            self._call = part
        elif isinstance(part, Reasoning):
            self._whole(out, [proof(state) for state in part.states])
        else:
            self._whole(out, encode_part(part))

    def _state(self, out: list[bytes], event: PartState) -> None:
        """The proof of reasoning that was told already is told behind it; that of a call goes with the call."""
        if self._call is not None:
            self._call = replace(self._call, states=(*self._call.states, event.state))
        else:
            self._prove(out, event.state)

    def _prove(self, out: list[bytes], state: ReasoningState) -> None:
        self._whole(out, [proof(state)])

    def _end_part(self, out: list[bytes], _: PartEnd) -> None:
        if self._call is not None:
            arguments = self._call.arguments + "".join(self._arguments)
            self._whole(out, encode_call(replace(self._call, arguments=arguments)))
        self._call, self._delta = None, None
        self._arguments.clear()

    # --- the end

    def _verbatim(self, out: list[bytes], event: Verbatim) -> None:
        if event.data:
            self._leads = repeat(self.NEXT)
        self._done = event.done
        out.append(event.data)

    def _other(self, out: list[bytes], event: OtherChoice) -> None:
        other = self._others.get(event.choice)
        if other is None:
            other = self._others[event.choice] = type(self)(self._form, event.choice, self._leads)
        out.append(other.feed(event.events))

    def _end(self, out: list[bytes], event: MessageEnd) -> None:
        """The usage is that of all, and told with the first one's end."""
        self._done = True
        end, beside = encode_end(event.finish_reason, event.details, self._index)
        last: Wire = {"candidates": [{"content": {"parts": [{"text": ""}], "role": "model"}, **end}]}
        if not self._index:
            last |= {**beside, "usageMetadata": encode_usage(event.usage)}
        last |= {"modelVersion": self._form.model, "responseId": self._form.id}
        out += (next(self._leads), line(last), self.AFTER, b"" if self._index else self.LAST)

    def _fail(self, out: list[bytes], event: StreamError) -> None:
        self._done = True
        out += (next(self._leads), line(error_document(event.error)), self.AFTER, self.LAST)

    # What the IR says beyond these (who answers, usage so far, sources) is told at the end or has no place here.
    _WRITERS: ClassVar[Mapping[type[Event], Callable[["Encoder", list[bytes], Any], None]]] = {
        Verbatim: _verbatim,
        PartStart: _start,
        PartState: _state,
        PartEnd: _end_part,
        OtherChoice: _other,
        MessageEnd: _end,
        StreamError: _fail,
    }


class ArrayEncoder(Encoder):
    """One stream as a JSON array: the comma comes with the next element, as Google sends it."""

    __slots__ = ()

    FIRST, NEXT, AFTER, LAST = b"[", b",\r\n", b"\n", b"]"
