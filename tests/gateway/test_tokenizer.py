"""The vocabularies that can be installed: loaded when one is first asked for, and done without where they are not."""

import sys

import pytest

from llmux.gateway.tokenizer import Tokenizer


async def test_without_the_extra_nothing_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rs_bpe", None)
    assert await Tokenizer().counter("o200k") is None


async def test_of_no_vocabulary_nothing_is_loaded() -> None:
    loaded = list[str]()
    assert await Tokenizer(loaded.append).counter("") is None
    assert loaded == []


@pytest.mark.parametrize(("vocabulary", "tokens"), [("o200k", 2), ("cl100k", 5)])
async def test_with_it_each_is_counted_by_its_own(vocabulary: str, tokens: int) -> None:
    pytest.importorskip("rs_bpe")
    count = await Tokenizer().counter(vocabulary)
    assert count is not None
    assert count("\u4f60\u597d\u4e16\u754c") == tokens
