"""What was used: heard, counted by day, shared by workers, summed up."""

from collections.abc import Mapping
from typing import Any

import pytest

from llmux.errors import BadRequest, StoreAway
from llmux.gateway.report import KEPT_DAYS, Key, Question, Report, line, question
from llmux.gateway.usage import KEPT_FOR, LONGEST_NAME, MOST_MODELS, MOST_OPEN, OTHER
from llmux.ir.usage import Usage
from llmux.store.base import StoreError
from llmux.telemetry import RequestFinished, Spent
from tests.fakes import FakeClock
from tests.gateway.accounts import DAY, HOUR, MIDNIGHT, FaultyStore, House, share, two

USAGE = Usage(10, 5, cache_read_tokens=3, cache_write_tokens=2, reasoning_tokens=1)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(MIDNIGHT + HOUR)


@pytest.fixture
def house(clock: FakeClock) -> House:
    return House(clock)


def spent(house: House, number: int = 1, **said: Any) -> None:
    told = {"request_id": f"r{number}", "client": "ann", "backend": "p:a", "provider": "p", "model": "m"}
    house.ledger.usage.hear(Spent(**({"usage": USAGE, "usd": 0.5, "complete": True} | told | said)))


def finished(house: House, number: int = 1, **said: Any) -> None:
    told: dict[str, Any] = {
        "request_id": f"r{number}", "client": "ann", "dialect": "claude", "path": "/v1/messages", "model": "asked",
        "backend": "p:a", "attempts": 1, "status": 200, "stream": False, "usage": None, "first_event_s": None,
        "duration_s": 1.0,
    }  # fmt: skip
    house.ledger.usage.hear(RequestFinished(**(told | said)))


async def rows(house: House, **words: str) -> list[dict[str, Any]]:
    """What was used, without the figures that are 0."""
    told = await house.ledger.usage.tell(words)
    return [{name: value for name, value in row.items() if value} for row in told["rows"]]


async def test_an_answer_that_cost_nothing_is_counted_where_it_once_came_from(house: House) -> None:
    finished(house, served="m", attempts=0)  # it was kept
    assert await rows(house, by="backend,model") == [{"backend": "p:a", "model": "m", "requests": 1}]


async def test_an_answer_is_counted_where_it_came_from(house: House) -> None:
    spent(house)
    finished(house)
    assert await rows(house, by="client,backend,model,day") == [
        {
            "client": "ann", "backend": "p:a", "model": "m", "day": "2025-06-16", "requests": 1, "input_tokens": 10,
            "output_tokens": 5, "cache_read_tokens": 3, "cache_write_tokens": 2, "reasoning_tokens": 1, "usd": 0.5,
        }
    ]  # fmt: skip


async def test_a_request_of_several_answers_is_one_request(house: House) -> None:
    spent(house, backend="p:a", complete=False)
    spent(house, backend="p:b")
    finished(house, backend="p:b")
    assert await rows(house, by="backend") == [
        {"backend": "p:b", "requests": 1, "input_tokens": 10, "output_tokens": 5, "usd": 0.5} | CACHE,
        {"backend": "p:a", "input_tokens": 10, "output_tokens": 5, "usd": 0.5} | CACHE,
    ]


CACHE = {"cache_read_tokens": 3, "cache_write_tokens": 2, "reasoning_tokens": 1}


# What a request that no answer was accounted for tells -> what is counted of it.
UNSPENT: dict[str, tuple[dict[str, Any], list[dict[str, Any]]]] = {
    "nobody could answer": (
        {"backend": "", "error": "NoBackendUp", "status": 503},
        [{"model": "asked", "requests": 1, "errors": 1}],
    ),
    "a kept answer": ({}, [{"model": "asked", "requests": 1}]),
    "tokens were counted": ({"backend": ""}, []),
    "a list of models": ({"model": "", "backend": ""}, []),
    "a stranger": ({"client": "", "backend": "", "error": "Unauthenticated", "status": 401}, []),
    "its client left": ({"error": "ClientGone", "status": 499}, [{"model": "asked", "requests": 1}]),
}


@pytest.mark.parametrize("name", UNSPENT)
async def test_a_request_without_an_answer(house: House, name: str) -> None:
    said, expected = UNSPENT[name]
    finished(house, **said)
    assert await rows(house) == expected


