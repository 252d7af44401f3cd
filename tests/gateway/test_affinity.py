"""A conversation stays where it was answered last: as long as that lives, fits and is up, and nobody said otherwise."""

from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.gateway.affinity import MOST_KEPT, Affinity
from llmux.gateway.explain import Explainer
from llmux.ir.events import Opened
from llmux.responder import Client, Context, Window
from tests.fakes import FakeClock
from tests.gateway.test_gateway import HELLO, Table
from tests.scripted import Script, ScriptedTransport, chat_stream, failure

ONE, OTHER = Client("one"), Client("other")
LIMITED = failure(429, **{"retry-after": "60"})


def ok() -> Script:
    return Script(steps=[chat_stream("hello")])


def house(*scripts: Script, lifetime: float = 300, **changes: object) -> Table:
    """Backend a does what the scripts say, then answers; b and c always answer."""
    table = Table(ScriptedTransport(*scripts, ok()), ScriptedTransport(ok()), ScriptedTransport(ok()), **changes)
    table.ledger.affinity.configure(lifetime)
    return table


async def answers(table: Table, client: Client = ONE, **changes: Any) -> str:
    """Who answers one request of a conversation."""
    opened = (await table.ask(HELLO | changes, client))[0]
    assert isinstance(opened, Opened)
    return opened.backend


async def test_the_first_one_answers_until_it_fails_and_from_then_on_who_took_over() -> None:
    table = house(ok(), LIMITED)
    assert [await answers(table) for _ in range(3)] == ["a", "b", "b"]
    table.clock.advance(61)  # a is up again
    assert await answers(table) == "b"


async def test_another_conversation_is_not_drawn_along() -> None:
    table = house(LIMITED)
    assert await answers(table) == "b"
    table.clock.advance(61)
    assert await answers(table, OTHER) == "a"
    assert await answers(table, messages=[{"role": "user", "content": "another"}]) == "a"
    assert await answers(table, prompt_cache_key="another") == "a"
    assert await answers(table) == "b"


async def test_it_ends_when_nothing_is_said_for_a_while_and_each_answer_begins_it_anew() -> None:
    table = house(LIMITED, lifetime=100)
    assert await answers(table) == "b"
    for _ in range(2):
        table.clock.advance(90)
        assert await answers(table) == "b"
    table.clock.advance(101)
    assert await answers(table) == "a"


async def test_off_means_the_order_of_the_configuration() -> None:
    table = house(LIMITED, lifetime=0)
    assert await answers(table) == "b"
    table.clock.advance(61)
    assert await answers(table) == "a"


async def test_who_rests_or_is_spent_is_not_asked_for_old_times_sake() -> None:
    table = house(LIMITED, b={"windows": (Window(1, 3600),)})
    assert await answers(table) == "b"
    assert await answers(table) == "c"
    table.clock.advance(61)
    assert await answers(table) == "c"


@pytest.mark.parametrize("model", ["a", "a:m", "the first"])
async def test_what_was_meant_by_name_is_asked(model: str) -> None:
    table = house(LIMITED)
    assert await answers(table) == "b"
    table.clock.advance(61)
    table.ledger.affinity.answered(b"x", "b")
    assert await answers(table, model=model) == "a"


async def test_a_role_keeps_its_conversations_too() -> None:
    table = house(LIMITED)
    assert await answers(table, model="any of them") == "b"
    table.clock.advance(61)
    assert await answers(table, model="any of them") == "b"


async def test_a_remembered_plan_is_no_conversations_plan() -> None:
    """Plans are remembered for all; who comes first in one is each conversation's own."""
    table = house(LIMITED)
    assert await answers(table) == "b"
    table.clock.advance(3600)  # the failure is forgotten, and the plan of a, b and c remembered
    await table.ledger.refresh()
    assert await answers(table, OTHER) == "a"
    table.ledger.affinity.configure(7200)
    assert [await answers(table, OTHER), await answers(table)] == ["a", "a"]


async def test_explain_says_that_it_is_kept_and_keeps_nothing_itself() -> None:
    table = house(LIMITED)
    parts = table.gateway._parts
    explain = Explainer(parts.planner, parts.routes, parts.profiles, parts.ledger, parts.clock)
    request = TABLE["openai_chat"].decode_request(orjson.dumps(HELLO))
    told = [await table.run(explain(request, Context("r", ONE)))]
    await answers(table)
    table.clock.advance(61)
    told.append(await table.run(explain(request, Context("r", ONE))))
    assert [(each["plan"], each["kept_with_conversation"]) for each in told] == [
        (["a", "b", "c"], None),
        (["b", "a", "c"], "b"),
    ]


def test_so_many_are_remembered_and_who_was_silent_longest_goes_first() -> None:
    clock = FakeClock()
    kept = Affinity(clock)
    kept.configure(300)
    for number in range(MOST_KEPT + 1):
        kept.answered(b"%d" % number, "a")
        kept.last(b"0")  # it speaks again and again
    assert (kept.last(b"0"), kept.last(b"1"), kept.last(b"%d" % MOST_KEPT)) == ("a", "", "a")


def test_a_new_lifetime_is_for_new_answers() -> None:
    clock = FakeClock()
    kept = Affinity(clock)
    assert not kept.is_on
    kept.configure(300)
    kept.answered(b"x", "a")
    kept.configure(10)
    clock.advance(20)
    assert kept.last(b"x") == "a"
