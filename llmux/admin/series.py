"""Numbers over time: a bucket for every so many seconds, as many as are kept. Pure: it is told what time it is.

Times to the first token are counted in a histogram of fixed steps, so that those of several workers can be added up. A
percentile read from it is off by at most a tenth.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

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


class Series:
    """Buckets of `span` seconds by their start (Unix seconds), the newest `keep` of them."""

    def __init__(self, span: int, keep: int) -> None:
        self.span, self._keep = span, keep
        self._start = -1
        self._bucket = Bucket()
        self.buckets: dict[int, Bucket] = {}

    def at(self, now: float) -> Bucket:
        """The bucket of this moment."""
        start = int(now) // self.span * self.span
        if start != self._start:
            self._start = start
            oldest = start - self._keep * self.span
            self.buckets = {kept: bucket for kept, bucket in self.buckets.items() if kept > oldest}
            self._bucket = self.buckets.setdefault(start, Bucket())
        return self._bucket


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


def merged(series: Iterable[Mapping[int, Bucket]], since: float) -> dict[int, Bucket]:
    """The series of several workers as one, of the buckets that began after `since`."""
    several = list(series)
    starts = sorted({start for one in several for start in one if start > since})
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
