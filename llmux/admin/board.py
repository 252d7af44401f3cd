"""What every worker and machine remembers, put together: each shows its own while somebody watches, and only then.

Once a second. Nobody waits for a watcher: one that reads slowly, or is gone, holds up itself alone.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import msgspec

from llmux.admin.feed import Feed, Row, Tally
from llmux.admin.news import News
from llmux.admin.series import COARSE, FINE, Bucket
from llmux.clock import Clock

EVERY_S = 1.0
# Seconds for which a note is up: a worker that misses two turns is gone from the page, one that is killed soon is.
SHOWN_FOR_S = 4.0
# Seconds for which one look at the page keeps the others showing.
WATCHED_FOR_S = 10.0
REPORTS = "live/"
WATCHED = "watched/page"

Standings = Callable[[], Sequence[Mapping[str, Any]]]


class Notes(Protocol):
    """Short-lived notes that every process sees. Neither verb raises; without a store, nobody sees another's."""

    async def post(self, key: str, value: bytes, life: float) -> None:
        """Show `value` for `life` seconds."""

    async def read(self, prefix: str) -> Mapping[str, bytes]:
        """What is shown under keys that begin so."""


class Report(msgspec.Struct):
    """What one worker remembers. `in_flight`: backend -> requests now."""

    worker: str
    requests: Sequence[Row]
    minutes: Mapping[int, Bucket]
    quarters: Mapping[int, Bucket]
    clients: Mapping[str, Tally]
    news: Sequence[News]
    in_flight: Mapping[str, int]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Report).decode


class Board:
    """One worker's view of all of them."""

    def __init__(self, feed: Feed, notes: Notes, clock: Clock, worker: str) -> None:
        self._feed, self._notes, self._clock, self._worker = feed, notes, clock, worker
        self._watched_until = 0.0
        self._others: Sequence[Report] = ()
        self._turned = asyncio.Event()
        self.closed = False

    def watch(self) -> None:
        """Somebody looks: keep the others showing for a while."""
        self._watched_until = self._clock.monotonic() + WATCHED_FOR_S

    def reports(self, standings: Sequence[Mapping[str, Any]]) -> Sequence[Report]:
        """This worker's memory as it is now, then the others' as they last showed it."""
        return (self._report(standings), *self._others)

    async def turn(self, standings: Standings) -> None:
        """Show what is remembered, and look at what others show, if anybody watches."""
        watched = self._clock.monotonic() < self._watched_until
        if watched:
            await self._notes.post(WATCHED, b"1", WATCHED_FOR_S)
        if watched or await self._notes.read(WATCHED):
            await self._notes.post(REPORTS + self._worker, _encode(self._report(standings())), SHOWN_FOR_S)
        self._others = await self._look() if watched else ()
        turned, self._turned = self._turned, asyncio.Event()
        turned.set()

    async def run(self, standings: Standings) -> None:
        """Take turns until cancelled; who watches then is told that it is over."""
        try:
            while True:
                await self.turn(standings)
                await self._clock.sleep(EVERY_S)
        finally:
            self.closed = True
            self._turned.set()

    async def next(self) -> bool:
        """Wait for the next turn. False: there is none, the gateway stops."""
        if not self.closed:
            await self._turned.wait()
        return not self.closed

    async def _look(self) -> Sequence[Report]:
        mine, shown = REPORTS + self._worker, await self._notes.read(REPORTS)
        return [report for key, note in shown.items() if key != mine for report in _read(note)]

    def _report(self, standings: Sequence[Mapping[str, Any]]) -> Report:
        feed = self._feed
        return Report(
            self._worker,
            tuple(feed.rows()),
            feed.series.buckets(FINE),
            feed.series.buckets(COARSE),
            feed.clients,
            tuple(feed.news),
            {standing["backend"]: standing["in_flight"] for standing in standings if standing["in_flight"]},
        )


def _read(note: bytes) -> Sequence[Report]:
    try:
        return (_decode(note),)
    except msgspec.MsgspecError:  # another version of llmux has written it
        return ()
