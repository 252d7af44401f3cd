"""A performance as a list of steps, in neutral words. Pure values: nothing is written and nobody waits here."""

import enum
from collections.abc import Iterator, Sequence

from llmux.demo.tokens import pieces
from llmux.errors import GatewayError
from llmux.ir.events import Event, MessageStart, PartDelta
from llmux.ir.fold import explode
from llmux.ir.response import Response
from llmux.ir.usage import Usage
from llmux.ir.value import Value


class Pause(Value):
    """Nothing for so many seconds."""

    seconds: float


class Tell(Value):
    """These events. None at all: only the head of the answer."""

    events: tuple[Event, ...] = ()


class Raw(Value):
    """A 200 whose body is `data`, whatever the dialect would say."""

    data: bytes
    content_type: str


class Fail(Value):
    """An error of the dialect, with this HTTP status."""

    status: int
    error: GatewayError


class Halt(enum.Enum):
    """How an answer stops before its end."""

    SILENCE = "nothing more, for ever"
    CUT = "the connection breaks"
    END = "the body ends as if it were complete"
    REFUSE = "no connection"


Step = Pause | Tell | Raw | Fail | Halt
Script = tuple[Step, ...]


def beats(response: Response, chunk: int = 0) -> list[tuple[Event, ...]]:
    """The events that tell `response`, in groups that each end with a delta; the last holds the end.

    `chunk`: characters a delta, 0 for one token a delta.
    """
    groups: list[tuple[Event, ...]] = []
    held: list[Event] = []
    for event in _events(response, chunk):
        held.append(event)
        if isinstance(event, PartDelta):
            groups.append(tuple(held))
            held = []
    return [*groups, tuple(held)]


def _events(response: Response, chunk: int) -> Iterator[Event]:
    for event in explode(response):
        match event:
            case MessageStart():
                yield MessageStart(event.id, event.model, Usage(response.usage.input_tokens, 1))
            case PartDelta(index=index, delta=delta):
                yield from (PartDelta(index, piece) for piece in pieces(delta, chunk))
            case _:
                yield event


def whole(groups: Sequence[tuple[Event, ...]], pause: float = 0.0) -> Script:
    """All of an answer, `pause` seconds before each group but the first."""
    script: list[Step] = []
    for index, group in enumerate(groups):
        script += [Pause(pause), Tell(group)] if index and pause else [Tell(group)]
    return tuple(script)
