"""Requests of any dialect -> bodies for an Ollama: what it is sent, and every loss by its name."""

import base64
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from llmux.dialects.base import Outbound
from llmux.dialects.freetext import FreeText
from llmux.dialects.ollama import OLLAMA
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
from tests.strategies import PIXEL

Wire = dict[str, Any]
HI = Message(Role.USER, (Text(text="hi"),))
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}
PICTURE = Image(source=Inline("image/png", PIXEL))
LOCAL = Profile(mid_system=False, full_schemas=False)


def encode(*messages: Message, profile: Profile = LOCAL, dialect: str = "claude", **fields: Any) -> Outbound:
    request = Request(dialect=dialect, model="asked", messages=messages or (HI,), **fields)
    return OLLAMA.encode_request(request, Target("m", profile))


def body(*messages: Message, **fields: Any) -> Wire:
    return encode(*messages, **fields).body


def sent(*messages: Message, **fields: Any) -> list[Wire]:
    said: list[Wire] = body(*messages, **fields)["messages"]
    return said


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def results(*parts: Part) -> Message:
    return Message(Role.TOOL, parts)


def test_the_least() -> None:
    assert body() == {"model": "m", "messages": [{"role": "user", "content": "hi"}], "stream": False}
    assert body(stream=True)["stream"] is True
    assert encode().warnings == ()


# --- messages --------------------------------------------------------------------------------------------------------

CALL = ToolCall(id="c1", name="f", arguments='{"a":1}')
RESULT = ToolResult(call_id="c1", content=(Text(text="done"),))

THREADS: dict[str, tuple[tuple[Message, ...], list[Wire]]] = {
    "texts are paragraphs, pictures stand beside them": (
        (user(Text(text="a"), PICTURE, Text(text="b")),),
        [{"role": "user", "content": "a\n\nb", "images": [PIXEL]}],
    ),
    "a picture alone": ((user(PICTURE),), [{"role": "user", "content": "", "images": [PIXEL]}]),
    "leading system messages": (
        (Message(Role.SYSTEM, (Text(text="a"), Text(text="b"))), Message(Role.DEVELOPER, (Text(text="c"),)), HI),
        [
            {"role": "system", "content": "a\n\nb"},
            {"role": "system", "content": "c"},
            {"role": "user", "content": "hi"},
        ],
    ),
    "a call and its result": (
        (HI, assistant(Reasoning(text="Hm."), Text(text="I "), Text(text="look."), CALL), results(RESULT)),
        [
            {"role": "user", "content": "hi"},
            {
                "role": "assistant",
                "content": "I look.",
                "thinking": "Hm.",
                "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}}],
            },
            {"role": "tool", "content": "done", "tool_name": "f", "tool_call_id": "c1"},
        ],
    ),
    "texts that stood apart": (
        (HI, assistant(Text(text="a"), Reasoning(text="t"), Text(text="b"))),
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a\n\nb", "thinking": "t"}],
    ),
    "reasoning alone": (
        (HI, assistant(Reasoning(text="t"), Reasoning(text="u"))),
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "thinking": "t\n\nu"}],
    ),
    "a result for no call becomes text": (
        (HI, results(ToolResult(call_id="x", content=(Text(text="late"),)))),
        [{"role": "user", "content": "hi"}, {"role": "user", "content": "Tool result (x): late"}],
    ),
    "a conversation that says nothing": (
        (user(Text(text=" ")),),
        [{"role": "user", "content": "(empty)"}],
    ),
    "a document that is text": (
        (user(Document(source=Written("notes"), title="T", context="C")),),
        [{"role": "user", "content": "T\nC\n\nnotes"}],
    ),
    "a document in base64 that is text": (
        (user(Document(source=Inline("text/plain", base64.b64encode("é".encode()).decode()))),),
        [{"role": "user", "content": "é"}],
    ),
    "a document of parts": (
        (user(Document(source=(Text(text="a"), PICTURE))),),
        [{"role": "user", "content": "a", "images": [PIXEL]}],
    ),
    "a passage that was found": (
        (user(SearchResult(source="s", title="t", content=(Text(text="p"),), citations=True)),),
        [{"role": "user", "content": "t\ns\n\np"}],
    ),
    "a passage without a name": (
        (user(SearchResult(source="", title="", content=(Text(text="p"),))),),
        [{"role": "user", "content": "p"}],
    ),
    "what only another dialect understands is told by its text": (
        (user(Opaque(dialect="claude", raw={}, text="told")), assistant(Opaque(dialect="claude", raw={}))),
        [{"role": "user", "content": "told"}],
    ),
    "a refusal": (
        (HI, assistant(Text(text="a"), Refusal(text="No."))),
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "a\n\nNo."}],
    ),
    "a picture that the model has made": (
        (HI, assistant(PICTURE)),
        [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "", "images": [PIXEL]}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", THREADS)
def test_messages(name: str) -> None:
    messages, expected = THREADS[name]
    assert sent(*messages) == expected


ARGUMENTS: dict[str, Wire] = {
    "": {},
    " ": {},
    "null": {},
    "{}": {},
    '{"b":1,"a":2}': {"b": 1, "a": 2},
    '"{\\"a\\":1}"': {"a": 1},
    "[1]": {"value": [1]},
    '"x"': {"value": "x"},
    '"{x"': {"value": "{x"},
    "{broken": {"_invalid_json": "{broken"},
    "[" * 300 + "]" * 300: {"_invalid_json": "[" * 300 + "]" * 300},
}


@pytest.mark.parametrize("arguments", ARGUMENTS)
def test_arguments_are_an_object_whatever_a_model_wrote(arguments: str) -> None:
    messages = sent(HI, assistant(replace(CALL, arguments=arguments)), results(RESULT))
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == ARGUMENTS[arguments]


def test_a_failed_result_says_so_once() -> None:
    def told(text: str) -> str:
        failed = replace(RESULT, content=(Text(text=text),) if text else (), is_error=True)
        return str(sent(HI, assistant(CALL), results(failed))[2]["content"])

    assert [told(text) for text in ("no file", "error: no file", "")] == ["Error: no file", "error: no file", "Error: "]


def test_pictures_of_results_follow_all_results_in_the_user_s_next_message() -> None:
    second = replace(CALL, id="c2")
    pictured = ToolResult(call_id="c1", content=(Text(text="see"), PICTURE))
    again = ToolResult(call_id="c2", content=(PICTURE, PICTURE))
    messages = sent(HI, assistant(CALL, second), results(pictured, again), user(Text(text="Well?")))
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "tool", "user"]
    assert messages[2]["content"] == "see\n\n[image 1 of this result follows in the next user message]"
    assert "images" not in messages[3]
    assert messages[4] == {
        "role": "user",
        "content": (
            "[image 1, of the result of tool call c1]\n\n[image 2, of the result of tool call c2]\n\n"
            "[image 3, of the result of tool call c2]\n\nWell?"
        ),
        "images": [PIXEL] * 3,
    }


