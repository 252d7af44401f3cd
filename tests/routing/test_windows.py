"""Rate windows: tables, and the laws that hold for any traffic."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.responder import FOREVER, Window
from llmux.routing.windows import FROM_FIRST_REQUEST, MARGIN, Slot, belongs, slot, used, wait, wait_for

HOUR, DAY = 3_600, 86_400
NOON = 20_000 * DAY + 12 * HOUR  # Unix seconds


class Counters:
    """A store as a ledger uses it, in a dict: a counter lives until the time that its first addition gave it."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[float, float]] = {}

    def value(self, key: str, now: float) -> float:
        value, expires = self._kept.get(key, (0.0, 0.0))
        return value if expires > now else 0.0

    def add(self, key: str, delta: float, expires: float, now: float) -> float:
        first = self._kept.get(key, (0.0, 0.0))
        kept = first if first[1] > now else (0.0, expires)
        self._kept[key] = (kept[0] + delta, kept[1])
        return kept[0] + delta

    def ask(self, window: Window, now: float) -> float:
        """Send one request, if the window lets it through; else how long to wait."""
        at = slot("b", window, now)
        seconds = wait(window, now, self.value(at.previous, now), self.value(at.current, now))
        if seconds:
            return seconds
        if self.add(at.current, 1, at.expires, now) == 1 and at.starts:
            self.add(at.previous, now, at.expires, now)
        return 0.0


@pytest.mark.parametrize(
    ("window", "now", "expected"),
    [
        (Window(9, HOUR), 7_300.0, Slot("b:3600:2", "b:3600:1", 14_400.0)),
        (Window(9, HOUR), 7_200.0, Slot("b:3600:2", "b:3600:1", 14_400.0)),
        (Window(9, DAY), NOON, Slot("b:86400:20000", "b:86400:19999", 20_002.0 * DAY)),
        (Window(9, FROM_FIRST_REQUEST), 36_001.0, Slot("b:18000:2", "b:18000:1", 72_000.0)),
        (Window(9, HOUR, "calendar"), 7_300.0, Slot("b:3600:2", "", 10_800.0)),
        (Window(9, DAY, "calendar"), NOON, Slot("b:86400:20000", "", 20_001.0 * DAY)),
        (
            Window(9, FROM_FIRST_REQUEST, "calendar"),
            36_001.0,
            Slot("b:18000", "b:18000:start", 54_001.0, starts=True),
        ),
    ],
)
def test_slot(window: Window, now: float, expected: Slot) -> None:
    assert slot("b", window, now) == expected


@pytest.mark.parametrize(
    ("previous", "current", "passed", "expected"),
    [
        (0, 0, 0.0, 0.0),
        (0, 9, 0.5, 0.0),
        (10, 0, 0.0, 360.0),  # all of the last hour still counts, but one tenth is enough to let go
        (10, 0, 0.1, 0.0),
        (10, 4, 0.5, 0.0),
        (10, 5, 0.5, 360.0),
        (10, 9, 0.5, 1_800.0),  # the last one must be gone
        (0, 10, 0.5, 1_800.0 + 360.0),  # full: the next hour, and a tenth of it
        (10, 12, 0.5, 1_800.0 + 900.0),  # overfull: others counted at the same moment
    ],
)
def test_sliding(previous: float, current: float, passed: float, expected: float) -> None:
    now = 1_000 * HOUR + passed * HOUR
    assert wait(Window(10, HOUR), now, previous, current) == pytest.approx(expected, abs=2 * MARGIN)


@pytest.mark.parametrize(("spend", "expected"), [(1, 0.0), (5, 0.0), (6, 1_800.0 + 720.0), (10, 3_600.0 + 1_800.0)])
def test_more_than_one_at_once(spend: float, expected: float) -> None:
    """The more is to fit, the longer the wait, to the end of the next hour at the most."""
    now = 1_000.5 * HOUR
    assert wait_for(spend, 10, HOUR, now, 0, 5) == pytest.approx(expected, abs=2 * MARGIN)


