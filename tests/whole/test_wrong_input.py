"""Wrong input at every endpoint of a whole gateway: a clear error in the caller's dialect, never a 500."""

import itertools
import random
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from llmux.app import furnish
from llmux.config.load import load
from llmux.dialects.registry import TABLE
from llmux.ground import open_ground
from llmux.server.application import build
from llmux.server.services import Desk
from llmux.telemetry import Fact, Notice, Voice
from tests.amount import amount
from tests.laws import specimens

CONFIG = """
store.url = "memory:"
[provider.oa]
api = "demo"
[provider.cl]
api = "claude"
base_url = "http://127.0.0.1:9"
[[backend]]
model = "oa:echo"
[[backend]]
model = "oa:vectors"
embeddings = true
"""

PNG = "iVBORw0KGgo="
TOOL_SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CLAUDE = {
    "model": "m",
    "max_tokens": 64,
    "stream": False,
    "system": [{"type": "text", "text": "be brief", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "hi"}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "c2ln"},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": "b"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "r"}]},
                {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
            ],
        },
    ],
    "tools": [{"name": "f", "description": "d", "input_schema": TOOL_SCHEMA}],
    "tool_choice": {"type": "auto", "disable_parallel_tool_use": True},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "temperature": 1,
    "stop_sequences": ["x"],
    "metadata": {"user_id": "u"},
    "output_config": {"effort": "low"},
}
OPENAI = {
    "model": "m",
    "stream": False,
    "stream_options": {"include_usage": True},
    "messages": [
        {"role": "system", "content": "be brief"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "hi"},
                {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
            ],
        },
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"a":"b"}'}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "r"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": TOOL_SCHEMA}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": TOOL_SCHEMA}},
    "max_completion_tokens": 64,
    "temperature": 1,
    "stop": ["x"],
    "n": 1,
    "reasoning_effort": "low",
    "metadata": {"a": "b"},
}
# path: a good body, and what an error of this path holds
ENDPOINTS: dict[str, tuple[Mapping[str, Any], str]] = {
    "/v1/messages": (CLAUDE, "type"),
    "/v1/messages/count_tokens": (CLAUDE, "type"),
    "/v1/chat/completions": (OPENAI, "error"),
    "/llmux/explain": (OPENAI, "error"),
    "/llmux/explain?dialect=claude": (CLAUDE, "error"),
    "/v1/responses": (specimens.OPENAI_RESPONSES, "error"),
    "/v1/responses/input_tokens": (specimens.OPENAI_RESPONSES, "error"),
    "/v1/responses/compact": (specimens.OPENAI_RESPONSES, "error"),
    "/v1beta/models/m:generateContent": (specimens.GEMINI, "error"),
    "/v1beta/models/m:streamGenerateContent": (specimens.GEMINI, "error"),
    "/v1beta/models/m:countTokens": ({"generateContentRequest": specimens.GEMINI}, "error"),
    "/v1beta/models/m:embedContent": ({"content": {"parts": [{"text": "a"}]}, "outputDimensionality": 8}, "error"),
    "/v1beta/models/m:batchEmbedContents": (
        {"requests": [{"model": "models/m", "content": {"parts": [{"text": "a"}]}}]},
        "error",
    ),
    "/api/chat": (specimens.OLLAMA, "error"),
    "/api/generate": (specimens.FORMS["ollama", "generate"], "error"),
    "/api/embed": ({"model": "m", "input": ["a", "b"], "dimensions": 8, "truncate": True}, "error"),
    "/api/embeddings": ({"model": "m", "prompt": "a"}, "error"),
    "/api/show": ({"model": "m", "verbose": False}, "error"),
    "/v1/completions": (specimens.FORMS["openai_chat", "completions"], "error"),
    "/v1/embeddings": ({"model": "m", "input": ["a"], "dimensions": 8, "encoding_format": "float"}, "error"),
}
# Of so many changes, tried at one endpoint: every one would take minutes.
MOST_CHANGES = amount(200, 10_000)
WRONG: tuple[Any, ...] = (None, True, 0, -1, 1e308, "", "x", "\ud83d", [], [None], {}, {"type": "x"}, {"a": {"b": []}})


