"""A stage over events: each call gets the name and the arguments that were meant. It makes and ends no part.

What of a call is held back when the answer breaks off is dropped with it: half a call is of no use to anybody.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from llmux.ir.content import ToolCall
from llmux.ir.events import Event, PartDelta, PartEnd, PartStart
from llmux.normalise.arguments import Arguments
from llmux.normalise.toolbox import Repairs, Toolbox


class CallStage:
    """The calls of one answer. See normaliser.Stage."""

    __slots__ = ("_arguments", "_name", "_repairs", "_tools")

    def __init__(self, tools: Toolbox, repairs: Repairs) -> None:
        self._tools = tools
        self._repairs = repairs
        self._arguments: Arguments | None = None  # of the open call
        self._name = ""

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """`events`, with calls put right."""
        if self._arguments is None and PartStart not in map(type, events):  # nearly always
            return events
        out: list[Event] = []
        for event in events:
            if step := self._STEPS.get(type(event)):
                step(self, event, out)
            else:
                out.append(event)
        return out

    def _start(self, event: PartStart, out: list[Event]) -> None:
        part = event.part
        if not isinstance(part, ToolCall) or part.kind != "function":
            out.append(event)
            return
        name = self._tools.name(part.name)
        if name is not None and name != part.name:
            self._repairs.rename(part.name, name)
            event = PartStart(event.index, replace(part, name=name))
        out.append(event)
        shapes = None if name is None else self._tools.shapes(name)
        if name is not None and shapes is not None:
            self._name, self._arguments = name, Arguments(shapes)

    def _delta(self, event: PartDelta, out: list[Event]) -> None:
        if self._arguments is None:
            out.append(event)
        elif text := self._arguments.feed(event.delta):
            out.append(event if text is event.delta else PartDelta(event.index, text))

    def _end(self, event: PartEnd, out: list[Event]) -> None:
        if self._arguments is not None:
            if rest := self._arguments.close():
                out.append(PartDelta(event.index, rest))
            for note in self._arguments.notes:
                self._repairs.add(self._name, note)
            self._arguments = None
        out.append(event)

    _STEPS: ClassVar[Mapping[type[Event], Callable[["CallStage", Any, list[Event]], None]]] = {
        PartStart: _start,
        PartDelta: _delta,
        PartEnd: _end,
    }
