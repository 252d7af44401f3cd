"""Usage and quota over HTTP: who may ask for what, and what is asked of the house."""

from collections.abc import Mapping
from typing import Any

import pytest

from llmux.errors import BadRequest
from llmux.responder import Client
from llmux.server.services import Accounts
from llmux.telemetry import Administered
from tests.server.house import Running, running

BOSS = {"x-admin-key": "boss"}
ADMINS = {"/api/usage": "GET", "/api/quota": "GET", "/api/quota/reset": "POST"}
TOKENS = {"a": Client("ann"), "b": Client("bob")}


class Asked:
    """Notes what is asked."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    async def usage(self, words: Mapping[str, str], client: Client | None) -> Mapping[str, Any]:
        self.asked.append((dict(words), client and client.name))
        if "by" in words:
            raise BadRequest("llmux: by: not so.", param="by")
        return {"rows": []}

    async def quota(self) -> Mapping[str, Any]:
        return {"backends": []}

    async def left(self, client: Client) -> list[Mapping[str, Any]]:
        return [{"window": client.name}]

    async def reset(self, body: bytes) -> Mapping[str, Any]:
        self.asked.append(body)
        return {"backends": ["p:a", "p:b"]}

    @property
    def accounts(self) -> Accounts:
        return Accounts(self.usage, self.quota, self.left, self.reset)


async def ask(house: Running, path: str, method: str = "GET", **more: Any) -> tuple[int, Any]:
    async with house.session.request(method, house.url + path, **more) as answer:
        return answer.status, await answer.json()


@pytest.mark.parametrize("path", ADMINS)
async def test_only_the_administrator_sees_and_resets_everything(path: str) -> None:
    method, asked = ADMINS[path], Asked()
    async with running(accounts=asked.accounts, admin_key="boss", tokens=TOKENS) as house:
        for headers in ({}, {"authorization": "Bearer a"}, {"x-admin-key": "wrong"}):
            assert (await ask(house, path, method, headers=headers))[0] == 401
        assert asked.asked == []
        assert (await ask(house, path, method, headers=BOSS))[0] == 200
    async with running(accounts=asked.accounts) as house:
        assert (await ask(house, path, method, headers=BOSS))[0] == 404


async def test_the_words_of_the_query_are_passed_on() -> None:
    asked = Asked()
    async with running(accounts=asked.accounts, admin_key="boss") as house:
        status, told = await ask(house, "/api/usage?since=7d&client=a*", headers=BOSS)
        assert (status, told, asked.asked) == (200, {"rows": []}, [({"since": "7d", "client": "a*"}, None)])
        status, told = await ask(house, "/api/usage?by=x", headers=BOSS)
        assert (status, told) == (400, {"error": "llmux: by: not so.", "request_id": "req_2"})


async def test_a_client_sees_its_own_and_no_other_s() -> None:
    asked = Asked()
    async with running(accounts=asked.accounts, tokens=TOKENS) as house:
        assert (await ask(house, "/api/usage/me"))[0] == 401
        status, told = await ask(house, "/api/usage/me?since=1d&key=b")
        assert (status, told) == (200, {"client": "bob", "rows": [], "windows": [{"window": "bob"}]})
        assert asked.asked == [({"since": "1d"}, "bob")]
        status, told = await ask(house, "/api/usage/me?client=ann", headers={"authorization": "Bearer b"})
        assert status == 400
        assert "own usage only" in told["error"]
        assert [fact.client for fact in await house.until_finished(3)] == ["", "bob", "bob"]


async def test_a_reset_is_told() -> None:
    asked = Asked()
    async with running(accounts=asked.accounts, admin_key="boss") as house:
        status, told = await ask(house, "/api/quota/reset", "POST", headers=BOSS, data=b'{"backend": "p:a"}')
        assert (status, told) == (200, {"reset": {"backends": ["p:a", "p:b"]}})
        assert asked.asked == [b'{"backend": "p:a"}']
        (fact,) = [fact for fact in house.facts if isinstance(fact, Administered)]
        assert (fact.action, fact.target) == ("quota reset", "backends: p:a, p:b")
        assert fact.remote
        assert (await ask(house, "/api/quota/reset", headers=BOSS))[0] == 405
