"""Cases 11 to 19 of the contract: calls and their results, names, ids, choices and arguments, for every backend."""

import re
from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.ir.content import ToolCall
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason, Response
from tests.contract.reading import spoken
from tests.contract.stage import MODELS, Wire, heard, outbound, sent
from tests.laws.lanes import stream_of

# A backend of each dialect. Its conversation is read with the ids that stand there.
EVERYWHERE = ("claude 4.5", "other", "responses", "gemini 3", "ollama")
everywhere = pytest.mark.parametrize("model", EVERYWHERE)
LEGAL = re.compile(r"[a-zA-Z0-9_-]+")


def tool(name: str) -> Wire:
    return {"type": "function", "function": {"name": name, "parameters": {"type": "object", "properties": {}}}}


def called_id(line: str) -> str:
    """The id in a line that says that the tool f is called."""
    return line.removeprefix("call ").partition(": f ")[0]


def said(role: str, text: str) -> Wire:
    return {"role": role, "content": text}


def calls(*ids: str, name: str = "f", arguments: str = "{}") -> Wire:
    function = {"name": name, "arguments": arguments}
    entries = [{"id": call_id, "type": "function", "function": function} for call_id in ids]
    return {"role": "assistant", "content": None, "tool_calls": entries}


def result(call_id: str, text: str) -> Wire:
    return {"role": "tool", "tool_call_id": call_id, "content": text}


def chat(*messages: Wire, tools: tuple[str, ...] = ("f", "g"), **fields: Any) -> Wire:
    return {"model": "m", "messages": messages, "tools": [tool(name) for name in tools], **fields}


GO, NEXT = said("user", "go"), said("user", "next")
SYSTEM = {"claude": "user: <system-reminder>\nS\n</system-reminder>", "openai_chat": "system: S"}
SYSTEM |= {"openai_responses": "system: S", "gemini": SYSTEM["claude"], "ollama": SYSTEM["claude"]}
PAIRINGS: dict[str, tuple[Wire, list[str]]] = {
    "I.11 a call that nobody answered has a failure": (
        chat(GO, calls("a", "b"), result("a", "A"), NEXT),
        [
            "user: go", "call a: f {}", "call b: f {}", "result a: A",
            "failed b: No result: the tool call was interrupted.", "user: next",
        ],
    ),
    "I.11 so has one at the very end": (
        chat(GO, calls("a")),
        ["user: go", "call a: f {}", "failed a: No result: the tool call was interrupted."],
    ),
    "I.12 a result that nobody asked for is told by the user": (
        chat(GO, result("zz", "lost"), NEXT),
        ["user: go", "user: Tool result (zz): lost", "user: next"],
    ),
    "I.13 results are in the order of their calls": (
        chat(GO, calls("a", "b"), result("b", "B"), result("a", "A"), NEXT),
        ["user: go", "call a: f {}", "call b: f {}", "result a: A", "result b: B", "user: next"],
    ),
    "I.13 a late result moves up to its call": (
        chat(GO, calls("a", "b"), result("b", "B"), said("user", "wait"), result("a", "A"), NEXT),
        ["user: go", "call a: f {}", "call b: f {}", "result a: A", "result b: B", "user: wait", "user: next"],
    ),
    "I.13 of two results for one call the last counts": (
        chat(GO, calls("a"), result("a", "old"), result("a", "new"), NEXT),
        ["user: go", "call a: f {}", "result a: new", "user: next"],
    ),
    "I.14 a system message goes behind the results that it stood before": (
        chat(GO, calls("a"), said("system", "S"), result("a", "A"), NEXT),
        ["user: go", "call a: f {}", "result a: A", "SYSTEM", "user: next"],
    ),
}  # fmt: skip


@everywhere
@pytest.mark.parametrize("case", PAIRINGS)
def test_calls_and_results_are_paired(case: str, model: str) -> None:
    body, expected = PAIRINGS[case]
    dialect = MODELS[model][0]
    due = [SYSTEM[dialect] if line == "SYSTEM" else line for line in expected]
    assert spoken(dialect, sent("openai_chat", body, model)) == due


