"""In which order the backends that fit are asked: a table, policy -> ordering function. Pure.

It draws no lots and counts no turns: chance is handed in, and whose turn it is comes and goes as a value. Who fits has
been decided before (`selector`), and no policy brings anybody back.
"""

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence

from msgspec.structs import replace

from llmux.config.schema import Policy
from llmux.ir.value import Value

Turns = Mapping[str, int]  # by the backend's name: how much it is owed; the sum is 0
NOBODYS: Turns = {}
HASH_BYTES = 8


class Load(Value):
    """How busy a backend is, as this process knows it.

    `latency` is how long it takes to begin an answer, in seconds, as a fading average; 0: nobody knows. `paced`: a
    request would have to wait for its turn there.
    """

    in_flight: int = 0
    latency: float = 0.0
    paced: bool = False


IDLE = Load()


class View(Value, kw_only=True):
    """What a policy may look at. Who is in no mapping has one share, and is idle.

    `chance` gives numbers in [0, 1). `key` names whatever is to stay together: a conversation.
    """

    weights: Mapping[str, int] = {}
    loads: Mapping[str, Load] = {}
    turns: Turns = NOBODYS
    chance: Callable[[], float] = lambda: 0.0
    key: bytes = b""

    def weight(self, name: str) -> int:
        """Its share."""
        return self.weights.get(name, 1)

    def load(self, name: str) -> Load:
        """How busy it is."""
        return self.loads.get(name, IDLE)


class Order(Value):
    """Who is asked, the first one first, and `why` in words. `turns` are those from now on; None: there are none."""

    names: tuple[str, ...]
    why: str
    turns: Turns | None = None


def arrange(policy: Policy, names: Sequence[str], view: View) -> Order:
    """`names`, which are in the order of the configuration, in the order of `policy`.

    Those that have no share, and after them those that would have to wait for their pace, come behind all others, in
    the order of the configuration.
    """
    last = [name for name in names if view.load(name).paced]
    spare = [name for name in names if name not in last and not view.weight(name)]
    ready = [name for name in names if name not in last and name not in spare]
    if len(ready) < 2:  # noqa: PLR2004 - of one there is no order
        return Order((*ready, *spare, *last), "as configured")
    order = POLICIES[policy](ready, view)
    return replace(order, names=(*order.names, *spare, *last))


def first(names: Sequence[str], _view: View) -> Order:
    """The order of the configuration."""
    return Order(tuple(names), "as configured")


def round_robin(names: Sequence[str], view: View) -> Order:
    """Each in its turn."""
    return _next(dict.fromkeys(names, 1), view.turns, "in turn")


def weighted(names: Sequence[str], view: View) -> Order:
    """Each in its turn, as often as its weight says: exactly so over as many requests as the weights add up to."""
    weights = {name: view.weight(name) for name in names}
    return _next(weights, view.turns, f"by weight, {' : '.join(f'{name} {share}' for name, share in weights.items())}")


def random_choose(names: Sequence[str], view: View) -> Order:
    """The less busy of two that are drawn: nearly as good as the least busy of all, and no herd runs after it."""
    return _of_two(names, view, _busy, lambda name: f"{view.load(name).in_flight} in flight")


def least_inflight(names: Sequence[str], view: View) -> Order:
    """Who has the fewest requests for its weight; who of those that have equally few, chance says."""
    start = int(view.chance() * len(names))
    order = sorted((*names[start:], *names[:start]), key=lambda name: _busy(name, view))
    return Order(tuple(order), f"{order[0]} has the fewest in flight, {view.load(order[0]).in_flight}")


def latency(names: Sequence[str], view: View) -> Order:
    """The one of two that are drawn which begins its answers sooner, with regard to how many it has begun already."""
    return _of_two(names, view, _delay, lambda name: _pace(view.load(name)))


def sticky(names: Sequence[str], view: View) -> Order:
    """The same for the same key, as long as it is there, whoever else comes or goes: rendezvous hashing, by weight.

    https://en.wikipedia.org/wiki/Rendezvous_hashing
    """
    order = sorted(names, key=lambda name: _distance(view.key, name) / view.weight(name))
    return Order(tuple(order), f"{order[0]} by the name of the conversation")


POLICIES: Mapping[Policy, Callable[[Sequence[str], View], Order]] = {
    "first": first,
    "round_robin": round_robin,
    "weighted": weighted,
    "weighted_round_robin": weighted,
    "random_choose": random_choose,
    "least_inflight": least_inflight,
    "latency": latency,
    "sticky": sticky,
}


def _next(weights: Mapping[str, int], turns: Turns, how: str) -> Order:
    """Smooth weighted round robin, as nginx does it: no backend gets its share all at once.

    Each is owed its weight more; who is owed most is asked, and owes all that the others were given. The others are
    asked after it as they are owed. https://github.com/nginx/nginx/commit/52327e0627f49dbda1e8db695e63a4b0af4448b1
    """
    owed = {name: turns.get(name, 0) + weight for name, weight in weights.items()}
    chosen = max(owed, key=lambda name: owed[name])
    owed[chosen] -= sum(weights.values())
    others = sorted((name for name in owed if name != chosen), key=lambda name: -owed[name])
    return Order((chosen, *others), f"{chosen} {how}", owed)


def _of_two(names: Sequence[str], view: View, cost: Callable[[str, View], float], told: Callable[[str], str]) -> Order:
    """The cheaper of two that chance draws, then the others, cheapest first."""
    one = int(view.chance() * len(names))
    other = int(view.chance() * (len(names) - 1))
    pair = (names[one], names[other + (other >= one)])
    chosen, against = sorted(pair, key=lambda name: cost(name, view))
    others = sorted((name for name in names if name != chosen), key=lambda name: cost(name, view))
    return Order((chosen, *others), f"{chosen} ({told(chosen)}) drawn with {against} ({told(against)})")


def _busy(name: str, view: View) -> float:
    return (view.load(name).in_flight + 1) / view.weight(name)


def _delay(name: str, view: View) -> float:
    """How long the answer is to be waited for. Who is not known is tried at once, by one request at a time."""
    load = view.load(name)
    if not load.latency:
        return math.inf if load.in_flight else 0.0
    return load.latency * _busy(name, view)


def _pace(load: Load) -> str:
    begins = f"begins after {load.latency:.2f} s" if load.latency else "not known"
    return f"{begins}, {load.in_flight} in flight"


def _distance(key: bytes, name: str) -> float:
    """The same number, from an exponential distribution, for the same `key` and `name`."""
    digest = hashlib.blake2b(name.encode(errors="replace"), key=key, digest_size=HASH_BYTES).digest()
    return -math.log((int.from_bytes(digest) + 1) / 2 ** (8 * HASH_BYTES))
