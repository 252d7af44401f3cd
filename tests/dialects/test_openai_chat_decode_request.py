"""Bodies of clients -> Request: each field, each spelling, and where each fault is found."""

import base64
import json
from typing import Any

import pytest
from msgspec.structs import replace

from llmux.dialects.envelope import seal
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.errors import BadRequest
from llmux.ir.content import (
    Audio,
    CacheMark,
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
from llmux.ir.request import Message, OutputFormat, ReasoningControl, Request, Role, Tool, ToolChoice

NAME = OPENAI_CHAT.name
HI = {"role": "user", "content": "hi"}


def decode(**fields: Any) -> Request:
    return OPENAI_CHAT.decode_request(json.dumps({"model": "m", "messages": [HI], **fields}).encode())


def parts_of(message: dict[str, Any], *before: dict[str, Any]) -> tuple[Part, ...]:
    return decode(messages=[*before, message]).messages[-1].parts


def kept(**fields: Any) -> Extra:
    return Extra(NAME, fields)


def test_the_least_that_can_be_asked() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"hi"}]}'
    request = OPENAI_CHAT.decode_request(body)
    assert request.messages == (Message(Role.USER, (Text(text="hi"),)),)
    assert (request.model, request.stream, request.include_usage, request.extra) == ("m", False, False, None)
    assert request.original is not None
    assert (request.original.body, request.original.repaired) == (body, False)


# field -> (its value, the attribute of Request, what is there then)
FIELDS: dict[str, tuple[Any, str, Any]] = {
    "stream": (True, "stream", True),
    "stream_options": ({"include_usage": True}, "include_usage", True),
    "max_tokens": (5, "max_output_tokens", 5),
    "max_completion_tokens": (6.0, "max_output_tokens", 6),
    "stop": ("x", "stop", ("x",)),
    "n": (2, "choices", 2),
    "parallel_tool_calls": (False, "parallel_tools", False),
    "verbosity": ("low", "verbosity", "low"),
    "service_tier": ("flex", "service_tier", "flex"),
    "safety_identifier": ("u", "user_id", "u"),
    "user": ("u", "user_id", "u"),
    "prompt_cache_key": ("s", "session", "s"),
    "metadata": ({"a": "b"}, "metadata", {"a": "b"}),
    "tool_choice": ("any", "tool_choice", ToolChoice("required")),
    "function_call": ({"name": "f"}, "tool_choice", ToolChoice("named", ("f",))),
}


@pytest.mark.parametrize("field", FIELDS)
def test_fields(field: str) -> None:
    value, attribute, expected = FIELDS[field]
    assert getattr(decode(**{field: value}), attribute) == expected
    assert getattr(decode(**{field: None}), attribute) == getattr(decode(), attribute)


def test_the_newer_limit_wins_and_minus_one_is_none() -> None:
    assert decode(max_tokens=5, max_completion_tokens=7).max_output_tokens == 7
    assert decode(max_tokens=-1).max_output_tokens is None


def test_stop_may_be_a_list() -> None:
    assert decode(stop=["a", "b"]).stop == ("a", "b")


def test_sampling_has_the_wires_own_names() -> None:
    sampling = decode(temperature=1, top_p=0.5, top_k=3, min_p=0.1, seed=7, logit_bias={"1": 2}, logprobs=True).sampling
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.seed) == (1, 0.5, 3, 7)
    assert (sampling.min_p, sampling.logit_bias, sampling.logprobs) == (0.1, {"1": 2}, True)


def test_what_has_no_word_is_kept_for_the_same_dialect() -> None:
    assert decode(store=True, user="u").extra == kept(store=True, user="u")
    assert decode(response_format={"type": "grammar", "grammar": "x"}).extra == kept(
        response_format={"type": "grammar", "grammar": "x"}
    )
    assert decode(reasoning_effort="default").extra == kept(reasoning_effort="default")


