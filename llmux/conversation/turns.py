"""What an assistant's turn holds that its client does not bring back: read from an answer, put into a history. Pure.

A turn is found again by what its client does bring back: its tool calls or, when it has none, its text.
"""

import hashlib
from collections.abc import Iterable, Sequence

import orjson
from msgspec.structs import replace

from llmux.ir.content import Part, Reasoning, ReasoningState, Text, ToolCall
from llmux.ir.request import Message
from llmux.ir.value import Value

IN_FRONT = -1
KEY_BYTES = 16


class Turn(Value):
    """The reasoning of one turn and its place: before the call of that number, `IN_FRONT` of everything, or behind it.

    `states` are those that stand on the calls themselves, by the number of the call.
    """

    reasoning: tuple[tuple[int, Reasoning], ...] = ()
    states: tuple[tuple[int, tuple[ReasoningState, ...]], ...] = ()


def read(parts: Iterable[Part]) -> Turn | None:
    """What is to be kept of an answer; None when it holds no reasoning."""
    placed: list[tuple[int, Reasoning]] = []
    states: list[tuple[int, tuple[ReasoningState, ...]]] = []
    waiting: list[Reasoning] = []
    calls = 0
    for part in parts:
        if isinstance(part, Reasoning):
            waiting.append(part)
            continue
        placed += [(calls if isinstance(part, ToolCall) else IN_FRONT, thought) for thought in waiting]
        waiting.clear()
        if isinstance(part, ToolCall):
            states += [(calls, part.states)] if part.states else []
            calls += 1
    if calls or placed:
        placed += [(calls, thought) for thought in waiting]
    else:
        placed = [(IN_FRONT, thought) for thought in waiting]
    return Turn(tuple(placed), tuple(states)) if placed or states else None


def lacks(message: Message) -> bool:
    """Whether the assistant's `message` brings no proof of reasoning of its own."""
    return not any(isinstance(part, Reasoning | ToolCall) and part.states for part in message.parts)


def restore(message: Message, turn: Turn) -> Message:
    """`message`, which `lacks` its proofs, with those of `turn`; its own reasoning stays where `turn` has no more."""
    own = any(isinstance(part, Reasoning) for part in message.parts)
    if own and not turn.states and not any(thought.states for _, thought in turn.reasoning):
        return message
    states = dict(turn.states)
    parts: list[Part] = [thought for at, thought in turn.reasoning if at == IN_FRONT]
    calls = 0
    for part in message.parts:
        if isinstance(part, ToolCall):
            parts += [thought for at, thought in turn.reasoning if at == calls]
            parts.append(replace(part, states=states.get(calls, ())))
            calls += 1
        elif not isinstance(part, Reasoning):
            parts.append(part)
    parts += [thought for at, thought in turn.reasoning if at >= calls]
    return replace(message, parts=tuple(parts))


def key(parts: Sequence[Part], *, ids: bool) -> str:
    """The name under which a turn is kept; "" for one that nobody could find again.

    `ids`: the client tells calls apart by their ids. Spacing does not count: clients join the texts of a turn in ways
    of their own, and write arguments anew.
    """
    calls = [part for part in parts if isinstance(part, ToolCall)]
    words = [word for call in calls for word in (call.id if ids else "", call.name, _canonical(call))]
    if not calls:
        text = "".join("".join(part.text for part in parts if isinstance(part, Text)).split())
        words = [text] if text else []
    if not words:
        return ""
    return hashlib.blake2b(orjson.dumps([bool(calls), *words]), digest_size=KEY_BYTES).hexdigest()


def _canonical(call: ToolCall) -> str:
    if call.kind == "custom":
        return call.arguments
    try:
        return orjson.dumps(orjson.loads(call.arguments or "{}"), option=orjson.OPT_SORT_KEYS).decode()
    except (ValueError, TypeError):
        return call.arguments
