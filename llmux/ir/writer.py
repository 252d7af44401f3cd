"""The one place that opens and closes parts. It knows no wire.

For wires that carry no part marks. A decoder that writes through it cannot skip an index, leave a part open, or put
reasoning into a text part.
"""

from llmux.ir.content import Citation, Part, ReasoningState
from llmux.ir.events import Event, PartCitation, PartDelta, PartEnd, PartStart, PartState


class EventWriter:
    """Turns loose deltas into well-formed part events, one open part at a time."""

    __slots__ = ("_index", "_open")

    def __init__(self) -> None:
        self._open: Part | None = None
        self._index = -1

    @property
    def open(self) -> Part | None:
        """The empty part that is open now, if any."""
        return self._open

    @property
    def index(self) -> int:
        """The number of the part that was opened last."""
        return self._index

    def write(self, out: list[Event], part: Part, delta: str) -> None:
        """Append `delta` to the open part if it is `part`, else close that one and open `part` first.

        `part` is an empty part: it is its own key, so equal ones continue each other.
        """
        if self._open is not part and self._open != part:
            self.start(out, part)
        if delta:
            out.append(PartDelta(self._index, delta))

    def start(self, out: list[Event], part: Part) -> None:
        """Open `part`, also when an equal one is open."""
        self.close(out)
        self._open = part
        self._index += 1
        out.append(PartStart(self._index, part))

    def state(self, out: list[Event], state: ReasoningState) -> None:
        """Attach `state` to the open part. A part must be open."""
        out.append(PartState(self._index, state))

    def cite(self, out: list[Event], citation: Citation) -> None:
        """Attach `citation` to the open part. A part must be open."""
        out.append(PartCitation(self._index, citation))

    def close(self, out: list[Event]) -> None:
        """Close the open part, if any."""
        if self._open is not None:
            self._open = None
            out.append(PartEnd(self._index))
