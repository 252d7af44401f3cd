"""What the chunks say of one choice -> events: tolerant of everything that servers of this wire were seen to send.

It reads documents, not bytes, and knows of one choice only: `chunks.py` leads as many as there are.
One part is open at a time, so what comes while a call's arguments are incomplete waits behind them. Nothing is ended
before the end: finish reasons come early, twice or never, and usage comes after them.
"""

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from llmux.dialects.base import Names
from llmux.dialects.freetext import FreeText, unwrap
from llmux.dialects.openai_chat.answer import (
    client_name,
    decode_citation,
    failed_finish,
    finish_reason,
)
from llmux.dialects.openai_chat.calls import Call, Calls, Fragment, fragment_of
from llmux.dialects.openai_chat.content import thinking_text
from llmux.dialects.openai_chat.reasoning import (
    TEXTS,
    decode_details,
    details_text,
    merge_details,
    objects,
    thinking_block,
    thought,
)
from llmux.dialects.openai_chat.schema import NO_WORDS
from llmux.ir.content import Part, Reasoning, ReasoningState, Refusal, Text, ToolCall
from llmux.ir.events import Event, MessageEnd
from llmux.ir.usage import Usage
from llmux.ir.writer import EventWriter

Wire = Mapping[str, Any]

TEXT, REASONING, REFUSAL = Text(), Reasoning(), Refusal()
SAID = frozenset({"delta", "message"})  # a choice without these is of the older form, and has a text


