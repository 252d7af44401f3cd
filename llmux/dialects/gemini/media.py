"""Pictures, documents and sound, both ways: inlineData holds them, fileData says where they are. It knows no messages.

Reference: https://ai.google.dev/gemini-api/docs/file-input-methods
"""

import re
from collections.abc import Mapping
from typing import Any

from llmux.dialects.gemini.schema import NAME, standard_base64
from llmux.dialects.shape import Fields, refuse
from llmux.errors import Unsupported
from llmux.ir.content import Audio, Document, Extra, FileId, Image, Inline, Link, Opaque, Part

Wire = dict[str, Any]

# Where files lie that were uploaded to Google, which nobody else can read.
UPLOADED = ("gs://", "https://generativelanguage.googleapis.com/", "files/")
FILMS = re.compile(r"https?://(?:www\.|m\.)?(?:youtube\.com|youtu\.be)/", re.IGNORECASE)
UNSEEN = "[a {} that this model cannot be shown]"

# What is sound, as the type says it -> as the IR says it; and back. Any other is named as its type is.
SOUNDS: Mapping[str, str] = {"mpeg": "mp3", "x-wav": "wav", "wave": "wav"}

OCTETS = "application/octet-stream"
# The end of an address -> the type of what lies there. Google wants to be told one.
SUFFIX = re.compile(r"\.(\w+)(?:[?#].*)?$")
TYPES: Mapping[str, str] = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "gif": "image/gif", "webp": "image/webp",
    "heic": "image/heic", "heif": "image/heif", "pdf": "application/pdf", "txt": "text/plain", "md": "text/markdown",
    "html": "text/html", "csv": "text/csv", "json": "application/json", "mp4": "video/mp4", "webm": "video/webm",
    "mov": "video/mov", "mp3": "audio/mp3", "wav": "audio/wav", "ogg": "audio/ogg", "flac": "audio/flac",
}  # fmt: skip
GUESSES: Mapping[type[Part], str] = {Image: "image/jpeg", Document: "application/pdf"}


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_blob(blob: Fields, raw: Wire, extra: Extra | None) -> Part:
    """What `inlineData` holds; `raw` is the whole part, for what only Google understands."""
    media_type = (blob.text("mimeType") or OCTETS).lower()
    data = standard_base64(blob.need_text("data"))
    title = blob.text("displayName")
    kind, _, form = media_type.partition("/")
    if kind == "image":
        return Image(source=Inline(media_type, data), extra=extra)
    if kind == "audio":
        return Audio(format=SOUNDS.get(form, form), data=data, extra=extra)
    if kind == "video":
        return Opaque(dialect=NAME, raw=raw, text=UNSEEN.format("film"))
    return Document(source=Inline(media_type, data), title=title, extra=extra)


def decode_file(file: Fields, raw: Wire, extra: Extra | None) -> Part:
    """What `fileData` points at. It is kept as it came too, for it may say more than an address."""
    uri = file.need_text("fileUri") or refuse(file.at("fileUri"), "an address")
    kind = (file.text("mimeType") or guess(uri) or "").partition("/")[0].lower()
    if kind in {"video", "audio"} or FILMS.match(uri):
        return Opaque(dialect=NAME, raw=raw, text=UNSEEN.format("film" if kind != "audio" else "recording"))
    source = FileId(uri) if uri.startswith(UPLOADED) else Link(uri)
    whole = Extra(NAME, {**(extra.fields if extra else {}), "fileData": file.document})
    if kind == "image":
        return Image(source=source, extra=whole)
    return Document(source=source, title=file.text("displayName"), extra=whole)


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_inline(source: Inline) -> Wire:
    """Media in the request itself."""
    return {"inlineData": {"mimeType": source.media_type, "data": source.data}}


def encode_sound(part: Audio) -> Wire:
    """Sound in the request itself."""
    return encode_inline(Inline(f"audio/{part.format}", part.data))


def encode_pointer(source: Link | FileId, part: type[Part], *, own: bool) -> Wire:
    """Media that the backend is to fetch.

    Raises:
        Unsupported: a file that was uploaded to another maker.
    """
    if isinstance(source, FileId) and not (own and source.id.startswith(UPLOADED)):
        raise Unsupported("This backend cannot read files that were uploaded elsewhere: send the file itself.")
    address = source.url if isinstance(source, Link) else source.id
    return {"fileData": {"mimeType": guess(address) or GUESSES[part], "fileUri": address}}


def guess(address: str) -> str | None:
    """The type of media that an address names."""
    suffix = SUFFIX.search(address)
    return TYPES.get(suffix[1].lower()) if suffix else None
