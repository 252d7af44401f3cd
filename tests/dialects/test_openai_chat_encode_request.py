"""Requests of any dialect -> bodies for backends: what each profile is sent, and every loss by its name."""

import base64
import functools
import hashlib
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from llmux.dialects.base import Outbound
from llmux.dialects.freetext import FreeText
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.errors import BadRequest, Unsupported
from llmux.ir.capability import Profile, Target
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
    SearchResult,
    Text,
    ToolCall,
    ToolResult,
    Written,
)
from llmux.ir.request import (
    Message,
    OutputFormat,
    ReasoningControl,
    Request,
    Role,
    Sampling,
    Tool,
    ToolChoice,
)

Wire = dict[str, Any]
HI = Message(Role.USER, (Text(text="hi"),))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
STRICT = {**SCHEMA, "required": ["a"], "additionalProperties": False}
FUNCTION = Tool("f", schema=SCHEMA)
OPENAI = Profile(
    max_tokens_field="max_completion_tokens",
    sampling="none",
    max_stop=0,
    reasoning="effort",
    developer_role=True,
    custom_tools=True,
    pdf=True,
    prefill=False,
    prompt_cache_key=True,
)
LOCAL = Profile(mid_system=False, null_content=False, parallel_tools=False, strict_tools=False, json_schema=False)


def encode(profile: Profile | None = None, maker: str = "", **fields: Any) -> Outbound:
    asked: Wire = {"dialect": "claude", "model": "client's", "messages": (HI,), **fields}
    return OPENAI_CHAT.encode_request(Request(**asked), Target("m", profile or Profile(), maker))


def body(profile: Profile | None = None, **fields: Any) -> Wire:
    return encode(profile, **fields).body


def messages(*said: Message, profile: Profile | None = None, maker: str = "", **fields: Any) -> list[Wire]:
    wire: list[Wire] = encode(profile, maker, messages=said, **fields).body["messages"]
    return wire


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def system(text: str, role: Role = Role.SYSTEM) -> Message:
    return Message(role, (Text(text=text),))


def test_the_least_that_can_be_asked() -> None:
    assert encode() == Outbound({"model": "m", "messages": [{"role": "user", "content": "hi"}]})


def test_a_stream_asks_for_usage_where_it_may() -> None:
    assert body(stream=True)["stream_options"] == {"include_usage": True}
    assert "stream_options" not in body(Profile(stream_usage=False), stream=True)


# what is asked, the profile -> what the body says of it, what is told to be lost
CONTROLS: dict[str, tuple[Wire, Profile, Wire, tuple[str, ...]]] = {
    "limit": ({"max_output_tokens": 5}, Profile(), {"max_tokens": 5}, ()),
    "limit, newer field": ({"max_output_tokens": 5}, OPENAI, {"max_completion_tokens": 5}, ()),
    "limit beyond the model's": (
        {"max_output_tokens": 50}, Profile(max_output=9), {"max_tokens": 9}, ("approx=max_tokens",),
    ),
    "stop": ({"stop": ("a",)}, Profile(), {"stop": ["a"]}, ()),
    "too many stops": ({"stop": ("a", "b")}, Profile(max_stop=1), {"stop": ["a"]}, ()),
    "no stops": ({"stop": ("a",)}, OPENAI, {}, ()),
    "sampling": ({"sampling": Sampling(temperature=0.5, seed=1)}, Profile(), {"temperature": 0.5, "seed": 1}, ()),
    "no sampling": ({"sampling": Sampling(temperature=9, seed=1)}, OPENAI, {"seed": 1}, ("dropped=temperature",)),
    "one of two": (
        {"sampling": Sampling(temperature=0.5, top_p=0.1)},
        Profile(sampling="one"), {"temperature": 0.5}, ("dropped=top_p",),
    ),
    "the other alone": ({"sampling": Sampling(top_p=0.1)}, Profile(sampling="one"), {"top_p": 0.1}, ()),
    "too hot": (
        {"sampling": Sampling(temperature=1.7)},
        Profile(max_temperature=1.5), {"temperature": 1.5}, ("approx=temperature",),
    ),
    "extensions": (
        {"sampling": Sampling(top_k=3, min_p=0.1)}, Profile(), {}, ("dropped=top_k", "dropped=min_p"),
    ),
    "several answers": ({"choices": 2}, Profile(), {"n": 2}, ()),
    "who and where": (
        {"session": "s", "user_id": "u" * 65, "service_tier": "auto"}, OPENAI,
        {"prompt_cache_key": "s", "safety_identifier": hashlib.sha256(b"u" * 65).hexdigest()}, (),
    ),
    "who and where, elsewhere": ({"session": "s", "user_id": "u"}, Profile(), {}, ("dropped=user_id",)),
    "what only the client's API knows": (
        {"extra": Extra("claude", {"x": 1}), "cache": CacheMark(), "service_tier": "priority", "verbosity": "low"},
        Profile(), {},
        ("dropped=service_tier", "dropped=verbosity", "dropped=fields", "dropped=cache_control"),
    ),
    "what the same API knows": (
        {"extra": Extra("openai_chat", {"x": 1, "user": "u"}), "dialect": "openai_chat", "user_id": "u"},
        Profile(), {"x": 1, "user": "u"}, (),
    ),
}  # fmt: skip


