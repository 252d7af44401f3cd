"""Who pays for one inbound request: what each try reserves of its client's windows and of its backend's.

A client's windows count a request once, however many backends are tried for it; tokens and money are reserved for each
try, at that backend's price, and come back when it fails. It counts nothing itself.
"""

from collections.abc import Callable, Sequence

from llmux.errors import ClientLimit
from llmux.gateway.budget import Budget
from llmux.gateway.reservation import NOTHING, REQUEST, Charge, Reservation, Spend
from llmux.gateway.seats import Sitting
from llmux.responder import ANYONE, Client, Window
from llmux.routing.catalog import Backend


class Payer:
    """The client of one inbound request, and whether its windows have counted that already."""

    __slots__ = ("client", "counted")

    def __init__(self, client: Client, *, counted: bool = False) -> None:
        self.client = client
        self.counted = counted

    @property
    def windows(self) -> tuple[Window, ...]:
        """Those of the client that a try still has to be counted in."""
        windows = self.client.windows
        return tuple(window for window in windows if window.unit != "requests") if self.counted else windows


class Hold:
    """What one try has reserved."""

    __slots__ = ("_backend", "_client", "_sitting")

    def __init__(
        self, backend: Reservation | None = None, client: Reservation | None = None, sitting: Sitting | None = None
    ) -> None:
        self._backend, self._client, self._sitting = backend, client, sitting

    def unseen(self) -> None:
        """The backend cannot have seen the request."""
        if self._backend is not None:
            self._backend.give_back()
        self.settle(NOTHING)

    def settle(self, took: Spend) -> None:
        """The try is over, and took so many tokens and so much money. The second time does nothing."""
        for reservation in (self._backend, self._client):
            if reservation is not None:
                reservation.settle(took)
        self.leave()

    def leave(self) -> None:
        """The backend has no more to do for it: its seat is free, whatever is still to be settled."""
        if self._sitting is not None:
            self._sitting.leave()


OF_BACKENDS, OF_CLIENTS = "backend/", "client/"  # how the names of their accounts begin

NO_HOLD = Hold()
NOBODY = Payer(ANYONE)  # whose windows are none


async def hold(
    budget: Budget, backend: Backend, payer: Payer, expected: Callable[[], Spend], sitting: Sitting | None = None
) -> Hold:
    """Reserve for one try, which takes the seats of `sitting`; they are left when it fails, and with the hold.

    Raises:
        ClientLimit: the client's windows have no room.
        OurLimit: the backend's have none, or there is no seat.
    """
    client, clients, charges = payer.client, payer.windows, list[Charge]()
    try:
        spend = expected() if _takes_more(clients) or _takes_more(backend.windows) else REQUEST
        if clients:
            charges.append(Charge(account_of_client(client), f"client {client.name}", clients, spend, ClientLimit))
        if backend.windows:
            charges.append(Charge(account_of(backend), backend.name, backend.windows, spend))
        if not charges and sitting is None:
            return NO_HOLD
        held = iter(await budget.spend(*charges, sitting=sitting))
    except BaseException:
        if sitting is not None:
            sitting.leave()
        raise
    payer.counted = True
    of_client = next(held) if clients else None
    return Hold(next(held, None), of_client, sitting)


def _takes_more(windows: Sequence[Window]) -> bool:
    """Whether a request takes more of these than itself: tokens, or money."""
    for window in windows:  # noqa: SIM110 - on the path of a request, and a generator costs as much again
        if window.unit != "requests":
            return True
    return False


async def count(budget: Budget, client: Client) -> None:
    """Count a request in the client's windows of requests, before several are made of it.

    Raises:
        ClientLimit: they have no room.
    """
    windows = tuple(window for window in client.windows if window.unit == "requests")
    if windows:
        await budget.spend(Charge(account_of_client(client), f"client {client.name}", windows, REQUEST, ClientLimit))


def account_of(backend: Backend) -> str:
    """Under which name a backend's windows are kept."""
    return OF_BACKENDS + backend.name


def account_of_client(client: Client) -> str:
    """Under which name a client's windows are kept."""
    return OF_CLIENTS + client.name
