"""Where images and documents come from, both ways. It knows no parts.

Reference: https://docs.claude.com/en/docs/build-with-claude/vision
"""

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects.claude.schema import IMAGE_TYPES
from llmux.dialects.shape import Fields
from llmux.errors import BadRequest, Unsupported
from llmux.ir.content import FileId, Inline, Link, Written

Wire = dict[str, Any]
Source = Inline | Link | FileId | Written

DECODERS: Mapping[str, Callable[[Fields], Source]] = {
    "base64": lambda source: Inline(source.need_text("media_type"), source.need_text("data")),
    "url": lambda source: Link(source.need_text("url")),
    "file": lambda source: FileId(source.need_text("file_id")),
    "text": lambda source: Written(source.need_text("data")),
}


def decode_source(source: Fields) -> Source | None:
    """Where it comes from; None for a kind of source that we have no word for."""
    decode = DECODERS.get(source.need_text("type"))
    return decode(source) if decode else None


def encode_image(source: Inline | Link | FileId) -> Wire:
    """The source of an image.

    Raises:
        Unsupported: Claude does not read images of this type.
    """
    if not isinstance(source, Inline):
        return _pointer(source)
    media_type = {"image/jpg": "image/jpeg"}.get(source.media_type, source.media_type)
    if media_type not in IMAGE_TYPES:
        raise Unsupported(f"The backend reads no images of type {media_type}, only {', '.join(IMAGE_TYPES)}.")
    return {"type": "base64", "media_type": media_type, "data": source.data}


def encode_document(source: Source) -> Wire:
    """The source of a document.

    Raises:
        Unsupported: it is neither PDF nor text.
        BadRequest: text that is not valid base64.
    """
    if isinstance(source, Written):
        return {"type": "text", "media_type": "text/plain", "data": source.text}
    if not isinstance(source, Inline):
        return _pointer(source)
    if source.media_type == "application/pdf":
        return {"type": "base64", "media_type": source.media_type, "data": source.data}
    if not source.media_type.startswith("text/"):
        raise Unsupported(f"The backend reads no documents of type {source.media_type}, only PDF and text.")
    try:
        text = base64.b64decode(source.data, validate=True).decode(errors="replace")
    except binascii.Error:
        raise BadRequest("A document's data is not valid base64.") from None
    return {"type": "text", "media_type": "text/plain", "data": text}


def _pointer(source: Link | FileId) -> Wire:
    if isinstance(source, Link):
        return {"type": "url", "url": source.url}
    return {"type": "file", "file_id": source.id}
