"""The items of a stream while they arrive: what each has told so far. It writes no event.

Nearly all frames are deltas: for these there is a type, which is read in a fraction of the time of a document.

Reference: https://platform.openai.com/docs/api-reference/responses-streaming
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

import msgspec

from llmux.dialects.openai_responses.calls import qualified
from llmux.ir.content import Part, Reasoning, Refusal, Text, ToolCall
from llmux.ir.events import Event
from llmux.ir.value import Value

Wire = dict[str, Any]
Step = Callable[[list[Event]], None]

# --- deltas, nearly all of a stream, by type -------------------------------------------------------------------------


class TextDelta(msgspec.Struct, tag="response.output_text.delta", gc=False):
    """More of a text."""

    output_index: int
    delta: str
    place: int = msgspec.field(default=0, name="content_index")


class ArgumentsDelta(msgspec.Struct, tag="response.function_call_arguments.delta", gc=False):
    """More of a call's arguments."""

    output_index: int
    delta: str
    place: int = msgspec.field(default=0, name="-")


class SummaryDelta(msgspec.Struct, tag="response.reasoning_summary_text.delta", gc=False):
    """More of what is shown of the reasoning."""

    output_index: int
    delta: str
    place: int = msgspec.field(default=0, name="summary_index")


class ReasoningDelta(msgspec.Struct, tag="response.reasoning_text.delta", gc=False):
    """More of the reasoning itself."""

    output_index: int
    delta: str
    place: int = msgspec.field(default=0, name="content_index")


Delta = TextDelta | ArgumentsDelta | SummaryDelta | ReasoningDelta


class Family(Value):
    """A kind of text: the item that it stands in, the part that it is, and the words of its events."""

    item: str
    part: Part
    place: str  # the field that numbers the texts of an item
    whole: str  # the field that holds all of it, when it is done
    delta: type | None = None


FAMILIES: Mapping[str, Family] = {
    "output_text": Family("message", Text(), "content_index", "text", TextDelta),
    "refusal": Family("message", Refusal(), "content_index", "refusal"),
    "summary_text": Family("reasoning", Reasoning(), "summary_index", "text", SummaryDelta),
    "reasoning_text": Family("reasoning", Reasoning(), "content_index", "text", ReasoningDelta),
}


class Told:
    """What has been told of one text, so that the whole can fill what is missing."""

    __slots__ = ("cited", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.cited = 0  # citations

    def missing(self, whole: Any) -> str:
        """What of `whole` has not been told; nothing when something else has: what is said is said."""
        told = "".join(self.pieces)
        return whole[len(told) :] if isinstance(whole, str) and whole.startswith(told) else ""


class Item:
    """One item of the output. `index` is its place there, None when nobody tells."""

    __slots__ = (
        "added", "alone", "arguments", "call_id", "done", "index", "kind", "name", "part", "pending", "phase", "speaks",
        "texts",
    )  # fmt: skip

    def __init__(self, index: int | None) -> None:
        self.index = index
        self.kind = ""
        self.name = ""
        self.call_id = ""
        self.alone = False  # a call whose tool is in a namespace of its own name
        self.phase: Any = None
        self.speaks = ""  # which of its texts an item of reasoning tells: the summary, or the reasoning itself
        self.texts: dict[tuple[str, int], Told] = {}
        self.arguments = Told()
        self.part: ToolCall | None = None  # of a call that is open
        self.pending: list[Step] = []  # what is to be told of it, once another call has ended
        self.added = self.done = False

    def learn(self, wire: Wire) -> None:
        """Note what `output_item.added` or `.done` says of the item itself."""
        self.kind = text(wire.get("type")) or self.kind
        if name := text(wire.get("name")):
            self.name = qualified(wire.get("namespace"), name)
            self.alone = wire.get("namespace") == name
        self.call_id = text(wire.get("call_id")) or self.call_id
        self.phase = wire.get("phase") or self.phase

    @property
    def field(self) -> str:
        """What the arguments of a call are called on the wire."""
        return "input" if self.kind == "custom_tool_call" else "arguments"

    def told(self, family: str, place: int) -> Told:
        """What has been told of one of its texts."""
        return self.texts.setdefault((family, place), Told())

    def places(self, families: Collection[str], count: int) -> range:
        """Where the `count` texts of the whole have been told: vLLM counts on from one item to the next."""
        last = max((place for family, place in self.texts if family in families), default=0)
        first = max(0, last + 1 - count)
        return range(first, first + count)


def text(value: Any) -> str:
    return value if isinstance(value, str) else ""
