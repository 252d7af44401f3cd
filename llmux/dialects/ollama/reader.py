"""What lines say -> events. Contiguous text is one part, and so is contiguous reasoning; a call comes whole.

It reads lines, not bytes: `stream.py` cuts them, and `response.py` gives it a whole answer as one.
"""

import hashlib

from llmux.dialects.base import Names
from llmux.dialects.freetext import FreeText, unwrap
from llmux.dialects.ollama.answer import GARBLED, SILENT, Call, Line, decode_finish, decode_usage
from llmux.dialects.ollama.calls import decode_arguments
from llmux.errors import BackendGarbled
from llmux.ir.content import Reasoning, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart
from llmux.ir.writer import EventWriter

TEXT, REASONING = Text(), Reasoning()


class Reader:
    """One answer's lines -> events."""

    __slots__ = ("_called", "_names", "_seed", "_writer", "begun")

    def __init__(self, names: Names) -> None:
        self._names = names
        self._writer = EventWriter()
        self._seed = ""
        self._called = 0
        self.begun = False

    def line(self, said: Line, out: list[Event]) -> None:
        """Append the events of one line: within it reasoning comes first, then text, then calls."""
        if not self.begun:
            self._begin(said, out)
        message = said.message or SILENT
        if thinking := message.thinking or said.thinking:
            self._writer.write(out, REASONING, thinking)
        if text := message.content or said.response:
            self._writer.write(out, TEXT, text)
        for call in message.tool_calls or ():
            self._call(call, out)
        if said.done:
            self._writer.close(out)
            out.append(MessageEnd(decode_finish(said.done_reason, called=self._called > 0), decode_usage(said)))

    def _begin(self, said: Line, out: list[Event]) -> None:
        self.begun = True
        self._seed = f"{said.model}:{said.created_at}"
        out.append(MessageStart(f"ollama-{self._digest('')}", said.model or ""))

    def _call(self, call: Call, out: list[Event]) -> None:
        name = self._names.get(call.function.name, call.function.name)
        try:
            arguments = decode_arguments(bytes(call.function.arguments))
        except ValueError:
            raise BackendGarbled(GARBLED) from None
        custom = isinstance(name, FreeText)
        part = ToolCall(
            id=call.id or f"call_{self._digest(str(self._called))}",
            name=str(name),
            kind="custom" if custom else "function",
        )
        self._called += 1
        self._writer.start(out, part)
        self._writer.write(out, part, unwrap(arguments) if custom else arguments)
        self._writer.close(out)

    def _digest(self, place: str) -> str:
        """A name for an answer or a call that came without one. It is not random: it follows from answer and place."""
        return hashlib.sha256(f"{self._seed}:{place}".encode(errors="replace")).hexdigest()[:24]