def test_the_stop_sequences_that_are_not_said_are_named() -> None:
    """The gateway ends the answer at them."""
    assert encode(Profile(max_stop=1), stop=("a", "b", "c", "b", "a", "")).unstopped == ("b", "c")
    assert encode(OPENAI, stop=("a",)).unstopped == ("a",)
    assert encode(Profile(), stop=("a",)).unstopped == encode(Profile()).unstopped == ()


@pytest.mark.parametrize("case", CONTROLS)
def test_controls(case: str) -> None:
    fields, profile, expected, warnings = CONTROLS[case]
    outbound = encode(profile, **fields)
    assert {name: value for name, value in outbound.body.items() if name not in {"model", "messages"}} == expected
    assert outbound.warnings == warnings


ALL = Profile(reasoning="effort", efforts=("none", "minimal", "low", "medium", "high", "xhigh", "max"))
SOME = Profile(reasoning="effort", efforts=("medium", "low"))
EFFORTS: list[tuple[ReasoningControl, Profile, str | None, tuple[str, ...]]] = [
    (ReasoningControl(), ALL, None, ()),
    (ReasoningControl(mode="auto"), ALL, None, ()),
    (ReasoningControl(mode="auto", effort="high"), ALL, "high", ()),
    (ReasoningControl(mode="on"), ALL, "medium", ()),
    (ReasoningControl(mode="off"), ALL, "none", ()),
    (ReasoningControl(mode="off", effort="high"), ALL, "none", ()),
    (ReasoningControl(mode="off"), SOME, "low", ("approx=reasoning",)),
    (ReasoningControl(mode="on", effort="max"), SOME, "medium", ("approx=reasoning",)),
    (ReasoningControl(mode="on", effort="minimal"), SOME, "low", ("approx=reasoning",)),
    (ReasoningControl(mode="on", effort="low"), Profile(reasoning="effort", efforts=()), None, ("approx=reasoning",)),
    (ReasoningControl(mode="on", budget=1), ALL, "low", ("approx=reasoning",)),
    (ReasoningControl(mode="on", budget=4096), ALL, "low", ("approx=reasoning",)),
    (ReasoningControl(mode="on", budget=4097), ALL, "medium", ("approx=reasoning",)),
    (ReasoningControl(mode="on", budget=32768), ALL, "high", ("approx=reasoning",)),
    (ReasoningControl(mode="on", budget=49152), ALL, "xhigh", ("approx=reasoning",)),
    (ReasoningControl(mode="on", budget=49153), ALL, "max", ("approx=reasoning",)),
    (ReasoningControl(mode="on", effort="low"), Profile(), None, ("dropped=reasoning",)),
    (ReasoningControl(mode="off"), Profile(), None, ()),
]


@pytest.mark.parametrize(("control", "profile", "effort", "warnings"), EFFORTS)
def test_efforts(control: ReasoningControl, profile: Profile, effort: str | None, warnings: tuple[str, ...]) -> None:
    outbound = encode(profile, reasoning=control)
    assert outbound.body.get("reasoning_effort") == effort
    assert outbound.warnings == warnings


@pytest.mark.parametrize("effort", [None, "high"])
def test_a_model_with_a_switch_is_told_no_effort_beside_off(effort: str | None) -> None:
    profile = Profile(reasoning="effort", off_switch=True)
    off = encode(profile, reasoning=ReasoningControl(mode="off", effort=effort)).body
    assert (off["thinking"], off.get("reasoning_effort")) == ({"type": "disabled"}, None)
    assert encode(profile, reasoning=ReasoningControl(mode="on", effort="high")).body["reasoning_effort"] == "high"


