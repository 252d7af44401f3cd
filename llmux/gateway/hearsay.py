"""What each backend's provider last said of its limits. It keeps an answer's headers, and reads them when asked to.

It runs on a request's path, where two words into a dictionary are all that it costs. What it knows is this process's.
"""

from collections.abc import Mapping

from llmux.clock import Clock
from llmux.ir.value import Value
from llmux.routing.told import Said, concerns, limits, retry_at

# Names of backends come from the configuration; those of earlier ones go when there are so many.
MOST = 1_024


class Heard(Value):
    """What was said, and when: Unix seconds. `retry_at` is of the last refusal."""

    at: float
    limits: tuple[Said, ...] = ()
    retry_at: float | None = None


class Hearsay:
    """By the backend's name."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._answers: dict[str, tuple[float, Mapping[str, str]]] = {}
        self._refusals: dict[str, tuple[float, Mapping[str, str]]] = {}

    def hear(self, backend: str, status: int, headers: Mapping[str, str]) -> None:
        """The head of an answer, or of a refusal."""
        kept = self._answers if status < 400 else self._refusals  # noqa: PLR2004
        kept[backend] = (self._clock.now(), headers)
        if len(kept) > MOST:
            del kept[next(iter(kept))]

    def of(self, backend: str) -> Heard | None:
        """What was said last; None where nothing ever was."""
        found = (self._read(kept[backend]) for kept in (self._answers, self._refusals) if backend in kept)
        both = sorted((heard for heard in found if heard.limits or heard.retry_at), key=lambda heard: heard.at)
        if not both:
            return None
        told = next((heard for heard in reversed(both) if heard.limits), both[-1])
        return Heard(told.at, told.limits, max((heard.retry_at for heard in both if heard.retry_at), default=None))

    @staticmethod
    def _read(kept: tuple[float, Mapping[str, str]]) -> Heard:
        at, headers = kept
        ours = [(lower, value) for name, value in headers.items() if concerns(lower := name.lower())]
        return Heard(at, limits(ours, at), retry_at(ours, at))
