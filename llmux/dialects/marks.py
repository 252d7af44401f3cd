"""Marks of what to cache, as clients of OpenAI's APIs spell them: OpenRouter's and LiteLLM's `cache_control`.

They have the form of Claude's, and stand on a part, a message or a tool. OpenAI itself knows none.
"""

from llmux.dialects.shape import Fields
from llmux.ir.content import CacheMark


def cache_mark(fields: Fields) -> CacheMark | None:
    """The mark on `fields`. A null is none."""
    if "cache_control" not in fields.document:  # nearly always
        return None
    mark = fields.object("cache_control")
    return CacheMark(mark.text("ttl")) if mark else None
