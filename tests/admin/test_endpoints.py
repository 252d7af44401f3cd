"""The admin page's paths on a real server: who is let in, what is told, and what never is."""

import asyncio
import socket
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest

from llmux.admin.board import Board
from llmux.admin.page import HEADERS, NOT_CONFIGURED
from llmux.config.load import Loaded, load
from llmux.ground import open_ground
from llmux.serve import Serving
from llmux.telemetry import Fact, RequestFinished, Voice
from tests.fakes import settle

KEY = {"x-admin-key": "office"}
CONFIG = """
port = 0
admin_key = "office"
store.url = "memory:"
tokens.ann = "k-ann"
provider.demo = {}

[[backend]]
name = "narrow"
model = "demo:echo"
context = 2

[[backend]]
name = "steady"
model = "demo:echo"
max_per_hour = 100
"""
PAGE = ("/ui", "/ui/", "/ui/app.js", "/ui/uPlot.iife.min.js", "/ui/style.css", "/ui/icon.svg")
GUARDED = {
    "/admin/state": "GET", "/admin/live": "GET", "/admin/models": "GET", "/admin/try": "POST", "/admin/explain": "POST",
}  # fmt: skip
QUESTION = {"model": "m", "messages": [{"role": "user", "content": "one two three four five six seven"}]}


class House:
    """A gateway in this process, and a client for it. Its board takes a turn when a test says so."""

    def __init__(self, url: str, session: aiohttp.ClientSession, serving: Serving, board: Board) -> None:
        self.url, self.session, self.serving, self.board = url, session, serving, board
        self.facts: list[Fact] = []

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] = KEY
    ) -> tuple[int, Any, Mapping[str, str]]:
        """Status, body and headers."""
        data = None if body is None else orjson.dumps(body)
        async with self.session.request(method, self.url + path, data=data, headers=headers) as reply:
            read, kind = await reply.read(), reply.headers.get("content-type", "")
            return reply.status, orjson.loads(read) if "json" in kind else read, reply.headers

    async def get(self, path: str, headers: Mapping[str, str] = KEY) -> tuple[int, Any, Mapping[str, str]]:
        return await self.ask("GET", path, headers=headers)

    async def client_asks(self, **more: Any) -> int:
        bearer = {"authorization": "Bearer k-ann"}
        return (await self.ask("POST", "/v1/chat/completions", QUESTION | more, bearer))[0]


@asynccontextmanager
async def house(folder: Path, config: str = CONFIG) -> AsyncGenerator[House, None]:
    path, voice = folder / "config.toml", Voice()
    path.write_text(config)

    def loader() -> Loaded:
        return load(path, env={}, cwd=folder, home=folder)

    async with open_ground(loader(), voice) as ground:
        serving = Serving(loader, loader(), ground)
        async with serving.listening(shared_port=False) as url, aiohttp.ClientSession() as session:
            one = House(url, session, serving, ground.board)
            voice.join(one.facts.append)
            yield one


class Watcher:
    """Reads /admin/live."""

    def __init__(self, reply: aiohttp.ClientResponse, one: House) -> None:
        self._reply, self._one = reply, one

    async def event(self) -> tuple[str, Any]:
        """The next one that is sent, with as many turns as that takes. ("", None): there is none any more."""
        reading = asyncio.ensure_future(self._reply.content.readuntil(b"\n\n"))
        try:
            while not reading.done():
                await self._one.board.turn(self._one.serving.standings)
                await asyncio.wait([reading], timeout=0.01)
            lines = reading.result().decode().splitlines()
        except asyncio.IncompleteReadError:
            return "", None
        if not lines:
            return "", None
        return lines[0].removeprefix("event: "), orjson.loads(lines[1].removeprefix("data: "))

    async def hears_the_end(self) -> None:
        async with asyncio.timeout(5):
            while (await self.event())[0]:
                pass

    async def until(self, section: str) -> Any:
        """What the next change of a section tells."""
        while True:
            _, told = await self.event()
            if section in told:
                return told[section]


@asynccontextmanager
async def watching(one: House) -> AsyncGenerator[Watcher, None]:
    async with one.session.get(f"{one.url}/admin/live", headers=KEY) as reply:
        assert reply.status == 200
        yield Watcher(reply, one)


async def test_without_an_admin_key_there_is_nothing(tmp_path: Path) -> None:
    async with house(tmp_path, CONFIG.replace('admin_key = "office"', "")) as one:
        for path in PAGE:
            status, told, _ = await one.get(path)
            assert (status, told["error"]) == (404, NOT_CONFIGURED)
        for path, method in GUARDED.items():
            assert (await one.ask(method, path))[0] == 404
        assert await one.client_asks() == 200


@pytest.mark.parametrize("headers", [{}, {"x-admin-key": "wrong"}, {"authorization": "Bearer k-ann"}], ids=str)
async def test_only_the_admin_key_lets_in(tmp_path: Path, headers: Mapping[str, str]) -> None:
    async with house(tmp_path) as one:
        for path, method in GUARDED.items():
            status, told, _ = await one.ask(method, path, headers=headers)
            assert status == 401
            assert "admin key" in told["error"]


