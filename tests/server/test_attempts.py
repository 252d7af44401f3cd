"""Wrong keys are counted by address: who has brought too many waits, and nobody else does."""

import itertools
from typing import Any

import pytest

from llmux.responder import Client
from llmux.server.attempts import MOST, SPAN, Attempts
from tests.fakes import FakeClock
from tests.server.house import BODIES, Running, running

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
KEYS = {"secret": Client("front")}
HERE = "127.0.0.1"


def fails(attempts: Attempts, address: str, times: int, now: float = 0.0) -> Attempts:
    for number in range(times):
        attempts.failed(address, b"%d" % number, now)
    return attempts


def test_who_has_tried_too_often_waits_until_a_minute_is_over() -> None:
    attempts = Attempts()
    for number in range(3):
        assert attempts.wait("a", 3, number) == 0.0
        attempts.failed("a", b"%d" % number, number)
    assert [attempts.wait("a", 3, now) for now in (3.0, 59.0, 60.0, 61.0)] == [57.0, 1.0, 0.0, 0.0]
    attempts.failed("a", b"4", 61.0)
    assert attempts.wait("a", 3, 61.0) == 0.0  # it begins anew


def test_without_a_limit_nobody_waits() -> None:
    assert fails(Attempts(), "a", 1000).wait("a", 0, 1.0) == 0.0


OTHERS = {
    "another": ("10.0.0.1", "10.0.0.2", False),
    "the same": ("10.0.0.1", "10.0.0.1", True),
    "the same, written as IPv6": ("10.0.0.1", "::ffff:10.0.0.1", True),
    "the same network of IPv6": ("2001:db8::1", "2001:db8::ffff:1", True),
    "another network of IPv6": ("2001:db8::1", "2001:db8:0:1::1", False),
    "no address": ("", "unix", False),
}


@pytest.mark.parametrize("case", OTHERS)
def test_whose_tries_are_whose(case: str) -> None:
    tried, comes, waits = OTHERS[case]
    assert (fails(Attempts(), tried, 3).wait(comes, 3, 1.0) > 0) is waits


def test_only_so_many_addresses_are_remembered() -> None:
    attempts = fails(Attempts(), "first", 5)
    for number in range(MOST):
        attempts.failed(str(number), b"guess", 1.0)
    assert attempts.wait("first", 5, 2.0) == 0.0
    assert len(attempts._tries) == MOST


async def ask(house: Running, path: str = CHAT, **headers: str) -> Any:
    return await house.session.post(house.url + path, json=BODIES.get(path), headers=headers)


@pytest.mark.parametrize("path", BODIES)
async def test_a_guesser_is_told_when_to_come_again_in_its_own_dialect(path: str, clock: FakeClock) -> None:
    async with running(tokens=KEYS, clock=clock, login_attempts=3) as house:
        clock.advance(10)
        heard = [await ask(house, path, **{"x-api-key": f"guess {number}"}) for number in range(5)]
        assert [answer.status for answer in heard] == [401, 401, 401, 429, 429]
        assert heard[3].headers["retry-after"] == "60"
        assert (await heard[3].json())["error"]["type"] in {"rate_limit_error", "rate_limit_exceeded", "requests"}
        assert "too many wrong keys" in (await heard[3].json())["error"]["message"]
        assert (await ask(house, path, **{"x-api-key": "secret"})).status == 429  # a right guess looks like a wrong one
        clock.advance(SPAN)
        assert (await ask(house, path, **{"x-api-key": "secret"})).status == 200


async def test_what_is_no_guess_is_not_counted() -> None:
    async with running(tokens=KEYS, login_attempts=3) as house:
        for _ in range(5):
            assert (await ask(house)).status == 401
            assert (await ask(house, **{"x-api-key": "secret"})).status == 200
        assert (await house.session.get(house.url + "/health")).status == 200


async def test_behind_a_proxy_each_client_has_its_own_tries() -> None:
    async with running(tokens=KEYS, login_attempts=2, trusted=("127.0.0.0/8",)) as house:

        async def status(address: str, key: str) -> int:
            answer = await ask(house, **{"x-api-key": key, "x-forwarded-for": address})
            return int(answer.status)

        assert [await status("1.1.1.1", f"wrong {number}") for number in range(3)] == [401, 401, 429]
        assert await status("2.2.2.2", "secret") == 200
        assert await status("1.1.1.1", "secret") == 429
        assert {fact.remote for fact in house.finished} == {"1.1.1.1", "2.2.2.2"}


async def test_nobody_escapes_by_a_header_of_its_own() -> None:
    async with running(tokens=KEYS, login_attempts=2) as house:
        heard = [
            (await ask(house, **{"x-api-key": f"wrong {number}", "x-forwarded-for": f"1.1.1.{number}"})).status
            for number in range(3)
        ]
        assert heard == [401, 401, 429]


GUESSES = (f"guess {number}" for number in itertools.count())
PAGES: dict[str, tuple[str, str]] = {  # method and path
    "models": ("GET", "/v1/models"),
    "count": ("POST", MESSAGES + "/count_tokens"),
    "embeddings": ("POST", "/v1/embeddings"),
    "kept answers": ("GET", "/v1/responses/x"),
    "explain": ("POST", "/llmux/explain"),
    "deep health": ("GET", "/health?deep=true"),
    "administration": ("GET", "/admin/api-keys"),
}


@pytest.mark.parametrize("page", PAGES)
async def test_every_page_that_asks_for_a_key_counts(page: str) -> None:
    async with running(tokens=KEYS, login_attempts=2, admin_key="boss") as house:
        method, path = PAGES[page]

        async def guess() -> int:
            headers = dict.fromkeys(("x-api-key", "x-admin-key"), next(GUESSES))
            return int((await house.session.request(method, house.url + path, headers=headers)).status)

        assert [await guess() for _ in range(3)] == [401, 401, 429]


async def test_the_admin_key_opens_nothing_either() -> None:
    async with running(tokens=KEYS, login_attempts=2, admin_key="boss") as house:
        for _ in range(2):
            await ask(house, **{"x-api-key": next(GUESSES)})
        answer = await house.session.get(house.url + "/admin/api-keys", headers={"x-admin-key": "boss"})
        assert answer.status == 429
        assert "too many wrong keys" in (await answer.json())["error"]
        assert answer.headers["retry-after"]


async def test_who_has_been_let_in_before_is_let_in_still() -> None:
    """One client behind an address does not lock the others out."""
    async with running(tokens={**KEYS, "late": Client("late")}, login_attempts=2, admin_key="boss") as house:
        boss = {"x-admin-key": "boss"}
        assert (await ask(house, **{"x-api-key": "secret"})).status == 200
        assert (await house.session.get(house.url + "/admin/api-keys", headers=boss)).status == 200
        for _ in range(3):
            await ask(house, **{"x-api-key": next(GUESSES)})
        assert (await ask(house, **{"x-api-key": "secret"})).status == 200
        assert (await house.session.get(house.url + "/admin/api-keys", headers=boss)).status == 200
        assert (await ask(house, **{"x-api-key": "late"})).status == 429


async def test_a_client_that_goes_on_with_an_old_key_is_no_guesser() -> None:
    async with running(tokens=KEYS, login_attempts=2) as house:
        assert [(await ask(house, **{"x-api-key": "old"})).status for _ in range(9)] == [401] * 9
