"""The stages that the answer to one request goes through, put together. It reads no event itself."""

from collections.abc import Sequence
from typing import Protocol

from llmux.ir.events import Event
from llmux.ir.request import Tool
from llmux.normalise.calls import CallStage
from llmux.normalise.printed import PrintedReader
from llmux.normalise.texts import TextStage
from llmux.normalise.thinking import TagReader
from llmux.normalise.toolbox import Repairs, Toolbox


class Stage(Protocol):
    """Events -> events. Sync and deterministic; it never raises. What goes in in order comes out in order.

    The end of an answer passes as it came: no stage holds anything back behind it, and only the last one makes one.
    """

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """The events that follow from these."""


class Normaliser:
    """All stages of one answer. `repairs` are then what was put right."""

    __slots__ = ("_stages", "repairs")

    def __init__(self, stages: Sequence[Stage], repairs: Repairs) -> None:
        self._stages = stages
        self.repairs = repairs

    def feed(self, events: Sequence[Event]) -> Sequence[Event]:
        """See `Stage`."""
        for stage in self._stages:
            events = stage.feed(events)
        return events


def normaliser(
    tools: Sequence[Tool], *, repair: bool, printed: bool, tags: bool, turn: int = 0, stop: Stage | None = None
) -> Normaliser | None:
    """What the answer to a request with `tools` goes through; None when that is nothing.

    `repair`: calls are put right; `printed`: the model may print them as text; `tags`: and its reasoning in tags.
    `turn`: how many messages the conversation has. `stop`: what ends its texts, where the backend does not.
    """
    repairs, toolbox = Repairs(), Toolbox(tools)
    stages: list[Stage] = []
    if tags:
        stages.append(TextStage(TagReader()))
    if printed and tools:
        stages.append(TextStage(PrintedReader(toolbox, repairs, turn)))
    if repair and tools:
        stages.append(CallStage(toolbox, repairs))
    if stop:
        stages.append(stop)
    return Normaliser(stages, repairs) if stages else None
