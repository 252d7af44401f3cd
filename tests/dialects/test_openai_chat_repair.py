"""Proofs that a client held for us go to no server of its own dialect; nothing else is touched."""

from typing import Any

import orjson
import pytest

from llmux.dialects.envelope import seal
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.ir.content import ReasoningState

SEALED = seal(ReasoningState("anthropic", "signature", "S"))
HI = {"role": "user", "content": "hi"}
CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}
THOUGHT = {"extra_content": {"google": {"thought_signature": "c2ln"}}}
HELD = {"extra_content": {"google": {"thought_signature": SEALED}}}
TEXT = {"type": "reasoning.text", "text": "hm", "index": 0}
PROOF = {"type": "reasoning.encrypted", "data": SEALED, "index": 1}

BLOCK = {"type": "thinking", "thinking": "hm", "signature": SEALED}
OWN = {"content": SEALED, "tool_calls": [CALL | THOUGHT], **THOUGHT}

# An assistant's message -> what is left of it.
MESSAGES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a proof among details": (
        {"content": "a", "reasoning_details": [TEXT, PROOF]},
        {"content": "a", "reasoning_details": [TEXT]},
    ),
    "a proof alone": ({"content": "a", "reasoning_details": [PROOF]}, {"content": "a"}),
    "a block": ({"content": "a", "thinking_blocks": [BLOCK]}, {"content": "a"}),
    "a message": ({"content": "a", **HELD}, {"content": "a"}),
    "a call": ({"content": None, "tool_calls": [CALL | HELD, CALL]}, {"content": None, "tool_calls": [CALL, CALL]}),
    "a word that looks like one, and proofs of its own": (OWN, OWN),
}


@pytest.mark.parametrize("case", MESSAGES)
def test_sealed_proofs_are_taken_out(case: str) -> None:
    before, after = MESSAGES[case]
    document = {"model": "m", "messages": [HI, {"role": "assistant", **before}]}
    original = OPENAI_CHAT.decode_request(orjson.dumps(document)).original
    assert original is not None
    assert (original.repaired, original.restored) == (True, True)
    assert OPENAI_CHAT.repair(document) == {"model": "m", "messages": [HI, {"role": "assistant", **after}]}


def test_other_requests_are_sent_as_they_came() -> None:
    document = {"model": "m", "messages": [HI, {"role": "assistant", "content": "a", **THOUGHT}]}
    original = OPENAI_CHAT.decode_request(orjson.dumps(document)).original
    assert original is not None
    assert (original.repaired, original.restored) == (False, False)
    assert OPENAI_CHAT.repair(document) == document


def test_the_older_completions_have_no_place_for_proofs() -> None:
    document = {"model": "m", "prompt": SEALED}
    assert OPENAI_CHAT.repair(document) == document


@pytest.mark.parametrize("messages", [[1.5, None, "a"], [{"role": "assistant", "tool_calls": [None, 7]}]])
def test_what_the_older_completions_hold_of_messages_was_read_by_nobody(messages: list[Any]) -> None:
    document = {"model": "m", "prompt": SEALED, "messages": messages}
    assert OPENAI_CHAT.repair(document) == document
