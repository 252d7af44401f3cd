"""Tools of every kind, their names, ids and schemas: bridged where they are unknown, or refused aloud. H.79 to H.90."""

import re
from typing import Any

import orjson
import pytest

from llmux.dialects.base import Address, AnswerForm
from llmux.dialects.registry import TABLE
from llmux.errors import BadRequest
from tests.contract.wires import (
    DONE,
    Wire,
    able,
    asked,
    assistant,
    by_its_sdk,
    call,
    calls,
    gemini,
    heard,
    known,
    outgoing,
    sent,
    told,
    user,
)
from tests.scripted import chunk

GENERATE = Address("/v1beta/models/m:generateContent")
GPT = known("openai_chat", "openai", "gpt-4.1")
F: Wire = {"type": "function", "name": "f", "parameters": {"type": "object", "properties": {}}}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}


def codex(*items: Wire, tools: list[Wire]) -> Wire:
    """A request of a Responses client."""
    return {"model": "m", "store": False, "input": [{"role": "user", "content": "hi"}, *items], "tools": tools}


def said(body: Wire, backend: str, *fragments: Wire) -> list[Wire]:
    """The items that the client of `body` hears when its backend, a chat, makes calls."""
    names = outgoing("openai_responses", body, backend).names
    events = heard(
        "openai_chat", *(calls(fragment) for fragment in fragments), chunk({}, "tool_calls"), DONE, names=names
    )
    frames = told("openai_responses", events, AnswerForm("1", "m", 1, asked=body))
    return [item for item in frames[-1]["response"]["output"] if "call_id" in item]


# --- tools that only some APIs have ----------------------------------------------------------------------------------

GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: x"}
PATCH: Wire = {"type": "custom", "name": "apply_patch", "description": "Edits.", "format": GRAMMAR}


def test_a_tool_that_takes_free_text_is_a_function_elsewhere_and_free_text_again_on_the_way_back() -> None:
    """H.79: neither sent raw nor renamed."""
    [tool] = sent("openai_responses", codex(tools=[PATCH]), "openai_chat")["tools"]
    assert (tool["type"], tool["function"]["name"]) == ("function", "apply_patch")
    assert list(tool["function"]["parameters"]["properties"]) == ["input"]
    assert "start: x" in orjson.dumps(tool).decode()
    [made] = said(codex(tools=[PATCH]), "openai_chat", call('{"input":"*** a"}', "apply_patch", index=0, id="c"))
    assert (made["type"], made["name"], made["input"]) == ("custom_tool_call", "apply_patch", "*** a")


OPERATION = {"type": "delete_file", "path": "a.py"}
PATCHED: list[Wire] = [
    {"type": "apply_patch_call", "call_id": "c", "status": "completed", "operation": OPERATION},
    {"type": "apply_patch_call_output", "call_id": "c", "status": "completed", "output": "done"},
]


def test_calls_in_items_of_their_own_form_are_calls_to_others() -> None:
    """H.80: with their results, and back in their own form."""
    body = codex(*PATCHED, tools=[{"type": "apply_patch"}])
    _, made, result = sent("openai_responses", body, "openai_chat")["messages"]
    assert made["tool_calls"][0]["function"]["name"] == "apply_patch"
    assert OPERATION["path"] in made["tool_calls"][0]["function"]["arguments"]
    assert (result["role"], result["tool_call_id"]) == ("tool", "c")
    again = call(made["tool_calls"][0]["function"]["arguments"], "apply_patch", index=0, id="d")
    [item] = said(body, "openai_chat", again)
    assert (item["type"], item["operation"]) == ("apply_patch_call", OPERATION)


SPACE: Wire = {"type": "namespace", "name": "files", "description": "Files.", "tools": [F]}


def test_a_tool_in_a_namespace_has_it_in_its_name_and_gets_it_back() -> None:
    """H.81: flat for others."""
    [tool] = sent("openai_responses", codex(tools=[SPACE]), "openai_chat")["tools"]
    assert tool["function"]["name"] == "files__f"
    [made] = said(codex(tools=[SPACE]), "openai_chat", call("{}", "files__f", index=0, id="c"))
    assert (made["namespace"], made["name"]) == ("files", "f")


SEARCHED: list[Wire] = [
    {
        "type": "tool_search_call",
        "call_id": "c",
        "execution": "client",
        "status": "completed",
        "arguments": {"query": "f"},
    },
    {"type": "tool_search_output", "call_id": "c", "execution": "client", "status": "completed", "tools": [F]},
]


def test_a_search_for_tools_is_a_function_and_what_it_found_can_be_called() -> None:
    """H.81: and H.83: its results are not dropped."""
    body = sent(
        "openai_responses", codex(*SEARCHED, tools=[{"type": "tool_search", "execution": "client"}]), "openai_chat"
    )
    assert [tool["function"]["name"] for tool in body["tools"]] == ["tool_search", "f"]
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "tool"]
    assert "f" in body["messages"][2]["content"]


