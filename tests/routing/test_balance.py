"""Who is asked first, policy by policy: tables for single choices, laws for many."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.config.schema import Policy
from llmux.routing.balance import NOBODYS, POLICIES, Load, Order, Turns, View, arrange

ABC = ("a", "b", "c")


def drawing(*numbers: float) -> Callable[[], float]:
    """A chance that gives these, one after the other."""
    return iter(numbers).__next__


def test_every_policy_that_can_be_written_is_in_the_table() -> None:
    assert set(POLICIES) == set(get_args(Policy))


BUSY = {"a": Load(in_flight=3), "b": Load(in_flight=1), "c": Load(in_flight=2)}
SLOW = {"a": Load(0, 2.0), "b": Load(3, 0.6), "c": Load(9, 0.1)}

# policy, what is seen -> the order, and why
ORDERS: dict[str, tuple[Policy, View, Order]] = {
    "first": ("first", View(loads=BUSY), Order(ABC, "as configured")),
    "in turn": ("round_robin", View(), Order(ABC, "a in turn", {"a": -2, "b": 1, "c": 1})),
    "the next turn": (
        "round_robin",
        View(turns={"a": -2, "b": 1, "c": 1}),
        Order(("b", "c", "a"), "b in turn", {"a": -1, "b": -1, "c": 2}),
    ),
    "by weight": (
        "weighted",
        View(weights={"a": 1, "b": 5}),
        Order(("b", "a", "c"), "b by weight, a 1 : b 5 : c 1", {"a": 1, "b": -2, "c": 1}),
    ),
    "the less busy of a and b": (
        "random_choose",
        View(loads=BUSY, chance=drawing(0.0, 0.0)),
        Order(("b", "c", "a"), "b (1 in flight) drawn with a (3 in flight)"),
    ),
    "the less busy of c and a": (
        "random_choose",
        View(loads=BUSY, chance=drawing(0.99, 0.0)),
        Order(("c", "b", "a"), "c (2 in flight) drawn with a (3 in flight)"),
    ),
    "a share of three bears three times as many": (
        "random_choose",
        View(loads=BUSY, weights={"a": 3}, chance=drawing(0.0, 0.99)),
        Order(("a", "b", "c"), "a (3 in flight) drawn with c (2 in flight)"),
    ),
    "the least busy": (
        "least_inflight",
        View(loads=BUSY, chance=drawing(0.5)),
        Order(("b", "c", "a"), "b has the fewest in flight, 1"),
    ),
    "equally busy: chance": (
        "least_inflight",
        View(chance=drawing(0.4)),
        Order(("b", "c", "a"), "b has the fewest in flight, 0"),
    ),
    "the sooner of a and b, which has more to do": (
        "latency",
        View(loads=SLOW, chance=drawing(0.0, 0.0)),
        Order(("a", "c", "b"), "a (begins after 2.00 s, 0 in flight) drawn with b (begins after 0.60 s, 3 in flight)"),
    ),
    "who is not known is tried": (
        "latency",
        View(loads=SLOW | {"a": Load()}, chance=drawing(0.0, 0.99)),
        Order(("a", "c", "b"), "a (not known, 0 in flight) drawn with c (begins after 0.10 s, 9 in flight)"),
    ),
    "but by one at a time": (
        "latency",
        View(loads=SLOW | {"a": Load(1)}, chance=drawing(0.0, 0.99)),
        Order(("c", "b", "a"), "c (begins after 0.10 s, 9 in flight) drawn with a (not known, 1 in flight)"),
    ),
}


@pytest.mark.parametrize(("policy", "view", "order"), ORDERS.values(), ids=ORDERS)
def test_an_order(policy: Policy, view: View, order: Order) -> None:
    assert arrange(policy, ABC, view) == order


# what is seen -> the order by weight
BEHIND: dict[str, tuple[View, tuple[str, ...]]] = {
    "no share": (View(weights={"a": 0}), ("b", "c", "a")),
    "no share, in order": (View(weights={"a": 0, "b": 0}), ("c", "a", "b")),
    "nobody has a share": (View(weights=dict.fromkeys(ABC, 0)), ABC),
    "a pace to wait for": (View(loads={"a": Load(paced=True)}), ("b", "c", "a")),
    "a pace to wait for is worse than no share": (
        View(weights={"a": 0}, loads={"b": Load(paced=True)}),
        ("c", "a", "b"),
    ),
    "everybody has a pace to wait for": (View(loads=dict.fromkeys(ABC, Load(paced=True))), ABC),
}


@pytest.mark.parametrize(("view", "names"), BEHIND.values(), ids=BEHIND)
def test_who_comes_behind_all_others(view: View, names: tuple[str, ...]) -> None:
    assert arrange("weighted", ABC, view).names == names


def turns_of(policy: Policy, names: Sequence[str], weights: dict[str, int], count: int) -> list[str]:
    """Who is first, so many times."""
    turns: Turns = NOBODYS
    firsts = []
    for _ in range(count):
        order = arrange(policy, names, View(weights=weights, turns=turns))
        assert order.turns is not None
        turns = order.turns
        firsts.append(order.names[0])
    return firsts


WEIGHTS = st.dictionaries(st.sampled_from("abcdef"), st.integers(1, 9), min_size=2)


@given(WEIGHTS, st.integers(1, 3))
def test_shares_are_exact_over_as_many_requests_as_the_weights_add_up_to(weights: dict[str, int], cycles: int) -> None:
    firsts = turns_of("weighted", tuple(weights), weights, sum(weights.values()) * cycles)
    assert Counter(firsts) == {name: weight * cycles for name, weight in weights.items()}


@given(WEIGHTS)
def test_turns_are_spread(weights: dict[str, int]) -> None:
    total = sum(weights.values())
    firsts = turns_of("weighted", tuple(weights), weights, total * 2)
    for name, weight in weights.items():
        for start in range(total):
            asked = firsts[start : start + total].count(name)
            assert abs(asked - weight) <= 1, "never much more or less than its share, wherever one begins to count"


def test_turns_are_those_of_nginx() -> None:
    assert turns_of("weighted", ABC, {"a": 5, "b": 1, "c": 1}, 7) == ["a", "a", "b", "a", "c", "a", "a"]


@given(st.sampled_from(sorted(POLICIES)), st.lists(st.floats(0, 1, exclude_max=True), min_size=2, max_size=2), WEIGHTS)
def test_everybody_is_asked_once(policy: Policy, chances: list[float], weights: dict[str, int]) -> None:
    names = tuple(weights)
    order = arrange(policy, names, View(weights=weights, chance=drawing(*chances), key=b"k"))
    assert sorted(order.names) == sorted(names)
    assert order.why
    assert sum((order.turns or NOBODYS).values()) == 0


KEYS = [number.to_bytes(16) for number in range(600)]


def stuck(names: Sequence[str], weights: dict[str, int] | None = None) -> list[tuple[str, ...]]:
    return [arrange("sticky", names, View(key=key, weights=weights or {})).names for key in KEYS]


def test_a_conversation_stays_and_moves_only_when_its_backend_goes() -> None:
    all_there = stuck(ABC)
    assert all_there == stuck(ABC[::-1]), "the order of the configuration does not matter"
    without_b = stuck(("a", "c"))
    assert [tuple(name for name in names if name != "b") for names in all_there] == without_b


def test_conversations_go_by_weight() -> None:
    firsts = Counter(names[0] for names in stuck(ABC, {"a": 4, "b": 1, "c": 1}))
    assert firsts["a"] / len(KEYS) == pytest.approx(4 / 6, abs=0.06)
    assert firsts["b"] / len(KEYS) == pytest.approx(1 / 6, abs=0.06)


def test_two_choices_spare_the_slow_one() -> None:
    """A backend that takes ten times as long gets little, without anybody's saying so."""
    draws = [number / 997 % 1 for number in range(0, 997 * 400, 613)]
    chance = iter(draws).__next__
    busy = dict.fromkeys(ABC, Load(0, 0.1)) | {"a": Load(0, 1.0)}
    firsts = Counter[str]()
    for _ in range(300):
        chosen = arrange("latency", ABC, View(loads=busy, chance=chance)).names[0]
        firsts[chosen] += 1
        if sum(load.in_flight for load in busy.values()) < 9:
            busy[chosen] = replace(busy[chosen], in_flight=busy[chosen].in_flight + 1)
    assert firsts["a"] < firsts["b"] / 3
    assert firsts["a"] < firsts["c"] / 3
