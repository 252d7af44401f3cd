"""Reasoning and its proofs: what comes back to its maker, what goes to nobody, how it is asked for. H.43 to H.56."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson
import pytest

from llmux.dialects.base import Address
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Target
from llmux.ir.events import Event
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason
from tests.contract.wires import (
    DONE,
    STOP,
    Wire,
    able,
    answer,
    asked,
    assistant,
    blocks,
    call,
    calls,
    claude,
    gemini,
    heard,
    known,
    outgoing,
    sent,
    told,
    user,
)
from tests.laws.lanes import FORM
from tests.scripted import chunk

SIGNED = {"type": "thinking", "thinking": "hm", "signature": "c2ln"}
BARE = {"type": "thinking", "thinking": "", "signature": "c2ln"}
USE = {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"}
TOOL = {"name": "f", "input_schema": {"type": "object", "properties": {}}}
CLAUDE = known("claude", "anthropic", "claude-sonnet-4-5")
GEMINI = known("gemini", "gemini", "gemini-3-pro")
GPT = known("openai_responses", "openai", "gpt-5")
GENERATE = Address("/v1beta/models/m:generateContent")

# What a client of each dialect makes of an answer in its next request: all that it was given, and the results of calls.
CLIENTS: Mapping[str, Callable[[Any], Wire]] = {
    "claude": lambda body: asked(
        "claude", user(), assistant(body["content"]),
        user([{"type": "tool_result", "tool_use_id": block["id"], "content": "x"}
              for block in body["content"] if block["type"] == "tool_use"] or "go on"),
    ),
    "openai_chat": lambda body: asked(
        "openai_chat", user(), message := body["choices"][0]["message"],
        *({"role": "tool", "tool_call_id": made["id"], "content": "x"} for made in message.get("tool_calls") or ()),
        user(),
    ),
    "openai_responses": lambda body: {"model": "m", "store": False, "input": [
        {"role": "user", "content": "hi"}, *body["output"],
        *({"type": "function_call_output", "call_id": made["call_id"], "output": "x"}
          for made in body["output"] if made["type"] == "function_call"),
    ]},
}  # fmt: skip


def next_request(client: str, events: Sequence[Event]) -> Wire:
    return CLIENTS[client](orjson.loads(TABLE[client].encode_response(fold(events), FORM)))


# --- Claude's proofs -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("lane", ["verbatim", "translated"])
def test_a_proof_of_reasoning_without_words_goes_back(lane: str) -> None:
    """H.43: the next turn is refused without it."""
    body = asked("claude", user(), assistant([BARE, {"type": "text", "text": "Yes."}]), user())
    if lane == "verbatim":
        assert sent("claude", body, "claude", CLAUDE)["messages"][1]["content"][0] == BARE
    else:
        request = TABLE["claude"].decode_request(orjson.dumps(body))
        assert TABLE["claude"].encode_request(request, CLAUDE).body["messages"][1]["content"][0] == BARE


def test_a_client_is_told_a_proof_of_reasoning_without_words() -> None:
    """H.43: as a block of its own, through the translated lane too."""
    frames = told("claude", heard("claude", *claude(BARE, {"type": "text", "text": "Yes."})))
    assert blocks(frames) == [("thinking", ""), ("text", "Yes.")]
    assert [frame["delta"]["signature"] for frame in frames if "signature" in frame.get("delta", {})] == ["c2ln"]


UNSIGNED: dict[str, tuple[str, Wire]] = {
    "H.44 a block without a signature": (
        "claude",
        assistant([{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "Yes."}]),
    ),
    "H.44 a block with an empty one": (
        "claude",
        assistant([SIGNED | {"signature": ""}, {"type": "text", "text": "Yes."}]),
    ),
    "H.44 reasoning of another's": ("openai_chat", assistant("Yes.", reasoning_content="hm")),
}


@pytest.mark.parametrize("case", UNSIGNED)
def test_reasoning_that_nobody_signed_does_not_go_to_claude(case: str) -> None:
    client, message = UNSIGNED[case]
    turn = sent(client, asked(client, user(), message, user()), "claude", CLAUDE)["messages"][1]
    assert turn == assistant([{"type": "text", "text": "Yes."}])


@pytest.mark.parametrize("client", CLIENTS)
def test_claude_gets_its_proof_back_through_clients_of_others(client: str) -> None:
    """H.45: sealed for them, and as it was for its maker."""
    events = heard(
        "claude",
        *claude(SIGNED, {"type": "tool_use", "id": "toolu_1", "name": "f", "input": '{"a":1}'}, finish="tool_use"),
    )
    turn = sent(client, next_request(client, events), "claude", CLAUDE)["messages"][1]
    assert [block["type"] for block in turn["content"]] == ["thinking", "tool_use"]
    assert turn["content"][0] == SIGNED


@pytest.mark.parametrize("client", CLIENTS)
def test_another_model_in_between_does_not_cost_the_proof(client: str) -> None:
    """H.45: it hears nothing of it, in either lane, and the turn after that has it still."""
    body = next_request(client, heard("claude", *claude(SIGNED, {"type": "text", "text": "Yes."})))
    for backend in sorted(TABLE.keys() - {"claude"}):
        got = outgoing(client, body, backend).body
        assert not [proof for proof in (b"c2ln", b"llmux1") if proof in got]
    assert SIGNED in sent(client, body, "claude", CLAUDE)["messages"][1]["content"]


# --- OpenRouter's and Google's ---------------------------------------------------------------------------------------

DETAILS = [
    {"reasoning_details": [{"type": "reasoning.text", "text": "h", "index": 0}]},
    {"reasoning_details": [{"type": "reasoning.text", "text": "m", "index": 0}]},
    {"reasoning_details": [{"type": "reasoning.encrypted", "data": "c2ln", "index": 1}]},
]
MERGED = [
    {"type": "reasoning.text", "text": "hm", "index": 0},
    {"type": "reasoning.encrypted", "data": "c2ln", "index": 1},
]
CALL = calls(call('{"a":1}', "f", index=0, id="a"))


@pytest.mark.parametrize("client", CLIENTS)
def test_details_of_reasoning_are_put_together_by_their_index_and_come_back(client: str) -> None:
    """H.46: in one piece, though they came in several."""
    events = heard("openai_chat", *map(chunk, DETAILS), CALL, chunk({}, "tool_calls"), DONE)
    to = known("openai_chat", "openrouter", "google/gemini-3-pro")
    assert sent(client, next_request(client, events), "openai_chat", to)["messages"][1]["reasoning_details"] == MERGED


@pytest.mark.parametrize("client", CLIENTS)
def test_google_s_proof_in_a_chat_comes_back_on_its_call(client: str) -> None:
    """H.46: else the next turn is refused."""
    proof = {"google": {"thought_signature": "c2ln"}}
    signed = calls(call('{"a":1}', "f", index=0, id="a", extra_content=proof))
    events = heard("openai_chat", signed, chunk({}, "tool_calls"), DONE)
    to = Target("gemini-3-pro", known("openai_chat", "gemini", "gemini-3-pro").profile, "google")
    body = sent(client, next_request(client, events), "openai_chat", to)
    assert body["messages"][1]["tool_calls"][0]["extra_content"] == proof


FUNCTION = {"functionCall": {"id": "a", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"}


def functions(body: Wire) -> list[Wire]:
    return [part for content in body["contents"] for part in content["parts"] if "functionCall" in part]


@pytest.mark.parametrize("client", CLIENTS)
def test_google_s_proof_comes_back_through_clients_of_others(client: str) -> None:
    """H.47: through Codex in the encrypted content of an item before the call."""
    events = heard("gemini", gemini(FUNCTION, finish="STOP"))
    assert functions(sent(client, next_request(client, events), "gemini", GEMINI)) == [FUNCTION]


SERVER_CALL = {"toolCall": {"toolType": "GOOGLE_SEARCH", "id": "s"}, "thoughtSignature": "c2ln"}


@pytest.mark.parametrize("lane", ["verbatim", "translated"])
def test_a_call_that_google_answered_itself_goes_back_untouched(lane: str) -> None:
    """H.48: its proof included."""
    body = {"contents": [{"role": "user", "parts": [{"text": "hi"}]}, {"role": "model", "parts": [SERVER_CALL]},
                         {"role": "user", "parts": [{"text": "go on"}]}]}  # fmt: skip
    request = TABLE["gemini"].decode_request(orjson.dumps(body), GENERATE)
    translated = TABLE["gemini"].encode_request(request, GEMINI).body
    got = translated if lane == "translated" else sent("gemini", body, "gemini", GEMINI, GENERATE)
    assert got["contents"][1]["parts"] == [SERVER_CALL]


@pytest.mark.parametrize("client", CLIENTS)
def test_the_id_of_a_call_carries_no_proof(client: str) -> None:
    """H.49: ids have a longest length, and proofs are longer."""
    proof = "c2ln" * 100
    made = answer("gemini", gemini(FUNCTION | {"thoughtSignature": proof}, finish="STOP"))
    ids = re.findall(r'"(?:id|call_id)":"([^"]*)"', TABLE[client].encode_response(made, FORM).decode())
    assert "a" in ids
    assert all(len(each) <= 64 and "c2ln" not in each for each in ids)


# --- others ----------------------------------------------------------------------------------------------------------

LOOP = asked("claude", user(), assistant([SIGNED, USE]), user([RESULT]), tools=[TOOL])
LOST = asked("claude", user(), assistant([USE]), user([RESULT]), tools=[TOOL])


@pytest.mark.parametrize("model", ["deepseek-v3.2", "kimi-k2-thinking", "glm-4.6", "minimax-m2"])
def test_models_that_want_their_reasoning_back_get_it(model: str) -> None:
    """H.50: on the turn whose tools run; an empty one where it was lost."""
    to = known("openai_chat", "", model)
    assert sent("claude", LOOP, "openai_chat", to)["messages"][1]["reasoning_content"] == "hm"
    assert "reasoning_content" in sent("claude", LOST, "openai_chat", to)["messages"][1]


def test_models_that_refuse_reasoning_get_none() -> None:
    """H.50: OpenAI's own."""
    to = known("openai_chat", "openai", "gpt-5")
    assert "reasoning_content" not in sent("claude", LOOP, "openai_chat", to)["messages"][1]


