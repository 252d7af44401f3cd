"""Where the network cuts, and how lines end: bytes are put together before they are read. The faults H.38 to H.42.

Every stream of `heard` is cut at each byte, in sevens and not at all.
"""

import pytest

from llmux.dialects.registry import TABLE
from llmux.ir.content import Text
from llmux.ir.fold import fold
from tests.contract.wires import DONE, STOP, answer, framed, heard, parts, says
from tests.laws.lanes import hear, tell

DIALECTS = tuple(TABLE)
SAID = "Grüße 🌍 \U0001f468‍\U0001f469 日本"
# Characters that end a line for Python's splitlines, and for no wire: they may stand in a JSON string as they are.
SEPARATORS = "a\u2028b\u2029c\u0085d"


def stream(dialect: str, text: str) -> bytes:
    """An answer that says `text`, in the wire of `dialect`."""
    return tell(TABLE[dialect], heard("openai_chat", says(text), STOP, DONE))


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_character_or_a_document_that_is_cut_is_put_together(dialect: str) -> None:
    """H.38: each byte may come alone."""
    assert parts(dialect, stream(dialect, SAID)) == (Text(text=SAID),)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_the_network_brings_is_no_unit_of_meaning(dialect: str) -> None:
    """H.39: half a document makes no event and no error, two in one read make the events of both."""
    body = stream(dialect, SAID)
    decoder = TABLE[dialect].decoder({})
    assert decoder.feed(body[: body.index(b"{") + 3]) == []
    whole = hear(TABLE[dialect].decoder({}), [body])
    assert fold(whole).parts == (Text(text=SAID),)


FRAMES = framed("openai_chat", says("one "), says("two"), STOP, DONE)
# How a stream may be written that says the same.
SPELLINGS = {
    "H.40 lines end in CRLF": FRAMES.replace(b"\n", b"\r\n"),
    "H.40 lines end in CR": FRAMES.replace(b"\n", b"\r"),
    "H.40 lines end in all ways": FRAMES.replace(b"\n\n", b"\r\n\n", 1).replace(b"\n\n", b"\r\r", 1),
    "H.40 a byte order mark in front": b"\xef\xbb\xbf" + FRAMES,
    "H.40 comments between": b": OPENROUTER PROCESSING\n\n" + FRAMES.replace(b"\n\n", b"\n\n: still here\n\n"),
    "H.40 the last line does not end": FRAMES.rstrip(b"\n"),
    "H.42 no space behind the colon": FRAMES.replace(b"data: ", b"data:"),
}


@pytest.mark.parametrize("case", SPELLINGS)
def test_a_frame_is_a_frame_however_it_is_written(case: str) -> None:
    assert parts("openai_chat", SPELLINGS[case]) == (Text(text="one two"),)


# What every stream of events may have instead.
ENDS = {"H.40 CRLF": (b"\n", b"\r\n"), "H.40 CR": (b"\n", b"\r"), "H.42 no space": (b"data: ", b"data:")}


@pytest.mark.parametrize("case", ENDS)
@pytest.mark.parametrize("dialect", ["claude", "openai_responses", "gemini"])
def test_every_dialect_of_events_is_read_alike(dialect: str, case: str) -> None:
    assert parts(dialect, stream(dialect, "one two").replace(*ENDS[case])) == (Text(text="one two"),)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_only_ends_of_lines_end_a_line(dialect: str) -> None:
    """H.41: U+2028 and its like stand raw in a backend's JSON."""
    raw = stream(dialect, "HERE").replace(b"HERE", SEPARATORS.encode())
    assert parts(dialect, raw) == (Text(text=SEPARATORS),)


@pytest.mark.parametrize("client", DIALECTS)
def test_clients_that_split_lines_as_python_does_are_not_misled(client: str) -> None:
    """H.41: what we write holds none of these characters as they are."""
    body = stream(client, SEPARATORS)
    assert len(body.decode().splitlines()) == body.count(b"\n")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_passed_stream_keeps_its_bytes(dialect: str) -> None:
    """H.41: in the verbatim lane too, raw separators break nothing."""
    raw = stream(dialect, "HERE").replace(b"HERE", SEPARATORS.encode())
    decoder = TABLE[dialect].verbatim()
    events = [event for at in range(len(raw)) for event in decoder.feed(raw[at : at + 1])] + decoder.close()
    assert tell(TABLE[dialect], events) == raw


def test_frames_without_the_space_are_not_skipped_one_by_one() -> None:
    """H.42: not even where others of the same stream have it."""
    mixed = FRAMES.replace(b"data: ", b"data:", 2)
    assert answer("openai_chat", mixed).parts == (Text(text="one two"),)
