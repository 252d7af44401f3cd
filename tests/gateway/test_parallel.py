"""All at once: who is heard, what is told of the others, and that nobody is left waiting."""

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import ClientLimit, GatewayError
from llmux.gateway.parallel import NOT_MERGED, NOT_TOLD
from llmux.ir.content import Text
from llmux.ir.events import Event, Opened
from llmux.ir.fold import fold
from llmux.ir.price import Price
from llmux.responder import Client, Context, Window
from llmux.routing.catalog import Backend, Way
from llmux.telemetry import Spent
from tests.fakes import settle
from tests.gateway.test_gateway import HELLO, said
from tests.gateway.test_hedge import MUTE, Hedging, says
from tests.scripted import JSON, Script, Silence, chat_stream, failure

WHOLE = HELLO | {"model": "together", "stream": False}
STREAM = HELLO | {"model": "together"}


def way(join: str = "first") -> Way:
    return Way(name="together", execution="parallel", join=join)


def answer(text: str, *before: Silence) -> Script:
    message = {"role": "assistant", "content": text}
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    body = {"id": "x", "model": "m", "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    return Script(headers=JSON, steps=[*before, orjson.dumps(body | {"usage": usage})])


def table(*scripts: Script, join: str = "first", **changes: Any) -> Hedging:
    return Hedging(*([script] for script in scripts), way=way(join), **changes)


async def ask(table: Hedging, body: object = WHOLE, client: Client | None = None) -> list[Event]:
    return await table.ask(body, client)


def answers(events: Sequence[Event]) -> list[dict[str, Any]]:
    assert isinstance(events[0], Opened)
    return list(events[0].extension["answers"])


def texts(events: Sequence[Event]) -> dict[str, Any]:
    """Who said what, or failed how."""
    return {one["backend"]: one["text"] or one["error"]["type"] for one in answers(events)}


async def test_the_first_answer_is_given_and_every_other_one_beside_it() -> None:
    ours = table(answer("from a"), answer("from b"), answer("from c"))
    events = await ask(ours)
    assert b"from a" in said(events)
    assert texts(events) == {"a": "from a", "b": "from b", "c": "from c"}
    assert answers(events)[0] == {
        "backend": "a", "model": "m", "text": "from a", "finish_reason": "end", "error": None,
        "usage": {
            "input_tokens": 3, "output_tokens": 2, "cache_read_tokens": 0, "cache_write_tokens": 0,
            "reasoning_tokens": 0,
        },
    }  # fmt: skip
    assert ours.is_at_peace()


async def test_who_fails_is_not_given_and_asks_nobody_else() -> None:
    ours = table(failure(429), answer("from b"), failure(500), c={"model": "other"})
    events = await ask(ours)
    assert b"from b" in said(events)
    assert texts(events) == {"a": "rate_limit", "b": "from b", "c": "server"}
    assert ours.calls == "abccc", "c is tried again, as ever"
    assert ours.is_at_peace()


async def test_who_cannot_be_asked_is_named_too() -> None:
    ours = table(answer("from a"), answer("from b"), b={"enabled": False})
    events = await ask(ours)
    assert texts(events) == {"a": "from a", "b": "unavailable"}
    assert answers(events)[1]["error"]["message"] == "disabled"


async def test_all_fail_and_one_error_is_told() -> None:
    ours = table(failure(429), failure(401))
    with pytest.raises(GatewayError):
        await ask(ours)
    assert ours.is_at_peace()


async def test_who_is_too_slow_is_waited_for_until_the_deadline() -> None:
    idle = {"request_timeout": 10_000.0}
    ours = table(answer("from a"), MUTE, b=idle)
    events = await ask(ours)
    assert texts(events) == {"a": "from a", "b": "timeout"}
    assert ours.clock.monotonic() == pytest.approx(600)
    assert ours.is_at_peace()


async def test_a_stream_is_the_one_that_begins_first() -> None:
    ours = table(MUTE, says("from b"), failure(429))
    events = await ask(ours, STREAM)
    assert b"from b" in said(events)
    assert isinstance(events[0], Opened)
    assert (events[0].backend, events[0].warnings, events[0].extension) == ("b", (NOT_TOLD,), {})
    assert ours.is_at_peace()
    assert ours.tries == "c", "who is let go has not failed"


def in_pieces(text: str) -> Script:
    whole = chat_stream(text)
    return Script(steps=[whole[:200], whole[200:300], whole[300:]])


async def test_all_of_a_stream_is_heard() -> None:
    ours = table(MUTE, in_pieces("from b"))
    assert said(await ask(ours, STREAM)) == chat_stream("from b")
    joined = table(answer("from a"), answer("from b"), join="any of them")
    joined.transports["a"].scripts.append(in_pieces("merged"))
    assert fold((await ask(joined, STREAM))[1:]).parts == (Text("merged"),)


async def test_answers_of_another_form_are_read_too() -> None:
    ours = table(answer("from a"), answer("from b"))
    completions = TABLE["openai_chat"].forms["completions"]
    request = completions.decode_request(orjson.dumps({"model": "together", "prompt": "hi"}))
    assert texts(await ours.ask_for(request)) == {"a": "from a", "b": "from b"}


async def test_one_of_several_requests_has_been_counted() -> None:
    ours = table(answer("from a"), answer("from b"))
    client = Client("one", windows=(Window(1, 3600),))
    context = Context("r1", client, counted=True)
    await ours.ask_for(TABLE["openai_chat"].decode_request(orjson.dumps(WHOLE)), context=context)
    assert ours.ledger.use_of(client)[0].used == 0


@pytest.mark.parametrize("body", [WHOLE, STREAM])
async def test_all_of_them_are_one_answer(body: dict[str, object]) -> None:
    ours = table(answer("from a"), failure(401), answer("from c"), join="all")
    events = await ask(ours, body)
    assert fold(events[1:]).parts == (Text("## a\n\nfrom a\n\n## c\n\nfrom c"),)
    assert isinstance(events[0], Opened)
    assert (events[0].backend, events[0].attempts) == ("together", 3)
    assert events[0].warnings == ((NOT_TOLD,) if body["stream"] else ())
    assert bool(events[0].extension) != body["stream"]


@pytest.mark.parametrize("body", [WHOLE, STREAM])
async def test_another_model_makes_one_answer_of_them(body: dict[str, object]) -> None:
    ours = table(answer("from a"), answer("from b"), join="any of them")
    ours.transports["a"].scripts.append(says("merged") if body["stream"] else answer("merged"))
    events = await ask(ours, body)
    assert isinstance(events[0], Opened)
    assert events[0].backend == "a"
    told = fold(events[1:])
    assert told.parts == (Text("merged"),)
    sent = orjson.loads(ours.transports["a"].calls[1].body)
    assert "from b" in orjson.dumps(sent["messages"]).decode()
    if not body["stream"]:
        assert texts(events) == {"a": "from a", "b": "from b"}


async def test_where_nobody_merges_the_first_one_is_given() -> None:
    ours = table(answer("from a"), answer("from b"), join="any of them")
    ours.transports["a"].scripts.append(failure(401))
    ours.transports["b"].scripts.append(failure(401))
    events = await ask(ours)
    assert b"from a" in said(events)
    assert isinstance(events[0], Opened)
    assert NOT_MERGED in events[0].warnings
    assert texts(events) == {"a": "from a", "b": "from b"}


async def test_a_client_needs_permission_for_the_role_only() -> None:
    ours = table(answer("from a"), answer("from b"), join="any of them")
    ours.transports["a"].scripts.append(answer("merged"))
    events = await ask(ours, client=Client("one", models=("together",)))
    assert fold(events[1:]).parts == (Text("merged"),)


async def test_a_request_is_counted_once_for_its_client_and_paid_for_each_answer() -> None:
    ours = table(answer("from a"), answer("from b"), answer("from c"))
    ours.price_by(lambda backend, _: Price(input=1.0, output=1.0) if isinstance(backend, Backend) else None)
    client = Client("one", windows=(Window(1, 3600), Window(5.0, 3600, unit="usd")))
    await ask(ours, client=client)
    assert [use.used for use in ours.ledger.use_of(client)] == [1, pytest.approx(3 * 5 / 1_000_000)]
    spent = [fact for fact in ours.facts if isinstance(fact, Spent)]
    assert sorted(fact.backend for fact in spent) == ["a", "b", "c"]
    assert all(fact.complete for fact in spent)
    with pytest.raises(ClientLimit):
        await ask(ours, client=client)


@pytest.mark.parametrize("body", [WHOLE, STREAM])
async def test_a_client_that_leaves_cancels_everything(body: dict[str, object]) -> None:
    ours = table(MUTE, MUTE, MUTE)
    request = TABLE["openai_chat"].decode_request(orjson.dumps(body))

    async def hear() -> None:
        async for _ in ours.gateway.respond(request, Context("r1")):
            pass

    asked = asyncio.ensure_future(hear())
    await ours.clock.pass_time(1.0)
    assert ours.calls == "abc"
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    await settle()
    assert ours.is_at_peace()
    assert ours.ledger.nobody_rests
    assert not ours.clock.pending


@pytest.mark.parametrize(
    ("dialect", "body"),
    [
        ("claude", {"model": "together", "max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]}),
        ("ollama", {"model": "together", "stream": False, "messages": [{"role": "user", "content": "hi"}]}),
    ],
)
async def test_answers_in_another_dialect_are_read_too(dialect: str, body: dict[str, object]) -> None:
    ours = table(answer("from a"), answer("from b"))
    events = await ours.ask(body, dialect=dialect)
    assert texts(events) == {"a": "from a", "b": "from b"}
    assert fold(events[1:]).parts == (Text("from a"),)
