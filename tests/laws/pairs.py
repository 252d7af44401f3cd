"""Every recorded answer, told by llmux to a client of every dialect, as a stream and as one body.

Told in the translated lane, also where both sides speak one dialect: that lane must not lose either.
"""

from collections.abc import Iterator
from typing import Literal, NamedTuple

from llmux.dialects.registry import TABLE
from llmux.ir.events import Event
from llmux.ir.fold import explode, fold
from tests.judges.heard import Heard
from tests.judges.limits import differences
from tests.judges.recordings import Recorded, directly, recorded
from tests.judges.table import JUDGES
from tests.laws.lanes import FORM, hear, tell

Way = Literal["stream", "whole"]
WAYS: tuple[Way, ...] = ("stream", "whole")
# Forms of a dialect in which clients ask, and backends are never asked.
CLIENTS_ONLY = frozenset({"generate"})


class Telling(NamedTuple):
    """A recorded answer, the dialect of the client that it is told to, and how."""

    source: Recorded
    client: str
    way: Way


def sources() -> Iterator[Recorded]:
    """Every recorded answer of a backend that llmux can ask."""
    for dialect in TABLE:
        yield from (case for case in recorded(dialect) if case.operation not in CLIENTS_ONLY)


def tellings(source: Recorded) -> Iterator[Telling]:
    """All the ways to tell it."""
    return (Telling(source, client, way) for client in TABLE for way in WAYS)


def events(source: Recorded) -> list[Event]:
    """What llmux's own decoder makes of a recording."""
    dialect, answer = TABLE[source.dialect], source.row.answer
    if source.streamed:
        return hear(dialect.decoder({}), [answer])
    return list(explode(dialect.decode_response(answer, {})))


def told(telling: Telling) -> bytes:
    """The bytes that the client gets."""
    client, heard = TABLE[telling.client], events(telling.source)
    return tell(client, heard) if telling.way == "stream" else client.encode_response(fold(heard), FORM)


def through_llmux(telling: Telling) -> Heard | str:
    """What the client's SDK hears; or why it takes no such answer, in its own words."""
    judge = JUDGES[telling.client]
    read = judge.stream if telling.way == "stream" else judge.whole
    try:
        return read(told(telling))
    except Exception as error:  # noqa: BLE001 - whatever an SDK raises is its verdict
        return f"{type(error).__name__}: {error}"


def lost(telling: Telling) -> frozenset[str]:
    """What the client hears otherwise than who asks the backend directly; or why it hears nothing."""
    heard = through_llmux(telling)
    return (
        frozenset({heard}) if isinstance(heard, str) else differences(directly(telling.source), heard, telling.client)
    )
