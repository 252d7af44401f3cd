"""Marks of what to cache: OpenAI's own where a model takes them, on what they stand for, and four at the most."""

from typing import Any

import orjson
import pytest

from llmux.dialects.claude import CLAUDE
from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.ir.capability import Profile, Target
from llmux.ir.content import CacheMark, Image, Inline, Opaque, Part, Text, ToolCall, ToolResult
from llmux.ir.request import Message, OutputFormat, Request, Role, Tool

TAKES = Target("gpt-5.6", Profile(cache_breakpoints=True, vision=True))
PLAIN = Target("m", Profile(vision=True))
MARK = CacheMark("5m")
BROKEN = {"prompt_cache_breakpoint": {"mode": "explicit"}}
WARNING = ("dropped=cache_control",)

CALL = Message(Role.ASSISTANT, (ToolCall(id="call_1", name="f", arguments="{}"),))


def request(*messages: Message, **changes: Any) -> Request:
    return Request(dialect="claude", model="x", messages=messages, **changes)


def text(said: str, mark: CacheMark | None = MARK) -> Text:
    return Text(text=said, cache=mark)


# what is marked -> the message that says so
MARKED: dict[str, tuple[tuple[Message, ...], dict[str, Any]]] = {
    "the system prompt": (
        (Message(Role.SYSTEM, (text("One.", None), text("Two."))), Message(Role.USER, (text("Hi", None),))),
        {
            "role": "system",
            "content": [{"type": "text", "text": "One."}, {"type": "text", "text": "Two."} | BROKEN],
        },
    ),
    "a text": (
        (Message(Role.USER, (text("Hi"),)),),
        {"role": "user", "content": [{"type": "text", "text": "Hi"} | BROKEN]},
    ),
    "a long life": (
        (Message(Role.USER, (text("Hi", CacheMark("12h")),)),),
        {
            "role": "user",
            "content": [{"type": "text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}],
        },
    ),
    "a picture": (
        (Message(Role.USER, (Image(source=Inline("image/png", "AA=="), cache=MARK),)),),
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}} | BROKEN],
        },
    ),
    "a result": (
        (CALL, Message(Role.TOOL, (ToolResult(call_id="call_1", content=(text("ok", None),), cache=MARK),))),
        {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "ok"} | BROKEN]},
    ),
}


@pytest.mark.parametrize("case", MARKED.values(), ids=MARKED)
def test_a_mark_is_told(case: tuple[tuple[Message, ...], dict[str, Any]]) -> None:
    outbound = OPENAI_CHAT.encode_request(request(*case[0]), TAKES)
    assert case[1] in outbound.body["messages"]
    assert outbound.warnings == ()


@pytest.mark.parametrize("case", MARKED.values(), ids=MARKED)
def test_other_models_are_not_told_and_the_answer_owns_up_to_it(case: tuple[tuple[Message, ...], Any]) -> None:
    outbound = OPENAI_CHAT.encode_request(request(*case[0]), PLAIN)
    assert b"cache" not in orjson.dumps(outbound.body)
    assert outbound.warnings == WARNING


NOWHERE: dict[str, Request] = {
    "a tool": request(Message(Role.USER, (text("Hi", None),)), tools=(Tool("f", cache=MARK),)),
    "the assistant's words": request(Message(Role.ASSISTANT, (text("Hi"),))),
    "a result that says nothing": request(CALL, Message(Role.TOOL, (ToolResult(call_id="call_1", cache=MARK),))),
}


@pytest.mark.parametrize("case", NOWHERE.values(), ids=NOWHERE)
def test_a_mark_that_has_no_place_is_left_out(case: Request) -> None:
    outbound = OPENAI_CHAT.encode_request(case, TAKES)
    assert b"cache" not in orjson.dumps(outbound.body)
    assert WARNING[0] in outbound.warnings


@pytest.mark.parametrize("part", [text(""), Opaque(dialect="claude", raw={}, cache=MARK)], ids=["blank", "opaque"])
def test_what_is_not_told_bears_no_mark(part: Part) -> None:
    body = OPENAI_CHAT.encode_request(request(Message(Role.USER, (part, text("Hi", None)))), TAKES).body
    assert body["messages"] == [{"role": "user", "content": "Hi"}]


def test_the_last_four_marks_are_told() -> None:
    turns = [Message(Role.USER, (text(str(number)),)) for number in range(6)]
    body = OPENAI_CHAT.encode_request(request(*turns), TAKES).body
    assert [BROKEN.items() <= message["content"][0].items() for message in body["messages"]] == [False] * 2 + [True] * 4


def test_what_must_be_said_in_words_stands_behind_a_marked_system_prompt() -> None:
    asked = request(
        Message(Role.SYSTEM, (text("Be brief."),)),
        Message(Role.USER, (text("Hi", None),)),
        output=OutputFormat("json"),
    )
    system = OPENAI_CHAT.encode_request(asked, TAKES).body["messages"][0]["content"]
    assert system[0] == {"type": "text", "text": "Be brief."} | BROKEN
    assert "JSON" in system[1]["text"]


def body(part: dict[str, Any]) -> bytes:
    content = [{"type": "text", "text": "Hi"} | part]
    return orjson.dumps({"model": "m", "messages": [{"role": "user", "content": content}]})


DECODED: dict[str, tuple[dict[str, Any], CacheMark | None]] = {
    "Claude's spelling": ({"cache_control": {"type": "ephemeral", "ttl": "1h"}}, CacheMark("1h")),
    "without a time": ({"cache_control": {"type": "ephemeral"}}, CacheMark()),
    "OpenAI's own": (BROKEN, CacheMark("30m")),
    "OpenAI's own, for long": ({"prompt_cache_breakpoint": {"mode": "explicit", "ttl": "12h"}}, CacheMark("12h")),
    "null": ({"cache_control": None, "prompt_cache_breakpoint": None}, None),
}


@pytest.mark.parametrize("case", DECODED.values(), ids=DECODED)
def test_a_mark_is_heard(case: tuple[dict[str, Any], CacheMark | None]) -> None:
    part: Part = OPENAI_CHAT.decode_request(body(case[0])).messages[0].parts[0]
    assert part.cache == case[1]


def test_openais_own_mark_comes_back_as_it_was_and_reaches_claude() -> None:
    asked = OPENAI_CHAT.decode_request(body(BROKEN))
    own = OPENAI_CHAT.encode_request(asked, TAKES).body["messages"][0]["content"]
    assert own == [{"type": "text", "text": "Hi"} | BROKEN]
    claude = CLAUDE.encode_request(asked, Target("claude")).body["messages"][0]["content"]
    assert claude == [{"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
