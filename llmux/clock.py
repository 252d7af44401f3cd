"""The only source of time. Whoever needs time is handed a Clock; the tests bring their own."""

import asyncio
import time
from collections.abc import Callable
from typing import Protocol


class Timer(Protocol):
    """A call that will happen unless it is cancelled."""

    def cancel(self) -> None:
        """Make sure that it does not happen. Harmless when it has."""


class Clock(Protocol):
    """What time it is, and how to wait."""

    def now(self) -> float:
        """Unix time in seconds: for what outlives the process."""

    def monotonic(self) -> float:
        """Seconds since some moment, never backwards: for durations."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""

    def timer(self, seconds: float, callback: Callable[[], None]) -> Timer:
        """Call `callback` once, `seconds` from now."""


class SystemClock:
    """The machine's time and the running event loop's timers."""

    def now(self) -> float:
        return time.time()

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    def timer(self, seconds: float, callback: Callable[[], None]) -> Timer:
        return asyncio.get_running_loop().call_later(seconds, callback)
