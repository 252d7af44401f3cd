"""Buckets by time, percentiles from a histogram, and several workers' numbers as one's."""

from hypothesis import given
from hypothesis import strategies as st

from llmux.admin.series import COARSE, FINE, Bucket, Series, added, merged, percentile, step, told

SECONDS = st.floats(0.0011, 900)


def test_a_bucket_is_of_its_span_and_old_ones_go() -> None:
    series, day = Series(), 86_400
    assert series.buckets(FINE) == {}
    for now in (day, day + 59.9, day + 60, day + 890, day + 900, day + 130, day + 890):
        series.at(now).requests += 1
    counted = {at - day: bucket.requests for at, bucket in series.buckets(FINE).items()}
    assert counted == {0: 2, 60: 1, 120: 1, 840: 2, 900: 1}
    assert {at - day: bucket.requests for at, bucket in series.buckets(COARSE).items()} == {0: 6, 900: 1}
    series.at(2 * day + 3600).requests += 1
    assert [bucket.requests for bucket in series.buckets(FINE).values()] == [1]
    assert [bucket.requests for bucket in series.buckets(COARSE).values()] == [1]


@given(SECONDS)
def test_a_percentile_is_off_by_a_tenth_at_most(seconds: float) -> None:
    found = percentile({step(seconds): 1}, 0.5)
    assert found is not None
    assert abs(found - seconds) <= seconds * 0.1


@given(st.lists(SECONDS, min_size=1), st.sampled_from([0.5, 0.95]))
def test_a_percentile_has_its_share_below_it(times: list[float], share: float) -> None:
    first: dict[int, int] = {}
    for seconds in times:
        first[step(seconds)] = first.get(step(seconds), 0) + 1
    found = percentile(first, share) or 0
    assert sum(seconds <= found * 1.1 for seconds in times) >= share * len(times)


def test_the_ends_of_the_histogram() -> None:
    assert [step(seconds) for seconds in (0, 0.001, 10**9)] == [0, 0, 80]
    assert percentile({}, 0.5) is None
    assert told(Bucket())["p95_s"] is None


def test_workers_add_up() -> None:
    one = {0: Bucket(9), 60: Bucket(1, 1, 10, 5, 0.1, {3: 1}), 120: Bucket(2)}
    other = {60: Bucket(2, 0, 1, 1, 0.2, {3: 2, 5: 1})}
    total = merged([one, other], FINE, now=60 * 61)
    assert list(total) == [60, 120]
    assert total[60] == Bucket(3, 1, 11, 6, 0.1 + 0.2, {3: 3, 5: 1})
    assert one[60].first == {3: 1}, "adding up changes nobody's numbers"
    assert added([]) == Bucket()
