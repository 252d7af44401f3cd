"""Which parts of a prompt are marked for a cache, when its client cannot mark any."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.ir.content import CacheMark, Image, Link, Opaque, Part, Text, ToolCall, ToolResult
from llmux.ir.request import Message, Original, Request, Role, Tool
from llmux.routing.cache_marks import LEAST_BYTES, MARK, marked
from llmux.routing.tokens import every_part
from tests.strategies import requests

LONG = Text(text="word " * (LEAST_BYTES // 5))
SYSTEM = Message(Role.SYSTEM, (Text(text="Be brief."), LONG))
ASK, MORE = Message(Role.USER, (Text(text="Hi"),)), Message(Role.USER, (Text(text="Go on"),))
CALLS = Message(Role.ASSISTANT, (ToolCall(id="1", name="f", arguments="{}"),))
GIVES = Message(Role.TOOL, (ToolResult(call_id="1", content=(Text(text="ok"),)), ToolResult(call_id="2")))
SAYS = Message(Role.ASSISTANT, (Text(text="Done."),))


def asked(*messages: Message, **changes: Any) -> Request:
    return Request(dialect="openai_chat", model="m", messages=messages, **changes)


def where(request: Request) -> Iterator[str]:
    """Each mark, as `message.part`, and the tools'."""
    for number, message in enumerate(request.messages):
        yield from (f"{number}.{index}" for index, part in enumerate(message.parts) if part.cache)
    yield from (tool.name for tool in request.tools if tool.cache)


CASES: dict[str, tuple[Request, list[str]]] = {
    "system, tool, turn": (asked(SYSTEM, ASK, tools=(Tool("f"), Tool("g"))), ["0.1", "1.0", "g"]),
    "two turns of three": (asked(SYSTEM, ASK, SAYS, ASK, SAYS, MORE), ["0.1", "3.0", "5.0"]),
    "results are a turn": (asked(SYSTEM, ASK, CALLS, GIVES), ["0.1", "1.0", "3.1"]),
    "results and words are one": (asked(SYSTEM, ASK, CALLS, GIVES, MORE), ["0.1", "1.0", "4.0"]),
    "a reminder ends no turn": (asked(SYSTEM, ASK, SAYS, MORE, Message(Role.SYSTEM, ())), ["0.1", "1.0", "3.0"]),
    "the last of several system messages": (asked(SYSTEM, Message(Role.DEVELOPER, (LONG,)), ASK), ["1.0", "2.0"]),
    "no system prompt": (asked(Message(Role.USER, (LONG,))), ["0.0"]),
    "nothing but a system prompt": (asked(SYSTEM), ["0.1"]),
    "a part that bears none": (
        asked(SYSTEM, Message(Role.USER, (Image(source=Link("u")), Opaque(dialect="x", raw={}), Text(text=" ")))),
        ["0.1", "1.0"],
    ),
    "no part that bears one": (asked(SYSTEM, Message(Role.USER, (Opaque(dialect="x", raw={}),))), ["0.1"]),
    "too short": (asked(ASK, tools=(Tool("f"),)), []),
    "long by its own document": (asked(ASK, original=Original(b" " * LEAST_BYTES, {})), ["0.0"]),
    "short by its own document": (asked(ASK, original=Original(b" " * (LEAST_BYTES - 1), {})), []),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_marks(case: tuple[Request, list[str]]) -> None:
    assert list(where(marked(case[0]))) == case[1]


OWN: dict[str, Request] = {
    "on a part": asked(SYSTEM, Message(Role.USER, (Text(text="Hi", cache=CacheMark("1h")),)), SAYS, ASK),
    "within a part": asked(
        SYSTEM, CALLS, Message(Role.TOOL, (ToolResult(call_id="1", content=(Text(text="x", cache=MARK),)),))
    ),
    "on a tool": asked(SYSTEM, ASK, tools=(Tool("f", cache=MARK), Tool("g"))),
    "on the whole": asked(SYSTEM, ASK, cache=MARK),
}


@pytest.mark.parametrize("request_", OWN.values(), ids=OWN)
def test_who_has_marked_anything_is_taken_at_his_word(request_: Request) -> None:
    assert marked(request_) is request_


@given(st.sampled_from(["claude", "openai_chat"]).flatmap(requests))
def test_never_more_than_four_and_nothing_else_is_changed(request_: Request) -> None:
    plain = _unmarked(request_)
    request_ = marked(replace(plain, messages=(SYSTEM, *plain.messages)))
    assert len(list(where(request_))) <= 4
    assert _unmarked(request_).messages[1:] == plain.messages
    assert marked(request_) is request_


def _unmarked(request_: Request) -> Request:
    assert not any(part.cache for message in request_.messages for part in _inner(message))
    messages = tuple(
        replace(message, parts=tuple(replace(part, cache=None) for part in message.parts))
        for message in request_.messages
    )
    tools = tuple(replace(tool, cache=None) for tool in request_.tools)
    return replace(request_, messages=messages, tools=tools)


def _inner(message: Message) -> Iterator[Part]:
    top = [id(part) for part in message.parts]
    request_ = asked(message)
    yield from (part for part in every_part(request_) if id(part) not in top)
