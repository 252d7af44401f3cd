"""Who answered which conversation last, for as long as its cache may live. It knows no request and chooses nothing.

Kept in this process only: each worker learns it from the first turn that it sees, and no request waits for a store.
"""

from cachetools import TLRUCache

from llmux.clock import Clock

# Conversations that are remembered. An entry takes some 300 bytes.
MOST_KEPT = 16_384


class Affinity:
    """Conversations, by the name that `routing.affinity.conversation` gives them."""

    def __init__(self, clock: Clock) -> None:
        self._lifetime = 0.0  # s
        self._last = TLRUCache[bytes, str](MOST_KEPT, self._expires, clock.monotonic)

    @property
    def is_on(self) -> bool:
        """Whether anything is remembered at all."""
        return self._lifetime > 0

    def configure(self, lifetime: float) -> None:
        """From now on, an answer is remembered for `lifetime` seconds; 0: not at all. What is known stays known."""
        self._lifetime = lifetime

    def last(self, conversation: bytes) -> str:
        """The backend that answered; "" when it was too long ago, or never."""
        return self._last.get(conversation, "")

    def answered(self, conversation: bytes, backend: str) -> None:
        """`backend` answers the conversation now."""
        self._last[conversation] = backend

    def _expires(self, _conversation: bytes, _backend: str, now: float) -> float:
        return now + self._lifetime
