"""Every store keeps the same promises: one suite, held against each."""

import asyncio
import math
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from llmux.store.base import Store, StoreError
from llmux.store.memory import SWEEP_EVERY, MemoryStore
from llmux.store.redis import RedisStore
from llmux.store.sqlite import SqliteStore
from tests.fakes import FakeClock
from tests.redis_server import needs_redis

# Opens a place: a second time gives a second worker's store, but in memory the same one.
Opener = Callable[[FakeClock], Store]

# A minute is no promise of any store: it keeps a busy machine from failing these tests.
PATIENCE = 60


@pytest.fixture(params=["memory", "sqlite", pytest.param("redis", marks=needs_redis)])
async def opener(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Opener]:
    opened = [MemoryStore(clock)] if request.param == "memory" else list[Store]()
    url = request.getfixturevalue("redis_url") if request.param == "redis" else ""

    def opens(clock: FakeClock) -> Store:
        if request.param == "memory":
            return opened[0]
        store = RedisStore(url, clock, PATIENCE) if url else SqliteStore(tmp_path / "llmux.db", clock, PATIENCE)
        opened.append(store)
        return store

    yield opens
    for store in opened:
        await store.close()


@pytest.fixture
def store(opener: Opener, clock: FakeClock) -> Store:
    return opener(clock)


async def test_counters_begin_at_nothing_and_add_up(store: Store, clock: FakeClock) -> None:
    later = clock.now() + 10
    assert await store.add({"a": 1, "b": 2.5}, {"a": later, "b": later}) == {"a": 1, "b": 2.5}
    assert await store.add({"a": 1, "c": -1}, {"a": later, "c": later}) == {"a": 2, "c": -1}
    assert await store.counters(["a", "b", "c", "d"]) == {"a": 2, "b": 2.5, "c": -1}


async def test_nothing_to_do_is_done(store: Store) -> None:
    assert await store.add({}, {}) == {}
    assert await store.counters([]) == {}
    await store.remove([])


async def test_a_counter_ends_when_its_creator_said(store: Store, clock: FakeClock) -> None:
    first = clock.now() + 10
    await store.add({"a": 1}, {"a": first})
    clock.advance(9)
    assert await store.add({"a": 1}, {"a": clock.now() + 10}) == {"a": 2}  # no new lease of life
    clock.advance(1)
    assert await store.counters(["a"]) == {}
    assert await store.add({"a": 1}, {"a": clock.now() + 10}) == {"a": 1}  # a new one
    clock.advance(9)
    assert await store.counters(["a"]) == {"a": 1}


async def test_adding_at_once_loses_nothing(store: Store, clock: FakeClock) -> None:
    seen = await asyncio.gather(*(store.add({"a": 1}, {"a": clock.now() + 10}) for _ in range(50)))
    assert sorted(answer["a"] for answer in seen) == list(range(1, 51))


async def test_an_addition_moves_all_its_counters_at_once(opener: Opener, clock: FakeClock) -> None:
    workers = [opener(clock) for _ in range(3)]
    keys, later = ["a", "b", "c"], clock.now() + 10

    async def adds(worker: Store) -> list[float]:
        seen = list[float]()
        for _ in range(20):
            values = await worker.add(dict.fromkeys(keys, 1), dict.fromkeys(keys, later))
            assert len(set(values.values())) == 1, "somebody was in between"
            seen.append(values["a"])
        return seen

    answers = await asyncio.gather(*(adds(worker) for worker in workers for _ in range(4)))
    assert all(seen == sorted(seen) for seen in answers)
    assert sorted(value for seen in answers for value in seen) == list(range(1, 241))


async def test_who_adds_is_answered_in_the_order_of_the_additions(store: Store, clock: FakeClock) -> None:
    told: list[float] = []

    async def adds() -> None:
        for _ in range(5):
            values = await store.add({"a": 1}, {"a": clock.now() + 10})
            told.append(values["a"])

    await asyncio.gather(*(adds() for _ in range(20)))
    assert told == list(range(1, 101))


async def test_sums_are_what_they_are_in_python(store: Store, clock: FakeClock) -> None:
    later, total = clock.now() + 10, 0.0
    for delta in (0.1, 0.2, 1e-9, 12345678.9, -0.3, 1 / 3):
        total += delta
        assert await store.add({"usd": delta}, {"usd": later}) == {"usd": total}
    assert await store.tallies("usd") == {"usd": total}


