"""Conversations that change model, with clients that lose what models want back: plays through the whole gateway."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from llmux.conversation.memory import IN_MEMORY, IN_STORE, Memory
from llmux.conversation.notes import Notes
from llmux.conversation.reasoning import KeptReasoning
from llmux.conversation.shelf import Shelf
from llmux.dialects.openai_chat.schema import THOUGHT_MAKER
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Profile
from llmux.ir.content import Part, Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.events import PartStart, Verbatim
from llmux.responder import Client, Context
from llmux.store.archive import Archive
from llmux.store.base import Store
from llmux.store.memory import MemoryStore
from tests.fakes import FakeClock
from tests.gateway.accounts import FaultyStore
from tests.gateway.party import Guest, Party
from tests.scripted import JSON, Script, chunk, sse

THINKS = Profile(thinking=True, reasoning="budget", max_output=64_000)
REPLAYS = Profile(thinking=True, reasoning_replay="tool_turns")
SIGNED = Profile(thinking=True, signed_calls=True)
PROOF = ReasoningState("anthropic", "signature", "c2lnbmF0dXJl")
THOUGHT = Reasoning(text="Let me look.", states=(PROOF,))
LOOK = ToolCall(id="call_1", name="look", arguments='{"at":"it"}')

TOOLS = [{"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}]
ASKED = {"role": "user", "content": "What is it?"}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look", "arguments": '{"at": "it"}'}}
CALLED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
RESULT = {"role": "tool", "tool_call_id": "call_1", "content": "a cat"}
LOOP = (ASKED, CALLED, RESULT)


def chat(model: str, *messages: object, stream: bool = True) -> dict[str, Any]:
    """A request of an OpenAI client, which brings back what OpenAI's own API knows and nothing else."""
    return {"model": model, "messages": messages, "stream": stream, "tools": TOOLS, "reasoning_effort": "low"}


class Talk(Party):
    """A party in which the reasoning of earlier turns is remembered. `store` may be shared with another one."""

    def __init__(
        self, clock: FakeClock, store: Store | None = None, *, without_ids: bool = False, **guests: Guest
    ) -> None:
        super().__init__(clock, **guests)
        archive = Archive(store or MemoryStore(clock), clock, self.facts.append)
        memory = Memory(
            Shelf(IN_MEMORY.client, IN_MEMORY.total), Notes(archive, "reasoning", IN_STORE), clock, life=3600
        )
        dialects = TABLE
        if without_ids:
            dialects = {"openai_chat": replace(TABLE["openai_chat"], call_ids=False)}
        self.respond = KeptReasoning(self.respond, dialects, memory).respond