def test_text_that_cannot_be_said_is_replaced() -> None:
    body = rb'{"model":"m","messages":[{"role":"user","content":"a\ud83d \u0000"}]}'
    request = OPENAI_CHAT.decode_request(body)
    assert request.messages[0].parts == (Text(text="a\ufffd \ufffd"),)
    assert request.original is not None
    assert request.original.repaired


def test_repair_sends_what_the_client_sent() -> None:
    document = {"model": "m", "new_field": 1}
    assert OPENAI_CHAT.repair(document) == document


# --- messages --------------------------------------------------------------------------------------------------------

GIF = base64.b64encode(b"GIF89a").decode()
PARTS: dict[str, tuple[dict[str, Any], Part]] = {
    "text": ({"type": "text", "text": "a"}, Text(text="a")),
    "text of Responses": ({"type": "input_text", "text": "a"}, Text(text="a")),
    "text with an unknown field": ({"type": "text", "text": "a", "x": 1}, Text(text="a", extra=kept(x=1))),
    "text with a mark": (
        {"type": "text", "text": "a", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        Text(text="a", cache=CacheMark("1h"), extra=kept(cache_control={"type": "ephemeral", "ttl": "1h"})),
    ),
    "a mark that is null": (
        {"type": "text", "text": "a", "cache_control": None},
        Text(text="a"),
    ),
    "picture in the body": (
        {"type": "image_url", "image_url": {"url": f"data:image/gif;base64,{GIF}", "detail": "low"}},
        Image(source=Inline("image/gif", GIF), detail="low"),
    ),
    "picture with a charset": (
        {"type": "image_url", "image_url": {"url": f"DATA:image/GIF;charset=utf-8;base64,{GIF}"}},
        Image(source=Inline("image/gif", GIF)),
    ),
    "picture without base64": (
        {"type": "image_url", "image_url": {"url": "data:image/gif,GIF89%61"}},
        Image(source=Inline("image/gif", GIF)),
    ),
    "picture without a type": (
        {"type": "image_url", "image_url": {"url": f"data:;base64,{GIF}"}},
        Image(source=Inline("image/gif", GIF)),
    ),
    "picture elsewhere": (
        {"type": "image_url", "image_url": {"url": "https://a/b.png"}},
        Image(source=Link("https://a/b.png")),
    ),
    "picture as a bare address": (
        {"type": "image_url", "image_url": "https://a/b.png"},
        Image(source=Link("https://a/b.png")),
    ),
    "sound": ({"type": "input_audio", "input_audio": {"data": "AA", "format": "wav"}}, Audio(format="wav", data="AA")),
    "file in the body": (
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"}},
        Document(source=Inline("application/pdf", "AA"), title="a.pdf"),
    ),
    "file in bare base64": (
        {"type": "file", "file": {"file_data": "AA"}},
        Document(source=Inline("application/pdf", "AA")),
    ),
    "file elsewhere": (
        {"type": "file", "file": {"file_data": "https://a/b.pdf"}},
        Document(source=Link("https://a/b.pdf")),
    ),
    "file by id": ({"type": "file", "file": {"file_id": "f"}}, Document(source=FileId("f"))),
    "refusal": ({"type": "refusal", "refusal": "no"}, Refusal(text="no")),
    "thinking of Mistral": (
        {"type": "thinking", "thinking": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]},
        Reasoning(text="ab"),
    ),
    "thinking as a string": ({"type": "thinking", "thinking": "ab"}, Reasoning(text="ab")),
    "thinking of another shape": ({"type": "thinking", "thinking": 5}, Reasoning()),
    "unknown": ({"type": "video_url", "x": 1}, Opaque(dialect=NAME, raw={"type": "video_url", "x": 1})),
}


@pytest.mark.parametrize("case", PARTS)
def test_parts(case: str) -> None:
    wire, part = PARTS[case]
    assert parts_of({"role": "user", "content": [wire]}) == (part,)


@pytest.mark.parametrize("content", [None, "", []])
def test_no_content(content: object) -> None:
    assert parts_of({"role": "assistant", "content": content}) == ()


