"""Events of an answer for stages: told in pieces, and put together again."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from llmux.ir.content import Part, Reasoning, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart
from llmux.ir.fold import fold
from llmux.ir.grammar import check
from llmux.ir.request import Tool
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

START = MessageStart("m1", "model")
READ = Tool(
    name="Read",
    schema={
        "type": "object",
        "properties": {"file_path": {"type": "string"}, "limit": {"type": "integer"}},
        "required": ["file_path"],
    },
)
LIST = Tool(name="list_files", schema={"type": "object", "properties": {}})
PATCH = Tool(name="patch", kind="custom")
TOOLS = (READ, LIST, PATCH)


class Stage(Protocol):
    def feed(self, events: Sequence[Event]) -> Sequence[Event]: ...


def end(reason: FinishReason = FinishReason.END) -> MessageEnd:
    return MessageEnd(reason, Usage(1, 2))


def part(index: int, empty: Part, pieces: Iterable[str]) -> list[Event]:
    return [PartStart(index, empty), *(PartDelta(index, piece) for piece in pieces), PartEnd(index)]


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def text_answer(text: str, size: int = 10_000, reason: FinishReason = FinishReason.END) -> list[Event]:
    return [START, *part(0, Text(), cut(text, size)), end(reason)]


def through(stage: Stage, events: Iterable[Event]) -> list[Event]:
    """What comes out, event by event; it is well formed."""
    out = [told for event in events for told in stage.feed([event])]
    return list(check(out))


def heard(stage: Stage, events: Iterable[Event]) -> Response:
    return fold(through(stage, events))


def said(response: Response) -> list[tuple[str, ...]]:
    """An answer's parts in short: ("text", ...), ("reasoning", ...), (name of a tool, its arguments)."""
    return [_short(part) for part in response.parts]


def _short(part: Part) -> tuple[str, ...]:
    if isinstance(part, ToolCall):
        return part.name, part.arguments
    if isinstance(part, Reasoning):
        return "reasoning", part.text
    return "text", part.text if isinstance(part, Text) else type(part).__name__
