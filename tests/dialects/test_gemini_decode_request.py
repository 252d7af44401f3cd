"""What Google's clients send, in every spelling that its API takes, becomes the request that it is."""

import base64
from collections.abc import Mapping
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from llmux.dialects.base import Address
from llmux.dialects.envelope import seal
from llmux.dialects.gemini import GEMINI
from llmux.dialects.gemini.schema import DUMMY
from llmux.errors import BadRequest
from llmux.ir.content import (
    Audio,
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
    Text,
    ToolCall,
    ToolResult,
)
from llmux.ir.request import Message, OutputFormat, ReasoningControl, Request, Role, Sampling, ToolChoice
from tests.strategies import PIXEL

Wire = dict[str, Any]
STREAM = Address("/v1beta/models/m:streamGenerateContent", {"alt": "sse"})
HI: Wire = {"contents": [{"parts": [{"text": "hi"}]}]}


def decode(body: Mapping[str, Any], at: Address = STREAM) -> Request:
    return GEMINI.decode_request(orjson.dumps(body), at)


def parts(*wire: Wire, role: str = "user") -> tuple[Part, ...]:
    """The parts of the only message that these parts make."""
    (message,) = decode({"contents": [{"role": role, "parts": [*wire]}]}).messages
    return message.parts


# --- where it knocked ------------------------------------------------------------------------------------------------

PLACES: dict[str, tuple[str, str, bool]] = {
    "AI Studio": ("/v1beta/models/gemini-2.5-pro:generateContent", "gemini-2.5-pro", False),
    "a stream": ("/v1/models/m:streamGenerateContent", "m", True),
    "a name with slashes and colons": ("/v1beta/models/openai/gpt:free/models/x:generateContent",
                                       "openai/gpt:free/models/x", False),
    "no version": ("/models/m:generateContent", "m", False),
    "a tuned model": ("/v1beta/tunedModels/t:generateContent", "tunedModels/t", False),
    "Vertex": ("/v1/projects/p/locations/l/publishers/google/models/m:generateContent", "m", False),
    "an endpoint on Vertex": ("/v1/projects/p/locations/l/endpoints/5:generateContent",
                              "projects/p/locations/l/endpoints/5", False),
}  # fmt: skip


@pytest.mark.parametrize("case", PLACES)
def test_model_and_verb_stand_in_the_path(case: str) -> None:
    path, model, stream = PLACES[case]
    request = decode(HI, Address(path))
    assert (request.dialect, request.model, request.stream) == ("gemini", model, stream)


@pytest.mark.parametrize(("query", "form"), [({"alt": "sse"}, ""), ({}, "array"), ({"$alt": "json"}, "array")])
def test_a_stream_is_one_array_unless_events_are_asked_for(query: Mapping[str, str], form: str) -> None:
    assert decode(HI, Address(STREAM.path, query)).form == form


def test_without_its_path_the_body_names_the_model() -> None:
    request = GEMINI.decode_request(orjson.dumps({"model": "models/m", **HI}))
    assert (request.model, request.stream, request.form) == ("m", False, "")


# --- spellings -------------------------------------------------------------------------------------------------------

SNAKES: Wire = {
    "system_instruction": {"parts": [{"text": "s"}]},
    "contents": [{"parts": [{"inline_data": {"mime_type": "image/png", "data": PIXEL}}]}],
    "tools": [{"function_declarations": [{"name": "f", "parameters": {"type": "OBJECT", "properties": {
        "my_name": {"any_of": [{"type": "STRING"}, {"type": "INTEGER", "nullable": True}], "min_items": "2"}}}}]}],
    "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["f"]}},
    "generation_config": {"max_output_tokens": 5, "top_p": 0.5, "stop_sequences": ["x"],
                          "thinking_config": {"include_thoughts": True, "thinking_budget": 9}},
}  # fmt: skip


