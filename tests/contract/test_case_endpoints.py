"""Case 60 of the contract: lists of models, counts of tokens and embeddings, for the client of each API."""

import base64
import struct
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from llmux.dialects.base import Address
from llmux.dialects.registry import TABLE
from llmux.ir.capability import Target
from tests.contract.stage import FORM, MODELS, asked, target
from tests.server.house import running

LISTS: dict[str, tuple[dict[str, str], str]] = {
    "I.60 nothing is said": ({}, "openai"),
    "I.60 a bearer": ({"authorization": "Bearer k"}, "openai"),
    "I.60 Anthropic's version": ({"anthropic-version": "2023-06-01"}, "claude"),
    "I.60 Anthropic's key": ({"x-api-key": "k"}, "claude"),
    "I.60 Claude Code": ({"user-agent": "claude-cli/2.1.329"}, "claude"),
    "I.60 Google's key": ({"x-goog-api-key": "k"}, "gemini"),
}


@pytest.mark.parametrize("case", LISTS)
async def test_models_are_listed_in_the_words_of_who_asks(case: str) -> None:
    headers, shape = LISTS[case]
    async with running() as house:
        answer = await house.session.get(f"{house.url}/v1/models", headers={"user-agent": "test", **headers})
        told = await answer.json()
    if shape == "gemini":
        assert told["models"][0]["name"] == "models/p:one"
    else:
        name = "claude/p:one" if "user-agent" in headers else "p:one"  # Claude Code offers no other names
        assert told["data"][0]["id"] == name
        assert ("first_id" in told and told["has_more"] is False) or shape == "openai"
        assert told.get("object", "list") == "list"


async def test_google_and_ollama_list_at_their_own_paths() -> None:
    """I.60: a model of Ollama's says what it can do and how much it holds."""
    async with running() as house:
        google = await (await house.session.get(f"{house.url}/v1beta/models")).json()
        assert "generateContent" in google["models"][0]["supportedGenerationMethods"]
        tags = await (await house.session.get(f"{house.url}/api/tags")).json()
        assert tags["models"][0]["name"].startswith("p:one")
        shown = await (await house.session.post(f"{house.url}/api/show", json={"model": "p:one"})).json()
    assert "vision" in shown["capabilities"]
    assert [value for key, value in shown["model_info"].items() if key.endswith("context_length")] == [1000]


COUNTS: dict[str, tuple[str, dict[str, Any], str]] = {
    "I.60 Anthropic's": (
        "/v1/messages/count_tokens", {"model": "m", "messages": [{"role": "user", "content": "hi"}]}, "input_tokens",
    ),
    "I.60 Google's": (
        "/v1beta/models/m:countTokens", {"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}, "totalTokens",
    ),
    "I.60 OpenAI's": ("/v1/responses/input_tokens", {"model": "m", "input": "hi"}, "input_tokens"),
}  # fmt: skip


@pytest.mark.parametrize("case", COUNTS)
async def test_tokens_are_counted_where_each_api_asks(case: str) -> None:
    path, body, field = COUNTS[case]
    async with running() as house, house.session.post(house.url + path, json=body) as answer:
        assert (await answer.json())[field] == 42
        assert answer.headers["x-llmux-usage"] == "estimated"


@pytest.mark.parametrize("model", ["claude 4.5", "responses", "gemini 3"])
def test_a_backend_that_can_count_is_asked_in_its_own_words(model: str) -> None:
    """I.60: without any word of the answer; what it says is read."""
    hello = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}
    request = replace(asked("openai_chat", hello), original=None)
    counting = TABLE[MODELS[model][0]].counting
    assert counting is not None
    body = counting.encode_request(request, target(model)).body
    assert "hi" in str(body)
    assert not {"max_tokens", "stream", "max_output_tokens"} & body.keys()
    assert counting.decode_response(counting.encode_response(7)) == 7


VECTORS = ([0.5, -0.25, 3.0], [1.0, 0.0, 2.0])
SAID: dict[str, dict[str, Any]] = {
    "ollama": {"model": "m", "embeddings": VECTORS, "prompt_eval_count": 3},
    "gemini": {"embeddings": [{"values": list(vector)} for vector in VECTORS]},
    "openai_chat": {"object": "list", "data": [
        {"object": "embedding", "index": at, "embedding": list(vector)} for at, vector in enumerate(VECTORS)
    ]},
}  # fmt: skip


@pytest.mark.parametrize("backend", SAID)
def test_packed_embeddings_are_the_same_numbers_whoever_gave_them(backend: str) -> None:
    """I.60: OpenAI's SDKs ask for base64 unasked."""
    asking, giving = TABLE["openai_chat"].embedding, TABLE[backend].embedding
    assert asking is not None
    assert giving is not None
    body = orjson.dumps({"model": "m", "input": ["a", "b"], "encoding_format": "base64"})
    wanted = asking.decode_request(body, Address("/v1/embeddings"))
    assert "base64" not in str(giving.encode_request(wanted, Target("m")).body)
    given = giving.decode_response(orjson.dumps(SAID[backend]))
    packed = orjson.loads(asking.encode_response(given, wanted, FORM))["data"]
    plain = orjson.loads(asking.encode_response(given, replace(wanted, packed=False), FORM))["data"]
    assert [one["embedding"] for one in plain] == [list(vector) for vector in VECTORS]
    for one, vector in zip(packed, VECTORS, strict=True):
        assert struct.unpack("<3f", base64.b64decode(one["embedding"])) == tuple(vector)