FOUND = {"type": "tool_search_tool_search_result", "tool_references": [{"type": "tool_reference", "tool_name": "f"}]}
SEARCH = {"type": "tool_search_tool_regex_20251119", "name": "tool_search_tool_regex"}
DEFERRED = asked(
    "claude", user(),
    assistant([
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "tool_search_tool_regex", "input": {"query": "f"}},
        {"type": "tool_search_tool_result", "tool_use_id": "srvtoolu_1", "content": FOUND},
        {"type": "text", "text": "Found."},
    ]),
    user([{"type": "text", "text": "go on"}]),
    tools=[SEARCH, TOOL | {"defer_loading": True}],
)  # fmt: skip


@pytest.mark.parametrize("backend", [name for name in TABLE if name != "claude"])
def test_tools_that_are_loaded_later_are_there_at_once_elsewhere(backend: str) -> None:
    """H.82: others know neither the field nor the search, nor references to what it found."""
    body = outgoing("claude", DEFERRED, backend).body
    assert not [
        word for word in (b"defer_loading", b"tool_search_tool_regex_2025", b'"tool_reference"') if word in body
    ]
    assert b'"f"' in body


def test_references_to_tools_in_a_result_are_told_by_name() -> None:
    """H.83: where a client's own search gives them."""
    found = {
        "type": "tool_result",
        "tool_use_id": "a",
        "content": [{"type": "tool_reference", "tool_name": "read_file"}],
    }
    use = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
    body = sent("claude", asked("claude", user(), assistant([use]), user([found]), tools=[TOOL]), "openai_chat")
    assert "read_file" in body["messages"][2]["content"]


WEB: Wire = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize("backend", [name for name in TABLE if name != "claude"])
def test_a_search_that_nobody_can_make_is_refused_aloud(backend: str) -> None:
    """H.84: Claude Code insists on it, and would report that nothing was found."""
    body = asked("claude", user(), tools=[WEB], tool_choice={"type": "tool", "name": "web_search"})
    with pytest.raises(BadRequest, match="web_search"):
        outgoing("claude", body, backend)


# --- names and ids ---------------------------------------------------------------------------------------------------

LONG = "mcp__a_server.with.a.long.name__" + "and_a_tool_with_a_longer_one_" * 3
LEGAL = re.compile(r"[a-zA-Z0-9_-]{1,64}")


@pytest.mark.parametrize("backend", ["claude", "openai_responses", "gemini"])
def test_a_name_that_is_too_long_is_shortened_everywhere_and_comes_back_whole(backend: str) -> None:
    """H.85: in the tools, the history and the choice."""
    made = {"id": "a", "type": "function", "function": {"name": LONG, "arguments": "{}"}}
    body = asked(
        "openai_chat", user(), assistant(None, tool_calls=[made]), user(),
        tools=[{"type": "function", "function": {"name": LONG}}],
        tool_choice={"type": "function", "function": {"name": LONG}},
    )  # fmt: skip
    out = outgoing("openai_chat", body, backend)
    [(short, whole)] = out.names.items()
    assert whole == LONG
    assert LEGAL.fullmatch(short.replace(".", "_") if backend == "gemini" else short)
    assert (LONG.encode() in out.body, out.body.count(short.encode()) >= 3) == (False, True)
    events = heard("gemini", gemini({"functionCall": {"name": short, "args": {}}}, finish="STOP"), names=out.names)
    assert by_its_sdk("openai_chat", events).calls == ((LONG, {}),)


IDS = {
    "H.86 dots and colons": "functions.bash:0",
    "H.86 more than 64 characters": "call_" + "a" * 80,
}


@pytest.mark.parametrize("backend", ["claude", "openai_chat", "openai_responses"])
@pytest.mark.parametrize("case", IDS)
def test_an_id_is_one_that_the_backend_takes_in_call_and_result(case: str, backend: str) -> None:
    call_id = IDS[case]
    body = {"contents": [
        {"role": "user", "parts": [{"text": "hi"}]},
        {"role": "model", "parts": [{"functionCall": {"id": call_id, "name": "f", "args": {}}}]},
        {"role": "user", "parts": [{"functionResponse": {"id": call_id, "name": "f", "response": {"output": "x"}}}]},
    ]}  # fmt: skip
    got = orjson.dumps(sent("gemini", body, backend, at=GENERATE)).decode()
    [only] = set(re.findall(r'"(?:id|tool_use_id|tool_call_id|call_id)":"([^"]*)"', got))
    assert len(only) <= {"openai_chat": 40}.get(backend, 64)
    assert backend != "claude" or LEGAL.fullmatch(only)