def test_snake_case_is_taken_everywhere() -> None:
    request = decode(SNAKES)
    assert request.messages == (
        Message(Role.SYSTEM, (Text(text="s"),)),
        Message(Role.USER, (Image(source=Inline("image/png", PIXEL)),)),
    )
    (tool,) = request.tools
    assert tool.schema == {
        "type": "object",
        "properties": {
            "my_name": {"anyOf": [{"type": "string"}, {"type": ["integer", "null"]}], "minItems": 2},
        },
    }
    assert request.tool_choice == ToolChoice("named", ("f",))
    assert (request.max_output_tokens, request.sampling.top_p, request.stop) == (5, 0.5, ("x",))
    assert request.reasoning == ReasoningControl(mode="on", budget=9, show="summary")
    assert request.original is not None
    assert request.original.document == SNAKES


def test_what_a_program_named_keeps_its_keys() -> None:
    (call,) = parts({"function_call": {"name": "f", "args": {"file_path": {"a_b": 1}}}}, role="model")
    assert isinstance(call, ToolCall)
    assert call.arguments == '{"file_path":{"a_b":1}}'


SYSTEMS: dict[str, Any] = {
    "a content": {"role": "user", "parts": [{"text": "a"}, {"text": "b"}]},
    "one part": {"parts": {"text": "ab"}},
    "a text": "ab",
    "a list of texts": ["a", "b"],
    "a list of parts": [{"text": "a"}, {"text": "b"}],
    "a list of contents": [{"parts": [{"text": "a"}]}, {"parts": ["b", ""]}],
    "a bare part": {"text": "ab"},
}


@pytest.mark.parametrize("case", SYSTEMS)
def test_the_instruction_is_taken_in_every_shape(case: str) -> None:
    first, _ = decode({"systemInstruction": SYSTEMS[case], **HI}).messages
    assert first.role is Role.SYSTEM
    assert "".join(part.text for part in first.parts if isinstance(part, Text)) == "ab"


@pytest.mark.parametrize("contents", [HI["contents"], HI["contents"][0], "hi", [{"role": "user", "parts": ["hi"]}]])
def test_contents_are_taken_in_every_shape(contents: Any) -> None:
    assert decode({"contents": contents}).messages == (Message(Role.USER, (Text(text="hi"),)),)


def test_an_empty_instruction_is_none() -> None:
    assert len(decode({"systemInstruction": "", **HI}).messages) == 1


# --- parts -----------------------------------------------------------------------------------------------------------

