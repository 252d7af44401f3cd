"""A client's own request without the reasoning that OpenAI refuses, for the verbatim lane. It changes nothing else.

After another backend has answered a turn, a conversation holds reasoning that OpenAI did not make. Its proof is sealed
by us; or it has none, and then nothing but an id stands for it, which a server that was told to store nothing does not
know. See https://platform.openai.com/docs/guides/reasoning#encrypted-reasoning-items.
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.envelope import PREFIX

Wire = dict[str, Any]


def is_refused(document: Mapping[str, Any]) -> bool:
    """Whether `document`, a request that has been decoded, holds such reasoning."""
    items = document.get("input")
    return isinstance(items, list) and any(map(_is_refused, items))


def repair(document: Mapping[str, Any]) -> Wire:
    """A new document. What it keeps is in the same order, and as it was."""
    if not is_refused(document):
        return dict(document)
    return {**document, "input": [item for item in document["input"] if not _is_refused(item)]}


def _is_refused(item: Any) -> bool:
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    proof = item.get("encrypted_content")
    if isinstance(proof, str) and proof:
        return proof.startswith(PREFIX)
    return not item.get("content")  # open models think in plain text, and are told it again
