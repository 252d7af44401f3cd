"""What a backend is sent, read aloud in words that all wires share, so that one table holds for all of them.

It reads what stands there, in its order, and puts nothing right. Nothing here comes from llmux: its encoders are
judged with it.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

Wire = Mapping[str, Any]


def spoken(dialect: str, body: Wire) -> list[str]:
    """The conversation, a line a piece: `user: go`, `call a: f {"x": 1}`, `result a: ok`, `failed a: no`."""
    return list(READERS[dialect](body))


def _text(content: Any) -> str:
    """The text of a content that is a string, a list of parts, or none."""
    if isinstance(content, str):
        return content
    return "|".join(part.get("text", f"[{part.get('type')}]") for part in content or ())


def _call(call_id: str, name: str, arguments: Any) -> str:
    value = json.loads(arguments) if isinstance(arguments, str) else arguments
    return f"call {call_id}: {name} {json.dumps(value, sort_keys=True)}"


def _result(call_id: str, text: str) -> str:
    return (
        f"failed {call_id}: {text.removeprefix('Error: ')}"
        if text.startswith("Error: ")
        else f"result {call_id}: {text}"
    )


def _claude(body: Wire) -> Iterator[str]:
    for block in body.get("system", ()):
        yield f"system: {block['text']}"
    for message in body["messages"]:
        for block in message["content"]:
            kind = block["type"]
            if kind == "tool_use":
                yield _call(block["id"], block["name"], block["input"])
            elif kind == "tool_result":
                word = "failed" if block.get("is_error") else "result"
                yield f"{word} {block['tool_use_id']}: {_text(block.get('content'))}"
            else:
                yield f"{message['role']}: {block.get('text', f'[{kind}]')}"


def _openai_chat(body: Wire) -> Iterator[str]:
    for message in body["messages"]:
        if message["role"] == "tool":
            yield _result(message["tool_call_id"], _text(message["content"]))
        elif message.get("content") is not None:
            yield f"{message['role']}: {_text(message['content'])}"
        for call in message.get("tool_calls", ()):
            yield _call(call["id"], call["function"]["name"], call["function"]["arguments"])


def _openai_responses(body: Wire) -> Iterator[str]:
    for item in body["input"]:
        if item["type"] == "function_call":
            yield _call(item["call_id"], item["name"], item["arguments"])
        elif item["type"] == "function_call_output":
            yield _result(item["call_id"], _text(item["output"]))
        else:
            yield f"{item['role']}: {_text(item['content'])}"


def _gemini(body: Wire) -> Iterator[str]:
    for part in body.get("systemInstruction", {}).get("parts", ()):
        yield f"system: {part['text']}"
    for content in body["contents"]:
        for part in content["parts"]:
            if call := part.get("functionCall"):
                yield _call(call["id"], call["name"], call["args"])
            elif given := part.get("functionResponse"):
                [(key, value)] = given["response"].items() or [("output", "")]
                yield f"{'failed' if key == 'error' else 'result'} {given['id']}: {value}"
            else:
                yield f"{content['role'].replace('model', 'assistant')}: {part.get('text', '[media]')}"


def _ollama(body: Wire) -> Iterator[str]:
    for message in body["messages"]:
        if message["role"] == "tool":
            yield _result(message["tool_call_id"], message["content"])
        elif message["content"]:
            yield f"{message['role']}: {message['content']}"
        for call in message.get("tool_calls", ()):
            yield _call(call["id"], call["function"]["name"], call["function"]["arguments"])


READERS: Mapping[str, Callable[[Wire], Iterator[str]]] = {
    "claude": _claude,
    "openai_chat": _openai_chat,
    "openai_responses": _openai_responses,
    "gemini": _gemini,
    "ollama": _ollama,
}