RAW = {"executableCode": {"language": "PYTHON", "code": "print(1)"}}
VIDEO = {"fileData": {"fileUri": "https://youtu.be/x"}, "videoMetadata": {"fps": 1}}
PARTS: dict[str, tuple[Wire, tuple[Part, ...]]] = {
    "text": ({"text": "a"}, (Text(text="a"),)),
    "text that says nothing": ({"text": ""}, ()),
    "text and more": (
        {"text": "a", "partMetadata": {"b": 1}},
        (Text(text="a", extra=Extra("gemini", {"partMetadata": {"b": 1}})),),
    ),
    "a picture, in the alphabet of URLs": (
        {"inlineData": {"mimeType": "IMAGE/PNG", "data": "-_-_"}},
        (Image(source=Inline("image/png", "+/+/")),),
    ),
    "a document": (
        {"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0", "displayName": "n"}},
        (Document(source=Inline("application/pdf", "JVBERi0="), title="n"),),
    ),
    "no type": ({"inlineData": {"data": "AAAA"}}, (Document(source=Inline("application/octet-stream", "AAAA")),)),
    "sound": ({"inlineData": {"mimeType": "audio/mpeg", "data": "AAAA"}}, (Audio(format="mp3", data="AAAA"),)),
    "other sound": ({"inlineData": {"mimeType": "audio/flac", "data": "AAAA"}}, (Audio(format="flac", data="AAAA"),)),
    "a film": (
        {"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
        (Opaque(
            dialect="gemini", raw={"inlineData": {"mimeType": "video/mp4", "data": "AAAA"}},
            text="[a film that this model cannot be shown]",
        ),),
    ),
    "a film elsewhere": (
        VIDEO, (Opaque(dialect="gemini", raw=VIDEO, text="[a film that this model cannot be shown]"),)
    ),
    "a picture elsewhere": (
        {"fileData": {"fileUri": "https://x.test/a.png?b#c"}},
        (Image(
            source=Link("https://x.test/a.png?b#c"),
            extra=Extra("gemini", {"fileData": {"fileUri": "https://x.test/a.png?b#c"}}),
        ),),
    ),
    "a file that was uploaded": (
        {"fileData": {"fileUri": "gs://b/c", "mimeType": "application/pdf", "displayName": "n"}},
        (Document(
            source=FileId("gs://b/c"), title="n",
            extra=Extra(
                "gemini", {"fileData": {"fileUri": "gs://b/c", "mimeType": "application/pdf", "displayName": "n"}}
            ),
        ),),
    ),
    "code": (RAW, (Opaque(dialect="gemini", raw=RAW, text="```python\nprint(1)\n```"),)),
    "its outcome": (
        {"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}},
        (Opaque(
            dialect="gemini", raw={"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "1"}}, text="```\n1\n```"
        ),),
    ),
    "what nobody knows yet": ({"novel": 1}, (Opaque(dialect="gemini", raw={"novel": 1}),)),
    "nothing at all": ({}, ()),
}  # fmt: skip


@pytest.mark.parametrize("case", PARTS)
def test_parts(case: str) -> None:
    wire, expected = PARTS[case]
    message = decode({"contents": [{"parts": [{"text": "x"}, wire]}]}).messages[0]
    assert message.parts == (Text(text="x"), *expected)


# --- proofs ----------------------------------------------------------------------------------------------------------

CLAUDES = ReasoningState("anthropic", "signature", "c2ln")
SEALED = base64.b64encode(seal(CLAUDES).encode()).decode()


def google(data: str, kind: str = "signature") -> ReasoningState:
    return ReasoningState("google", kind, data)


SIGNED: dict[str, tuple[list[Wire], tuple[Part, ...]]] = {
    "visible reasoning": (
        [{"text": "Hm", "thought": True, "thoughtSignature": "c2ln"}],
        (Reasoning(text="Hm", states=(google("c2ln"),)),),
    ),
    "a text": (
        [{"text": "a", "thoughtSignature": "c2ln"}],
        (Text(text="a"), Reasoning(states=(google("c2ln", "text"),))),
    ),
    "nothing that can be seen": (
        [{"text": "a"}, {"text": "", "thoughtSignature": "c2ln"}],
        (Text(text="a"), Reasoning(states=(google("c2ln", "alone"),))),
    ),
    "no text field either": ([{"thoughtSignature": "c2ln"}], (Reasoning(states=(google("c2ln", "alone"),)),)),
    "the alphabet of URLs": (
        [{"text": "", "thoughtSignature": "a-_b"}], (Reasoning(states=(google("a+/b", "alone"),)),)
    ),
    "another maker's": (
        [{"text": "Hm", "thought": True, "thoughtSignature": SEALED}],
        (Reasoning(text="Hm", states=(CLAUDES,)),),
    ),
    "another maker's, after Python's SDK": (
        [{"text": "Hm", "thought": True, "thoughtSignature": SEALED.replace("+", "-").replace("/", "_")}],
        (Reasoning(text="Hm", states=(CLAUDES,)),),
    ),
    "what only looks like one": (
        [{"text": "", "thoughtSignature": base64.b64encode(b"llmux1.x").decode()}],
        (Reasoning(states=(google(base64.b64encode(b"llmux1.x").decode(), "alone"),)),),
    ),
    "damaged": (
        [{"text": "", "thoughtSignature": "bGxtdXgxLg!="}], (Reasoning(states=(google("bGxtdXgxLg!=", "alone"),)),)
    ),
    "a stand-in": ([{"text": "a", "thoughtSignature": DUMMY}], (Text(text="a"),)),
    "a stand-in, after Python's SDK": ([{"text": "a", "thoughtSignature": DUMMY.replace("_", "/")}], (Text(text="a"),)),
}  # fmt: skip


@pytest.mark.parametrize("case", SIGNED)
def test_proofs(case: str) -> None:
    wire, expected = SIGNED[case]
    assert parts(*wire, role="model") == expected


def test_a_call_brings_its_proof_and_what_else_is_said_of_it() -> None:
    wire = {
        "functionCall": {"id": "c", "name": "f", "args": {"a": 1}, "willContinue": False},
        "thoughtSignature": "c2ln",
    }
    (call,) = parts(wire, role="model")
    assert call == ToolCall(
        id="c",
        name="f",
        arguments='{"a":1}',
        states=(google("c2ln"),),
        extra=Extra("gemini", {"functionCall": {"willContinue": False}}),
    )
    (call,) = parts({"functionCall": {"name": "f"}, "partMetadata": {}}, role="model")
    assert call == ToolCall(id="gm_0_0", name="f", arguments="{}", extra=Extra("gemini", {"partMetadata": {}}))


STREAMED: dict[str, tuple[list[Wire], tuple[Part, ...]]] = {
    "texts": ([{"text": "a"}, {"text": "b"}, {"text": ""}, {"text": "c"}], (Text(text="abc"),)),
    "reasoning up to its proof": (
        [
            {"text": "a", "thought": True},
            {"text": "b", "thought": True},
            {"text": "", "thought": True, "thoughtSignature": SEALED},
            {"text": "c", "thought": True},
        ],
        (Reasoning(text="ab", states=(CLAUDES,)), Reasoning(text="c")),
    ),
    "hidden reasoning is no proof of what is seen": (
        [
            {"text": "a", "thought": True},
            {
                "text": "", "thought": True,
                "thoughtSignature": base64.b64encode(seal(replace(CLAUDES, kind="redacted")).encode()).decode(),
            },
        ],
        (Reasoning(text="a"), Reasoning(states=(replace(CLAUDES, kind="redacted"),))),
    ),
    "a signed text stays alone": (
        [{"text": "a"}, {"text": "b", "thoughtSignature": "c2ln"}, {"text": "c"}],
        (Text(text="ab"), Reasoning(states=(google("c2ln", "text"),)), Text(text="c")),
    ),
    "a text with more to say stays alone": (
        [{"text": "a"}, {"text": "b", "x": 1}],
        (Text(text="a"), Text(text="b", extra=Extra("gemini", {"x": 1}))),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", STREAMED)
def test_an_answer_that_came_in_pieces_is_one(case: str) -> None:
    wire, expected = STREAMED[case]
    assert parts(*wire, role="model") == expected


def test_what_a_user_says_stays_as_it_is() -> None:
    assert parts({"text": "a"}, {"text": "b"}) == (Text(text="a"), Text(text="b"))


# --- results ---------------------------------------------------------------------------------------------------------


def calling(*calls: Wire) -> Wire:
    return {"role": "model", "parts": [{"functionCall": call} for call in calls]}


def answering(*results: Wire, role: str = "user") -> Wire:
    return {"role": role, "parts": [{"functionResponse": result} for result in results]}


def results(*contents: Wire) -> list[ToolResult]:
    messages = decode({"contents": [{"parts": ["hi"]}, *contents]}).messages
    return [part for message in messages for part in message.parts if isinstance(part, ToolResult)]


def test_results_belong_to_the_calls_of_their_ids() -> None:
    calls = calling({"id": "x", "name": "f"}, {"id": "y", "name": "f"})
    found = results(calls, answering({"id": "y", "name": "f"}, {"id": "x", "name": "f"}))
    assert [result.call_id for result in found] == ["y", "x"]


def test_without_ids_results_belong_to_the_calls_of_their_names_in_order() -> None:
    calls = calling({"name": "f"}, {"name": "g"}, {"name": "f"})
    found = results(calls, answering({"name": "f"}, {"name": "f"}, {"name": "g"}, {"name": "h"}, role="function"))
    assert [result.call_id for result in found] == ["gm_1_0", "gm_1_2", "gm_1_1", "gm_2_3"]


def test_calls_of_an_earlier_turn_wait_no_longer() -> None:
    first, second = calling({"name": "f", "id": "old"}), calling({"name": "f", "id": "new"})
    assert results(first, {"parts": ["wait"]}, second, answering({"name": "f"}))[0].call_id == "new"


def test_an_answer_that_came_in_contents_is_one() -> None:
    """Chats of Google's Python SDK keep a streamed answer in as many contents as it had chunks."""
    pieces = [{"text": "a", "thought": True}, {"text": "", "thought": True, "thoughtSignature": SEALED}, {"text": "b"}]
    contents = [{"role": "model", "parts": [piece]} for piece in pieces]
    calls = [calling({"name": "f"}), calling({"name": "f"})]
    _, said, answered = decode({"contents": [
        {"parts": ["hi"]}, *contents, *calls, answering({"name": "f"}, {"name": "f"})
    ]}).messages  # fmt: skip
    assert said.parts[:2] == (Reasoning(text="a", states=(CLAUDES,)), Text(text="b"))
    assert [part.id for part in said.parts if isinstance(part, ToolCall)] == ["gm_4_0", "gm_5_0"]
    assert len(answered.parts) == 2


def test_results_stand_apart_from_what_is_said_beside_them() -> None:
    answer = answering({"name": "f", "response": {"output": "a"}})
    answer["parts"].append({"text": "well?"})
    messages = decode({"contents": [{"parts": ["hi"]}, calling({"name": "f"}), answer]}).messages
    assert [message.role for message in messages] == [Role.USER, Role.ASSISTANT, Role.TOOL, Role.USER]


RESPONSES: dict[str, tuple[Wire, tuple[str, bool], bool]] = {
    "a text": ({"output": "a"}, ("a", False), False),
    "as Google's SDK says it": ({"result": "a"}, ("a", False), True),
    "a failure": ({"error": "a"}, ("a", True), False),
    "a value": ({"result": 5}, ("5", False), True),
    "an object": ({"a": 1, "b": "c"}, ('{"a":1,"b":"c"}', False), False),
    "a failure with an object": ({"error": {"a": 1}}, ('{"a":1}', True), True),
    "nothing": ({}, ("", False), False),
}


@pytest.mark.parametrize("case", RESPONSES)
def test_what_a_function_says(case: str) -> None:
    response, told, is_kept = RESPONSES[case]
    (result,) = results(calling({"name": "f"}), answering({"name": "f", "response": response}))
    assert ("".join(part.text for part in result.content if isinstance(part, Text)), result.is_error) == told
    assert result.extra == (Extra("gemini", {"response": response}) if is_kept else None)


def test_a_result_may_hold_pictures_and_say_more() -> None:
    wire = {"name": "f", "parts": [{"inlineData": {"mimeType": "image/png", "data": PIXEL}}], "scheduling": "SILENT"}
    (result,) = results(calling({"name": "f"}), answering(wire))
    assert result.content == (Image(source=Inline("image/png", PIXEL)),)
    assert result.extra == Extra("gemini", {"scheduling": "SILENT"})


# --- tools -----------------------------------------------------------------------------------------------------------


def test_tools_of_every_group_and_kind() -> None:
    groups = [
        {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": {"type": "object"},
                                   "parameters": {"type": "STRING"}, "behavior": "BLOCKING"}]},
        {"googleSearch": {}, "functionDeclarations": [{"name": "g"}], "urlContext": None},
    ]  # fmt: skip
    f, g, search = decode({"tools": groups, **HI}).tools
    assert (f.name, f.description, f.schema) == ("f", "d", {"type": "object"})
    assert f.extra == Extra("gemini", {"behavior": "BLOCKING"})
    assert (g.name, g.schema, g.kind) == ("g", None, "function")
    assert (search.name, search.kind, search.extra) == ("googleSearch", "server", Extra("gemini", {"googleSearch": {}}))


CHOICES: dict[str, tuple[Any, ToolChoice | None]] = {
    "auto": ({"mode": "AUTO"}, ToolChoice("auto")),
    "in small letters": ({"mode": "any"}, ToolChoice("required")),
    "as a number": ({"mode": 3}, ToolChoice("none")),
    "none of these": ({"mode": "NONE", "allowedFunctionNames": ["f"]}, ToolChoice("none")),
    "one": ({"mode": "ANY", "allowedFunctionNames": ["f"]}, ToolChoice("named", ("f",))),
    "one of these": (
        {"mode": "ANY", "allowedFunctionNames": ["f", "g"]}, ToolChoice("allowed", ("f", "g"), required=True)
    ),
    "these, perhaps": ({"mode": "VALIDATED", "allowedFunctionNames": ["f"]}, ToolChoice("allowed", ("f",))),
    "unsaid": ({}, None),
    "unspecified": ({"mode": "MODE_UNSPECIFIED"}, None),
}  # fmt: skip


@pytest.mark.parametrize("case", CHOICES)
def test_choices(case: str) -> None:
    wire, choice = CHOICES[case]
    assert decode({"toolConfig": {"functionCallingConfig": wire}, **HI}).tool_choice == choice


def test_no_choice() -> None:
    assert decode({"toolConfig": {"retrievalConfig": {}}, **HI}).tool_choice is None


# --- how it is to be answered ----------------------------------------------------------------------------------------

THINKING: dict[str, tuple[Wire, ReasoningControl]] = {
    "off": ({"thinkingBudget": 0}, ReasoningControl(mode="off")),
    "the model decides": ({"thinkingBudget": -1}, ReasoningControl(mode="auto")),
    "a budget": (
        {"thinkingBudget": 5, "includeThoughts": False}, ReasoningControl(mode="on", budget=5, show="omitted")
    ),
    "a level": ({"thinkingLevel": "HIGH"}, ReasoningControl(mode="on", effort="high")),
    "a level in small letters": ({"thinkingLevel": "minimal"}, ReasoningControl(mode="on", effort="minimal")),
    "a level as a number": ({"thinkingLevel": 1}, ReasoningControl(mode="on", effort="low")),
    "only shown": ({"includeThoughts": True}, ReasoningControl(mode="auto", show="summary")),
    "only hidden": ({"includeThoughts": False}, ReasoningControl(show="omitted")),
    "unspecified": ({"thinkingLevel": "THINKING_LEVEL_UNSPECIFIED"}, ReasoningControl()),
}  # fmt: skip


@pytest.mark.parametrize("case", THINKING)
def test_thinking(case: str) -> None:
    wire, control = THINKING[case]
    assert decode({"generationConfig": {"thinkingConfig": wire}, **HI}).reasoning == control


OUTPUTS: dict[str, tuple[Wire, OutputFormat, Wire]] = {
    "text": ({"responseMimeType": "text/plain"}, OutputFormat(), {}),
    "JSON": ({"responseMimeType": "application/json"}, OutputFormat(kind="json"), {}),
    "of a schema": (
        {"responseMimeType": "application/json", "responseJsonSchema": {"type": "object"}},
        OutputFormat(kind="json_schema", schema={"type": "object"}),
        {},
    ),
    "of a schema of its own": (
        {"responseMimeType": "application/json", "responseSchema": {"type": "OBJECT"}},
        OutputFormat(kind="json_schema", schema={"type": "object"}),
        {},
    ),
    "as it was called before": (
        {"_responseJsonSchema": {"type": "object"}}, OutputFormat(kind="json_schema", schema={"type": "object"}), {}
    ),
    "a word of a list": (
        {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}},
        OutputFormat(),
        {"responseMimeType": "text/x.enum", "responseSchema": {"type": "STRING", "enum": ["a"]}},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", OUTPUTS)
def test_the_form_of_the_answer(case: str) -> None:
    wire, output, rest = OUTPUTS[case]
    request = decode({"generationConfig": wire, **HI})
    assert request.output == output
    assert request.extra == (Extra("gemini", {"generationConfig": rest}) if rest else None)


def test_everything_else() -> None:
    config = {
        "temperature": 0.5, "topP": 0.9, "topK": 5.0, "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
        "responseLogprobs": True, "logprobs": 2, "candidateCount": 2, "responseModalities": ["IMAGE"],
    }  # fmt: skip
    calling = {"mode": "VALIDATED", "streamFunctionCallArguments": True}
    body = {
        "generationConfig": config, "safetySettings": [], "cachedContent": "c", "labels": {"a_b": "c"}, "store": None,
        "serviceTier": "PRIORITY", "toolConfig": {"retrievalConfig": {"x": 1}, "functionCallingConfig": calling},
    }  # fmt: skip
    request = decode({**body, **HI})
    assert request.sampling == Sampling(0.5, 0.9, 5, None, 7, 0.1, 0.2, None, True, 2)
    assert (request.choices, request.service_tier) == (2, "priority")
    assert request.extra == Extra(
        "gemini",
        {
            "safetySettings": [],
            "cachedContent": "c",
            "labels": {"a_b": "c"},
            "generationConfig": {"responseModalities": ["IMAGE"]},
            "toolConfig": {"retrievalConfig": {"x": 1}, "functionCallingConfig": calling},
        },
    )


# --- what is refused -------------------------------------------------------------------------------------------------

REFUSED: dict[str, tuple[Wire, str]] = {
    "no contents": ({}, "contents"),
    "no list": ({"contents": 5}, "contents"),
    "another role": ({"contents": [{"role": "assistant", "parts": []}]}, "contents.0.role"),
    "no part": ({"contents": [{"parts": [5]}]}, "contents.0.parts.0"),
    "a text that is none": ({"contents": [{"parts": [{"text": 5}]}]}, "contents.0.parts.0.text"),
    "no name": ({"contents": [{"parts": [{"functionCall": {}}]}]}, "contents.0.parts.0.functionCall.name"),
    "no data": ({"contents": [{"parts": [{"inlineData": {}}]}]}, "contents.0.parts.0.inlineData.data"),
    "no address": ({"contents": [{"parts": [{"fileData": {"fileUri": ""}}]}]}, "contents.0.parts.0.fileData.fileUri"),
    "a nameless tool": ({"tools": [{"functionDeclarations": [{"name": ""}]}]}, "tools.0.functionDeclarations.0.name"),
    "an unknown choice": (
        {"toolConfig": {"functionCallingConfig": {"mode": "SOME"}}}, "toolConfig.functionCallingConfig.mode"
    ),
    "no candidate": ({"generationConfig": {"candidateCount": 0}}, "generationConfig.candidateCount"),
    "no tokens": ({"generationConfig": {"maxOutputTokens": 0}}, "generationConfig.maxOutputTokens"),
    "a number that is none": ({"generation_config": {"top_p": "x"}}, "generationConfig.topP"),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_bad_requests_are_refused_with_a_path(case: str) -> None:
    wire, param = REFUSED[case]
    body = wire if "contents" in wire or not wire else {**HI, **wire}
    with pytest.raises(BadRequest) as refused:
        decode(body)
    assert refused.value.param == param


def test_a_request_for_no_model() -> None:
    with pytest.raises(BadRequest) as refused:
        GEMINI.decode_request(orjson.dumps(HI))
    assert refused.value.param == "model"


# --- counting --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("body", [HI, {"generateContentRequest": {"model": "models/x", **HI}}])
def test_what_is_to_be_counted(body: Wire) -> None:
    counting = GEMINI.counting
    assert counting is not None
    request = counting.decode_request(orjson.dumps(body), Address("/v1/models/m:countTokens"))
    assert (request.model, request.messages) == ("m", (Message(Role.USER, (Text(text="hi"),)),))
