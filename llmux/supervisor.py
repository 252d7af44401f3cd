"""Several workers on one port: starts them, restarts one that dies, passes signals on. It serves nothing itself.

Between the supervisor and each worker is a line, a pair of sockets. On it a worker says that it serves; and a worker
whose line is closed has lost its supervisor, however that came about, and stops.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress

from llmux.clock import Clock

# What a worker finds in its environment: its number, its end of the line, the port that it shares, and whether it is
# the one that says to a person where llmux listens.
WORKER_VARIABLE = "LLMUX_WORKER"
LINE_VARIABLE = "LLMUX_WORKER_LINE"
PORT_VARIABLE = "LLMUX_WORKER_PORT"
SPEAKS_VARIABLE = "LLMUX_WORKER_SPEAKS"

# A worker that dies sooner than this after its start has a fault that a restart does not mend.
TOO_SOON_S = 2.0
MOST_DEATHS_IN_A_ROW = 3
LONGEST_REST_S = 30.0  # between two tries to start one
START_S = 60.0  # a worker that does not serve by then hangs
WRONG_CONFIGURATION = 2  # the exit code


class Line:
    """A worker's end of the line to its supervisor."""

    def __init__(self, descriptor: int) -> None:
        self._socket = socket.socket(fileno=descriptor)
        self._socket.set_inheritable(False)  # a command that the worker starts would keep it open

    def serving(self, lost: Callable[[], None]) -> None:
        """Say that this worker serves, and from now on listen: `lost` is called once the supervisor is gone."""
        loop = asyncio.get_running_loop()

        def closed() -> None:
            loop.remove_reader(self._socket)
            lost()

        loop.add_reader(self._socket, closed)
        with suppress(OSError):  # gone already: the reader is told
            self._socket.send(b"!")


class _Worker:
    """One life of a worker."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.serves = False
        self.reload = False  # was wished before it could hear that

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it lives."""
        if self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.send_signal(number)


class Supervisor:
    """Keeps `count` workers alive until it is told to stop."""

    def __init__(
        self,
        count: int,
        environment: Mapping[str, str],
        clock: Clock,
        *,
        grace: float,
        port: int,
        bury: Callable[[int], None],
    ) -> None:
        """`grace`: seconds that a worker is given to finish its open answers. `port`: the one that they share.

        `bury` is told the id of a process that has ended.
        """
        self._count = count
        self._environment = {**environment, PORT_VARIABLE: str(port)}
        self._clock = clock
        self._grace, self._bury = grace, bury
        self._workers: dict[int, _Worker] = {}
        self._stopping = asyncio.Event()

    async def run(self, command: Sequence[str]) -> int:
        """Run until a signal, or until the workers cannot live. The exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        async with asyncio.TaskGroup() as tasks:
            keepers = [tasks.create_task(self._keep(number, command)) for number in range(self._count)]
            await self._stopping.wait()
            self._tell(signal.SIGTERM)
            impatient = tasks.create_task(self._end_late_ones())
            codes = await asyncio.gather(*keepers)
            impatient.cancel()
        return max(codes)

    async def _keep(self, number: int, command: Sequence[str]) -> int:
        deaths = 0  # in a row, too soon
        environment = {**self._environment, WORKER_VARIABLE: str(number), SPEAKS_VARIABLE: "yes" * (number == 0)}
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            code = await self._live(number, command, environment)
            if self._stopping.is_set():
                return 0 if code in {0, -signal.SIGTERM} else 1
            deaths = deaths + 1 if self._clock.monotonic() - began < TOO_SOON_S else 0
            _say(f"worker {number} ended with code {code}")
            hopeless = deaths >= MOST_DEATHS_IN_A_ROW or code == WRONG_CONFIGURATION
            if hopeless and not any(worker.serves for worker in self._workers.values()):
                self._stopping.set()
                return code if code > 0 else 1
            environment[SPEAKS_VARIABLE] = ""
            await self._rest(min(LONGEST_REST_S, 0.1 * 2**deaths))
        return 0

    async def _live(self, number: int, command: Sequence[str], environment: Mapping[str, str]) -> int:
        """One life of a worker; the code that it ended with."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                process = await asyncio.create_subprocess_exec(
                    *command,
                    env={**environment, LINE_VARIABLE: str(theirs.fileno())},
                    pass_fds=(theirs.fileno(),),
                    process_group=0,  # Ctrl-C is for us: a worker that heard it twice would not finish its answers
                )
            worker = self._workers[number] = _Worker(process)
            if self._stopping.is_set():  # while it was being started
                worker.send(signal.SIGTERM)
            async with asyncio.TaskGroup() as tasks:
                hearing = tasks.create_task(self._hear(number, worker, ours))
                code = await process.wait()
                hearing.cancel()
            del self._workers[number]
            self._bury(process.pid)
            return code

    @staticmethod
    async def _hear(number: int, worker: _Worker, line: socket.socket) -> None:
        """Wait until the worker says that it serves."""
        line.setblocking(False)  # as the standard library has it
        try:
            async with asyncio.timeout(START_S):
                said = await asyncio.get_running_loop().sock_recv(line, 1)
        except TimeoutError:
            _say(f"worker {number} does not serve {START_S:g} s after its start")
            worker.send(signal.SIGKILL)
            return
        worker.serves = bool(said)
        if worker.serves and worker.reload:
            worker.send(signal.SIGHUP)

    async def _rest(self, seconds: float) -> None:
        """Wait, but for no longer than until a stop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    async def _end_late_ones(self) -> None:
        await self._clock.sleep(self._grace)
        self._tell(signal.SIGKILL)

    def _stop(self) -> None:
        if self._stopping.is_set():  # a second time: workers no longer wait for anything either
            self._tell(signal.SIGTERM)
        self._stopping.set()

    def _reload(self) -> None:
        for worker in self._workers.values():
            worker.reload = not worker.serves  # it may have read the old file, and does not hear the signal yet
            if worker.serves:
                worker.send(signal.SIGHUP)

    def _tell(self, number: signal.Signals) -> None:
        for worker in self._workers.values():
            worker.send(number)


@contextmanager
def reserved(host: str, port: int) -> Iterator[int]:
    """Holds a port that workers may share, and nobody else has; its number, also where `port` is 0.

    Raises:
        OSError: it is taken, or `host` is no address of this machine.
    """
    kind, passive = socket.SOCK_STREAM, socket.AI_PASSIVE
    family, _, _, _, address = socket.getaddrinfo(host or None, port, type=kind, flags=passive)[0]
    with socket.socket(family, kind) as alone:  # one that shares would join a stranger that does, unseen
        alone.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        alone.bind(address)
        address = alone.getsockname()
    with socket.socket(family, kind) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        holder.bind(address)
        yield int(holder.getsockname()[1])


def _say(what: str) -> None:
    with suppress(OSError):  # a closed pipe must not end the workers
        sys.stderr.write(f"llmux: {what}\n")
        sys.stderr.flush()
