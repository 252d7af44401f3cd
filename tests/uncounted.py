"""Not counted by coverage: what holds a line is the test beside its file, and counting costs as much again."""

from collections.abc import Iterator

import pytest
from coverage import Coverage


@pytest.fixture(autouse=True, scope="module")
def uncounted() -> Iterator[None]:
    """Coverage rests while these tests run."""
    counting = Coverage.current()
    if counting is None:
        yield
        return
    counting.stop()
    yield
    counting.start()
