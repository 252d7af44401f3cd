"""The values of a label are few, whatever clients say."""

from hypothesis import given
from hypothesis import strategies as st

from llmux.metrics.names import LONGEST, NONE, REST, Names

WORDS = st.text(max_size=3)


def test_what_is_known_is_counted_by_itself_and_nothing_is_none() -> None:
    names = Names(most=0)
    names.know(["sonnet", ""])
    names.know(["haiku"])
    assert [names.of(name) for name in ("sonnet", "haiku", "", "gpt")] == ["sonnet", "haiku", NONE, REST]


def test_a_few_others_are_too_if_they_are_proven() -> None:
    names = Names(most=2)
    assert names.of("made up", proven=False) == REST
    assert [names.of(name) for name in ("a", "b", "c", "a", "made up")] == ["a", "b", REST, "a", REST]
    assert names.of("b", proven=False) == "b"


def test_a_long_name_is_not_kept() -> None:
    assert Names().of("x" * (LONGEST + 1)) == REST


@given(st.lists(WORDS), st.lists(st.tuples(WORDS, st.booleans())))
def test_values_are_never_more_than_what_is_known_and_the_few(known: list[str], asked: list[tuple[str, bool]]) -> None:
    names = Names(most=3)
    names.know(known)
    values = {names.of(name, proven=proven) for name, proven in asked}
    assert len(values - set(known)) <= 3 + 2  # the few, the rest, and none
    assert "" not in values
