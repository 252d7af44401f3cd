"""How long a backend rests: the table of errors, and what a row of failures becomes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux import errors
from llmux.errors import (
    BackendCut,
    BackendError,
    BackendFailed,
    BackendGarbled,
    BackendModelNotFound,
    BackendSlow,
    BackendUnreachable,
    GatewayError,
    KeyRefused,
    OurLimit,
    Overloaded,
    QuotaUsedUp,
    RateLimited,
)
from llmux.routing.cooldown import Rest, after_failure, after_success, scope

NOW = 1_750_000_000.0

# error -> the rests that a row of such failures brings, in seconds
ROWS: dict[str, tuple[GatewayError, list[float]]] = {
    "cannot connect": (BackendUnreachable("x"), [5, 10, 20, 40, 80, 160, 300, 300]),
    "slow": (BackendSlow("x"), [10, 20, 40, 80, 160, 300, 300]),
    "cut": (BackendCut("x"), [10, 20, 40, 80, 160, 300, 300]),
    "garbled": (BackendGarbled("x"), [10, 20, 40, 80, 160, 300, 300]),
    "500": (BackendFailed("x"), [0, 10, 20, 40, 80, 160, 300, 300]),
    "529": (Overloaded("x"), [0, 10, 20]),
    "529 that names a time": (Overloaded("x", retry_after=90), [0, 10, 20]),
    "some failure": (BackendError("x"), [0, 10, 20]),
    "429": (RateLimited("x"), [5, 10, 20, 40, 80, 160, 320, 640, 1_280, 1_800, 1_800]),
    "429 that names a time": (RateLimited("x", retry_after=17.5), [17.5, 17.5]),
    "429 that names a long time": (RateLimited("x", retry_after=86_400), [86_400]),
    "429 that names no time at all": (RateLimited("x", retry_after=0), [5, 10]),
    "quota": (QuotaUsedUp("x"), [1_800, 1_800]),
    "quota that names a time": (QuotaUsedUp("x", retry_after=7_200), [7_200]),
    "our key": (KeyRefused("x"), [600, 600]),
    "no such model there": (BackendModelNotFound("x"), [600, 600]),
}


@pytest.mark.parametrize(("error", "expected"), ROWS.values(), ids=ROWS)
def test_failures_in_a_row(error: GatewayError, expected: list[float]) -> None:
    rest, now, rests = None, NOW, []
    for _ in expected:
        rest = after_failure(rest, error, now)
        assert rest is not None
        rests.append(rest.until - now)
        now = rest.until
    assert rests == pytest.approx(expected)


LIMITED = {RateLimited, QuotaUsedUp}
SCOPES = {type(sample): "backend" for sample, _ in ROWS.values()} | {BackendModelNotFound: "model"}


def _every(kind: type[GatewayError]) -> list[type[GatewayError]]:
    return [kind, *(deeper for child in kind.__subclasses__() for deeper in _every(child))]


@pytest.mark.parametrize("kind", [kind for kind in _every(GatewayError) if kind.__module__ == errors.__name__])
def test_every_error_rests_what_the_table_says_and_nothing_else(kind: type[GatewayError]) -> None:
    error, before = kind("x"), Rest(NOW - 1, "server", limited=False, probe_from=NOW - 1, failures=3)
    assert scope(error) == SCOPES.get(kind)
    if kind in SCOPES:
        rest = after_failure(before, error, NOW)
        assert rest is not None
        assert (rest.cause, rest.limited, rest.failures) == (kind.kind, kind in LIMITED, 4)
    else:
        assert after_failure(None, error, NOW) is None
        assert after_failure(before, error, NOW) is before


def test_a_limit_of_ours_rests_nobody() -> None:
    """It is a RateLimited, but no backend was asked."""
    assert after_failure(None, OurLimit("x", retry_after=60), NOW) is None


@pytest.mark.parametrize(
    ("error", "probe_after"),
    [(BackendSlow("x"), 5), (RateLimited("x"), 2.5), (QuotaUsedUp("x"), 900), (RateLimited("x", retry_after=40), 40)],
)
def test_a_probe_may_go_from_half_time_unless_the_provider_named_it(error: GatewayError, probe_after: float) -> None:
    rest = after_failure(None, error, NOW)
    assert rest is not None
    assert rest.probe_from - NOW == pytest.approx(probe_after)


def test_those_that_were_under_way_fail_together() -> None:
    """Ten requests at once that meet a 429 are one failure, not ten."""
    rest = None
    for late in range(10):
        rest = after_failure(rest, RateLimited("x"), NOW + late / 10)
    assert rest is not None
    assert rest.failures == 1
    assert rest.until == pytest.approx(NOW + 5.9)


def test_a_straggler_may_prolong_a_rest_but_not_shorten_it() -> None:
    first = after_failure(None, KeyRefused("x"), NOW)
    assert after_failure(first, BackendSlow("x"), NOW + 1) == first
    longer = after_failure(first, RateLimited("x", retry_after=3_600), NOW + 1)
    assert longer == Rest(NOW + 3_601, "rate_limit", limited=True, probe_from=NOW + 3_601, failures=1)


def test_a_probe_that_fails_rests_it_longer() -> None:
    first = after_failure(None, BackendSlow("x"), NOW)
    assert after_failure(first, BackendSlow("x"), NOW + 6) == Rest(
        NOW + 26, "timeout", limited=False, probe_from=NOW + 16, failures=2
    )


def test_failures_of_any_kind_are_in_a_row() -> None:
    first = after_failure(None, BackendSlow("x"), NOW)
    second = after_failure(first, BackendFailed("x"), NOW + 100)
    assert second is not None
    assert second.until == pytest.approx(NOW + 110)
    assert second.failures == 2


def test_success() -> None:
    rest = Rest(NOW + 10, "timeout", limited=False, probe_from=NOW + 5, failures=4)
    assert after_success(None) is None
    assert after_success(rest) is None
    assert after_success(rest, NOW + 5) is None  # a probe
    assert after_success(rest, NOW + 4) is rest  # asked before the rest began: it proves nothing


ANY = st.sampled_from([sample for sample, _ in ROWS.values()])


@given(st.lists(st.tuples(ANY, st.floats(0, 10_000))))
def test_no_rest_is_longer_than_half_an_hour_unless_named(failures: list[tuple[GatewayError, float]]) -> None:
    rest, now = None, NOW
    for error, later in failures:
        now += later
        rest = after_failure(rest, error, now)
        assert rest is not None
        named = [error.retry_after or 0 for error, _ in failures]
        assert now <= rest.until <= now + max(1_800.0, *named) + 1e-6
        assert rest.probe_from <= rest.until
