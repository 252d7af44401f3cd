"""A store in one SQLite file: it survives a restart and is shared by every process of this machine that opens it.

One thread owns the connection; the event loop waits for it, and never for long (`PATIENCE`). It holds no rule.

Reference: https://www.sqlite.org/wal.html, https://www.sqlite.org/pragma.html#pragma_synchronous
"""

import asyncio
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from llmux.clock import Clock
from llmux.store.base import StoreError, StoreNotOpenedError, add_onto, surplus
from llmux.store.gathering import Addition, Counted, Gathering
from llmux.store.thread import Thread

Result = TypeVar("Result")

# Seconds that a verb may take before it is a StoreError. A verb takes well under a millisecond; a disk that needs more
# than this is worth less to a request than what the process knows by itself.
PATIENCE = 1.0

# Seconds that opening may wait for other processes, which may all be opening a new file at this moment.
OPEN_PATIENCE = 5.0

# Seconds between two looks for what has expired.
SWEEP_EVERY = 600.0

SCHEMA = 2  # kept in the file as `user_version`

# With a WAL, NORMAL makes a commit a plain write, without an fsync: the system has it, so a kill -9 loses nothing. It
# syncs when the log is folded into the file, so a power cut may lose the last commits but never breaks the file; OFF
# would risk that, to save an fsync that only this store's own thread waits for.
WAL, NORMAL = "PRAGMA journal_mode = WAL", "PRAGMA synchronous = NORMAL"

# Tries to make a new file's journal a WAL. SQLite does not wait for another process that is just doing the same; after
# the first of them has done it there is nothing left to do.
WAL_TRIES = 100

# A note may be large. What is asked of all of them stands in front, and the rows have an id: then looking for what has
# expired, or is too much, reads no values. Measured with 2000 notes of 70 MB in all: 2 ms, against 25 ms.
NOTE = "CREATE TABLE note (key TEXT PRIMARY KEY, expires REAL NOT NULL, size INTEGER NOT NULL, value BLOB NOT NULL)"
VERSION = f"PRAGMA user_version = {SCHEMA}"
TABLES = (
    "CREATE TABLE counter (key TEXT PRIMARY KEY, value REAL NOT NULL, expires REAL NOT NULL) WITHOUT ROWID",
    NOTE,
    VERSION,
)
# An older version -> how its tables become ours.
UPGRADES: Mapping[int, Sequence[str]] = {
    1: (
        "ALTER TABLE note RENAME TO older",
        NOTE,
        "INSERT INTO note (key, expires, size, value) SELECT key, expires, length(value), value FROM older",
        "DROP TABLE older",
        VERSION,
    ),
}

HELD = "SELECT key, value, expires FROM counter WHERE key IN ({})"
# Keys of one question, of the 999 that the oldest SQLite takes.
MOST_KEYS = 500
HOLD = "INSERT OR REPLACE INTO counter (key, value, expires) VALUES (?, ?, ?)"
READ = "SELECT value FROM counter WHERE key = ? AND expires > ?"
# The last code point ends the range of what begins with the prefix: no key of ours holds it.
TALLIES = "SELECT key, value FROM counter WHERE key BETWEEN ?1 AND ?1 || char(1114111) AND expires > ?2 ORDER BY key"
PUT = "INSERT OR REPLACE INTO note (key, expires, size, value) VALUES (?, ?, ?, ?)"
NOTES = "SELECT key, value FROM note WHERE key BETWEEN ?1 AND ?1 || char(1114111) AND expires > ?2 ORDER BY key"
FETCH = "SELECT value FROM note WHERE key = ? AND expires > ?"
SIZES = "SELECT key, size, expires FROM note WHERE key BETWEEN ?1 AND ?1 || char(1114111)"
FORGET = "DELETE FROM note WHERE key = ?"
REMOVE = ("DELETE FROM counter WHERE key = ?", FORGET)
SWEEP = ("DELETE FROM counter WHERE expires <= ?", "DELETE FROM note WHERE expires <= ?")


