"""What whole answers and streams say in the same words: usage, why an answer ended, and failures inside an answer."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from llmux.dialects import faults
from llmux.dialects.base import AnswerForm, Names
from llmux.dialects.document import decode, read
from llmux.dialects.openai_chat.schema import FAILURES, FINISH_REASONS, NAME, TIERS, WORDS
from llmux.dialects.shape import LARGEST
from llmux.errors import BackendFailed, BackendGarbled, BadRequest, GatewayError
from llmux.ir.content import Citation
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

Wire = Mapping[str, Any]

# Where a prompt's cached tokens are told: OpenAI, DeepSeek, Moonshot, gateways that speak of Claude.
CACHE_READ = ("prompt_cache_hit_tokens", "cached_tokens", "cache_read_input_tokens")
CACHE_WRITE = ("cache_creation_input_tokens", "cache_write_tokens")
# Which reason counts when an answer gives several: a cut answer must be seen to be cut.
RANK = (FinishReason.MAX_TOKENS, FinishReason.FILTERED)


# --- usage -----------------------------------------------------------------------------------------------------------


def decode_usage(wire: Any, service_tier: Any = None) -> Usage | None:
    """Tokens as any server of this wire tells them; None when `wire` tells of none.

    `prompt_tokens` include those read from and written to a cache. `completion_tokens` include those of reasoning,
    except where the sums show that they do not (xAI).
    """
    if not isinstance(wire, dict) or not wire.keys() & {"prompt_tokens", "completion_tokens", "total_tokens"}:
        return None
    prompt, output = _count(wire, "prompt_tokens"), _count(wire, "completion_tokens")
    sent, made = _details(wire, "prompt_tokens_details"), _details(wire, "completion_tokens_details")
    read = _count(sent, "cached_tokens") or _first(wire, CACHE_READ)
    written = _count(sent, "cache_write_tokens") or _first(wire, CACHE_WRITE)
    reasoning = _count(made, "reasoning_tokens") or _count(wire, "reasoning_tokens")
    tier = service_tier if isinstance(service_tier, str) and service_tier else None
    return counted(
        (prompt, output, _count(wire, "total_tokens")), read=read, written=written, reasoning=reasoning, tier=tier
    )


def counted(sums: tuple[int, int, int], *, read: int, written: int, reasoning: int, tier: str | None) -> Usage:
    """Usage from what a server told; `sums` are its tokens of the prompt, of the answer, and of both."""
    prompt, output, total = sums
    if reasoning and (reasoning > output or total - prompt - output == reasoning):
        output += reasoning
    return Usage(
        input_tokens=max(0, prompt - read - written),
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
        service_tier=tier,
    )


def usage_in(document: Wire) -> Usage | None:
    """The usage that a chunk tells, wherever: beside the choices, in one of them (Moonshot), or in Groq's own field."""
    choices, groq = document.get("choices"), document.get("x_groq")
    found = None
    for holder in (document, groq, *(choices if isinstance(choices, list) else ())):
        if isinstance(holder, dict):
            found = decode_usage(holder.get("usage"), document.get("service_tier")) or found
    return found


def _count(wire: Wire, name: str) -> int:
    value = wire.get(name)
    return int(value) if isinstance(value, int | float) and 0 < value < LARGEST else 0


def _first(wire: Wire, names: Iterable[str]) -> int:
    return next((count for name in names if (count := _count(wire, name))), 0)


def _details(wire: Wire, name: str) -> Wire:
    details = wire.get(name)
    return details if isinstance(details, dict) else {}


def encode_tier(usage: Usage) -> dict[str, str]:
    """`service_tier`, beside the usage, in this dialect's words."""
    tier = TIERS.get(usage.service_tier or "")
    return {"service_tier": tier} if tier else {}


def encode_usage(usage: Usage) -> dict[str, Any]:
    prompt = usage.total_input_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": usage.output_tokens,
        "total_tokens": prompt + usage.output_tokens,
        "prompt_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


# --- the end ---------------------------------------------------------------------------------------------------------