def test_pictures_of_results_get_a_message_where_no_user_speaks() -> None:
    messages = sent(HI, assistant(CALL), results(replace(RESULT, content=(PICTURE,))), assistant(Text(text="I see.")))
    assert [message["role"] for message in messages] == ["user", "assistant", "tool", "user", "assistant"]
    assert messages[3]["images"] == [PIXEL]
    last = sent(HI, assistant(CALL), results(replace(RESULT, content=(PICTURE,))))
    assert last[-1] == messages[3]


def test_pictures_of_results_stay_where_a_model_takes_them_there() -> None:
    messages = (HI, assistant(CALL), results(replace(RESULT, content=(PICTURE,))))
    for fields in ({"profile": Profile(tool_result_media=True)}, {"dialect": "ollama"}):
        assert sent(*messages, **fields)[2]["images"] == [PIXEL]


def test_a_system_message_in_the_middle() -> None:
    late = Message(Role.SYSTEM, (Text(text="now"),))
    assert sent(HI, late)[1] == {"role": "user", "content": "<system-reminder>\nnow\n</system-reminder>"}
    for fields in ({"profile": Profile()}, {"dialect": "ollama"}):
        assert sent(HI, late, **fields)[1] == {"role": "system", "content": "now"}
    assert len(sent(HI, Message(Role.SYSTEM, (Reasoning(states=(ReasoningState("a", "b", "c"),)),)))) == 1


def test_no_messages_ask_to_load_a_model() -> None:
    request = Request(dialect="ollama", model="m", messages=())
    assert OLLAMA.encode_request(request, Target("m")).body["messages"] == []


