"""Drives the machines of a dialect: bytes -> events -> bytes, cut as the network would. Knows no dialect's words."""

import random
from collections.abc import Iterable, Sequence

from llmux.dialects.base import AnswerForm, Decoder, Dialect, Form
from llmux.ir.events import Event, Verbatim
from llmux.ir.fold import explode
from llmux.ir.response import Response

FORM = AnswerForm(id="1", model="asked", created=1_750_000_000)


def hear(decoder: Decoder, pieces: Iterable[bytes]) -> list[Event]:
    """All that `decoder` says of a stream that arrives in `pieces` and then ends."""
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.close()


def hear_verbatim(dialect: Form, pieces: Iterable[bytes]) -> list[Event]:
    """The same in the verbatim lane, with what it says put together: how frames are batched is the network's doing."""
    events = hear(dialect.verbatim(), pieces)
    passed = [event for event in events if isinstance(event, Verbatim)]
    whole = Verbatim(
        b"".join(event.data for event in passed),
        any(event.content for event in passed),
        next((event.usage for event in reversed(passed) if event.usage), None),
        next((event.finish_reason for event in reversed(passed) if event.finish_reason), None),
        any(event.done for event in passed),
    )
    return [whole, *(event for event in events if not isinstance(event, Verbatim))]


def tell(dialect: Dialect, events: Sequence[Event], form: AnswerForm = FORM) -> bytes:
    """`events` as a client of `dialect` gets them, one by one."""
    encoder = dialect.encoder(form)
    return b"".join(encoder.feed([event]) for event in events)


def stream_of(dialect: Dialect, response: Response, form: AnswerForm = FORM) -> bytes:
    """`response` as a stream of `dialect`."""
    return tell(dialect, list(explode(response)), form)


def cut_by(seed: str, stream: bytes, count: int = 12) -> list[bytes]:
    """`stream` in `count` pieces, cut at places that depend on `seed` alone."""
    places = chance(seed).choices(range(len(stream) + 1), k=count - 1)
    ends = [*sorted(places), len(stream)]
    return [stream[start:end] for start, end in zip([0, *ends[:-1]], ends, strict=True)]


def chance(seed: str) -> random.Random:
    """The same luck for the same `seed`."""
    return random.Random(seed)  # noqa: S311 - places to cut, no secrets
