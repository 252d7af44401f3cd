"""Parts of a message, both ways. It knows no item and no request.

Clients mix the spellings of text up, so each is taken from any role. What is unknown is carried as an Opaque part, and
what only this dialect says of a part in its `extra`.
"""

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from llmux.dialects.data_urls import data_url
from llmux.dialects.losses import Losses
from llmux.dialects.marks import cache_mark
from llmux.dialects.openai_responses.schema import NAME
from llmux.dialects.shape import Fields, refuse
from llmux.errors import BadRequest, Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import (
    Audio,
    Citation,
    Document,
    Extra,
    FileId,
    Image,
    Inline,
    Link,
    Opaque,
    Part,
    Refusal,
    SearchResult,
    Text,
    Written,
    restore,
)
from llmux.ir.value import Value

Wire = dict[str, Any]

PDF = "application/pdf"


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
    return tuple([_decode_part(Fields(part, f"{path}.{index}")) for index, part in enumerate(content)])


def _decode_part(part: Fields) -> Part:
    decode = DECODERS.get(part.need_text("type"))
    if decode is None:
        return Opaque(dialect=NAME, raw=part.document)
    mark = cache_mark(part)
    return replace(decode(part), cache=mark) if mark else decode(part)


def beyond(fields: Fields, known: frozenset[str]) -> Extra | None:
    """What an object says beyond `known`. A null says nothing."""
    if fields.document.keys() <= known:  # nearly always
        return None
    rest = {name: value for name, value in fields.document.items() if name not in known and value is not None}
    return Extra(NAME, rest) if rest else None


KNOWN_OF_TEXT = frozenset({"type", "text", "annotations", "logprobs"})
KNOWN_OF_IMAGE = frozenset({"type", "image_url", "file_id", "detail"})
KNOWN_OF_FILE = frozenset({"type", "file_data", "file_url", "file_id", "filename"})


def _text(part: Fields) -> Part:
    cited = tuple(decode_citation(annotation.document) for annotation in part.objects("annotations"))
    return Text(text=part.need_text("text"), citations=cited, extra=beyond(part, KNOWN_OF_TEXT))


def _image(part: Fields) -> Part:
    """`image_url` is a string here; in Chat's spelling an object, which clients send too."""
    url, detail, extra = part.document.get("image_url"), part.text("detail"), beyond(part, KNOWN_OF_IMAGE)
    if isinstance(url, dict):
        inner = Fields(url, part.at("image_url"))
        url, detail = inner.need_text("url"), inner.text("detail") or detail
    if url is None and (file_id := part.text("file_id")):
        return Image(source=FileId(file_id), detail=detail, extra=extra)
    if not isinstance(url, str):
        refuse(part.at("image_url"), "an address, or a file_id beside it")
    return Image(source=data_url(url, part.at("image_url")), detail=detail, extra=extra)


def _audio(part: Fields) -> Part:
    audio = part.object("input_audio") or Fields(None, part.at("input_audio"))
    return Audio(format=audio.need_text("format"), data=audio.need_text("data"))


def _file(part: Fields) -> Part:
    return Document(source=_file_source(part), title=part.text("filename"), extra=beyond(part, KNOWN_OF_FILE))


def _file_source(part: Fields) -> Inline | Link | FileId:
    if data := part.text("file_data"):
        return data_url(data, part.at("file_data")) if data[:5].lower() == "data:" else Inline(PDF, data)
    if url := part.text("file_url"):
        return Link(url)
    return FileId(part.text("file_id") or refuse(part.path, "file_data, file_url or file_id"))


def decode_citation(annotation: Wire) -> Citation:
    """What an annotation of a text says; those of files have no address."""
    title = annotation.get("title", annotation.get("filename"))
    texts = (text if isinstance(text, str) else None for text in (annotation.get("url"), title))
    return Citation(NAME, annotation, *texts)


DECODERS: Mapping[str, Callable[[Fields], Part]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": lambda part: Refusal(text=part.need_text("refusal")),
    "input_image": _image,
    "image_url": _image,
    "input_audio": _audio,
    "input_file": _file,
}


# --- encode ----------------------------------------------------------------------------------------------------------


class Draft(Value):
    """One request while it is encoded: whom it is for, whether it came in this dialect, and what it loses.

    `names` are the tools that are called otherwise on the wire.
    """

    target: Target
    own: bool
    losses: Losses
    names: Mapping[str, str] = {}


Encode = Callable[[Any, Draft], list[Wire]]


def encode_parts(parts: Iterable[Part], draft: Draft) -> list[Wire]:
    """The parts of what is said to the model.

    Raises:
        Unsupported: a file or picture that this wire cannot carry. Such things are never left out in silence.
    """
    return [encoded for part in parts for encoded in _encode_part(part, draft)]


