"""The keys that this process has seen, and the way to those that it has not: what a request with an API key meets.

A key that is in use costs no look at the store: `refresh`, in the background, looks at all of them together. One that
has rested for a while is looked at once when it comes again. So a key that is revoked or changed anywhere is so
everywhere within FRESH_FOR. While the store is away, keys that were seen go on as they were; of others nobody can say
whether they are right, and that is not called wrong.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

import msgspec
from cachetools import LRUCache, TTLCache

from llmux.access.key import PREFIX, SECRET, Key, digest
from llmux.clock import Clock
from llmux.errors import StoreAway, Unauthenticated
from llmux.ir.value import Value
from llmux.responder import Client
from llmux.store.archive import AWAY_FOR, Archive
from llmux.store.base import StoreError

NOTE = "key/"  # what stands before a digest in the store

FRESH_FOR = 2.0  # s for which a look at the store counts
IN_USE_FOR = 60.0  # s since its last request, for which a key is looked at in the background
MOST_SEEN = 4_096  # keys that are remembered; the one that rests longest is forgotten first

# What was once unknown stays so: nobody draws the same secret again. Forgotten in time, for who restores a store.
UNKNOWN_FOR = 30.0  # s
MOST_UNKNOWN = 4_096

_decode = msgspec.json.Decoder(Key).decode


class _Seen(Value):
    """A key as the store had it when it was last looked at (monotonic seconds)."""

    key: Key
    client: Client
    checked: float


class Ring:
    """Says whose a key is."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive, self._clock = archive, clock
        self._seen: LRUCache[str, _Seen] = LRUCache(MOST_SEEN)
        self._unknown: TTLCache[str, bool] = TTLCache(MOST_UNKNOWN, UNKNOWN_FOR, clock.monotonic)
        self._wanted, self._asking = set[str](), asyncio.Lock()  # what is to be looked at next, and by whom
        self._used: dict[str, float] = {}  # when each key that is in use came last, monotonic seconds

    def ours(self, token: str) -> bool:
        """Whether it is written as our keys are. Of all others the store need not be asked."""
        return token.startswith(PREFIX) and SECRET.fullmatch(token) is not None

    def seen(self, token: str) -> bool:
        """Whether it has been right here before: nobody guesses such a one."""
        return digest(token) in self._seen

    async def find(self, token: str) -> Client | None:
        """Whose it is. None: nobody's.

        Raises:
            Unauthenticated: its time is over.
            StoreAway: it was not seen here before, and the store does not answer.
        """
        digested = digest(token)
        seen = self._seen.get(digested)
        if seen is None:
            if digested in self._unknown:
                return None
            await self._ask(digested)
        elif self._clock.monotonic() - seen.checked > FRESH_FOR and not self._archive.away:
            with suppress(StoreError):
                await self._look([digested])
        return self._admitted(digested)

    def forget(self, digested: str) -> None:
        """It has been changed or revoked: the next request looks at the store."""
        self._seen.pop(digested, None)

    async def refresh(self) -> None:
        """Look at what is in use and, when the store was away, at whether it is back. Raises StoreError."""
        now = self._clock.monotonic()
        self._used = {digested: used for digested, used in self._used.items() if now - used < IN_USE_FOR}
        keys = list(self._used) or (list(self._seen)[:1] if self._archive.away else [])
        if keys:
            await self._look(keys)

    async def _ask(self, digested: str) -> None:
        """Look at a key that has not been seen. One look at a time: it takes along all who came during the last one.

        Thus a thousand keys that somebody has made up, sent at once, cost two looks.
        """
        self._wanted.add(digested)
        async with self._asking:
            if digested in self._wanted:  # else it has been looked at while this waited
                keys = tuple(self._wanted)
                with suppress(StoreError):
                    await self._look(keys)
                self._wanted.difference_update(keys)
        if digested not in self._seen and digested not in self._unknown:
            raise StoreAway(
                "llmux: this key has not been seen here before, and the store that may know it does not answer.",
                retry_after=AWAY_FOR,
            )

    async def _look(self, keys: Sequence[str]) -> None:
        """Know of each what the store has."""
        asked = self._clock.monotonic()
        found = await self._archive.ask(lambda store: store.fetch([NOTE + digested for digested in keys]))
        for digested in keys:
            key = read(found.get(NOTE + digested))
            if key is None:
                self._seen.pop(digested, None)
                self._used.pop(digested, None)
                self._unknown[digested] = True
            else:
                self._seen[digested] = _Seen(key, key.client, asked)

    def _admitted(self, digested: str) -> Client | None:
        seen = self._seen.get(digested)
        if seen is None:
            return None
        if seen.key.expired(self._clock.now()):
            raise Unauthenticated("llmux: this API key has expired: ask whoever runs the gateway for a new one.")
        self._used[digested] = self._clock.monotonic()
        return seen.client


def read(note: bytes | None) -> Key | None:
    """The key in a note; None where there is none that this version of llmux can read."""
    try:
        return None if note is None else _decode(note)
    except msgspec.MsgspecError:
        return None
