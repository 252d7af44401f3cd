"""Who may come in, what is refused and in whose words, and the small pages."""

import gzip
from collections.abc import AsyncGenerator

import pytest
from yarl import URL

from llmux.config.schema import Cors
from llmux.ir.events import Batch
from llmux.ir.request import Request
from llmux.responder import Client, Context
from llmux.server.auth import Door, is_loopback
from llmux.server.endpoint import header_safe, safe_query
from llmux.server.peer import client_address
from tests.server.house import BODIES, answers, running

MESSAGES, CHAT = "/v1/messages", "/v1/chat/completions"
KEYS = {"secret": Client("front"), "other": Client("narrow", models=("two",))}

LETS_IN = {
    "x-api-key": {"x-api-key": "secret"},
    "bearer": {"authorization": "Bearer secret"},
    "bearer in small letters": {"authorization": "bearer secret"},
    "gemini's": {"x-goog-api-key": "secret"},
    "azure's": {"api-key": "secret"},
    "either of two": {"x-api-key": "wrong", "authorization": "Bearer secret"},
}


@pytest.mark.parametrize("headers", LETS_IN.values(), ids=LETS_IN)
async def test_every_spelling_of_a_token(headers: dict[str, str]) -> None:
    async with running(tokens=KEYS) as house:
        answer = await house.session.post(house.url + MESSAGES, json=BODIES[MESSAGES], headers=headers)
        assert answer.status == 200
        assert house.finished[0].client == "front"


async def test_a_key_in_the_query() -> None:
    async with running(tokens=KEYS) as house:
        assert (await house.session.post(house.url + CHAT + "?key=secret", json=BODIES[CHAT])).status == 200


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "wrong"}, {"authorization": "Basic secret"}])
async def test_no_token_or_a_wrong_one(path: str, headers: dict[str, str]) -> None:
    async with running(tokens=KEYS) as house:
        answer = await house.session.post(house.url + path, json=BODIES[path], headers=headers)
        assert answer.status == 401
        assert answer.headers["x-should-retry"] == "false"
        assert "token" in (await answer.json())["error"]["message"]


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
async def test_without_tokens_a_web_page_stays_outside(headers: dict[str, str]) -> None:
    async with running() as house:
        answer = await house.session.post(house.url + MESSAGES, json=BODIES[MESSAGES], headers=headers)
        assert answer.status == 403
        assert "allow_anonymous" in (await answer.json())["error"]["message"]
    async with running(anonymous=True) as house:
        assert (await house.session.post(house.url + MESSAGES, json=BODIES[MESSAGES], headers=headers)).status == 200


@pytest.mark.parametrize(
    ("host", "local"),
    {
        "localhost": True, "localhost:8082": True, "127.0.0.1:1": True, "127.9.9.9": True, "[::1]:80": True,
        "::1": True, "app.localhost": True, "example.com": False, "127.0.0.1.example.com": False, "10.0.0.1": False,
        "": False, "localhost.example.com:80": False,
    }.items(),
)  # fmt: skip
def test_is_loopback(host: str, local: bool) -> None:
    assert is_loopback(host) is local


