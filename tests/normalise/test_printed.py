"""Calls printed as text, in every form that is known, and text that only looks like one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.errors import BackendCut
from llmux.ir.content import Reasoning, Text, ToolCall
from llmux.ir.events import MessageEnd, PartDelta, PartEnd, PartStart, StreamError
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from llmux.normalise.forms import BETWEEN, CALL_BEGIN, CALL_END, CALLS_BEGIN, CALLS_END
from llmux.normalise.printed import LONGEST_HEAD, PrintedReader
from llmux.normalise.texts import TextStage
from llmux.normalise.toolbox import Repairs, Toolbox
from tests.normalise.stages import START, TOOLS, cut, end, heard, part, said, text_answer, through
from tests.strategies import ANSWERS

A = ("Read", '{"file_path": "/a"}')
ARGUMENTS = A[1]
EMPTY = '{"name": "list_files", "arguments": {}}'
PARAMETERS = "<parameter=file_path>\n/a\n</parameter>\n<parameter=limit>\n5\n</parameter>\n"
FENCED = f"{CALL_BEGIN}function{BETWEEN}Read\n```json\n{ARGUMENTS}\n```{CALL_END}\n"
NAMED = '{"name": "Read", "arguments": {"file_path": "/a"}}'


def stage(turn: int = 0) -> TextStage:
    return TextStage(PrintedReader(Toolbox(TOOLS), Repairs(), turn))


CALLS: dict[str, tuple[str, list[tuple[str, ...]]]] = {
    "Hermes": (f"<tool_call>\n{NAMED}\n</tool_call>", [A]),
    "Hermes, without an end": (f"<tool_call>{NAMED}", [A]),
    "text before and behind": (f"Look.<tool_call>{NAMED}</tool_call>\nOk.", [("text", "Look."), A, ("text", "Ok.")]),
    "two calls": (
        f"<tool_call>{NAMED}</tool_call>\n<tool_call>\n{EMPTY}\n</tool_call>\n", [A, ("list_files", "{}")],
    ),
    "closing marks within a text": (
        '<tool_call>{"name": "Read", "arguments": {"file_path": "</tool_call>\\"}"}}</tool_call>',
        [("Read", '{"file_path": "</tool_call>\\"}"}')],
    ),
    "numbers keep their spelling": (
        '<tool_call>{"arguments": {"limit": 1.50}, "name": "Read"}</tool_call>', [("Read", '{"limit": 1.50}')],
    ),
    "arguments in quotes": (
        '<tool_call>{"name": "Read", "arguments": "{\\"limit\\": 1}"}</tool_call>', [("Read", '{"limit": 1}')],
    ),
    "a name in another style": (f"<tool_call>{NAMED.replace('Read', 'read')}</tool_call>", [A]),
    "Llama's function": (f"<function=Read>{ARGUMENTS}</function>", [A]),
    "in both": (f"<tool_call><function=Read>{ARGUMENTS}</function></tool_call>", [A]),
    "Llama's tag": (f"<|python_tag|>{NAMED.replace('arguments', 'parameters')}<|eom_id|>", [A]),
    "Qwen3-Coder": (
        f"<tool_call>\n<function=Read>\n{PARAMETERS}</function>\n</tool_call>",
        [("Read", '{"file_path": "/a", "limit": 5}')],
    ),
    "Qwen3-Coder, lines and quotes": (
        '<function=Read><parameter=file_path>\n"a"\nb\n\n</parameter></function>',
        [("Read", '{"file_path": "\\"a\\"\\nb\\n"}')],
    ),
    "Qwen3-Coder, no number": (
        "<function=Read><parameter=limit>all</parameter><parameter=x>1</parameter></function>",
        [("Read", '{"limit": "all", "x": "1"}')],
    ),
    "Qwen3-Coder, no parameter": ("<function=list_files>\n</function>", [("list_files", "{}")]),
    "Mistral": (f"[TOOL_CALLS] [{NAMED}]", [A]),
    "Mistral, two": (f"[TOOL_CALLS][{NAMED}, {NAMED}]", [A, A]),
    "Mistral, newer": (f"[TOOL_CALLS]Read[ARGS]{ARGUMENTS}", [A]),
    "Mistral, with an id": (f"[TOOL_CALLS]Read[CALL_ID]a1b2[ARGS]{ARGUMENTS}", [A]),
    "Mistral, newer, two": (f"[TOOL_CALLS]Read[ARGS]{ARGUMENTS}[TOOL_CALLS]Read{ARGUMENTS}", [A, A]),
    "DeepSeek V3.1": (f"{CALLS_BEGIN}{CALL_BEGIN}Read{BETWEEN}{ARGUMENTS}{CALL_END}{CALLS_END}", [A]),
    "DeepSeek R1": (
        f"{CALLS_BEGIN}{FENCED}{FENCED.replace('Read', 'list_files').replace(ARGUMENTS, '{}')}{CALLS_END}",
        [A, ("list_files", "{}")],
    ),
    "bare": (NAMED, [A]),
    "bare, with parameters first": ('{"parameters": {"file_path": "/a"}, "name": "Read"}', [("Read", ARGUMENTS)]),
    "bare, of Llama": ('\n{"type": "function", "name": "Read", "parameters": {"file_path": "/a"}}\n', [A]),
    "bare and long": (
        '{"name": "Read", "arguments": {"file_path": "' + "a" * 999 + '"}}',
        [("Read", '{"file_path": "' + "a" * 999 + '"}')],
    ),
    "fenced": (f"```json\n{NAMED}\n```", [A]),
    "fenced, of no language": (f" ```{NAMED}```\n", [A]),
    "behind what looks like one": (f"<tool_call> or <tool_call>{NAMED}</tool_call>", [("text", "<tool_call> or "), A]),
}  # fmt: skip

TEXTS = {
    "plain": "I look.",
    "nothing": "",
    "blanks": " \n " * 200,
    "a comparison": "a < b [and] c",
    "half a mark": "so <tool_cal",
    "a mark in prose": "A `<tool_call>` begins a call. " * 20,
    "a mark at the end": "It begins with <tool_call>",
    "a mark and something else": "<tool_call>[1, 2]</tool_call> {",
    "a mark and a list": '<tool_call>["Read"]</tool_call>{}',
    "an unknown tool": '<tool_call>{"name": "Write", "arguments": {}}</tool_call>',
    "one unknown tool of two": f'[TOOL_CALLS] [{NAMED}, {{"name": "Write", "arguments": {{}}}}]',
    "an unknown function": '<function=Write>{"a": 1}</function>',
    "an unknown function with parameters": "<function=Write><parameter=a>1</parameter></function>",
    "no name at all": "<tool_call><parameter=a>1</parameter></function></tool_call>",
    "a custom tool": '<tool_call>{"name": "patch", "arguments": {}}</tool_call>',
    "a custom tool's function": '<function=patch>{"a": 1}</function>',
    "a custom tool with parameters": "<function=patch><parameter=a>1</parameter></function>",
    "no arguments": '<tool_call>{"name": "Read"}</tool_call>',
    "arguments of the wrong type": '<tool_call>{"name": "Read", "arguments": [1]}</tool_call>',
    "arguments that are no JSON": '<tool_call>{"name": "Read", "arguments": "{"}</tool_call>',
    "a name of the wrong type": '<tool_call>{"name": 1, "arguments": {}}</tool_call>',
    "no call in the list": "[TOOL_CALLS] [[{}]]",
    "a number in the list": f"[TOOL_CALLS] [{NAMED}, 1]",
    "no JSON": "<tool_call>{name: Read}</tool_call>",
    "a function's list": "<function=Read> [{}]</function>",
    "not closed": '<tool_call>{"name": "Read", "arguments": {"file_path": "',
    "parameters that are not closed": "<function=Read><parameter=file_path>/a",
    "a parameter that is not closed": "<function=Read><parameter=file_path>/a</function>",
    "words among parameters": "<function=Read><parameter=limit>1</parameter> and </function>",
    "words before parameters": "<function=Read> now <parameter=limit>1</parameter></function>",
    "a name that is too long": "<function=" + "a" * LONGEST_HEAD + ">{}",
    "bare, of another tool": '{"name": "Write", "arguments": {"a": "' + "x" * 999 + '"}}',
    "bare data": '{"id": 1, "name": "Read", "arguments": {}}',
    "bare data, long": '{"id": "' + "x" * 999 + '"}',
    "bare, with words behind": f"{NAMED} is a call.",
    "bare, and broken": '{"name": "Read", "arguments": {',
    "bare, behind words": f"Like so: {NAMED}",
    "bare, without arguments": '{"name": "Read"}',
    "a fence of code": "```python\nprint(1)\n```",
    "a fence and words": f"```json\n{NAMED}\n``` is a call.",
}


@pytest.mark.parametrize("case", CALLS.values(), ids=CALLS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 64, 10_000])
def test_calls_are_found(case: tuple[str, list[tuple[str, ...]]], size: int) -> None:
    text, expected = case
    answer = heard(stage(), text_answer(text, size))
    assert said(answer) == expected
    assert answer.finish_reason is FinishReason.TOOL_CALL


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 64, 10_000])
def test_what_is_no_call_is_given_back(text: str, size: int) -> None:
    answer = heard(stage(), text_answer(text, size))
    assert said(answer) == [("text", text)]
    assert answer.finish_reason is FinishReason.END


PIECES = st.sampled_from([
    "<tool_call>", "</tool_call>", "<function=Read>", "<parameter=limit>", "</parameter>", "</function>", NAMED, "{}",
    "[TOOL_CALLS]", "[ARGS]", "[{", "}]", "Read", "<|python_tag|>", "\n", "a", '"', "{", "}", "<", CALL_BEGIN, CALL_END,
    BETWEEN, "```json\n", "```", "<|eom_id|>", "x" * 200,
])  # fmt: skip


@given(st.lists(PIECES, max_size=12).map("".join), st.integers(1, 40))
def test_where_it_is_cut_does_not_matter(text: str, size: int) -> None:
    whole = heard(stage(), text_answer(text))
    assert heard(stage(), text_answer(text, size)) == whole


@given(st.lists(PIECES, max_size=12).map("".join))
def test_an_answer_without_a_call_keeps_every_character(text: str) -> None:
    answer = heard(stage(), text_answer(text))
    if not any(isinstance(part, ToolCall) for part in answer.parts):
        assert said(answer) == [("text", text)]


@given(ANSWERS)
def test_any_other_answer_is_the_same(answer: Response) -> None:
    assert heard(stage(), explode(answer)) == answer


def test_text_flows_and_only_a_mark_waits() -> None:
    machine = stage()
    machine.feed([START, PartStart(0, Text())])
    assert machine.feed([PartDelta(0, "I look <b")]) == [PartStart(0, Text()), PartDelta(0, "I look <b")]
    assert machine.feed([PartDelta(0, ">now <tool_")]) == [PartDelta(0, ">now ")]
    assert machine.feed([PartDelta(0, "box>")]) == [PartDelta(0, "<tool_box>")]


def test_ids_are_the_same_each_time_and_no_two_are_one() -> None:
    text = CALLS["Mistral, two"][0]
    first, again = (heard(stage(), text_answer(text, size)) for size in (3, 50))
    assert first == again
    later = heard(stage(turn=2), text_answer(text))
    ids = [part.id for part in (*first.parts, *later.parts) if isinstance(part, ToolCall)]
    assert len(set(ids)) == 4
    assert all(len(id_) == 29 and id_.startswith("call_") for id_ in ids)


def test_another_reason_to_end_stays() -> None:
    events = text_answer(f"<tool_call>{NAMED}</tool_call>", reason=FinishReason.MAX_TOKENS)
    assert heard(stage(), events).finish_reason is FinishReason.MAX_TOKENS


def test_bare_json_behind_another_text_is_text() -> None:
    events = [START, *part(0, Text(), ["Look."]), *part(1, Text(), [NAMED]), end()]
    assert said(heard(stage(), events)) == [("text", "Look."), ("text", NAMED)]


def test_bare_json_behind_reasoning_is_a_call() -> None:
    events = [START, *part(0, Reasoning(), ["Hm."]), *part(1, Text(), [NAMED]), end()]
    assert said(heard(stage(), events)) == [("reasoning", "Hm."), A]


def test_what_is_found_is_told() -> None:
    repairs = Repairs()
    heard(TextStage(PrintedReader(Toolbox(TOOLS), repairs, 0)), text_answer(CALLS["Mistral, two"][0]))
    assert repairs.told == ("repaired=text>Read",)


@pytest.mark.parametrize("text", [NAMED, f"<tool_call>{NAMED}"[:-1], "<function=Read><parameter=x>1</func", "a <tool"])
@pytest.mark.parametrize("size", [1, 1000])
def test_a_cut_answer_gives_what_waited_as_text_and_no_end(text: str, size: int) -> None:
    error = StreamError(BackendCut("cut"))
    deltas = [PartDelta(0, piece) for piece in cut(text, size)]
    events = through(stage(), [START, PartStart(0, Text()), *deltas, error])
    assert events[-1] is error
    assert "".join(event.delta for event in events if isinstance(event, PartDelta)) == text
    assert not [event for event in events if isinstance(event, PartEnd | MessageEnd)]
