"""A client's own request without what Claude is known to refuse in it, for the verbatim lane. It changes nothing else.

Claude itself gives empty texts beside tool calls and refuses them when they come back; and it refuses reasoning that it
did not sign, which a conversation holds after another backend has answered a turn of it.
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.claude.turns import begins_with_thinking
from llmux.dialects.envelope import PREFIX

Wire = dict[str, Any]

PLACEHOLDER = {"type": "text", "text": "(empty)"}


def is_refused(document: Mapping[str, Any]) -> bool:
    """Whether `document`, a request that has been decoded, holds something that Claude refuses."""
    return any(_is_refused_content(holder.get("content")) for holder in document["messages"]) or _is_refused_content(
        document.get("system") or None
    )


def _is_refused_content(content: Any) -> bool:
    if isinstance(content, list):
        return any(map(_is_refused, content))
    return isinstance(content, str) and _is_blank(content)


def _is_refused(block: Wire) -> bool:
    check = CHECKS.get(block["type"])
    return check is not None and check(block)


def _is_blank(text: str) -> bool:
    return not text or text.isspace()


def _is_unsigned(proof: Any) -> bool:
    return not proof or proof.startswith(PREFIX)


CHECKS: Mapping[str, Any] = {
    "text": lambda block: _is_blank(block["text"]),
    "thinking": lambda block: _is_unsigned(block.get("signature")),
    "redacted_thinking": lambda block: _is_unsigned(block["data"]),
    "tool_result": lambda block: isinstance(block.get("content"), list) and any(map(_is_refused, block["content"])),
}


def repair(document: Mapping[str, Any]) -> Wire:
    """A new document. What it keeps is in the same order, and as it was."""
    repaired = dict(document)
    if isinstance(system := document.get("system"), list):
        repaired["system"] = _clean(system)
    elif isinstance(system, str) and _is_blank(system):
        del repaired["system"]
    cleaned = [_clean_message(message) for message in document["messages"]]
    messages = [message for message in cleaned if message["content"]]
    repaired["messages"] = messages or [{"role": "user", "content": [PLACEHOLDER]}]
    return repaired if begins_with_thinking(repaired["messages"]) else _without_thinking(repaired)


def _clean_message(message: Wire) -> Wire:
    content = message["content"]
    if isinstance(content, str):
        return message | {"content": ""} if _is_blank(content) else message
    return message | {"content": _clean(content)}


def _clean(blocks: list[Wire]) -> list[Wire]:
    return [_clean_block(block) for block in blocks if block["type"] == "tool_result" or not _is_refused(block)]


def _clean_block(block: Wire) -> Wire:
    """A tool result without blank texts; any other block is whole."""
    if block["type"] != "tool_result" or not _is_refused(block):
        return block
    content = [entry for entry in block["content"] if not _is_refused(entry)]
    if not content:
        content = [PLACEHOLDER]
    return block | {"content": content}


def _without_thinking(document: Wire) -> Wire:
    """Manual thinking needs a last message that thinks first; where that was lost, this one answer does not reason."""
    if (document.get("thinking") or {}).get("type") != "enabled":
        return document
    return without_thinking_edits(document | {"thinking": {"type": "disabled"}})


def without_thinking_edits(document: Wire) -> Wire:
    """`document` without the edits of its context that are refused where the model does not reason."""
    management = document.get("context_management")
    if not isinstance(management, dict) or not isinstance(management.get("edits"), list):
        return document
    edits = [edit for edit in management["edits"] if not _clears_thinking(edit)]
    if not edits:
        return {name: value for name, value in document.items() if name != "context_management"}
    return document | {"context_management": management | {"edits": edits}}


def _clears_thinking(edit: Any) -> bool:
    return isinstance(edit, dict) and str(edit.get("type")).startswith("clear_thinking")
