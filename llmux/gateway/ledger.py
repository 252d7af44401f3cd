"""The accounts of every backend and client: rate windows, rests after failures, fields that a backend refuses, and
what is known of its conversations (`affinity`), of its way of counting (`ratios`) and of what was used (`usage`).

The rules are routing's (`windows`, `cooldown`), the numbers are the store's; this is the shell between them. What it
knows is kept by name, so that it outlives a reload. A request never waits long for it and never fails for the store.
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Literal

from llmux.clock import Clock
from llmux.errors import GatewayError
from llmux.gateway.affinity import Affinity
from llmux.gateway.books import Books, Mirror
from llmux.gateway.budget import Budget, WindowUse
from llmux.gateway.hearsay import Hearsay
from llmux.gateway.limits import Bound, Keeper
from llmux.gateway.payer import (
    NO_HOLD,
    NOBODY,
    OF_BACKENDS,
    OF_CLIENTS,
    Hold,
    Payer,
    account_of,
    account_of_client,
    count,
    hold,
)
from llmux.gateway.ratios import Ratios
from llmux.gateway.reservation import Spend, one
from llmux.gateway.resets import Resets
from llmux.gateway.rests import Rests
from llmux.gateway.seats import Seats
from llmux.gateway.track import Track
from llmux.gateway.usage import Usages
from llmux.ir.value import Value
from llmux.responder import Client
from llmux.routing.catalog import Backend
from llmux.routing.rules import READY, Condition
from llmux.store.base import Store, StoreError
from llmux.telemetry import FieldLearnt, Listener

# Seconds between two looks at the store: how late one worker knows of another's cooldown, and that it is back.
REFRESH_EVERY = 1.0

# Seconds after which a refused field is tried again: by then the provider may have learnt it.
LEARNT_FOR = 30 * 86_400.0

_NOTHING: frozenset[str] = frozenset()


class Standing(Value):
    """How a backend stands, for people to read. `rests_for` is in seconds, 0.0 when it does not rest.

    `models` rest by themselves: the backend does not know them. `left_out` are fields that it has refused.
    """

    backend: str
    state: Literal["up", "resting", "probing"]
    cause: str
    rests_for: float
    failures: int
    in_flight: int
    windows: tuple[WindowUse, ...]
    models: tuple[str, ...]
    left_out: tuple[str, ...]


class Ledger:
    """Says how backends are, counts what is sent to them, and remembers how they failed."""

    def __init__(
        self, store: Store, clock: Clock, tell: Listener, limits: Keeper, *, shares_store: bool = True
    ) -> None:
        """`shares_store` is false where no other process can have the same store: then seats are not counted there."""
        self._clock, self._tell, self._limits, self._shares = clock, tell, limits, shares_store
        self.affinity = Affinity(clock)
        self.track = Track(clock, limits)
        self._books = Books(store, clock, tell)
        self._budget = Budget(self._books, clock)
        self._seats = Seats(self._books, clock)
        self.ratios = Ratios(self._books, clock)
        self.usage = Usages(self._books, clock)
        self.hearsay = Hearsay(clock)
        self._rests = Rests(self._books, clock, tell)
        self._learnt = Mirror(self._books, "refused/", bool)  # key: the backend and the field
        self._resets = Resets(self._books, self._budget, clock)

    # --- before a request ---

    def conditions(self, backends: Sequence[Backend], model: str) -> Mapping[str, Condition]:
        """How each backend is just now for a request to `model`, as this process knows it."""
        now = self._clock.now()
        return {backend.name: self._condition(backend, model, now) for backend in backends}

    @property
    def nobody_rests(self) -> bool:
        """Whether no failure of any backend is remembered."""
        return not self._rests

    def all_open(self, pool: Mapping[str, Backend]) -> bool:
        """Whether nothing that passes speaks against any of these backends: no failure of any backend is remembered,
        and none of these is out of its windows, full or paced.
        """
        return self.nobody_rests and all(map(self._is_open, pool.values()))

    async def reserve(self, backend: Backend, payer: Payer = NOBODY, expected: Callable[[], Spend] = one) -> Hold:
        """Count a try in the windows of its client and of its backend, and among those who are there at once, with one
        question to the store.

        `expected` is what it may take, asked for only where tokens or money are limited.

        Raises:
            ClientLimit: the client's have no room.
            OurLimit: the backend's have none, or as many as may be are there.
        """
        bounds = self._bounds(backend)
        if not (bounds or backend.windows or payer.client.windows):
            return NO_HOLD
        sitting = self._seats.sit(backend.name, bounds) if bounds else None
        return await hold(self._budget, backend, payer, expected, sitting)

    async def count(self, client: Client) -> None:
        """Count a request in its client's windows, before several are made of it: see `Context.counted`.

        Raises:
            ClientLimit: they have no room.
        """
        await count(self._budget, client)

    def left_out(self, backend: Backend) -> frozenset[str]:
        """The fields that the backend has refused."""
        if not self._learnt.values:
            return _NOTHING
        return frozenset(field for name, field in self._learnt.values if name == backend.name)

    # --- after a request ---

    def failed(self, backend: Backend, model: str, error: GatewayError) -> float:
        """It failed: what that means for the next ones. Seconds for which it rests now; 0.0: it does not."""
        return self._rests.failed(backend.name, model, error)

    def succeeded(self, backend: Backend, model: str) -> None:
        """It answered: its failures are forgotten."""
        self._rests.succeeded(backend.name, model)

    def learn(self, backend: Backend, field: str) -> None:
        """The backend refuses a field: leave it out from now on."""
        key = (backend.name, field)
        if key not in self._learnt.values:
            self._learnt.put(key, value=True, expires=self._clock.now() + LEARNT_FOR)
            self._tell(FieldLearnt(backend.name, field))

    # --- for people ---

    def use_of(self, client: Client) -> tuple[WindowUse, ...]:
        """How far a client's windows are used, as far as is known here; the next refresh looks at them."""
        self._budget.watch(account_of_client(client), client.windows)
        return self._budget.use(account_of_client(client), client.windows)

    async def look_at(self, client: Client) -> tuple[WindowUse, ...]:
        """The same, as the store has it now, if it answers."""
        self.use_of(client)
        with contextlib.suppress(StoreError):
            await self._budget.refresh()
        return self.use_of(client)

    async def reset_backends(self, names: Collection[str]) -> None:
        """Empty their windows and end their rests: here at once, in other workers when they next refresh.

        Raises:
            StoreError: windows are as they were.
        """
        await self._rests.refresh()
        await self._resets.empty([f"{OF_BACKENDS}{name}" for name in names])
        self._rests.end(names)
        await self._write()  # others hear of it at their next look

    async def reset_client(self, name: str) -> None:
        """Empty a client's windows, likewise. Raises StoreError."""
        await self._resets.empty([f"{OF_CLIENTS}{name}"])
        await self._write()

    def snapshot(self, backends: Iterable[Backend]) -> list[Standing]:
        """How each backend stands, as this process knows it; the next refresh looks at their windows."""
        now = self._clock.now()
        backends = list(backends)
        for backend in backends:
            if backend.windows:
                self._budget.watch(account_of(backend), backend.windows)
        return [self._standing(backend, now) for backend in backends]

    # --- behind the requests ---

    async def run(self, wait: float = 0.0) -> None:
        """Share with the other workers, until cancelled. The first look at the store is `wait` seconds away."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._books.write_soon())
            tasks.create_task(self._seats.run())
            await self._clock.sleep(wait)
            while True:
                await self.refresh()
                await self._clock.sleep(REFRESH_EVERY)

    async def refresh(self, backends: Iterable[Backend] = ()) -> None:
        """Write what is to be written, and learn what others wrote; of `backends` the windows too, asked for or not."""
        for backend in backends:
            if backend.windows:
                self._budget.watch(account_of(backend), backend.windows)
        self.usage.write()
        try:
            await self._books.flush()
            await self._seats.tell()
            await self._resets.refresh()
            await self._rests.refresh()
            await self._learnt.refresh()
            await self.ratios.refresh()
            await self._budget.refresh()
        except StoreError:
            return  # the books have told it; the next time may do better

    async def close(self) -> None:
        """Write what is still to be written. The store stays open: it is its opener's to close."""
        await self._write()

    # --- inside ---

    async def _write(self) -> None:
        self.usage.write()
        with contextlib.suppress(StoreError):  # told; if there is a next time, it may do better
            await self._books.flush()
            await self._seats.tell()

    def _bounds(self, backend: Backend) -> Sequence[Bound]:
        return self._limits.bounds(backend) if self._shares else ()

    def _is_open(self, backend: Backend) -> bool:
        if backend.windows:
            account = account_of(backend)
            self._budget.watch(account, backend.windows)
            if self._budget.opens_at(account, backend.windows, self._clock.now()):
                return False
        return not self._limits.limited(backend) or not (self._is_full(backend) or self._limits.paced(backend))

    def _is_full(self, backend: Backend) -> bool:
        return self._limits.full(backend) or self._seats.full(self._bounds(backend))

    def _condition(self, backend: Backend, model: str, now: float) -> Condition:
        rest = self._rests.in_force(backend.name, model, now) if self._rests else None
        limited = self._limits.limited(backend)
        if rest is None and not limited and not backend.windows:
            return READY
        opens_at = 0.0
        if backend.windows:
            self._budget.watch(account_of(backend), backend.windows)
            opens_at = self._budget.opens_at(account_of(backend), backend.windows, now)
        return Condition(
            rests_until=rest.until if rest else 0.0,
            cause=rest.cause if rest else "",
            limited=rest is not None and rest.limited,
            probe_from=rest.probe_from if rest else 0.0,
            opens_at=opens_at,
            in_flight=max(self._limits.in_flight(backend), self._seats.at(account_of(backend))),
            paced=limited and self._limits.paced(backend),
            full=limited and self._is_full(backend),
        )

    def _standing(self, backend: Backend, now: float) -> Standing:
        rest = self._rests.of(backend.name)
        resting = rest is not None and rest.until > now
        in_flight = self._limits.in_flight(backend)
        probing = rest is not None and resting and now >= rest.probe_from and in_flight > 0
        return Standing(
            backend=backend.name,
            state="probing" if probing else "resting" if resting else "up",
            cause=rest.cause if rest else "",
            rests_for=max(rest.until - now, 0.0) if rest else 0.0,
            failures=rest.failures if rest else 0,
            in_flight=in_flight,
            windows=self._budget.use(account_of(backend), backend.windows),
            models=tuple(sorted(self._rests.models(backend.name, now))),
            left_out=tuple(sorted(self.left_out(backend))),
        )
