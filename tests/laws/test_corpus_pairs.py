"""Every recorded answer, told by llmux to a client of any dialect, says to its SDK what it says when read directly.

Text, reasoning, refusal, calls with their arguments, finish reason, usage: up to what the client's wire has no words
for (tests/judges/limits.py). What differs beyond that, and is bound to, stands in known.py with its reason.
"""

import pytest

from llmux.dialects.registry import TABLE
from tests import corpus
from tests.amount import sampled
from tests.judges.recordings import KINDS, Recorded
from tests.judges.table import JUDGES
from tests.laws.known import KNOWN, excused
from tests.laws.pairs import lost, sources, tellings
from tests.laws.score import board

SOURCES = tuple(sources())


def test_every_dialect_has_a_judge() -> None:
    assert JUDGES.keys() >= TABLE.keys()


@corpus.needed
@pytest.mark.parametrize("source", [*sampled(SOURCES, 3)], ids="-".join)
def test_every_sdk_hears_the_same(source: Recorded) -> None:
    everyone = list(tellings(source))
    assert {telling[1:]: lost(telling) for telling in everyone} == {
        telling[1:]: excused(telling) for telling in everyone
    }


@corpus.needed
def test_every_known_difference_is_of_a_recording() -> None:
    everything = {name for dialect in JUDGES for kind in KINDS for name in corpus.names(dialect, kind)}
    assert KNOWN.keys() <= everything


@corpus.needed
def test_the_score_counts_every_telling() -> None:
    first = {source.dialect: source for source in reversed(SOURCES)}
    head, *rows = board(first.values())[: len(TABLE) + 1]
    assert head.split() == ["|", *" | ".join(TABLE).split()]
    assert [row.split()[0] for row in rows] == list(TABLE)
    assert all(row.count("1/1 1/1") == len(TABLE) for row in rows), rows