def test_a_mark_on_a_message_is_one_on_its_last_part() -> None:
    mark = {"type": "ephemeral"}
    (part,) = parts_of({"role": "user", "content": "a", "cache_control": mark})
    assert part == Text(text="a", cache=CacheMark())
    assert parts_of({"role": "user", "content": "", "cache_control": mark}) == ()


def test_system_and_developer_stay_where_they_are() -> None:
    request = decode(messages=[{"role": "developer", "content": "d"}, HI, {"role": "system", "content": "s"}])
    assert [message.role for message in request.messages] == [Role.DEVELOPER, Role.USER, Role.SYSTEM]


def test_names_and_unknown_fields_of_messages() -> None:
    (message,) = decode(messages=[{**HI, "name": "Ann", "x": 1}]).messages
    assert (message.name, message.extra) == ("Ann", kept(x=1))


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_calls_follow_what_is_said() -> None:
    message = {"role": "assistant", "reasoning_content": "think", "content": "a", "refusal": "no", "tool_calls": [CALL]}
    assert parts_of(message) == (
        Reasoning(text="think"),
        Text(text="a"),
        Refusal(text="no"),
        ToolCall(id="c1", name="f", arguments="{}"),
    )


def test_neighbouring_results_are_one_message() -> None:
    results = [{"role": "tool", "tool_call_id": call, "content": call} for call in ("c1", "c2")]
    request = decode(messages=[{"role": "assistant", "tool_calls": [CALL, {**CALL, "id": "c2"}]}, *results, HI])
    assert [message.role for message in request.messages] == [Role.ASSISTANT, Role.TOOL, Role.USER]
    assert request.messages[1].parts == tuple(
        ToolResult(call_id=call, content=(Text(text=call),)) for call in ("c1", "c2")
    )


def test_custom_calls() -> None:
    call = {"id": "c", "type": "custom", "custom": {"name": "patch", "input": "text"}}
    (part,) = parts_of({"role": "assistant", "tool_calls": [call]})
    assert part == ToolCall(id="c", name="patch", arguments="text", kind="custom")


