"""The arguments of a call, both ways: an object on this wire, JSON text in the IR. It knows no call and no message."""

import orjson

OBJECT = b"{"


def decode_arguments(raw: bytes) -> str:
    """The JSON text of arguments as they stand on the wire: an object's own bytes, or the text in a string."""
    text = raw.strip()
    if text[:1] == OBJECT:
        return text.decode()
    if not text or text == b"null":
        return "{}"
    value = orjson.loads(text)
    return value if isinstance(value, str) else text.decode()
