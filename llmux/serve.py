"""Runs a house: listens, reloads it when its configuration changes, drains it at a stop. It decides nothing else."""

import asyncio
import contextlib
import gc
import ipaddress
import os
import signal
import ssl
import sys
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from operator import attrgetter
from pathlib import Path
from typing import Any

from aiohttp import web

from llmux.admin.routes import routes
from llmux.app import House, furnish
from llmux.clock import SystemClock
from llmux.config.load import Loaded
from llmux.config.problem import ConfigError
from llmux.config.schema import Config
from llmux.dialects.registry import TABLE
from llmux.gateway.ledger import REFRESH_EVERY
from llmux.ground import Ground, open_ground
from llmux.ir.value import Value
from llmux.log import open_log
from llmux.metrics.workers import FOLDER, STARTED
from llmux.observers import counted_together, observers
from llmux.server.application import build
from llmux.server.services import Desk
from llmux.server.site import Site
from llmux.supervisor import LINE_VARIABLE, PORT_VARIABLE, SPEAKS_VARIABLE, Line, Supervisor, reserved
from llmux.telemetry import ConfigReloaded, Notice, Voice

SHORTEST_DRAIN_S = 0.01
GRACE_S = 5.0  # what a worker is given beyond drain_timeout, before it is ended
# A request makes some hundred values and leaves no circle: the default would look for circles every few requests.
COLLECT = (20_000, 20, 20)
MEGABYTE = 1024 * 1024
# Keys that a running process cannot change: they say where it listens and how many it is.
FIXED = (
    "host",
    "port",
    "workers",
    "https_enabled",
    "ssl_key_file",
    "ssl_cert_file",
    "max_body_mb",
    "http",
    "store",
    "metrics.enabled",
    "otel",
)


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
    async def listening(self, *, shared_port: int) -> AsyncGenerator[str, None]:
        """Listen; the address to call. At the end open answers are given `drain_timeout` seconds.

        `shared_port`: the one at which other workers listen too; 0: the configuration's, alone.

        Raises:
            OSError: the port is taken, or the certificate cannot be read.
        """
        config, ground = self._loaded.config, self._ground
        desk = Desk(
            lambda: self.house.services, ground.clock, ground.tell, ground.next_id, draining=self._stopping.is_set
        )
        networks = tuple(ipaddress.ip_network(text, strict=False) for text in config.trusted_proxies)
        more = routes(desk, ground.board, TABLE)
        body = int(config.max_body_mb * MEGABYTE)
        server = build(desk, TABLE, max_body=body, trusted=networks, http=config.http, more=more)
        # aiohttp gives open answers this time twice, before it takes their request's body away and after; 0: for ever.
        runner = web.ServerRunner(server, shutdown_timeout=max(config.drain_timeout / 2, SHORTEST_DRAIN_S))
        await runner.setup()
        try:
            self._tls = tls_context(config) if config.https_enabled else None
            address, patience = (config.host, shared_port or config.port), config.http.head_timeout
            await Site(runner, address, tls=self._tls, handshake=patience, shared_port=shared_port > 0).start()
            port = runner.addresses[0][1]
            yield f"{'https' if self._tls else 'http'}://{_in_url(config.host)}:{port}"
        finally:
            await self._drain(runner)

    async def _drain(self, runner: web.ServerRunner) -> None:
        """Let open answers end. Other workers still hear of them, and of each that has ended."""
        async with asyncio.TaskGroup() as tasks:
            sharing = tasks.create_task(self._ground.ledger.run(REFRESH_EVERY))
            await runner.cleanup()
            sharing.cancel()

    def reload(self) -> None:
        """Check the new configuration whole; if it holds, new requests use it. If not, the old one stays."""
        try:
            loaded = self._loader()
            house = furnish(loaded, self._ground)
        except ConfigError as error:
            self._ground.tell(ConfigReloaded(self._files(), str(error)))
            return
        changed = [key for key in FIXED if attrgetter(key)(loaded.config) != attrgetter(key)(self._loaded.config)]
        if changed:
            self._ground.tell(Notice("warning", f"{', '.join(changed)}: changes at the next start, not by a reload"))
        if self._tls is not None:  # a renewed certificate
            self._tls.load_cert_chain(self._loaded.config.ssl_cert_file, self._loaded.config.ssl_key_file)
        self._loaded, self.house = loaded, house
        self._ground.tell(ConfigReloaded(self._files()))

    def stop(self) -> None:
        """As a signal does."""
        self._stopping.set()

    async def until_stopped(self, on_ready: Callable[[], None]) -> None:
        """Wait for a signal to stop; meanwhile share with other workers, and reload on SIGHUP and when a file is saved.

        `on_ready` is called as soon as signals are heard: who then sends one finds us listening.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self.reload)
        async with asyncio.TaskGroup() as tasks:
            ground = self._ground
            work = (
                ground.ledger.run(),
                ground.registry.run(self.furnish),
                ground.access.run(),
                ground.cache.run(),
                ground.board.run(self.standings),
                self._watch_files(),
            )
            background = [tasks.create_task(each) for each in work]
            on_ready()
            await self._stopping.wait()
            for number in (signal.SIGTERM, signal.SIGINT):  # a second one waits for nothing
                loop.remove_signal_handler(number)
            await self._ground.clock.sleep(self._loaded.config.drain_delay)
            for task in background:
                task.cancel()

    def furnish(self) -> None:
        """New requests see what the providers list now; running ones finish with what they saw."""
        self.house = furnish(self._loaded, self._ground)

    def standings(self) -> Sequence[Mapping[str, Any]]:
        """How the backends of the house stand, the current one's."""
        return self.house.services.standings()

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


