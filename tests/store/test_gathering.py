"""Additions that go together, as plays: a place that is told when to answer, and callers who come, wait and leave."""

import asyncio
from collections.abc import Sequence

import pytest

from llmux.store.base import StoreError, add_onto
from llmux.store.gathering import Addition, Counted, Gathering
from tests.fakes import settle

LATER = 9e9  # Unix seconds
LONG = 60.0  # s


class Place:
    """Adds when it is told to."""

    def __init__(self, patience: float = LONG) -> None:
        self.rows: dict[str, tuple[float, float]] = {}
        self.batches: list[tuple[Sequence[Addition], asyncio.Future[Sequence[Counted]]]] = []
        self.gathering = Gathering(self._begin, patience)

    def _begin(self, batch: Sequence[Addition]) -> asyncio.Future[Sequence[Counted]]:
        self.batches.append((batch, asyncio.get_running_loop().create_future()))
        return self.batches[-1][1]

    def add(self, amount: float = 1) -> asyncio.Future[object]:
        return self.gathering.add({"n": amount}, {"n": LATER}, 0.0)  # type: ignore[return-value]

    async def answers(self, error: Exception | None = None, *, left_out: bool = True) -> None:
        """The place does what it was asked for last."""
        batch, done = self.batches[-1]
        wanted = [one for one in batch if not (left_out and one.answer.done())]
        if error is not None:
            done.set_exception(error)
        else:
            done.set_result([(one.answer, add_onto(self.rows, one.deltas, one.expires, one.now)) for one in wanted])
        await settle()

    @property
    def held(self) -> float:
        return self.rows["n"][0]


async def test_those_who_come_meanwhile_go_together_and_each_hears_its_own_value() -> None:
    place = Place()
    first = place.add()
    others = [place.add(), place.add(5)]
    assert len(place.batches) == 1
    await place.answers()
    assert await first == {"n": 1}
    await place.answers()
    assert [await one for one in others] == [{"n": 2}, {"n": 7}]


async def test_who_leaves_before_its_turn_is_left_out() -> None:
    place = Place()
    place.add()
    gone = place.add()
    gone.cancel()
    await place.answers()
    await place.answers()
    assert place.held == 1


async def test_who_leaves_while_it_is_added_is_taken_back() -> None:
    """A client that has left while its request was being counted: nobody would give its money back."""
    place = Place()
    gone, stays = place.add(0.75), place.add(0.125)
    gone.cancel()
    await place.answers(left_out=False)  # the place was at it by then
    assert place.held == 0.75
    await place.answers()
    assert await stays == {"n": 0.125}
    assert place.held == 0.125


async def test_who_leaves_in_the_turn_in_which_it_is_told_is_taken_back() -> None:
    place = Place()
    leaves = asyncio.ensure_future(place.gathering.added({"n": 0.75}, {"n": LATER}, 0.0))
    await settle()
    batch, done = place.batches[-1]
    done.set_result([(batch[0].answer, add_onto(place.rows, *batch[0][:3]))])
    done.add_done_callback(lambda _: leaves.cancel())  # behind who tells it, and before it wakes up
    await settle()
    assert (leaves.cancelled(), place.held) == (True, 0.75)
    await place.answers()
    assert place.held == 0


async def test_who_was_told_that_it_failed_is_not_counted_when_it_did_not() -> None:
    """The place was slow, and has added all the same: whoever asked counts by itself by now, and owes it again."""
    place = Place(patience=0.01)
    slow = place.add()
    with pytest.raises(StoreError, match=r"the store took longer than 0\.01 s"):
        await slow
    await place.answers(left_out=False)
    assert place.held == 1
    await place.answers()
    assert place.held == 0


async def test_a_failure_is_everybodys_who_went_together_and_nobody_elses() -> None:
    place = Place()
    first, second = place.add(), place.add()
    await place.answers(StoreError("full"))
    with pytest.raises(StoreError, match="full"):
        await first
    await place.answers()
    assert await second == {"n": 1}
