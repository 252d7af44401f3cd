"""API keys for who administers them: made, listed, changed and revoked, in the store. A secret is told once.

What comes in are bodies of requests, what goes out are JSON objects. Requests of clients never come here.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import starmap
from typing import Any

import msgspec

from llmux.access.key import ID_DIGITS, PREFIX, RANDOM_BYTES, Key, asked, changed, digest, limits, made, told
from llmux.access.ring import NOTE, Ring, read
from llmux.clock import Clock
from llmux.errors import NotFound, StoreAway
from llmux.responder import Window
from llmux.routing.windows import Slot, slot, used
from llmux.store.archive import AWAY_FOR, Answer, Archive
from llmux.store.base import Store, StoreError

ID = re.compile(rf"[0-9a-f]{{{ID_DIGITS}}}")
UNKNOWN = "llmux: there is no API key of this id, or none any more. GET /admin/api-keys lists all."

# What stands in the store before the digest of a key that has been revoked. Who changes a key reads it and writes it;
# whoever revokes it between the two must not find it alive again.
REVOKED = "revoked/"
REVOKED_FOR = 3600.0  # s; a change takes no longer


def draw() -> str:
    """A new secret."""
    return PREFIX + secrets.token_urlsafe(RANDOM_BYTES)


class Register:
    """The administrator's side of the keys. Everything raises StoreAway when the store does not answer."""

    def __init__(self, archive: Archive, clock: Clock, ring: Ring, draw: Callable[[], str] = draw) -> None:
        self._archive, self._clock, self._ring, self._draw = archive, clock, ring, draw

    async def make(self, body: bytes) -> Mapping[str, Any]:
        """A new key, with its secret as `key`. Raises BadRequest."""
        secret, now = self._draw(), self._clock.now()
        key = made(asked(body), secret, now)
        await self._keep(digest(secret), key)
        return {"key": secret, **told(key, now)}

    async def every(self) -> Sequence[Mapping[str, Any]]:
        """Every key that is not revoked, the oldest first, with what it has used."""
        notes = await self._ask(lambda store: store.notes(NOTE))
        found = filter(None, map(read, notes.values()))
        return await self._told(sorted(found, key=lambda key: (key.created, key.id)))

    async def find(self, key_id: str) -> Mapping[str, Any]:
        """One key, with what it has used. Raises NotFound."""
        _, key = await self._find(key_id)
        return (await self._told([key]))[0]

    async def change(self, key_id: str, body: bytes) -> Mapping[str, Any]:
        """It, with what the body says. Raises NotFound, BadRequest."""
        document = asked(body)
        digested, key = await self._find(key_id)
        new = changed(key, document, self._clock.now())
        await self._keep(digested, new)
        if await self._ask(lambda store: store.fetch([REVOKED + digested])):
            await self.revoke(key_id)  # somebody did so meanwhile, and this has written it again
            raise NotFound(UNKNOWN)
        return (await self._told([new]))[0]

    async def revoke(self, key_id: str) -> Mapping[str, Any]:
        """It opens nothing any more. Raises NotFound."""
        digested, key = await self._find(key_id)
        until = self._clock.now() + REVOKED_FOR
        await self._ask(lambda store: store.put(REVOKED + digested, b"", until))
        await self._ask(lambda store: store.remove([NOTE + digested]))
        self._ring.forget(digested)
        return {"id": key.id, "name": key.name, "revoked": True}

    async def _find(self, key_id: str) -> tuple[str, Key]:
        """The digest and the key."""
        if ID.fullmatch(key_id):
            notes = await self._ask(lambda store: store.notes(NOTE + key_id))
            for name, note in notes.items():
                if (key := read(note)) is not None:
                    return name.removeprefix(NOTE), key
        raise NotFound(UNKNOWN)

    async def _keep(self, digested: str, key: Key) -> None:
        note = msgspec.json.encode(key)
        await self._ask(lambda store: store.put(NOTE + digested, note, key.kept_until))
        self._ring.forget(digested)

    async def _told(self, keys: Sequence[Key]) -> list[dict[str, Any]]:
        """Keys with what they have used: one look at the store for all of them."""
        now = self._clock.now()
        places = {key.id: _places(key, now) for key in keys}
        counters = [name for found in places.values() for _, s in found for name in (s.previous, s.current) if name]
        held = await self._ask(lambda store: store.counters(counters)) if counters else {}

        def spent(window: Window, s: Slot) -> float:
            return used(window, now, held.get(s.previous, 0.0), held.get(s.current, 0.0))

        return [told(key, now, dict(zip(limits(key), starmap(spent, places[key.id]), strict=True))) for key in keys]

    async def _ask(self, verb: Callable[[Store], Awaitable[Answer]]) -> Answer:
        try:
            return await self._archive.ask(verb)
        except StoreError:
            raise StoreAway("llmux: the store does not answer; try again.", retry_after=AWAY_FOR) from None


def _places(key: Key, now: float) -> list[tuple[Window, Slot]]:
    """The windows of a key, each with the counters in which the ledger counts it: those of the client of its name."""
    return [(window, slot(f"client/{key.client_name}", window, now)) for window in key.client.windows]
