"""The key of a question: the same however it is spelt, another for whatever could be answered otherwise."""

import json
import random
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.cache.key import IN_ORDER, SILENT, WITHOUT_EFFECT, Scope, canonical, key
from llmux.dialects.base import Address
from llmux.dialects.registry import TABLE
from llmux.ir.request import Original, Request
from llmux.responder import Context
from tests.cache.questions import question
from tests.strategies import JSON, WORDS

CONTEXT = Context("r", headers={"anthropic-beta": "a", "user-agent": "me"}, query="beta=true", credential="k")


ALICE = Scope("alice")


def of(body: bytes, request: Request | None = None, context: Context = CONTEXT, scope: Scope = ALICE) -> bytes:
    """The key of a request with this body."""
    original = Original(body, orjson.loads(body))
    return key(request or question(), original, context, scope)


def bodied(document: Any) -> bytes:
    return orjson.dumps(document)


# --- how it is spelt does not matter ---------------------------------------------------------------------------------


def shuffled(value: Any, chance: random.Random, *, within: bool = True) -> Any:
    """The same, with the keys of objects in another order; not of those that are shown to a model as they stand."""
    if isinstance(value, dict):
        names = list(value)
        chance.shuffle(names) if within else None
        shown = {name for name in names if name in IN_ORDER and isinstance(value[name], dict)}
        return {name: shuffled(value[name], chance, within=within and name not in shown) for name in names}
    return [shuffled(one, chance, within=within) for one in value] if isinstance(value, list) else value


@given(st.dictionaries(WORDS | st.sampled_from(sorted(IN_ORDER)), JSON, max_size=5), st.randoms(use_true_random=False))
def test_the_order_of_keys_and_spaces_do_not_matter(document: dict[str, Any], chance: random.Random) -> None:
    spaces, ascii_only = chance.choice([None, 0, 3]), chance.random() < 0.5
    other = json.dumps(shuffled(document, chance), ensure_ascii=ascii_only, indent=spaces)
    assert of(bodied(document)) == of(other.encode()) or not is_plain(document)


def is_plain(value: Any) -> bool:
    """Whether every number in it is written alike by everybody."""
    if isinstance(value, dict):
        return all(map(is_plain, value.values()))
    if isinstance(value, list):
        return all(map(is_plain, value))
    return not isinstance(value, float) or json.dumps(value).encode() == orjson.dumps(value)


def test_a_question_of_a_conversation_with_tools_may_come_in_any_order() -> None:
    document = {
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "hi"}]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {"b": 1, "a": 2}}]},
        ],
        "tools": [{"name": "f", "input_schema": {"properties": {"b": {}, "a": {}}, "type": "object"}}],
    }
    for seed in range(20):
        assert of(bodied(shuffled(document, random.Random(seed)))) == of(bodied(document))  # noqa: S311


# --- what it says does -----------------------------------------------------------------------------------------------


@given(st.dictionaries(WORDS, JSON, min_size=1, max_size=4), JSON, st.data())
def test_a_field_that_says_something_else_is_another_question(document: Any, value: Any, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(document)))
    assume(bodied(document[name]) != bodied(value))
    changed = {**document, name: value}
    left = {other: said for other, said in document.items() if other != name}
    assert len({of(bodied(document)), of(bodied(changed)), of(bodied(left))}) == 3


APART = {
    "a number and its text": (b'{"a":1}', b'{"a":"1"}'),
    "one and one point nought": (b'{"a":1}', b'{"a":1.0}'),
    "one and true": (b'{"a":1}', b'{"a":true}'),
    "nought and false": (b'{"a":0}', b'{"a":false}'),
    "nought and nothing": (b'{"a":0}', b'{"a":null}'),
    "nothing and absent": (b'{"a":null}', b"{}"),
    "two spellings of a number": (b'{"a":1.0}', b'{"a":1.00}'),
    "an exponent": (b'{"a":100.0}', b'{"a":1e2}'),
    "nought and less than nought": (b'{"a":0}', b'{"a":-0}'),
    "numbers too long for anybody": (b'{"a":18446744073709551617}', b'{"a":18446744073709551618}'),
    "fractions too fine for anybody": (b'{"a":0.1}', b'{"a":0.1000000000000000055}'),
    "a key twice, the same last": (b'{"a":2,"a":1}', b'{"a":3,"a":1}'),
    "a key twice and once": (b'{"a":2,"a":1}', b'{"a":1}'),
    "a key twice below": (b'{"b":[{"a":2,"a":1}]}', b'{"b":[{"a":1}]}'),
    "a letter and its parts": ('{"a":"\u00e9"}'.encode(), '{"a":"e\u0301"}'.encode()),
    "lists in another order": (b'{"a":[1,2]}', b'{"a":[2,1]}'),
    "the order of a schema": (b'{"parameters":{"b":1,"a":2}}', b'{"parameters":{"a":2,"b":1}}'),
    "the order of arguments": (b'{"x":[{"args":{"b":1,"a":2}}]}', b'{"x":[{"args":{"a":2,"b":1}}]}'),
    "a space in a text": (b'{"a":"b c"}', b'{"a":"b  c"}'),
}


