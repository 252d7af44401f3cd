"""An answer while it arrives, as facts. Pure values; equal content is equal.

Events travel in batches: the events of one read go up together and leave in one write.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from llmux.errors import GatewayError
from llmux.ir.content import Citation, Extra, Part, ReasoningState
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.ir.value import Value


class Event(Value, gc=False):
    """One fact about an answer."""


class Opened(Event):
    """A backend has been committed to. First, once, from the gateway; no decoder says it."""

    backend: str
    model: str
    attempts: int
    warnings: tuple[str, ...] = ()
    headers: tuple[tuple[str, str], ...] = ()  # of the backend's answer, those that a client may see
    replays: bool = False  # the model wants the reasoning of this answer back with the turns that follow
    extension: Mapping[str, Any] = {}  # JSON that llmux adds to the body of an answer that is told whole
    until: float = 0.0  # Unix seconds; its client may be told the same until then, for the same bytes; 0.0: not at all


class MessageStart(Event):
    """The answer begins. `usage` is what the backend told up front, if it did."""

    id: str
    model: str
    usage: Usage | None = None


class PartStart(Event):
    """A part begins, empty: Text(), Reasoning(), ToolCall(id, name). An Opaque part or a redacted one comes whole.

    A call brings the proofs that are known by then: many wires want them in front of it.
    """

    index: int
    part: Part


class PartDelta(Event):
    """More of the open part: text, reasoning, or a piece of a call's arguments."""

    index: int
    delta: str


class PartState(Event):
    """Proof of the reasoning in this part."""

    index: int
    state: ReasoningState


class PartCitation(Event):
    """Where the text of this part comes from."""

    index: int
    citation: Citation


class PartEnd(Event):
    """The part is complete."""

    index: int


class UsageUpdate(Event):
    """Usage so far; replaces what was told before."""

    usage: Usage


class OtherChoice(Event):
    """Facts of another candidate answer, number `choice` (1 and on): its parts, and last a MessageEnd of its own.

    Only a client that asked for several hears of them. The usage is that of all, and told with the first one's end.
    """

    choice: int
    events: "tuple[Event, ...]"


class MessageEnd(Event):
    """The answer is complete. Last, once."""

    finish_reason: FinishReason
    usage: Usage
    stop_sequence: str | None = None
    details: Extra | None = None


class StreamError(Event, gc=True):  # its error's traceback leads back to it: only the collector ends that circle
    """The answer failed. Last, once, instead of MessageEnd."""

    error: GatewayError


class Verbatim(Event):
    """Bytes for the client as they came, whole frames only, and the few facts found in them.

    `content` is true when they say something (the commit point); `done` when the answer is complete with them.
    """

    data: bytes
    content: bool = True
    usage: Usage | None = None
    finish_reason: FinishReason | None = None
    done: bool = False


Batch = Sequence[Event]
