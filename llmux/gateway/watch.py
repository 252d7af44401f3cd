"""A watch on a backend's answer: silence for too long ends it. One timer a stream, re-armed lazily."""

import math

from llmux.clock import Clock, Timer
from llmux.errors import BackendSlow
from llmux.transports.base import Reply


class Watch:
    """Aborts `reply` when a deadline passes while somebody waits for it.

    A read costs one look at the clock: the timer itself is moved only when it has fired too early.
    """

    __slots__ = ("_clock", "_deadline", "_idle", "_message", "_reply", "_timer")

    def __init__(self, clock: Clock, reply: Reply, deadline: float, message: str) -> None:
        """The first event must come before `deadline` (monotonic seconds); `message` says what happened if not."""
        self._clock = clock
        self._reply = reply
        self._deadline = deadline
        self._message = message
        self._idle = 0.0
        self._timer: Timer | None = None
        self._arm()

    def allow(self, idle: float) -> None:
        """The answer has begun: from now on only silence of `idle` seconds counts."""
        self._idle = idle
        self._message = f"The backend was silent for {idle:.0f} s in the middle of its answer."
        self.pause()

    def wait(self) -> None:
        """Somebody waits for the backend from now on."""
        self._deadline = self._clock.monotonic() + self._idle
        if self._timer is None:
            self._arm()

    def pause(self) -> None:
        """Nobody waits for the backend: the client is being written to, at its own pace."""
        self._deadline = math.inf

    def stop(self) -> None:
        """The watch is over. Harmless twice."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self) -> None:
        self._timer = self._clock.timer(max(0.0, self._deadline - self._clock.monotonic()), self._check)

    def _check(self) -> None:
        self._timer = None
        if self._deadline == math.inf:
            return  # the next `wait` arms again
        if self._clock.monotonic() >= self._deadline:
            self._reply.abort(BackendSlow(self._message))
        else:
            self._arm()
