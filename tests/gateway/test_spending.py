"""What answers cost, as plays through the whole gateway: complete, cut, left, failed over, out of money."""

import asyncio
import contextlib
from contextlib import aclosing
from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import ClientLimit, Unsupported
from llmux.ir.price import Price
from llmux.ir.usage import Usage
from llmux.responder import FOREVER, Client, Context, Window
from llmux.routing.catalog import Backend
from llmux.telemetry import Spent
from tests.fakes import settle
from tests.gateway.test_gateway import HEAD, HELLO, OK, REFUSED, TEXT, Table
from tests.scripted import Break, Script, ScriptedTransport, Silence, chat_stream, chunk, failure, sse

PRICES = {"a": Price(1000, 10_000), "b": Price(2000, 20_000)}  # dollars a million: a thousandth and more a token
CENT = 0.01
POOR = Client("poor", windows=(Window(0.05, FOREVER, unit="usd"),), user="ada", project="engine")
USAGE = sse(
    {
        "id": "x",
        "object": "chat.completion.chunk",
        "model": "m",
        "choices": [],
        "usage": {"prompt_tokens": 4, "completion_tokens": 3, "total_tokens": 7},
    }
)
LONG = Script(steps=[HEAD, *(sse(chunk({"content": f"word {n:03}"})) for n in range(20)), chat_stream("end")])


def table(*transports: ScriptedTransport, **changes: Any) -> Table:
    made = Table(*transports, **changes)
    made.price_by(lambda backend, _: PRICES.get(backend.name))
    return made


def spent(table: Table) -> list[Spent]:
    return [fact for fact in table.facts if isinstance(fact, Spent)]


def dollars(table: Table) -> float:
    return table.ledger.use_of(POOR)[0].used


async def test_a_complete_answer_costs_what_its_backend_says() -> None:
    told = table(ScriptedTransport(OK))
    await told.ask(client=POOR)
    (fact,) = spent(told)
    assert (fact.client, fact.user, fact.project, fact.backend, fact.model) == ("poor", "ada", "engine", "a", "m")
    assert fact.complete
    assert fact.usd == pytest.approx(PRICES["a"].usd(fact.usage))
    assert dollars(told) == pytest.approx(fact.usd)


async def test_an_answer_that_breaks_off_costs_what_has_been_seen() -> None:
    told = table(ScriptedTransport(Script(steps=[HEAD, TEXT, TEXT, Break()])))
    await told.ask(client=POOR)
    (fact,) = spent(told)
    assert not fact.complete
    assert fact.usage.estimated
    assert fact.usage.output_tokens >= 2
    assert dollars(told) == pytest.approx(fact.usd) != 0


async def test_a_client_that_leaves_pays_for_what_it_heard() -> None:
    told = table(ScriptedTransport(LONG))
    request = TABLE["openai_chat"].decode_request(orjson.dumps(HELLO))
    async with aclosing(told.gateway.respond(request, Context("r", POOR))) as batches:
        async for _ in batches:
            if len(told.transports["a"].replies[0]._steps) < 10:
                break
    (fact,) = spent(told)
    assert not fact.complete
    assert 10 <= fact.usage.output_tokens <= 40
    assert dollars(told) == pytest.approx(fact.usd)
    assert told.limits.in_flight(Backend(name="a", provider="a", model="m", dialect="openai_chat")) == 0


async def test_a_client_that_leaves_before_the_first_word_pays_for_its_prompt() -> None:
    told = table(ScriptedTransport(Script(steps=[Silence()])))
    request = TABLE["openai_chat"].decode_request(orjson.dumps(HELLO))
    asked = asyncio.ensure_future(anext(told.gateway.respond(request, Context("r", POOR))))
    await settle()
    asked.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asked
    (fact,) = spent(told)
    assert (fact.complete, fact.usage.output_tokens, fact.usage.estimated) == (False, 0, True)
    assert dollars(told) == pytest.approx(fact.usd) != 0


async def test_failing_over_costs_what_the_one_that_answers_costs() -> None:
    told = table(ScriptedTransport(failure(401)), ScriptedTransport(OK))
    await told.ask({**HELLO, "model": "any of them"}, client=POOR)
    (fact,) = spent(told)
    assert fact.backend == "b"
    assert dollars(told) == pytest.approx(PRICES["b"].usd(fact.usage))


async def test_when_nobody_answers_nothing_is_paid() -> None:
    told = table(ScriptedTransport(REFUSED), ScriptedTransport(failure(500)))
    with pytest.raises(Exception, match=r"."):
        await told.ask({**HELLO, "model": "any of them"}, client=POOR)
    assert spent(told) == []
    assert dollars(told) == pytest.approx(0)


async def test_nobody_spends_more_than_one_request_beyond_a_budget() -> None:
    told = table(ScriptedTransport(OK))
    costs, refused = list[float](), 0
    for _ in range(40):
        try:
            await told.ask(client=POOR)
            costs.append(spent(told)[-1].usd or 0)
        except ClientLimit:
            refused += 1
    assert refused
    limit = POOR.windows[0].limit
    assert limit <= sum(costs) < limit + max(costs)


async def test_a_budget_of_money_wants_a_price() -> None:
    told = Table(ScriptedTransport(OK), ScriptedTransport(OK))
    told.price_by(lambda backend, _: PRICES["b"] if backend.name == "b" else None)
    await told.ask({**HELLO, "model": "any of them"}, client=POOR)
    assert [fact.backend for fact in spent(told)] == ["b"]
    told.price_by(lambda *_: None)
    with pytest.raises(Unsupported, match="nobody knows what m costs at b: give the backend a price"):
        await told.ask({**HELLO, "model": "any of them"}, client=POOR)
    await told.ask(client=Client("other"))  # who has no such budget need not know
    assert spent(told)[-1].usd is None


async def test_what_may_come_is_bounded_by_what_was_asked_for() -> None:
    told = table(ScriptedTransport(LONG))
    request = TABLE["openai_chat"].decode_request(orjson.dumps({**HELLO, "max_tokens": 3}))
    async with aclosing(told.gateway.respond(request, Context("r", POOR))) as batches:
        async for _ in batches:
            assert 3 * CENT < dollars(told) < 10 * CENT  # the prompt, and three tokens; not 4096
            break


async def test_usage_is_told_of_every_answer() -> None:
    told = table(ScriptedTransport(Script(steps=[HEAD, TEXT, USAGE, b"data: [DONE]\n\n"])))
    await told.ask()
    assert [fact.usage for fact in spent(told)] == [Usage(4, 3)]
