"""Where the server listens: as aiohttp's TCPSite, but a TLS handshake is waited for only so long."""

import asyncio
import ssl
from typing import Any, cast

from aiohttp import web

BACKLOG = 2048  # connections that the kernel holds for us


class Site(web.TCPSite):
    """One address and port."""

    __slots__ = ("_listening",)

    def __init__(
        self,
        runner: web.BaseRunner,
        address: tuple[str, int],
        *,
        tls: ssl.SSLContext | None,
        handshake: float,
        shared_port: bool,
    ) -> None:
        """`handshake`: seconds for one. `shared_port`: other processes listen there too."""
        super().__init__(runner, *address, ssl_context=tls, backlog=BACKLOG)
        patience = {"ssl_handshake_timeout": handshake} if tls else {}
        self._listening: dict[str, Any] = {"ssl": tls, "reuse_port": shared_port or None, **patience}

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: the address is taken, or not ours.
        """
        await web.BaseSite.start(self)
        server = cast("web.Server", self._runner.server)  # the start above has seen that it is there
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(server, self._host, self._port, backlog=BACKLOG, **self._listening)
