"""A chunk in the midst of an answer, as nearly all are, read by type: a third of the time that a document takes.

Whatever else a chunk says makes the typed reading fail, and the chunk is read as a document.
"""

import msgspec


class Part(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """Text, or reasoning."""

    text: str
    thought: bool = False


class Content(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What is said."""

    parts: list[Part]
    role: str = ""


class Candidate(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """An answer, while it goes on."""

    content: Content
    index: int = 0


class Chunk(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """One chunk. Its usage is left unread."""

    candidates: tuple[Candidate]
    usageMetadata: msgspec.Raw = msgspec.Raw(b"null")  # noqa: N815 - the wire's name  # noqa: RUF009
    modelVersion: str = ""  # noqa: N815 - the wire's name
    responseId: str = ""  # noqa: N815 - the wire's name
    createTime: str = ""  # noqa: N815 - the wire's name


UNUSUAL = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)  # what the typed reading leaves to the other
decode_chunk = msgspec.json.Decoder(Chunk).decode
