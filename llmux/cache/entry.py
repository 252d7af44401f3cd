"""A kept answer: what is kept of the events that passed, and how it is told again. Pure.

It is held as bytes, so that what it costs is known to the byte, and is the same in memory and in a shared store. What a
stream says piece by piece is kept in one piece: nobody waits for it a second time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from llmux.ir.content import Opaque, Part, Reasoning, Refusal, Text, ToolCall
from llmux.ir.events import (
    Batch,
    Event,
    MessageEnd,
    MessageStart,
    Opened,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    UsageUpdate,
    Verbatim,
)
from llmux.ir.response import FinishReason
from llmux.ir.value import Value

HEADER = "x-llmux-cache"

# An answer that ended otherwise is not told again: a filter may think better of it, a pause is no end.
ENDS = frozenset(FinishReason) - {FinishReason.FILTERED, FinishReason.PAUSE}

KINDS: Mapping[str, type[Event]] = {
    kind.__name__: kind
    for kind in (MessageStart, PartDelta, PartState, PartCitation, PartEnd, UsageUpdate, MessageEnd, Verbatim)
}
PARTS: Mapping[str, type[Part]] = {kind.__name__: kind for kind in (Text, Reasoning, Refusal, ToolCall, Opaque)}

_encode = msgspec.msgpack.Encoder().encode
_rows = msgspec.msgpack.Decoder(list[tuple[str, int, msgspec.Raw]]).decode
_READ = {name: msgspec.msgpack.Decoder(kind).decode for name, kind in (*KINDS.items(), *PARTS.items())}


class Times(Value):
    """When an answer was asked for and complete, and until when it holds: Unix seconds."""

    began: float
    ended: float
    expires: float


class Entry(Value):
    """An answer, and who gave it."""

    times: Times
    asked: str  # the model's name that the client asked for
    backend: str
    model: str
    warnings: tuple[str, ...]
    replays: bool
    extension: Mapping[str, Any]
    events: bytes

    def replay(self, age: float, *, again: bool = True) -> Batch:
        """The answer, at once; it is `age` seconds old. `again`: its client may be told it again without us."""
        headers = ((HEADER, "hit"), ("age", str(int(age))))
        until = self.times.expires if again else 0.0
        opened = Opened(
            self.backend, self.model, 0, self.warnings, headers, self.replays, self.extension, until
        )  # fmt: skip
        return (opened, *unpack(self.events))


def entry(batches: Sequence[Batch], asked: str, times: Times) -> Entry | None:
    """What is kept of an answer that has passed whole; None: nothing."""
    opened, *events = (event for batch in batches for event in batch)
    if not isinstance(opened, Opened):
        return None
    merged = _merged(events)
    if not merged or not _is_good(merged[-1]):
        return None
    packed = pack(merged)
    if packed is None:
        return None
    told = (opened.warnings, opened.replays, opened.extension)
    return Entry(times, asked, opened.backend, opened.model, *told, packed)


def _is_good(last: Event) -> bool:
    if isinstance(last, Verbatim):
        return last.done and last.finish_reason in ENDS
    return isinstance(last, MessageEnd) and last.finish_reason in ENDS


def _merged(events: Iterable[Event]) -> list[Event]:
    """The same events, neighbours that only go on from each other as one."""
    rows: list[list[Any]] = []
    for event in events:
        if rows and _goes_on(rows[-1][-1], event):
            rows[-1].append(event)
        else:
            rows.append([event])
    return [row[0] if len(row) == 1 else _joined(row) for row in rows]


def _goes_on(before: Event, event: Event) -> bool:
    kind = type(event)
    if kind is not type(before):
        return False
    return kind is Verbatim or (isinstance(event, PartDelta) and before.index == event.index)  # type: ignore[attr-defined]


def _joined(row: Sequence[Any]) -> Event:
    last = row[-1]
    if isinstance(last, PartDelta):
        return PartDelta(last.index, "".join([event.delta for event in row]))
    usage = next((event.usage for event in reversed(row) if event.usage is not None), None)
    reason = next((event.finish_reason for event in reversed(row) if event.finish_reason is not None), None)
    return Verbatim(b"".join([event.data for event in row]), True, usage, reason, last.done)


# --- events as bytes -------------------------------------------------------------------------------------------------


def pack(events: Sequence[Event]) -> bytes | None:
    """`events`, each with its name; None where one of them has no place here."""
    rows = [_row(event) for event in events]
    if None in rows:
        return None
    try:
        return _encode(rows)
    except (TypeError, ValueError, OverflowError):  # a figure of a backend's own that is longer than 64 bits
        return None


def _row(event: Event) -> tuple[str, int, Value] | None:
    if isinstance(event, PartStart):
        kind = type(event.part).__name__
        return (kind, event.index, event.part) if kind in PARTS else None
    kind = type(event).__name__
    return (kind, 0, event) if kind in KINDS else None


def unpack(data: bytes) -> Iterator[Event]:
    """What `pack` was given.

    Raises:
        msgspec.MsgspecError: these are no such bytes.
    """
    for kind, index, raw in _rows(data):
        value: Any = _READ[kind](raw)
        yield PartStart(index, value) if kind in PARTS else value
