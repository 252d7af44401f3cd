"""Parts of a message, both ways. It knows no message and no request.

Parts come as OpenAI spells them, as Responses spells text (clients mix them up), and as Mistral spells thinking. What
is unknown is carried as an Opaque part. What only this dialect says of a part (`cache_control`, a gateway's custom) is
kept in its `extra`, beside the IR's word for it, so that the same dialect gets it back as it came.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from llmux.dialects.data_urls import data_url
from llmux.dialects.losses import Losses
from llmux.dialects.marks import cache_mark
from llmux.dialects.openai_chat.cache import break_after
from llmux.dialects.openai_chat.schema import NAME
from llmux.dialects.shape import Fields, refuse
from llmux.errors import BadRequest, Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import (
    Audio,
    Document,
    Extra,
    FileId,
    Image,
    Inline,
    Link,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchResult,
    Text,
    Written,
    restore,
)
from llmux.ir.value import Value

PDF = "application/pdf"
TEXT_PART = frozenset({"type", "text"})
SEPARATOR = "\n\n"  # between texts that stood apart


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_parts(content: Any, path: str) -> tuple[Part, ...]:
    """The parts of a message's content: a string, an array of parts, or null.

    Raises:
        BadRequest: `content`, or a part of it, has another shape.
    """
    if isinstance(content, str):
        return (Text(text=content),) if content else ()
    if content is None:
        return ()
    if not isinstance(content, list):
        refuse(path, "a string or an array of parts")
    return tuple([_decode_part(part, f"{path}.{index}") for index, part in enumerate(content)])


def _decode_part(wire: Any, path: str) -> Part:
    if isinstance(wire, dict) and wire.keys() == TEXT_PART and wire["type"] == "text" and isinstance(wire["text"], str):
        return Text(text=wire["text"])  # nearly always
    part = Fields(wire, path)
    decode = DECODERS.get(part.need_text("type"))
    return decode(part) if decode else Opaque(dialect=NAME, raw=part.document)


def beyond(fields: Fields, known: frozenset[str]) -> Extra | None:
    """What an object says beyond `known`. A null says nothing: some backends refuse `cache_control: null`."""
    if fields.document.keys() <= known:  # nearly always
        return None
    rest = {name: value for name, value in fields.document.items() if name not in known and value is not None}
    return Extra(NAME, rest) if rest else None


def _text(part: Fields) -> Part:
    extra = beyond(part, TEXT_PART)
    return Text(text=part.need_text("text"), cache=cache_mark(part), extra=extra)


def _image(part: Fields) -> Part:
    bare = part.document.get("image_url")
    image = Fields({"url": bare} if isinstance(bare, str) else bare, part.at("image_url"))
    extra = beyond(part, frozenset({"type", "image_url"}))
    source = data_url(image.need_text("url"), image.at("url"))
    return Image(source=source, detail=image.text("detail"), cache=cache_mark(part), extra=extra)


def _audio(part: Fields) -> Part:
    audio = part.object("input_audio") or Fields(None, part.at("input_audio"))
    extra = beyond(part, frozenset({"type", "input_audio"}))
    return Audio(format=audio.need_text("format"), data=audio.need_text("data"), cache=cache_mark(part), extra=extra)


def _file(part: Fields) -> Part:
    file = part.object("file") or Fields(None, part.at("file"))
    extra = beyond(part, frozenset({"type", "file"}))
    source = _file_source(file)
    return Document(source=source, title=file.text("filename"), cache=cache_mark(part), extra=extra)


def _file_source(file: Fields) -> Inline | Link | FileId:
    data, file_id = file.text("file_data"), file.text("file_id")
    if data is None:
        return FileId(file_id) if file_id else refuse(file.path, "file_data or file_id")
    if data.startswith(("data:", "http:", "https:")):
        return data_url(data, file.at("file_data"))
    return Inline(PDF, data)


def thinking_text(thinking: Any) -> str:
    """The text of Mistral's thinking part: a string, or an array of text parts."""
    if isinstance(thinking, list):
        return "".join(str(part["text"]) for part in thinking if isinstance(part, dict) and part.get("text"))
    return thinking if isinstance(thinking, str) else ""


DECODERS: Mapping[str, Callable[[Fields], Part]] = {
    "text": _text,
    "input_text": _text,
    "output_text": _text,
    "image_url": _image,
    "input_audio": _audio,
    "file": _file,
    "refusal": lambda part: Refusal(text=part.need_text("refusal")),
    "thinking": lambda part: Reasoning(text=thinking_text(part.document.get("thinking"))),
}


# --- encode ----------------------------------------------------------------------------------------------------------


class Draft(Value):
    """One request while it is encoded: whom it is for, whether it came in this dialect, and what it loses.

    `names` are the tools that are called otherwise on the wire; `custom` those that take free text.
    """

    target: Target
    own: bool
    losses: Losses
    names: Mapping[str, str] = {}
    custom: frozenset[str] = frozenset()


