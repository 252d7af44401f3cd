"""Numbers over time: a bucket for every so many seconds, as many as are kept. Pure: it is told what time it is.

Times to the first token are counted in a histogram of fixed steps, so that those of several workers can be added up. A
percentile read from it is off by at most a tenth.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import msgspec

STEPS = 4  # of the histogram, to a doubling
SHORTEST_S = 0.001  # what is shorter is counted with it
MOST_STEPS = 80  # 1 ms * 2 ** (80 / 4): past every deadline


class Bucket(msgspec.Struct):
    """What happened in one span. `first` is the histogram: step -> requests whose first token came within it."""

    requests: int = 0
    errors: int = 0
    input: int = 0  # tokens
    output: int = 0
    usd: float = 0.0
    first: dict[int, int] = {}


NOTHING = Bucket()


class Span(NamedTuple):
    """How long a bucket is, in seconds, and how many of them are kept."""

    seconds: int
    keep: int

    def start(self, now: float) -> int:
        """When the bucket of this moment begins."""
        return int(now) // self.seconds * self.seconds


FINE = Span(60, 61)  # the last hour
COARSE = Span(900, 97)  # the last day

Buckets = dict[int, Bucket]  # by their start, Unix seconds


class Series:
    """The last hour by the minute, and the last day by the quarter of an hour.

    What happens is counted once, in this minute's bucket; it joins the others when the minute is over.
    """

    def __init__(self) -> None:
        self._from, self._until = 0.0, 0.0
        self._now = Bucket()
        self._over: dict[Span, Buckets] = {FINE: {}, COARSE: {}}

    def at(self, now: float) -> Bucket:
        """The bucket of this moment, to count in."""
        if not self._from <= now < self._until:
            self._over = {span: self.buckets(span) for span in self._over}
            self._from, self._now = FINE.start(now), Bucket()
            self._until = self._from + FINE.seconds
        return self._now

    def buckets(self, span: Span) -> Buckets:
        """What has been counted until now."""
        start, over = span.start(self._from), self._over[span]
        if not self._until:
            return over
        oldest = start - span.keep * span.seconds
        kept = {at: bucket for at, bucket in over.items() if at > oldest}
        return kept | {start: added([kept.get(start, NOTHING), self._now])}


def step(seconds: float) -> int:
    """Where a time stands in the histogram: at or below SHORTEST_S * 2 ** (step / STEPS)."""
    if seconds <= SHORTEST_S:
        return 0
    return min(math.ceil(math.log2(seconds / SHORTEST_S) * STEPS), MOST_STEPS)


def percentile(first: Mapping[int, int], share: float) -> float | None:
    """The time below which `share` of the counted ones lie, in seconds: the middle of its step. None: none came."""
    left = sum(first.values()) * share
    for at, count in sorted(first.items()):
        left -= count
        if left <= 0:
            return SHORTEST_S * 2 ** ((at - 0.5) / STEPS)
    return None


def added(buckets: Iterable[Bucket]) -> Bucket:
    """One bucket for several workers'."""
    total = Bucket()
    for bucket in buckets:
        total.requests += bucket.requests
        total.errors += bucket.errors
        total.input += bucket.input
        total.output += bucket.output
        total.usd += bucket.usd
        for at, count in bucket.first.items():
            total.first[at] = total.first.get(at, 0) + count
    return total


def merged(series: Iterable[Mapping[int, Bucket]], span: Span, now: float) -> Buckets:
    """The buckets of several workers as one's, of the time that is kept."""
    several, oldest = list(series), now - span.seconds * span.keep
    starts = sorted({start for one in several for start in one if start > oldest})
    return {start: added(one[start] for one in several if start in one) for start in starts}


def told(bucket: Bucket) -> dict[str, Any]:
    """A bucket for people: percentiles (s) in place of the histogram."""
    return {
        "requests": bucket.requests,
        "errors": bucket.errors,
        "input": bucket.input,
        "output": bucket.output,
        "usd": round(bucket.usd, 6),
        "p50_s": _rounded(percentile(bucket.first, 0.5)),
        "p95_s": _rounded(percentile(bucket.first, 0.95)),
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else float(f"{seconds:.3g}")
