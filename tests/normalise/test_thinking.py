"""Reasoning in tags: only at the very start, held back no longer than a tag, and never a character lost."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.errors import BackendCut
from llmux.ir.content import Citation, Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.events import MessageEnd, PartCitation, PartDelta, PartEnd, PartStart, PartState, StreamError, UsageUpdate
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from llmux.normalise.texts import TextStage
from llmux.normalise.thinking import CLOSER, TagReader
from tests.normalise.stages import START, end, heard, part, said, text_answer, through
from tests.strategies import ANSWERS

SAID = {
    "reasoning, then text": ("<think>Hm.</think>Yes.", [("reasoning", "Hm."), ("text", "Yes.")]),
    "blanks behind the tags": ("<think>\n Hm.\n</think>\n\nYes.\n", [("reasoning", "Hm.\n"), ("text", "Yes.\n")]),
    "a line end before the tag": ("\n<think>Hm.</think>Yes.", [("reasoning", "Hm."), ("text", "Yes.")]),
    "no reasoning": ("<think>\n\n</think>\n\nYes.", [("text", "Yes.")]),
    "none at all": ("<think></think>Yes.", [("text", "Yes.")]),
    "no text": ("<think>Hm.</think>\n", [("reasoning", "Hm.")]),
    "nothing but tags": ("<think> </think> ", [("text", "")]),
    "not closed": ("<think>Hm, </thin", [("reasoning", "Hm, </thin")]),
    "no tag": ("Yes.", [("text", "Yes.")]),
    "a tag later on": ("Yes. <think>Hm.</think>", [("text", "Yes. <think>Hm.</think>")]),
    "behind two blanks": ("\n\n<think>Hm.</think>", [("text", "\n\n<think>Hm.</think>")]),
    "half a tag": ("<thin", [("text", "<thin")]),
    "another tag": ("<thing>x", [("text", "<thing>x")]),
    "a second pair": ("<think>a</think>b<think>c</think>", [("reasoning", "a"), ("text", "b<think>c</think>")]),
    "a tag within": ("<think>a <think> b</think>c", [("reasoning", "a <think> b"), ("text", "c")]),
    "what looks like the end": ("<think>a < b </t> c</think>d", [("reasoning", "a < b </t> c"), ("text", "d")]),
    "nothing": ("", [("text", "")]),
}


@pytest.mark.parametrize("case", SAID.values(), ids=SAID)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 1000])
def test_what_is_reasoning(case: tuple[str, list[tuple[str, ...]]], size: int) -> None:
    text, expected = case
    assert said(heard(TextStage(TagReader()), text_answer(text, size))) == expected


@given(st.text("<think>/ab \n", max_size=40), st.integers(1, 9))
def test_where_it_is_cut_does_not_matter(text: str, size: int) -> None:
    whole = said(heard(TextStage(TagReader()), text_answer(text)))
    assert said(heard(TextStage(TagReader()), text_answer(text, size))) == whole


@given(st.text("</think>ab", max_size=60))
def test_it_holds_back_less_than_a_tag(text: str) -> None:
    stage, told, given_ = TextStage(TagReader()), 0, "<think>a" + text
    stage.feed([START, PartStart(0, Text())])
    for count, character in enumerate(given_, 1):
        told += sum(len(event.delta) for event in stage.feed([PartDelta(0, character)]) if isinstance(event, PartDelta))
        if CLOSER not in given_[:count]:
            assert count - told <= len("<think>") + len(CLOSER) - 1


@given(ANSWERS)
def test_an_answer_without_tags_is_the_same(answer: Response) -> None:
    assert heard(TextStage(TagReader()), explode(answer)) == answer


def test_an_answer_that_has_reasoning_of_its_own_is_left_alone() -> None:
    events = [START, *part(0, Reasoning(), ["Hm."]), *part(1, Text(), ["<think>x</think>"]), end()]
    assert through(TextStage(TagReader()), events) == events


def test_parts_behind_it_are_numbered_anew() -> None:
    state = ReasoningState("m", "signature", "s")
    call = [PartStart(1, ToolCall(id="1", name="a")), PartDelta(1, "{}"), PartState(1, state), PartEnd(1)]
    events = [START, *part(0, Text(), ["<think>Hm.</think>Yes."]), *call, UsageUpdate(Usage(1, 1)), end()]
    answer = heard(TextStage(TagReader()), events)
    assert said(answer) == [("reasoning", "Hm."), ("text", "Yes."), ("a", "{}")]
    assert isinstance(answer.parts[2], ToolCall)
    assert answer.parts[2].states == (state,)
    assert answer.finish_reason is FinishReason.END


def test_what_is_said_of_a_text_that_waits_opens_it() -> None:
    cited = PartCitation(0, Citation("claude", {}, url="https://x.test"))
    answer = heard(TextStage(TagReader()), [START, PartStart(0, Text()), cited, PartDelta(0, "a"), PartEnd(0), end()])
    (text,) = answer.parts
    assert isinstance(text, Text)
    assert (text.text, text.citations) == ("a", (cited.citation,))


@pytest.mark.parametrize("text", ["<thi", "<think>Hm.</th", "Yes."])
def test_a_cut_answer_gives_what_waited_and_no_end(text: str) -> None:
    error = StreamError(BackendCut("cut"))
    events = through(TextStage(TagReader()), [START, PartStart(0, Text()), PartDelta(0, text), error])
    assert events[-1] is error
    assert not [event for event in events if isinstance(event, PartEnd | MessageEnd)]
    assert "".join(e.delta for e in events if isinstance(e, PartDelta)) == text.removeprefix("<think>")


def test_a_failure_before_any_part_passes() -> None:
    error = StreamError(BackendCut("cut"))
    assert through(TextStage(TagReader()), [START, error]) == [START, error]
