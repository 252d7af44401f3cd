"""Parts -> content blocks for a backend. It knows no message; `content.py` is the way in.

What a block cannot hold is lost by a name of LOSSES, here and nowhere else.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmux.dialects.arguments import object_of
from llmux.dialects.claude.media import encode_document, encode_image
from llmux.dialects.claude.schema import DIALECT, MAKER, TTLS
from llmux.dialects.losses import Losses
from llmux.dialects.names import legal_id
from llmux.errors import Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import (
    Audio,
    CacheMark,
    Document,
    Image,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchResult,
    Text,
    ToolCall,
    ToolResult,
    restore,
)

Wire = dict[str, Any]


class Draft:
    """What the encoding of one request shares: for whom, the legal names of tools, and what was lost so far."""

    __slots__ = ("losses", "maker", "names", "profile", "target")

    def __init__(self, target: Target, losses: Losses, names: Mapping[str, str]) -> None:
        """`names`: a tool's name -> its legal name, for those that are not legal."""
        self.target = target
        self.profile = target.profile
        self.maker = target.maker or MAKER
        self.losses = losses
        self.names = names


def encode_parts(parts: Iterable[Part], draft: Draft) -> list[Wire]:
    """The blocks of `parts`; blank texts are left out.

    Raises:
        Unsupported: a part cannot be said at all.
    """
    return [block for part in parts if (block := _encode_part(part, draft)) is not None]


def _encode_part(part: Part, draft: Draft) -> Wire | None:
    block = ENCODERS[type(part)](part, draft)
    if block is None or isinstance(part, Reasoning | Opaque):
        return block  # reasoning takes no cache mark; what is opaque has brought its own
    return {**block, **restore(DIALECT, part.extra), **encode_mark(part.cache)}


def _nested(parts: Iterable[Part], draft: Draft) -> list[Wire]:
    """Blocks inside a block: the prompt is cached up to the outer one, or not at all."""
    blocks = encode_parts(parts, draft)
    if any("cache_control" in block for block in blocks):
        draft.losses.approx("cache")
    return [{name: value for name, value in block.items() if name != "cache_control"} for block in blocks]


def encode_mark(mark: CacheMark | None) -> Wire:
    """The field that marks where the prompt may be cached."""
    if mark is None:
        return {}
    ttl = TTLS.get(mark.ttl or "")
    return {"cache_control": {"type": "ephemeral", "ttl": ttl} if ttl else {"type": "ephemeral"}}


def _text(part: Text | Refusal, _draft: Draft) -> Wire | None:
    return {"type": "text", "text": part.text} if part.text and not part.text.isspace() else None


def _cited_text(part: Text, draft: Draft) -> Wire | None:
    own = [cited.raw for cited in part.citations if cited.dialect == DIALECT]
    if len(own) < len(part.citations):
        draft.losses.drop("citations")
    block = _text(part, draft)
    return block | {"citations": own} if block and own else block


def _image(part: Image, draft: Draft) -> Wire:
    if part.detail not in {None, "auto"}:
        draft.losses.drop("image.detail")
    return {"type": "image", "source": encode_image(part.source)}


def _document(part: Document, draft: Draft) -> Wire:
    if isinstance(part.source, tuple):
        source: Wire = {"type": "content", "content": _nested(part.source, draft)}
    else:
        source = encode_document(part.source)
    named = {name: value for name in ("title", "context") if (value := getattr(part, name)) is not None}
    return {"type": "document", "source": source} | named | _cited(part)


def _search_result(part: SearchResult, draft: Draft) -> Wire:
    content = _nested(part.content, draft)
    return {"type": "search_result", "source": part.source, "title": part.title, "content": content} | _cited(part)


def _cited(part: Document | SearchResult) -> Wire:
    return {"citations": {"enabled": True}} if part.citations else {}


def _audio(_part: Audio, _draft: Draft) -> Wire:
    raise Unsupported("The backend takes no sound.")


PROOFS: Mapping[str, Callable[[str, Any], Wire]] = {
    "signature": lambda text, data: {"type": "thinking", "thinking": text, "signature": data},
    "redacted": lambda _text, data: {"type": "redacted_thinking", "data": data},
}


def _reasoning(part: Reasoning, draft: Draft) -> Wire | None:
    """Text and proof go together, unchanged, to the maker of the proof: any other makes Claude refuse the request."""
    own = next((state for state in part.states if state.maker == draft.maker and state.kind in PROOFS), None)
    if own is None:
        draft.losses.drop("reasoning.history")
        return None
    return PROOFS[own.kind](part.text, own.data)


def _call(part: ToolCall, draft: Draft) -> Wire:
    if part.states:  # no Claude puts a proof on a call: another maker's
        draft.losses.drop("reasoning.history")
    return tool_use(part.id, draft.names.get(part.name, part.name), object_of(part))


def tool_use(call_id: str, name: str, arguments: Wire) -> Wire:
    """A call of a tool."""
    return {"type": "tool_use", "id": legal_id(call_id), "name": name, "input": arguments}


def _result(part: ToolResult, draft: Draft) -> Wire:
    block: Wire = {"type": "tool_result", "tool_use_id": legal_id(part.call_id)}
    content = _nested(part.content, draft)
    if part.is_error and not content:  # an error must say something
        content = [{"type": "text", "text": "Error"}]
    return block | ({"content": content} if content else {}) | ({"is_error": True} if part.is_error else {})


def _opaque(part: Opaque, draft: Draft) -> Wire | None:
    if part.dialect == DIALECT:
        return dict(part.raw)
    draft.losses.drop("foreign")
    return _text(Text(text=part.text), draft)


ENCODERS: Mapping[type[Part], Callable[[Any, Draft], Wire | None]] = {
    Text: _cited_text,
    Refusal: _text,
    Image: _image,
    Document: _document,
    SearchResult: _search_result,
    Audio: _audio,
    Reasoning: _reasoning,
    ToolCall: _call,
    ToolResult: _result,
    Opaque: _opaque,
}
