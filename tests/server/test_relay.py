"""The loop that writes to clients: order, late errors, keep-alives, clients that leave, clients that do not read."""

import asyncio
from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from llmux.dialects.base import AnswerForm
from llmux.dialects.claude import CLAUDE
from llmux.errors import BackendCut, Overloaded, RateLimited
from llmux.ir.events import Batch, StreamError, Verbatim
from llmux.ir.request import Request
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.responder import Context
from llmux.server.record import Record
from llmux.server.relay import ClientStream, relay
from tests.fakes import FakeClock
from tests.server.house import BEGIN, BODIES, END, MORE, OPENED, running

PATHS = tuple(BODIES)
CLEAN_END = {"/v1/messages": b"message_stop", "/v1/chat/completions": b'"finish_reason":"stop"'}


@pytest.mark.parametrize("path", PATHS)
async def test_a_stream(path: str) -> None:
    async with running() as house, house.session.post(house.url + path, json=BODIES[path] | {"stream": True}) as answer:
        body = await answer.read()
        assert answer.status == 200
        assert answer.content_type == "text/event-stream"
        assert answer.headers["x-accel-buffering"] == "no"
        assert answer.headers["x-llmux-backend"] == "a"
        assert answer.headers["x-llmux-attempts"] == "1"
        assert answer.headers["x-llmux-warnings"] == "dropped=top_k"
        assert answer.headers["x-request-id"] == "req_1"
        assert b"one " in body
        assert CLEAN_END[path] in body


@pytest.mark.parametrize("path", PATHS)
async def test_a_whole_answer(path: str) -> None:
    async with running() as house, house.session.post(house.url + path, json=BODIES[path]) as answer:
        assert answer.content_type == "application/json"
        assert b"one two" in await answer.read()


@pytest.mark.parametrize("path", PATHS)
async def test_verbatim_bytes_reach_the_client_as_they_are(path: str) -> None:
    odd = b'data: {"x" :  1.50}\r\n\r\n: comment\n\n'

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        yield OPENED, Verbatim(odd)
        yield (Verbatim(odd, usage=Usage(1, 2), finish_reason=FinishReason.END, done=True),)

    for stream in (True, False):
        body = BODIES[path] | {"stream": stream}
        async with running(respond) as house, house.session.post(house.url + path, json=body) as answer:
            assert await answer.read() == odd + odd
            (finished,) = await house.until_finished()
            assert (finished.usage, finished.finish_reason) == (Usage(1, 2), "end")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("how", ["as an event", "raised"])
async def test_a_late_error_is_an_event_and_no_clean_end(path: str, how: str) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        yield BEGIN
        if how == "raised":
            raise BackendCut("cut off")
        yield (StreamError(BackendCut("cut off")),)

    body = BODIES[path] | {"stream": True}
    async with running(respond) as house, house.session.post(house.url + path, json=body) as answer:
        heard = await answer.read()
        assert answer.status == 200
        assert b"cut off" in heard
        assert CLEAN_END[path] not in heard
        assert (await house.until_finished())[0].error == "BackendCut"


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("stream", [True, False])
async def test_an_early_error_has_a_status(path: str, stream: bool) -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        error = RateLimited("slow down", retry_after=7)
        error.backend, error.attempts = "b", 2
        raise error
        yield BEGIN

    body = BODIES[path] | {"stream": stream}
    async with running(respond) as house, house.session.post(house.url + path, json=body) as answer:
        assert answer.status == 429
        assert answer.headers["retry-after"] == "7"
        assert answer.headers["x-llmux-backend"] == "b"
        assert (await answer.json())["error"]["message"] == "slow down"


async def test_a_whole_answer_that_breaks_late_is_an_error() -> None:
    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        yield BEGIN
        yield (StreamError(Overloaded("busy")),)

    body = BODIES["/v1/messages"]
    async with running(respond) as house, house.session.post(house.url + "/v1/messages", json=body) as answer:
        assert answer.status == 529


@pytest.mark.parametrize("path", PATHS)
async def test_silence_is_filled_with_keepalives(path: str) -> None:
    clock, go_on = FakeClock(), asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        yield BEGIN
        await go_on.wait()
        yield END

    body = BODIES[path] | {"stream": True}
    alive = b"ping" if path == "/v1/messages" else b": keepalive"
    async with (
        running(respond, clock=clock, keepalive=10) as house,
        house.session.post(house.url + path, json=body) as answer,
    ):
        heard = b""
        while b"one " not in heard:
            heard += await answer.content.readany()
        clock.advance(9)
        assert alive not in heard
        clock.advance(1)
        heard = await answer.content.readany()
        assert alive in heard
        go_on.set()
        assert CLEAN_END[path] in await answer.read()


