"""A stage over events: ends the text of an answer at the first stop sequence that its backend was not told of.

It holds back no more than may be the beginning of one. Reasoning and calls are never ended, as no backend does. Behind
the end that it makes, the rest of the backend's answer is of no use: whoever reads it may close it.
"""

import re
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar

from msgspec.structs import replace

from llmux.ir.content import Text
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    OtherChoice,
    PartDelta,
    PartEnd,
    PartStart,
    StreamError,
    UsageUpdate,
)
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage


class _Node:
    """A place in the words: what has been read of one, and how reading goes on (Aho and Corasick, 1975)."""

    __slots__ = ("depth", "fallback", "found", "next")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.next: dict[str, _Node] = {}
        self.fallback: _Node = self  # the longest other beginning that ends here as well
        self.found = ""  # the longest word that ends here


class Words:
    """Words to be found in a text that comes in pieces, whichever ends first; each character is looked at once."""

    __slots__ = ("_initials", "root")

    def __init__(self, words: Iterable[str]) -> None:
        """`words`: some, none of them empty."""
        self.root = _Node(0)
        for word in words:
            node = self.root
            for depth, character in enumerate(word, 1):
                node = node.next.setdefault(character, _Node(depth))
            node.found = word
        self._initials = re.compile("|".join(map(re.escape, sorted(self.root.next))))
        waiting = deque(self.root.next.values())
        for node in waiting:
            node.fallback = self.root
        while waiting:
            node = waiting.popleft()
            for character, longer in node.next.items():
                longer.fallback = self._step(node.fallback, character)
                longer.found = longer.found or longer.fallback.found
                waiting.append(longer)

    def read(self, node: _Node, text: str) -> tuple[_Node, int]:
        """Where `text` leads from `node`, and how much of it was read: all, or up to the end of a word."""
        at, root = 0, self.root
        while at < len(text):
            if node is root:
                found = self._initials.search(text, at)
                if found is None:
                    return root, len(text)
                at = found.start()
            node = self._step(node, text[at])
            at += 1
            if node.found:
                return node, at
        return node, at

    def _step(self, node: _Node, character: str) -> _Node:
        while character not in node.next and node is not self.root:
            node = node.fallback
        return node.next.get(character, self.root)


class _Candidate:
    """One of the answers: its text is watched until it is ended, here or by the backend."""

    __slots__ = ("_held", "_index", "_node", "_reads", "_words", "over", "stop")

    def __init__(self, words: Words) -> None:
        self._words = words
        self._node = words.root
        self._held = ""  # what may be the beginning of a word
        self._index = 0
        self._reads = False  # the open part is a text
        self.over = False  # nothing more of it is passed on
        self.stop = ""  # the word that has ended it

    def take(self, event: Event, out: list[Event]) -> None:
        """Append what follows from `event`; nothing once it is over."""
        if self.over:
            return
        step = self._STEPS.get(type(event))
        if step is None:
            out.append(event)
        else:
            step(self, event, out)

    def _start(self, event: PartStart, out: list[Event]) -> None:
        self._reads, self._index = isinstance(event.part, Text), event.index
        out.append(event)

    def _delta(self, event: PartDelta, out: list[Event]) -> None:
        if not self._reads:
            out.append(event)
            return
        self._node, read = self._words.read(self._node, event.delta)
        text = self._held + event.delta[:read] if self._held or read < len(event.delta) else event.delta
        kept = len(self._node.found) or self._node.depth
        said, self._held = text[: len(text) - kept], text[len(text) - kept :] if kept else ""
        if said:
            out.append(event if said is event.delta else PartDelta(event.index, said))
        if self._node.found:
            self.over, self.stop = True, self._node.found
            out.append(PartEnd(event.index))

    def _release(self, event: Event, out: list[Event]) -> None:
        """What was held back is no word: the part, or the answer, ends."""
        if self._held:
            out.append(PartDelta(self._index, self._held))
        self._node, self._held = self._words.root, ""
        out.append(event)

    def _end(self, event: MessageEnd, out: list[Event]) -> None:
        self.over = True
        out.append(event)

    _STEPS: ClassVar[Mapping[type[Event], Callable[["_Candidate", Any, list[Event]], None]]] = {
        PartStart: _start,
        PartDelta: _delta,
        PartEnd: _release,
        StreamError: _release,
        MessageEnd: _end,
    }


class StopStage:
    """The texts of one answer, or of several. See normaliser.Stage; this one makes an end."""

    __slots__ = ("_choices", "_first", "_others", "_told", "_usage", "_words")

    def __init__(self, stop: Iterable[str], choices: int = 1) -> None:
        """`stop`: what ends a text; some, none of them empty. `choices`: how many answers there are to be."""
        self._words = Words(stop)
        self._choices = choices
        self._first = _Candidate(self._words)
        self._others: dict[int, _Candidate] = {}
        self._usage = Usage()
        self._told = False  # the end has been given

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """`events`, up to the end. What it costs is told by the backend if it does so among them."""
        out: list[Event] = []
        for event in events:
            self._TAKERS.get(type(event), StopStage._take)(self, event, out)
        if self._complete and not self._told:
            self._finish(replace(self._usage, estimated=True), out)
        return out

    @property
    def _complete(self) -> bool:
        """Whether nothing more is to come, of the first answer because it was ended here."""
        others = self._others.values()
        return self._first.over and len(others) >= self._choices - 1 and all(other.over for other in others)

    def _take(self, event: Event, out: list[Event]) -> None:
        self._first.take(event, out)

    def _begin(self, event: MessageStart, out: list[Event]) -> None:
        self._usage = event.usage or self._usage
        out.append(event)

    def _count(self, event: UsageUpdate, out: list[Event]) -> None:
        self._usage = event.usage
        if not self._told:
            out.append(event)

    def _other(self, event: OtherChoice, out: list[Event]) -> None:
        other = self._others.get(event.choice)
        if other is None:
            other = self._others[event.choice] = _Candidate(self._words)
        was_over, told = other.over, list[Event]()
        for fact in event.events:
            other.take(fact, told)
        if other.stop and not was_over:
            told.append(MessageEnd(FinishReason.STOP_SEQUENCE, Usage(), other.stop))
        if told:
            out.append(OtherChoice(event.choice, tuple(told)))

    def _end(self, event: MessageEnd, out: list[Event]) -> None:
        if self._first.over:
            self._finish(event.usage, out)
        else:
            out.append(event)

    def _fail(self, event: StreamError, out: list[Event]) -> None:
        """It fails; but an answer that was complete before does not."""
        if self._complete:
            return
        if self._first.over:
            out.append(event)
        else:
            self._first.take(event, out)

    def _finish(self, usage: Usage, out: list[Event]) -> None:
        if not self._told:
            self._told = True
            out.append(MessageEnd(FinishReason.STOP_SEQUENCE, usage, self._first.stop))

    _TAKERS: ClassVar[Mapping[type[Event], Callable[["StopStage", Any, list[Event]], None]]] = {
        MessageStart: _begin,
        UsageUpdate: _count,
        OtherChoice: _other,
        MessageEnd: _end,
        StreamError: _fail,
    }
