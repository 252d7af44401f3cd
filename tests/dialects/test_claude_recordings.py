"""What Claude and its clients have really said: read, and told again without a loss."""

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from llmux.dialects.base import AnswerForm
from llmux.dialects.claude import CLAUDE
from llmux.errors import BackendError, GatewayError, RateLimited
from llmux.ir.events import Event, MessageEnd, MessageStart, Verbatim
from llmux.ir.fold import explode, fold
from llmux.ir.grammar import check
from llmux.ir.request import Role
from tests import corpus
from tests.amount import cut

FORM = AnswerForm(id="1", model="asked", created=1)
CLIENTS = corpus.ROOT / "../clients/recorded"
SIZES = (None, 1, 7)


def recorded(kind: corpus.Kind) -> list[Any]:
    names = corpus.names("claude", kind)
    absent = pytest.mark.skip(reason=f"no recordings at {corpus.ROOT}: set LLMUX_CORPUS")
    return [pytest.param(name, id=name) for name in names] or [pytest.param("", marks=absent)]


def hear(stream: bytes, size: int | None = None) -> list[Event]:
    decoder = CLAUDE.decoder({})
    size = size or len(stream)
    events = [event for piece in cut(stream, size) for event in decoder.feed(piece)]
    return list(check(events + decoder.close()))


@pytest.mark.parametrize("name", recorded("stream"))
def test_streams(name: str) -> None:
    stream = corpus.row("claude", "stream", name).answer
    events = hear(stream)
    assert isinstance(events[-1], MessageEnd)
    assert all(hear(stream, size) == events for size in SIZES)
    start, *said = hear(CLAUDE.encoder(FORM).feed(events))
    assert isinstance(start, MessageStart)
    assert said == events[1:]


@pytest.mark.parametrize("name", recorded("stream"))
def test_streams_in_the_verbatim_lane(name: str) -> None:
    stream = corpus.row("claude", "stream", name).answer
    end = hear(stream)[-1]
    assert isinstance(end, MessageEnd)
    for size in SIZES:
        decoder = CLAUDE.verbatim()
        step = size or len(stream)
        events = [event for piece in cut(stream, step) for event in decoder.feed(piece)]
        told = [event for event in events + decoder.close() if isinstance(event, Verbatim)]
        assert b"".join(event.data for event in told).rstrip() == stream.rstrip()
        assert [event.usage for event in told if event.usage][-1] == end.usage
        assert [event.finish_reason for event in told if event.finish_reason] == [end.finish_reason]
        assert told[-1].done


@pytest.mark.parametrize("name", recorded("exchange"))
def test_answers(name: str) -> None:
    answer = CLAUDE.decode_response(corpus.row("claude", "exchange", name).answer, {})
    again = CLAUDE.decode_response(CLAUDE.encode_response(answer, FORM), {})
    assert replace(again, id=answer.id, model=answer.model) == answer
    streamed = fold(hear(CLAUDE.encoder(FORM).feed(list(check(explode(answer))))))
    assert replace(streamed, id=answer.id, model=answer.model) == answer


@pytest.mark.parametrize("name", recorded("error"))
def test_errors(name: str) -> None:
    row = corpus.row("claude", "error", name)
    headers = {key.lower(): value for key, value in row.document["response"]["headers"].items()}
    error = CLAUDE.decode_error(row.status, headers, row.answer)
    assert type(error) not in {GatewayError, BackendError}
    assert error.upstream_status == row.status
    assert not isinstance(error, RateLimited) or error.retry_after == float(headers["retry-after"])


def requests() -> list[Any]:
    paths = sorted([*CLIENTS.glob("claude*/*.json"), *CLIENTS.glob("*anthropic*/*.json")])
    absent = pytest.mark.skip(reason=f"no recorded clients at {CLIENTS}")
    return [pytest.param(path, id=f"{path.parent.name}-{path.stem}") for path in paths] or [
        pytest.param(Path(), marks=absent)
    ]


@pytest.mark.parametrize("path", requests())
def test_requests_of_real_clients(path: Path) -> None:
    body = json.loads(path.read_bytes()).get("body")
    if not body:
        pytest.skip("a request without a body")
    request = CLAUDE.decode_request(json.dumps(body).encode())
    assert request.messages[-1].role in {Role.USER, Role.TOOL, Role.SYSTEM}
    assert request.original is not None
    assert CLAUDE.repair(body) == body or request.original.repaired
