"""The store in a file: restarts, other processes, and every way in which a file can fail."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
import threading
from contextlib import AbstractContextManager, closing
from pathlib import Path

import pytest

from llmux.clock import SystemClock
from llmux.store import sqlite
from llmux.store.base import StoreError, StoreNotOpenedError
from llmux.store.sqlite import SqliteStore

REPOSITORY = Path(__file__).parents[2]
CLOCK = SystemClock()
LATER = 4e9  # Unix seconds, in the year 2096
LONG = 60  # s; for what must not fail on a busy machine

# Adds to one counter, and prints each new value once it is acknowledged.
ADDER = f"""
import asyncio, sys
from pathlib import Path
from llmux.clock import SystemClock
from llmux.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]), SystemClock(), {LONG})
    async def adds():
        for _ in range(int(sys.argv[2]) // 4):
            values = await store.add({{"n": 1, "m": 1}}, {{"n": {LATER}, "m": {LATER}}})
            assert values["n"] == values["m"]
            print(values["n"], flush=True)
    await asyncio.gather(*(adds() for _ in range(4)))

asyncio.run(main())
"""


def adder(file: Path, times: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", ADDER, str(file), str(times)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "llmux.db"


async def test_a_restart_forgets_nothing(file: Path) -> None:
    first = SqliteStore(file, CLOCK, LONG)
    await first.add({"n": 2}, {"n": LATER})
    await first.put("k", b"v", LATER)
    await first.close()
    second = SqliteStore(file, CLOCK, LONG)
    assert await second.add({"n": 1}, {"n": LATER}) == {"n": 3}
    assert await second.notes("") == {"k": b"v"}
    await second.close()


async def test_four_processes_count_together(file: Path) -> None:
    adders = [adder(file, 200) for _ in range(4)]
    seen = [float(line) for process in adders for line in process.communicate(timeout=LONG)[0].split()]
    assert sorted(seen) == list(range(1, 801))  # each value was given to one of them, once, and moved both counters


async def test_additions_that_come_together_are_written_together(file: Path) -> None:
    store = SqliteStore(file, CLOCK, LONG)
    store._sweep_at = LATER
    written: list[str] = []
    store._connection.set_trace_callback(written.append)
    seen = await asyncio.gather(*(store.add({"n": 1, "m": 2}, {"n": LATER, "m": LATER}) for _ in range(50)))
    assert [(values["n"], values["m"]) for values in seen] == [(n, 2 * n) for n in range(1, 51)]
    assert written.count("COMMIT") == 2  # the first one did not wait for others
    await store.close()


async def test_a_key_that_cannot_be_written_fails_alone(file: Path) -> None:
    store = SqliteStore(file, CLOCK, LONG)
    keys = ["a", "\ud800", "a"]
    answers = await asyncio.gather(*(store.add({key: 1}, {key: LATER}) for key in keys), return_exceptions=True)
    assert answers[::2] == [{"a": 1}, {"a": 2}]
    assert isinstance(answers[1], UnicodeEncodeError)
    await store.close()


async def test_a_batch_that_fails_fails_for_all_and_counts_nothing(file: Path) -> None:
    store = SqliteStore(file, CLOCK, LONG)
    await store._thread.begin(lambda: store._connection.execute("PRAGMA query_only = ON"))
    adds = [store.add({"n": 1}, {"n": LATER}) for _ in range(5)]
    assert {type(each) for each in await asyncio.gather(*adds, return_exceptions=True)} == {StoreError}
    await store._thread.begin(lambda: store._connection.execute("PRAGMA query_only = OFF"))
    assert await store.add({"n": 1}, {"n": LATER}) == {"n": 1}
    await store.close()


async def test_what_waits_while_it_is_closed_is_told_so(file: Path) -> None:
    store = SqliteStore(file, CLOCK, LONG)
    adds = [asyncio.create_task(store.add({"n": 1}, {"n": LATER})) for _ in range(5)]
    await asyncio.sleep(0)
    await store.close()
    first, *others = await asyncio.gather(*adds, return_exceptions=True)
    assert first == {"n": 1}
    assert {type(each) for each in others} == {StoreError}


async def test_a_killed_process_loses_nothing_that_was_acknowledged(file: Path) -> None:
    doomed, other = adder(file, 10**9), adder(file, 200)
    assert doomed.stdout is not None
    seen = [float(doomed.stdout.readline()) for _ in range(100)]
    doomed.send_signal(signal.SIGKILL)
    with doomed.stdout:
        seen += [float(line) for line in doomed.stdout if line[-1] == "\n"]
    doomed.wait()
    seen += [float(line) for line in other.communicate(timeout=LONG)[0].split()]
    store = SqliteStore(file, CLOCK, LONG)
    total = (await store.counters(["n"]))["n"]
    await store.close()
    assert len(set(seen)) == len(seen)
    assert 0 <= total - len(seen) <= 4  # those in flight may have been counted without their print
    with sqlite3.connect(file) as db:
        assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    db.close()


async def test_expired_rows_leave_the_file(file: Path) -> None:
    store = SqliteStore(file, CLOCK, LONG)
    store._sweep_at = LATER  # not yet
    await store.add({"n": 1}, {"n": 1.0})
    await store.put("k", b"", 1.0)
    store._sweep_at = 0.0
    await store.counters([])
    await store.close()  # behind the sweep, in the same thread
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT count(*) FROM counter").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM note").fetchone() == (0,)
    db.close()


# --- a file that fails while it is in use ---


async def test_a_locked_file_is_an_error_and_then_none(file: Path) -> None:
    store = SqliteStore(file, CLOCK, patience=0.02)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(StoreError):
        await store.add({"n": 1}, {"n": LATER})
    other.execute("ROLLBACK")
    other.close()
    store._patience = LONG
    await store.put("k", b"", LATER)
    await store.close()


async def test_a_slow_disk_is_not_waited_for(file: Path) -> None:
    store = SqliteStore(file, CLOCK, patience=0.01)
    disk = threading.Event()
    stuck = store._thread.begin(disk.wait)
    with pytest.raises(StoreError, match="longer than"):
        await store.add({"n": 1}, {"n": LATER})
    disk.set()
    await stuck
    store._patience = LONG
    assert await store.counters(["n"]) == {}  # what was given up before it began was never done
    await store.close()


@pytest.mark.parametrize(
    "pragma",
    ["query_only = ON", "max_page_count = 1"],
    ids=["read-only", "full"],
)
async def test_a_file_that_takes_no_more_is_an_error(pragma: str, file: Path) -> None:
    store = SqliteStore(file, CLOCK, LONG)
    await store._thread.begin(lambda: store._connection.execute(f"PRAGMA {pragma}"))
    with pytest.raises(StoreError):
        await store.put("k", bytes(100_000), LATER)
    with pytest.raises(StoreError):
        await store.add({"n" * 100_000: 1}, {"n" * 100_000: LATER})
    assert await store.counters(["n"]) == {}  # it still reads
    await store.close()


async def test_a_broken_file_is_an_error(file: Path) -> None:
    store = SqliteStore(file, CLOCK, LONG)
    await store.put("k", b"v", LATER)
    await store.close()
    size = file.stat().st_size
    store = SqliteStore(file, CLOCK, LONG)
    with file.open("r+b") as raw:
        raw.seek(4096)  # behind the page that says what the file is
        raw.write(b"\xa5" * (size - 4096))
    with pytest.raises(StoreError):
        await store.notes("")
    with pytest.raises(StoreError):
        await store.add({"n": 1}, {"n": LATER})
    await store.close()


# --- a file that cannot be opened: the start stops ---


def test_a_directory(tmp_path: Path) -> None:
    with pytest.raises(StoreNotOpenedError, match="name another place"):
        SqliteStore(tmp_path, CLOCK)


def test_a_file_where_a_directory_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreNotOpenedError, match="cannot be opened"):
        SqliteStore(tmp_path / "file" / "llmux.db", CLOCK)


def test_something_else(file: Path) -> None:
    file.write_text("Dear diary, ..." * 500)
    with pytest.raises(StoreNotOpenedError, match="not a database"):
        SqliteStore(file, CLOCK)


def test_the_file_of_a_later_llmux(file: Path) -> None:
    with sqlite3.connect(file) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(StoreNotOpenedError, match="version 99"):
        SqliteStore(file, CLOCK)


async def test_a_file_that_another_process_is_just_making_is_waited_for(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    writing = sqlite._writing

    def when_the_other_is_done(db: sqlite3.Connection) -> AbstractContextManager[None]:
        other.close()
        return writing(db)

    monkeypatch.setattr(sqlite, "_writing", when_the_other_is_done)
    store = SqliteStore(file, CLOCK, LONG)
    assert await store.add({"n": 1}, {"n": LATER}) == {"n": 1}
    await store.close()


def test_a_file_that_somebody_keeps(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite, "OPEN_PATIENCE", 0.01)
    monkeypatch.setattr(sqlite, "WAL_TRIES", 2)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("CREATE TABLE theirs (key)")
    other.execute("BEGIN")
    other.execute("SELECT * FROM theirs").fetchall()
    with pytest.raises(StoreNotOpenedError, match="locked"):
        SqliteStore(file, CLOCK)
    other.close()


def test_the_file_is_its_owners_alone(file: Path) -> None:
    store = SqliteStore(file, CLOCK)
    modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.iterdir()}
    asyncio.run(store.close())
    assert modes == dict.fromkeys(["llmux.db", "llmux.db-wal", "llmux.db-shm"], 0o600)


async def test_the_file_of_an_older_version_goes_on(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(file)) as db:
        db.execute("CREATE TABLE counter (key TEXT PRIMARY KEY, value REAL NOT NULL, expires REAL NOT NULL)")
        db.execute("CREATE TABLE note (key TEXT PRIMARY KEY, value BLOB NOT NULL, expires REAL NOT NULL) WITHOUT ROWID")
        db.execute("INSERT INTO counter VALUES ('c', 2, ?)", (LATER,))
        db.execute("INSERT INTO note VALUES ('n', x'00ff', ?)", (LATER,))
        db.execute("PRAGMA user_version = 1")
        db.commit()
    for _ in range(2):
        store = SqliteStore(file, CLOCK, LONG)
        assert await store.counters(["c"]) == {"c": 2}
        assert (await store.notes(""))["n"] == b"\x00\xff"
        await store.put("m", b"123", LATER)
        await store.trim("m", 3)
        assert list(await store.notes("")) == ["m", "n"]
        await store.close()