def test_the_old_functions() -> None:
    request = decode(
        functions=[{"name": "f", "parameters": {"type": "object"}}],
        messages=[
            HI,
            {"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}},
            {"role": "function", "name": "f", "content": "r"},
            {"role": "function", "name": "g", "content": "nobody asked"},
        ],
    )
    assert request.legacy_functions
    assert request.tools == (Tool("f", schema={"type": "object"}),)
    assert request.messages[1].parts == (ToolCall(id="fc_1", name="f", arguments="{}"),)
    assert [part.call_id for part in request.messages[2].parts if isinstance(part, ToolResult)] == ["fc_1", "fc_3"]


STATE = ReasoningState("anthropic", "signature", "sig")
REASONING: dict[str, tuple[dict[str, Any], tuple[Part, ...]]] = {
    "reasoning": ({"reasoning": "a"}, (Reasoning(text="a"),)),
    "two fields say it once": ({"reasoning_content": "a", "reasoning": "a"}, (Reasoning(text="a"),)),
    "another shape": ({"reasoning": {"effort": "low"}, "reasoning_details": "x", "thinking_blocks": [1]}, ()),
    "details with a proof": (
        {"reasoning_details": [{"type": "reasoning.text", "text": "a", "signature": "s"}]},
        (
            Reasoning(
                text="a",
                states=(
                    ReasoningState(
                        "openrouter", "details", [{"type": "reasoning.text", "text": "a", "signature": "s"}]
                    ),
                ),
            ),
        ),
    ),
    "details without one": (
        {"reasoning_details": [{"type": "reasoning.summary", "summary": "a"}]},
        (Reasoning(text="a"),),
    ),
    "what we sealed ourselves": (
        {"reasoning_content": "a", "reasoning_details": [{"type": "reasoning.encrypted", "data": seal(STATE)}]},
        (Reasoning(text="a", states=(STATE,)),),
    ),
    "two signatures over one text sign neither": (
        {"reasoning_content": "ab", "reasoning_details": [{"data": seal(STATE)}, {"data": seal(STATE)}]},
        (Reasoning(text="ab"),),
    ),
    "thinking blocks": (
        {
            "reasoning_content": "a",
            "thinking_blocks": [
                {"type": "thinking", "thinking": "a", "signature": "sig"},
                {"type": "redacted_thinking", "data": "d"},
                {"type": "redacted_thinking"},
            ],
        },
        (
            Reasoning(text="a", states=(STATE,)),
            Reasoning(states=(ReasoningState("anthropic", "redacted", "d"),)),
        ),
    ),
    "Google's proof": (
        {"extra_content": {"google": {"thought_signature": "S"}}},
        (Reasoning(states=(ReasoningState("google", "signature", "S"),)),),
    ),
}


@pytest.mark.parametrize("case", REASONING)
def test_reasoning_in_history(case: str) -> None:
    fields, expected = REASONING[case]
    assert parts_of({"role": "assistant", "content": None, **fields}) == expected


def test_googles_proof_on_a_call() -> None:
    call = {**CALL, "extra_content": {"google": {"thought_signature": "S"}}}
    (part,) = parts_of({"role": "assistant", "tool_calls": [call]})
    assert part == ToolCall(id="c1", name="f", arguments="{}", states=(ReasoningState("google", "signature", "S"),))


# --- tools and controls ----------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {}}
TOOLS: dict[str, tuple[dict[str, Any], Tool]] = {
    "function": (
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}},
        Tool("f", "d", SCHEMA, strict=True),
    ),
    "function without type": ({"function": {"name": "f"}}, Tool("f")),
    "flat": (
        {"type": "function", "name": "f", "parameters": SCHEMA, "x": 1},
        Tool("f", schema=SCHEMA, extra=kept(x=1)),
    ),
    "custom": (
        {"type": "custom", "custom": {"name": "p", "description": "d", "format": {"type": "text"}}},
        Tool("p", "d", kind="custom", format={"type": "text"}),
    ),
    "run by the backend": ({"type": "web_search"}, Tool("web_search", kind="server", extra=kept(type="web_search"))),
    "with a mark": (
        {"type": "function", "function": {"name": "f"}, "cache_control": {"type": "ephemeral"}},
        Tool("f", cache=CacheMark(), extra=kept(cache_control={"type": "ephemeral"})),
    ),
}


@pytest.mark.parametrize("case", TOOLS)
def test_tools(case: str) -> None:
    wire, tool = TOOLS[case]
    assert decode(tools=[wire]).tools == (tool,)