@pytest.mark.parametrize("knob", [{}, {"enable_thinking": True}])
def test_a_backends_own_knob_is_kept_and_nothing_added(knob: Wire) -> None:
    asked = {"model": "m", "messages": [{"role": "user", "content": "hi"}], "reasoning_effort": "low", **knob}
    request = OPENAI_CHAT.decode_request(orjson.dumps(asked))
    assert OPENAI_CHAT.encode_request(request, Target("m", SOME)).body == asked


# --- tools -----------------------------------------------------------------------------------------------------------


def test_functions() -> None:
    tool = Tool("f", "does", SCHEMA, strict=False)
    function = {"name": "f", "description": "does", "parameters": SCHEMA, "strict": False}
    assert body(tools=(tool,))["tools"] == [{"type": "function", "function": function}]


SCHEMAS: list[tuple[Wire | None, Wire, tuple[str, ...]]] = [
    (None, {"type": "object", "properties": {}}, ()),
    ({}, {"type": "object", "properties": {}}, ()),
    ({"type": "object"}, {"type": "object", "properties": {}}, ()),
    ({"anyOf": [SCHEMA], "title": "t"}, {"title": "t", "type": "object", "properties": {}}, ("approx=schema",)),
    ({**SCHEMA, "not": {}}, SCHEMA, ("approx=schema",)),
]


@pytest.mark.parametrize(("schema", "parameters", "warnings"), SCHEMAS)
def test_a_schema_is_an_object_at_its_root(schema: Wire | None, parameters: Wire, warnings: tuple[str, ...]) -> None:
    outbound = encode(tools=(Tool("f", schema=schema),))
    assert outbound.body["tools"][0]["function"]["parameters"] == parameters
    assert outbound.warnings == warnings


STRICTNESS: list[tuple[Wire, bool]] = [
    (STRICT, True),
    (SCHEMA, False),
    ({**STRICT, "required": []}, False),
    ({**STRICT, "properties": {"a": {"type": "string", "default": "x"}}}, False),
    ({**STRICT, "properties": {"a": {"anyOf": [SCHEMA]}}}, False),
    ({**STRICT, "properties": {"a": {"type": "array", "items": STRICT}}, "$defs": {"d": STRICT}}, True),
    ({**STRICT, "properties": {"a": {"type": "array", "items": SCHEMA}}}, False),
    ({**STRICT, "properties": {"a": True}}, True),
    ({**STRICT, "properties": 5}, False),
    ({**STRICT, "required": [{}]}, False),
    ({**STRICT, "required": 5}, False),
    ({**STRICT, "$defs": 5}, True),
    ({**STRICT, "properties": {"a": functools.reduce(lambda inner, _: {"anyOf": [inner]}, range(99), STRICT)}}, False),
]


@pytest.mark.parametrize(("schema", "qualifies"), STRICTNESS)
def test_strict_where_the_schema_qualifies(schema: Wire, qualifies: bool) -> None:
    outbound = encode(tools=(Tool("f", schema=schema, strict=True),))
    assert outbound.body["tools"][0]["function"].get("strict") is (True if qualifies else None)
    assert outbound.warnings == (() if qualifies else ("dropped=strict",))


def test_marks_of_what_to_cache_are_left_out() -> None:
    outbound = encode(tools=(replace(FUNCTION, cache=CacheMark("1h")),))
    assert outbound.body["tools"][0].keys() == {"type", "function"}
    assert outbound.warnings == ("dropped=cache_control",)


def test_arguments_go_as_they_came() -> None:
    spelled = ToolCall(id="c", name="f", arguments=' {"b": 1.0,  "a": "\\u00e9"} ')
    call = messages(HI, assistant(spelled), RESULT)[1]["tool_calls"][0]
    assert call["function"]["arguments"] == spelled.arguments


def test_strict_is_left_to_the_client_of_the_same_dialect_and_to_the_profile() -> None:
    tool = Tool("f", schema=SCHEMA, strict=True)
    assert body(dialect="openai_chat", tools=(tool,))["tools"][0]["function"]["strict"] is True
    assert "strict" not in body(LOCAL, tools=(replace(tool, strict=False),))["tools"][0]["function"]


