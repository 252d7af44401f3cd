"""How long backends take to begin, in few numbers: peaks count at once, old ones fade, quantiles are near the truth."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.routing import delays
from llmux.routing.delays import ENOUGH, FADES_AFTER, GROWTH, LEAST, Average, Spread

SECONDS = st.floats(LEAST, 500)


def test_nothing_observed() -> None:
    assert Average().value(10) == 0.0
    assert Spread().quantile(0.95) is None


def test_a_peak_counts_at_once_and_short_ones_little_by_little() -> None:
    average = Average()
    average.add(1.0, 100)
    assert average.value(100) == 1.0
    average.add(3.0, 101)
    assert average.value(101) == 3.0
    average.add(1.0, 101 + FADES_AFTER)
    assert average.value(101 + FADES_AFTER) == pytest.approx(3 / math.e + 1 - 1 / math.e)


def test_it_falls_while_nobody_is_asked() -> None:
    average = Average()
    average.add(3.0, 100)
    assert average.value(100 + 3 * FADES_AFTER) == pytest.approx(3 / math.e**3)


@given(st.lists(st.tuples(SECONDS, st.floats(0, 100)), min_size=1))
def test_it_lies_between_the_extremes(observed: list[tuple[float, float]]) -> None:
    average, now = Average(), 0.0
    for seconds, later in observed:
        now += later
        average.add(seconds, now)
    assert observed[-1][0] <= average.value(now) * (1 + 1e-9)
    assert average.value(now) <= max(seconds for seconds, _ in observed) * (1 + 1e-9)


@given(st.lists(SECONDS, min_size=ENOUGH, max_size=60), st.sampled_from([0.5, 0.95, 1.0]))
def test_so_many_take_no_longer(observed: list[float], share: float) -> None:
    spread = Spread()
    for seconds in sorted(observed):  # the longest are the newest: they count most
        spread.add(seconds)
    found = spread.quantile(share)
    assert found is not None
    assert sum(seconds <= found * (1 + 1e-9) for seconds in observed) >= share * len(observed) - 1
    assert found <= max(observed) * GROWTH * (1 + 1e-9)


def test_old_ones_fade() -> None:
    spread = Spread()
    for _ in range(100):
        spread.add(9.0)
    for _ in range(400):
        spread.add(0.1)
    assert spread.quantile(0.95) == pytest.approx(0.1, rel=GROWTH - 1)


def test_weights_that_grow_for_ever_stay_small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delays, "LARGEST", 2.0)
    spread = Spread()
    for seconds in (0.1, 0.1, 0.1, 9.0) * 100:
        spread.add(seconds)
    assert spread.quantile(0.5) == pytest.approx(0.1, rel=GROWTH - 1)
    assert spread.quantile(1.0) == pytest.approx(9.0, rel=GROWTH - 1)


@pytest.mark.parametrize("seconds", [0.0, LEAST, 1e6])
def test_what_is_beyond_every_class_is_in_the_outermost(seconds: float) -> None:
    spread = Spread()
    for _ in range(ENOUGH):
        spread.add(seconds)
    assert spread.quantile(0.5) in {LEAST, LEAST * GROWTH**79}
