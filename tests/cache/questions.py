"""Questions for the cache's tests, and a responder that answers them as a test says."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from typing import Any

import orjson

from llmux.cache.cache import Bounds, Cache, Shared
from llmux.cache.cached import Cached, Rules, Settings
from llmux.cache.key import Scope, key
from llmux.cache.tasks import Tasks
from llmux.dialects.registry import TABLE
from llmux.errors import GatewayError
from llmux.ir.content import Text
from llmux.ir.events import Batch, Event, MessageEnd, MessageStart, Opened, PartDelta, PartEnd, PartStart
from llmux.ir.request import Request
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.responder import Client, Context
from llmux.store.base import Store
from llmux.store.memory import MemoryStore
from llmux.telemetry import CacheUsed, Fact
from tests.fakes import FakeClock

BOUNDS = Bounds(300.0, 2**20, 2**16, 100)
OPENED = Opened(
    "a", "m", 1, ("dropped=top_k",), (("x-ratelimit-remaining", "7"),), replays=True, extension={"answers": [1]}
)
BATCHES: Sequence[Batch] = (
    (OPENED, MessageStart("x", "m"), PartStart(0, Text()), PartDelta(0, "one ")),
    (PartDelta(0, "two"),),
    (PartEnd(0), MessageEnd(FinishReason.END, Usage(3, 2))),
)
ANSWER = (*BATCHES[0][1:], *BATCHES[1], *BATCHES[2])
TOLD = "one two"


def question(said: str = "hi", dialect: str = "openai_chat", **more: Any) -> Request:
    """A request as its decoder makes it."""
    document = {"model": "m", "messages": [{"role": "user", "content": said}], **more}
    if dialect == "claude":
        document["max_tokens"] = 9
    return TABLE[dialect].decode_request(orjson.dumps(document))


def context(client: str = "alice", cache_control: str = "", request_id: str = "r", **headers: str) -> Context:
    said = {"cache-control": cache_control} if cache_control else {}
    return Context(request_id, Client(client), {**headers, **said})


class Inner:
    """A responder that is led by hand: each call waits for what the test lets it say."""

    def __init__(self) -> None:
        self.asked: list[Context] = []
        self.closed = 0
        self._says: list[asyncio.Queue[Batch | GatewayError | Exception | None]] = []
        self.ready: Sequence[Batch] | None = None  # what every call says by itself

    def __call__(self, request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        return self._respond(context)

    async def _respond(self, context: Context) -> AsyncGenerator[Batch, None]:
        self.asked.append(context)
        says: asyncio.Queue[Batch | GatewayError | Exception | None] = asyncio.Queue()
        self._says.append(says)
        for batch in self.ready or ():
            says.put_nowait(batch)
        if self.ready is not None:
            says.put_nowait(None)
        try:
            while (said := await says.get()) is not None:
                if isinstance(said, Exception):
                    raise said
                yield said
        finally:
            self.closed += 1

    def say(self, *said: Batch | Exception | None, call: int = -1) -> None:
        """Let a call say this; None: it has said all."""
        for one in said:
            self._says[call].put_nowait(one)


class House:
    """A cache around an Inner, on a clock that is set by hand."""

    def __init__(
        self,
        clock: FakeClock,
        *,
        store: Store | None = None,
        place: Shared | None = None,  # where instances keep together
        permits: Callable[[Client, str, str], bool] | None = None,
        first: tuple[str, str] | None = ("a", "m"),
        **settings: Any,
    ) -> None:
        self.inner, self.facts, self.first, self.permitted = Inner(), list[Fact](), first, True
        store = store or MemoryStore(clock)

        async def ask(verb: Any) -> Any:
            return await verb(store)

        async def choose(request: Request, client: Client) -> tuple[str, str] | None:
            return self.first

        def permit(client: Client, model: str, backend: str) -> bool:
            return permits(client, model, backend) if permits else self.permitted

        self.cache = Cache(clock, self.facts.append, ask, Tasks())
        chosen = Settings(**{"bounds": BOUNDS, **settings})
        self.cache.configure(chosen.bounds, place)
        self.respond = Cached(self.inner, self.cache, chosen, Rules(permit, choose)).respond

    def key(self, request: Request) -> bytes:
        """Where the answer to alice's request is kept."""
        assert request.original is not None
        return key(request, request.original, context(), Scope("alice"))

    async def hear(self, request: Request, asked: Context | None = None) -> list[Event]:
        """Every event of an answer."""
        async with aclosing(self.respond(request, asked or context())) as batches:
            return [event async for batch in batches for event in batch]

    async def outcome(self, request: Request, asked: Context | None = None) -> str:
        """What became of a request that its backend answers at once."""
        self.inner.ready = BATCHES
        await self.hear(request, asked)
        return self.outcomes[-1]

    @property
    def outcomes(self) -> list[str]:
        return [fact.outcome for fact in self.facts if isinstance(fact, CacheUsed)]


def headers(events: Sequence[Event]) -> Mapping[str, str]:
    """What the head of an answer says beside the usual."""
    opened = events[0]
    assert isinstance(opened, Opened)
    return dict(opened.headers)


def text(events: Sequence[Event]) -> str:
    return "".join(event.delta for event in events if isinstance(event, PartDelta))
