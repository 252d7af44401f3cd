"""Cuts of a stream into lines: framing as a table, and the laws that where the network cuts does not matter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.errors import BackendGarbled
from llmux.wire import ndjson
from llmux.wire.ndjson import NdjsonFramer


def lines(*pieces: bytes) -> list[bytes]:
    framer = NdjsonFramer()
    return [line for piece in pieces for line in framer.feed(piece)] + framer.close()


CASES: dict[str, tuple[bytes, list[bytes]]] = {
    "two lines": (b'{"a":1}\n{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    "no end of the last line": (b'{"a":1}\n{"b":2}', [b'{"a":1}', b'{"b":2}']),
    "CRLF": (b'{"a":1}\r\n{"b":2}\r\n', [b'{"a":1}', b'{"b":2}']),
    "blank lines": (b'\n\n{"a":1}\n \r\n\n{"b":2}\n\n', [b'{"a":1}', b'{"b":2}']),
    "a prefix of another wire": (b'data: {"a":1}\n\ndata:{"b":2}\n', [b'{"a":1}', b'{"b":2}']),
    "a byte order mark": (b'\xef\xbb\xbf{"a":1}\n', [b'{"a":1}']),
    "blanks around": (b'  {"a":1} \t\n', [b'{"a":1}']),
    "other ends of lines inside JSON": ('{"a":"\u2028\u0085\x0b"}\n'.encode(), ['{"a":"\u2028\u0085\x0b"}'.encode()]),
    "what is no JSON is not judged": (b"<html>\n", [b"<html>"]),
    "nothing": (b"", []),
    "only blanks": (b"\r\n\n  ", []),
}


@pytest.mark.parametrize("name", CASES)
def test_lines(name: str) -> None:
    stream, expected = CASES[name]
    assert lines(stream) == expected


@pytest.mark.parametrize("name", CASES)
def test_byte_by_byte(name: str) -> None:
    stream, expected = CASES[name]
    assert lines(*(stream[at : at + 1] for at in range(len(stream)))) == expected


@given(
    st.lists(st.sampled_from([b'{"a":"\xe2\x80\xa8"}', b"\n", b"\r\n", b"data: ", b" ", b"{}", b"\xef\xbb\xbf"])),
    st.data(),
)
def test_where_the_network_cuts_does_not_matter(pieces: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(pieces)
    places = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=5)))
    cut = [stream[start:end] for start, end in zip([0, *places], [*places, len(stream)], strict=True)]
    assert lines(*cut) == lines(stream)


def test_a_line_may_be_large_but_not_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ndjson, "MAX_LINE_BYTES", 10)
    framer = NdjsonFramer()
    assert framer.feed(b"x" * 6) == []
    assert framer.feed(b"xx\nyy") == [b"x" * 8]  # what has been given no longer counts
    assert framer.feed(b"y" * 8) == []
    with pytest.raises(BackendGarbled):
        framer.feed(b"y")


def test_close_gives_the_rest_once() -> None:
    framer = NdjsonFramer()
    assert framer.feed(b"{}") == []
    assert framer.close() == [b"{}"]
    assert framer.close() == []
