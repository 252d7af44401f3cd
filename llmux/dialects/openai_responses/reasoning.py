"""What an item of reasoning says: its readable text, and the proof that it carries."""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.envelope import unseal
from llmux.dialects.openai_responses.schema import MAKER, SEPARATOR, STATE
from llmux.ir.content import ReasoningState


def reasoning_text(item: Mapping[str, Any]) -> str:
    """The readable text of a reasoning item."""
    for name in ("summary", "content"):
        pieces = item.get(name)
        texts = [piece.get("text") for piece in pieces if isinstance(piece, dict)] if isinstance(pieces, list) else []
        if text := SEPARATOR.join(text for text in texts if isinstance(text, str) and text):
            return text
    return ""


def states_of(item: Mapping[str, Any]) -> tuple[ReasoningState, ...]:
    """The proof in a reasoning item; it may be one of another maker's, sealed by us."""
    data = item.get("encrypted_content")
    if not isinstance(data, str) or not data:
        return ()
    return (unseal(data) or ReasoningState(MAKER, STATE, data),)