def finish_reason(words: Iterable[str], *, called: bool, refused: bool) -> FinishReason:
    """Why an answer ended that gave the finish reasons `words`, `called` tools, or `refused` in words.

    Servers say "stop" behind tool calls, "tool_calls" without any, and words of their own: unknown ones are an end.
    """
    reasons = {FINISH_REASONS.get(word.lower(), FinishReason.END) for word in words}
    for reason in RANK:
        if reason in reasons:
            return reason
    if called:
        return FinishReason.TOOL_CALL
    return FinishReason.REFUSAL if refused else FinishReason.END


def told_reason(words: Sequence[str]) -> FinishReason:
    """Why an answer ended, as far as its finish reasons alone tell."""
    if len(words) == 1 and (known := FINISH_REASONS.get(words[0])):  # nearly always
        return known
    called = any(FINISH_REASONS.get(word) is FinishReason.TOOL_CALL for word in words)
    return finish_reason(words, called=called, refused=False)


def encode_finish(reason: FinishReason, form: AnswerForm) -> str:
    """The wire's word; the old API's own for a call."""
    return "function_call" if reason is FinishReason.TOOL_CALL and form.legacy_functions else WORDS[reason]


# --- failures inside an answer ---------------------------------------------------------------------------------------


def decode_document(event: bytes, data: bytes) -> dict[str, Any]:
    """The object in a frame; {} for any other value.

    Raises:
        BackendGarbled: it is not JSON.
        GatewayError: the frame is named `error`.
    """
    try:
        document = decode(data)
    except ValueError:
        document = _decode_anyway(event, data)
    if event == b"error":
        raise faults.decode_document(document)
    return document if isinstance(document, dict) else {}


def _decode_anyway(event: bytes, data: bytes) -> Any:
    """Half a surrogate pair, where a server cuts between two tokens of one character; or the bare text of an error."""
    if event == b"error":
        return data.decode(errors="replace")
    try:
        return read(data)[0]
    except BadRequest:
        raise BackendGarbled("The backend sent an event that is not JSON.") from None


def fault_in(document: Wire) -> GatewayError | None:
    """The failure that a body or a chunk tells of, if it does: status 200 promises nothing.

    Known forms: {error}, {type: error}, {object: error}, and {code, msg} or {success: false} without choices.
    """
    if document.get("error") or "error" in (document.get("type"), document.get("object")):
        return faults.decode_document(document)
    if not isinstance(document.get("choices"), list):
        telling = {"msg", "message", "detail", "errors"}.intersection(document)
        if telling and ("code" in document or document.get("success") is False or "detail" in document):
            return faults.decode_document(document)
    return None


def failed_finish(word: Any) -> GatewayError | None:
    """The failure that a finish reason tells of."""
    if isinstance(word, str) and word.lower() in FAILURES:
        return BackendFailed(f"The backend broke off its answer: {word}.", code=word)
    return None


# --- small words -----------------------------------------------------------------------------------------------------


def client_name(wire: str, names: Names) -> str:
    """The client's own name of the tool that the backend calls `wire`; models stray from a name's case."""
    if wire in names:
        return names[wire]
    return next((name for known, name in names.items() if known.lower() == wire.lower()), wire)


def decode_citation(annotation: Any) -> Citation | None:
    """A url_citation; None for anything else."""
    cited = annotation.get("url_citation") if isinstance(annotation, dict) else None
    if not isinstance(cited, dict):
        return None
    url, title = cited.get("url"), cited.get("title")
    return Citation(NAME, annotation, *(text if isinstance(text, str) else None for text in (url, title)))


def encode_citation(citation: Citation, start: int, end: int) -> Wire | None:
    """The annotation for a text that reaches from `start` to `end` of the content; None when it has no address."""
    if citation.dialect == NAME:
        return citation.raw
    if citation.url is None:
        return None
    place = {"start_index": start, "end_index": end, "url": citation.url, "title": citation.title or citation.url}
    return {"type": "url_citation", "url_citation": place}
