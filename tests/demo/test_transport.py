"""The demo provider in-process, with a clock set by hand."""

import asyncio

import pytest

from llmux.demo.transport import DemoTransport
from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut, BackendSlow, BackendUnreachable, ClientGone
from llmux.ir.content import Text
from llmux.ir.fold import fold
from llmux.transports.base import Call, Reply
from tests.demo.asking import DIALECTS, call, heard
from tests.fakes import FakeClock, settle


async def read_all(reply: Reply) -> bytes:
    pieces = list[bytes]()
    while data := await reply.read():
        pieces.append(data)
    return b"".join(pieces)


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_an_answer_is_read_to_its_end(clock: FakeClock, dialect: str) -> None:
    transport = DemoTransport(clock)
    reply = await transport.open(call(dialect), 10)
    assert reply.status == 200
    assert fold(heard(TABLE[dialect], await read_all(reply))).parts == (Text(text="one two three"),)
    assert await reply.read() == b""
    reply.close()
    await transport.close()


async def test_pauses_take_the_clocks_time(clock: FakeClock) -> None:
    reply = await DemoTransport(clock).open(call("claude", model="echo?delay=2s"), 10)
    reading = asyncio.ensure_future(read_all(reply))
    for _ in range(3):
        await settle()
        assert not reading.done()
        assert clock.pending == [2.0]
        clock.advance(2)
    assert b"message_stop" in await reading


async def test_a_slow_head_is_waited_for(clock: FakeClock) -> None:
    opening = asyncio.ensure_future(DemoTransport(clock).open(call("claude", model="slow-3s"), 10))
    await clock.pass_time(2.9)
    assert not opening.done()
    await clock.pass_time(0.1)
    assert (await opening).status == 200


@pytest.mark.parametrize("model", ["slow-11s", "hang-first"])
async def test_patience_has_an_end(clock: FakeClock, model: str) -> None:
    opening = asyncio.ensure_future(DemoTransport(clock).open(call("claude", model=model), 10))
    await clock.pass_time(10)
    with pytest.raises(BackendSlow):
        await opening


async def test_no_connection(clock: FakeClock) -> None:
    with pytest.raises(BackendUnreachable):
        await DemoTransport(clock).open(call("claude", model="refuse"), 10)


async def test_a_connection_that_breaks(clock: FakeClock) -> None:
    reply = await DemoTransport(clock).open(call("claude", model="cut"), 10)
    with pytest.raises(BackendCut):
        await read_all(reply)
    with pytest.raises(BackendCut):
        await reply.read()


async def test_an_abort_ends_a_read_that_waits(clock: FakeClock) -> None:
    for model in ("hang", "hang-start", "slow-start"):
        reply = await DemoTransport(clock).open(call("claude", model=model), 10)
        reading = asyncio.ensure_future(read_all(reply))
        await settle()
        assert not reading.done()
        reply.abort(ClientGone("left"))
        with pytest.raises(ClientGone):
            await reading
    assert clock.pending == []


async def test_an_abort_ends_the_next_read(clock: FakeClock) -> None:
    reply = await DemoTransport(clock).open(call("claude"), 10)
    reply.abort(ClientGone("left"))
    with pytest.raises(ClientGone):
        await reply.read()


async def test_after_close_there_is_nothing_more(clock: FakeClock) -> None:
    reply = await DemoTransport(clock).open(call("claude"), 10)
    reply.close()
    assert await reply.read() == b""


async def test_headers_count_in_any_case(clock: FakeClock) -> None:
    asked = call("claude")
    reply = await DemoTransport(clock).open(Call(asked.path, {"X-LLMux-Demo": "fail-403"}, asked.body), 10)
    assert reply.status == 403
