"""The stand-ins keep their own promises."""

import asyncio
import socket

import pytest

from tests.conftest import NetworkUsed
from tests.fakes import FakeClock, settle


def test_timers_fire_when_due_in_order(clock: FakeClock) -> None:
    heard: list[tuple[str, float]] = []
    clock.timer(2, lambda: heard.append(("second", clock.monotonic())))
    clock.timer(1, lambda: heard.append(("first", clock.monotonic())))
    clock.timer(1.5, lambda: heard.append(("never", clock.monotonic()))).cancel()
    clock.timer(9, lambda: heard.append(("late", clock.monotonic())))
    clock.advance(5)
    assert heard == [("first", 1.0), ("second", 2.0)]
    assert clock.pending == [4.0]
    assert clock.now() == clock.start + 5


async def test_sleepers_wake(clock: FakeClock) -> None:
    sleeper = asyncio.ensure_future(clock.sleep(10))
    await clock.pass_time(9.9)
    assert not sleeper.done()
    await clock.pass_time(0.1)
    assert sleeper.done()


async def test_a_cancelled_sleeper_leaves_no_timer(clock: FakeClock) -> None:
    sleeper = asyncio.ensure_future(clock.sleep(10))
    await settle()
    sleeper.cancel()
    await settle()
    assert clock.pending == []


def test_no_test_leaves_this_machine() -> None:
    with socket.socket() as outside, pytest.raises(NetworkUsed):
        outside.connect(("192.0.2.1", 80))
    with pytest.raises(socket.gaierror):
        socket.getaddrinfo("example.com", 80)


def test_this_machine_is_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()[:2]) as client:
        assert client.getpeername()[:2] == server.getsockname()[:2]
