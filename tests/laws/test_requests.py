"""Laws of requests: what one dialect writes it reads again, what two can say both say, and a conversation that grows
changes no byte of what has been sent before: the backends' prompt caches depend on it.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import pairwise
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.dialects.registry import TABLE
from llmux.errors import BadRequest
from llmux.ir.content import Image, Part, Text, ToolCall, ToolResult
from llmux.ir.request import Message, Request, Role, Tool
from tests import corpus
from tests.amount import amount
from tests.laws.backends import conversation, heard, outbound, sent
from tests.laws.clients import Sent, sent_to_gateways, sent_to_providers
from tests.strategies import requests

EXAMPLES = amount(6, 400)  # for each of the pairs, which are many
DIALECTS = tuple(TABLE)
PAIRS = tuple((name, other) for name in DIALECTS for other in DIALECTS if other != name)
each_dialect = pytest.mark.parametrize("name", DIALECTS)
each_pair = pytest.mark.parametrize(("name", "other"), PAIRS)
each_way = pytest.mark.parametrize(("name", "other"), [*PAIRS, *zip(DIALECTS, DIALECTS, strict=True)])

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
@settings(max_examples=EXAMPLES)
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


def written(request: Request, name: str) -> dict[str, bytes]:
    """Each field of the body: the conversation, and all that is said beside it."""
    return {field: orjson.dumps(value) for field, value in outbound(request, name).body.items()}


def check_growth(turns: Iterable[dict[str, bytes]]) -> None:
    """One field holds the conversation, and begins as before; the others, tools and system among them, stay equal."""
    for before, after in pairwise(turns):
        changed = [field for field in before.keys() | after.keys() if before.get(field) != after.get(field)]
        assert len(changed) <= 1, changed
        for field in changed:
            assert after[field].startswith(before[field][:-1])  # without the bracket that closes it


@each_way
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_a_turn_added_changes_no_byte_before_it(name: str, other: str, data: st.DataObject) -> None:
    check_growth(written(turn, other) for turn in growing(data.draw(requests(name, other))))


RULES = Message(Role.SYSTEM, (Text(text="Be brief."),))
TOOLS = (
    Tool("weather", "Tells the weather.", {"type": "object", "properties": {"city": {"type": "string"}}}),
    Tool("a.b c", "Has a name that not every backend takes.", {"type": "object"}, strict=True),
)


@each_way
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_neither_does_it_where_there_are_rules_and_tools(name: str, other: str, data: st.DataObject) -> None:
    request = data.draw(requests(name, other))
    messages = tuple(message for message in request.messages if message.role is not Role.SYSTEM)
    request = replace(request, messages=(RULES, *messages), tools=TOOLS, tool_choice=None)
    check_growth(written(turn, other) for turn in growing(request))


@each_way
@settings(max_examples=EXAMPLES)
@given(st.data())
def test_what_a_client_sends_anew_each_time_is_told_to_its_own_backends_only(
    name: str, other: str, data: st.DataObject
) -> None:
    """Claude Code's first line names its build and a checksum of the request: others would never read from a cache."""
    request = data.draw(requests(name, other))
    first, second = (_noisy(request, checksum) for checksum in ("1f2e3", "4d5c6"))
    if other != NOISE:
        assert sent(first, other) == sent(second, other)
    else:
        assert sent(first, other) != sent(second, other)


NOISE = "claude"  # whose clients send it


def _noisy(request: Request, checksum: str) -> Request:
    line = {
        "type": "text",
        "text": f"x-anthropic-billing-header: cc_version=2.1.37; cc_entrypoint=cli; cch={checksum};",
    }
    body = {"model": "m", "system": [line], "messages": [{"role": "user", "content": "Hi"}]}
    rules = TABLE[NOISE].decode_request(orjson.dumps(body)).messages[0]
    return replace(request, messages=(rules, *request.messages), dialect=NOISE, extra=None)


# --- what was recorded -----------------------------------------------------------------------------------------------


SENT = (*sent_to_providers(), *sent_to_gateways())
NOWHERE: frozenset[str] = frozenset()
# Conversations with a turn of which these dialects can say nothing, so that what stood around it becomes one turn.
VANISHING: Mapping[str, frozenset[str]] = {
    # All that the model said is a picture that its provider made.
    "exchange-openai-openai_responses_image_generation_with_tool_output_1-pydb2811": frozenset({"claude", "gemini"}),
}


@corpus.needed
@pytest.mark.parametrize("case", SENT, ids=lambda case: case.name)
def test_a_recorded_request_is_read_and_written(case: Sent) -> None:
    request = case.decode()
    again = heard(request, request.dialect)
    assert sent(again, request.dialect) == sent(request, request.dialect)
    assert {other for other in DIALECTS if not grows(request, other)} == VANISHING.get(case.name, NOWHERE)


def grows(request: Request, other: str) -> bool:
    """Whether a turn added changes nothing before it. What cannot be said there is told, not left out in silence."""
    with suppress(BadRequest):
        turns = [conversation(turn, other) for turn in growing(request)]
        return all(after.startswith(before) for before, after in pairwise(turns))
    return True
