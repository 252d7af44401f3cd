"""A real server on loopback over a responder that a test writes."""

import asyncio
import ipaddress
import itertools
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from msgspec.structs import replace

from llmux.clock import Clock, SystemClock
from llmux.config.schema import Cors, Http
from llmux.dialects.base import Dialect
from llmux.dialects.registry import TABLE
from llmux.errors import AnswerNotFound, GatewayError, NotFound, StoreAway
from llmux.ir.card import ModelCard
from llmux.ir.content import Text
from llmux.ir.embedding import EmbeddingRequest, Embeddings
from llmux.ir.events import Batch, MessageEnd, MessageStart, Opened, PartDelta, PartEnd, PartStart
from llmux.ir.request import Request
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.responder import Client, Context
from llmux.server.application import build
from llmux.server.auth import Door, Keys, digest
from llmux.server.services import Accounts, Desk, KeyOffice, Library, Services, never
from llmux.telemetry import Fact, RequestFinished

Respond = Callable[[Request, Context], AsyncGenerator[Batch, None]]

USAGE = Usage(3)
OPENED = Opened("a", "m", 1, ("dropped=top_k",))
BEGIN: Batch = (OPENED, MessageStart("x", "m"), PartStart(0, Text()), PartDelta(0, "one "))
MORE: Batch = (PartDelta(0, "two"),)
END: Batch = (PartEnd(0), MessageEnd(FinishReason.END, Usage(3, 2)))

CARDS = (
    ModelCard(id="p:one", owner="p", created=1_700_000_000, context=1000, vision=True),
    ModelCard(id="two", owner="llmux", created=1_700_000_000),
)

BODIES: Mapping[str, dict[str, Any]] = {
    "/v1/messages": {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/chat/completions": {"model": "m", "messages": [{"role": "user", "content": "hi"}]},
}


async def answers(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
    """The plain answer: "one two"."""
    for batch in (BEGIN, MORE, END):
        yield batch


async def no_answer(client: Client, dialect: str, answer_id: str) -> Any:
    """Nothing is kept here."""
    raise AnswerNotFound(f"Response with id '{answer_id}' not found.")


async def nothing(*_: object) -> Any:
    """Nothing was used here, and nothing is limited."""
    return {}


class NoOffice:
    """Nobody makes keys here."""

    async def every(self) -> list[Any]:
        return []

    async def make(self, body: bytes) -> Any:
        raise StoreAway("nothing is kept here")

    async def find(self, key_id: str) -> Any:
        raise NotFound("there is none")

    async def change(self, key_id: str, body: bytes) -> Any:
        raise NotFound("there is none")

    revoke = find


async def no_changes(limit: int) -> list[Any]:
    """Nothing has been changed here."""
    return []


class Running:
    """A server that is up: where it is, what it has told, and a client for it."""

    def __init__(self, url: str, session: aiohttp.ClientSession, facts: list[Fact], server: web.Server) -> None:
        self.url = url
        self.server = server
        self.session = session
        self.facts = facts

    @property
    def finished(self) -> list[RequestFinished]:
        return [fact for fact in self.facts if isinstance(fact, RequestFinished)]

    async def until_finished(self, count: int = 1) -> list[RequestFinished]:
        """Wait until so many requests are over for the server."""
        async with asyncio.timeout(5):
            while len(self.finished) < count:
                await asyncio.sleep(0.005)
        return self.finished


@asynccontextmanager
async def running(  # one option for each thing that a test may want to be otherwise
    respond: Respond = answers,
    *,
    tokens: Mapping[str, Client] | None = None,
    clock: Clock | None = None,
    keepalive: float = 60.0,
    cors: Cors | None = None,
    max_body: int = 2**20,
    http: Http | None = None,
    draining: Callable[[], bool] = never,
    trusted: tuple[str, ...] = (),
    anonymous: bool = False,
    log_bodies: bool = False,
    usage: Usage | GatewayError = USAGE,  # of embeddings
    library: Library | None = None,
    accounts: Accounts | None = None,
    keys: Keys | None = None,
    keys_required: bool = False,
    office: KeyOffice | None = None,
    audit: Callable[[int], Any] | None = None,
    admin_key: str = "",
    login_attempts: int = 20,
    dialects: Mapping[str, Dialect] = TABLE,
    services: Mapping[str, Any] | None = None,  # what else the server is handed
) -> AsyncGenerator[Running, None]:
    clock = clock or SystemClock()
    facts: list[Fact] = []

    async def count(request: Request, context: Context) -> tuple[int, bool]:
        return 42, True

    async def embed(request: EmbeddingRequest, context: Context) -> tuple[Opened, Embeddings, Usage]:
        vectors = tuple((float(len(text)), 0.5) for text in request.inputs)
        if isinstance(usage, GatewayError):
            raise usage
        return OPENED, Embeddings(vectors, usage.input_tokens), usage

    async def explain(request: Request, context: Context) -> Mapping[str, Any]:
        return {"model": request.model, "plan": ["a"]}

    async def health(deep: bool) -> Mapping[str, Any]:
        return {"status": "down" if deep else "ok"}

    handed = Services(
        dialects=dialects,
        respond=respond,
        embed=embed,
        count=count,
        explain=explain,
        health=health,
        cards=lambda client: [card for card in CARDS if not client.models or card.id in client.models],
        accounts=accounts or Accounts(nothing, nothing, nothing, nothing),
        door=Door(
            {digest(key): client for key, client in (tokens or {}).items()},
            allow_anonymous=anonymous,
            keys=keys,
            keys_required=keys_required,
        ),
        library=library or Library(no_answer, no_answer, no_answer),
        keys=office or NoOffice(),
        audit=audit or no_changes,
        admin_key=digest(admin_key) if admin_key else b"",
        login_attempts=login_attempts,
        cors=cors or Cors(),
        keepalive=keepalive,
        log_bodies=log_bodies,
    )
    handed = replace(handed, **(services or {}))
    ids = itertools.count(1)
    desk = Desk(lambda: handed, clock, facts.append, lambda: f"req_{next(ids)}", draining=draining)
    networks = tuple(ipaddress.ip_network(text) for text in trusted)
    server = build(desk, dialects, max_body=max_body, trusted=networks, http=http or Http())
    runner = web.ServerRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        async with aiohttp.ClientSession() as session:
            yield Running(f"http://127.0.0.1:{runner.addresses[0][1]}", session, facts, server)
    finally:
        await runner.cleanup()
