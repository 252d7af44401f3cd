"""Content blocks, of requests and of answers -> parts. It knows no message; `blocks.py` is the way back.

Blocks that we have no word for, server tools and their results, are carried as Opaque parts: Claude gets them back.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from llmux.dialects.claude.media import decode_source
from llmux.dialects.claude.schema import BILLING, DIALECT, MAKER
from llmux.dialects.envelope import PREFIX, unseal
from llmux.dialects.names import original_id
from llmux.dialects.shape import Fields, refuse
from llmux.ir.content import (
    CacheMark,
    Citation,
    Document,
    Image,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    SearchResult,
    Text,
    ToolCall,
    ToolResult,
    Written,
    keep,
)

Wire = dict[str, Any]


def known(*names: str) -> frozenset[str]:
    """The fields of a block that are decoded; what else it has is kept as `extra`."""
    return frozenset((*names, "type", "cache_control"))


def decode_parts(content: Any, path: str) -> tuple[Part, ...]:
    """The parts of a message's content: a string, or an array of blocks.

    Raises:
        BadRequest: `content`, or a block of it, has another shape.
    """
    if isinstance(content, str):
        return (Text(text=content),) if content else ()
    if not isinstance(content, list):
        refuse(path, "a string or an array of content blocks")
    return tuple(decode_part(Fields(block, f"{path}.{index}")) for index, block in enumerate(content))


def decode_part(block: Fields) -> Part:
    """One block."""
    decode = DECODERS.get(block.need_text("type"))
    return decode(block) if decode else opaque(block.document)


def opaque(block: Wire) -> Opaque:
    """A block of a request that only Claude understands, with what it tells others: a summary, a tool's name."""
    told = next((block[name] for name in ("content", "tool_name") if isinstance(block.get(name), str)), "")
    return Opaque(dialect=DIALECT, raw=block, text=told)


def cache_mark(fields: Fields) -> CacheMark | None:
    """Where the prompt may be cached up to."""
    if fields.document.get("cache_control") is None:
        return None
    mark = fields.object("cache_control")
    return CacheMark(mark.text("ttl")) if mark else None


def _text(block: Fields) -> Part:
    text = block.need_text("text")
    if text.startswith(BILLING):
        return Opaque(dialect=DIALECT, raw=block.document)
    return Text(
        text=text,
        citations=_citations(block) if block.document.get("citations") else (),
        cache=cache_mark(block),
        extra=keep(DIALECT, block.document, TEXT),
    )


def _citations(block: Fields) -> tuple[Citation, ...]:
    return tuple(citation(entry.document) for entry in block.objects("citations"))


def citation(raw: Wire) -> Citation:
    """One citation, in any of Claude's forms."""
    url, title, quote = (
        next((raw[name] for name in names if isinstance(raw.get(name), str)), None)
        for names in (("url", "source"), ("title", "document_title"), ("cited_text",))
    )
    return Citation(DIALECT, raw, url=url, title=title, quote=quote)


def _image(block: Fields) -> Part:
    source = decode_source(_needed(block, "source"))
    if source is None or isinstance(source, Written):
        return opaque(block.document)
    return Image(source=source, cache=cache_mark(block), extra=keep(DIALECT, block.document, IMAGE))


def _document(block: Fields) -> Part:
    fields = _needed(block, "source")
    if fields.document.get("type") == "content":
        source: Any = decode_parts(fields.document.get("content"), fields.at("content"))
    else:
        source = decode_source(fields)
    if source is None:
        return opaque(block.document)
    return Document(
        source=source,
        title=block.text("title"),
        context=block.text("context"),
        citations=_cited(block),
        cache=cache_mark(block),
        extra=keep(DIALECT, block.document, DOCUMENT),
    )


def _search_result(block: Fields) -> Part:
    return SearchResult(
        source=block.need_text("source"),
        title=block.need_text("title"),
        content=decode_parts(block.document.get("content") or [], block.at("content")),
        citations=_cited(block),
        cache=cache_mark(block),
        extra=keep(DIALECT, block.document, SEARCH_RESULT),
    )


def _cited(block: Fields) -> bool:
    citations = block.object("citations")
    return bool(citations and citations.flag("enabled"))


def _needed(block: Fields, name: str) -> Fields:
    return block.object(name) or Fields(None, block.at(name))


def _thinking(block: Fields) -> Part:
    text, signature = block.text("thinking") or "", block.text("signature") or ""
    return Reasoning(text=text, states=states("signature", signature), extra=keep(DIALECT, block.document, THINKING))


def _redacted(block: Fields) -> Part:
    return Reasoning(states=states("redacted", block.need_text("data")))


def states(kind: str, proof: str) -> tuple[ReasoningState, ...]:
    """The state that a signature, or redacted data, is or carries: Claude's own, another maker's, or none."""
    if proof.startswith(PREFIX):
        state = unseal(proof)
        return (state,) if state else ()
    return (ReasoningState(MAKER, kind, proof),) if proof else ()


def _tool_use(block: Fields) -> Part:
    arguments = block.document.get("input")
    return ToolCall(
        id=original_id(block.need_text("id")),
        name=block.need_text("name"),
        arguments="{}" if arguments is None else orjson.dumps(arguments).decode(),
        cache=cache_mark(block),
        extra=keep(DIALECT, block.document, TOOL_USE),
    )


def _tool_result(block: Fields) -> Part:
    content = block.document.get("content")
    return ToolResult(
        call_id=original_id(block.need_text("tool_use_id")),
        content=decode_parts(content, block.at("content")) if content is not None else (),
        is_error=block.flag("is_error") or False,
        cache=cache_mark(block),
        extra=keep(DIALECT, block.document, TOOL_RESULT),
    )


TEXT = known("text", "citations")
IMAGE = known("source")
DOCUMENT = known("source", "title", "context", "citations")
SEARCH_RESULT = known("source", "title", "content", "citations")
THINKING = known("thinking", "signature")
TOOL_USE = known("id", "name", "input")
TOOL_RESULT = known("tool_use_id", "content", "is_error")

DECODERS: Mapping[str, Callable[[Fields], Part]] = {
    "text": _text,
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
}
