"""Wrong keys, by the address that they come from: who has brought too many in a minute waits. Kept in this process.

What is counted are guesses: keys that nobody has, each once, so that a client which goes on with an old key locks
nobody out. A request without any is no guess. While an address waits, only those get in who have been let in from there
before: to all others a right guess looks like a wrong one. IPv6 gives everybody 2**64 addresses, so such are counted by
their network.
"""

import ipaddress

from cachetools import LRUCache

from llmux.errors import TooManyAttempts
from llmux.ir.value import Value

SPAN = 60.0  # s
MOST = 10_000  # addresses that are remembered; that which has tried least lately is forgotten first
MOST_GUESSES = 1_000  # of one address that are told apart
OWN_NETWORK = 64  # bits of an IPv6 address that say whose it is


class _Tries(Value):
    """Digests of the wrong keys of one address, since (monotonic seconds) the first of them."""

    since: float
    guesses: frozenset[bytes]


class Attempts:
    """Counts, and says who waits. `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._tries: LRUCache[str, _Tries] = LRUCache(MOST)
        self._let_in: LRUCache[tuple[str, str], None] = LRUCache(MOST)

    def wait(self, address: str, limit: int, now: float) -> float:
        """Seconds for which this address waits. `limit`: wrong keys a minute; 0: any number."""
        if not self._tries or not limit:
            return 0.0
        tries = self._tries.get(_whose(address))
        if tries is None or len(tries.guesses) < limit:
            return 0.0
        return max(tries.since + SPAN - now, 0.0)

    def failed(self, address: str, guess: bytes, now: float) -> None:
        """It has brought a key that nobody has; `guess` is its digest."""
        whose = _whose(address)
        tries = self._tries.get(whose)
        if tries is None or now - tries.since >= SPAN:
            tries = _Tries(now, frozenset())
        if guess not in tries.guesses and len(tries.guesses) < MOST_GUESSES:
            self._tries[whose] = _Tries(tries.since, tries.guesses | {guess})

    def let_in(self, address: str, client: str, wait: float) -> None:
        """A client has brought its key. `wait`: for how long its address waits.

        Raises:
            TooManyAttempts: it waits, and the client has never been let in from there.
        """
        if wait and (address, client) not in self._let_in:
            raise too_many(wait)
        self._let_in[address, client] = None


def too_many(wait: float) -> TooManyAttempts:
    """What is said to who waits."""
    return TooManyAttempts("llmux: too many wrong keys have come from this address; try again later.", retry_after=wait)


def _whose(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:  # noqa: PLR2004 - the number of IP's version
        return address
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.ip_network((parsed.packed, OWN_NETWORK), strict=False).network_address)
