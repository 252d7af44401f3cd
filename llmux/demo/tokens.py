"""The demo's tokens: a word with the space before it, long words in pieces. Pure.

They are no real model's; but each is one delta and counts as one token, so that usage can be checked by hand.
"""

import re
from collections.abc import Iterable

from llmux.ir.content import Document, Part, Reasoning, Refusal, Text, ToolCall, ToolResult

WORD = re.compile(r"\s*\S{1,12}|\s+\Z")
IMAGE_TOKENS = 85  # and any other part that is not words
MESSAGE_TOKENS = 3  # what a message costs besides its words


def pieces(text: str, size: int = 0) -> list[str]:
    """`text` in tokens, or in pieces of `size` characters. Joined they are `text` again."""
    if size > 0:
        return [text[start : start + size] for start in range(0, len(text), size)]
    return WORD.findall(text)


def count(parts: Iterable[Part]) -> int:
    """The tokens of `parts`, those inside tool results and documents too."""
    return sum(map(_count, parts))


def _count(part: Part) -> int:
    match part:
        case Text() | Reasoning() | Refusal():
            return len(pieces(part.text))
        case ToolCall():
            return len(pieces(part.name)) + len(pieces(part.arguments))
        case ToolResult():
            return MESSAGE_TOKENS + count(part.content)
        case Document(source=tuple() as inner):
            return count(inner)
    return IMAGE_TOKENS
