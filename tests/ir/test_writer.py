"""The writer: however its callers use it, the events are well formed and nothing is lost."""

from hypothesis import given
from hypothesis import strategies as st

from llmux.ir.content import Citation, Part, Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.events import Event, MessageEnd, MessageStart, PartCitation, PartDelta, PartEnd, PartStart, PartState
from llmux.ir.grammar import check
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.ir.writer import EventWriter

STATE = ReasoningState("claude", "signature", "s")
CITATION = Citation("claude", {}, quote="q")


def test_deltas_of_one_part_stay_together() -> None:
    out: list[Event] = []
    writer = EventWriter()
    writer.write(out, Reasoning(), "hm")
    writer.write(out, Reasoning(), "m")
    writer.state(out, STATE)
    writer.write(out, Text(), "yes")
    writer.cite(out, CITATION)
    writer.close(out)
    writer.close(out)
    assert out == [
        PartStart(0, Reasoning()),
        PartDelta(0, "hm"),
        PartDelta(0, "m"),
        PartState(0, STATE),
        PartEnd(0),
        PartStart(1, Text()),
        PartDelta(1, "yes"),
        PartCitation(1, CITATION),
        PartEnd(1),
    ]


def test_an_empty_delta_opens_a_part_and_says_nothing() -> None:
    out: list[Event] = []
    EventWriter().write(out, ToolCall(id="a", name="look"), "")
    assert out == [PartStart(0, ToolCall(id="a", name="look"))]


def test_start_opens_a_part_that_equals_the_open_one() -> None:
    out: list[Event] = []
    writer = EventWriter()
    writer.write(out, Text(), "one")
    writer.start(out, Text())
    assert out == [PartStart(0, Text()), PartDelta(0, "one"), PartEnd(0), PartStart(1, Text())]


def test_open_is_the_part_that_is_open() -> None:
    out: list[Event] = []
    writer = EventWriter()
    seen = [writer.open]
    writer.write(out, Text(), "")
    seen.append(writer.open)
    writer.close(out)
    seen.append(writer.open)
    assert seen == [None, Text(), None]


PARTS = st.sampled_from([Text(), Reasoning(), ToolCall(id="a", name="x"), ToolCall(id="b", name="x")])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), PARTS, st.text(max_size=3)),
        st.tuples(st.just("start"), PARTS, st.just("")),
        st.tuples(st.sampled_from(["state", "cite", "close"]), st.none(), st.just("")),
    ),
    max_size=20,
)


def play(writer: EventWriter, out: list[Event], step: str, part: Part | None, delta: str) -> None:
    if step == "close":
        writer.close(out)
    elif part is None and writer.open is not None:  # a state and a citation need an open part
        writer.state(out, STATE) if step == "state" else writer.cite(out, CITATION)
    elif part is not None:
        writer.start(out, part) if step == "start" else writer.write(out, part, delta)


@given(STEPS)
def test_always_well_formed_and_whole(steps: list[tuple[str, Part | None, str]]) -> None:
    out: list[Event] = [MessageStart("1", "m")]
    writer = EventWriter()
    for step in steps:
        play(writer, out, *step)
    writer.close(out)
    out.append(MessageEnd(FinishReason.END, Usage()))
    assert list(check(out)) == out

    opened = {event.index: event.part for event in out if isinstance(event, PartStart)}
    told = [(opened[event.index], event.delta) for event in out if isinstance(event, PartDelta)]
    assert told == [(part, delta) for step, part, delta in steps if step == "write" and delta]
