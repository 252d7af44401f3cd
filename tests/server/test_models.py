"""Where clients ask about models: who is taken for whose client, and what each is told, errors too."""

from collections.abc import Mapping

import aiohttp
import pytest
from msgspec.structs import replace

from llmux.dialects.gemini import models as gemini
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.dialects.registry import TABLE
from llmux.responder import Client
from tests.server.house import Running, running

KEYS = {"secret": Client("front"), "other": Client("narrow", models=("two",))}
# A dialect with its own lists; what else it says is OpenAI's here, for it is not asked.
BARE = replace(OPENAI_CHAT, inbound=(), forms={}, counting=None)
DIALECTS = {**TABLE, "gemini": replace(BARE, name="gemini", listing=gemini.LISTING)}

# headers and path -> the dialect in which the answer comes
SPOKEN: dict[str, tuple[dict[str, str], str, str]] = {
    "nothing is said": ({}, "/v1/models", "openai_chat"),
    "a key as OpenAI's clients send it": ({"authorization": "Bearer k"}, "/v1/models", "openai_chat"),
    "Anthropic's version": ({"authorization": "Bearer k", "anthropic-version": "x"}, "/v1/models", "claude"),
    "Anthropic's key": ({"x-api-key": "k"}, "/models", "claude"),
    "both keys": ({"x-api-key": "k", "authorization": "Bearer k"}, "/v1/models", "openai_chat"),
    "Anthropic's paging": ({}, "/v1/models?after_id=two", "claude"),
    "Claude Code": ({"user-agent": "claude-cli/2.1"}, "/v1/models", "claude"),
    "one model of Anthropic's client": ({"x-api-key": "k"}, "/v1/models/two", "claude"),
    "Google's key": ({"x-goog-api-key": "k"}, "/v1/models", "gemini"),
    "Google's key in the query": ({}, "/v1/models?key=k", "gemini"),
    "Google's client": ({"x-goog-api-client": "google-genai-sdk/3"}, "/v1/models/two", "gemini"),
    "Google's program": ({"user-agent": "GeminiCLI/1"}, "/v1/models", "gemini"),
    "Google's path": ({"authorization": "Bearer k"}, "/v1beta/models", "gemini"),
    "Google's other path": ({}, "/v1alpha/models/two", "gemini"),
    "Ollama's path": ({}, "/api/tags", "ollama"),
}


@pytest.mark.parametrize("name", SPOKEN)
async def test_who_asks_is_told_by_headers_and_path(name: str) -> None:
    headers, path, dialect = SPOKEN[name]
    async with running(dialects=DIALECTS) as house:
        answer = await house.session.get(house.url + path, headers={"user-agent": "test", **headers})
        assert answer.status == 200
        told = await answer.json()
        if dialect in {"gemini", "ollama"}:
            assert "models" in told or told["name"] == "models/two"
        else:
            assert told["object"] in {"list", "model"}
        [fact] = await house.until_finished()
        assert fact.dialect == dialect


MISSING = {
    "openai_chat": ({}, "/v1/models/none", lambda told: told["error"]["code"] == "model_not_found"),
    "claude": ({"x-api-key": "k"}, "/v1/models/none", lambda told: told["type"] == "error"),
    "nobody's": ({}, "/models/none", lambda told: told["error"]["code"] == "model_not_found"),
}


@pytest.mark.parametrize("name", MISSING)
async def test_a_model_that_is_not_there(name: str) -> None:
    headers, path, shaped = MISSING[name]
    async with running() as house:
        answer = await house.session.get(house.url + path, headers=headers)
        assert answer.status == 404
        assert shaped(await answer.json())


async def get(house: Running, path: str, headers: Mapping[str, str]) -> aiohttp.ClientResponse:
    return await house.session.get(house.url + path, headers=headers)


async def test_pages_and_permissions() -> None:
    async with running(tokens=KEYS) as house:
        front = {"x-api-key": "secret"}
        listed = await (await get(house, "/v1/models", front)).json()
        assert [card["id"] for card in listed["data"]] == ["p:one", "two"]
        assert (listed["object"], listed["has_more"], listed["first_id"]) == ("list", False, "p:one")
        page = await (await get(house, "/v1/models?limit=1&after_id=p:one", front)).json()
        assert [card["id"] for card in page["data"]] == ["two"]
        before = await (await get(house, "/models?before_id=two", front)).json()
        assert [card["id"] for card in before["data"]] == ["p:one"]
        one = await (await get(house, "/v1/models/p:one", front)).json()
        assert (one["type"], one["object"], one["max_input_tokens"]) == ("model", "model", 1000)
        assert (await get(house, "/v1/models?limit=x", front)).status == 400
        mine = await (await get(house, "/v1/models", {"x-api-key": "other"})).json()
        assert [card["id"] for card in mine["data"]] == ["two"]
        assert (await get(house, "/v1/models/p:one", {"x-api-key": "other"})).status == 404
        assert (await get(house, "/v1/models", {})).status == 401


@pytest.mark.parametrize("path", ["/v1/models/p%3Aone", "/v1/models/p:one/", "/v1/v1/models/p:one", "/models/p:one"])
async def test_one_model_is_found_under_every_spelling_of_its_path(path: str) -> None:
    from yarl import URL

    async with running() as house:
        answer = await house.session.get(URL(house.url + path, encoded=True))
        assert (await answer.json())["id"] == "p:one"


async def test_a_name_with_slashes() -> None:
    async with running(dialects=DIALECTS) as house:
        for path in ("/v1/models/models/two", "/v1beta/models/two", "/v1/models/claude/two"):
            assert (await house.session.get(house.url + path)).status == 200


async def test_ollama_asks_with_a_body_and_is_refused_what_a_gateway_cannot_do() -> None:
    async with running(dialects=DIALECTS) as house:
        shown = await (await house.session.post(house.url + "/api/show", json={"model": "p:one:latest"})).json()
        assert shown["capabilities"] == ["completion", "vision"]
        assert (await house.session.post(house.url + "/api/show", data=b"no JSON")).status == 400
        assert (await house.session.get(house.url + "/api/show")).status == 405
        refused = [
            await house.session.post(house.url + "/api/pull", json={"model": "x"}),
            await house.session.delete(house.url + "/api/delete", json={"model": "x"}),
            await house.session.head(house.url + "/api/blobs/sha256:0"),
        ]
        assert [answer.status for answer in refused] == [501, 501, 501]
        assert "a gateway keeps no models" in (await refused[0].json())["error"]


async def test_clients_that_warm_up_their_connection_find_something() -> None:
    async with running() as house:
        for path in ("/", "/api/hello"):
            assert (await house.session.head(house.url + path)).status == 200
            assert (await house.session.get(house.url + path)).status == 200
        assert not any(fact.error for fact in await house.until_finished(4))