async def test_an_answer_that_failed_in_its_middle_is_an_error_that_cost_something(house: House) -> None:
    spent(house, complete=False, usage=Usage(1, 1))
    finished(house, error="BackendCut")
    assert await rows(house) == [
        {"model": "m", "requests": 1, "errors": 1, "input_tokens": 1, "output_tokens": 1, "usd": 0.5}
    ]


async def test_money_that_nobody_knows_is_said_to_be_missing(house: House) -> None:
    spent(house, 1, usd=0.25)
    spent(house, 2, usd=None)
    (row,) = await rows(house)
    assert (row["usd"], row["unpriced"]) == (0.25, 1)


async def test_a_day_ends_at_midnight_utc(clock: FakeClock, house: House) -> None:
    clock.advance(DAY - HOUR - 1)
    spent(house, 1)
    finished(house, 1)
    spent(house, 2)  # before midnight, and its request is over after it
    clock.advance(2)
    finished(house, 2)
    days = await rows(house, by="day")
    assert [(row["day"], row["requests"], row.get("input_tokens", 0)) for row in days] == [
        ("2025-06-16", 1, 20),
        ("2025-06-17", 1, 0),
    ]
    assert [row["day"] for row in await rows(house, by="day", since="1d")] == ["2025-06-17"]
    assert [row["day"] for row in await rows(house, by="day", until="2025-06-16")] == ["2025-06-16"]


async def test_workers_add_up_and_a_restart_forgets_nothing(clock: FakeClock) -> None:
    first, second = two(clock)
    for house in (first, second, first):
        spent(house)
        finished(house)
    await share(first, second)
    await first.ledger.close()
    for house in (second, House(clock, first.store)):
        (row,) = await rows(house)
        assert (row["requests"], row["usd"]) == (3, 1.5)


async def test_what_is_told_is_what_has_happened_until_now(house: House) -> None:
    spent(house)
    assert len(await rows(house)) == 1


async def test_figures_are_kept_for_a_year_and_more(clock: FakeClock, house: House) -> None:
    spent(house)
    await share(house)
    clock.advance(KEPT_FOR)
    assert len(await rows(house, since="9999d")) == 1
    clock.advance(DAY)
    assert await rows(house, since="9999d") == []


async def test_names_that_clients_make_up_are_bounded(house: House) -> None:
    for number in range(MOST_MODELS + 5):
        spent(house, number, model=f"m{number}", usd=1.0)
    spent(house, model="m0")
    spent(house, client="bob", model="x" * (LONGEST_NAME + 1))
    spent(house, client="bob", model="fine")
    told = {(row["client"], row["model"]): row["input_tokens"] for row in await rows(house, by="client,model")}
    assert len(told) == MOST_MODELS + 3
    assert told["ann", OTHER] == 5 * USAGE.input_tokens
    assert told["ann", "m0"] == 2 * USAGE.input_tokens
    assert told["bob", OTHER] == told["bob", "fine"] == USAGE.input_tokens


async def test_requests_that_never_finish_are_forgotten(house: House) -> None:
    for number in range(MOST_OPEN + 5):
        spent(house, number)
    assert len(house.ledger.usage._open) == MOST_OPEN


async def test_a_store_that_is_away_is_said_to_be(clock: FakeClock) -> None:
    store = FaultyStore(clock)
    house = House(clock, store)
    spent(house)
    store.fault = StoreError("away")
    with pytest.raises(StoreAway):
        await house.ledger.usage.tell({})
    store.fault = None
    await share(house)
    (row,) = await rows(house)
    assert row["usd"] == 0.5, "nothing is lost meanwhile"


async def test_names_of_any_characters_are_told_apart(house: House) -> None:
    for model in ("a/b", 'a"/"b', "ü\n%2F", "a/b/usd"):
        spent(house, model=model, client="c/d")
    assert {row["model"] for row in await rows(house, client="c/d")} == {"a/b", 'a"/"b', "ü\n%2F", "a/b/usd"}


# --- the question ----------------------------------------------------------------------------------------------------

