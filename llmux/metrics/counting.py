"""The listener that counts facts for Prometheus. It runs on the path of every request: a few microseconds each.

It holds no names of its own: a label's value is a name that the owner wrote, or one of a few others (`names.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmux.clock import Clock
from llmux.ir.value import Value
from llmux.metrics.meters import Meters
from llmux.metrics.names import NONE, REST, Names
from llmux.telemetry import AttemptFailed, CacheUsed, Fact, RequestFinished, RequestStarted, Spent, StoreFault

# Pages of the gateway itself: who watches it is not its load.
OWN = ("/metrics", "/health", "/admin", "/ui", "/llmux")
FIRST_FAULT = 400
# What the label calls a direction -> the field of a usage.
DIRECTIONS: Mapping[str, str] = {
    "input": "input_tokens",
    "output": "output_tokens",
    "cache_read": "cache_read_tokens",
    "cache_write": "cache_write_tokens",
    "reasoning": "reasoning_tokens",
}

SHOW_EVERY = 0.25  # s; how late other workers know how many requests this one is answering

_Said = tuple[str, str, str, str, int, bool]  # client, dialect, model, backend, status, whether it is a stream
Add = Callable[[float], None]


class _Over(Value):
    """What a request that is over is counted in."""

    requests: Callable[[], None]
    latency: Add
    first_token: Add | None  # where it is a stream


class _Bill(Value):
    """What an answer's cost is counted in. `tokens`: the fields of a usage, and where each is added."""

    cost: Add
    tokens: tuple[tuple[str, Add], ...]


class Counting:
    """Hears facts and counts them."""

    def __init__(self, meters: Meters, clock: Clock) -> None:
        self._meters, self._clock = meters, clock
        self._models, self._clients = Names(), Names()
        self._over: dict[_Said, _Over] = {}
        self._bills: dict[tuple[str, str], _Bill] = {}
        self._failed: dict[str, list[AttemptFailed]] = {}  # request -> its failed tries, until it is over
        self._active, self._showing = 0, False
        self._hears: Mapping[type[Fact], Callable[[Any], None]] = {
            RequestStarted: self._started,
            RequestFinished: self._finished,
            Spent: self._spent,
            AttemptFailed: self._attempt_failed,
            StoreFault: lambda _: meters.store_faults.inc(),
            CacheUsed: lambda fact: self._outcomes.get(fact.outcome, meters.cache_bypasses.inc)(),
        }
        self._outcomes: Mapping[str, Callable[[], None]] = {
            "hit": meters.cache_hits.inc,
            "miss": meters.cache_misses.inc,
            "coalesced": meters.cache_coalesced.inc,
        }

    def __call__(self, fact: Fact) -> None:
        """Count a fact."""
        hear = self._hears.get(type(fact))
        if hear is not None:
            hear(fact)

    def know(self, models: Iterable[str], clients: Iterable[str]) -> None:
        """These names are the owner's: they are counted by themselves, however many there are."""
        self._models.know(models)
        self._clients.know(clients)

    def show(self) -> None:
        """Say how many requests are being answered; the other workers' scrapes read it."""
        self._showing = False
        self._meters.active.set(self._active)

    def _change(self, by: int) -> None:
        self._active += by
        if not self._showing:
            self._showing = True
            self._clock.timer(SHOW_EVERY, self.show)

    def _started(self, fact: RequestStarted) -> None:
        if not fact.path.startswith(OWN):
            self._change(+1)

    def _finished(self, fact: RequestFinished) -> None:
        if not fact.path.startswith(OWN):
            self._change(-1)
        if fact.error:
            self._meters.errors.labels(fact.error).inc()
        if fact.request_id in self._failed:
            self._count_failovers(fact)
        if not fact.dialect:
            return
        said = (fact.client, fact.dialect, fact.model, fact.backend, fact.status, fact.stream)
        over = self._over.get(said) or self._counted(said)
        over.requests()
        if fact.model:
            over.latency(fact.duration_s)
            if over.first_token is not None and fact.first_event_s is not None:
                over.first_token(fact.first_event_s)

    def _counted(self, said: _Said) -> _Over:
        """Where a request is counted. It is remembered by what was said, unless that was not taken as it was said."""
        client, dialect, model, backend, status, stream = said
        which = (self._models.of(model, proven=backend != "" and status < FIRST_FAULT), backend or NONE)
        client = self._clients.of(client)
        over = _Over(
            self._meters.requests.labels(client, dialect, *which, status).inc,
            self._meters.latency.labels(*which).observe,
            self._meters.first_token.labels(*which).observe if stream else None,
        )
        if REST not in {client, which[0]}:
            self._over[said] = over
        return over

    def _spent(self, fact: Spent) -> None:
        said = (fact.model, fact.backend)
        bill = self._bills.get(said) or self._billed(*said, proven=fact.complete)
        if fact.usd:
            bill.cost(fact.usd)
        usage = fact.usage
        for field, add in bill.tokens:
            if amount := getattr(usage, field):
                add(amount)

    def _billed(self, model: str, backend: str, *, proven: bool) -> _Bill:
        which = (self._models.of(model, proven=proven), backend)
        tokens = [(field, self._meters.tokens.labels(way, *which).inc) for way, field in DIRECTIONS.items()]
        bill = _Bill(self._meters.cost.labels(*which).inc, tuple(tokens))
        if which[0] != REST:
            self._bills[model, backend] = bill
        return bill

    def _attempt_failed(self, fact: AttemptFailed) -> None:
        self._failed.setdefault(fact.request_id, []).append(fact)

    def _count_failovers(self, over: RequestFinished) -> None:
        """A try that failed was followed by the next one that did, or by who answered; if by another backend, count."""
        failed = self._failed.pop(over.request_id)
        answered = "" if over.error else over.backend
        after = [*(fact.backend for fact in failed[1:]), answered]
        for fact, backend in zip(failed, after, strict=True):
            if backend and backend != fact.backend:
                self._meters.failovers.labels(fact.backend, fact.error).inc()
