"""Policies in a gateway: every request is a turn, also where plans are remembered; who looks takes none."""

from collections import Counter
from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.gateway.explain import Explainer
from llmux.ir.events import Opened
from llmux.responder import Context
from llmux.routing.catalog import Limits, Way
from llmux.telemetry import Planned
from tests.gateway.test_gateway import HELLO, Table
from tests.scripted import Script, ScriptedTransport, chat_stream, failure

ASKED = HELLO | {"model": "together"}
WEIGHTED = Way(name="together", policy="weighted", weights={"a": 2, "b": 1, "c": 0})


def answers(*scripts: Script) -> ScriptedTransport:
    return ScriptedTransport(*scripts, Script(steps=[chat_stream("hello")]))


def table(way: Way, *first: Script, **changes: Any) -> Table:
    """Backend a does what the scripts say, then answers; b and c always answer."""
    return Table(answers(*first), answers(), answers(), way=way, **changes)


async def asked(table: Table, count: int, body: object = ASKED) -> str:
    """Who answers, so many times."""
    opened = [(await table.ask(body))[0] for _ in range(count)]
    return "".join(event.backend for event in opened if isinstance(event, Opened))


ROUNDS: dict[str, tuple[Way, str]] = {
    "first": (Way(name="together"), "aaaaaa"),
    "in turn": (Way(name="together", policy="round_robin"), "abcabc"),
    "by weight, and c only when nobody else can": (WEIGHTED, "abaaba"),
    "only the first, in turn": (Way(name="together", policy="round_robin", execution="first"), "abcabc"),
}


@pytest.mark.parametrize(("way", "who"), ROUNDS.values(), ids=ROUNDS)
async def test_every_request_is_a_turn(way: Way, who: str) -> None:
    assert await asked(table(way), 6) == who


async def test_weights_are_those_of_the_backends_where_the_role_has_none() -> None:
    ours = table(Way(name="together", policy="weighted"), a={"weight": 1}, b={"weight": 3}, c={"weight": 0})
    assert Counter(await asked(ours, 8)) == {"a": 2, "b": 6}


async def test_a_turn_fails_over_to_who_is_owed_next() -> None:
    ours = table(WEIGHTED, failure(429, **{"retry-after": "60"}))
    assert await asked(ours, 3) == "bbb", "a rests, and has no turn"
    ours.clock.advance(61)
    assert await asked(ours, 3) == "baa", "its turns go on where they were"


async def test_who_must_wait_for_its_pace_is_asked_last() -> None:
    ours = table(Way(name="together", policy="round_robin"), a={"limits": Limits(rps=1)})
    assert await asked(ours, 4) == "abcb", "a has had its request of this second"


async def test_a_role_that_only_asks_its_first_asks_nobody_else() -> None:
    way = Way(name="together", policy="round_robin", execution="first")
    ours = table(way, failure(400))
    with pytest.raises(Exception, match="no"):
        await ours.ask(ASKED)
    assert not ours.transports["b"].calls


async def test_other_roles_and_names_have_their_own_turns() -> None:
    ours = table(WEIGHTED)
    assert await asked(ours, 2) == "ab"
    assert await asked(ours, 2, HELLO) == "aa"
    assert await asked(ours, 1) == "a"


async def test_a_conversation_sticks_to_one() -> None:
    ours = table(Way(name="together", policy="sticky"))
    who = [await asked(ours, 3, ASKED | {"prompt_cache_key": f"talk {number}"}) for number in range(9)]
    assert all(len(set(each)) == 1 for each in who)
    assert len(set(who)) > 1


async def test_the_one_that_begins_sooner_gets_the_requests() -> None:
    ours = table(Way(name="together", policy="latency"))
    for name, seconds in (("a", 4.0), ("b", 0.2), ("c", 4.0)):
        ours.ledger.track.began(name, seconds, stream=True)
    chosen = await asked(ours, 1)  # chance draws b and c
    assert chosen == "b"


async def test_what_is_told_says_who_and_why() -> None:
    ours = table(WEIGHTED)
    await asked(ours, 1)
    [planned] = [fact for fact in ours.facts if isinstance(fact, Planned)]
    assert planned.plan == ("a", "b", "c")
    assert (planned.policy, planned.order) == ("weighted", "a by weight, a 2 : b 1")


async def test_to_explain_takes_no_turn() -> None:
    ours = table(WEIGHTED)
    parts = ours.parts
    explain = Explainer(parts.planner, parts.routes, parts.profiles, ours.ledger, ours.clock)
    request = TABLE["openai_chat"].decode_request(orjson.dumps(ASKED))
    for _ in range(3):
        told = await ours.run(explain(request, Context("r1")))
        assert told["order"] == {"execution": "fallback", "policy": "weighted", "why": "a by weight, a 2 : b 1"}
        assert told["plan"] == ["a", "b", "c"]
    assert await asked(ours, 3) == "aba"
