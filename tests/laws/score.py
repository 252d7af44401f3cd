"""Prints how many recorded answers say the same to a client of each dialect, and why the others do not.

    python -m tests.laws.score

A row is the dialect of the backend that was recorded, a column that of the client. Each answer is told twice, and each
cell counts both: told as a stream, and as one body.
"""

from collections import Counter
from collections.abc import Iterable, Iterator

from llmux.dialects.registry import TABLE
from tests.judges.recordings import Recorded
from tests.laws.known import reasons
from tests.laws.pairs import WAYS, Telling, lost, sources, tellings

WIDTH = max(map(len, TABLE))


def board(recordings: Iterable[Recorded]) -> list[str]:
    """The lines of the score: the table, then a line a reason."""
    everything = [telling for source in recordings for telling in tellings(source)]
    different = {telling: fields for telling in everything if (fields := lost(telling))}
    head = " | ".join([" " * WIDTH, *(f"{name:>{WIDTH}}" for name in TABLE)])
    rows = [" | ".join([f"{name:{WIDTH}}", *_cells(name, everything, different)]) for name in TABLE]
    return [head, *rows, "", *_said(different)]


def _cells(name: str, everything: list[Telling], different: dict[Telling, frozenset[str]]) -> Iterator[str]:
    for client in TABLE:
        pair = [telling for telling in everything if (telling.source.dialect, telling.client) == (name, client)]
        ways = ([telling for telling in pair if telling.way == way] for way in WAYS)
        counts = (f"{sum(telling not in different for telling in told)}/{len(told)}" for told in ways)
        yield f"{' '.join(counts):>{WIDTH}}"


def _said(different: dict[Telling, frozenset[str]]) -> Iterator[str]:
    """Each reason with how many tellings it explains, and what nothing explains."""
    counted = Counter[str]()
    for telling, fields in different.items():
        known = {row.field: row.reason for row in reasons(telling)}
        for field in fields:
            counted[f"{field}: {known.get(field) or f'UNEXPLAINED in {telling.source.name}'}"] += 1
    return (f"{count:4d}  {reason}" for reason, count in sorted(counted.items()))


if __name__ == "__main__":
    print("\n".join(board(sources())))
