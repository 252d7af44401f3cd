"""The cache in a whole gateway: every dialect hears again what it heard, at no cost, and can go on from it."""

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import anthropic
import openai
import orjson
import pytest
from aiohttp import web
from msgspec.structs import replace

from llmux.app import furnish
from llmux.config.load import load
from llmux.dialects.base import SAME, backend_path
from llmux.dialects.registry import TABLE
from llmux.ground import Ground, open_ground
from llmux.ir.capability import Target
from llmux.ir.content import Text
from llmux.ir.fold import fold
from llmux.ir.request import Message, Request, Role
from llmux.server.application import build
from llmux.server.services import Desk
from llmux.telemetry import CacheUsed, Fact, Planned, RequestFinished, Voice
from tests.fakes import FakeClock
from tests.redis_server import RedisServer, needs_redis

CACHED = "[cache]\nenabled = true\n"
# Who answers: the demo in each dialect.
BACKENDS = {
    "openai_chat": "demo",
    "openai_responses": "demo_responses",
    "claude": "demo_claude",
    "ollama": "demo_ollama",
    "gemini": "demo_gemini",
}


@dataclass
class Gateway:
    """One that is up: where, what it told, and a way to ask it."""

    url: str
    session: aiohttp.ClientSession
    clock: FakeClock
    ground: Ground
    facts: list[Fact] = field(default_factory=list)

    async def ask(self, path: str, body: Any, **headers: str) -> tuple[bytes, str]:
        """What is answered, and what its head says of the cache."""
        data = body if isinstance(body, bytes) else orjson.dumps(body)
        async with self.session.post(self.url + path, data=data, headers=headers) as answer:
            told = await answer.read()
            assert answer.status == 200, told
            return told, answer.headers.get("x-llmux-cache", "")

    @property
    def finished(self) -> list[RequestFinished]:
        return [fact for fact in self.facts if isinstance(fact, RequestFinished)]

    @property
    def cache_outcomes(self) -> list[str]:
        return [fact.outcome for fact in self.facts if isinstance(fact, CacheUsed)]

    @property
    def planned(self) -> int:
        """How often somebody was to be asked."""
        return len([fact for fact in self.facts if isinstance(fact, Planned)])


@asynccontextmanager
async def gateway(
    folder: Path, config: str = CACHED, *, store: str = "memory:", clock: FakeClock | None = None
) -> AsyncGenerator[Gateway, None]:
    """The demo behind a cache. Every request has the same id, so that answers can be compared."""
    lines = "\n".join(f"[provider.{name}]" for name in BACKENDS.values())
    (folder / "config.toml").write_text(f'store.url = "{store}"\nadmin_key = "chief"\n{lines}\n{config}')
    loaded, clock, facts = (
        load(folder / "config.toml", env={}, cwd=folder, home=folder),
        clock or FakeClock(),
        list[Fact](),
    )
    async with open_ground(loaded, Voice(facts.append), clock) as ground:
        house = furnish(loaded, ground)
        desk = Desk(lambda: house.services, clock, facts.append, lambda: "req_1")
        runner = web.ServerRunner(build(desk, TABLE, max_body=2**20))
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        try:
            async with aiohttp.ClientSession() as session:
                yield Gateway(f"http://127.0.0.1:{runner.addresses[0][1]}", session, clock, ground, facts)
        finally:
            await runner.cleanup()


def asked(client: str, backend: str, *, stream: bool) -> tuple[str, bytes]:
    """Where a client of the dialect `client` knocks, and what it says, to be answered by a backend of `backend`."""
    model = f"{BACKENDS[backend]}:echo"
    message = Message(Role.USER, (Text(text="Say it, \u00e9 and all."),))
    request = Request(dialect=client, model=model, messages=(message,), max_output_tokens=99, stream=stream)
    wire = TABLE[client].encode_request(request, Target(model)).body
    version = "/v1beta" if client == "gemini" else "/v1" if client.startswith("openai") else ""
    body = {**wire, "stream": stream} if "model" in wire else wire
    return version + backend_path(TABLE[client], model, stream=stream), orjson.dumps(body)


