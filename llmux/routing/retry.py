"""How long to wait before the same backend is asked again. Pure: chance is handed in."""

FIRST = 0.5  # s
LONGEST = 8.0  # s
DOUBLINGS = 3  # 0.5, 1, 2, 4: with its jitter the last reaches LONGEST


def backoff(attempt: int, chance: float) -> float:
    """Seconds to wait after the `attempt`-th failure in a row (from 1), between FIRST and LONGEST.

    The wait doubles with each failure and is stretched by up to as much again, so that requests which failed
    together do not come back together. `chance` is in [0, 1).
    """
    return float(FIRST * 2 ** min(attempt - 1, DOUBLINGS) * (1 + chance))
