"""The IR -> requests that Claude takes: every rule of its API, and a name for everything that is lost."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmux.dialects.claude import CLAUDE
from llmux.dialects.freetext import FreeText
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
from llmux.ir.request import Message, OutputFormat, ReasoningControl, Request, Role, Sampling, Tool, ToolChoice

Wire = dict[str, Any]

PROFILE = Profile(
    sampling="one",
    max_temperature=1.0,
    reasoning="budget",
    efforts=(),
    mid_system=False,
    json_schema=False,
    max_output=64_000,
)
NEW = Profile(
    sampling="none",
    reasoning="adaptive",
    efforts=("low", "medium", "high", "max"),
    mid_system=True,
    prefill=False,
    max_output=128_000,
)
HELLO = Message(Role.USER, (Text(text="Hello"),))
HELLO_WIRE: Wire = {"role": "user", "content": [{"type": "text", "text": "Hello"}]}
F, G = Tool("f"), Tool("g")
SIGNED = ReasoningState("anthropic", "signature", "S")


def request(*messages: Message, **fields: Any) -> Request:
    return Request(**{"dialect": "openai_chat", "model": "asked", "messages": messages or (HELLO,)} | fields)


def encode(asked: Request, profile: Profile = PROFILE, maker: str = "anthropic") -> tuple[Wire, tuple[str, ...]]:
    outbound = CLAUDE.encode_request(asked, Target("claude-x", profile, maker))
    return outbound.body, outbound.warnings


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def results(*parts: Part) -> Message:
    return Message(Role.TOOL, parts)


def call(call_id: str, name: str = "f", arguments: str = "{}") -> ToolCall:
    return ToolCall(id=call_id, name=name, arguments=arguments)


def result(call_id: str, text: str = "ok") -> ToolResult:
    return ToolResult(call_id=call_id, content=(Text(text=text),))


def text(said: str) -> Wire:
    return {"type": "text", "text": said}


def test_the_least_request() -> None:
    body, warnings = encode(request())
    assert body == {"model": "claude-x", "max_tokens": 32_000, "messages": [HELLO_WIRE]}
    assert warnings == ()


# --- parts -----------------------------------------------------------------------------------------------------------

PNG = Inline("image/png", "AA==")
PARTS: dict[str, tuple[Part, Wire]] = {
    "text": (Text(text="x"), text("x")),
    "marked": (
        Text(text="x", cache=CacheMark("30m")),
        text("x") | {"cache_control": {"type": "ephemeral", "ttl": "1h"}},
    ),
    "marked by default": (
        Text(text="x", cache=CacheMark("7d")),
        text("x") | {"cache_control": {"type": "ephemeral"}},
    ),
    "its own field": (Text(text="x", extra=Extra("claude", {"mood": 1})), text("x") | {"mood": 1}),
    "another's field": (Text(text="x", extra=Extra("openai_chat", {"mood": 1})), text("x")),
    "cited": (
        Text(text="x", citations=(Citation("claude", {"type": "char_location"}),)),
        text("x") | {"citations": [{"type": "char_location"}]},
    ),
    "refusal": (Refusal(text="no"), text("no")),
    "image": (
        Image(source=PNG, detail="auto"),
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}},
    ),
    "jpg": (
        Image(source=Inline("image/jpg", "AA==")),
        {"type": "image", "source": {"type": "base64", "media_type": "image/jpeg", "data": "AA=="}},
    ),
    "image by url": (Image(source=Link("u")), {"type": "image", "source": {"type": "url", "url": "u"}}),
    "image by file": (Image(source=FileId("f")), {"type": "image", "source": {"type": "file", "file_id": "f"}}),
    "pdf": (
        Document(source=Inline("application/pdf", "UERG"), title="t", context="c", citations=True),
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "UERG"},
            "title": "t",
            "context": "c",
            "citations": {"enabled": True},
        },
    ),
    "written": (
        Document(source=Written("d")),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
    ),
    "text as base64": (
        Document(source=Inline("text/markdown", "ZA==")),
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "d"}},
    ),
    "document by url": (Document(source=Link("u")), {"type": "document", "source": {"type": "url", "url": "u"}}),
    "document of parts": (
        Document(source=(Text(text="d"),), cache=CacheMark()),
        {
            "type": "document",
            "source": {"type": "content", "content": [text("d")]},
            "cache_control": {"type": "ephemeral"},
        },
    ),
    "search result": (
        SearchResult(source="s", title="t", content=(Text(text="x"),), citations=True),
        {
            "type": "search_result",
            "source": "s",
            "title": "t",
            "content": [text("x")],
            "citations": {"enabled": True},
        },
    ),
    "its own block": (Opaque(dialect="claude", raw={"type": "new", "x": 1}), {"type": "new", "x": 1}),
}


@pytest.mark.parametrize(("part", "block"), PARTS.values(), ids=PARTS)
def test_parts(part: Part, block: Wire) -> None:
    body, warnings = encode(request(user(part)))
    assert body["messages"] == [{"role": "user", "content": [block]}]
    assert warnings == ()


LOST: dict[str, tuple[Part, list[Wire], str]] = {
    "a cache mark within a document": (
        Document(source=(Text(text="d", cache=CacheMark()),)),
        [{"type": "document", "source": {"type": "content", "content": [text("d")]}}],
        "approx=cache",
    ),
    "detail": (
        Image(source=Link("u"), detail="low"),
        [{"type": "image", "source": {"type": "url", "url": "u"}}],
        "dropped=image.detail",
    ),
    "another's citation": (Text(text="x", citations=(Citation("o", {}),)), [text("x")], "dropped=citations"),
    "another's block": (Opaque(dialect="gemini", raw={}), [], "dropped=foreign"),
    "another's block, told": (Opaque(dialect="gemini", raw={}, text="x"), [text("x")], "dropped=foreign"),
    "unsigned reasoning": (Reasoning(text="t"), [], "dropped=reasoning.history"),
    "another's reasoning": (
        Reasoning(text="t", states=(ReasoningState("openai", "encrypted", "E"),)),
        [],
        "dropped=reasoning.history",
    ),
}


@pytest.mark.parametrize(("part", "blocks", "warning"), LOST.values(), ids=LOST)
def test_what_parts_lose(part: Part, blocks: list[Wire], warning: str) -> None:
    body, warnings = encode(request(HELLO, assistant(part, Text(text="y")), HELLO))
    assert body["messages"][1]["content"] == [*blocks, text("y")]
    assert warnings == (warning,)


def test_a_proof_on_a_call_stays_with_its_maker() -> None:
    call = ToolCall(id="a", name="f", states=(ReasoningState("google", "signature", "S"),))
    result = Message(Role.TOOL, (ToolResult(call_id="a", content=(Text(text="r"),)),))
    body, warnings = encode(request(HELLO, assistant(call), result))
    assert body["messages"][1]["content"] == [{"type": "tool_use", "id": "a", "name": "f", "input": {}}]
    assert warnings == ("dropped=reasoning.history",)


REFUSED: dict[str, Part] = {
    "sound": Audio(format="wav", data="AA=="),
    "bitmap": Image(source=Inline("image/bmp", "AA==")),
    "word": Document(source=Inline("application/msword", "AA==")),
}


@pytest.mark.parametrize("part", REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_said_is_refused(part: Part) -> None:
    with pytest.raises(Unsupported):
        encode(request(user(part)))


def test_broken_base64_is_the_clients_error() -> None:
    with pytest.raises(BadRequest):
        encode(request(user(Document(source=Inline("text/plain", "!")))))


def test_several_answers_are_refused() -> None:
    with pytest.raises(Unsupported) as raised:
        encode(request(choices=2))
    assert raised.value.param == "n"


# --- reasoning of earlier turns --------------------------------------------------------------------------------------

OTHER = ReasoningState("openai", "encrypted", "E")
STATES: dict[str, tuple[Reasoning, Wire]] = {
    "signed": (
        Reasoning(text="t", states=(SIGNED,), cache=CacheMark()),
        {"type": "thinking", "thinking": "t", "signature": "S"},
    ),
    "signature alone": (Reasoning(states=(SIGNED,)), {"type": "thinking", "thinking": "", "signature": "S"}),
    "hidden": (
        Reasoning(states=(ReasoningState("anthropic", "redacted", "D"),)),
        {"type": "redacted_thinking", "data": "D"},
    ),
    "beside another's": (
        Reasoning(text="t", states=(OTHER, SIGNED)),
        {"type": "thinking", "thinking": "t", "signature": "S"},
    ),
}


@pytest.mark.parametrize(("part", "block"), STATES.values(), ids=STATES)
def test_reasoning_goes_back_to_its_maker(part: Reasoning, block: Wire) -> None:
    asked = request(HELLO, assistant(part, Text(text="x")), HELLO)
    for maker in ("anthropic", ""):
        assert encode(asked, maker=maker)[0]["messages"][1]["content"] == [block, text("x")]
    assert encode(asked, maker="zai")[0]["messages"][1]["content"] == [text("x")]


# --- calls and results -----------------------------------------------------------------------------------------------

INPUTS: dict[str, Wire] = {
    "": {},
    "  ": {},
    "null": {},
    "{}": {},
    '{"a": 1}': {"a": 1},
    '"{\\"a\\": 1}"': {"a": 1},
    '"{broken"': {"value": "{broken"},
    '"x"': {"value": "x"},
    "[1]": {"value": [1]},
    "{broken": {"_invalid_json": "{broken"},
}


@pytest.mark.parametrize(("arguments", "value"), INPUTS.items())
def test_arguments_are_objects(arguments: str, value: Wire) -> None:
    body, _ = encode(request(HELLO, assistant(call("a", arguments=arguments)), results(result("a")), tools=(F,)))
    assert body["messages"][1]["content"][0]["input"] == value


def test_free_text_is_an_argument() -> None:
    custom = ToolCall(id="a", name="f", arguments="say it", kind="custom")
    body, _ = encode(request(HELLO, assistant(custom), results(result("a")), tools=(F,)))
    assert body["messages"][1]["content"][0]["input"] == {"input": "say it"}


def test_results_come_first_in_the_users_words() -> None:
    told = (
        HELLO,
        assistant(Text(text="x"), call("a"), call("b")),
        results(result("b", "2"), ToolResult(call_id="a", content=(Image(source=PNG), Text(text=" ")), is_error=True)),
        HELLO,
    )
    body, _ = encode(request(*told, tools=(F,)))
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    assert [message["role"] for message in body["messages"]] == ["user", "assistant", "user"]
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "a", "content": [picture], "is_error": True},
        {"type": "tool_result", "tool_use_id": "b", "content": [text("2")]},
        text("Hello"),
    ]


EMPTY: dict[str, tuple[ToolResult, Wire]] = {
    "nothing": (ToolResult(call_id="a"), {}),
    "an error": (
        ToolResult(call_id="a", is_error=True),
        {"content": [text("Error")], "is_error": True},
    ),
}


@pytest.mark.parametrize(("part", "fields"), EMPTY.values(), ids=EMPTY)
def test_results_without_content(part: ToolResult, fields: Wire) -> None:
    body, _ = encode(request(HELLO, assistant(call("a")), results(part), tools=(F,)))
    assert body["messages"][2]["content"] == [{"type": "tool_result", "tool_use_id": "a"} | fields]


def test_open_calls_are_answered() -> None:
    body, _ = encode(request(HELLO, assistant(call("a")), tools=(F,)))
    (answer,) = body["messages"][-1]["content"]
    assert (answer["tool_use_id"], answer["is_error"]) == ("a", True)


def test_ids_and_names_are_legal_everywhere() -> None:
    name = "files.read"
    asked = request(
        HELLO,
        assistant(call("functions.x:0", name)),
        results(result("functions.x:0")),
        tools=(Tool(name), F),
        tool_choice=ToolChoice("named", (name,)),
    )
    outbound = CLAUDE.encode_request(asked, Target("claude-x", PROFILE))
    (use,), (answer,) = (message["content"] for message in outbound.body["messages"][1:])
    assert use["id"] == answer["tool_use_id"] == "tu_ZnVuY3Rpb25zLng6MA"
    assert use["name"] == outbound.body["tools"][0]["name"] == outbound.body["tool_choice"]["name"] == "files_read"
    assert outbound.names == {"files_read": name}


# --- the order of messages -------------------------------------------------------------------------------------------


def system(said: str) -> Message:
    return Message(Role.SYSTEM, (Text(text=said),))


def roles(body: Wire) -> list[str]:
    return [message["role"] for message in body["messages"]]


def test_system_is_apart() -> None:
    asked = request(system("a"), Message(Role.DEVELOPER, (Text(text="b", cache=CacheMark()), Image(source=PNG))), HELLO)
    body, warnings = encode(asked)
    assert body["system"] == [text("a"), text("b") | {"cache_control": {"type": "ephemeral"}}]
    assert body["messages"] == [HELLO_WIRE]
    assert warnings == ("dropped=system",)


def test_the_billing_line_is_for_its_maker() -> None:
    line = text("x-anthropic-billing-header: cc=1;")
    asked = request(Message(Role.SYSTEM, (Opaque(dialect="claude", raw=line), Text(text="a"))), HELLO)
    assert encode(asked)[0]["system"] == [line, text("a")]
    assert encode(asked, maker="zai")[0]["system"] == [text("a")]


PLACES: dict[str, tuple[tuple[Message, ...], list[str], list[str]]] = {
    "behind the user, last": ((HELLO, system("s")), ["user", "system"], ["user"]),
    "before an answer": (
        (HELLO, system("s"), assistant(Text(text="x")), HELLO),
        ["user", "system", "assistant", "user"],
        ["user", "assistant", "user"],
    ),
    "two in a row": ((HELLO, system("s"), system("t")), ["user", "system"], ["user"]),
    "before the user": ((HELLO, assistant(Text(text="x")), system("s"), HELLO), ["user", "assistant", "user"], []),
    "between results and words": (
        (HELLO, assistant(call("a")), results(result("a")), system("s"), HELLO),
        ["user", "assistant", "user"],
        [],
    ),
}


@pytest.mark.parametrize(("messages", "native", "told"), PLACES.values(), ids=PLACES)
def test_system_messages_in_the_middle(messages: tuple[Message, ...], native: list[str], told: list[str]) -> None:
    body, _ = encode(request(*messages, tools=(F,)), NEW)
    assert roles(body) == native
    body, warnings = encode(request(*messages, tools=(F,)))
    assert roles(body) == (told or native)
    assert warnings == ("approx=mid_system",)
    said = [block.get("text") for message in body["messages"] for block in message["content"]]
    assert "<system-reminder>\ns\n</system-reminder>" in said


def test_neighbours_are_merged() -> None:
    body, _ = encode(request(HELLO, HELLO, assistant(Text(text="x")), assistant(Text(text="y")), HELLO))
    assert [len(message["content"]) for message in body["messages"]] == [2, 2, 1]


def test_the_first_word_is_the_users() -> None:
    body, _ = encode(request(assistant(Text(text="x")), HELLO))
    assert roles(body) == ["user", "assistant", "user"]


@pytest.mark.parametrize("messages", [(system("s"),), (system("s"), assistant(Reasoning(text="t")))])
def test_system_alone_is_gone_on_with(messages: tuple[Message, ...]) -> None:
    assert encode(request(*messages))[0]["messages"] == [{"role": "user", "content": [text("Continue.")]}]


def test_names_of_speakers_are_lost() -> None:
    assert encode(request(Message(Role.USER, (Text(text="x"),), name="Ann")))[1] == ("dropped=names",)


BEGUN = (HELLO, assistant(Text(text="Once \n")))


def test_a_beginning_of_the_answer_has_no_space_at_its_end() -> None:
    body, warnings = encode(request(*BEGUN))
    assert body["messages"][-1] == {"role": "assistant", "content": [text("Once")]}
    assert warnings == ()


@pytest.mark.parametrize(
    ("profile", "control"),
    [(NEW, ReasoningControl()), (PROFILE, ReasoningControl(mode="on", budget=2000))],
    ids=["a model that takes none", "beside thinking"],
)
def test_a_beginning_is_asked_to_be_continued(profile: Profile, control: ReasoningControl) -> None:
    body, warnings = encode(request(*BEGUN, reasoning=control), profile)
    assert roles(body) == ["user", "assistant", "user"]
    assert warnings == ("approx=prefill",)


def test_an_answer_of_a_server_tool_is_gone_on_with() -> None:
    block = Opaque(dialect="claude", raw={"type": "server_tool_use", "id": "s", "name": "n", "input": {}})
    body, warnings = encode(request(HELLO, assistant(block)), NEW)
    assert (roles(body), warnings) == (["user", "assistant"], ())


# --- tools -----------------------------------------------------------------------------------------------------------

NONE: Wire = {"type": "object", "properties": {}}
WEB = Extra("claude", {"type": "web_search_20250305", "name": "web_search"})
TOOLS: dict[str, tuple[Tool, Wire, tuple[str, ...]]] = {
    "bare": (Tool("f"), {"name": "f", "input_schema": NONE}, ()),
    "whole": (
        Tool("f", "d", {"type": "object"}, strict=True, cache=CacheMark(), extra=Extra("claude", {"defer": 1})),
        {
            "name": "f",
            "description": "d",
            "input_schema": {"type": "object"},
            "strict": True,
            "defer": 1,
            "cache_control": {"type": "ephemeral"},
        },
        (),
    ),
    "without a type": (
        Tool("f", schema={"properties": {}}),
        {"name": "f", "input_schema": {"properties": {}, "type": "object"}},
        (),
    ),
    "with alternatives": (
        Tool(
            "f",
            schema={
                "anyOf": [{"properties": {"a": {}}, "required": ["a"]}, {"properties": {"b": {}}}, True],
                "properties": {"c": {}},
            },
        ),
        {"name": "f", "input_schema": {"properties": {"a": {}, "b": {}, "c": {}}, "type": "object"}},
        ("approx=tools.schema",),
    ),
    "its own": (
        Tool("web_search", kind="server", cache=CacheMark(), extra=WEB),
        {**WEB.fields, "cache_control": {"type": "ephemeral"}},
        (),
    ),
    "its own, known to others": (
        Tool("bash", "d", {}, extra=Extra("claude", {"type": "bash_1", "name": "bash"})),
        {"type": "bash_1", "name": "bash"},
        (),
    ),
}


@pytest.mark.parametrize(("tool", "wire", "warnings"), TOOLS.values(), ids=TOOLS)
def test_tools(tool: Tool, wire: Wire, warnings: tuple[str, ...]) -> None:
    body, told = encode(request(tools=(tool,)))
    assert (body["tools"], told) == ([wire], warnings)


def test_strict_is_lost_on_models_that_take_none() -> None:
    body, warnings = encode(request(tools=(Tool("f", strict=True),)), replace(PROFILE, strict_tools=False))
    assert ("strict" in body["tools"][0], warnings) == (False, ("dropped=tools.strict",))


def test_a_tool_that_takes_free_text_is_a_function() -> None:
    outbound = CLAUDE.encode_request(request(tools=(Tool("patch", "d", kind="custom"),)), Target("m", PROFILE))
    assert outbound.body["tools"][0]["input_schema"]["required"] == ["input"]
    assert isinstance(outbound.names["patch"], FreeText)
    assert outbound.warnings == ("approx=tools.custom",)


def test_tools_that_are_lost() -> None:
    body, warnings = encode(
        request(tools=(F, Tool("s", kind="server", extra=Extra("openai_chat", {})), Tool("f", "2")))
    )
    assert body["tools"] == [{"name": "f", "input_schema": NONE}]
    assert warnings == ("dropped=tools.server", "dropped=tools.duplicate")


CHOICES: dict[str, tuple[ToolChoice | None, bool | None, Wire | None]] = {
    "nothing said": (None, None, None),
    "auto": (ToolChoice("auto"), None, {"type": "auto"}),
    "none": (ToolChoice("none"), False, {"type": "none"}),
    "required": (ToolChoice("required"), True, {"type": "any"}),
    "named": (ToolChoice("named", ("f",)), None, {"type": "tool", "name": "f"}),
    "one at a time": (None, False, {"type": "auto", "disable_parallel_tool_use": True}),
    "named, one at a time": (
        ToolChoice("named", ("f",)),
        False,
        {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    ),
}


@pytest.mark.parametrize(("choice", "parallel", "wire"), CHOICES.values(), ids=CHOICES)
def test_choices(choice: ToolChoice | None, parallel: bool | None, wire: Wire | None) -> None:
    body, warnings = encode(request(tools=(F, G), tool_choice=choice, parallel_tools=parallel))
    assert (body.get("tool_choice"), warnings) == (wire, ())


@pytest.mark.parametrize(("required", "word"), [(False, "auto"), (True, "any")])
def test_allowed_tools_are_the_only_ones_sent(required: bool, word: str) -> None:
    body, _ = encode(request(tools=(F, G), tool_choice=ToolChoice("allowed", ("g",), required=required)))
    assert [tool["name"] for tool in body["tools"]] == ["g"]
    assert body["tool_choice"] == {"type": word}


def test_one_at_a_time_is_lost_on_models_that_take_no_such_field() -> None:
    body, warnings = encode(request(tools=(F,), parallel_tools=False), replace(PROFILE, parallel_tools=False))
    assert ("tool_choice" in body, warnings) == (False, ("dropped=parallel_tools",))


def test_a_choice_needs_tools() -> None:
    body, warnings = encode(request(tool_choice=ToolChoice("required"), parallel_tools=False))
    assert ("tool_choice" in body, warnings) == (False, ("dropped=tool_choice",))
    with pytest.raises(BadRequest) as raised:
        encode(request(tools=(F,), tool_choice=ToolChoice("named", ("g",))))
    assert raised.value.param == "tool_choice"


def test_a_history_with_calls_needs_tools() -> None:
    body, _ = encode(request(HELLO, assistant(call("a", "old")), results(result("a"))))
    assert body["tools"] == [{"name": "old", "input_schema": NONE}]
    assert body["tool_choice"] == {"type": "none"}


# --- how to answer ---------------------------------------------------------------------------------------------------

LIMITS: dict[str, tuple[int | None, int | None, int, tuple[str, ...]]] = {
    "none": (None, 64_000, 32_000, ()),
    "none, of a small model": (None, 4096, 4096, ()),
    "none known": (None, None, 32_000, ()),
    "given": (100, 4096, 100, ()),
    "zero": (0, 4096, 1, ()),
    "too many": (9999, 4096, 4096, ("approx=max_tokens",)),
}


@pytest.mark.parametrize(("asked", "most", "limit", "warnings"), LIMITS.values(), ids=LIMITS)
def test_max_tokens(asked: int | None, most: int | None, limit: int, warnings: tuple[str, ...]) -> None:
    body, told = encode(request(max_output_tokens=asked), replace(PROFILE, max_output=most))
    assert (body["max_tokens"], told) == (limit, warnings)


SAMPLINGS: dict[str, tuple[Sampling, Wire, tuple[str, ...]]] = {
    "temperature": (Sampling(temperature=0.5), {"temperature": 0.5}, ()),
    "too warm": (Sampling(temperature=1.7), {"temperature": 1.0}, ("approx=temperature",)),
    "what a model does anyway": (Sampling(temperature=1, top_p=1.0), {}, ()),
    "top_p": (Sampling(top_p=0.5, top_k=4), {"top_p": 0.5, "top_k": 4}, ()),
    "one of two": (Sampling(temperature=0.5, top_p=0.5), {"temperature": 0.5}, ("dropped=top_p",)),
    "unknown": (
        Sampling(seed=1, min_p=0.1, presence_penalty=1, frequency_penalty=1, logit_bias={"1": 1}, logprobs=True),
        {},
        (
            "dropped=seed",
            "dropped=min_p",
            "dropped=presence_penalty",
            "dropped=frequency_penalty",
            "dropped=logit_bias",
            "dropped=logprobs",
        ),
    ),
    "nothing asked": (Sampling(presence_penalty=0, logprobs=False), {}, ()),
}


@pytest.mark.parametrize(("sampling", "wire", "warnings"), SAMPLINGS.values(), ids=SAMPLINGS)
def test_sampling(sampling: Sampling, wire: Wire, warnings: tuple[str, ...]) -> None:
    body, told = encode(request(sampling=sampling))
    assert ({name: body[name] for name in ("temperature", "top_p", "top_k") if name in body}, told) == (wire, warnings)


def test_some_models_take_no_sampling() -> None:
    body, warnings = encode(request(sampling=Sampling(temperature=0.5, top_p=0.9, top_k=4)), NEW)
    assert not body.keys() & {"temperature", "top_p", "top_k"}
    assert warnings == ("dropped=temperature", "dropped=top_p", "dropped=top_k")


def test_a_model_that_reasons_takes_little_of_it() -> None:
    reasoning = ReasoningControl(mode="on", budget=2000)
    body, warnings = encode(request(sampling=Sampling(temperature=0.5, top_p=0.96, top_k=4), reasoning=reasoning))
    assert (body["top_p"], warnings) == (0.96, ("dropped=temperature", "dropped=top_k"))
    body, warnings = encode(request(sampling=Sampling(top_p=0.5), reasoning=reasoning))
    assert warnings == ("dropped=top_p",)


OFF: Wire = {"thinking": {"type": "disabled"}}
EITHER = replace(PROFILE, reasoning="either", efforts=("low", "high"))
ADAPTIVE: Wire = {"thinking": {"type": "adaptive"}}


def enabled(budget: int) -> Wire:
    return {"thinking": {"type": "enabled", "budget_tokens": budget}}


def effort(word: str) -> Wire:
    return {"output_config": {"effort": word}}


THINKING: dict[str, tuple[Profile, ReasoningControl, Wire, tuple[str, ...]]] = {
    "unset": (PROFILE, ReasoningControl(), {}, ()),
    "off": (PROFILE, ReasoningControl("off"), OFF, ()),
    "off, by effort": (PROFILE, ReasoningControl("on", "none"), OFF, ()),
    "off, by budget": (PROFILE, ReasoningControl("on", budget=0), OFF, ()),
    "off, where there is none": (replace(PROFILE, reasoning="none"), ReasoningControl("off"), {}, ()),
    "on, where there is none": (
        replace(PROFILE, reasoning="none"),
        ReasoningControl("on"),
        {},
        ("dropped=reasoning",),
    ),
    "budget": (PROFILE, ReasoningControl("on", budget=2000), enabled(2000), ()),
    "too small a budget": (PROFILE, ReasoningControl("on", budget=1), enabled(1024), ()),
    "budget by effort": (PROFILE, ReasoningControl("on", "high"), enabled(24576), ("approx=reasoning",)),
    "budget of a model's choice": (PROFILE, ReasoningControl("auto"), enabled(8192), ("approx=reasoning",)),
    "shown": (
        PROFILE,
        ReasoningControl("on", None, 2000, "summary"),
        {"thinking": {"type": "enabled", "budget_tokens": 2000, "display": "summarized"}},
        (),
    ),
    "adaptive": (NEW, ReasoningControl("auto"), ADAPTIVE, ()),
    "adaptive, with effort": (NEW, ReasoningControl("auto", "high"), ADAPTIVE | effort("high"), ()),
    "effort that it lacks": (NEW, ReasoningControl("on", "xhigh"), ADAPTIVE | effort("high"), ("approx=reasoning",)),
    "effort below all": (NEW, ReasoningControl("on", "minimal"), ADAPTIVE | effort("low"), ("approx=reasoning",)),
    "effort unheard of": (NEW, ReasoningControl("on", "heroic"), ADAPTIVE | effort("max"), ("approx=reasoning",)),
    "effort by budget": (
        NEW,
        ReasoningControl("on", budget=10_000),
        ADAPTIVE | effort("medium"),
        ("approx=reasoning",),
    ),
    "most effort by budget": (
        NEW,
        ReasoningControl("on", budget=50_000),
        ADAPTIVE | effort("max"),
        ("approx=reasoning",),
    ),
    "effort alone": (NEW, ReasoningControl(effort="low"), effort("low"), ()),
    "effort alone, where there is none": (PROFILE, ReasoningControl(effort="low"), {}, ("approx=reasoning",)),
    "either, by budget": (EITHER, ReasoningControl("on", budget=2000), enabled(2000), ()),
    "either, by effort": (EITHER, ReasoningControl("on", "high"), ADAPTIVE | effort("high"), ()),
}


@pytest.mark.parametrize(("profile", "control", "wire", "warnings"), THINKING.values(), ids=THINKING)
def test_thinking(profile: Profile, control: ReasoningControl, wire: Wire, warnings: tuple[str, ...]) -> None:
    body, told = encode(request(reasoning=control), profile)
    assert {name: body[name] for name in ("thinking", "output_config") if name in body} == wire
    assert told == warnings


ROOM: dict[str, tuple[int, int, int, int, int | None, tuple[str, ...]]] = {
    # limit, most, budget -> limit, budget
    "grows": (4096, 64_000, 8192, 12_288, 8192, ("approx=max_tokens",)),
    "grows as far as it can": (4096, 9000, 8192, 9000, 8192, ("approx=max_tokens",)),
    "shrinks": (8192, 8192, 8192, 8192, 7168, ("approx=reasoning",)),
    "has no room": (1500, 1500, 2000, 1500, None, ("approx=reasoning", "dropped=reasoning")),
}


@pytest.mark.parametrize(("limit", "most", "budget", "told", "left", "warnings"), ROOM.values(), ids=ROOM)
def test_a_budget_leaves_room_for_an_answer(
    limit: int, most: int, budget: int, told: int, left: int | None, warnings: tuple[str, ...]
) -> None:
    asked = request(max_output_tokens=limit, reasoning=ReasoningControl("on", None, budget, "summary"))
    body, lost = encode(asked, replace(PROFILE, max_output=most))
    assert (body["max_tokens"], body["thinking"].get("budget_tokens"), lost) == (told, left, warnings)


@pytest.mark.parametrize("profile", [PROFILE, NEW], ids=["manual", "adaptive"])
def test_a_forced_call_rules_thinking_out(profile: Profile) -> None:
    asked = request(tools=(F,), tool_choice=ToolChoice("required"), reasoning=ReasoningControl("on", budget=2000))
    body, warnings = encode(asked, profile)
    assert (body["thinking"], warnings) == ({"type": "disabled"}, ("dropped=reasoning",))


def test_manual_thinking_needs_a_last_message_that_thinks_first() -> None:
    told = (HELLO, assistant(Reasoning(text="t"), call("a")), results(result("a")))
    clear = Extra("claude", {"context_management": {"edits": [{"type": "clear_thinking_20251015"}]}})
    asked = request(*told, tools=(F,), reasoning=ReasoningControl("on", budget=2000), extra=clear, dialect="claude")
    body, warnings = encode(asked)
    assert body["thinking"] == {"type": "disabled"}
    assert "context_management" not in body
    assert warnings == ("dropped=reasoning.history", "dropped=reasoning")
    assert encode(asked, NEW)[0]["thinking"] == {"type": "adaptive"}
    signed = replace(asked, messages=(HELLO, assistant(Reasoning(states=(SIGNED,)), call("a")), results(result("a"))))
    body, _ = encode(signed)
    assert body["thinking"]["type"] == "enabled"
    assert body["context_management"] == {"edits": [{"type": "clear_thinking_20251015"}]}


SCHEMA = {"type": "object", "properties": {"é": {}}}


def test_forms_of_answers() -> None:
    body, warnings = encode(request(output=OutputFormat("json_schema", SCHEMA)), NEW)
    assert (body["output_config"], warnings) == ({"format": {"type": "json_schema", "schema": SCHEMA}}, ())
    body, warnings = encode(request(system("s"), HELLO, output=OutputFormat("json_schema", SCHEMA)))
    assert body["system"][0] == text("s")
    assert '"é"' in body["system"][1]["text"]
    assert warnings == ("approx=json_schema",)
    body, warnings = encode(request(output=OutputFormat("json")), NEW)
    assert ("JSON" in body["system"][0]["text"], warnings) == (True, ("approx=json",))


def test_blank_stop_sequences_are_left_to_the_gateway() -> None:
    assert encode(request(stop=("a", "b")))[0]["stop_sequences"] == ["a", "b"]
    body, warnings = encode(request(stop=("\n", "a")))
    assert (body["stop_sequences"], warnings) == (["a"], ())
    assert CLAUDE.encode_request(request(stop=("\n", "a")), Target("m", PROFILE)).unstopped == ("\n",)
    assert "stop_sequences" not in encode(request(stop=(" ",)))[0]


AROUND: dict[str, tuple[dict[str, Any], Wire, tuple[str, ...]]] = {
    "user": ({"user_id": "u"}, {"metadata": {"user_id": "u"}}, ()),
    "tier": ({"service_tier": "default"}, {"service_tier": "standard_only"}, ()),
    "another tier": ({"service_tier": "flex"}, {}, ("dropped=service_tier",)),
    "verbosity": ({"verbosity": "low"}, {}, ("dropped=verbosity",)),
    "metadata": ({"metadata": {"a": "b"}}, {}, ("dropped=metadata",)),
    "cache": ({"cache": CacheMark("1h")}, {"cache_control": {"type": "ephemeral", "ttl": "1h"}}, ()),
    "stream": ({"stream": True}, {"stream": True}, ()),
    "its own fields": ({"extra": Extra("claude", {"new": 1, "betas": ["b"]})}, {"new": 1}, ()),
    "its own output_config": (
        {"extra": Extra("claude", {"output_config": {"task_budget": 1}}), "reasoning": ReasoningControl(effort="low")},
        {"output_config": {"task_budget": 1, "effort": "low"}},
        (),
    ),
    "another's fields": ({"extra": Extra("openai_chat", {"store": True})}, {}, ("dropped=foreign",)),
}


@pytest.mark.parametrize(("fields", "wire", "warnings"), AROUND.values(), ids=AROUND)
def test_around_the_prompt(fields: dict[str, Any], wire: Wire, warnings: tuple[str, ...]) -> None:
    body, told = encode(request(**fields), NEW)
    least = {"model": "claude-x", "max_tokens": 32_000, "messages": [HELLO_WIRE]}
    assert (body, told) == (least | wire, warnings)


def marks(body: Wire) -> str:
    blocks = [*body.get("tools", ()), *body.get("system", ())]
    blocks += [block for message in body["messages"] for block in message["content"]]
    return "".join("x" if "cache_control" in block else "-" for block in blocks)


MARKS: dict[str, tuple[int, int, int, bool, str]] = {
    # marked tools, system blocks, message parts
    "four": (1, 1, 2, False, "xxxx"),
    "many of all": (2, 2, 4, False, "---x-xxx"),
    "many messages": (1, 0, 6, False, "x---xxx"),
    "many in front": (3, 3, 0, False, "--xxxx-"),
    "the whole prompt too": (1, 1, 3, True, "-x-xx"),
}


@pytest.mark.parametrize(("tools", "systems", "parts", "whole", "left"), MARKS.values(), ids=MARKS)
def test_at_most_four_cache_marks(tools: int, systems: int, parts: int, whole: bool, left: str) -> None:
    mark = CacheMark()
    said = Message(Role.USER, tuple(Text(text=str(index), cache=mark) for index in range(parts)) or (Text(text="x"),))
    asked = request(
        Message(Role.SYSTEM, tuple(Text(text="s", cache=mark) for _ in range(systems))),
        said,
        tools=tuple(Tool(f"t{index}", cache=mark) for index in range(tools)),
        cache=mark if whole else None,
    )
    body, warnings = encode(asked)
    assert marks(body) == left
    assert bool(warnings) == (left.strip("x") != "")


def test_counting_sends_the_prompt_only() -> None:
    counting = CLAUDE.counting
    assert counting is not None
    asked = request(
        system("s"), HELLO, tools=(F,), max_output_tokens=5, stream=True, sampling=Sampling(temperature=0.5)
    )
    outbound = counting.encode_request(asked, Target("claude-x", PROFILE))
    assert list(outbound.body) == ["model", "system", "tools", "messages"]


def test_every_warning_has_its_sentence() -> None:
    assert all(sentence.endswith(".") for sentence in CLAUDE.losses.values())