def places(document: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every node of a document."""
    yield path
    children = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for key, child in children:
        yield from places(child, (*path, key))


def changed(document: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """A copy of `document` with `value` at `path`."""
    if not path:
        return value
    copy = dict(document) if isinstance(document, dict) else list(document)
    copy[path[0]] = changed(document[path[0]], path[1:], value)
    return copy


@asynccontextmanager
async def gateway(folder: Path) -> AsyncGenerator[tuple[str, list[Fact]], None]:
    (folder / "config.toml").write_text(CONFIG)
    facts: list[Fact] = []
    loaded = load(folder / "config.toml", env={}, cwd=folder, home=folder)
    async with open_ground(loaded, Voice(facts.append)) as ground:
        house = furnish(loaded, ground)
        desk = Desk(lambda: house.services, ground.clock, facts.append, ground.next_id)
        runner = web.ServerRunner(build(desk, TABLE, max_body=2**20))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", facts
        await runner.cleanup()


def encode(document: Any) -> bytes:
    """JSON, also of half a surrogate pair, which clients do send."""
    import json

    return json.dumps(document).encode()


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_every_node_replaced_by_every_wrong_thing(tmp_path: Path, path: str) -> None:
    good, mark = ENDPOINTS[path]
    async with gateway(tmp_path) as (url, facts), aiohttp.ClientSession() as session:
        changes = list(itertools.product(places(good), WRONG))
        for place, wrong in random.Random(path).sample(changes, min(len(changes), MOST_CHANGES)):  # noqa: S311
            body = encode(changed(good, place, wrong))
            async with session.post(url + path, data=body) as answer:
                told = await answer.read()
                assert answer.status < 500, (place, wrong, told)
                if answer.status >= 400:
                    assert mark in orjson.loads(told), (place, wrong, told)
    assert not [fact for fact in facts if isinstance(fact, Notice)]


@pytest.mark.parametrize("path", ENDPOINTS)
async def test_bytes_cut_and_flipped(tmp_path: Path, path: str) -> None:
    chance = random.Random(7)  # noqa: S311  # a fuzzer that repeats itself
    good = encode(ENDPOINTS[path][0])
    async with gateway(tmp_path) as (url, facts), aiohttp.ClientSession() as session:
        for _ in range(200):
            body = bytearray(good[: chance.randrange(len(good))] if chance.random() < 0.5 else good)
            for _ in range(chance.randrange(4)):
                if body:
                    body[chance.randrange(len(body))] = chance.randrange(256)
            async with session.post(url + path, data=bytes(body)) as answer:
                assert answer.status < 500, (body, await answer.read())
    assert not [fact for fact in facts if isinstance(fact, Notice)]


async def test_deep_and_hostile_documents(tmp_path: Path) -> None:
    hostile = [
        b"[" * 100_000,
        b'{"model":"m","messages":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b'{"model":"m","model":"n","messages":[{"role":"user","content":"x"}]}',
        b'{"model":"\\u0000","messages":[{"role":"user","content":"\\u0000"}]}',
        b'{"model":"m\\r\\nx-evil: 1","messages":[{"role":"user","content":"x"}],"max_tokens":1}',
        b'{"model":"' + b"a" * 100_000 + b'","messages":[{"role":"user","content":"x"}],"max_tokens":1}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"max_tokens":99999999999999999999}',
        b'{"model":"m","messages":[{"role":"user","content":"x"}],"temperature":1e999}',
    ]
    async with gateway(tmp_path) as (url, facts), aiohttp.ClientSession() as session:
        for body, path in itertools.product(hostile, ENDPOINTS):
            async with session.post(url + path, data=body) as answer:
                assert answer.status < 500, (body[:80], path, await answer.read())
                assert "x-evil" not in answer.headers
    assert not [fact for fact in facts if isinstance(fact, Notice)]
