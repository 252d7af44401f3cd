"""Tokens counted once, caches that are met, lists of models, addresses, streams: the faults H.91 to H.100."""

import base64
import struct
from typing import Any

import orjson
import pytest

from llmux.config.endpoint import endpoint
from llmux.config.schema import Provider
from llmux.dialects.base import Address, backend_path
from llmux.dialects.registry import TABLE
from llmux.ir.usage import Usage
from tests.contract.wires import (
    DONE,
    STOP,
    Wire,
    answer,
    asked,
    by_its_sdk,
    claude,
    heard,
    known,
    outgoing,
    says,
    sent,
    tables,
    told,
    user,
)
from tests.judges.heard import Tokens
from tests.scripted import chunk
from tests.server.house import running

CLIENTS = tuple(TABLE)
HI = {"type": "text", "text": "Hi."}

# --- usage -----------------------------------------------------------------------------------------------------------

READ = {"input_tokens": 40, "cache_read_input_tokens": 60, "cache_creation_input_tokens": 10, "output_tokens": 5}


def test_usage_that_is_told_twice_counts_once() -> None:
    """H.91: what Claude says at the end replaces what it said at the beginning."""
    stream = claude(HI, usage=READ)
    stream[0]["message"]["usage"] = READ | {"output_tokens": 1}
    assert answer("claude", *stream).usage == Usage(40, 5, 60, 10)


def counted(prompt: int, cached: int, made: int = 20) -> list[Wire | str]:
    """A chat that tells its usage in a last chunk."""
    usage = {"prompt_tokens": prompt, "completion_tokens": made, "total_tokens": prompt + made,
             "prompt_tokens_details": {"cached_tokens": cached}}  # fmt: skip
    return [says("Hi."), STOP, {**chunk({}), "choices": [], "usage": usage}, DONE]


# prompt, cached -> what Claude's client is told: the input and what was read.
PROMPTS = {
    "H.92 a part was cached": (100, 60, 40, 60),
    "H.92 all was cached": (100, 100, 0, 100),
    "H.92 more than all was cached": (50, 60, 0, 60),
    "H.95 clients that would have it whole are no reason": (100, 1, 99, 1),
}


