"""What Claude refuses in its own clients' requests is found, and taken out; nothing else is touched."""

import copy
from typing import Any

import orjson
import pytest

from llmux.dialects.claude import CLAUDE
from llmux.dialects.envelope import seal
from llmux.ir.content import ReasoningState

TEXT = {"type": "text", "text": "x"}
BLANK = {"type": "text", "text": " \n"}
CALL = {"type": "tool_use", "id": "a", "name": "f", "input": {}}
SIGNED = {"type": "thinking", "thinking": "t", "signature": "S"}
UNSIGNED = {"type": "thinking", "thinking": "t", "signature": ""}
SEALED = {"type": "thinking", "thinking": "t", "signature": seal(ReasoningState("openai", "encrypted", "E"))}
RESULT = {"type": "tool_result", "tool_use_id": "a", "content": "ok"}
HELLO = {"role": "user", "content": "Hello"}


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(blocks)}


def is_repaired(**fields: Any) -> bool:
    original = CLAUDE.decode_request(orjson.dumps({"model": "m"} | fields)).original
    assert original is not None
    return original.repaired


WHOLE = {
    "plain": [HELLO, assistant(SIGNED, TEXT, CALL), user(RESULT, TEXT)],
    "hidden reasoning": [HELLO, assistant({"type": "redacted_thinking", "data": "D"}, TEXT)],
    "signature alone": [HELLO, assistant({"type": "thinking", "thinking": "", "signature": "S"}, TEXT)],
    "unknown": [user({"type": "new", "text": ""})],
}


@pytest.mark.parametrize("messages", WHOLE.values(), ids=WHOLE)
def test_what_claude_takes_is_sent_as_it_came(messages: list[Any]) -> None:
    assert not is_repaired(messages=messages, system=[TEXT])
    document = {"messages": messages, "system": [TEXT]}
    assert CLAUDE.repair(document) == document


REPAIRS: dict[str, tuple[list[Any], list[Any]]] = {
    "blank text": ([user(TEXT, BLANK)], [user(TEXT)]),
    "empty text beside a call": (
        [HELLO, assistant({"type": "text", "text": ""}, CALL), user(RESULT)],
        [HELLO, assistant(CALL), user(RESULT)],
    ),
    "blank message": ([HELLO, {"role": "user", "content": "  "}], [HELLO]),
    "nothing left": ([user(BLANK)], [user({"type": "text", "text": "(empty)"})]),
    "unsigned": ([HELLO, assistant(UNSIGNED, TEXT), HELLO], [HELLO, assistant(TEXT), HELLO]),
    "no signature": (
        [HELLO, assistant({"type": "thinking", "thinking": "t"}, TEXT), HELLO],
        [HELLO, assistant(TEXT), HELLO],
    ),
    "another maker's": ([HELLO, assistant(SEALED, SIGNED, TEXT)], [HELLO, assistant(SIGNED, TEXT)]),
    "another maker's, hidden": (
        [HELLO, assistant({"type": "redacted_thinking", "data": SEALED["signature"]}, TEXT)],
        [HELLO, assistant(TEXT)],
    ),
    "blank in a result": (
        [HELLO, assistant(CALL), user(RESULT | {"content": [TEXT, BLANK]})],
        [HELLO, assistant(CALL), user(RESULT | {"content": [TEXT]})],
    ),
    "only blanks in a result": (
        [HELLO, assistant(CALL), user(RESULT | {"content": [BLANK]})],
        [HELLO, assistant(CALL), user(RESULT | {"content": [{"type": "text", "text": "(empty)"}]})],
    ),
}


@pytest.mark.parametrize(("messages", "repaired"), REPAIRS.values(), ids=REPAIRS)
def test_what_claude_refuses_is_taken_out(messages: list[Any], repaired: list[Any]) -> None:
    assert is_repaired(messages=messages)
    document = {"model": "m", "new": 1, "messages": messages, "stream": True}
    before = copy.deepcopy(document)
    again = CLAUDE.repair(document)
    assert again == document | {"messages": repaired}
    assert list(again) == list(document)
    assert document == before


def test_blank_system_is_taken_out() -> None:
    assert is_repaired(messages=[HELLO], system=[BLANK])
    assert CLAUDE.repair({"messages": [HELLO], "system": [TEXT, BLANK]})["system"] == [TEXT]
    assert "system" not in CLAUDE.repair({"messages": [HELLO], "system": ""})


CLEAR, OTHER = {"type": "clear_thinking_20251015"}, {"type": "clear_tool_uses_20250919"}
LOST = [HELLO, assistant(UNSIGNED, CALL), user(RESULT)]
MANUAL = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
OFF = {"thinking": {"type": "disabled"}}
THINKING: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "lost": (MANUAL, OFF),
    "with its edits": (MANUAL | {"context_management": {"edits": [CLEAR]}}, OFF),
    "with other edits": (
        MANUAL | {"context_management": {"edits": [CLEAR, OTHER]}},
        OFF | {"context_management": {"edits": [OTHER]}},
    ),
    "adaptive needs none": ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    "none asked for": ({}, {}),
}


@pytest.mark.parametrize(("fields", "repaired"), THINKING.values(), ids=THINKING)
def test_manual_thinking_ends_where_the_last_calls_lost_theirs(
    fields: dict[str, Any], repaired: dict[str, Any]
) -> None:
    document = CLAUDE.repair({"messages": LOST} | fields)
    del document["messages"]
    assert document == repaired


def test_manual_thinking_stays_where_the_last_message_has_no_calls() -> None:
    document = {"messages": [*LOST, assistant(UNSIGNED, TEXT), HELLO]} | MANUAL
    assert CLAUDE.repair(document)["thinking"] == MANUAL["thinking"]
