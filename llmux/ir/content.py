"""Parts: the pieces that a message is made of. Pure values; no dialect is known here.

A part keeps what its own dialect said beyond our words in `extra`, so that the same dialect gets it back and no
other ever sees it.
"""

from collections.abc import Mapping
from typing import Any, Literal

from llmux.ir.value import Value

Json = Mapping[str, Any]


class Extra(Value):
    """Fields of one dialect that the IR has no word for, kept under the name of that dialect."""

    dialect: str
    fields: Json


def restore(dialect: str, extra: Extra | None) -> Json:
    """What `extra` holds for `dialect`; nothing for any other, so that nothing leaks."""
    return extra.fields if extra is not None and extra.dialect == dialect else {}


def keep(dialect: str, fields: Json, known: frozenset[str]) -> Extra | None:
    """The `fields` of a wire object that are not in `known`, or None when there are none."""
    if fields.keys() <= known:  # nearly always
        return None
    return Extra(dialect, {name: value for name, value in fields.items() if name not in known})


class CacheMark(Value):
    """The prompt may be cached up to here. `ttl` is the dialect's own word ("5m", "1h") or None for its default."""

    ttl: str | None = None


class ReasoningState(Value):
    """Opaque proof of reasoning. Sent back, unchanged, to its `maker` only.

    `kind`: "signature" (over visible reasoning), "redacted" (reasoning that is hidden whole), "encrypted" or
    "details". `data` is exactly what the maker sent.
    """

    maker: str
    kind: str
    data: Any


class Part(Value, kw_only=True):
    """A piece of a message."""

    cache: CacheMark | None = None
    extra: Extra | None = None


class Citation(Value):
    """Where a text comes from. `url`/`title`/`quote` are what every dialect can say; `raw` is the original."""

    dialect: str
    raw: Json
    url: str | None = None
    title: str | None = None
    quote: str | None = None


class Text(Part):
    """Text. `citations` say where it comes from."""

    text: str = ""
    citations: tuple[Citation, ...] = ()


class Inline(Value):
    """Media carried in the request: `data` is base64 in the standard alphabet."""

    media_type: str
    data: str


class Link(Value):
    """Media that the backend is to fetch."""

    url: str


class FileId(Value):
    """Media that the client has uploaded to the backend's maker before."""

    id: str


class Written(Value):
    """A document that is plain text."""

    text: str


class Image(Part):
    """A picture. `detail` is OpenAI's low | high | auto | original."""

    source: Inline | Link | FileId
    detail: str | None = None


class Document(Part):
    """A file to read: PDF, text, or other parts. `citations` asks the model to cite it."""

    source: "Inline | Link | FileId | Written | tuple[Part, ...]"
    title: str | None = None
    context: str | None = None
    citations: bool = False


class Audio(Part):
    """Sound. `format` is "wav" or "mp3"; `data` is base64."""

    format: str
    data: str


class Reasoning(Part):
    """The model's thinking. Text may be empty when only a state is known."""

    text: str = ""
    states: tuple[ReasoningState, ...] = ()


class ToolCall(Part):
    """A call that the model asks for.

    `arguments` is JSON text exactly as it came (its spelling matters to prompt caches); for a "custom" tool it is
    free text.
    """

    id: str
    name: str
    arguments: str = ""
    kind: Literal["function", "custom"] = "function"
    states: tuple[ReasoningState, ...] = ()


class ToolResult(Part):
    """What a call gave. `call_id` names the ToolCall."""

    call_id: str
    content: tuple[Part, ...] = ()
    is_error: bool = False
    name: str | None = None


class Refusal(Part):
    """The model says no, in words."""

    text: str = ""


class SearchResult(Part):
    """A passage that the client's own search found, to be cited."""

    source: str
    title: str
    content: tuple[Part, ...] = ()
    citations: bool = False


class Opaque(Part):
    """A part that only its own dialect understands: server tools and their results, control, the unknown.

    `text` is what another dialect may be told instead ("" : nothing).
    """

    dialect: str
    raw: Json
    text: str = ""