REFUSED: dict[str, tuple[Part, type[Exception]]] = {
    "a picture's address": (Image(source=Link("https://x.test/1.png")), Unsupported),
    "a picture uploaded elsewhere": (Image(source=FileId("f")), Unsupported),
    "a PDF": (Document(source=Inline("application/pdf", "JVBERi0=")), Unsupported),
    "a document's address": (Document(source=Link("https://x.test/1.pdf")), Unsupported),
    "sound": (Audio(format="wav", data=""), Unsupported),
    "a damaged text file": (Document(source=Inline("text/plain", "a")), BadRequest),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_carried_is_refused(name: str) -> None:
    part, error = REFUSED[name]
    with pytest.raises(error):
        encode(user(part))


# --- tools -----------------------------------------------------------------------------------------------------------

F, G = Tool("f", "does", SCHEMA), Tool("g")
WIRE_F = {"type": "function", "function": {"name": "f", "description": "does", "parameters": SCHEMA}}
WIRE_G = {"type": "function", "function": {"name": "g", "parameters": {"type": "object", "properties": {}}}}

CHOICES: list[tuple[ToolChoice | None, list[Wire] | None, tuple[str, ...]]] = [
    (None, [WIRE_F, WIRE_G], ()),
    (ToolChoice("auto"), [WIRE_F, WIRE_G], ()),
    (ToolChoice("none"), None, ()),
    (ToolChoice("required"), [WIRE_F, WIRE_G], ("approx=tool_choice",)),
    (ToolChoice("named", ("g",)), [WIRE_G], ("approx=tool_choice",)),
    (ToolChoice("allowed", ("f",)), [WIRE_F], ()),
    (ToolChoice("allowed", ("f",), required=True), [WIRE_F], ("approx=tool_choice",)),
]


@pytest.mark.parametrize(("choice", "tools", "warnings"), CHOICES)
def test_a_choice_is_made_by_what_is_offered(
    choice: ToolChoice | None, tools: list[Wire] | None, warnings: tuple[str, ...]
) -> None:
    outbound = encode(tools=(F, G), tool_choice=choice)
    assert outbound.body.get("tools") == tools
    assert outbound.warnings == warnings


def test_a_free_text_tool_is_bridged_there_and_named_for_the_way_back() -> None:
    outbound = encode(tools=(Tool("patch", kind="custom"),))
    (tool,) = outbound.body["tools"]
    assert tool["function"]["parameters"]["required"] == ["input"]
    assert dict(outbound.names) == {"patch": "patch"}
    assert isinstance(outbound.names["patch"], FreeText)
    assert "approx=custom_tools" in outbound.warnings
    messages = sent(HI, assistant(replace(CALL, arguments="*** x", kind="custom")), results(RESULT))
    assert messages[1]["tool_calls"][0]["function"]["arguments"] == {"input": "*** x"}


SERVER = Tool("web_search", kind="server")


def test_a_tool_that_its_maker_runs_is_left_out() -> None:
    outbound = encode(tools=(F, SERVER), tool_choice=ToolChoice("required"))
    assert outbound.body["tools"] == [WIRE_F]
    assert "dropped=server_tools" in outbound.warnings
    assert "tools" not in body(tools=(SERVER,))


@pytest.mark.parametrize("choice", [ToolChoice("named", ("web_search",)), ToolChoice("required")])
def test_a_tool_that_its_maker_runs_and_that_is_insisted_on_is_refused(choice: ToolChoice) -> None:
    with pytest.raises(Unsupported, match="web_search"):
        encode(tools=(SERVER,), tool_choice=choice)


def test_the_same_dialect_keeps_a_tool_as_it_came() -> None:
    odd = {"type": "object", "properties": {"a": {"const": 1}}}
    tool = Tool("f", schema=odd, extra=Extra("ollama", {"novel": 1}))
    own = body(dialect="ollama", tools=(tool,))["tools"][0]
    assert own == {"type": "function", "function": {"name": "f", "parameters": odd}, "novel": 1}
    assert body(tools=(tool,))["tools"][0]["function"]["parameters"]["properties"] == {"a": {"enum": [1]}}
    assert body(tools=(tool,), profile=Profile())["tools"][0]["function"]["parameters"] == odd


# --- controls --------------------------------------------------------------------------------------------------------


def test_options_hold_every_number() -> None:
    sampling = Sampling(
        temperature=1.7, top_p=0.9, top_k=5, min_p=0.1, seed=7, presence_penalty=0.1, frequency_penalty=0.2
    )
    assert body(sampling=sampling, max_output_tokens=9, stop=("A", "B", "C", "D", "E"))["options"] == {
        "temperature": 1.7,
        "top_p": 0.9,
        "min_p": 0.1,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.2,
        "top_k": 5,
        "seed": 7,
        "num_predict": 9,
        "stop": ["A", "B", "C", "D", "E"],
    }


def test_a_context_is_asked_for_when_the_owner_or_the_client_names_one() -> None:
    owner = Profile(context=32768)
    assert body(profile=owner)["options"] == {"num_ctx": 32768}
    extra = Extra("ollama", {"options": {"num_ctx": 4096, "mirostat": 1}, "keep_alive": "5m"})
    asked = body(profile=owner, dialect="ollama", extra=extra)
    assert (asked["options"], asked["keep_alive"]) == ({"num_ctx": 4096, "mirostat": 1}, "5m")
    assert "options" not in body(extra=Extra("claude", {"options": {"num_ctx": 1}}))


def test_a_limit_is_cut_to_what_the_model_can_write() -> None:
    outbound = encode(profile=Profile(max_output=100), max_output_tokens=1000)
    assert outbound.body["options"]["num_predict"] == 100
    assert outbound.warnings == ("approx=max_tokens",)
    assert body(profile=Profile(max_output=100), max_output_tokens=10)["options"] == {"num_predict": 10}


FORMATS: list[tuple[OutputFormat, Any]] = [
    (OutputFormat(), None),
    (OutputFormat(kind="json"), "json"),
    (OutputFormat(kind="json_schema", schema=SCHEMA, name="x", strict=True), SCHEMA),
    (OutputFormat(kind="json_schema"), "json"),
]


@pytest.mark.parametrize(("output", "form"), FORMATS)
def test_format(output: OutputFormat, form: Any) -> None:
    assert body(output=output).get("format") == form


SWITCH = Profile(reasoning="switch")
WORDS = Profile(reasoning="effort", efforts=("low", "medium", "high"))
OFF, ON, AUTO = (ReasoningControl(mode=mode) for mode in ("off", "on", "auto"))
LOST, BENT = ("dropped=reasoning",), ("approx=reasoning",)

THINKS: list[tuple[Profile, ReasoningControl, Any, tuple[str, ...]]] = [
    (LOCAL, OFF, None, ()),
    (LOCAL, ON, None, LOST),
    (LOCAL, ReasoningControl(effort="none"), None, ()),
    (SWITCH, ReasoningControl(), None, ()),
    (SWITCH, OFF, False, ()),
    (SWITCH, ReasoningControl(mode="off", effort="high"), False, ()),
    (SWITCH, AUTO, None, ()),
    (SWITCH, ON, True, ()),
    (SWITCH, ReasoningControl(mode="on", effort="high"), True, BENT),
    (SWITCH, ReasoningControl(mode="on", budget=2048), True, BENT),
    (WORDS, ON, "medium", ()),
    (WORDS, OFF, "low", BENT),
    (WORDS, ReasoningControl(mode="on", effort="max"), "high", BENT),
    (WORDS, ReasoningControl(mode="on", effort="low"), "low", ()),
    (WORDS, ReasoningControl(mode="on", budget=2048), "low", BENT),
    (WORDS, ReasoningControl(mode="on", budget=99_999), "high", BENT),
    (Profile(reasoning="effort", efforts=("none", "low")), OFF, False, ()),
    (Profile(reasoning="effort", efforts=()), ON, False, BENT),
    (Profile(reasoning="budget"), ON, True, ()),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "control", "think", "warnings"), THINKS)
