"""The supervisor over workers that are a line of shell each: what it does about those that die, hang or do not hear."""

import asyncio
import os
import socket
import sys
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from llmux import supervisor as module
from llmux.clock import SystemClock
from llmux.supervisor import Supervisor, reserved

# A worker notes each start in a file, then does as its number says. SERVE is what it says on its line.
SERVE = "import os,sys,time,signal;os.write(int(os.environ['LLMUX_WORKER_LINE']),b'!');"
SLEEP = "time.sleep(30)"
NOTE = "open('{notes}','a').write(os.environ['LLMUX_WORKER']+'{what}\\n');"


class Kept:
    """A supervisor that runs, and what its workers have noted."""

    def __init__(self, notes: Path, supervisor: Supervisor, ends: "asyncio.Task[int]") -> None:
        self._notes, self.supervisor, self._ends = notes, supervisor, ends

    def notes(self) -> list[str]:
        return self._notes.read_text().split() if self._notes.exists() else []

    async def until(self, holds: Callable[[list[str]], bool]) -> None:
        async with asyncio.timeout(10):
            while not holds(self.notes()):
                await asyncio.sleep(0.01)

    async def end(self) -> int:
        async with asyncio.timeout(10):
            return await self._ends


@asynccontextmanager
async def kept(tmp_path: Path, script: str, count: int = 1, grace: float = 5) -> AsyncGenerator[Kept, None]:
    """`script`: what a worker does; NOTE(what) in it notes something."""
    notes = tmp_path / "notes"
    parts = script.split("NOTE(")
    text = parts[0] + "".join(
        NOTE.format(notes=notes, what=what) + rest for what, _, rest in (part.partition(")") for part in parts[1:])
    )
    supervisor = Supervisor(count, os.environ, SystemClock(), grace=grace, port=8082, bury=lambda _: None)
    ends = asyncio.ensure_future(supervisor.run([sys.executable, "-I", "-S", "-c", text]))
    try:
        yield Kept(notes, supervisor, ends)
    finally:
        supervisor._stop()
        supervisor._tell(9)  # type: ignore[arg-type]
        await asyncio.wait([ends], timeout=10)


async def test_a_worker_that_dies_is_started_again(tmp_path: Path) -> None:
    async with kept(tmp_path, SERVE + "NOTE(s)" + SLEEP, count=2) as workers:
        await workers.until(lambda notes: sorted(notes) == ["0s", "1s"])
        workers.supervisor._workers[1].send(9)  # type: ignore[arg-type]
        await workers.until(lambda notes: sorted(notes) == ["0s", "1s", "1s"])
        workers.supervisor._stop()
        assert await workers.end() == 0


@pytest.mark.parametrize("death", ["os._exit(3)", "os.kill(os.getpid(), 11)", "os._exit(2)"])
async def test_workers_that_cannot_live_end_it_and_that_is_no_success(tmp_path: Path, death: str) -> None:
    async with kept(tmp_path, "import os;NOTE(s)" + death, count=2) as workers:
        assert await workers.end() > 0
        assert len(workers.notes()) <= 2 * module.MOST_DEATHS_IN_A_ROW


@pytest.mark.parametrize("code", [2, 3])
async def test_a_worker_that_cannot_start_ends_nobody_who_serves(
    tmp_path: Path, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as one that dies when the file on the disk does not hold: the others still serve what they have read."""
    monkeypatch.setattr(module, "MOST_DEATHS_IN_A_ROW", 1)
    dies = f"os.environ['LLMUX_WORKER']=='1'and(wait('{tmp_path}/up'),os._exit({code}));"
    wait = "wait=lambda up:os.path.exists(up)or(time.sleep(.01),wait(up));"
    async with kept(tmp_path, f"import os,time;NOTE(s){wait}{dies}" + SERVE + SLEEP, count=2) as workers:
        async with asyncio.timeout(10):
            while not ((first := workers.supervisor._workers.get(0)) and first.serves):
                await asyncio.sleep(0.01)
        (tmp_path / "up").touch()
        await workers.until(lambda notes: notes.count("1s") > 2)
        assert workers.notes().count("0s") == 1
        assert workers.supervisor._workers[0].serves


async def test_a_worker_that_hangs_at_its_start_is_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "START_S", 0.3)
    async with kept(tmp_path, "import os,time;NOTE(s)" + SLEEP) as workers:
        await workers.until(lambda notes: len(notes) == 2)


async def test_a_reload_is_heard_also_by_who_could_not_hear_it_yet(tmp_path: Path) -> None:
    """Its default would end a worker that is still being started."""
    hears = "signal.signal(1,lambda *_:NOTED);".replace("NOTED", "open('{0}','a').write('h\\n')")
    script = "import os,time,signal;NOTE(s)time.sleep(0.3);" + hears.format(tmp_path / "notes") + SERVE + SLEEP
    async with kept(tmp_path, script) as workers:
        await workers.until(lambda notes: notes == ["0s"])
        workers.supervisor._reload()
        await workers.until(lambda notes: notes == ["0s", "h"])
        workers.supervisor._reload()
        await workers.until(lambda notes: notes == ["0s", "h", "h"])


async def test_a_stop_while_a_worker_is_being_started_ends_it_too(tmp_path: Path) -> None:
    async with kept(tmp_path, SERVE + SLEEP) as workers:
        await asyncio.sleep(0)  # until the process is being made
        workers.supervisor._stop()
        assert await workers.end() == 0


async def test_a_worker_that_does_not_end_is_ended(tmp_path: Path) -> None:
    async with kept(tmp_path, SERVE + "signal.signal(15,lambda *_:0);NOTE(s)" + SLEEP, grace=0.2) as workers:
        await workers.until(lambda notes: notes == ["0s"])
        began = time.monotonic()
        workers.supervisor._stop()
        assert await workers.end() == 1
        assert time.monotonic() - began < 5


async def test_a_second_signal_does_not_wait(tmp_path: Path) -> None:
    """The first one is a wish to a worker, which then takes its handler away: the second ends it."""
    once = "signal.signal(15,lambda *_:(signal.signal(15,signal.SIG_DFL),open('{0}','a').write('t\\n')));"
    async with kept(tmp_path, SERVE + once.format(tmp_path / "notes") + "NOTE(s)" + SLEEP, grace=60) as workers:
        await workers.until(lambda notes: notes == ["0s"])
        workers.supervisor._stop()
        await workers.until(lambda notes: notes == ["0s", "t"])
        workers.supervisor._stop()
        assert await workers.end() == 0


async def test_who_loses_its_supervisor_knows(tmp_path: Path) -> None:
    ours, theirs = socket.socketpair()
    lost = asyncio.Event()
    line = module.Line(theirs.detach())
    line.serving(lost.set)
    assert ours.recv(9) == b"!"
    ours.close()
    async with asyncio.timeout(1):
        await lost.wait()
    line._socket.close()


def test_a_port_is_shared_by_workers_and_by_nobody_else() -> None:
    with reserved("127.0.0.1", 0) as port, socket.socket() as worker, socket.socket() as second:
        for each in (worker, second):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            each.bind(("127.0.0.1", port))
            each.listen()
        another = reserved("127.0.0.1", port)  # another gateway's supervisor
        with pytest.raises(OSError, match="in use"):
            another.__enter__()
