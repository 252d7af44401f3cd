"""OpenAI's own marks of how far a prompt may be cached, on parts of messages. What clients mark: `dialects/marks.py`.

Reference: https://developers.openai.com/api/docs/guides/prompt-caching
"""

from typing import Any

from llmux.dialects.marks import BREAKPOINT
from llmux.ir.content import CacheMark

Wire = dict[str, Any]

LONG_LIFE = "12h"  # what can be asked for beside the default
MAX_BREAKPOINTS = 4


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
