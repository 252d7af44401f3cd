"""Requests of any dialect, as Gemini's models take them: nothing changes its meaning, and what is lost is named."""

from typing import Any

import pytest
from msgspec.structs import replace

from llmux.dialects.gemini import GEMINI
from llmux.dialects.gemini.schema import DUMMY
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
OLD = Profile(call_ids=False, json_with_tools=False, max_stop=5, prefill=False, reasoning="budget")
NEW = Profile(
    tool_result_media=True, signed_calls=True, max_stop=5, prefill=False, reasoning="level",
    efforts=("low", "medium", "high"),
)  # fmt: skip
HI = Message(Role.USER, (Text(text="hi"),))
IMAGE = Image(source=Inline("image/png", PIXEL))
INLINE = {"inlineData": {"mimeType": "image/png", "data": PIXEL}}


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def model(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def tool(*parts: Part) -> Message:
    return Message(Role.TOOL, parts)


def encode(*messages: Message, profile: Profile = OLD, dialect: str = "openai_chat", **said: Any) -> Any:
    request = Request(dialect=dialect, model="m", messages=messages or (HI,), **said)
    return GEMINI.encode_request(request, Target("m", profile, "google"))


def contents(*messages: Message, profile: Profile = OLD, dialect: str = "openai_chat") -> list[Wire]:
    found: list[Wire] = encode(*messages, profile=profile, dialect=dialect).body["contents"]
    return found


def says(role: str, *parts: Any) -> Wire:
    return {"role": role, "parts": [{"text": part} if isinstance(part, str) else part for part in parts]}


# --- turns -----------------------------------------------------------------------------------------------------------

SYSTEM, DEVELOPER = Message(Role.SYSTEM, (Text(text="s"),)), Message(Role.DEVELOPER, (Text(text="d"),))
EMPTY, GO_ON = says("user", "(empty)"), says("user", "Continue.")
REMINDER = "<system-reminder>\n{}\n</system-reminder>"
TURNS: dict[str, tuple[tuple[Message, ...], list[Wire], tuple[str, ...]]] = {
    "one": ((HI,), [says("user", "hi")], ()),
    "neighbours are one": (
        (HI, user(Text(text="there")), model(Text(text="a")), model(Text(text="b")), HI),
        [says("user", "hi", "there"), says("model", "a", "b"), says("user", "hi")],
        (),
    ),
    "a model that speaks first": ((model(Text(text="a")), HI), [EMPTY, says("model", "a"), says("user", "hi")], ()),
    "only the system speaks": ((SYSTEM, DEVELOPER), [GO_ON], ()),
    "system in the middle": (
        (HI, model(Text(text="a")), SYSTEM, HI),
        [says("user", "hi"), says("model", "a"), says("user", REMINDER.format("s"), "hi")],
        ("approx=mid_system",),
    ),
    "system in the middle, without a word": ((HI, Message(Role.SYSTEM, (IMAGE,))), [says("user", "hi")],
                                             ("approx=mid_system", "dropped=system")),
    "what says nothing": ((HI, model(Text(text=" ")), model(Reasoning(text="hm")), HI), [says("user", "hi", "hi")],
                          ("dropped=reasoning.history",)),
    "a name": ((replace(HI, name="n"),), [says("user", "hi")], ("dropped=names",)),
    "the beginning of an answer": (
        (HI, model(Text(text="a"))),
        [
            says("user", "hi"), says("model", "a"),
            says("user", "Continue your last message from exactly where it ends. Write only what follows; "
                         "repeat none of it."),
        ],
        ("approx=prefill",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", TURNS)
def test_turns(case: str) -> None:
    messages, expected, warnings = TURNS[case]
    outbound = encode(*messages)
    assert outbound.body["contents"] == expected
    assert outbound.warnings == warnings


def test_the_leading_system_is_the_instruction() -> None:
    outbound = encode(SYSTEM, DEVELOPER, HI)
    assert outbound.body["systemInstruction"] == {"parts": [{"text": "s"}, {"text": "d"}]}


def test_a_beginning_stays_where_a_model_takes_one() -> None:
    outbound = encode(HI, model(Text(text="a")), profile=Profile())
    assert outbound.body["contents"][-1] == says("model", "a")
    assert outbound.warnings == ()


# --- calls and results -----------------------------------------------------------------------------------------------

CALLS = (ToolCall(id="a", name="f", arguments='{"x":1}'), ToolCall(id="b", name="g"))
RESULTS = (ToolResult(call_id="b", content=(Text(text="B"),)), ToolResult(call_id="a", content=(Text(text="A"),)))


def test_parallel_results_are_one_content_in_the_order_of_the_calls() -> None:
    """I.4 of the contract, for models that know no ids."""
    _, calls, results, said = contents(HI, model(*CALLS), tool(RESULTS[0]), tool(RESULTS[1]), HI)
    assert calls["parts"] == [
        {"functionCall": {"name": "f", "args": {"x": 1}}},
        {"functionCall": {"name": "g", "args": {}}},
    ]
    assert results["parts"] == [
        {"functionResponse": {"name": "f", "response": {"output": "A"}}},
        {"functionResponse": {"name": "g", "response": {"output": "B"}}},
    ]
    assert said == says("user", "hi")


def test_ids_go_where_the_model_knows_them_as_their_backend_once_gave_them() -> None:
    readable = "tu_ZnVuY3Rpb25zLmY6MA"  # functions.f:0, as a Claude client holds it
    call, result = ToolCall(id=readable, name="f"), ToolResult(call_id=readable)
    _, calls, results = contents(HI, model(call), tool(result), profile=NEW)
    assert calls["parts"][0]["functionCall"]["id"] == "functions.f:0"
    assert results["parts"][0]["functionResponse"]["id"] == "functions.f:0"


def test_a_call_without_a_result_gets_one() -> None:
    *_, results, said = contents(HI, model(CALLS[0]), HI)
    assert results["parts"][0]["functionResponse"]["response"].keys() == {"error"}
    assert said == says("user", "hi")


def test_a_result_without_its_call_is_told_by_the_user() -> None:
    """I.38: a history that was cut."""
    assert contents(tool(RESULTS[0]), HI) == [says("user", "Tool result (b): B", "hi")]


RESPONSES: dict[str, tuple[ToolResult, Wire]] = {
    "a text": (ToolResult(call_id="a", content=(Text(text="A"), Text(text="B"))), {"output": "A\n\nB"}),
    "nothing": (ToolResult(call_id="a"), {}),
    "an object": (ToolResult(call_id="a", content=(Text(text=' {"x": [1]}'),)), {"x": [1]}),
    "an object that would be taken for a text": (
        ToolResult(call_id="a", content=(Text(text='{"result": 1}'),)),
        {"output": '{"result": 1}'},
    ),
    "an empty object": (ToolResult(call_id="a", content=(Text(text="{}"),)), {"output": "{}"}),
    "an array": (ToolResult(call_id="a", content=(Text(text="[1]"),)), {"output": "[1]"}),
    "what only begins like an object": (ToolResult(call_id="a", content=(Text(text="{x"),)), {"output": "{x"}),
    "a failure": (ToolResult(call_id="a", content=(Text(text='{"x": 1}'),), is_error=True), {"error": '{"x": 1}'}),
    "a silent failure": (ToolResult(call_id="a", is_error=True), {"error": "Error"}),
    "Google's own": (
        ToolResult(call_id="a", content=(Text(text="5"),), extra=Extra("gemini", {"response": {"result": 5}})),
        {"result": 5},
    ),
    "another's own": (ToolResult(call_id="a", content=(Text(text="5"),), extra=Extra("claude", {"response": 1})),
                      {"output": "5"}),
}  # fmt: skip


@pytest.mark.parametrize("case", RESPONSES)
def test_responses(case: str) -> None:
    result, response = RESPONSES[case]
    *_, results = contents(HI, model(CALLS[0]), tool(result))
    assert results["parts"][0]["functionResponse"]["response"] == response


def test_a_result_nested_too_deep_is_a_text() -> None:
    deep = '{"a":' * 400 + "1" + "}" * 400
    *_, results = contents(HI, model(CALLS[0]), tool(ToolResult(call_id="a", content=(Text(text=deep),))))
    assert results["parts"][0]["functionResponse"]["response"] == {"output": deep}


ARGUMENTS: dict[str, tuple[str, Wire]] = {
    "none": ("", {}),
    "blank": (" ", {}),
    "null": ("null", {}),
    "an object": ('{"a":1}', {"a": 1}),
    "written twice": ('"{\\"a\\":1}"', {"a": 1}),
    "a text": ('"a"', {"value": "a"}),
    "a text that begins like an object": ('"{a"', {"value": "{a"}),
    "an array": ("[1]", {"value": [1]}),
    "broken": ('{"a":', {"_invalid_json": '{"a":'}),
    "nested too deep": ("[" * 300 + "]" * 300, {"_invalid_json": "[" * 300 + "]" * 300}),
}


@pytest.mark.parametrize("case", ARGUMENTS)
def test_arguments(case: str) -> None:
    """B.4 #17 of the contract."""
    text, args = ARGUMENTS[case]
    _, calls, _ = contents(HI, model(ToolCall(id="a", name="f", arguments=text)))
    assert calls["parts"][0]["functionCall"]["args"] == args


def test_pictures_in_a_result_follow_it_where_a_model_takes_none_there() -> None:
    result = ToolResult(call_id="a", content=(Text(text="see"), IMAGE, IMAGE), name="f")
    outbound = encode(HI, model(*CALLS), tool(result), HI)
    *_, results, said = outbound.body["contents"]
    told = [f"[file {number} of this result follows in the next message]" for number in (1, 2)]
    assert results["parts"][0]["functionResponse"]["response"] == {"output": "\n\n".join(["see", *told])}
    assert said == says(
        "user", "[file 1, of the result of f]", INLINE, "[file 2, of the result of f]", INLINE, "hi"
    )  # fmt: skip
    assert outbound.warnings == ("approx=tool_result_media",)


def test_pictures_in_a_result_stay_there_where_a_model_takes_them() -> None:
    result = ToolResult(call_id="a", content=(Text(text="see"), IMAGE), cache=CacheMark())
    outbound = encode(HI, model(CALLS[0]), tool(result), profile=NEW)
    *_, results = outbound.body["contents"]
    assert results["parts"] == [
        {"functionResponse": {"id": "a", "name": "f", "response": {"output": "see"}, "parts": [INLINE]}}
    ]
    assert outbound.warnings == ("dropped=cache_control",)


# --- proofs ----------------------------------------------------------------------------------------------------------


def google(data: str, kind: str = "signature") -> ReasoningState:
    return ReasoningState("google", kind, data)


FOREIGN = ReasoningState("anthropic", "signature", "S")
F: Wire = {"functionCall": {"id": "a", "name": "f", "args": {}}}
CALL = ToolCall(id="a", name="f")
G = {**F, "functionCall": {"id": "b", "name": "f", "args": {}}}
PROOFS: dict[str, tuple[tuple[Part, ...], list[Wire]]] = {
    "on a call": ((replace(CALL, states=(google("S"),)),), [{**F, "thoughtSignature": "S"}]),
    "of a call, in front of it": ((Reasoning(states=(google("S"),)), CALL), [{**F, "thoughtSignature": "S"}]),
    "of the first of two calls": (
        (Reasoning(text="hm"), Reasoning(states=(google("S"),)), CALL, ToolCall(id="b", name="f")),
        [{**F, "thoughtSignature": "S"}, G],
    ),
    "of reasoning that can be seen": (
        (Reasoning(text="hm", states=(google("S"),)), Text(text="a")),
        [{"text": "hm", "thought": True, "thoughtSignature": "S"}, {"text": "a"}],
    ),
    "of a text": (
        (Text(text="a"), Reasoning(states=(google("S", "text"),))),
        [{"text": "a", "thoughtSignature": "S"}],
    ),
    "of a text, in front of it": (
        (Reasoning(text="hm", states=(google("S", "text"),)), Text(text="a")),
        [{"text": "a", "thoughtSignature": "S"}],
    ),
    "of nothing that can be seen": (
        (Text(text="a"), Reasoning(states=(google("S", "alone"),))),
        [{"text": "a"}, {"text": "", "thoughtSignature": "S"}],
    ),
    "of what is gone": ((Text(text="a"), Reasoning(states=(google("S"),))),
                        [{"text": "a"}, {"text": "", "thoughtSignature": "S"}]),
    "never over another": (
        (Reasoning(states=(google("S"),)), replace(CALL, states=(google("T"),)), Text(text="a")),
        [{**F, "thoughtSignature": "T"}, {"text": "a", "thoughtSignature": "S"}],
    ),
    "two in a row": (
        (Reasoning(states=(google("S", "text"), google("T", "text"))), Text(text="a"), Text(text="b")),
        [{"text": "a", "thoughtSignature": "S"}, {"text": "b", "thoughtSignature": "T"}],
    ),
    "another maker's": ((Reasoning(text="hm", states=(FOREIGN,)), Text(text="a")), [{"text": "a"}]),
    "of what Google ran itself": (
        (Opaque(dialect="gemini", raw={"toolCall": {}, "thoughtSignature": "S"}), Text(text="a")),
        [{"toolCall": {}, "thoughtSignature": "S"}, {"text": "a"}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", PROOFS)
def test_proofs_go_back_on_the_part_that_they_came_on(case: str) -> None:
    parts, expected = PROOFS[case]
    _, said, *_ = contents(HI, model(*parts), HI, profile=NEW)
    assert said["parts"] == expected


def test_another_makers_proof_on_a_call_is_left_out() -> None:
    outbound = encode(HI, model(replace(CALL, states=(FOREIGN,))), HI)
    assert "thoughtSignature" not in outbound.body["contents"][1]["parts"][0]
    assert outbound.warnings == ("dropped=reasoning.history",)


def test_a_lost_proof_of_the_current_turn_is_stood_in_for_on_the_first_call_of_each_step() -> None:
    steps = [model(*CALLS), tool(*RESULTS), model(replace(CALL, id="c", states=(google("S"),))),
             tool(ToolResult(call_id="c")), model(replace(CALL, id="d"))]  # fmt: skip
    sent = contents(HI, *steps, HI, *(model(CALL), tool(ToolResult(call_id="a"))), *steps, profile=NEW)
    proofs = [[part.get("thoughtSignature") for part in said["parts"]] for said in sent if said["role"] == "model"]
    assert proofs == [[None, None], ["S"], [None], [DUMMY], [DUMMY, None], ["S"], [DUMMY]]
    assert not any(DUMMY in str(said) for said in contents(HI, *steps, profile=replace(NEW, signed_calls=False)))


# --- media -----------------------------------------------------------------------------------------------------------

MEDIA: dict[str, tuple[Part, list[Wire], tuple[str, ...]]] = {
    "a picture": (IMAGE, [INLINE], ()),
    "a picture with a detail": (replace(IMAGE, detail="low"), [INLINE], ("dropped=image.detail",)),
    "a picture elsewhere": (
        Image(source=Link("https://x.test/a.WEBP?x")),
        [{"fileData": {"mimeType": "image/webp", "fileUri": "https://x.test/a.WEBP?x"}}],
        (),
    ),
    "a picture of a type that is not said": (
        Image(source=Link("https://x.test/a")),
        [{"fileData": {"mimeType": "image/jpeg", "fileUri": "https://x.test/a"}}],
        ("approx=media.link",),
    ),
    "a document elsewhere": (
        Document(source=Link("https://x.test/[")),
        [{"fileData": {"mimeType": "application/pdf", "fileUri": "https://x.test/["}}],
        ("approx=media.link",),
    ),
    "a document": (
        Document(source=Inline("application/pdf", "JVBERi0="), title="t", citations=True),
        [{"inlineData": {"mimeType": "application/pdf", "data": "JVBERi0="}}],
        ("dropped=citations",),
    ),
    "a document in words": (
        Document(source=Written("w"), title="t", context="c"),
        [{"text": "t\nc"}, {"text": "w"}],
        ("approx=documents",),
    ),
    "a document of parts": (Document(source=(Text(text="w"), IMAGE)), [{"text": "w"}, INLINE], ("approx=documents",)),
    "what a search found": (
        SearchResult(source="u", title="t", content=(Text(text="w"),), citations=True),
        [{"text": "t\nu"}, {"text": "w"}],
        ("dropped=citations",),
    ),
    "what a search found, of no name": (SearchResult(source="", title="", content=(Text(text="w"),)),
                                        [{"text": "w"}], ()),
    "sound": (Audio(format="wav", data="AAAA"), [{"inlineData": {"mimeType": "audio/wav", "data": "AAAA"}}], ()),
    "a refusal": (Refusal(text="no"), [{"text": "no"}], ("approx=refusal",)),
    "a text with its source": (
        Text(text="a", citations=(Citation("claude", {}),), cache=CacheMark()),
        [{"text": "a"}],
        ("dropped=cache_control", "dropped=citations"),
    ),
    "what only another understands": (Opaque(dialect="claude", raw={"x": 1}), [], ("dropped=foreign",)),
    "and tells": (Opaque(dialect="claude", raw={"x": 1}, text="x"), [{"text": "x"}], ("dropped=foreign",)),
    "what has no place": (ToolResult(call_id="?"), [], ()),
}  # fmt: skip


@pytest.mark.parametrize("case", MEDIA)
def test_media(case: str) -> None:
    part, expected, warnings = MEDIA[case]
    outbound = encode(user(Text(text="x"), part))
    if case == "what has no place":
        expected = [{"text": "Tool result (?): (empty)"}]
        assert outbound.body["contents"][0]["parts"] == [*expected, {"text": "x"}]
    else:
        assert outbound.body["contents"][0]["parts"] == [{"text": "x"}, *expected]
    assert outbound.warnings == warnings


def test_a_file_that_was_uploaded_goes_back_to_google_alone() -> None:
    uri = "https://generativelanguage.googleapis.com/v1beta/files/x"
    own = Image(source=FileId(uri), extra=Extra("gemini", {"fileData": {"fileUri": uri, "mimeType": "image/heic"}}))
    (said,) = contents(user(own), dialect="gemini")
    assert said["parts"] == [{"fileData": {"fileUri": uri, "mimeType": "image/heic"}}]
    for source, dialect in ((FileId(uri), "openai_chat"), (FileId("file-1"), "gemini")):
        with pytest.raises(Unsupported):
            encode(user(Image(source=source)), dialect=dialect)


# --- tools -----------------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"x": {"type": ["string", "null"]}}, "additionalProperties": False}
TOOL = Tool("f", "d", SCHEMA)
SUBSET = replace(OLD, full_schemas=False)


def test_tools_are_one_group() -> None:
    outbound = encode(tools=(TOOL, Tool("g")))
    assert outbound.body["tools"] == [
        {"functionDeclarations": [{"name": "f", "description": "d", "parametersJsonSchema": SCHEMA}, {"name": "g"}]}
    ]
    assert outbound.warnings == ()


def test_tools_for_a_model_that_takes_no_json_schema() -> None:
    empty = {"type": "object", "properties": {}, "additionalProperties": False}
    outbound = encode(tools=(TOOL, Tool("g", schema=empty)), profile=SUBSET)
    assert outbound.body["tools"][0]["functionDeclarations"] == [
        {
            "name": "f",
            "description": "d",
            "parameters": {"type": "OBJECT", "properties": {"x": {"type": "STRING", "nullable": True}}},
        },
        {"name": "g"},
    ]
    assert outbound.warnings == ("approx=schema",)
    plain = {"type": "object", "properties": {"x": {"type": "string"}}}
    assert encode(tools=(Tool("f", schema=plain),), profile=SUBSET).warnings == ()


def test_names_that_google_refuses_are_changed_everywhere_and_back() -> None:
    outbound = encode(
        HI,
        model(ToolCall(id="a", name="1 f")),
        tools=(Tool("1 f"), Tool("ok.f:x")),
        tool_choice=ToolChoice("named", ("1 f",)),
    )
    assert [tool["name"] for tool in outbound.body["tools"][0]["functionDeclarations"]] == ["t_1_f", "ok.f:x"]
    assert outbound.body["toolConfig"]["functionCallingConfig"]["allowedFunctionNames"] == ["t_1_f"]
    assert outbound.body["contents"][1]["parts"][0]["functionCall"]["name"] == "t_1_f"
    assert outbound.body["contents"][2]["parts"][0]["functionResponse"]["name"] == "t_1_f"
    assert outbound.names == {"t_1_f": "1 f"}


def test_a_tool_that_takes_free_text_becomes_a_function() -> None:
    call = ToolCall(id="a", name="p", arguments="*** Begin", kind="custom")
    outbound = encode(HI, model(call), tools=(Tool("p", kind="custom"),))
    (function,) = outbound.body["tools"][0]["functionDeclarations"]
    assert function["parametersJsonSchema"]["required"] == ["input"]
    assert outbound.body["contents"][1]["parts"][0]["functionCall"]["args"] == {"input": "*** Begin"}
    assert (outbound.names, outbound.warnings) == ({"p": "p"}, ("approx=tools.custom",))


def test_what_is_lost_of_tools() -> None:
    tools = (replace(TOOL, cache=CacheMark(), strict=True), TOOL)
    outbound = encode(tools=tools, parallel_tools=False)
    assert len(outbound.body["tools"][0]["functionDeclarations"]) == 1
    assert set(outbound.warnings) == {
        "dropped=cache_control", "dropped=tools.strict", "dropped=tools.duplicate", "dropped=parallel_tools"
    }  # fmt: skip


CHOICES: dict[str, tuple[ToolChoice, Wire, int]] = {
    "auto": (ToolChoice("auto"), {"mode": "AUTO"}, 2),
    "none": (ToolChoice("none"), {"mode": "NONE"}, 2),
    "required": (ToolChoice("required"), {"mode": "ANY"}, 2),
    "named": (ToolChoice("named", ("g",)), {"mode": "ANY", "allowedFunctionNames": ["g"]}, 2),
    "allowed": (ToolChoice("allowed", ("g",)), {"mode": "AUTO"}, 1),
    "one of these": (
        ToolChoice("allowed", ("g", "f"), required=True), {"mode": "ANY", "allowedFunctionNames": ["g", "f"]}, 2
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CHOICES)
def test_choices(case: str) -> None:
    """I.18 of the contract."""
    choice, config, count = CHOICES[case]
    body = encode(tools=(TOOL, Tool("g")), tool_choice=choice).body
    assert body["toolConfig"] == {"functionCallingConfig": config}
    assert len(body["tools"][0]["functionDeclarations"]) == count


def test_a_choice_without_tools_is_left_out() -> None:
    outbound = encode(tool_choice=ToolChoice("required"))
    assert outbound.body.keys() == {"contents"}
    assert outbound.warnings == ("dropped=tool_choice",)


def test_a_tool_that_is_not_there_cannot_be_insisted_on() -> None:
    with pytest.raises(BadRequest, match="no tool 'x'"):
        encode(tools=(TOOL,), tool_choice=ToolChoice("named", ("x",)))


SEARCH = Tool("web_search", kind="server", extra=Extra("claude", {"type": "web_search_20250305"}))
GOOGLES = Tool("googleSearch", kind="server", extra=Extra("gemini", {"googleSearch": {}}))


def test_tools_that_google_runs_are_its_own() -> None:
    outbound = encode(tools=(TOOL, GOOGLES, SEARCH))
    assert outbound.body["tools"][1:] == [{"googleSearch": {}}]
    assert outbound.warnings == ("dropped=tools.server",)
    assert encode(tools=(GOOGLES,)).body["tools"] == [{"googleSearch": {}}]


@pytest.mark.parametrize("choice", [ToolChoice("named", ("web_search",)), ToolChoice("required")])
def test_a_foreign_server_tool_that_is_insisted_on_is_refused(choice: ToolChoice) -> None:
    """H.84 of the contract: no search that silently finds nothing."""
    with pytest.raises(Unsupported) as refused:
        encode(tools=(SEARCH,), tool_choice=choice)
    assert refused.value.param == "tools"


# --- how it is to be answered ----------------------------------------------------------------------------------------


def config(profile: Profile = OLD, dialect: str = "openai_chat", **said: Any) -> tuple[Wire, tuple[str, ...]]:
    outbound = encode(profile=profile, dialect=dialect, **said)
    return outbound.body.get("generationConfig", {}), outbound.warnings


def test_sampling_and_limits() -> None:
    sampling = Sampling(2.5, 0.9, 5, 0.1, 7, 0.1, 0.2, {"1": 1}, True, 2)
    said, warnings = config(
        replace(OLD, max_output=100), sampling=sampling, max_output_tokens=200, stop=tuple("abcdef")
    )
    assert said == {
        "temperature": 2.0, "topP": 0.9, "topK": 5, "seed": 7, "presencePenalty": 0.1, "frequencyPenalty": 0.2,
        "maxOutputTokens": 100, "stopSequences": list("abcde"),
    }  # fmt: skip
    lost = {"dropped=min_p", "dropped=logit_bias", "dropped=logprobs", "approx=temperature", "approx=max_tokens"}
    assert set(warnings) == lost
    assert encode(stop=tuple("abcdef")).unstopped == ("f",)


def test_a_model_that_takes_no_sampling() -> None:
    said, warnings = config(replace(OLD, sampling="none"), sampling=Sampling(0.5, 0.5, 5, seed=1))
    assert said == {"seed": 1}
    assert warnings == ("dropped=temperature", "dropped=top_p", "dropped=top_k")


def test_several_answers() -> None:
    """I.33 of the contract."""
    assert config(choices=2) == ({"candidateCount": 2}, ())
    assert config(choices=2, dialect="gemini") == ({"candidateCount": 2}, ())


FLASH = replace(OLD, efforts=("none",), min_budget=0, max_budget=24_576)
PRO = replace(OLD, efforts=(), min_budget=128, max_budget=32_768)
NONE = replace(OLD, reasoning="none")
THREE = replace(NEW, efforts=("minimal", "low", "medium", "high"))
SHOWN = {"includeThoughts": True}
EFFORT = {effort: ReasoningControl(mode="on", effort=effort) for effort in ("none", "minimal", "medium", "high", "max")}
THINKING: dict[str, tuple[Profile, ReasoningControl, Wire, bool]] = {
    "unsaid": (FLASH, ReasoningControl(), {}, False),
    "off": (FLASH, ReasoningControl(mode="off"), {"thinkingBudget": 0}, False),
    "no effort": (FLASH, EFFORT["none"], {"thinkingBudget": 0}, False),
    "off, with an effort": (FLASH, ReasoningControl(mode="off", effort="high"), {"thinkingBudget": 0}, False),
    "off, where it never is": (PRO, ReasoningControl(mode="off"), {"thinkingBudget": 128}, True),
    "the model decides": (FLASH, ReasoningControl(mode="auto"), {"thinkingBudget": -1, **SHOWN}, False),
    "a budget": (FLASH, ReasoningControl(mode="on", budget=5000), {"thinkingBudget": 5000, **SHOWN}, False),
    "too small a budget": (PRO, ReasoningControl(mode="on", budget=5), {"thinkingBudget": 128, **SHOWN}, True),
    "too large a budget": (FLASH, ReasoningControl(mode="on", budget=60_000), {"thinkingBudget": 24_576, **SHOWN},
                           True),
    "an effort": (FLASH, EFFORT["medium"], {"thinkingBudget": 8192, **SHOWN}, True),
    "the most": (PRO, EFFORT["max"], {"thinkingBudget": 32_768, **SHOWN}, True),
    "an effort that nobody knows": (PRO, ReasoningControl(mode="on", effort="?"), {"thinkingBudget": 32_768, **SHOWN},
                                    True),
    "an effort alone": (FLASH, ReasoningControl(effort="high"), {"thinkingBudget": 24_576}, True),
    "not to be told": (FLASH, ReasoningControl(mode="auto", show="omitted"), {"thinkingBudget": -1}, False),
    "a level": (THREE, EFFORT["high"], {"thinkingLevel": "HIGH", **SHOWN}, False),
    "a level, off": (THREE, ReasoningControl(mode="off"), {"thinkingLevel": "MINIMAL"}, True),
    "a level, off, of few": (NEW, ReasoningControl(mode="off"), {"thinkingLevel": "LOW"}, True),
    "a level below": (NEW, EFFORT["max"], {"thinkingLevel": "HIGH", **SHOWN}, True),
    "a level above": (NEW, EFFORT["minimal"], {"thinkingLevel": "LOW", **SHOWN}, True),
    "a level by a budget": (NEW, ReasoningControl(mode="on", budget=10_000), {"thinkingLevel": "MEDIUM", **SHOWN},
                            True),
    "a level by a large budget": (NEW, ReasoningControl(mode="on", budget=99_999), {"thinkingLevel": "HIGH", **SHOWN},
                                  True),
    "a level that nobody knows": (NEW, ReasoningControl(mode="on", effort="?"), {"thinkingLevel": "HIGH", **SHOWN},
                                  True),
    "the model decides on a level": (NEW, ReasoningControl(mode="auto"), SHOWN, False),
    "no level at all": (replace(NEW, efforts=()), EFFORT["high"], SHOWN, True),
}  # fmt: skip


@pytest.mark.parametrize("case", THINKING)
def test_thinking(case: str) -> None:
    """I.28 of the contract. A level and a budget are never said together."""
    profile, control, expected, is_bent = THINKING[case]
    said, warnings = config(profile, reasoning=control)
    assert said.get("thinkingConfig", {}) == expected
    assert warnings == (("approx=reasoning",) if is_bent else ())


def test_a_model_that_cannot_reason() -> None:
    assert config(NONE, reasoning=EFFORT["high"]) == ({}, ("dropped=reasoning",))
    assert config(NONE, reasoning=ReasoningControl(mode="off")) == ({}, ())


def test_an_answer_keeps_room_beside_the_reasoning() -> None:
    said, warnings = config(PRO, reasoning=ReasoningControl(mode="on", budget=5000), max_output_tokens=4000)
    assert said["thinkingConfig"]["thinkingBudget"] == 2976
    assert warnings == ("approx=reasoning",)
    said, _ = config(PRO, reasoning=ReasoningControl(mode="on", budget=5000), max_output_tokens=100)
    assert said["thinkingConfig"]["thinkingBudget"] == 128


def test_google_s_own_wishes_stay_as_they_are() -> None:
    control = ReasoningControl(mode="on", budget=5000, show="omitted")
    said, warnings = config(PRO, "gemini", reasoning=control, max_output_tokens=4000)
    assert said["thinkingConfig"] == {"thinkingBudget": 5000, "includeThoughts": False}
    assert warnings == ()
    assert "thinkingConfig" not in config(PRO, "gemini")[0]


FORM = OutputFormat(kind="json_schema", schema=SCHEMA)
JSON = {"responseMimeType": "application/json"}
SUBSETS = {"type": "OBJECT", "properties": {"x": {"type": "STRING", "nullable": True}}}
OUTPUTS: dict[str, tuple[Profile, OutputFormat, Wire, tuple[str, ...]]] = {
    "JSON": (OLD, OutputFormat(kind="json"), JSON, ()),
    "of a schema": (OLD, FORM, {**JSON, "responseJsonSchema": SCHEMA}, ()),
    "of a schema in its own words": (SUBSET, FORM, {**JSON, "responseSchema": SUBSETS}, ("approx=schema",)),
    "of no schema": (OLD, OutputFormat(kind="json_schema"), JSON, ()),
}


@pytest.mark.parametrize("case", OUTPUTS)
def test_the_form_of_the_answer(case: str) -> None:
    """I.30 of the contract."""
    profile, output, expected, warnings = OUTPUTS[case]
    assert config(profile, output=output) == (expected, warnings)


@pytest.mark.parametrize(
    ("profile", "tools", "output", "words"),
    [
        (OLD, (TOOL,), FORM, "valid under this JSON Schema"),
        (OLD, (TOOL,), OutputFormat(kind="json"), "a JSON object only"),
        (replace(OLD, json_schema=False), (), FORM, "valid under this JSON Schema"),
    ],
)
def test_a_form_is_asked_for_in_words_where_a_model_takes_none(
    profile: Profile, tools: tuple[Tool, ...], output: OutputFormat, words: str
) -> None:
    outbound = encode(SYSTEM, HI, profile=profile, tools=tools, output=output)
    assert "generationConfig" not in outbound.body
    assert words in outbound.body["systemInstruction"]["parts"][-1]["text"]
    assert outbound.warnings == (f"approx={output.kind}",)


def test_newer_models_take_a_form_beside_tools() -> None:
    body = encode(profile=NEW, tools=(TOOL,), output=FORM).body
    assert body["generationConfig"] == {**JSON, "responseJsonSchema": SCHEMA}


# --- around it -------------------------------------------------------------------------------------------------------


def test_what_is_lost_around_a_request() -> None:
    outbound = encode(
        user_id="u", metadata={"a": "b"}, verbosity="low", service_tier="scale", cache=CacheMark(),
        extra=Extra("openai_chat", {"x": 1}),
    )  # fmt: skip
    assert outbound.body.keys() == {"contents"}
    assert set(outbound.warnings) == {
        "dropped=user_id", "dropped=metadata", "dropped=verbosity", "dropped=service_tier", "dropped=cache_control",
        "dropped=foreign",
    }  # fmt: skip


def test_tiers_that_google_has() -> None:
    assert encode(service_tier="flex").body["serviceTier"] == "flex"
    assert encode(service_tier="auto").warnings == ()


def test_what_only_google_understands_comes_back() -> None:
    fields = {
        "safetySettings": [1],
        "generationConfig": {"responseModalities": ["IMAGE"]},
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}, "retrievalConfig": {}},
    }
    outbound = encode(
        dialect="gemini", tools=(TOOL,), tool_choice=ToolChoice("auto"), max_output_tokens=5,
        extra=Extra("gemini", fields),
    )  # fmt: skip
    assert outbound.body["safetySettings"] == [1]
    assert outbound.body["generationConfig"] == {"maxOutputTokens": 5, "responseModalities": ["IMAGE"]}
    assert outbound.body["toolConfig"] == fields["toolConfig"]


# --- counting --------------------------------------------------------------------------------------------------------


def test_what_is_sent_to_be_counted() -> None:
    counting = GEMINI.counting
    assert counting is not None

    def sent(name: str, *messages: Message) -> Wire:
        request = Request(dialect="claude", model="m", messages=messages, max_output_tokens=5)
        return counting.encode_request(request, Target(name)).body

    assert sent("g", HI) == {"contents": [says("user", "hi")]}
    assert sent("g", SYSTEM, HI)["generateContentRequest"]["model"] == "models/g"
    assert sent("tunedModels/g", SYSTEM, HI)["generateContentRequest"].keys() == {
        "model", "systemInstruction", "contents", "generationConfig"
    }  # fmt: skip
