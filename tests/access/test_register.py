"""API keys as administrators meet them: made, listed with what they have used, changed, revoked."""

import pytest

from llmux.access.key import digest
from llmux.errors import BadRequest, NotFound, StoreAway
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.store.base import StoreError
from tests.access.rooms import Room, two
from tests.fakes import FakeClock


async def test_a_secret_is_told_once(clock: FakeClock) -> None:
    room = Room(clock)
    made = await room.register.make(b'{"name": "ci"}')
    assert made["name"] == "ci"
    notes = (await room.store.notes("")).values()
    kept = repr([*notes, await room.register.every(), await room.register.find(made["id"])])
    assert made["key"] not in kept
    assert digest(made["key"]) not in kept
    assert made["hint"] in kept


async def test_keys_are_listed_in_the_order_in_which_they_were_made(clock: FakeClock) -> None:
    room = Room(clock)
    for name in "bca":
        await room.make(name=name)
        clock.advance(1)
    assert [key["name"] for key in await room.register.every()] == ["b", "c", "a"]


async def test_two_of_one_name_are_two(clock: FakeClock) -> None:
    room = Room(clock)
    one, two = await room.make(name="ci"), await room.make(name="ci")
    assert await room.name(one[0]) != await room.name(two[0])
    await room.register.revoke(one[1])
    assert [key["id"] for key in await room.register.every()] == [two[1]]


async def test_what_a_key_has_used_is_told_as_the_ledger_counts_it(clock: FakeClock) -> None:
    room = Room(clock)
    ledger = Ledger(room.store, clock, room.facts.append, Keeper())
    secret, key_id = await room.make(maxPerHour=5, maxPer5Hours=7, maxUsd=1)
    clock.advance(1)
    await room.make(maxPerHour=5)
    client = await room.ring.find(secret)
    assert client is not None
    for _ in range(3):
        await ledger.count(client)
    assert [key["used"] for key in await room.register.every()] == [
        {"maxPerHour": 3, "maxPer5Hours": 3, "maxUsd": 0}, {"maxPerHour": 0},
    ]  # fmt: skip
    assert (await room.register.find(key_id))["used"]["maxPerHour"] == 3


async def test_a_list_costs_two_looks_however_many_there_are(clock: FakeClock) -> None:
    room = Room(clock)
    for _ in range(10):
        await room.make(maxPerHour=5)
    before = room.store.calls
    assert len(await room.register.every()) == 10
    assert room.store.calls == before + 2


async def test_a_change_counts_at_once_where_it_is_made(clock: FakeClock) -> None:
    room = Room(clock)
    secret, key_id = await room.make()
    await room.name(secret)
    told = await room.register.change(key_id, b'{"models": ["small"], "maxPerDay": 4}')
    assert (told["models"], told["maxPerDay"], told["used"]) == (["small"], 4, {"maxPerDay": 0})
    client = await room.ring.find(secret)
    assert client is not None
    assert client.models == ("small",)


async def test_who_changes_a_key_that_is_revoked_meanwhile_does_not_bring_it_back(clock: FakeClock) -> None:
    here, there = two(clock)
    secret, key_id = await here.make()
    put = here.store.put

    async def late(key: str, value: bytes, expires: float) -> None:
        if key.startswith("key/"):
            await there.register.revoke(key_id)
        await put(key, value, expires)

    here.store.put = late  # type: ignore[method-assign]  # between its reading and its writing
    with pytest.raises(NotFound):
        await here.register.change(key_id, b'{"maxPerDay": 1}')
    assert await there.name(secret) is None
    assert await here.register.every() == []


@pytest.mark.parametrize("key_id", ["0" * 16, "", "ci", "0" * 15, "A" * 16, "%", "../x"])
async def test_an_id_that_nobody_has(clock: FakeClock, key_id: str) -> None:
    room = Room(clock)
    await room.make()
    for asked in (room.register.find(key_id), room.register.revoke(key_id), room.register.change(key_id, b"{}")):
        with pytest.raises(NotFound):
            await asked
    assert len(await room.register.every()) == 1


async def test_what_does_not_hold_changes_nothing(clock: FakeClock) -> None:
    room = Room(clock)
    _, key_id = await room.make(maxPerDay=5)
    with pytest.raises(BadRequest):
        await room.register.make(b'{"maxPerDay": "many"}')
    with pytest.raises(BadRequest):
        await room.register.change(key_id, b'{"maxPerDay": "many"}')
    assert [key["maxPerDay"] for key in await room.register.every()] == [5]


async def test_without_the_store_nothing_is_done_and_it_is_said(clock: FakeClock) -> None:
    room = Room(clock)
    room.store.fault = StoreError("disk")
    for asked in (room.register.make(b""), room.register.every(), room.register.revoke("0" * 16)):
        with pytest.raises(StoreAway):
            await asked
