"""What backends report teaches how far an estimate is off, within bounds, and only from what can be compared."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.ir.content import Audio, Image, Link, Text
from llmux.ir.request import Message, Request, Role
from llmux.ir.usage import Usage
from llmux.routing.calibration import LEAST, MOST, UNKNOWN, Calibration, is_comparable, learn
from llmux.routing.vocabulary import vocabulary

WORDS = Text(text="Hello.")


def asked(*parts: Any, **changes: Any) -> Request:
    return Request(dialect="claude", model="m", messages=(Message(Role.USER, parts),), **changes)


COMPARABLE: dict[str, tuple[Request, Usage, bool]] = {
    "words": (asked(WORDS), Usage(input_tokens=9), True),
    "words that were cached": (asked(WORDS), Usage(cache_read_tokens=5, cache_write_tokens=4), True),
    "nothing told": (asked(WORDS), Usage(output_tokens=9), False),
    "our own guess": (asked(WORDS), Usage(input_tokens=9, estimated=True), False),
    "what a server tool found": (asked(WORDS), Usage(input_tokens=9, server_tools={"web_search": 1}), False),
    "a picture": (asked(WORDS, Image(source=Link("u"))), Usage(input_tokens=9), False),
    "sound": (asked(Audio(format="mp3", data="A" * 4_000)), Usage(input_tokens=9), False),
    "the end of a conversation": (asked(WORDS, previous="resp_1"), Usage(input_tokens=9), False),
}


@pytest.mark.parametrize("case", COMPARABLE.values(), ids=COMPARABLE)
def test_what_can_be_compared(case: tuple[Request, Usage, bool]) -> None:
    assert is_comparable(case[0], case[1]) is case[2]


def after(*reports: tuple[int, int]) -> Calibration:
    known = UNKNOWN
    for estimated, reported in reports:
        known = learn(known, estimated, reported)
    return known


def test_the_first_reports_weigh_the_same() -> None:
    assert after((1_000, 1_200)) == Calibration(1.2, 1)
    assert after((1_000, 1_200), (1_000, 1_400)) == Calibration(pytest.approx(1.3), 2)


def test_later_ones_fade() -> None:
    known = after(*[(1_000, 1_000)] * 50, *[(1_000, 1_500)] * 10)
    assert 1.4 < known.ratio < 1.5


@pytest.mark.parametrize(("estimated", "reported"), [(1_000, 299), (1_000, 3_001), (99, 99), (0, 5)])
def test_what_is_out_of_bounds_teaches_nothing(estimated: int, reported: int) -> None:
    assert learn(UNKNOWN, estimated, reported) is UNKNOWN


@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=50))
def test_a_ratio_stays_within_its_bounds(reports: list[tuple[int, int]]) -> None:
    assert LEAST <= after(*reports).ratio <= MOST


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("gpt-4o-mini", "o200k"),
        ("gpt-4.1", "o200k"),
        ("openai/gpt-5.6", "o200k"),
        ("o3", "o200k"),
        ("o4-mini", "o200k"),
        ("gpt-oss:20b", "o200k"),
        ("GPT-4", "cl100k"),
        ("gpt-4-turbo", "cl100k"),
        ("gpt-3.5-turbo", "cl100k"),
        ("text-embedding-3-small", "cl100k"),
        ("claude-opus-4-6", ""),
        ("gemini-2.5-pro", ""),
        ("qwen3:8b", ""),
        ("not-gpt-4", ""),
    ],
)
def test_the_vocabulary_of_a_model(model: str, name: str) -> None:
    assert vocabulary(model) == name
