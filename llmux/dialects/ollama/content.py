"""Parts of a message -> what Ollama has for them: one text, and pictures beside it. It knows no message and no request.

Decoding needs no file of its own: a message of this wire has no parts.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmux.dialects.losses import Losses
from llmux.dialects.ollama.media import encode_image
from llmux.dialects.ollama.schema import NAME
from llmux.dialects.shape import Fields
from llmux.errors import BadRequest, Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import (
    Audio,
    Document,
    Extra,
    Image,
    Inline,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchResult,
    Text,
    Written,
)
from llmux.ir.value import Value

SEPARATOR = "\n\n"  # between texts that stood apart


class Draft(Value):
    """One request while it is encoded: whom it is for, whether it came in this dialect, and what it loses."""

    target: Target
    own: bool
    losses: Losses


class Said(Value):
    """What parts come to: a text, and pictures in base64."""

    text: str = ""
    images: tuple[str, ...] = ()


Encode = Callable[[Any, Draft], Said]


def beyond(fields: Fields, known: frozenset[str]) -> Extra | None:
    """What an object says beyond `known`. A null says nothing."""
    if fields.document.keys() <= known:  # nearly always
        return None
    rest = {name: value for name, value in fields.document.items() if name not in known and value is not None}
    return Extra(NAME, rest) if rest else None


def encode_parts(parts: Iterable[Part], draft: Draft) -> Said:
    """The text and the pictures of `parts`, each text a paragraph of its own.

    Raises:
        Unsupported: something that this wire cannot carry. Such things are never left out in silence.
        BadRequest: a text file in base64 that is damaged.
    """
    said = [_encode_part(part, draft) for part in parts]
    return Said(
        SEPARATOR.join(piece.text for piece in said if piece.text),
        tuple(image for piece in said for image in piece.images),
    )


def _encode_part(part: Part, draft: Draft) -> Said:
    if part.cache:
        draft.losses.drop("cache_control")
    return ENCODERS[type(part)](part, draft) if type(part) in ENCODERS else _foreign(part, draft)


def joined(parts: Iterable[Part], draft: Draft) -> str:
    """The text of an assistant's parts: neighbours are one text that was cut, others stood apart."""
    pieces: list[str] = []
    apart = False
    for part in parts:
        text = "" if isinstance(part, Reasoning) else _encode_part(part, draft).text
        if text:
            pieces += (SEPARATOR, text) if pieces and (apart or not isinstance(part, Text)) else (text,)
        apart = not isinstance(part, Text)
    return "".join(pieces)


def _text(part: Text, draft: Draft) -> Said:
    if part.citations:
        draft.losses.drop("citations")
    return Said(part.text)


def _refusal(part: Refusal, draft: Draft) -> Said:
    draft.losses.approx("refusal")
    return Said(part.text)


def _image(part: Image, draft: Draft) -> Said:
    if part.detail not in {None, "auto"}:
        draft.losses.drop("image.detail")
    return Said(images=(encode_image(part.source),))


def _audio(_part: Audio, _draft: Draft) -> Said:
    raise Unsupported("This backend takes no sound.")


def _document(part: Document, draft: Draft) -> Said:
    if part.citations:
        draft.losses.drop("citations")
    draft.losses.approx("documents")
    heading = "\n".join(line for line in (part.title, part.context) if line)
    return encode_parts((Text(text=heading), *_inner(part)), draft)


def _inner(part: Document) -> tuple[Part, ...]:
    source = part.source
    if isinstance(source, tuple):
        return source
    if isinstance(source, Written):
        return (Text(text=source.text),)
    if isinstance(source, Inline) and source.media_type.startswith("text/"):
        return (Text(text=_plain(source.data)),)
    raise Unsupported("This backend cannot read the attached document: send its text, or pages as pictures.")


def _plain(data: str) -> str:
    try:
        return base64.b64decode(data).decode(errors="replace")
    except ValueError:
        raise BadRequest("A text document is not valid base64.") from None


def _search_result(part: SearchResult, draft: Draft) -> Said:
    if part.citations:
        draft.losses.drop("citations")
    heading = "\n".join(line for line in (part.title, part.source) if line)
    return encode_parts((Text(text=heading), *part.content), draft)


def _foreign(part: Part, draft: Draft) -> Said:
    """What only its own dialect understands, and what has no place here, such as reasoning of a user."""
    draft.losses.drop("parts")
    return Said(part.text if isinstance(part, Opaque) else "")


ENCODERS: Mapping[type[Part], Encode] = {
    Text: _text,
    Refusal: _refusal,
    Image: _image,
    Audio: _audio,
    Document: _document,
    SearchResult: _search_result,
}
