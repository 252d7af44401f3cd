"""Reasoning beside an answer's text: OpenAI's wire has no place for it, and compatible servers spell it in five ways.

`reasoning_content` (DeepSeek, xAI, GLM, llama.cpp), `reasoning` (Groq, Cerebras, Ollama), `reasoning_details`
(OpenRouter, with states), `thinking_blocks` (LiteLLM, with Claude's signatures), and Google's `thought_signature`.
What is misshapen is ignored: nobody has promised these fields.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from msgspec.structs import replace

from llmux.dialects.envelope import seal, unseal
from llmux.dialects.openai_chat.schema import DETAILS_MAKER, THINKING_MAKER, THOUGHT_MAKER
from llmux.ir.content import Part, Reasoning, ReasoningState, ToolCall

Wire = Mapping[str, Any]

TEXTS = ("reasoning_content", "reasoning")
FIELDS = frozenset({*TEXTS, "reasoning_details", "thinking_blocks"})
# Where a call, or a message, carries Google's proof: the field, and what is inside it.
THOUGHTS = (("extra_content", "google", "thought_signature"), ("provider_specific_fields", "thought_signature"))
THOUGHT_HOLDERS = frozenset(path[0] for path in THOUGHTS)


def decode_reasoning(message: Wire) -> tuple[Reasoning, ...]:
    """The reasoning that a whole message carries, its states attached."""
    if FIELDS.isdisjoint(message) and THOUGHT_HOLDERS.isdisjoint(message):
        return ()
    blocks = objects(message.get("thinking_blocks"))
    if parts := tuple(part for block in blocks if (part := thinking_block(block))):
        return parts
    details = objects(message.get("reasoning_details"))
    states = (*decode_details(details), *thought(message))
    text = reasoning_text(message)
    signatures = [state for state in states if state.kind == "signature"]
    if len(signatures) > 1:  # each signs a stretch of the text that nobody can find again: worse than none
        states = tuple(state for state in states if state.kind != "signature")
    return (Reasoning(text=text, states=states),) if text or states else ()


def reasoning_text(message: Wire) -> str:
    """The text of the first field that has one: servers that fill two say the same in both."""
    for field in TEXTS:
        if isinstance(text := message.get(field), str) and text:
            return text
    return details_text(objects(message.get("reasoning_details")))


def details_text(details: Iterable[Wire]) -> str:
    """The readable text of OpenRouter's details."""
    return "".join(
        text for detail in details for text in (detail.get("text") or detail.get("summary"),) if isinstance(text, str)
    )


def decode_details(details: Sequence[Wire]) -> tuple[ReasoningState, ...]:
    """The states in OpenRouter's details: those that we sealed for another maker, then the rest as one.

    Details without a proof are readable text only, and no state.
    """
    sealed = [(detail, unseal(data) if isinstance(data := detail.get("data"), str) else None) for detail in details]
    ours = tuple(state for _, state in sealed if state)
    rest = [detail for detail, state in sealed if not state]
    if any(detail.get("signature") or detail.get("data") for detail in rest):
        return (*ours, ReasoningState(DETAILS_MAKER, "details", rest))
    return ours


def thought(holder: Wire) -> tuple[ReasoningState, ...]:
    """Google's proof on a tool call or on a message; it may be an envelope of ours."""
    if THOUGHT_HOLDERS.isdisjoint(holder):  # nearly always
        return ()
    for path in THOUGHTS:
        value = thought_in(holder, path)
        if isinstance(value, str) and value:
            return (unseal(value) or ReasoningState(THOUGHT_MAKER, "signature", value),)
    return ()


def thought_in(holder: Wire, path: Iterable[str]) -> Any:
    """What stands at `path`, one of THOUGHTS; None where nothing does."""
    value: Any = holder
    for step in path:
        value = value.get(step) if isinstance(value, dict) else None
    return value


def on_their_calls(parts: Iterable[Part]) -> tuple[Part, ...]:
    """The parts of a turn with Google's proof of each call on it: where a client has no place for it there, it stands
    before the call, in reasoning without words.
    """
    placed: list[Part] = []
    for part in parts:
        if isinstance(part, ToolCall) and not part.states and placed and (state := _proof_of_next(placed[-1])):
            placed[-1] = replace(part, states=(state,))
        else:
            placed.append(part)
    return tuple(placed)


def _proof_of_next(part: Part) -> ReasoningState | None:
    if not isinstance(part, Reasoning) or part.text or len(part.states) != 1:
        return None
    state = part.states[0]
    return state if (state.maker, state.kind) == (THOUGHT_MAKER, "signature") else None


def encode_details(states: Iterable[ReasoningState]) -> list[Wire]:
    """`reasoning_details` that a client can send back: OpenRouter's own as they came, others sealed."""
    details: list[Wire] = []
    for state in states:
        if state.maker == DETAILS_MAKER and state.kind == "details":
            details += state.data
        else:
            details.append(
                {"type": "reasoning.encrypted", "data": seal(state), "format": "llmux", "index": len(details)}
            )
    return details


def encode_thought(state: ReasoningState, *, sealed: bool) -> Wire:
    """`extra_content` of a tool call. A client gets the state sealed; Google gets back what it sent."""
    return {"google": {"thought_signature": seal(state) if sealed else state.data}}


def merge_details(pieces: Iterable[Wire]) -> list[Wire]:
    """OpenRouter's details of a stream, put together as it says: by index; texts continue, all else replaces."""
    merged: dict[Any, dict[str, Any]] = {}
    texts: dict[tuple[Any, str], list[str]] = {}
    for number, piece in enumerate(pieces):
        index = piece.get("index")
        key = index if isinstance(index, int) else f"{number}"
        merged.setdefault(key, {}).update({name: value for name, value in piece.items() if value is not None})
        for name in ("text", "summary"):
            if isinstance(piece.get(name), str):
                texts.setdefault((key, name), []).append(piece[name])
    for (key, name), pieces_of_text in texts.items():
        merged[key][name] = "".join(pieces_of_text)
    return list(merged.values())


def thinking_block(block: Wire) -> Reasoning | None:
    """LiteLLM's form of Claude's thinking, visible or redacted."""
    if isinstance(text := block.get("thinking"), str):
        return Reasoning(text=text, states=_state("signature", block.get("signature")))
    states = _state("redacted", block.get("data"))
    return Reasoning(states=states) if states else None


def _state(kind: str, data: Any) -> tuple[ReasoningState, ...]:
    if not isinstance(data, str) or not data:
        return ()
    return (unseal(data) or ReasoningState(THINKING_MAKER, kind, data),)


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be an array of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
