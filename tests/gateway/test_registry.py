"""What providers list: asked in the background, kept, shared, and harmless when it fails."""

import asyncio
from collections.abc import Mapping

import orjson
import pytest
from msgspec.structs import replace

from llmux.dialects.claude import CLAUDE
from llmux.dialects.listing import Listing, Page
from llmux.dialects.ollama import OLLAMA
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.errors import BackendFailed, BackendGarbled, BackendUnreachable, GatewayError, KeyRefused
from llmux.gateway.attempt import Route
from llmux.gateway.registry import AGAIN_AFTER_S, CLAIM_S, LOOK_EVERY_S, MOST_PAGES, Registry, Source, ask
from llmux.ir.card import ModelCard
from llmux.store.base import Store, StoreError
from llmux.store.memory import MemoryStore
from llmux.transports.base import Call
from tests.fakes import FakeClock, settle
from tests.gateway.accounts import FaultyStore
from tests.scripted import JSON, Script, ScriptedReply, ScriptedTransport, Silence, failure

HOUR = 3600.0
REFUSED = Script(raises=BackendUnreachable("refused"))


def says(told: object) -> Script:
    return Script(200, JSON, [orjson.dumps(told)])


def lists(*ids: str) -> Script:
    return says({"data": [{"id": each} for each in ids]})


def route(*scripts: Script, dialect: object = OPENAI_CHAT) -> Route:
    return Route(dialect, ScriptedTransport(*scripts), lambda _: {"authorization": "k"})  # type: ignore[arg-type]


def paths(route: Route) -> list[str]:
    assert isinstance(route.transport, ScriptedTransport)
    return [call.path for call in route.transport.calls]


class House:
    """A registry over scripted providers. Two of them with one store are two workers."""

    def __init__(self, clock: FakeClock, store: Store | None = None, every: float = HOUR, **scripts: Script) -> None:
        self.clock, self.store = clock, store or MemoryStore(clock)
        self.routes = {name: route(script) for name, script in scripts.items()}
        self.registry = Registry(self.store, clock)
        self.every, self.changes = every, 0
        self.configure({name: Source(each, name) for name, each in self.routes.items()})

    def configure(self, sources: Mapping[str, Source]) -> None:
        self.registry.configure(sources, self.every)

    async def refresh(self, **options: object) -> None:
        await self.registry.refresh(self.changed, **options)  # type: ignore[arg-type]  # a test's own words

    def changed(self) -> None:
        self.changes += 1

    def script(self, name: str, script: Script) -> None:
        transport = self.routes[name].transport
        assert isinstance(transport, ScriptedTransport)
        transport.scripts = [script]

    def asked(self, name: str) -> int:
        return len(paths(self.routes[name]))

    def ids(self) -> dict[str, list[str]]:
        return {name: [card.id for card in cards] for name, cards in self.registry.lists.items()}


# --- one provider ----------------------------------------------------------------------------------------------------


async def test_a_provider_is_asked_with_our_key(clock: FakeClock) -> None:
    there = route(lists("a", "b"), dialect=CLAUDE)
    assert [card.id for card in await ask(there, clock)] == ["a", "b"]
    assert isinstance(there.transport, ScriptedTransport)
    [call] = there.transport.calls
    assert (call.method, call.path, call.headers["authorization"]) == ("GET", "/v1/models?limit=1000", "k")
    assert "anthropic-version" in call.headers


async def test_every_page_is_read(clock: FakeClock) -> None:
    first = says({"data": [{"id": "a/b"}], "has_more": True, "last_id": "a/b"})
    there = route(first, lists("c"), dialect=CLAUDE)
    assert [card.id for card in await ask(there, clock)] == ["a/b", "c"]
    assert paths(there) == ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=a%2Fb"]


async def test_a_list_without_an_end_has_one_here(clock: FakeClock) -> None:
    there = route(says({"data": [{"id": "a"}], "has_more": True, "last_id": "a"}), dialect=CLAUDE)
    assert [card.id for card in await ask(there, clock)] == ["a"]
    assert len(paths(there)) == MOST_PAGES


