"""A client is not led from what is free to what costs, unless it says that it may; the error says how."""

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import BadRequest, RateLimited
from llmux.gateway.explain import Explainer
from llmux.ir.events import Opened
from llmux.responder import Context
from tests.gateway.test_gateway import HELLO, Table
from tests.scripted import Script, ScriptedTransport, chat_stream, failure

LIMITED = failure(429, **{"retry-after": "60"})
OK = Script(steps=[chat_stream("hello")])
ALLOWED = Context("r1", headers={"x-llmux-spend": "allow"})
REQUEST = TABLE["openai_chat"].decode_request(orjson.dumps(HELLO))


def house(*scripts: Script) -> Table:
    """Backend a is free and does what the scripts say; b costs money."""
    return Table(ScriptedTransport(*scripts), ScriptedTransport(OK), a={"cost": "free"}, b={"cost": "paid"})


async def who(table: Table, context: Context) -> str:
    opened = (await table.ask_for(REQUEST, context=context))[0]
    assert isinstance(opened, Opened)
    return opened.backend


async def test_failover_stays_with_what_is_free() -> None:
    table = house(LIMITED)
    with pytest.raises(RateLimited) as caught:
        await table.ask()
    assert caught.value.message.startswith("no; b would cost money, and a does not: send the header x-llmux-spend")
    with pytest.raises(RateLimited, match=r"a: cooling down .*; b would cost money") as caught:
        await table.ask()
    assert caught.value.retry_after == 60
    assert not table.transports["b"].calls


async def test_a_client_may_allow_it_for_one_request() -> None:
    table = house(LIMITED)
    assert await who(table, ALLOWED) == "b"
    with pytest.raises(RateLimited):
        await who(table, Context("r2"))
    assert await who(table, ALLOWED) == "b"


async def test_what_is_allowed_is_no_plan_for_others() -> None:
    table = house(OK)
    assert [await who(table, context) for context in (ALLOWED, Context("r2"), ALLOWED)] == ["a", "a", "a"]
    plans = [fact.plan for fact in table.facts if hasattr(fact, "plan")]
    assert plans == [("a", "b"), ("a",), ("a", "b")]


async def test_a_client_that_says_something_else_is_told() -> None:
    with pytest.raises(BadRequest, match="x-llmux-spend: allow is expected"):
        await who(house(OK), Context("r1", headers={"x-llmux-spend": "please"}))


async def test_explain_says_what_a_client_may_do() -> None:
    table = house(OK)
    parts = table.parts
    explain = Explainer(parts.planner, parts.routes, parts.profiles, table.ledger, table.clock)
    told = await table.run(explain(REQUEST, Context("r1")))
    assert told["plan"] == ["a"]
    assert told["refused"]["b"]["why"] == "costly"
    assert (await table.run(explain(REQUEST, ALLOWED)))["plan"] == ["a", "b"]
