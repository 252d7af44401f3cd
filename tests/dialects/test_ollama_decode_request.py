"""What Ollama's clients send -> requests: chat and generate, what their SDKs leave out, and faults by their path."""

import base64
from typing import Any

import orjson
import pytest

from llmux.dialects.ollama import OLLAMA
from llmux.errors import BadRequest
from llmux.ir.content import Extra, Image, Inline, Part, Reasoning, Text, ToolCall, ToolResult
from llmux.ir.request import Message, OutputFormat, ReasoningControl, Request, Role, Sampling, Tool
from tests.strategies import PIXEL

HI = {"role": "user", "content": "hi"}
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
GENERATE = OLLAMA.forms["generate"]


def chat(*messages: Any, **fields: Any) -> Request:
    return OLLAMA.decode_request(orjson.dumps({"model": "m", "messages": list(messages), **fields}))


def generate(**fields: Any) -> Request:
    return GENERATE.decode_request(orjson.dumps({"model": "m", **fields}))


def parts(*messages: Any) -> list[tuple[Role, tuple[Part, ...]]]:
    return [(message.role, message.parts) for message in chat(*messages).messages]


def refused(body: dict[str, Any], decode: Any = OLLAMA.decode_request) -> str | None:
    with pytest.raises(BadRequest) as raised:
        decode(orjson.dumps(body))
    return raised.value.param


# --- messages --------------------------------------------------------------------------------------------------------


def test_a_plain_request_keeps_what_its_client_sent() -> None:
    body = b'{"model": "qwen3:8b", "messages": [{"role": "user", "content": "hi"}]}'
    request = OLLAMA.decode_request(body)
    assert (request.dialect, request.form, request.model) == ("ollama", "", "qwen3:8b")
    assert request.messages == (Message(Role.USER, (Text(text="hi"),)),)
    assert request.original is not None
    assert request.original.body is body
    assert request.extra is None


def test_every_role_in_any_case() -> None:
    roles = ["System", "developer", "USER", "assistant"]
    assert [role for role, _ in parts(*({"role": role, "content": "x"} for role in roles))] == [
        Role.SYSTEM,
        Role.DEVELOPER,
        Role.USER,
        Role.ASSISTANT,
    ]


@pytest.mark.parametrize("content", [{}, {"content": None}, {"content": ""}])
def test_a_message_may_say_nothing(content: Any) -> None:
    assert parts({"role": "assistant", **content}) == [(Role.ASSISTANT, ())]


def test_reasoning_comes_before_text_and_calls_behind_it() -> None:
    call = {"function": {"name": "f", "arguments": {"a": 1}}}
    message = {"role": "assistant", "content": "I look.", "thinking": "Hm.", "tool_calls": [call]}
    assert parts(message) == [
        (
            Role.ASSISTANT,
            (Reasoning(text="Hm."), Text(text="I look."), ToolCall(id="call_0_0", name="f", arguments='{"a":1}')),
        )
    ]


ARGUMENTS = {
    "an object": ({"b": [1, None], "a": "é"}, '{"b":[1,null],"a":"é"}'),
    "a text, as OpenAI has it": ('{"a": 1}', '{"a": 1}'),
    "nothing": (None, "{}"),
    "another value": ([1], "[1]"),
}