def test_think(profile: Profile, control: ReasoningControl, think: Any, warnings: tuple[str, ...]) -> None:
    outbound = encode(profile=profile, reasoning=control)
    assert outbound.body.get("think") == think
    assert outbound.warnings == warnings


@pytest.mark.parametrize(
    ("control", "think"), [(ReasoningControl(), None), (AUTO, None), (ON, True), (OFF, False),
                           (ReasoningControl(mode="on", effort="max"), "max")]
)  # fmt: skip
def test_the_same_dialect_keeps_its_word(control: ReasoningControl, think: Any) -> None:
    assert body(dialect="ollama", reasoning=control).get("think") == think


def test_probabilities_are_for_its_own_clients() -> None:
    asked = Sampling(logprobs=True, top_logprobs=2)
    assert body(dialect="ollama", sampling=asked)["top_logprobs"] == 2
    assert encode(sampling=asked).warnings == ("dropped=logprobs",)


def test_several_answers_are_refused() -> None:
    with pytest.raises(Unsupported) as raised:
        encode(choices=2)
    assert raised.value.param == "n"


STATE = (ReasoningState("anthropic", "signature", "c2ln"),)
LOSSES: dict[str, tuple[Message, Wire]] = {
    "dropped=logit_bias": (HI, {"sampling": Sampling(logit_bias={"1": 1})}),
    "dropped=user_id": (HI, {"user_id": "u"}),
    "dropped=service_tier": (HI, {"service_tier": "flex"}),
    "dropped=verbosity": (HI, {"verbosity": "low"}),
    "dropped=fields": (HI, {"metadata": {"a": "b"}}),
    "dropped=cache_control": (HI, {"cache": CacheMark()}),
    "dropped=names": (Message(Role.USER, HI.parts, name="ann"), {}),
    "dropped=strict": (HI, {"tools": (Tool("f", strict=True),)}),
    "dropped=parallel_tool_calls": (HI, {"tools": (F,), "parallel_tools": False}),
    "dropped=image.detail": (user(Image(source=PICTURE.source, detail="low")), {}),
    "dropped=citations": (user(Text(text="a", citations=(Citation("claude", {}),))), {}),
    "approx=documents": (user(Document(source=Written("x"))), {}),
    "approx=refusal": (assistant(Refusal(text="No.")), {}),
    "dropped=parts": (user(Reasoning(text="x", states=STATE)), {}),
    "dropped=reasoning_state": (assistant(Reasoning(text="x", states=STATE)), {}),
    "approx=system_position": (Message(Role.SYSTEM, (Text(text="x"),)), {}),
}


