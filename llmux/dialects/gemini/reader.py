"""What the chunks say of one candidate -> events: a stream's one by one, or a whole answer as the only one.

It knows of one candidate only: `candidates.py` leads as many as there are, and reads what is said of all of them.
This wire marks no parts: neighbouring texts are one part, and so is reasoning. A proof ends the part that it is on.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import orjson
from msgspec.structs import replace

from llmux.dialects.base import Names
from llmux.dialects.gemini.answer import (
    Candidate,
    client_call,
    decode_citations,
    failed_finish,
    finish_reason,
    finish_word,
    parts_of,
)
from llmux.dialects.gemini.calls import PartialArguments
from llmux.dialects.gemini.content import SIGNATURE, decode_part
from llmux.dialects.gemini.reasoning import decode_signature
from llmux.dialects.gemini.schema import NAME, SIGNS_NOTHING, SIGNS_TEXT, WORDS
from llmux.dialects.shape import Fields
from llmux.errors import BackendGarbled, BadRequest
from llmux.ir.content import Extra, Opaque, Part, Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.events import Event, MessageEnd
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.ir.writer import EventWriter

Wire = dict[str, Any]

TEXT, REASONING = Text(), Reasoning()
# What a candidate says that is told elsewhere, or that a stream tells in pieces.
TOLD = frozenset({"content", "finishReason", "index", "tokenCount", "logprobsResult"})


class _Call:
    """A call that arrives in pieces."""

    __slots__ = ("arguments", "id", "name", "states")

    def __init__(self, call_id: str, name: str, states: tuple[ReasoningState, ...]) -> None:
        self.id = call_id
        self.name = name
        self.states = states
        self.arguments = PartialArguments()


class Reader:
    """One candidate while it is read. `seed` makes the ids of calls that come without one."""

    __slots__ = (
        "_calls", "_candidate", "_held", "_names", "_numbers", "_partial", "_word", "_writer", "seed", "spoke",
    )  # fmt: skip

    def __init__(self, names: Names) -> None:
        """`names` undoes the renaming of tools."""
        self.seed = ""
        self.spoke = False  # the answer has content
        self._names = names
        self._writer = EventWriter()
        self._calls = 0
        self._partial: _Call | None = None
        self._held: ReasoningState | None = None  # the proof of a text, which is told behind what the text rests on
        self._word = ""
        self._numbers = False  # words of enums are told as numbers
        self._candidate: Wire = {}

    @property
    def finished(self) -> bool:
        """Whether it has said why it ends."""
        return bool(self._word)

    def candidate(self, candidate: Candidate, out: list[Event]) -> None:
        """Read what one document says of it.

        Raises:
            GatewayError: that is a failure, or makes no sense.
        """
        for part in parts_of(candidate):
            self._part(part, out)
        self._learn(candidate)
        if self._writer.open is TEXT:
            for citation in decode_citations(candidate.get("groundingMetadata")):
                self._writer.cite(out, citation)

    def _learn(self, candidate: Candidate) -> None:
        """Why the answer ends, and what else is said of it."""
        told = finish_word(candidate)
        if failure := failed_finish(told, candidate, said=self.spoke):
            raise failure
        self._word = told or self._word
        if isinstance(candidate.get("finishReason"), int):  # who asked for numbers gets none from us
            self._numbers = True
        self._candidate |= {name: value for name, value in candidate.items() if name not in TOLD and value}

    # --- parts

    def text(self, text: str, out: list[Event]) -> None:
        """More of the answer's text."""
        if self._partial is not None or self._held is not None:
            self._release(out)
        self.spoke = True
        self._writer.write(out, TEXT, text)

    def reasoning(self, text: str, out: list[Event]) -> None:
        """More reasoning."""
        if self._partial is not None or self._held is not None:
            self._release(out)
        self.spoke = True
        self._writer.write(out, REASONING, text)

    def _part(self, part: Wire, out: list[Event]) -> None:
        if isinstance(call := part.get("functionCall"), dict) and self._piece(call, part, out):
            return
        try:
            said = decode_part(Fields(part, "part"), self._next_id())
        except BadRequest as error:
            raise BackendGarbled(f"The backend's answer has the wrong shape: {error.message}") from None
        for found in said:
            self._tell(found, out)

    def _next_id(self) -> str:
        """An id for a call that has none: the same for the same answer, and no other call's."""
        return f"call_{self.seed}_{self._calls}" if self.seed else f"call_{self._calls}"

    def _tell(self, part: Part, out: list[Event]) -> None:
        tell = self._TELL.get(type(part))
        if tell:
            tell(self, part, out)
        else:
            self._whole(part, out)

    def _text(self, part: Text, out: list[Event]) -> None:
        self.text(part.text, out)

    def _reasoning(self, part: Reasoning, out: list[Event]) -> None:
        """Reasoning that can be seen, or a proof alone: of what is open, of a text, or of nothing that can be seen."""
        if part.text:
            self.reasoning(part.text, out)
        for state in part.states:
            if state.kind in {SIGNS_TEXT, SIGNS_NOTHING}:
                self._release(out)
                self._held = state
            elif self._writer.open is REASONING:
                self._writer.state(out, state)
                self._writer.close(out)
            else:
                self._whole(Reasoning(states=(state,)), out)

    def _call(self, call: ToolCall, out: list[Event]) -> None:
        self._release(out)
        self.spoke = True
        self._calls += 1
        name, arguments, free = client_call(call, self._names)
        kind: Any = "custom" if free else "function"
        empty = replace(call, name=name, arguments="", kind=kind)
        self._writer.start(out, empty)
        if arguments:
            self._writer.write(out, empty, arguments)
        self._writer.close(out)

    def _whole(self, part: Part, out: list[Event]) -> None:
        """What comes complete. What Google ran itself is not what the model says."""
        self._release(out)
        self.spoke = self.spoke or not isinstance(part, Reasoning)
        self._writer.start(out, replace(part, text="") if isinstance(part, Opaque) else part)
        self._writer.close(out)

    def _release(self, out: list[Event]) -> None:
        """What must be told before anything else is: a call in pieces, and the proof of a text."""
        if (call := self._partial) is not None:
            self._partial = None
            arguments = orjson.dumps(call.arguments.build()).decode()
            self._call(ToolCall(id=call.id, name=call.name, arguments=arguments, states=call.states), out)
        if (state := self._held) is not None:
            self._held = None
            self._whole(Reasoning(states=(state,)), out)

    def _piece(self, call: Wire, part: Wire, out: list[Event]) -> bool:
        """Whether `call` is a piece of one (Vertex): its name first, then arguments by their paths, at last nothing."""
        name, goes_on = call.get("name"), call.get("willContinue") is True
        if isinstance(name, str) and name and (goes_on or "partialArgs" in call):
            self._release(out)
            told = call.get("id")
            call_id = told if isinstance(told, str) and told else self._next_id()
            self._partial = _Call(call_id, name, decode_signature(part.get(SIGNATURE)))
        elif name or self._partial is None:
            return False
        self._partial.arguments.add(call.get("partialArgs"))
        if not goes_on:
            self._release(out)
        return True

    _TELL: ClassVar[Mapping[type[Part], Callable[["Reader", Any, list[Event]], None]]] = {
        Text: _text,
        Reasoning: _reasoning,
        ToolCall: _call,
    }

    # --- the end

    def end(self, usage: Usage, beside: Wire, out: list[Event]) -> None:
        """Tell the end of an answer that has finished. `beside`: what was said beside the candidates."""
        self._release(out)
        self._writer.close(out)
        reason = finish_reason(self._word, called=self._calls > 0) if self._word else FinishReason.FILTERED
        if WORDS[reason] != self._word and self._word:
            self._candidate["finishReason"] = self._word
        told = {} if self._numbers else self._candidate
        details = {**({"candidate": told} if told else {}), **beside}
        out.append(MessageEnd(reason, usage, None, Extra(NAME, details) if details else None))