BAD = {
    "not JSON": b"{",
    "empty": b"",
    "not an object": b"[]",
    "no model": b'{"messages": []}',
    "messages of a wrong type": b'{"model": "m", "max_tokens": 1, "messages": 7}',
    "not UTF-8": b'{"model": "\xff"}',
}


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize("body", BAD.values(), ids=BAD)
async def test_wrong_bodies_are_the_clients_error_in_its_dialect(path: str, body: bytes) -> None:
    async with running() as house:
        answer = await house.session.post(house.url + path, data=body, headers={"content-type": "application/json"})
        assert answer.status == 400
        assert (await answer.json())["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("path", BODIES)
async def test_too_large(path: str) -> None:
    async with running(max_body=1000) as house:
        answer = await house.session.post(house.url + path, data=b"x" * 2000)
        assert answer.status == 413
        assert (await answer.json())["error"]["message"]


@pytest.mark.parametrize("path", BODIES)
async def test_compressed_bodies(path: str) -> None:
    import orjson

    async with running() as house:
        headers = {"content-encoding": "gzip"}
        body = gzip.compress(orjson.dumps(BODIES[path]))
        assert (await house.session.post(house.url + path, data=body, headers=headers)).status == 200
        assert (await house.session.post(house.url + path, data=b"no gzip", headers=headers)).status == 400
    async with running(max_body=1000) as house:
        bomb = gzip.compress(b"x" * 10_000_000)
        assert (await house.session.post(house.url + path, data=bomb, headers=headers)).status == 413


async def test_unknown_paths_and_methods() -> None:
    async with running() as house:
        answer = await house.session.get(house.url + MESSAGES)
        assert answer.status == 405
        assert (await answer.json())["type"] == "error"
        answer = await house.session.post(house.url + MESSAGES + "/unknown", json={})
        assert answer.status == 404
        assert (await answer.json())["type"] == "error"
        answer = await house.session.get(house.url + "/nowhere")
        assert answer.status == 404
        assert "nothing at /nowhere" in (await answer.json())["error"]


async def test_a_client_that_wants_a_web_socket_is_told_to_do_without() -> None:
    """Codex goes on over HTTP at once when it hears 426."""
    headers = {"connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13"}
    async with running() as house:
        answer = await house.session.get(house.url + "/v1/chat/completions", headers=headers)
        assert answer.status == 426
        assert "over HTTP" in (await answer.json())["error"]["message"]
        assert (await house.session.get(house.url + "/v1/chat/completions")).status == 405


@pytest.mark.parametrize("path", ["/v1/v1/messages", "/v1/messages/", "/messages", "/chat/completions", "/v1/models/"])
async def test_base_urls_are_written_in_every_way(path: str) -> None:
    async with running() as house:
        if "models" in path:
            assert (await house.session.get(house.url + path)).status == 200
        else:
            body = BODIES[CHAT if "chat" in path else MESSAGES]
            assert (await house.session.post(house.url + path, json=body)).status == 200


async def test_a_bug_of_ours_shows_nothing_of_itself() -> None:
    def respond(request: object, context: object) -> None:
        raise ZeroDivisionError("secret insides")

    async with running(respond) as house:  # type: ignore[arg-type]  # a bug, on purpose
        answer = await house.session.post(house.url + MESSAGES, json=BODIES[MESSAGES])
        assert answer.status == 500
        assert "insides" not in await answer.text()
        assert any("secret insides" in repr(fact) for fact in house.facts)


async def test_small_pages() -> None:
    async with running(tokens=KEYS) as house:
        assert (await house.session.get(house.url + "/")).status == 200
        assert (await house.session.head(house.url + "/")).status == 200
        assert await (await house.session.get(house.url + "/health")).json() == {"status": "ok"}
        assert (await house.session.get(house.url + "/health?deep=true")).status == 401
        headers = {"x-api-key": "secret"}
        assert (await house.session.get(house.url + "/health?deep=true", headers=headers)).status == 503


async def test_count_and_explain() -> None:
    async with running() as house:
        answer = await house.session.post(house.url + MESSAGES + "/count_tokens?beta=true", json=BODIES[MESSAGES])
        assert await answer.json() == {"input_tokens": 42}
        assert answer.headers["x-llmux-usage"] == "estimated"
        told = await (await house.session.post(house.url + "/llmux/explain", json=BODIES[CHAT])).json()
        assert told["plan"] == ["a"]
        answer = await house.session.post(house.url + "/llmux/explain?dialect=x", json=BODIES[CHAT])
        assert answer.status == 400
        assert "claude" in (await answer.json())["error"]


async def test_cors_is_off_unless_a_page_is_named() -> None:
    origin = {"origin": "http://localhost:3000"}
    asks = origin | {"access-control-request-headers": "x-api-key", "access-control-request-method": "POST"}
    async with running() as house:
        answer = await house.session.options(house.url + CHAT, headers=asks)
        assert answer.status == 204
        assert "access-control-allow-origin" not in answer.headers
    async with running(cors=Cors(origins=["http://localhost:3000"])) as house:
        answer = await house.session.options(house.url + CHAT, headers=asks)
        assert answer.headers["access-control-allow-origin"] == origin["origin"]
        assert answer.headers["access-control-allow-headers"] == "x-api-key"
        for stream in (True, False):
            body = BODIES[CHAT] | {"stream": stream}
            answer = await house.session.post(house.url + CHAT, json=body, headers=origin)
            assert answer.headers["access-control-allow-origin"] == origin["origin"]
        answer = await house.session.post(house.url + CHAT, json=body, headers={"origin": "http://localhost:4000"})
        assert "access-control-allow-origin" not in answer.headers


ADDRESSES = {
    "no proxy": ("9.9.9.9", ["1.1.1.1"], (), "9.9.9.9"),
    "a proxy that is trusted": ("10.0.0.1", ["1.1.1.1"], ("10.0.0.0/8",), "1.1.1.1"),
    "a client that lies": ("10.0.0.1", ["6.6.6.6", "1.1.1.1"], ("10.0.0.0/8",), "1.1.1.1"),
    "two proxies": ("10.0.0.1", ["1.1.1.1", "10.0.0.2"], ("10.0.0.0/8",), "1.1.1.1"),
    "nonsense": ("10.0.0.1", ["<script>"], ("10.0.0.0/8",), "<script>"),
}


@pytest.mark.parametrize(("peer", "forwarded", "trusted", "expected"), ADDRESSES.values(), ids=ADDRESSES)
def test_the_clients_address(peer: str, forwarded: list[str], trusted: tuple[str, ...], expected: str) -> None:
    import ipaddress

    assert client_address(peer, forwarded, [ipaddress.ip_network(text) for text in trusted]) == expected


async def test_only_trusted_proxies_are_believed() -> None:
    async with running(trusted=("127.0.0.0/8",)) as house:
        await house.session.get(house.url + "/health", headers={"x-forwarded-for": "1.2.3.4"})
        assert house.finished[0].remote == "1.2.3.4"
    async with running() as house:
        await house.session.get(house.url + "/health", headers={"x-forwarded-for": "1.2.3.4"})
        assert house.finished[0].remote == "127.0.0.1"


def test_a_name_cannot_break_a_header() -> None:
    assert header_safe("a:b") == "a:b"
    assert header_safe("a\r\nx: y\u00fc") == "a\\r\\nx: y\\xfc"
    assert len(header_safe("\U0001f600" * 100_000)) < 8190  # where clients stop reading a line


async def test_a_query_goes_on_as_it_was_encoded() -> None:
    """Decoded, a line end in it would end the request line that a backend is sent."""
    seen: list[str] = []

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        seen.append(context.query)
        async for batch in answers(request, context):
            yield batch

    hostile = "beta=true%0d%0ax-evil:%201&a=%26"
    async with running(respond) as house:
        for query in (hostile, f"{hostile}&key=k"):
            url = URL(f"{house.url}{MESSAGES}?{query}", encoded=True)
            assert (await house.session.post(url, json=BODIES[MESSAGES])).status == 200
    assert seen[0] == hostile
    assert "k" not in seen[1].partition("&a=")[2]
    assert not any(end in query for query in seen for end in ("\r", "\n", " "))


def test_a_key_in_the_query_goes_no_further() -> None:
    assert safe_query("beta=true") == "beta=true"
    assert safe_query("key=k&beta=true") == "beta=true"
    assert safe_query("k%65y=secret&beta=true") == "beta=true"
    assert safe_query("a=%26b") == "a=%26b"
    assert safe_query("") == ""


@pytest.mark.parametrize("stream", [True, False])
async def test_no_fact_holds_a_prompt_unless_the_owner_says_so(stream: bool) -> None:
    body = BODIES[CHAT] | {"stream": stream, "messages": [{"role": "user", "content": "a secret prompt"}]}
    for log_bodies in (False, True):
        async with running(log_bodies=log_bodies) as house:
            async with house.session.post(house.url + CHAT, json=body, headers={"x-api-key": "sk-key"}) as answer:
                await answer.read()
            await house.until_finished()
            told = repr(house.facts)
            assert ("a secret prompt" in told) is log_bodies
            assert ("one " in told) is log_bodies
            assert "sk-key" not in told


def test_the_callers_own_key_goes_on_only_where_a_provider_wants_it() -> None:
    brought = {"authorization": "Bearer sk-mine"}
    assert Door({}, allow_anonymous=False, passes_keys_on=True).passes_on(brought, {}) == "sk-mine"
    assert Door({}, allow_anonymous=False).passes_on(brought, {}) == ""
    assert Door({b"digest": Client("c")}, allow_anonymous=False, passes_keys_on=True).passes_on(brought, {}) == ""
