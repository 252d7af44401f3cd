"""Pictures as this wire carries them: bare base64, without a word about their kind. It knows no message.

Reference: https://github.com/ollama/ollama/blob/main/docs/api.md#request-with-images
"""

import base64

from llmux.dialects.shape import refuse
from llmux.errors import Unsupported
from llmux.ir.content import FileId, Inline, Link
from llmux.ir.media import BEGINNING, media_type

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
    if not told:
        _look_at(data, path)
    return Inline(media_type(data, told), data)


def _look_at(data: str, path: str) -> None:
    try:
        base64.b64decode(data[:BEGINNING], validate=True)
    except ValueError:
        refuse(path, "a picture in base64")


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
