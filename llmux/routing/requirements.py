"""A request -> what it needs of a backend. Pure; the same for every dialect, because it reads the IR."""

from collections.abc import Sequence

from llmux.ir.capability import Capability
from llmux.ir.content import Audio, Document, Image, Inline, Part, Text, Written
from llmux.ir.embedding import EmbeddingRequest
from llmux.ir.request import Message, ReasoningControl, Request, Role
from llmux.ir.value import Value
from llmux.routing.tokens import IMAGE_TOKENS, every_part, request_text

# Looked up by type: an isinstance that says no takes eight times as long, and a request may have a thousand parts.
_MEDIA = frozenset({Image, Document, Audio})


class Needs(Value):
    """What a request needs.

    `bytes` bounds the tokens of everything that is sent from above; `output_tokens` is what was asked for (0: nothing
    was said). `dialect` is the only one in which it can be said, "" where any will do. `embeddings`: it wants texts
    embedded, and no answer.
    """

    model: str
    capabilities: frozenset[Capability] = frozenset()
    bytes: int = 0
    output_tokens: int = 0
    dialect: str = ""
    embeddings: bool = False


def read(request: Request) -> Needs:
    """What `request` needs, at the cost of one walk over its parts."""
    media = [part for part in every_part(request) if type(part) in _MEDIA]
    asked = {
        Capability.VISION: any(map(_must_be_seen, media)),
        Capability.THINKING: _asks_to_reason(request.reasoning),
        Capability.TOOLS: bool(request.tools),
    }
    needed = frozenset(capability for capability, needed in asked.items() if needed)
    dialect = request.dialect if request.bound else ""
    return Needs(request.model, needed, _bound(request, media), request.max_output_tokens or 0, dialect)


def longest(request: EmbeddingRequest) -> Request:
    """The longest of the texts to embed, as a prompt: what holds it holds the others. Tokens are told in figures."""
    texts = (one if isinstance(one, str) else " ".join(map(str, one)) for one in request.inputs)
    message = Message(Role.USER, (Text(text=max(texts, key=len)),))
    return Request(dialect="", model=request.model, messages=(message,))


def _must_be_seen(part: Part) -> bool:
    """A picture or a file. A document that is text, or made of parts which are judged themselves, is only read."""
    return isinstance(part, Image) or (isinstance(part, Document) and not isinstance(part.source, Written | tuple))


def _asks_to_reason(reasoning: ReasoningControl) -> bool:
    """An effort asks for reasoning too, unless the mode says no."""
    if reasoning.mode == "unset":
        return reasoning.effort not in {None, "none"}
    return reasoning.mode != "off"


def _bound(request: Request, media: Sequence[Part]) -> int:
    """No token is shorter than a byte. A picture's bytes say nothing of its tokens; other media hold at most theirs."""
    pictures = [part for part in media if isinstance(part, Image)]
    flat = IMAGE_TOKENS * len(pictures)
    if request.original is not None:
        return len(request.original.body) - sum(map(_carried, pictures)) + flat
    others = sum(_carried(part) for part in media if not isinstance(part, Image))
    return sum(map(len, request_text(request))) + others + flat


def _carried(part: Part) -> int:
    """Bytes of base64 that the part brings along."""
    if isinstance(part, Audio):
        return len(part.data)
    return len(part.source.data) if isinstance(part, Image | Document) and isinstance(part.source, Inline) else 0