def test_custom_tools_where_they_are_known() -> None:
    form = {"type": "grammar", "grammar": {"syntax": "lark", "definition": "start: X"}}
    tool = Tool("p", "d", kind="custom", format=form)
    history = (HI, assistant(ToolCall(id="c", name="p", arguments="so", kind="custom")), RESULT)
    wire = body(OPENAI, tools=(tool,), tool_choice=ToolChoice("named", ("p",)), messages=history)
    call = {"id": "c", "type": "custom", "custom": {"name": "p", "input": "so"}}
    assert wire["messages"][1]["tool_calls"] == [call]
    assert wire["tools"] == [{"type": "custom", "custom": {"name": "p", "description": "d", "format": form}}]
    assert wire["tool_choice"] == {"type": "custom", "custom": {"name": "p"}}


def test_custom_tools_become_functions_elsewhere() -> None:
    form = {"type": "grammar", "syntax": "lark", "definition": "start: X"}
    history = (HI, assistant(ToolCall(id="c", name="p q", arguments='say "x"', kind="custom")), RESULT)
    outbound = encode(tools=(Tool("p q", kind="custom", format=form),), messages=history)
    function = outbound.body["tools"][0]["function"]
    assert function["parameters"]["required"] == ["input"]
    assert "start: X" in function["description"]
    assert outbound.body["messages"][1]["tool_calls"][0]["function"] == {
        "name": function["name"], "arguments": '{"input": "say \\"x\\""}',
    }  # fmt: skip
    assert outbound.names == {function["name"]: "p q"}
    assert isinstance(outbound.names[function["name"]], FreeText)
    assert outbound.warnings == ("approx=custom_tools",)


CHOICES: list[tuple[ToolChoice, Any]] = [
    (ToolChoice("auto"), "auto"),
    (ToolChoice("none"), "none"),
    (ToolChoice("required"), "required"),
    (ToolChoice("named", ("f",)), {"type": "function", "function": {"name": "f"}}),
    (
        ToolChoice("allowed", ("f",), required=True),
        {
            "type": "allowed_tools",
            "allowed_tools": {"mode": "required", "tools": [{"type": "function", "function": {"name": "f"}}]},
        },
    ),
]


@pytest.mark.parametrize(("choice", "wire"), CHOICES)
def test_tool_choices(choice: ToolChoice, wire: Any) -> None:
    assert body(tools=(FUNCTION,), tool_choice=choice)["tool_choice"] == wire


def test_what_only_makes_sense_with_tools_goes_with_them() -> None:
    assert body(tool_choice=ToolChoice("auto"), parallel_tools=False).keys() == {"model", "messages"}
    assert body(tools=(FUNCTION,), parallel_tools=False)["parallel_tool_calls"] is False
    outbound = encode(LOCAL, tools=(FUNCTION,), parallel_tools=False)
    assert ("parallel_tool_calls" in outbound.body, outbound.warnings) == (False, ("dropped=parallel_tool_calls",))


SEARCH = Tool("web_search", kind="server", extra=Extra("claude", {"type": "web_search_20250305"}))


def test_another_providers_tools_are_left_out() -> None:
    outbound = encode(tools=(FUNCTION, SEARCH), tool_choice=ToolChoice("auto"))
    assert [tool["function"]["name"] for tool in outbound.body["tools"]] == ["f"]
    assert outbound.warnings == ("dropped=server_tools",)
    assert "tools" not in encode(tools=(SEARCH,)).body


@pytest.mark.parametrize(
    ("tools", "choice"),
    [
        ((SEARCH,), ToolChoice("named", ("web_search",))),
        ((SEARCH,), ToolChoice("required")),
        ((FUNCTION, SEARCH), ToolChoice("named", ("web_search",))),
    ],
)
def test_a_tool_that_is_insisted_on_and_cannot_run_is_a_refusal(tools: tuple[Tool, ...], choice: ToolChoice) -> None:
    with pytest.raises(Unsupported, match="web_search"):
        encode(tools=tools, tool_choice=choice)


def test_the_own_providers_tools_stay() -> None:
    tool = Tool("web_search", kind="server", extra=Extra("openai_chat", {"type": "web_search", "x": 1}))
    wire = body(dialect="openai_chat", tools=(tool,), tool_choice=ToolChoice("named", ("web_search",)))
    assert (wire["tools"], wire["tool_choice"]) == ([{"type": "web_search", "x": 1}], {"type": "web_search"})


@pytest.mark.parametrize(
    "call_id", ["call_0123456789abcdef", "functions.bash:0", "tu_ZnVuY3Rpb25zLmJhc2g6MA", "aB3dE6gH9"]
)
def test_a_server_that_wants_ids_of_one_length_gets_such(call_id: str) -> None:
    """B.10 of the contract: of a call and of its result alike, and one that fits stays as it is."""
    call, result = ToolCall(id=call_id, name="f"), ToolResult(call_id=call_id)
    messages = (HI, assistant(call), Message(Role.TOOL, (result,)))
    wire = encode(Profile(call_id_length=9), messages=messages).body["messages"]
    told = wire[1]["tool_calls"][0]["id"]
    assert wire[2]["tool_call_id"] == told
    assert len(told) == 9
    assert told.isalnum()
    assert (told == call_id) == (len(call_id) == 9)


