"""What an owner changes in a request's body."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.routing.catalog import Transforms
from llmux.routing.transforms import apply, leave_out

BODY = {"model": "m", "store": True, "max_tokens": 5}

CASES: dict[str, tuple[Transforms, dict[str, Any]]] = {
    "nothing": (Transforms(), BODY),
    "delete": (Transforms(delete=("store", "absent")), {"model": "m", "max_tokens": 5}),
    "rename, in its place": (Transforms(rename={"store": "keep"}), {"model": "m", "keep": True, "max_tokens": 5}),
    "rename what is absent": (Transforms(rename={"absent": "model"}), BODY),
    "rename onto another": (Transforms(rename={"store": "max_tokens"}), {"model": "m", "max_tokens": True}),
    "rename onto one before": (Transforms(rename={"max_tokens": "model"}), {"store": True, "model": 5}),
    "swap": (
        Transforms(rename={"model": "store", "store": "model"}),
        {"store": "m", "model": True, "max_tokens": 5},
    ),
    "add, at the end": (Transforms(add={"tier": "flex"}), {**BODY, "tier": "flex"}),
    "add over what is there": (Transforms(add={"store": False}), {"model": "m", "store": False, "max_tokens": 5}),
    "deleted is not renamed": (
        Transforms(delete=("store",), rename={"store": "keep"}),
        {"model": "m", "max_tokens": 5},
    ),
    "deleted is added": (
        Transforms(delete=("model",), add={"model": "x"}),
        {"store": True, "max_tokens": 5, "model": "x"},
    ),
    "renamed is added to": (
        Transforms(rename={"store": "keep"}, add={"keep": 1}),
        {"model": "m", "keep": 1, "max_tokens": 5},
    ),
}


@pytest.mark.parametrize(("transforms", "expected"), CASES.values(), ids=CASES)
def test_case(transforms: Transforms, expected: dict[str, Any]) -> None:
    changed = apply(MappingProxyType(BODY), transforms)
    assert list(changed.items()) == list(expected.items())  # the order too: equal input, equal bytes


def test_null_is_a_value_like_any_other() -> None:
    transforms = Transforms(rename={"a": "b"}, add={"c": 1})
    assert apply({"a": None, "c": None}, transforms) == {"b": None, "c": 1}


def test_values_are_carried_as_they_are() -> None:
    raw = msgspec.Raw(b'{"not": "looked into"')
    assert apply({"messages": raw}, Transforms(rename={"messages": "input"}))["input"] is raw


KEYS = st.sampled_from("abcd")


@given(
    st.dictionaries(KEYS, st.integers()),
    st.lists(KEYS),
    st.dictionaries(KEYS, KEYS),
    st.dictionaries(KEYS, st.integers()),
)
def test_the_owner_has_the_last_word(
    body: Mapping[str, int], delete: list[str], rename: Mapping[str, str], add: Mapping[str, int]
) -> None:
    before = dict(body)
    changed = apply(body, Transforms(tuple(delete), rename, add))
    assert body == before
    assert changed.items() >= add.items()
    kept = body.keys() - set(delete)
    assert changed.keys() == {rename.get(key, key) for key in kept} | add.keys()


LEFT_OUT: dict[str, tuple[dict[str, object], str, dict[str, object]]] = {
    "at the top": ({"a": 1, "seed": 2}, "seed", {"a": 1}),
    "within": ({"c": {"effort": 1, "format": 2}}, "c.effort", {"c": {"format": 2}}),
    "of every item": ({"tools": [{"strict": 1, "n": 1}, {"n": 2}]}, "tools.0.strict", {"tools": [{"n": 1}, {"n": 2}]}),
    "a kind that is named": ({"tools": [{"strict": 1}]}, "tools.0.custom.strict", {"tools": [{}]}),
    "an array's items, unnumbered": ({"tools": [{"strict": 1}]}, "tools.strict", {"tools": [{}]}),
    "what is not there": ({"a": 1}, "b.c", {"a": 1}),
    "in what has no fields": ({"a": 1}, "a.b", {"a": 1}),
    "an item itself": ({"a": [1]}, "a.0", {"a": [1]}),
    "without which there is no request": ({"model": "m"}, "model", {"model": "m"}),
    "what the model is told": ({"messages": [{"role": "a"}]}, "messages.0.role", {"messages": [{"role": "a"}]}),
    "the whole conversation": ({"input": "a"}, "input", {"input": "a"}),
    "what only says how to keep it": (
        {"messages": [{"content": [{"text": "a", "cache_control": {}}]}]},
        "messages.0.content.0.cache_control",
        {"messages": [{"content": [{"text": "a"}]}]},
    ),
    "the tools": ({"tools": [1]}, "tools", {"tools": [1]}),
    "JSON that nobody decoded": ({"c": msgspec.Raw(b'{"effort":1,"x":1.50}')}, "c.effort", {"c": {"x": 1.5}}),
}


@pytest.mark.parametrize(("body", "field", "left"), LEFT_OUT.values(), ids=LEFT_OUT)
def test_leaving_a_field_out(body: dict[str, object], field: str, left: dict[str, object]) -> None:
    before = dict(body)
    assert leave_out(body, frozenset({field})) == left
    assert body == before
