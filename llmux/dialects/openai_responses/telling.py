"""The items of a backend's answer -> parts, one at a time: each in the pieces that come, or whole at its end.

It tells what it is asked to at once; that items do not get into each other's way is its caller's business.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from msgspec.structs import replace

from llmux.dialects.base import Names
from llmux.dialects.freetext import FreeText, unwrap
from llmux.dialects.openai_responses.answer import client_name, objects
from llmux.dialects.openai_responses.arriving import FAMILIES, ArgumentsDelta, Delta, Item, text
from llmux.dialects.openai_responses.calls import BY_CALL, CALLS, arguments_of, is_hosted, written
from llmux.dialects.openai_responses.content import decode_citation
from llmux.dialects.openai_responses.reasoning import states_of
from llmux.dialects.openai_responses.schema import NAME, SEPARATOR
from llmux.ir.content import Extra, Opaque, Refusal, Text, ToolCall
from llmux.ir.events import Event, PartDelta
from llmux.ir.writer import EventWriter

Wire = dict[str, Any]
# Which typed delta says more of what is open: its type, item and place; where what is told is noted; the part's number.
Hot = tuple[type | None, int, int, list[str], int]
COLD: Hot = (None, 0, 0, [], 0)

SPOKEN = frozenset({"output_text", "refusal"})  # the families of texts that a message holds


class Teller:
    """Writes the parts of one answer. Each method appends the events that follow to `out`."""

    __slots__ = ("_hot", "_names", "_speaker", "_writer", "called", "live", "refused")

    def __init__(self, names: Names) -> None:
        self._names = names
        self._writer = EventWriter()
        self._speaker: tuple[Any, ...] = ()  # whose text is open: item, family, place
        self._hot = COLD
        self.live: Item | None = None  # the call that is open: its pieces cannot be put apart again
        self.called = self.refused = False

    def more(self, found: Delta, out: list[Event]) -> bool:
        """Append a typed delta, if it says more of what is open."""
        kind, index, place, told, part = self._hot
        if type(found) is not kind or found.output_index != index or found.place != place:
            return False
        if found.delta:
            told.append(found.delta)
            out.append(PartDelta(part, found.delta))
        return True

    def close(self, item: Item, wire: Wire, out: list[Event]) -> None:
        """Tell what is missing of `item`, and end it. `wire` is all of it; {}: nobody has told."""
        closer = self._CLOSERS.get(item.kind, Teller._close_other)
        closer(self, item, wire, out)
        if item is self.live or self._speaker[:1] == (item,):
            self._stop(out)
        if item is self.live:
            self.live = None

    def _stop(self, out: list[Event]) -> None:
        self._writer.close(out)
        self._speaker, self._hot = (), COLD

    # --- words -------------------------------------------------------------------------------------------------------

    def grow(self, item: Item, family: str, place: int, delta: str, out: list[Event]) -> None:
        """More of a text of `item`, whose part is opened when another one is."""
        told, words = item.told(family, place), FAMILIES[family]
        reasons = words.item == "reasoning"
        if reasons and (item.speaks or family) != family:
            return  # it tells the other of its two kinds of text
        apart = SEPARATOR if reasons and item.speaks and not told.pieces else ""
        item.speaks = family
        speaker = (item, "", 0) if reasons else (item, family, place)
        if speaker != self._speaker:
            self._open(item, family, speaker, out)
        part = self._writer.open or words.part
        self._hot = COLD if item.index is None else (words.delta, item.index, place, told.pieces, self._writer.index)
        told.pieces.append(delta)
        self._writer.write(out, part, apart + delta)

    def fill(self, item: Item, family: str, place: int, whole: Any, out: list[Event]) -> None:
        """Tell what of `whole`, a text, its deltas have not told."""
        if missing := item.told(family, place).missing(whole):
            self.grow(item, family, place, missing, out)

    def cite(self, item: Item, place: int, annotations: list[Wire], out: list[Event]) -> None:
        """Attach citations to the text they belong to. One that has been closed takes no more."""
        told = item.told("output_text", place)
        speaker = (item, "output_text", place)
        if self._speaker != speaker:
            if told.pieces or told.cited:
                return
            self._open(item, "output_text", speaker, out)
        told.cited += len(annotations)
        for annotation in annotations:
            self._writer.cite(out, decode_citation(annotation))

    def _open(self, item: Item, family: str, speaker: tuple[Any, ...], out: list[Event]) -> None:
        self._stop(out)
        part = FAMILIES[family].part
        self.refused = self.refused or isinstance(part, Refusal)
        if item.phase and isinstance(part, Text):
            part = replace(part, extra=Extra(NAME, {"message": {"phase": item.phase}}))
        self._writer.start(out, part)
        self._speaker = speaker

    def _close_message(self, item: Item, wire: Wire, out: list[Event]) -> None:
        content = objects(wire.get("content"))
        for place, part in zip(item.places(SPOKEN, len(content)), content, strict=True):
            family = text(part.get("type"))
            if family in SPOKEN:
                self.fill(item, family, place, part.get(FAMILIES[family].whole), out)
            if left := objects(part.get("annotations"))[item.told(family, place).cited :]:
                self.cite(item, place, left, out)

    def _close_reasoning(self, item: Item, wire: Wire, out: list[Event]) -> None:
        for family, name in (("summary_text", "summary"), ("reasoning_text", "content")):
            pieces = objects(wire.get(name))
            for place, part in zip(item.places({family}, len(pieces)), pieces, strict=True):
                self.fill(item, family, place, part.get("text"), out)
        for state in states_of(wire):
            if self._speaker[:1] != (item,):
                self._open(item, "summary_text", (item, "", 0), out)
            self._writer.state(out, state)

    # --- calls -------------------------------------------------------------------------------------------------------

    def open_call(self, item: Item, out: list[Event]) -> None:
        """Begin to tell a call. One that must be unwrapped is told at its end."""
        name = client_name(item.name, self._names)
        if item.part is not None or item.done or isinstance(name, FreeText):
            return
        self._stop(out)
        self.called, self.live = True, item
        item.part = _tool_call(item, name)
        self._writer.start(out, item.part)
        if item.index is not None and item.kind == "function_call":
            self._hot = (ArgumentsDelta, item.index, 0, item.arguments.pieces, self._writer.index)
        self._writer.write(out, item.part, "".join(item.arguments.pieces))

    def more_arguments(self, item: Item, piece: Any, out: list[Event]) -> None:
        """More of a call's arguments, which are kept until it is open."""
        if isinstance(piece, str) and piece and not item.done:
            item.arguments.pieces.append(piece)
            if item.part is not None:
                self._writer.write(out, item.part, piece)

    def _close_call(self, item: Item, wire: Wire, out: list[Event]) -> None:
        missing = item.arguments.missing(written(wire.get(item.field)))
        if item.part is not None:
            self._writer.write(out, item.part, missing)
        elif item.name:  # else nobody can answer it: a call of no tool
            name, arguments = client_name(item.name, self._names), "".join((*item.arguments.pieces, missing))
            self._say_call(_tool_call(item, name), unwrap(arguments) if isinstance(name, FreeText) else arguments, out)

    def _say_call(self, call: ToolCall, arguments: str, out: list[Event]) -> None:
        self.called = True
        self._stop(out)
        self._writer.start(out, call)
        self._writer.write(out, call, arguments)
        self._writer.close(out)

    # --- items that come whole ---------------------------------------------------------------------------------------

    def _close_typed(self, item: Item, wire: Wire, out: list[Event]) -> None:
        """A call in an item of its own form: the client runs it, unless the provider has."""
        if not wire or is_hosted(wire):
            self._close_other(item, wire, out)
        else:
            call = ToolCall(id=item.call_id or text(wire.get("id")), name=BY_CALL[item.kind])
            self._say_call(call, arguments_of({**wire, "type": item.kind}), out)

    def _close_other(self, _item: Item, wire: Wire, out: list[Event]) -> None:
        """What only a client of this dialect understands: in whole, or not at all."""
        if wire:
            self._stop(out)
            self._writer.start(out, Opaque(dialect=NAME, raw=wire))
            self._writer.close(out)

    _CLOSERS: ClassVar[Mapping[str, Callable[["Teller", Item, Wire, list[Event]], None]]] = {
        "message": _close_message,
        "reasoning": _close_reasoning,
        **dict.fromkeys(CALLS, _close_call),
        **dict.fromkeys(BY_CALL, _close_typed),
    }


def _tool_call(item: Item, name: str) -> ToolCall:
    custom = item.kind == "custom_tool_call" or isinstance(name, FreeText)
    extra = Extra(NAME, {"namespace": item.name}) if item.alone else None
    return ToolCall(id=item.call_id, name=str(name), kind="custom" if custom else "function", extra=extra)
