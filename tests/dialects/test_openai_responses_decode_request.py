"""Requests of Responses' clients -> the IR, and what is said of those that are none."""

import json
from typing import Any

import pytest

from llmux.dialects.openai_responses import OPENAI_RESPONSES
from llmux.dialects.openai_responses.messages import decode_items
from llmux.errors import BadRequest
from llmux.ir.content import (
    Audio,
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
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from llmux.ir.request import Message, OutputFormat, ReasoningControl, Request, Role, ToolChoice

NAME = "openai_responses"


def decode(**fields: Any) -> Request:
    document = {"model": "m", "input": "hi", **fields}
    return OPENAI_RESPONSES.decode_request(json.dumps(document).encode())


def messages(*items: Any) -> tuple[Message, ...]:
    return decode(input=list(items)).messages


def the_part(item: dict[str, Any]) -> Part:
    """The one part that `item` is."""
    ((part,),) = [message.parts for message in messages(item)]
    return part


def extra(**fields: Any) -> Extra:
    return Extra(NAME, fields)


# --- the conversation ------------------------------------------------------------------------------------------------


def test_a_string_is_what_the_user_says() -> None:
    assert decode(input="hi").messages == (Message(Role.USER, (Text(text="hi"),)),)


def test_instructions_come_first() -> None:
    first, second = decode(instructions="Be brief.").messages
    assert (first.role, first.parts, second.role) == (Role.SYSTEM, (Text(text="Be brief."),), Role.USER)


@pytest.mark.parametrize("role", ["system", "developer", "user"])
def test_a_message_with_and_without_a_type(role: str) -> None:
    (plain,) = messages({"role": role, "content": "a"})
    (typed,) = messages({"type": "message", "role": role, "content": [{"type": "input_text", "text": "a"}]})
    assert plain == typed == Message(Role(role), (Text(text="a"),))


def test_what_the_assistant_says_between_others_is_one_message() -> None:
    user, assistant, tool, last = messages(
        {"role": "user", "content": "a"},
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "eA=="},
        {"role": "assistant", "content": "b"},
        {"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}"},
        {"type": "function_call", "call_id": "2", "name": "g", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "1", "output": "x"},
        {"type": "function_call_output", "call_id": "2", "output": "y"},
        {"role": "assistant", "content": "c"},
    )
    assert [message.role for message in (user, assistant, tool, last)] == [
        Role.USER,
        Role.ASSISTANT,
        Role.TOOL,
        Role.ASSISTANT,
    ]
    assert [type(part) for part in assistant.parts] == [Reasoning, Text, ToolCall, ToolCall]
    assert [part.call_id for part in tool.parts if isinstance(part, ToolResult)] == ["1", "2"]


def test_words_directly_behind_words_are_another_message() -> None:
    said = messages({"role": "assistant", "content": "a"}, {"role": "assistant", "content": "b"})
    assert [message.parts for message in said] == [(Text(text="a"),), (Text(text="b"),)]


def test_the_items_of_an_answer_are_messages_too() -> None:
    (message,) = decode_items([{"type": "function_call", "call_id": "1", "name": "f", "arguments": "{}", "id": "fc"}])
    assert message.role is Role.ASSISTANT


PARTS: dict[str, tuple[dict[str, Any], Part]] = {
    "text of any spelling": ({"type": "output_text", "text": "a"}, Text(text="a")),
    "Chat's text": ({"type": "text", "text": "a"}, Text(text="a")),
    "what else is said of a text": (
        {"type": "input_text", "text": "a", "prompt_cache_breakpoint": {"mode": "explicit"}, "logprobs": []},
        Text(text="a", cache=CacheMark("30m"), extra=extra(prompt_cache_breakpoint={"mode": "explicit"})),
    ),
    "a refusal": ({"type": "refusal", "refusal": "No."}, Refusal(text="No.")),
    "a picture": (
        {"type": "input_image", "image_url": "data:image/png;base64,eA==", "detail": "low"},
        Image(source=Inline("image/png", "eA=="), detail="low"),
    ),
    "a picture elsewhere": (
        {"type": "input_image", "image_url": "https://x.test"},
        Image(source=Link("https://x.test")),
    ),
    "a picture that was uploaded": ({"type": "input_image", "file_id": "f"}, Image(source=FileId("f"))),
    "Chat's picture": (
        {"type": "image_url", "image_url": {"url": "https://x.test", "detail": "high"}},
        Image(source=Link("https://x.test"), detail="high"),
    ),
    "a picture whose data is not base64": (
        {"type": "input_image", "image_url": "data:image/svg+xml,%3Csvg"},
        Image(source=Inline("image/svg+xml", "PHN2Zw==")),
    ),
    "a file": (
        {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,eA=="},
        Document(source=Inline("application/pdf", "eA=="), title="a.pdf"),
    ),
    "a file without its type": (
        {"type": "input_file", "file_data": "eA=="},
        Document(source=Inline("application/pdf", "eA==")),
    ),
    "a file elsewhere": ({"type": "input_file", "file_url": "https://x.test"}, Document(source=Link("https://x.test"))),
    "a file that was uploaded": ({"type": "input_file", "file_id": "f"}, Document(source=FileId("f"))),
    "sound": (
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}},
        Audio(format="wav", data="eA=="),
    ),
    "the unknown": ({"type": "novel", "a": 1}, Opaque(dialect=NAME, raw={"type": "novel", "a": 1})),
}


