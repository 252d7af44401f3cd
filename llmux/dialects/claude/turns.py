"""Messages, both ways: Claude knows two roles, tool results in the user's words, and system apart.

Reference: https://docs.claude.com/en/api/messages
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import takewhile

from llmux.dialects.claude.blocks import Draft, Wire, encode_parts
from llmux.dialects.claude.content import decode_parts
from llmux.dialects.claude.schema import BILLING, DIALECT, MAKER
from llmux.dialects.history import in_order
from llmux.dialects.shape import Fields, refuse
from llmux.ir.content import Opaque, Part, Text, ToolResult, keep
from llmux.ir.request import Message, Role

ROLES = {"user": Role.USER, "assistant": Role.ASSISTANT, "system": Role.SYSTEM}
SYSTEM_ROLES = (Role.SYSTEM, Role.DEVELOPER)
WORDS = {
    Role.USER: "user",
    Role.TOOL: "user",
    Role.ASSISTANT: "assistant",
    Role.SYSTEM: "system",
    Role.DEVELOPER: "system",
}
MESSAGE = frozenset({"role", "content"})

EMPTY: Wire = {"type": "text", "text": "(empty)"}
GO_ON: Wire = {"type": "text", "text": "Continue."}
GO_ON_EXACTLY: Wire = {
    "type": "text",
    "text": "Continue your last message exactly where it stops. Write only what follows; repeat nothing of it.",
}

# --- decode ----------------------------------------------------------------------------------------------------------


def decode_messages(body: Fields) -> tuple[Message, ...]:
    """`system` and `messages`, in the order in which they are said.

    Raises:
        BadRequest: there are none, or one of them has another shape.
    """
    if not body.list("messages"):
        refuse("messages", "at least one message")
    said = [message for entry in body.objects("messages") for message in _decode_message(entry)]
    system = body.document.get("system")
    parts = decode_parts(system, "system") if system is not None else ()
    return (Message(Role.SYSTEM, parts), *said) if parts else tuple(said)


def _decode_message(message: Fields) -> Iterator[Message]:
    """One message; the tool results of a user's message are a message of their own, before the rest."""
    role = ROLES.get(message.need_text("role"))
    if role is None:
        refuse(message.at("role"), f"one of {', '.join(ROLES)}")
    parts = decode_parts(message.document.get("content"), message.at("content"))
    extra = keep(DIALECT, message.document, MESSAGE)
    if role is Role.USER and any(isinstance(part, ToolResult) for part in parts):
        yield Message(Role.TOOL, tuple(part for part in parts if isinstance(part, ToolResult)), extra=extra)
        parts, extra = tuple(part for part in parts if not isinstance(part, ToolResult)), None
        if not parts:
            return
    yield Message(role, parts, extra=extra)


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_messages(messages: Sequence[Message], draft: Draft) -> tuple[list[Wire], list[Wire]]:
    """The system blocks, and the messages in alternating roles, the first one the user's."""
    ordered = in_order(messages)
    leading = list(takewhile(lambda message: message.role in SYSTEM_ROLES, ordered))
    system = [block for message in leading for block in _system_blocks(message.parts, draft)]
    turns = _merged(_turn(message, draft) for message in ordered[len(leading) :])
    turns = _merged(_placed(turns, draft))
    if not turns:
        return system, [_message("user", [GO_ON])]
    if turns[0]["role"] != "user":
        turns.insert(0, _message("user", [EMPTY]))
    return system, turns


def _turn(message: Message, draft: Draft) -> Wire:
    if message.name is not None:
        draft.losses.drop("names")
    if message.role in SYSTEM_ROLES:
        return _message("system", _system_blocks(message.parts, draft))
    return _message(WORDS[message.role], encode_parts(message.parts, draft))


def _message(role: str, blocks: list[Wire]) -> Wire:
    return {"role": role, "content": blocks}


def _system_blocks(parts: Iterable[Part], draft: Draft) -> list[Wire]:
    """Text only. Claude Code's billing line is for its maker: it changes with each request and would spoil caches."""
    texts: list[Part] = []
    for part in parts:
        if isinstance(part, Text | Opaque):
            texts.append(part)
        else:
            draft.losses.drop("system")
    blocks = encode_parts(texts, draft)
    return [
        block
        for block in blocks
        if block["type"] == "text" and (draft.maker == MAKER or not block["text"].startswith(BILLING))
    ]


def _merged(turns: Iterable[Wire]) -> list[Wire]:
    """Neighbours of one role as one message; messages that say nothing are left out."""
    merged: list[Wire] = []
    for turn in turns:
        if merged and merged[-1]["role"] == turn["role"]:
            merged[-1] = _message(turn["role"], merged[-1]["content"] + turn["content"])
        elif turn["content"]:
            merged.append(turn)
    return merged


def _placed(turns: list[Wire], draft: Draft) -> Iterator[Wire]:
    """System messages stay where a model takes them: behind the user's words, before the assistant's or last."""
    for index, turn in enumerate(turns):
        before = turns[index - 1]["role"] if index else "system"
        behind = turns[index + 1]["role"] if index + 1 < len(turns) else "assistant"
        if turn["role"] != "system" or (draft.profile.mid_system and (before, behind) == ("user", "assistant")):
            yield turn
        else:
            draft.losses.approx("mid_system")
            yield _message("user", [_reminder(block) for block in turn["content"]])


def _reminder(block: Wire) -> Wire:
    return block | {"text": f"<system-reminder>\n{block['text']}\n</system-reminder>"}


def end_with_user(turns: list[Wire], draft: Draft, *, reasons: bool) -> list[Wire]:
    """The messages without a beginning of the answer (a "prefill") where the model takes none.

    Only a text is one: an answer that ends in a server tool is to be gone on with.
    """
    last = turns[-1]
    if last["role"] != "assistant" or last["content"][-1]["type"] != "text":
        return turns
    if reasons or not draft.profile.prefill:
        draft.losses.approx("prefill")
        return [*turns, _message("user", [GO_ON_EXACTLY])]
    text = last["content"][-1]
    content = [*last["content"][:-1], text | {"text": text["text"].rstrip()}]
    return [*turns[:-1], last | {"content": content}]


def begins_with_thinking(turns: Sequence[Wire]) -> bool:
    """Whether the assistant's last message may stand beside `thinking: enabled`: one with calls must begin so.

    https://docs.claude.com/en/docs/build-with-claude/extended-thinking#extended-thinking-with-tool-use
    """
    answers: list[Wire] = []
    for turn in reversed(turns):
        if turn["role"] == "assistant":
            answers.insert(0, turn)
        elif answers:
            break
    blocks = [block for turn in answers if isinstance(turn["content"], list) for block in turn["content"]]
    calls = any(block.get("type") == "tool_use" for block in blocks)
    return not calls or blocks[0].get("type") in {"thinking", "redacted_thinking"}
