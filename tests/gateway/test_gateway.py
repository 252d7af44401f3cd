"""Failover as plays: what each backend does, and what the client hears. The figures are those of `behaviour.md`."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import aclosing
from typing import Any, TypeVar

import orjson
import pytest
from msgspec.structs import replace

from llmux.dialects.registry import TABLE
from llmux.errors import (
    BackendCut,
    BackendSlow,
    BackendUnreachable,
    ClientErrorUpstream,
    ContextTooLong,
    GatewayError,
    KeyRefused,
    MediaNotFetched,
    ModelNotFound,
    OurLimit,
    RateLimited,
)
from llmux.gateway.attempt import Route
from llmux.gateway.gateway import IDLE, Gateway, Parts, Settings
from llmux.gateway.ledger import Ledger
from llmux.gateway.limits import Keeper
from llmux.gateway.planner import Planner
from llmux.gateway.tokenizer import Tokenizer
from llmux.ir.capability import Profile
from llmux.ir.content import Inline
from llmux.ir.events import Event, Opened, StreamError, Verbatim
from llmux.ir.price import Price
from llmux.ir.request import Request
from llmux.responder import Client, Context, Window
from llmux.routing.catalog import Backend, Catalog, Limits, Way
from llmux.store.memory import MemoryStore
from llmux.telemetry import AttemptFailed, Fact
from tests.fakes import FakeClock, settle
from tests.scripted import (
    Break,
    Script,
    ScriptedTransport,
    Silence,
    chat_stream,
    chunk,
    failure,
    sse,
)

TOGETHER = Way(name="together")
HELLO = {
    "model": "any",
    "messages": [{"role": "user", "content": "hello"}],
    "stream": True,
    "stream_options": {"include_usage": True},
}
OK = Script(steps=[chat_stream("from here")])
REFUSED = Script(raises=BackendUnreachable("refused"))
HEAD = sse(chunk({"role": "assistant", "content": ""}))
TEXT = sse(chunk({"content": "half"}))

Result = TypeVar("Result")


class Table:
    """A gateway over scripted backends called a, b, c ...; its clock goes on by itself while a play runs.

    They have a role, the name of `way`.
    """

    def __init__(self, *transports: ScriptedTransport, way: Way = TOGETHER, **changes: object) -> None:
        self.clock = FakeClock()
        self.facts: list[Fact] = []
        self.fetched: list[str] = []
        self.transports = dict(zip("abc", transports, strict=False))
        store = MemoryStore(self.clock)
        self.limits = Keeper()
        self.tokenizer = Tokenizer(lambda _: None)
        self.ledger = Ledger(store, self.clock, self.facts.append, self.limits)
        backends = tuple(
            Backend(
                name=name, provider=name, dialect="openai_chat",
                **{"model": "m"} | (changes.get(name) or {}),  # type: ignore[arg-type]  # each play names real fields
            )
            for name in self.transports
        )  # fmt: skip
        routes = {
            name: Route(TABLE["openai_chat"], transport, lambda _: {"authorization": "Bearer k"})
            for name, transport in self.transports.items()
        }
        roles = dict.fromkeys(("any of them", "the first", way.name), tuple(self.transports))
        self.ledger.track.configure(timed=way.is_timed)
        planner = Planner(
            Catalog(backends, roles, {"the first": Way(execution="first"), way.name: way}),
            self.ledger, self.clock, "prefer", self.tokenizer, lambda: 0.5,
        )  # fmt: skip
        self.parts = Parts(
            planner,
            routes,
            lambda backend, _: backend.profile,
            self.ledger,
            self.limits,
            self.clock,
            self.facts.append,
            lambda: 0.5,
            self.fetch,
        )
        self.gateway = Gateway(self.parts, Settings())

    def price_by(self, price_of: Callable[[Backend, str], Price | None]) -> None:
        """From now on, answers cost this."""
        self.gateway = Gateway(replace(self.parts, price_of=price_of), Settings())

    async def fetch(self, url: str) -> Inline:
        """What a link leads to."""
        self.fetched.append(url)
        if url == "https://x.test/nothing":
            raise MediaNotFetched("nothing there")
        return Inline("image/png", "AAAA")

    async def ask(
        self, body: object = HELLO, client: Client | None = None, dialect: str = "openai_chat"
    ) -> list[Event]:
        """Every event of the answer; time passes as soon as nothing else happens."""
        return await self.ask_for(TABLE[dialect].decode_request(orjson.dumps(body)), client)

    async def ask_for(
        self, request: Request, client: Client | None = None, context: Context | None = None
    ) -> list[Event]:
        """The same for a request of any dialect."""
        context = context or (Context("r1", client) if client else Context("r1"))

        async def hear() -> list[Event]:
            events: list[Event] = []
            async with aclosing(self.gateway.respond(request, context)) as batches:
                async for batch in batches:
                    events += batch
            return events

        return await self.run(hear())

    async def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """What `work` gives; time passes as soon as nothing else happens."""
        task = asyncio.ensure_future(work)
        await settle()
        while not task.done():
            self.clock.advance(max(0.01, self.clock.pending[0]))
            await settle()
        return task.result()

    @property
    def tries(self) -> str:
        return "".join(fact.backend for fact in self.facts if isinstance(fact, AttemptFailed))


def said(events: Sequence[Event]) -> bytes:
    return b"".join(event.data for event in events if isinstance(event, Verbatim))


# name: (what a does, which tries failed, in order). Backend b always answers.
MOVED_ON = {
    "refused": ([REFUSED], "aaa"),
    "429": ([failure(429)], "a"),
    "500": ([failure(500)], "aaa"),
    "529": ([failure(529)], "aaa"),
    "our key is refused": ([failure(401)], "a"),
    "quota used up": ([failure(402)], "a"),
    "its model is gone": ([failure(404)], "a"),
    "error event first": ([Script(steps=[sse({"error": {"message": "overloaded", "type": "server_error"}})])], "aaa"),
    "error event behind the head": ([Script(steps=[HEAD, sse({"error": {"message": "x", "code": 500}})])], "aaa"),
    "cut before content": ([Script(steps=[HEAD, Break()])], "a"),
    "clean end before content": ([Script(steps=[HEAD])], "a"),
    "nothing at all": ([Script(steps=[])], "a"),
    "garbage": ([Script(steps=[b"\x00\xff garbage\n\n"])], "aaa"),
    "HTML with status 200": ([Script(headers={"content-type": "text/html"}, steps=[b"<html>busy</html>"])], "aaa"),
    "slow first byte": ([Script(steps=[Silence()])], "a"),
    "comments, but no event": ([Script(steps=[b": wait\n\n", b": wait\n\n", Silence()])], "a"),
    "works at the second try": ([failure(500), OK], "a"),
}


@pytest.mark.parametrize("play", MOVED_ON.values(), ids=MOVED_ON)
async def test_the_client_hears_one_answer(play: tuple[list[Script], str]) -> None:
    scripts, failed = play
    answers = b"from a" if scripts[-1] is OK else b"from b"
    a, b = ScriptedTransport(*scripts), ScriptedTransport(Script(steps=[chat_stream("from b")]))
    if scripts[-1] is OK:
        a.scripts[-1] = Script(steps=[chat_stream("from a")])
    table = Table(a, b)
    events = await table.ask()
    assert isinstance(events[0], Opened)
    assert events[0].attempts == len(failed) + 1
    assert table.tries == failed
    assert said(events).count(b"from ") == 1
    assert answers in said(events)
    assert all(reply.closed for transport in table.transports.values() for reply in transport.replies)


async def test_a_cut_after_content_is_an_error_and_no_second_answer() -> None:
    table = Table(ScriptedTransport(Script(steps=[HEAD + TEXT, Break()])), ScriptedTransport(OK))
    events = await table.ask()
    assert isinstance(events[-1], StreamError)
    assert isinstance(events[-1].error, BackendCut)
    assert b"half" in said(events)
    assert not table.transports["b"].calls


async def test_silence_after_content_is_an_error() -> None:
    table = Table(ScriptedTransport(Script(steps=[HEAD + TEXT, Silence()])), ScriptedTransport(OK))
    events = await table.ask()
    assert isinstance(events[-1], StreamError)
    assert isinstance(events[-1].error, BackendSlow)


async def test_content_and_its_error_in_one_read_move_on() -> None:
    broken = HEAD + TEXT + sse({"error": {"message": "x", "code": 500}})
    table = Table(ScriptedTransport(Script(steps=[broken])), ScriptedTransport(Script(steps=[chat_stream("from b")])))
    assert b"half" not in said(await table.ask())


REFUSALS = {
    "the client's own error": ([failure(422, "bad field")], ClientErrorUpstream, "a"),
    "refused everywhere": ([REFUSED], BackendUnreachable, "aaabbb"),
    "limited everywhere": ([failure(429, **{"retry-after": "7"})], RateLimited, "ab"),
    "keys refused everywhere": ([failure(403)], KeyRefused, "ab"),
}


@pytest.mark.parametrize("play", REFUSALS.values(), ids=REFUSALS)
async def test_the_client_hears_one_error(play: tuple[list[Script], type[GatewayError], str]) -> None:
    scripts, error, failed = play
    table = Table(ScriptedTransport(*scripts), ScriptedTransport(*scripts))
    with pytest.raises(error) as raised:
        await table.ask()
    assert table.tries == failed
    assert raised.value.attempts == len(failed)
    assert raised.value.backend in failed


async def test_a_backend_that_rests_is_not_asked() -> None:
    table = Table(ScriptedTransport(failure(429, **{"retry-after": "60"})), ScriptedTransport(OK))
    await table.ask()
    await table.ask()
    assert len(table.transports["a"].calls) == 1
    table.clock.advance(61)
    await table.ask()
    assert len(table.transports["a"].calls) == 2


async def test_the_next_request_after_all_are_limited_says_when() -> None:
    table = Table(ScriptedTransport(failure(429, **{"retry-after": "60"})))
    with pytest.raises(RateLimited):
        await table.ask()
    with pytest.raises(RateLimited) as raised:
        await table.ask()
    assert raised.value.retry_after == pytest.approx(60, abs=2)


async def test_a_field_refused_once_is_left_out_and_remembered() -> None:
    refusal = {
        "error": {
            "message": "Unsupported parameter: 'seed'", "type": "invalid_request_error", "param": "seed",
            "code": "unsupported_parameter",
        }
    }  # fmt: skip
    table = Table(ScriptedTransport(Script(400, {"content-type": "application/json"}, [orjson.dumps(refusal)]), OK))
    await table.ask({**HELLO, "seed": 1})
    await table.ask({**HELLO, "seed": 1})
    assert ["seed" in orjson.loads(call.body) for call in table.transports["a"].calls] == [True, False, False]


async def test_a_window_moves_on_and_then_says_when() -> None:
    window = {"windows": (Window(1, 3600),)}
    table = Table(ScriptedTransport(OK), ScriptedTransport(OK), a=window, b=window)
    first, second = await table.ask(), await table.ask()
    assert isinstance(first[0], Opened)
    assert isinstance(second[0], Opened)
    assert (first[0].backend, second[0].backend) == ("a", "b")
    with pytest.raises(RateLimited) as raised:
        await table.ask()
    assert raised.value.retry_after
    assert 0 < raised.value.retry_after <= 7200


async def test_a_refused_connection_takes_nothing_from_the_window() -> None:
    table = Table(ScriptedTransport(REFUSED, REFUSED, REFUSED, OK), a={"windows": (Window(1, 3600),)})
    with pytest.raises(BackendUnreachable):
        await table.ask()
    table.clock.advance(600)
    await settle()
    assert isinstance((await table.ask())[0], Opened)


@pytest.mark.parametrize("body", [HELLO, HELLO | {"stream": True}], ids=["whole", "streamed"])
async def test_the_seat_is_free_when_the_client_hears_the_end(body: dict[str, object]) -> None:
    table = Table(ScriptedTransport(OK), a={"limits": Limits(concurrent=1)})
    one = Backend(name="a", provider="a", model="m", dialect="openai_chat", limits=Limits(concurrent=1))
    request = TABLE["openai_chat"].decode_request(orjson.dumps(body))

    async def hear() -> list[bool]:
        free = list[bool]()
        async with aclosing(table.gateway.respond(request, Context("r1"))) as batches:
            async for _ in batches:
                try:
                    (await table.ledger.reserve(one)).leave()
                    free.append(True)
                except OurLimit:
                    free.append(False)
        return free

    assert (await table.run(hear()))[-1]


async def test_concurrent_requests_past_the_limit_go_elsewhere() -> None:
    slow = Script(steps=[HEAD + TEXT, Silence()])
    table = Table(ScriptedTransport(slow), ScriptedTransport(OK), a={"limits": Limits(concurrent=1)})
    request = TABLE["openai_chat"].decode_request(orjson.dumps(HELLO))
    async with aclosing(table.gateway.respond(request, Context("r0"))) as first:
        await anext(first)
        second = await table.ask()
        assert isinstance(second[0], Opened)
        assert second[0].backend == "b"
    third = table.gateway.respond(request, Context("r2"))
    opened = (await anext(third))[0]
    assert isinstance(opened, Opened)
    assert opened.backend == "a"  # leaving early has given its place back
    await third.aclose()


async def test_closing_the_answer_closes_the_backend() -> None:
    table = Table(ScriptedTransport(Script(steps=[HEAD + TEXT, Silence()])))
    request = TABLE["openai_chat"].decode_request(orjson.dumps(HELLO))
    answer = table.gateway.respond(request, Context("r"))
    await anext(answer)
    assert not table.transports["a"].replies[0].closed
    await answer.aclose()
    assert table.transports["a"].replies[0].closed


async def test_a_client_may_use_its_models_only() -> None:
    table = Table(ScriptedTransport(OK))
    with pytest.raises(GatewayError) as raised:
        await table.ask(client=Client("c", models=("other*",)))
    assert raised.value.status == 403


async def test_an_unknown_model() -> None:
    table = Table(ScriptedTransport(OK), a={"match": ("gpt-*",)})
    with pytest.raises(ModelNotFound, match="model: any"):
        await table.ask()


async def test_the_body_reaches_a_backend_of_the_same_dialect_as_it_came() -> None:
    table = Table(ScriptedTransport(OK), a={})
    await table.ask({"stream": True, "odd": 1.50, "model": "m", "messages": [{"role": "user", "content": "x", "y": 1}]})
    sent = table.transports["a"].calls[0]
    assert orjson.loads(sent.body)["odd"] == 1.5
    assert sent.headers["authorization"] == "Bearer k"


async def test_a_role_fails_over_unless_it_says_first() -> None:
    table = Table(ScriptedTransport(failure(429)), ScriptedTransport(OK))
    assert isinstance((await table.ask({**HELLO, "model": "any of them"}))[0], Opened)
    table = Table(ScriptedTransport(failure(429)), ScriptedTransport(OK))
    with pytest.raises(RateLimited):
        await table.ask({**HELLO, "model": "the first"})


LONG = {**HELLO, "messages": [{"role": "user", "content": "word " * 1000}]}


async def test_a_limit_that_bytes_do_not_decide_is_decided_by_an_estimate() -> None:
    table = Table(ScriptedTransport(OK), a={"profile": Profile(context=2000)})
    assert isinstance((await table.ask(LONG))[0], Opened)


async def test_where_a_tokenizer_is_installed_it_decides() -> None:
    table = Table(ScriptedTransport(OK), a={"profile": Profile(context=2000), "model": "gpt-4o"})
    table.tokenizer._load = lambda _: len  # a tokenizer that takes every character for a token
    with pytest.raises(ContextTooLong, match=r"prompt is too long: 5\d\d\d tokens > 2000 maximum"):
        await table.ask(LONG)


async def test_a_plan_that_is_remembered_is_that_of_a_house_in_health() -> None:
    """A plan made while a backend rests must not outlive the rest."""
    table = Table(ScriptedTransport(failure(429, **{"retry-after": "60"}), OK), ScriptedTransport(OK))
    assert [await backend_of(table) for _ in range(3)] == ["b", "b", "b"]
    table.clock.advance(61)
    assert [await backend_of(table) for _ in range(3)] == ["a", "a", "a"]


async def backend_of(table: Table) -> str:
    opened = (await table.ask())[0]
    assert isinstance(opened, Opened)
    return opened.backend


# --- links that a backend does not follow -----------------------------------------------------------------------------

NO_LINKS = {"profile": Profile(links=("gs://*",), vision=True), "verbatim": False}


def seen(*urls: str) -> dict[str, object]:
    pictures = [{"type": "image_url", "image_url": {"url": url}} for url in urls]
    return {**HELLO, "messages": [{"role": "user", "content": pictures}]}


async def test_a_link_is_fetched_for_a_backend_that_follows_none() -> None:
    table = Table(ScriptedTransport(OK), a=NO_LINKS)
    await table.ask(seen("https://x.test/1.png", "gs://kept/2.png", "https://x.test/1.png"))
    (call,) = table.transports["a"].calls
    parts = orjson.loads(call.body)["messages"][0]["content"]
    carried, kept = "data:image/png;base64,AAAA", "gs://kept/2.png"
    assert [part["image_url"]["url"] for part in parts] == [carried, kept, carried]
    assert table.fetched == ["https://x.test/1.png"]


async def test_a_link_that_leads_nowhere_is_no_failure_of_the_backend() -> None:
    """Another backend may follow it; this one was not asked, and does not rest."""
    table = Table(ScriptedTransport(), ScriptedTransport(OK), a=NO_LINKS, b={"profile": Profile(vision=True)})
    opened, *_ = await table.ask(seen("https://x.test/nothing"))
    assert isinstance(opened, Opened)
    assert opened.backend == "b"
    assert table.transports["a"].calls == []
    assert all(standing.state == "up" for standing in table.ledger.snapshot(table.parts.planner._catalog.backends))


async def test_a_client_hears_which_link_it_was() -> None:
    table = Table(ScriptedTransport(), a=NO_LINKS)
    with pytest.raises(MediaNotFetched, match="nothing there"):
        await table.ask(seen("https://x.test/nothing"))


async def test_who_asks_for_no_answer_is_answered_and_nobody_else_is_asked() -> None:
    table = Table(ScriptedTransport(OK), a={"windows": (Window(1, 3600),)})
    for body in (b'{"model":"any"}', b'{"model":"any","messages":[],"keep_alive":0}'):
        request = TABLE["ollama"].decode_request(body)
        events = [event async for batch in table.gateway.respond(request, Context("r1")) for event in batch]
        assert events == [Opened("llmux", "any", 0), *IDLE]
    assert table.transports["a"].calls == []
    assert said(await table.ask()) == chat_stream("from here")  # its window has not been spent