@everywhere
def test_the_same_id_in_two_turns_is_two_ids_and_each_result_is_at_its_own_call(model: str) -> None:
    """I.15: as Kimi numbers its calls; and each id is legal for Claude."""
    kimi = "functions.ls:0"
    body = chat(GO, calls(kimi), result(kimi, "one"), calls(kimi), result(kimi, "two"), NEXT)
    lines = spoken(MODELS[model][0], sent("openai_chat", body, model))
    first, second = (called_id(line) for line in lines if line.startswith("call"))
    assert first != second
    assert [line for line in lines if line.startswith("result")] == [f"result {first}: one", f"result {second}: two"]
    if model == "claude 4.5":
        assert LEGAL.fullmatch(first)
        assert LEGAL.fullmatch(second)


LONG = "mcp__very.long.server" * 4 + "__find"  # 90 characters, with dots
LONGER = LONG + "er"
NAMED = chat(
    GO, calls("a", name=LONG), result("a", "A"), NEXT, tools=(LONG, LONGER),
    tool_choice={"type": "function", "function": {"name": LONG}},
)  # fmt: skip
LEGAL_NAMES = {
    "claude 4.5": r"[a-zA-Z0-9_-]{1,64}",
    "other": r"[a-zA-Z0-9_-]{1,64}",
    "responses": r"[a-zA-Z0-9_-]{1,64}",
    "gemini 3": r"[a-zA-Z_][a-zA-Z0-9_.:-]{0,63}",
}


def chosen(body: Wire) -> str:
    """The name of the tool that must be called."""
    config = body.get("toolConfig", {}).get("functionCallingConfig")
    if config:
        return str(config["allowedFunctionNames"][0])
    choice = body["tool_choice"]
    return str(choice["function"]["name"] if "function" in choice else choice["name"])


def offered(body: Wire) -> list[str]:
    """The names of the tools."""
    tools = body["tools"][0].get("functionDeclarations", body["tools"])
    return [each["function"]["name"] if "function" in each else each["name"] for each in tools]


@pytest.mark.parametrize("model", LEGAL_NAMES)
def test_a_long_name_with_dots_is_legal_everywhere_in_the_request_and_comes_back(model: str) -> None:
    """I.16: in tools, history and choice; two that begin alike stay apart."""
    assert len(LONG) == 90
    dialect = MODELS[model][0]
    told = outbound("openai_chat", NAMED, model)
    first, second = offered(told.body)
    assert first != second
    assert all(re.fullmatch(LEGAL_NAMES[model], name) for name in (first, second))
    assert chosen(told.body) == first
    assert f"call a: {first} {{}}" in spoken(dialect, told.body)
    called = tuple(ToolCall(id=f"c{at}", name=name, arguments="{}") for at, name in enumerate((first, second, "own")))
    stream = stream_of(TABLE[dialect], Response("1", "m", called, FinishReason.TOOL_CALL))
    parts = fold(heard(dialect, stream, told.names)).parts
    assert [part.name for part in parts if isinstance(part, ToolCall)] == [LONG, LONGER, "own"]


@pytest.mark.parametrize("model", ["claude 4.5", "other", "responses"])
def test_a_long_id_is_one_legal_id_in_call_and_result_and_in_every_request(model: str) -> None:
    """I.17: and nothing is remembered between requests."""
    long = "ab:" * 23 + "x"
    assert len(long) == 70
    dialect = MODELS[model][0]
    once = spoken(dialect, sent("openai_chat", chat(GO, calls(long), result(long, "A")), model))
    short = called_id(once[1])
    assert LEGAL.fullmatch(short)
    assert len(short) <= 64
    assert once[2] == f"result {short}: A"
    again = spoken(dialect, sent("openai_chat", chat(GO, calls("b", long), result("b", "B"), result(long, "A")), model))
    assert f"result {short}: A" in again


# --- choices ---------------------------------------------------------------------------------------------------------

