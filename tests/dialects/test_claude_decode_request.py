"""Requests of Claude's clients -> the IR, and what is said of those that are none."""

from typing import Any

import orjson
import pytest

from llmux.dialects.claude import CLAUDE
from llmux.dialects.envelope import seal
from llmux.errors import BadRequest
from llmux.ir.content import (
    CacheMark,
    Citation,
    Document,
    Extra,
    FileId,
    Image,
    Inline,
    Link,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    SearchResult,
    Text,
    ToolCall,
    ToolResult,
    Written,
)
from llmux.ir.request import Message, OutputFormat, ReasoningControl, Request, Role, Sampling, Tool, ToolChoice

HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
FOREIGN = ReasoningState("google", "signature", "S")


def decode(**fields: Any) -> Request:
    return CLAUDE.decode_request(orjson.dumps({"model": "m", "max_tokens": 9, "messages": HELLO} | fields))


# --- parts -----------------------------------------------------------------------------------------------------------

PDF = {"type": "base64", "media_type": "application/pdf", "data": "UERG"}
SEARCH = {"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]}
CITED = {"type": "char_location", "cited_text": "q", "document_title": "t", "document_index": 0}
PARTS: dict[str, tuple[dict[str, Any], Part]] = {
    "text": ({"type": "text", "text": "x"}, Text(text="x")),
    "marked": (
        {"type": "text", "text": "x", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        Text(text="x", cache=CacheMark("1h")),
    ),
    "a mark that is null": ({"type": "text", "text": "x", "cache_control": None}, Text(text="x")),
    "cited": (
        {"type": "text", "text": "x", "citations": [CITED]},
        Text(text="x", citations=(Citation("claude", CITED, title="t", quote="q"),)),
    ),
    "new field": ({"type": "text", "text": "x", "mood": 1}, Text(text="x", extra=Extra("claude", {"mood": 1}))),
    "billing": (
        {"type": "text", "text": "x-anthropic-billing-header: cc=1;"},
        Opaque(dialect="claude", raw={"type": "text", "text": "x-anthropic-billing-header: cc=1;"}),
    ),
    "image": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
        Image(source=Inline("image/png", "AA==")),
    ),
    "image by url": ({"type": "image", "source": {"type": "url", "url": "u"}}, Image(source=Link("u"))),
    "image by file": ({"type": "image", "source": {"type": "file", "file_id": "f"}}, Image(source=FileId("f"))),
    "image from elsewhere": (
        {"type": "image", "source": {"type": "moon"}},
        Opaque(dialect="claude", raw={"type": "image", "source": {"type": "moon"}}),
    ),
    "pdf": (
        {"type": "document", "source": PDF, "title": "t", "context": "c", "citations": {"enabled": True}},
        Document(source=Inline("application/pdf", "UERG"), title="t", context="c", citations=True),
    ),
    "written": (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
        Document(source=Written("d")),
    ),
    "document of parts": (
        {"type": "document", "source": {"type": "content", "content": "d"}},
        Document(source=(Text(text="d"),)),
    ),
    "document from elsewhere": (
        {"type": "document", "source": {"type": "moon"}},
        Opaque(dialect="claude", raw={"type": "document", "source": {"type": "moon"}}),
    ),
    "search result": (
        {"type": "search_result", "source": "s", "title": "t", "content": [{"type": "text", "text": "x"}]},
        SearchResult(source="s", title="t", content=(Text(text="x"),)),
    ),
    "thinking": (
        {"type": "thinking", "thinking": "t", "signature": "S"},
        Reasoning(text="t", states=(ReasoningState("anthropic", "signature", "S"),)),
    ),
    "thinking without text": (
        {"type": "thinking", "thinking": "", "signature": "S"},
        Reasoning(states=(ReasoningState("anthropic", "signature", "S"),)),
    ),
    "unsigned": ({"type": "thinking", "thinking": "t"}, Reasoning(text="t")),
    "signed with nothing": ({"type": "thinking", "thinking": "t", "signature": ""}, Reasoning(text="t")),
    "sealed": (
        {"type": "thinking", "thinking": "t", "signature": seal(FOREIGN)},
        Reasoning(text="t", states=(FOREIGN,)),
    ),
    "sealed, damaged": ({"type": "thinking", "thinking": "t", "signature": "llmux1.!"}, Reasoning(text="t")),
    "redacted": (
        {"type": "redacted_thinking", "data": "D"},
        Reasoning(states=(ReasoningState("anthropic", "redacted", "D"),)),
    ),
    "call": (
        {"type": "tool_use", "id": "a", "name": "f", "input": {"x": [1, "é"]}, "caller": {"type": "direct"}},
        ToolCall(id="a", name="f", arguments='{"x":[1,"é"]}', extra=Extra("claude", {"caller": {"type": "direct"}})),
    ),
    "call without input": ({"type": "tool_use", "id": "a", "name": "f"}, ToolCall(id="a", name="f", arguments="{}")),
    "call whose id we made": (
        {"type": "tool_use", "id": "tu_ZnVuY3Rpb25zLng6MA", "name": "f", "input": {}},
        ToolCall(id="functions.x:0", name="f", arguments="{}"),
    ),
    "server tool": (
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        Opaque(dialect="claude", raw={"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}),
    ),
    "its result": (SEARCH, Opaque(dialect="claude", raw=SEARCH)),
    "summary": (
        {"type": "compaction", "content": "So far"},
        Opaque(dialect="claude", raw={"type": "compaction", "content": "So far"}, text="So far"),
    ),
    "unknown": ({"type": "new", "x": 1}, Opaque(dialect="claude", raw={"type": "new", "x": 1})),
}


@pytest.mark.parametrize(("block", "part"), PARTS.values(), ids=PARTS)
def test_parts(block: dict[str, Any], part: Part) -> None:
    request = decode(messages=[{"role": "assistant", "content": [block]}])
    assert request.messages == (Message(Role.ASSISTANT, (part,)),)


RESULTS: dict[str, tuple[dict[str, Any], ToolResult]] = {
    "text": ({"content": "x"}, ToolResult(call_id="a", content=(Text(text="x"),))),
    "nothing": ({}, ToolResult(call_id="a")),
    "null": ({"content": None}, ToolResult(call_id="a")),
    "error": ({"content": "x", "is_error": True}, ToolResult(call_id="a", content=(Text(text="x"),), is_error=True)),
    "pointer": (
        {"content": [{"type": "tool_reference", "tool_name": "f"}]},
        ToolResult(
            call_id="a",
            content=(Opaque(dialect="claude", raw={"type": "tool_reference", "tool_name": "f"}, text="f"),),
        ),
    ),
}


@pytest.mark.parametrize(("fields", "result"), RESULTS.values(), ids=RESULTS)
def test_tool_results_are_messages_of_their_own(fields: dict[str, Any], result: ToolResult) -> None:
    block = {"type": "tool_result", "tool_use_id": "a"} | fields
    alone = decode(messages=[{"role": "user", "content": [block]}])
    assert alone.messages == (Message(Role.TOOL, (result,)),)
    mixed = decode(messages=[{"role": "user", "content": [{"type": "text", "text": "x"}, block], "mood": 1}])
    assert mixed.messages == (
        Message(Role.TOOL, (result,), extra=Extra("claude", {"mood": 1})),
        Message(Role.USER, (Text(text="x"),)),
    )


SYSTEMS: dict[str, tuple[Any, tuple[Message, ...]]] = {
    "absent": (None, ()),
    "empty": ("", ()),
    "text": ("x", (Message(Role.SYSTEM, (Text(text="x"),)),)),
    "blocks": (
        [{"type": "text", "text": "x"}, {"type": "text", "text": "y", "cache_control": {"type": "ephemeral"}}],
        (Message(Role.SYSTEM, (Text(text="x"), Text(text="y", cache=CacheMark()))),),
    ),
}


@pytest.mark.parametrize(("system", "messages"), SYSTEMS.values(), ids=SYSTEMS)
def test_system_comes_first(system: Any, messages: tuple[Message, ...]) -> None:
    assert decode(system=system).messages == (*messages, Message(Role.USER, (Text(text="Hello"),)))


def test_system_messages_stay_where_they_are() -> None:
    messages = decode(
        messages=[{"role": "system", "content": "a"}, *HELLO, {"role": "system", "content": "b"}]
    ).messages
    assert [message.role for message in messages] == [Role.SYSTEM, Role.USER, Role.SYSTEM]


# --- everything else -------------------------------------------------------------------------------------------------

FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "stream": ({"stream": True}, {"stream": True}),
    "max_tokens": ({"max_tokens": 7.0}, {"max_output_tokens": 7}),
    "no max_tokens": ({"max_tokens": None}, {"max_output_tokens": None}),
    "sampling": (
        {"temperature": 0.5, "top_p": 1, "top_k": 3.0},
        {"sampling": Sampling(temperature=0.5, top_p=1, top_k=3)},
    ),
    "stop": ({"stop_sequences": ["a", "b"]}, {"stop": ("a", "b")}),
    "thinking": (
        {"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"}},
        {"reasoning": ReasoningControl("on", None, 2000, "summary")},
    ),
    "adaptive": (
        {"thinking": {"type": "adaptive", "display": "updates"}, "output_config": {"effort": "high"}},
        {"reasoning": ReasoningControl("auto", "high")},
    ),
    "thinking of a kind to come": ({"thinking": {"type": "dreaming"}}, {"reasoning": ReasoningControl("auto")}),
    "disabled, with an effort": (
        {"thinking": {"type": "disabled"}, "output_config": {"effort": "low"}},
        {"reasoning": ReasoningControl("off", "low")},
    ),
    "effort alone": ({"output_config": {"effort": "low"}}, {"reasoning": ReasoningControl(effort="low")}),
    "schema": (
        {"output_config": {"format": {"type": "json_schema", "schema": {"type": "object"}}, "task_budget": 1}},
        {
            "output": OutputFormat("json_schema", {"type": "object"}),
            "extra": Extra("claude", {"output_config": {"task_budget": 1}}),
        },
    ),
    "schema, as it was": (
        {"output_format": {"type": "json_schema", "schema": {"a": 1}}},
        {"output": OutputFormat("json_schema", {"a": 1})},
    ),
    "format of a kind to come": ({"output_config": {"format": {"type": "poem"}}}, {"output": OutputFormat()}),
    "tier": ({"service_tier": "standard_only"}, {"service_tier": "default"}),
    "user": ({"metadata": {"user_id": "u"}}, {"user_id": "u", "session": "u"}),
    "no user": ({"metadata": {}}, {"user_id": None, "session": None}),
    "cache": ({"cache_control": {"type": "ephemeral"}}, {"cache": CacheMark()}),
    "unknown": ({"mcp_servers": [], "speed": None}, {"extra": Extra("claude", {"mcp_servers": []})}),
    "auto": ({"tool_choice": {"type": "auto"}}, {"tool_choice": ToolChoice("auto"), "parallel_tools": None}),
    "any": ({"tool_choice": {"type": "any"}}, {"tool_choice": ToolChoice("required")}),
    "none": ({"tool_choice": {"type": "none"}}, {"tool_choice": ToolChoice("none")}),
    "one": ({"tool_choice": {"type": "tool", "name": "f"}}, {"tool_choice": ToolChoice("named", ("f",))}),
    "one at a time": (
        {"tool_choice": {"type": "auto", "disable_parallel_tool_use": True}},
        {"tool_choice": ToolChoice("auto"), "parallel_tools": False},
    ),
}


@pytest.mark.parametrize(("fields", "said"), FIELDS.values(), ids=FIELDS)
def test_fields(fields: dict[str, Any], said: dict[str, Any]) -> None:
    request = decode(**fields)
    assert {name: getattr(request, name) for name in said} == said


SESSIONS = {
    '{"device_id":"d","session_id":"s-1"}': "s-1",
    '{"device_id":"d"}': '{"device_id":"d"}',
    '{"session_id":5}': '{"session_id":5}',
    "{broken": "{broken",
    "user_1_account_2_session_0f-1": "0f-1",
    "somebody": "somebody",
}


@pytest.mark.parametrize(("user_id", "session"), SESSIONS.items())
def test_sessions(user_id: str, session: str) -> None:
    assert decode(metadata={"user_id": user_id}).session == session


TOOLS: dict[str, tuple[dict[str, Any], Tool]] = {
    "function": (
        {"name": "f", "description": "d", "input_schema": {"type": "object"}, "strict": True, "defer_loading": True},
        Tool("f", "d", {"type": "object"}, strict=True, extra=Extra("claude", {"defer_loading": True})),
    ),
    "custom is its type": ({"type": "custom", "name": "f", "input_schema": {}}, Tool("f", schema={})),
    "marked": (
        {"name": "f", "input_schema": {}, "cache_control": {"type": "ephemeral"}},
        Tool("f", schema={}, cache=CacheMark()),
    ),
    "server": (
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 8, "cache_control": {"type": "ephemeral"}},
        Tool(
            "web_search",
            kind="server",
            cache=CacheMark(),
            extra=Extra("claude", {"type": "web_search_20250305", "name": "web_search", "max_uses": 8}),
        ),
    ),
    "mcp": (
        {"type": "mcp_toolset", "mcp_server_name": "s"},
        Tool("s", kind="server", extra=Extra("claude", {"type": "mcp_toolset", "mcp_server_name": "s"})),
    ),
    "without any name": (
        {"type": "new_1"},
        Tool("new_1", kind="server", extra=Extra("claude", {"type": "new_1"})),
    ),
}


