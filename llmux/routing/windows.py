"""Rate windows: may so much more be spent now, and if not, when. Arithmetic over two counters; pure.

A store does no more than add to counters. `slot` names the counters that a window has just now, and `wait` says from
what they hold how long to wait. Times are Unix seconds, spans are seconds.

- sliding: the count of the last span, estimated from this slot of the clock and the fading part of the one before.
- calendar: the count since the hour or the day began, in UTC.
- calendar, five hours: the count since the first request, which opens a span of its own. Its counter has no time in its
  name; it lives for one span from its first addition. A second counter keeps when that was.
- without a span: the count of all time. Its counter outlives whatever else is kept.
"""

import math
import re

from llmux.ir.value import Value
from llmux.responder import FOREVER, Window

FROM_FIRST_REQUEST = 18_000  # s; the calendar has no five hours
ALL_TIME = 10 * 365 * 86_400.0  # s; for which the counter of a window without a span lives

# Added to every wait, s: a Unix time in a float is true to 2e-7 s, and who waits must not come back too early.
MARGIN = 0.001


# What `slot` writes behind the name.
COUNTER = re.compile(r"(:(tokens|usd))?:\d+(:(\d+|start))?", re.ASCII)


class Slot(Value):
    """The counters that one window has at one moment.

    What is spent is added to `current`; `previous` is what `wait` must know beside it ("": nothing). Counters made now
    live until `expires`. Where `starts` is true, `previous` keeps the time of the first request: whoever finds that its
    own addition is all that `current` holds, while `previous` holds nothing, adds `now` to `previous`.
    """

    current: str
    previous: str
    expires: float
    starts: bool = False


def slot(prefix: str, window: Window, now: float) -> Slot:
    """The counters of `window` for what `prefix` names."""
    span, unit = window.seconds, "" if window.unit == "requests" else f":{window.unit}"
    key = f"{prefix}{unit}:{span}"
    if span == FOREVER:
        return Slot(key, "", now + ALL_TIME)
    index = int(now // span)
    if window.kind == "sliding":
        return Slot(f"{key}:{index}", f"{key}:{index - 1}", (index + 2.0) * span)
    if span == FROM_FIRST_REQUEST:
        return Slot(key, f"{key}:start", now + span, starts=True)
    return Slot(f"{key}:{index}", "", (index + 1.0) * span)


def belongs(prefix: str, counter: str) -> bool:
    """Whether `counter` is one that a window of what `prefix` names has, or had.

    A name that ends as a counter does (":tokens", ":3600") is taken for one of the name before that.
    """
    return counter.startswith(prefix) and COUNTER.fullmatch(counter, len(prefix)) is not None


def wait(window: Window, now: float, previous: float, current_before: float, spend: float = 1.0) -> float:
    """Seconds until `spend` more fits into `window`; 0.0 is now.

    `previous` is what the counter `Slot.previous` holds, `current_before` what `Slot.current` held before this was
    added. Waiting so long is enough if nobody else comes; it is infinite when so much is never allowed.
    """
    span = window.seconds
    if span != FOREVER and window.kind == "sliding":
        return wait_for(spend, window.limit, span, now, previous, current_before)
    if current_before + spend <= window.limit:
        return 0.0
    if window.limit < spend or span == FOREVER:
        return math.inf
    if span == FROM_FIRST_REQUEST:
        started = previous or now  # a start that nobody could note is taken to be as late as can be
        return max(started + span - now, 0.0) + MARGIN
    return span - now % span + MARGIN


def used(window: Window, now: float, previous: float, current: float) -> float:
    """What of `window` is used, where its counters hold `previous` and `current`: an estimate where it slides."""
    if window.seconds == FOREVER or window.kind != "sliding":
        return current
    return current + previous * (1 - now % window.seconds / window.seconds)


def wait_for(spend: float, limit: float, span: float, now: float, previous: float, current: float) -> float:
    """Seconds until `spend` fits under `limit` per sliding `span`; 0.0 is now, infinite is never.

    `previous` and `current` are what the last slot of the clock and this one have counted. The last one fades as this
    one fills; when this slot is over, it is the one that fades.
    """
    if spend > limit:
        return math.inf
    passed = now % span / span
    room = limit - current - spend
    if previous * (1 - passed) <= room:
        return 0.0
    if room >= 0:
        return span * (1 - room / previous - passed) + MARGIN
    return span * (1 - passed) + span * max(1 - (limit - spend) / current, 0.0) + MARGIN
