"""A client's own document, for Google: without the proofs of other makers, which a client held for us.

https://ai.google.dev/gemini-api/docs/thought-signatures: a proof that is not Google's own makes it refuse the request.
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.gemini.reasoning import SEALED, is_foreign
from llmux.dialects.gemini.schema import DUMMY, FOREIGN_KEYS

Wire = dict[str, Any]

SIGNATURES = ("thoughtSignature", "thought_signature")
MARK = SEALED.encode()


def is_refused(body: bytes) -> bool:
    """Whether there is a foreign proof in it, or something that looks like one."""
    return MARK in body


def repair(document: Mapping[str, Any]) -> Wire:
    """`document` without foreign proofs. What has nothing else to say goes with its proof."""
    return {name: value if name in FOREIGN_KEYS else _clean(value) for name, value in document.items()}


def _clean(value: Any) -> Any:
    if isinstance(value, list):
        return [_clean(item) for item in value if not _is_silent(item)]
    return _without(repair(value)) if isinstance(value, dict) else value


def _is_silent(item: Any) -> bool:
    """A content of which nothing is left, because each of its parts is there for its foreign proof alone."""
    parts = item.get("parts") if isinstance(item, dict) else None
    return bool(parts) and all(map(_is_carrier, parts)) if isinstance(parts, list) else _is_carrier(item)


def _is_carrier(part: Any) -> bool:
    return isinstance(part, dict) and part.get("text") == "" and any(is_foreign(part.get(name)) for name in SIGNATURES)


def _without(part: Wire) -> Wire:
    """A part without its foreign proof; a call gets what stands for a lost one."""
    foreign = [name for name in SIGNATURES if is_foreign(part.get(name))]
    if not foreign:
        return part
    calls = any(name in part for name in ("functionCall", "function_call"))
    rest = {name: value for name, value in part.items() if name not in foreign}
    return rest | ({foreign[0]: DUMMY} if calls else {})
