"""API keys whole: made in one gateway, used at another that shares its store, bounded there, revoked everywhere."""

import asyncio
import time
from pathlib import Path

import aiohttp

from tests.cli.running import running, surroundings

CONFIG = """
port = 0
api_key_required = true
admin_key = "boss"
[store]
url = "sqlite:{store}"
[provider.demo]
[[backend]]
model = "demo:*"
"""
BOSS = {"x-admin-key": "boss"}
BODY = {"model": "demo:echo", "messages": [{"role": "user", "content": "hello"}]}
REVOKED_WITHIN = 2.0  # s
SPARE = 18.0  # s; for a machine that does other things too


async def play(one: str, other: str) -> list[str]:
    """The secrets that were made."""
    async with aiohttp.ClientSession() as session:

        async def status(url: str, key: str) -> int:
            headers = {"authorization": f"Bearer {key}"}
            async with session.post(url + "/v1/chat/completions", json=BODY, headers=headers) as answer:
                await answer.read()
                return answer.status

        async def make(**wished: object) -> dict[str, str]:
            async with session.post(one + "/admin/api-keys", json=wished, headers=BOSS) as answer:
                assert answer.status == 201
                made: dict[str, str] = await answer.json()
                return made

        small, large = await make(name="small", maxPerHour=4), await make(name="large", maxUsd=1)
        # One limit holds in both, exactly.
        heard = await asyncio.gather(*(status((one, other)[n % 2], small["key"]) for n in range(10)))
        assert sorted(heard) == [200] * 4 + [429] * 6
        # What is revoked here ends there, though it is used all the time.
        assert await status(other, large["key"]) == 200
        async with session.delete(f"{one}/admin/api-keys/{large['id']}", headers=BOSS) as answer:
            assert answer.status == 200
        began = time.monotonic()
        assert await status(one, large["key"]) == 401
        while await status(other, large["key"]) != 401:
            assert time.monotonic() - began < REVOKED_WITHIN + SPARE
            await asyncio.sleep(0.05)
        # Either of them shows what was done.
        async with session.get(other + "/admin/audit", headers=BOSS) as answer:
            entries = (await answer.json())["entries"]
        assert "API key made" in {entry["action"] for entry in entries}
        return [small["key"], large["key"]]


def test_two_instances_share_keys(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(CONFIG.format(store=tmp_path / "store.db"))
    with (
        (tmp_path / "log").open("w") as log,
        running("start", env=surroundings(tmp_path), cwd=tmp_path, stderr=log) as one,
        running("start", env=surroundings(tmp_path), cwd=tmp_path, stderr=log) as other,
    ):
        secrets = asyncio.run(play(one.url, other.url))
    kept = b"".join(path.read_bytes() for path in (tmp_path / "log", *tmp_path.glob("store.db*")))
    assert all(secret.encode() not in kept for secret in ("boss", *secrets))