def meant(client: str, data: bytes) -> Any:
    """What a stream says, however it is cut into pieces."""
    decoder = TABLE[client].decoder(SAME)
    return replace(fold([*decoder.feed(data), *decoder.close()]), others=())


@pytest.mark.parametrize("client", TABLE)
async def test_every_dialect_hears_again_what_it_heard_from_every_other(tmp_path: Path, client: str) -> None:
    async with gateway(tmp_path) as running:
        for backend in TABLE:
            for stream in (False, True):
                path, body = asked(client, backend, stream=stream)
                (first, miss), (again, hit), (echo, too) = [await running.ask(path, body) for _ in range(3)]
                assert (miss, hit, too, echo) == ("miss", "hit", "hit", again), (backend, stream)
                if stream and client != backend:
                    assert meant(client, again) == meant(client, first), backend
                else:
                    assert again == first, (backend, stream)
        assert running.planned == len(TABLE) * 2
        told = running.finished
        for miss, *hits in zip(told[::3], told[1::3], told[2::3], strict=True):
            for hit in hits:
                same = replace(miss, attempts=0, first_event_s=hit.first_event_s, duration_s=hit.duration_s)
                assert (miss.attempts, hit) == (1, same)
                assert hit.usage is not None


async def test_what_is_spelt_otherwise_is_the_same_question(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        one = b'{"model":"demo:echo","messages":[{"role":"user","content":"hi"}],"temperature":0.5}'
        other = b'{ "temperature": 0.5, "messages": [{"content": "hi", "role": "user"}], "model": "demo:echo" }'
        said = [(await running.ask("/v1/chat/completions", body))[1] for body in (one, other)]
        assert said == ["miss", "hit"]


async def test_what_a_client_wishes_it_says_in_the_head_or_the_body(tmp_path: Path) -> None:
    chat = {"model": "demo:echo", "messages": [{"role": "user", "content": "hi"}]}
    ollama = {**chat, "model": "demo_ollama:echo", "stream": False, "options": {"num_ctx": 4096}}
    told = {**ollama, "options": {"useCache": False, "num_ctx": 4096}}
    async with gateway(tmp_path) as running:
        said = [
            (await running.ask("/v1/chat/completions", chat))[1],
            (await running.ask("/v1/chat/completions", {**chat, "options": {"useCache": False}}))[1],
            (await running.ask("/v1/chat/completions", {**chat, "options": {"useCache": True}}))[1],
            (await running.ask("/v1/chat/completions", chat, **{"Cache-Control": "no-store"}))[1],
            (await running.ask("/v1/chat/completions", chat, **{"Cache-Control": "no-cache"}))[1],
            (await running.ask("/api/chat", told))[1],
            (await running.ask("/api/chat", ollama))[1],
            (await running.ask("/api/chat", {**told, "options": {"useCache": True, "num_ctx": 4096}}))[1],
        ]
        assert said == ["miss", "bypass", "hit", "bypass", "miss", "bypass", "miss", "hit"]


async def test_many_who_ask_at_once_are_answered_with_one_answer(tmp_path: Path) -> None:
    path, body = asked("openai_chat", "claude", stream=True)
    body = body.replace(b"demo_claude:echo", b"demo_claude:slow-stream?wait=1s")
    async with gateway(tmp_path) as running:
        asks = [asyncio.ensure_future(running.ask(path, body)) for _ in range(20)]
        while len(running.cache_outcomes) < 20:
            await asyncio.sleep(0.001)
            await running.clock.pass_time(0.05)
        while not all(ask.done() for ask in asks):
            await running.clock.pass_time(1)
            await asyncio.sleep(0.001)
        told = [await ask for ask in asks]
        assert (running.planned, len({body for body, _ in told})) == (1, 1)
        assert sorted(word for _, word in told) == ["hit"] * 19 + ["miss"]


async def test_an_answer_that_was_told_again_can_be_gone_on_from(tmp_path: Path) -> None:
    path, _ = asked("openai_responses", "claude", stream=False)
    question = {"model": "demo_claude:echo", "input": "hi"}
    async with gateway(tmp_path) as running:
        (_, _), (again, hit) = [await running.ask(path, question) for _ in range(2)]
        on = {**question, "input": "and?", "previous_response_id": orjson.loads(again)["id"]}
        _, went_on = await running.ask(path, on)
        async with running.session.get(f"{running.url}{path}/{orjson.loads(again)['id']}") as kept:
            assert (kept.status, hit, went_on) == (200, "hit", "bypass")


async def test_an_answer_is_told_again_under_its_id_until_that_is_forgotten(tmp_path: Path) -> None:
    question = {"model": "demo_claude:echo", "input": "hi"}
    async with gateway(tmp_path) as running:

        async def identified() -> tuple[str, str]:
            said, word = await running.ask("/v1/responses", question)
            return orjson.loads(said)["id"], word

        async def status(method: str, answer_id: str) -> int:
            async with running.session.request(method, f"{running.url}/v1/responses/{answer_id}") as answer:
                return answer.status

        _, (told, _), again = [await identified() for _ in range(3)]
        assert again == (told, "hit")
        assert [await status(method, told) for method in ("GET", "DELETE", "GET")] == [200, 200, 404]
        # Told once more from the cache, it is kept once more.
        anew, word = await identified()
        assert (word, await status("GET", anew)) == ("hit", 200)


async def test_who_is_refused_by_its_backend_is_not_answered_from_the_cache(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        for _ in range(2):
            body = orjson.dumps({"model": "demo:fail-400", "messages": [{"role": "user", "content": "hi"}]})
            async with running.session.post(f"{running.url}/v1/chat/completions", data=body) as answer:
                assert (answer.status, "x-llmux-cache" in answer.headers) == (400, False)
        assert running.cache_outcomes == ["miss", "miss"]


TOKENS = """
[cache]
enabled = true
shared = "all"
[tokens]
alice = "a"
bob = { key = "b", models = ["demo_claude:*"] }
carl = { key = "c", models = ["demo:*"], max_per_hour = 1 }
"""


async def test_clients_share_what_they_may_have_and_pay_nothing_for_it(tmp_path: Path) -> None:
    question = {"model": "demo:echo", "messages": [{"role": "user", "content": "hi"}]}
    async with gateway(tmp_path, TOKENS) as running:

        async def status(key: str) -> tuple[int, str]:
            data, headers = orjson.dumps(question), {"x-api-key": key}
            async with running.session.post(f"{running.url}/v1/chat/completions", data=data, headers=headers) as answer:
                return answer.status, answer.headers.get("x-llmux-cache", "")

        assert [await status(key) for key in ("a", "b", "c", "c", "c", "x")] == [
            (200, "miss"), (403, ""), (200, "hit"), (200, "hit"), (200, "hit"), (401, ""),
        ]  # fmt: skip


async def test_off_it_says_nothing_and_wishes_reach_no_backend(tmp_path: Path) -> None:
    async with gateway(tmp_path, "") as running:
        chat = {"model": "demo:echo", "messages": [{"role": "user", "content": "hi"}], "options": {"useCache": False}}
        for _ in range(2):
            assert (await running.ask("/v1/chat/completions", chat))[1] == ""
        assert (running.planned, running.cache_outcomes) == (2, [])


async def test_what_is_cleared_or_has_expired_is_asked_anew_however_often_it_was_told(tmp_path: Path) -> None:
    path, body = asked("claude", "openai_chat", stream=True)
    async with gateway(tmp_path) as running:
        said = [(await running.ask(path, body))[1] for _ in range(3)]
        running.clock.advance(1)
        async with running.session.post(f"{running.url}/api/cache/clear", headers={"X-Admin-Key": "chief"}) as answer:
            assert answer.status == 200
        running.clock.advance(1)
        said += [(await running.ask(path, body))[1] for _ in range(3)]
        running.clock.advance(300)
        said += [(await running.ask(path, body))[1] for _ in range(3)]
        assert said == ["miss", "hit", "hit"] * 3
        async with running.session.get(f"{running.url}/api/cache/stats", headers={"X-Admin-Key": "chief"}) as answer:
            assert orjson.loads(await answer.read())["hit"] == 6


ROLE = """
[cache]
enabled = true
[[backend]]
model = "demo:echo"
[[backend]]
model = "demo_claude:echo"
[role.team]
backends = ["demo:echo", "demo_claude:echo"]
execution = "parallel"
"""


@pytest.mark.parametrize("join", ["first", "all"])
async def test_what_several_have_answered_together_is_told_again_whole(tmp_path: Path, join: str) -> None:
    chat = {"model": "team", "messages": [{"role": "user", "content": "hi"}]}
    async with gateway(tmp_path, f'{ROLE}join = "{join}"') as running:
        told = [await running.ask("/v1/chat/completions", chat) for _ in range(3)]
        assert [word for _, word in told] == ["miss", "hit", "hit"]
        assert len({body for body, _ in told}) == 1
        assert len(orjson.loads(told[0][0])["llmux"]["answers"]) == 2


async def test_by_backend_it_follows_the_plan(tmp_path: Path) -> None:
    config = f'{CACHED}by_backend = true\n[[backend]]\nmodel = "demo:*"\nmodel_match = ["a*"]'
    async with gateway(tmp_path, config) as running:
        chat = {"model": "anything", "messages": [{"role": "user", "content": "hi"}]}
        said = [(await running.ask("/v1/chat/completions", chat))[1] for _ in range(2)]
        body = orjson.dumps({**chat, "model": "nothing"})
        async with running.session.post(f"{running.url}/v1/chat/completions", data=body) as answer:
            assert (said, answer.status) == (["miss", "hit"], 404)


# --- instances -------------------------------------------------------------------------------------------------------


@needs_redis
async def test_instances_on_one_redis_share_what_they_keep_and_what_is_cleared(tmp_path: Path) -> None:
    redis, clock = RedisServer(tmp_path), FakeClock(time.time())  # what is kept there lives by the time of Redis
    redis.start()
    try:
        async with (
            gateway(tmp_path, store=redis.url, clock=clock) as one,
            gateway(tmp_path, store=redis.url, clock=clock) as other,
        ):
            path, body = asked("claude", "openai_chat", stream=True)
            first, miss = await one.ask(path, body)
            again, hit = await until_hit(other, path, body)
            assert (miss, hit, meant("claude", again)) == ("miss", "hit", meant("claude", first))
            clock.advance(1)
            async with one.session.post(f"{one.url}/api/cache/clear", headers={"X-Admin-Key": "chief"}) as answer:
                assert orjson.loads(await answer.read()) == {"cleared": 1, "model": "*"}
            await other.ground.cache.refresh()
            clock.advance(1)
            assert (await other.ask(path, body))[1] == "miss"
            redis.kill()  # the other has it in its memory, and nobody is refused an answer
            assert [(await gate.ask(path, body))[1] for gate in (one, other)] == ["miss", "hit"]
    finally:
        redis.kill()


async def until_hit(running: Gateway, path: str, body: bytes) -> tuple[bytes, str]:
    """What is told once the other's answer has reached the store. It is not asked for anew until then."""
    async with asyncio.timeout(10):
        while not await running.ground.archive.ask(lambda store: store.notes("cached/")):
            await asyncio.sleep(0.01)
    return await running.ask(path, body)


# --- the SDKs --------------------------------------------------------------------------------------------------------


async def test_the_sdks_take_a_replay_for_an_answer(tmp_path: Path) -> None:
    async with gateway(tmp_path) as running:
        async with openai.AsyncOpenAI(base_url=f"{running.url}/v1", api_key="k") as chat:
            told = []
            for _ in range(2):
                asking = chat.chat.completions.stream(
                    model="demo_claude:echo", messages=[{"role": "user", "content": "say it"}]
                )
                async with asking as stream:
                    told.append((await stream.get_final_completion()).choices[0].message.content)
            responses = [await chat.responses.create(model="demo:echo", input="say it") for _ in range(2)]
        async with anthropic.AsyncAnthropic(base_url=running.url, api_key="k") as claude:
            for _ in range(2):
                async with claude.messages.stream(
                    model="demo_claude:echo", max_tokens=99, messages=[{"role": "user", "content": "say it"}]
                ) as spoken:
                    told.append(await spoken.get_final_text())
        assert told[0] == told[1]
        assert told[2] == told[3]
        assert responses[0].output_text == responses[1].output_text != ""
        assert running.cache_outcomes == ["miss", "hit"] * 3
