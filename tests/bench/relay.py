"""The baseline of the benchmark: the least that a proxy on aiohttp can do.

`python -m tests.bench.relay PORT UPSTREAM`
"""

import asyncio
import sys

import aiohttp
import uvloop
from aiohttp import web

HOP = {"host", "connection", "keep-alive", "transfer-encoding", "content-length"}


async def main(port: int, upstream: str) -> None:
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0), timeout=timeout, auto_decompress=False, read_bufsize=2**18
    ) as session:

        async def relay(request: web.BaseRequest) -> web.StreamResponse:
            body = await request.read()
            headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP]
            async with session.post(upstream + request.path_qs, data=body, headers=headers) as reply:
                kept = [(name, value) for name, value in reply.headers.items() if name.lower() not in HOP]
                if reply.content_length is not None:
                    return web.Response(status=reply.status, headers=kept, body=await reply.read())
                response = web.StreamResponse(status=reply.status, headers=kept)
                await response.prepare(request)
                async for piece in reply.content.iter_any():
                    await response.write(piece)
                await response.write_eof()
                return response

        runner = web.ServerRunner(web.Server(relay, access_log=None))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", port).start()
        await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
