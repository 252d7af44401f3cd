"""The administrator's pages of the cache."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from llmux.server.services import CacheDesk
from llmux.telemetry import Administered
from tests.server.house import Running, running

KEY = {"X-Admin-Key": "chief"}
STATS = {"entries": 2}


class Desk:
    """A cache that notes what it is told to forget."""

    def __init__(self) -> None:
        self.cleared: list[str] = []

    async def clear(self, model: str) -> int:
        self.cleared.append(model)
        return 3

    @property
    def desk(self) -> CacheDesk:
        return CacheDesk(lambda: STATS, self.clear)


async def call(gateway: Running, method: str, path: str, body: bytes = b"", **more: Any) -> tuple[int, Any]:
    headers: Mapping[str, str] = more.get("headers", KEY)
    async with gateway.session.request(method, gateway.url + path, data=body, headers=headers) as answer:
        return answer.status, orjson.loads(await answer.read())


async def test_how_it_does() -> None:
    async with running(services={"cache": Desk().desk}, admin_key="chief") as gateway:
        assert await call(gateway, "GET", "/api/cache/stats") == (200, STATS)


CLEARED = {b"": "*", b"{}": "*", b'{"model": "gpt-*"}': "gpt-*"}


@pytest.mark.parametrize("body", CLEARED)
async def test_it_is_emptied_and_that_is_told(body: bytes) -> None:
    cache = Desk()
    async with running(services={"cache": cache.desk}, admin_key="chief") as gateway:
        told = await call(gateway, "POST", "/api/cache/clear", body)
        assert told == (200, {"cleared": 3, "model": CLEARED[body]})
        assert cache.cleared == [CLEARED[body]]
        facts = [fact for fact in gateway.facts if isinstance(fact, Administered)]
        assert facts == [Administered("cache clear", CLEARED[body], "127.0.0.1")]


BAD = {b'{"modle": "x"}': "`modle`", b'{"model": 7}': "$.model", b"{": "truncated", b"[]": "object"}


@pytest.mark.parametrize("body", BAD)
async def test_what_is_wrong_is_said_and_nothing_forgotten(body: bytes) -> None:
    cache = Desk()
    async with running(services={"cache": cache.desk}, admin_key="chief") as gateway:
        status, told = await call(gateway, "POST", "/api/cache/clear", body)
        assert (status, cache.cleared) == (400, [])
        assert BAD[body] in told["error"]
        assert 'expected {} or {"model": "a glob of models\' names"}' in told["error"]


@pytest.mark.parametrize(("method", "path"), [("GET", "/api/cache/stats"), ("POST", "/api/cache/clear")])
async def test_only_the_administrator_may(method: str, path: str) -> None:
    cache = Desk()
    async with running(services={"cache": cache.desk}, admin_key="chief") as gateway:
        assert (await call(gateway, method, path, headers={"X-Admin-Key": "thief"}))[0] == 401
    async with running(services={"cache": cache.desk}) as gateway:
        assert (await call(gateway, method, path))[0] == 404
    async with running(admin_key="chief") as gateway:
        assert (await call(gateway, method, path))[0] == 404
    assert cache.cleared == []
