"""Hedges as plays on a clock that is set by hand: who is asked when, who is heard, and what becomes of the other."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import BackendUnreachable, ContextTooLong, GatewayError, RateLimited
from llmux.gateway.hedge import FLOOR
from llmux.ir.capability import Profile
from llmux.ir.events import Event, Opened
from llmux.responder import Client, Context, Window
from llmux.routing.catalog import Way
from llmux.routing.delays import ENOUGH
from llmux.telemetry import AttemptFailed, Hedged
from tests.fakes import settle
from tests.gateway.test_gateway import HELLO, TEXT, Table, said
from tests.scripted import Script, ScriptedTransport, Silence, chat_stream, failure

WAY = Way(name="together", execution="hedge", hedge_after=2.0, hedge_share=1.0)
ASKED = TABLE["openai_chat"].decode_request(orjson.dumps(HELLO | {"model": "together"}))
MUTE = Script(steps=[Silence()])


def says(text: str) -> Script:
    return Script(steps=[chat_stream(text)])


class Hedging(Table):
    """Scripted backends behind a role that hedges; time passes only as a play says."""

    def __init__(self, *scripts: Sequence[Script], way: Way = WAY, **changes: object) -> None:
        super().__init__(*(ScriptedTransport(*each) for each in scripts), way=way, **changes)

    def ask_now(self, client: Client | None = None) -> "asyncio.Task[list[Event]]":
        """A request that is under way."""
        context = Context("r1", client) if client else Context("r1")

        async def hear() -> list[Event]:
            async with aclosing(self.gateway.respond(ASKED, context)) as batches:
                return [event async for batch in batches for event in batch]

        return asyncio.ensure_future(hear())

    @property
    def calls(self) -> str:
        """Who was asked, by name."""
        return "".join(name for name, transport in self.transports.items() for _ in transport.calls)

    @property
    def hedged(self) -> list[Hedged]:
        return [fact for fact in self.facts if isinstance(fact, Hedged)]

    def is_at_peace(self) -> bool:
        """Nobody is at a backend any more, and no answer is open."""
        backends = self.parts.planner._catalog.backends
        open_ = [reply for transport in self.transports.values() for reply in transport.replies if not reply.closed]
        return not open_ and not any(self.limits.in_flight(backend) for backend in backends)


async def test_who_speaks_in_time_is_asked_alone() -> None:
    table = Hedging([says("from a")], [says("from b")])
    events = await table.ask_now()
    assert b"from a" in said(events)
    assert table.calls == "a"
    assert table.is_at_peace()


async def test_after_the_silence_the_next_one_is_asked_too_and_the_loser_is_let_go() -> None:
    table = Hedging([MUTE], [says("from b")], [says("from c")])
    asked = table.ask_now()
    await table.clock.pass_time(1.9)
    assert table.calls == "a"
    await table.clock.pass_time(0.2)
    events = await asked
    assert table.calls == "ab"
    assert b"from b" in said(events)
    assert isinstance(events[0], Opened)
    assert (events[0].backend, events[0].attempts) == ("b", 2)
    assert [(fact.first, fact.second, fact.won) for fact in table.hedged] == [("a", "b", "b")]
    assert not [fact for fact in table.facts if isinstance(fact, AttemptFailed)], "to be slower is no failure"
    assert table.ledger.nobody_rests
    assert table.is_at_peace()


async def test_the_first_may_still_win() -> None:
    table = Hedging([Script(steps=[Silence()])], [MUTE])
    asked = table.ask_now()
    await table.clock.pass_time(2.1)
    assert table.calls == "ab"
    [reply] = table.transports["a"].replies
    reply.wake(chat_stream("from a"))
    events = await asked
    assert b"from a" in said(events)
    assert [fact.won for fact in table.hedged] == ["a"]
    assert table.is_at_peace()


async def test_the_usual_time_counts_once_it_is_known_and_never_less_than_a_floor() -> None:
    table = Hedging([MUTE], [says("from b")], way=WAY)
    for _ in range(ENOUGH):
        table.ledger.track.began("a", 0.3, stream=True)
    asked = table.ask_now()
    await table.clock.pass_time(0.29)
    assert table.calls == "a"
    await table.clock.pass_time(0.1)
    await asked
    assert table.calls == "ab"

    quick = Hedging([MUTE], [says("from b")])
    for _ in range(ENOUGH):
        quick.ledger.track.began("a", 0.001, stream=True)
    asked = quick.ask_now()
    await quick.clock.pass_time(FLOOR - 0.001)
    assert quick.calls == "a"
    await quick.clock.pass_time(0.002)
    await asked


async def test_a_backend_that_was_given_up_is_known_to_be_slow() -> None:
    table = Hedging([MUTE], [says("from b")])
    asked = table.ask_now()
    await table.clock.pass_time(2.1)
    await asked
    assert table.ledger.track.latency("a", stream=True) == pytest.approx(2.1)


# name: (what a and b do, seconds that pass, who is heard or which error is, who was asked, how often in all)
PLAYS: dict[str, tuple[list[Script], list[Script], list[float], object, str, int]] = {
    "the first fails at once: failover, as ever": ([failure(429)], [says("x")], [], "b", "ab", 2),
    "the second fails in the race: the first is waited for": (
        [MUTE], [failure(429)], [2.1, 88.0], GatewayError, "ab", 2,
    ),
    "both fail: one error": (
        [failure(429, **{"retry-after": "9"})], [failure(429, **{"retry-after": "5"})], [], RateLimited, "ab", 2,
    ),
    "our client's own fault is asked of nobody else": ([failure(422)], [says("x")], [], GatewayError, "a", 1),
    "unreachable: it is tried again first": (
        [Script(raises=BackendUnreachable("refused"))], [says("x")], [0.9, 1.8], "b", "aaab", 4,
    ),
}  # fmt: skip


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
async def test_a_play(play: tuple[list[Script], list[Script], list[float], object, str, int]) -> None:
    first, second, passes, heard, calls, attempts = play
    table = Hedging(first, second)
    asked = table.ask_now()
    for seconds in passes:
        await table.clock.pass_time(seconds)
    await settle()
    while not asked.done():
        await table.clock.pass_time(1.0)
    if isinstance(heard, str):
        opened = asked.result()[0]
        assert isinstance(opened, Opened)
        assert (opened.backend, opened.attempts) == (heard, attempts)
    else:
        error = asked.exception()
        assert isinstance(error, heard)  # type: ignore[arg-type]  # a class of errors
        assert error.attempts == attempts  # type: ignore[union-attr]
    assert table.calls == calls
    assert table.is_at_peace()


async def test_the_first_fails_in_the_race_and_the_second_is_heard() -> None:
    table = Hedging([MUTE], [MUTE])
    asked = table.ask_now()
    await table.clock.pass_time(2.1)
    table.transports["a"].replies[0].wake()  # it ends, and has said nothing
    await settle()
    assert not asked.done()
    table.transports["b"].replies[0].wake(chat_stream("from b"))
    assert b"from b" in said(await asked)
    assert table.tries == "a", "that is a failure"
    assert table.is_at_peace()


async def test_too_long_a_prompt_goes_to_a_larger_one_only() -> None:
    long = Script(
        400,
        {"content-type": "application/json"},
        [b'{"error":{"code":"context_length_exceeded","message":"too long"}}'],
    )
    sizes = {name: {"profile": Profile(context=context)} for name, context in (("a", 9_000), ("b", 8_000), ("c", None))}
    table = Hedging([long], [says("from b")], [says("from c")], **sizes)
    assert b"from c" in said(await table.ask_now())
    assert table.calls == "ac"
    with pytest.raises(ContextTooLong):
        await Hedging([long], [says("from b")], a=sizes["a"], b=sizes["b"]).ask_now()


async def test_with_nobody_else_there_is_no_hedge() -> None:
    table = Hedging([MUTE])
    asked = table.ask_now()
    await table.clock.pass_time(5.0)
    assert table.calls == "a"
    assert not table.hedged
    asked.cancel()
    await settle()
    assert table.is_at_peace()


async def test_only_a_share_of_the_requests_is_asked_twice() -> None:
    table = Hedging(
        [MUTE], [says("from b")], way=Way(name="together", execution="hedge", hedge_after=1, hedge_share=0.1)
    )
    first = table.ask_now()
    await table.clock.pass_time(1.1)
    await first
    second = table.ask_now()
    await table.clock.pass_time(1.1)
    assert not second.done(), "one is saved at the start, and a tenth for each request"
    assert table.calls == "aab"
    second.cancel()
    await settle()


@pytest.mark.parametrize("after", [0.5, 2.1])
async def test_a_client_that_leaves_cancels_both(after: float) -> None:
    table = Hedging([MUTE], [MUTE])
    asked = table.ask_now()
    await table.clock.pass_time(after)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert table.is_at_peace()
    assert table.ledger.nobody_rests
    assert not table.clock.pending, "no timer is left behind"


async def test_all_of_the_winner_is_heard() -> None:
    whole = chat_stream("from b")
    table = Hedging([MUTE], [Script(steps=[whole[:200], whole[200:300], whole[300:]])])
    asked = table.ask_now()
    await table.clock.pass_time(2.1)
    assert said(await asked) == whole


async def test_a_client_that_leaves_in_the_middle_lets_the_winner_go() -> None:
    half = Script(steps=[TEXT, Silence()])
    table = Hedging([MUTE], [half])
    asked = table.ask_now()
    await table.clock.pass_time(2.1)
    asked.cancel()
    await settle()
    assert table.is_at_peace()


async def test_both_speak_at_once_and_the_first_is_heard() -> None:
    table = Hedging([MUTE], [MUTE])
    asked = table.ask_now()
    await table.clock.pass_time(2.1)
    for name in "ba":
        [reply] = table.transports[name].replies
        reply.wake(chat_stream(f"from {name}"))
    events = await asked
    assert said(events).count(b"from ") == 1
    assert table.is_at_peace()


async def test_windows_count_what_was_sent_and_a_client_once() -> None:
    windows = (Window(10, 3600),)
    table = Hedging([MUTE], [says("from b")], a={"windows": windows}, b={"windows": windows})
    client = Client("one", windows=windows)
    asked = table.ask_now(client)
    await table.clock.pass_time(2.1)
    await asked
    [a, b] = [standing.windows[0].used for standing in table.ledger.snapshot(table.parts.planner._catalog.backends)]
    assert (a, b) == (1, 1), "the loser was sent it too"
    assert table.ledger.use_of(client)[0].used == 1
