"""A JSON array in pieces: every element once, as it came, wherever the network cuts, in linear time."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.errors import BackendGarbled
from llmux.wire import json_array
from llmux.wire.json_array import ArrayFramer
from tests.strategies import JSON

DEEP = b'{"a":' + b"[" * 40 + b'"]"' + b"]" * 40 + b"}"  # deeper than what is found in one step
ODD = b'{"a": "]}\\"[,\\\\", "b": [1, {"c": "\xc3\xa9\xe2\x80\xa8"}]}'
ARRAYS: dict[str, tuple[bytes, list[bytes]]] = {
    "Google's": (b'[{"a":1}\n,\r\n{"b":2}\n]', [b'{"a":1}', b'{"b":2}']),
    "compact": (b'[{"a":1},{"b":2}]', [b'{"a":1}', b'{"b":2}']),
    "brackets and quotes in strings": (b"[%b,%b]" % (ODD, ODD), [ODD, ODD]),
    "empty": (b"[]", []),
    "space around": (b' \r\n[ {"a":1} ] \n', [b'{"a":1}']),
    "a byte order mark": (b'\xef\xbb\xbf[{"a":1}]', [b'{"a":1}']),
    "arrays in it": (b"[[1],[2,[3]]]", [b"[1]", b"[2,[3]]"]),
    "a deep element": (b"[%b,%b\n,%b]" % (DEEP, ODD, DEEP), [DEEP, ODD, DEEP]),
    "a deep document": (DEEP + ODD, [DEEP, ODD]),
    "no array": (b'{"a":1}', [b'{"a":1}']),
    "documents one after the other": (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    "no last bracket": (b'[{"a":1}', [b'{"a":1}']),
    "half an element": (b'[{"a":1},{"b":', [b'{"a":1}']),
    "what comes behind it": (b'[{"a":1}]{"b":2}]]', [b'{"a":1}']),
    "too many brackets": (b'}{"a":1}', []),
    "a value that is no element": (b'[1,{"a":1}]', [b'1,{"a":1}']),
    "nothing": (b"", []),
}


def fed(pieces: list[bytes]) -> list[bytes]:
    framer = ArrayFramer()
    return [element for piece in pieces for element in framer.feed(piece)]


@pytest.mark.parametrize("case", ARRAYS)
def test_elements(case: str) -> None:
    data, elements = ARRAYS[case]
    assert fed([data]) == elements
    assert fed([data[at : at + 1] for at in range(len(data))]) == elements
    for place in range(len(data)):
        assert fed([data[:place], data[place:]]) == elements


@given(st.lists(st.dictionaries(st.text(max_size=4), JSON, max_size=2), max_size=4), st.lists(st.integers(0, 400)))
def test_any_array_cut_anywhere(values: list[Any], places: list[int]) -> None:
    data = json.dumps(values, ensure_ascii=False, indent=1).encode()
    cuts = sorted({min(place, len(data)) for place in places})
    pieces = [data[start:end] for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True)]
    assert [json.loads(element) for element in fed(pieces)] == values


@given(st.text(alphabet='{}[]",\\ \nx', max_size=60), st.integers(0, 60))
def test_whatever_comes_is_cut_alike_bracket_by_bracket(text: str, place: int) -> None:
    data = text.encode()
    assert fed([data]) == fed([data[at : at + 1] for at in range(len(data))]) == fed([data[:place], data[place:]])


def test_where_the_last_element_ended() -> None:
    framer = ArrayFramer()
    framer.feed(b'[{"a":1},{"b"')
    assert (framer.end, framer.closed) == (8, False)
    framer.feed(b":2")
    assert framer.end == 0
    framer.feed(b"}]")
    assert (framer.end, framer.closed) == (1, True)


def test_an_element_is_given_before_its_comma_comes() -> None:
    assert ArrayFramer().feed(b'[{"a":1}') == [b'{"a":1}']


def test_an_element_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_array, "MAX_FRAME_BYTES", 10)
    framer = ArrayFramer()
    framer.feed(b'[{"a":"')
    with pytest.raises(BackendGarbled):
        framer.feed(b"x" * 10)


@pytest.mark.parametrize("levels", [1, 40, 2000])
def test_many_elements_are_looked_at_once(levels: int) -> None:
    """The same, for those that are found in one step and for those that are not."""
    element = b"[" * levels + b"]" * levels
    count = 100_000 // levels
    assert fed([b"[" + b",".join([element] * count) + b"]"]) == [element] * count


@pytest.mark.parametrize("byte", [b"x", b"\\\\", b"["])
def test_a_long_element_in_small_pieces_is_looked_at_once(byte: bytes) -> None:
    """Were it quadratic, this would take minutes."""
    framer = ArrayFramer()
    framer.feed(b'[{"a":"')
    for _ in range(20_000):
        framer.feed(byte * 64)
    assert framer.feed(b'"}]') == [b'{"a":"' + byte * 64 * 20_000 + b'"}']
