"""The events of a backend's answer -> events of ours. It knows no frames, and of parts only in which order they come.

Items are found by their place in the output, for servers change ids in mid-stream; what deltas have left out is taken
from the events that tell a whole, and what these left out from the last. While a call is being told, what belongs to
another item waits. All of it is linear in the length of the answer.
"""

from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, ClassVar

from llmux.dialects.base import Names
from llmux.dialects.openai_responses.answer import (
    decode_details,
    decode_finish,
    decode_usage,
    failure_in,
    failure_of,
    objects,
)
from llmux.dialects.openai_responses.arriving import FAMILIES, Item, Step, text
from llmux.dialects.openai_responses.calls import CALLS, written
from llmux.dialects.openai_responses.telling import Teller
from llmux.ir.events import Event, MessageEnd, MessageStart
from llmux.ir.usage import Usage

Wire = dict[str, Any]

FAILURES = frozenset({"error", "response.failed", "response.cancelled"})
ENDS = frozenset({"response.completed", "response.incomplete"})


class Reader:
    """One answer. Each method appends the events that follow to `out`."""

    __slots__ = ("_found", "_items", "_teller", "_waiting", "begun", "more")

    def __init__(self, names: Names) -> None:
        self._teller = Teller(names)
        self.more = self._teller.more  # what `event` does, for nearly all of a stream
        self._items: list[Item] = []
        self._found: dict[int | str, Item] = {}  # by place in the output, or by id where no place is told
        self._waiting: deque[Item] = deque()
        self.begun = False

    def event(self, kind: str, document: Wire, out: list[Event]) -> bool:
        """Append what one event says; True when the answer is complete with it.

        Raises:
            GatewayError: it tells of a failure.
        """
        if kind in ENDS:
            self.end(document.get("response"), out)
            return True
        step = self._STEPS.get(kind)
        if kind in FAILURES or (step is None and document.get("error")):
            raise failure_of(document)
        if step is not None:
            if not self.begun:
                self._begin(document.get("response"), out)
            step(self, document, out)
        return False

    # --- the answer --------------------------------------------------------------------------------------------------

    def _begin(self, response: Any, out: list[Event]) -> None:
        self.begun = True
        wire = response if isinstance(response, dict) else {}
        out.append(MessageStart(text(wire.get("id")), text(wire.get("model"))))

    def end(self, response: Any, out: list[Event]) -> None:
        """Append what `response`, the whole answer, tells beyond what was told, and the end.

        Raises:
            GatewayError: it tells of a failure.
        """
        wire = response if isinstance(response, dict) else {}
        if failure := failure_in(wire):
            raise failure
        if not self.begun:
            self._begin(wire, out)
        self._fill(objects(wire.get("output")), out)
        for item in self._items:
            if not item.done:
                self._whole(item, {}, out)
        reason = decode_finish(wire, called=self._teller.called, refused=self._teller.refused)
        out.append(MessageEnd(reason, decode_usage(wire) or Usage(), details=decode_details(wire, reason)))

    def _fill(self, output: list[Wire], out: list[Event]) -> None:
        """Tell the items that were not streamed to their end, then those that were not at all.

        Each is known by its order among those of its kind: ids change, and places are not always told.
        """
        streamed: dict[str, list[Item]] = {}
        for item in self._items:
            streamed.setdefault(item.kind, []).append(item)
        met, unseen = Counter[str](), list[Wire]()
        for wire in output:
            kind = text(wire.get("type"))
            known, at = streamed.get(kind, []), met[kind]
            met[kind] += 1
            if at >= len(known):
                unseen.append(wire)
            elif not known[at].done:
                self._whole(known[at], wire, out)
        for wire in unseen:
            self._whole(self._new(None), wire, out)

    # --- items -------------------------------------------------------------------------------------------------------

    def _new(self, index: int | None) -> Item:
        item = Item(index)
        self._items.append(item)
        return item

    def _find(self, document: Wire, *, begins: bool = False) -> Item:
        """The item that an event speaks of. One that `begins` where another has begun is a new one."""
        place, wire = document.get("output_index"), document.get("item")
        name = document.get("item_id") or (wire.get("id") if isinstance(wire, dict) else None)
        key = place if isinstance(place, int) else text(name)
        item = self._found.get(key)
        if item is None and not isinstance(key, int) and not begins and self._items:
            item = self._items[-1]
        if item is None or (begins and item.added):
            item = self._found[key] = self._new(place if isinstance(place, int) else None)
        item.added = item.added or begins
        return item

    def _tell(self, item: Item, step: Step, out: list[Event]) -> None:
        """Take `step` now, or, while a call of another item is being told, when that has ended."""
        if self._teller.live is not None and self._teller.live is not item:
            if not item.pending:
                self._waiting.append(item)
            item.pending.append(step)
            return
        step(out)
        while self._teller.live is None and self._waiting:
            waited = self._waiting.popleft()
            steps, waited.pending = waited.pending, []
            for pending in steps:
                pending(out)

    def _added(self, document: Wire, out: list[Event]) -> None:
        wire, item = document.get("item"), self._find(document, begins=True)
        if isinstance(wire, dict):
            item.learn(wire)
        if item.kind in CALLS and item.name:
            self._tell(item, partial(self._teller.open_call, item), out)

    def _item_done(self, document: Wire, out: list[Event]) -> None:
        wire, item = document.get("item"), self._find(document)
        if isinstance(wire, dict) and not item.done:
            self._whole(item, wire, out)

    def _whole(self, item: Item, wire: Wire, out: list[Event]) -> None:
        """Tell what is missing of an item, and end it. `wire` is all of it; {}: nobody has told."""
        item.learn(wire)
        item.done = True
        self._tell(item, partial(self._teller.close, item, wire), out)

    # --- words and calls ---------------------------------------------------------------------------------------------

    def _delta(self, family: str, document: Wire, out: list[Event]) -> None:
        delta = document.get("delta")
        if isinstance(delta, str) and delta:
            self._say(self._teller.grow, family, document, delta, out)

    def _text_done(self, family: str, document: Wire, out: list[Event]) -> None:
        self._say(self._teller.fill, family, document, document.get(FAMILIES[family].whole), out)

    def _annotated(self, document: Wire, out: list[Event]) -> None:
        item, annotation = self._find(document), document.get("annotation")
        if isinstance(annotation, dict) and not item.done:
            place = _place("output_text", document)
            self._tell(item, partial(self._teller.cite, item, place, [annotation]), out)

    def _say(self, say: Callable[..., None], family: str, document: Wire, said: Any, out: list[Event]) -> None:
        item = self._find(document)
        if not item.done:
            item.kind = item.kind or FAMILIES[family].item
            self._tell(item, partial(say, item, family, _place(family, document), said), out)

    def _arguments(self, document: Wire, out: list[Event]) -> None:
        self._teller.more_arguments(self._find(document), document.get("delta"), out)

    def _arguments_done(self, document: Wire, out: list[Event]) -> None:
        item = self._find(document)
        self._teller.more_arguments(item, item.arguments.missing(written(document.get(item.field))), out)

    def _nothing(self, _document: Wire, _out: list[Event]) -> None:
        """An event that says no more than that the answer has begun."""

    _STEPS: ClassVar[Mapping[str, Callable[["Reader", Wire, list[Event]], None]]] = {
        **dict.fromkeys(("response.created", "response.in_progress", "response.queued"), _nothing),
        "response.output_item.added": _added,
        "response.output_item.done": _item_done,
        "response.output_text.delta": lambda self, event, out: self._delta("output_text", event, out),
        "response.output_text.done": lambda self, event, out: self._text_done("output_text", event, out),
        "response.output_text.annotation.added": _annotated,
        "response.refusal.delta": lambda self, event, out: self._delta("refusal", event, out),
        "response.refusal.done": lambda self, event, out: self._text_done("refusal", event, out),
        "response.reasoning_summary_text.delta": lambda self, event, out: self._delta("summary_text", event, out),
        "response.reasoning_summary_text.done": lambda self, event, out: self._text_done("summary_text", event, out),
        "response.reasoning_text.delta": lambda self, event, out: self._delta("reasoning_text", event, out),
        "response.reasoning_text.done": lambda self, event, out: self._text_done("reasoning_text", event, out),
        "response.function_call_arguments.delta": _arguments,
        "response.function_call_arguments.done": _arguments_done,
        "response.custom_tool_call_input.delta": _arguments,
        "response.custom_tool_call_input.done": _arguments_done,
    }


def _place(family: str, document: Wire) -> int:
    place = document.get(FAMILIES[family].place)
    return place if isinstance(place, int) else 0
