"""Cases 26 to 33 of the contract: what is asked of a model besides the conversation, in words that it takes."""

from typing import Any

import pytest
from google.genai import types
from msgspec.structs import replace

from llmux.dialects.claude.schema import VERSION
from llmux.dialects.registry import TABLE
from llmux.errors import BackendCut, BadRequest
from llmux.gateway.outbound import Recipient, prepare
from llmux.responder import Context
from llmux.routing.catalog import Backend
from tests.contract.stage import Wire, answer, asked, documents, failure, outbound, plain, sent, target, through, whole

HI = {"role": "user", "content": "hi"}


def claude(**fields: Any) -> Wire:
    return {"model": "m", "max_tokens": 5000, "messages": [HI], **fields}


def chat(**fields: Any) -> Wire:
    return {"model": "m", "messages": [HI], **fields}


def budget(tokens: int, limit: int = 64_000) -> Wire:
    return claude(max_tokens=limit, thinking={"type": "enabled", "budget_tokens": tokens})


def test_a_reasoning_model_of_openai_is_asked_in_the_only_words_that_it_takes() -> None:
    """I.26: no sampling, no stop sequences, the limit under its newer name, an effort for the budget."""
    body = claude(temperature=0.5, top_p=0.9, stop_sequences=["X"], thinking={"type": "enabled", "budget_tokens": 3000})
    told = outbound("claude", body, "gpt-5")
    assert told.body["max_completion_tokens"] == 5000
    assert told.body["reasoning_effort"] == "low"
    assert not {"max_tokens", "temperature", "top_p", "stop"} & told.body.keys()
    assert {"dropped=temperature", "dropped=top_p", "dropped=stop"} <= set(told.warnings)


def test_any_other_server_is_asked_under_the_older_name() -> None:
    """I.26."""
    body = sent("claude", claude(temperature=0.5, stop_sequences=["X"]), "other")
    assert (body["max_tokens"], body["temperature"], body["stop"]) == (5000, 0.5, ["X"])
    assert "max_completion_tokens" not in body


TEMPERATURES: dict[str, tuple[float, str, float | None, tuple[str, ...]]] = {
    "I.27 above what Claude takes": (1.7, "claude 4.5", 1.0, ("approx=temperature",)),
    "I.27 below it": (0.3, "claude 4.5", 0.3, ()),
    "I.27 a model that takes none": (1.7, "claude 4.8", None, ("dropped=temperature",)),
    "I.27 a model that takes none, and the default": (1.0, "claude 4.8", None, ()),
}


@pytest.mark.parametrize("case", TEMPERATURES)
def test_a_temperature_that_claude_takes_or_none(case: str) -> None:
    given, model, expected, warnings = TEMPERATURES[case]
    told = outbound("openai_chat", chat(temperature=given), model)
    assert told.body.get("temperature") == expected
    assert told.warnings == warnings


def test_a_translated_request_goes_under_the_version_that_takes_a_temperature() -> None:
    """I.27: the newer one takes none at all, not even 1; a client of Claude's says itself which it speaks."""
    backend = Backend(name="b", provider="p", model="m", dialect="claude")
    to = Recipient(backend, TABLE["claude"], target("claude 4.5").profile)
    outgoing = prepare(asked("openai_chat", chat(temperature=0.3)), Context("r"), to)
    assert outgoing.headers["anthropic-version"] == VERSION == "2023-06-01"
    own = Context("r", headers={"anthropic-version": "2026-10-21"})
    passed = prepare(asked("claude", claude()), own, to)
    assert passed.headers["anthropic-version"] == "2026-10-21"
    assert b"temperature" not in passed.body


# effort -> Claude's budget, Claude's effort where it has some, Gemini's budget and level, OpenAI's effort (gpt-5)
EFFORTS: dict[str, tuple[int | None, str | None, int | None, str | None, str | None]] = {
    "none": (None, None, 0, "MINIMAL", "minimal"),
    "minimal": (1024, "low", 1024, "MINIMAL", "minimal"),
    "low": (2048, "low", 2048, "LOW", "low"),
    "medium": (8192, "medium", 8192, "MEDIUM", "medium"),
    "high": (24_576, "high", 24_576, "HIGH", "high"),
    "xhigh": (32_768, "xhigh", 24_576, "HIGH", "high"),
    "max": (62_976, "max", 24_576, "HIGH", "high"),  # as much as leaves room for an answer
}


@pytest.mark.parametrize("effort", EFFORTS)
def test_an_effort_is_a_budget_a_level_or_an_effort(effort: str) -> None:
    """I.28."""
    old, new, tokens, level, word = EFFORTS[effort]
    body = chat(reasoning_effort=effort)
    thinking = sent("openai_chat", body, "claude 4.5")["thinking"]
    assert thinking == ({"type": "enabled", "budget_tokens": old} if old else {"type": "disabled"})
    newer = sent("openai_chat", body, "claude 4.8")
    assert newer["thinking"]["type"] == ("adaptive" if new else "disabled")
    assert newer.get("output_config", {}).get("effort") == new
    config = sent("openai_chat", body, "gemini 2.5")["generationConfig"]["thinkingConfig"]
    assert config["thinkingBudget"] == tokens
    config = sent("openai_chat", body, "gemini 3")["generationConfig"]["thinkingConfig"]
    assert config["thinkingLevel"] == level
    assert "thinkingBudget" not in config  # both together are refused
    assert sent("openai_chat", body, "gpt-5")["reasoning_effort"] == word


