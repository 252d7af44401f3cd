"""Which backends rest after failures, and until when: by `routing.cooldown`'s rules, shared through the store."""

from collections.abc import Collection, Iterator

from llmux.clock import Clock
from llmux.errors import GatewayError
from llmux.gateway.books import Books, Mirror
from llmux.routing import cooldown
from llmux.routing.cooldown import Rest
from llmux.telemetry import CooldownEnded, CooldownStarted, Listener

# Seconds for which failures are remembered after their rest: one that fails again within this rests for longer.
FAILURES_COUNT_FOR = 1800.0


class Rests:
    """By backend, and by backend and model where only a model rests."""

    def __init__(self, books: Books, clock: Clock, tell: Listener) -> None:
        self._clock, self._tell = clock, tell
        self._kept = Mirror(books, "cooldown/", Rest)

    def __bool__(self) -> bool:
        """Whether any failure is remembered."""
        return bool(self._kept.values)

    def failed(self, name: str, model: str, error: GatewayError) -> float:
        """A backend failed. Seconds for which it rests now; 0.0: it does not."""
        scope = cooldown.scope(error)
        key = (name, model) if scope == "model" else (name,)
        now, before = self._clock.now(), self._kept.values.get(key)
        rest = cooldown.after_failure(before, error, now)
        if scope is None or rest is None:
            return 0.0
        seconds = max(rest.until - now, 0.0)
        if rest != before:
            self._kept.put(key, rest, rest.until + FAILURES_COUNT_FOR)
            if seconds:
                self._tell(CooldownStarted(name, rest.cause, seconds))
        return seconds

    def succeeded(self, name: str, model: str) -> None:
        """It answered: its failures are forgotten."""
        if not self._kept.values:
            return
        for key in ((name,), (name, model)):
            rest = self._kept.values.get(key)
            if rest is not None and cooldown.after_success(rest, self._clock.now()) is None:
                self._kept.remove(key)
                if rest.until > rest.probe_from:  # it did rest: one failure may be none yet
                    self._tell(CooldownEnded(name))

    def end(self, names: Collection[str]) -> None:
        """They are asked again, whatever happened."""
        now = self._clock.now()
        for key, rest in self._kept.values.items():
            if key[0] in names:
                self._kept.remove(key)
                if rest.until > now:
                    self._tell(CooldownEnded(key[0]))

    def of(self, name: str) -> Rest | None:
        """What is remembered of a backend as a whole."""
        return self._kept.values.get((name,))

    def in_force(self, name: str, model: str, now: float) -> Rest | None:
        """The rest that is in force, the longer one of the backend's and its model's."""
        both = (self._kept.values.get((name,)), self._kept.values.get((name, model)))
        rests = [rest for rest in both if rest is not None and rest.until > now]
        return max(rests, key=lambda rest: rest.until, default=None)

    def models(self, name: str, now: float) -> Iterator[str]:
        """The models of a backend that rest by themselves."""
        for key, rest in self._kept.values.items():
            if key[0] == name and len(key) > 1 and rest.until > now:
                yield key[1]

    async def refresh(self) -> None:
        """Learn what others have written. Raises StoreError."""
        await self._kept.refresh()
