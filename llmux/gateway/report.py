"""What was used, summed up as somebody asks: a question's words and the store's counters -> rows and their total. Pure.

A counter is `usage/DAY/["client","backend","model"]/FIGURE`; a day is one of UTC, written 2026-11-26.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from fnmatch import fnmatchcase
from itertools import takewhile
from typing import Any

import msgspec

from llmux.errors import BadRequest
from llmux.ir.value import Value

PREFIX = "usage/"
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
    """What is asked. Days are the first and the last that count; `client` and `model` are globs, "": any.

    `own` is the one client that is told of, and to whom: its name to the letter.
    """

    since: str
    until: str
    by: tuple[str, ...] = ("model",)
    client: str = ""
    model: str = ""
    own: str | None = None

    @property
    def prefix(self) -> str:
        """How the keys of all counters begin that may matter."""
        same = takewhile(lambda pair: pair[0] == pair[1], zip(self.since, self.until, strict=True))
        return PREFIX + "".join(first for first, _ in same)

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
    return Question(since, until, by, words.get("client", ""), words.get("model", ""), own)


def counter(key: Key, figure: str) -> str:
    """Under which name the store counts a figure."""
    return f"{PREFIX}{key[0]}/{msgspec.json.encode(key[1:]).decode()}/{figure}"


def answer(asked: Question, counters: Mapping[str, float]) -> dict[str, Any]:
    """The rows and their total, as a JSON object. `counters` may hold more than what is asked for."""
    sums: dict[tuple[str, ...], dict[str, float]] = {}
    for name, value in counters.items():
        read = _read(name)
        if read is not None and asked.concerns(read[0]):
            key, figure = read
            told = dict(zip(("day", "client", "backend", "model"), key, strict=True))
            row = sums.setdefault(tuple(told[group] for group in asked.by), dict.fromkeys(FIGURES, 0.0))
            row[figure] += value
    rows = [dict(zip(asked.by, key, strict=True)) | _told(row) for key, row in sums.items()]
    rows.sort(key=lambda row: (row.get("day", ""), -row["usd"], -row["requests"], *map(row.get, asked.by)))
    total = {figure: sum(row[figure] for row in sums.values()) for figure in FIGURES}
    return {"since": asked.since, "until": asked.until, "by": list(asked.by), "rows": rows, "total": _told(total)}


def _day(text: str, word: str, today: date) -> str:
    """A date as it is; "7d" is the first of the last seven days, today among them."""
    if found := SPAN.fullmatch(text):
        return (today - timedelta(days=int(found[1]) - 1)).isoformat()
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        text = f'llmux: {word}: expected a number of days such as "7d", or a date such as "2026-11-01", not {text!r}.'
        raise BadRequest(text, param=word) from None


def _read(name: str) -> tuple[Key, str] | None:
    """A counter's key and figure; None: another version of llmux counts it."""
    day, _, rest = name.removeprefix(PREFIX).partition("/")
    words, _, figure = rest.rpartition("/")
    try:
        client, backend, model = msgspec.json.decode(words, type=tuple[str, str, str])
    except msgspec.MsgspecError:
        return None
    return ((day, client, backend, model), figure) if figure in FIGURES else None


def _like(glob: str, name: str) -> bool:
    return not glob or fnmatchcase(name.lower(), glob.lower())


def _told(figures: Mapping[str, float]) -> dict[str, Any]:
    return {name: round(value, DIGITS) if name == "usd" else round(value) for name, value in figures.items()}
