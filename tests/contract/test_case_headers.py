"""Case 59 of the contract: what of a client's head reaches a backend, through a real server and the gateway."""

import gzip
from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from llmux.ir.content import Text
from llmux.responder import Client
from tests.fakes import FakeClock
from tests.gateway.party import Guest, Party
from tests.server.house import BODIES, running

CREDENTIALS = {
    "authorization": "Bearer secret-of-client",
    "x-api-key": "secret-of-client",
    "x-goog-api-key": "secret-of-client",
    "cookie": "session=secret-of-client",
    "proxy-authorization": "Basic c2VjcmV0",
}
NOISE = {
    "accept-encoding": "gzip, br, zstd",
    "te": "trailers",
    "x-forwarded-for": "10.0.0.7",
    "x-hop": "secret-of-client",
    "openai-organization": "org-client",
}
BETAS = "claude-code-20250219,tomorrow-2030-01-01"
KEYS = {"secret-of-client": Client("c")}


async def reaches(dialect: str, path: str, headers: Mapping[str, str], body: bytes | None = None) -> tuple[Any, Any]:
    """The call that a backend of `dialect` gets for a request of Claude's client, and the status of its answer."""
    guest = Guest(dialect, "anthropic")
    guest.says(Text(text="hi"))
    party = Party(FakeClock(), backend=guest)
    asking = BODIES["/v1/messages"] | {"model": "backend", "stream": True}
    async with running(party.respond, tokens=KEYS) as house:
        data = body if body is not None else orjson.dumps(asking)
        kind = {"content-type": "application/json"}
        async with house.session.post(house.url + path, data=data, headers={**kind, **headers}) as answer:
            await answer.read()
            return guest.transport.calls[0], answer.status


@pytest.mark.parametrize("dialect", ["claude", "openai_chat", "openai_responses", "gemini", "ollama"])
async def test_no_credential_and_no_hop_of_the_clients_reaches_a_backend(dialect: str) -> None:
    """I.59."""
    call, status = await reaches(dialect, "/v1/messages", {**CREDENTIALS, **NOISE, "connection": "keep-alive, x-hop"})
    assert status == 200
    assert "secret" not in str(dict(call.headers))
    names = {name.lower() for name in call.headers}
    assert not names & {*CREDENTIALS, *NOISE, "connection", "host", "content-length", "transfer-encoding"}


async def test_betas_reach_claude_and_nobody_else() -> None:
    """I.59: known or not."""
    head = {"x-api-key": "secret-of-client", "anthropic-beta": BETAS}
    call, _ = await reaches("claude", "/v1/messages?beta=true", head)
    assert call.headers["anthropic-beta"] == BETAS
    call, _ = await reaches("openai_chat", "/v1/messages?beta=true", head)
    assert not [name for name in call.headers if name.lower().startswith("anthropic")]


@pytest.mark.parametrize("version", ["2023-06-01", "2026-10-21"])
async def test_the_version_that_a_client_speaks_is_the_version_that_its_backend_hears(version: str) -> None:
    """I.59."""
    call, _ = await reaches("claude", "/v1/messages", {"x-api-key": "secret-of-client", "anthropic-version": version})
    assert call.headers["anthropic-version"] == version


@pytest.mark.parametrize("path", ["/v1/messages?beta=true", "/messages", "/v1/v1/messages", "/v1/messages/"])
async def test_every_spelling_of_the_route_is_the_route(path: str) -> None:
    """I.59."""
    _, status = await reaches("openai_chat", path, {"x-api-key": "secret-of-client"})
    assert status == 200


async def test_a_packed_request_is_unpacked() -> None:
    """I.59: Claude Code may send one; the backend hears it plainly."""
    asking = BODIES["/v1/messages"] | {"model": "backend", "stream": True}
    packed = gzip.compress(orjson.dumps(asking))
    head = {"x-api-key": "secret-of-client", "content-encoding": "gzip"}
    call, status = await reaches("claude", "/v1/messages", head, packed)
    assert status == 200
    assert orjson.loads(call.body)["messages"] == asking["messages"]
    assert "content-encoding" not in {name.lower() for name in call.headers}
