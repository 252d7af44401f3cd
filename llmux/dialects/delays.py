"""When to come back: a backend's headers and sentences -> seconds. It reads no clock.

Reference: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
"""

import re
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime

UNITS_S: Mapping[str, float] = {"ms": 0.001, "milli": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "": 1}
NUMBER = r"\d+(?:\.\d+)?"
AMOUNTS = re.compile(rf"({NUMBER})\s*(ms|milli|s|m|h|d|)")
# One bare number of seconds, or numbers with units: there is one way only to read a text, so it is quickly read.
DURATION = rf"(?:{NUMBER}\s*(?:ms|milli|s|m|h|d)[a-z]*\s*)+|{NUMBER}"
WORDING = re.compile(rf"(?:try again|retry)(?: after| in)\s+({DURATION})")
EXHAUSTED = re.compile(r"(.*)remaining(.*)")


def retry_after(headers: Mapping[str, str], message: str = "") -> float | None:
    """Seconds until a retry may help, from the headers or else the message; None when nobody says so.

    A date is read against the answer's own `date`, so no clock is needed.
    """
    for name, unit in (("retry-after-ms", "ms"), ("retry-after", "")):
        value = headers.get(name, "").strip().lower()
        if (wait := _duration(value if unit == "" else value + unit)) is not None:
            return wait
    if (wait := _until(headers.get("retry-after", ""), headers)) is not None:
        return wait
    if found := WORDING.search(message.lower()):
        return _duration(found[1].strip())
    return _reset(headers)


def _duration(text: str) -> float | None:
    """Seconds of `1.5`, `20ms`, `6m0s`, `2 minutes`."""
    if not re.fullmatch(DURATION, text):
        return None
    return sum(float(number) * UNITS_S[unit] for number, unit in AMOUNTS.findall(text))


def _until(moment: str, headers: Mapping[str, str]) -> float | None:
    """Seconds from the answer's `date` to `moment`, an HTTP or an RFC 3339 date."""
    then, now = _date(moment), _date(headers.get("date", ""))
    return max(0.0, (then - now).total_seconds()) if then and now else None


def _date(text: str) -> datetime | None:
    for parse in (parsedate_to_datetime, datetime.fromisoformat):
        try:
            moment = parse(text)
        except ValueError:
            continue
        return moment if moment.tzinfo else None
    return None


def _reset(headers: Mapping[str, str]) -> float | None:
    """From the reset headers of the limits that are used up: x-ratelimit-* (OpenAI), anthropic-ratelimit-* (Claude)."""
    waits: list[float] = []
    for name, left in headers.items():
        if left.strip() == "0" and "ratelimit" in name and (match := EXHAUSTED.fullmatch(name)):
            reset = headers.get(f"{match[1]}reset{match[2]}", "").strip()
            wait = _duration(reset.lower())
            waits += [known for known in (wait if wait is not None else _until(reset, headers),) if known is not None]
    return max(waits, default=None)