def test_names_and_ids_are_made_legal_everywhere_alike() -> None:
    name, call_id = "mcp.server/" + "x" * 90, "functions.bash:" + "0" * 60
    history = (
        HI,
        assistant(ToolCall(id=call_id, name=name, arguments="{}")),
        Message(Role.TOOL, (ToolResult(call_id=call_id),)),
    )
    outbound = encode(messages=history, tools=(Tool(name),), tool_choice=ToolChoice("named", (name,)))
    wire = outbound.body
    legal = wire["tools"][0]["function"]["name"]
    call = wire["messages"][1]["tool_calls"][0]
    assert len(legal) <= 64
    assert legal == call["function"]["name"] == wire["tool_choice"]["function"]["name"]
    assert outbound.names == {legal: name}
    assert len(call["id"]) <= 40
    assert wire["messages"][2]["tool_call_id"] == call["id"]


def test_a_backends_own_id_comes_back_to_it() -> None:
    readable = "tu_" + base64.urlsafe_b64encode(b"functions.ls:0").decode().rstrip("=")
    history = (HI, assistant(ToolCall(id=readable, name="ls")), Message(Role.TOOL, (ToolResult(call_id=readable),)))
    assert messages(*history)[1]["tool_calls"][0]["id"] == "functions.ls:0"


# --- the form of the answer ------------------------------------------------------------------------------------------

JSON_SCHEMA = OutputFormat(kind="json_schema", schema=STRICT, name="my answer!", description="d")


def test_a_schema_for_the_answer() -> None:
    wire = body(output=JSON_SCHEMA)["response_format"]["json_schema"]
    assert wire == {"name": "my_answer_", "description": "d", "schema": STRICT, "strict": True}
    bare = encode(output=OutputFormat(kind="json_schema", schema=SCHEMA, strict=True))
    assert bare.body["response_format"]["json_schema"] == {"name": "response", "schema": SCHEMA, "strict": False}
    assert bare.warnings == ("dropped=strict",)
    own = body(dialect="openai_chat", output=OutputFormat(kind="json_schema", name="n"))
    assert own["response_format"]["json_schema"] == {"name": "n", "schema": {"type": "object"}}


@pytest.mark.parametrize("leading", [(), (system("be brief"),)])
def test_a_schema_in_words(leading: tuple[Message, ...]) -> None:
    outbound = encode(LOCAL, output=JSON_SCHEMA, messages=(*leading, HI))
    first, *rest = outbound.body["messages"]
    assert outbound.body["response_format"] == {"type": "json_object"}
    assert first["role"] == "system"
    assert '"additionalProperties": false' in first["content"]
    assert rest == [{"role": "user", "content": "hi"}]
    assert outbound.warnings == ("approx=json_schema",)


def test_any_json_wants_the_word_in_the_prompt() -> None:
    output = OutputFormat(kind="json")
    added = encode(output=output)
    assert (len(added.body["messages"]), added.warnings) == (2, ("approx=json",))
    said = encode(output=output, messages=(user(Text(text="as JSON")),))
    assert (len(said.body["messages"]), said.warnings) == (1, ())


# --- messages --------------------------------------------------------------------------------------------------------


def test_developers_and_systems() -> None:
    said = (system("s"), system("d", Role.DEVELOPER), HI, system("late"))
    roles = [message["role"] for message in messages(*said, profile=OPENAI)]
    assert roles == ["system", "developer", "user", "system"]
    assert [message["role"] for message in messages(*said)] == ["system", "system", "user", "system"]


def test_one_system_message_at_the_front_where_no_other_is_taken() -> None:
    said = (system("a"), system("b"), HI, system("late"), assistant(Text(text="x")), HI)
    outbound = encode(LOCAL, messages=said)
    assert outbound.body["messages"] == [
        {"role": "system", "content": "a\n\nb"},
        {"role": "user", "content": "hi"},
        {"role": "user", "content": "<system-reminder>\nlate\n</system-reminder>"},
        {"role": "assistant", "content": "x"},
        {"role": "user", "content": "hi"},
    ]
    assert outbound.warnings == ("approx=system_position",)


