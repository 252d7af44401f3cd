"""Failover as plays: what the shell is told to try, and what it reports, line by line."""

import pytest

from llmux.errors import (
    BackendCut,
    BackendFailed,
    BackendGarbled,
    BackendModelNotFound,
    BackendSlow,
    BackendUnreachable,
    BadRequest,
    ClientErrorUpstream,
    ClientGone,
    ContextTooLong,
    FieldRefused,
    GatewayError,
    KeyRefused,
    Overloaded,
    ProofRefused,
    QuotaUsedUp,
    RateLimited,
    TooLarge,
)
from llmux.gateway.exchange import MAX_FIELDS, Exchange, Try

A, B, C = Try("a"), Try("b"), Try("c")
COMMIT = "commit"
DOWN, FAILED, BUSY = BackendUnreachable("down"), BackendFailed("500"), Overloaded("529")
CUT, SLOW = BackendCut("cut"), BackendSlow("slow")
LIMITED, LIMITED_5, LIMITED_90 = RateLimited("?"), RateLimited("5", retry_after=5), RateLimited("90", retry_after=90)
QUOTA, KEY, LONG = QuotaUsedUp("quota", retry_after=3600), KeyRefused("key"), ContextTooLong("long")
PROOF, UNPROVEN = ProofRefused("Invalid signature"), Try("a", unproven=True)
STORE, SEED = FieldRefused("store?", param="store"), FieldRefused("seed?", param="seed")

# A line is a try that is expected, an error that is reported, COMMIT, or at the end what the client hears, as a list.
Line = Try | GatewayError | str | list[GatewayError]

PLAYS: dict[str, list[Line]] = {
    "it works": [A],
    # cannot connect; 5xx; 529: again with backoff, then elsewhere
    "down for good": [A, DOWN, Try("a", 0.5), DOWN, Try("a", 1.0), DOWN, B, DOWN, Try("b", 0.5)],
    "500, then another fault": [A, FAILED, Try("a", 0.5), SLOW, B],
    "cut, down and overloaded": [A, CUT, B, DOWN, Try("b", 0.5), BUSY, Try("b", 1.0), BUSY, C, CUT, [CUT]],
    "another one starts anew": [A, BUSY, Try("a", 0.5), CUT, B, BUSY, Try("b", 0.5), BUSY, Try("b", 1.0)],
    "it says when": [A, BackendFailed("503", retry_after=3), Try("a", 3.0)],
    "it says when, too late for a client that waits": [A, BackendFailed("503", retry_after=20), B],
    # never the same again
    "slow": [A, SLOW, B],
    "cut": [A, CUT, B],
    "garbled": [A, BackendGarbled("garbled"), B],
    "our key": [A, KEY, B],
    "no such model there": [A, BackendModelNotFound("model"), B],
    "too large a body": [A, TooLarge("413"), B],
    "each in its own way": [A, KEY, B, LIMITED_5, C, SLOW, [SLOW]],
    # limits: the client hears the nearest moment
    "limited": [A, LIMITED_5, B],
    "limited everywhere": [A, LIMITED_90, B, LIMITED_5, C, QUOTA, [LIMITED_5]],
    "limited everywhere, one knows when": [A, LIMITED, B, LIMITED_90, C, LIMITED, [LIMITED_90]],
    "limited, then down": [A, LIMITED_5, B, LIMITED_5, C, KEY, [KEY]],
    # the client's own fault
    "bad request": [A, BadRequest("bad"), [BadRequest("bad")]],
    "another 4xx": [A, ClientErrorUpstream("422"), [ClientErrorUpstream("422")]],
    "the client left": [A, ClientGone("gone"), [ClientGone("gone")]],
    # too long: a holds 100 tokens, b 50, c 200
    "too long for a": [A, LONG, C, LONG, [LONG]],
    "the small ones stay out": [A, LONG, C, KEY, [KEY]],
    "too long for b": [A, KEY, B, LONG, C],
    # a field is not supported
    "without the field": [A, STORE, Try("a", without=("store",))],
    "without both fields": [A, STORE, Try("a", without=("store",)), SEED, Try("a", without=("store", "seed"))],
    "it refuses what is gone": [A, STORE, Try("a", without=("store",)), STORE, B],
    "it does not say which": [A, FieldRefused("?"), B],
    "what it has learnt lasts": [A, STORE, Try("a", without=("store",)), DOWN, Try("a", 0.5, ("store",))],
    "the next is asked in full": [A, STORE, Try("a", without=("store",)), KEY, B],
    # a proof of earlier reasoning is not taken
    "without the proofs": [A, PROOF, UNPROVEN],
    "without the proofs, once": [A, PROOF, UNPROVEN, PROOF, B],
    "refused by everybody": [A, PROOF, UNPROVEN, PROOF, B, PROOF, Try("b", unproven=True), KEY, C],
    "what is missing stays away": [A, PROOF, UNPROVEN, DOWN, Try("a", 0.5, unproven=True)],
    "neither proofs nor field": [A, PROOF, UNPROVEN, STORE, Try("a", without=("store",), unproven=True)],
    "a lesson is no failure": [
        A,
        DOWN,
        Try("a", 0.5),
        STORE,
        Try("a", 0.0, ("store",)),
        DOWN,
        Try("a", 1.0, ("store",)),
    ],
    # after the commit point
    "too late to move on": [A, COMMIT, CUT, [CUT]],
    "too late to try again": [A, LIMITED_5, B, COMMIT, FAILED, [FAILED]],
}
CONTEXTS = {"a": 100, "b": 50, "c": 200}


