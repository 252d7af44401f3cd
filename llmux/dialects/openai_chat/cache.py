"""Marks of how far a prompt may be cached, both ways.

Gateways have Claude's `cache_control`; OpenAI's models from gpt-5.6 on have a mark of their own, on parts of messages.

Reference: https://developers.openai.com/api/docs/guides/prompt-caching
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.shape import Fields
from llmux.ir.content import CacheMark

Wire = dict[str, Any]

BREAKPOINT = "prompt_cache_breakpoint"
LONG_LIFE = "12h"  # what can be asked for beside the default
MAX_BREAKPOINTS = 4
# Where a mark stands -> how long it lives when it does not say so itself; None: as long as the backend likes.
MARKS: Mapping[str, str | None] = {"cache_control": None, BREAKPOINT: "30m"}


def cache_mark(fields: Fields) -> CacheMark | None:
    """The mark on a part: OpenRouter's and LiteLLM's `cache_control`, spelled as Claude's, or OpenAI's own."""
    for name, lifetime in MARKS.items():
        if name in fields.document and (mark := fields.object(name)):
            return CacheMark(mark.text("ttl") or lifetime)
    return None


def break_after(pieces: list[Wire], mark: CacheMark) -> list[Wire]:
    """`pieces` with OpenAI's mark on the last one: a prompt that begins so may be cached up to its end."""
    if not pieces:
        return pieces
    ttl = {"ttl": mark.ttl} if mark.ttl == LONG_LIFE else {}  # the default is nearest to all shorter ones
    return [*pieces[:-1], {**pieces[-1], BREAKPOINT: {"mode": "explicit", **ttl}}]


def limit_breakpoints(messages: list[Wire]) -> None:
    """Take away all marks but the last ones that a request may have, from messages that nobody else has yet."""
    contents = [message["content"] for message in messages if isinstance(message["content"], list)]
    marked = [part for content in contents for part in content if BREAKPOINT in part]
    for part in marked[:-MAX_BREAKPOINTS]:
        del part[BREAKPOINT]
