"""Bodies: what is taken, what is refused, and how JSON is written."""

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
    "not a number, beside half a pair": rb'{"a":NaN,"b":"\ud83d"}',
    "not json, with half a pair": rb'{"b":"\ud83d"',
    "too deep": b"[" * 100_000,
    "too deep, and suspicious": rb'{"a":"\u0000","b":' + b"[" * 100_000,
    "too deep to be written": b'{"a":' + b"[" * 300 + b"]" * 300 + b"}",
    "too deep to be cleaned": rb'{"a":"\u0000","b":' + b"[" * 600 + b"]" * 600 + b"}",
}


@pytest.mark.parametrize("body", REFUSED.values(), ids=REFUSED)
def test_bodies_are_refused(body: bytes) -> None:
    with pytest.raises(BadRequest):
        document.read(body)


def test_a_value_that_could_not_be_written_is_not_read() -> None:
    assert document.decode(b"[1]") == [1]
    with pytest.raises(ValueError, match="ecursion"):
        document.decode(b"[" * 300 + b"]" * 300)


@pytest.mark.parametrize("value", ["a", "é", "\u2028 \u2029 \x85", {"k\u2028": ["\u2029"]}, "\ud800", {"a": "\udfff"}])
def test_json_is_written_on_one_line(value: Any) -> None:
    written = document.line(value)
    assert len(written.decode().splitlines()) == 1
    assert orjson.loads(written) == document.sayable(value)
