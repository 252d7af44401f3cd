"""What a request with an API key meets: how often the store is asked, how late a change is seen, a store away."""

import asyncio

import pytest

from llmux.access.ring import FRESH_FOR, IN_USE_FOR, MOST_SEEN, UNKNOWN_FOR
from llmux.errors import StoreAway, Unauthenticated
from llmux.responder import Window
from llmux.store.base import StoreError
from llmux.telemetry import StoreFault
from tests.access.rooms import Room, two
from tests.fakes import FakeClock, settle
from tests.gateway.accounts import FaultyStore

NOBODYS = "lmx-" + "n" * 43


def test_only_what_is_written_as_a_key_is_one(clock: FakeClock) -> None:
    ours = Room(clock).ring.ours
    assert ours(NOBODYS)
    for other in ("any", "", "sk-ant-1", NOBODYS[:-1], NOBODYS + "n", NOBODYS + "\n", NOBODYS.replace("l", "L", 1)):
        assert not ours(other)


async def test_whose_a_key_is(clock: FakeClock) -> None:
    room = Room(clock)
    secret, key_id = await room.make(name="ci", models=["a*"], maxPerDay=5, userId="u")
    client = await room.ring.find(secret)
    assert client is not None
    assert (client.name, client.models, client.user) == (f"ci-{key_id}", ("a*",), "u")
    assert client.windows == (Window(5, 86_400),)
    assert await room.ring.find(NOBODYS) is None


async def test_a_key_that_is_in_use_costs_no_look_at_the_store(clock: FakeClock) -> None:
    room = Room(clock)
    secret, _ = await room.make()
    await room.ring.find(secret)
    for _ in range(200):  # seconds
        before = room.store.calls
        assert await room.ring.find(secret)
        assert room.store.calls == before
        await room.access.refresh()
        clock.advance(1)


async def test_many_keys_in_use_are_looked_at_together(clock: FakeClock) -> None:
    room = Room(clock)
    for _ in range(20):
        await room.ring.find((await room.make())[0])
    before = room.store.calls
    await room.access.refresh()
    assert room.store.calls == before + 1


async def test_a_key_that_rests_is_left_alone_and_looked_at_when_it_comes_again(clock: FakeClock) -> None:
    here, there = two(clock)
    secret, key_id = await here.make()
    assert await here.name(secret)
    clock.advance(IN_USE_FOR)
    before = here.store.calls
    await here.access.refresh()
    assert here.store.calls == before
    await there.register.revoke(key_id)
    assert await here.name(secret) is None


@pytest.mark.parametrize("runs", [True, False], ids=["with the background", "without"])
async def test_a_key_that_is_revoked_elsewhere_is_soon_revoked_here(clock: FakeClock, runs: bool) -> None:
    here, there = two(clock)
    secret, key_id = await here.make()
    assert await here.name(secret)
    await there.register.revoke(key_id)
    clock.advance(FRESH_FOR)
    if runs:
        await here.access.refresh()
    else:
        clock.advance(0.01)
    assert await here.name(secret) is None


async def test_a_key_that_is_revoked_here_is_so_at_once(clock: FakeClock) -> None:
    room = Room(clock)
    secret, key_id = await room.make()
    assert await room.name(secret)
    await room.register.revoke(key_id)
    assert await room.name(secret) is None


async def test_a_change_elsewhere_is_soon_seen_here(clock: FakeClock) -> None:
    here, there = two(clock)
    secret, key_id = await here.make(maxPerDay=5)
    await here.name(secret)
    await there.register.change(key_id, b'{"maxPerDay": 6}')
    await here.access.refresh()
    client = await here.ring.find(secret)
    assert client is not None
    assert client.windows == (Window(6, 86_400),)


async def test_a_key_made_elsewhere_is_known_here_at_once(clock: FakeClock) -> None:
    here, there = two(clock)
    secret, _ = await there.make()
    assert await here.name(secret)


async def test_a_key_ends_at_its_time_and_says_so(clock: FakeClock) -> None:
    room = Room(clock)
    secret, _ = await room.make(expiresIn=60)
    clock.advance(59)
    assert await room.name(secret)
    clock.advance(1)
    for _ in range(2):
        with pytest.raises(Unauthenticated, match="has expired"):
            await room.ring.find(secret)
        clock.advance(20 * 86_400)
    assert await room.name(secret) is None  # by then it is forgotten


