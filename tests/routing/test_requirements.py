"""What a request needs of a backend."""

import pytest

from llmux.ir.capability import Capability
from llmux.ir.content import Audio, Document, FileId, Image, Inline, Link, Part, Text, ToolResult, Written
from llmux.ir.embedding import EmbeddingRequest
from llmux.ir.request import Message, Original, ReasoningControl, Request, Role, Tool
from llmux.routing.requirements import Needs, longest, read
from llmux.routing.tokens import IMAGE_TOKENS

DATA = "A" * 10_000
PICTURE = Image(source=Inline("image/png", DATA))
PDF = Document(source=Inline("application/pdf", DATA))


def request(*parts: Part, **changes: object) -> Request:
    fields = {"dialect": "claude", "model": "m", "messages": (Message(Role.USER, parts),)} | changes
    return Request(**fields)  # type: ignore[arg-type]  # a test's own words, checked by its running


@pytest.mark.parametrize(
    ("part", "needed"),
    [
        (Text(text="words"), False),
        (PICTURE, True),
        (Image(source=Link("https://example.com/x.png")), True),
        (PDF, True),
        (Document(source=FileId("f")), True),
        (Document(source=Written("words")), False),
        (Document(source=(Text(text="words"),)), False),
        (Document(source=(Text(text="words"), PICTURE)), True),
        (ToolResult(call_id="c", content=(Text(text="words"),)), False),
        (ToolResult(call_id="c", content=(PICTURE,)), True),
        (ToolResult(call_id="c", content=(Document(source=(PICTURE,)),)), True),
        (Audio(format="wav", data=DATA), False),
    ],
)
def test_vision(part: Part, needed: bool) -> None:
    assert (Capability.VISION in read(request(part)).capabilities) is needed


@pytest.mark.parametrize(
    ("reasoning", "needed"),
    [
        (ReasoningControl(), False),
        (ReasoningControl("on"), True),
        (ReasoningControl("auto"), True),
        (ReasoningControl("on", effort="none"), True),
        (ReasoningControl("unset", effort="none"), False),
        (ReasoningControl("unset", effort="minimal"), True),
        (ReasoningControl("off"), False),
        (ReasoningControl("off", effort="high"), False),
    ],
)
def test_thinking(reasoning: ReasoningControl, needed: bool) -> None:
    assert (Capability.THINKING in read(request(reasoning=reasoning)).capabilities) is needed


def test_tools() -> None:
    assert read(request(tools=(Tool("t"),))).capabilities == {Capability.TOOLS}


def test_a_plain_request_needs_nothing() -> None:
    assert read(request(Text(text="hello"))) == Needs("m", frozenset(), len("user\nhello\n"), 0)


def test_what_only_its_own_dialect_can_say() -> None:
    assert read(request(bound="suffix")).dialect == request().dialect
    assert read(request()).dialect == ""


def test_what_was_asked_for_as_output() -> None:
    assert read(request(max_output_tokens=4_096)).output_tokens == 4_096


SENT = Original(body=b"{" + b"x" * 50_000 + b"}", document={})


@pytest.mark.parametrize(
    ("parts", "original", "bound"),
    [
        ((), SENT, 50_002),
        ((PICTURE,), SENT, 40_002 + IMAGE_TOKENS),
        ((ToolResult(call_id="c", content=(PICTURE, PICTURE)),), SENT, 30_002 + 2 * IMAGE_TOKENS),
        ((Image(source=Link("https://example.com")),), SENT, 50_002 + IMAGE_TOKENS),
        ((PDF, Audio(format="wav", data=DATA)), SENT, 50_002),  # by their size
        ((PICTURE,), None, len("user\n") + IMAGE_TOKENS),
        ((PDF, Audio(format="wav", data=DATA)), None, len("user\n\n\n") + 2 * len(DATA)),
        ((Document(source=Link("https://example.com")),), None, len("user\n\n\n\n")),
    ],
)
def test_bytes_bound_the_tokens(parts: tuple[Part, ...], original: Original | None, bound: int) -> None:
    assert read(request(*parts, original=original)).bytes == pytest.approx(bound, abs=3)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [(("a", "longer", "b"), "longer"), (((1, 2, 30),), "1 2 30"), (("", ""), "")],
    ids=["texts", "tokens", "nothing"],
)
def test_of_texts_to_embed_the_longest_counts(inputs: tuple[str | tuple[int, ...], ...], text: str) -> None:
    prompt = longest(EmbeddingRequest(model="m", inputs=inputs))
    assert (prompt.model, prompt.messages[0].parts) == ("m", (Text(text=text),))