BUDGETS = {
    1024: ("low", 1024, "LOW"), 3000: ("low", 3000, "LOW"), 10_000: ("medium", 10_000, "MEDIUM"),
    20_000: ("high", 20_000, "HIGH"), 40_000: ("high", 24_576, "HIGH"), 63_000: ("high", 24_576, "HIGH"),
}  # fmt: skip


@pytest.mark.parametrize("tokens", BUDGETS)
def test_a_budget_is_an_effort_a_budget_or_a_level(tokens: int) -> None:
    """I.28: above what a model takes, it is the most that it takes."""
    effort, most, level = BUDGETS[tokens]
    assert sent("claude", budget(tokens), "gpt-5")["reasoning_effort"] == effort
    assert sent("claude", budget(tokens), "responses")["reasoning"]["effort"] == effort
    assert sent("claude", budget(tokens), "gemini 2.5")["generationConfig"]["thinkingConfig"]["thinkingBudget"] == most
    assert sent("claude", budget(tokens), "gemini 3")["generationConfig"]["thinkingConfig"]["thinkingLevel"] == level


def test_a_budget_that_the_model_is_to_choose() -> None:
    """I.28: Gemini's -1."""
    config = {"thinkingConfig": {"thinkingBudget": -1}}
    body = {"model": "m", "contents": [{"parts": [{"text": "x"}]}], "generationConfig": config}
    assert sent("gemini", body, "claude 4.8")["thinking"]["type"] == "adaptive"
    assert sent("gemini", body, "claude 4.5")["thinking"] == {"type": "enabled", "budget_tokens": 8192}
    assert "reasoning_effort" not in sent("gemini", body, "gpt-5")


def test_a_budget_that_leaves_no_room_for_an_answer_is_put_right() -> None:
    """I.28: the limit is raised where the model can write so much, the budget lowered where not."""
    told = outbound("claude", budget(5000, limit=2000), "claude 4.5")
    assert told.body["thinking"]["budget_tokens"] < told.body["max_tokens"]
    assert told.body["max_tokens"] - 5000 >= 1024
    most = sent("claude", budget(63_999, limit=64_000), "claude 4.5")
    assert most["thinking"]["budget_tokens"] < most["max_tokens"] <= 64_000


def test_thinking_that_is_switched_off_is_off_whatever_the_effort() -> None:
    """I.28: Claude Code's subagents say both."""
    body = claude(thinking={"type": "disabled"}, output_config={"effort": "high"})
    assert sent("claude", body, "gpt-5")["reasoning_effort"] == "minimal"
    assert "high" not in str(sent("claude", body, "deepseek"))
    config = sent("claude", body, "gemini 2.5")["generationConfig"]["thinkingConfig"]
    assert config == {"thinkingBudget": 0}


FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {}}}}


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "f"}}])
def test_a_tool_that_must_be_called_goes_before_thinking(choice: Any) -> None:
    """I.29: Claude refuses both together."""
    body = chat(tools=[FUNCTION], tool_choice=choice, reasoning_effort="high")
    told = outbound("openai_chat", body, "claude 4.5")
    assert told.body["thinking"] == {"type": "disabled"}
    assert told.body["tool_choice"]["type"] in {"any", "tool"}
    assert "dropped=reasoning" in told.warnings


# --- schemas ---------------------------------------------------------------------------------------------------------

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA, "strict": True}}


def test_a_schema_for_the_answer_is_said_in_every_backends_words() -> None:
    """I.30."""
    body = chat(response_format=FORM)
    assert sent("openai_chat", body, "claude 4.5")["output_config"]["format"] == {
        "type": "json_schema",
        "schema": SCHEMA,
    }
    config = sent("openai_chat", body, "gemini 3")["generationConfig"]
    assert (config["responseMimeType"], config["responseJsonSchema"]) == ("application/json", SCHEMA)
    assert sent("openai_chat", body, "ollama")["format"] == SCHEMA
    assert sent("openai_chat", body, "responses")["text"]["format"]["schema"] == SCHEMA


def test_a_model_that_takes_no_schema_is_asked_for_json_in_words() -> None:
    """I.30: an old Claude, and Gemini 2.5 beside tools; that it was only said is told."""
    old = outbound("openai_chat", chat(response_format=FORM), "claude 4")
    assert "output_config" not in old.body
    assert '"required"' in str(old.body["system"])
    assert "approx=json_schema" in old.warnings
    beside = outbound("openai_chat", chat(response_format=FORM, tools=[FUNCTION]), "gemini 2.5")
    assert "responseMimeType" not in str(beside.body)
    assert '"required"' in str(beside.body["systemInstruction"])
    assert "approx=json_schema" in beside.warnings


