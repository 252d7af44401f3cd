"""What whole answers and streams say in the same words: usage, why an answer ended, sources, and parts for a client.

Reference: https://ai.google.dev/api/generate-content#generatecontentresponse
"""

from collections.abc import Callable, Mapping
from typing import Any

from llmux.dialects.arguments import object_of
from llmux.dialects.base import Names
from llmux.dialects.freetext import FreeText, unwrap
from llmux.dialects.gemini.content import SIGNATURE
from llmux.dialects.gemini.errors import decode_fault
from llmux.dialects.gemini.media import encode_inline, encode_sound
from llmux.dialects.gemini.reasoning import encode_signature
from llmux.dialects.gemini.schema import (
    FAILURES,
    FINISH_NUMBERS,
    FINISH_REASONS,
    MAKER,
    NAME,
    NO_WORDS,
    SIGNS_NOTHING,
    SIGNS_TEXT,
    TIER_WORDS,
    TIERS,
    WORDS,
    word,
)
from llmux.dialects.shape import LARGEST
from llmux.errors import BackendFailed, GatewayError
from llmux.ir.content import (
    Audio,
    Citation,
    Extra,
    Image,
    Inline,
    Opaque,
    Part,
    Reasoning,
    ReasoningState,
    Refusal,
    Text,
    ToolCall,
    restore,
)
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

Wire = dict[str, Any]
Candidate = Mapping[str, Any]

MOST_CANDIDATES = 128  # more than Google gives, and as many as any API lets a client ask for

# --- decode ----------------------------------------------------------------------------------------------------------


def decode_usage(wire: Any) -> Usage | None:
    """Tokens; None when `wire` tells of none. A prompt's include the cached ones, an answer's no thoughts."""
    if not isinstance(wire, dict) or not (_count(wire, "promptTokenCount") or _count(wire, "totalTokenCount")):
        return None
    read, thoughts = _count(wire, "cachedContentTokenCount"), _count(wire, "thoughtsTokenCount")
    tier = wire.get("serviceTier") or wire.get("trafficType")
    return Usage(
        input_tokens=max(0, _count(wire, "promptTokenCount") - read) + _count(wire, "toolUsePromptTokenCount"),
        output_tokens=_count(wire, "candidatesTokenCount") + thoughts,
        cache_read_tokens=read,
        reasoning_tokens=thoughts,
        service_tier=TIERS.get(tier) if isinstance(tier, str) else None,
    )


def _count(wire: Mapping[str, Any], name: str) -> int:
    value = wire.get(name)
    return int(value) if isinstance(value, int | float) and 0 < value < LARGEST else 0


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects in what should be an array of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def candidates_of(document: Mapping[str, Any]) -> list[tuple[int, Candidate]]:
    """The candidates that a document tells of, by their numbers. One that nobody can have asked for is passed over."""
    numbered = [(found.get("index", place), found) for place, found in enumerate(objects(document.get("candidates")))]
    return [(index, found) for index, found in numbered if isinstance(index, int) and 0 <= index < MOST_CANDIDATES]


def parts_of(candidate: Candidate) -> list[dict[str, Any]]:
    """The parts of its content."""
    content = candidate.get("content")
    return objects(content.get("parts")) if isinstance(content, dict) else []


def fault_in(document: Any) -> GatewayError | None:
    """The failure that a document tells of, if it does: alone, or in an array of one."""
    first = document[0] if isinstance(document, list) and document else document
    return decode_fault(document) if isinstance(first, dict) and first.get("error") else None


def block_reason(document: Mapping[str, Any]) -> str:
    """Why the prompt is refused; "" when it is not."""
    feedback = document.get("promptFeedback")
    return str(feedback.get("blockReason") or "") if isinstance(feedback, dict) else ""


def finish_word(candidate: Candidate) -> str:
    """Google's word for why the answer ended; "" while it has not."""
    told = word(candidate.get("finishReason"), FINISH_NUMBERS)
    return "" if told in NO_WORDS else told


def failed_finish(told: str, candidate: Candidate, *, said: bool) -> GatewayError | None:
    """The failure that a finish reason tells of. One that nobody knows is an end, if anything was `said`."""
    if not told or (told not in FAILURES and (told in FINISH_REASONS or said)):
        return None
    message = candidate.get("finishMessage")
    because = message if isinstance(message, str) and message else "The backend broke off its answer"
    return BackendFailed(f"{because} ({told}).", code=told)


def finish_reason(told: str, *, called: bool) -> FinishReason:
    """Why an answer ended. Google says STOP behind calls too."""
    reason = FINISH_REASONS.get(told, FinishReason.END)
    return FinishReason.TOOL_CALL if reason is FinishReason.END and called else reason


def client_call(call: ToolCall, names: Names) -> tuple[str, str, bool]:
    """Name, arguments, and whether they are free text: as the client knows the tool."""
    name = names.get(call.name)
    if name is None:  # models stray from a name's case
        name = next((name for known, name in names.items() if known.lower() == call.name.lower()), call.name)
    if isinstance(name, FreeText):
        return str(name), unwrap(call.arguments), True
    return name, call.arguments, False


