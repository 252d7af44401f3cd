"""What is kept of an answer, and that it says the same when it is told again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.cache.entry import ENDS, Times, entry, pack, unpack
from llmux.errors import BackendCut
from llmux.ir.content import Citation, Opaque, ReasoningState, SearchResult, Text
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
from llmux.ir.fold import explode, fold
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.cache.questions import ANSWER, BATCHES, OPENED
from tests.strategies import RESPONSES

TIMES = Times(1.0, 2.0, 3.0)
EVENTS: tuple[Event, ...] = (
    MessageStart("x", "m", Usage(3, estimated=True)),
    PartStart(0, Text()),
    PartDelta(0, "\u00e9"),
    PartState(0, ReasoningState("claude", "details", {"a": [1, None, 2.5]})),
    PartCitation(0, Citation("claude", {"type": "x"}, "https://e.org")),
    PartEnd(0),
    UsageUpdate(Usage(1, 2, server_tools={"search": 1}, service_tier="flex")),
    PartStart(1, Opaque(dialect="claude", raw={"type": "novel", "n": [1.5]})),
    Verbatim(b"\x00\xff", False, Usage(1), FinishReason.END, True),
    MessageEnd(FinishReason.STOP_SEQUENCE, Usage(1), "stop"),
)


def test_events_come_back_as_they_were() -> None:
    packed = pack(EVENTS)
    assert packed is not None
    assert tuple(unpack(packed)) == EVENTS


@given(RESPONSES.filter(lambda response: response.finish_reason in ENDS), st.randoms(use_true_random=False))
def test_a_replay_says_what_the_answer_said(response: Response, chance: object) -> None:
    kept = entry([[OPENED], *[[event] for event in explode(response)]], "m", TIMES)
    assert kept is not None
    assert fold(kept.replay(0)[1:]) == response


def test_what_is_said_in_pieces_is_kept_in_one() -> None:
    kept = entry(BATCHES, "m", TIMES)
    assert kept is not None
    assert kept.replay(7.9) == (
        Opened("a", "m", 0, ("dropped=top_k",), (("x-llmux-cache", "hit"), ("age", "7")), True, {"answers": [1]}, 3.0),
        MessageStart("x", "m"), PartStart(0, Text()), PartDelta(0, "one two"), PartEnd(0), ANSWER[-1],
    )  # fmt: skip


def test_bytes_that_passed_are_kept_byte_for_byte() -> None:
    first = Verbatim(b"a", False, Usage(1), FinishReason.END)
    kept = entry([(OPENED, first), (Verbatim(b"b"),), (Verbatim(b"c", done=True),)], "m", TIMES)
    assert kept is not None
    assert kept.replay(0)[1:] == (Verbatim(b"abc", True, Usage(1), FinishReason.END, True),)


def test_deltas_of_other_parts_stay_apart() -> None:
    batches = [[OPENED, *ANSWER[:3], PartDelta(1, "x"), *ANSWER[4:]]]
    kept = entry(batches, "m", TIMES)
    assert kept is not None
    assert list(kept.replay(0)[1:]) == batches[0][1:]


END = MessageEnd(FinishReason.END, Usage())
NOT_KEPT: dict[str, list[Event]] = {
    "nobody has answered": [END],
    "nothing is said": [OPENED],
    "it broke off": [OPENED, MessageStart("x", "m"), StreamError(BackendCut("cut"))],
    "it has no end": [OPENED, MessageStart("x", "m")],
    "a filter": [OPENED, MessageEnd(FinishReason.FILTERED, Usage())],
    "a pause": [OPENED, MessageEnd(FinishReason.PAUSE, Usage())],
    "bytes without an end": [OPENED, Verbatim(b"x", finish_reason=FinishReason.END)],
    "bytes that do not say why they end": [OPENED, Verbatim(b"x", done=True)],
    "several answers": [OPENED, OtherChoice(1, ()), END],
    "a part of a request": [OPENED, PartStart(0, SearchResult(source="s", title="t")), END],
    "a figure that no form holds": [OPENED, PartStart(0, Opaque(dialect="d", raw={"n": 2**70})), END],
}


@pytest.mark.parametrize("events", NOT_KEPT.values(), ids=NOT_KEPT)
def test_what_is_not_kept(events: list[Event]) -> None:
    assert entry([events], "m", TIMES) is None
