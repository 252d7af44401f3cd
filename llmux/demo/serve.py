"""The demo provider over HTTP: the same acts, played on a socket. `llmux mock` and the tests serve it.

What breaks here really breaks: a cut resets the TCP connection, a silence keeps it open and says nothing.
"""

import asyncio
import signal
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from aiohttp import web

from llmux.clock import Clock, SystemClock
from llmux.demo.provider import Provider
from llmux.demo.script import Halt, Pause
from llmux.demo.speak import Acts, Head
from llmux.dialects.registry import TABLE
from llmux.transports.base import Call

MAX_BODY = 64 * 1024 * 1024


@asynccontextmanager
async def serving(host: str, port: int, clock: Clock | None = None) -> AsyncGenerator[str, None]:
    """Serve the demo provider as long as the context lasts. Gives its address, with the port that it got for 0.

    Raises:
        OSError: the port is taken.
    """
    runner = web.AppRunner(
        application(clock or SystemClock()), handler_cancellation=True, access_log=None, shutdown_timeout=0.1
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        bound = runner.addresses[0][1]
        yield f"http://{f'[{host}]' if ':' in host else host}:{bound}"
    finally:
        await runner.cleanup()


def run(host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until this process is told to stop; `ready` hears the address.

    Raises:
        OSError: the port is taken.
    """
    asyncio.run(_until_stopped(host, port, ready))


async def _until_stopped(host: str, port: int, ready: Callable[[str], None]) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    async with serving(host, port) as address:
        ready(address)
        await stopped.wait()


def application(clock: Clock) -> web.Application:
    """An application that answers every path as the demo provider does."""
    stage = Stage(Provider(TABLE.values()), clock)
    app = web.Application(client_max_size=MAX_BODY)
    app.router.add_route("*", "/{path:.*}", stage.handle)
    return app


class Stage:
    """Plays acts on aiohttp's sockets."""

    def __init__(self, provider: Provider, clock: Clock) -> None:
        self._provider = provider
        self._clock = clock

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One request, as the provider performs it."""
        headers = {name.lower(): value for name, value in request.headers.items()}
        call = Call(request.path_qs, headers, await request.read(), request.method)
        acts = self._provider.perform(call)
        if request.method == "HEAD":
            acts = [act for act in acts if not isinstance(act, bytes)]
        return await self._play(acts, request)

    async def _play(self, acts: Acts, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        for act in acts:
            match act:
                case Head(status=status, headers=headers):
                    response = web.StreamResponse(status=status, headers=headers)
                    await response.prepare(request)
                case bytes():
                    await response.write(act)
                case Pause(seconds=seconds):
                    await self._clock.sleep(seconds)
                case Halt.SILENCE:
                    await asyncio.get_running_loop().create_future()  # until the client leaves
                case Halt.CUT | Halt.REFUSE:
                    _break(request)
                    return response
                case Halt.END:
                    break
        await response.write_eof()
        return response


def _break(request: web.Request) -> None:
    """End the connection with a reset, whatever was promised."""
    if request.transport is not None:
        request.transport.abort()