@pytest.mark.parametrize(
    ("window", "now", "previous", "current", "expected"),
    [
        (Window(10, HOUR, "calendar"), NOON + 600, 0, 9, 0.0),
        (Window(10, HOUR, "calendar"), NOON + 600, 0, 10, 3_000.0),
        (Window(10, DAY, "calendar"), NOON, 0, 99, 12.0 * HOUR),
        (Window(10, FROM_FIRST_REQUEST, "calendar"), NOON, NOON - 3_600, 9, 0.0),
        (Window(10, FROM_FIRST_REQUEST, "calendar"), NOON, NOON - 3_600, 10, 4.0 * HOUR),
        (Window(10, FROM_FIRST_REQUEST, "calendar"), NOON, 0, 10, 5.0 * HOUR),  # nobody noted the start
        (Window(10, FROM_FIRST_REQUEST, "calendar"), NOON, NOON - DAY, 10, 0.0),  # over; the store just has not let go
    ],
)
def test_calendar(window: Window, now: float, previous: float, current: float, expected: float) -> None:
    seconds = wait(window, now, previous, current)
    assert seconds == pytest.approx(expected, abs=2 * MARGIN)
    assert (seconds > 0) is (current + 1 > window.limit)


WINDOWS = [
    Window(limit, seconds, kind)
    for limit in (1, 2, 5, 60)
    for seconds in (HOUR, FROM_FIRST_REQUEST, DAY)
    for kind in ("sliding", "calendar")
]


@pytest.mark.parametrize("window", [Window(0, w.seconds, w.kind) for w in WINDOWS if w.limit == 1])
def test_no_request_at_all_is_never(window: Window) -> None:
    assert math.isinf(wait(window, NOON, 0, 0))


# Seconds between one request and the next, as parts of the window's span.
GAPS = st.lists(st.sampled_from([0.0, 1e-7, 0.001, 0.03, 0.2, 0.5, 1.0, 1.7]), max_size=40)


@given(st.sampled_from(WINDOWS), st.floats(0, DAY), GAPS)
def test_waiting_as_long_as_we_said_is_enough(window: Window, start: float, gaps: list[float]) -> None:
    counters, now = Counters(), NOON + start
    for gap in gaps:
        now += gap * window.seconds
        if seconds := counters.ask(window, now):
            assert 0 < seconds <= 2 * window.seconds + MARGIN
            now += seconds
            assert counters.ask(window, now) == 0.0


@given(st.sampled_from(WINDOWS), st.floats(0, DAY), GAPS)
def test_no_more_than_the_limit(window: Window, start: float, gaps: list[float]) -> None:
    """In one hour or day of the calendar, in five hours from the first; sliding: in one slot of the clock."""
    counters, now = Counters(), NOON + start
    sent: dict[float, int] = {}
    began = 0.0
    for pause in itertools.chain.from_iterable((gap, 0.0, 0.0) for gap in gaps):
        now += pause * window.seconds
        if counters.ask(window, now) == 0.0:
            if slot("b", window, now).starts:
                began = began if began and now < began + window.seconds else now
                span = began
            else:
                span = now // window.seconds
            sent[span] = sent.get(span, 0) + 1
    assert max(sent.values(), default=0) <= window.limit


@given(st.integers(1, 50), st.integers(0, 50), st.integers(0, 50), st.floats(0, 1, exclude_max=True))
def test_who_may_send_now_may_send_later(limit: int, previous: int, current: int, passed: float) -> None:
    """A sliding window only opens while nobody sends; it never closes by itself."""
    now = 1_000.0 * HOUR + passed * HOUR
    seconds = wait_for(1, limit, HOUR, now, previous, current)
    later = min(now + 60, 1_001.0 * HOUR - 1)
    if seconds == 0.0 and later > now:
        assert wait_for(1, limit, HOUR, later, previous, current) == 0.0


NAMES = st.sampled_from(["backend/p:a", "backend/p:a:8b", "backend/p", "client/ann", "client/ann:start"])
EVERY_WINDOW = [
    Window(1, span, kind, unit)
    for span in (3600, FROM_FIRST_REQUEST, 86_400, 0)
    for kind in ("sliding", "calendar")
    for unit in ("requests", "tokens", "usd")
]


@given(NAMES, NAMES, st.sampled_from(EVERY_WINDOW), st.floats(1e9, 2e9))
def test_a_counter_belongs_to_whom_it_was_made_for(name: str, other: str, window: Window, now: float) -> None:
    made = slot(name, window, now)
    for counter in (made.current, made.previous):
        if counter:
            assert belongs(name, counter)
            assert not belongs(other, counter) or other == name


USED = {
    "it slides: half of the last one has faded": (Window(10, 3600), 8.0, 3.0, 7.0),
    "by the calendar": (Window(10, 3600, "calendar"), 8.0, 3.0, 3.0),
    "in all": (Window(10, FOREVER, unit="usd"), 8.0, 3.0, 3.0),
}


@pytest.mark.parametrize("case", USED)
def test_what_of_a_window_is_used(case: str) -> None:
    window, previous, current, so_far = USED[case]
    assert used(window, 1800.0, previous, current) == so_far
