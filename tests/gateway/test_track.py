"""What balance goes by is kept by name, and only where somebody looks at it."""

import asyncio

import pytest

from llmux.gateway.limits import Keeper
from llmux.gateway.track import MOST_SAVED, Track
from llmux.routing.balance import Load
from llmux.routing.catalog import Backend
from llmux.routing.delays import ENOUGH
from tests.fakes import FakeClock


def test_nothing_is_kept_where_nobody_looks(clock: FakeClock) -> None:
    track = Track(clock, Keeper())
    track.began("a", 1.0, stream=True)
    assert track.latency("a", stream=True) == 0.0
    assert track.usual("a", stream=True) is None


def test_streams_and_whole_answers_take_their_own_time(clock: FakeClock) -> None:
    track = Track(clock, Keeper())
    track.configure(timed=True)
    for _ in range(ENOUGH):
        track.began("a", 0.2, stream=True)
        track.began("a", 8.0, stream=False)
    assert track.latency("a", stream=True) == 0.2
    assert track.latency("a", stream=False) == 8.0
    assert track.usual("a", stream=True) == pytest.approx(0.2, rel=0.2)
    assert track.latency("b", stream=True) == 0.0
    clock.advance(60)
    assert track.latency("a", stream=True) < 0.1, "who is not asked is slowly forgotten"


@pytest.mark.parametrize("share", [0.0, 0.05, 0.1, 0.5, 1.0])
def test_no_more_than_a_share_is_asked_twice(clock: FakeClock, share: float) -> None:
    track, twice = Track(clock, Keeper()), 0
    for number in range(1, 400):
        track.save("r", share)
        twice += track.spend("r")
        assert twice <= 1 + share * number
    assert twice >= int(share * 399)


def test_what_is_saved_is_bounded_and_each_role_saves_for_itself(clock: FakeClock) -> None:
    track = Track(clock, Keeper())
    for _ in range(10_000):
        track.save("r", 0.1)
    assert sum(track.spend("r") for _ in range(100)) == MOST_SAVED
    assert not track.spend("s")


def test_turns_are_those_of_the_backends_that_fit(clock: FakeClock) -> None:
    track = Track(clock, Keeper())
    track.took(("r", ("a", "b")), {"a": 1, "b": -1})
    assert track.turns(("r", ("a", "b"))) == {"a": 1, "b": -1}
    assert track.turns(("r", ("a", "c"))) == {}
    assert track.turns(("", ("a", "b"))) == {}


def test_how_busy_backends_are(clock: FakeClock) -> None:
    limits = Keeper()
    track = Track(clock, limits)
    track.configure(timed=True)
    track.began("b", 0.5, stream=True)
    a, b = (Backend(name=name, provider="p", model="m", dialect="claude") for name in "ab")
    asyncio.run(limits.enter(a, 1.0))
    assert track.loads((a, b), stream=True) == {"a": Load(in_flight=1), "b": Load(latency=0.5)}
    assert track.loads((b,), stream=False) == {"b": Load()}
