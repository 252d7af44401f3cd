"""Arguments as they were meant: what is changed where one reading fits, and all that is never touched."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.normalise.arguments import Arguments
from llmux.normalise.mend import mend
from llmux.normalise.shape import Shapes
from llmux.normalise.watch import DEEPEST, Watch
from tests.amount import amount
from tests.strategies import ARGUMENTS, JSON, WORDS

TEXT, INTEGER = {"type": "string"}, {"type": "integer"}
EDIT = {
    "type": "object",
    "properties": {"old_string": TEXT, "new_string": TEXT, "all": {"type": "boolean"}},
    "required": ["old_string", "new_string"],
}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "file_path": TEXT,
        "content": TEXT,
        "limit": INTEGER,
        "ratio": {"type": "number"},
        "recursive": {"type": "boolean"},
        "command": {"type": ["string", "null"]},
        "edits": {"type": "array", "items": EDIT},
        "edit": {"$ref": "#/$defs/edit"},
        "names": {"type": "array", "items": TEXT},
        "level": {"enum": [1, 2, "high"], "type": ["integer"]},
        "code": {"type": "string", "enum": ["1", "2"]},
        "env": {"type": "object"},
        "headers": {"type": "object", "additionalProperties": TEXT},
        "options": {"type": "object", "properties": {"depth": INTEGER}, "additionalProperties": True},
        "maybe": {"anyOf": [INTEGER, {"type": "null"}]},
        "either": {"anyOf": [INTEGER, TEXT]},
        "flag": {"type": ["boolean", "integer"]},
        "anything": {},
    },
    "required": ["file_path"],
    "$defs": {"edit": EDIT},
}

# name: (what the model wrote, what it meant, what is told)
PUT_RIGHT: dict[str, tuple[str, str, list[str]]] = {
    "another style": ('{"filePath": "/a"}', '{"file_path": "/a"}', ["filePath>file_path"]),
    "a synonym": ('{"path": "/a"}', '{"file_path": "/a"}', ["path>file_path"]),
    "two keys": (
        '{"filename":"/a","text":"b"}', '{"file_path":"/a","content":"b"}', ["filename>file_path", "text>content"],
    ),
    "spelled with an escape": (r'{"file\u0050ath": 1.50}', r'{"file\u0050ath": 1.50}'.replace(
        r'"file\u0050ath": 1.50', '"file_path": "1.50"'), ["filePath>file_path", "file_path"]),
    "in an object": (
        '{"edit": {"oldText": "a", "new_str": "b"}}',
        '{"edit": {"old_string": "a", "new_string": "b"}}',
        ["edit.oldText>old_string", "edit.new_str>new_string"],
    ),
    "in objects of an array": (
        '{"edits":[{"old_string":"a","new_string":"b"}, {"oldString":"c","newString":"d"}]}',
        '{"edits":[{"old_string":"a","new_string":"b"}, {"old_string":"c","new_string":"d"}]}',
        ["edits.oldString>old_string", "edits.newString>new_string"],
    ),
    "below a key that was put right": (
        '{"Edits":[{"oldText":"a"}]}', '{"edits":[{"old_string":"a"}]}', ["Edits>edits", "edits.oldText>old_string"],
    ),
    "an integer in quotes": ('{"limit": "5"}', '{"limit": 5}', ["limit"]),
    "a number in quotes keeps its spelling": ('{"ratio": "1.50"}', '{"ratio": 1.50}', ["ratio"]),
    "a boolean in quotes": ('{"recursive": "true"}', '{"recursive": true}', ["recursive"]),
    "Python's boolean": ('{"recursive": "False"}', '{"recursive": false}', ["recursive"]),
    "null in quotes": ('{"maybe": "null"}', '{"maybe": null}', ["maybe"]),
    "a number that should be a text": ('{"content": 1.50}', '{"content": "1.50"}', ["content"]),
    "a number that should be a word": ('{"code": 2}', '{"code": "2"}', ["code"]),
    "an array in quotes": ('{"names": "[\\"a\\", \\"b\\"]"}', '{"names": ["a", "b"]}', ["names"]),
    "an object in quotes, itself astray": (
        '{"edit": "{\\"oldText\\": \\"a\\"}"}', '{"edit": {"old_string": "a"}}', ["edit", "edit.oldText>old_string"],
    ),
    "elements that stray": ('{"names": ["a", 1, 2]}', '{"names": ["a", "1", "2"]}', ["names", "names"]),
    "null for what may be left out": ('{"limit": null, "file_path": "a"}', '{"file_path": "a"}', ["limit"]),
    "null in the middle": ('{"file_path": "a", "limit": null, "content": "b"}', '{"file_path": "a", "content": "b"}',
        ["limit"]),
    "null at the end": ('{"file_path": "a" , "limit": null }', '{"file_path": "a"  }', ["limit"]),
    "nulls at the end": ('{"file_path":"a","limit":null,"ratio":null}', '{"file_path":"a"}', ["limit", "ratio"]),
    "nothing but nulls": ('{ "limit": null, "ratio": null }', "{  }", ["limit", "ratio"]),
    "null that makes room": ('{"file_path":null,"content":null,"text":"a"}', '{"file_path":null,"content":"a"}',
        ["content", "text>content"]),
    "all in quotes": (' "{\\"filePath\\": \\"/a\\"}"', ' {"file_path": "/a"}', ["", "filePath>file_path"]),
    "all of it null": (" null ", " {}", [""]),
    "an empty text": ('""', "{}", [""]),
    "a key described in an object that takes others": ('{"options": {"depth": "3"}}', '{"options": {"depth": 3}}',
        ["options.depth"]),
    "a value behind other repairs": ('{"filePath": 5, "limit": "7"}', '{"file_path": "5", "limit": 7}',
        ["filePath>file_path", "file_path", "limit"]),
}  # fmt: skip

LEFT_ALONE: dict[str, str] = {
    "sound": '{ "file_path" : "/a" ,"limit":5, "edits": [ ] }',
    "empty": "{}",
    "a key that nobody knows": '{"file_path": "a", "banana": 1}',
    "a key that is given already": '{"file_path": "a", "filePath": "b"}',
    "two keys for one": '{"filename": "a", "path": "b"}',
    "one key twice": '{"path": "a", "path": "b"}',
    "a value that does not fit the key": '{"oldContent": 1, "text": {"a": 1}}',
    "a text that is no number": '{"max_results": "many"}',
    "a text that is no integer": '{"limit": "5.5"}',
    "a text that is no JSON": '{"recursive": "yes"}',
    "a text that is JSON of another type": '{"limit": "[1]"}',
    "a word that is none of them": '{"level": "3"}',
    "a boolean is not the integer that it equals": '{"level": "true"}',
    "a number that is no word": '{"code": 3}',
    "a text among texts and numbers": '{"either": "5"}',
    "an object where a text belongs": '{"content": {"filePath": 1}}',
    "null that must be there": '{"file_path": null}',
    "null that may be there": '{"command": null, "maybe": null}',
    "null of a key that nobody knows": '{"banana": null, "text": null}',
    "free-form data": '{"env": {"filePath": "5", "x": null}, "anything": {"limit": "5", "filePath": 1}}',
    "data of any key": '{"headers": {"filePath": "5"}}',
    "other keys where they may be": '{"options": {"Depth": "5"}}',
    "within a text": '{"content": "{\\"filePath\\": \\"5\\"}"}',
    "a list of arguments": '[{"filePath": "a"}]',
    "a text": '"hello"',
    "a number": "5",
    "no JSON": '{"filePath": "a", ',
    "a line end within a text": '{"filePath": "a\nb"}',
    "half a pair of surrogates": r'{"filePath": "\ud83d"}',
    "more than one": '{"filePath": "a"}{"filePath": "b"}',
}


def cut(text: str, size: int) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def passed(pieces: list[str], schema: Any = SCHEMA) -> tuple[str, list[str]]:
    """What is passed on of arguments that arrive in pieces, and what is told."""
    arguments = Arguments(Shapes(schema))
    told = [arguments.feed(piece) for piece in pieces]
    return "".join((*told, arguments.close())), arguments.notes


@pytest.mark.parametrize("case", PUT_RIGHT.values(), ids=PUT_RIGHT)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_what_was_meant(case: tuple[str, str, list[str]], size: int) -> None:
    written, meant, told = case
    assert passed(cut(written, size)) == (meant, told)
    assert mend(written, Shapes(SCHEMA)) == (meant, told)
    orjson.loads(meant)


@pytest.mark.parametrize("written", LEFT_ALONE.values(), ids=LEFT_ALONE)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 10_000])
def test_what_is_left_alone(written: str, size: int) -> None:
    assert passed(cut(written, size)) == (written, [])


@pytest.mark.parametrize("written", ["", " ", "\n\t "])
def test_nothing_is_no_argument_and_no_change(written: str) -> None:
    arguments, notes = passed(cut(written, 1))
    assert (arguments.strip(), notes) == ("{}", [])


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}])
def test_without_a_schema_only_the_whole_is_put_right(schema: Any) -> None:
    assert passed(['{"filePath": "5"}'], schema) == ('{"filePath": "5"}', [])
    assert passed(['"{\\"filePath\\": 5}"'], schema) == ('{"filePath": 5}', [""])
    assert passed(["null"], schema) == ("{}", [""])


# --- as it comes -----------------------------------------------------------------------------------------------------


def test_what_fits_is_passed_on_as_it_comes() -> None:
    arguments = Arguments(Shapes(SCHEMA))
    assert arguments.feed('{"file_path": "/a') == '{"file_path": "/a'
    assert arguments.feed('", ') == '"'
    assert arguments.feed('"con') == ""
    assert arguments.feed('tent": ') == ""
    assert arguments.feed('"x') == ', "content": "x'
    assert arguments.feed("yz") == "yz"
    assert arguments.feed('"}') == '"}'
    assert arguments.close() == ""


def test_from_the_first_key_that_strays_on_all_is_held_back() -> None:
    arguments = Arguments(Shapes(SCHEMA))
    assert arguments.feed('{"limit": 5, "filePath') == '{"limit": 5'
    assert arguments.feed('": "/a", "content": "b"}') == ""
    assert arguments.close() == ', "file_path": "/a", "content": "b"}'


def test_a_delta_that_is_passed_on_whole_is_the_same_object() -> None:
    arguments = Arguments(Shapes(SCHEMA))
    arguments.feed('{"content": "')
    delta = "abc"
    assert arguments.feed(delta) is delta


DEPTHS = {"where it is looked into": (DEEPEST // 2 - 1, True), "where it is not": (DEEPEST, False)}


@pytest.mark.parametrize("case", DEPTHS.values(), ids=DEPTHS)
def test_how_deep_it_looks(case: tuple[int, bool]) -> None:
    depth, found = case
    schema: dict[str, Any] = {"type": "object", "properties": {"next": {"type": "array", "items": {"$ref": "#"}},
                              "limit": INTEGER}}  # fmt: skip
    written = '{"next":[' * depth + '{"limit":"5"}' + "]}" * depth
    meant = written.replace('"5"', "5") if found else written
    for size in (1, 10_000):
        assert passed(cut(written, size), schema)[0] == meant


@pytest.mark.parametrize("piece", ["a", "[[", "]", "}}", '"', ",", ":", "{,", '{"a" "b"', "{:", '{"a":}', '{"\\x":1}'])
def test_text_that_is_not_json_is_never_an_error(piece: str) -> None:
    for written in (piece * 3, '{"file_path": ' + piece, '{"edits": [' + piece * 2):
        assert passed(cut(written, 1)) == (written, [])


# --- laws ------------------------------------------------------------------------------------------------------------


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "string": WORDS,
    "integer": st.integers(-1000, 1000),
    "number": st.floats(-10, 10, allow_nan=False),
    "boolean": st.booleans(),
    "null": st.none(),
}
KEYS = st.sampled_from(["file_path", "filePath", "path", "text", "content", "-n", "limit", "a b", "é", "x"])


@st.composite
def fitting(draw: st.DrawFn, depth: int = 0) -> tuple[dict[str, Any], Any]:
    """A schema, and a value that fits it."""
    kinds = [*VALUES, "free"] + (["object", "array"] if depth < 2 else [])
    kind = draw(st.sampled_from(kinds)) if depth else "object"
    if kind == "object":
        members = draw(st.dictionaries(KEYS, fitting(depth + 1), max_size=4))
        given = draw(st.sets(st.sampled_from(sorted(members)))) if members else set()
        schema = {"type": "object", "properties": {key: schema for key, (schema, _) in members.items()}}
        return schema, {key: value for key, (_, value) in members.items() if key in given}
    if kind == "array":
        schema, value = draw(fitting(depth + 1))
        return {"type": "array", "items": schema}, draw(st.sampled_from([[], [value], [value, value]]))
    if kind == "free":
        return draw(st.sampled_from([{}, {"description": "anything"}])), draw(JSON)
    return {"type": draw(st.sampled_from([kind, [kind, "null"]]))}, draw(VALUES[kind])


def spelled(value: Any, style: int) -> str:
    return json.dumps(value, ensure_ascii=style % 2 == 0, indent=(None, 1)[style // 2])


@given(fitting(), st.integers(0, 3), st.integers(1, 9))
def test_sound_arguments_pass_as_they_come(case: tuple[dict[str, Any], Any], style: int, size: int) -> None:
    schema, value = case
    written = spelled(value, style)
    assert passed(cut(written, size), schema) == (written, [])


@st.composite
def straying(draw: st.DrawFn) -> str:
    """Arguments for SCHEMA that fit here and there."""
    names = [*SCHEMA["properties"], "filePath", "path", "text", "cmd", "Edits", "banana", "maxResults", "count"]
    values = JSON | st.sampled_from(["5", "true", "null", "[1]", '{"oldText": 1}', '[{"oldText": "a", "new": null}]'])
    edits = st.dictionaries(st.sampled_from(["old_string", "oldText", "new_str", "all", "x"]), values, max_size=3)
    members = st.dictionaries(st.sampled_from(names), values | edits | st.lists(edits, max_size=2), max_size=5)
    return spelled(draw(members), draw(st.integers(0, 3)))


@given(straying(), st.integers(1, 9))
def test_where_a_call_is_cut_does_not_matter(written: str, size: int) -> None:
    assert passed(cut(written, size)) == mend(written, Shapes(SCHEMA))


@given(straying())
def test_what_has_been_put_right_stays(written: str) -> None:
    meant, _ = mend(written, Shapes(SCHEMA))
    assert mend(meant, Shapes(SCHEMA)) == (meant, [])


@given(straying())
def test_what_is_told_is_what_was_changed(written: str) -> None:
    meant, notes = mend(written, Shapes(SCHEMA))
    assert bool(notes) == (meant != written)
    orjson.loads(meant)


@given(ARGUMENTS)
def test_free_form_data_is_never_touched(data: str) -> None:
    written = f'{{"env": {data}, "anything": {data}, "headers": {data}}}'
    assert passed(cut(written, 5)) == (written, [])


@given(st.text('{}[]",:\\ \nab01tfn'), st.integers(1, 4))
def test_any_text_at_all_comes_out_whole(written: str, size: int) -> None:
    arguments, notes = passed(cut(written, size))
    assert notes or arguments.strip() == (written.strip() or "{}")


# --- linear ----------------------------------------------------------------------------------------------------------


SHAPES_OF_A_MEGABYTE = {
    "one text": ('{"content": "', "abcd", '"}'),
    "many members": ('{"edits": [', '{"old_string": "a", "new_string": "b"},', "{}]}"),
    "free-form data": ('{"env": {"a": [', "[[{}]],", "0]}}"),
    "keys that nobody knows": ("{", '"banana": 1, ', '"limit": 1}'),
    "astray from the start": ('{"text": "', "abcd", '"}'),
}


@pytest.mark.parametrize("case", SHAPES_OF_A_MEGABYTE.values(), ids=SHAPES_OF_A_MEGABYTE)
def test_much_in_small_deltas_is_copied_once(case: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted, not timed: the watch is given each character once, and what waits is joined once to be passed on."""
    begin, middle, end = case
    written = begin + middle * (amount(2**17, 2**20) // len(middle)) + end
    given, joined = list[int](), list[int]()
    feed, release = Watch.feed, Arguments._release

    def count_given(watch: Watch, text: str) -> int:
        given.append(len(text))
        return feed(watch, text)

    def count_joined(arguments: Arguments, ready: int) -> str:
        joined.append(arguments._size)
        return release(arguments, ready)

    monkeypatch.setattr(Watch, "feed", count_given)
    monkeypatch.setattr(Arguments, "_release", count_joined)
    told, _ = passed(cut(written, 4))
    assert len(told) >= len(written)
    assert sum(given) <= len(written)
    assert sum(joined) <= 2 * len(written)


def test_what_waits_is_joined_once() -> None:
    """A key of a megabyte waits until it is complete; nothing is done to it meanwhile."""
    watch = Watch(Shapes(SCHEMA))
    waits = [watch.feed(piece) for piece in ("{", '"', *["abcd"] * 1_000, '": ')]
    assert waits[-1] == 1 + 4_000 + 3
    assert watch.feed("1") == 0