def _encode_part(part: Part, draft: Draft) -> list[Wire]:
    if part.cache and not draft.own:
        draft.losses.drop("cache_control")
    encode: Encode = ENCODERS.get(type(part), _foreign)
    encoded = encode(part, draft)
    extra = restore(NAME, part.extra)
    return [{**piece, **extra} for piece in encoded] if extra else encoded


def content_of(encoded: list[Wire]) -> str | list[Wire]:
    """A plain string where one text is all: every server takes it."""
    if len(encoded) == 1 and encoded[0].keys() == {"type", "text"}:
        return str(encoded[0]["text"])
    return encoded


def text_part(text: str) -> Wire:
    return {"type": "input_text", "text": text}


def _encode_text(part: Any, draft: Draft) -> list[Wire]:
    if part.citations:
        draft.losses.drop("citations")
    return [text_part(part.text)] if part.text else []


def _encode_image(part: Any, draft: Draft) -> list[Wire]:
    wire: Wire = {"type": "input_image", "detail": part.detail or "auto"}  # some servers demand it
    if isinstance(part.source, FileId):
        if not draft.own:
            raise Unsupported(
                "This backend cannot read pictures that were uploaded elsewhere: send the picture itself."
            )
        return [wire | {"file_id": part.source.id}]
    return [wire | {"image_url": _url(part.source)}]


def _url(source: Inline | Link) -> str:
    return source.url if isinstance(source, Link) else f"data:{source.media_type};base64,{source.data}"


def _encode_audio(part: Any, _draft: Draft) -> list[Wire]:
    return [{"type": "input_audio", "input_audio": {"data": part.data, "format": part.format}}]


def _encode_document(part: Any, draft: Draft) -> list[Wire]:
    if part.citations:
        draft.losses.drop("citations")
    if isinstance(part.source, Written | tuple):
        draft.losses.approx("documents")
        heading = "\n".join(line for line in (part.title, part.context) if line)
        inner = (Text(text=part.source.text),) if isinstance(part.source, Written) else part.source
        return [*([text_part(heading)] if heading else []), *encode_parts(inner, draft)]
    return _encode_file(part, draft)


def _encode_file(part: Any, draft: Draft) -> list[Wire]:
    source, wire = part.source, {"type": "input_file", **({"filename": part.title} if part.title else {})}
    if isinstance(source, FileId) and draft.own:
        return [wire | {"file_id": source.id}]
    if isinstance(source, Inline) and source.media_type.startswith("text/") and not draft.own:
        return _encode_document(replace(part, source=Written(_plain(source.data)), citations=False), draft)
    if isinstance(source, FileId) or not (draft.own or draft.target.profile.pdf):
        raise Unsupported("This backend cannot read the attached document: send its text, or pages as pictures.")
    if isinstance(source, Link):
        return [wire | {"file_url": source.url}]
    return [{"filename": "document.pdf", **wire, "file_data": _url(source)}]


def _plain(data: str) -> str:
    try:
        return base64.b64decode(data).decode(errors="replace")
    except ValueError:
        raise BadRequest("A text document is not valid base64.") from None


def _encode_search_result(part: Any, draft: Draft) -> list[Wire]:
    heading = "\n".join(line for line in (part.title, part.source) if line)
    return [text_part(heading), *encode_parts(part.content, draft)] if heading else encode_parts(part.content, draft)


def _foreign(part: Part, draft: Draft) -> list[Wire]:
    """What only its own dialect understands, and what has no place here, such as reasoning of a user."""
    if isinstance(part, Opaque) and part.dialect == NAME:
        return [dict(part.raw)]
    draft.losses.drop("parts")
    return [text_part(part.text)] if isinstance(part, Opaque) and part.text else []


ENCODERS: Mapping[type[Part], Encode] = {
    Text: _encode_text,
    Refusal: lambda part, _draft: [text_part(part.text)] if part.text else [],
    Image: _encode_image,
    Audio: _encode_audio,
    Document: _encode_document,
    SearchResult: _encode_search_result,
}


# --- what the model says ---------------------------------------------------------------------------------------------


def encode_spoken(part: Text | Refusal) -> Wire:
    """A text or a refusal of the model's, each citation with the place that it covers: the whole text."""
    if isinstance(part, Refusal):
        return {"type": "refusal", "refusal": part.text}
    annotations = [found for cited in part.citations if (found := encode_citation(cited, len(part.text)))]
    return {"type": "output_text", "text": part.text, "annotations": annotations, "logprobs": []}


def encode_citation(citation: Citation, end: int) -> Wire | None:
    """The annotation of a text that is `end` characters long; None when the citation has no address."""
    if citation.dialect == NAME:
        return dict(citation.raw)
    if citation.url is None:
        return None
    title = citation.title or citation.url
    return {"type": "url_citation", "start_index": 0, "end_index": end, "url": citation.url, "title": title}
