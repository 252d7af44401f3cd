"""How long a backend takes to begin its answers, in few numbers: an average, and how they spread. Pure machines.

Times are seconds; `now` is on any clock that only goes forward.
"""

import math
from bisect import bisect_left
from itertools import accumulate

# For how long an observation counts in an average, about. Answers come every few seconds where the average matters.
FADES_AFTER = 60.0

# Classes of durations: from LEAST on each is a seventh longer than the one before, up to some 700 s. A quantile is told
# as the end of its class, so that it is at most so much too long.
LEAST, GROWTH, CLASSES = 0.01, 1.15, 80
# What an observation counts once there is another one: those of a hundred answers ago count a third.
KEPT = 0.99
# Observations before the spread of them says anything.
ENOUGH = 20
# Weights grow instead of fading; beyond this all of them are scaled down.
LARGEST = 1e12


class Average:
    """Peak-sensitive: a long wait counts at once and whole, short ones little by little.

    It falls while nothing is observed, so that who was slow is tried again.
    As in https://github.com/twitter/finagle: PeakEwma.
    """

    def __init__(self) -> None:
        self._value, self._at = 0.0, 0.0

    def add(self, seconds: float, now: float) -> None:
        """One answer began after so long."""
        left = math.exp((self._at - now) / FADES_AFTER) if self._value else 0.0
        self._value, self._at = max(seconds, self._value * left + seconds * (1 - left)), now

    def value(self, now: float) -> float:
        """The average; 0.0: nothing was ever observed."""
        return self._value * math.exp((self._at - now) / FADES_AFTER)


class Spread:
    """A histogram whose observations fade as others come."""

    def __init__(self) -> None:
        self._counts = [0.0] * CLASSES
        self._weight = 1.0
        self._observed = 0

    def add(self, seconds: float) -> None:
        """One more."""
        self._counts[_class(seconds)] += self._weight
        self._weight /= KEPT
        self._observed += 1
        if self._weight > LARGEST:
            self._counts = [count / self._weight for count in self._counts]
            self._weight = 1.0

    def quantile(self, share: float) -> float | None:
        """How long `share` of them (0 to 1) take at the most; None before there are ENOUGH."""
        if self._observed < ENOUGH:
            return None
        *up_to, total = accumulate(self._counts)
        return LEAST * GROWTH ** bisect_left(up_to, share * total)


def _class(seconds: float) -> int:
    if seconds <= LEAST:
        return 0
    return min(math.ceil(math.log(seconds / LEAST) / math.log(GROWTH)), CLASSES - 1)
