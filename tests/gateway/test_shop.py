"""What a client is shown of the models: those that it may use, and what is left of their windows."""

import pytest

from llmux.errors import RateLimited
from llmux.gateway.shop import Shop
from llmux.ir.card import ModelCard
from llmux.responder import ANYONE, Client, Window
from llmux.routing.offers import Offer
from tests.fakes import FakeClock
from tests.gateway.accounts import HOUR, House, backend

LIMITED = backend("p:limited", Window(10, HOUR))
FREE = backend("p:free")
OFFERS = (
    Offer(ModelCard(id="p:limited"), (LIMITED,)),
    Offer(ModelCard(id="plain"), (FREE,)),
    Offer(ModelCard(id="role"), (FREE, LIMITED)),
)

PERMITTED = {
    (): ["p:limited", "plain", "role"],
    ("pl*",): ["plain"],
    ("p:free",): ["plain", "role"],
    ("role", "P:LIMITED"): ["p:limited", "role"],
    ("none",): [],
}


@pytest.mark.parametrize("globs", PERMITTED)
def test_a_client_is_shown_what_it_may_use(clock: FakeClock, globs: tuple[str, ...]) -> None:
    shop = Shop(lambda: OFFERS, House(clock).ledger)
    assert [card.id for card in shop.cards(Client("c", globs))] == PERMITTED[globs]


async def test_what_is_left_is_told(clock: FakeClock) -> None:
    house = House(clock)
    shop = Shop(lambda: OFFERS, house.ledger)
    await house.sends(LIMITED, LIMITED, LIMITED)
    house.ledger.failed(FREE, "m", RateLimited("slow down", retry_after=90))
    limited, plain, role = [card.notes["backends"] for card in shop.cards(ANYONE)]
    windows = [{"per": "hour", "unit": "requests", "limit": 10, "left": 7, "opens_in_s": 0.0}]
    assert limited == [{"backend": "p:limited", "state": "up", "windows": windows}]
    assert plain == [{"backend": "p:free", "state": "resting", "rests_for_s": 90.0}]
    assert role == [*plain, *limited]


async def test_what_another_worker_has_sent_is_known_soon(clock: FakeClock) -> None:
    house = House(clock)
    other = House(clock, house.store)
    await other.sends(LIMITED, LIMITED)
    shop = Shop(lambda: OFFERS, house.ledger)
    shop.cards(ANYONE)
    await house.ledger.refresh()
    assert shop.cards(ANYONE)[0].notes["backends"][0]["windows"][0]["left"] == 8
