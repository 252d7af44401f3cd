"""Stop sequences that a backend was not told of: where they end a text, what waits, and what passes untouched."""

from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.errors import BackendCut
from llmux.ir.content import Citation, Reasoning, Text, ToolCall
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    OtherChoice,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    StreamError,
    UsageUpdate,
)
from llmux.ir.fold import explode, fold
from llmux.ir.grammar import check
from llmux.ir.response import Choice, FinishReason, Response
from llmux.ir.usage import Usage
from llmux.normalise.stopping import StopStage
from tests.normalise.stages import START, end, heard, part, said, text_answer, through
from tests.strategies import ANSWERS

TEXTS: dict[str, tuple[tuple[str, ...], str, str, str]] = {
    "in the midst": (("END",), "one END two", "one ", "END"),
    "at the start": (("END",), "END", "", "END"),
    "at the end": (("END",), "one END", "one ", "END"),
    "the first of several": (("b", "c"), "acb", "a", "c"),
    "twice": (("a",), "xaxa", "x", "a"),
    "behind what looks like one": (("aab",), "aaab", "a", "aab"),
    "within what may become another": (("abcd", "bc"), "abcd", "a", "bc"),
    "two that end together": (("bc", "abc"), "xabc", "x", "abc"),
    "one that another begins with": (("ab", "abc"), "abc", "", "ab"),
    "a blank line": (("\n\n",), "a\nb\n\nc", "a\nb", "\n\n"),
    "letters of any width": (("漢😀",), "a漢漢😀", "a漢", "漢😀"),
    "what stands for more in patterns": ((".*]",), "a..*].*", "a.", ".*]"),
}
ONLY_BEGUN = {"none": "one two", "half of one": "one EN", "nothing": ""}


@pytest.mark.parametrize("case", TEXTS)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
def test_a_text_ends_at_the_first(case: str, size: int) -> None:
    stop, text, left, found = TEXTS[case]
    answer = heard(StopStage(stop), text_answer(text, size))
    assert said(answer) == [("text", left)]
    assert (answer.finish_reason, answer.stop_sequence) == (FinishReason.STOP_SEQUENCE, found)


@pytest.mark.parametrize("case", ONLY_BEGUN)
@pytest.mark.parametrize("size", [1, 2, 1000])
def test_what_was_only_begun_is_told_in_full(case: str, size: int) -> None:
    answer = heard(StopStage(["END"]), text_answer(ONLY_BEGUN[case], size))
    assert said(answer) == [("text", ONLY_BEGUN[case])]
    assert (answer.finish_reason, answer.stop_sequence) == (FinishReason.END, None)


WORDS = st.lists(st.text("ab", min_size=1, max_size=4), min_size=1, max_size=4)


def first_end(stop: Sequence[str], text: str) -> tuple[str, str] | None:
    """What is left of `text`, and the word that ends it: by looking at all of it again for every character."""
    for at in range(1, len(text) + 1):
        if ended := [word for word in stop if text[:at].endswith(word)]:
            word = max(ended, key=len)
            return text[: at - len(word)], word
    return None


@given(WORDS, st.text("abc", max_size=30), st.integers(1, 9))
def test_wherever_it_is_cut(stop: list[str], text: str, size: int) -> None:
    answer = heard(StopStage(stop), text_answer(text, size))
    left, word = first_end(stop, text) or (text, None)
    assert said(answer) == [("text", left)]
    assert answer.stop_sequence == word


@given(WORDS, st.text("abc", max_size=40))
def test_it_holds_back_less_than_the_longest(stop: list[str], text: str) -> None:
    stage, told = StopStage(stop), ""
    stage.feed([START, PartStart(0, Text())])
    whole = (first_end(stop, text) or (text, ""))[0]
    for count, character in enumerate(text, 1):
        events = stage.feed([PartDelta(0, character)])
        told += "".join(event.delta for event in events if isinstance(event, PartDelta))
        if any(isinstance(event, MessageEnd) for event in events):
            break
        assert count - len(told) < max(map(len, stop))
    assert whole.startswith(told)


@given(ANSWERS)
def test_an_answer_without_one_is_the_same(answer: Response) -> None:
    assert heard(StopStage(["\0"]), explode(answer)) == answer
    events = list(explode(answer))
    assert StopStage(["\0"]).feed(events) == events


def test_reasoning_and_calls_are_not_ended() -> None:
    call = ToolCall(id="1", name="a")
    events = [START, *part(0, Reasoning(), ["END"]), *part(1, call, ['{"a":"END"}']), end()]
    assert through(StopStage(["END"]), events) == events


def test_texts_are_read_each_by_itself() -> None:
    events = [START, *part(0, Text(), ["E", "N"]), *part(1, Text(), ["D"]), end()]
    assert said(heard(StopStage(["END"]), events)) == [("text", "EN"), ("text", "D")]


def test_parts_before_it_stay_and_parts_behind_it_go() -> None:
    call = ToolCall(id="1", name="a")
    events = [START, *part(0, Reasoning(), ["Hm"]), *part(1, Text(), ["a END b"]), *part(2, call, ["{}"]), end()]
    assert said(heard(StopStage(["END"]), events)) == [("reasoning", "Hm"), ("text", "a ")]


