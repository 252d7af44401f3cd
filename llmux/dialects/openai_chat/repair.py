"""A client's own request without the proofs of other makers, which it held for us; for the verbatim lane.

They stand where `openai_chat/reasoning.py` has put them, in fields that many servers do not know: an empty field goes.
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.envelope import PREFIX
from llmux.dialects.openai_chat.reasoning import THOUGHTS, objects, thought_in

Wire = dict[str, Any]

MARK = PREFIX.encode()
# Where a message holds proofs in a list, and where in an entry of it.
LISTS = {"reasoning_details": ("data",), "thinking_blocks": ("signature", "data")}


def is_held(body: bytes) -> bool:
    """Whether there is a foreign proof in it, or something that looks like one."""
    return MARK in body


def repair(document: Mapping[str, Any]) -> Wire:
    """A new document without foreign proofs.

    The older completions have no messages, and no place for proofs: what stands there was read by nobody.
    """
    if not isinstance(document.get("messages"), list):
        return dict(document)
    return {**document, "messages": [_clean(message) for message in document["messages"]]}


def _clean(message: Any) -> Any:
    if not isinstance(message, dict):
        return message
    cleaned = _without_thought(message)
    for name, fields in LISTS.items():
        held = objects(message.get(name))
        kept = [entry for entry in held if not any(_is_sealed(entry.get(field)) for field in fields)]
        if len(kept) < len(held):
            del cleaned[name]
            cleaned |= {name: kept} if kept else {}
    if isinstance(calls := message.get("tool_calls"), list):
        cleaned["tool_calls"] = [_without_thought(call) for call in calls]
    return cleaned


def _without_thought(holder: Any) -> Any:
    if not isinstance(holder, dict):
        return holder
    sealed = {path[0] for path in THOUGHTS if _is_sealed(thought_in(holder, path))}
    return {name: value for name, value in holder.items() if name not in sealed}


def _is_sealed(proof: Any) -> bool:
    return isinstance(proof, str) and proof.startswith(PREFIX)
