"""Calls to the demo provider, in the words of every dialect."""

import json
from collections.abc import Callable
from typing import Any

from llmux.dialects.base import Dialect, backend_path
from llmux.dialects.registry import TABLE
from llmux.transports.base import Call

# What a dialect says otherwise, or besides, in so small a request.
OWN: dict[str, Callable[[str], dict[str, Any]]] = {
    "openai_chat": lambda _: {"stream_options": {"include_usage": True}},
    "openai_responses": lambda said: {"input": said},
    "gemini": lambda said: {"contents": [{"parts": [{"text": said}]}]},
}
DIALECTS = tuple(TABLE)


def call(
    dialect: str, said: str = "one two three", model: str = "echo", *, stream: bool = True, **headers: str
) -> Call:
    """A request for a message. Most dialects say so small a one alike."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": 1000,
        "stream": stream,
        "messages": [{"role": "user", "content": said}],
        **OWN.get(dialect, lambda _: {})(said),
    }
    path = backend_path(TABLE[dialect], model, stream=stream)
    return Call(path, {k.replace("_", "-"): v for k, v in headers.items()}, json.dumps(body).encode())


def heard(dialect: Dialect, data: bytes) -> list[Any]:
    """The events that a stream tells."""
    decoder = dialect.decoder({})
    return [*decoder.feed(data), *decoder.close()]
