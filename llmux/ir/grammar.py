"""The legal order of events, as tables. For tests of every decoder and a debug listener; never on the hot path."""

from collections.abc import Iterable, Iterator, Mapping

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
    UsageUpdate,
)

MESSAGE: Mapping[str, Mapping[type[Event], str]] = {
    "new": {MessageStart: "open", StreamError: "done"},
    "open": {
        PartStart: "open",
        PartDelta: "open",
        PartState: "open",
        PartCitation: "open",
        PartEnd: "open",
        UsageUpdate: "open",
        OtherChoice: "open",
        MessageEnd: "done",
        StreamError: "done",
    },
    "done": {},
}
PART: Mapping[str, Mapping[type[Event], str]] = {
    "absent": {PartStart: "open"},
    "open": {PartDelta: "open", PartState: "open", PartCitation: "open", PartEnd: "closed"},
    "closed": {},
}
OF_A_PART = (PartStart, PartDelta, PartState, PartCitation, PartEnd)


class GrammarError(ValueError):
    """A decoder broke the order of events: a bug of ours, not of a backend."""


class _Answer:
    """How far one candidate answer has come."""

    def __init__(self, state: str) -> None:
        self.state = state
        self._parts: dict[int, str] = {}

    def take(self, event: Event) -> None:
        self.state = _step(MESSAGE, self.state, event)
        if isinstance(event, OF_A_PART):
            _check_index(event, self._parts)
            self._parts[event.index] = _step(PART, self._parts.get(event.index, "absent"), event)
        elif isinstance(event, MessageEnd) and "open" in self._parts.values():
            raise GrammarError("a part was left open")


def check(events: Iterable[Event]) -> Iterator[Event]:
    """Pass `events` through.

    Raises:
        GrammarError: at the first event that is out of order, and at the end when the answer has no end.
    """
    first, others = _Answer("new"), dict[int, _Answer]()
    for event in events:
        first.take(event)
        if isinstance(event, OtherChoice):
            other = others.setdefault(event.choice, _Answer("open"))
            for told in event.events:
                other.take(told)
        elif isinstance(event, MessageEnd) and any(other.state != "done" for other in others.values()):
            raise GrammarError("another candidate has no end")
        yield event
    if first.state != "done":
        raise GrammarError(f"the answer has no end (state {first.state})")


def _check_index(event: "PartStart | PartDelta | PartState | PartCitation | PartEnd", parts: Mapping[int, str]) -> None:
    if isinstance(event, PartStart):
        if event.index != len(parts):
            raise GrammarError(f"part {event.index} starts after {len(parts)} parts")
        if "open" in parts.values():
            raise GrammarError(f"part {event.index} starts while another is open")


def _step(table: Mapping[str, Mapping[type[Event], str]], state: str, event: Event) -> str:
    try:
        return table[state][type(event)]
    except KeyError:
        raise GrammarError(f"{type(event).__name__} in state {state}") from None