@pytest.mark.parametrize("client", CLIENTS)
def test_reasoning_that_no_server_keeps_is_not_sent_by_its_id(client: str) -> None:
    """H.51: an item that was not stored is not found, and all is refused. Nor are proofs of others sent to OpenAI."""
    unproven = heard("openai_chat", chunk({"reasoning_content": "hm"}), CALL, chunk({}, "tool_calls"), DONE)
    proven = heard("claude", *claude(SIGNED, {"type": "text", "text": "Yes."}))
    for events in (unproven, proven):
        items = sent(client, next_request(client, events), "openai_responses", GPT)["input"]
        assert not [item for item in items if item.get("type") == "reasoning"]


def test_a_wish_for_reasoning_is_no_sampler() -> None:
    """H.52: a model that takes no temperature is asked to reason all the same."""
    thinking = {"type": "enabled", "budget_tokens": 20_000}
    body = asked("claude", user(), max_tokens=30_000, thinking=thinking, temperature=1, top_k=4)
    got = sent("claude", body, "openai_chat", known("openai_chat", "openai", "gpt-5"))
    assert got["reasoning_effort"] == "high"
    assert not {"temperature", "top_k"} & got.keys()


def test_a_budget_is_below_the_limit_of_tokens() -> None:
    """H.53: which grows where the model can write more, else the budget shrinks."""
    body = asked("openai_chat", user(), max_tokens=2000, reasoning_effort="high")
    got = sent("openai_chat", body, "claude", CLAUDE)
    assert got["max_tokens"] > got["thinking"]["budget_tokens"] >= 1024
    short = sent("openai_chat", body, "claude", able(thinking=True, reasoning="budget", max_output=3000))
    assert short["max_tokens"] > short["thinking"]["budget_tokens"] >= 1024


