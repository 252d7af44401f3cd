"""What a provider says of its own limits, in the headers of its answers. Pure; it raises nothing, whatever they hold.

- x-ratelimit-limit-requests, -remaining-, -reset-, likewise for tokens: OpenAI, Groq, xAI, Fireworks; with a span at
  the end: Cerebras (-requests-day), Mistral (-req-minute). https://platform.openai.com/docs/guides/rate-limits
- anthropic-ratelimit-requests-limit, -remaining, -reset, for tokens, input-tokens and output-tokens too; of
  subscriptions -unified-5h-utilization. https://platform.claude.com/docs/en/api/rate-limits
- x-ratelimit-limit, ratelimit-limit and the like of servers that count one thing, which is requests.

A reset is a date, a span ("6m0s", "20ms", "1.5"), or Unix time, in seconds or milliseconds.
"""

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from llmux.ir.value import Value

MARK = "ratelimit"  # in the name of every such header
RETRY = "retry-after"
FIELDS = frozenset({"limit", "remaining", "reset", "utilization"})
MOST = 24  # limits of one answer, and characters of a name
LONGEST = 60
NUMBER = re.compile(r"\s*(\d{1,15}(?:\.\d{1,9})?)", re.ASCII)
AMOUNT = re.compile(r"(\d{1,12}(?:\.\d{1,9})?)\s*(ms|s|m|h|d)", re.ASCII)
SPAN = re.compile(rf"(?:{AMOUNT.pattern}\s*)+", re.ASCII)
UNITS: Mapping[str, float] = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
SINCE_1970_S, SINCE_1970_MS = 1e9, 1e12  # a bare number from here on is a moment, not a span


class Said(Value):
    """One limit. `what` is counted, in the provider's own word; times are Unix seconds; None: not told.

    `used` is a share, 0 to 1, where the provider tells that and no numbers.
    """

    what: str
    limit: float | None = None
    remaining: float | None = None
    resets_at: float | None = None
    used: float | None = None


def concerns(name: str) -> bool:
    """Whether a header of this name, in lower case, may say something of limits."""
    return MARK in name or name == RETRY


def limits(headers: Iterable[tuple[str, str]], heard: float) -> tuple[Said, ...]:
    """The limits that `headers`, names in lower case, tell of an answer heard at this Unix time, by their names."""
    told: dict[str, dict[str, float | None]] = {}
    for name, value in headers:
        what, field = _read(name)
        read = _moment(value, heard) if field == "reset" else _number(value)
        if field and read is not None and (what in told or len(told) < MOST):
            told.setdefault(what, {})[field] = read
    return tuple(
        Said(what, of.get("limit"), of.get("remaining"), of.get("reset"), of.get("utilization"))
        for what, of in sorted(told.items())
    )


def retry_at(headers: Iterable[tuple[str, str]], heard: float) -> float | None:
    """The Unix time at which to come back, where that is told."""
    found = [_moment(value, heard) for name, value in headers if name == RETRY]
    return next((moment for moment in found if moment is not None), None)


def _read(name: str) -> tuple[str, str]:
    """What a header's name says: what is counted, and which field of it; ("", "") when it is none of ours."""
    _, mark, rest = name.partition(MARK)
    words = rest.strip("-").split("-")
    field = next((word for word in words if word in FIELDS), "")
    if not mark or not field:
        return "", ""
    words.remove(field)
    return "_".join(words)[:LONGEST] or "requests", field


def _number(text: str) -> float | None:
    """The number that `text` begins with: some add a policy behind a comma."""
    found = NUMBER.match(text.replace(",", "") if re.fullmatch(r"[\d,]+", text, re.ASCII) else text)
    return float(found[1]) if found else None


def _moment(text: str, heard: float) -> float | None:
    text = text.strip()
    if SPAN.fullmatch(text):
        return heard + sum(float(amount) * UNITS[unit] for amount, unit in AMOUNT.findall(text))
    if found := NUMBER.fullmatch(text):
        number = float(found[1])
        if number >= SINCE_1970_MS:
            return number / 1000
        return number if number >= SINCE_1970_S else heard + number
    return _date(text)


def _date(text: str) -> float | None:
    """The Unix time of an RFC 3339 or an HTTP date."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            moment = read(text)
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (
            ValueError,
            OverflowError,
            IndexError,
            TypeError,
        ):  # what the second raises for odd texts is not settled
            continue
    return None
