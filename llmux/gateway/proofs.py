"""Proofs of earlier reasoning that backends have refused, and requests without them. No I/O, no time.

A proof is refused for good: it belongs to another conversation or another account, or was damaged on its way. Only
digests are remembered, by this process, so that the turns that follow are not refused again.

Reference: https://docs.claude.com/en/docs/build-with-claude/extended-thinking#preserving-thinking-blocks
"""

import hashlib
from collections.abc import Callable, Iterator

import msgspec
from msgspec.structs import replace

from llmux.ir.content import Part, Reasoning, ReasoningState, ToolCall
from llmux.ir.request import Request

# How many refused proofs are remembered of all backends: those of some dozens of long conversations.
MOST = 4096

DIGEST_BYTES = 16
Drop = Callable[[ReasoningState], bool]


def without_proofs(request: Request, drop: Drop = lambda _: True) -> Request:
    """`request` without the states that `drop` says; the same one if it has none of these.

    The text of the reasoning stays, for backends that want it back. What the client sent is no longer the request.
    """
    if not any(map(drop, proofs(request))):
        return request
    messages = tuple(
        replace(message, parts=tuple(_unproven(part, drop) for part in message.parts)) for message in request.messages
    )
    return replace(request, messages=messages, original=None)


def proofs(request: Request) -> Iterator[ReasoningState]:
    """Every state in the history of `request`."""
    for message in request.messages:
        for part in message.parts:
            if isinstance(part, Reasoning | ToolCall):
                yield from part.states


def _unproven(part: Part, drop: Drop) -> Part:
    if not isinstance(part, Reasoning | ToolCall) or not part.states:
        return part
    return replace(part, states=tuple(state for state in part.states if not drop(state)))


class RefusedProofs:
    """Which proofs each backend has refused: the latest of them."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._known: dict[tuple[str, bytes], None] = {}  # in the order in which they were learnt

    def learn(self, backend: str, request: Request) -> None:
        """`backend` has refused `request` for its proofs. Which of them it does not say."""
        for state in proofs(request):
            self._known[backend, _digest(state)] = None
        while len(self._known) > self._most:
            del self._known[next(iter(self._known))]

    def fit(self, backend: str, request: Request) -> Request:
        """`request` without what `backend` has refused before. Nearly always nothing is known, which is soon said."""
        if not self._known:
            return request
        return without_proofs(request, lambda state: (backend, _digest(state)) in self._known)


def _digest(state: ReasoningState) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(state), digest_size=DIGEST_BYTES).digest()
