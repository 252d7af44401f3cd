"""The next request of a client, which brings back all that it heard. Nothing here comes from llmux."""

from typing import Any

import orjson

from tests.contract.grammar import frames

Wire = dict[str, Any]


def claude_again(stream: bytes) -> Wire:
    """The request of Claude's client that goes on from a stream: it brings back every block as it heard it."""
    blocks = dict[int, Wire]()
    for _, event in frames(stream):
        if event["type"] == "content_block_start":
            blocks[event["index"]] = dict(event["content_block"])
        elif event["type"] == "content_block_delta":
            block, delta = blocks[event["index"]], event["delta"]
            if delta["type"] == "input_json_delta":
                block["input"] = orjson.loads(delta["partial_json"])
            else:
                block |= {key: value for key, value in delta.items() if key != "type"}
    uses = [block for block in blocks.values() if block["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": use["id"], "content": "ok"} for use in uses]
    messages = [
        {"role": "user", "content": "go"},
        {"role": "assistant", "content": list(blocks.values())},
        {"role": "user", "content": results},
    ]
    tools = [{"name": name, "input_schema": {"type": "object", "properties": {}}} for name in ("f", "g")]
    return {"model": "m", "max_tokens": 99, "messages": messages, "tools": tools}


def signatures(body: Wire) -> list[Any]:
    """The proofs on the calls that Gemini is sent, call by call."""
    parts = [part for content in body["contents"] for part in content["parts"]]
    return [part.get("thoughtSignature") for part in parts if "functionCall" in part]
