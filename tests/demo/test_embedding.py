"""The demo's vectors: always the same, of length 1, exact in float32, near each other where texts share words."""

import math
from array import array

import orjson
import pytest

from llmux.demo.embedding import DIMENSIONS, MOST_DIMENSIONS, embed
from llmux.demo.provider import Provider
from llmux.demo.script import Halt
from llmux.demo.speak import Head
from llmux.dialects.registry import TABLE
from llmux.ir.embedding import EmbeddingRequest, Vector
from llmux.transports.base import Call


def vectors(*inputs: str | tuple[int, ...], dimensions: int | None = None) -> tuple[Vector, ...]:
    return embed(EmbeddingRequest(model="m", inputs=inputs, dimensions=dimensions)).vectors


def nearness(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


@pytest.mark.parametrize("text", ["The cat sat.", "", "...", "\ud800", "\u4f60\u597d", (1, 2, 3)])
def test_a_vector(text: str | tuple[int, ...]) -> None:
    (vector,) = vectors(text)
    assert len(vector) == DIMENSIONS
    assert math.hypot(*vector) == pytest.approx(1, abs=1e-5)
    assert list(vector) == array("f", vector).tolist()
    assert (vector,) == vectors(text)


def test_texts_that_share_words_are_near() -> None:
    cat, feline, stock = vectors("the cat sat on the mat", "the cat sat on a mat", "shares fell sharply today")
    assert nearness(cat, feline) > 0.5 > abs(nearness(cat, stock))


@pytest.mark.parametrize(("asked", "given"), [(8, 8), (10**9, MOST_DIMENSIONS)])
def test_dimensions_are_as_asked_for(asked: int, given: int) -> None:
    assert len(vectors("x", dimensions=asked)[0]) == given


def test_tokens_are_counted() -> None:
    assert embed(EmbeddingRequest(model="m", inputs=("a b c", (7, 8)))).input_tokens == 5


def acts(model: str) -> tuple[object, ...]:
    body = orjson.dumps({"model": model, "input": "hello"})
    return tuple(Provider(TABLE.values()).perform(Call("/v1/embeddings", {}, body)))


@pytest.mark.parametrize(
    ("model", "status"), [("embed", 200), ("fail-429", 429), ("fail-500", 500), ("error-first", 529), ("html", 200)]
)
def test_over_its_own_api_with_its_faults(model: str, status: int) -> None:
    head = acts(model)[0]
    assert isinstance(head, Head)
    assert head.status == status


def test_a_cut() -> None:
    head, half, halt = acts("cut")
    assert isinstance(head, Head)
    assert isinstance(half, bytes)
    assert len(half) < int(head.headers["content-length"])
    assert halt is Halt.CUT
