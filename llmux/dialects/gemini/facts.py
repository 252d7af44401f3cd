"""What a stream that passes unchanged has told, in the few chunks of it that were read. It makes no event."""

from typing import Any

from llmux.dialects.document import decode
from llmux.dialects.gemini.answer import (
    Candidate,
    block_reason,
    candidates_of,
    decode_usage,
    failed_finish,
    fault_in,
    finish_reason,
    finish_word,
    parts_of,
)
from llmux.errors import BackendGarbled
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

LOST = "The backend sent an event that is not JSON."


class Facts:
    """What the chunks that were read have told."""

    __slots__ = ("_blocked", "_called", "_words", "content", "usage")

    def __init__(self) -> None:
        self.usage: Usage | None = None
        self.content = False  # something was said
        self._called = False
        self._words: dict[int, str] = {}  # why each candidate ends; "": it has not
        self._blocked = False

    def read(self, data: bytes) -> None:
        """Note what one chunk tells.

        Raises:
            GatewayError: it tells of a failure, or is no chunk.
        """
        try:
            document: Any = decode(data)
        except ValueError:
            raise BackendGarbled(LOST) from None
        if fault := fault_in(document):
            raise fault
        if not isinstance(document, dict):
            raise BackendGarbled(LOST)
        self.usage = decode_usage(document.get("usageMetadata")) or self.usage
        for index, candidate in candidates_of(document):
            self._candidate(index, candidate)
        self._blocked = self._blocked or bool(block_reason(document))
        self.content = self.content or self.finished

    def _candidate(self, index: int, candidate: Candidate) -> None:
        parts, told = parts_of(candidate), finish_word(candidate)
        said = any(part.get("text") or part.keys() - {"text", "thought"} for part in parts)
        if failure := failed_finish(told, candidate, said=said or self.content):
            raise failure
        self._words[index] = told or self._words.get(index, "")
        self._called = self._called or (not index and any("functionCall" in part for part in parts))
        self.content = self.content or said

    @property
    def finished(self) -> bool:
        """Whether the prompt is refused, or every candidate has said why it ends."""
        return self._blocked or (bool(self._words.get(0)) and all(self._words.values()))

    @property
    def finish_reason(self) -> FinishReason | None:
        """Why, as far as what was read tells."""
        if not (word := self._words.get(0)):
            return FinishReason.FILTERED if self._blocked else None
        return finish_reason(word, called=self._called)
