"""Laws of garbage: whatever bytes come, a decoder of answers says so in events and in order, and never raises; a
request is refused with a path, and never with anything but a GatewayError.
"""

from contextlib import nullcontext, suppress
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.dialects.base import Dialect
from llmux.dialects.registry import TABLE
from llmux.errors import GatewayError, Unsupported
from llmux.ir.grammar import check
from llmux.ir.response import Response
from tests import corpus
from tests.amount import sampled
from tests.laws.backends import able
from tests.laws.lanes import FORM, chance, cut_by, hear, stream_of, tell
from tests.laws.mutations import damaged, mutants
from tests.laws.specimens import ANSWER, FORMS, REQUESTS
from tests.strategies import ANSWERS, LINKLESS

# One in so many is tried. No number of STRANGERS is a multiple, so that each place meets others than its neighbours.
FRAMES, DOCUMENTS = 14, 6

each_dialect = pytest.mark.parametrize("dialect", TABLE.values(), ids=TABLE)


def survives(dialect: Dialect, pieces: list[bytes]) -> None:
    """Both lanes take the stream, and every client can be told what came of it."""
    events = list(check(hear(dialect.decoder({}), pieces)))
    hear(dialect.verbatim(), pieces)
    for client in TABLE.values():
        tell(client, events)


def refuses_well(dialect: Dialect, body: bytes) -> None:
    """A request is taken, and can be sent to every backend, or is refused with a GatewayError."""
    try:
        request = dialect.decode_request(body)
        for name, backend in TABLE.items():
            msgspec.json.encode(backend.encode_request(request, able(name)).body)
    except GatewayError as error:
        dialect.encode_error(error, "req_1")


def answers_well(dialect: Dialect, body: bytes) -> None:
    with suppress(GatewayError):
        response = dialect.decode_response(body, {})
        for client in TABLE.values():
            client.encode_response(response, FORM)
    with suppress(GatewayError):
        dialect.verbatim_response(body)


# --- any bytes -------------------------------------------------------------------------------------------------------


@each_dialect
@given(st.lists(st.binary(max_size=60), max_size=4))
def test_any_bytes_as_a_stream(dialect: Dialect, pieces: list[bytes]) -> None:
    survives(dialect, pieces)


SNIPPETS = st.sampled_from(
    [b"data: ", b"event: error\n", b"\n\n", b"{}", b"[]", b"null", b'{"choices":[', b'{"type":"', b"<html>"]
)


@each_dialect
@given(st.lists(SNIPPETS | st.binary(max_size=6), max_size=12))
def test_anything_like_a_stream(dialect: Dialect, pieces: list[bytes]) -> None:
    survives(dialect, pieces)


@each_dialect
@given(st.binary(max_size=80), st.sampled_from([200, 400, 404, 429, 500, 529, 599]))
def test_any_bytes_as_a_body(dialect: Dialect, body: bytes, status: int) -> None:
    refuses_well(dialect, body)
    answers_well(dialect, body)
    assert isinstance(dialect.decode_error(status, {}, body), GatewayError)


# --- sound answers, damaged ------------------------------------------------------------------------------------------


@each_dialect
@given(ANSWERS, st.text())
def test_a_damaged_stream(dialect: Dialect, answer: Response, seed: str) -> None:
    survives(dialect, cut_by(seed, damaged(stream_of(dialect, answer), chance(seed))))


@each_dialect
def test_a_frame_of_another_shape(dialect: Dialect) -> None:
    lines = dialect.content_type == "application/x-ndjson"
    blank, mark = (b"\n", b"") if lines else (b"\n\n", b"data: ")
    frames = stream_of(dialect, ANSWER).split(blank)
    assert len(frames) > 3
    for at, frame in enumerate(frames):
        head, _, data = frame.partition(mark) if mark else (b"", b"", frame)
        if not data.startswith(b"{"):
            continue
        for _, mutant in sampled(mutants(orjson.loads(data)), FRAMES):
            odd = head + mark + orjson.dumps(mutant)
            survives(dialect, [blank.join([*frames[:at], odd, *frames[at + 1 :]])])


BLOCK = b'data: {"type":"content_block_start","index":0,"content_block":%b}\n\n'
DEEP_FRAMES = (
    BLOCK % b'{"type":"tool_use","id":"1","name":"f","input":{"a":DEEP}}',
    BLOCK % b'{"type":"novel","data":DEEP}',
    b'data: {"candidates":[{"content":{"parts":[{"functionCall":{"name":"f","args":{"a":DEEP}}}]}}]}\n\n',
    b'[{"candidates":[{"content":{"parts":[{"novel":DEEP}]}}]}]',
    b'data: {"id":"1","choices":[{"delta":{"tool_calls":[{"function":{"name":"f","arguments":DEEP}}]}}]}\n\n',
    b'{"model":"m","message":{"tool_calls":[{"function":{"name":"f","arguments":{"a":DEEP}}}]},"novel":DEEP}\n',
    b'data: {"type":"response.output_item.done","output_index":0,"item":{"type":"novel","data":DEEP}}\n\n',
    b'data: {"type":"response.output_item.done","item":{"type":"function_call","name":"f","arguments":DEEP}}\n\n',
)