async def test_an_unknown_key_costs_one_look_in_a_while(clock: FakeClock) -> None:
    room = Room(clock)
    for _ in range(100):
        assert await room.ring.find(NOBODYS) is None
    assert room.store.calls == 1
    clock.advance(UNKNOWN_FOR)
    assert await room.ring.find(NOBODYS) is None
    assert room.store.calls == 2


class FarStore(FaultyStore):
    """A store that takes a while, as all but the one in memory do."""

    async def _trouble(self) -> None:
        await super()._trouble()
        await asyncio.sleep(0)


async def test_however_many_come_at_once_there_is_one_look_at_a_time(clock: FakeClock) -> None:
    room = Room(clock, FarStore(clock))
    secret, _ = await room.make()
    before = room.store.calls
    made_up = [f"lmx-{number:043}" for number in range(1000)]
    found = await asyncio.gather(*(room.ring.find(token) for token in [*made_up, *([secret] * 64)]))
    assert found[:1000] == [None] * 1000
    assert all(found[1000:])
    assert room.store.calls == before + 2


async def test_whoever_leaves_while_it_looks_leaves_nobody_without_an_answer(clock: FakeClock) -> None:
    room = Room(clock)
    secret, _ = await room.make()
    room.archive._patience = 60
    room.store.hangs = True
    leaves = asyncio.create_task(room.ring.find(NOBODYS))
    await settle()
    waits = asyncio.create_task(room.ring.find(secret))
    await settle()
    room.store.hangs = False
    leaves.cancel()
    assert await waits


async def test_when_the_store_fails_nobody_who_waits_is_called_wrong(clock: FakeClock) -> None:
    room = Room(clock)
    room.store.fault = StoreError("disk")
    heard = await asyncio.gather(*(room.ring.find(f"lmx-{n:043}") for n in range(50)), return_exceptions=True)
    assert {type(error) for error in heard} == {StoreAway}
    assert room.store.calls == 1
    assert not room.ring._wanted


async def test_what_is_remembered_is_bounded(clock: FakeClock) -> None:
    room = Room(clock)
    for number in range(MOST_SEEN + 10):
        await room.ring.find(f"lmx-{number:043}")
    assert len(room.ring._unknown) == MOST_SEEN


@pytest.mark.parametrize("how", ["fails", "hangs"])
async def test_while_the_store_is_away_keys_that_were_seen_stay_and_others_are_not_called_wrong(
    clock: FakeClock, how: str
) -> None:
    room = Room(clock)
    secret, _ = await room.make()
    other, _ = await room.make()
    await room.ring.find(secret)
    room.store.fault, room.store.hangs = (StoreError("disk"), False) if how == "fails" else (None, True)
    for _ in range(5):
        clock.advance(FRESH_FOR * 2)
        assert await room.name(secret)
        for unseen in (other, NOBODYS):
            with pytest.raises(StoreAway) as away:
                await room.ring.find(unseen)
            assert away.value.status == 503
            assert away.value.retry_after
        await room.access.refresh()
    assert [type(fact) for fact in room.facts] == [StoreFault]
    room.store.fault, room.store.hangs = None, False
    clock.advance(FRESH_FOR)
    await room.access.refresh()
    assert await room.name(other)
    assert await room.ring.find(NOBODYS) is None


async def test_nobody_waits_for_a_store_that_is_known_to_be_away(clock: FakeClock) -> None:
    room = Room(clock)
    secret, _ = await room.make()
    await room.ring.find(secret)
    room.store.fault = StoreError("disk")
    clock.advance(FRESH_FOR * 2)
    await room.access.refresh()
    clock.advance(FRESH_FOR * 2)
    before = room.store.calls
    assert await room.name(secret)
    assert room.store.calls == before


async def test_a_key_is_looked_at_again_when_the_store_is_back(clock: FakeClock) -> None:
    """Though it rested while the store was away, and nobody else asks the store."""
    here, there = two(clock)
    secret, key_id = await here.make()
    await here.ring.find(secret)
    here.store.fault = StoreError("disk")
    clock.advance(IN_USE_FOR)
    assert await here.name(secret)
    clock.advance(IN_USE_FOR)
    here.store.fault = None
    await there.register.revoke(key_id)
    await here.access.refresh()
    assert await here.name(secret) is None


async def test_a_note_of_another_version_opens_nothing(clock: FakeClock) -> None:
    room = Room(clock)
    secret, _ = await room.make()
    [name] = await room.store.notes("key/")
    await room.store.put(name, b'{"version": 9}', clock.now() + 100)
    assert await room.name(secret) is None
    assert await room.register.every() == []
