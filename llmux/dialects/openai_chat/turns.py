"""Messages for models whose template wants user and assistant in turn, as Mistral's and Gemma's do.

Neighbours of one role become one message; where a turn is missing between two, a short one stands in for it.
"""

from collections.abc import Iterable
from itertools import groupby
from typing import Any

from llmux.dialects.openai_chat.content import SEPARATOR, Draft, text_part

Wire = dict[str, Any]

MERGED = frozenset({"user", "assistant"})
ALONE = frozenset({"role", "name"})  # fields that several messages cannot have together
FRONT = frozenset({"system", "developer"})
OPENING = "(empty)"  # said by nobody, in front of an assistant that speaks first
# Between a tool's result and what the user says next: "Unexpected role 'user' after role 'tool'" otherwise.
BRIDGE = "OK."


def in_turns(messages: Iterable[Wire], draft: Draft) -> list[Wire]:
    """`messages` with every turn in its place. None of those that are handed in is changed."""
    turns: list[Wire] = []
    for role, group in groupby(messages, key=lambda message: str(message["role"])):
        neighbours, before = list(group), turns[-1]["role"] if turns else "system"
        if before == "tool" and role == "user":
            draft.losses.approx("turns")
            turns.append({"role": "assistant", "content": BRIDGE})
        elif before in FRONT and role == "assistant":
            draft.losses.approx("turns")
            turns.append({"role": "user", "content": OPENING})
        turns += [_merge(neighbours)] if role in MERGED else neighbours
    return turns


def _merge(neighbours: list[Wire]) -> Wire:
    """Messages of one role as one. What several say is joined, what one of them says is kept."""
    if len(neighbours) == 1:
        return neighbours[0]
    names = dict.fromkeys(name for message in neighbours for name in message)
    return {name: _joined([message[name] for message in neighbours if name in message], name) for name in names}


def _joined(values: list[Any], name: str) -> Any:
    """Values of one field as one: texts as a text, texts and parts as parts; of anything else the last."""
    said = [value for value in values if value] or values[-1:]
    if name in ALONE or len(said) == 1 or not all(isinstance(value, str | list) for value in said):
        return said[-1]
    if all(isinstance(value, str) for value in said):
        return SEPARATOR.join(said)
    return [part for value in said for part in ([text_part(value)] if isinstance(value, str) else value)]
