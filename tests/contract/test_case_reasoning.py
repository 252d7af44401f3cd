"""Cases 53, 55 and 56 of the contract: proofs of reasoning go back to who made them, and to nobody else."""

from typing import Any

import pytest

from llmux.ir.capability import Profile
from llmux.ir.content import Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from tests.contract.again import claude_again
from tests.contract.stage import Wire, sent, told
from tests.conversation.test_reasoning import Talk
from tests.fakes import FakeClock
from tests.gateway.party import Guest, Party

THINKS = Profile(thinking=True, reasoning="budget", max_output=64_000)
FUNCTION = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
USE = {"type": "tool_use", "id": "a", "name": "look", "input": {}}
SIGNED = {"type": "thinking", "thinking": "mine", "signature": "c2ln"}
SILENT = {"type": "thinking", "thinking": "", "signature": "aGlk"}
UNSIGNED = {"type": "thinking", "thinking": "of another", "signature": ""}


def claude(*blocks: Wire, model: str = "m", **fields: Any) -> Wire:
    """A request of Claude's client, in whose history the assistant said `blocks` and called a tool."""
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": [*blocks, USE]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "a", "content": "ok"}]},
    ]
    tools = [{"name": "look", "input_schema": {"type": "object", "properties": {}}}]
    return {"model": model, "max_tokens": 4000, "messages": messages, "tools": tools, **fields}


def thoughts(body: Wire) -> list[Any]:
    return [block for block in body["messages"][1]["content"] if block["type"] == "thinking"]


def test_claude_gets_its_own_proofs_back_also_without_words_and_no_unsigned_thought() -> None:
    """I.55: whatever model spoke in between."""
    assert thoughts(sent("claude", claude(SIGNED, SILENT, UNSIGNED), "claude 4.5")) == [SIGNED, SILENT]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5", "responses", "gemini 3", "ollama", "deepseek"])
def test_no_other_maker_sees_claudes_proofs(model: str) -> None:
    """I.55."""
    body = str(sent("claude", claude(SIGNED, SILENT), model))
    assert "c2ln" not in body
    assert "aGlk" not in body


def test_a_proof_of_openais_goes_through_claudes_client_to_openai_and_not_to_claude() -> None:
    """I.55: in an envelope that names its maker."""
    state = ReasoningState("openai", "encrypted", "RU5D")
    said = (Reasoning(text="hm", states=(state,)), ToolCall(id="a", name="look", arguments="{}"))
    response = Response("1", "m", said, FinishReason.TOOL_CALL)
    again = claude_again(told("claude", list(explode(response))))
    items = sent("claude", again, "responses")["input"]
    assert [item["encrypted_content"] for item in items if item["type"] == "reasoning"] == ["RU5D"]
    assert thoughts(sent("claude", again, "claude 4.5")) == []


async def test_a_proof_that_claude_refuses_is_left_out_and_it_is_asked_once_more(clock: FakeClock) -> None:
    """I.55: without any proof."""
    guest = Guest("claude", "anthropic", THINKS)
    party = Party(clock, claude=guest)
    guest.refuses("messages.1.content.0: Invalid `signature` in `thinking` block")
    guest.says(Text(text="healed"))
    thinking = {"type": "enabled", "budget_tokens": 2000}
    heard = await party.hear("claude", claude(SIGNED, model="claude", stream=True, thinking=thinking))
    assert b"healed" in heard
    first, second = guest.heard
    assert thoughts(first) == [SIGNED]
    assert thoughts(second) == []


def test_a_model_that_wants_its_reasoning_back_has_it_on_every_turn_with_calls() -> None:
    """I.56: DeepSeek's; as text, without any proof."""
    body = sent("claude", claude(SIGNED), "deepseek")
    assert body["messages"][1]["reasoning_content"] == "mine"
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    turns: list[Wire] = [{"role": "user", "content": "go"}]
    for at in range(2):
        called = {"role": "assistant", "content": None, "tool_calls": [call | {"id": f"c{at}"}]}
        turns += [called | {"reasoning_content": f"t{at}"}, {"role": "tool", "tool_call_id": f"c{at}", "content": "ok"}]
    again = sent("openai_chat", {"model": "m", "messages": turns}, "deepseek")["messages"]
    assert [turn["reasoning_content"] for turn in again if turn["role"] == "assistant"] == ["t0", "t1"]


def test_a_turn_whose_reasoning_is_lost_has_the_field_all_the_same() -> None:
    """I.56: DeepSeek refuses one without."""
    assert "reasoning_content" in sent("claude", claude(), "deepseek")["messages"][1]


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5", "other"])
def test_openai_is_never_told_what_was_thought(model: str) -> None:
    """I.56."""
    assert "reasoning" not in str(sent("claude", claude(SIGNED), model)["messages"])


async def test_googles_proof_is_kept_for_a_chat_client_that_drops_it(clock: FakeClock) -> None:
    """I.53: and stands on the exact call again."""
    guest = Guest("gemini", "google", Profile(thinking=True, signed_calls=True))
    talk = Talk(clock, gemini=guest)
    proof = ReasoningState("google", "signature", "Z29vZ2xl")
    guest.says(ToolCall(id="a", name="look", arguments="{}", states=(proof,)))
    guest.says(Text(text="so"))
    asked = {"model": "gemini", "stream": True, "tools": [FUNCTION]}
    hello = {"role": "user", "content": "go"}
    call = {"id": "a", "type": "function", "function": {"name": "look", "arguments": "{}"}}
    await talk.ask("openai_chat", {**asked, "messages": [hello]})
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "a", "content": "ok"}
    await talk.ask("openai_chat", {**asked, "messages": [hello, called, result]})
    parts = [part for content in guest.heard[1]["contents"] for part in content["parts"]]
    assert [part["thoughtSignature"] for part in parts if "functionCall" in part] == ["Z29vZ2xl"]