@pytest.mark.parametrize(("wire", "tool"), TOOLS.values(), ids=TOOLS)
def test_tools(wire: dict[str, Any], tool: Tool) -> None:
    assert decode(tools=[wire]).tools == (tool,)


@pytest.mark.parametrize("kind", ["bash_20250124", "text_editor_20250728", "memory_20250818"])
def test_tools_that_the_client_runs_are_functions_to_others(kind: str) -> None:
    wire = {"type": kind, "name": "n"}
    (tool,) = decode(tools=[wire]).tools
    assert (tool.kind, tool.name, tool.extra) == ("function", "n", Extra("claude", wire))
    assert tool.description
    assert tool.schema is not None
    assert "command" in tool.schema["properties"]


def test_the_original_is_kept() -> None:
    body = b'{ "model":"m", "messages":[{"role":"user","content":"x"}], "new": 1.0 }'
    original = CLAUDE.decode_request(body).original
    assert original is not None
    assert (original.body, original.document, original.repaired) == (body, orjson.loads(body), False)


def test_text_that_cannot_be_said_is_replaced_and_the_original_not_sent() -> None:
    request = CLAUDE.decode_request(rb'{"model":"m","messages":[{"role":"user","content":"a\ud83d"}]}')
    assert request.messages == (Message(Role.USER, (Text(text="a\ufffd"),)),)
    assert request.original is not None
    assert request.original.repaired


