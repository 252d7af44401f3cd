"""Clients that keep a server waiting: raw sockets, and a clock that is set by hand."""

import asyncio
from collections.abc import AsyncGenerator

import orjson
import pytest

from llmux.config.schema import Http
from llmux.ir.events import Batch, Verbatim
from llmux.ir.request import Request
from llmux.responder import Context
from llmux.server.guard import TOLD
from llmux.server.sendqueue import untaken
from tests.fakes import FakeClock
from tests.server.house import OPENED, answers, running
from tests.server.wires import BODY, FULL, HEAD, PING, STREAM, guard, nobody_is_left, until, wire

# --- what keeps us waiting: what is said, how many seconds it is borne, the status that is heard (0: none) ---

HALVES = {
    "nothing at all": (b"", 30, 0),
    "half a request line": (b"POST /v1/mess", 30, 408),
    "half a head": (HEAD + b"x-slow: ", 30, 408),
    "a head without its last line": (HEAD, 30, 408),
    "half a body": (FULL % len(BODY) + BODY[:9], 30, 408),
    "no body": (FULL % len(BODY), 30, 408),
    "half a chunk": (HEAD + b"transfer-encoding: chunked\r\n\r\n40\r\n{", 30, 408),
    "a second head, half": (PING + PING[:9], 30, 408),
    "an empty line after a request": (PING + b"\r\n", 0, 200),
}


@pytest.mark.parametrize(("said", "patience", "status"), HALVES.values(), ids=HALVES)
async def test_what_does_not_come_is_not_waited_for(said: bytes, patience: float, status: int) -> None:
    clock = FakeClock()
    async with running(clock=clock) as house:
        async with wire(house) as client:
            before, after = (PING, said.removeprefix(PING)) if said.startswith(PING) else (b"", said)
            await client.say(before or after)
            if before:
                assert (await client.answer())[0] == 200
                await client.say(after)
                if patience:
                    await until(lambda: guard(house).connections[0]._begun)  # type: ignore[attr-defined]
            else:
                await until(lambda: guard(house).open == 1)
                await asyncio.sleep(0.01)
            await clock.pass_time(patience - 1 if patience else 300)
            assert guard(house).open == 1
            await clock.pass_time(patience and 9)
            if status == 408:
                heard, head, body = await client.answer()
                assert heard == 408
                assert b"connection: close" in head
                assert b"http." in body
            elif not status:
                assert await client.rest() == b""
        await nobody_is_left(house)


async def test_a_body_that_drips_is_too_slow_and_one_that_flows_is_not() -> None:
    clock = FakeClock()
    async with running(clock=clock) as house, wire(house) as drips, wire(house) as flows:
        long = 60_000
        for client in (drips, flows):
            await client.say(FULL % long)
        await until(lambda: guard(house).open == 2)
        for look in range(8):  # four in a span of 30 s
            if look < 4:
                await drips.say(b" ")
            await flows.say(b" " * 4_000)
            await asyncio.sleep(0.01)
            await clock.pass_time(7.5)
        assert (await drips.answer())[0] == 408
        await flows.say(b" " * (long - 8 * 4_000 - len(BODY)) + BODY)
        assert (await flows.answer())[0] == 200


async def test_a_failure_of_a_body_is_told_in_the_callers_dialect() -> None:
    clock = FakeClock()
    async with running(clock=clock) as house, wire(house) as client:
        await client.say(FULL % 99)
        await until(lambda: len(house.facts) == 1)
        await clock.pass_time(40)
        assert orjson.loads((await client.answer())[2])["error"]["type"] == "invalid_request_error"
        assert house.finished[0].error == "RequestSlow"


# --- clients that do not read ----------------------------------------------------------------------------------------

BIG = Verbatim(b"data: " + b"x" * 2**18 + b"\n\n")


