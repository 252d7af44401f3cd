"""What backends have reported of their prompts: a ratio for each model of each backend, kept with the ledger's notes.

The rule is `routing/calibration`'s. Few answers are looked at, and only after their last byte: a look costs some 5 us
for each KB of the prompt.
"""

from llmux.clock import Clock
from llmux.gateway.books import Books, Mirror
from llmux.ir.request import Request
from llmux.ir.usage import Usage
from llmux.routing import calibration, tokens
from llmux.routing.calibration import UNKNOWN, Calibration

KEPT_FOR = 30 * 86_400.0  # s after the last report
EVERY = 10.0  # s between two looks at one model, once a few answers have been looked at
FEW = 5
# Of a prompt, at the most: a third of a millisecond for every 64 KB is taken from whoever is being answered then.
MOST_BYTES = 262_144


class Ratios:
    """How far estimates are off, by the backend's name and the model's name there."""

    def __init__(self, books: Books, clock: Clock) -> None:
        self._clock = clock
        self._known = Mirror(books, "tokens/", Calibration)
        self._looks: dict[tuple[str, str], tuple[int, float]] = {}  # how many, and when the last: monotonic seconds

    def of(self, backend: str, model: str) -> float:
        """Reported tokens per estimated token; 1.0 where nobody has reported any."""
        return self._known.values.get((backend, model), UNKNOWN).ratio

    def report(self, backend: str, model: str, request: Request, usage: Usage, size: int) -> None:
        """The backend has answered `request`, of at most `size` tokens, and told `usage`: learn, if it is time."""
        key, now = (backend, model), self._clock.monotonic()
        looks, last = self._looks.get(key, (0, now))
        if size > MOST_BYTES or (looks >= FEW and now - last < EVERY):
            return
        self._looks[key] = (looks + 1, now)
        if not calibration.is_comparable(request, usage):
            return
        known = self._known.values.get(key, UNKNOWN)
        after = calibration.learn(known, tokens.request_tokens(request), usage.total_input_tokens)
        if after is not known:
            self._known.put(key, after, self._clock.now() + KEPT_FOR)

    async def refresh(self) -> None:
        """Learn what other workers have been told. Raises StoreError."""
        await self._known.refresh()
