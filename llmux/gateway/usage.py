"""What each client has used, by backend, model and day: heard from facts, counted in the store, told when asked.

Hearing costs some sums on a request's path; names of counters are made and the store is written to behind the requests.
A kill loses what has not been written by then: a second's worth.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from typing import Any

from llmux.clock import Clock
from llmux.errors import ClientGone, StoreAway
from llmux.gateway.books import Books
from llmux.gateway.report import FIGURES, KEPT_DAYS, Report, line, question
from llmux.responder import Client
from llmux.store.base import Store, StoreError
from llmux.telemetry import Fact, RequestFinished, Spent

DAY = 86_400  # s
KEPT_FOR = KEPT_DAYS * DAY  # s
# Models of one client at one backend that are told apart on one day, and characters of a name: clients choose both.
MOST_MODELS = 200
LONGEST_NAME = 200
OTHER = "other"  # the model of all that comes beyond
# Requests that are under way while their answers have been accounted for: what is older never finishes.
MOST_OPEN = 10_000
GONE = ClientGone.__name__

Names = tuple[str, str, str]  # client, backend, model


class Tally:
    """One client's figures at one backend for one model since they were last written."""

    __slots__ = FIGURES

    def __init__(self) -> None:
        self.requests = self.errors = self.unpriced = 0
        self.input_tokens = self.output_tokens = self.cache_read_tokens = self.cache_write_tokens = 0
        self.reasoning_tokens = 0
        self.usd = 0.0


class Usages:
    """Listens, counts, and tells."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._books, self._clock = books, clock
        self._day = 0  # days since 1970
        self._tallies: dict[Names, Tally] = {}
        self._models: dict[tuple[str, str], set[str]] = {}  # client, backend -> the models of this day
        self._open: dict[str, Names] = {}  # request -> where its answer was accounted for

    def hear(self, fact: Fact) -> None:
        """A listener: answers are accounted for before their request is over."""
        if type(fact) is Spent:
            self._spent(fact)
        elif type(fact) is RequestFinished:
            self._finished(fact)

    def write(self) -> None:
        """Hand over what has been counted since the last time; it is then written with all else."""
        tallies, self._tallies = self._tallies, {}
        day, expires = datetime.fromtimestamp(self._day * DAY, UTC).date().isoformat(), (self._day + 1) * DAY + KEPT_FOR
        for names, tally in tallies.items():
            begins = line((day, *names))
            for figure in FIGURES:
                if value := getattr(tally, figure):
                    self._books.owe(f"{begins}/{figure}", value, expires)

    async def tell(self, words: Mapping[str, str], client: Client | None = None) -> dict[str, Any]:
        """What was used, as a JSON object; `words` are those of `report.question`. By `client` only, if one is given.

        Raises:
            BadRequest: they ask nothing that can be answered.
            StoreAway: nobody knows now.
        """
        asked = question(words, self._clock.now(), client.name if client else None)
        report = Report(asked)
        self.write()
        try:
            await self._books.flush()
            for prefix in asked.prefixes():
                report.add(await self._books.ask(partial(_tallies, prefix)))
            return report.told()
        except StoreError:
            raise StoreAway("llmux: the store, which knows what was used, does not answer; try again later.") from None

    def _spent(self, fact: Spent) -> None:
        names = self._open[fact.request_id] = (fact.client, fact.backend, fact.model)
        if len(self._open) > MOST_OPEN:
            del self._open[next(iter(self._open))]
        tally, usage = self._tally(*names), fact.usage
        tally.input_tokens += usage.input_tokens
        tally.output_tokens += usage.output_tokens
        tally.cache_read_tokens += usage.cache_read_tokens
        tally.cache_write_tokens += usage.cache_write_tokens
        tally.reasoning_tokens += usage.reasoning_tokens
        if fact.usd is None:
            tally.unpriced += 1
        else:
            tally.usd += fact.usd

    def _finished(self, fact: RequestFinished) -> None:
        """Where its answer was accounted for; else what its client asked for, if it was refused, or costs nothing."""
        names = self._open.pop(fact.request_id, None)
        if names is None:
            if not (fact.client and fact.model and (fact.backend or fact.error)):
                return  # it asked for no answer
            names = (fact.client, fact.backend, fact.served or fact.model)
        tally = self._tally(*names)
        tally.requests += 1
        if fact.error and fact.error != GONE:
            tally.errors += 1

    def _tally(self, client: str, backend: str, model: str) -> Tally:
        day = int(self._clock.now() // DAY)
        if day != self._day:
            self.write()
            self._models.clear()
            self._day = day
        tally = self._tallies.get((client, backend, model))
        if tally is None:
            names = (client, backend, self._bounded(client, backend, model))
            tally = self._tallies.setdefault(names, Tally())
        return tally

    def _bounded(self, client: str, backend: str, model: str) -> str:
        """The model's name, or OTHER where there are too many of them."""
        known = self._models.setdefault((client, backend), set())
        if model not in known and (len(known) >= MOST_MODELS or len(model) > LONGEST_NAME):
            return OTHER
        known.add(model)
        return model


async def _tallies(prefix: str, store: Store) -> Mapping[str, float]:
    return await store.tallies(prefix)
