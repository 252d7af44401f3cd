"""What a client is told in a stream, in short lines, so that a play is a table. Nothing here comes from llmux."""

from collections.abc import Iterator
from typing import Any

from tests.contract.grammar import frames


def claude(stream: bytes) -> list[str]:
    """A stream of Claude's: `start`, `0 text`, `0 + hi`, `0 end`, `1 tool_use a f`, `ended tool_use`, `stop`."""
    return [line for _, event in frames(stream) for line in _claude(event)]


def _claude(event: Any) -> Iterator[str]:
    kind, index = event["type"], event.get("index")
    if kind == "content_block_start":
        block = event["content_block"]
        yield " ".join([str(index), *(block[key] for key in ("type", "id", "name") if key in block)])
    elif kind == "content_block_delta":
        _, value = event["delta"].items()
        yield f"{index} {'signed' if value[0] == 'signature' else f'+ {value[1]}'}"
    elif kind == "content_block_stop":
        yield f"{index} end"
    elif kind == "message_delta":
        yield f"ended {event['delta']['stop_reason']}"
    elif kind == "error":
        yield f"error {event['error']['type']}: {event['error']['message']}"
    else:
        yield kind.removeprefix("message_")


def usage(stream: bytes) -> Any:
    """The usage that a stream of Claude's ends with."""
    return next(event["usage"] for _, event in frames(stream) if event["type"] == "message_delta")