@pytest.mark.parametrize("case", PARTS)
def test_a_part(case: str) -> None:
    wire, part = PARTS[case]
    assert the_part({"role": "user", "content": [wire]}) == part


def test_no_content_is_no_part() -> None:
    assert messages({"role": "user", "content": None}) == (Message(Role.USER, ()),)


def test_citations_of_a_text() -> None:
    cited = {"type": "url_citation", "url": "https://x.test", "title": "X", "start_index": 0, "end_index": 1}
    file = {"type": "file_citation", "filename": "a.md", "file_id": "f"}
    part = the_part(
        {"role": "assistant", "content": [{"type": "output_text", "text": "a", "annotations": [cited, file]}]}
    )
    assert part == Text(
        text="a", citations=(Citation(NAME, cited, "https://x.test", "X"), Citation(NAME, file, None, "a.md"))
    )


def test_what_is_said_of_a_message_of_the_assistants_stays_with_its_parts() -> None:
    home = {"id": "msg_1", "status": "completed", "phase": "commentary"}
    item = {"type": "message", "role": "assistant", **home}
    content = [{"type": "output_text", "text": "a", "novel": 1}, {"type": "refusal", "refusal": "b"}, {"type": "novel"}]
    ((text, refusal, novel),) = [message.parts for message in messages({**item, "content": content})]
    assert text == Text(text="a", extra=extra(novel=1, message=home))
    assert refusal == Refusal(text="b", extra=extra(message=home))
    assert novel == Opaque(dialect=NAME, raw={"type": "novel"})


# --- reasoning -------------------------------------------------------------------------------------------------------

SUMMARY = [{"type": "summary_text", "text": "a"}, {"type": "summary_text", "text": "b"}]
CONTENT = [{"type": "reasoning_text", "text": "c"}, None]
SEALED = "llmux1.eyJtYWtlciI6ImFudGhyb3BpYyIsImtpbmQiOiJzaWduYXR1cmUiLCJkYXRhIjoiYzJsbiJ9"


@pytest.mark.parametrize(
    ("fields", "text", "states"),
    [
        ({"summary": SUMMARY, "content": CONTENT}, "a\n\nb", ()),
        ({"summary": [], "content": CONTENT}, "c", ()),
        (
            {"summary": [], "content": None, "encrypted_content": "eA=="},
            "",
            (ReasoningState("openai", "encrypted", "eA=="),),
        ),
        ({"summary": [], "encrypted_content": SEALED}, "", (ReasoningState("anthropic", "signature", "c2ln"),)),
    ],
)
def test_reasoning(fields: dict[str, Any], text: str, states: tuple[ReasoningState, ...]) -> None:
    item = {"type": "reasoning", "id": "rs_1", **fields}
    assert the_part(item) == Reasoning(text=text, states=states, extra=Extra(NAME, item))


# --- calls and results -----------------------------------------------------------------------------------------------