@pytest.mark.parametrize("case", PROMPTS)
def test_what_was_cached_is_no_input_to_claude_s_clients(case: str) -> None:
    """They add both up."""
    prompt, cached, left, read = PROMPTS[case]
    usage = told("claude", heard("openai_chat", *counted(prompt, cached)))[-2]["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (left, read)


def test_what_was_written_to_a_cache_is_input() -> None:
    """H.93: and no output."""
    said = by_its_sdk("openai_chat", heard("claude", *claude(HI, usage=READ)))
    assert said.usage == Tokens(prompt=110, output=5, cached=60, written=10, reasoning=0)


@pytest.mark.parametrize("client", ["openai_chat", "openai_responses", "gemini", "ollama"])
def test_the_whole_prompt_of_claude_is_the_sum_of_three(client: str) -> None:
    """H.94: as every other API counts it."""
    usage = by_its_sdk(client, heard("claude", *claude(HI, usage=READ))).usage
    assert usage is not None
    assert (usage.prompt, usage.output) == (110, 5)


# --- caches ----------------------------------------------------------------------------------------------------------


def session_of(number: int) -> Wire:
    """A request of Claude Code's: its first line is another one each time."""
    line = {"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1; cch={number};"}
    system = [line, {"type": "text", "text": "Be brief."}]
    return asked("claude", user(), system=system, metadata={"user_id": "user_1_account__session_0a1b"})


@pytest.mark.parametrize("backend", [name for name in TABLE if name != "claude"])
def test_a_line_that_changes_each_time_does_not_cost_the_cache(backend: str) -> None:
    """H.96: other makers are not told it, and the key of the cache is the same for a session."""
    to = known(backend, "openai", "gpt-5") if backend.startswith("openai") else known(backend, "", "m")
    first, second = (outgoing("claude", session_of(number), backend, to).body for number in (1, 2))
    assert first == second
    assert b"billing" not in first
    if backend.startswith("openai"):
        assert 0 < len(orjson.loads(first)["prompt_cache_key"]) <= 64


def test_its_maker_is_told_that_line() -> None:
    """H.96: it is meant for it."""
    told_to_claude = sent("claude", session_of(1), "claude", known("claude", "anthropic", "claude-opus-4-8"))
    assert told_to_claude["system"] == session_of(1)["system"]


# --- what is around it -----------------------------------------------------------------------------------------------

# Who asks for the list of models -> the headers that it has.
LISTENERS = {
    "H.97 Claude Code": {"user-agent": "claude-cli/2.1", "anthropic-version": "2023-06-01", "x-api-key": "k"},
    "H.97 OpenAI's SDK": {"authorization": "Bearer k"},
}


@pytest.mark.parametrize("case", LISTENERS)
async def test_the_list_of_models_has_what_each_client_looks_for(case: str) -> None:
    async with running() as house:
        reply = await house.session.get(house.url + "/v1/models?limit=1000", headers=LISTENERS[case])
        listed = await reply.json()
    assert listed["data"]
    assert {"object", "data", "has_more", "first_id", "last_id"} <= listed.keys()
    for model in listed["data"]:
        assert {"id", "object", "created", "owned_by", "type", "display_name", "created_at"} <= model.keys()


async def test_vectors_come_in_the_encoding_that_was_asked_for() -> None:
    """H.98: OpenAI's SDK asks for base64 unless it is told otherwise; whoever made the numbers, it gets that."""
    wish = {"model": "m", "input": ["a", "bcd"]}
    async with running() as house:
        replies = [
            await (await house.session.post(house.url + "/v1/embeddings", json=wish | form)).json()
            for form in ({}, {"encoding_format": "base64"})
        ]
    plain, packed = ([one["embedding"] for one in reply["data"]] for reply in replies)
    assert [list(struct.unpack("<2f", base64.b64decode(vector))) for vector in packed] == plain


# What an owner may write as the address of a provider -> where its model m is asked.
ADDRESSES: dict[str, tuple[str, str, str]] = {
    "H.99 OpenAI's": ("openai", "https://h.test/v1", "https://h.test/v1/chat/completions"),
    "H.99 with a slash": ("openai", "https://h.test/v1/", "https://h.test/v1/chat/completions"),
    "H.99 with the whole path": ("openai", "https://h.test/v1/chat/completions", "https://h.test/v1/chat/completions"),
    "H.99 another version": ("openai", "https://h.test/api/paas/v4", "https://h.test/api/paas/v4/chat/completions"),
    "H.99 Responses with the whole path": ("responses", "https://h.test/v1/responses", "https://h.test/v1/responses"),
    "H.99 Claude's": ("claude", "https://h.test", "https://h.test/v1/messages"),
    "H.99 Claude's with its version": ("claude", "https://h.test/v1", "https://h.test/v1/messages"),
    "H.99 Claude's with the whole path": ("claude", "https://h.test/x/v1/messages/", "https://h.test/x/v1/messages"),
    "H.99 Google's": ("gemini", "https://h.test/v1beta", "https://h.test/v1beta/models/m:generateContent"),
    "H.99 Google's with models": (
        "gemini", "https://h.test/v1beta/models", "https://h.test/v1beta/models/m:generateContent",
    ),
    "H.99 Google's form of OpenAI's": (
        "openai", "https://h.test/v1beta/openai/", "https://h.test/v1beta/openai/chat/completions",
    ),
    "H.99 Ollama's": ("ollama", "http://h.test:11434", "http://h.test:11434/api/chat"),
    "H.99 Ollama's with the version of another": ("ollama", "http://h.test:11434/v1", "http://h.test:11434/api/chat"),
    "H.99 Ollama's with the whole path": ("ollama", "http://h.test:11434/api/chat", "http://h.test:11434/api/chat"),
}  # fmt: skip


@pytest.mark.parametrize("case", ADDRESSES)
def test_an_address_is_put_together_once(case: str) -> None:
    api, base_url, expected = ADDRESSES[case]
    written = Provider(api=api, base_url=base_url)  # type: ignore[arg-type]  # each row has one that there is
    found = endpoint("mine", written, tables())
    assert found.base_url + backend_path(TABLE[found.dialect], "m") == expected


# What each client says to have a stream, or none.
WISHES: dict[str, Any] = {
    "claude": lambda wish: (asked("claude", user(), stream=wish), Address()),
    "openai_chat": lambda wish: (asked("openai_chat", user(), stream=wish), Address()),
    "openai_responses": lambda wish: ({"model": "m", "input": "hi", "stream": wish}, Address()),
    "ollama": lambda wish: (asked("ollama", user(), stream=wish), Address()),
    "gemini": lambda wish: (
        {"contents": [{"parts": [{"text": "hi"}]}]},
        Address("/v1beta/models/m:" + ("streamGenerateContent" if wish else "generateContent"), {"alt": "sse"}),
    ),
}


@pytest.mark.parametrize("backend", TABLE)
@pytest.mark.parametrize("client", WISHES)
@pytest.mark.parametrize("wish", [True, False], ids=["H.100 a stream", "H.100 none"])
def test_that_a_stream_is_wanted_is_said_once(client: str, backend: str, wish: bool) -> None:
    """In the body, or in the path where the backend looks for it there."""
    body, at = WISHES[client](wish)
    out = outgoing(client, body, backend, at=at)
    assert out.body.count(b'"stream"') <= 1
    said = "stream" in out.path if backend == "gemini" else orjson.loads(out.body).get("stream", backend == "ollama")
    assert said is wish
