"""Answers that are sent once more before their question is read: to whom, until when, and what is noted of it."""

from collections.abc import AsyncGenerator, Callable

import pytest
from msgspec.structs import replace

from llmux.config.schema import Cors
from llmux.ir.events import Batch, Opened
from llmux.ir.request import Request
from llmux.responder import Client, Context
from llmux.server.echoes import ECHO_BYTES, Echoes
from llmux.server.record import Record
from tests.fakes import FakeClock
from tests.server.house import BEGIN, END, MORE, OPENED, Running, running

CHAT = b'{"model": "m", "messages": [{"role": "user", "content": "hi"}]}'
STREAM = b'{"stream": true, ' + CHAT[1:]
AGED = (("x-llmux-cache", "hit"), ("age", "7"))


class House:
    """A server whose answers may be told again for a while."""

    def __init__(self, clock: FakeClock, *, lasts: float = 60.0, most: int = 10**6) -> None:
        self.clock, self.lasts, self.epoch, self.asked = clock, lasts, 0, 0
        self.hits: list[str] = []
        self.echoes = Echoes(most, lambda: self.epoch, self.hits.append, clock)

    async def respond(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        self.asked += 1
        until = self.clock.now() + self.lasts if self.lasts else 0.0
        opened: Opened = replace(OPENED, attempts=0, headers=AGED, until=until)
        for batch in ((opened, *BEGIN[1:]), MORE, END):
            yield batch


async def ask(gateway: Running, body: bytes = CHAT, path: str = "", **headers: str) -> tuple[bytes, dict[str, str]]:
    url = f"{gateway.url}{path or '/v1/chat/completions'}"
    async with gateway.session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 200
        return await answer.read(), {name.lower(): value for name, value in answer.headers.items()}


PASSING = {"x-request-id", "request-id", "age", "date", "transfer-encoding", "content-length"}


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
async def test_the_same_bytes_hear_the_same_bytes(clock: FakeClock, body: bytes) -> None:
    house = House(clock)
    async with running(house.respond, clock=clock, services={"echoes": house.echoes}) as gateway:
        first, head = await ask(gateway, body)
        clock.advance(5)
        again, echoed = await ask(gateway, body)
        assert (again, house.asked, house.hits) == (first, 1, ["req_2"])
        assert (echoed["x-request-id"], echoed["request-id"], head["age"], echoed["age"]) == (
            "req_2",
            "req_2",
            "7",
            "12",
        )
        kept = {name: value for name, value in head.items() if name not in PASSING}
        assert {name: value for name, value in echoed.items() if name not in PASSING} == kept
        one, other = await gateway.until_finished(2)
        same = replace(one, request_id="req_2", first_event_s=other.first_event_s, duration_s=other.duration_s)
        assert other == same
        assert (other.usage is not None, other.model, other.stream) == (True, "m", body is STREAM)


@pytest.mark.parametrize("body", [CHAT, STREAM], ids=["whole", "stream"])
async def test_what_is_cleared_while_it_is_told_is_not_told_again(clock: FakeClock, body: bytes) -> None:
    house = House(clock)

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        async for batch in house.respond(request, context):
            yield batch
        house.epoch += house.asked == 1

    async with running(respond, clock=clock, services={"echoes": house.echoes}) as gateway:
        for asked in (1, 2, 2):
            await ask(gateway, body)
            assert house.asked == asked


OTHERWISE: dict[str, Callable[[Running], object]] = {
    "other bytes": lambda gateway: ask(gateway, CHAT + b" "),
    "another path": lambda gateway: ask(gateway, path="/chat/completions"),
    "a query": lambda gateway: ask(gateway, path="/v1/chat/completions?a=1"),
    "a header that a backend hears": lambda gateway: ask(gateway, **{"OpenAI-Beta": "x"}),
    "a header that names a conversation": lambda gateway: ask(gateway, session_id="x"),
    "a header that is read": lambda gateway: ask(gateway, **{"Cache-Control": "no-store"}),
    "another client": lambda gateway: ask(gateway, **{"x-api-key": "b"}),
}


@pytest.mark.parametrize("name", OTHERWISE)
async def test_what_differs_in_anything_is_read(clock: FakeClock, name: str) -> None:
    house = House(clock)
    services = {"echoes": house.echoes, "noticed": ("cache-control",)}
    tokens = {"a": Client("a"), "b": Client("b")}
    async with running(house.respond, clock=clock, tokens=tokens, services=services) as gateway:
        gateway.session.headers["x-api-key"] = "a"
        for _ in range(2):
            await ask(gateway)
        await OTHERWISE[name](gateway)  # type: ignore[misc]
        assert house.asked == 2


async def test_a_client_whose_rights_have_changed_is_read(clock: FakeClock) -> None:
    house = House(clock)
    for models in ((), ("m",)):
        tokens = {"a": Client("a", models)}
        async with running(house.respond, clock=clock, tokens=tokens, services={"echoes": house.echoes}) as gateway:
            for _ in range(2):
                await ask(gateway, **{"x-api-key": "a"})
    assert house.asked == 2


async def test_a_key_that_is_not_known_any_more_hears_nothing(clock: FakeClock) -> None:
    house = House(clock)
    async with running(house.respond, clock=clock, services={"echoes": house.echoes}) as gateway:
        await ask(gateway, **{"x-api-key": "a"})
    async with running(
        house.respond, clock=clock, tokens={"b": Client("b")}, services={"echoes": house.echoes}
    ) as gateway:
        url = f"{gateway.url}/v1/chat/completions"
        async with gateway.session.post(url, data=CHAT, headers={"x-api-key": "a"}) as answer:
            assert answer.status == 401


ENDS: dict[str, Callable[[House], None]] = {
    "its time": lambda house: house.clock.advance(60),
    "something was cleared": lambda house: setattr(house, "epoch", 1),
}


@pytest.mark.parametrize("name", ENDS)
async def test_it_ends_with(clock: FakeClock, name: str) -> None:
    house = House(clock)
    async with running(house.respond, clock=clock, services={"echoes": house.echoes}) as gateway:
        await ask(gateway)
        ENDS[name](house)
        await ask(gateway)
        assert house.asked == 2
        await ask(gateway)
        assert house.asked == 2


async def test_what_may_not_be_told_again_is_not(clock: FakeClock) -> None:
    house = House(clock, lasts=0.0)
    async with running(house.respond, clock=clock, services={"echoes": house.echoes}) as gateway:
        for body in (CHAT, STREAM, CHAT, STREAM):
            await ask(gateway, body)
        assert (house.asked, len(house.echoes._kept)) == (4, 0)


async def test_a_page_is_told_that_it_may_read_it_and_another_is_not(clock: FakeClock) -> None:
    house, cors = House(clock), Cors(origins=["https://a.org"])
    async with running(
        house.respond, clock=clock, cors=cors, services={"echoes": house.echoes}, anonymous=True
    ) as gateway:
        for body in (CHAT, STREAM):
            heads = [(await ask(gateway, body, Origin=f"https://{who}.org"))[1] for who in ("a", "b", "a")]
            allowed = [head.get("access-control-allow-origin") for head in heads]
            assert allowed == ["https://a.org", None, "https://a.org"]
        assert house.asked == 2


def test_they_stay_within_their_bytes() -> None:
    clock = FakeClock()
    echoes = Echoes(4 * (ECHO_BYTES + 100), lambda: 0, lambda _: None, clock)

    def keep(key: int, size: int) -> None:
        record = Record(f"r{key}")
        record.opened(replace(OPENED, until=clock.now() + 9), 0.0)
        record.hear(b"x" * size)
        echoes.keep(key, 50, record, {}, 0)

    for key in range(9):
        keep(key, 50)
    keep(9, 10**6)  # too large by itself
    assert [key for key in range(10) if echoes.find(key, Record("r"))] == [5, 6, 7, 8]