async def test_pages_are_not_asked_for_where_a_dialect_has_none(clock: FakeClock) -> None:
    there = route(says({"data": [{"id": "a"}], "has_more": True, "last_id": "a"}))
    await ask(there, clock)
    assert paths(there) == ["/models"]


async def test_what_is_told_of_each_model_is_asked_for(clock: FakeClock) -> None:
    tags = says({"models": [{"name": "a"}, {"name": "b"}]})
    shown = says({"model_info": {"llama.context_length": 9}, "capabilities": ["completion", "vision"]})
    there = route(tags, shown, failure(404), dialect=OLLAMA)
    one, two = await ask(there, clock)
    assert (one.context, one.vision, two.context) == (9, True, None)
    assert paths(there) == ["/api/tags", "/api/show", "/api/show"]


FAILURES: dict[str, tuple[Route, type[GatewayError]]] = {
    "nobody is there": (route(REFUSED), BackendUnreachable),
    "the key is wrong": (route(failure(401)), KeyRefused),
    "it is no list": (route(says("what?")), BackendGarbled),
    "it has no list": (route(lists(), dialect=replace(OPENAI_CHAT, listing=None)), BackendFailed),
}


@pytest.mark.parametrize("name", FAILURES)
async def test_a_provider_that_fails(clock: FakeClock, name: str) -> None:
    there, error = FAILURES[name]
    with pytest.raises(error):
        await ask(there, clock)


# --- all of them -----------------------------------------------------------------------------------------------------


async def test_each_is_asked_at_first_and_then_every_hour(clock: FakeClock) -> None:
    house = House(clock, a=lists("x"), b=lists("y"))
    await house.refresh()
    assert (house.ids(), house.changes) == ({"a": ["x"], "b": ["y"]}, 2)
    clock.advance(HOUR - 1)
    await house.refresh()
    assert house.asked("a") == 1
    clock.advance(1)
    house.script("a", lists("x", "z"))
    await house.refresh()
    assert (house.ids(), house.changes) == ({"a": ["x", "z"], "b": ["y"]}, 3), "the same list again is no change"


async def test_who_fails_keeps_its_list_and_is_asked_again_soon(clock: FakeClock) -> None:
    house = House(clock, a=lists("x"))
    await house.refresh()
    clock.advance(HOUR)
    house.script("a", REFUSED)
    await house.refresh()
    assert (house.ids(), house.changes) == ({"a": ["x"]}, 1)
    shelf = house.registry.shelves()["a"]
    assert (shelf.fault, shelf.looked - shelf.heard) == ("refused", HOUR)
    house.script("a", lists("y"))
    clock.advance(AGAIN_AFTER_S - 1)
    await house.refresh()
    assert house.ids() == {"a": ["x"]}
    clock.advance(1)
    await house.refresh()
    assert house.ids() == {"a": ["y"]}
    assert house.registry.shelves()["a"].fault == ""


async def test_who_does_not_answer_keeps_nobody_waiting(clock: FakeClock) -> None:
    house = House(clock, a=Script(200, JSON, [Silence()]), b=lists("y"))
    looking = asyncio.create_task(house.refresh())
    await settle()
    assert house.ids() == {"b": ["y"]}
    await clock.pass_time(60)
    await looking
    assert "did not finish" in house.registry.shelves()["a"].fault


async def test_a_list_of_nothing_is_no_list(clock: FakeClock) -> None:
    house = House(clock, a=lists())
    await house.refresh()
    assert (house.ids(), house.changes) == ({}, 0)


async def test_nobody_is_asked_who_must_not_be(clock: FakeClock) -> None:
    house = House(clock, a=lists("x"), b=lists("y"))
    house.configure(
        {
            "a": Source(house.routes["a"], "a", asked=False),
            "b": Source(route(lists("y"), dialect=replace(OPENAI_CHAT, listing=None)), "b"),
        }
    )
    await house.refresh()
    assert house.ids() == {}


async def test_never_means_never_and_no_list_counts(clock: FakeClock) -> None:
    house = House(clock, a=lists("x"))
    await house.refresh()
    never = House(clock, house.store, every=0, a=lists("y"))
    await never.refresh()
    assert (never.ids(), never.asked("a")) == ({}, 0)


