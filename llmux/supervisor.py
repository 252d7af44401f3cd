"""Several workers on one port: starts them, restarts one that dies, passes signals on. It serves nothing itself."""

import asyncio
import signal
import sys
from collections.abc import Callable, Mapping, Sequence

from llmux.clock import Clock

WORKER_VARIABLE = "LLMUX_WORKER"  # set in a worker's environment: its number
# A worker that dies sooner than this after its start has a fault that a restart does not mend.
TOO_SOON_S = 2.0
MOST_RESTARTS_IN_A_ROW = 3


class Supervisor:
    """Keeps `count` workers alive until it is told to stop."""

    def __init__(self, count: int, environment: Mapping[str, str], clock: Clock, grace: float) -> None:
        """`grace`: seconds that a worker is given to finish its open answers."""
        self._count = count
        self._environment = environment
        self._clock = clock
        self._grace = grace
        self._workers: dict[int, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    async def run(self, command: Sequence[str], bury: Callable[[int], None]) -> int:
        """Run until a signal, or until the workers cannot live. The exit code. `bury` is told the id of a dead one."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopping.set)
        loop.add_signal_handler(signal.SIGHUP, self._pass_on, signal.SIGHUP)
        async with asyncio.TaskGroup() as tasks:
            keepers = [tasks.create_task(self._keep(number, command, bury)) for number in range(self._count)]
            await self._stopping.wait()
            self._pass_on(signal.SIGTERM)
            impatient = tasks.create_task(self._end_late_ones())
            codes = await asyncio.gather(*keepers)
            impatient.cancel()
        return max(codes)

    async def _keep(self, number: int, command: Sequence[str], bury: Callable[[int], None]) -> int:
        early_deaths = 0
        while not self._stopping.is_set():
            began = self._clock.monotonic()
            environment = {**self._environment, WORKER_VARIABLE: str(number)}
            worker = await asyncio.create_subprocess_exec(*command, env=environment)
            self._workers[number] = worker
            code = await worker.wait()
            bury(worker.pid)
            if self._stopping.is_set():
                return 0 if code in {0, -signal.SIGTERM} else 1
            early_deaths = early_deaths + 1 if self._clock.monotonic() - began < TOO_SOON_S else 0
            sys.stderr.write(f"llmux: worker {number} ended with code {code}\n")
            if early_deaths >= MOST_RESTARTS_IN_A_ROW or code == 2:  # noqa: PLR2004  # 2: a wrong configuration
                self._stopping.set()
                return code or 1
            await self._clock.sleep(min(1.0, 0.1 * 2**early_deaths))
        return 0

    async def _end_late_ones(self) -> None:
        await self._clock.sleep(self._grace)
        self._pass_on(signal.SIGKILL)

    def _pass_on(self, number: signal.Signals) -> None:
        for worker in self._workers.values():
            if worker.returncode is None:
                worker.send_signal(number)
