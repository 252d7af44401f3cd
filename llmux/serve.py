"""Runs a house: listens, reloads it when its configuration changes, drains it at a stop. It decides nothing else."""

import asyncio
import contextlib
import gc
import ipaddress
import signal
import ssl
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from llmux.app import Ground, House, furnish, open_ground
from llmux.config.load import ConfigError, Loaded
from llmux.config.schema import Config
from llmux.dialects.registry import TABLE
from llmux.ir.value import Value
from llmux.server.application import build
from llmux.server.services import Desk
from llmux.telemetry import ConfigReloaded, Listener, Notice

BACKLOG = 2048
MEGABYTE = 1024 * 1024
# Keys that a running process cannot change: they say where it listens and how many it is.
FIXED = ("host", "port", "workers", "https_enabled", "ssl_key_file", "ssl_cert_file", "max_body_mb", "store")


class Ready(Value):
    """What a person is told once the house listens."""

    url: str
    loaded: Loaded
    house: House


class Serving:
    """One process's house, from its first answer to its last."""

    def __init__(self, loader: Callable[[], Loaded], loaded: Loaded, ground: Ground) -> None:
        self._loader = loader
        self._loaded = loaded
        self._ground = ground
        self.house = furnish(loaded, ground)
        self._tls: ssl.SSLContext | None = None
        self._stopping = asyncio.Event()

    @asynccontextmanager
    async def listening(self, *, shared_port: bool) -> AsyncGenerator[str, None]:
        """Listen; the address to call. At the end open answers are given `drain_timeout` seconds.

        Raises:
            OSError: the port is taken, or the certificate cannot be read.
        """
        config, ground = self._loaded.config, self._ground
        desk = Desk(lambda: self.house.services, ground.clock, ground.tell, ground.next_id)
        networks = tuple(ipaddress.ip_network(text, strict=False) for text in config.trusted_proxies)
        application = build(desk, TABLE, max_body=int(config.max_body_mb * MEGABYTE), trusted=networks)
        runner = web.AppRunner(
            application, handler_cancellation=True, access_log=None, shutdown_timeout=config.drain_timeout
        )
        await runner.setup()
        try:
            self._tls = tls_context(config) if config.https_enabled else None
            site = web.TCPSite(
                runner, config.host, config.port, ssl_context=self._tls, backlog=BACKLOG, reuse_port=shared_port or None
            )
            await site.start()
            port = runner.addresses[0][1]
            yield f"{'https' if self._tls else 'http'}://{_in_url(config.host)}:{port}"
        finally:
            await runner.cleanup()

    def reload(self) -> None:
        """Check the new configuration whole; if it holds, new requests use it. If not, the old one stays."""
        try:
            loaded = self._loader()
            house = furnish(loaded, self._ground)
        except ConfigError as error:
            self._ground.tell(ConfigReloaded(self._files(), str(error)))
            return
        changed = [key for key in FIXED if getattr(loaded.config, key) != getattr(self._loaded.config, key)]
        if changed:
            self._ground.tell(Notice("warning", f"{', '.join(changed)}: changes at the next start, not by a reload"))
        if self._tls is not None:  # a renewed certificate
            self._tls.load_cert_chain(self._loaded.config.ssl_cert_file, self._loaded.config.ssl_key_file)
        self._loaded, self.house = loaded, house
        self._ground.tell(ConfigReloaded(self._files()))

    async def until_stopped(self) -> None:
        """Wait for a signal to stop; meanwhile reload on SIGHUP and when a file is saved."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(self._watch_files())
            await self._stopping.wait()
            watching.cancel()
        for number in (signal.SIGTERM, signal.SIGINT):  # a second one does not wait for open answers
            loop.remove_signal_handler(number)

    async def _watch_files(self) -> None:
        files = {str(path.resolve()) for path in self._loaded.files}
        if not files:
            return
        from watchfiles import awatch

        folders = {str(Path(file).parent) for file in files}
        async for changes in awatch(*folders, recursive=False, stop_event=self._stopping):
            if any(path in files for _, path in changes):
                self.reload()

    def _files(self) -> str:
        return ", ".join(map(str, self._loaded.files)) or "environment"


async def serve(
    loader: Callable[[], Loaded], tell: Listener, on_ready: Callable[[Ready], None], *, shared_port: bool = False
) -> None:
    """Serve until a signal says to stop.

    Raises:
        ConfigError: the configuration does not hold.
        OSError: no listening at that address.
    """
    loaded = loader()
    async with open_ground(loaded, tell) as ground, asyncio.TaskGroup() as tasks:
        serving = Serving(loader, loaded, ground)
        keeping = tasks.create_task(ground.ledger.run())
        async with serving.listening(shared_port=shared_port) as url:
            gc.freeze()  # what was built until now stays: the collector need not look at it again
            on_ready(Ready(url, loaded, serving.house))
            await serving.until_stopped()
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


def tls_context(config: Config) -> ssl.SSLContext:
    """TLS 1.2 or newer, with the owner's certificate.

    Raises:
        OSError: a file cannot be read, or the two do not belong together.
    """
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(config.ssl_cert_file, config.ssl_key_file)
    return context


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host