CALLS: dict[str, tuple[dict[str, Any], ToolCall]] = {
    "a function": (
        {"type": "function_call", "id": "fc", "call_id": "c", "name": "f", "arguments": '{"a": 1}'},
        ToolCall(id="c", name="f", arguments='{"a": 1}', extra=extra(id="fc")),
    ),
    "arguments that are an object": (
        {"type": "function_call", "call_id": "c", "name": "f", "arguments": {"a": 1}},
        ToolCall(id="c", name="f", arguments='{"a":1}'),
    ),
    "no arguments": ({"type": "function_call", "call_id": "c", "name": "f"}, ToolCall(id="c", name="f")),
    "in a namespace": (
        {"type": "function_call", "call_id": "c", "name": "f", "namespace": "ns", "arguments": "{}"},
        ToolCall(id="c", name="ns__f", arguments="{}", extra=extra(name="f", namespace="ns")),
    ),
    "in the namespace of tools without one": (
        {"type": "function_call", "call_id": "c", "name": "f", "namespace": "functions", "arguments": "{}"},
        ToolCall(id="c", name="f", arguments="{}", extra=extra(name="f", namespace="functions")),
    ),
    "in a namespace of its own name": (
        {"type": "function_call", "call_id": "c", "name": "f", "namespace": "f", "arguments": "{}"},
        ToolCall(id="c", name="f", arguments="{}", extra=extra(namespace="f")),
    ),
    "free text": (
        {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "x"},
        ToolCall(id="c", name="f", arguments="x", kind="custom"),
    ),
    "free text that is empty": (
        {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": None},
        ToolCall(id="c", name="f", kind="custom"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLS)
def test_a_call(case: str) -> None:
    item, call = CALLS[case]
    assert the_part(item) == call


TYPED: dict[str, tuple[dict[str, Any], str, str]] = {
    "local_shell": (
        {"type": "local_shell_call", "call_id": "c", "action": {"type": "exec", "command": ["ls"], "user": None}},
        "local_shell",
        '{"command":["ls"]}',
    ),
    "shell": ({"type": "shell_call", "call_id": "c", "action": {"commands": ["ls"]}}, "shell", '{"commands":["ls"]}'),
    "apply_patch": (
        {"type": "apply_patch_call", "call_id": "c", "operation": {"type": "delete_file", "path": "a"}},
        "apply_patch",
        '{"operation":{"type":"delete_file","path":"a"}}',
    ),
    "tool_search": (
        {"type": "tool_search_call", "call_id": "c", "execution": "client", "arguments": {"query": "x"}},
        "tool_search",
        '{"query":"x"}',
    ),
    "without an id of the call": (
        {"type": "local_shell_call", "id": "c", "action": None},
        "local_shell",
        "{}",
    ),
}


@pytest.mark.parametrize("case", TYPED)
def test_a_call_in_an_item_of_its_own_form(case: str) -> None:
    item, name, arguments = TYPED[case]
    assert the_part(item) == ToolCall(id="c", name=name, arguments=arguments, extra=Extra(NAME, item))


RESULTS: dict[str, tuple[dict[str, Any], ToolResult]] = {
    "text": (
        {"type": "function_call_output", "id": "fco", "call_id": "c", "output": "x"},
        ToolResult(call_id="c", content=(Text(text="x"),), extra=extra(id="fco")),
    ),
    "parts": (
        {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_image", "image_url": "https://x.test"}]},
        ToolResult(call_id="c", content=(Image(source=Link("https://x.test")),)),
    ),
    "any JSON": (
        {"type": "function_call_output", "call_id": "c", "output": {"a": 1}},
        ToolResult(call_id="c", content=(Text(text='{"a":1}'),)),
    ),
    "a list that is no parts": (
        {"type": "function_call_output", "call_id": "c", "output": [1, {"a": 2}]},
        ToolResult(call_id="c", content=(Text(text='[1,{"a":2}]'),)),
    ),
    "nothing": ({"type": "function_call_output", "call_id": "c", "output": None}, ToolResult(call_id="c")),
    "of nobody's call": (
        {"type": "function_call_output", "name": "f", "output": "x"},
        ToolResult(call_id="", content=(Text(text="x"),), name="f", extra=extra(name="f")),
    ),
    "of free text": (
        {"type": "custom_tool_call_output", "call_id": "c", "output": "x"},
        ToolResult(call_id="c", content=(Text(text="x"),)),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", RESULTS)
def test_a_result(case: str) -> None:
    item, result = RESULTS[case]
    assert the_part(item) == result


TYPED_RESULTS: dict[str, tuple[dict[str, Any], str, bool]] = {
    "a local shell's": ({"type": "local_shell_call_output", "id": "c", "output": "x"}, "x", False),
    "a shell's": (
        {"type": "shell_call_output", "call_id": "c", "output": [{"stdout": "x"}]},
        '[{"stdout":"x"}]',
        False,
    ),
    "a patch": ({"type": "apply_patch_call_output", "call_id": "c", "status": "completed"}, "completed", False),
    "a patch that failed": (
        {"type": "apply_patch_call_output", "call_id": "c", "status": "failed", "output": "no such file"},
        "no such file",
        True,
    ),
    "a search": (
        {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": [{"name": "f"}]},
        "Found, and ready to be called: f",
        False,
    ),
    "a search in vain": (
        {"type": "tool_search_output", "call_id": "c", "execution": "client", "tools": []},
        "No tool was found.",
        False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TYPED_RESULTS)
def test_a_result_in_an_item_of_its_own_form(case: str) -> None:
    item, text, failed = TYPED_RESULTS[case]
    expected = ToolResult(call_id="c", content=(Text(text=text),), is_error=failed, extra=Extra(NAME, item))
    assert the_part(item) == expected


# --- what only OpenAI understands ------------------------------------------------------------------------------------

OPAQUE = {
    "web_search_call": Role.ASSISTANT,
    "tool_search_call": Role.ASSISTANT,  # its provider has run it
    "tool_search_output": Role.ASSISTANT,
    "computer_call": Role.ASSISTANT,
    "computer_call_output": Role.USER,
    "compaction": Role.USER,
    "item_reference": Role.USER,
    "mcp_approval_response": Role.USER,
    "configuration_update": Role.DEVELOPER,
    "novel": Role.USER,
}


@pytest.mark.parametrize("kind", OPAQUE)
def test_other_items_are_carried_in_their_place(kind: str) -> None:
    item = {"type": kind, "id": "i"}
    (message,) = messages(item)
    assert message == Message(OPAQUE[kind], (Opaque(dialect=NAME, raw=item, extra=extra(item=True)),))


def test_an_item_that_is_an_id_alone_is_a_reference() -> None:
    (message,) = messages({"id": "msg_1"})
    assert isinstance(message.parts[0], Opaque)


def test_a_shell_that_the_provider_runs_is_none_of_the_clients() -> None:
    call = {
        "type": "shell_call",
        "call_id": "c",
        "action": {"commands": ["ls"]},
        "environment": {"type": "container_reference"},
    }
    ((first, second),) = [
        message.parts for message in messages(call, {"type": "shell_call_output", "call_id": "c", "output": []})
    ]
    assert isinstance(first, Opaque)
    assert isinstance(second, Opaque)


# --- tools -----------------------------------------------------------------------------------------------------------

GRAMMAR = {"type": "grammar", "syntax": "lark", "definition": "start: /.+/"}


def test_tools_flat_and_nested() -> None:
    flat, nested = decode(
        tools=[
            {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}, "strict": True},
            {"type": "function", "function": {"name": "g", "parameters": None}},
        ]
    ).tools
    assert (flat.name, flat.description, flat.schema, flat.strict) == ("f", "d", {"type": "object"}, True)
    assert (nested.name, nested.schema, nested.strict) == ("g", None, None)


def test_free_text_has_its_grammar_in_the_words_of_the_ir() -> None:
    custom, plain, chat = decode(
        tools=[
            {"type": "custom", "name": "f", "format": GRAMMAR},
            {"type": "custom", "name": "g", "format": {"type": "text"}},
            {"custom": {"name": "h", "format": {"type": "grammar", "grammar": {"syntax": "lark"}}}},
        ]
    ).tools
    assert custom.kind == plain.kind == chat.kind == "custom"
    assert custom.format == {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: /.+/"}}
    assert (plain.format, chat.format) == ({"type": "text"}, {"type": "grammar", "grammar": {"syntax": "lark"}})


def test_the_tools_of_a_namespace_carry_its_name() -> None:
    inner = [{"type": "function", "name": "f"}, {"type": "custom", "name": "g"}]
    tools = decode(tools=[{"type": "namespace", "name": "ns", "description": "", "tools": inner}]).tools
    assert [(tool.name, tool.kind) for tool in tools] == [("ns__f", "function"), ("ns__g", "custom")]


def test_tools_of_openais_own_form_are_functions_where_the_client_runs_them() -> None:
    tools = decode(
        tools=[
            {"type": "local_shell"},
            {"type": "shell", "environment": {"type": "local"}},
            {"type": "apply_patch"},
            {"type": "tool_search", "execution": "client", "description": "d", "parameters": {"type": "object"}},
        ]
    ).tools
    assert [(tool.name, tool.kind) for tool in tools] == [
        ("local_shell", "function"), ("shell", "function"), ("apply_patch", "function"), ("tool_search", "function"),
    ]  # fmt: skip
    assert all(tool.schema and tool.schema["type"] == "object" for tool in tools)
    assert all(tool.description for tool in tools)
    assert (tools[3].description, tools[3].schema) == ("d", {"type": "object"})


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search"},
        {"type": "tool_search"},
        {"type": "shell", "environment": {"type": "container_auto"}},
        {"type": "mcp", "server_label": "x"},
        {"type": "novel"},
    ],
)
def test_tools_that_the_provider_runs(tool: dict[str, Any]) -> None:
    (decoded,) = decode(tools=[tool]).tools
    assert (decoded.name, decoded.kind) == (tool["type"], "server")


def test_the_conversation_brings_tools_along_each_once() -> None:
    request = decode(
        tools=[{"type": "function", "name": "f", "description": "first"}],
        input=[
            {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "g"}]},
            {"type": "tool_search_output", "execution": "client", "call_id": "c", "tools": [
                {"type": "function", "name": "f"}, {"type": "function", "name": "h"},
            ]},
        ],
    )  # fmt: skip
    assert [(tool.name, tool.description) for tool in request.tools] == [("f", "first"), ("g", None), ("h", None)]


CHOICES: dict[str, tuple[Any, ToolChoice | None]] = {
    "auto": ("auto", ToolChoice("auto")),
    "none": ("none", ToolChoice("none")),
    "required": ("required", ToolChoice("required")),
    "null": (None, None),
    "a mode as an object": ({"type": "auto"}, ToolChoice("auto")),
    "a function": ({"type": "function", "name": "f"}, ToolChoice("named", ("f",))),
    "Chat's function": ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", ("f",))),
    "free text": ({"type": "custom", "name": "f"}, ToolChoice("named", ("f",))),
    "in a namespace": ({"type": "function", "name": "f", "namespace": "ns"}, ToolChoice("named", ("ns__f",))),
    "the provider's": ({"type": "web_search_preview"}, ToolChoice("named", ("web_search_preview",))),
    "a server's": ({"type": "mcp", "server_label": "x", "name": "f"}, ToolChoice("named", ("mcp",))),
    "some": (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}, {"type": "shell"}]},
        ToolChoice("allowed", ("f", "shell"), required=True),
    ),
    "some, as Chat has them": (
        {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [{"type": "custom", "name": "f"}]}},
        ToolChoice("allowed", ("f",)),
    ),
}


