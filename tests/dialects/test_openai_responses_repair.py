"""What OpenAI refuses in its own clients' requests is found, and taken out; nothing else is touched."""

from typing import Any

import orjson
import pytest

from llmux.dialects.envelope import seal
from llmux.dialects.openai_responses import OPENAI_RESPONSES
from llmux.ir.content import ReasoningState

HI = {"role": "user", "content": "hi"}
SUMMARY = [{"type": "summary_text", "text": "hm"}]
OWN = {"type": "reasoning", "id": "rs_1", "summary": SUMMARY, "encrypted_content": "gAAAA"}
SEALED = OWN | {"encrypted_content": seal(ReasoningState("anthropic", "signature", "S"))}
BY_ID = {"type": "reasoning", "id": "rs_1", "summary": SUMMARY, "encrypted_content": None}
OPEN = {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "hm"}]}

WHOLE: dict[str, Any] = {
    "a string": "hi",
    "no reasoning": [HI],
    "OpenAI's own": [HI, OWN, {"role": "assistant", "content": "a"}, HI],
    "an open model's": [HI, OPEN, HI],
}


def repaired(given: Any) -> tuple[bool, Any]:
    """Whether it needs to be, and what becomes of it."""
    document = {"model": "m", "store": False, "input": given}
    original = OPENAI_RESPONSES.decode_request(orjson.dumps(document)).original
    assert original is not None
    after = OPENAI_RESPONSES.repair(document)
    assert {**document, "input": after["input"]} == after
    return original.repaired, after["input"]


@pytest.mark.parametrize("case", WHOLE)
def test_what_openai_takes_is_sent_as_it_came(case: str) -> None:
    assert repaired(WHOLE[case]) == (False, WHOLE[case])


@pytest.mark.parametrize("item", [SEALED, BY_ID], ids=["another maker's proof", "no proof"])
def test_what_openai_did_not_make_is_taken_out(item: dict[str, Any]) -> None:
    assert repaired([HI, item, OWN, HI]) == (True, [HI, OWN, HI])
