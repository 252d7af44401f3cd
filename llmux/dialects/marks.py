"""Marks of how far a prompt may be cached, as clients of OpenAI's APIs spell them. Dialect-neutral.

OpenRouter's and LiteLLM's clients say it in Claude's way, on a part, a message or a tool; OpenAI's models from gpt-5.6
on have a mark of their own.

Reference: https://developers.openai.com/api/docs/guides/prompt-caching
"""

from collections.abc import Mapping

from llmux.dialects.shape import Fields
from llmux.ir.content import CacheMark

BREAKPOINT = "prompt_cache_breakpoint"
# A mark -> how long it lives when it does not say so itself; None: as long as the backend likes.
MARKS: Mapping[str, str | None] = {"cache_control": None, BREAKPOINT: "30m"}


def cache_mark(fields: Fields) -> CacheMark | None:
    """The mark on `fields`. A null is none."""
    for name, lifetime in MARKS.items():
        if name in fields.document and (mark := fields.object(name)):
            return CacheMark(mark.text("ttl") or lifetime)
    return None
