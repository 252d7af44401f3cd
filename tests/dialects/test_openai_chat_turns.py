"""Conversations for models that want user and assistant in turn."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.openai_chat import OPENAI_CHAT
from llmux.ir.capability import Profile, Target
from llmux.ir.content import Image, Inline, Part, Reasoning, Text, ToolCall, ToolResult
from llmux.ir.request import Message, Request, Role

STRICT = Profile(alternate_roles=True, mid_system=False, prefill=False, reasoning_replay="always", vision=True)
PICTURE = Image(source=Inline("image/png", "iVBORw0KGgo="))
SHOWN = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}


def said(text: str) -> Text:
    return Text(text=text)


def user(*parts: Part) -> Message:
    return Message(Role.USER, parts)


def assistant(*parts: Part) -> Message:
    return Message(Role.ASSISTANT, parts)


CALL = ToolCall(id="c1", name="f", arguments="{}")
RESULT = Message(Role.TOOL, (ToolResult(call_id="c1", content=(said("done"),)),))
CALLED: dict[str, Any] = {
    "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
}
TOLD = {"role": "tool", "tool_call_id": "c1", "content": "done"}


def encode(*messages: Message, profile: Profile = STRICT) -> tuple[list[dict[str, Any]], tuple[str, ...]]:
    outbound = OPENAI_CHAT.encode_request(Request(model="m", messages=messages, dialect="claude"), Target("m", profile))
    return outbound.body["messages"], outbound.warnings


# messages -> what is sent, and what the answer owns up to
CASES: dict[str, tuple[tuple[Message, ...], list[dict[str, Any]], tuple[str, ...]]] = {
    "in turn already": (
        (user(said("a")), assistant(said("b")), user(said("c"))),
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b"},
            {"role": "user", "content": "c"},
        ],
        (),
    ),
    "the user twice": ((user(said("a")), user(said("b"))), [{"role": "user", "content": "a\n\nb"}], ()),
    "the user twice, with a picture": (
        (user(said("a")), user(PICTURE), user(said("b"))),
        [{"role": "user", "content": [{"type": "text", "text": "a"}, SHOWN, {"type": "text", "text": "b"}]}],
        (),
    ),
    "the assistant twice": (
        (user(said("a")), assistant(said("b"), Reasoning(text="x")), assistant(said("c"), Reasoning(text="y")),
         user(said("d"))),
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": "b\n\nc", "reasoning_content": "x\n\ny"},
            {"role": "user", "content": "d"},
        ],
        (),
    ),
    "the assistant speaks, and then calls": (
        (user(said("a")), assistant(said("b")), assistant(CALL), RESULT),
        [{"role": "user", "content": "a"},
         {"role": "assistant", "content": "b", "reasoning_content": "", **CALLED},
         TOLD],
        (),
    ),
    "a tool, and then the user": (
        (user(said("a")), assistant(CALL), RESULT, user(said("b"))),
        [
            {"role": "user", "content": "a"},
            {"role": "assistant", "content": None, "reasoning_content": "", **CALLED},
            TOLD,
            {"role": "assistant", "content": "OK."},
            {"role": "user", "content": "b"},
        ],
        ("approx=turns",),
    ),
    "the assistant first": (
        (Message(Role.SYSTEM, (said("s"),)), assistant(said("a")), user(said("b"))),
        [
            {"role": "system", "content": "s"},
            {"role": "user", "content": "(empty)"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "b"},
        ],
        ("approx=turns",),
    ),
    "nothing before the assistant": (
        (assistant(said("a")), user(said("b"))),
        [
            {"role": "user", "content": "(empty)"},
            {"role": "assistant", "content": "a"},
            {"role": "user", "content": "b"},
        ],
        ("approx=turns",),
    ),
    "a reminder beside the user": (
        (user(said("a")), Message(Role.SYSTEM, (said("s"),)), user(said("b"))),
        [{"role": "user", "content": "a\n\n<system-reminder>\ns\n</system-reminder>\n\nb"}],
        ("approx=system_position",),
    ),
    "nothing at all": ((), [{"role": "user", "content": "(empty)"}], ()),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_turns(name: str) -> None:
    messages, expected, warnings = CASES[name]
    assert encode(*messages) == (expected, warnings)


def test_other_models_are_sent_what_was_said() -> None:
    messages, _ = encode(user(said("a")), user(said("b")), profile=Profile())
    assert [message["content"] for message in messages] == ["a", "b"]


def test_what_cannot_be_joined_is_said_last() -> None:
    from llmux.dialects.losses import Losses
    from llmux.dialects.openai_chat.content import Draft
    from llmux.dialects.openai_chat.schema import LOSSES
    from llmux.dialects.openai_chat.turns import in_turns

    draft = Draft(Target("m"), own=True, losses=Losses(LOSSES))
    first, second = ({"role": "assistant", "content": "a", "audio": {"id": each}} for each in "xy")
    [both] = in_turns([{"role": "user", "content": "q"}, first, second], draft)[1:]
    assert (both["content"], both["audio"]) == ("a\n\na", {"id": "y"})


NEXT = {"user": {"assistant"}, "assistant": {"user", "tool"}, "tool": {"tool", "assistant"}}
MESSAGES = st.lists(
    st.sampled_from(
        [user(said("u")), assistant(said("a")), assistant(CALL), RESULT, Message(Role.SYSTEM, (said("s"),))]
    ),
    max_size=7,
)


@given(MESSAGES)
def test_whatever_was_said_comes_in_turn(messages: list[Message]) -> None:
    """What Mistral's own check wants: the user first, nobody twice, the assistant behind a tool."""
    wire, _ = encode(*messages)
    roles = [message["role"] for message in wire]
    while roles and roles[0] == "system":
        roles.pop(0)
    assert not roles or roles[0] == "user"
    for before, role in itertools.pairwise(roles):
        assert role in NEXT[before]