@each_dialect
@pytest.mark.parametrize("levels", [100, 240, 300, 1000, 5000])
def test_an_answer_nested_deep(dialect: Dialect, levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    body = dialect.encode_response(ANSWER, FORM)
    answers_well(dialect, body.replace(b'"Paris"', deep).replace(rb"\"Paris\"", deep))
    answers_well(dialect, body[:-1] + b',"novel":' + deep + b"}")
    for frame in DEEP_FRAMES:
        survives(dialect, [frame.replace(b"DEEP", deep)])


@each_dialect
def test_an_answer_of_another_shape(dialect: Dialect) -> None:
    for _, mutant in sampled(mutants(orjson.loads(dialect.encode_response(ANSWER, FORM))), DOCUMENTS):
        answers_well(dialect, orjson.dumps(mutant))


@each_dialect
def test_an_error_of_another_shape(dialect: Dialect) -> None:
    body = orjson.loads(dialect.encode_error(GatewayError("no"), "req_1").body)
    for _, mutant in mutants(body):
        assert isinstance(dialect.decode_error(400, {}, orjson.dumps(mutant)), GatewayError)


# --- sound requests, damaged -----------------------------------------------------------------------------------------


@each_dialect
def test_the_specimen_is_sound(dialect: Dialect) -> None:
    request = dialect.decode_request(orjson.dumps(REQUESTS[dialect.name]))
    for name, backend in TABLE.items():
        # Two of the specimens name a picture by its address, which not every dialect can say.
        with suppress(Unsupported) if name in LINKLESS - {dialect.name} else nullcontext():
            assert backend.encode_request(request, able(name)).body


@each_dialect
def test_a_request_of_another_shape(dialect: Dialect) -> None:
    for _, mutant in sampled(mutants(REQUESTS[dialect.name]), DOCUMENTS):
        refuses_well(dialect, orjson.dumps(mutant))


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_a_request_of_another_shape_in_another_form(name: str, form: str) -> None:
    dialect = TABLE[name]
    for _, mutant in [("sound", FORMS[name, form]), *mutants(FORMS[name, form])]:
        refuses_well(replace(dialect, decode_request=dialect.form(form).decode_request), orjson.dumps(mutant))


@each_dialect
@given(st.text())
def test_a_damaged_request(dialect: Dialect, seed: str) -> None:
    refuses_well(dialect, damaged(orjson.dumps(REQUESTS[dialect.name]), chance(seed)))


# Where a client may put JSON of its own into a call: as a value, or as a text that is read as one later.
USER = {"role": "user", "content": "hi"}
ARGUMENTS = '{"a":DEEP}'
CALLS: dict[str, dict[str, Any]] = {
    "claude": {
        "messages": [
            USER,
            {"role": "assistant", "content": [{"type": "tool_use", "id": "1", "name": "f", "input": {"a": "DEEP"}}]},
        ]
    },
    "openai_chat": {
        "messages": [
            USER,
            {"role": "assistant", "tool_calls": [{"id": "1", "function": {"name": "f", "arguments": ARGUMENTS}}]},
        ]
    },
    "openai_responses": {
        "input": [
            USER,
            {"type": "function_call", "call_id": "1", "name": "f", "arguments": ARGUMENTS},
            {"type": "tool_search_call", "call_id": "2", "execution": "client", "arguments": {"a": "DEEP"}},
        ]
    },
    "gemini": {
        "contents": [
            {"parts": [{"text": "hi"}]},
            {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": "DEEP"}}}]},
            {"parts": [{"functionResponse": {"name": "f", "response": {"a": "DEEP"}}}]},
        ]
    },
    "ollama": {
        "messages": [
            USER,
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {"a": "DEEP"}}}]},
        ]
    },
}


@each_dialect
@pytest.mark.parametrize("levels", [100, 240, 300, 1000, 5000])
def test_a_request_nested_deep(dialect: Dialect, levels: int) -> None:
    deep = b"[" * levels + b"]" * levels
    for change in ({"novel": "DEEP"}, CALLS[dialect.name]):
        body = orjson.dumps({**REQUESTS[dialect.name], **change})
        refuses_well(dialect, body.replace(b'"DEEP"', deep).replace(b"DEEP", deep))


# --- what was recorded, damaged --------------------------------------------------------------------------------------


def recorded(kind: corpus.Kind) -> list[Any]:
    return [
        pytest.param(dialect, corpus.row(name, kind, row).answer, id=f"{name}-{row}")
        for name, dialect in TABLE.items()
        for row in corpus.names(name, kind)
    ]


@corpus.needed
@pytest.mark.parametrize(("dialect", "stream"), recorded("stream"))
def test_a_recorded_stream_damaged(dialect: Dialect, stream: bytes) -> None:
    luck = chance(stream[:500].decode(errors="replace"))
    for _ in range(6):
        survives(dialect, [damaged(stream[:20_000], luck)])


@corpus.needed
@pytest.mark.parametrize(("dialect", "body"), recorded("exchange"))
def test_a_recorded_answer_damaged(dialect: Dialect, body: bytes) -> None:
    luck = chance(body[:500].decode(errors="replace"))
    for _ in range(6):
        answers_well(dialect, damaged(body, luck))
