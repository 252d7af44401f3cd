"""Laws of answers: a dialect reads what it writes, as a stream and as one body, and two dialects pass on to each other
what both can say. However events are batched, a client gets the same bytes.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.dialects.base import Dialect
from llmux.dialects.registry import TABLE
from llmux.ir.content import Part, Reasoning, Refusal, Text, ToolCall
from llmux.ir.fold import explode, fold
from llmux.ir.response import Response
from llmux.ir.usage import Usage
from tests import corpus
from tests.amount import amount
from tests.laws.lanes import FORM, hear, stream_of, tell
from tests.strategies import ANSWERS, RESPONSES

KINDS: tuple[corpus.Kind, ...] = ("stream", "exchange")
OTHER_OPERATIONS = frozenset({"models", "compact", "input_tokens", "countTokens"})
each_dialect = pytest.mark.parametrize("dialect", TABLE.values(), ids=TABLE)


def as_stream(dialect: Dialect, answer: Response) -> Response:
    """`answer` after its way through a stream of `dialect`."""
    return fold(hear(dialect.decoder({}), [stream_of(dialect, answer)]))


def as_body(dialect: Dialect, answer: Response) -> Response:
    """`answer` after its way through one body of `dialect`."""
    return dialect.decode_response(dialect.encode_response(answer, FORM), {})


def plain(part: Part) -> Any:
    if isinstance(part, ToolCall):
        return part.id, part.name, json.loads(part.arguments)
    return part


def whole(answer: Response, *told_in: Dialect) -> tuple[Any, ...]:
    """All of an answer that a client is told, in dialects that say it; a call's arguments as JSON, spelled freely."""
    return [plain(part) for part in answer.parts], answer.finish_reason, counted(answer.usage, told_in)


def counted(usage: Usage, told_in: tuple[Dialect, ...]) -> Usage:
    """Tokens, as far as each of the dialects can tell them apart: its table of losses says what it cannot."""
    lost = {row.removeprefix("usage.") for dialect in told_in for row in dialect.losses if row.startswith("usage.")}
    cached = sum(getattr(usage, field) for field in ("cache_read_tokens", "cache_write_tokens") if field in lost)
    zeros = {field: 0 for field in ("cache_read_tokens", "cache_write_tokens", "reasoning_tokens") if field in lost}
    return replace(usage, input_tokens=usage.input_tokens + cached, **zeros)


@each_dialect
@given(ANSWERS)
def test_a_dialect_reads_what_it_writes(dialect: Dialect, answer: Response) -> None:
    assert whole(as_stream(dialect, answer)) == whole(answer, dialect)
    assert whole(as_body(dialect, answer)) == whole(answer, dialect)


@each_dialect
@settings(max_examples=amount(25, 400))
@given(ANSWERS)
def test_what_passes_through_another_dialect_comes_back(dialect: Dialect, answer: Response) -> None:
    for other in TABLE.values():
        there = as_stream(other, as_stream(dialect, answer))
        assert whole(there) == whole(answer, dialect, other)
        assert whole(as_body(dialect, as_body(other, there))) == whole(answer, dialect, other)


@each_dialect
@given(RESPONSES, st.data())
def test_how_events_are_batched_does_not_matter(dialect: Dialect, response: Response, data: st.DataObject) -> None:
    events = list(explode(response))
    encoder = dialect.encoder(FORM)
    place = data.draw(st.integers(0, len(events)))
    assert encoder.feed(events[:place]) + encoder.feed(events[place:]) == tell(dialect, events)


# --- what was recorded -----------------------------------------------------------------------------------------------


def said(answer: Response) -> dict[str, Any]:
    """What an answer says, whatever stands between its parts: spaces between texts are a dialect's own."""
    usage = answer.usage
    return {
        "text": "".join(part.text for part in answer.parts if isinstance(part, Text)).split(),
        "reasoning": "".join(part.text for part in answer.parts if isinstance(part, Reasoning)).split(),
        "refusal": "".join(part.text for part in answer.parts if isinstance(part, Refusal)),
        "calls": [(part.id, part.name, spelled(part.arguments)) for part in answer.parts if isinstance(part, ToolCall)],
        # Not its kind: a stream has told a text before its proof comes, and tells that behind it.
        "states": [
            (state.maker, state.data) for part in answer.parts if isinstance(part, Reasoning) for state in part.states
        ],
        "finish": answer.finish_reason,
        "usage": (usage.total_input_tokens, usage.output_tokens, usage.reasoning_tokens, usage.cache_read_tokens),
    }


def spelled(arguments: str) -> Any:
    """Arguments as a value. Those that were cut are None: Claude's wire holds them in an object of their own."""
    try:
        value = json.loads(arguments or "{}")
    except ValueError:
        return None
    return None if "_invalid_json" in value else value


def recorded() -> list[Any]:
    return [
        pytest.param(dialect, kind, name, id=f"{dialect.name}-{kind}-{name}")
        for dialect in TABLE.values()
        for kind in KINDS
        for name in corpus.names(dialect.name, kind)
        if corpus.row(dialect.name, kind, name).document["operation"] not in OTHER_OPERATIONS
    ]


@corpus.needed
@pytest.mark.parametrize(("dialect", "kind", "name"), recorded())
def test_a_recorded_answer_is_read_and_written(dialect: Dialect, kind: corpus.Kind, name: str) -> None:
    row = corpus.row(dialect.name, kind, name)
    answer = (
        fold(hear(dialect.decoder({}), [row.answer])) if kind == "stream" else dialect.decode_response(row.answer, {})
    )
    assert said(as_stream(dialect, answer)) == said(answer)
    assert said(as_body(dialect, answer)) == said(answer)
