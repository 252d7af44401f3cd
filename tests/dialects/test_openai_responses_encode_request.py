"""Requests of any dialect -> bodies for a Responses backend."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from llmux.dialects.base import Outbound
from llmux.dialects.freetext import FreeText
from llmux.dialects.openai_responses import OPENAI_RESPONSES
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

NAME = "openai_responses"
OWN = ReasoningState("openai", "encrypted", "Z2hvc3Q=")
FOREIGN = ReasoningState("anthropic", "signature", "c2ln")
OPENAI = Target(
    "m",
    Profile(
        thinking=True,
        reasoning="effort",
        pdf=True,
        tool_result_media=True,
        custom_tools=True,
        developer_role=True,
        prefill=False,
        prompt_cache_key=True,
        min_output=16,
    ),
    maker="openai",
)
PLAIN = Target("m")


def ask(*messages: Message, target: Target = OPENAI, dialect: str = "claude", **fields: Any) -> Outbound:
    messages = messages or (Message(Role.USER, (Text(text="hi"),)),)
    return OPENAI_RESPONSES.encode_request(Request(dialect=dialect, model="x", messages=messages, **fields), target)


def items(*messages: Message, target: Target = OPENAI, dialect: str = "claude") -> list[dict[str, Any]]:
    sent: list[dict[str, Any]] = ask(*messages, target=target, dialect=dialect).body["input"]
    return sent


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def message(role: str, content: Any) -> dict[str, Any]:
    return {"type": "message", "role": role, "content": content}


HI = message("user", "hi")
CALL = ToolCall(id="c", name="f", arguments='{"a":1}')
CALLED = {"type": "function_call", "call_id": "c", "name": "f", "arguments": '{"a":1}'}


def result(*content: Part, **fields: Any) -> Message:
    return Message(Role.TOOL, (ToolResult(call_id="c", content=content, **fields),))


# --- the whole -------------------------------------------------------------------------------------------------------


def test_a_request_of_another_dialect() -> None:
    sent = ask(stream=True, session="s", user_id="u", max_output_tokens=64, sampling=Sampling(temperature=0.5))
    assert sent.body == {
        "model": "m",
        "input": [HI],
        "temperature": 0.5,
        "max_output_tokens": 64,
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "s",
        "safety_identifier": "u",
    }
    assert sent.warnings == ()


def test_a_claude_conversation_with_tools_and_pictures() -> None:
    """Foreign reasoning is left out; both calls, both results, a picture inside of one, in their order."""
    sent = items(
        user(Text(text="look")),
        assistant(Reasoning(text="Hm.", states=(FOREIGN,)), Text(text="I look."), CALL, replace(CALL, id="d")),
        Message(
            Role.TOOL,
            (
                ToolResult(call_id="c", content=(Image(source=Inline("image/png", "eA==")),)),
                ToolResult(call_id="d", content=(Text(text="gone"),), is_error=True),
            ),
        ),
        user(Text(text="well?")),
    )
    picture = {"type": "input_image", "detail": "auto", "image_url": "data:image/png;base64,eA=="}
    assert sent == [
        message("user", "look"),
        message("assistant", "I look."),
        CALLED,
        {**CALLED, "call_id": "d"},
        {"type": "function_call_output", "call_id": "c", "output": [picture]},
        {"type": "function_call_output", "call_id": "d", "output": "Error: gone"},
        message("user", "well?"),
    ]


def test_it_is_never_told_of_an_earlier_answer_and_keeps_none_unless_its_client_asked() -> None:
    for dialect, store, kept in (
        (NAME, None, False),
        (NAME, True, True),
        (NAME, False, False),
        ("claude", True, False),
    ):
        body = ask(dialect=dialect, store=store, previous="resp_1").body
        assert body["store"] is kept
        assert "previous_response_id" not in body


def test_an_empty_conversation_says_something() -> None:
    request = Request(dialect="claude", model="x", messages=())
    assert OPENAI_RESPONSES.encode_request(request, OPENAI).body["input"] == [message("user", "(empty)")]


# --- roles -----------------------------------------------------------------------------------------------------------

SYSTEM, DEVELOPER = Message(Role.SYSTEM, (Text(text="s"),)), Message(Role.DEVELOPER, (Text(text="d"),))


def test_system_and_developer_stay_where_they_are() -> None:
    said = (SYSTEM, DEVELOPER, user(Text(text="a")), SYSTEM)
    assert [item["role"] for item in items(*said)] == ["system", "developer", "user", "system"]
    plain = replace(PLAIN, profile=Profile(mid_system=False))
    assert [(item["role"], item["content"]) for item in items(*said, target=plain)] == [
        ("system", "s"),
        ("system", "d"),
        ("user", "a"),
        ("user", "<system-reminder>\ns\n</system-reminder>"),
    ]
    assert ask(*said, target=plain).warnings == ("approx=system_position",)


def test_a_late_system_message_without_text_says_nothing() -> None:
    plain = replace(PLAIN, profile=Profile(mid_system=False))
    picture = Message(Role.SYSTEM, (Image(source=Link("https://x.test")),))
    assert items(user(Text(text="a")), picture, target=plain) == [message("user", "a")]


def test_a_beginning_of_the_answer_becomes_a_request_to_go_on() -> None:
    sent = ask(user(Text(text="a")), assistant(Text(text="b")))
    assert [item["role"] for item in sent.body["input"]] == ["user", "assistant", "user"]
    assert sent.warnings == ("approx=prefill",)
    assert len(items(user(Text(text="a")), assistant(Text(text="b")), target=PLAIN)) == 2


def test_names_of_speakers_are_left_out() -> None:
    assert ask(Message(Role.USER, (Text(text="a"),), name="bob")).warnings == ("dropped=names",)


# --- parts -----------------------------------------------------------------------------------------------------------

PARTS: dict[str, tuple[Part, list[dict[str, Any]], tuple[str, ...]]] = {
    "a picture elsewhere": (
        Image(source=Link("https://x.test"), detail="low"),
        [{"type": "input_image", "detail": "low", "image_url": "https://x.test"}],
        (),
    ),
    "sound": (
        Audio(format="wav", data="eA=="),
        [{"type": "input_audio", "input_audio": {"data": "eA==", "format": "wav"}}],
        (),
    ),
    "a PDF": (
        Document(source=Inline("application/pdf", "eA=="), title="a.pdf", citations=True),
        [{"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,eA=="}],
        ("dropped=citations",),
    ),
    "a PDF without a name": (
        Document(source=Inline("application/pdf", "eA==")),
        [{"type": "input_file", "filename": "document.pdf", "file_data": "data:application/pdf;base64,eA=="}],
        (),
    ),
    "a PDF elsewhere": (
        Document(source=Link("https://x.test")),
        [{"type": "input_file", "file_url": "https://x.test"}],
        (),
    ),
    "a text file": (
        Document(source=Inline("text/plain", "YWI="), title="a.txt"),
        [{"type": "input_text", "text": "a.txt"}, {"type": "input_text", "text": "ab"}],
        ("approx=documents",),
    ),
    "a text": (
        Document(source=Written("ab"), title="t", context="c"),
        [{"type": "input_text", "text": "t\nc"}, {"type": "input_text", "text": "ab"}],
        ("approx=documents",),
    ),
    "a document of parts": (
        Document(source=(Text(text="a"), Text(text="b"))),
        [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
        ("approx=documents",),
    ),
    "what a search found": (
        SearchResult(source="https://x.test", title="X", content=(Text(text="a"),)),
        [{"type": "input_text", "text": "X\nhttps://x.test"}, {"type": "input_text", "text": "a"}],
        (),
    ),
    "what a search found, without a heading": (
        SearchResult(source="", title="", content=(Text(text="a"), Text(text="b"))),
        [{"type": "input_text", "text": "a"}, {"type": "input_text", "text": "b"}],
        (),
    ),
    "a text that is marked and cited": (
        Text(text="a", cache=CacheMark(), citations=(Citation("claude", {}),), extra=Extra("claude", {"x": 1})),
        "a",
        ("dropped=cache_control", "dropped=citations"),
    ),
    "what only another understands": (
        Opaque(dialect="claude", raw={"type": "novel"}, text="told"),
        "told",
        ("dropped=parts",),
    ),
    "a refusal of the user's": (Refusal(text="No."), "No.", ()),
}


@pytest.mark.parametrize("case", PARTS)
def test_a_part_of_what_the_user_says(case: str) -> None:
    part, expected, warnings = PARTS[case]
    sent = ask(user(part))
    assert sent.body["input"] == [message("user", expected)]
    assert sent.warnings == warnings


@pytest.mark.parametrize(
    ("part", "target"),
    [
        (Image(source=FileId("f")), OPENAI),
        (Document(source=FileId("f")), OPENAI),
        (Document(source=Inline("application/pdf", "eA==")), PLAIN),
        (Document(source=Link("https://x.test")), PLAIN),
    ],
)
def test_what_cannot_be_carried_is_refused(part: Part, target: Target) -> None:
    with pytest.raises(Unsupported):
        ask(user(part), target=target)


def test_a_damaged_text_file_is_the_clients_error() -> None:
    with pytest.raises(BadRequest):
        ask(user(Document(source=Inline("text/plain", "A"))))


def test_a_message_that_says_nothing_here_is_left_out() -> None:
    silent = user(Opaque(dialect="claude", raw={"type": "novel"}))
    assert items(silent, user(Text(text="a"))) == [message("user", "a")]


# --- what the model has said -----------------------------------------------------------------------------------------


def test_words_of_several_parts_are_one_message() -> None:
    cited = Text(text="b", citations=(Citation("claude", {}, url="https://x.test"),))
    sent = ask(assistant(Text(text="a"), cited, Refusal(text="No."), Text(text="")), user(Text(text="x")))
    content = sent.body["input"][0]["content"]
    assert [(part["type"], part.get("text", part.get("refusal"))) for part in content] == [
        ("output_text", "a"),
        ("output_text", "b"),
        ("refusal", "No."),
    ]
    assert sent.warnings == ("dropped=citations",)


def test_what_has_no_place_in_an_answer_is_left_out_or_told_as_text() -> None:
    sent = ask(
        assistant(
            Opaque(dialect="claude", raw={"type": "novel"}, text="told"),
            Image(source=Link("https://x.test")),
            Text(text="b", cache=CacheMark()),
        ),
        user(Text(text="x")),
    )
    assert sent.body["input"] == [message("assistant", "told"), message("assistant", "b"), message("user", "x")]
    assert sent.warnings == ("dropped=parts", "dropped=cache_control")


REASONING: dict[str, tuple[Reasoning, Target, list[dict[str, Any]], tuple[str, ...]]] = {
    "its own": (
        Reasoning(text="Hm.", states=(OWN,)),
        OPENAI,
        [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}], "encrypted_content": OWN.data}],
        (),
    ),
    "its own, without a text, twice": (
        Reasoning(states=(OWN, OWN)),
        OPENAI,
        [{"type": "reasoning", "summary": [], "encrypted_content": OWN.data}] * 2,
        (),
    ),
    "another maker's": (
        Reasoning(text="Hm.", states=(FOREIGN,)),
        OPENAI,
        [],
        ("dropped=reasoning_state", "dropped=reasoning_history"),
    ),
    "OpenAI's at another maker's": (
        Reasoning(states=(OWN,)),
        replace(OPENAI, maker="xai"),
        [],
        ("dropped=reasoning_state",),
    ),
    "none that is signed, wanted back": (
        Reasoning(text="Hm."),
        replace(OPENAI, profile=Profile(reasoning_replay="always")),
        [{"type": "reasoning", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]}],
        (),
    ),
}


@pytest.mark.parametrize("case", REASONING)
def test_reasoning_of_earlier_turns(case: str) -> None:
    part, target, expected, warnings = REASONING[case]
    sent = ask(assistant(part, Text(text="a")), user(Text(text="x")), target=target)
    assert sent.body["input"] == [*expected, message("assistant", "a"), message("user", "x")]
    assert sent.warnings == warnings


def test_reasoning_that_led_to_nothing_is_left_out() -> None:
    sent = ask(assistant(Text(text="a"), Reasoning(states=(OWN,))), user(Text(text="x")))
    assert sent.body["input"] == [message("assistant", "a"), message("user", "x")]
    assert sent.warnings == ("dropped=reasoning_state",)


def test_proof_on_a_call_is_left_out() -> None:
    sent = ask(assistant(replace(CALL, states=(FOREIGN,))), result(Text(text="x")))
    assert sent.body["input"][0] == CALLED
    assert sent.warnings == ("dropped=reasoning_state",)


# --- calls and results -----------------------------------------------------------------------------------------------


def test_a_call_without_arguments_has_an_object() -> None:
    assert items(assistant(replace(CALL, arguments=" ")), result(Text(text="x")))[0]["arguments"] == "{}"


def test_free_text_where_it_is_known_and_where_not() -> None:
    said = (assistant(replace(CALL, arguments="*** Begin", kind="custom")), result(Text(text="x")))
    assert items(*said) == [
        {"type": "custom_tool_call", "call_id": "c", "name": "f", "input": "*** Begin"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "x"},
    ]
    assert items(*said, target=PLAIN) == [
        {**CALLED, "arguments": '{"input": "*** Begin"}'},
        {"type": "function_call_output", "call_id": "c", "output": "x"},
    ]


def test_ids_are_given_back_and_long_ones_shortened() -> None:
    long, sealed = "x" * 65, "tu_ZnVuY3Rpb25zLmY6MA"
    calls = assistant(replace(CALL, id=long), replace(CALL, id=sealed))
    results = Message(Role.TOOL, (ToolResult(call_id=long), ToolResult(call_id=sealed)))
    first, second, one, two = items(calls, results)
    assert first["call_id"] == one["call_id"] != long
    assert len(first["call_id"]) <= 64
    assert second["call_id"] == two["call_id"] == "functions.f:0"


RESULTS: dict[str, tuple[Message, Any, tuple[str, ...]]] = {
    "nothing": (result(), "", ()),
    "a failure that says so": (result(Text(text="error: no"), is_error=True), "error: no", ()),
    "a failure in silence": (result(is_error=True), "Error: ", ("approx=is_error",)),
    "marked": (result(Text(text="x"), cache=CacheMark()), "x", ("dropped=cache_control",)),
}


@pytest.mark.parametrize("case", RESULTS)
def test_a_result(case: str) -> None:
    told, output, warnings = RESULTS[case]
    sent = ask(assistant(CALL), told)
    assert sent.body["input"][1]["output"] == output
    assert sent.warnings == warnings


def test_a_failure_that_is_a_picture_has_the_word_before_it() -> None:
    output = items(assistant(CALL), result(Image(source=Link("https://x.test")), is_error=True))[1]["output"]
    assert [part["type"] for part in output] == ["input_text", "input_image"]


def test_pictures_follow_a_result_where_the_model_takes_none_inside() -> None:
    picture = Image(source=Link("https://x.test"))
    sent = ask(assistant(CALL), result(Text(text="two:"), picture, picture), target=PLAIN)
    _, output, behind = sent.body["input"]
    assert [part["text"] for part in output["output"]] == [
        "two:",
        "[file 1 of this result follows in the next user message]",
        "[file 2 of this result follows in the next user message]",
    ]
    assert [part["type"] for part in behind["content"]] == ["input_text", "input_image"] * 2
    assert sent.warnings == ("approx=tool_result_media",)


# --- tools -----------------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
LOOSE = {"type": "object", "properties": {"a": {"type": "string"}}}
FUNCTION = {"type": "function", "name": "f", "parameters": SCHEMA, "strict": False}
TOOLS: dict[str, tuple[Tool, Target, dict[str, Any], tuple[str, ...]]] = {
    "not strict unless it is said": (Tool("f", schema=SCHEMA), OPENAI, FUNCTION, ()),
    "strict, and it qualifies": (Tool("f", schema=SCHEMA, strict=True), OPENAI, {**FUNCTION, "strict": True}, ()),
    "strict, and it does not": (
        Tool("f", schema=LOOSE, strict=True), OPENAI, {**FUNCTION, "parameters": LOOSE}, ("dropped=strict",),
    ),
    "strict where the model knows no such thing": (
        Tool("f", schema=SCHEMA, strict=True),
        replace(PLAIN, profile=Profile(strict_tools=False)), FUNCTION, ("dropped=strict",),
    ),
    "without a schema": (
        Tool("f", "d"), OPENAI,
        {**FUNCTION, "description": "d", "parameters": {"type": "object", "properties": {}}}, (),
    ),
    "without properties": (
        Tool("f", schema={"type": "object"}), OPENAI,
        {**FUNCTION, "parameters": {"type": "object", "properties": {}}}, (),
    ),
    "with no object at its root": (
        Tool("f", schema={"anyOf": [{}], "description": "x"}), OPENAI,
        {**FUNCTION, "parameters": {"description": "x", "type": "object", "properties": {}}}, ("approx=schema",),
    ),
    "marked": (Tool("f", schema=SCHEMA, cache=CacheMark()), OPENAI, FUNCTION, ("dropped=cache_control",)),
    "free text of a grammar": (
        Tool("f", "d", kind="custom", format={"type": "grammar", "grammar": {"syntax": "lark", "definition": "x"}}),
        OPENAI,
        {"type": "custom", "name": "f", "description": "d",
         "format": {"type": "grammar", "syntax": "lark", "definition": "x"}},
        (),
    ),
    "free text": (
        Tool("f", kind="custom", format={"type": "text"}), OPENAI,
        {"type": "custom", "name": "f", "format": {"type": "text"}}, (),
    ),
    "free text of no form": (Tool("f", kind="custom"), OPENAI, {"type": "custom", "name": "f"}, ()),
}  # fmt: skip


@pytest.mark.parametrize("case", TOOLS)
def test_a_tool(case: str) -> None:
    tool, target, expected, warnings = TOOLS[case]
    sent = ask(tools=(tool,), target=target)
    assert sent.body["tools"] == [expected]
    assert sent.warnings == warnings


def test_free_text_for_a_model_that_knows_only_functions_is_turned_back_by_name() -> None:
    sent = ask(
        tools=(Tool("apply patch", kind="custom"),), tool_choice=ToolChoice("named", ("apply patch",)), target=PLAIN
    )
    (tool,) = sent.body["tools"]
    assert (tool["type"], tool["parameters"]["required"]) == ("function", ["input"])
    assert sent.names == {"apply_patch": "apply patch"}
    assert isinstance(sent.names["apply_patch"], FreeText)
    assert sent.body["tool_choice"] == {"type": "function", "name": "apply_patch"}
    assert sent.warnings == ("approx=custom_tools",)


def test_names_are_renamed_everywhere_and_back() -> None:
    sent = ask(
        assistant(replace(CALL, name="a.b")),
        result(Text(text="x")),
        tools=(Tool("a.b"),),
        tool_choice=ToolChoice("named", ("a.b",)),
    )
    assert (sent.body["tools"][0]["name"], sent.body["input"][0]["name"]) == ("a_b", "a_b")
    assert sent.body["tool_choice"] == {"type": "function", "name": "a_b"}
    assert sent.names == {"a_b": "a.b"}


SERVER = Tool("web_search", kind="server", extra=Extra("claude", {"type": "web_search_20250305"}))


def test_tools_that_another_provider_runs_are_left_out_or_refused() -> None:
    sent = ask(tools=(SERVER, Tool("f")), parallel_tools=True)
    assert [tool["name"] for tool in sent.body["tools"]] == ["f"]
    assert sent.warnings == ("dropped=server_tools",)
    assert "tool_choice" not in ask(tools=(SERVER,), tool_choice=ToolChoice("auto")).body
    for choice in (ToolChoice("named", ("web_search",)), ToolChoice("required")):
        with pytest.raises(Unsupported):
            ask(tools=(SERVER,), tool_choice=choice)


CHOICES: list[tuple[ToolChoice, Any]] = [
    (ToolChoice("auto"), "auto"),
    (ToolChoice("none"), "none"),
    (ToolChoice("required"), "required"),
    (ToolChoice("named", ("f",)), {"type": "function", "name": "f"}),
    (ToolChoice("named", ("g",)), {"type": "custom", "name": "g"}),
    (ToolChoice("named", ("unknown",)), {"type": "function", "name": "unknown"}),
    (
        ToolChoice("allowed", ("f",), required=True),
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "f"}]},
    ),
    (
        ToolChoice("allowed", ("g",)),
        {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "custom", "name": "g"}]},
    ),
]


@pytest.mark.parametrize(("choice", "expected"), CHOICES)
def test_a_choice(choice: ToolChoice, expected: Any) -> None:
    assert ask(tools=(Tool("f"), Tool("g", kind="custom")), tool_choice=choice).body["tool_choice"] == expected


def test_parallel_calls_are_switched_where_there_is_a_switch() -> None:
    assert ask(tools=(Tool("f"),), parallel_tools=False).body["parallel_tool_calls"] is False
    rigid = replace(PLAIN, profile=Profile(parallel_tools=False))
    sent = ask(tools=(Tool("f"),), parallel_tools=False, target=rigid)
    assert "parallel_tool_calls" not in sent.body
    assert sent.warnings == ("dropped=parallel_tool_calls",)
    assert "parallel_tool_calls" not in ask(parallel_tools=False).body, "a 400 without any tool"


# --- controls --------------------------------------------------------------------------------------------------------


def test_sampling_that_the_model_takes() -> None:
    sampling = Sampling(temperature=3, top_p=0.5, top_k=1, min_p=0.1, seed=1, logprobs=True)
    sent = ask(sampling=sampling)
    assert (sent.body["temperature"], sent.body["top_p"]) == (2.0, 0.5)
    assert sent.warnings == (
        "dropped=top_k",
        "dropped=min_p",
        "dropped=seed",
        "approx=temperature",
        "dropped=logprobs",
    )
    sent = ask(sampling=sampling, target=replace(PLAIN, profile=Profile(sampling="none")))
    assert {"temperature", "top_p"}.isdisjoint(sent.body)
    sent = ask(sampling=Sampling(temperature=1, top_p=0.5), target=replace(PLAIN, profile=Profile(sampling="one")))
    assert (sent.body["temperature"], "top_p" in sent.body, sent.warnings) == (1, False, ("dropped=top_p",))


@pytest.mark.parametrize(("asked", "sent"), [(1, 16), (16, 16), (100, 100), (500, 200), (None, None)])
def test_the_limit_fits_the_model(asked: int | None, sent: int | None) -> None:
    target = replace(OPENAI, profile=Profile(min_output=16, max_output=200))
    outbound = ask(max_output_tokens=asked, target=target)
    assert outbound.body.get("max_output_tokens") == sent
    assert outbound.warnings == (() if asked == sent else ("approx=max_tokens",))


def test_stop_sequences_are_unknown_here() -> None:
    asked = ask(stop=("END",))
    assert (asked.warnings, asked.unstopped) == ((), ("END",))


EFFORTS = replace(OPENAI, profile=Profile(thinking=True, reasoning="effort", efforts=("low", "high", "odd")))
NO_EFFORTS = replace(EFFORTS, profile=Profile(reasoning="effort", efforts=()))
CONTROLS: list[tuple[ReasoningControl, Target, Any, tuple[str, ...]]] = [
    (ReasoningControl(), OPENAI, None, ()),
    (ReasoningControl(mode="auto"), OPENAI, None, ()),
    (ReasoningControl(mode="on"), OPENAI, {"effort": "medium"}, ()),
    (ReasoningControl(mode="on", effort="high", show="summary"), OPENAI, {"effort": "high", "summary": "auto"}, ()),
    (ReasoningControl(mode="on", budget=5000), OPENAI, {"effort": "medium"}, ("approx=reasoning",)),
    (ReasoningControl(mode="on", budget=100_000), EFFORTS, {"effort": "high"}, ("approx=reasoning",)),
    (ReasoningControl(mode="on", effort="medium"), EFFORTS, {"effort": "low"}, ("approx=reasoning",)),
    (ReasoningControl(mode="off", effort="high"), EFFORTS, {"effort": "low"}, ("approx=reasoning",)),
    (ReasoningControl(mode="on"), NO_EFFORTS, None, ("approx=reasoning",)),
    (ReasoningControl(mode="on"), PLAIN, None, ("dropped=reasoning",)),
    (ReasoningControl(mode="off"), PLAIN, None, ()),
]  # fmt: skip


@pytest.mark.parametrize(("control", "target", "expected", "warnings"), CONTROLS)
def test_reasoning_is_asked_for(
    control: ReasoningControl, target: Target, expected: Any, warnings: tuple[str, ...]
) -> None:
    sent = ask(reasoning=control, target=target)
    assert sent.body.get("reasoning") == expected
    assert sent.warnings == warnings


def test_encrypted_reasoning_is_asked_for_where_the_model_reasons() -> None:
    assert ask().body["include"] == ["reasoning.encrypted_content"]
    assert "include" not in ask(reasoning=ReasoningControl(mode="off")).body
    assert "include" not in ask(target=PLAIN).body


OUTPUTS: list[tuple[OutputFormat, dict[str, Any], tuple[str, ...]]] = [
    (
        OutputFormat(kind="json_schema", schema=SCHEMA, name="a b", description="d"),
        {"type": "json_schema", "name": "a_b", "description": "d", "schema": SCHEMA, "strict": True},
        (),
    ),
    (
        OutputFormat(kind="json_schema", schema=LOOSE, strict=True),
        {"type": "json_schema", "name": "response", "schema": LOOSE, "strict": False},
        ("dropped=strict",),
    ),
    (
        OutputFormat(kind="json_schema", strict=False),
        {"type": "json_schema", "name": "response", "schema": {"type": "object"}, "strict": False},
        (),
    ),
]


@pytest.mark.parametrize(("output", "expected", "warnings"), OUTPUTS)
def test_a_schema_for_the_answer(output: OutputFormat, expected: dict[str, Any], warnings: tuple[str, ...]) -> None:
    sent = ask(output=output, verbosity="low")
    assert sent.body["text"] == {"verbosity": "low", "format": expected}
    assert sent.warnings == warnings


def test_json_in_words_where_it_must_be() -> None:
    sent = ask(output=OutputFormat(kind="json"))
    assert sent.body["text"] == {"format": {"type": "json_object"}}
    assert sent.body["input"][0] == message("system", "Answer with a JSON object only.")
    assert sent.warnings == ("approx=json",)
    assert len(ask(user(Text(text="As JSON.")), output=OutputFormat(kind="json")).body["input"]) == 1
    schema = OutputFormat(kind="json_schema", schema=SCHEMA)
    sent = ask(output=schema, target=replace(PLAIN, profile=Profile(json_schema=False)))
    assert json.dumps(SCHEMA) in sent.body["input"][0]["content"]
    assert sent.warnings == ("approx=json_schema",)


def test_several_answers_are_refused() -> None:
    """I.33 of the contract: this API has no word for them, and one of two is not what was asked for."""
    with pytest.raises(Unsupported) as refused:
        ask(choices=2)
    assert refused.value.param == "n"


def test_what_is_lost_is_named() -> None:
    sent = ask(
        target=PLAIN,
        user_id="u",
        session="s",
        service_tier="flex",
        extra=Extra("claude", {"x": 1}),
        cache=CacheMark(),
    )
    assert sent.warnings == (
        "dropped=user_id",
        "dropped=service_tier",
        "dropped=fields",
        "dropped=cache_control",
    )
    assert sent.body.keys() == {"model", "input", "store"}


def test_a_long_name_of_a_session_is_told_by_its_digest() -> None:
    key = ask(session="s" * 65).body["prompt_cache_key"]
    assert len(key) == 64
    assert key != "s" * 64


# --- a client of the same dialect, whose answer is translated --------------------------------------------------------

WHOLE: dict[str, Any] = {
    "model": "m",
    "instructions": "Be brief.",
    "input": [
        {"type": "additional_tools", "role": "developer", "tools": [{"type": "custom", "name": "run"}]},
        {"type": "message", "role": "developer", "content": "d", "id": "msg_0"},
        {"type": "message", "role": "user", "content": [
            {"type": "input_image", "detail": "auto", "file_id": "f"}, {"type": "input_file", "file_id": "f"},
            {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,eA=="}, {"type": "novel"},
        ]},
        {"type": "reasoning", "id": "rs", "summary": [], "encrypted_content": "eA=="},
        {"type": "message", "role": "assistant", "id": "msg_1", "phase": "commentary", "content": [
            {"type": "output_text", "text": "a", "annotations": [], "logprobs": [], "novel": 1},
            {"type": "refusal", "refusal": "b"},
        ]},
        {"type": "message", "role": "assistant", "id": "msg_2", "content": [
            {"type": "output_text", "text": "a", "annotations": [{"type": "file_path"}], "logprobs": []},
        ]},
        {"type": "web_search_call", "id": "ws"},
        {"type": "function_call", "call_id": "x.1", "name": "f", "namespace": "ns", "arguments": "{}", "id": "fc"},
        {"type": "custom_tool_call", "call_id": "c", "name": "p", "input": "x"},
        {"type": "local_shell_call", "id": "l", "call_id": "d", "action": {"type": "exec", "command": ["ls"]}},
        {"type": "function_call_output", "call_id": "x.1", "output": "y", "id": "fco"},
        {"type": "custom_tool_call_output", "call_id": "c", "output": "z"},
        {"type": "local_shell_call_output", "id": "d", "output": "o"},
        {"type": "configuration_update", "text": {"verbosity": "low"}},
        {"type": "compaction", "encrypted_content": "eA=="},
        {"type": "message", "role": "user", "content": "x"},
    ],
    "tools": [
        {"type": "namespace", "name": "ns", "description": "", "tools": [
            {"type": "function", "name": "f"}, {"type": "function", "name": "g"},
        ]},
        {"type": "custom", "name": "p"},
        {"type": "local_shell"},
        {"type": "web_search"},
    ],
    "tool_choice": {"type": "web_search"},
    "parallel_tool_calls": True,
    "temperature": 0.5,
    "max_output_tokens": 64,
    "stream": True,
    "store": True,
    "text": {"verbosity": "low", "novel": 1},
    "reasoning": {"effort": "high", "summary": "detailed"},
    "include": ["message.output_text.logprobs", "reasoning.encrypted_content"],
    "top_logprobs": 2,
    "truncation": "auto",
    "metadata": {"a": "b"},
    "user": "u",
}  # fmt: skip


def again(document: dict[str, Any], target: Target = OPENAI) -> dict[str, Any]:
    request = OPENAI_RESPONSES.decode_request(json.dumps(document).encode())
    return OPENAI_RESPONSES.encode_request(request, target).body


def test_it_loses_nothing() -> None:
    document = json.loads(json.dumps(WHOLE))
    assert again(document) == document


def test_what_it_says_only_in_its_own_words_goes_as_it_came() -> None:
    for change in (
        {"tool_choice": {"type": "mcp", "server_label": "x"}},
        {"tool_choice": {"type": "function", "name": "f", "namespace": "ns"}},
        {"text": {"format": {"type": "grammar", "x": 1}}},
        {"text": {"format": {"type": "json_schema", "name": "n", "schema": LOOSE, "strict": True}}},
        {"reasoning": {"effort": "novel", "summary": "auto"}},
        {"include": ["reasoning.encrypted_content"]},
    ):
        document = {**WHOLE, "input": [message("user", "hi")], **change}
        assert again(document)[next(iter(change))] == next(iter(change.values()))


def test_a_model_that_does_not_reason_is_not_asked_to() -> None:
    request = OPENAI_RESPONSES.decode_request(json.dumps(WHOLE).encode())
    body = OPENAI_RESPONSES.encode_request(replace(request, reasoning=ReasoningControl()), PLAIN).body
    assert "reasoning" not in body


def test_one_thing_to_include_may_stand_alone() -> None:
    assert again({"model": "m", "input": "hi", "include": "novel"})["include"] == [
        "novel",
        "reasoning.encrypted_content",
    ]


def test_reasoning_that_only_a_store_knows_is_left_out() -> None:
    rs = {"type": "reasoning", "id": "rs", "summary": [{"type": "summary_text", "text": "Hm."}]}
    document = {"model": "m", "input": [rs, message("assistant", "a"), message("user", "b")]}
    assert again(document)["input"] == document["input"][1:]


def test_words_of_two_messages_are_two_messages() -> None:
    first, second = (Text(text="a", extra=Extra(NAME, {"message": {"id": name}})) for name in ("msg_1", "msg_2"))
    said = items(assistant(first, second), user(Text(text="x")), dialect=NAME)
    assert [item.get("id") for item in said] == ["msg_1", "msg_2", None]


def test_an_unknown_part_of_the_assistants_stays_in_a_message() -> None:
    content = [{"type": "novel"}]
    document = {"model": "m", "input": [message("assistant", content), message("user", "x")]}
    assert again(document)["input"] == document["input"]


def test_instructions_alone_are_a_request() -> None:
    assert again({"model": "m", "instructions": "Go.", "prompt": {"id": "p"}})["input"] == []


# --- counting --------------------------------------------------------------------------------------------------------


def test_what_is_counted_has_no_word_of_the_answer() -> None:
    counting = OPENAI_RESPONSES.counting
    assert counting
    request = OPENAI_RESPONSES.decode_request(json.dumps(WHOLE).encode())
    body = counting.encode_request(request, OPENAI).body
    assert body.keys() == {
        "model", "instructions", "input", "tools", "tool_choice", "parallel_tool_calls", "reasoning", "text",
    }  # fmt: skip
    assert json.loads(counting.encode_response(7)) == {"object": "response.input_tokens", "input_tokens": 7}
    assert counting.decode_response(counting.encode_response(7)) == 7
