"""Answers as they left, sent once more to who sends the same bytes once more: before anything is decoded.

What may be told again, and until when, is not decided here: an answer says it (`Opened.until`). An echo is its client's
own, and does not outlive this generation of the house: what a client may ask for, and of whom, is as it was.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from aiohttp import web
from cachetools import LRUCache

from llmux.clock import Clock
from llmux.ir.value import Value
from llmux.server.record import Record

# What an echo costs beside the bytes that came and went. Measured with CPython 3.11.
ECHO_BYTES = 2500
AGE = "age"
IDS = ("x-request-id", "request-id")
# What a head says of one connection, request or page only.
PASSING = frozenset({*IDS, AGE, "content-length", "transfer-encoding", "connection", "date", "server", "vary"})
PAGES = "access-control-"
# What is noted of an answer, and is the same when it is told again.
NOTED = ("model", "backend", "served", "stream", "usage", "finish_reason")


class Echo(Value):
    """An answer that has left, what is noted of it, and its cost in bytes. It was complete at `born`: Unix seconds."""

    body: bytes
    headers: Mapping[str, str]
    noted: Mapping[str, Any]
    born: float
    until: float
    epoch: int
    cost: int


class Echoes:
    """Finds and keeps them, within a bound in bytes: the least recently used go first."""

    def __init__(self, most: int, epoch: Callable[[], int], hit: Callable[[str], None], clock: Clock) -> None:
        """`epoch` changes when what was told is not to be told again; `hit` is told the id of a request."""
        self.epoch, self._hit, self._clock = epoch, hit, clock
        self._kept: LRUCache[Hashable, Echo] = LRUCache(most, getsizeof=lambda echo: echo.cost)

    def find(self, key: Hashable, record: Record) -> web.Response | None:
        """The answer to what has the same key, once more; it is noted in `record` like any other."""
        echo, now = self._kept.get(key), self._clock.now()
        if echo is None:
            return None
        if echo.until <= now or echo.epoch != self.epoch():
            del self._kept[key]
            return None
        for name, value in echo.noted.items():
            setattr(record, name, value)
        record.first_event = self._clock.monotonic()
        self._hit(record.request_id)
        ids = dict.fromkeys(IDS, record.request_id)
        return web.Response(body=echo.body, headers={**ids, **echo.headers, AGE: str(int(now - echo.born))})

    def keep(self, key: Hashable, came: int, record: Record, headers: Mapping[str, str], epoch: int) -> None:
        """Keep the answer that `record` has heard leave, if it says that it may be told again.

        `came`: bytes of the request. `headers` are those that were sent. `epoch` is when it was asked for: what is
        cleared while it leaves is not told again.
        """
        body, now = b"".join(record.said), self._clock.now()
        cost = ECHO_BYTES + came + len(body)
        if record.until <= now or not body or cost > self._kept.maxsize:
            return
        said = {name.lower(): value for name, value in headers.items()}
        kept = {name: said[name] for name in said if name not in PASSING and not name.startswith(PAGES)}
        noted = {name: getattr(record, name) for name in NOTED}
        born = now - float(said.get(AGE, "0"))
        self._kept[key] = Echo(body, kept, noted, born, record.until, epoch, cost)