NOW = MIDNIGHT + HOUR  # on 2025-06-16
ASKED: dict[str, tuple[dict[str, str], tuple[str, str, tuple[str, ...]]]] = {
    "nothing": ({}, ("2025-06-10", "2025-06-16", ("model",))),
    "today": ({"since": "1d"}, ("2025-06-16", "2025-06-16", ("model",))),
    "from a day on": ({"since": "2025-02-28"}, ("2025-02-28", "2025-06-16", ("model",))),
    "between days": ({"since": "2025-06-01", "until": "2025-06-02"}, ("2025-06-01", "2025-06-02", ("model",))),
    "until days ago": ({"since": "7d", "until": "2d"}, ("2025-06-10", "2025-06-15", ("model",))),
    "by several": ({"by": "day, client,day"}, ("2025-06-10", "2025-06-16", ("day", "client"))),
    "empty words": ({"since": "", "until": ""}, ("2025-06-10", "2025-06-16", ("model",))),
}


@pytest.mark.parametrize("name", ASKED)
def test_what_words_ask(name: str) -> None:
    words, expected = ASKED[name]
    asked = question(words, NOW)
    assert (asked.since, asked.until, asked.by) == expected


BAD = {
    "by": {"by": "user"},
    "since": {"since": "yesterday"},
    "until": {"until": "2025-13-01"},
    "group": {"group": "model"},
}


@pytest.mark.parametrize("param", BAD)
def test_what_cannot_be_understood_is_named(param: str) -> None:
    with pytest.raises(BadRequest) as caught:
        question(BAD[param], NOW)
    assert caught.value.param == param
    assert param in caught.value.message


def test_a_span_that_ends_before_it_begins() -> None:
    with pytest.raises(BadRequest, match="2025-06-16 is after 2025-06-10"):
        question({"since": "1d", "until": "7d"}, NOW)


def counter(key: Key, figure: str) -> str:
    return f"{line(key)}/{figure}"


def answer(asked: Question, counters: Mapping[str, float]) -> Mapping[str, Any]:
    report = Report(asked)
    report.add(counters)
    return report.told()


def test_the_store_is_asked_for_days_that_it_may_know_only() -> None:
    asked = question({"since": "0001-01-01", "until": "9999-12-31"}, NOW)
    days = [*asked.prefixes()]
    assert len(days) == KEPT_DAYS + 1
    assert (days[0], days[-1]) == ("usage/2024-05-12/", "usage/2025-06-16/")
    assert [*question({"since": "2020-01-01", "until": "2020-02-01"}, NOW).prefixes()] == []


def test_globs_choose_clients_and_models() -> None:
    day = "2025-06-16"
    lines = {("ann", "claude-a"): 1.0, ("ann", "gpt-b"): 2.0, ("bob", "claude-a"): 4.0}
    counters = {counter((day, client, "p", model), "requests"): n for (client, model), n in lines.items()}
    counters |= {"usage/2025-06-16/[]/requests": 8.0, counter((day, "ann", "p", "x"), "a figure of later"): 16.0}

    def total(**words: str) -> int:
        told: int = answer(question(words, NOW), counters)["total"]["requests"]
        return told

    assert total() == 7
    assert total(model="CLAUDE-*") == 5
    assert total(client="ann", model="*") == 3
    assert total(client="nobody") == 0


def test_rows_are_ordered_by_day_then_by_money() -> None:
    money = {("2025-06-15", "a"): 1.0, ("2025-06-16", "b"): 1.0, ("2025-06-16", "c"): 2.0}
    counters = {counter((day, "ann", "p", model), "usd"): usd for (day, model), usd in money.items()}
    by_both = answer(question({"by": "model,day"}, NOW), counters)["rows"]
    assert [(row["day"], row["model"]) for row in by_both] == [
        ("2025-06-15", "a"), ("2025-06-16", "c"), ("2025-06-16", "b")
    ]  # fmt: skip
    by_model = answer(question({}, NOW), counters)["rows"]
    assert [row["model"] for row in by_model] == ["c", "a", "b"]


def test_a_client_sees_its_own_to_the_letter() -> None:
    day = "2025-06-16"
    counters = {counter((day, name, "p", "m"), "requests"): 1.0 for name in ("ann", "Ann", "a*", "[ab]nn")}
    for name in ("ann", "a*", "[ab]nn"):
        assert answer(question({"by": "client"}, NOW, name), counters)["rows"][0]["client"] == name
        assert answer(question({}, NOW, name), counters)["total"]["requests"] == 1
