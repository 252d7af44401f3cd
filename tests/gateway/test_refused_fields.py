"""Fields that a backend refuses, in the words of its vendor: left out or said otherwise, at once and from then on.

A table for every dialect: the backend's error, a request that says the field, and what becomes of it.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson
import pytest

from llmux.errors import Unsupported
from llmux.ir.capability import Profile
from llmux.ir.content import Text
from llmux.ir.events import Opened, Verbatim
from llmux.responder import Context
from llmux.telemetry import AttemptFailed, CooldownStarted, FieldLearnt
from tests.fakes import FakeClock
from tests.gateway.party import Guest, Party
from tests.scripted import JSON, Script

Wire = dict[str, Any]
SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
HELLO = [{"role": "user", "content": "hello"}]
# One request, as clients of each dialect say it. A dialect's own client is answered in the verbatim lane.
ASKED: Mapping[str, Wire] = {
    "claude": {"max_tokens": 50, "messages": HELLO},
    "openai_chat": {"messages": HELLO},
    "openai_responses": {"input": "hello"},
    "gemini": {"contents": [{"role": "user", "parts": [{"text": "hello"}]}]},
    "ollama": {"messages": HELLO, "stream": False},
}
TOOL = {"type": "function", "function": {"name": "f", "parameters": SCHEMA}}
STRICT = {"name": "f", "input_schema": SCHEMA, "strict": True}
FORM = {"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}
DECLARED = [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": SCHEMA}]}]
ABLE = Profile(thinking=True, reasoning="effort", efforts=("low", "high"))
LEVELS = Profile(thinking=True, reasoning="level", efforts=("low", "high"))
SWITCH = Profile(thinking=True, reasoning="switch")
ADAPTIVE = Profile(thinking=True, reasoning="adaptive", efforts=("low", "high"))


def claude(message: str) -> Wire:
    return {"type": "error", "error": {"type": "invalid_request_error", "message": message}}


def openai(message: str, param: str | None = None, code: str | None = None) -> Wire:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def google(message: str) -> Wire:
    return {"error": {"code": 400, "message": message, "status": "INVALID_ARGUMENT"}}


class Case(NamedTuple):
    """`asked` in the `client`'s words; `field` is where the backend is told it, `instead` what it hears then."""

    dialect: str
    error: Wire
    client: str
    asked: Wire
    field: str
    profile: Profile = Profile()
    instead: str = ""