@pytest.mark.parametrize("case", CHOICES)
def test_a_choice(case: str) -> None:
    wire, choice = CHOICES[case]
    assert decode(tool_choice=wire).tool_choice == choice


# --- how the answer is to be made ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wire", "control"),
    [
        (None, ReasoningControl()),
        ({"effort": "high", "summary": "auto"}, ReasoningControl(mode="on", effort="high", show="summary")),
        ({"effort": "none"}, ReasoningControl(mode="off", effort="none")),
        ({"effort": "novel"}, ReasoningControl()),
        ({"generate_summary": "concise"}, ReasoningControl(show="summary")),
        ({"effort": "low", "summary": "none"}, ReasoningControl(mode="on", effort="low")),
    ],
)
def test_reasoning_control(wire: Any, control: ReasoningControl) -> None:
    assert decode(reasoning=wire).reasoning == control


SCHEMA = {"type": "object", "properties": {}}


@pytest.mark.parametrize(
    ("form", "output"),
    [
        (None, OutputFormat()),
        ({"type": "text"}, OutputFormat()),
        ({"type": "json_object"}, OutputFormat(kind="json")),
        (
            {"type": "json_schema", "name": "n", "schema": SCHEMA, "strict": True, "description": "d"},
            OutputFormat(kind="json_schema", schema=SCHEMA, name="n", description="d", strict=True),
        ),
        (
            {"type": "json_schema", "json_schema": {"name": "n", "schema": None}},
            OutputFormat(kind="json_schema", name="n"),
        ),
        ({"type": "grammar"}, OutputFormat()),
    ],
)
def test_the_form_of_the_answer(form: Any, output: OutputFormat) -> None:
    assert decode(text={"format": form}).output == output


