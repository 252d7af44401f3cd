"""What a client says to llmux itself in the body of a request, in any dialect. No backend is told of it.

`{"options": {"useCache": false}}`: not from the cache, and not into it; Cache-Control: no-store says the same.
"""

import msgspec

from llmux.errors import BadRequest

WORD = "useCache"
MARK = f'"{WORD}"'.encode()
OPTIONS = "options"

_fields = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def take_wishes(body: bytes) -> tuple[bytes, bool]:
    """`body` as its backend is to see it, and whether the cache may be used.

    Raises:
        BadRequest: what is said is neither true nor false.
    """
    if MARK not in body:  # nearly always
        return body, True
    try:
        document = _fields(body)
        options = _fields(document.get(OPTIONS, b"{}"))
    except msgspec.DecodeError:  # no JSON, or no such object: whoever reads it says so
        return body, True
    said = options.pop(WORD, None)
    if said is None:
        return body, True
    kept = {**document, OPTIONS: options} if options else {k: v for k, v in document.items() if k != OPTIONS}
    return msgspec.json.encode(kept), _flag(bytes(said))


def _flag(said: bytes) -> bool:
    if said not in {b"true", b"false"}:
        raise BadRequest(f"{OPTIONS}.{WORD}: true or false is expected.", param=f"{OPTIONS}.{WORD}")
    return said == b"true"
