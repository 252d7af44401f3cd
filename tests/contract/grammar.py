"""The grammars of the wires, section D.2 to D.7 of the contract: every stream of ours keeps to the strictest reading.

They are the intersection of what all real clients accept. Nothing here comes from llmux: its encoders are judged.
Each reader takes a whole stream and raises AssertionError where it breaks a rule.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any

DONE = "[DONE]"
DELTAS: Mapping[str, frozenset[str]] = {
    "text": frozenset({"text_delta", "citations_delta"}),
    "thinking": frozenset({"thinking_delta", "signature_delta"}),
    "tool_use": frozenset({"input_json_delta"}),
    "server_tool_use": frozenset({"input_json_delta"}),
    "mcp_tool_use": frozenset({"input_json_delta"}),
}
EMPTY: Mapping[str, Any] = {"text": "", "thinking": "", "input": {}}


def check(dialect: str, stream: bytes) -> None:
    """Raise AssertionError where `stream`, which has ended, breaks the grammar of `dialect`."""
    GRAMMARS[dialect](stream)


def frames(stream: bytes) -> list[tuple[str, Any]]:
    """The name and the JSON of each event. Every event is one line of data, and each ends in a blank line."""
    assert stream.endswith(b"\n\n")
    found = []
    for frame in stream.decode().removesuffix("\n\n").split("\n\n"):
        *names, data = frame.split("\n")
        assert len(names) <= 1
        assert data.startswith("data: ")
        name = names[0].removeprefix("event: ") if names else ""
        assert not any(mark in frame for mark in ("\u2028", "\u2029", "\x85", "\r"))
        found.append((name, DONE if data[6:] == DONE else json.loads(data[6:])))
    return found


def _claude(stream: bytes) -> None:
    events = [event for name, event in frames(stream) if _is(name == event["type"])]
    kinds = [event["type"] for event in events]
    if kinds[-1] == "error":
        assert {"type", "message"} <= events.pop()["error"].keys()
    else:
        assert kinds[-2:] == ["message_delta", "message_stop"]
        assert isinstance(events[-2]["usage"]["output_tokens"], int)
        assert events[-2]["delta"]["stop_reason"]
        events = events[:-2]
    assert not {"error", "message_delta", "message_stop"} & {event["type"] for event in events}
    blocks = [event for event in events if event["type"] != "ping"]
    if blocks:
        begin, *blocks = blocks
        assert begin["type"] == "message_start"
        message = begin["message"]
        assert (message["content"], message["stop_reason"], message["role"]) == ([], None, "assistant")
        assert isinstance(message["usage"]["input_tokens"], int)
    _blocks(blocks, cut=kinds[-1] == "error")


def _blocks(events: list[Any], *, cut: bool) -> None:
    """Dense, one after the other, begun empty, with deltas of their kind, and closed unless the stream is cut."""
    index, kind = -1, ""
    for event in events:
        if event["type"] == "content_block_start":
            assert not kind, "the block before is still open"
            index, block = index + 1, event["content_block"]
            kind = block["type"]
            assert all(block[field] == empty for field, empty in EMPTY.items() if field in block and kind in DELTAS)
        elif event["type"] == "content_block_delta":
            assert event["delta"]["type"] in DELTAS[kind]
        else:
            assert event["type"] == "content_block_stop"
            assert kind, "no block is open"
            kind = ""
        assert event["index"] == index
    assert cut or not kind, "a block was left open"


def _openai_chat(stream: bytes) -> None:
    found = frames(stream)
    assert not any(name for name, _ in found)
    *chunks, done = [chunk for _, chunk in found]
    assert done == DONE
    failed = bool(chunks) and "error" in chunks[-1]
    if failed:
        assert chunks.pop()["error"].keys() >= {"message", "type", "param", "code"}
    assert len({(chunk["id"], chunk["created"], chunk["model"], chunk["object"]) for chunk in chunks}) <= 1
    told = [chunk for chunk in chunks if chunk.get("usage")]
    if told:
        assert told == chunks[-1:]
        assert chunks.pop()["choices"] == []
        assert all(chunk["usage"] is None for chunk in chunks)
    assert all(len(chunk["choices"]) == 1 for chunk in chunks)
    choices = [chunk["choices"][0] for chunk in chunks]
    indices = sorted({choice["index"] for choice in choices})
    assert indices == list(range(len(indices)))
    for index in indices:
        _choice([choice for choice in choices if choice["index"] == index], failed=failed)


def _choice(choices: list[Any], *, failed: bool) -> None:
    """The role once and first, each call opened once and counted from 0, the finish reason last and with nothing."""
    first, *rest = [choice["delta"] for choice in choices]
    assert first["role"] == "assistant"
    assert not any("role" in delta for delta in rest)
    finishes = [choice["finish_reason"] for choice in choices]
    assert failed or finishes.pop()
    assert not any(finishes)
    assert failed or rest[-1] == {}
    opened = 0
    for entry in (entry for delta in rest for entry in delta.get("tool_calls", ())):
        if "id" in entry:
            assert entry["index"] == opened
            assert entry["type"]
            assert entry[entry["type"]]["name"]
            opened += 1
        else:
            assert entry["index"] == opened - 1
            assert entry.keys() <= {"index", "function", "custom", "extra_content"}
            assert not any("name" in entry.get(kind, {}) for kind in ("function", "custom"))


TERMINAL = {"response.completed", "response.incomplete", "response.failed", "error"}


def _openai_responses(stream: bytes) -> None:
    events = [event for name, event in frames(stream) if _is(name == event["type"])]
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    kinds = [event["type"] for event in events]
    assert kinds[-1] in TERMINAL
    assert not TERMINAL & set(kinds[:-1])
    if kinds[-1] == "error":
        assert "response.created" not in kinds
        return
    assert kinds[0] == "response.created"
    assert len({event["response"]["id"] for event in events if "response" in event}) == 1
    response = events[-1]["response"]
    assert kinds[-1] == f"response.{response['status']}"
    added = [event for event in events if event["type"] == "response.output_item.added"]
    done = [event for event in events if event["type"] == "response.output_item.done"]
    assert [event["output_index"] for event in added] == list(range(len(added)))
    assert [event["item"] for event in done] == response["output"][: len(done)]
    for event in done:
        assert event["item"]["id"] == added[event["output_index"]]["item"]["id"]
    if kinds[-1] != "response.failed":
        assert len(response["output"]) == len(added) == len(done)
    _texts(events)


def _texts(events: list[Any]) -> None:
    """What is done is what its deltas were, and each part was announced before its first delta."""
    said = dict[tuple[Any, ...], str]()
    announced = set[tuple[Any, ...]]()
    for event in events:
        kind = event["type"].removeprefix("response.")
        place = (event.get("item_id"), event.get("content_index", event.get("summary_index")))
        if kind in {"output_item.added", "content_part.added", "reasoning_summary_part.added"}:
            announced.add(place if "item_id" in event else (event["item"]["id"], None))
        elif kind.endswith(".delta"):
            assert place in announced, "a delta before its part"
            said[place] = said.get(place, "") + event["delta"]
        elif kind.endswith(("text.done", "arguments.done", "input.done", "refusal.done")):
            whole = next(event[key] for key in ("text", "arguments", "input", "refusal") if key in event)
            assert said.get(place, "") == whole


def _gemini(stream: bytes) -> None:
    found = frames(stream)
    assert not any(name for name, _ in found)
    chunks = [chunk for _, chunk in found if chunk]
    assert DONE not in chunks
    if "error" in chunks[-1]:
        assert chunks.pop()["error"].keys() >= {"code", "message", "status"}
    elif "promptFeedback" not in chunks[-1]:
        assert chunks[-1]["usageMetadata"]["totalTokenCount"] >= 0
        assert any("finishReason" in candidate for candidate in chunks[-1]["candidates"])
    assert len({chunk["responseId"] for chunk in chunks}) <= 1
    for candidate in (candidate for chunk in chunks for candidate in chunk.get("candidates", ())):
        content = candidate.get("content", {"role": "model", "parts": []})
        assert content["role"] == "model"
        calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
        assert all(isinstance(call["args"], dict) and call["name"] for call in calls)
    assert not any("finishReason" in c for chunk in chunks[:-1] for c in chunk["candidates"] if c["index"] == 0)


def _ollama(stream: bytes) -> None:
    assert stream.endswith(b"\n")
    *chunks, last = [json.loads(line) for line in stream.decode().removesuffix("\n").split("\n")]
    if "error" not in last:
        assert last["done"] is True
        assert {"done_reason", "total_duration", "load_duration", "prompt_eval_count", "eval_count"} <= last.keys()
        assert last["message"] == {"role": "assistant", "content": ""}
    for chunk in chunks:
        assert chunk["done"] is False
        assert chunk["message"]["role"] == "assistant"
        calls = [call["function"] for call in chunk["message"].get("tool_calls", ())]
        assert all(isinstance(call["arguments"], dict) and call["name"] for call in calls)


def _is(true: bool) -> bool:
    assert true
    return true


GRAMMARS: Mapping[str, Callable[[bytes], None]] = {
    "claude": _claude,
    "openai_chat": _openai_chat,
    "openai_responses": _openai_responses,
    "gemini": _gemini,
    "ollama": _ollama,
}
