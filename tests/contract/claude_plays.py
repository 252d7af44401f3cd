"""Streams of a Claude backend, in its own grammar. Data for the cases of the contract in which others hear it."""

from typing import Any

from tests.contract.stage import Wire, named

SAID = {"input_tokens": 10, "cache_read_input_tokens": 4, "cache_creation_input_tokens": 2}


def start() -> Wire:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "c", "content": []}
    usage = {**SAID, "output_tokens": 1}
    return {"type": "message_start", "message": {**message, "stop_reason": None, "stop_sequence": None, "usage": usage}}


def block(index: int, kind: str, *deltas: Wire, **fields: Any) -> list[Wire]:
    """A whole block: its start, a delta for each of `deltas`, and its stop."""
    return [
        {"type": "content_block_start", "index": index, "content_block": {"type": kind, **fields}},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def text(index: int, *pieces: str) -> list[Wire]:
    return block(index, "text", *({"type": "text_delta", "text": piece} for piece in pieces), text="")


def thinking(index: int, said: str, signature: str) -> list[Wire]:
    deltas = [{"type": "thinking_delta", "thinking": said}] if said else []
    signed = {"type": "signature_delta", "signature": signature}
    return block(index, "thinking", *deltas, signed, thinking="", signature="")


def tool(index: int, call_id: str, name: str, *pieces: str) -> list[Wire]:
    deltas = ({"type": "input_json_delta", "partial_json": piece} for piece in pieces)
    return block(index, "tool_use", *deltas, id=call_id, name=name, input={})


def end(reason: str, **delta: Any) -> list[Wire]:
    usage = {**SAID, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 3}}
    delta = {"stop_reason": reason, "stop_sequence": None, **delta}
    return [{"type": "message_delta", "delta": delta, "usage": usage}, {"type": "message_stop"}]


def stream(*events: Wire) -> bytes:
    return named(start(), *events)


TWO_CALLS = stream(
    *text(0, "I ", "look."), *tool(1, "a", "f", '{"x":', "1}"), *tool(2, "b", "g", '{"y":2}'), *end("tool_use")
)
NO_ARGUMENTS = stream(*tool(0, "a", "f"), *end("tool_use"))
THOUGHT = stream(*thinking(0, "hm", "c2ln"), *text(1, "hi"), *tool(2, "a", "f"), *end("tool_use"))
# Cut off in a text, and in words of Claude's own.
OVERLOADED = stream(*text(0, "par")[:2], {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}})