NAMED_F = {"type": "function", "function": {"name": "f"}}
ALLOWED = {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [NAMED_F]}}
ONLY_F = [tool("f")["function"]]
CHOICES: dict[str, tuple[Any, dict[str, tuple[Any, list[str]]]]] = {
    "I.18 auto": ("auto", {
        "claude 4.5": ({"type": "auto"}, ["f", "g"]),
        "other": ("auto", ["f", "g"]),
        "responses": ("auto", ["f", "g"]),
        "gemini 3": ({"mode": "AUTO"}, ["f", "g"]),
        "ollama": (None, ["f", "g"]),
    }),
    "I.18 none": ("none", {
        "claude 4.5": ({"type": "none"}, ["f", "g"]),
        "other": ("none", ["f", "g"]),
        "responses": ("none", ["f", "g"]),
        "gemini 3": ({"mode": "NONE"}, ["f", "g"]),
        "ollama": (None, []),
    }),
    "I.18 required": ("required", {
        "claude 4.5": ({"type": "any"}, ["f", "g"]),
        "other": ("required", ["f", "g"]),
        "responses": ("required", ["f", "g"]),
        "gemini 3": ({"mode": "ANY"}, ["f", "g"]),
        "ollama": (None, ["f", "g"]),
    }),
    "I.18 named": (NAMED_F, {
        "claude 4.5": ({"type": "tool", "name": "f"}, ["f", "g"]),
        "other": (NAMED_F, ["f", "g"]),
        "responses": ({"type": "function", "name": "f"}, ["f", "g"]),
        "gemini 3": ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ["f", "g"]),
        "ollama": (None, ["f"]),
    }),
    "I.18 allowed": (ALLOWED, {
        "claude 4.5": ({"type": "any"}, ["f"]),
        "other": (ALLOWED, ["f", "g"]),
        "responses": (
            {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]}, ["f", "g"],
        ),
        "gemini 3": ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ["f", "g"]),
        "ollama": (None, ["f"]),
    }),
}  # fmt: skip


@everywhere
@pytest.mark.parametrize("case", CHOICES)
def test_what_must_be_done_with_tools(case: str, model: str) -> None:
    choice, expected = CHOICES[case]
    body = sent("openai_chat", chat(GO, tool_choice=choice), model)
    made = body["toolConfig"]["functionCallingConfig"] if "toolConfig" in body else body.get("tool_choice")
    assert (made, offered(body) if body.get("tools") else []) == expected[model]


@everywhere
def test_a_choice_without_tools_is_left_out(model: str) -> None:
    """I.18: and so is the switch for calls at once."""
    body = {"model": "m", "messages": [GO], "tool_choice": "auto", "parallel_tool_calls": False}
    assert not {"tools", "tool_choice", "toolConfig", "parallel_tool_calls"} & sent("openai_chat", body, model).keys()


def test_one_call_at_a_time_is_said_in_both_directions() -> None:
    """I.18: OpenAI has a field for it, Claude a field of its choice."""
    chosen = sent("openai_chat", chat(GO, parallel_tool_calls=False), "claude 4.5")["tool_choice"]
    assert chosen == {"type": "auto", "disable_parallel_tool_use": True}
    body = {"model": "m", "max_tokens": 9, "messages": [GO], "tools": [{"name": "f", "input_schema": {}}]}
    for choice in ({"type": "auto"}, {"type": "any"}):
        claude = body | {"tool_choice": choice | {"disable_parallel_tool_use": True}}
        assert sent("claude", claude, "gpt-4o")["parallel_tool_calls"] is False
        assert sent("claude", claude, "responses")["parallel_tool_calls"] is False


ARGUMENTS = {
    "I.19 nothing": ("", {}),
    "I.19 null": ("null", {}),
    "I.19 blank": (" \n", {}),
    "I.19 an empty object": ("{}", {}),
    "I.19 encoded twice": (r'"{\"x\": 1}"', {"x": 1}),
    "I.19 an array": ("[1,2]", {"value": [1, 2]}),
    "I.19 a string": ('"so"', {"value": "so"}),
    "I.19 broken": ('{"x":', {"_invalid_json": '{"x":'}),
}


@pytest.mark.parametrize("model", ["claude 4.5", "gemini 3", "ollama"])
@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments_in_history_are_objects_where_they_must_be(case: str, model: str) -> None:
    text, value = ARGUMENTS[case]
    body = chat(GO, calls("a", arguments=text), result("a", "A"))
    lines = spoken(MODELS[model][0], sent("openai_chat", body, model))
    assert lines[1].startswith("call a: f ")
    assert orjson.loads(lines[1].removeprefix("call a: f ")) == value


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments_keep_their_spelling_where_they_are_a_string(case: str) -> None:
    """I.19: their spelling matters to prompt caches; only nothing at all becomes an object."""
    text, _ = ARGUMENTS[case]
    body = sent("openai_chat", chat(GO, calls("a", arguments=text), result("a", "A")), "other")
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == (text if text.strip() else "{}")