class Flood:
    """A backend that has more to say than sockets hold; it notes when it is let go."""

    def __init__(self, batches: int) -> None:
        self.batches, self.said, self.closed = batches, 0, asyncio.Event()

    async def respond(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        try:
            yield OPENED, BIG
            for _ in range(self.batches):
                self.said += 1
                yield (BIG,)
            yield (Verbatim(b"", done=True),)
        finally:
            self.closed.set()

    async def until_blocked(self) -> None:
        before = -1
        while before != self.said:
            before = self.said
            await asyncio.sleep(0.03)


async def test_a_client_that_does_not_read_is_cut_and_its_backend_let_go() -> None:
    clock, flood = FakeClock(), Flood(1000)
    async with running(flood.respond, clock=clock) as house, wire(house) as client:
        await client.say(FULL % len(STREAM) + STREAM)
        await flood.until_blocked()
        await clock.pass_time(110)
        assert not flood.closed.is_set()
        await clock.pass_time(20)
        async with asyncio.timeout(1):
            await flood.closed.wait()
        await nobody_is_left(house)
        assert house.finished[0].status == 499


async def test_a_client_that_reads_slowly_is_never_cut() -> None:
    """It takes half a megabyte a minute: less than the kernel reports as room in that time."""
    clock, flood = FakeClock(), Flood(100)
    async with running(flood.respond, clock=clock) as house, wire(house) as client:
        await client.say(FULL % len(STREAM) + STREAM)
        await flood.until_blocked()
        for _ in range(10):
            await client.reader.readexactly(2**19)
            await asyncio.sleep(0.005)
            await clock.pass_time(60)
        assert not flood.closed.is_set()
        heard = b""
        async with asyncio.timeout(5):
            while not heard.endswith(b"\r\n0\r\n\r\n"):
                heard = heard[-8:] + await client.reader.read(2**18)
        assert (await house.until_finished())[0].status == 200


async def test_what_is_left_of_an_answer_holds_its_connection_no_longer() -> None:
    """The answer is complete for us, its end waits in our buffer: no writer is there to find out."""
    clock, flood = FakeClock(), Flood(0)
    http = Http(client_timeout=120)
    async with running(flood.respond, clock=clock, http=http) as house, wire(house) as client:
        link = None
        for _ in range(60):  # answers pile up until one does not leave us any more
            await client.say(FULL % len(STREAM) + STREAM)
            await asyncio.sleep(0.005)
            link = guard(house).connections[0]._link  # type: ignore[attr-defined]
            if link is not None and untaken(link):
                break
        assert link is not None
        assert untaken(link)
        await clock.pass_time(150)
        await nobody_is_left(house)


# --- how many --------------------------------------------------------------------------------------------------------


async def test_beyond_the_last_place_a_client_hears_when_to_come_again() -> None:
    async with running(http=Http(max_connections=1)) as house:
        async with wire(house) as first, wire(house) as second, wire(house) as prober:
            await first.say(PING)
            assert (await first.answer())[0] == 200
            await second.say(FULL % len(BODY) + BODY)
            status, head, body = await second.answer()
            assert status == 503
            assert b"retry-after: 5" in head
            assert b"connection: close" in head
            assert "taken" in orjson.loads(body)["error"]["message"]
            assert await second.rest() == b""
            await prober.say(PING)
            assert (await prober.answer())[0] == 200  # full is not dead
            await first.say(FULL % len(BODY) + BODY)  # who has a place keeps it
            assert (await first.answer())[0] == 200
        await nobody_is_left(house)
        async with wire(house) as later:
            await later.say(FULL % len(BODY) + BODY)
            assert (await later.answer())[0] == 200


async def test_far_beyond_it_connections_are_closed_without_a_word(monkeypatch: pytest.MonkeyPatch) -> None:
    assert TOLD > 1
    monkeypatch.setattr("llmux.server.guard.TOLD", 1)
    async with running(http=Http(max_connections=1)) as house, wire(house), wire(house) as told, wire(house) as cut:
        await told.say(PING)
        assert (await told.answer())[0] == 200
        assert await cut.rest() == b""


async def test_an_idle_connection_is_closed() -> None:
    async with running(http=Http(connection_timeout=0.1)) as house, wire(house) as client:
        await client.say(PING)
        assert (await client.answer())[0] == 200
        assert await client.rest() == b""


# --- alive, and ready ------------------------------------------------------------------------------------------------


async def test_before_a_stop_it_is_alive_and_not_ready_and_sends_clients_elsewhere() -> None:
    stopping = False
    async with running(draining=lambda: stopping) as house, wire(house) as client:
        for path in ("live", "ready"):
            answer = await house.session.get(f"{house.url}/health/{path}")
            assert (answer.status, (await answer.json())["status"]) == (200, {"live": "alive"}.get(path, path))
        stopping = True
        assert (await house.session.get(house.url + "/health/live")).status == 200
        answer = await house.session.get(house.url + "/health/ready")
        assert (answer.status, await answer.json()) == (503, {"status": "draining"})
        await client.say(FULL % len(STREAM) + STREAM)
        heard = await client.rest()
        assert heard.startswith(b"HTTP/1.1 200")
        assert b"connection: close" in heard.lower()
        assert b"message_stop" in heard


async def test_many_requests_cost_no_timer_each() -> None:
    clock = FakeClock()
    async with running(answers, clock=clock) as house, wire(house) as client:
        for _ in range(20):
            await client.say(FULL % len(BODY) + BODY)
            assert (await client.answer())[0] == 200
        assert len(clock.pending) == 1
