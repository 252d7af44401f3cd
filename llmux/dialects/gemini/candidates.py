"""A backend's chunks, as documents -> events, for every candidate that they tell of: a reader each.

It reads what is said of all of them: who answers, what it cost, that the prompt is refused. `stream.py` cuts documents
for it, and `response.py` gives it a whole answer as one.
"""

from typing import Any

import msgspec

from llmux.dialects.base import Names
from llmux.dialects.gemini.answer import Candidate, block_reason, candidates_of, decode_usage, fault_in
from llmux.dialects.gemini.reader import Reader, Wire
from llmux.errors import BackendGarbled
from llmux.ir.events import Event, MessageStart, OtherChoice
from llmux.ir.usage import Usage


class Candidates:
    """One answer while it is read. `first` is the reader of the candidate that every answer has."""

    __slots__ = ("_beside", "_names", "_others", "_usage", "begun", "first")

    def __init__(self, names: Names) -> None:
        """`names` undoes the renaming of tools."""
        self._names = names
        self.first = Reader(names)
        self._others: dict[int, Reader] = {}
        self._usage: Any = None  # as it was told last, perhaps unread
        self._beside: Wire = {}
        self.begun = False

    @property
    def finished(self) -> bool:
        """Whether the prompt is refused, or every candidate has said why it ends."""
        ended = self.first.finished and all(other.finished for other in self._others.values())
        return ended or bool(self._beside)

    def chunk(self, document: Any, out: list[Event]) -> None:
        """Read one document.

        Raises:
            GatewayError: it tells of a failure, or is no answer.
        """
        if fault := fault_in(document):
            raise fault
        if not isinstance(document, dict):
            raise BackendGarbled("The backend sent an event that is no object.")
        self._begin(document, out)
        self.count(document.get("usageMetadata"))
        for index, candidate in candidates_of(document):
            if index:
                self._other(index, candidate, out)
            else:
                self.first.candidate(candidate, out)
        if block_reason(document):
            self._beside["promptFeedback"] = document["promptFeedback"]

    def count(self, usage: Any) -> None:
        """Usage, which each chunk tells anew. It is read once, at the end."""
        self._usage = usage or self._usage

    def end(self, out: list[Event]) -> None:
        """Tell the end of every candidate: the first one's is the end of the answer."""
        for index, other in sorted(self._others.items()):
            events: list[Event] = []
            other.end(Usage(), {}, events)
            out.append(OtherChoice(index, tuple(events)))
        usage = msgspec.json.decode(self._usage) if isinstance(self._usage, msgspec.Raw) else self._usage
        self.first.end(decode_usage(usage) or Usage(), self._beside, out)

    def _begin(self, document: Wire, out: list[Event]) -> None:
        if self.begun:
            return
        self.begun = True
        told, model = document.get("responseId"), document.get("modelVersion")
        self.first.seed = told if isinstance(told, str) else ""
        out.append(MessageStart(self.first.seed, model if isinstance(model, str) else ""))

    def _other(self, index: int, candidate: Candidate, out: list[Event]) -> None:
        other = self._others.get(index)
        if other is None:
            other = self._others[index] = Reader(self._names)
            other.seed = f"{self.first.seed}_{index}"
        events: list[Event] = []
        other.candidate(candidate, events)
        if events:
            out.append(OtherChoice(index, tuple(events)))
