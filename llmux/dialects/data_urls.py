"""Media in a URL of its own, as OpenAI's clients carry it. Dialect-neutral.

Reference: https://www.rfc-editor.org/rfc/rfc2397
"""

import base64
from urllib.parse import unquote_to_bytes

from llmux.dialects.shape import refuse
from llmux.ir.content import Inline, Link
from llmux.ir.media import media_type


def data_url(url: str, path: str) -> Inline | Link:
    """What a `data:` URL holds, as base64, under the type that it is; any other URL is a link.

    Raises:
        BadRequest: a `data:` URL without a comma; `path` says where it stands.
    """
    if url[:5].lower() != "data:":
        return Link(url)
    head, comma, data = url[5:].partition(",")
    told, *parameters = head.split(";")
    if not comma:
        refuse(path, "a data URL with a comma before its data")
    if "base64" not in parameters:
        data = base64.b64encode(unquote_to_bytes(data)).decode()
    return Inline(media_type(data, told.strip().lower()), data)
