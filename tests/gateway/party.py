"""A gateway over backends of several dialects and makers, each with its script: for conversations that change model."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson

from llmux.dialects.base import AnswerForm, Dialect
from llmux.dialects.registry import TABLE
from llmux.errors import BadRequest
from llmux.gateway.attempt import Route
from llmux.gateway.gateway import Gateway, Parts, Settings
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.gateway.planner import Planner
from llmux.gateway.tokenizer import Tokenizer
from llmux.ir.capability import Profile
from llmux.ir.content import Inline, Part, ToolCall
from llmux.ir.events import Event
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from llmux.responder import Context, Responder
from llmux.routing.catalog import Backend, Catalog
from llmux.store.memory import MemoryStore
from llmux.telemetry import Fact
from tests.fakes import FakeClock, settle
from tests.scripted import JSON, Script, ScriptedTransport


@dataclass
class Guest:
    """A backend: what it speaks, who made its model, what that accepts, and what it has been told to do."""

    dialect: str | Dialect
    maker: str = ""
    profile: Profile = field(default_factory=Profile)
    transport: ScriptedTransport = field(default_factory=ScriptedTransport)

    @property
    def speech(self) -> Dialect:
        return TABLE[self.dialect] if isinstance(self.dialect, str) else self.dialect

    def says(self, *parts: Part, stream: bool = True) -> None:
        """Its next answer."""
        dialect = self.speech
        calls = any(isinstance(part, ToolCall) for part in parts)
        response = Response("x", "m", parts, FinishReason.TOOL_CALL if calls else FinishReason.END, Usage(3, 2))
        form = AnswerForm("up", "m", 1_750_000_000)
        if stream:
            body = dialect.encoder(form).feed(list(explode(response)))
            self.does(Script(headers={"content-type": dialect.content_type}, steps=[body]))
        else:
            self.does(Script(headers=JSON, steps=[dialect.encode_response(response, form)]))

    def refuses(self, message: str, status: int = 400) -> None:
        """Its next answer is an error in its own words."""
        told = self.speech.encode_error(BadRequest(message, upstream_status=status), "up")
        self.does(Script(status, JSON, [told.body]))

    def does(self, script: Script) -> None:
        self.transport.scripts.append(script)

    @property
    def heard(self) -> list[dict[str, Any]]:
        """The bodies that it was sent."""
        return [orjson.loads(call.body) for call in self.transport.calls]


async def fetch_nothing(url: str) -> Inline:
    """No guest is sent a link."""
    raise AssertionError(url)


class Party:
    """A gateway over guests, who are asked by name. What stands around the gateway is for the test to say."""

    def __init__(self, clock: FakeClock, role: str = "", **guests: Guest) -> None:
        """`role`: a name for all of the guests, who are then asked in their order."""
        self.clock, self.guests, self.facts = clock, guests, list[Fact]()
        ledger = Ledger(MemoryStore(clock), clock, self.facts.append, Keeper())
        backends = tuple(
            Backend(name=name, provider=name, model="m", dialect=guest.speech.name, profile=guest.profile)
            for name, guest in guests.items()
        )
        routes = {
            name: Route(guest.speech, guest.transport, lambda _: {}, guest.maker) for name, guest in guests.items()
        }
        planner = Planner(
            Catalog(backends, {role: tuple(guests)} if role else {}), ledger, clock, "prefer", Tokenizer(lambda: None)
        )
        parts = Parts(
            planner, routes, lambda backend, _: backend.profile, ledger, Keeper(), clock, self.facts.append,
            lambda: 0.5, fetch_nothing,
        )  # fmt: skip
        self.respond: Responder = Gateway(parts, Settings()).respond

    async def ask(self, dialect: str | Dialect, body: Mapping[str, Any], context: Context | None = None) -> list[Event]:
        """Every event of the answer."""
        speech = TABLE[dialect] if isinstance(dialect, str) else dialect
        request = speech.decode_request(orjson.dumps(body))
        return await drain(self.respond(request, context or Context("r1")), self.clock)

    async def hear(self, dialect: str, body: Mapping[str, Any], context: Context | None = None) -> bytes:
        """What the client hears of it, as a stream."""
        events = await self.ask(dialect, body, context)
        return TABLE[dialect].encoder(AnswerForm("r1", str(body["model"]), 1)).feed(events[1:])


async def drain(batches: AsyncGenerator[Sequence[Event], None], clock: FakeClock) -> list[Event]:
    """Every event; time passes as soon as nothing else happens."""

    async def hear() -> list[Event]:
        events: list[Event] = []
        async with aclosing(batches):
            async for batch in batches:
                events += batch
        return events

    task = asyncio.ensure_future(hear())
    await settle()
    while not task.done():
        clock.advance(max(0.01, clock.pending[0]))
        await settle()
    return task.result()