def decode_citations(grounding: Any) -> tuple[Citation, ...]:
    """The pages that `groundingMetadata` names, each with the first passage that rests on it."""
    if not isinstance(grounding, dict):
        return ()
    quotes: dict[int, str] = {}
    for support in objects(grounding.get("groundingSupports")):
        segment, indices = support.get("segment"), support.get("groundingChunkIndices")
        text = segment.get("text") if isinstance(segment, dict) else None
        for index in indices if isinstance(indices, list) and isinstance(text, str) else ():
            if isinstance(index, int):
                quotes.setdefault(index, str(text))
    citations = (_citation(chunk, quotes.get(index)) for index, chunk in enumerate(_chunks(grounding)))
    return tuple(citation for citation in citations if citation)


def _chunks(grounding: Mapping[str, Any]) -> list[Any]:
    chunks = grounding.get("groundingChunks")
    return chunks if isinstance(chunks, list) else []


def _citation(chunk: Any, quote: str | None) -> Citation | None:
    web = chunk.get("web") if isinstance(chunk, dict) else None
    if not isinstance(web, dict) or not isinstance(url := web.get("uri"), str):
        return None
    title = web.get("title")
    return Citation(NAME, chunk, url, title if isinstance(title, str) else None, quote)


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_usage(usage: Usage) -> Wire:
    """The usageMetadata. What is 0 is left out, as Google does, but for the counts that every answer has."""
    prompt = usage.total_input_tokens
    wire: Wire = {
        "promptTokenCount": prompt,
        "candidatesTokenCount": max(0, usage.output_tokens - usage.reasoning_tokens),
        "totalTokenCount": prompt + usage.output_tokens,
    }
    if usage.cache_read_tokens:
        wire["cachedContentTokenCount"] = usage.cache_read_tokens
    if usage.reasoning_tokens:
        wire["thoughtsTokenCount"] = usage.reasoning_tokens
    if tier := TIER_WORDS.get(usage.service_tier or ""):
        wire["serviceTier"] = tier
    return wire


def encode_end(reason: FinishReason, details: Extra | None, index: int = 0) -> tuple[Wire, Wire]:
    """What candidate `index` says at its end, and what is said beside it: Google's own words where it said them."""
    own = restore(NAME, details)
    candidate = {"finishReason": WORDS[reason], "index": index, **own.get("candidate", {})}
    beside = {name: value for name, value in own.items() if name != "candidate"}
    return candidate, beside


def encode_parts(parts: tuple[Part, ...]) -> list[Wire]:
    """The parts of an answer for a client. What it cannot hold is left out: LOSSES says what."""
    out: list[Wire] = []
    for part in parts:
        for wire in encode_part(part):
            if _is_of_text(part) and out and out[-1].keys() == {"text"}:
                out[-1][SIGNATURE] = wire[SIGNATURE]
            else:
                out.append(wire)
    return out


def _is_of_text(part: Part) -> bool:
    """Whether it is the proof of the text before it, and nothing else."""
    return (
        isinstance(part, Reasoning)
        and not part.text
        and len(part.states) == 1
        and part.states[0].maker == MAKER
        and part.states[0].kind == SIGNS_TEXT
    )


def encode_part(part: Part) -> list[Wire]:
    """One part, whole."""
    encoded = ENCODERS.get(type(part), _nothing)(part)
    extra = {} if isinstance(part, ToolCall) else restore(NAME, part.extra)
    return [{**wire, **extra} for wire in encoded] if extra else encoded


def _nothing(_part: Part) -> list[Wire]:
    return []


def _text(part: Any) -> list[Wire]:
    return [{"text": part.text}] if part.text else []


def _reasoning(part: Reasoning) -> list[Wire]:
    """Reasoning, and its proofs: a part can hold one, each further one is a part of its own."""
    first, *more = [proof(state) for state in part.states] or [{}]
    if not part.text:
        return [wire for wire in (first, *more) if wire]
    visible = {"text": part.text, "thought": True}
    return [visible | {SIGNATURE: first[SIGNATURE]} if first else visible, *more]


def proof(state: ReasoningState) -> Wire:
    """A part that is there for a proof alone."""
    wire: Wire = {"text": "", SIGNATURE: encode_signature(state)}
    on_text = state.maker == MAKER and state.kind in {SIGNS_TEXT, SIGNS_NOTHING}
    return wire if on_text else {"text": "", "thought": True, SIGNATURE: wire[SIGNATURE]}


def encode_call(call: ToolCall) -> list[Wire]:
    """A call with its proof."""
    wire: Wire = {
        "functionCall": {
            "id": call.id,
            "name": call.name,
            "args": object_of(call),
        }
    }
    if call.states:
        wire[SIGNATURE] = encode_signature(call.states[0])
    return [wire, *(proof(state) for state in call.states[1:])]


def _media(part: Image) -> list[Wire]:
    return [encode_inline(part.source)] if isinstance(part.source, Inline) else []


def _opaque(part: Opaque) -> list[Wire]:
    if part.dialect == NAME:
        return [dict(part.raw)]
    return [{"text": part.text}] if part.text else []


ENCODERS: Mapping[type[Part], Callable[[Any], list[Wire]]] = {
    Text: _text,
    Refusal: _text,
    Reasoning: _reasoning,
    ToolCall: encode_call,
    Image: _media,
    Audio: lambda part: [encode_sound(part)],
    Opaque: _opaque,
}
