"""Every store keeps the same promises: one suite, held against each."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from llmux.store.base import Store, StoreError
from llmux.store.memory import SWEEP_EVERY, MemoryStore
from llmux.store.sqlite import SqliteStore
from tests.fakes import FakeClock

# A minute is no promise of any store: it keeps a busy machine from failing these tests.
STORES: dict[str, Callable[[Path, FakeClock], Store]] = {
    "memory": lambda _path, clock: MemoryStore(clock),
    "sqlite": lambda path, clock: SqliteStore(path / "llmux.db", clock, patience=60),
}


@pytest.fixture(params=STORES)
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: FakeClock) -> AsyncIterator[Store]:
    opened = STORES[request.param](tmp_path, clock)
    yield opened
    await opened.close()


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
    for _ in range(2):  # the sweep may come behind the verb that is due for it
        assert await store.counters(["soon", "late"]) == {"late": 1}
        assert await store.notes("") == {"late": b""}


async def test_a_closed_store_says_so(store: Store, clock: FakeClock) -> None:
    await store.close()
    await store.close()
    verbs = [
        store.add({"a": 1}, {"a": clock.now()}),
        store.counters([]),
        store.put("k", b"", clock.now()),
        store.notes(""),
        store.fetch([]),
        store.trim("", 0),
        store.remove([]),
    ]
    for verb in verbs:
        with pytest.raises(StoreError):
            await verb
