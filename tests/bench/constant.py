"""The baseline of the cache's benchmark: the least that a server on aiohttp can do.

`python -m tests.bench.constant PORT`

It reads the request, and answers at /SIZE with a body of so many bytes that it had before.
"""

import asyncio
import functools
import sys

import uvloop
from aiohttp import web


@functools.cache
def body(size: int) -> bytes:
    return b"x" * size


async def handle(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(body=body(int(request.path[1:])), headers={"content-type": "application/json"})


async def main(port: int) -> None:
    runner = web.ServerRunner(web.Server(handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
