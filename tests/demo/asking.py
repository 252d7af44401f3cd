"""Calls to the demo provider, in the words of both dialects."""

import json
from typing import Any

from llmux.dialects.base import Dialect
from llmux.dialects.registry import TABLE
from llmux.transports.base import Call

MORE = {"openai_chat": {"stream_options": {"include_usage": True}}}
DIALECTS = tuple(TABLE)


def call(
    dialect: str, said: str = "one two three", model: str = "echo", *, stream: bool = True, **headers: str
) -> Call:
    """A request for a message. Both dialects say so small a one alike."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 1000,
        "stream": stream,
        "input" if dialect == "openai_responses" else "messages": [{"role": "user", "content": said}],
        **MORE.get(dialect, {}),
    }
    return Call(TABLE[dialect].path, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(body).encode())


def heard(dialect: Dialect, data: bytes) -> list[Any]:
    """The events that a stream tells."""
    decoder = dialect.decoder({})
    return [*decoder.feed(data), *decoder.close()]