def test_parts_of_a_user() -> None:
    picture = Image(source=Inline("image/png", "AA"), detail="low")
    said = user(Text(text="a"), picture, Image(source=Link("https://a/b")), Audio(format="wav", data="BB"))
    assert messages(said) == [
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "a"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA", "detail": "low"}},
                {"type": "image_url", "image_url": {"url": "https://a/b"}},
                {"type": "input_audio", "input_audio": {"data": "BB", "format": "wav"}},
            ],
        }
    ]


TEXT_FILE = base64.b64encode(b"words").decode()
DOCUMENTS: dict[str, tuple[Part, list[str], tuple[str, ...]]] = {
    "written": (
        Document(source=Written("words"), title="t", context="c", citations=True),
        ["t\nc", "words"],
        ("dropped=citations", "approx=documents"),
    ),
    "made of parts": (Document(source=(Text(text="a"), Text(text="b"))), ["a", "b"], ("approx=documents",)),
    "text in base64": (Document(source=Inline("text/plain", TEXT_FILE)), ["words"], ("approx=documents",)),
    "found": (SearchResult(source="s", title="t", content=(Text(text="x"),)), ["t\ns", "x"], ()),
    "found without a name": (SearchResult(source="", title="", content=(Text(text="x"),)), ["x"], ()),
    "cited": (Text(text="a", citations=(Citation("claude", {}),)), ["a"], ("dropped=citations",)),
    "marked": (Text(text="a", cache=CacheMark()), ["a"], ("dropped=cache_control",)),
    "refused": (Refusal(text="no"), ["no"], ("approx=refusal",)),
    "another dialect's": (Opaque(dialect="claude", raw={}, text="digest"), ["digest"], ("dropped=parts",)),
    "another dialect's, silent": (Opaque(dialect="claude", raw={}), [], ("dropped=parts",)),
    "out of place": (Reasoning(text="hm"), [], ("dropped=parts",)),
}


@pytest.mark.parametrize("case", DOCUMENTS)
def test_what_becomes_text(case: str) -> None:
    part, texts, warnings = DOCUMENTS[case]
    outbound = encode(messages=(user(Text(text="."), part),))
    content = outbound.body["messages"][0]["content"]
    assert ([piece["text"] for piece in content] if texts else [content]) == [".", *texts]
    assert outbound.warnings == warnings


def test_files_where_the_model_reads_them() -> None:
    (said,) = messages(user(Document(source=Inline("application/pdf", "AA"))), profile=OPENAI)
    file = {"filename": "document.pdf", "file_data": "data:application/pdf;base64,AA"}
    assert said["content"] == [{"type": "file", "file": file}]


@pytest.mark.parametrize(
    "part",
    [
        Image(source=FileId("f")),
        Document(source=FileId("f")),
        Document(source=Link("https://a")),
        Document(source=Inline("application/pdf", "AA")),
    ],
)
def test_what_cannot_be_sent_is_refused_and_never_left_out(part: Part) -> None:
    with pytest.raises(Unsupported):
        encode(messages=(user(part),))


def test_a_damaged_text_file_is_the_clients_fault() -> None:
    with pytest.raises(BadRequest):
        encode(messages=(user(Document(source=Inline("text/plain", "AAAAA"))),))


CALL = ToolCall(id="c", name="f", arguments="")
RESULT = Message(Role.TOOL, (ToolResult(call_id="c"),))
PICTURE = Image(source=Link("https://a/b"))
PICTURE_PART = {"type": "image_url", "image_url": {"url": "https://a/b"}}


