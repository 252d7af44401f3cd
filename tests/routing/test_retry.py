"""How long to wait before the same backend is asked again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.routing.retry import FIRST, LONGEST, backoff


@pytest.mark.parametrize(
    ("attempt", "least", "most"), [(1, 0.5, 1.0), (2, 1.0, 2.0), (3, 2.0, 4.0), (4, 4.0, 8.0), (5, 4.0, 8.0)]
)
def test_it_doubles_and_is_stretched_by_chance(attempt: int, least: float, most: float) -> None:
    assert backoff(attempt, 0.0) == least
    assert backoff(attempt, 0.5) == (least + most) / 2
    assert backoff(attempt, 0.999_999) == pytest.approx(most)


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_it_stays_within_its_bounds(attempt: int, chance: float) -> None:
    assert FIRST <= backoff(attempt, chance) <= LONGEST
