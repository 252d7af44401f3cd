"""The audit log: what administrators have changed, kept in the store for who asks later. A listener.

It hears on the path of a request and writes behind it; while the store is away, it waits. The other log has every line
at once.
"""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from llmux.access.key import iso
from llmux.clock import Clock
from llmux.errors import StoreAway
from llmux.ir.value import Value
from llmux.store.archive import AWAY_FOR, Archive
from llmux.store.base import StoreError
from llmux.telemetry import Administered, Fact

NOTE = "audit/"
KEPT_FOR = 90 * 86_400.0  # s
MOST_BYTES = 4 * 2**20  # in the store: some 20 000 entries; the oldest go first
MOST_WAITING = 10_000  # entries that wait for the store


class Entry(Value):
    """One change. `at` is Unix seconds here, and a text where it is told."""

    at: float
    action: str
    target: str
    remote: str


_decode = msgspec.json.Decoder(Entry).decode


class Audit:
    """Hears of changes, writes them, reads them out."""

    def __init__(self, archive: Archive, clock: Clock) -> None:
        self._archive, self._clock = archive, clock
        self._waiting: list[Entry] = []

    def __call__(self, fact: Fact) -> None:
        """Note a change."""
        if type(fact) is Administered and len(self._waiting) < MOST_WAITING:
            self._waiting.append(Entry(self._clock.now(), fact.action, fact.target, fact.remote))

    async def flush(self) -> None:
        """Write what waits. Raises StoreError: what is not written goes on waiting."""
        if not self._waiting:
            return
        written, entries = 0, tuple(self._waiting)
        self._waiting.clear()
        try:
            for entry in entries:
                await self._write(entry)
                written += 1
        finally:
            self._waiting[:0] = entries[written:]
        await self._archive.ask(lambda store: store.trim(NOTE, MOST_BYTES))

    async def entries(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """The last `limit` changes, the newest first. Raises StoreAway."""
        try:
            await self.flush()
            notes = await self._archive.ask(lambda store: store.notes(NOTE))
        except StoreError:
            raise StoreAway("llmux: the store does not answer; try again.", retry_after=AWAY_FOR) from None
        newest = [note for _, note in sorted(notes.items(), reverse=True)[:limit]]
        return [_told(entry) for entry in map(_read, newest) if entry is not None]

    async def _write(self, entry: Entry) -> None:
        # Times of one length sort as texts; who changed something at the same moment elsewhere has another end.
        name = f"{NOTE}{entry.at:017.6f}-{secrets.token_hex(4)}"
        note = msgspec.json.encode(entry)
        await self._archive.ask(lambda store: store.put(name, note, entry.at + KEPT_FOR))


def _read(note: bytes) -> Entry | None:
    try:
        return _decode(note)
    except msgspec.MsgspecError:  # another version of llmux has written it
        return None


def _told(entry: Entry) -> dict[str, Any]:
    return {**msgspec.structs.asdict(entry), "at": iso(entry.at)}
