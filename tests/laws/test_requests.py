"""Laws of requests: what one dialect writes it reads again, what two can say both say, and a conversation that grows
changes no byte of what has been sent before: the backends' prompt caches depend on it.
"""

import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.dialects.base import Address, backend_path
from llmux.dialects.registry import TABLE
from llmux.errors import BadRequest
from llmux.ir.capability import Profile, Target
from llmux.ir.content import Image, Part, Text, ToolCall, ToolResult
from llmux.ir.request import Message, Request, Role
from tests import corpus
from tests.strategies import requests

DIALECTS = tuple(TABLE)
PAIRS = tuple((name, other) for name in DIALECTS for other in DIALECTS if other != name)
each_dialect = pytest.mark.parametrize("name", DIALECTS)
each_pair = pytest.mark.parametrize(("name", "other"), PAIRS)
each_way = pytest.mark.parametrize(("name", "other"), [*PAIRS, *zip(DIALECTS, DIALECTS, strict=True)])

# A model that can do everything, so that nothing is left out for its sake.
ABLE = Target(
    "m",
    Profile(vision=True, thinking=True, pdf=True, custom_tools=True, reasoning="either", reasoning_replay="always"),
    maker="anthropic",
)


def sent(request: Request, name: str) -> bytes:
    """The body that a backend of the dialect `name` gets."""
    return orjson.dumps(TABLE[name].encode_request(request, ABLE).body)


def place(request: Request, name: str) -> Address:
    """Where a backend of the dialect `name` is asked: some say there what others say in the body."""
    path, _, query = backend_path(TABLE[name], "m", stream=request.stream).partition("?")
    return Address(path, dict(parse_qsl(query)))


def heard(request: Request, name: str) -> Request:
    """What a backend of the dialect `name` makes of it."""
    return replace(TABLE[name].decode_request(sent(request, name), place(request, name)), original=None)


# --- one dialect -----------------------------------------------------------------------------------------------------


@each_dialect
@given(st.data())
def test_what_a_dialect_writes_it_reads(name: str, data: st.DataObject) -> None:
    request = data.draw(requests(name))
    assert said(heard(request, name)) == said(request)


@each_dialect
@given(st.data())
def test_equal_requests_are_equal_bytes(name: str, data: st.DataObject) -> None:
    request = data.draw(requests(name))
    assert sent(heard(request, name), name) == sent(heard(heard(request, name), name), name)


# --- two dialects ----------------------------------------------------------------------------------------------------


def said(request: Request) -> dict[str, Any]:
    """All of a request that both dialects can say, in one form."""
    return {
        "messages": list(merged(request.messages)),
        "tools": [(tool.name, tool.description, tool.schema) for tool in request.tools],
        "choice": request.tool_choice,
        "limits": (request.max_output_tokens, request.stop, request.sampling.temperature),
        "stream": request.stream,
    }


def merged(messages: Iterable[Message]) -> Iterator[tuple[Role, list[Any]]]:
    """Messages with the neighbours of one role as one: some dialects know no others."""
    role, parts = None, list[Any]()
    for message in messages:
        if message.role is not role:
            if role:
                yield role, parts
            role, parts = message.role, []
        parts += [plain(part) for part in message.parts]
    if role:
        yield role, parts


def plain(part: Part) -> Any:
    if isinstance(part, ToolCall):
        return part.id, part.name, json.loads(part.arguments)
    if isinstance(part, ToolResult):
        return part.call_id, [spelled(inner) for inner in part.content]
    assert isinstance(part, Text | Image)
    return part.text if isinstance(part, Text) else part.source


def spelled(part: Part) -> Any:
    """A part of a result. Some dialects know results as JSON objects: one that is an object may be spelled anew."""
    said = plain(part)
    if not isinstance(part, Text):
        return said
    try:
        value = json.loads(part.text)
    except ValueError:
        return said
    return value if isinstance(value, dict) else said


@each_pair
@given(st.data())
def test_both_dialects_say_the_same(name: str, other: str, data: st.DataObject) -> None:
    request = data.draw(requests(name, other))
    there = heard(heard(request, name), other)
    assert said(there) == said(request)
    back = heard(replace(there, dialect=other), name)
    assert said(back) == said(request)


# --- a conversation that grows ---------------------------------------------------------------------------------------


def growing(request: Request) -> Iterator[Request]:
    """The request as it was when each of its user's turns was the last."""
    for count, (message, answer) in enumerate(pairwise(request.messages), 1):
        if message.role in {Role.USER, Role.TOOL} and answer.role is Role.ASSISTANT:
            yield replace(request, messages=request.messages[:count])
    yield request


def written(request: Request, name: str) -> bytes:
    """The messages in the body, without the bracket that closes them: the last of them may be marked for the cache."""
    body = TABLE[name].encode_request(request, ABLE).body
    return orjson.dumps(body[{"openai_responses": "input", "gemini": "contents"}.get(name, "messages")])[:-1]


@each_way
@given(st.data())
def test_a_turn_added_changes_no_byte_before_it(name: str, other: str, data: st.DataObject) -> None:
    turns = [written(turn, other) for turn in growing(data.draw(requests(name, other)))]
    for before, after in pairwise(turns):
        assert after.startswith(before)


# --- what was recorded -----------------------------------------------------------------------------------------------


class Recorded(NamedTuple):
    dialect: str
    kind: corpus.Kind
    name: str


KINDS: tuple[corpus.Kind, ...] = ("exchange", "stream")
ASKING = {"messages", "chat", "create", "generateContent", "streamGenerateContent"}


def recorded() -> Iterator[Recorded]:
    for dialect in DIALECTS:
        for kind in KINDS:
            for name in corpus.names(dialect, kind):
                row = corpus.row(dialect, kind, name)
                if row.request and row.document["operation"] in ASKING:
                    yield Recorded(dialect, kind, name)


RECORDED = tuple(recorded())
# Conversations with a turn that nobody else can say anything of, so that what stood around it meets.
VANISHING = {
    "openai-openai_responses_image_generation_with_tool_output_1-pydb2811": "all that was said is a generated picture",
}


def request_of(case: Recorded) -> Request:
    body = {"model": "m", **(corpus.row(*case).request or {})}  # Bedrock, Google and Vertex name it in the path
    request = TABLE[case.dialect].decode_request(orjson.dumps(body))
    return replace(request, original=None)


@corpus.needed
@pytest.mark.parametrize("case", RECORDED, ids="-".join)
def test_a_recorded_request_is_read_and_written(case: Recorded) -> None:
    request = request_of(case)
    again = heard(request, case.dialect)
    assert sent(again, case.dialect) == sent(request, case.dialect)
    for other in [case.dialect] if case.name in VANISHING else DIALECTS:
        with suppress(BadRequest):  # what cannot be said there is said in words, not left out in silence
            for before, after in pairwise([written(turn, other) for turn in growing(request)]):
                assert after.startswith(before)