async def test_on_request_one_is_asked_anew(clock: FakeClock) -> None:
    house = House(clock, a=lists("x"), b=lists("y"))
    await house.refresh()
    await house.refresh(only=["a", "nobody"], anew=True)
    assert (house.asked("a"), house.asked("b")) == (2, 1)


# --- what is kept ----------------------------------------------------------------------------------------------------


async def test_a_restart_knows_the_lists(clock: FakeClock) -> None:
    house = House(clock, a=says({"data": [{"id": "x", "context_length": 9, "supports_tools": False, "owned_by": "o"}]}))
    await house.refresh()
    again = Registry(house.store, clock)
    await again.load()
    again.configure({"a": Source(route(REFUSED), "a")}, HOUR)
    assert again.lists == {"a": (ModelCard(id="x", context=9, tools=False, owner="o"),)}


async def test_a_provider_at_another_address_is_another(clock: FakeClock) -> None:
    house = House(clock, a=lists("x"))
    await house.refresh()
    house.configure({"a": Source(house.routes["a"], "elsewhere")})
    assert house.ids() == {}
    await house.refresh()
    assert (house.ids(), house.asked("a")) == ({"a": ["x"]}, 2)


async def test_who_is_taken_out_while_it_is_asked_has_no_list(clock: FakeClock) -> None:
    house = House(clock, a=lists("x"))

    class Late(ScriptedTransport):
        async def open(self, call: Call, patience: float) -> ScriptedReply:
            house.configure({})
            return await super().open(call, patience)

    house.configure({"a": Source(Route(OPENAI_CHAT, Late(lists("x")), lambda _: {}), "a")})
    await house.refresh()
    assert (house.ids(), house.changes) == ({}, 0)


async def test_a_fault_of_ours_is_told_and_ends_nothing(clock: FakeClock) -> None:
    def broken(data: bytes) -> Page:
        raise ZeroDivisionError(data)

    house = House(clock, b=lists("y"))
    wrong = replace(OPENAI_CHAT, listing=Listing(decode=broken, enquiries=()))
    house.configure({"a": Source(route(lists("x"), dialect=wrong), "a"), "b": Source(house.routes["b"], "b")})
    await house.refresh()
    assert house.ids() == {"b": ["y"]}
    assert "ZeroDivisionError" in house.registry.shelves()["a"].fault


async def test_one_worker_asks_for_all(clock: FakeClock) -> None:
    house = House(clock, a=lists("x"))
    other = House(clock, house.store, a=lists("x"))
    await asyncio.gather(house.refresh(), other.refresh())
    assert house.asked("a") + other.asked("a") == 1
    for each in (house, other):
        await each.refresh()
        assert each.ids() == {"a": ["x"]}
    assert (house.changes, other.changes) == (1, 1)


async def test_a_worker_that_dies_while_it_asks_is_replaced(clock: FakeClock) -> None:
    house = House(clock, a=Script(200, JSON, [Silence()]))
    looking = asyncio.create_task(house.refresh())
    await settle()
    looking.cancel()
    other = House(clock, house.store, a=lists("x"))
    await other.refresh()
    assert other.ids() == {}
    clock.advance(CLAIM_S + 1)
    await other.refresh()
    assert other.ids() == {"a": ["x"]}


async def test_without_its_store_it_still_asks(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    store.fault = StoreError("away")
    house = House(clock, store, a=lists("x"))
    await house.refresh()
    assert house.ids() == {"a": ["x"]}
    store.fault = None
    await house.refresh()
    again = House(clock, store, a=REFUSED)
    await again.registry.load()
    again.configure({"a": Source(again.routes["a"], "a")})
    assert again.ids() == {"a": ["x"]}


async def test_it_goes_on_until_it_is_stopped(clock: FakeClock) -> None:
    house = House(clock, every=LOOK_EVERY_S, a=lists("x"))
    running = asyncio.create_task(house.registry.run(house.changed))
    await settle()
    await clock.pass_time(LOOK_EVERY_S)
    # A claim holds longer than this pause: the second look is the next one's.
    await clock.pass_time(LOOK_EVERY_S)
    assert house.asked("a") == 2
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