def test_a_call_without_text() -> None:
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    result = Message(Role.TOOL, (ToolResult(call_id="c"),))
    assert messages(HI, assistant(CALL), result) == [
        {"role": "user", "content": "hi"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": ""},
    ]
    assert messages(HI, assistant(CALL), result, profile=LOCAL)[1]["content"] == ""


ERRORS = [("it broke", "Error: it broke"), ("error: it broke", "error: it broke"), ("", "Error: ")]


@pytest.mark.parametrize(("text", "told"), ERRORS)
def test_a_failed_call_says_so(text: str, told: str) -> None:
    content = (Text(text=text),) if text else ()
    result = Message(Role.TOOL, (ToolResult(call_id="c", content=content, is_error=True, cache=CacheMark()),))
    outbound = encode(messages=(HI, assistant(CALL), result))
    assert outbound.body["messages"][2]["content"] == told
    assert "dropped=cache_control" in outbound.warnings


@pytest.mark.parametrize("after", [(), (HI,), (assistant(Text(text="x")),)])
def test_pictures_of_results_follow_the_whole_run(after: tuple[Message, ...]) -> None:
    calls = assistant(CALL, replace(CALL, id="d"))
    results = Message(
        Role.TOOL,
        (
            ToolResult(call_id="c", content=(Text(text="seen"), PICTURE)),
            ToolResult(call_id="d", content=(Document(source=Inline("application/pdf", "AA")),)),
        ),
    )
    outbound = encode(OPENAI, messages=(HI, calls, results, *after))
    _, _, first, second, following, *_ = outbound.body["messages"]
    assert first["content"] == "seen\n\n[image 1 of this result follows in the next user message]"
    assert second["content"] == "[file 2 of this result follows in the next user message]"
    assert following["role"] == "user"
    assert following["content"][0] == {"type": "text", "text": "[image 1, of the result of tool call c]"}
    assert following["content"][1] == PICTURE_PART
    assert [part["type"] for part in following["content"][2:4]] == ["text", "file"]
    assert following["content"][4:] == ([{"type": "text", "text": "hi"}] if after == (HI,) else [])
    assert "approx=tool_result_media" in outbound.warnings


def test_pictures_of_results_join_a_message_of_parts() -> None:
    result = Message(Role.TOOL, (ToolResult(call_id="c", content=(PICTURE,)),))
    said = messages(HI, assistant(CALL), result, user(Text(text="a"), PICTURE))
    assert len(said) == 4
    assert [part["type"] for part in said[3]["content"]] == ["text", "image_url", "text", "image_url"]


def test_prefill_where_the_model_does_not_continue() -> None:
    outbound = encode(OPENAI, messages=(HI, assistant(Text(text="Once"))))
    assert [message["role"] for message in outbound.body["messages"]] == ["user", "assistant", "user"]
    assert outbound.warnings == ("approx=prefill",)
    assert messages(HI, assistant(Text(text="Once")))[-1] == {"role": "assistant", "content": "Once"}


def test_refusals_of_earlier_turns() -> None:
    said = assistant(Refusal(text="no"))
    assert messages(HI, said, HI)[1] == {"role": "assistant", "content": None, "refusal": "no"}
    assert messages(HI, said, HI, profile=LOCAL)[1] == {"role": "assistant", "content": "no"}
    both = assistant(Text(text="well"), Refusal(text="no"))
    assert messages(HI, both, HI)[1] == {"role": "assistant", "content": "well\n\nno"}


def test_texts_of_an_assistant_are_one() -> None:
    cited = Text(text="b", citations=(Citation("claude", {}),), cache=CacheMark())
    parts = (Text(text="a"), cited, Opaque(dialect="claude", raw={}, text="[searched]"), CALL, Text(text="c"))
    outbound = encode(messages=(HI, assistant(*parts), RESULT))
    assert outbound.body["messages"][1]["content"] == "ab[searched]\n\nc"
    assert outbound.warnings == ("dropped=cache_control", "dropped=citations", "dropped=parts")


def test_nothing_that_can_be_said_is_no_message() -> None:
    silent = Opaque(dialect="claude", raw={"type": "text", "text": "x-anthropic-billing-header: ..."})
    said = messages(Message(Role.SYSTEM, (silent,)), user(silent), assistant(silent))
    assert said == [{"role": "user", "content": "(empty)"}]


REASONED = assistant(Reasoning(text="think"), Text(text="a"))
CALLED = assistant(Reasoning(text="think"), CALL)
REPLAY: list[tuple[str, Message, str | None]] = [
    ("never", CALLED, None),
    ("tool_turns", REASONED, None),
    ("tool_turns", CALLED, "think"),
    ("tool_turns", assistant(CALL), ""),
    ("always", REASONED, "think"),
    ("always", assistant(Text(text="a")), None),
]


def _results(said: Message) -> tuple[Message, ...]:
    return (RESULT,) if CALL in said.parts else ()


@pytest.mark.parametrize(("replay", "said", "expected"), REPLAY)
def test_reasoning_of_earlier_turns(replay: Any, said: Message, expected: str | None) -> None:
    outbound = encode(
        Profile(reasoning_replay=replay, reasoning_field="reasoning"), messages=(HI, said, *_results(said))
    )
    assert outbound.body["messages"][1].get("reasoning") == expected
    lost = expected is None and isinstance(said.parts[0], Reasoning)
    assert outbound.warnings == (("dropped=reasoning_history",) if lost else ())


DETAILS = ReasoningState("openrouter", "details", [{"type": "reasoning.text", "signature": "s"}])
THOUGHT = ReasoningState("google", "signature", "S")


def test_states_go_to_their_maker_only() -> None:
    said = assistant(Reasoning(states=(DETAILS, THOUGHT)), replace(CALL, states=(THOUGHT,)))
    google = {"extra_content": {"google": {"thought_signature": "S"}}}
    own = encode(None, "openrouter", messages=(HI, said, RESULT))
    assert own.body["messages"][1]["reasoning_details"] == DETAILS.data
    assert own.warnings == ("dropped=reasoning_state",)
    gemini = encode(None, "google", messages=(HI, said)).body["messages"][1]
    assert gemini["extra_content"] == google["extra_content"]
    assert gemini["tool_calls"][0]["extra_content"] == google["extra_content"]
    foreign = encode(None, "openai", messages=(HI, said)).body["messages"][1]
    assert foreign.keys() == {"role", "content", "tool_calls"}


@pytest.mark.parametrize("before", [Reasoning(states=(THOUGHT,)), Reasoning(states=(DETAILS,)), Text(text="x")])
def test_a_proof_that_stands_before_its_call_is_put_on_it(before: Part) -> None:
    """Reasoning without words is nothing but the proof of the call behind it, if that is one of Google's."""
    said = encode(None, "google", messages=(HI, assistant(before, CALL))).body["messages"][1]
    expected = {"google": {"thought_signature": "S"}} if before == Reasoning(states=(THOUGHT,)) else None
    assert said["tool_calls"][0].get("extra_content") == expected
    assert "extra_content" not in said


def test_a_maker_that_has_no_place_for_its_states_in_this_wire_goes_without() -> None:
    said = assistant(Reasoning(states=(ReasoningState("anthropic", "signature", "S"),)), Text(text="x"))
    own = encode(None, "anthropic", messages=(HI, said, HI))
    assert own.body["messages"][1].keys() == {"role", "content"}
    assert own.warnings == ("dropped=reasoning_state",)


# --- laws ------------------------------------------------------------------------------------------------------------

WHOLE: Wire = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "s", "name": "boss"},
        {"role": "user", "content": [{"type": "text", "text": "a", "x": 1}, PICTURE_PART], "name": "Ann", "y": 2},
        {
            "role": "assistant",
            "content": "b",
            "name": "bot",
            "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": '{"a": 1}'}}],
        },
        {"role": "tool", "tool_call_id": "c", "content": "r"},
        {"role": "user", "content": [{"type": "file", "file": {"file_id": "f", "filename": "n"}}]},
        {"role": "assistant", "content": None, "audio": {"id": "a"}},
        {"role": "user", "content": [{"type": "video_url", "video_url": {}}]},
    ],
    "tools": [
        {"type": "function", "function": {"name": "f", "parameters": {"type": "string"}, "strict": True}, "z": 3},
        {"type": "web_search"},
    ],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "response_format": {"type": "json_object"},
    "temperature": 0.5,
    "top_logprobs": 2,
    "seed": 7,
    "max_tokens": 9,
    "stop": ["x"],
    "reasoning_effort": "low",
    "stream": True,
    "stream_options": {"include_usage": True},
    "n": 2,
    "top_k": 5,
    "user": "u",
    "metadata": {"a": "b"},
    "prompt_cache_key": "p",
    "store": True,
}


def test_the_same_dialect_gets_what_its_client_said() -> None:
    request = OPENAI_CHAT.decode_request(orjson.dumps(WHOLE))
    assert OPENAI_CHAT.encode_request(request, Target("m", SOME)).body == WHOLE


def test_equal_requests_give_equal_bytes() -> None:
    first, second = (OPENAI_CHAT.decode_request(orjson.dumps(WHOLE)) for _ in range(2))
    bodies = [
        orjson.dumps(OPENAI_CHAT.encode_request(replace(request, original=None), Target("m", OPENAI)).body)
        for request in (first, second)
    ]
    assert bodies[0] == bodies[1]


def test_adding_a_turn_changes_nothing_before_it() -> None:
    said = (system("s"), HI, assistant(CALL), Message(Role.TOOL, (ToolResult(call_id="c"),)), HI)
    whole = messages(*said)
    for length in (1, 2, 4, 5):
        assert messages(*said[:length]) == whole[:length]


def test_every_loss_has_its_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in OPENAI_CHAT.losses.values())
