"""How fast and how many at once: `rps`, `rpm` and `concurrent` of each backend and of its provider.

Kept in this process: each worker has its own. That `concurrent` holds for all of them together is `seats`' business;
here is what each can say by itself. Rate windows, which the workers share, are the ledger's.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeAlias

from aiolimiter import AsyncLimiter

from llmux.errors import OurLimit
from llmux.routing.catalog import Backend, Limits

NO_LIMITS = Limits()

# Seconds after which to ask a full backend again. When an answer will end nobody knows; short ones take about as long.
FULL_RETRY = 1.0

Bound: TypeAlias = tuple[str, int]  # a name, of a backend or a provider, and how many requests may be there at once


def is_full(name: str) -> OurLimit:
    """What is said of a backend that has no seat left."""
    return OurLimit(f"{name} takes no more requests at once", retry_after=FULL_RETRY)


class Keeper:
    """Counts who is at a backend, and makes those wait who come too fast.

    All is kept by name, and the numbers may change while requests are under way: a limiter whose number stays the same
    goes on where it was. A pace is a leaky bucket: `rps = 5` lets five through at once, then one every 0.2 s.
    """

    def __init__(self, providers: Mapping[str, Limits] | None = None) -> None:
        self._providers = providers or {}
        self._gates: dict[tuple[str, str], _Gate] = {}

    def configure(self, providers: Mapping[str, Limits]) -> None:
        """From now on, these are the limits of the providers. A backend brings its own along."""
        self._providers = providers

    def limited(self, backend: Backend) -> bool:
        """Whether there is any limit at all."""
        own, provider = backend.limits, self._provider(backend)
        return (own is not NO_LIMITS and own != NO_LIMITS) or (provider is not NO_LIMITS and provider != NO_LIMITS)

    def paced(self, backend: Backend) -> bool:
        """Whether a request would have to wait for its turn now."""
        return not all(limiter.has_capacity() for gate in self._gates_of(backend) for limiter in gate.limiters)

    def full(self, backend: Backend) -> bool:
        """Whether the backend, or its provider, takes no more at once."""
        return any(gate.full for gate in self._gates_of(backend))

    def bounds(self, backend: Backend) -> Sequence[Bound]:
        """How many may be at the backend, and at its provider, at once, where that is limited."""
        own, provider = backend.limits.concurrent, self._provider(backend).concurrent
        if own is None and provider is None:
            return ()
        found = ((f"provider/{backend.provider}", provider), (f"backend/{backend.name}", own))
        return tuple((name, most) for name, most in found if most is not None)

    def in_flight(self, backend: Backend) -> int:
        """Requests at the backend now; those that wait for their turn are among them."""
        return self._gate("backend", backend.name, backend.limits).in_flight

    async def enter(self, backend: Backend, patience: float) -> None:
        """Wait for a request's turn, and count it in. Who has entered must `leave`.

        Raises:
            OurLimit: the backend is full, or the turn is more than `patience` seconds away.
        """
        gates = self._gates_of(backend)
        if not self.limited(backend):
            _count(gates, 1)
            return
        if any(gate.full for gate in gates):
            raise is_full(backend.name)
        _count(gates, 1)
        try:
            await _turn(backend.name, [gate for gate in gates if gate.limiters], patience)
        except BaseException:
            _count(gates, -1)
            raise

    def leave(self, backend: Backend) -> None:
        """Count a request out."""
        _count(self._gates_of(backend), -1)

    def _gates_of(self, backend: Backend) -> tuple["_Gate", "_Gate"]:
        return (
            self._gate("provider", backend.provider, self._provider(backend)),
            self._gate("backend", backend.name, backend.limits),
        )

    def _gate(self, kind: str, name: str, limits: Limits) -> "_Gate":
        gate = self._gates.get((kind, name))
        if gate is None:
            gate = self._gates[kind, name] = _Gate()
        if gate.limits is not limits:
            gate.adopt(limits)
        return gate

    def _provider(self, backend: Backend) -> Limits:
        return self._providers.get(backend.provider, NO_LIMITS)


class _Gate:
    """What one name lets through: a backend's, or a provider's."""

    def __init__(self) -> None:
        self.in_flight = 0
        self.waiting = 0
        self.limits = NO_LIMITS
        self._paces: Mapping[tuple[float, float], AsyncLimiter] = {}

    def adopt(self, limits: Limits) -> None:
        if limits != self.limits:
            self._paces = {pace: self._paces.get(pace) or AsyncLimiter(*pace) for pace in _paces(limits)}
        self.limits = limits

    @property
    def full(self) -> bool:
        return self.limits.concurrent is not None and self.in_flight >= self.limits.concurrent

    @property
    def limiters(self) -> Sequence[AsyncLimiter]:
        return tuple(self._paces.values())

    @property
    def delay(self) -> float:
        """Seconds that those who wait need at the least."""
        return max(self.waiting * period / rate for rate, period in self._paces)


def _paces(limits: Limits) -> Iterator[tuple[float, float]]:
    """Requests per seconds. A limiter admits whole requests: half a request a second is one every two seconds."""
    for rate, period in ((limits.rps, 1.0), (limits.rpm, 60.0)):
        if rate is not None:
            yield (rate, period) if rate >= 1 else (1.0, period / rate)


def _count(gates: Sequence[_Gate], change: int) -> None:
    for gate in gates:
        gate.in_flight += change


async def _turn(name: str, gates: Sequence[_Gate], patience: float) -> None:
    """Wait until every gate lets one more through; not at all when so many wait already that it would be in vain."""
    if not gates:
        return
    delay = max(gate.delay for gate in gates)
    if delay > patience:
        raise OurLimit(f"too many requests wait for {name}", retry_after=delay)
    _wait(gates, 1)
    try:
        async with asyncio.timeout(patience):
            for limiter in [limiter for gate in gates for limiter in gate.limiters]:
                await limiter.acquire()
    except TimeoutError:
        delay = max(gate.delay for gate in gates)
        raise OurLimit(f"too many requests wait for {name}", retry_after=delay) from None
    finally:
        _wait(gates, -1)


def _wait(gates: Sequence[_Gate], change: int) -> None:
    for gate in gates:
        gate.waiting += change
