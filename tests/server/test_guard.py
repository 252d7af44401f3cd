"""Clients that keep a server waiting, or say what is no HTTP: raw sockets, and a clock that is set by hand."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import orjson
import pytest

from llmux.config.schema import Http
from llmux.ir.events import Batch, Verbatim
from llmux.ir.request import Request
from llmux.responder import Context
from llmux.server.guard import TOLD, Guard
from llmux.server.sendqueue import untaken
from tests.fakes import FakeClock
from tests.server.house import BODIES, OPENED, Running, answers, running

BODY = orjson.dumps(BODIES["/v1/messages"])
STREAM = orjson.dumps(BODIES["/v1/messages"] | {"stream": True})
HEAD = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n"
FULL = HEAD + b"content-length: %d\r\n\r\n"
PING = b"GET /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n"


class Wire:
    """A client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of the next answer."""
        async with asyncio.timeout(5):
            head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
            length = int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
            return int(head.split()[1]), head, await self.reader.readexactly(length)

    async def rest(self) -> bytes:
        """What comes until the server hangs up."""
        async with asyncio.timeout(5):
            try:
                return await self.reader.read()
            except ConnectionResetError:
                return b""


@asynccontextmanager
async def wire(house: Running, limit: int = 2**16) -> AsyncGenerator[Wire, None]:
    host, _, port = house.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port), limit=limit)
    try:
        yield Wire(reader, writer)
    finally:
        writer.transport.abort()


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.002)


def guard(house: Running) -> Guard:
    assert isinstance(house.server, Guard)
    return house.server


async def nobody_is_left(house: Running) -> None:
    """Nothing is open at the server, and no request is unfinished."""
    await until(lambda: not guard(house).open and not house.server.connections)
    assert len([fact for fact in house.facts if type(fact).__name__ == "RequestStarted"]) == len(house.finished)


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


# --- what is no request, or no honest one ----------------------------------------------------------------------------

SMUGGLED = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\n\r\n"
WRONG = {
    "a length and chunks": (HEAD + b"content-length: 4\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n" + SMUGGLED, 400),
    "two lengths": (HEAD + b"content-length: 4\r\ncontent-length: 5\r\n\r\nabcd", 400),
    "chunks that are not the last coding": (HEAD + b"transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 400),
    "chunks said oddly": (HEAD + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    "a length that is none": (HEAD + b"content-length: +4\r\n\r\nabcd", 400),
    "a space before the colon": (HEAD + b"content-length : 4\r\n\r\nabcd", 400),
    "a folded header": (HEAD + b"x-a: b\r\n c\r\n\r\n", 400),
    "a bare return in a header": (HEAD + b"x-a: b\rc\r\n\r\n", 400),
    "a zero byte in a header": (HEAD + b"x-a: b\x00c\r\n\r\n", 400),
    "a zero byte in the address": (b"GET /health\x00 HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
    "another version": (b"GET /health HTTP/9.9\r\nhost: localhost\r\n\r\n", 400),
    "no host": (b"GET /health HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET /health HTTP/1.1\r\nhost: localhost\r\nhost: evil\r\n\r\n", 400),
    "a long address": (b"GET /health?" + b"a" * 20_000 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n", 414),
    "a long header": (HEAD + b"x-a: " + b"a" * 20_000 + b"\r\n\r\n", 431),
    "a long name": (HEAD + b"x-" + b"a" * 20_000 + b": b\r\n\r\n", 431),
    "many headers": (HEAD + b"x-a: b\r\n" * 200 + b"\r\n", 431),
    "a megabyte of header": (HEAD + b"x-a: " + b"a" * 2**20 + b"\r\n\r\n", 431),
}


@pytest.mark.parametrize(("said", "status"), WRONG.values(), ids=WRONG)
async def test_what_is_no_request_is_refused_and_the_connection_closed(said: bytes, status: int) -> None:
    async with running() as house:
        async with wire(house) as client:
            await client.say(said)
            heard, _, body = await client.answer()
            assert heard == status
            told = orjson.loads(body)
            assert told["error"].startswith("llmux: ")
            assert told["request_id"]
            assert await client.rest() == b""  # nothing that followed was taken for a request
        assert [fact.status for fact in house.finished] == [status]
        assert not [fact for fact in house.facts if type(fact).__name__ == "Notice"]
        await nobody_is_left(house)


ODD = {
    "an absolute address": (b"GET http://evil.example/health/live HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
    "no version": (b"GET /health/live\r\n\r\n", 200),
    "a star": (b"OPTIONS * HTTP/1.1\r\nhost: localhost\r\n\r\n", 204),
    "options": (b"OPTIONS /v1/messages HTTP/1.1\r\nhost: localhost\r\n\r\n", 204),
    "head": (b"HEAD /health/live HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
    "a tunnel": (b"CONNECT evil.example:443 HTTP/1.1\r\nhost: localhost\r\n\r\n", 405),
    "a method that nobody knows": (b"BREW /health HTTP/1.1\r\nhost: localhost\r\n\r\n", 400),
    "a host elsewhere": (FULL.replace(b"localhost", b"evil.example") % len(BODY) + BODY, 403),
    "a host that is none": (FULL.replace(b"localhost", b"[::1]:x@evil/..") % len(BODY) + BODY, 403),
    "dots in the address": (b"GET /health/../../etc/passwd HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
    "a coded zero byte": (b"GET /health/live%00 HTTP/1.1\r\nhost: localhost\r\n\r\n", 404),
    "a query of 15 KB": (b"GET /health/live?" + b"a=b&" * 3800 + b" HTTP/1.1\r\nhost: localhost\r\n\r\n", 200),
}


@pytest.mark.parametrize(("said", "status"), ODD.values(), ids=ODD)
async def test_what_is_odd_does_no_harm(said: bytes, status: int) -> None:
    async with running() as house:
        async with wire(house) as client:
            await client.say(said)
            heard, _, _ = await client.answer() if not said.startswith(b"HEAD") else (200, b"", b"")
            assert heard == status
        await until(lambda: len(house.finished) == 1)
        await nobody_is_left(house)
        assert not [fact for fact in house.facts if type(fact).__name__ == "Notice"]


@pytest.mark.parametrize("together", [True, False])
async def test_junk_after_a_body_is_no_second_request(together: bool) -> None:
    junk = b"}}}} junk\r\n\r\n" + PING
    async with running() as house, wire(house) as client:
        await client.say(FULL % len(BODY) + BODY + (junk if together else b""))
        if not together:
            assert (await client.answer())[0] == 200
            await client.say(junk)
        assert (await client.answer())[0] == 400
        assert await client.rest() == b""


async def test_a_client_that_asks_first_is_told_to_go_on() -> None:
    async with running() as house, wire(house) as client:
        await client.say(HEAD + b"expect: 100-continue\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        assert (await client.answer())[0] == 100
        await client.say(BODY)
        assert (await client.answer())[0] == 200


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
