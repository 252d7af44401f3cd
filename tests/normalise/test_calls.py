"""The stage that puts calls right: which calls, which names, what it tells; and the stages together."""

import pytest
from hypothesis import given

from llmux.errors import BackendCut
from llmux.ir.content import Reasoning, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, PartDelta, PartEnd, PartStart, StreamError
from llmux.ir.fold import explode
from llmux.ir.request import Tool
from llmux.ir.response import FinishReason, Response
from llmux.normalise.calls import CallStage
from llmux.normalise.normaliser import Normaliser, normaliser
from llmux.normalise.toolbox import LONGEST_WORD, MOST_TOLD, Repairs, Toolbox
from tests.normalise.stages import LIST, READ, START, TOOLS, cut, end, heard, part, said, text_answer, through
from tests.strategies import ANSWERS


def call(name: str, arguments: str, *, kind: str = "function", size: int = 3) -> list[Event]:
    empty = ToolCall(id="1", name=name, kind=kind)  # type: ignore[arg-type]  # one of the two
    return [START, *part(0, empty, cut(arguments, size)), end(FinishReason.TOOL_CALL)]


CALLS: dict[str, tuple[str, str, tuple[str, str], tuple[str, ...]]] = {
    "sound": ("Read", '{"file_path": "/a"}', ("Read", '{"file_path": "/a"}'), ()),
    "a key": ("Read", '{"path": "/a"}', ("Read", '{"file_path": "/a"}'), ("repaired=Read.path>file_path",)),
    "a value": ("Read", '{"limit": "5"}', ("Read", '{"limit": 5}'), ("repaired=Read.limit",)),
    "all of it": ("Read", "null", ("Read", "{}"), ("repaired=Read",)),
    "nothing": ("Read", "", ("Read", "{}"), ()),
    "the name": ("read", '{"limit": 5}', ("Read", '{"limit": 5}'), ("repaired=read>Read",)),
    "the name and a key": (
        "listFiles", "null", ("list_files", "{}"), ("repaired=listFiles>list_files", "repaired=list_files"),
    ),
    "a name that nobody has": ("Write", '{"path": 1}', ("Write", '{"path": 1}'), ()),
    "a custom tool's name": ("Patch", '{"path": 1}', ("patch", '{"path": 1}'), ("repaired=Patch>patch",)),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS.values(), ids=CALLS)
def test_a_call(case: tuple[str, str, tuple[str, str], tuple[str, ...]]) -> None:
    name, arguments, expected, told = case
    repairs = Repairs()
    assert said(heard(CallStage(Toolbox(TOOLS), repairs), call(name, arguments))) == [expected]
    assert repairs.told == told


def test_a_name_that_may_be_two_is_left_alone() -> None:
    stage = CallStage(Toolbox((READ, Tool(name="READ"))), Repairs())
    assert said(heard(stage, call("read", "{}"))) == [("read", "{}")]


def test_free_text_is_no_arguments() -> None:
    events = call("patch", '{"path": null}', kind="custom")
    assert through(CallStage(Toolbox(TOOLS), Repairs()), events) == events


def test_calls_among_other_parts() -> None:
    events = [START, *part(0, Text(), ["a", "b"]), *call("Read", '{"path": "x"}')[1:-1], end()]
    events[5:] = [
        PartStart(1, ToolCall(id="1", name="Read")), PartDelta(1, '{"path": "x"}'), PartEnd(1),
        *part(2, Reasoning(), ["c"]), end(),
    ]  # fmt: skip
    stage = CallStage(Toolbox(TOOLS), Repairs())
    assert said(heard(stage, events)) == [("text", "ab"), ("Read", '{"file_path": "x"}'), ("reasoning", "c")]
    batch = [PartDelta(0, "a")]
    assert stage.feed(batch) is batch, "nothing is done where no call is open"


@given(ANSWERS)
def test_an_answer_of_other_tools_is_the_same(answer: Response) -> None:
    events = list(explode(answer))
    assert through(CallStage(Toolbox((Tool(name="\0"),)), Repairs()), events) == events


def test_a_cut_call_has_no_end() -> None:
    error = StreamError(BackendCut("cut"))
    events = [START, PartStart(0, ToolCall(id="1", name="Read")), PartDelta(0, '{"limit": 1, "path": "x"}'), error]
    assert through(CallStage(Toolbox(TOOLS), Repairs()), events) == [
        START, events[1], PartDelta(0, '{"limit": 1'), error,
    ]  # fmt: skip


# --- what is told ----------------------------------------------------------------------------------------------------


def test_warnings_are_safe_in_a_header_each_once_and_not_too_many() -> None:
    repairs = Repairs()
    repairs.add("a;b=c", "é\n,x>" + "y" * 99)
    repairs.add("a;b=c", "é\n,x>" + "y" * 99)
    assert repairs.told == (f"repaired=a_b_c.___x>{'y' * LONGEST_WORD}",)
    for number in range(99):
        repairs.add(f"t{number}")
    assert len(repairs.told) == MOST_TOLD


# --- all stages ------------------------------------------------------------------------------------------------------


def whole(**stages: bool) -> Normaliser | None:
    return normaliser(TOOLS, **({"repair": False, "printed": False, "tags": False} | stages))


def test_nothing_to_do_is_nobody() -> None:
    assert whole() is None
    assert normaliser((), repair=True, printed=True, tags=False) is None


def test_reasoning_in_tags_then_a_printed_call_that_strays() -> None:
    text = (
        '<think>Hm, <tool_call>.</think>\n\nI look.\n<tool_call>{"name": "read", "arguments": {"path": 5}}</tool_call>'
    )
    for size in (1, 7, 1000):
        machine = whole(repair=True, printed=True, tags=True)
        assert machine is not None
        answer = heard(machine, text_answer(text, size))
        assert said(answer) == [
            ("reasoning", "Hm, <tool_call>."), ("text", "I look.\n"), ("Read", '{"file_path": "5"}'),
        ]  # fmt: skip
        assert answer.finish_reason is FinishReason.TOOL_CALL
        assert machine.repairs.told == (
            "repaired=text>Read", "repaired=Read.path>file_path", "repaired=Read.file_path",
        )  # fmt: skip


@pytest.mark.parametrize("stage", ["repair", "printed", "tags"])
def test_each_stage_alone(stage: str) -> None:
    machine = whole(**{stage: True})
    assert machine is not None
    assert isinstance(through(machine, text_answer("Hi."))[-1], MessageEnd)
    assert LIST.name == "list_files"
