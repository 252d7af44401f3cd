"""The audit log: written behind what it hears, read out from its end, and bounded."""

import pytest

from llmux.access import audit
from llmux.errors import StoreAway
from llmux.store.base import StoreError
from llmux.telemetry import Administered, Notice
from tests.access.rooms import Room, two
from tests.fakes import FakeClock


async def actions(room: Room, limit: int = 100) -> list[str]:
    return [entry["action"] for entry in await room.audit.entries(limit)]


async def test_what_is_changed_is_read_out_the_newest_first(clock: FakeClock) -> None:
    room = Room(clock)
    for action in "abc":
        room.audit(Administered(action, "a target", "9.9.9.9"))
        clock.advance(1)
    room.audit(Notice("info", "no change"))
    await room.store.put("audit/0", b"of another version", clock.now() + 100)
    assert await actions(room) == ["c", "b", "a"]
    assert await actions(room, 2) == ["c", "b"]
    assert (await room.audit.entries(1))[0] == {
        "at": "2025-06-15T15:06:42Z", "action": "c", "target": "a target", "remote": "9.9.9.9",
    }  # fmt: skip


async def test_hearing_asks_the_store_nothing(clock: FakeClock) -> None:
    room = Room(clock)
    room.audit(Administered("a", "b"))
    assert room.store.calls == 0
    await room.access.refresh()
    assert len(await room.store.notes("audit/")) == 1


async def test_every_process_s_changes_are_one_log(clock: FakeClock) -> None:
    here, there = two(clock)
    for number in range(10):
        (here, there)[number % 2].audit(Administered(str(number), ""))
    await there.access.close()
    assert sorted(await actions(here)) == [str(number) for number in range(10)]  # at the same moment, in any order


async def test_what_cannot_be_written_waits(clock: FakeClock) -> None:
    room = Room(clock)
    room.store.fault = StoreError("disk")
    room.audit(Administered("a", ""))
    clock.advance(1)
    await room.access.refresh()
    room.audit(Administered("b", ""))
    with pytest.raises(StoreAway):
        await room.audit.entries(10)
    await room.access.close()
    room.store.fault = None
    clock.advance(10)
    assert await actions(room) == ["b", "a"]


async def test_it_is_forgotten_in_time(clock: FakeClock) -> None:
    room = Room(clock)
    room.audit(Administered("a", ""))
    await room.access.refresh()
    clock.advance(audit.KEPT_FOR - 1)
    assert await actions(room) == ["a"]
    clock.advance(1)
    assert await actions(room) == []


async def test_it_is_bounded_and_the_oldest_go_first(clock: FakeClock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "MOST_BYTES", 500)
    monkeypatch.setattr(audit, "MOST_WAITING", 5)
    room = Room(clock)
    for number in range(20):
        room.audit(Administered(f"{number:02}", "x" * 50))
        clock.advance(1)
        if number >= 10:
            await room.access.refresh()
    assert await actions(room) == ["19", "18", "17", "16"]