async def test_who_gives_up_spoils_nothing_for_others(store: Store, clock: FakeClock) -> None:
    later = clock.now() + 10

    async def adds(key: str) -> float:
        return (await store.add({key: 1}, {key: later}))[key]

    for _ in range(10):
        gone = [asyncio.create_task(adds("gone")) for _ in range(5)]
        stayed = [asyncio.create_task(adds("stays")) for _ in range(5)]
        await asyncio.sleep(0)
        for task in gone:
            task.cancel()
        await asyncio.gather(*stayed)
        await asyncio.gather(*gone, return_exceptions=True)
    assert await store.add({"stays": 0}, {"stays": later}) == {"stays": 50}
    assert (await store.counters(["gone"])).get("gone", 0) <= 50
    assert await store.notes("") == {}  # each hears the answer to its own question


async def test_counters_are_found_by_how_their_key_begins(store: Store, clock: FakeClock) -> None:
    later = clock.now() + 10
    await store.add(
        {"u/b": 2, "u/a": 1, "v/a": 4, "u": 8, "u/c": 3},
        dict.fromkeys(("u/b", "u/a", "v/a", "u"), later) | {"u/c": later - 9},
    )
    await store.put("u/n", b"a note is no counter", later)
    clock.advance(1)
    assert list((await store.tallies("u/")).items()) == [("u/a", 1), ("u/b", 2)]
    assert await store.tallies("w/") == {}


async def test_a_note_replaces_a_note(store: Store, clock: FakeClock) -> None:
    await store.put("k", b"one", clock.now() + 10)
    await store.put("k", b"\x00two\xff", clock.now() + 20)
    clock.advance(15)
    assert await store.notes("k") == {"k": b"\x00two\xff"}
    clock.advance(5)
    assert await store.notes("k") == {}


async def test_notes_are_found_by_how_their_key_begins(store: Store, clock: FakeClock) -> None:
    keys = ["down/a", "down/é", "down/%", "down/_", "down", "downer", "other"]
    for key in keys:
        await store.put(key, key.encode(), clock.now() + 10)
    assert list(await store.notes("down/")) == ["down/%", "down/_", "down/a", "down/é"]
    assert list(await store.notes("down/%")) == ["down/%"]
    assert list(await store.notes("")) == sorted(keys)


@pytest.mark.parametrize(
    "prefix",
    ["a b/", "a:b/", "a\n/", "%/", "_/", "*/", "[a]?/", "\\/", "'/", '"/', "é/", "\U0010fffe/", "(/", "\x00/", "-"],
)
async def test_a_prefix_is_itself_whatever_it_holds(store: Store, clock: FakeClock, prefix: str) -> None:
    later = clock.now() + 10
    near = ["a", "x/", prefix[:-1], prefix[:-1] + "0", "zz"]
    ours = sorted({prefix, prefix + "1", prefix + "\U0010fffe", prefix + prefix} - set(near))
    for key in (*near, *ours):
        await store.put(key, key.encode(), later)
        await store.add({key: 1}, {key: later})
    assert await store.notes(prefix) == {key: key.encode() for key in sorted({*near, *ours}) if key.startswith(prefix)}
    assert list(await store.tallies(prefix)) == [key for key in sorted({*near, *ours}) if key.startswith(prefix)]
    await store.trim(prefix, 0)
    assert await store.notes("") == {key: key.encode() for key in sorted({*near, *ours}) if not key.startswith(prefix)}
    await store.remove(ours)
    assert list(await store.tallies("")) == sorted(set(near) - set(ours))


async def test_a_note_may_be_large_and_hold_anything(store: Store, clock: FakeClock) -> None:
    notes = {"large": os.urandom(1024 * 1024), "empty": b"", "spaces": b"  1 2 \r\n ", "all": bytes(range(256))}
    for key, value in notes.items():
        await store.put(key, value, clock.now() + 10)
    assert await store.fetch(list(notes)) == notes
    assert await store.notes("") == dict(sorted(notes.items()))