def test_what_is_said_of_a_text_passes() -> None:
    cited = PartCitation(0, Citation("claude", {}))
    events = [START, PartStart(0, Text()), PartDelta(0, "aE"), cited, PartDelta(0, "N"), PartEnd(0), end()]
    (text,) = heard(StopStage(["END"]), events).parts
    assert isinstance(text, Text)
    assert (text.text, text.citations) == ("aEN", (cited.citation,))


# --- the end ---------------------------------------------------------------------------------------------------------


def ends(batches: Iterable[Sequence[Event]]) -> MessageEnd:
    """The end that comes of `batches`, in order, once, and last."""
    stage = StopStage(["END"])
    *_, last = check([told for batch in batches for told in stage.feed(batch)])
    assert isinstance(last, MessageEnd)
    return last


HEAD: list[Event] = [PartStart(0, Text()), PartDelta(0, "a END b")]
TAIL: list[Event] = [PartEnd(0), MessageEnd(FinishReason.END, Usage(3, 9))]


def test_usage_is_what_is_known_so_far() -> None:
    known = MessageStart("m1", "model", Usage(3, 1))
    assert ends([[START, *HEAD], TAIL]).usage == Usage(estimated=True)
    assert ends([[known, *HEAD], TAIL]).usage == Usage(3, 1, estimated=True)
    assert ends([[known], [UsageUpdate(Usage(3, 2))], HEAD, TAIL]).usage == Usage(3, 2, estimated=True)


def test_or_what_the_backend_tells_with_the_same_breath() -> None:
    assert ends([[START, *HEAD, *TAIL]]) == MessageEnd(FinishReason.STOP_SEQUENCE, Usage(3, 9), "END")
    late: list[Event] = [*HEAD, UsageUpdate(Usage(3, 5))]
    assert ends([[START, *late]]).usage == Usage(3, 5, estimated=True)
    assert ends([[START, *HEAD], [UsageUpdate(Usage(3, 5))], TAIL]).usage == Usage(estimated=True)


def test_what_breaks_off_behind_the_end_is_whole() -> None:
    assert ends([[START, *HEAD, StreamError(BackendCut("cut"))]]).stop_sequence == "END"


def test_what_breaks_off_before_tells_what_waited() -> None:
    error = StreamError(BackendCut("cut"))
    told = through(StopStage(["END"]), [START, PartStart(0, Text()), PartDelta(0, "aEN"), error])
    assert told == [START, PartStart(0, Text()), PartDelta(0, "a"), PartDelta(0, "EN"), error]


# --- several answers -------------------------------------------------------------------------------------------------


def other(*events: Event, choice: int = 1) -> OtherChoice:
    return OtherChoice(choice, events)


TWO = Response(
    "m1",
    "model",
    (Text(text="a END b"),),
    FinishReason.END,
    Usage(1, 2),
    others=(Choice((Text(text="c"),), FinishReason.END), Choice((Text(text="d END e"),), FinishReason.MAX_TOKENS)),
)
STOPPED = replace(
    TWO,
    parts=(Text(text="a "),),
    finish_reason=FinishReason.STOP_SEQUENCE,
    stop_sequence="END",
    others=(TWO.others[0], Choice((Text(text="d "),), FinishReason.STOP_SEQUENCE, "END")),
)


def test_each_ends_at_its_own() -> None:
    assert fold(check(StopStage(["END"], 3).feed(list(explode(TWO))))) == STOPPED
    told = heard(StopStage(["END"], 3), explode(TWO))
    assert replace(told, usage=TWO.usage) == STOPPED


def test_the_first_waits_for_the_others() -> None:
    """Also for those that have not begun, and it hears what all of them cost."""
    stage = StopStage(["END"], 2)
    stage.feed([START, *HEAD])
    begun = other(PartStart(0, Text()), PartDelta(0, "x E"))
    assert stage.feed([begun]) == [other(PartStart(0, Text()), PartDelta(0, "x "))]
    assert stage.feed([PartDelta(0, "more"), UsageUpdate(Usage(1, 5))]) == [UsageUpdate(Usage(1, 5))]
    ended = other(PartDelta(0, "E"), PartEnd(0), MessageEnd(FinishReason.END, Usage()))
    assert stage.feed([ended])[-1] == MessageEnd(FinishReason.STOP_SEQUENCE, Usage(1, 5, estimated=True), "END")
    assert not stage.feed([other(PartDelta(0, "late")), MessageEnd(FinishReason.END, Usage(1, 9))])


def test_one_that_never_comes_does_not_matter_when_the_backend_ends() -> None:
    stage = StopStage(["END"], 2)
    assert not any(isinstance(event, MessageEnd) for event in stage.feed([START, *HEAD]))
    assert stage.feed(TAIL) == [MessageEnd(FinishReason.STOP_SEQUENCE, Usage(3, 9), "END")]


def test_a_failure_of_those_that_go_on_is_one_of_all() -> None:
    stage, error = StopStage(["END"], 2), StreamError(BackendCut("cut"))
    stage.feed([START, *HEAD])
    assert stage.feed([error]) == [error]