def test_a_schema_without_a_name_has_one_where_it_must() -> None:
    """I.30."""
    body = claude(output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    named = sent("claude", body, "gpt-4o")["response_format"]["json_schema"]
    assert (named["name"], named["schema"]) == ("response", SCHEMA)
    assert sent("claude", body, "responses")["text"]["format"]["name"] == "response"


WILD: Wire = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}},
    "type": "object",
    "properties": {
        "list": {"$ref": "#/$defs/node"},
        "kind": {"const": "x"},
        "either": {"oneOf": [{"type": "string"}, {"type": "integer"}]},
        "count": {"type": "integer", "exclusiveMinimum": 3},
        "many": {"type": "array", "uniqueItems": True},
        "maybe": {"type": ["string", "null"]},
        "number": {"enum": [1, 2]},
    },
    "required": ["kind", "missing"],
    "additionalProperties": False,
}


def test_a_schema_that_google_knows_no_words_for_is_one_that_its_sdk_takes() -> None:
    """I.31: for models that take no JSON Schema; the same bytes each time, and nothing is lost in silence."""
    tool = {"type": "function", "function": {"name": "f", "parameters": WILD}}
    request = replace(asked("openai_chat", chat(tools=[tool])), original=None)
    to = target("gemini 2.5")
    to = replace(to, profile=replace(to.profile, full_schemas=False))
    first, second = (TABLE["gemini"].encode_request(request, to) for _ in range(2))
    parameters = first.body["tools"][0]["functionDeclarations"][0]["parameters"]
    assert parameters == second.body["tools"][0]["functionDeclarations"][0]["parameters"]
    schema = types.Schema.model_validate(parameters)  # which forbids every word that it does not know
    properties = schema.properties or {}
    assert list(properties) == list(WILD["properties"])
    assert schema.required == ["kind"]
    assert properties["kind"].enum == ["x"]
    assert len(properties["either"].any_of or []) == 2
    assert properties["count"].minimum == 4
    assert properties["many"].items is not None
    assert properties["maybe"].nullable
    assert "approx=schema" in first.warnings


def tool(name: str, schema: Wire, **fields: Any) -> Wire:
    return {"name": name, "input_schema": schema, **fields}


def test_strictness_is_said_where_it_is_meant_and_can_be_kept() -> None:
    """I.32: Responses is strict unless told otherwise; a schema that does not qualify is not held to."""
    loose = {"type": "object", "properties": {"q": {"type": "string"}}}
    body = claude(tools=[tool("f", loose), tool("g", loose, strict=True), tool("h", SCHEMA, strict=True)])
    told = outbound("claude", body, "responses")
    assert [tool["strict"] for tool in told.body["tools"]] == [False, False, True]
    assert "dropped=strict" in told.warnings
    functions = [tool["function"] for tool in sent("claude", body, "gpt-4o")["tools"]]
    assert [function.get("strict", False) for function in functions] == [False, False, True]


def test_several_answers_are_refused_where_there_is_only_one() -> None:
    """I.33."""
    for model in ("claude 4.5", "ollama"):
        with pytest.raises(BadRequest):
            outbound("openai_chat", chat(n=2), model)


def test_google_is_asked_for_several_answers() -> None:
    """I.33."""
    told = outbound("openai_chat", chat(n=2), "gemini 3")
    assert told.body["generationConfig"]["candidateCount"] == 2
    assert told.warnings == ()


def candidate(index: int, *parts: Wire, finish: str | None = None) -> Wire:
    said: Wire = {"index": index, "content": {"role": "model", "parts": list(parts)}}
    return {"candidates": [said | ({"finishReason": finish} if finish else {})], "responseId": "r"}


CALL = {"functionCall": {"name": "f", "args": {}}}
SEVERAL = (
    candidate(0, {"text": "a"}), candidate(1, {"text": "b"}), candidate(0, {"text": "c"}), candidate(1, CALL),
    candidate(0, CALL, finish="STOP"), candidate(1, finish="MAX_TOKENS"),
)  # fmt: skip


def test_the_answers_are_told_side_by_side_each_under_its_number() -> None:
    """I.33: OpenAI's SDK puts them together; their calls have ids of their own."""
    stream = through("gemini", plain(*SEVERAL), "openai_chat")
    chunks = [chunk for chunk in documents(stream)[:-1] if chunk["choices"]]
    said = [(chunk["choices"][0]["index"], chunk["choices"][0]["delta"].get("content")) for chunk in chunks]
    assert [piece for piece in said if piece[1]] == [(0, "a"), (1, "b"), (0, "c")]
    heard = answer("gemini", plain(*SEVERAL))
    choices = whole("openai_chat", heard)["choices"]
    assert [(each["index"], each["message"]["content"]) for each in choices] == [(0, "ac"), (1, "b")]
    assert [each["finish_reason"] for each in choices] == ["tool_calls", "length"]
    assert len({each["message"]["tool_calls"][0]["id"] for each in choices}) == 2


def test_an_answer_of_which_one_candidate_breaks_off_is_cut() -> None:
    """I.33."""
    assert isinstance(failure("gemini", plain(*SEVERAL[:-1])), BackendCut)