async def test_what_has_no_end_stays(store: Store, clock: FakeClock) -> None:
    await store.put("k", b"v", math.inf)
    await store.add({"a": 1}, {"a": math.inf})
    clock.advance(10 * 365 * 86_400)
    assert await store.notes("") == {"k": b"v"}
    assert await store.add({"a": 1}, {"a": math.inf}) == {"a": 2}


async def test_who_is_a_little_behind_still_finds_what_lives_for_it(opener: Opener, clock: FakeClock) -> None:
    behind = FakeClock(clock.now() - 5)
    ahead, other = opener(clock), opener(behind)
    await ahead.add({"a": 1}, {"a": clock.now() + 1})
    clock.advance(1)
    assert await ahead.counters(["a"]) == {}
    if not isinstance(other, MemoryStore):  # which knows one clock
        assert await other.add({"a": 1}, {"a": behind.now() + 10}) == {"a": 2}


async def test_notes_are_fetched_by_name(store: Store, clock: FakeClock) -> None:
    await store.put("a", b"1", clock.now() + 10)
    await store.put("ab", b"\x00\xff", clock.now() + 20)
    await store.add({"c": 1}, {"c": clock.now() + 20})  # a counter is no note
    assert await store.fetch(["ab", "a", "c", "d"]) == {"ab": b"\x00\xff", "a": b"1"}
    assert await store.fetch([]) == {}
    clock.advance(10)
    assert await store.fetch(["a", "ab"]) == {"ab": b"\x00\xff"}


@pytest.mark.parametrize(
    ("most", "left"),
    [(100, "abc"), (12, "abc"), (11, "bc"), (9, "bc"), (8, "c"), (4, "c"), (3, ""), (0, "")],
)
async def test_trimming_forgets_what_would_expire_first(store: Store, clock: FakeClock, most: int, left: str) -> None:
    sizes = {"a": (3, 10), "c": (4, 30), "b": (5, 20)}  # bytes, seconds to live
    for key, (size, life) in sizes.items():
        await store.put(f"kept/{key}", b"x" * size, clock.now() + life)
    await store.put("other", b"x" * 50, clock.now() + 1)
    await store.trim("kept/", most)
    assert "".join(key[-1] for key in await store.notes("kept/")) == left
    assert await store.fetch(["other"])


async def test_what_is_removed_is_gone(store: Store, clock: FakeClock) -> None:
    later = clock.now() + 10
    await store.add({"both": 1, "a": 1, "b": 1}, dict.fromkeys(("both", "a", "b"), later))
    await store.put("both", b"", later)
    await store.put("note", b"", later)
    await store.remove(["both", "a", "never"])
    assert await store.counters(["both", "a", "b"]) == {"b": 1}
    assert await store.notes("") == {"note": b""}
    assert await store.add({"a": 1}, {"a": later}) == {"a": 1}


async def test_what_lives_outlives_a_sweep(store: Store, clock: FakeClock) -> None:
    soon, late = clock.now() + 1, clock.now() + 2 * SWEEP_EVERY
    await store.add({"soon": 1, "late": 1}, {"soon": soon, "late": late})
    await store.put("soon", b"", soon)
    await store.put("late", b"", late)
    clock.advance(SWEEP_EVERY)
    assert await store.add({"late": 0}, {"late": late}) == {"late": 1}
    for _ in range(2):  # the sweep may come behind the verb that is due for it
        assert await store.counters(["soon", "late"]) == {"late": 1}
        assert await store.notes("") == {"late": b""}


async def test_what_is_added_when_a_sweep_is_due_is_there(store: Store, clock: FakeClock) -> None:
    clock.advance(SWEEP_EVERY)
    later = clock.now() + 10
    assert await store.add({"a": 1}, {"a": later}) == {"a": 1}
    assert await store.add({"a": 1}, {"a": later}) == {"a": 2}


async def test_a_closed_store_says_so(store: Store, clock: FakeClock) -> None:
    await store.close()
    await store.close()
    verbs = [
        store.add({"a": 1}, {"a": clock.now()}),
        store.counters([]),
        store.tallies(""),
        store.put("k", b"", clock.now()),
        store.notes(""),
        store.fetch([]),
        store.trim("", 0),
        store.remove([]),
    ]
    for verb in verbs:
        with pytest.raises(StoreError):
            await verb