def exchange(plan: str = "abc", **changes: object) -> Exchange:
    settings = {"max_retries": 2, "contexts": CONTEXTS, "deadline": 100.0} | changes
    return Exchange(tuple(plan), **settings)  # type: ignore[arg-type]  # a test's own words, checked by its running


@pytest.mark.parametrize("play", PLAYS.values(), ids=PLAYS)
def test_play(play: list[Line]) -> None:
    machine = exchange()
    seen: list[Line] = [machine.start()]
    for line in play:
        if line == COMMIT:
            machine.committed()
            seen.append(COMMIT)
        elif isinstance(line, GatewayError):
            seen.append(line)
            try:
                seen.append(machine.failed(line, now=0.0, chance=0.0))
            except GatewayError as error:
                seen.append([error])
    assert seen == play


def test_who_failed_and_is_told_is_the_error_itself() -> None:
    """Its traceback and what the gateway wrote on it must not be lost."""
    error = BadRequest("bad")
    with pytest.raises(BadRequest) as heard:
        exchange().failed(error, 0.0, 0.0)
    assert heard.value is error


@pytest.mark.parametrize(
    ("now", "error", "expected"),
    [
        (99.0, DOWN, Try("a", 0.5)),
        (99.5, DOWN, B),  # the wait would end at the deadline; another backend needs no wait
        (99.9, LIMITED, B),
        (100.0, DOWN, None),
        (100.0, LIMITED, None),
        (100.0, LONG, None),
        (99.9, STORE, Try("a", without=("store",))),
        (100.0, STORE, None),
        (99.9, PROOF, UNPROVEN),
        (100.0, PROOF, None),
    ],
)
def test_no_try_begins_at_the_deadline(now: float, error: GatewayError, expected: Try | None) -> None:
    machine = exchange()
    if expected is None:
        with pytest.raises(type(error)):
            machine.failed(error, now, 0.0)
    else:
        assert machine.failed(error, now, 0.0) == expected


@pytest.mark.parametrize(("retries", "tries"), [(0, 1), (1, 2), (4, 5)])
def test_as_many_retries_as_the_owner_says(retries: int, tries: int) -> None:
    machine = exchange(max_retries=retries)
    step, asked = machine.start(), 0
    while step.backend == "a":
        asked += 1
        step = machine.failed(FAILED, 0.0, 0.999)
    assert asked == tries


def test_a_backend_that_refuses_field_after_field_is_given_up() -> None:
    machine = exchange()
    steps = [machine.failed(FieldRefused("no", param=f"field_{n}"), 0.0, 0.0) for n in range(MAX_FIELDS + 1)]
    assert [step.backend for step in steps] == ["a"] * MAX_FIELDS + ["b"]


@pytest.mark.parametrize(
    ("contexts", "expected"),
    [
        ({"a": 100, "b": 100}, None),
        ({"a": 100, "b": 101}, B),
        ({"a": 100, "b": None}, B),  # no limit is larger than any
        ({"a": None, "b": 100}, B),  # known to hold the prompt, or it were not in the plan
        ({"a": None, "b": None}, None),
        ({}, None),
    ],
)
def test_what_is_a_larger_context(contexts: dict[str, int | None], expected: Try | None) -> None:
    machine = exchange("ab", contexts=contexts)
    if expected is None:
        with pytest.raises(ContextTooLong):
            machine.failed(LONG, 0.0, 0.0)
    else:
        assert machine.failed(LONG, 0.0, 0.0) == expected
