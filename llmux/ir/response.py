"""A finished answer in neutral words. Pure values; no dialect is known here."""

import enum

from llmux.ir.content import Extra, Part
from llmux.ir.usage import Usage
from llmux.ir.value import Value


class FinishReason(enum.Enum):
    """Why an answer ended. An answer that failed has none: it ends in an error."""

    END = "end"
    STOP_SEQUENCE = "stop_sequence"
    MAX_TOKENS = "max_tokens"
    CONTEXT_FULL = "context_full"
    TOOL_CALL = "tool_call"
    FILTERED = "filtered"
    REFUSAL = "refusal"
    PAUSE = "pause"


class Choice(Value):
    """Another candidate answer to the same request."""

    parts: tuple[Part, ...]
    finish_reason: FinishReason
    stop_sequence: str | None = None
    details: Extra | None = None


class Response(Value):
    """A whole answer. `model` is the backend's own name; `others` are further candidates, where several are wanted."""

    id: str
    model: str
    parts: tuple[Part, ...]
    finish_reason: FinishReason
    usage: Usage = Usage()
    stop_sequence: str | None = None
    details: Extra | None = None
    others: tuple[Choice, ...] = ()