@pytest.mark.parametrize("path", PATHS)
async def test_a_keepalive_commits_to_a_stream_and_not_to_a_backend(path: str) -> None:
    clock, outcome = FakeClock(), asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        await outcome.wait()
        raise Overloaded("everybody is busy")
        yield BEGIN

    async with running(respond, clock=clock, keepalive=10) as house:
        asking = asyncio.ensure_future(house.session.post(house.url + path, json=BODIES[path] | {"stream": True}))
        while 10 not in clock.pending:
            await asyncio.sleep(0.001)
        clock.advance(10)
        answer = await asking
        assert answer.status == 200
        outcome.set()
        heard = await answer.read()
        assert b"everybody is busy" in heard
        assert CLEAN_END[path] not in heard


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_leaves_cancels_the_backend(stream: bool) -> None:
    begun, closed = asyncio.Event(), asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        try:
            yield BEGIN
            begun.set()
            await asyncio.Event().wait()
        finally:
            closed.set()

    async with running(respond) as house:
        body = BODIES["/v1/messages"] | {"stream": stream}
        asking = asyncio.ensure_future(house.session.post(house.url + "/v1/messages", json=body))
        await begun.wait()
        asking.cancel()
        if asking.done() and not asking.cancelled():
            asking.result().close()
        await house.session.close()
        async with asyncio.timeout(1):
            await closed.wait()
        assert (await house.until_finished())[0].status == 499


async def test_a_client_that_does_not_read_stops_the_backend() -> None:
    """Back-pressure: what is not read by the client is not pulled from the backend."""
    pulled = 0
    big = Verbatim(b"data: " + b"x" * 65536 + b"\n\n")

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        nonlocal pulled
        yield OPENED, big
        for _ in range(2000):
            pulled += 1
            yield (big,)
        yield (Verbatim(b"", done=True),)

    async with running(respond) as house:
        body = orjson.dumps(BODIES["/v1/messages"] | {"stream": True})
        reader, writer = await asyncio.open_connection(*house.url.removeprefix("http://").split(":"), limit=2**16)
        head = b"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write(head + body)
        await reader.readuntil(b"\r\n\r\n")
        before = -1
        while before != pulled:  # until the sockets between us are full
            before = pulled
            await asyncio.sleep(0.05)
        assert pulled < 500  # of 130 MB, what the sockets hold
        writer.close()
        assert (await house.until_finished())[0].status == 499


class Written(web.StreamResponse):
    """A response to nobody: what is written to it, write by write."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    async def prepare(self, request: web.BaseRequest) -> None:
        """Nobody is told."""

    async def write(self, data: Any) -> None:
        self.writes.append(data)

    async def write_eof(self, data: bytes = b"") -> None:
        self.writes += [data, b"the end"]


@pytest.mark.parametrize("how", ["whole", "broken"])
async def test_the_last_words_and_the_end_leave_in_one_write(how: str) -> None:
    async def batches() -> AsyncGenerator[Batch, None]:
        yield BEGIN
        if how == "broken":
            raise BackendCut("cut off")
        yield END

    response, clock = Written(), FakeClock()
    encoder = CLAUDE.encoder(AnswerForm("1", "m", 1))
    inbound = make_mocked_request("POST", "/")
    await relay(batches(), ClientStream(inbound, lambda _: response, encoder, clock, 10), Record("req_1"), clock)
    first, last, end = response.writes
    assert b"one " in first
    assert (b"message_stop" if how == "whole" else b"cut off") in last
    assert end == b"the end"


async def test_both_keep_one_connection() -> None:
    async with running() as house:
        for _ in range(3):
            async with house.session.post(house.url + "/v1/messages", json=BODIES["/v1/messages"] | {"stream": True}):
                pass
        facts = await house.until_finished(3)
        assert [fact.first_event_s is not None for fact in facts] == [True] * 3
        assert MORE


async def test_a_keepalive_that_waits_for_the_client_is_not_asked_for_again_at_once() -> None:
    """A client that does not read: the sign of life waits as everything does, and costs no turn of the loop."""
    clock, written = FakeClock(), asyncio.Event()

    class Blocked(Written):
        async def write(self, data: Any) -> None:
            self.writes.append(data)
            await written.wait()

    response = Blocked()
    stream = ClientStream(
        make_mocked_request("POST", "/"), lambda _: response, CLAUDE.encoder(AnswerForm("1", "m", 1)), clock, 10
    )
    await clock.pass_time(35)
    assert len(response.writes) == 1
    assert clock.pending == [5]
    written.set()
    await clock.pass_time(5)
    assert len(response.writes) == 2
    stream.stop()
