"""Stand-ins that every room's tests share: a clock that is set by hand."""

import asyncio
import heapq
import itertools
from collections.abc import Callable


class FakeTimer:
    """A call that a FakeClock will make."""

    def __init__(self, callback: Callable[[], None]) -> None:
        self.callback = callback
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeClock:
    """Time that passes only when `advance` says so; it starts at `start` (Unix seconds), monotonic at 0.

    Timers fire in the order in which they are due, each at its own moment, so a timer that starts another one within
    the same `advance` is heard too.
    """

    def __init__(self, start: float = 1_750_000_000.0) -> None:
        self.start = start
        self._elapsed = 0.0
        self._timers: list[tuple[float, int, FakeTimer]] = []
        self._order = itertools.count()

    def now(self) -> float:
        return self.start + self._elapsed

    def monotonic(self) -> float:
        return self._elapsed

    async def sleep(self, seconds: float) -> None:
        woken = asyncio.get_running_loop().create_future()
        timer = self.timer(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def timer(self, seconds: float, callback: Callable[[], None]) -> FakeTimer:
        timer = FakeTimer(callback)
        heapq.heappush(self._timers, (self._elapsed + seconds, next(self._order), timer))
        return timer

    @property
    def pending(self) -> list[float]:
        """Seconds until each timer that is still to fire, the next one first."""
        return [due - self._elapsed for due, _, timer in sorted(self._timers) if not timer.cancelled]

    def advance(self, seconds: float) -> None:
        """Let time pass and fire what becomes due. Tasks that slept run when the test next awaits."""
        end = self._elapsed + seconds
        while self._timers and self._timers[0][0] <= end:
            due, _, timer = heapq.heappop(self._timers)
            self._elapsed = max(self._elapsed, due)
            if not timer.cancelled:
                timer.callback()
        self._elapsed = end

    async def pass_time(self, seconds: float) -> None:
        """`advance`, with every task given the time to reach its next wait, before and after."""
        await settle()
        self.advance(seconds)
        await settle()


async def settle(turns: int = 20) -> None:
    """Let every task that can run go on until it waits."""
    for _ in range(turns):
        await asyncio.sleep(0)
