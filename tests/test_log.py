"""The log: one line a fact, in the form that its reader wants, and never a secret."""

import msgspec
import orjson
import pytest

from llmux.ir.usage import Usage
from llmux.log import GATHER_S, Log
from llmux.telemetry import (
    AnswerRepaired,
    AttemptFailed,
    BodySeen,
    ConfigReloaded,
    CooldownStarted,
    Fact,
    FieldLearnt,
    Notice,
    Planned,
    RequestFinished,
    StoreFault,
)
from tests.fakes import FakeClock

FINISHED = RequestFinished(
    request_id="req_1",
    client="front",
    dialect="claude",
    path="/v1/messages",
    model="sonnet",
    backend="openai:gpt",
    attempts=2,
    status=200,
    stream=True,
    usage=Usage(10, 5, 3),
    first_event_s=0.25,
    duration_s=1.5,
    error="BackendCut",
)
PAGE = msgspec.structs.replace(FINISHED, dialect="", path="/health", error="")


def lines(*facts: Fact, level: str = "INFO", as_json: bool = False) -> list[str]:
    written: list[str] = []
    clock = FakeClock()
    log = Log(written.append, clock, level=level, as_json=as_json)
    for fact in facts:
        log(fact)
    assert not written  # gathered first
    clock.advance(GATHER_S)
    assert len(written) <= 1
    return "".join(written).splitlines()


TEXTS = {
    "a plan": (Planned("req_1", "m", ("a", "b"), {"c": "lacks vision"}), "m: a then b; not c: lacks vision"),
    "no plan": (Planned("req_1", "m", (), {"c": "lacks vision"}), "m: nobody; not c: lacks vision"),
    "a body": (BodySeen("req_1", "client", "{}"), "client: {}"),
    "a request": (
        FINISHED,
        "200  claude  sonnet -> openai:gpt  attempts 2  tokens 13>5  first 0.250 s  1.500 s  front",
    ),
    "a failed attempt": (AttemptFailed("req_1", "a", "BackendCut", "cut", 0.5), "a failed after 0.500 s: BackendCut"),
    "a repair": (AnswerRepaired("req_1", "a", ("repaired=Read",)), "a: repaired=Read"),
    "a cooldown": (CooldownStarted("a", "rate_limit", 60.0), "a rests for 60 s: rate_limit"),
    "a lesson": (FieldLearnt("a", "seed"), "a does not take 'seed'"),
    "a reload": (ConfigReloaded("c.toml"), "c.toml: reloaded"),
    "no reload": (ConfigReloaded("c.toml", "port: wrong"), "the old one stays: port: wrong"),
    "the store": (StoreFault("disk full"), "disk full"),
    "a notice": (Notice("warning", "look here"), "look here"),
}


@pytest.mark.parametrize(("fact", "expected"), TEXTS.values(), ids=TEXTS)
def test_a_line_for_a_person(fact: Fact, expected: str) -> None:
    (line,) = lines(fact, level="DEBUG")
    assert expected in line


@pytest.mark.parametrize("fact", [fact for fact, _ in TEXTS.values()], ids=TEXTS)
def test_a_line_for_a_machine(fact: Fact) -> None:
    (line,) = lines(fact, level="DEBUG", as_json=True)
    told = orjson.loads(line)
    assert told["event"] == type(fact).__name__
    assert told["severity"] in {"DEBUG", "INFO", "WARNING", "ERROR"}


def test_levels() -> None:
    assert lines(PAGE) == []
    assert len(lines(PAGE, level="DEBUG")) == 1
    assert lines(FINISHED, level="WARNING") == []
    assert len(lines(Notice("error", "x"), level="ERROR")) == 1


def test_lines_are_gathered_and_nothing_is_written_twice() -> None:
    written: list[str] = []
    clock = FakeClock()
    log = Log(written.append, clock, level="INFO", as_json=False)
    log(FINISHED)
    log.flush()
    clock.advance(1)
    log.flush()
    assert len(written) == 1


def test_one_fact_is_one_entry_even_if_it_has_many_lines() -> None:
    first, *rest = lines(Notice("error", "Traceback\n  File x\nZeroDivisionError"))
    assert first.endswith("Traceback")
    assert all(line.startswith("  ") for line in rest)


def test_a_clients_words_cannot_drive_the_terminal() -> None:
    fact = msgspec.structs.replace(FINISHED, model="x\x1b[2J\x1b]0;owned\x07\r12:00:00 INFO forged\u202e")
    (line,) = lines(fact)
    assert line.isprintable()
    assert "owned" in line