CHOICES: list[tuple[Any, ToolChoice]] = [
    ("auto", ToolChoice("auto")),
    ("none", ToolChoice("none")),
    ("required", ToolChoice("required")),
    ({"type": "any"}, ToolChoice("required")),
    ({"type": "function", "function": {"name": "f"}}, ToolChoice("named", ("f",))),
    ({"type": "function", "name": "f"}, ToolChoice("named", ("f",))),
    ({"type": "custom", "custom": {"name": "f"}}, ToolChoice("named", ("f",))),
    ({"type": "web_search"}, ToolChoice("named", ("web_search",))),
    (
        {"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [{"function": {"name": "f"}}]}},
        ToolChoice("allowed", ("f",), required=True),
    ),
    ({"type": "allowed_tools", "mode": "auto", "tools": [{"name": "f"}]}, ToolChoice("allowed", ("f",))),
]


@pytest.mark.parametrize(("wire", "choice"), CHOICES)
def test_tool_choices(wire: Any, choice: ToolChoice) -> None:
    assert decode(tool_choice=wire).tool_choice == choice


ON, OFF, AUTO = (ReasoningControl(mode=mode) for mode in ("on", "off", "auto"))
CONTROLS: list[tuple[dict[str, Any], ReasoningControl]] = [
    ({}, ReasoningControl()),
    ({"reasoning_effort": "low"}, ReasoningControl(mode="on", effort="low")),
    ({"reasoning_effort": "none"}, ReasoningControl(mode="off", effort="none")),
    ({"reasoning_effort": "default"}, ReasoningControl()),
    ({"reasoning": {"effort": "high", "exclude": True}}, ReasoningControl(mode="on", effort="high", show="omitted")),
    ({"reasoning": {"max_tokens": 2000}}, ReasoningControl(mode="on", budget=2000)),
    ({"reasoning": {"max_tokens": -1}}, ON),
    ({"reasoning": {"enabled": True}}, ON),
    ({"reasoning": {}}, ReasoningControl()),
    ({"thinking": {"type": "enabled", "budget_tokens": 9}}, ReasoningControl(mode="on", budget=9)),
    ({"thinking": {"type": "enabled"}}, ON),
    ({"thinking": {"type": "disabled", "budget_tokens": 9}}, OFF),
    ({"thinking": {"type": "adaptive"}}, AUTO),
    ({"thinking": {"type": "sometimes"}}, ReasoningControl()),
    ({"enable_thinking": False, "thinking_budget": 5}, OFF),
    ({"enable_thinking": True}, ON),
    ({"thinking_budget": 5}, ReasoningControl(mode="on", budget=5)),
    ({"chat_template_kwargs": {"thinking": True}}, ON),
    ({"chat_template_kwargs": {"enable_thinking": "yes"}}, ReasoningControl()),
    ({"extra_body": {"google": {"thinking_config": {"thinking_budget": 0}}}}, OFF),
    (
        {"extra_body": {"google": {"thinking_config": {"thinking_level": "HIGH"}}}},
        ReasoningControl(mode="on", effort="high"),
    ),
    ({"extra_body": {"google": {}}}, ReasoningControl()),
]


@pytest.mark.parametrize(("fields", "control"), CONTROLS)
def test_every_spelling_of_reasoning(fields: dict[str, Any], control: ReasoningControl) -> None:
    assert decode(**fields).reasoning == control


OUTPUTS: list[tuple[dict[str, Any], OutputFormat]] = [
    ({"type": "text"}, OutputFormat()),
    ({"type": "json_object"}, OutputFormat(kind="json")),
    ({"type": "grammar"}, OutputFormat()),
    (
        {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True, "description": "d"}},
        OutputFormat(kind="json_schema", schema=SCHEMA, name="n", description="d", strict=True),
    ),
    ({"type": "json_schema", "json_schema": {"name": "n"}}, OutputFormat(kind="json_schema", name="n")),
]


@pytest.mark.parametrize(("wire", "output"), OUTPUTS)
def test_output_formats(wire: dict[str, Any], output: OutputFormat) -> None:
    assert decode(response_format=wire).output == output


# --- faults ----------------------------------------------------------------------------------------------------------