@pytest.mark.parametrize("name", ARGUMENTS)
def test_arguments(name: str) -> None:
    value, expected = ARGUMENTS[name]
    ((_, (call,)),) = parts({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": value}}]})
    assert isinstance(call, ToolCall)
    assert call.arguments == expected


def steps(*results: Any, calls: Any = ("f", "g", "f"), ids: bool = False) -> list[tuple[str, str | None]]:
    """The call and the tool that each result is for."""
    asked = [{"function": {"name": name}, **({"id": f"id{at}"} if ids else {})} for at, name in enumerate(calls)]
    told = [{"role": "tool", "content": "x", **result} for result in results]
    messages = chat(HI, {"role": "assistant", "tool_calls": asked}, *told).messages
    return [
        (part.call_id, part.name) for message in messages[2:] for part in message.parts if isinstance(part, ToolResult)
    ]


def test_results_belong_to_calls_by_name_in_order() -> None:
    assert steps({"tool_name": "g"}, {"tool_name": "f"}, {"tool_name": "f"}) == [
        ("call_1_1", "g"),
        ("call_1_0", "f"),
        ("call_1_2", "f"),
    ]


def test_results_without_a_name_belong_to_calls_in_order() -> None:
    assert steps({}, {}, {}) == [("call_1_0", "f"), ("call_1_1", "g"), ("call_1_2", "f")]


def test_results_belong_to_calls_by_id_where_they_have_one() -> None:
    results = ({"tool_call_id": "id2"}, {"tool_call_id": "id0", "name": "f"}, {"tool_name": "g"})
    assert steps(*results, ids=True) == [("id2", "f"), ("id0", "f"), ("id1", "g")]


def test_a_result_of_a_strange_name_is_for_the_first_call_that_has_none() -> None:
    assert steps({"tool_name": "ns.f"}, calls=("f",)) == [("call_1_0", "ns.f")]


def test_a_result_for_no_call_has_an_id_of_its_own() -> None:
    assert steps({}, {"tool_name": "g"}, {"tool_call_id": "gone"}, calls=("f",)) == [
        ("call_1_0", "f"),
        ("call_3", "g"),
        ("gone", None),
    ]


def test_results_of_one_step_are_one_message_and_those_of_the_next_another() -> None:
    def step(name: str) -> list[Any]:
        call = {"function": {"name": name}}
        return [
            {"role": "assistant", "tool_calls": [call, call]},
            {"role": "tool", "content": "1"},
            {"role": "tool", "content": "2"},
        ]

    messages = chat(HI, *step("f"), *step("g")).messages
    assert [message.role for message in messages] == [
        Role.USER,
        Role.ASSISTANT,
        Role.TOOL,
        Role.ASSISTANT,
        Role.TOOL,
    ]
    assert [part.call_id for part in messages[4].parts if isinstance(part, ToolResult)] == ["call_4_0", "call_4_1"]


def test_what_is_not_known_of_a_message_is_kept_for_the_same_dialect() -> None:
    call = {"function": {"name": "f"}, "novel": 1}
    assistant, tool = chat(
        {"role": "assistant", "tool_calls": [call], "mood": "good", "nothing": None},
        {"role": "tool", "content": "x", "cost": 3},
    ).messages
    assert assistant.extra == Extra("ollama", {"mood": "good"})
    assert assistant.parts[0].extra == Extra("ollama", {"novel": 1})
    assert tool.parts[0].extra == Extra("ollama", {"cost": 3})


# --- pictures --------------------------------------------------------------------------------------------------------


def encoded(head: bytes) -> str:
    return base64.b64encode(head + bytes(12)).decode()


PICTURES = {
    "PNG": (PIXEL, Inline("image/png", PIXEL)),
    "JPEG": (encoded(b"\xff\xd8\xff"), Inline("image/jpeg", encoded(b"\xff\xd8\xff"))),
    "GIF": (encoded(b"GIF89a"), Inline("image/gif", encoded(b"GIF89a"))),
    "WebP": (encoded(b"RIFFsizeWEBP"), Inline("image/webp", encoded(b"RIFFsizeWEBP"))),
    "unknown": (encoded(b"?"), Inline("application/octet-stream", encoded(b"?"))),
    "a data URL": (f"data:image/webp;base64,{PIXEL}", Inline("image/webp", PIXEL)),
    "a data URL that does not say": (f"DATA:;base64,{PIXEL}", Inline("image/png", PIXEL)),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_known_by_its_first_bytes(name: str) -> None:
    text, source = PICTURES[name]
    assert parts({**HI, "images": [text]}) == [(Role.USER, (Text(text="hi"), Image(source=source)))]


@pytest.mark.parametrize("text", ["https://x.test/1.png", "", "not base64!", "data:image/png;base64", "abc"])
def test_what_is_no_picture_is_refused(text: str) -> None:
    body = {"model": "m", "messages": [HI, {"role": "user", "images": [PIXEL, text]}]}
    assert refused(body) == "messages.1.images.1"


# --- controls --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("said", "streams"), [({}, True), ({"stream": None}, True), ({"stream": False}, False)])
def test_an_answer_is_streamed_unless_it_is_not_wanted_so(said: Any, streams: bool) -> None:
    assert chat(HI, **said).stream is streams
    assert generate(prompt="hi", **said).stream is streams


def test_options() -> None:
    options = {"temperature": 0, "top_p": 0.9, "top_k": 5.0, "min_p": 0.1, "seed": 7, "presence_penalty": 0.1}
    options |= {"frequency_penalty": 0.2, "num_predict": 10, "stop": ["END"], "num_ctx": 8192, "mirostat": None}
    request = chat(HI, options=options, logprobs=True, top_logprobs=2, keep_alive="5m")
    assert request.sampling == Sampling(
        temperature=0,
        top_p=0.9,
        top_k=5,
        min_p=0.1,
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        logprobs=True,
        top_logprobs=2,
    )
    assert (request.max_output_tokens, request.stop) == (10, ("END",))
    assert request.extra == Extra("ollama", {"keep_alive": "5m", "options": {"num_ctx": 8192}})


@pytest.mark.parametrize("limit", [-1, -2, 0])
def test_a_limit_that_is_none_means_something_to_ollama_only(limit: int) -> None:
    request = chat(HI, options={"num_predict": limit, "stop": "END"})
    assert request.max_output_tokens is None
    assert request.stop == ("END",)
    assert request.extra == Extra("ollama", {"options": {"num_predict": limit}})


THINKS: list[tuple[Any, ReasoningControl]] = [
    (None, ReasoningControl()),
    ("", ReasoningControl()),
    (True, ReasoningControl(mode="on")),
    (False, ReasoningControl(mode="off")),
    ("none", ReasoningControl(mode="off")),
    ("high", ReasoningControl(mode="on", effort="high")),
    ("max", ReasoningControl(mode="on", effort="max")),
]


@pytest.mark.parametrize(("think", "control"), THINKS)
def test_think(think: Any, control: ReasoningControl) -> None:
    assert chat(HI, think=think).reasoning == control


FORMATS: list[tuple[Any, OutputFormat]] = [
    (None, OutputFormat()),
    ("", OutputFormat()),
    ("json", OutputFormat(kind="json")),
    (SCHEMA, OutputFormat(kind="json_schema", schema=SCHEMA)),
]


@pytest.mark.parametrize(("form", "output"), FORMATS)
def test_format(form: Any, output: OutputFormat) -> None:
    assert chat(HI, format=form).output == output


def test_tools() -> None:
    full = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}, "novel": 1}
    assert chat(HI, tools=[full, {"function": {"name": "g"}}]).tools == (
        Tool("f", "d", SCHEMA, extra=Extra("ollama", {"novel": 1})),
        Tool("g"),
    )


FAULTS: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"messages": [HI]}, "model"),
    "an empty model": ({"model": "", "messages": [HI]}, "model"),
    "a role": ({"model": "m", "messages": [{"role": "robot", "content": "x"}]}, "messages.0.role"),
    "content in parts": ({"model": "m", "messages": [{**HI, "content": [{}]}]}, "messages.0.content"),
    "messages": ({"model": "m", "messages": {}}, "messages"),
    "a call of no tool": ({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"function": {}}]}]},
                          "messages.0.tool_calls.0.function.name"),
    "a call that is none": ({"model": "m", "messages": [{"role": "assistant", "tool_calls": [{}]}]},
                            "messages.0.tool_calls.0.function"),
    "options": ({"model": "m", "messages": [HI], "options": []}, "options"),
    "an option": ({"model": "m", "messages": [HI], "options": {"seed": "x"}}, "options.seed"),
    "think": ({"model": "m", "messages": [HI], "think": "hard"}, "think"),
    "think as a number": ({"model": "m", "messages": [HI], "think": 3}, "think"),
    "format": ({"model": "m", "messages": [HI], "format": "xml"}, "format"),
    "a tool that is no function": ({"model": "m", "messages": [HI], "tools": [{"type": "search"}]}, "tools.0.type"),
    "a tool without a function": ({"model": "m", "messages": [HI], "tools": [{}]}, "tools.0.function"),
    "a tool without a name": ({"model": "m", "messages": [HI], "tools": [{"function": {"name": ""}}]},
                              "tools.0.function.name"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_told_by_its_path(name: str) -> None:
    body, param = FAULTS[name]
    assert refused(body) == param


# --- generate --------------------------------------------------------------------------------------------------------


def test_a_prompt_is_a_user_s_message() -> None:
    request = generate(prompt="hi", system="Be brief.", images=[PIXEL], options={"num_ctx": 1}, keep_alive=0, raw=False)
    assert (request.form, request.bound) == ("generate", "")
    assert request.messages == (
        Message(Role.SYSTEM, (Text(text="Be brief."),)),
        Message(Role.USER, (Text(text="hi"), Image(source=Inline("image/png", PIXEL)))),
    )
    assert request.extra == Extra("ollama", {"keep_alive": 0, "options": {"num_ctx": 1}})


def test_what_old_sdks_always_send_says_nothing() -> None:
    request = generate(prompt="hi", system="", template="", context=[], raw=False, images=[], format="", options={})
    assert (len(request.messages), request.bound, request.extra) == (1, "", None)


@pytest.mark.parametrize(
    "field", [{"raw": True}, {"template": "{{ .Prompt }}"}, {"context": [1, 2]}, {"suffix": "end"}]
)
def test_what_only_an_ollama_understands_binds_the_request_to_one(field: Any) -> None:
    assert generate(prompt="hi", **field).bound == next(iter(field))


def test_without_a_prompt_a_model_is_only_loaded() -> None:
    assert generate(system="x").messages == ()
    assert chat().messages == ()
    assert OLLAMA.decode_request(b'{"model":"m"}').messages == ()


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"prompt": "hi"}, "model"),
        ({"model": "m", "prompt": "hi", "provider": "openai"}, "provider"),
        ({"model": "m", "prompt": ["hi"]}, "prompt"),
        ({"model": "", "prompt": "hi"}, "model"),
    ],
)
def test_another_s_form_of_generate_is_refused(body: dict[str, Any], param: str) -> None:
    assert refused(body, GENERATE.decode_request) == param
