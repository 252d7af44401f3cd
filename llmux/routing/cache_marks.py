"""Where a prompt may be cached, for backends that cache only what is marked and clients that know no marks. Pure.

https://docs.claude.com/en/docs/build-with-claude/prompt-caching
"""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from msgspec.structs import replace

from llmux.ir.content import CacheMark, Document, Image, Part, SearchResult, Text, ToolResult
from llmux.ir.request import Message, Request, Role, Tool
from llmux.routing import requirements
from llmux.routing.tokens import every_part

# About 1,024 tokens: no Claude model caches less than that. A mark on less is ignored, one that is read costs nothing.
LEAST_BYTES = 4_096
# The last turn is written to the cache, for the next request; the one before it is read, as the last one wrote it.
TURNS = 2

MARK = CacheMark()
SYSTEM = frozenset({Role.SYSTEM, Role.DEVELOPER})
MARKABLE = (Text, Image, Document, SearchResult, ToolResult)

Marked = TypeVar("Marked", Part, Tool)


def marked(request: Request) -> Request:
    """`request` with marks on its last tool, the end of its system prompt and its last two turns of the user.

    It stays as it is when its client has set any mark, and when it is too short to be cached. Equal requests get equal
    marks. They are not part of what is cached: that they move on with the conversation spoils nothing.
    """
    if _size(request) < LEAST_BYTES or _has_marks(request):
        return request
    messages = list(request.messages)
    for index in (*_end_of_system(messages), *_ends_of_turns(messages)):
        messages[index] = replace(messages[index], parts=_mark_last(messages[index].parts))
    tools = (*request.tools[:-1], _mark(request.tools[-1])) if request.tools else ()
    return replace(request, messages=tuple(messages), tools=tools)


def _size(request: Request) -> int:
    """What bounds the prompt's tokens from above, as cheaply as can be."""
    return len(request.original.body) if request.original else requirements.read(request).bytes


def _has_marks(request: Request) -> bool:
    return (
        request.cache is not None
        or any(tool.cache is not None for tool in request.tools)
        or any(part.cache is not None for part in every_part(request))
    )


def _end_of_system(messages: Sequence[Message]) -> Iterator[int]:
    """The last message before anybody speaks, if any."""
    spoken = (index for index, message in enumerate(messages) if message.role not in SYSTEM)
    end = next(spoken, len(messages))
    if end:
        yield end - 1


def _ends_of_turns(messages: Sequence[Message]) -> Iterator[int]:
    """The last messages of the last turns of the user. All that comes between two answers is one turn."""
    found, within = 0, False
    for index in range(len(messages) - 1, -1, -1):
        role = messages[index].role
        if role is Role.ASSISTANT:
            within = False
        elif role not in SYSTEM and not within:
            within, found = True, found + 1
            yield index
        if found == TURNS:
            return


def _mark_last(parts: Sequence[Part]) -> tuple[Part, ...]:
    """`parts` with a mark on the last one that can bear it."""
    for index in range(len(parts) - 1, -1, -1):
        if _is_markable(parts[index]):
            return (*parts[:index], _mark(parts[index]), *parts[index + 1 :])
    return tuple(parts)


def _is_markable(part: Part) -> bool:
    return isinstance(part, MARKABLE) and not (isinstance(part, Text) and not part.text.strip())


def _mark(one: Marked) -> Marked:
    return replace(one, cache=MARK)
