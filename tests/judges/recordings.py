"""Recorded answers as the judges take them: by dialect and kind, and what their own dialect's SDK hears in each."""

import functools
from collections.abc import Iterator
from typing import NamedTuple

from tests import corpus
from tests.judges.heard import Heard
from tests.judges.table import JUDGES

KINDS: tuple[corpus.Kind, ...] = ("stream", "exchange")
# Operations that give an answer. Those of fixtures are not known: they give answers, too.
ANSWERING = frozenset({None, "messages", "chat", "create", "generateContent", "streamGenerateContent", "generate"})


class Recorded(NamedTuple):
    """The name of a recording."""

    dialect: str
    kind: corpus.Kind
    name: str

    @property
    def streamed(self) -> bool:
        """Whether its answer came as a stream."""
        return self.kind == "stream"

    @property
    def operation(self) -> str | None:
        """What was asked for, in the words of its API."""
        operation = self.row.document["operation"]
        return None if operation is None else str(operation)

    @property
    def row(self) -> corpus.Row:
        """The recording."""
        return corpus.row(*self)


def recorded(dialect: str) -> Iterator[Recorded]:
    """Every recorded answer of `dialect`."""
    for kind in KINDS:
        for name in corpus.names(dialect, kind):
            case = Recorded(dialect, kind, name)
            if case.operation in ANSWERING:
                yield case


@functools.cache
def directly(case: Recorded) -> Heard:
    """What the SDK of the recording's own dialect hears."""
    judge = JUDGES[case.dialect]
    read = judge.recorded_stream if case.streamed else judge.recorded_whole
    return read(case.row.answer)
