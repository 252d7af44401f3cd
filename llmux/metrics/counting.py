"""The listener that counts facts for Prometheus. It runs on the path of every request: a few microseconds each.

It holds no names of its own: a label's value is a name that the owner wrote, or one of a few others (`names.py`).
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmux.clock import Clock
from llmux.ir.usage import Usage
from llmux.ir.value import Value
from llmux.metrics.meters import Meters
from llmux.metrics.names import NONE, REST, Names
from llmux.telemetry import AttemptFailed, CacheUsed, Fact, RequestFinished, RequestStarted, Spent, StoreFault

# Pages of the gateway itself: who watches it is not its load.
OWN = ("/metrics", "/health", "/admin", "/ui", "/llmux")
FIRST_FAULT = 400
ITSELF, CACHE = "llmux", "cache"  # who may answer beside the backends
MOST_FAILED = 4096  # requests whose failed tries are remembered
MOST_CLIENTS = 200  # whose keys are not in the configuration; whoever runs the gateway has made them
DIRECTIONS = ("input", "output", "cache_read", "cache_write", "reasoning")  # of tokens, as the label says it

# s; what is added up meanwhile is counted at once then: tokens, money, and how many requests are being answered. It is
# how late another worker's page knows of them, and what of them a kill may lose; a request is counted when it is over.
SHOW_EVERY = 0.25

_Said = tuple[str, str, str, str, int, bool]  # client, dialect, model, backend, status, whether it is a stream
Add = Callable[[float], None]


class _Over(Value):
    """What a request that is over is counted in."""

    requests: Callable[[], None]
    latency: Add
    first_token: Add | None  # where it is a stream


class _Bill:
    """What the answers of one model have taken since it was last counted: tokens of every direction, and money."""

    __slots__ = ("_adds", "_sums")

    def __init__(self, *adds: Add) -> None:
        """Where the tokens are counted, in the order of DIRECTIONS, and last the money."""
        self._adds, self._sums = adds, [0.0] * len(adds)

    def add(self, usage: Usage, usd: float) -> None:
        """Add an answer."""
        sums = self._sums
        sums[0] += usage.input_tokens
        sums[1] += usage.output_tokens
        sums[2] += usage.cache_read_tokens
        sums[3] += usage.cache_write_tokens
        sums[4] += usage.reasoning_tokens
        sums[5] += usd

    def count(self) -> None:
        """Count what has been added up."""
        sums, self._sums = self._sums, [0.0] * len(self._adds)
        for add, amount in zip(self._adds, sums, strict=True):
            if amount:
                add(amount)


class Counting:
    """Hears facts and counts them."""

    def __init__(self, meters: Meters, clock: Clock) -> None:
        self._meters, self._clock = meters, clock
        self._models, self._clients = Names(), Names(MOST_CLIENTS)
        self._over: dict[_Said, _Over] = {}
        self._bills: dict[tuple[str, str], _Bill] = {}
        self._unpaid: set[_Bill] = set()
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
        """Count what has been added up, and say how many requests are being answered."""
        self._showing = False
        self._meters.active.set(self._active)
        unpaid, self._unpaid = self._unpaid, set()
        for bill in unpaid:
            bill.count()

    def _show_soon(self) -> None:
        if not self._showing:
            self._showing = True
            self._clock.timer(SHOW_EVERY, self.show)

    def _started(self, fact: RequestStarted) -> None:
        if not fact.path.startswith(OWN):
            self._active += 1
            self._show_soon()

    def _finished(self, fact: RequestFinished) -> None:
        if not fact.path.startswith(OWN):
            self._active -= 1
            self._show_soon()
        if fact.error:
            self._meters.errors.labels(fact.error).inc()
        if fact.request_id in self._failed:
            self._count_failovers(fact)
        if not fact.dialect:
            return
        backend = fact.backend if fact.attempts else _unasked(fact)
        said = (fact.client, fact.dialect, fact.model, backend, fact.status, fact.stream)
        over = self._over.get(said) or self._counted(said)
        over.requests()
        if fact.model:
            over.latency(fact.duration_s)
            if over.first_token is not None and fact.first_event_s is not None:
                over.first_token(fact.first_event_s)

    def _counted(self, said: _Said) -> _Over:
        """Where a request is counted. It is remembered by what was said, unless that was not taken as it was said."""
        client, dialect, model, backend, status, stream = said
        which = (self._models.of(model, proven=backend != NONE and status < FIRST_FAULT), backend)
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
        bill.add(fact.usage, fact.usd or 0.0)
        self._unpaid.add(bill)
        self._show_soon()

    def _billed(self, model: str, backend: str, *, proven: bool) -> _Bill:
        which = (self._models.of(model, proven=proven), backend)
        tokens = [self._meters.tokens.labels(direction, *which).inc for direction in DIRECTIONS]
        bill = _Bill(*tokens, self._meters.cost.labels(*which).inc)
        if which[0] != REST:
            self._bills[model, backend] = bill
        return bill

    def _attempt_failed(self, fact: AttemptFailed) -> None:
        if len(self._failed) >= MOST_FAILED:  # of one that was over before its last try was: nobody will ask for it
            del self._failed[next(iter(self._failed))]
        self._failed.setdefault(fact.request_id, []).append(fact)

    def _count_failovers(self, over: RequestFinished) -> None:
        """A try that failed was followed by the next one that did, or by who answered; if by another backend, count."""
        failed = self._failed.pop(over.request_id)
        answered = "" if over.error else over.backend
        after = [*(fact.backend for fact in failed[1:]), answered]
        for fact, backend in zip(failed, after, strict=True):
            if backend and backend != fact.backend:
                self._meters.failovers.labels(fact.backend, fact.error).inc()


def _unasked(fact: RequestFinished) -> str:
    """Who has answered where no backend was asked: what is kept of an earlier answer, the gateway itself, or nobody."""
    if not fact.backend or fact.error:
        return NONE
    return fact.backend if fact.backend == ITSELF else CACHE
