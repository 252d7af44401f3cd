"""A backend's chunks -> events, for every choice that they tell of: a reader each. It reads no choice itself.

`stream.py` cuts frames for it, and `response.py` gives it a whole answer as one chunk.
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects.base import Names
from llmux.dialects.openai_chat.answer import fault_in, usage_in
from llmux.dialects.openai_chat.reader import Reader
from llmux.dialects.openai_chat.reasoning import objects
from llmux.ir.events import Event, MessageStart, OtherChoice
from llmux.ir.usage import Usage

MOST_CHOICES = 128  # OpenAI's own limit of `n`


class Chunks:
    """One answer's chunks -> events. `first` is the reader of the choice that every answer has."""

    __slots__ = ("_names", "_others", "_usage", "begun", "first")

    def __init__(self, names: Names) -> None:
        self._names = names
        self.first = Reader(names)
        self._others: dict[int, Reader] = {}
        self._usage: Usage | None = None
        self.begun = False  # until then only `begin` or `chunk` may be called

    def chunk(self, chunk: Mapping[str, Any], out: list[Event]) -> None:
        """Append the events of any chunk.

        Raises:
            GatewayError: the chunk tells of a failure.
        """
        if failure := fault_in(chunk):
            raise failure
        self.count(usage_in(chunk))
        choices = objects(chunk.get("choices"))
        if not self.begun and (choices or chunk.get("id")):
            self.begin(chunk.get("id"), chunk.get("created"), chunk.get("model"), out)
        for choice in choices:
            index = choice.get("index")
            if isinstance(index, int) and 0 < index < MOST_CHOICES:
                self._other(index, choice, out)
            elif index in (0, None):
                self.first.choice(choice, out)

    def count(self, usage: Usage | None) -> None:
        """Note the usage, if any; it may come at any time and replaces what was told before."""
        self._usage = usage or self._usage

    def begin(self, answer: Any, created: Any, model: Any, out: list[Event]) -> None:
        """Append the beginning: who answers, as far as it is told."""
        self.begun = True
        self.first.seed = f"{answer}:{created}"
        out.append(MessageStart(answer if isinstance(answer, str) else "", model if isinstance(model, str) else ""))

    def end(self, out: list[Event]) -> None:
        """Append what was held back, and the end of every choice: the first one's is the end of the answer."""
        for index, other in sorted(self._others.items()):
            events: list[Event] = []
            other.end(Usage(), events)
            out.append(OtherChoice(index, tuple(events)))
        self.first.end(self._usage or Usage(), out)

    def _other(self, index: int, choice: Mapping[str, Any], out: list[Event]) -> None:
        other = self._others.get(index)
        if other is None:
            other = self._others[index] = Reader(self._names)
            other.seed = f"{self.first.seed}:{index}"
        events: list[Event] = []
        other.choice(choice, events)
        if events:
            out.append(OtherChoice(index, tuple(events)))
