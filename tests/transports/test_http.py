"""HTTP against real servers on loopback: what each failure becomes, and which connections are kept."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from llmux.errors import BackendCut, BackendFailed, BackendSlow, BackendUnreachable
from llmux.transports.base import Call, Reply
from llmux.transports.http import HttpTransport, open_session

CALL = Call("/v1/x?beta=true", {"x-one": "1", "content-type": "application/json"}, b'{"a":1}')
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def peer(behave: Peer) -> AsyncGenerator[str, None]:
    """A TCP server that does what `behave` says with each connection."""
    ended: list[asyncio.Event] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ended.append(end := asyncio.Event())
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await behave(reader, writer)
        with suppress(ConnectionError):
            writer.close()
            await writer.wait_closed()
        end.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with asyncio.timeout(5):
            for end in ended:
                await end.wait()


@asynccontextmanager
async def transport(url: str) -> AsyncGenerator[HttpTransport, None]:
    async with open_session() as session:
        yield HttpTransport(url, session)


async def closed_port() -> str:
    server = await asyncio.start_server(lambda r, w: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    return f"http://127.0.0.1:{port}"


async def test_what_is_sent_and_what_comes_back() -> None:
    seen: list[web.Request] = []
    bodies: list[bytes] = []

    async def handler(request: web.Request) -> web.Response:
        seen.append(request)
        bodies.append(await request.read())
        return web.Response(status=201, body=b"hello", headers={"x-two": "2"})

    app = web.Application()
    app.router.add_route("*", "/base/v1/x", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    async with transport(f"http://127.0.0.1:{runner.addresses[0][1]}/base/") as http:
        for _ in range(2):
            reply = await http.open(CALL, 5)
            assert reply.status == 201
            assert reply.headers["x-two"] == "2"
            assert await reply.read() == b"hello"
            assert await reply.read() == b""
            reply.close()
        await (await http.open(Call("/v1/x?beta=true", {}, method="GET"), 5)).read()
    assert seen[0].path_qs == "/base/v1/x?beta=true"
    assert seen[0].headers["x-one"] == "1"
    assert "user-agent" not in seen[0].headers
    assert bodies == [b'{"a":1}', b'{"a":1}', b""]
    await runner.cleanup()


async def test_a_connection_whose_answer_was_read_is_used_again() -> None:
    connections = 0

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        while await reader.readline():
            await reader.readuntil(b'{"a":1}')
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n")
        writer.close()

    async with peer(behave) as url, transport(url) as http:
        for _ in range(3):
            reply = await http.open(CALL, 5)
            while await reply.read():
                pass
            reply.close()
        assert connections == 1


@pytest.mark.parametrize("url", ["http://no-such-host.invalid", "closed"])
async def test_no_connection(url: str) -> None:
    async with transport(await closed_port() if url == "closed" else url) as http:
        with pytest.raises(BackendUnreachable) as raised:
            await http.open(CALL, 5)
        assert "127.0.0.1" not in raised.value.message
        assert "invalid" not in raised.value.message


async def test_no_tls_where_tls_is_expected() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    async with peer(behave) as url, transport(url.replace("http:", "https:")) as http:
        with pytest.raises(BackendUnreachable):
            await http.open(CALL, 5)


async def test_no_head_in_time() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    async with peer(behave) as url, transport(url) as http:
        with pytest.raises(BackendSlow):
            await http.open(CALL, 0.01)


async def test_hung_up_without_an_answer() -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'{"a":1}')
        writer.close()

    async with peer(behave) as url, transport(url) as http:
        with pytest.raises(BackendFailed):
            await http.open(CALL, 5)


async def to_the_end(reply: Reply) -> None:
    while await reply.read():
        pass


BROKEN = {
    "length": b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf",
    "chunked": b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n",
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
async def test_cut_in_the_middle(answer: bytes) -> None:
    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'{"a":1}')
        writer.write(answer)
        await writer.drain()
        writer.transport.abort()

    async with peer(behave) as url, transport(url) as http:
        reply = await http.open(CALL, 5)
        with pytest.raises(BackendCut):
            await to_the_end(reply)
        reply.close()


async def test_abort_wakes_a_read_and_ends_the_connection() -> None:
    gone = asyncio.Event()

    async def behave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b'{"a":1}')
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nhalf\r\n")
        await reader.read()
        gone.set()
        writer.close()

    async with peer(behave) as url, transport(url) as http:
        reply = await http.open(CALL, 5)
        assert await reply.read() == b"half"
        reading = asyncio.ensure_future(reply.read())
        await asyncio.sleep(0)
        reply.abort(BackendSlow("too long"))
        with pytest.raises(BackendSlow, match="too long"):
            await reading
        with pytest.raises(BackendSlow):
            await reply.read()
        reply.close()
        async with asyncio.timeout(1):
            await gone.wait()
