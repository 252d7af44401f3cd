"""Pictures as this wire carries them: bare base64, without a word about their kind. It knows no message.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#request-with-images
"""

import base64

from llmux.dialects.ollama.schema import HEADS
from llmux.dialects.shape import refuse
from llmux.errors import Unsupported
from llmux.ir.content import FileId, Inline, Link

UNKNOWN = "application/octet-stream"
HEAD_CHARACTERS = 16  # of base64, whose twelve bytes tell what a picture is
ELSEWHERE = ("http:", "https:")


def decode_image(text: str, path: str) -> Inline:
    """A picture: base64, or a `data:` URL around it.

    Raises:
        BadRequest: it is neither, such as an address that somebody would have to fetch.
    """
    head, comma, data = text.partition(",") if text[:5].lower() == "data:" else ("", "", text)
    told = head[5:].partition(";")[0].strip().lower()
    data = data.strip()
    if not data or (head and not comma) or text.lower().startswith(ELSEWHERE):
        refuse(path, "a picture in base64")
    return Inline(told or _kind(data, path), data)


def _kind(data: str, path: str) -> str:
    try:
        head = base64.b64decode(data[:HEAD_CHARACTERS], validate=True)
    except ValueError:
        refuse(path, "a picture in base64")
    return next((kind for mark, kind in HEADS if head.startswith(mark)), UNKNOWN)


def encode_image(source: Inline | Link | FileId) -> str:
    """The picture's base64.

    Raises:
        Unsupported: the picture itself is not in the request.
    """
    if isinstance(source, Inline):
        return source.data
    if isinstance(source, Link):
        raise Unsupported("This backend fetches no pictures: send the picture itself, in base64, not its address.")
    raise Unsupported("This backend cannot read pictures that were uploaded elsewhere: send the picture itself.")