def test_the_conversation_may_say_it_anew() -> None:
    request = decode(
        reasoning={"effort": "high"},
        text={"verbosity": "low"},
        input=[
            {"type": "configuration_update", "reasoning": {"effort": "low"}},
            {"type": "configuration_update", "text": {"verbosity": "high", "format": {"type": "json_object"}}},
            {"role": "user", "content": "a"},
        ],
    )
    assert (request.reasoning.effort, request.verbosity, request.output.kind) == ("low", "high", "json")


def test_every_other_field_has_its_place() -> None:
    request = decode(
        stream=True,
        parallel_tool_calls=False,
        temperature=0.5,
        top_p=0.9,
        top_logprobs=2,
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        max_output_tokens=64,
        store=True,
        previous_response_id="resp_1",
        prompt_cache_key="k",
        safety_identifier="s",
        user="u",
        metadata={"a": "b"},
        service_tier="flex",
        truncation="auto",
        background=False,
        novel=1,
    )
    assert request.stream
    assert (request.parallel_tools, request.max_output_tokens) == (False, 64)
    assert (request.store, request.previous) == (True, "resp_1")
    assert (request.session, request.user_id, request.metadata, request.service_tier) == ("k", "s", {"a": "b"}, "flex")
    sampling = request.sampling
    assert (sampling.temperature, sampling.top_p, sampling.logprobs, sampling.top_logprobs) == (0.5, 0.9, True, 2)
    kept = request.extra.fields if request.extra else {}
    assert {name: kept.get(name) for name in ("truncation", "novel", "include")} == {
        "truncation": "auto",
        "novel": 1,
        "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
    }
    assert kept.keys().isdisjoint({"store", "previous_response_id", "background", "model", "input", "stream"})


