"""What a request takes of an account's windows: what is asked for, the counters that hold it, what comes back. It asks
nobody; `budget.py` does.
"""

from collections.abc import Callable, Mapping, Sequence

from llmux.errors import OurLimit
from llmux.ir.value import Value
from llmux.responder import Window
from llmux.routing.windows import Slot, changes_at, slot


class Spend(Value):
    """What a request takes, or is taken to take. A field for each unit of a window."""

    requests: float = 0.0
    tokens: float = 0.0
    usd: float = 0.0


REQUEST = Spend(requests=1.0)
NOTHING = Spend()


def one() -> Spend:
    """A request of which no more is known."""
    return REQUEST


class Charge(Value):
    """What is asked of one account. `whose` says in an error who may not spend it.

    `error` is what is raised where there is no room.
    """

    account: str
    whose: str
    windows: Sequence[Window]
    spend: Spend = REQUEST
    error: type[OurLimit] = OurLimit

    def on(self, page: "Page") -> Mapping[str, float]:
        """What is added to the counters of its account."""
        if self.spend is REQUEST:
            return page.ones
        return page.idle | {place.current: getattr(self.spend, window.unit) for window, place in page.places}


class Page:
    """The counters of one account's windows at one moment, and until the first of them changes."""

    __slots__ = ("ends", "idle", "ones", "places", "since", "starting", "until", "windows")

    def __init__(self, account: str, windows: Sequence[Window], now: float) -> None:
        self.windows, self.since = windows, now
        self.until = min(changes_at(window, now) for window in windows)
        self.places = tuple((window, slot(account, window, now)) for window in windows)
        slots = [place for _, place in self.places]
        self.ends = {key: one.expires for one in slots for key in (one.previous, one.current) if key}
        self.idle = dict.fromkeys(self.ends, 0.0)  # what is added by who only looks
        self.ones = self.idle | {one.current: getattr(REQUEST, window.unit) for window, one in self.places}
        self.starting = [(window, one) for window, one in self.places if one.starts]


class Reservation:
    """What has been counted for one charge, until it is known what it took."""

    __slots__ = ("_add", "_places", "_spend")

    def __init__(self, add: Callable[[Slot, float], None], places: Sequence[tuple[Window, Slot]], spend: Spend) -> None:
        self._add, self._places, self._spend = add, places, spend

    def settle(self, took: Spend) -> None:
        """It took so many tokens and so much money: count the difference, here at once and soon in the store.

        Whoever settles, or gives back, a second time does nothing.
        """
        self._end([place for place in self._places if place[0].unit != "requests"], took)

    def give_back(self) -> None:
        """Nobody has seen the request: it took nothing."""
        self._end(self._places, NOTHING)

    def _end(self, places: Sequence[tuple[Window, Slot]], took: Spend) -> None:
        self._places = ()
        for window, place in places:
            difference = getattr(took, window.unit) - getattr(self._spend, window.unit)
            if difference:
                self._add(place, difference)
