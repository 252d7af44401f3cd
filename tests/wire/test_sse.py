"""SSE framing: each rule of the standard as a row, and the law that it does not matter where the network cuts."""

import re
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.errors import BackendGarbled
from llmux.wire import sse
from llmux.wire.sse import BOM, Frame, SseFramer

KIB = 1024


def frames(pieces: Iterable[bytes]) -> list[Frame]:
    framer = SseFramer()
    given = [frame for piece in pieces for frame in framer.feed(piece)]
    return given + framer.close()


CASES: dict[str, tuple[bytes, list[Frame]]] = {
    "LF": (b"data: 1\n\ndata: 2\n\n", [(b"", b"1"), (b"", b"2")]),
    "CRLF": (b"data: 1\r\n\r\ndata: 2\r\n\r\n", [(b"", b"1"), (b"", b"2")]),
    "CR": (b"data: 1\r\rdata: 2\r\r", [(b"", b"1"), (b"", b"2")]),
    "mixed": (b"data: 1\r\n\ndata: 2\n\r\ndata: 3\r\r\n", [(b"", b"1"), (b"", b"2"), (b"", b"3")]),
    "one byte order mark is no data": (BOM + b"data: 1\n\n", [(b"", b"1")]),
    "a second one is part of a field's name": (BOM + BOM + b"data: 1\n\n", []),
    "a mark inside data is data": (b"data: " + BOM + b"\n\n", [(b"", BOM)]),
    "one space is no data": (b"data:1\n\ndata: 2\n\ndata:  3\n\n", [(b"", b"1"), (b"", b"2"), (b"", b" 3")]),
    "a colon inside data": (b"data: a:b\n\n", [(b"", b"a:b")]),
    "event names": (b"event: ping\ndata: {}\n\ndata: {}\nevent:pong\n\n", [(b"ping", b"{}"), (b"pong", b"{}")]),
    "an event name lasts for one frame": (b"event: ping\n\ndata: 1\n\n", [(b"", b"1")]),
    "comments": (b": PROCESSING\n\n:\ndata: 1\n: more\n\n", [(b"", b"1")]),
    "lines of data are joined": (b"data: 1\ndata:\ndata: 2\n\n", [(b"", b"1\n\n2")]),
    "a field without colon is empty": (b"data\ndata: 1\nevent\n\n", [(b"", b"\n1")]),
    "no data, no frame": (b"event: ping\nid: 7\nretry: 10\n\ndata:\n\ndata\n\n", []),
    "other fields": (b"id: 1\nretry: 5\nDATA: no\ndatas: no\ndata: 1\n\n", [(b"", b"1")]),
    "blank lines without end": (b"\n\n\n\ndata: 1\n\n\n\n\ndata: 2\n\n", [(b"", b"1"), (b"", b"2")]),
    "the end closes a frame": (b"data: 1\n\nevent: e\ndata: 2", [(b"", b"1"), (b"e", b"2")]),
    "the end closes a frame after its line": (b"data: 1\n", [(b"", b"1")]),
    "the end closes a frame after half of its blank line": (b"data: 1\r\n\r", [(b"", b"1")]),
    "only LF and CR end a line": (
        "data: a\u2028b\u2029c\u0085d\x0b\x0c\x1c\x1d\x1ee\n\n".encode(),
        [(b"", "a\u2028b\u2029c\u0085d\x0b\x0c\x1c\x1d\x1ee".encode())],
    ),
    "the end marker is data like any other": (b"data: [DONE]\n\n", [(b"", sse.DONE)]),
    "nothing": (b"", []),
}


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_rules(stream: bytes, expected: list[Frame]) -> None:
    assert frames([stream]) == expected


@pytest.mark.parametrize(("stream", "expected"), CASES.values(), ids=CASES)
def test_rules_byte_by_byte(stream: bytes, expected: list[Frame]) -> None:
    assert frames(stream[at : at + 1] for at in range(len(stream))) == expected