def blocks(body: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    """The blocks of a kind that a backend of Claude's dialect was sent."""
    content = [message["content"] for message in body["messages"]]
    return [block for blocks in content if isinstance(blocks, list) for block in blocks if block["type"] == kind]


@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_claude_gets_back_the_thought_that_an_openai_client_lost(clock: FakeClock, stream: bool) -> None:
    claude = Guest("claude", "anthropic", THINKS)
    talk = Talk(clock, claude=claude)
    claude.says(THOUGHT, LOOK, stream=stream)
    claude.says(Text(text="A cat."), stream=stream)
    await talk.ask("openai_chat", chat("claude", ASKED, stream=stream))
    await talk.ask("openai_chat", chat("claude", *LOOP, stream=stream))
    assert blocks(claude.heard[1], "thinking") == [
        {"type": "thinking", "thinking": "Let me look.", "signature": "c2lnbmF0dXJl"}
    ]
    assert claude.heard[1]["messages"][1]["content"][0]["type"] == "thinking"
    assert claude.heard[1]["thinking"]["type"] == "enabled"  # which Claude refuses where the turn does not begin so


async def test_a_turn_of_text_only_is_found_by_its_text(clock: FakeClock) -> None:
    claude = Guest("claude", "anthropic", THINKS)
    talk = Talk(clock, claude=claude)
    claude.says(THOUGHT, Text(text="A  cat."))
    claude.says(Text(text="Yes."))
    await talk.ask("openai_chat", chat("claude", ASKED))
    again = [ASKED, {"role": "assistant", "content": "A cat.\n"}, {"role": "user", "content": "Sure?"}]
    await talk.ask("openai_chat", chat("claude", *again))
    assert [block["signature"] for block in blocks(claude.heard[1], "thinking")] == ["c2lnbmF0dXJl"]


async def test_claude_then_gpt_then_claude_keeps_claudes_thoughts_and_gives_them_to_nobody_else(
    clock: FakeClock,
) -> None:
    claude, gpt = Guest("claude", "anthropic", THINKS), Guest("openai_chat", "openai", Profile(thinking=True))
    talk = Talk(clock, claude=claude, gpt=gpt)
    claude.says(THOUGHT, LOOK)
    gpt.says(Text(text="It is a cat."))
    claude.says(Text(text="Indeed."))
    await talk.ask("openai_chat", chat("claude", ASKED))
    events = await talk.ask("openai_chat", chat("gpt", *LOOP))
    assert isinstance(events[1], Verbatim)  # it wants nothing back: the client's own words are passed on
    assert gpt.heard[0]["messages"][1] == CALLED
    told = [*LOOP, {"role": "assistant", "content": "It is a cat."}, {"role": "user", "content": "Really?"}]
    await talk.ask("openai_chat", chat("claude", *told))
    assert [block["signature"] for block in blocks(claude.heard[1], "thinking")] == ["c2lnbmF0dXJl"]


async def test_a_claude_client_carries_its_own_through_another_model(clock: FakeClock) -> None:
    """I.55, H.43, H.44: its thoughts come back to their maker, also without text; unsigned ones go to nobody."""
    claude = Guest("claude", "anthropic", THINKS)
    other = Guest("openai_chat", "deepseek", Profile(thinking=True, reasoning_replay="always"))
    talk = Talk(clock, claude=claude, other=other)
    look = {"name": "look", "input_schema": {"type": "object"}}
    thinking = {"type": "enabled", "budget_tokens": 2000}

    def ask(model: str, *messages: object) -> dict[str, Any]:
        head = {"model": model, "max_tokens": 4000, "stream": True, "tools": [look], "thinking": thinking}
        return {**head, "messages": messages}

    claude.says(THOUGHT, LOOK)
    other.says(Reasoning(text="Mine."), Text(text="A cat."))
    claude.says(Text(text="Indeed."))
    use = {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": "it"}}
    thought = {"type": "thinking", "thinking": "Let me look.", "signature": "c2lnbmF0dXJl"}
    hidden = {"type": "thinking", "thinking": "", "signature": "aGlkZGVu"}
    result = {"type": "tool_result", "tool_use_id": "call_1", "content": "a cat"}
    asked = {"role": "user", "content": "What is it?"}
    history: list[Any] = [
        asked,
        {"role": "assistant", "content": [hidden, thought, use]},
        {"role": "user", "content": [result]},
    ]
    await talk.hear("claude", ask("claude", asked))
    heard = await talk.hear("claude", ask("other", *history))
    assert b"thinking_delta" in heard
    assert "c2lnbmF0dXJl" not in str(other.heard[0])
    assert other.heard[0]["messages"][1]["reasoning_content"] == "Let me look."
    unsigned = {"type": "thinking", "thinking": "Mine.", "signature": ""}
    history += [
        {"role": "assistant", "content": [unsigned, {"type": "text", "text": "A cat."}]},
        {"role": "user", "content": "Really?"},
    ]
    await talk.hear("claude", ask("claude", *history))
    assert blocks(claude.heard[1], "thinking") == [hidden, thought]


async def test_a_model_that_wants_its_reasoning_back_gets_it_from_a_client_that_dropped_it(clock: FakeClock) -> None:
    """I.56, H.50: also where the answer only passed, byte for byte."""
    deepseek = Guest("openai_chat", "deepseek", REPLAYS)
    talk = Talk(clock, deepseek=deepseek)
    deepseek.says(Reasoning(text="Let me look."), LOOK)
    deepseek.says(Text(text="A cat."))
    events = await talk.ask("openai_chat", chat("deepseek", ASKED))
    assert isinstance(events[1], Verbatim)
    await talk.ask("openai_chat", chat("deepseek", *LOOP))
    assert deepseek.heard[1]["messages"][1]["reasoning_content"] == "Let me look."
    assert deepseek.heard[1]["tools"] == TOOLS


async def test_who_brings_it_back_is_passed_on_as_it_is(clock: FakeClock) -> None:
    deepseek = Guest("openai_chat", "deepseek", REPLAYS)
    talk = Talk(clock, deepseek=deepseek)
    deepseek.says(Reasoning(text="Let me look."), LOOK)
    deepseek.says(Text(text="A cat."))
    await talk.ask("openai_chat", chat("deepseek", ASKED))
    body = chat("deepseek", ASKED, {**CALLED, "reasoning_content": "Let me look."}, RESULT)
    events = await talk.ask("openai_chat", body)
    assert isinstance(events[1], Verbatim)
    asked_of_it = {**body, "model": "m", "stream_options": {"include_usage": True}}  # the wish for usage is ours
    assert deepseek.heard[1] == orjson.loads(orjson.dumps(asked_of_it))


async def test_googles_proof_comes_back_on_its_call(clock: FakeClock) -> None:
    """I.53: for a client that drops unknown keys, and on the exact part."""
    gemini = Guest("openai_chat", THOUGHT_MAKER, SIGNED)
    talk = Talk(clock, gemini=gemini)
    signed = {**CALL, "index": 0, "extra_content": {"google": {"thought_signature": "Z29vZ2xl"}}}
    delta = {"role": "assistant", "tool_calls": [signed]}
    gemini.does(Script(steps=[sse(chunk(delta), chunk({}, "tool_calls"), "[DONE]")]))
    gemini.says(Text(text="A cat."))
    await talk.ask("openai_chat", chat("gemini", ASKED))
    await talk.ask("openai_chat", chat("gemini", *LOOP))
    (call,) = gemini.heard[1]["messages"][1]["tool_calls"]
    assert call["extra_content"] == {"google": {"thought_signature": "Z29vZ2xl"}}


OLLAMA_CALLED = {
    "role": "assistant",
    "content": "",
    "tool_calls": [{"function": {"name": "look", "arguments": {"at": "it"}}}],
}


@pytest.mark.skipif("ollama" not in TABLE, reason="no dialect here has calls without ids")
@pytest.mark.parametrize("stream", [True, False], ids=["stream", "whole"])
async def test_claude_gets_its_proof_back_through_ollamas_api(clock: FakeClock, stream: bool) -> None:
    """That API has no place for a proof, nor for the id of a call; its clients may bring back the thinking's text."""
    claude = Guest("claude", "anthropic", THINKS)
    talk = Talk(clock, claude=claude)

    def ask(*messages: object) -> dict[str, Any]:
        return {"model": "claude", "messages": messages, "stream": stream, "tools": TOOLS, "think": True}

    claude.says(THOUGHT, LOOK, stream=stream)
    claude.says(Text(text="A cat."), stream=stream)
    await talk.ask("ollama", ask(ASKED))
    called = OLLAMA_CALLED | {"thinking": "Let me look."}
    await talk.ask("ollama", ask(ASKED, called, {"role": "tool", "tool_name": "look", "content": "a cat"}))
    assert [block["signature"] for block in blocks(claude.heard[1], "thinking")] == ["c2lnbmF0dXJl"]


@pytest.mark.skipif("gemini" not in TABLE, reason="no dialect here has Google's own parts")
async def test_googles_own_dialect_gets_its_proof_back_on_the_exact_part(clock: FakeClock) -> None:
    """I.53: from a client of OpenAI's that drops unknown keys."""
    gemini = Guest("gemini", THOUGHT_MAKER, SIGNED)
    talk = Talk(clock, gemini=gemini)
    look = {"functionCall": {"name": "look", "args": {"at": "it"}}, "thoughtSignature": "Z29vZ2xl"}
    candidate = {"content": {"role": "model", "parts": [look]}, "finishReason": "STOP", "index": 0}
    gemini.does(Script(headers=JSON, steps=[orjson.dumps({"candidates": [candidate]})]))
    gemini.says(Text(text="A cat."), stream=False)
    events = await talk.ask("openai_chat", chat("gemini", ASKED, stream=False))
    call_id = next(event.part.id for event in events if isinstance(event, PartStart) and type(event.part) is ToolCall)
    called = {**CALLED, "tool_calls": [{**CALL, "id": call_id}]}
    await talk.ask("openai_chat", chat("gemini", ASKED, called, {**RESULT, "tool_call_id": call_id}, stream=False))
    parts = [part for content in gemini.heard[1]["contents"] for part in content["parts"]]
    assert [part["thoughtSignature"] for part in parts if "functionCall" in part] == ["Z29vZ2xl"]


async def test_where_calls_have_no_ids_a_turn_is_found_by_its_words(clock: FakeClock) -> None:
    claude = Guest("claude", "anthropic", THINKS)
    talk = Talk(clock, claude=claude, without_ids=True)
    claude.says(THOUGHT, LOOK)
    claude.says(Text(text="A cat."))
    await talk.ask("openai_chat", chat("claude", ASKED))
    made_up = {**CALLED, "tool_calls": [{**CALL, "id": "call_0"}]}
    await talk.ask("openai_chat", chat("claude", ASKED, made_up, {**RESULT, "tool_call_id": "call_0"}))
    assert len(blocks(claude.heard[1], "thinking")) == 1


async def test_what_one_client_said_is_not_put_into_anothers_mouth(clock: FakeClock) -> None:
    claude = Guest("claude", "anthropic", THINKS)
    talk = Talk(clock, claude=claude)
    claude.says(THOUGHT, LOOK)
    claude.says(Text(text="A cat."))
    await talk.ask("openai_chat", chat("claude", ASKED), Context("r1", Client("ann")))
    await talk.ask("openai_chat", chat("claude", *LOOP), Context("r2", Client("bob")))
    assert blocks(claude.heard[1], "thinking") == []


async def test_another_worker_goes_on_with_the_conversation(clock: FakeClock) -> None:
    claude, store = Guest("claude", "anthropic", THINKS), MemoryStore(clock)
    one, other = Talk(clock, store, claude=claude), Talk(clock, store, claude=claude)
    claude.says(THOUGHT, LOOK)
    claude.says(Text(text="A cat."))
    await one.ask("openai_chat", chat("claude", ASKED))
    await other.ask("openai_chat", chat("claude", *LOOP))
    assert len(blocks(claude.heard[1], "thinking")) == 1


async def test_where_nothing_is_kept_the_store_is_hardly_asked(clock: FakeClock) -> None:
    gpt, store = Guest("openai_chat", "openai", Profile(thinking=True)), FaultyStore(clock)
    talk = Talk(clock, store, gpt=gpt)
    for _ in range(20):
        gpt.says(Text(text="A cat."))
        await talk.ask("openai_chat", chat("gpt", *LOOP))
    assert store.calls == 1


async def test_other_clients_are_handed_to_the_gateway_itself(clock: FakeClock) -> None:
    talk = Talk(clock, claude=Guest("claude", "anthropic", THINKS))
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "x"}]}
    batches = talk.respond(TABLE["claude"].decode_request(orjson.dumps(body)), Context("r"))
    assert batches.__qualname__ == "Gateway.respond"
    await batches.aclose()


@pytest.mark.parametrize("parts", [(Text(text="A cat."),), (LOOK,)], ids=["text", "call"])
async def test_an_answer_without_reasoning_is_not_kept(clock: FakeClock, parts: tuple[Part, ...]) -> None:
    claude, store = Guest("claude", "anthropic", THINKS), FaultyStore(clock)
    talk = Talk(clock, store, claude=claude)
    claude.says(*parts)
    await talk.ask("openai_chat", chat("claude", ASKED))
    assert await store.notes("") == {}
