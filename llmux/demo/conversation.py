"""What a demo model knows of a conversation: the last thing a person said, and what its tools gave since. Pure."""

import re
from collections.abc import Iterable, Iterator

from llmux.ir.content import Document, Image, Part, Text, ToolCall, ToolResult
from llmux.ir.request import Message, Request, Role
from llmux.ir.value import Value

# Agents put notes to the model between the person's words; nobody said them.
NOTE, NOTE_END = "<system-reminder>", "</system-reminder>"
# What stands beside an image is called by a label in brackets; nobody said that either.
LABEL = re.compile(r"\[[^\[\]]*\]")
JSON = re.compile(r"\banswer with a JSON object\b", re.IGNORECASE)
INSTRUCTING = (Role.SYSTEM, Role.DEVELOPER)
FOLDER = re.compile(r"working directory:\s*(?P<path>/\S*)", re.IGNORECASE)


class Outcome(Value):
    """What a call gave."""

    tool: str
    text: str
    is_error: bool = False


class Conversation(Value):
    """A request as a demo model reads it.

    `said` is the last text of a person. `rounds` counts the turns with tool calls since then, `calls` all calls ever
    made. `outcomes` are what tools gave since `said`. `folder` is the working directory, if it was told. `wants_json`
    is true when the instructions ask for JSON in words.
    """

    said: str
    rounds: int
    calls: int
    outcomes: tuple[Outcome, ...]
    images: int
    documents: int
    folder: str
    wants_json: bool


def read(request: Request) -> Conversation:
    """The conversation that `request` carries."""
    said, since = _last_said(request.messages)
    parts = [part for message in request.messages for part in _deep(message.parts)]
    return Conversation(
        said=said,
        rounds=sum(any(isinstance(part, ToolCall) for part in message.parts) for message in since),
        calls=sum(isinstance(part, ToolCall) for part in parts),
        outcomes=tuple(_outcomes(since)),
        images=sum(isinstance(part, Image) for part in parts),
        documents=sum(isinstance(part, Document) for part in parts),
        folder=_folder(parts),
        wants_json=any(
            JSON.search(_text(message.parts)) for message in request.messages if message.role in INSTRUCTING
        ),
    )


def _last_said(messages: tuple[Message, ...]) -> tuple[str, tuple[Message, ...]]:
    for index in range(len(messages) - 1, -1, -1):
        if messages[index].role is Role.USER and (said := _text(messages[index].parts)):
            return said, messages[index + 1 :]
    return "", messages


def _text(parts: tuple[Part, ...]) -> str:
    texts = [_spoken(part.text).strip() for part in parts if isinstance(part, Text)]
    labelled = len(texts) < len(parts)
    return "\n".join(text for text in texts if text and not (labelled and LABEL.fullmatch(text)))


def _spoken(text: str) -> str:
    """`text` without the notes in it. A mark that is never closed is only a word."""
    head, *rest = text.split(NOTE)
    return head + "".join(each.partition(NOTE_END)[2] if NOTE_END in each else NOTE + each for each in rest)


def _outcomes(messages: tuple[Message, ...]) -> Iterator[Outcome]:
    parts = [part for message in messages for part in message.parts]
    names = {part.id: part.name for part in parts if isinstance(part, ToolCall)}
    for part in parts:
        if isinstance(part, ToolResult):
            yield Outcome(names.get(part.call_id) or part.name or "the tool", _text(part.content), part.is_error)


def _deep(parts: Iterable[Part]) -> Iterator[Part]:
    """`parts`, and those inside tool results."""
    for part in parts:
        yield part
        if isinstance(part, ToolResult):
            yield from _deep(part.content)


def _folder(parts: Iterable[Part]) -> str:
    found = (FOLDER.search(part.text) for part in parts if isinstance(part, Text))
    return next((match["path"] for match in found if match), "")
