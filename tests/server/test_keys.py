"""API keys over HTTP: made, shown once, used, bounded, revoked in two instances with one store; and the audit log."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from llmux.access.ring import FRESH_FOR
from llmux.responder import Client
from llmux.store.base import StoreError
from llmux.telemetry import Administered
from tests.access.rooms import Room, two
from tests.fakes import FakeClock
from tests.server.house import BODIES, Running, running

CHAT, MESSAGES, KEYS = "/v1/chat/completions", "/v1/messages", "/admin/api-keys"
BOSS = {"x-admin-key": "boss"}


class Instance:
    """A server, and the room of its keys."""

    def __init__(self, house: Running, room: Room) -> None:
        self.house, self.room = house, room

    async def boss(self, method: str, path: str, body: Any = None, headers: dict[str, str] = BOSS) -> tuple[int, Any]:
        """The administrator asks."""
        data = body if isinstance(body, bytes | None) else orjson.dumps(body)
        async with self.house.session.request(method, self.house.url + path, data=data, headers=headers) as answer:
            for fact in self.house.facts:
                self.room.audit(fact)
            self.house.facts[:] = [fact for fact in self.house.facts if not isinstance(fact, Administered)]
            return answer.status, orjson.loads(await answer.read())

    async def client(self, key: str, path: str = CHAT) -> tuple[int, Any]:
        """A client asks."""
        headers = {"authorization": f"Bearer {key}"}
        async with self.house.session.post(self.house.url + path, json=BODIES[path], headers=headers) as answer:
            return answer.status, await answer.json()


@asynccontextmanager
async def instance(room: Room, *, required: bool = True, admin_key: str = "boss") -> AsyncGenerator[Instance, None]:
    async with running(
        clock=room.clock, keys=room.ring, keys_required=required, office=room.register, audit=room.audit.entries,
        admin_key=admin_key,
    ) as house:  # fmt: skip
        yield Instance(house, room)


async def test_a_key_from_its_birth_to_its_end(clock: FakeClock) -> None:
    async with instance(Room(clock)) as one:
        wished = {"name": "ci", "userId": "u", "models": ["m*"], "maxPerDay": 9, "expiresAt": "2099-01-31"}
        status, made = await one.boss("POST", KEYS, wished)
        assert status == 201
        assert made["key"].startswith("lmx-")
        assert (made["userId"], made["models"], made["maxPerDay"]) == ("u", ["m*"], 9)
        assert made["expiresAt"] == "2099-01-31T00:00:00Z"
        assert (await one.client(made["key"]))[0] == 200
        assert one.house.finished[-1].client == made["client"]
        status, listed = await one.boss("GET", KEYS)
        assert status == 200
        assert listed == {"keys": [{name: made[name] for name in made if name != "key"} | {"used": {"maxPerDay": 0}}]}
        assert made["key"] not in repr(listed)
        status, changed = await one.boss("PATCH", f"{KEYS}/{made['id']}", {"maxPerDay": None})
        assert (status, "maxPerDay" in changed) == (200, False)
        assert (await one.boss("GET", f"{KEYS}/{made['id']}"))[1] == changed
        status, revoked = await one.boss("DELETE", f"{KEYS}/{made['id']}")
        assert (status, revoked) == (200, {"id": made["id"], "name": "ci", "revoked": True})
        assert (await one.client(made["key"]))[0] == 401
        assert await one.boss("GET", KEYS) == (200, {"keys": []})
        assert (await one.boss("DELETE", f"{KEYS}/{made['id']}"))[0] == 404


async def test_a_secret_is_told_to_its_maker_and_stands_in_no_fact(clock: FakeClock) -> None:
    async with instance(Room(clock)) as one:
        headers = BOSS | {"content-type": "application/json"}
        async with one.house.session.post(one.house.url + KEYS, data=b"{}", headers=headers) as answer:
            key = (await answer.json())["key"]
            assert answer.headers["cache-control"] == "no-store"
        await one.client(key)
        assert key not in repr(one.house.facts)
        assert "boss" not in repr(one.house.facts)


async def test_a_key_revoked_in_one_instance_ends_in_the_other_within_two_seconds(clock: FakeClock) -> None:
    here, there = two(clock)
    async with instance(here) as one, instance(there) as other:
        _, made = await one.boss("POST", KEYS, {})
        assert (await other.client(made["key"]))[0] == 200
        assert (await one.boss("DELETE", f"{KEYS}/{made['id']}"))[0] == 200
        clock.advance(FRESH_FOR)
        await there.access.refresh()
        assert (await other.client(made["key"]))[0] == 401


@pytest.mark.parametrize("path", BODIES)
async def test_a_key_that_has_expired_says_so_in_the_clients_dialect(clock: FakeClock, path: str) -> None:
    async with instance(Room(clock)) as one:
        _, made = await one.boss("POST", KEYS, {"expiresIn": 60})
        assert (await one.client(made["key"], path))[0] == 200
        clock.advance(60)
        status, told = await one.client(made["key"], path)
        assert status == 401
        assert "has expired" in told["error"]["message"]
        assert (await one.boss("GET", KEYS))[1]["keys"][0]["expired"] is True


async def test_while_the_store_is_away_known_keys_open_and_others_hear_503(clock: FakeClock) -> None:
    room = Room(clock)
    async with instance(room) as one:
        _, known = await one.boss("POST", KEYS, {})
        _, new = await one.boss("POST", KEYS, {})
        assert (await one.client(known["key"]))[0] == 200
        room.store.fault = StoreError("disk")
        clock.advance(10)
        assert (await one.client(known["key"]))[0] == 200
        headers = {"x-api-key": new["key"]}
        async with one.house.session.post(one.house.url + MESSAGES, json=BODIES[MESSAGES], headers=headers) as answer:
            assert answer.status == 503
            assert answer.headers["retry-after"] == "1"
        assert (await one.boss("GET", KEYS))[0] == 503


async def test_where_nothing_is_required_a_key_is_known_and_any_word_lets_in(clock: FakeClock) -> None:
    async with instance(Room(clock), required=False) as one:
        _, made = await one.boss("POST", KEYS, {"name": "laptop"})
        assert (await one.client("any"))[0] == 200
        assert one.house.finished[-1].client == "anonymous"
        assert (await one.client(made["key"]))[0] == 200
        assert one.house.finished[-1].client == made["client"]
        await one.boss("DELETE", f"{KEYS}/{made['id']}")
        assert (await one.client(made["key"]))[0] == 401


WRONG = {
    ("POST", KEYS, b'{"maxPerHours": 1}'): (400, "maxPerHours: unknown field"),
    ("POST", KEYS, b'{"maxPerDay": "9"}'): (400, "maxPerDay: expected int | null, got str"),
    ("POST", KEYS, b"nonsense"): (400, "The body is not JSON"),
    ("POST", KEYS, b"[]"): (400, "A JSON object is expected"),
    ("PATCH", f"{KEYS}/0000000000000000", b"{}"): (404, "no API key of this id"),
    ("PATCH", f"{KEYS}/0000000000000000", b'{"x": 1}'): (400, "x: unknown field"),
    ("DELETE", f"{KEYS}/0", None): (404, "no API key of this id"),
    ("GET", f"{KEYS}/a/b", None): (404, "no API key of this id"),
    ("PUT", KEYS, b"{}"): (405, "takes POST, GET"),
    ("GET", "/admin/audit?limit=0", None): (400, "limit: a number from 1 to 1000"),
    ("GET", "/admin/audit?limit=ten", None): (400, "limit: a number from 1 to 1000"),
    ("GET", "/admin/nothing", None): (404, "there is nothing at /admin/nothing"),
}


@pytest.mark.parametrize("case", WRONG, ids=lambda case: f"{case[0]} {case[1]} {case[2]}")
async def test_what_is_wrong_is_said(clock: FakeClock, case: tuple[str, str, bytes | None]) -> None:
    async with instance(Room(clock)) as one:
        status, told = await one.boss(*case)
        assert (status, told.keys()) == (WRONG[case][0], {"error", "request_id"})
        assert WRONG[case][1] in told["error"]
        assert await one.boss("GET", KEYS) == (200, {"keys": []})


ROWS = [
    ("POST", KEYS), ("GET", KEYS), ("GET", f"{KEYS}/x"), ("PATCH", f"{KEYS}/x"), ("DELETE", f"{KEYS}/x"),
    ("GET", "/admin/audit"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROWS)
async def test_only_the_administrator_comes_in_here(clock: FakeClock, method: str, path: str) -> None:
    async with instance(Room(clock)) as one:
        assert (await one.boss(method, path, headers={}))[0] == 401
        assert (await one.boss(method, path, headers={"x-admin-key": "bos"}))[0] == 401
        assert (await one.boss(method, path, headers={"x-api-key": "boss"}))[0] == 401
    async with instance(Room(clock), admin_key="") as one:
        assert (await one.boss(method, path))[0] == 404
        assert (await one.boss(method, path, headers={"x-admin-key": ""}))[0] == 404


async def test_an_api_key_is_no_admin_key(clock: FakeClock) -> None:
    async with instance(Room(clock)) as one:
        _, made = await one.boss("POST", KEYS, {})
        assert (await one.boss("GET", KEYS, headers={"x-admin-key": made["key"]}))[0] == 401


async def test_every_change_is_in_the_audit_log_and_nothing_else(clock: FakeClock) -> None:
    async with instance(Room(clock)) as one:
        _, made = await one.boss("POST", KEYS, {"name": "ci"})
        clock.advance(1)
        await one.boss("POST", KEYS, {"name": "a/b"})
        await one.boss("GET", KEYS)
        await one.boss("PATCH", f"{KEYS}/{made['id']}", {"maxPerDay": 1})
        clock.advance(1)
        await one.boss("DELETE", f"{KEYS}/{made['id']}")
        status, told = await one.boss("GET", "/admin/audit?limit=2")
        assert status == 200
        assert [(entry["action"], entry["target"], entry["remote"]) for entry in told["entries"]] == [
            ("API key revoked", made["client"], "127.0.0.1"), ("API key changed", made["client"], "127.0.0.1"),
        ]  # fmt: skip
        assert len((await one.boss("GET", "/admin/audit"))[1]["entries"]) == 3


async def test_tokens_of_the_configuration_open_beside_keys(clock: FakeClock) -> None:
    room = Room(clock)
    secret, _ = await room.make()
    async with running(tokens={"secret": Client("front")}, clock=clock, keys=room.ring) as house:
        one = Instance(house, room)
        assert [(await one.client(key))[0] for key in ("secret", secret, "any")] == [200, 200, 401]
