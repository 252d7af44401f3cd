"""What our words do not cover is kept for its own dialect and for no other."""

import pytest

from llmux.ir.content import Extra, Text, keep, restore
from llmux.ir.usage import Usage

FIELDS = {"type": "text", "text": "hi", "novel": 1}


def test_what_we_know_is_not_extra() -> None:
    assert keep("claude", FIELDS, frozenset(FIELDS)) is None
    assert keep("claude", FIELDS, frozenset({"type", "text"})) == Extra("claude", {"novel": 1})


def test_only_its_own_dialect_gets_it_back() -> None:
    extra = Extra("claude", {"novel": 1})
    assert restore("claude", extra) == {"novel": 1}
    assert restore("openai_chat", extra) == {}
    assert restore("claude", None) == {}


def test_a_value_never_changes() -> None:
    with pytest.raises(AttributeError):
        Text(text="hi").text = "ho"  # type: ignore[misc]  # the point of the test


def test_the_whole_prompt() -> None:
    usage = Usage(input_tokens=1, cache_read_tokens=20, cache_write_tokens=300, output_tokens=4000)
    assert usage.total_input_tokens == 321
