"""A listener that remembers what happened last: requests with the way each took, numbers over time, and news.

It runs on the path of every request, so it does little and holds bounded amounts. It writes to nobody.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import Any

import msgspec

from llmux.admin.news import LINES, News, read
from llmux.admin.series import Bucket, Series, step
from llmux.clock import Clock
from llmux.telemetry import AttemptFailed, Fact, Planned, RequestFinished, Spent

MOST_ROWS = 200  # requests that are over
MOST_OPEN = 1000  # requests under way; one that is never told to be over makes room for newer ones
MOST_NEWS = 60
MOST_CLIENTS = 200  # named ones; what further ones do is counted together
OTHERS = "(others)"
MOST_LISTED = 20  # refusals and failures of one request
MOST_CHARACTERS = 300  # of a text that comes from outside
CLIENT_ERROR = 400
GONE = 499  # the client left: nobody's error


class Failure(msgspec.Struct):
    """A try that failed."""

    backend: str
    error: str
    message: str
    after_s: float
    cooldown_s: float


class Row(msgspec.Struct):
    """One request. `status` is 0 while it is under way. `usd` is None where nobody knows what it costs."""

    id: str
    at: float  # Unix seconds
    model: str
    plan: tuple[str, ...] = ()
    refused: Mapping[str, str] = {}  # backend -> why it was not asked
    failures: list[Failure] = []
    client: str = ""
    dialect: str = ""
    path: str = ""
    backend: str = ""
    attempts: int = 0
    status: int = 0
    stream: bool = False
    input_tokens: int | None = None
    output_tokens: int | None = None
    usd: float | None = None
    first_event_s: float | None = None
    duration_s: float | None = None
    error: str = ""


class Tally(msgspec.Struct):
    """What a client has done since this process began."""

    requests: int = 0
    errors: int = 0
    input: int = 0
    output: int = 0
    usd: float = 0.0


class Feed:
    """Hears facts; shows what it remembers."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._open = OrderedDict[str, Row]()
        self._over = OrderedDict[str, Row]()
        self._heard: Mapping[type[Fact], Callable[[Any], None]] = {}
        self.news = deque[News](maxlen=MOST_NEWS)
        self.clients: dict[str, Tally] = {}
        self.series = Series()
        self._told = 0

    def listen(self, on: bool) -> None:
        """Whether to listen at all: a gateway that nobody administers over HTTP pays nothing for its page."""
        rows: Mapping[type[Fact], Callable[[Any], None]] = {
            Planned: self._planned,
            AttemptFailed: self._failed,
            Spent: self._spent,
            RequestFinished: self._finished,
        }
        self._heard = {**dict.fromkeys(LINES, self._hear), **rows} if on else {}

    def __call__(self, fact: Fact) -> None:
        """Take note of a fact."""
        hear = self._heard.get(type(fact))
        if hear is not None:
            hear(fact)

    def rows(self) -> Iterable[Row]:
        """Every request that is remembered: those that are over, the oldest first, then those under way."""
        return (*self._over.values(), *islice(reversed(self._open.values()), MOST_ROWS))

    def _planned(self, fact: Planned) -> None:
        refused = fact.refused
        if len(refused) > MOST_LISTED:
            refused = dict(islice(refused.items(), MOST_LISTED))
        row = Row(fact.request_id, self._clock.now(), _short(fact.model), fact.plan[:MOST_LISTED], refused)
        self._open[fact.request_id] = row
        if len(self._open) > MOST_OPEN:
            self._open.popitem(last=False)

    def _failed(self, fact: AttemptFailed) -> None:
        row = self._open.get(fact.request_id)
        if row is not None and len(row.failures) < MOST_LISTED:
            row.failures.append(
                Failure(fact.backend, fact.error, _short(fact.message), round(fact.after_s, 3), fact.cooldown_s)
            )

    def _spent(self, fact: Spent) -> None:
        """What was paid for. It is told before the request is over or, seldom, a little later."""
        bucket, tally = self._counts(fact.client)
        row = self._open.get(fact.request_id)
        if row is not None:
            read, written = fact.usage.total_input_tokens, fact.usage.output_tokens
            row.input_tokens = (row.input_tokens or 0) + read
            row.output_tokens = (row.output_tokens or 0) + written
            bucket.input, bucket.output = bucket.input + read, bucket.output + written
            tally.input, tally.output = tally.input + read, tally.output + written
        else:
            row = self._over.get(fact.request_id)
        if fact.usd is not None:
            bucket.usd += fact.usd
            tally.usd += fact.usd
            if row is not None:
                row.usd = (row.usd or 0.0) + fact.usd

    def _finished(self, fact: RequestFinished) -> None:
        row = self._open.pop(fact.request_id, None)
        if row is None:
            # A health check, a list of models, this page: they are no requests to a model, unless they fail in one.
            if not (fact.backend or (fact.dialect and fact.status >= CLIENT_ERROR)):
                return
            row = Row(fact.request_id, self._clock.now() - fact.duration_s, _short(fact.model))
        self._over[row.id] = row
        if len(self._over) > MOST_ROWS:
            self._over.popitem(last=False)
        bucket, tally = self._counts(fact.client)
        bucket.requests += 1
        tally.requests += 1
        if (fact.error or fact.status >= CLIENT_ERROR) and fact.status != GONE:
            bucket.errors += 1
            tally.errors += 1
        if fact.first_event_s is not None:
            at = step(fact.first_event_s)
            bucket.first[at] = bucket.first.get(at, 0) + 1
        if row.input_tokens is None and fact.usage is not None:  # nobody has told what was spent
            row.input_tokens, row.output_tokens = fact.usage.total_input_tokens, fact.usage.output_tokens
            for count in (bucket, tally):
                count.input, count.output = count.input + row.input_tokens, count.output + row.output_tokens
        self._fill(row, fact)

    @staticmethod
    def _fill(row: Row, fact: RequestFinished) -> None:
        row.client, row.dialect, row.path = fact.client, fact.dialect, _short(fact.path)
        row.backend, row.attempts, row.status, row.stream = fact.backend, fact.attempts, fact.status, fact.stream
        row.first_event_s, row.duration_s, row.error = fact.first_event_s, fact.duration_s, fact.error

    def _counts(self, client: str) -> tuple[Bucket, Tally]:
        """Where what happens now is counted."""
        tally = self.clients.get(client)
        if tally is None:
            name = client if len(self.clients) < MOST_CLIENTS else OTHERS
            tally = self.clients.setdefault(name, Tally())
        return self.series.at(self._clock.now()), tally

    def _hear(self, fact: Fact) -> None:
        if (news := read(fact, self._clock.now(), self._told)) is not None:
            self._told += 1
            self.news.append(news)


def _short(text: str) -> str:
    """`text` as it can be shown: not too long, and without what is no character (half a pair, from a path's bytes)."""
    if len(text) > MOST_CHARACTERS:
        text = f"{text[:MOST_CHARACTERS]}..."
    return text if text.isascii() else text.encode(errors="replace").decode()
