"""A slice of the fuzzing for each decoder; `python -m tests.laws.fuzz` does the whole."""

import pytest

from llmux.dialects.registry import TABLE
from tests.amount import amount
from tests.laws import feeds, fuzz

# Streams and bodies cost less than errors, which are short and many, and than what is told to every client.
SLICE = {"error": 8_000, "told": 15_000, "listing": 8_000}


@pytest.mark.parametrize(
    ("name", "kind"), [(name, kind) for name, dialect in TABLE.items() for kind in feeds.kinds(dialect)]
)
def test_damaged_input_raises_only_our_own_errors(name: str, kind: str) -> None:
    most = amount(SLICE.get(kind, 50_000), 10_000_000)
    ran = fuzz.fuzz(name, kind, feeds.seeds(name)[kind], most, "slice")
    assert ran.bytes >= most


def test_what_breaks_the_law_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise KeyError("oops")

    monkeypatch.setattr(fuzz, "FEEDS", {"stream": breaks})
    with pytest.raises(AssertionError, match="claude stream, seed 's', input 0: b'"):
        fuzz.fuzz("claude", "stream", (b"data: {}",), 10, "s")


def test_memory_that_one_input_takes_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "FEEDS", {"stream": lambda *_: bytearray(fuzz.HELD) and None})
    with pytest.raises(AssertionError, match="bytes were held for one input"):
        fuzz.fuzz("claude", "stream", (b"data: {}",), 10, "s")


def test_memory_that_is_kept_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = list[bytearray]()
    monkeypatch.setattr(fuzz, "FEEDS", {"stream": lambda *_: kept.append(bytearray(fuzz.KEPT))})
    with pytest.raises(AssertionError, match="bytes are held after the last of"):
        fuzz.fuzz("claude", "stream", (b"data: {}",), 10, "s")
