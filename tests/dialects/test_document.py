"""Bodies and their fields: what is taken, and where what is not taken is said to be."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from llmux.dialects import document
from llmux.errors import BadRequest

READ: dict[str, tuple[bytes, dict[str, Any], bool]] = {
    "plain": (b'{"a":[1,{"b":"x"}]}', {"a": [1, {"b": "x"}]}, False),
    "lone surrogate": (rb'{"a":"x\ud83d","\udc00":1}', {"a": "x\ufffd", "\ufffd": 1}, True),
    "surrogate pair": (rb'{"a":"\ud83d\ude00"}', {"a": "\U0001f600"}, False),
    "nul": (rb'{"a":["\u0000",1]}', {"a": ["\ufffd", 1]}, True),
    "what only looks like one": (rb'{"a":"\\ud800 \\u0000"}', {"a": r"\ud800 \u0000"}, False),
}


@pytest.mark.parametrize(("body", "fields", "cleaned"), READ.values(), ids=READ)
def test_bodies_are_read(body: bytes, fields: dict[str, Any], cleaned: bool) -> None:
    assert document.read(body) == (fields, cleaned)


REFUSED = {
    "empty": b"",
    "not json": b"{",
    "not an object": b"[]",
    "a string": b'"x"',
    "not utf-8": b'{"a":"\xff"}',
    "not utf-8, and suspicious": b'{"a":"\xff \\u0000"}',
    "not a number": rb'{"a":NaN,"b":"\u0000"}',
    "too deep": b"[" * 100_000,
    "too deep, and suspicious": rb'{"a":"\u0000","b":' + b"[" * 100_000,
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        document.read(body)


@pytest.mark.parametrize("value", ["a", "é", "\u2028 \u2029 \x85", {"k\u2028": ["\u2029"]}, "\ud800", {"a": "\udfff"}])
def test_json_is_written_on_one_line(value: Any) -> None:
    written = document.line(value)
    assert len(written.decode().splitlines()) == 1
    assert orjson.loads(written) == document.sayable(value)


Reader = Callable[[dict[str, Any], str, str], Any]
TAKEN: list[tuple[Reader, Any, Any]] = [
    (document.text, "x", "x"),
    (document.text, None, None),
    (document.needed_text, "", ""),
    (document.whole, 3, 3),
    (document.whole, 3.0, 3),
    (document.whole, None, None),
    (document.number, 3, 3),
    (document.number, 0.5, 0.5),
    (document.number, None, None),
    (document.flag, False, False),
    (document.flag, None, None),
    (document.child, {"a": 1}, {"a": 1}),
    (document.child, None, None),
    (document.entries, [1], [1]),
    (document.entries, None, []),
    (document.texts, ["a", ""], ("a", "")),
    (document.texts, None, ()),
]


@pytest.mark.parametrize(("reader", "value", "taken"), TAKEN)
def test_fields_are_taken(reader: Reader, value: Any, taken: Any) -> None:
    assert reader({"f": value}, "f", "") == taken


WRONG: list[tuple[Reader, Any, str]] = [
    (document.text, 1, "messages.0.f"),
    (document.needed_text, None, "messages.0.f"),
    (document.whole, "3", "messages.0.f"),
    (document.whole, 3.5, "messages.0.f"),
    (document.whole, True, "messages.0.f"),
    (document.whole, float("inf"), "messages.0.f"),
    (document.number, "0.5", "messages.0.f"),
    (document.number, False, "messages.0.f"),
    (document.flag, 1, "messages.0.f"),
    (document.child, [], "messages.0.f"),
    (document.entries, {}, "messages.0.f"),
    (document.texts, "a", "messages.0.f"),
    (document.texts, ["a", 1], "messages.0.f.1"),
]


@pytest.mark.parametrize(("reader", "value", "param"), WRONG)
def test_fields_of_the_wrong_shape_are_named(reader: Reader, value: Any, param: str) -> None:
    with pytest.raises(BadRequest) as raised:
        reader({"f": value}, "f", "messages.0")
    assert raised.value.param == param
    with pytest.raises(BadRequest) as raised:
        reader({"f": value}, "f", "")
    assert raised.value.param == param.removeprefix("messages.0.")