async def test_the_page_is_open_holds_nothing_and_may_load_nothing_else(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        for path in PAGE:
            status, body, headers = await one.get(path, {})
            assert status == 200
            assert b"office" not in body
            assert b"http://" not in body.replace(b"http://www.w3.org/", b"")
            assert {name: headers[name] for name in HEADERS} == HEADERS
            assert (await one.get(path, {"if-none-match": headers["etag"]}))[0] == 304
        _, shell, _ = await one.get("/ui", {})
        assert b"<script>" not in shell
        assert b"style=" not in shell
        assert (await one.get("/ui/nothing.js", {}))[0] == 404


async def test_the_state_tells_what_has_happened(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        assert await one.client_asks(model="<b>") == 200
        status, told, _ = await one.get("/admin/state")
        assert status == 200
        (row,) = told["requests"].values()
        assert (row["model"], row["backend"], row["client"], row["plan"]) == ("<b>", "steady", "ann", ["steady"])
        assert "holds 2" in row["refused"]["narrow"]
        assert list(told["backends"]) == ["narrow", "steady"]
        assert told["backends"]["steady"]["windows"][0]["limit"] == 100
        assert told["clients"]["ann"]["requests"] == 1
        assert told["workers"] == 1


async def test_it_is_told_as_it_happens(tmp_path: Path) -> None:
    async with house(tmp_path) as one, watching(one) as watcher:
        kind, told = await watcher.event()
        assert (kind, told["requests"]) == ("snapshot", {})
        kind, told = await watcher.event()
        assert kind == "change"
        assert told.keys() <= {"now"}
        assert await one.client_asks() == 200
        (row,) = (await watcher.until("requests")).values()
        assert row["status"] == 200


async def test_a_watcher_that_reads_nothing_holds_nobody_up(tmp_path: Path) -> None:
    async with house(tmp_path) as one, watching(one) as watcher:
        with socket.socket() as deaf:
            deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            deaf.connect(("127.0.0.1", int(one.url.rpartition(":")[2])))
            deaf.sendall(b"GET /admin/live HTTP/1.1\r\nhost: x\r\nx-admin-key: office\r\n\r\n")
            await settle()
            await watcher.event()
            for _ in range(40):
                assert await one.client_asks(model="x" * 5000) == 200
                assert await watcher.until("requests")


async def test_who_watches_hears_no_more_once_the_key_is_another(tmp_path: Path) -> None:
    async with house(tmp_path) as one, watching(one) as watcher:
        await watcher.event()
        (tmp_path / "config.toml").write_text(CONFIG.replace("office", "another"))
        one.serving.reload()
        await watcher.hears_the_end()


async def test_a_stop_does_not_wait_for_who_watches(tmp_path: Path) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(house(tmp_path))
        watcher = await stack.enter_async_context(watching(one))
        await watcher.event()
        board = asyncio.ensure_future(one.board.run(one.serving.standings))
        await settle()
        board.cancel()
        await watcher.hears_the_end()


DIALECTS = {
    "": (QUESTION, "choices"),
    "claude": (QUESTION | {"max_tokens": 50}, "content"),
    "openai_responses": ({"model": "m", "input": "one two three four five six seven"}, "output"),
    "ollama": (QUESTION | {"stream": False}, "message"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_try_is_answered_as_a_clients_request_is(tmp_path: Path, dialect: str) -> None:
    body, mark = DIALECTS[dialect]
    async with house(tmp_path) as one:
        status, told, headers = await one.ask("POST", f"/admin/try?dialect={dialect}", body)
        assert (status, headers["x-llmux-backend"], headers["x-llmux-attempts"]) == (200, "steady", "1")
        assert mark in told
        await settle()
        (fact,) = [fact for fact in one.facts if isinstance(fact, RequestFinished)]
        assert (fact.client, fact.path) == ("admin", "/admin/try")


async def test_a_try_streams(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        _, told, headers = await one.ask("POST", "/admin/try", QUESTION | {"stream": True})
        assert headers["content-type"].startswith("text/event-stream")
        assert told.endswith(b"data: [DONE]\n\n")


BAD_TRIES = {
    "no such dialect": ("?dialect=latin", QUESTION, "one of claude, ollama, openai_chat, openai_responses is expected"),
    "its model is in the path": ("?dialect=gemini", QUESTION, "is expected, not 'gemini'"),
    "no JSON": ("", "x", "object"),
    "a fault of the backend": ("", QUESTION | {"model": "nobody's:x"}, ""),
}


@pytest.mark.parametrize("case", BAD_TRIES.values(), ids=BAD_TRIES)
async def test_a_bad_try_is_told_what_is_wrong(tmp_path: Path, case: tuple[str, Any, str]) -> None:
    query, body, expected = case
    config = CONFIG.replace("[[backend]]", '[[backend]]\nmodel_match = ["m"]')
    async with house(tmp_path, config) as one:
        status, told, _ = await one.ask("POST", f"/admin/try{query}", body)
        assert 400 <= status < 500
        assert expected in str(told["error"])


async def test_a_try_is_explained_without_asking_anybody(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        status, told, _ = await one.ask("POST", "/admin/explain", QUESTION)
        assert (status, told["plan"], [*told["refused"]]) == (200, ["steady"], ["narrow"])
        assert told["upstream"]["body"]["messages"] == QUESTION["messages"]
        assert (await one.ask("POST", "/llmux/explain", QUESTION))[0] == 401, "a client still needs its token there"


async def test_the_models_that_can_be_tried(tmp_path: Path) -> None:
    async with house(tmp_path) as one:
        _, told, _ = await one.get("/admin/models")
        assert {"narrow", "steady"} <= {*told["models"]}