@pytest.mark.parametrize("warning", LOSSES)
def test_a_loss_is_told_by_its_name(warning: str) -> None:
    message, fields = LOSSES[warning]
    assert encode(HI, message, **fields).warnings == (warning,)


def test_other_losses() -> None:
    marked = CacheMark()
    assert encode(tools=(replace(F, cache=marked),)).warnings == ("dropped=cache_control",)
    assert encode(user(Text(text="a", cache=marked))).warnings == ("dropped=cache_control",)
    calls = (HI, assistant(replace(CALL, states=STATE)), results(replace(RESULT, cache=marked)))
    assert encode(*calls).warnings == ("dropped=reasoning_state", "dropped=cache_control")
    cited = Document(source=Written("x"), citations=True)
    assert encode(user(cited)).warnings == ("dropped=citations", "approx=documents")
    assert encode(extra=Extra("openai_chat", {"x": 1})).warnings == ("dropped=fields",)
    assert encode(dialect="ollama", extra=Extra("ollama", {"x": 1})).warnings == ()


def test_the_same_dialect_loses_nothing() -> None:
    sent_body = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s", "novel": 1},
            {"role": "user", "content": "hi", "images": [PIXEL]},
            {
                "role": "assistant",
                "content": "I look.",
                "thinking": "Hm.",
                "tool_calls": [{"id": "c1", "function": {"name": "f", "arguments": {"a": 1}}, "odd": 2}],
            },
            {"role": "tool", "content": "x", "tool_name": "f", "tool_call_id": "c1", "cost": 3},
        ],
        "stream": False,
        "tools": [WIRE_F],
        "format": SCHEMA,
        "think": "max",
        "keep_alive": "5m",
        "truncate": False,
        "options": {"num_ctx": 1, "num_predict": -1, "temperature": 0.5, "seed": 3, "stop": ["x"]},
        "logprobs": True,
    }
    outbound = OLLAMA.encode_request(OLLAMA.decode_request(orjson.dumps(sent_body)), Target("m"))
    assert outbound.body == sent_body
    assert outbound.warnings == ("dropped=logprobs",), "no answer tells of them that is translated"