class Reader:
    """One choice -> its events. `seed` makes the ids of calls that come without one."""

    __slots__ = (
        "_called", "_calls", "_details", "_live", "_names", "_refused", "_source", "_waiting", "_words", "_writer",
        "seed", "spoke",
    )  # fmt: skip

    def __init__(self, names: Names) -> None:
        self._names = names
        self._writer = EventWriter()
        self._calls = Calls()
        self._live: Call | None = None  # the call that is being told
        self._waiting: deque[Call | tuple[Part, list[str]]] = deque()  # what came while that was incomplete
        self._details: list[Wire] = []
        self._source = ""  # where this stream says its reasoning: servers that use two fields say it twice
        self._words: list[str] = []
        self.seed = ""
        self._called = 0
        self._refused = False
        self.spoke = False  # something was said

    @property
    def finished(self) -> bool:
        """Whether a finish reason has been given."""
        return bool(self._words)

    def finish(self, word: Any) -> None:
        """Note a finish reason.

        Raises:
            GatewayError: it tells of a failure.
        """
        if failure := failed_finish(word):
            raise failure
        if isinstance(word, str) and word not in NO_WORDS:
            self._words.append(word)

    def choice(self, choice: Wire, out: list[Event]) -> None:
        """Append the events of one entry of a chunk's choices.

        Raises:
            GatewayError: it tells of a failure.
        """
        if isinstance(delta := choice.get("delta"), dict):
            self._delta(delta, out)
        # A whole answer, which may have an empty delta too; some send the message also as a stream's last chunk.
        if isinstance(message := choice.get("message"), dict) and not self.spoke:
            self._delta(message, out)
        if choice.keys().isdisjoint(SAID) and isinstance(text := choice.get("text"), str) and text:
            self.text(text, out)
        self.finish(choice.get("finish_reason"))

    def _delta(self, delta: Wire, out: list[Event]) -> None:
        self._reason(delta, out)
        content = delta.get("content")
        if isinstance(content, str) and content:
            self.text(content, out)
        for part in objects(content):
            self._content_part(part, out)
        audio = delta.get("audio")
        if isinstance(audio, dict) and isinstance(spoken := audio.get("transcript"), str) and spoken:
            self.text(spoken, out)
        if isinstance(refusal := delta.get("refusal"), str) and refusal:
            self._refused = True
            self._say(REFUSAL, refusal, out)
        self._cite(objects(delta.get("annotations")), out)
        for call in objects(delta.get("tool_calls")):
            self.call(fragment_of(call, thought(call)), out)
        if isinstance(function := delta.get("function_call"), dict):
            self.call(fragment_of({"index": 0, "function": function}), out)

    # --- text and reasoning ------------------------------------------------------------------------------------------

    def text(self, delta: str, out: list[Event]) -> None:
        """Append more text. A blank behind a call says nothing."""
        if self._live is None and not self._details:  # nearly always
            self.spoke = True
            self._writer.write(out, TEXT, delta)
        elif self._live is None or self._waiting or not delta.isspace():
            self._say(TEXT, delta, out)

    def reasoning(self, source: str, delta: str, out: list[Event]) -> None:
        """Append more reasoning, if `source` is the field in which this stream says it."""
        if not self._source:
            self._source = source
        if source == self._source:
            self._say(REASONING, delta, out)

    def _reason(self, delta: Wire, out: list[Event]) -> None:
        for block in objects(delta.get("thinking_blocks")):
            if part := thinking_block(block):
                if part.text:
                    self.reasoning("thinking_blocks", part.text, out)
                self._prove(part.states, out)
        for source in TEXTS:
            if isinstance(text := delta.get(source), str) and text:
                self.reasoning(source, text, out)
        if details := objects(delta.get("reasoning_details")):
            if text := details_text(details):
                self.reasoning("reasoning_details", text, out)
            self._details += details
        self._prove(thought(delta), out)

    def _content_part(self, part: Wire, out: list[Event]) -> None:
        """Mistral's content: an array of thinking and text parts."""
        if part.get("type") == "thinking":
            if thinking := thinking_text(part.get("thinking")):
                self.reasoning("content", thinking, out)
        elif isinstance(text := part.get("text"), str) and text:
            self.text(text, out)

    def _say(self, part: Part, delta: str, out: list[Event]) -> None:
        self.spoke = True
        if self._live is None or self._hang_up(out):
            self._write(part, delta, out)
        elif self._waiting and isinstance(last := self._waiting[-1], tuple) and last[0] is part:
            last[1].append(delta)
        else:
            self._waiting.append((part, [delta]))

    def _write(self, part: Part, delta: str, out: list[Event]) -> None:
        if self._details and part is not REASONING:
            self._flush_details(out)
        self._writer.write(out, part, delta)

    def _cite(self, annotations: Iterable[Wire], out: list[Event]) -> None:
        for annotation in annotations:
            if isinstance(self._writer.open, Text) and (citation := decode_citation(annotation)):
                self._writer.cite(out, citation)

    def _prove(self, states: Sequence[ReasoningState], out: list[Event]) -> None:
        """Attach `states` to the reasoning before; a state in the midst of a call comes too late for any."""
        if states and (self._live is None or self._hang_up(out)):
            self._attach(states, out)

    def _attach(self, states: Sequence[ReasoningState], out: list[Event]) -> None:
        """To the reasoning that is open, or to one without a text: hidden reasoning has no other sign."""
        if not isinstance(self._writer.open, Reasoning):
            self._writer.start(out, REASONING)
        for state in states:
            self._writer.state(out, state)
        self._writer.close(out)

    def _flush_details(self, out: list[Event]) -> None:
        states = decode_details(merge_details(self._details))
        self._details.clear()
        if states:
            self._attach(states, out)

    # --- calls -------------------------------------------------------------------------------------------------------

    def call(self, fragment: Fragment, out: list[Event]) -> None:
        """Append a piece of a call."""
        call, is_new = self._calls.route(fragment)
        self.spoke = True
        if is_new and (self._live is None or self._hang_up(out)):
            self._live = call
        elif is_new:
            self._waiting.append(call)
        if call is self._live:
            self._tell(call, out)
            if self._waiting:
                self._hang_up(out)

    def arguments(self, index: int, piece: str, out: list[Event]) -> None:
        """Append more arguments of a call that has been named: what `call` does, for nearly all pieces of calls."""
        call = self._live
        if call is not None and call.part is not None and not self._waiting and self._calls.at(index) is call:
            call.heard(piece)
            self._writer.write(out, call.part, piece)
        else:
            self.call(Fragment(index, arguments=piece), out)

    def _hang_up(self, out: list[Event], *, at_end: bool = False) -> bool:
        """End the call that is being told if it is complete, then tell what waited behind it; False: one still is."""
        while self._live is not None and (at_end or self._live.complete):
            self._end_call(self._live, out)
            self._live = None
            while self._waiting and self._live is None:
                self._next(self._waiting.popleft(), out)
        return self._live is None

    def _next(self, waited: Call | tuple[Part, list[str]], out: list[Event]) -> None:
        if isinstance(waited, Call):
            self._live = waited
            self._tell(waited, out)
        else:
            self._write(waited[0], "".join(waited[1]), out)

    def _tell(self, call: Call, out: list[Event]) -> None:
        """Append the arguments that have come; the part opens with the first, when the name is known for sure.

        A custom tool that its backend knows as a function is told at its end: only then can it be unwrapped.
        """
        if call.name and not self._is_bridged(call) and (arguments := call.take()):
            self._writer.write(out, self._opened(call, out), arguments)

    def _end_call(self, call: Call, out: list[Event]) -> None:
        if not call.name:
            return  # nobody can answer a call of no tool
        arguments = call.take_all()
        part = self._opened(call, out)
        self._writer.write(out, part, unwrap(arguments) if self._is_bridged(call) else arguments)
        self._writer.close(out)

    def _is_bridged(self, call: Call) -> bool:
        return bool(self._names) and isinstance(client_name(call.name, self._names), FreeText)

    def _opened(self, call: Call, out: list[Event]) -> Part:
        """The part of `call`, open."""
        if call.part is None:
            if self._details:
                self._flush_details(out)
            name = client_name(call.name, self._names)
            custom = call.custom or isinstance(name, FreeText)
            kind: Literal["custom", "function"] = "custom" if custom else "function"
            call.part = ToolCall(id=call.id or self._new_id(), name=str(name), kind=kind, states=call.states)
            self._called += 1
            self._writer.start(out, call.part)
        return call.part

    def _new_id(self) -> str:
        """An id for a call that came without one. Nothing here is random: it follows from the answer and the place."""
        return f"call_{hashlib.sha256(f'{self.seed}:{self._called}'.encode(errors='replace')).hexdigest()[:24]}"

    # --- the end -----------------------------------------------------------------------------------------------------

    def end(self, usage: Usage, out: list[Event]) -> None:
        """Append what was held back, and the end of the answer."""
        self._hang_up(out, at_end=True)
        self._flush_details(out)
        self._writer.close(out)
        reason = finish_reason(self._words, called=self._called > 0, refused=self._refused)
        out.append(MessageEnd(reason, usage))