# --- schemas and arguments -------------------------------------------------------------------------------------------

SCHEMA: Wire = {
    "$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object", "additionalProperties": False,
    "propertyNames": {"pattern": "^a"},
    "properties": {
        "a": {"type": "array", "uniqueItems": True, "items": {"type": "string", "const": "x"}},
        "b": {"type": "integer", "exclusiveMinimum": 0},
    },
}  # fmt: skip
REFUSED = ("$schema", "additionalProperties", "propertyNames", "uniqueItems", "const", "exclusiveMinimum")


def test_a_schema_says_to_google_what_google_can_read() -> None:
    """H.87: other words make it refuse the whole request. Models that take JSON Schema get it in a field of its own."""
    body = asked("claude", user(), tools=[TOOL | {"input_schema": SCHEMA}])
    [group] = sent("claude", body, "gemini", able(full_schemas=False))["tools"]
    parameters = group["functionDeclarations"][0]["parameters"]
    assert not [word for word in REFUSED if f'"{word}"' in orjson.dumps(parameters).decode()]
    assert parameters["properties"]["a"]["items"]["enum"] == ["x"]
    [group] = sent("claude", body, "gemini", known("gemini", "gemini", "gemini-3-pro"))["tools"]
    assert group["functionDeclarations"][0]["parametersJsonSchema"]["properties"] == SCHEMA["properties"]


CONTENTS = [{"role": "user", "parts": [{"text": "hi"}]}]
PLAIN = {"type": "object", "properties": {"a": {"type": "string"}}}
UPPER = {"type": "OBJECT", "properties": {"a": {"type": "STRING"}}}
# How a client of Google's spells a request with an instruction and a tool.
SPELLINGS: dict[str, Wire] = {
    "H.88 a schema in JSON Schema": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": PLAIN}]}],
    },
    "H.88 a schema in Google's types": {
        "systemInstruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parameters": UPPER}]}],
    },
    "H.89 keys with underscores": {
        "system_instruction": {"parts": [{"text": "Be brief."}]},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": PLAIN}]}],
    },
    "H.89 an instruction that is a string": {
        "systemInstruction": "Be brief.", "tools": [{"functionDeclarations": [{"name": "f", "parameters": UPPER}]}],
    },
}  # fmt: skip


@pytest.mark.parametrize("case", SPELLINGS)
def test_every_spelling_of_google_s_clients_is_understood(case: str) -> None:
    body = sent("gemini", {"contents": CONTENTS, **SPELLINGS[case]}, "openai_chat", at=GENERATE)
    assert body["messages"][0] == {"role": "system", "content": "Be brief."}
    assert body["tools"][0]["function"]["parameters"] == PLAIN


ARGUMENTS = {"H.90 an object": '{"a":1}', "H.90 nothing": "", "H.90 an object in a string": '"{\\"a\\":1}"'}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments_are_an_object_to_ollama(case: str) -> None:
    """Its SDK takes no text there; neither in a request nor in an answer."""
    made = {"id": "a", "type": "function", "function": {"name": "f", "arguments": ARGUMENTS[case]}}
    expected = {} if case.endswith("nothing") else {"a": 1}
    body = sent("openai_chat", asked("openai_chat", user(), assistant(None, tool_calls=[made]), user()), "ollama")
    assert body["messages"][1]["tool_calls"][0]["function"]["arguments"] == expected
    events = heard("openai_chat", calls(call(ARGUMENTS[case], "f", index=0, id="a")), chunk({}, "tool_calls"), DONE)
    assert by_its_sdk("ollama", events).calls == (("f", expected),)


def test_tools_that_have_no_name_go_nowhere() -> None:
    """H.18: a provider's own tool has a type and no name; as a function it would have an empty one."""
    body = {"model": "m", "input": "hi", "tools": [{"type": "web_search"}, {"type": "function", "name": "f"}]}
    tools = sent("openai_responses", body, "openai_chat")["tools"]
    assert [tool["function"]["name"] for tool in tools] == ["f"]


# backend: where it looks for the schema of a tool.
SCHEMAS: dict[str, Any] = {
    "claude": lambda body: body["tools"][0]["input_schema"],
    "openai_responses": lambda body: body["tools"][0]["parameters"],
    "ollama": lambda body: body["tools"][0]["function"]["parameters"],
}


@pytest.mark.parametrize("backend", SCHEMAS)
def test_a_tool_without_a_schema_gets_the_plainest_one(backend: str) -> None:
    """H.18: a missing one is refused."""
    body = asked("openai_chat", user(), tools=[{"type": "function", "function": {"name": "f"}}])
    schema = SCHEMAS[backend](sent("openai_chat", body, backend))
    assert (schema["type"], schema["properties"]) == ("object", {})
