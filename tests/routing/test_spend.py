"""Who costs money is not asked where somebody who costs none could answer, unless that is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.config.schema import Cost, Spend
from llmux.errors import BadRequest, NoBackendUp, RateLimited
from llmux.ir.capability import Capability, Profile
from llmux.routing.catalog import UNPAID, Backend, Catalog
from llmux.routing.requirements import Needs
from llmux.routing.selector import Choice, Condition, Policy, allows_cost, choose, paid, refuse

NOW = 1_750_000_000.0
DOWN = Condition(rests_until=NOW + 9, cause="server", probe_from=NOW + 9)
LIMITED = Condition(opens_at=NOW + 60)
FULL = Condition(full=True, in_flight=2)


def backend(name: str, cost: Cost = "", **changes: object) -> Backend:
    changes = {"profile": Profile(vision=False)} | changes
    return Backend(name=name, provider="p", model=name, dialect="claude", cost=cost, **changes)  # type: ignore[arg-type]


FREE, CLAUDE_MAX = backend("free", "free"), backend("max", "subscription")
PAID, UNSAID = backend("paid", "paid"), backend("unsaid")
SEES, SMALL = (
    backend("sees", "paid", profile=Profile(vision=True)),
    backend("small", "free", profile=Profile(context=9)),
)
ANY = Needs("m", bytes=100)
OFF, PICKY = backend("off", "free", enabled=False), backend("picky", "free", match=("x",))


def decide(
    *pool: Backend,
    needs: Needs = ANY,
    spend: Spend = "ask",
    allowed: tuple[str, ...] = (),
    **how: Condition,
) -> Choice:
    return choose(needs, pool, allowed, how, Policy(NOW, spend=spend))


SEEING = Needs("m", frozenset({Capability.VISION}), 100)
ALLOWED = {"spend": "allow"}

# what is decided -> who is asked, and who is not for the money
CHOICES: dict[str, tuple[Choice, str, str]] = {
    "nobody has said anything": (decide(UNSAID, PAID), "unsaid paid", ""),
    "a free one": (decide(FREE, PAID), "free", "paid"),
    "the order does not matter": (decide(PAID, FREE), "free", "paid"),
    "a subscription is paid already": (decide(CLAUDE_MAX, FREE, PAID), "max free", "paid"),
    "what nobody knows may cost": (decide(FREE, UNSAID), "free", "unsaid"),
    "a free one that is down": (decide(FREE, PAID, free=DOWN), "", "paid"),
    "a free one that is limited": (decide(FREE, PAID, free=LIMITED), "", "paid"),
    "a free one that is full": (decide(FREE, PAID, free=FULL), "", "paid"),
    "a free one that cannot do it": (decide(FREE, SEES, needs=SEEING), "sees", ""),
    "a free one that is too small": (decide(SMALL, PAID), "paid", ""),
    "a free one that is off": (decide(OFF, PAID), "paid", ""),
    "a free one of another name": (decide(PICKY, PAID), "paid", ""),
    "a free one that the client may not use": (decide(FREE, PAID, allowed=("paid",)), "paid", ""),
    "one that costs and is down": (decide(FREE, PAID, paid=DOWN), "free", "paid"),
    "one that costs and does not fit": (decide(FREE, backend("x", "paid", enabled=False)), "free", ""),
    "allowed": (decide(PAID, FREE, spend="allow"), "paid free", ""),
    "allowed, and the free one is down": (decide(FREE, PAID, spend="allow", free=DOWN), "paid", ""),
    "never": (decide(FREE, PAID, spend="never"), "free", "paid"),
}


@pytest.mark.parametrize(("choice", "plan", "costly"), CHOICES.values(), ids=CHOICES)
def test_who_is_asked(choice: Choice, plan: str, costly: str) -> None:
    assert " ".join(choice.plan) == plan
    assert " ".join(name for name, no in choice.refused.items() if no.why == "costly") == costly


def test_the_reason_says_how_to_allow_it() -> None:
    asks, never = decide(FREE, PAID), decide(FREE, PAID, spend="never")
    assert asks.refused["paid"].reason == (
        "would cost money, and free does not: send the header x-llmux-spend: allow to have it answer all the same"
    )
    assert never.refused["paid"].reason.endswith('spend = "never" in [routing] keeps it out')


def test_the_error_says_that_money_would_help() -> None:
    limited = refuse(decide(FREE, PAID, free=LIMITED), Needs("m"), NOW)
    assert isinstance(limited, RateLimited)
    assert limited.retry_after == 60
    assert limited.message == (
        "llmux: no backend can answer now (free: out of its windows for 60 s); paid would cost money, and free does "
        "not: send the header x-llmux-spend: allow to have it answer all the same"
    )
    assert isinstance(refuse(decide(FREE, PAID, free=DOWN), Needs("m"), NOW), NoBackendUp)
    assert paid(decide(FREE, CLAUDE_MAX)) == ""


CONDITIONS = st.sampled_from([Condition(), DOWN, LIMITED, FULL])
POOLS = st.lists(
    st.tuples(st.sampled_from(["", "free", "subscription", "paid"]), st.booleans(), CONDITIONS), max_size=5
)


@given(POOLS)
def test_nobody_goes_from_what_is_free_to_what_is_not(rows: list[tuple[Cost, bool, Condition]]) -> None:
    pool = [backend(f"b{number}", cost, enabled=on) for number, (cost, on, _) in enumerate(rows)]
    conditions = {f"b{number}": condition for number, (_, _, condition) in enumerate(rows)}
    choice = choose(Needs("m"), pool, (), conditions, Policy(NOW))
    costs = {one.name: one.cost for one in pool}
    if any(one.cost in UNPAID and one.enabled for one in pool):
        assert all(costs[name] in UNPAID for name in choice.plan)
    else:
        assert choice == choose(Needs("m"), pool, (), conditions, Policy(NOW, spend="allow"))


def test_who_is_asked_before_it_costs() -> None:
    assert Catalog((FREE, PAID)).asks_before_it_costs
    assert not Catalog((UNSAID, PAID)).asks_before_it_costs
    assert not Catalog((FREE, PAID), spend="never").asks_before_it_costs


@pytest.mark.parametrize("value", ["allow", " Allow "])
def test_a_client_allows_it(value: str) -> None:
    assert allows_cost({"x-llmux-spend": value})
    assert not allows_cost({})


def test_a_client_that_says_something_else_is_told() -> None:
    with pytest.raises(BadRequest, match="x-llmux-spend: allow is expected"):
        allows_cost({"x-llmux-spend": "yes"})
