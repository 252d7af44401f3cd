"""What facts are counted as; that labels are few; and that nothing but counting happens."""

import pytest

from llmux.metrics.counting import MOST_CLIENTS, MOST_FAILED
from llmux.metrics.names import MOST
from llmux.telemetry import CacheUsed, Fact, Notice, RequestStarted, StoreFault
from tests.metrics.counts import FINISHED, SPENT, STARTED, WHICH, Ear, Samples, asked, failed

REQUESTS = 'llmux_requests_total{backend="%s",client="%s",dialect="claude",model="%s",status="%s"}'
LATENCY, FIRST = "llmux_latency_seconds", "llmux_time_to_first_token_seconds"
TOKENS = 'llmux_tokens_total{backend="a",direction="%s",model="big"}'

# facts -> what they count, of all that is not a histogram
PLAYS: dict[str, tuple[list[Fact], Samples]] = {
    "an answer": ([STARTED, FINISHED], {REQUESTS % ("a", "team", "sonnet", 200): 1}),
    "two of them": ([STARTED, STARTED, FINISHED, FINISHED], {REQUESTS % ("a", "team", "sonnet", 200): 2}),
    "while it is answered": ([STARTED], {"llmux_active_requests": 1}),
    "a page of the gateway's own": ([RequestStarted("r", "/metrics"), asked("", dialect="", path="/metrics")], {}),
    "an answer of the cache's": (
        [STARTED, asked("sonnet", attempts=0)],
        {REQUESTS % ("cache", "team", "sonnet", 200): 1},
    ),
    "an answer of the gateway's own": (
        [STARTED, asked("sonnet", attempts=0, backend="llmux")],
        {REQUESTS % ("llmux", "team", "sonnet", 200): 1},
    ),
    "a refusal": (
        [STARTED, asked("sonnet", backend="", attempts=0, status=400, error="BadRequest", client="")],
        {
            'llmux_errors_total{kind="BadRequest"}': 1,
            REQUESTS % ("none", "none", "other", 400): 1,
        },
    ),
    "what it took": (
        [SPENT],
        {
            'llmux_cost_total{backend="a",model="big"}': 0.25,
            TOKENS % "input": 10,
            TOKENS % "output": 5,
            TOKENS % "cache_read": 3,
            TOKENS % "cache_write": 2,
            TOKENS % "reasoning": 4,
        },
    ),
    "the cache": (
        [CacheUsed("r", outcome) for outcome in ("hit", "hit", "miss", "coalesced", "bypass")],
        {
            "llmux_cache_hits_total": 2,
            "llmux_cache_misses_total": 1,
            "llmux_cache_coalesced_total": 1,
            "llmux_cache_bypasses_total": 1,
        },
    ),
    "a store that is away": ([StoreFault("gone")], {"llmux_store_faults_total": 1}),
    "what is not counted": ([Notice("info", "hello")], {}),
}


@pytest.mark.parametrize(("facts", "expected"), PLAYS.values(), ids=PLAYS)
def test_what_is_counted(facts: list[Fact], expected: Samples) -> None:
    counted = {name: value for name, value in Ear().hear(*facts).counted.items() if "_seconds" not in name}
    assert counted == expected


# failed tries, who answered (or whose error it was), whether it is an error -> failovers, by whom and for what
FAILOVERS = {
    "none": ([], "a", "", {}),
    "again at the same": ([failed("a")], "a", "", {}),
    "to another": ([failed("a")], "b", "", {("a", "BackendDown"): 1}),
    "again, then on and on": (
        [failed("a"), failed("a"), failed("b", "RateLimited")],
        "c",
        "",
        {("a", "BackendDown"): 1, ("b", "RateLimited"): 1},
    ),
    "nobody answers": ([failed("a"), failed("b")], "a", "BackendDown", {("a", "BackendDown"): 1}),
    "cut in its middle": ([failed("a")], "a", "BackendCut", {}),
}


@pytest.mark.parametrize(("tries", "backend", "error", "expected"), FAILOVERS.values(), ids=FAILOVERS)
def test_failovers(tries: list[Fact], backend: str, error: str, expected: dict[tuple[str, str], int]) -> None:
    ear = Ear().hear(failed("z", request_id="req_2"), *tries, asked("sonnet", backend=backend, error=error))
    counted = {name: value for name, value in ear.counted.items() if "failovers" in name}
    named = {f'llmux_failovers_total{{backend="{one}",error="{of}"}}': n for (one, of), n in expected.items()}
    assert counted == named


def test_times_are_told_in_buckets_and_of_streams_only_the_first_token() -> None:
    counted = Ear().hear(FINISHED, asked("sonnet", stream=False), asked("sonnet", first_event_s=None)).counted
    assert counted[f"{LATENCY}_count{{{WHICH}}}"] == 3
    assert counted[f"{LATENCY}_sum{{{WHICH}}}"] == 6.0
    assert f'{LATENCY}_bucket{{backend="a",le="1.28",model="sonnet"}}' not in counted
    assert counted[f'{LATENCY}_bucket{{backend="a",le="2.56",model="sonnet"}}'] == 3
    assert counted[f"{FIRST}_count{{{WHICH}}}"] == 1
    assert counted[f'{FIRST}_bucket{{backend="a",le="0.5",model="sonnet"}}'] == 1


def test_a_list_of_models_has_no_time() -> None:
    assert not [name for name in Ear().hear(asked("", backend="", attempts=0)).counted if "_seconds" in name]


def series(ear: Ear, label: str) -> set[str]:
    families = ear.registry.collect()
    return {one.labels[label] for family in families for one in family.samples if label in one.labels}


def test_a_flood_of_names_makes_few_series() -> None:
    ear = Ear()
    ear.listen.know(["sonnet"], ["team"])
    for number in range(10 * MOST):
        name = f"m{number}"
        ear.hear(asked(name, client=name), asked(name, status=404, backend="", attempts=0, client=""))
    ear.hear(FINISHED, asked("m3"), SPENT)
    assert {"sonnet", "m3", "other"} <= series(ear, "model")
    assert len(series(ear, "model")) <= MOST + 3  # sonnet, the rest, none
    assert {"team", "other"} <= series(ear, "client")
    assert len(series(ear, "client")) <= MOST_CLIENTS + 3
    assert len(ear.listen._over) <= MOST + MOST_CLIENTS + 3  # what is remembered is bounded too


def test_no_name_of_a_request_or_an_address_is_a_label() -> None:
    ear = Ear().hear(STARTED, failed("b"), SPENT, asked("sonnet", remote="192.0.2.7", request_id="req_1"))
    assert not {"192.0.2.7", "req_1"} & {
        value for family in ear.registry.collect() for one in family.samples for value in one.labels.values()
    }


def test_tries_that_fail_after_their_request_are_forgotten_in_time() -> None:
    ear = Ear().hear(*(failed("a", request_id=f"req_{number}") for number in range(2 * MOST_FAILED)))
    assert len(ear.listen._failed) == MOST_FAILED


def test_nothing_is_remembered_of_a_request_that_is_over() -> None:
    ear = Ear().hear(STARTED, failed("b"), FINISHED)
    assert not ear.listen._failed
    assert "llmux_active_requests" not in ear.counted
