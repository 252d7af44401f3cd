"""What each fault does to an answer, in neutral words."""

import pytest

from llmux.demo.faults import FAULTS, OVERLOADED, Scene
from llmux.demo.naming import Settings
from llmux.demo.script import Fail, Halt, Pause, Raw, Script, Tell, beats, whole
from llmux.errors import RateLimited
from llmux.ir.content import Reasoning, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, StreamError
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

RESPONSE = Response(
    "demo-1",
    "echo",
    (Reasoning(text="let me see"), Text(text="one two three"), ToolCall(id="c", name="t", arguments="{}")),
    FinishReason.TOOL_CALL,
    Usage(7, 9),
)
EMPTY = Response("demo-1", "echo", (), FinishReason.MAX_TOKENS)


def said(script: Script) -> list[Event]:
    return [event for step in script if isinstance(step, Tell) for event in step.events]


def deltas(script: Script) -> list[str]:
    return [event.delta for event in said(script) if isinstance(event, PartDelta)]


def play(word: str, response: Response = RESPONSE, nth: int = 0, **settings: object) -> Script:
    chosen = Settings(**settings)  # type: ignore[arg-type]  # one helper for every setting
    return FAULTS[word].play(Scene(beats(response, chosen.chunk), chosen, nth))


@pytest.mark.parametrize("chunk", [0, 1, 5])
@pytest.mark.parametrize("response", [RESPONSE, EMPTY], ids=["full", "empty"])
def test_the_beats_tell_the_whole_answer(response: Response, chunk: int) -> None:
    groups = beats(response, chunk)
    assert fold(check(event for group in groups for event in group)) == response
    assert all(sum(isinstance(event, PartDelta) for event in group) == 1 for group in groups[:-1])


def test_a_message_starts_with_what_it_cost_so_far() -> None:
    assert beats(RESPONSE)[0][0] == MessageStart("demo-1", "echo", Usage(7, 1))


def test_a_slow_answer_pauses_between_its_deltas_only() -> None:
    script = whole(beats(RESPONSE), 0.5)
    assert [type(step) for step in script[:4]] == [Tell, Pause, Tell, Pause]
    assert script.count(Pause(0.5)) == len(beats(RESPONSE)) - 1


# Fault -> the deltas that are heard, and how it stops.
MIDDLE = ["let", " me", " see"]
STOPS: dict[str, tuple[list[str], object]] = {
    "hang": (MIDDLE, Halt.SILENCE),
    "hang-start": ([], Halt.SILENCE),
    "hang-first": ([], Halt.SILENCE),
    "cut": (MIDDLE, Halt.CUT),
    "cut-early": ([], Halt.CUT),
    "cut-clean": (MIDDLE, Halt.END),
    "empty": ([], Halt.END),
    "refuse": ([], Halt.REFUSE),
    "error-in-stream": (MIDDLE, Tell((StreamError(OVERLOADED),))),
    "error-first": ([], Tell((StreamError(OVERLOADED),))),
}


@pytest.mark.parametrize(("word", "heard", "stop"), [(word, *row) for word, row in STOPS.items()], ids=STOPS)
def test_an_answer_stops(word: str, heard: list[str], stop: object) -> None:
    script = play(word)
    assert deltas(script) == heard
    assert script[-1] == stop
    assert not any(isinstance(event, MessageEnd) for event in said(script))


@pytest.mark.parametrize("after", [0, 1, 99])
def test_a_fault_in_the_middle_never_tells_the_end(after: int) -> None:
    for response in (RESPONSE, EMPTY):
        script = play("cut", response, after=after)
        assert said(script)
        assert not any(isinstance(event, MessageEnd) for event in said(script))


LATE: dict[str, Script] = {
    "slow": (Pause(5),),
    "slow-start": (Tell(), Pause(5)),
}


@pytest.mark.parametrize(("word", "start"), LATE.items(), ids=LATE)
def test_an_answer_comes_late_but_whole(word: str, start: Script) -> None:
    script = play(word)
    assert script[: len(start)] == start
    assert fold(said(script)) == RESPONSE
    assert Pause(0.1) in play(word, wait=0.1)


def test_a_slow_stream_pauses_before_each_delta() -> None:
    assert play("slow-stream", wait=0.1) == whole(beats(RESPONSE), 0.1)
    assert Pause(0.5) in play("slow-stream")


def test_a_limit_says_when_to_come_again() -> None:
    assert play("fail-429", retry_after=3.0) == (
        Fail(429, RateLimited("Too many requests for the demo.", retry_after=3.0)),
    )


def test_errors_have_the_status_of_their_name() -> None:
    for word in FAULTS:
        code = word.removeprefix("fail-")
        if code.isdigit():
            [step] = play(word)
            assert isinstance(step, Fail)
            assert step.status == int(code)


def test_flaky_fails_so_often_and_then_works() -> None:
    failed = [isinstance(play("flaky", nth=nth, times=2)[0], Fail) for nth in range(6)]
    assert failed == [True, True, False, True, True, False]


@pytest.mark.parametrize("word", ["garbage", "html"])
def test_some_answers_are_in_no_dialect(word: str) -> None:
    [step] = play(word)
    assert isinstance(step, Raw)


def test_every_fault_says_what_it_does() -> None:
    assert all(fault.help for fault in FAULTS.values())
