"""What the feed remembers of facts: one row a request, bounded, and numbers that agree with it."""

import pytest

from llmux.admin.feed import MOST_CLIENTS, MOST_OPEN, MOST_ROWS, OTHERS, Failure, Row
from llmux.admin.series import COARSE, FINE
from llmux.telemetry import (
    Administered,
    BodySeen,
    ConfigReloaded,
    CooldownEnded,
    CooldownStarted,
    Fact,
    FieldLearnt,
    Notice,
    StoreFault,
)
from tests.admin.facts import failed, finished, heard, planned, spent
from tests.fakes import FakeClock

START = FakeClock().start
UNDER_WAY = Row("r1", START, "m", ("a", "b"), {"c": "too small"})
OVER = Row(
    "r1", START, "m", ("a", "b"), {"c": "too small"}, [Failure("a", "RateLimited", "Too many.", 0.25, 7.0)], "ann",
    "claude", "/v1/messages", "b", 2, 200, True, 12, 5, 0.5, 0.1, 1.5,
)  # fmt: skip


def test_a_request_is_a_row_from_its_plan_to_its_end(clock: FakeClock) -> None:
    feed = heard(clock, planned(c="too small"))
    assert [*feed.rows()] == [UNDER_WAY]
    for fact in (failed(), spent(), finished()):
        feed(fact)
    assert [*feed.rows()] == [OVER]


# What is told, and the tokens and dollars that the row and every count then hold.
SPENDING = {
    "told in time": ([planned(), spent(), finished()], (12, 5, 0.5)),
    "told late": ([planned(), finished(), spent()], (12, 5, 0.5)),
    "two backends were paid": ([planned(), spent(), spent(), finished()], (24, 10, 1.0)),
    "the price is not known": ([planned(), spent(usd=None), finished()], (12, 5, None)),
    "nobody told": ([planned(), finished()], (12, 5, None)),
    "no answer": ([planned(), finished(usage=None, status=502)], (None, None, None)),
}


@pytest.mark.parametrize("case", SPENDING.values(), ids=SPENDING)
def test_what_is_spent_is_counted_once(
    clock: FakeClock, case: tuple[list[Fact], tuple[int | None, int | None, float | None]]
) -> None:
    facts, expected = case
    feed = heard(clock, *facts)
    (row,) = feed.rows()
    assert (row.input_tokens, row.output_tokens, row.usd) == expected
    for counted in (*feed.series.buckets(FINE).values(), *feed.series.buckets(COARSE).values(), feed.clients["ann"]):
        assert (counted.input, counted.output, counted.usd) == tuple(number or 0 for number in expected)


# A finished request that nobody planned for -> is it a request to a model?
UNPLANNED = {
    "a health check": (finished(dialect="", model="", backend=""), False),
    "a list of models": (finished(model="", backend=""), False),
    "a count of tokens": (finished(backend=""), False),
    "a kept answer": (finished(), True),
    "not let in": (finished(model="", backend="", client="", status=401, error="Unauthenticated"), True),
    "no such path": (finished(dialect="", model="", backend="", status=404), False),
}


@pytest.mark.parametrize("case", UNPLANNED.values(), ids=UNPLANNED)
def test_what_is_a_request(clock: FakeClock, case: tuple[Fact, bool]) -> None:
    fact, shown = case
    feed = heard(clock, fact)
    assert len([*feed.rows()]) == shown
    assert feed.series.at(START).requests == shown


# status and error -> is it an error?
ENDS = [(200, "", 0), (200, "BackendCut", 1), (429, "RateLimited", 1), (499, "ClientGone", 0), (400, "", 1)]


@pytest.mark.parametrize(("status", "error", "errors"), ENDS)
def test_what_is_an_error(clock: FakeClock, status: int, error: str, errors: int) -> None:
    feed = heard(clock, planned(), finished(status=status, error=error))
    assert feed.series.at(START).errors == feed.clients["ann"].errors == errors


def test_time_to_the_first_token_is_counted(clock: FakeClock) -> None:
    feed = heard(clock, finished("r1"), finished("r2", first_event_s=None))
    assert sum(feed.series.at(START).first.values()) == 1


def test_it_holds_no_more_than_its_bounds(clock: FakeClock) -> None:
    feed = heard(clock)
    for n in range(MOST_OPEN + 500):
        feed(planned(f"open{n}", **{f"b{i}": "no" for i in range(50)}))
    for n in range(MOST_CLIENTS + 100):
        feed(finished(f"r{n}", client=f"c{n}", model="m" * 9999))
        feed(Notice("warning", f"number {n}"))
    for _ in range(50):
        feed(failed(f"open{MOST_OPEN}", "x" * 9999))
    rows = [*feed.rows()]
    assert len(rows) == 2 * MOST_ROWS
    assert rows[0].id == "r100"
    assert rows[MOST_ROWS].id == f"open{MOST_OPEN + 499}", "of those under way the newest"
    assert max(len(row.refused) for row in rows) == 20
    assert max(len(row.model) for row in rows) == 303
    assert len(feed._open[f"open{MOST_OPEN}"].failures) == 20
    assert feed.clients[OTHERS].requests == 100
    assert [line.text for line in feed.news][-1] == f"number {MOST_CLIENTS + 99}"
    assert len(feed.news) == 60


def test_a_fact_of_a_request_that_is_gone_does_no_harm(clock: FakeClock) -> None:
    feed = heard(clock, failed(), spent(usd=1.0), BodySeen("r1", "client", "a prompt"))
    assert [*feed.rows()] == []
    assert feed.clients["ann"].usd == 1.0


def test_a_path_of_odd_bytes_can_be_shown(clock: FakeClock) -> None:
    feed = heard(clock, finished(path="/v1beta/models/\udc80:generateContent", model="\udc80ü"))
    (row,) = feed.rows()
    assert (row.path, row.model) == ("/v1beta/models/?:generateContent", "?ü")


NEWS = {
    CooldownStarted("a", "rate_limit", 7.4): ("rest", "a", "rests for 7 s: rate_limit"),
    CooldownEnded("a"): ("up", "a", "answers again"),
    FieldLearnt("a", "top_k"): ("field", "a", "does not take 'top_k': it is left out from now on"),
    ConfigReloaded("c.toml"): ("config", "c.toml", "reloaded"),
    ConfigReloaded("c.toml", "port: no"): ("config", "c.toml", "not reloaded: port: no"),
    StoreFault("locked"): ("store", "store", "away: locked"),
    Administered("revoke", "key 7", "::1"): ("admin", "revoke", "key 7 ::1"),
    Notice("error", "Traceback\n  in x\nKeyError: 1\n"): ("notice", "error", "KeyError: 1"),
}


@pytest.mark.parametrize("fact", NEWS, ids=lambda fact: type(fact).__name__)
def test_news(clock: FakeClock, fact: Fact) -> None:
    (line,) = heard(clock, fact, Notice("debug", "not news")).news
    assert (line.kind, line.subject, line.text) == NEWS[fact]


def test_without_an_administrator_it_does_not_listen(clock: FakeClock) -> None:
    feed = heard(clock)
    feed.listen(on=False)
    feed(planned())
    assert [*feed.rows()] == []