def run(loader: Callable[[], Loaded], on_ready: Callable[[Ready], None]) -> None:
    """Serve until a signal says to stop; with several workers, keep them alive until then.

    `on_ready` is called once the house listens, by one worker only.

    Raises:
        ConfigError: the configuration does not hold.
        OSError: no listening at that address, or no reading of the certificate.
        StoreNotOpenedError: the store cannot be used.
        SystemExit: with 1, when the workers cannot live.
    """
    loaded = loader()
    _open_many_files()
    if LINE_VARIABLE in os.environ:
        line, port = Line(int(os.environ[LINE_VARIABLE])), int(os.environ[PORT_VARIABLE])
        speak = on_ready if os.environ[SPEAKS_VARIABLE] else _say_nothing
        _runner()(_serve(loader, loaded, speak, line, port))
        return
    for name in (FOLDER, STARTED):  # of who started us, and may count with the same library in a folder of its own
        os.environ.pop(name, None)
    if loaded.config.workers > 1:
        _supervise(loaded.config)
    else:
        _runner()(_serve(loader, loaded, on_ready))


def _supervise(config: Config) -> None:
    clock, grace = SystemClock(), config.drain_delay + config.drain_timeout + GRACE_S
    with reserved(config.host, config.port) as port, counted_together(config, clock) as shared:
        environment = {**os.environ, **(shared.environment if shared else {})}
        bury = shared.bury if shared else _forget
        supervisor = Supervisor(config.workers, environment, clock, grace=grace, port=port, bury=bury)
        code = asyncio.run(supervisor.run([sys.executable, "-P", "-m", "llmux", *sys.argv[1:]]))
    if code:
        raise SystemExit(code)


def _open_many_files() -> None:
    """As many as the machine lets us: a request needs two connections, and a shell's limit is often 1024."""
    with contextlib.suppress(ImportError, OSError, ValueError):
        import resource

        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _serve(
    loader: Callable[[], Loaded],
    loaded: Loaded,
    on_ready: Callable[[Ready], None],
    line: Line | None = None,
    shared_port: int = 0,
) -> None:
    """`line` and `shared_port`: a worker's."""
    clock, config = SystemClock(), loaded.config
    log = open_log(config, clock)
    try:
        with observers(config, os.environ, clock, log) as heard:
            voice = Voice(log, *heard.listeners)
            async with open_ground(loaded, voice, clock, heard.metrics) as ground:
                serving = Serving(loader, loaded, ground)

                def ready(url: str) -> None:
                    if line is not None:
                        line.serving(lost=serving.stop)
                    on_ready(Ready(url, loaded, serving.house))

                await _listen(serving, ready, shared_port)
    finally:
        log.flush()


async def _listen(serving: Serving, ready: Callable[[str], None], shared_port: int) -> None:
    async with serving.listening(shared_port=shared_port) as url:
        gc.freeze()  # what was built until now stays: the collector need not look at it again
        gc.set_threshold(*COLLECT)
        await serving.until_stopped(lambda: ready(url))


def _runner() -> Callable[[Coroutine[object, object, None]], None]:
    """The faster event loop, uvloop, where it is installed: it takes a third off the CPU of a stream."""
    try:
        import uvloop
    except ImportError:
        return asyncio.run
    return uvloop.run


def _forget(pid: int) -> None:
    del pid


def _say_nothing(ready: Ready) -> None:
    del ready


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
