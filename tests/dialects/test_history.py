"""History in order: every way in which clients mix up calls and results, and the laws that hold for all of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects import history
from llmux.dialects.history import INTERRUPTED, in_order
from llmux.ir.content import (
    CacheMark,
    Citation,
    Extra,
    Image,
    Inline,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from llmux.ir.request import Message, Role

PICTURE = Image(source=Inline("image/png", "AAAA"))
STATE = ReasoningState("claude", "signature", "c2ln")


def text(words: str) -> Text:
    return Text(text=words)


def call(call_id: str) -> ToolCall:
    return ToolCall(id=call_id, name="look", arguments="{}")


def result(call_id: str, words: str = "seen") -> ToolResult:
    return ToolResult(call_id=call_id, content=(text(words),))


def missing(call_id: str) -> ToolResult:
    return ToolResult(call_id=call_id, content=(text(INTERRUPTED),), is_error=True)


def system(words: str) -> Message:
    return Message(Role.SYSTEM, (text(words),))


def user(*parts: Part | str) -> Message:
    return Message(Role.USER, tuple(text(part) if isinstance(part, str) else part for part in parts))


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


def tool(*results: Part) -> Message:
    return Message(Role.TOOL, results)


WELL_FORMED = (
    system("be brief"),
    user("go", PICTURE),
    assistant(Reasoning(states=(STATE,)), text("I look."), call("a"), call("b")),
    tool(result("a"), ToolResult(call_id="b")),
    assistant(text("done")),
    user("thanks"),
    user("and more"),
)

CASES: dict[str, tuple[tuple[Message, ...], tuple[Message, ...]]] = {
    "results take the order of their calls": (
        (assistant(call("a"), call("b")), tool(result("b"), result("a"))),
        (assistant(call("a"), call("b")), tool(result("a"), result("b"))),
    ),
    "one message for all results of a turn": (
        (assistant(call("a"), call("b")), tool(result("a")), tool(result("b"))),
        (assistant(call("a"), call("b")), tool(result("a"), result("b"))),
    ),
    "a missing result is an error": (
        (assistant(call("a"), call("b")), tool(result("b")), user("on")),
        (assistant(call("a"), call("b")), tool(missing("a"), result("b")), user("on")),
    ),
    "an open call at the end too": (
        (user("go"), assistant(call("a"))),
        (user("go"), assistant(call("a")), tool(missing("a"))),
    ),
    "a late result moves up": (
        (assistant(call("a")), user("hurry"), assistant(text("well")), tool(result("a"))),
        (assistant(call("a")), tool(result("a")), user("hurry"), assistant(text("well"))),
    ),
    "the last of two results counts": (
        (assistant(call("a")), tool(result("a", "old")), user("on"), tool(result("a", "new"))),
        (assistant(call("a")), tool(result("a", "new")), user("on")),
    ),
    "system messages follow the results": (
        (assistant(call("a")), system("mind the time"), tool(result("a"))),
        (assistant(call("a")), tool(result("a")), system("mind the time")),
    ),
    "a user message that holds results is split": (
        (assistant(call("a")), user("look:", result("a"), PICTURE)),
        (assistant(call("a")), tool(result("a")), user("look:", PICTURE)),
    ),
    "a result without call is told, picture and all": (
        (user("go"), tool(ToolResult(call_id="x", content=(text("seen"), PICTURE)))),
        (user("go"), user("Tool result (x): seen", PICTURE)),
    ),
    "so is one before its call": (
        (tool(result("a")), assistant(call("a"))),
        (user("Tool result (a): seen"), assistant(call("a")), tool(missing("a"))),
    ),
    "so is one that is only a picture": (
        (tool(ToolResult(call_id="x", content=(PICTURE,), is_error=True)),),
        (user("Tool result (x): Error:", PICTURE),),
    ),
    "so is an empty one": (
        (tool(ToolResult(call_id="x", content=(text(" "),))),),
        (user("Tool result (x): (empty)"),),
    ),
    "results with and without call part ways": (
        (assistant(call("a")), tool(result("x"), result("a"))),
        (assistant(call("a")), tool(result("a")), user("Tool result (x): seen")),
    ),
    "text in a tool message is the user's": (
        (assistant(call("a")), tool(result("a"), text("and this"))),
        (assistant(call("a")), tool(result("a")), user("and this")),
    ),
    "a repeated call id gets a suffix, with its result": (
        (
            *(assistant(call("f:0")), tool(result("f:0", "one"))),
            *(assistant(call("f:0")), tool(result("f:0", "two"))),
            *(assistant(call("f:0")), tool(result("f:0", "three"))),
        ),
        (
            *(assistant(call("f:0")), tool(result("f:0", "one"))),
            *(assistant(call("f:0_2")), tool(result("f:0_2", "two"))),
            *(assistant(call("f:0_3")), tool(result("f:0_3", "three"))),
        ),
    ),
    "a suffix that is taken is not given again": (
        (assistant(call("a"), call("a_2")), tool(result("a"), result("a_2")), assistant(call("a")), tool(result("a"))),
        (
            assistant(call("a"), call("a_2")),
            tool(result("a"), result("a_2")),
            assistant(call("a_3")),
            tool(result("a_3")),
        ),
    ),
    "an id repeated in one message is answered in order": (
        (assistant(call("a"), call("a")), tool(result("a", "one"), result("a", "two"))),
        (assistant(call("a"), call("a_2")), tool(result("a", "one"), result("a_2", "two"))),
    ),
    "an empty id is none": (
        (assistant(call("")), tool(result(""))),
        (assistant(call("call")), tool(result("call"))),
    ),
    "blank parts and empty messages are left out": (
        (
            user("", "hi", " \n"),
            user(),
            user("\t"),
            assistant(Text(text="\n\n", citations=(Citation("claude", {}),), extra=Extra("claude", {"x": 1}))),
            assistant(Reasoning(text=" "), Refusal(), text("yes")),
            assistant(Reasoning(states=(STATE,)), Refusal(text="no")),
        ),
        (user("hi"), assistant(text("yes")), assistant(Reasoning(states=(STATE,)), Refusal(text="no"))),
    ),
    "blank text in a result is left out": (
        (assistant(call("a")), tool(ToolResult(call_id="a", content=(text(""), PICTURE)))),
        (assistant(call("a")), tool(ToolResult(call_id="a", content=(PICTURE,)))),
    ),
    "nothing said at all": ((user(""), assistant()), (user("(empty)"),)),
}


@pytest.mark.parametrize(("messages", "expected"), CASES.values(), ids=CASES)
def test_in_order(messages: tuple[Message, ...], expected: tuple[Message, ...]) -> None:
    assert in_order(messages) == expected


@pytest.mark.parametrize("messages", [(), WELL_FORMED])
def test_what_is_in_order_is_the_same_tuple(messages: tuple[Message, ...]) -> None:
    assert in_order(messages) is messages


def test_a_cache_mark_of_a_result_without_call_is_kept() -> None:
    mark = CacheMark("1h")
    told = in_order((tool(ToolResult(call_id="x", content=(text("seen"), PICTURE), cache=mark)),))
    assert [part.cache for part in told[0].parts] == [None, mark]


def test_a_tool_message_keeps_its_name_and_extra() -> None:
    named = Message(Role.TOOL, (result("b"), result("a")), "look", Extra("openai_chat", {"x": 1}))
    assert in_order((assistant(call("a"), call("b")), named))[1] == Message(
        Role.TOOL, (result("a"), result("b")), named.name, named.extra
    )


# --- laws, over conversations that are as wrong as they can be --------------------------------------------------------

WORDS = st.sampled_from(["", " ", "hi", "Tool result"]).map(text)
IDS = st.sampled_from(["", "a", "a_2", "b"])
RESULTS = st.builds(lambda call_id, content: ToolResult(call_id=call_id, content=content), IDS, st.tuples(WORDS))
ANY_PART = st.one_of(WORDS, st.just(PICTURE), IDS.map(call), RESULTS, st.just(Reasoning()))
ANY_MESSAGE = st.builds(Message, st.sampled_from(Role), st.lists(ANY_PART, max_size=4).map(tuple))
ANYTHING = st.lists(ANY_MESSAGE, max_size=8).map(tuple)


@st.composite
def turns(draw: st.DrawFn) -> tuple[tuple[Message, ...], ...]:
    """Turns of a sound conversation, except that ids repeat and results may be missing or in any order."""
    made: list[tuple[Message, ...]] = []
    for _ in range(draw(st.integers(0, 6))):
        ids = draw(st.lists(IDS, max_size=3, unique=True))
        answered = draw(st.permutations(ids))[: draw(st.integers(0, len(ids)))]
        spoken = assistant(text("so"), *map(call, ids))
        made.append((user("go"), spoken, tool(*map(result, answered))) if answered else (user("go"), spoken))
    return tuple(made)


def is_canonical(messages: tuple[Message, ...]) -> bool:
    """The canonical form, said anew and slowly."""
    ids = [part.id for message in messages for part in message.parts if isinstance(part, ToolCall)]
    for before, message in zip((user(), *messages), (*messages, user()), strict=True):
        called = [part.id for part in before.parts if isinstance(part, ToolCall)]
        answered = [part.call_id for part in message.parts if isinstance(part, ToolResult)]
        if called != answered or (message.role is Role.TOOL) != bool(answered):
            return False
        if answered and len(answered) != len(message.parts):
            return False
    return len(set(ids)) == len(ids) and all(message.parts for message in messages)


@given(ANYTHING)
def test_everything_ends_in_canonical_form(messages: tuple[Message, ...]) -> None:
    ordered = in_order(messages)
    assert is_canonical(ordered)
    assert in_order(ordered) is ordered


@given(ANYTHING)
def test_the_short_cut_says_what_the_long_way_would(messages: tuple[Message, ...]) -> None:
    ordering = history._Ordering()
    for message in messages:
        ordering.add(message)
    assert history._is_in_order(messages) == (ordering.messages() == messages)


@given(ANYTHING)
def test_no_words_and_no_pictures_are_lost(messages: tuple[Message, ...]) -> None:
    def said(messages: tuple[Message, ...]) -> list[Part]:
        parts = [part for message in messages for part in message.parts if not isinstance(part, ToolResult)]
        return [part for part in parts if part == PICTURE or part == text("hi")]

    kept = said(in_order(messages))
    assert [kept.count(part) for part in (PICTURE, text("hi"))] == [
        said(messages).count(part) for part in (PICTURE, text("hi"))
    ]


@given(turns())
def test_a_turn_added_changes_nothing_before_it(made: tuple[tuple[Message, ...], ...]) -> None:
    whole = in_order([message for turn in made for message in turn])
    for count in range(len(made)):
        before = in_order([message for turn in made[:count] for message in turn])
        assert whole[: len(before)] == before
