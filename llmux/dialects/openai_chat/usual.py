"""What nearly every backend sends, as types: read in a fraction of the time that a document takes.

Whatever does not fit exactly (an oddity, a failure, another server's field) raises one of UNUSUAL, and is then read as
a document. So nothing here is tolerant, and nothing here is the only way to read anything.

Reference: https://platform.openai.com/docs/api-reference/chat-streaming
"""

from typing import Annotated, Literal

import msgspec

from llmux.dialects.openai_chat.answer import counted
from llmux.dialects.shape import LARGEST
from llmux.ir.usage import Usage

UNUSUAL = (msgspec.MsgspecError, RecursionError, UnicodeDecodeError)

Count = Annotated[int, msgspec.Meta(ge=0, lt=LARGEST)]

# --- usage -----------------------------------------------------------------------------------------------------------


class Sent(msgspec.Struct, gc=False):
    """The prompt's tokens in parts."""

    cached_tokens: Count | None = None
    cache_write_tokens: Count | None = None


class Made(msgspec.Struct, gc=False):
    """The answer's tokens in parts."""

    reasoning_tokens: Count | None = None


class Tokens(msgspec.Struct, gc=False):
    """Usage in OpenAI's own words. What other servers say in theirs is None here, so that it does not fit."""

    prompt_tokens: Count
    completion_tokens: Count
    total_tokens: Count = 0
    prompt_tokens_details: Sent | None = None
    completion_tokens_details: Made | None = None
    prompt_cache_hit_tokens: None = None
    cached_tokens: None = None
    cache_read_input_tokens: None = None
    cache_creation_input_tokens: None = None
    cache_write_tokens: None = None
    reasoning_tokens: None = None


def usage_of(tokens: Tokens | None, service_tier: str | None) -> Usage | None:
    """The same as `answer.decode_usage`."""
    if tokens is None:
        return None
    sent, made = tokens.prompt_tokens_details, tokens.completion_tokens_details
    return counted(
        (tokens.prompt_tokens, tokens.completion_tokens, tokens.total_tokens),
        read=(sent.cached_tokens if sent else 0) or 0,
        written=(sent.cache_write_tokens if sent else 0) or 0,
        reasoning=(made.reasoning_tokens if made else 0) or 0,
        tier=service_tier or None,
    )


# --- a stream --------------------------------------------------------------------------------------------------------


class Function(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A piece of a call's arguments, and at first its name."""

    arguments: str = ""
    name: str | None = None


class ToolCall(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A piece of a call."""

    index: int
    function: Function
    id: str | None = None
    type: Literal["function"] | None = None


class Delta(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """What nearly every chunk says: a piece of the text, of the reasoning, or of a call."""

    content: str | None = None
    role: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: None = None
    tool_calls: list[ToolCall] | None = None
    channel: str | None = None  # which says no more than the name of the field beside it
    token_id: int | None = None

    @property
    def speaks(self) -> bool:
        """Whether it says more than a role."""
        return bool(self.content or self.tool_calls or self.reasoning_content or self.reasoning)


class Choice(msgspec.Struct, gc=False):
    """The first choice, in the midst of the answer. Probabilities and the like are skipped."""

    delta: Delta
    index: Literal[0] = 0
    finish_reason: None = None
    message: None = None
    usage: None = None


class Chunk(msgspec.Struct, gc=False):
    """A chunk in the midst of the answer. Who answers is known by then, and skipped."""

    choices: tuple[Choice]
    usage: None = None
    error: None = None
    x_groq: None = None


class EdgeChoice(msgspec.Struct, gc=False):
    """The first choice, at the beginning or the end."""

    delta: Delta
    index: Literal[0] = 0
    finish_reason: str | None = None
    message: None = None
    usage: None = None


class Edge(msgspec.Struct, gc=False):
    """Any chunk as OpenAI specifies it: the first one, those with a finish reason, the one with the usage."""

    id: str
    created: int
    model: str
    choices: list[EdgeChoice]
    object: Literal["chat.completion.chunk"]
    usage: Tokens | None = None
    service_tier: str | None = None
    type: None = None
    error: None = None
    x_groq: None = None


decode_chunk = msgspec.json.Decoder(Chunk).decode
decode_edge = msgspec.json.Decoder(Edge).decode


def edge(data: bytes) -> Edge | None:
    """A chunk as OpenAI specifies it; None when it does not fit."""
    try:
        return decode_edge(data)
    except UNUSUAL:
        return None


# --- a whole answer --------------------------------------------------------------------------------------------------


class Ended(msgspec.Struct, gc=False):
    """A choice of a whole answer."""

    finish_reason: str | None = None
    usage: None = None


class Body(msgspec.Struct, gc=False):
    """What the house wants to know of a whole answer; the rest is skipped unread."""

    choices: list[Ended]
    usage: Tokens | None = None
    service_tier: str | None = None
    object: Literal["chat.completion", "text_completion"] | None = None
    type: None = None
    error: None = None


decode_body = msgspec.json.Decoder(Body).decode
