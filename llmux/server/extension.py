"""What llmux adds to an answer that is told whole: one field of its own in the body, in every dialect the same.

The dialects know nothing of it. A stream has no place for it that every client passes over.
"""

from collections.abc import Mapping
from typing import Any

import orjson

FIELD = b'"llmux":'


def extended(body: bytes, extension: Mapping[str, Any]) -> bytes:
    """`body` with `extension` in it, every other byte as it was; as it is where it is no JSON object."""
    head, brace, behind = body.rpartition(b"}")
    if not brace or behind.strip():
        return body
    comma = b"" if head.strip() == b"{" else b","
    return b"".join((head, comma, FIELD, orjson.dumps(extension), b"}"))