@pytest.mark.parametrize(("one", "other"), APART.values(), ids=APART)
def test_bodies_that_could_be_answered_otherwise_differ(one: bytes, other: bytes) -> None:
    assert of(one) != of(other)
    assert of(one) == of(one)


SAME = {
    "escaped letters": ('{"a":"\u00e9/"}'.encode(), b'{"a":"\\u00e9\\/"}'),
    "spaces": (b'{"a":[1,2]}', b'{ "a" :\n[1 , 2]}'),
    "odd numbers, and spaces": (b'{"a":1.00}', b'{ "a": 1.00 }'),
    "arguments in a text": (b'{"b":1,"input":["x",{"d":1,"c":2}]}', b'{"input":["x",{"c":2,"d":1}],"b":1}'),
}


@pytest.mark.parametrize(("one", "other"), SAME.values(), ids=SAME)
def test_bodies_that_say_the_same_are_one_question(one: bytes, other: bytes) -> None:
    assert of(one) == of(other)


CHANGES: dict[str, Callable[[Request, Context], tuple[Request, Context]]] = {
    "dialect": lambda request, context: (replace(request, dialect="claude"), context),
    "form": lambda request, context: (replace(request, form="completions"), context),
    "model": lambda request, context: (replace(request, model="n"), context),
    "stream": lambda request, context: (replace(request, stream=True), context),
    "a header": lambda request, context: (request, replace(context, headers={"anthropic-beta": "b"})),
    "no header": lambda request, context: (request, replace(context, headers={})),
    "an unknown header": lambda request, context: (request, replace(context, headers={**context.headers, "x-new": ""})),
    "query": lambda request, context: (request, replace(context, query="")),
    "the caller's own key": lambda request, context: (request, replace(context, credential="")),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_stands_beside_the_body_matters(change: Callable[[Request, Context], tuple[Request, Context]]) -> None:
    request, context = change(question(), CONTEXT)
    assert of(b"{}", request, context) != of(b"{}")


def test_who_asks_and_who_would_answer_matter_where_they_are_told() -> None:
    scopes = (Scope(), Scope("alice"), Scope("bob"), Scope("alice", "b"), Scope("", "alice"))
    assert len({of(b"{}", scope=scope) for scope in scopes}) == len(scopes)


def test_pieces_do_not_run_together() -> None:
    one, other = replace(CONTEXT, query="ab", credential="c"), replace(CONTEXT, query="a", credential="bc")
    assert of(b"{}", context=one) != of(b"{}", context=other)


@pytest.mark.parametrize("name", sorted(SILENT))
def test_headers_that_shape_no_answer_do_not_matter(name: str) -> None:
    assert of(b"{}", context=replace(CONTEXT, headers={**CONTEXT.headers, name: "other"})) == of(b"{}")


@pytest.mark.parametrize("dialect", WITHOUT_EFFECT)
def test_fields_without_effect_do_not_matter_there_and_matter_elsewhere(dialect: str) -> None:
    for name in WITHOUT_EFFECT[dialect]:
        bodies = (b'{"a":1}', bodied({name: "x", "a": 1}))
        assert len({of(body, replace(question(), dialect=dialect)) for body in bodies}) == 1
        assert len({of(body, replace(question(), dialect="claude")) for body in bodies}) == 2
        assert name not in canonical(bodies[1], orjson.loads(bodies[1]), WITHOUT_EFFECT[dialect]).decode()


def test_half_a_surrogate_pair_is_told_as_it_will_be_sent() -> None:
    body = b'{"model":"m","messages":[{"role":"user","content":"%s"}],"temperature":%s}'
    bodies = (body % said for said in ((b"\\ud800", b"1.5"), (b"\\ufffd", b"1.5"), (b"\\ud800", b"1.50")))
    requests = [TABLE["openai_chat"].decode_request(each) for each in bodies]
    keys = [key(one, one.original, CONTEXT, ALICE) for one in requests if one.original]
    assert (keys[0] == keys[1], keys[0] == keys[2]) == (True, False)


def test_the_model_in_a_path_matters() -> None:
    body = b'{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}'
    verbs = ("a:generateContent", "b:generateContent", "a:streamGenerateContent")
    requests = [TABLE["gemini"].decode_request(body, Address(f"/v1beta/models/{verb}")) for verb in verbs]
    assert len({key(one, one.original, CONTEXT, ALICE) for one in requests if one.original}) == 3