Encode = Callable[[Any, Draft], list[dict[str, Any]]]


def joined(parts: Iterable[Part]) -> str:
    """The text of `parts`: neighbours are one text that was cut, others stood apart."""
    pieces: list[str] = []
    apart = False
    for part in parts:
        if isinstance(part, Text):
            pieces += (SEPARATOR, part.text) if apart and pieces and part.text else (part.text,)
            apart = False
        else:
            apart = True
    return "".join(pieces)


def encode_parts(parts: Iterable[Part], draft: Draft) -> list[dict[str, Any]]:
    """The parts of a user's message.

    Raises:
        Unsupported: a file or picture that this wire cannot carry. Such things are never left out in silence.
    """
    return [encoded for part in parts for encoded in _encode_part(part, draft)]


def _encode_part(part: Part, draft: Draft) -> list[dict[str, Any]]:
    encode: Encode = ENCODERS.get(type(part), _foreign)
    encoded = encode(part, draft)
    if part.cache and not draft.own:
        if draft.target.profile.cache_breakpoints:
            return break_after(encoded, part.cache)
        draft.losses.drop("cache_control")
    extra = restore(NAME, part.extra)
    return [{**piece, **extra} for piece in encoded] if extra else encoded


def content_of(encoded: list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A plain string where one text is all: every server takes it."""
    if len(encoded) == 1 and encoded[0].keys() == TEXT_PART:
        return str(encoded[0]["text"])
    return encoded


def text_part(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def _encode_text(part: Any, draft: Draft) -> list[dict[str, Any]]:
    if part.citations:
        draft.losses.drop("citations")
    return [text_part(part.text)] if part.text else []


def _encode_refusal(part: Any, draft: Draft) -> list[dict[str, Any]]:
    draft.losses.approx("refusal")
    return [text_part(part.text)]


def _encode_image(part: Any, _draft: Draft) -> list[dict[str, Any]]:
    if isinstance(part.source, FileId):
        raise Unsupported("This backend cannot read pictures that were uploaded elsewhere: send the picture itself.")
    image = {"url": _url(part.source)}
    if part.detail:
        image["detail"] = part.detail
    return [{"type": "image_url", "image_url": image}]


def _url(source: Inline | Link) -> str:
    return source.url if isinstance(source, Link) else f"data:{source.media_type};base64,{source.data}"


def _encode_audio(part: Any, _draft: Draft) -> list[dict[str, Any]]:
    return [{"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}]


def _encode_document(part: Any, draft: Draft) -> list[dict[str, Any]]:
    if part.citations:
        draft.losses.drop("citations")
    if isinstance(part.source, Written | tuple):
        draft.losses.approx("documents")
        heading = "\n".join(line for line in (part.title, part.context) if line)
        inner = (Text(text=part.source.text),) if isinstance(part.source, Written) else part.source
        return [*([text_part(heading)] if heading else []), *encode_parts(inner, draft)]
    return _encode_file(part, draft)


def _encode_file(part: Any, draft: Draft) -> list[dict[str, Any]]:
    source, name = part.source, {"filename": part.title} if part.title else {}
    if isinstance(source, FileId) and draft.own:
        return [{"type": "file", "file": {"file_id": source.id, **name}}]
    if isinstance(source, Inline) and source.media_type.startswith("text/"):
        return _encode_document(replace(part, source=Written(_plain(source.data)), citations=False), draft)
    if not draft.own and not (isinstance(source, Inline) and draft.target.profile.pdf):
        raise Unsupported("This backend cannot read the attached document: send its text, or pages as pictures.")
    return [{"type": "file", "file": {"filename": part.title or "document.pdf", "file_data": _url(source)}}]


def _plain(data: str) -> str:
    try:
        return base64.b64decode(data).decode(errors="replace")
    except ValueError:
        raise BadRequest("A text document is not valid base64.") from None


def _encode_search_result(part: Any, draft: Draft) -> list[dict[str, Any]]:
    heading = "\n".join(line for line in (part.title, part.source) if line)
    return [text_part(heading), *encode_parts(part.content, draft)] if heading else encode_parts(part.content, draft)


def _foreign(part: Part, draft: Draft) -> list[dict[str, Any]]:
    """What only its own dialect understands, and what has no place here, such as reasoning of a user."""
    if isinstance(part, Opaque) and part.dialect == NAME:
        return [dict(part.raw)]
    draft.losses.drop("parts")
    return [text_part(part.text)] if isinstance(part, Opaque) and part.text else []


ENCODERS: Mapping[type[Part], Encode] = {
    Text: _encode_text,
    Refusal: _encode_refusal,
    Image: _encode_image,
    Audio: _encode_audio,
    Document: _encode_document,
    SearchResult: _encode_search_result,
}
