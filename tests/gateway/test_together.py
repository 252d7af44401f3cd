"""Whoever is asked in a contest is let go at its end: whatever happens, and however long that takes."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from llmux.errors import BackendFailed, RateLimited
from llmux.gateway.together import Contest, hear_all
from llmux.ir.events import Batch, MessageEnd, Opened
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from tests.fakes import FakeClock, settle

END = MessageEnd(FinishReason.END, Usage())


class Answer:
    """An answer that says something when it is told to, and takes its time to be let go."""

    def __init__(self, name: str, *, lingers: bool = False) -> None:
        self.name, self.lingers = name, lingers
        self.may_speak, self.may_go = asyncio.Event(), asyncio.Event()
        self.error: Exception | None = None
        self.is_gone = False

    async def batches(self) -> AsyncGenerator[Batch, None]:
        try:
            await self.may_speak.wait()
            if self.error:
                raise self.error
            yield (Opened(self.name, "m", 1),)
            yield (END,)
        finally:
            if self.lingers:
                await self.may_go.wait()
            self.is_gone = True


async def heard(contest: Contest, *answers: Answer) -> str:
    async with contest:
        for answer in answers:
            contest.enter(answer.batches())
        batches, batch = await contest.won()
    await batches.aclose()
    assert isinstance(batch[0], Opened)
    return batch[0].backend


async def test_who_lingers_is_waited_for_also_when_the_client_leaves_meanwhile(clock: FakeClock) -> None:
    quick, slow = Answer("quick"), Answer("slow", lingers=True)
    task = asyncio.ensure_future(heard(Contest(clock), quick, slow))
    await settle()
    quick.may_speak.set()
    await settle()
    task.cancel()  # the winner is known, and the loser is on its way out
    await settle()
    assert not task.done()
    slow.may_go.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert quick.is_gone
    assert slow.is_gone


async def test_a_bug_in_one_of_them_is_not_hidden_and_nobody_is_left_behind(clock: FakeClock) -> None:
    broken, other, late = Answer("broken"), Answer("other"), Answer("late")
    broken.error = late.error = ValueError("a bug")
    broken.may_speak.set()
    with pytest.raises(ValueError, match="a bug"):
        await heard(Contest(clock), broken, other, late)
    assert other.is_gone
    assert late.is_gone


async def test_the_most_telling_error_counts_all_tries(clock: FakeClock) -> None:
    one, two = Answer("one"), Answer("two")
    for answer, error, attempts in ((one, BackendFailed("x"), 3), (two, RateLimited("y"), 1)):
        error.attempts, answer.error = attempts, error
        answer.may_speak.set()
    with pytest.raises(RateLimited) as caught:
        await heard(Contest(clock), one, two)
    assert caught.value.attempts == 4


async def test_nobody_is_heard_in_vain(clock: FakeClock) -> None:
    one, two = Answer("one"), Answer("two", lingers=True)
    task = asyncio.ensure_future(hear_all({"one": one.batches(), "two": two.batches()}, clock, 9.0))
    one.may_speak.set()
    await clock.pass_time(10)
    assert not task.done(), "the one that is too slow is let go first"
    two.may_go.set()
    first, second = await task
    assert (first.name, first.events) == ("one", (Opened("one", "m", 1), END))
    assert second.name == "two"
    assert second.error is not None
    assert two.is_gone
    assert not clock.pending
