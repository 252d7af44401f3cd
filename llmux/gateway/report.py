"""What was used, summed up as somebody asks: a question's words and the store's counters -> rows and their total. Pure.

A counter is `usage/DAY/["client","backend","model"]/FIGURE`; a day is one of UTC, written 2026-11-26.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from llmux.errors import BadRequest
from llmux.ir.value import Value

PREFIX = "usage/"
KEPT_DAYS = 400  # for which a day's figures are known
# What is counted. `unpriced` are answers whose price nobody knows: `usd` is without them.
FIGURES = (
    *("requests", "errors", "input_tokens", "output_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("reasoning_tokens", "usd", "unpriced"),
)
GROUPS = ("client", "backend", "model", "day")
WORDS = ("by", "since", "until", "client", "model")
SPAN = re.compile(r"([1-9]\d{0,3})d", re.ASCII)
DIGITS = 9  # of US dollars that are told: a float has noise beyond

Key = tuple[str, str, str, str]  # day, client, backend, model


class Question(Value):
    """What is asked. Days are the first and the last that count, within what is kept.

    `client` and `model` are globs, "": any. `own` is the one client that is told of, its name to the letter.
    """

    since: str
    until: str
    by: tuple[str, ...] = ("model",)
    client: str = ""
    model: str = ""
    own: str | None = None

    def prefixes(self) -> Iterator[str]:
        """How the keys of all counters begin that may matter, by day."""
        day = date.fromisoformat(self.since)
        while day <= date.fromisoformat(self.until):
            yield f"{PREFIX}{day}/"
            day += timedelta(days=1)

    def concerns(self, key: Key) -> bool:
        """Whether a line counts."""
        day, client, _, model = key
        if self.own is not None and client != self.own:
            return False
        return self.since <= day <= self.until and _like(self.client, client) and _like(self.model, model)


def question(words: Mapping[str, str], now: float, own: str | None = None) -> Question:
    """The question that `words` ask: by, since, until, client, model. Without any: of the last 7 days, by model.

    Raises:
        BadRequest: a word is unknown or cannot be understood; `param` is its name.
    """
    for word in words:
        if word not in WORDS:
            raise BadRequest(f"llmux: {word} is unknown here; expected some of {', '.join(WORDS)}.", param=word)
    today = datetime.fromtimestamp(now, UTC).date()
    by = tuple(dict.fromkeys(part.strip() for part in words.get("by", "model").split(",")))
    if not set(by) <= set(GROUPS):
        raise BadRequest(f"llmux: by: expected some of {','.join(GROUPS)}, not {words['by']!r}.", param="by")
    since, until = (_day(words.get(word) or usual, word, today) for word, usual in (("since", "7d"), ("until", "1d")))
    if since > until:
        raise BadRequest(f"llmux: since: {since} is after {until}, the last day.", param="since")
    first, last = max(since, today - timedelta(days=KEPT_DAYS)), min(until, today)
    return Question(first.isoformat(), last.isoformat(), by, words.get("client", ""), words.get("model", ""), own)


def line(key: Key) -> str:
    """How the names begin under which the store counts figures: "/" and the figure follow."""
    return f"{PREFIX}{key[0]}/{msgspec.json.encode(key[1:]).decode()}"


class Report:
    """The answer to one question, added up a day at a time: nobody else waits for long while one is asked."""

    def __init__(self, asked: Question) -> None:
        self._asked = asked
        self._sums: dict[tuple[str, ...], dict[str, float]] = {}

    def add(self, counters: Mapping[str, float]) -> None:
        """What the store holds; other counters may be among them."""
        rows: dict[str, dict[str, float] | None] = {}  # a counter's name without its figure -> the row that it is of
        for name, value in counters.items():
            begins, _, figure = name.rpartition("/")
            if begins not in rows:
                rows[begins] = self._row(begins)
            row = rows[begins]
            if row is not None and figure in row:
                row[figure] += value

    def told(self) -> dict[str, Any]:
        """The rows and their total, as a JSON object."""
        by = self._asked.by
        rows = [dict(zip(by, key, strict=True)) | _told(row) for key, row in self._sums.items()]
        rows.sort(key=lambda row: (row.get("day", ""), -row["usd"], -row["requests"], *map(row.get, by)))
        total = {figure: sum(row[figure] for row in self._sums.values()) for figure in FIGURES}
        span = {"since": self._asked.since, "until": self._asked.until, "by": list(by)}
        return span | {"rows": rows, "total": _told(total)}

    def _row(self, begins: str) -> dict[str, float] | None:
        """The row that a line is added to; None: it does not matter, or another version of llmux counts it."""
        day, _, words = begins.removeprefix(PREFIX).partition("/")
        try:
            client, backend, model = msgspec.json.decode(words, type=tuple[str, str, str])
        except msgspec.MsgspecError:
            return None
        if not self._asked.concerns((day, client, backend, model)):
            return None
        told = {"day": day, "client": client, "backend": backend, "model": model}
        return self._sums.setdefault(tuple(told[group] for group in self._asked.by), dict.fromkeys(FIGURES, 0.0))


def _day(text: str, word: str, today: date) -> date:
    """A date as it is; "7d" is the first of the last seven days, today among them."""
    if found := SPAN.fullmatch(text):
        return today - timedelta(days=int(found[1]) - 1)
    try:
        return date.fromisoformat(text)
    except ValueError:
        text = f'llmux: {word}: expected a number of days such as "7d", or a date such as "2026-11-01", not {text!r}.'
        raise BadRequest(text, param=word) from None


def _like(glob: str, name: str) -> bool:
    return not glob or fnmatchcase(name.lower(), glob.lower())


def _told(figures: Mapping[str, float]) -> dict[str, Any]:
    return {name: round(value, DIGITS) if name == "usd" else round(value) for name, value in figures.items()}
