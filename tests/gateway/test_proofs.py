"""Proofs of reasoning that a backend refuses: it is asked again without them, and not bothered with them any more."""

from typing import Any

import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import BadRequest
from llmux.gateway.proofs import RefusedProofs, proofs, without_proofs
from llmux.ir.capability import Profile
from llmux.ir.content import Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.events import Verbatim
from llmux.ir.request import Message, Original, Request, Role
from llmux.telemetry import AttemptFailed
from tests.fakes import FakeClock
from tests.gateway.party import Guest, Party

REFUSAL = "messages.1.content.0: Invalid `signature` in `thinking` block"
THINKS = Profile(thinking=True, reasoning="budget", max_output=64_000)
OLD = ReasoningState("anthropic", "signature", "b2xk")
NEW = ReasoningState("anthropic", "signature", "bmV3")


def said(*signatures: str) -> dict[str, Any]:
    """A request of a Claude client whose history holds a signed thought for each signature."""
    history: list[dict[str, Any]] = []
    for number, signature in enumerate(signatures):
        thought = {"type": "thinking", "thinking": f"thought {number}", "signature": signature}
        history += [
            {"role": "user", "content": f"question {number}"},
            {"role": "assistant", "content": [thought, {"type": "text", "text": f"answer {number}"}]},
        ]
    thinking = {"type": "enabled", "budget_tokens": 2000}
    messages = [*history, {"role": "user", "content": "go on"}]
    return {"model": "claude", "max_tokens": 4000, "stream": True, "thinking": thinking, "messages": messages}


def told(body: dict[str, Any]) -> list[str]:
    """The signatures that a backend was sent."""
    blocks = [block for message in body["messages"] for block in message["content"] if isinstance(block, dict)]
    return [block["signature"] for block in blocks if block["type"] == "thinking"]


async def test_it_is_asked_again_without_them_and_thinks_anew(clock: FakeClock) -> None:
    claude = Guest("claude", "anthropic", THINKS)
    party = Party(clock, claude=claude)
    claude.refuses(REFUSAL)
    claude.says(Reasoning(text="anew", states=(NEW,)), Text(text="healed"))
    heard = await party.hear("claude", said("b2xk"))
    assert b"healed" in heard
    assert b"bmV3" in heard
    first, second = claude.heard
    assert (told(first), told(second)) == (["b2xk"], [])
    assert second["thinking"] == first["thinking"]
    assert [message["role"] for message in second["messages"]] == ["user", "assistant", "user"]
    assert sum(isinstance(fact, AttemptFailed) for fact in party.facts) == 1


async def test_the_turns_that_follow_are_not_refused_again(clock: FakeClock) -> None:
    claude = Guest("claude", "anthropic", THINKS)
    party = Party(clock, claude=claude)
    claude.refuses(REFUSAL)
    claude.says(Reasoning(text="anew", states=(NEW,)), Text(text="one"))
    claude.says(Text(text="two"))
    claude.says(Text(text="three"))
    await party.hear("claude", said("b2xk"))
    await party.hear("claude", said("b2xk", "bmV3"))
    assert told(claude.heard[2]) == ["bmV3"]  # the good one is kept
    events = await party.ask("claude", said("bmV3"))
    assert isinstance(events[1], Verbatim)  # nothing to leave out: the bytes pass as they come


async def test_once_only(clock: FakeClock) -> None:
    claude = Guest("claude", "anthropic", THINKS)
    party = Party(clock, claude=claude)
    claude.refuses(REFUSAL)
    claude.refuses(REFUSAL)
    with pytest.raises(BadRequest, match="Invalid `signature`"):
        await party.hear("claude", said("b2xk"))
    assert len(claude.heard) == 2


def history(*states: ReasoningState) -> Request:
    parts = (Reasoning(text="why", states=states), Text(text="x"), ToolCall(id="c", name="f", states=states))
    messages = (Message(Role.USER, (Text(text="q"),)), Message(Role.ASSISTANT, parts))
    return Request(dialect="claude", model="m", messages=messages, original=Original(b"{}", {}))


def test_the_text_of_the_reasoning_stays() -> None:
    stripped = without_proofs(history(OLD, NEW))
    assert not list(proofs(stripped))
    assert stripped.original is None
    assert stripped.messages[1].parts == (Reasoning(text="why"), Text(text="x"), ToolCall(id="c", name="f"))


def test_only_what_was_refused_by_this_backend_is_left_out() -> None:
    refused, request = RefusedProofs(), history(OLD, NEW)
    assert refused.fit("a", request) is request
    refused.learn("a", history(OLD))
    assert set(proofs(refused.fit("a", request))) == {NEW}
    assert refused.fit("b", request) is request
    assert refused.fit("a", history(NEW)).original is not None


def test_the_latest_are_remembered() -> None:
    refused = RefusedProofs(most=1)
    refused.learn("a", history(OLD))
    refused.learn("a", history(NEW))
    assert set(proofs(refused.fit("a", history(OLD, NEW)))) == {OLD}


def test_a_request_without_proofs_stays_as_it_is() -> None:
    request = TABLE["claude"].decode_request(b'{"model":"m","max_tokens":1,"messages":[{"role":"user","content":"x"}]}')
    assert without_proofs(request) is request
