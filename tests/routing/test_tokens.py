"""How many tokens a request is taken to hold."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.ir.content import (
    Audio,
    Document,
    Extra,
    FileId,
    Image,
    Inline,
    Link,
    Opaque,
    Part,
    Reasoning,
    Refusal,
    SearchResult,
    Text,
    ToolCall,
    ToolResult,
    Written,
)
from llmux.ir.request import Message, OutputFormat, Request, Role, Tool
from llmux.routing.tokens import (
    IMAGE_TOKENS,
    PIECE_BYTES,
    estimate,
    every_part,
    media_tokens,
    request_text,
    request_tokens,
)

PICTURE = Image(source=Inline("image/png", "A" * 40_000))
FREE = OutputFormat()
PROSE = "The house stands at the end of the road, and nobody has lived in it for a long time. "


def request(*parts: Part, tools: tuple[Tool, ...] = (), output: OutputFormat = FREE) -> Request:
    return Request(dialect="claude", model="m", messages=(Message(Role.USER, parts),), tools=tools, output=output)


@pytest.mark.parametrize(
    ("text", "least", "most"),
    [
        (PROSE * 20, 4.0, 5.0),
        ('{"id": 12345, "name": "x"}\n' * 20, 1.5, 2.5),
        ("2024-11-21 03:39:01.123 INFO 8f3a\n" * 20, 1.2, 2.0),
        ("    if value is not None:\n        return value\n" * 20, 4.0, 8.0),
        ("\u4f60\u597d\u4e16\u754c" * 20, 3.0, 6.0),
        (" " * 1_000, 20.0, 200.0),
    ],
    ids=["prose", "json", "log", "code", "chinese", "indentation"],
)
def test_estimate_in_bytes_per_token(text: str, least: float, most: float) -> None:
    """The bounds are what tokenizers of today give for such texts, with some room."""
    data = text.encode()
    assert least <= len(data) / estimate(data) <= most


@pytest.mark.parametrize("text", [b"", b"\n" * 50])
def test_nothing_is_no_token(text: bytes) -> None:
    assert estimate(text) == 0


@given(st.binary() | st.text().map(str.encode) | st.text("a1 ,\n").map(str.encode))
def test_bytes_bound_tokens(text: bytes) -> None:
    assert 0 <= estimate(text) <= len(text)


@given(st.lists(st.sampled_from([PROSE, "x = [1, 2]\n", "42 "]), min_size=1, max_size=40).map("".join), st.integers(0))
def test_where_a_text_is_cut_matters_little(text: str, cut: int) -> None:
    data = text.encode()
    at = cut % len(data)
    assert abs(estimate(data[:at]) + estimate(data[at:]) - estimate(data)) <= 2


EVERYTHING = (
    Text(text="a text"),
    Reasoning(text="a thought"),
    Refusal(text="a refusal"),
    ToolCall(id="1", name="a_call", arguments='{"an": "argument"}'),
    ToolResult(call_id="1", content=(Text(text="a result"), PICTURE)),
    SearchResult(source="a source", title="a title", content=(Text(text="a passage"),)),
    Document(source=Written("a file"), title="its title", context="its context"),
    Document(source=(Text(text="a page"), PICTURE)),
    Document(source=Link("https://example.com/a.pdf"), title="a link"),
    Opaque(dialect="claude", raw={"type": "server_tool_use", "query": "a search"}),
    PICTURE,
    Audio(format="wav", data="B" * 6_400),
)
TOOLS = (
    Tool("a_tool", "a description", {"type": "object", "title": "a schema"}),
    Tool("a_grammar", kind="custom", format={"syntax": "lark"}),
    Tool("a_search", kind="server", extra=Extra("claude", {"type": "web_search"})),
)
WORDS = """user|a text|a thought|a refusal|a_call|{"an": "argument"}|a result|a source|a title|a passage|its title
its context|a file|a page|a link|a search|a_tool|a description|a schema|a_grammar|lark|a_search|web_search|a shape"""


def test_every_word_is_in_the_text_and_no_media() -> None:
    asked = request(*EVERYTHING, tools=TOOLS, output=OutputFormat("json_schema", {"title": "a shape"}))
    text = b"".join(request_text(asked)).decode()
    assert [word for word in WORDS.replace("\n", "|").split("|") if word not in text] == []
    assert "AAAA" not in text
    assert "BBBB" not in text


def test_an_unknown_part_has_no_words() -> None:
    assert b"".join(request_text(request(Part()))) == b"user\n"
    assert media_tokens(request(Part())) == 0


def test_parts_within_parts_in_order() -> None:
    inner, other, last = Text(text="1"), Text(text="2"), Text(text="3")
    document = Document(source=(inner, other))
    result = ToolResult(call_id="c", content=(document, last))
    assert list(every_part(request(result, PICTURE))) == [result, document, inner, other, last, PICTURE]


def test_messages_in_order() -> None:
    first, second = Text(text="1"), Text(text="2")
    turns = Request(dialect="d", model="m", messages=(Message(Role.USER, (first,)), Message(Role.USER, (second,))))
    assert list(every_part(turns)) == [first, second]


def test_depth_is_no_danger() -> None:
    part: Part = PICTURE
    for _ in range(5_000):
        part = ToolResult(call_id="c", content=(part,))
    assert media_tokens(request(part)) == IMAGE_TOKENS


@pytest.mark.parametrize(
    ("part", "tokens"),
    [
        (PICTURE, IMAGE_TOKENS),
        (Image(source=Link("https://example.com/x.png")), IMAGE_TOKENS),
        (Document(source=Inline("application/pdf", "A" * 4_000_000)), 120_000),
        (Document(source=Inline("application/pdf", "A")), IMAGE_TOKENS),
        (Document(source=FileId("f")), IMAGE_TOKENS),
        (Document(source=Written("words")), 0),
        (Document(source=(PICTURE, PICTURE)), 2 * IMAGE_TOKENS),
        (Audio(format="mp3", data="A" * 640_000), 300),
        (Text(text="words"), 0),
    ],
)
def test_media(part: Part, tokens: int) -> None:
    assert media_tokens(request(part)) == tokens


TEXTS = ["", "x", PROSE * 10, "x" * (PIECE_BYTES - 3), "y" * PIECE_BYTES, "\u00e9\u4f60" * PIECE_BYTES]


@given(st.lists(st.integers(0, len(TEXTS) - 1), max_size=4))
def test_pieces_are_small_and_nothing_is_lost(chosen: list[int]) -> None:
    texts = [TEXTS[index] for index in chosen]
    pieces = list(request_text(request(*(Text(text=text) for text in texts))))
    assert all(len(piece) == PIECE_BYTES for piece in pieces[:-1])
    assert len(pieces[-1]) <= PIECE_BYTES
    assert b"".join(pieces).decode() == "".join(f"{text}\n" for text in ["user", *texts])


def test_half_a_character_is_no_danger() -> None:
    assert b"".join(request_text(request(Text(text="\ud800")))) == b"user\n?\n"


def test_all_in_all() -> None:
    asked = request(Text(text=PROSE * 5_000), PICTURE)
    assert request_tokens(asked) == pytest.approx(5_000 * estimate(PROSE.encode()) + IMAGE_TOKENS, rel=0.03)
