"""Reasoning in tags: `<think>...</think>` at the very start of an answer's text is reasoning.

For servers that leave their model's template as it is. It holds back no more than may be the beginning of a tag, and
an answer that has reasoning of its own is left alone. Blanks behind a tag belong to nobody.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

from llmux.ir.content import Part, Reasoning
from llmux.normalise.marks import Marks
from llmux.normalise.texts import Piece

OPENER = "<think>"  # one blank may stand before it
CLOSER = "</think>"
_CLOSERS = Marks((CLOSER,))
REASONING = Reasoning()


class TagReader:
    """See texts.TextReader."""

    __slots__ = ("_held", "_state", "called")

    def __init__(self) -> None:
        self.called = False
        self._held = ""
        self._state = "text"

    def begin(self, message_id: str) -> None:
        """Every answer is read alike."""

    def open(self, before: Sequence[type[Part]]) -> None:
        """Only an answer's first part can begin with a tag."""
        self._state = "text" if before else "start"

    def feed(self, text: str) -> list[Piece]:
        """More of the text."""
        text, self._held = self._held + text, ""
        return self._STATES[self._state](self, text)

    def close(self, *, cut: bool = False) -> list[Piece]:
        """What was held back is no tag."""
        del cut
        held, self._held = self._held, ""
        return [(None if self._state == "start" else REASONING, held)] if held else []

    def _start(self, text: str) -> list[Piece]:
        word = text[1:] if text[:1].isspace() else text
        if word.startswith(OPENER):
            self._state = "opened"
            return self._opened(word[len(OPENER) :])
        if OPENER.startswith(word):
            self._held = text
            return []
        self._state = "text"
        return [(None, text)]

    def _opened(self, text: str) -> list[Piece]:
        """Nothing has been thought yet."""
        text = text.lstrip()
        if text:
            self._state = "thinking"
        return self._thinking(text) if text else []

    def _thinking(self, text: str) -> list[Piece]:
        if found := _CLOSERS.find(text, 0):
            self._state = "closed"
            thought, said = text[: found.start()], self._closed(text[found.end() :])
            return [(REASONING, thought), *said] if thought else said
        end = _CLOSERS.begun(text, 0)
        self._held = text[end:]
        return [(REASONING, text[:end])] if end else []

    def _closed(self, text: str) -> list[Piece]:
        """Nothing has been said yet."""
        text = text.lstrip()
        if text:
            self._state = "text"
        return self._said(text) if text else []

    def _said(self, text: str) -> list[Piece]:
        return [(None, text)]

    _STATES: ClassVar[Mapping[str, Callable[["TagReader", str], list[Piece]]]] = {
        "start": _start,
        "opened": _opened,
        "thinking": _thinking,
        "closed": _closed,
        "text": _said,
    }
