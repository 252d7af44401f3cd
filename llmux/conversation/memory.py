"""The reasoning of earlier turns, by client: in memory at once, in the store behind it, for a time. It decides nothing.

Other workers and a restart find it in the store. What a client has kept there is noted apart, so that for everybody
else the store is not asked at all, and for a client of whom nothing is known once a second at most.
"""

from collections.abc import Mapping, Sequence

from llmux.clock import Clock
from llmux.conversation.notes import Bounds, Notes
from llmux.conversation.shelf import Shelf
from llmux.store.base import StoreError

MEBIBYTE = 1024 * 1024
# A signature is a kilobyte or two and the reasoning of a turn some more: a thousand turns of a client.
IN_MEMORY = Bounds(4 * MEBIBYTE, 64 * MEBIBYTE)
IN_STORE = Bounds(4 * MEBIBYTE, 64 * MEBIBYTE)

# Seconds between two questions whether another worker has kept something for a client of whom nothing is known here.
ASK_EVERY = 1.0

# The note that says that there are others. No key of a turn has a dot.
ANY = "any."


class Memory:
    """Keeps and finds, by client and key."""

    def __init__(self, shelf: Shelf, notes: Notes, clock: Clock, life: float) -> None:
        """`shelf` may be older than this. `life`: seconds for which a note is kept."""
        self._shelf, self._notes, self._clock, self._life = shelf, notes, clock, life
        self._marked: dict[str, float] = {}  # client -> until when it has notes in the store, Unix seconds
        self._ask_at: dict[str, float] = {}  # client -> when to ask for its mark again, Unix seconds

    def keep(self, client: str, key: str, value: bytes) -> None:
        """Keep a note here, at once."""
        self._shelf.put(client, key, value, self._clock.now() + self._life)

    async def save(self, client: str, key: str, value: bytes) -> None:
        """Keep it in the store too. It is an aid: a store that fails has told it, and nobody else is to know."""
        now = self._clock.now()
        expires = now + self._life
        try:
            await self._notes.put(client, key, value, expires)
            if self._marked.get(client, 0.0) < now + self._life / 2:  # as good as new, and written once a while
                await self._notes.put(client, ANY, b"", expires + self._life)
                self._marked[client] = expires
        except StoreError:
            return

    async def knows(self, client: str) -> bool:
        """Whether anything may be kept for the client. Nearly always this is said without asking anybody."""
        now = self._clock.now()
        if self._shelf.holds(client) or self._marked.get(client, 0.0) > now:
            return True
        if self._ask_at.get(client, 0.0) > now:
            return False
        self._ask_at[client] = now + ASK_EVERY
        try:
            marked = await self._notes.fetch(client, [ANY])
        except StoreError:
            return False
        if marked:
            self._marked[client] = now + self._life
        return bool(marked)

    async def find(self, client: str, keys: Sequence[str]) -> Mapping[str, bytes]:
        """The notes among `keys`. The store is asked, once, for what is not here."""
        now = self._clock.now()
        found = {key: value for key in keys if (value := self._shelf.get(client, key, now)) is not None}
        missing = [key for key in keys if key not in found]
        if not missing or self._marked.get(client, 0.0) <= now:
            return found
        try:
            stored = await self._notes.fetch(client, missing)
        except StoreError:
            return found
        for key, value in stored.items():
            self._shelf.put(client, key, value, now + self._life)
        return {**found, **stored}