def test_an_old_name_of_the_user() -> None:
    assert decode(user="u").user_id == "u"


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "prompt"])
def test_the_conversation_may_be_elsewhere(name: str) -> None:
    request = OPENAI_RESPONSES.decode_request(json.dumps({"model": "m", name: "x"}).encode())
    assert request.messages == ()


# --- what is refused -------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": ""}, "model"),
    "no input": ({"input": []}, "input"),
    "input that is a number": ({"input": 1}, "input"),
    "an item that is a string": ({"input": ["a"]}, "input.0"),
    "a role of nobody's": ({"input": [{"role": "tool", "content": "a"}]}, "input.0.role"),
    "content that is a number": ({"input": [{"role": "user", "content": 1}]}, "input.0.content"),
    "a part without a type": ({"input": [{"role": "user", "content": [{}]}]}, "input.0.content.0.type"),
    "a picture without an address": (
        {"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input.0.content.0.image_url",
    ),
    "data without a comma": (
        {"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "data:x"}]}]},
        "input.0.content.0.image_url",
    ),
    "a file without anything": (
        {"input": [{"role": "user", "content": [{"type": "input_file"}]}]}, "input.0.content.0",
    ),
    "sound without anything": (
        {"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input.0.content.0.input_audio",
    ),
    "a call without an id": ({"input": [{"type": "function_call", "name": "f"}]}, "input.0.call_id"),
    "a call of no tool": ({"input": [{"type": "function_call", "call_id": "c", "name": ""}]}, "input.0.name"),
    "a shell's call without an id": ({"input": [{"type": "shell_call"}]}, "input.0.call_id"),
    "a tool without a name": ({"tools": [{"type": "function"}]}, "tools.0.name"),
    "a tool of an empty name": ({"tools": [{"type": "function", "name": ""}]}, "tools.0.name"),
    "a choice of nothing": ({"tool_choice": "maybe"}, "tool_choice"),
    "the background": ({"background": True}, "background"),
    "no tokens": ({"max_output_tokens": 0}, "max_output_tokens"),
    "an effort that is a number": ({"reasoning": {"effort": 1}}, "reasoning.effort"),
    "metadata that is a number": ({"metadata": {"a": 1}}, "metadata.a"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_fault_names_its_path(case: str) -> None:
    fields, param = REFUSED[case]
    with pytest.raises(BadRequest) as caught:
        decode(**fields)
    assert caught.value.param == param
