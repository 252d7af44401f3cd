"""What real models said to real tools is sound: it goes through every stage and comes out as it was."""

from collections.abc import Iterator

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.ir.content import ToolCall
from llmux.ir.events import Event
from llmux.ir.fold import fold
from llmux.ir.request import Request
from llmux.normalise.normaliser import normaliser
from tests import corpus
from tests.laws.lanes import hear
from tests.normalise.stages import through


def asked_with_tools(dialect: str) -> Iterator[tuple[Request, list[Event]]]:
    """Recorded streams whose requests have tools."""
    for row in corpus.rows(dialect, "stream"):
        if row.request and row.request.get("tools"):
            request = TABLE[dialect].decode_request(orjson.dumps({"model": "m", **row.request}))
            yield request, hear(TABLE[dialect].decoder({}), [row.answer])


@corpus.needed
@pytest.mark.parametrize("dialect", ["claude", "openai_chat"])
def test_recorded_calls_come_out_as_they_were(dialect: str) -> None:
    calls = 0
    for request, events in asked_with_tools(dialect):
        machine = normaliser(request.tools, repair=True, printed=True, tags=True)
        assert machine is not None
        answer = fold(through(machine, events))
        assert answer == fold(events)
        assert machine.repairs.told == ()
        calls += sum(isinstance(part, ToolCall) for part in answer.parts)
    assert calls > 5  # else this test would say nothing