# --- wrong shapes ----------------------------------------------------------------------------------------------------


def block(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [fields]}]}


def tool(**fields: Any) -> dict[str, Any]:
    return {"tools": [fields]}


AT = "messages.0.content.0"
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"model": None}, "model"),
    ({"model": ""}, "model"),
    ({"model": 5}, "model"),
    ({"messages": None}, "messages"),
    ({"messages": []}, "messages"),
    ({"messages": {}}, "messages"),
    ({"messages": ["x"]}, "messages.0"),
    ({"messages": [{"content": "x"}]}, "messages.0.role"),
    ({"messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
    ({"messages": [*HELLO, {"role": "user"}]}, "messages.1.content"),
    ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
    ({"messages": [{"role": "user", "content": [5]}]}, AT),
    (block(), f"{AT}.type"),
    (block(type=5), f"{AT}.type"),
    (block(type="text"), f"{AT}.text"),
    (block(type="text", text=5), f"{AT}.text"),
    (block(type="text", text="x", citations=[5]), f"{AT}.citations.0"),
    (block(type="text", text="x", cache_control="yes"), f"{AT}.cache_control"),
    (block(type="image"), f"{AT}.source"),
    (block(type="image", source={"type": "base64", "data": "x"}), f"{AT}.source.media_type"),
    (block(type="document", source={"type": "content", "content": 5}), f"{AT}.source.content"),
    (block(type="document", source={"type": "url"}), f"{AT}.source.url"),
    (block(type="search_result", title="t"), f"{AT}.source"),
    (block(type="thinking", thinking=5), f"{AT}.thinking"),
    (block(type="redacted_thinking"), f"{AT}.data"),
    (block(type="tool_use", name="f"), f"{AT}.id"),
    (block(type="tool_use", id="a"), f"{AT}.name"),
    (block(type="tool_result"), f"{AT}.tool_use_id"),
    (block(type="tool_result", tool_use_id="a", content=5), f"{AT}.content"),
    (block(type="tool_result", tool_use_id="a", content=[{}]), f"{AT}.content.0.type"),
    (block(type="tool_result", tool_use_id="a", is_error="no"), f"{AT}.is_error"),
    ({"system": 5}, "system"),
    ({"system": [{"type": "text"}]}, "system.0.text"),
    ({"max_tokens": "9"}, "max_tokens"),
    ({"max_tokens": 1.5}, "max_tokens"),
    ({"max_tokens": -1}, "max_tokens"),
    ({"temperature": "0.7"}, "temperature"),
    ({"top_k": 0.5}, "top_k"),
    ({"stream": "yes"}, "stream"),
    ({"stop_sequences": 5}, "stop_sequences"),
    ({"stop_sequences": [5]}, "stop_sequences.0"),
    ({"thinking": True}, "thinking"),
    ({"thinking": {}}, "thinking.type"),
    ({"thinking": {"type": "enabled", "budget_tokens": "x"}}, "thinking.budget_tokens"),
    ({"output_config": []}, "output_config"),
    ({"output_config": {"format": {}}}, "output_config.format.type"),
    ({"output_config": {"format": {"type": "json_schema", "schema": 5}}}, "output_config.format.schema"),
    ({"metadata": 5}, "metadata"),
    ({"metadata": {"user_id": 5}}, "metadata.user_id"),
    ({"service_tier": 5}, "service_tier"),
    ({"tools": {}}, "tools"),
    ({"tools": [5]}, "tools.0"),
    (tool(), "tools.0.name"),
    (tool(name="f", input_schema=5), "tools.0.input_schema"),
    (tool(name="f", strict="yes"), "tools.0.strict"),
    (tool(type=5), "tools.0.type"),
    ({"tool_choice": "auto"}, "tool_choice"),
    ({"tool_choice": {"type": "always"}}, "tool_choice.type"),
    ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
]


@pytest.mark.parametrize(("fields", "param"), WRONG)
def test_wrong_shapes_are_named(fields: dict[str, Any], param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        decode(**fields)
    assert raised.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"'])
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        CLAUDE.decode_request(body)
