"""Laws of every stream, over everything that was recorded and over answers made up here.

Where the network cuts changes nothing; events come in order; an answer that breaks off anywhere never looks whole.
"""

import gc
import weakref
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.base import Form
from llmux.dialects.registry import TABLE
from llmux.errors import BackendError
from llmux.ir.events import MessageEnd, StreamError, Verbatim
from llmux.ir.grammar import check
from llmux.ir.response import Response
from tests import corpus
from tests.amount import amount, cut
from tests.laws.lanes import chance, cut_by, hear, hear_verbatim, stream_of, tell
from tests.strategies import ANSWERS

DIALECTS = tuple(TABLE)


class Recorded(NamedTuple):
    dialect: str
    name: str

    @property
    def stream(self) -> bytes:
        return corpus.row(self.dialect, "stream", self.name).answer

    @property
    def form(self) -> Form:
        """The form that it was asked for in."""
        framing = corpus.row(self.dialect, "stream", self.name).document["response"]["framing"]
        return TABLE[self.dialect].form("array" if framing == "json_array" else "")


RECORDED = tuple(Recorded(dialect, name) for dialect in DIALECTS for name in corpus.names(dialect, "stream"))
over_recordings = pytest.mark.parametrize("recorded", RECORDED, ids="-".join)
each_dialect = pytest.mark.parametrize("name", DIALECTS)


def bytewise(stream: bytes) -> list[bytes]:
    return list(cut(stream, 1))


# --- cut anywhere, same events ---------------------------------------------------------------------------------------


@corpus.needed
@over_recordings
def test_where_the_network_cuts_does_not_matter(recorded: Recorded) -> None:
    dialect, stream = TABLE[recorded.dialect], recorded.stream
    whole, verbatim = hear(dialect.decoder({}), [stream]), hear_verbatim(recorded.form, [stream])
    ways = [cut_by(f"{recorded.name}{way}", stream) for way in range(amount(1, 4))]
    for pieces in [*ways, bytewise(stream)]:
        assert hear(dialect.decoder({}), pieces) == whole
        assert hear_verbatim(recorded.form, pieces) == verbatim


@each_dialect
@given(ANSWERS, st.text())
def test_nor_for_any_answer(name: str, answer: Response, seed: str) -> None:
    dialect = TABLE[name]
    stream = stream_of(dialect, answer)
    pieces = cut_by(seed, stream)
    assert hear(dialect.decoder({}), pieces) == hear(dialect.decoder({}), [stream])
    assert hear_verbatim(dialect, pieces) == hear_verbatim(dialect, [stream])


# --- order -----------------------------------------------------------------------------------------------------------


@corpus.needed
@over_recordings
def test_events_come_in_order(recorded: Recorded) -> None:
    events = list(check(hear(TABLE[recorded.dialect].decoder({}), [recorded.stream])))
    assert isinstance(events[-1], MessageEnd)


@each_dialect
@given(ANSWERS)
def test_events_of_any_answer_come_in_order(name: str, answer: Response) -> None:
    dialect = TABLE[name]
    events = list(check(hear(dialect.decoder({}), [stream_of(dialect, answer)])))
    assert isinstance(events[-1], MessageEnd)


# --- both lanes say the same -----------------------------------------------------------------------------------------


@corpus.needed
@over_recordings
def test_the_verbatim_lane_passes_everything_on_and_sees_the_same(recorded: Recorded) -> None:
    dialect, stream = TABLE[recorded.dialect], recorded.stream
    end = hear(dialect.decoder({}), [stream])[-1]
    (passed,) = hear_verbatim(recorded.form, [stream])
    assert isinstance(end, MessageEnd)
    assert isinstance(passed, Verbatim)
    assert passed.done
    assert passed.data.rstrip() == stream.rstrip()
    assert passed.usage is None or passed.usage == end.usage


# --- an answer that is cut never looks whole -------------------------------------------------------------------------


def ends_well(name: str, stream: bytes) -> bool:
    return isinstance(hear(TABLE[name].decoder({}), [stream])[-1], MessageEnd)


def first_whole(recorded: Recorded) -> int:
    """How much of a recording is needed for its answer to be complete: found by halving."""
    low, high = 0, len(recorded.stream)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if ends_well(recorded.dialect, recorded.stream[:middle]) else (middle + 1, high)
    return low


@corpus.needed
@over_recordings
def test_a_cut_answer_never_looks_whole(recorded: Recorded) -> None:
    dialect, stream, end = TABLE[recorded.dialect], recorded.stream, first_whole(recorded)
    assert end > len(stream) * 0.5  # else this test would say nothing
    luck = chance(recorded.name)
    for place in [*luck.sample(range(end), min(end, amount(6, 24))), end - 1]:
        events = hear(dialect.decoder({}), [stream[:place]])
        (*_, last) = check(events)
        assert isinstance(last, StreamError)
        assert isinstance(last.error, BackendError)
        for other in TABLE.values():
            told = hear(other.decoder({}), [tell(other, events)])
            assert isinstance(told[-1], StreamError)
        *_, verdict = hear_verbatim(recorded.form, [stream[:place]])
        assert isinstance(verdict, StreamError)


# Behind these an answer is complete.
LAST_WORDS = (
    b'finish_reason":"',
    b'stop_reason":"',
    b"event: response.completed",
    b"event: response.incomplete",
    b'"done":true',
    b'finishReason":"',
)


@each_dialect
@given(ANSWERS, st.floats(0, 1, exclude_max=True))
def test_nor_does_any_answer_that_is_cut(name: str, answer: Response, where: float) -> None:
    dialect = TABLE[name]
    stream = stream_of(dialect, answer)
    told = max(stream.rfind(word) for word in LAST_WORDS)
    events = hear(dialect.decoder({}), [stream[: int(where * told)]])
    assert isinstance(events[-1], StreamError)


@each_dialect
def test_an_answer_that_breaks_off_leaves_nothing_behind(name: str) -> None:
    """A traceback holds the frame that holds the event that holds the error: a circle that must be collected."""
    errors = [event for event in hear(TABLE[name].decoder({}), [b"data: {"]) if isinstance(event, StreamError)]
    (left,) = [weakref.ref(event.error) for event in errors]
    errors.clear()
    gc.collect()
    assert left() is None
