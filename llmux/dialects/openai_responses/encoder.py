"""Events -> the stream that a client reads, exactly in its grammar: items one after the other, each told whole at last.

One part is open at a time, so the bytes before each of its deltas are made once, when it opens. A failure closes no
item: what was cut must not look finished.

Reference: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import orjson
from msgspec.structs import replace

from llmux.dialects.base import AnswerForm
from llmux.dialects.document import line
from llmux.dialects.openai_errors import error_document
from llmux.dialects.openai_responses.content import encode_spoken
from llmux.dialects.openai_responses.errors import failed_document
from llmux.dialects.openai_responses.items import (
    CUT,
    Kit,
    Passed,
    as_words,
    call_item,
    closing,
    finished_call,
    message_item,
    opening,
    phase_of,
    proofs,
    reasoning_item,
    response_id,
    summary,
)
from llmux.dialects.openai_responses.numbered import Numbered
from llmux.dialects.openai_responses.schema import NAME, REFUSED
from llmux.ir.content import Citation, Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    Verbatim,
)
from llmux.ir.response import FinishReason, Response

Wire = dict[str, Any]

COMMENT = b": keepalive\n\n"
# What a part's deltas are called, and the field that holds all of it when it is done.
WORDS: Mapping[type[Part], tuple[str, str]] = {
    Text: ("response.output_text", "text"),
    Refusal: ("response.refusal", "refusal"),
    Reasoning: ("response.reasoning_summary_text", "text"),
}
ARGUMENTS = ("response.function_call_arguments", "arguments")
INPUT = ("response.custom_tool_call_input", "input")


class Encoder(Numbered):
    """One stream. See dialects.base.Encoder."""

    __slots__ = (
        "_call", "_citations", "_done", "_form", "_kit", "_message", "_part", "_passed", "_pieces", "_refused",
        "_started", "_states", "_summary_id",
    )  # fmt: skip

    def __init__(self, form: AnswerForm) -> None:
        super().__init__()
        self._form = form
        self._kit = Kit(form)
        self._message: Wire = {}  # the item of words that is open: more of them may follow
        self._part: Part | None = None  # that is open
        self._pieces: list[str] = []  # what has been told of it
        self._call: Wire = {}  # the item of the call that is open
        self._summary_id = ""  # of the reasoning that has not begun to speak
        self._states: list[ReasoningState] = []
        self._citations: list[Citation] = []
        self._refused = self._started = self._done = False
        self._passed = Passed()

    def feed(self, events: Sequence[Event]) -> bytes:
        out: list[bytes] = []
        for event in events:
            if type(event) is PartDelta:
                self._delta(out, event.delta)
            elif step := self._STEPS.get(type(event)):
                step(self, out, event)
        return b"".join(out)

    def keepalive(self) -> bytes:
        return b"" if self._done else COMMENT

    # --- deltas ------------------------------------------------------------------------------------------------------

    def _delta(self, out: list[bytes], delta: str) -> None:
        if self._summary_id:
            self._start_summary(out)
        self._pieces.append(delta)
        if self._before:
            text = orjson.dumps(delta) if delta.isascii() else line(delta)
            out += (self._before, b"%d" % self._number, self._between, text, b"}\n\n")
            self._number += 1

    # --- the answer --------------------------------------------------------------------------------------------------

    def _begin(self, out: list[bytes], _event: MessageStart) -> None:
        self._started = True
        response = opening(self._form)
        self._event(out, "response.created", response=response)
        self._event(out, "response.in_progress", response=response)

    def _end(self, out: list[bytes], event: MessageEnd) -> None:
        if event.finish_reason is FinishReason.REFUSAL and not self._refused:  # the status does not say so
            out.append(self.feed((PartStart(0, Refusal()), PartDelta(0, REFUSED), PartEnd(0))))
        self._end_message(out, "incomplete" if event.finish_reason in CUT else "completed")
        self._done = True
        told = Response("", "", (), event.finish_reason, event.usage, details=event.details)
        response = closing(told, self._output, self._form)
        self._event(out, f"response.{response['status']}", response=response)

    def _fail(self, out: list[bytes], event: StreamError) -> None:
        self._done = True
        passed = self._passed.response_id
        if self._started or passed:
            self._number = self._number or self._passed.next_number
            about = {"id": passed or response_id(self._form), "status": "failed", "output": self._output}
            failed = opening(self._form) | about | {"error": failed_document(event.error)}
            self._event(out, "response.failed", response=failed)
        else:  # the SDKs read it in one place, other clients in the other
            error = error_document(event.error)
            flat = {name: error[name] for name in ("code", "message", "param")}
            self._event(out, "error", **flat, error=error)

    def _verbatim(self, out: list[bytes], event: Verbatim) -> None:
        self._passed.note(event.data)
        self._done = event.done
        out.append(event.data)

    # --- parts -------------------------------------------------------------------------------------------------------

    def _start(self, out: list[bytes], event: PartStart) -> None:
        part = event.part
        self._pieces, self._states, self._citations, self._before = [], [], [], b""
        self._part = None
        if words := as_words(part):
            self._start_words(out, words)
        elif start := self._STARTS.get(type(part)):
            start(self, out, part)

    def _start_words(self, out: list[bytes], words: Text | Refusal) -> None:
        phase = phase_of(words)
        if self._message and self._message.get("phase") != phase:
            self._end_message(out)
        if not self._message:
            self._message = message_item(self._kit.new_id("msg"), [], phase, "in_progress")
            self._added(out, self._message | {"content": []})
        self._part = replace(words, text="")
        self._event(out, "response.content_part.added", **self._place, part=encode_spoken(self._part))
        logprobs: Wire = {"logprobs": []} if isinstance(words, Text) else {}
        self._deltas(f"{WORDS[type(words)][0]}.delta", **self._place, **logprobs)
        self._refused = self._refused or isinstance(words, Refusal)
        if words.text:  # what stands for a part of another dialect comes whole
            self._delta(out, words.text)

    @property
    def _place(self) -> Wire:
        """Of the words that are open."""
        message = self._message
        return {"item_id": message["id"], "output_index": self._index, "content_index": len(message["content"])}

    def _start_reasoning(self, out: list[bytes], part: Reasoning) -> None:
        self._end_message(out)
        self._part, self._states = part, list(part.states)
        self._summary_id = self._kit.new_id("rs")
        self._call = reasoning_item(self._summary_id, "", None)
        self._added(out, self._call)

    def _start_summary(self, out: list[bytes]) -> None:
        place = {"item_id": self._summary_id, "output_index": self._index, "summary_index": 0}
        self._summary_id = ""
        self._event(out, "response.reasoning_summary_part.added", **place, part=summary(""))
        self._deltas("response.reasoning_summary_text.delta", **place)

    def _start_call(self, out: list[bytes], part: ToolCall) -> None:
        self._end_message(out)
        self._whole(out, proofs(part.states, self._kit))
        self._part = part
        if self._kit.typed(part.name):
            return  # it comes whole
        custom = part.kind == "custom"
        self._call = call_item(part, self._kit.new_id("ctc" if custom else "fc"), self._kit)
        self._added(out, self._call | {"status": "in_progress"})
        kind, _ = INPUT if custom else ARGUMENTS
        self._deltas(f"{kind}.delta", item_id=self._call["id"], output_index=self._index)

    def _start_opaque(self, out: list[bytes], part: Opaque) -> None:
        if part.dialect == NAME:
            self._end_message(out)
            self._whole(out, [dict(part.raw)])

    def _end_part(self, out: list[bytes], _event: PartEnd) -> None:
        if self._part is not None:
            self._ENDS[type(self._part)](self, out, "".join(self._pieces))
        self._part = None

    def _end_words(self, out: list[bytes], told: str) -> None:
        part: Any = self._part
        spoken = encode_spoken(replace(part, text=told, **self._cited))
        for number, annotation in enumerate(spoken.get("annotations", ())):
            about = {"annotation_index": number, "annotation": annotation}
            self._event(out, "response.output_text.annotation.added", **self._place, **about)
        kind, field = WORDS[type(part)]
        logprobs: Wire = {"logprobs": []} if isinstance(part, Text) else {}
        self._event(out, f"{kind}.done", **self._place, **{field: told}, **logprobs)
        self._event(out, "response.content_part.done", **self._place, part=spoken)
        self._message["content"].append(spoken)

    @property
    def _cited(self) -> Wire:
        return {"citations": tuple(self._citations)} if self._citations else {}

    def _end_message(self, out: list[bytes], status: str = "completed") -> None:
        if self._message:
            message, self._message = self._message | {"status": status}, {}
            self._item_done(out, message)

    def _end_reasoning(self, out: list[bytes], told: str) -> None:
        if not self._summary_id:
            place = {"item_id": self._call["id"], "output_index": self._index, "summary_index": 0}
            self._event(out, "response.reasoning_summary_text.done", **place, text=told)
            self._event(out, "response.reasoning_summary_part.done", **place, part=summary(told))
        self._summary_id = ""
        first = self._states[0] if self._states else None
        self._item_done(out, reasoning_item(self._call["id"], told, first))
        self._whole(out, proofs(self._states[1:], self._kit))

    def _end_call(self, out: list[bytes], told: str) -> None:
        part: Any = self._part
        if not self._before:
            self._whole(out, [finished_call(replace(part, arguments=told, states=()), self._kit)])
            return
        kind, field = INPUT if part.kind == "custom" else ARGUMENTS
        if not told and field == "arguments":
            told = "{}"
            self._delta(out, told)
        self._event(out, f"{kind}.done", item_id=self._call["id"], output_index=self._index, **{field: told})
        self._item_done(out, self._call | {field: told})

    # --- what is said beside the parts -------------------------------------------------------------------------------

    def _state(self, _out: list[bytes], event: PartState) -> None:
        """Proof of the open reasoning. One that comes in the midst of a call comes too late for an item before it."""
        if isinstance(self._part, Reasoning):
            self._states.append(event.state)

    def _cite(self, _out: list[bytes], event: PartCitation) -> None:
        """Told at the end of the text: an annotation names the place that it covers."""
        if isinstance(self._part, Text):
            self._citations.append(event.citation)

    _STARTS: ClassVar[Mapping[type[Part], Callable[["Encoder", list[bytes], Any], None]]] = {
        Reasoning: _start_reasoning,
        ToolCall: _start_call,
        Opaque: _start_opaque,
    }
    _ENDS: ClassVar[Mapping[type[Part], Callable[["Encoder", list[bytes], str], None]]] = {
        Text: _end_words,
        Refusal: _end_words,
        Reasoning: _end_reasoning,
        ToolCall: _end_call,
    }
    _STEPS: ClassVar[Mapping[type[Event], Callable[["Encoder", list[bytes], Any], None]]] = {
        Verbatim: _verbatim,
        MessageStart: _begin,
        PartStart: _start,
        PartState: _state,
        PartCitation: _cite,
        PartEnd: _end_part,
        MessageEnd: _end,
        StreamError: _fail,
    }