# What is asked for, of which model -> the budget that it takes.
BUDGETS: dict[str, tuple[Wire, str, int]] = {
    "H.53 more than it takes": ({"thinking": {"type": "enabled", "budget_tokens": 60_000}}, "gemini-2.5-flash", 24_576),
    "H.53 less than it takes": ({"thinking": {"type": "enabled", "budget_tokens": 10}}, "gemini-2.5-pro", 128),
    "H.53 none, where it cannot do without": ({"thinking": {"type": "disabled"}}, "gemini-2.5-pro", 128),
}


@pytest.mark.parametrize("case", BUDGETS)
def test_a_budget_is_one_that_the_model_takes(case: str) -> None:
    wish, model, taken = BUDGETS[case]
    got = sent(
        "claude", asked("claude", user(), **wish, max_tokens=100_000), "gemini", known("gemini", "gemini", model)
    )
    assert got["generationConfig"]["thinkingConfig"]["thinkingBudget"] == taken


OFF = asked("claude", user(), thinking={"type": "disabled"}, output_config={"effort": "high"})


@pytest.mark.parametrize("backend", ["openai_chat", "claude"])
def test_off_beats_an_effort_that_comes_with_it(backend: str) -> None:
    """H.54: Claude Code's helpers send both, and DeepSeek takes the effort for a wish to reason."""
    got = outgoing("claude", OFF, backend, known(backend, "deepseek", "deepseek-v4")).body
    assert b"effort" not in got


def test_claude_itself_is_told_both() -> None:
    """H.54: to it they do not contradict each other."""
    got = sent("claude", OFF, "claude", known("claude", "anthropic", "claude-opus-4-6"))
    assert got == OFF | {"model": "claude-opus-4-6"}


@pytest.mark.parametrize("client", ["ollama", "claude"])
def test_a_model_that_cannot_reason_is_not_asked_to(client: str) -> None:
    """H.55: Ollama refuses the whole request."""
    wish = {"think": True} if client == "ollama" else {"thinking": {"type": "enabled", "budget_tokens": 2000}}
    body = asked(client, user(), **wish)
    assert "think" not in sent(client, body, "ollama", known("ollama", "ollama", "llama3"))
    assert sent(client, body, "ollama", known("ollama", "ollama", "qwen3"))["think"] is True


def test_proofs_beside_calls_end_no_loop() -> None:
    """H.56: calls are what the answer ends with, whatever the backend says."""
    made = answer("openai_chat", chunk(DETAILS[2]), CALL, STOP, DONE)
    assert made.finish_reason is FinishReason.TOOL_CALL