DEPRECATED = claude("`temperature` is deprecated for this model.")
NOT_SAID = "Unsupported parameter: '{}' is not supported with this model."
UNKNOWN = "Invalid JSON payload received. Unknown name \"{}\" at '{}': Cannot find field."
CASES: Mapping[str, Case] = {
    "claude: temperature": Case(
        "claude", DEPRECATED, "openai_chat", {"temperature": 0.5}, "temperature"
    ),
    "claude: temperature, its own client": Case(
        "claude", DEPRECATED, "claude", {"temperature": 0.5}, "temperature"
    ),
    "claude: top_p beside temperature": Case(
        "claude",
        claude("`temperature` and `top_p` cannot both be specified for this model. Please use only one."),
        "claude",
        {"temperature": 0.5, "top_p": 0.5},
        "top_p",
    ),
    "claude: effort": Case(
        "claude",
        claude("This model does not support the effort parameter."),
        "openai_chat",
        {"reasoning_effort": "low"},
        "output_config.effort",
        ADAPTIVE,
    ),
    "claude: a level of effort, its own client": Case(
        "claude",
        claude("This model does not support effort level 'low'. Supported levels: high, max."),
        "claude",
        {"output_config": {"effort": "low"}},
        "output_config.effort",
    ),
    "claude: strict tools": Case(
        "claude",
        claude("tools.0.custom.strict: Extra inputs are not permitted"),
        "claude",
        {"tools": [STRICT]},
        "tools.0.strict",
    ),
    "openai: temperature": Case(
        "openai_chat",
        openai("Unsupported value: 'temperature' does not support 0.5 with this model.", None, "unsupported_value"),
        "claude",
        {"temperature": 0.5},
        "temperature",
    ),
    "openai: the limit goes by another name": Case(
        "openai_chat",
        openai(
            f"{NOT_SAID.format('max_tokens')} Use 'max_completion_tokens' instead.",
            "max_tokens",
            "unsupported_parameter",
        ),
        "claude",
        {"max_tokens": 50},
        "max_tokens",
        instead="max_completion_tokens",
    ),
    "openai: the limit of its own client": Case(
        "openai_chat",
        openai(NOT_SAID.format("max_tokens"), "max_tokens", "unsupported_parameter"),
        "openai_chat",
        {"max_tokens": 50},
        "max_tokens",
        instead="max_completion_tokens",
    ),
    "openai: a schema of the answer is asked for in words": Case(
        "openai_chat",
        openai("Invalid parameter: 'response_format' of type 'json_schema' is not supported with this model."),
        "openai_chat",
        {"response_format": FORM},
        "response_format.json_schema",
        instead="response_format",
    ),
    "openai: strict tools": Case(
        "openai_chat",
        openai("Unknown parameter: 'tools[0].function.strict'.", "tools[0].function.strict", "unknown_parameter"),
        "openai_chat",
        {"tools": [{**TOOL, "function": {**TOOL["function"], "strict": True}}]},  # type: ignore[dict-item]  # an object
        "tools.0.function.strict",
    ),
    "xai": Case(
        "openai_chat",
        {"code": "An invalid argument", "error": "Model m does not support parameter reasoningEffort."},
        "claude",
        {"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}},
        "reasoning_effort",
        ABLE,
    ),
    "groq": Case(
        "openai_chat",
        openai("`reasoning_effort` is not supported with this model"),
        "openai_chat",
        {"reasoning_effort": "low"},
        "reasoning_effort",
        ABLE,
    ),
    "mistral": Case(
        "openai_chat",
        {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"], "msg": "Extra inputs are not permitted"}]},
        "openai_chat",
        {"seed": 5},
        "seed",
    ),
    "cerebras": Case(
        "openai_chat",
        {"message": "property 'seed' is unsupported", "param": "seed", "code": "wrong_api_format"},
        "openai_chat",
        {"seed": 5},
        "seed",
    ),
    "fireworks": Case(
        "openai_chat", openai("Extra inputs are not permitted, field: 'seed'"), "openai_chat", {"seed": 5}, "seed"
    ),
    "google, in openai's words": Case(
        "openai_chat",
        google('Invalid JSON payload received. Unknown name "seed": Cannot find field.'),
        "openai_chat",
        {"seed": 5},
        "seed",
    ),
    "responses: temperature": Case(
        "openai_responses",
        openai(NOT_SAID.format("temperature"), "temperature"),
        "openai_chat",
        {"temperature": 0.5},
        "temperature",
    ),
    "responses: effort": Case(
        "openai_responses",
        openai(NOT_SAID.format("reasoning.effort"), "reasoning.effort", "unsupported_parameter"),
        "openai_chat",
        {"reasoning_effort": "low"},
        "reasoning.effort",
        ABLE,
    ),
    "responses: a word of its own client's": Case(
        "openai_responses",
        openai(
            "Unsupported value: 'low' is not supported with the 'm' model. Supported values are: 'medium'.",
            "text.verbosity",
            "unsupported_value",
        ),
        "openai_responses",
        {"text": {"verbosity": "low"}},
        "text.verbosity",
    ),
    "responses: what only its words tell": Case(
        "openai_responses",
        openai("Encrypted content is not supported with this model.", "include"),
        "openai_responses",
        {"include": ["reasoning.encrypted_content"]},
        "include",
    ),
    "gemini: a control": Case(
        "gemini",
        google(UNKNOWN.format("seed", "generation_config")),
        "openai_chat",
        {"seed": 5},
        "generationConfig.seed",
    ),
    "gemini: a control, its own client": Case(
        "gemini",
        google(UNKNOWN.format("topK", "generation_config")),
        "gemini",
        {"generationConfig": {"topK": 5}},
        "generationConfig.topK",
    ),
    "gemini: a level of thinking": Case(
        "gemini",
        google("Thinking level is not supported for this model."),
        "openai_chat",
        {"reasoning_effort": "low"},
        "generationConfig.thinkingConfig.thinkingLevel",
        LEVELS,
    ),
    "gemini: no thinking": Case(
        "gemini",
        google("This model does not support thinking."),
        "openai_chat",
        {"reasoning_effort": "low"},
        "generationConfig.thinkingConfig",
        LEVELS,
    ),
    "gemini: a tool's schema": Case(
        "gemini",
        google(UNKNOWN.format("parametersJsonSchema", "tools[0].function_declarations[0]")),
        "openai_chat",
        {"tools": [TOOL]},
        "tools.0.functionDeclarations.0.parametersJsonSchema",
        instead="tools.0.functionDeclarations.0.parameters",
    ),
    "gemini: a tool's schema, its own client": Case(
        "gemini",
        google(UNKNOWN.format("parametersJsonSchema", "tools[0].function_declarations[0]")),
        "gemini",
        {"tools": DECLARED},
        "tools.0.functionDeclarations.0.parametersJsonSchema",
        instead="tools.0.functionDeclarations.0.parameters",
    ),
    "gemini: an answer's schema": Case(
        "gemini",
        google(UNKNOWN.format("responseJsonSchema", "generation_config")),
        "openai_chat",
        {"response_format": FORM},
        "generationConfig.responseJsonSchema",
        instead="generationConfig.responseSchema",
    ),
    "ollama: reasoning": Case(
        "ollama",
        {"error": '"m" does not support thinking'},
        "openai_chat",
        {"reasoning_effort": "low"},
        "think",
        SWITCH,
    ),
    "ollama: reasoning, its own client": Case(
        "ollama", {"error": '"m" does not support thinking'}, "ollama", {"think": True}, "think", SWITCH
    ),
    "ollama: an option": Case(
        "ollama", {"error": "invalid options: num_ctx"}, "ollama", {"options": {"num_ctx": 5}}, "options.num_ctx"
    ),
}  # fmt: skip


def at(body: Any, path: str) -> bool:
    """Whether something stands at `path`."""
    for step in path.split("."):
        if isinstance(body, list):
            body = body[int(step)]
        elif step in body:
            body = body[step]
        else:
            return False
    return True


def says(body: Wire, case: Case) -> tuple[bool, bool]:
    return at(body, case.field), bool(case.instead) and at(body, case.instead)


@pytest.mark.parametrize("name", CASES)
async def test_a_refused_field_goes_at_once_and_for_good(name: str) -> None:
    case = CASES[name]
    guest = Guest(case.dialect, profile=case.profile)
    guest.does(Script(400, JSON, [orjson.dumps(case.error)]))
    for _ in range(2):
        guest.says(Text(text="hello"), stream=False)
    party = Party(FakeClock(), a=guest)
    asked = {"model": "a", **ASKED[case.client], **case.asked}
    for _ in range(2):
        opened, *_ = await party.ask(case.client, asked)
        assert isinstance(opened, Opened)
    first, *later = [says(body, case) for body in guest.heard]
    assert first[0], "it is said at first"
    assert later == [(False, bool(case.instead))] * 2
    assert [type(fact) for fact in party.facts if isinstance(fact, FieldLearnt | CooldownStarted)] == [FieldLearnt]


# --- what a model cannot do ------------------------------------------------------------------------------------------

CANNOT: Mapping[str, tuple[str, int, Wire]] = {
    "ollama: tools": ("ollama", 400, {"error": "registry.ollama.ai/library/gemma3:1b does not support tools"}),
    "ollama: chat": ("ollama", 400, {"error": '"nomic-embed-text" does not support chat'}),
    "ollama: vision": ("ollama", 400, {"error": '"m" does not support vision'}),
    "a server that knows none": ("openai_chat", 400, openai("Unrecognized request argument supplied: tools")),
    "openrouter": ("openai_chat", 404, openai("No endpoints found that support tool use.")),
    "llama.cpp": ("openai_chat", 500, openai("image input is not supported - hint: you may need the mmproj")),
    "vllm": (
        "openai_chat",
        400,
        {"object": "error", "message": '"auto" tool choice requires --enable-auto-tool-choice and a parser to be set'},
    ),
    "openai": ("openai_chat", 400, openai("Invalid content type. image_url is only supported by certain models.")),
    "gemini": ("gemini", 400, google("Function calling is not enabled for models/gemma-3-27b-it")),
    "gemini, several answers": ("gemini", 400, google("Multiple candidates is not enabled for this model")),
}  # fmt: skip


@pytest.mark.parametrize("name", CANNOT)
async def test_what_one_model_cannot_do_another_may(name: str) -> None:
    """And the one that cannot does not rest: it is up for whatever it can do."""
    dialect, status, error = CANNOT[name]
    unable, able = Guest(dialect), Guest("claude")
    unable.does(Script(status, JSON, [orjson.dumps(error)]))
    able.says(Text(text="hello"), stream=False)
    party = Party(FakeClock(), "both", unable=unable, able=able)
    opened, *_ = await party.ask("openai_chat", {"model": "both", "messages": HELLO, "tools": [TOOL]})
    assert isinstance(opened, Opened)
    assert (opened.backend, len(unable.heard)) == ("able", 1)
    failed = [fact.error for fact in party.facts if isinstance(fact, AttemptFailed)]
    assert failed == ["Unsupported"]
    assert not [fact for fact in party.facts if isinstance(fact, CooldownStarted)]


async def test_nor_is_one_asked_in_whose_api_it_cannot_be_said() -> None:
    """I.33 of the contract: two answers, of a backend that gives one, and then of one that gives several."""
    single, several = Guest("claude"), Guest("gemini")
    several.says(Text(text="hello"), stream=False)
    party = Party(FakeClock(), "both", single=single, several=several)
    opened, *_ = await party.ask("openai_chat", {"model": "both", "messages": HELLO, "n": 2})
    assert isinstance(opened, Opened)
    assert (opened.backend, single.heard) == ("several", [])
    assert several.heard[0]["generationConfig"]["candidateCount"] == 2


async def test_where_nobody_can_the_client_hears_why() -> None:
    party = Party(FakeClock(), single=Guest("claude"))
    with pytest.raises(Unsupported) as refused:
        await party.ask("openai_chat", {"model": "single", "messages": HELLO, "n": 2}, Context("r1"))
    assert refused.value.param == "n"


# --- ids of calls ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("call_id", "verbatim"), [("aB3dE6gH9", True), ("call_0123456789", False)])
async def test_ids_that_a_strict_server_refuses_are_put_right_for_its_own_clients_too(
    call_id: str, verbatim: bool
) -> None:
    """They come from another backend, which has answered earlier in the conversation."""
    guest = Guest("openai_chat", profile=Profile(call_id_length=9))
    guest.says(Text(text="hello"), stream=False)
    call = {"id": call_id, "type": "function", "function": {"name": "f", "arguments": "{ }"}}
    messages = [
        *HELLO,
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": "x"},
    ]
    _, first, *_ = await Party(FakeClock(), a=guest).ask("openai_chat", {"model": "a", "messages": messages})
    (heard,) = guest.heard
    told = heard["messages"][1]["tool_calls"][0]["id"]
    assert told == heard["messages"][2]["tool_call_id"]
    assert len(told) == 9
    assert isinstance(first, Verbatim) == verbatim
