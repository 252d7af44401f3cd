"""A budget of one dollar, spent by many clients at once in every way: it is exceeded by no more than the last request.

The backend is the test's own: it counts each token that it says, whoever hears it, so what was truly spent is known.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
from aiohttp import web

from llmux.dialects.base import AnswerForm
from llmux.dialects.registry import TABLE
from llmux.ir.content import Text
from llmux.ir.events import Event, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from tests.whole.conftest import Start

TOKENS = 40  # of each answer
A_TOKEN = 0.001  # dollars
LIMIT = 1.0
REFUSED = 5  # times in a row, a while apart: then there is no more
LEFT = 0.5  # the temperature that those ask for who leave in the middle
STREAM = {"max_tokens": TOKENS, "stream": True}
PAUSES = {LEFT: 0.05}  # s after a token, within which it is noticed that a client has left; others need not wait
FORM = AnswerForm(id="1", model="m", created=1)
CONFIG = """
port = 0
max_retries = 0

[store]
url = "sqlite:{store}"

[provider.broken]
api = "openai"
base_url = "{upstream}/broken"
[provider.chat]
api = "openai"
base_url = "{upstream}/v1"
[provider.claude]
api = "claude"
base_url = "{upstream}"

[[backend]]
model = "broken:m"
price = {{ input = 0, output = 5000 }}
[[backend]]
model = "chat:m"
price = {{ input = 0, output = 1000 }}
[[backend]]
model = "claude:m"
price = {{ input = 0, output = 1000 }}

[role.failing]
backends = ["broken:m", "chat:m"]

[tokens.one]
key = "secret"
max_usd = 1
"""
# A way to ask -> path, body, and whether its client leaves in the middle.
WAYS: Mapping[str, tuple[str, dict[str, Any], bool]] = {
    "whole, over": ("/v1/chat/completions", {"model": "claude:m", "max_tokens": TOKENS}, False),
    "stream, verbatim": ("/v1/chat/completions", {"model": "chat:m", **STREAM}, False),
    "stream, over": ("/v1/messages", {"model": "chat:m", **STREAM}, False),
    "failing over": ("/v1/messages", {"model": "failing", **STREAM}, False),
    "leaving": ("/v1/messages", {"model": "chat:m", **STREAM, "temperature": LEFT}, True),
    "leaving, verbatim": (
        "/v1/messages",
        {"model": "claude:m", **STREAM, "temperature": LEFT},
        True,
    ),
}


class Upstream:
    """Says an answer a token at a time, and counts."""

    def __init__(self) -> None:
        self.said = 0

    async def handle(self, inbound: web.BaseRequest) -> web.StreamResponse:
        if inbound.path.startswith("/broken"):
            return web.Response(status=500, text="broken")
        dialect = TABLE["claude" if inbound.path.endswith("/messages") else "openai_chat"]
        if inbound.method == "GET":  # which models there are
            return web.json_response({"data": [{"id": "m"}]})
        asked = orjson.loads(await inbound.read())
        if not asked.get("stream"):
            self.said += TOKENS
            return web.Response(
                body=dialect.encode_response(fold(self._events()), FORM), content_type="application/json"
            )
        response = web.StreamResponse(headers={"content-type": dialect.content_type})
        await response.prepare(inbound)
        encoder = dialect.encoder(FORM)
        for event in self._events():
            self.said += isinstance(event, PartDelta)
            await response.write(encoder.feed([event]) or b": \n\n")
            # A model takes its time: what is said to nobody is bounded by it.
            await asyncio.sleep(PAUSES.get(asked.get("temperature"), 0.001))
        return response

    @staticmethod
    def _events() -> list[Event]:
        begin = [MessageStart("1", "m"), PartStart(0, Text())]
        return [*begin, *[PartDelta(0, "tok ")] * TOKENS, PartEnd(0), MessageEnd(FinishReason.END, Usage(0, TOKENS))]


@asynccontextmanager
async def upstream() -> AsyncGenerator[tuple[str, Upstream], None]:
    told = Upstream()
    runner = web.ServerRunner(web.Server(told.handle, handler_cancellation=True), shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}", told
    finally:
        await runner.cleanup()


async def spend(session: aiohttp.ClientSession, url: str, way: str) -> int:
    """Ask; leave in the middle where the way says so. The status."""
    path, body, leaves = WAYS[way]
    asked = {**body, "messages": [{"role": "user", "content": "go on"}]}
    async with session.post(url + path, json=asked, headers={"x-api-key": "secret"}) as answer:
        if leaves and answer.status == 200:
            await answer.content.readuntil(b"tok")
            answer.close()
        else:
            await answer.read()
        return answer.status


async def spend_the_rest(session: aiohttp.ClientSession, url: str) -> None:
    """Ask until there is no more, also when all who left have given back what they did not use."""
    refused = 0
    while refused < REFUSED:
        refused = refused + 1 if await spend(session, url, "whole, over") == 429 else 0
        await asyncio.sleep(0.2)


@pytest.mark.parametrize("at_once", [1, 12])
async def test_a_budget_is_exceeded_by_the_last_request_at_most(start: Start, tmp_path: Path, at_once: int) -> None:
    async with upstream() as (address, told), aiohttp.ClientSession() as session:
        config = CONFIG.format(store=tmp_path / "store.db", upstream=address)
        with start(config) as gateway:
            statuses = dict[str, list[int]]({way: [] for way in WAYS})

            async def client(number: int) -> None:
                ways = [*WAYS] * 2
                for way in ways[number % len(WAYS) :][: len(WAYS)]:
                    statuses[way].append(await spend(session, gateway.url, way))

            # Those who come together may be refused for what the others have reserved; who comes alone is not.
            for _ in range(60):
                await asyncio.gather(*(client(number) for number in range(at_once)))
                if await spend(session, gateway.url, "whole, over") == 429:
                    break
            await spend_the_rest(session, gateway.url)
        most = TOKENS * A_TOKEN
        spent = told.said * A_TOKEN
        assert all(seen.count(200) > 0 for seen in statuses.values()), statuses
        assert {status for seen in statuses.values() for status in seen} <= {200, 429}
        assert LIMIT - 2 * most < spent < LIMIT + most