FAULTS: dict[str, dict[str, Any]] = {
    "model": {"model": 5},
    "messages": {"messages": []},
    "messages.0": {"messages": ["hi"]},
    "messages.0.role": {"messages": [{"role": "robot"}]},
    "messages.0.content": {"messages": [{"role": "user", "content": 5}]},
    "messages.0.content.0": {"messages": [{"role": "user", "content": ["a"]}]},
    "messages.0.content.0.type": {"messages": [{"role": "user", "content": [{"text": "a"}]}]},
    "messages.0.content.0.text": {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
    "messages.0.content.0.image_url": {"messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
    "messages.0.content.0.image_url.url": {
        "messages": [{"role": "user", "content": [{"type": "image_url", "image_url": "data:image/png"}]}]
    },
    "messages.0.content.0.input_audio": {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
    "messages.0.content.0.file": {"messages": [{"role": "user", "content": [{"type": "file", "file": {}}]}]},
    "messages.0.name": {"messages": [{**HI, "name": 5}]},
    "messages.0.cache_control": {"messages": [{**HI, "cache_control": 5}]},
    "messages.0.tool_call_id": {"messages": [{"role": "tool", "content": "r"}]},
    "messages.0.tool_calls": {"messages": [{"role": "assistant", "tool_calls": {}}]},
    "messages.0.tool_calls.0": {"messages": [{"role": "assistant", "tool_calls": [1]}]},
    "messages.0.tool_calls.0.id": {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}]},
    "messages.0.tool_calls.0.function": {"messages": [{"role": "assistant", "tool_calls": [{"id": "c"}]}]},
    "messages.0.tool_calls.0.function.arguments": {
        "messages": [{"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": {}}}]}]
    },
    "messages.0.function_call.name": {"messages": [{"role": "assistant", "function_call": {}}]},
    "stream": {"stream": "yes"},
    "stream_options": {"stream_options": []},
    "temperature": {"temperature": "0.7"},
    "seed": {"seed": 1.5},
    "max_tokens": {"max_tokens": 0},
    "max_completion_tokens": {"max_completion_tokens": 1e300},
    "top_logprobs": {"top_logprobs": True},
    "logit_bias": {"logit_bias": [1]},
    "stop": {"stop": 5},
    "stop.1": {"stop": ["a", 5]},
    "n": {"n": 0},
    "metadata.a": {"metadata": {"a": 1}},
    "tools": {"tools": {}},
    "tools.0": {"tools": [None]},
    "tools.0.function.name": {"tools": [{"type": "function", "function": {"name": ""}}]},
    "tools.0.function.parameters": {"tools": [{"function": {"name": "f", "parameters": []}}]},
    "tools.0.name": {"tools": [{"type": "function"}]},
    "tool_choice": {"tool_choice": "maybe"},
    "tool_choice.name": {"tool_choice": {}},
    "response_format.type": {"response_format": {}},
    "response_format.json_schema": {"response_format": {"type": "json_schema"}},
    "reasoning_effort": {"reasoning_effort": 3},
    "reasoning": {"reasoning": True},
}


@pytest.mark.parametrize("param", FAULTS)
def test_a_fault_names_its_place(param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        decode(**FAULTS[param])
    assert raised.value.param == param


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff", b"[" * 5000, b'{"model":"m","n":NaN}'])
def test_what_is_no_object_is_a_bad_request(body: bytes) -> None:
    with pytest.raises(BadRequest):
        OPENAI_CHAT.decode_request(body)


OPTIONS = [
    "stream", "stream_options", "tools", "functions", "tool_choice", "function_call", "parallel_tool_calls",
    "temperature", "top_p", "top_k", "min_p", "seed", "presence_penalty", "frequency_penalty", "logit_bias", "logprobs",
    "top_logprobs", "max_tokens", "max_completion_tokens", "stop", "n", "reasoning_effort", "reasoning", "thinking",
    "enable_thinking", "thinking_budget", "chat_template_kwargs", "extra_body", "response_format", "verbosity",
    "service_tier", "safety_identifier", "user", "prompt_cache_key", "metadata", "unheard_of",
]  # fmt: skip


@pytest.mark.parametrize("name", OPTIONS)
def test_null_is_the_same_as_absent(name: str) -> None:
    assert replace(decode(**{name: None}), original=None) == replace(decode(), original=None)


def test_two_fields_of_one_kind_are_read_as_one() -> None:
    """Whatever their order: a reader that several fields lead to looks at all of them."""
    several: dict[str, Any] = {"temperature": 1, "seed": 2, "user": "u", "safety_identifier": "s", "max_tokens": 9}
    backwards = dict(reversed(several.items()))
    assert replace(decode(**several), original=None) == replace(decode(**backwards), original=None)
    assert (decode(**several).user_id, decode(**several).sampling.seed) == ("s", 2)


def test_a_place_for_a_proof_may_be_empty() -> None:
    said = {"role": "assistant", "content": "a", "provider_specific_fields": {"thought_signature": ""}}
    (_, message) = decode(messages=[HI, said]).messages
    assert message.parts == (Text(text="a"),)