class SqliteStore:
    """The verbs as transactions on one file.

    Raises:
        StoreNotOpenedError: the file cannot be made, read or written, or is not ours.
    """

    def __init__(self, path: Path, clock: Clock, patience: float = PATIENCE) -> None:
        self._clock, self._patience = clock, patience
        self._sweep_at = 0.0
        self._connection = _open(path, patience)
        self._thread = Thread("store")
        self._additions = Gathering(self._begin, patience)

    async def add(self, deltas: Mapping[str, float], expires: Mapping[str, float]) -> Mapping[str, float]:
        try:
            values = await self._additions.added(deltas, expires, self._clock.now())
        except (sqlite3.Error, RuntimeError) as error:
            raise StoreError(f"the store failed: {error}") from error
        self._sweep()
        return values

    async def counters(self, keys: Sequence[str]) -> Mapping[str, float]:
        now = self._clock.now()
        return await self._do(lambda db: _read(db, keys, now))

    async def tallies(self, prefix: str) -> Mapping[str, float]:
        now = self._clock.now()
        return await self._do(lambda db: dict(db.execute(TALLIES, (prefix, now)).fetchall()))

    async def put(self, key: str, value: bytes, expires: float) -> None:
        await self._do(lambda db: db.execute(PUT, (key, expires, len(value), value)).close())

    async def notes(self, prefix: str) -> Mapping[str, bytes]:
        now = self._clock.now()
        return await self._do(lambda db: dict(db.execute(NOTES, (prefix, now)).fetchall()))

    async def fetch(self, keys: Sequence[str]) -> Mapping[str, bytes]:
        now = self._clock.now()
        return await self._do(lambda db: _read(db, keys, now, FETCH))

    async def trim(self, prefix: str, most: int) -> None:
        def work(db: sqlite3.Connection) -> None:
            with _writing(db):
                keys = surplus(db.execute(SIZES, (prefix,)).fetchall(), most)
                db.executemany(FORGET, [(key,) for key in keys])

        await self._do(work)

    async def remove(self, keys: Sequence[str]) -> None:
        await self._do(lambda db: _each(db, REMOVE, [(key,) for key in keys]))

    async def close(self) -> None:
        with suppress(StoreError):
            await self._do(sqlite3.Connection.close)
        self._thread.end()

    def _begin(self, batch: Sequence[Addition]) -> asyncio.Future[Sequence[Counted]]:
        return self._thread.begin(partial(_add, self._connection, batch))

    async def _do(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Run `work` in the connection's thread."""
        return await self._in_time(self._thread.begin(partial(work, self._connection)))

    async def _in_time(self, work: asyncio.Future[Result]) -> Result:
        """What comes of it. Work that has not begun when patience ends never begins."""
        try:
            async with asyncio.timeout(self._patience):
                result = await work
        except TimeoutError:
            raise StoreError(f"the store took longer than {self._patience} s") from None
        except (sqlite3.Error, RuntimeError) as error:
            raise StoreError(f"the store failed: {error}") from error
        self._sweep()
        return result

    def _sweep(self) -> None:
        """Now and then, delete what has expired: in the thread, for nobody to wait. Failing is harmless."""
        now = self._clock.now()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            swept = self._thread.begin(partial(_each, self._connection, SWEEP, [(now,)]))
            swept.add_done_callback(asyncio.Future.exception)  # heard, and let be


@contextmanager
def _writing(db: sqlite3.Connection) -> Iterator[None]:
    """A transaction that has the write lock from its start: one that reads first could not get it any more."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    finally:
        if db.in_transaction:  # SQLite itself has rolled back after some failures
            db.execute("ROLLBACK")


def _add(db: sqlite3.Connection, batch: Iterable[Addition]) -> Sequence[Counted]:
    """Add in order, in one transaction. Who has given up by now is left out."""
    wanted = [one for one in batch if not one.answer.done()]
    with _writing(db):
        before = _held(db, list({key for one in wanted for key in one.deltas}))
        after = dict(before)
        counted = [(one.answer, add_onto(after, one.deltas, one.expires, one.now)) for one in wanted]
        db.executemany(HOLD, [(key, *row) for key, row in after.items() if row != before.get(key)])
    return counted


def _held(db: sqlite3.Connection, keys: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Value and expiry of the counters that exist among `keys`."""
    held = dict[str, tuple[float, float]]()
    for start in range(0, len(keys), MOST_KEYS):
        asked = keys[start : start + MOST_KEYS]
        rows = db.execute(HELD.format(",".join("?" * len(asked))), asked)
        held |= {key: (value, expires) for key, value, expires in rows}
    return held


def _each(db: sqlite3.Connection, statements: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    with _writing(db):
        for statement in statements:
            db.executemany(statement, rows)


def _read(db: sqlite3.Connection, keys: Iterable[str], now: float, query: str = READ) -> Mapping[str, Any]:
    rows = ((key, db.execute(query, (key, now)).fetchone()) for key in keys)
    return {key: row[0] for key, row in rows if row is not None}


def _open(path: Path, patience: float) -> sqlite3.Connection:
    """Open the file, ready for use; made for its owner's eyes alone when it is new."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _create(path)
        db = sqlite3.connect(path, timeout=OPEN_PATIENCE, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise _not_opened(path, error) from error
    try:
        _prepare(db)
        db.execute(f"PRAGMA busy_timeout = {int(patience * 1000)}")
    except (sqlite3.Error, ValueError) as error:
        db.close()
        raise _not_opened(path, error) from error
    return db


def _create(path: Path) -> None:
    """An empty file for its owner alone; SQLite gives its companions the same mode.

    One that exists is not touched: closing it would drop the locks that this process may hold on it.
    See https://www.sqlite.org/howtocorrupt.html, 2.2.
    """
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))


def _use_wal(db: sqlite3.Connection) -> None:
    for _ in range(WAL_TRIES - 1):
        with suppress(sqlite3.OperationalError):
            db.execute(WAL)
            return
        with _writing(db):
            pass  # this waits for the others
    db.execute(WAL)


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables, unless they are there. Raises ValueError for the file of a version that is not known."""
    _use_wal(db)
    db.execute(NORMAL)
    with _writing(db):  # a file that can only be read fails here, at the start, rather than at the first request
        (version,) = db.execute("PRAGMA user_version").fetchone()
        statements = TABLES if version == 0 else UPGRADES.get(version, ())
        for statement in statements:
            db.execute(statement)
        if not statements and version != SCHEMA:
            raise ValueError(f"it has version {version}, and this llmux knows version {SCHEMA}")


def _not_opened(path: Path, error: Exception) -> StoreNotOpenedError:
    return StoreNotOpenedError(
        f"the store {path} cannot be opened: {error}. Make the file writable for this user, move it away "
        'to begin with a new one, or name another place: [store] url = "sqlite:/path/to/file" or "memory:"'
    )
