"""A client's end of a connection: raw sockets, for what no HTTP client would say."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import orjson

from llmux.server.guard import Guard
from tests.server.house import BODIES, Running

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