def test_a_frame_is_given_with_its_last_byte() -> None:
    framer = SseFramer()
    assert framer.feed(b"data: 1\r\r") == [(b"", b"1")]
    assert framer.feed(b"\n") == []
    assert framer.feed(b"data: 2\r\n\r") == [(b"", b"2")]
    assert framer.feed(b"\ndata: 3\n\n") == [(b"", b"3")]


# --- the law ----------------------------------------------------------------------------------------------------------

LINE_ENDS = ["\n", "\r\n", "\r"]
VALUES = st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=12)
LINES = st.one_of(
    st.builds("data: {}".format, VALUES),
    st.builds("data:{}".format, VALUES),
    st.builds("event: {}".format, VALUES),
    st.builds(": {}".format, VALUES),
    st.just(""),
    VALUES,
)


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    lines = draw(st.lists(LINES, max_size=12))
    ends = [draw(st.sampled_from(LINE_ENDS)) for _ in lines]
    mark = BOM if draw(st.booleans()) else b""
    stream = "".join(line + end for line, end in zip(lines, ends, strict=True))
    return mark + (stream + draw(st.sampled_from(["", "data: last"]))).encode()


@st.composite
def cut(draw: st.DrawFn, stream: bytes) -> list[bytes]:
    ends = sorted(draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    return [stream[start:end] for start, end in zip([0, *ends], [*ends, len(stream)], strict=True)]


def standard(stream: bytes) -> list[Frame]:
    """The standard's own steps, line by line, and the frame that the end leaves open."""
    given: list[Frame] = []
    event, data = b"", list[bytes]()
    for line in [*re.split(rb"\r\n|\r|\n", stream.removeprefix(BOM)), b""]:
        if not line:
            if b"\n".join(data):
                given.append((event, b"\n".join(data)))
            event, data = b"", []
            continue
        name, _, value = line.partition(b":")
        if name == b"data":
            data.append(value.removeprefix(b" "))
        elif name == b"event":
            event = value.removeprefix(b" ")
    return given


@given(st.data())
def test_where_the_network_cuts_does_not_matter(data: st.DataObject) -> None:
    stream = data.draw(streams())
    assert frames(data.draw(cut(stream))) == frames([stream]) == standard(stream)


# --- size ----------------------------------------------------------------------------------------------------------


def test_a_long_line_is_joined_once() -> None:
    framer = SseFramer()
    pieces = [b"data: " + b"x" * KIB, *(bytes([65 + at % 26]) * KIB for at in range(4096))]
    assert not any(framer.feed(piece) for piece in pieces)
    # Still the very pieces that came: nothing was copied on the way, so the cost grows with the line alone.
    assert all(kept is piece for kept, piece in zip(framer._pending, pieces, strict=True))
    assert framer.feed(b"\n\n") == [(b"", b"".join(pieces).removeprefix(b"data: "))]
    assert framer._pending == []


def test_so_are_many_lines_of_one_frame() -> None:
    framer = SseFramer()
    pieces = [b"data: %d\ndata: x\n" % at for at in range(1000)]
    assert not any(framer.feed(piece) for piece in pieces)
    assert all(kept is piece for kept, piece in zip(framer._pending, pieces, strict=True))
    assert len(framer.feed(b"\n")) == 1


def test_a_frame_may_be_large_but_not_endless(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME_BYTES", 64)
    framer = SseFramer()
    assert framer.feed(b"data: " + b"x" * 50) == []
    assert framer.feed(b"\n\ndata: " + b"x" * 50) == [(b"", b"x" * 50)]
    with pytest.raises(BackendGarbled):
        framer.feed(b"x" * 60)


def test_many_small_frames_at_once_are_no_large_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "MAX_FRAME_BYTES", 64)
    assert len(SseFramer().feed(b"data: 1\n\n" * 100)) == 100


def test_the_cap_leaves_room_for_pictures() -> None:
    assert sse.MAX_FRAME_BYTES >= 32 * KIB * KIB
