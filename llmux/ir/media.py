"""What kind of media some base64 is, told by how it begins: for who sends some without saying so. It reads no more."""

import base64

UNKNOWN = "application/octet-stream"
BEGINNING = 16  # characters of base64, whose twelve bytes tell the kind
# Where in those bytes which mark stands -> what they are.
MARKS: tuple[tuple[int, bytes, str], ...] = (
    (0, b"\x89PNG", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF8", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (0, b"BM", "image/bmp"),
    (0, b"%PDF", "application/pdf"),
)


def media_type(data: str, told: str = "") -> str:
    """The media type of base64 `data`: the one that was `told`, where that says something."""
    if told not in {"", UNKNOWN}:
        return told
    try:
        head = base64.b64decode(data[:BEGINNING], validate=True)
    except ValueError:
        return UNKNOWN
    return next((kind for place, mark, kind in MARKS if head.startswith(mark, place)), UNKNOWN)
