"""Marks in a text that arrives in pieces: found whole, or held back where they may have begun. Pure."""

import re
from collections.abc import Iterable


class Marks:
    """A few words to be found, which do not change."""

    __slots__ = ("_begun", "_longest", "_whole")

    def __init__(self, words: Iterable[str]) -> None:
        words = tuple(words)
        begun = sorted({word[:size] for word in words for size in range(1, len(word))}, key=len, reverse=True)
        self._whole = re.compile("|".join(map(re.escape, words)))
        self._begun = re.compile(f"(?:{'|'.join(map(re.escape, begun))})\\Z")
        self._longest = max(map(len, words))

    def find(self, text: str, at: int) -> re.Match[str] | None:
        """The first of the words in `text` from `at` on."""
        return self._whole.search(text, at)

    def match(self, text: str, at: int) -> re.Match[str] | None:
        """The word that stands at `at`."""
        return self._whole.match(text, at)

    def begun(self, text: str, at: int) -> int:
        """Where at the end of `text`, but not before `at`, a word may have begun; its length when none has."""
        found = self._begun.search(text, max(at, len(text) - self._longest + 1))
        return found.start() if found else len(text)
