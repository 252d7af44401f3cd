"""What whole answers and streams say in the same words: usage, why an answer ended, and parts for a client.

Reference: https://docs.claude.com/en/api/messages
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from llmux.dialects import faults
from llmux.dialects.arguments import object_of
from llmux.dialects.base import Names
from llmux.dialects.claude.blocks import tool_use
from llmux.dialects.claude.content import decode_part
from llmux.dialects.claude.schema import DIALECT, FINISH_REASONS, MAKER, STOP_REASONS, TIER_WORDS, TIERS
from llmux.dialects.document import decode
from llmux.dialects.envelope import seal
from llmux.dialects.freetext import FreeText, unwrap
from llmux.dialects.shape import LARGEST, Fields
from llmux.errors import BackendGarbled, BadRequest
from llmux.ir.content import Extra, Opaque, Part, Reasoning, ReasoningState, Refusal, Text, ToolCall, restore
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage

Wire = dict[str, Any]

# Fields of a finished answer, or of `message_delta`, that only Claude's clients understand.
DETAILS = ("stop_details", "container", "context_management")

# --- decode ----------------------------------------------------------------------------------------------------------


def decode_usage(wire: Mapping[str, Any]) -> Usage:
    """Tokens; `input_tokens` already leave out those read from or written to a cache. What is absent is 0."""
    written = _details(wire, "cache_creation")
    hour = _count(written, "ephemeral_1h_input_tokens")
    tools = {
        name: count for name in _details(wire, "server_tool_use") if (count := _count(wire["server_tool_use"], name))
    }
    tier = wire.get("service_tier")
    return Usage(
        input_tokens=_count(wire, "input_tokens"),
        output_tokens=_count(wire, "output_tokens"),
        cache_read_tokens=_count(wire, "cache_read_input_tokens"),
        cache_write_tokens=_count(wire, "cache_creation_input_tokens")
        or hour + _count(written, "ephemeral_5m_input_tokens"),
        cache_write_1h_tokens=hour,
        reasoning_tokens=_count(_details(wire, "output_tokens_details"), "thinking_tokens"),
        server_tools=tools,
        service_tier=TIERS.get(tier, tier) if isinstance(tier, str) else None,
    )


def _count(wire: Mapping[str, Any], name: str) -> int:
    value = wire.get(name)
    return int(value) if isinstance(value, int | float) and 0 < value < LARGEST else 0


def _details(wire: Mapping[str, Any], name: str) -> Wire:
    value = wire.get(name)
    return value if isinstance(value, dict) else {}


def decode_finish(word: Any, *, calls: bool) -> FinishReason:
    """Why an answer ended. Whether there are calls of tools counts more than the word: not every server knows it."""
    reason = FINISH_REASONS.get(word, FinishReason.END) if isinstance(word, str) else FinishReason.END
    if reason in {FinishReason.END, FinishReason.TOOL_CALL}:
        return FinishReason.TOOL_CALL if calls else FinishReason.END
    return reason


def decode_details(*documents: Mapping[str, Any]) -> Extra | None:
    """What else was said at the end."""
    said = {name: value for wire in documents for name in DETAILS if (value := wire.get(name)) is not None}
    return Extra(DIALECT, said) if said else None


def read_answer(body: bytes, names: Names) -> Response:
    """A backend's whole answer. `names` undoes the renaming of tools.

    Raises:
        GatewayError: the one that the body tells of, or BackendGarbled when it is no answer of Claude's.
    """
    document = read_message(body)
    try:
        return _decode_message(document, names)
    except BadRequest as error:
        raise BackendGarbled(f"The backend's answer has the wrong shape: {error.message}") from None


def read_message(body: bytes) -> Wire:
    """The document of a whole answer.

    Raises:
        GatewayError: the one that it tells of, or BackendGarbled when it is no answer of Claude's.
    """
    try:
        document = decode(body)
    except ValueError:
        raise BackendGarbled("The backend's answer is not JSON.") from None
    if isinstance(document, dict) and isinstance(document.get("content"), list):
        return document
    told = faults.tell(document)
    raise faults.decode_document(document) if told.message else BackendGarbled("The backend's answer is no message.")


def _decode_message(document: Mapping[str, Any], names: Names) -> Response:
    message = Fields(document)
    parts = tuple(_decode_part(block, names) for block in message.objects("content"))
    usage = message.object("usage")
    return Response(
        id=message.text("id") or "",
        model=message.text("model") or "",
        parts=parts,
        finish_reason=decode_finish(
            document.get("stop_reason"), calls=any(isinstance(part, ToolCall) for part in parts)
        ),
        usage=decode_usage(usage.document if usage else {}),
        stop_sequence=message.text("stop_sequence"),
        details=decode_details(document),
    )


def _decode_part(block: Fields, names: Names) -> Part:
    part = decode_part(block)
    if isinstance(part, Opaque):
        return replace(part, text="")  # a summary, or what a server tool found, is not what the model says
    return client_call(part, names) if isinstance(part, ToolCall) else part


def client_call(call: ToolCall, names: Names) -> ToolCall:
    """A call as the client knows the tool: by its own name, with free text for a custom one."""
    name = names.get(call.name, call.name)
    if isinstance(name, FreeText):
        return replace(call, name=str(name), kind="custom", arguments=unwrap(call.arguments))
    return replace(call, name=name) if name != call.name else call


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_usage(usage: Usage) -> Wire:
    """Tokens, the four counts always."""
    wire: Wire = {
        "input_tokens": usage.input_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
        "cache_read_input_tokens": usage.cache_read_tokens,
        "output_tokens": usage.output_tokens,
    }
    if usage.cache_write_1h_tokens:
        wire["cache_creation"] = {
            "ephemeral_5m_input_tokens": usage.cache_write_tokens - usage.cache_write_1h_tokens,
            "ephemeral_1h_input_tokens": usage.cache_write_1h_tokens,
        }
    if usage.reasoning_tokens:
        wire["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    if usage.server_tools:
        wire["server_tool_use"] = dict(usage.server_tools)
    if tier := TIER_WORDS.get(usage.service_tier or ""):
        wire["service_tier"] = tier
    return wire


def encode_finish(reason: FinishReason, stop_sequence: str | None) -> Wire:
    """`stop_reason` and `stop_sequence`, which only go together."""
    if reason is FinishReason.STOP_SEQUENCE and stop_sequence is None:
        reason = FinishReason.END
    return {"stop_reason": STOP_REASONS[reason], "stop_sequence": stop_sequence}


def message_id(backend_id: str, own_id: str) -> str:
    """The id of an answer: the backend's if a Claude gave it, else made of the gateway's own."""
    return backend_id if backend_id.startswith("msg_") else f"msg_{own_id}"


def encode_parts(parts: tuple[Part, ...]) -> list[Wire]:
    """The blocks of an answer for a client. What it cannot hold is left out: LOSSES says what."""
    return [block for part in parts for block in ENCODERS.get(type(part), _nothing)(part)]


def _nothing(_part: Part) -> list[Wire]:
    return []


def _text(part: Text | Refusal) -> list[Wire]:
    cited = [entry.raw for entry in part.citations if entry.dialect == DIALECT] if isinstance(part, Text) else []
    block: Wire = {"type": "text", "text": part.text}
    return [{**block, **({"citations": cited} if cited else {}), **restore(DIALECT, part.extra)}]


def _reasoning(part: Reasoning) -> list[Wire]:
    """One block for each state: a client can bring back one proof with each. The first has the text."""
    if not part.states:
        return [{"type": "thinking", "thinking": part.text, "signature": ""}]
    first, *more = part.states
    return [proven(part.text, first), *(proven("", state) for state in more)]


def proven(text: str, state: ReasoningState) -> Wire:
    """A block of reasoning with its proof. A foreign one travels sealed: the client sends it back unread."""
    if (state.maker, state.kind) == (MAKER, "redacted"):
        return {"type": "redacted_thinking", "data": state.data}
    return {"type": "thinking", "thinking": text, "signature": signature(state)}


def signature(state: ReasoningState) -> str:
    """What a client holds for us as the signature of reasoning."""
    own = (state.maker, state.kind) == (MAKER, "signature")
    return state.data if own and isinstance(state.data, str) else seal(state)


def _call(part: ToolCall) -> list[Wire]:
    """A call, and before it the proof of the reasoning that some makers put on calls."""
    block = {
        **tool_use(part.id, part.name, object_of(part)),
        **restore(DIALECT, part.extra),
    }
    return [*(proven("", state) for state in part.states), block]


def _opaque(part: Opaque) -> list[Wire]:
    if part.dialect == DIALECT:
        return [dict(part.raw)]
    return [{"type": "text", "text": part.text}] if part.text else []


ENCODERS: Mapping[type[Part], Callable[[Any], list[Wire]]] = {
    Text: _text,
    Refusal: _text,
    Reasoning: _reasoning,
    ToolCall: _call,
    Opaque: _opaque,
}
