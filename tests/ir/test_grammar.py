"""The order of events: what is legal passes through untouched, and every illegal order is refused."""

import pytest

from llmux.errors import BackendCut
from llmux.ir.content import Citation, ReasoningState, Text
from llmux.ir.events import (
    Event,
    MessageEnd,
    MessageStart,
    Opened,
    OtherChoice,
    PartCitation,
    PartDelta,
    PartEnd,
    PartStart,
    PartState,
    StreamError,
    UsageUpdate,
    Verbatim,
)
from llmux.ir.grammar import GrammarError, check
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

START = MessageStart("1", "m")
OPEN = PartStart(0, Text())
DELTA = PartDelta(0, "hi")
STATE = PartState(0, ReasoningState("claude", "signature", "s"))
CITATION = PartCitation(0, Citation("claude", {}))
CLOSE = PartEnd(0)
USAGE = UsageUpdate(Usage())
END = MessageEnd(FinishReason.END, Usage())
CUT = StreamError(BackendCut("cut"))

LEGAL: dict[str, list[Event]] = {
    "an empty answer": [START, END],
    "an error first": [CUT],
    "another candidate": [START, OPEN, OtherChoice(1, (OPEN,)), CLOSE, OtherChoice(1, (CLOSE, END)), END],
    "an error after the start": [START, CUT],
    "an error within a part": [START, OPEN, DELTA, CUT],
    "everything": [
        START,
        USAGE,
        OPEN,
        DELTA,
        STATE,
        CITATION,
        USAGE,
        CLOSE,
        PartStart(1, Text()),
        PartEnd(1),
        USAGE,
        END,
    ],
}
ILLEGAL: dict[str, tuple[list[Event], str]] = {
    "nothing": ([], "no end"),
    "another candidate without an end": ([START, OtherChoice(1, (OPEN, CLOSE)), END], "another candidate has no end"),
    "another candidate out of order": ([START, OtherChoice(1, (CLOSE,)), END], "PartEnd in state absent"),
    "no end": ([START, OPEN, CLOSE], "no end"),
    "no start": ([OPEN], "PartStart in state new"),
    "an end without a start": ([END], "MessageEnd in state new"),
    "two starts": ([START, START], "MessageStart in state open"),
    "two ends": ([START, END, END], "MessageEnd in state done"),
    "an error after the end": ([START, END, CUT], "StreamError in state done"),
    "an end after an error": ([CUT, END], "MessageEnd in state done"),
    "usage before the start": ([USAGE], "UsageUpdate in state new"),
    "an event that no decoder says": ([Opened("b", "m", 1)], "Opened in state new"),
    "an event of the other lane": ([START, Verbatim(b"")], "Verbatim in state open"),
    "a part left open": ([START, OPEN, END], "left open"),
    "a part that never began": ([START, DELTA], "PartDelta in state absent"),
    "a part that ends unbegun": ([START, CLOSE], "PartEnd in state absent"),
    "a delta after the part": ([START, OPEN, CLOSE, DELTA], "PartDelta in state closed"),
    "a state after the part": ([START, OPEN, CLOSE, STATE], "PartState in state closed"),
    "a citation after the part": ([START, OPEN, CLOSE, CITATION], "PartCitation in state closed"),
    "a part closed twice": ([START, OPEN, CLOSE, CLOSE], "PartEnd in state closed"),
    "an index left out": ([START, PartStart(1, Text())], "part 1 starts after 0 parts"),
    "an index used again": ([START, OPEN, CLOSE, OPEN], "part 0 starts after 1 parts"),
    "two parts at once": ([START, OPEN, PartStart(1, Text())], "part 1 starts while another is open"),
}


@pytest.mark.parametrize("events", LEGAL.values(), ids=LEGAL)
def test_legal(events: list[Event]) -> None:
    assert list(check(events)) == events


@pytest.mark.parametrize(("events", "reason"), ILLEGAL.values(), ids=ILLEGAL)
def test_illegal(events: list[Event], reason: str) -> None:
    with pytest.raises(GrammarError, match=reason):
        list(check(events))


def test_what_comes_before_the_fault_is_passed_on() -> None:
    checked = check([START, END, END])
    assert [next(checked), next(checked)] == [START, END]
    with pytest.raises(GrammarError):
        next(checked)
