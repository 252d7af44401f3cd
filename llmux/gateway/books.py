"""The store as the ledger uses it: asked with patience, written to behind the requests, done without while it is away.

What is owed is written soon, by `write_soon`. After a fault nobody asks again until `flush`, which the ledger calls in
the background, has heard from the store; what could not be written is owed and written then. It decides nothing.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Generic, TypeVar

import msgspec

from llmux.clock import Clock
from llmux.store.base import Store, StoreError
from llmux.telemetry import Listener, Notice, StoreFault

Answer = TypeVar("Answer")
Kept = TypeVar("Kept")

# Seconds for one answer of the store. A store has a patience of its own, which is shorter; this one is the request's.
PATIENCE = 1.5


# Seconds from the first thing that is owed until all that is owed by then is written: how much a kill may lose.
SOON = 0.05


class Books:
    """Reads and writes, with an eye on whether the store is there."""

    def __init__(self, store: Store, clock: Clock, tell: Listener, patience: float = PATIENCE) -> None:
        self._store, self._clock, self._tell, self._patience = store, clock, tell, patience
        self._away = False
        self._owed: dict[str, tuple[float, float]] = {}  # counter -> (delta, expires)
        self._unwritten: dict[str, tuple[bytes, float] | None] = {}  # note -> (value, expires); None: to be removed
        self._owing = asyncio.Event()
        self._one_writes = asyncio.Lock()  # two at once could bring an older note last

    async def ask(self, verb: Callable[[Store], Awaitable[Answer]]) -> Answer:
        """What the store says. Raises StoreError: it fails, takes too long, or was away when last asked."""
        if self._away:
            raise StoreError("the store is away")
        return await self._ask(verb)

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        """Add to counters now; what they hold then. Raises StoreError, as `ask`.

        On the path of nearly every request: it is the store's own patience that ends it, and no other timer.
        """
        if self._away:
            raise StoreError("the store is away")
        try:
            return await self._store.add(deltas, expires)
        except StoreError as error:
            raise self._fault(error) from None

    @property
    def owes(self) -> bool:
        """Whether anything is still to be added."""
        return bool(self._owed)

    def owe(self, counter: str, delta: float, expires: float) -> None:
        """Add to a counter, later."""
        self._owed[counter] = (self.owed(counter) + delta, expires)
        self._owing.set()

    def owed(self, counter: str) -> float:
        """What is still to be added to it."""
        return self._owed.get(counter, (0.0, 0.0))[0]

    def forgive(self, which: Callable[[str], bool]) -> None:
        """Add nothing any more to these counters."""
        self._owed = {key: debt for key, debt in self._owed.items() if not which(key)}

    def write(self, note: str, value: bytes, expires: float) -> None:
        """Keep a note, later."""
        self._unwritten[note] = (value, expires)
        self._owing.set()

    def erase(self, note: str) -> None:
        """Forget a note, later."""
        self._unwritten[note] = None
        self._owing.set()

    def unwritten(self, note: str) -> bool:
        """Whether a note is still to be written or erased."""
        return note in self._unwritten

    async def write_soon(self) -> None:
        """Write what is owed a moment after it is, until cancelled. While the store is away `flush` finds it again."""
        while True:
            await self._owing.wait()
            await self._clock.sleep(SOON)
            self._owing.clear()
            if not self._away:
                with suppress(StoreError):  # told; and owed again
                    await self.flush()

    async def flush(self) -> None:
        """Write what there is to write. Raises StoreError: the store is away; the rest is written another time."""
        async with self._one_writes:
            await self._flush()

    async def _flush(self) -> None:
        for key, note in list(self._unwritten.items()):
            await self._ask(_writing(key, note))
            if self._unwritten.get(key) is note:  # else it has changed meanwhile, and is still to be written
                del self._unwritten[key]
        await self._pay()
        if self._away:
            self._away = False
            self._tell(Notice("info", "the store answers again"))

    async def _pay(self) -> None:
        """Add what is owed, and be it nothing: it tells whether the store can be written to.

        While an addition is under way it is owed no more. If the store's answer is lost, or is not waited for because
        this process stops, it may be counted twice.
        """
        now = self._clock.now()
        paid = {key: debt for key, debt in self._owed.items() if debt[1] > now}
        self._owed = {}
        try:
            await self._ask(lambda store: store.add(_column(paid, 0), _column(paid, 1)))
        except (StoreError, asyncio.CancelledError):
            for key, (delta, expires) in paid.items():
                self.owe(key, delta, expires)
            raise

    async def _ask(self, verb: Callable[[Store], Awaitable[Answer]]) -> Answer:
        try:
            async with asyncio.timeout(self._patience):
                return await verb(self._store)
        except TimeoutError:
            raise self._fault(StoreError(f"the store did not answer within {self._patience} s")) from None
        except StoreError as error:
            raise self._fault(error) from None

    def _fault(self, error: StoreError) -> StoreError:
        if not self._away:
            self._away = True
            self._tell(StoreFault(str(error)))
        return error


class Mirror(Generic[Kept]):
    """Notes of one kind, known here at once, in the store a little later, and from there to other workers and starts.

    `values` is for reading. A key is a tuple of words.
    """

    def __init__(self, books: Books, prefix: str, kind: type[Kept]) -> None:
        self.values: Mapping[tuple[str, ...], Kept] = {}
        self._books, self._prefix = books, prefix
        self._decoder = msgspec.json.Decoder(kind)

    def put(self, key: tuple[str, ...], value: Kept, expires: float) -> None:
        """Keep `value`, in place of what `key` held."""
        self.values = {**self.values, key: value}
        self._books.write(self._note(key), msgspec.json.encode(value), expires)

    def remove(self, key: tuple[str, ...]) -> None:
        """Forget what `key` held."""
        self.values = {kept: value for kept, value in self.values.items() if kept != key}
        self._books.erase(self._note(key))

    async def refresh(self) -> None:
        """Learn what others have written; what is still to be written here is newer. Raises StoreError."""
        notes = await self._books.ask(lambda store: store.notes(self._prefix))
        read = {key: value for note, text in notes.items() for key, value in self._decode(note, text)}
        theirs = {key: value for key, value in read.items() if not self._books.unwritten(self._note(key))}
        ours = {key: value for key, value in self.values.items() if self._books.unwritten(self._note(key))}
        self.values = theirs | ours

    def _note(self, key: tuple[str, ...]) -> str:
        return self._prefix + msgspec.json.encode(key).decode()  # names hold any character; JSON keeps them apart

    def _decode(self, note: str, text: bytes) -> list[tuple[tuple[str, ...], Kept]]:
        try:
            key = msgspec.json.decode(note.removeprefix(self._prefix), type=tuple[str, ...])
            return [(key, self._decoder.decode(text))]
        except msgspec.MsgspecError:  # another version of llmux has written it
            return []


def _writing(key: str, note: tuple[bytes, float] | None) -> Callable[[Store], Awaitable[None]]:
    return lambda store: store.remove([key]) if note is None else store.put(key, *note)


def _column(debts: Mapping[str, tuple[float, float]], index: int) -> Mapping[str, float]:
    return {key: debt[index] for key, debt in debts.items()}
