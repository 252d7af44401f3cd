"""A TLS handshake that never ends is waited for only so long."""

import asyncio
import ssl
from pathlib import Path

from aiohttp import web

from llmux.server.site import Site
from tests.whole.test_https import pair


async def test_a_handshake_that_never_ends_is_not_waited_for(tmp_path: Path) -> None:
    key, cert = pair(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(cert, key)
    runner = web.ServerRunner(web.Server(None))  # type: ignore[arg-type]  # nobody gets so far
    await runner.setup()
    try:
        await Site(runner, ("127.0.0.1", 0), tls=tls, handshake=0.1, shared_port=False).start()
        reader, writer = await asyncio.open_connection("127.0.0.1", runner.addresses[0][1])
        writer.write(b"\x16\x03\x01\x02\x00\x01")  # half a ClientHello
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        assert runner.server is not None
        assert not runner.server.connections
        writer.close()
        await writer.wait_closed()
    finally:
        await runner.cleanup()
