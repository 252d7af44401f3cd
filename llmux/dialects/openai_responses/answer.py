"""What whole answers and streams say in the same words: usage, why an answer ended, failures inside an answer.

Reference: https://platform.openai.com/docs/api-reference/responses/object
"""

from collections.abc import Mapping
from typing import Any

from llmux.dialects import faults
from llmux.dialects.base import Names
from llmux.dialects.document import decode, read
from llmux.dialects.openai_responses.schema import (
    ANSWERED,
    ECHOES,
    INCOMPLETE,
    INCOMPLETE_WORDS,
    NAME,
    STOPPED,
    TIERS,
)
from llmux.dialects.shape import LARGEST
from llmux.errors import BackendFailed, BackendGarbled, BadRequest, GatewayError
from llmux.ir.content import Extra
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage

Wire = dict[str, Any]

FAILED = ("failed", "cancelled")
UNFINISHED = ("queued", "in_progress")
PLAIN_END = (FinishReason.END, FinishReason.TOOL_CALL, FinishReason.REFUSAL)


# --- decode ----------------------------------------------------------------------------------------------------------


def decode_usage(response: Mapping[str, Any]) -> Usage | None:
    """Tokens as the answer tells them; None when it tells of none. `input_tokens` include what a cache held."""
    wire = response.get("usage")
    if not isinstance(wire, dict) or not wire.keys() & {"input_tokens", "output_tokens", "total_tokens"}:
        return None
    sent, made = _object(wire.get("input_tokens_details")), _object(wire.get("output_tokens_details"))
    read_, written = _count(sent, "cached_tokens"), _count(sent, "cache_write_tokens")
    output, reasoning = _count(wire, "output_tokens"), _count(made, "reasoning_tokens")
    tier = response.get("service_tier")
    return Usage(
        input_tokens=max(0, _count(wire, "input_tokens") - read_ - written),
        output_tokens=output if reasoning <= output else output + reasoning,  # some leave out what was only thought
        cache_read_tokens=read_,
        cache_write_tokens=written,
        reasoning_tokens=reasoning,
        service_tier=tier if isinstance(tier, str) and tier else None,
    )


def _count(wire: Wire, name: str) -> int:
    value = wire.get(name)
    return int(value) if isinstance(value, int | float) and 0 < value < LARGEST else 0


def _object(value: Any) -> Wire:
    return value if isinstance(value, dict) else {}


def objects(value: Any) -> list[Wire]:
    """The objects in what should be an array of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def decode_finish(response: Mapping[str, Any], *, called: bool, refused: bool) -> FinishReason:
    """Why an answer ended that `called` tools, or `refused` in words. One that was cut must be seen to be cut."""
    if response.get("status") == "incomplete":
        word = _object(response.get("incomplete_details")).get("reason")
        if not isinstance(word, str) or word not in STOPPED:
            return INCOMPLETE.get(word if isinstance(word, str) else "", FinishReason.MAX_TOKENS)
    if called:
        return FinishReason.TOOL_CALL
    return FinishReason.REFUSAL if refused else FinishReason.END


def decode_details(response: Mapping[str, Any], reason: FinishReason) -> Extra | None:
    """What else an answer says that only its own clients understand."""
    said = {
        name: value
        for name, value in response.items()
        if name not in ANSWERED and name not in ECHOES and value is not None
    }
    if response.get("status") == "incomplete" and reason in PLAIN_END:
        said |= {"status": "incomplete", "incomplete_details": response.get("incomplete_details")}
    return Extra(NAME, said) if said else None


def failure_in(document: Mapping[str, Any]) -> GatewayError | None:
    """The failure that a body tells of, if it does: status 200 promises nothing."""
    status = document.get("status")
    if document.get("error"):
        return faults.decode_document(document)
    if status in FAILED:
        return BackendFailed(f"The backend's answer is {status}.")
    return None


def failure_of(document: Wire) -> GatewayError:
    """The failure that an `error` or `response.failed` event tells of, nested or flat."""
    return failure_in(_object(document.get("response"))) or faults.decode_document(document)


def load(data: bytes) -> Any:
    """The JSON value of a frame. Servers that cut between two tokens of one character send half a surrogate pair.

    Raises:
        BackendGarbled: it is not JSON.
    """
    try:
        return decode(data)
    except ValueError:
        pass
    try:
        return read(data)[0]
    except BadRequest:
        raise BackendGarbled("The backend sent an event that is not JSON.") from None


def load_response(body: bytes) -> Wire:
    """The document of a whole answer.

    Raises:
        BackendGarbled: it is no answer of this wire.
        GatewayError: it tells of a failure, whatever its status said.
    """
    document = load(body)
    if not isinstance(document, dict):
        raise BackendGarbled("The backend's answer is not an object.")
    if failure := failure_in(document):
        raise failure
    if not isinstance(document.get("output"), list):
        if (told := faults.tell(document)).message:
            raise faults.classify(200, told.message, told.code, told.kind, {}, told.param)
        raise BackendGarbled("The backend's answer holds no output.")
    if document.get("status") in UNFINISHED:
        raise BackendGarbled("The backend has not finished its answer.")
    return document


def client_name(wire: str, names: Names) -> str:
    """The client's own name of the tool that the backend calls `wire`; models stray from a name's case."""
    if wire in names or not names:
        return names.get(wire, wire)
    return next((name for known, name in names.items() if known.lower() == wire.lower()), wire)


# --- encode ----------------------------------------------------------------------------------------------------------


def encode_usage(usage: Usage) -> Wire:
    """Tokens, every count that the SDKs' types demand."""
    prompt = usage.total_input_tokens
    return {
        "input_tokens": prompt,
        "input_tokens_details": {
            "cached_tokens": usage.cache_read_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
        },
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": prompt + usage.output_tokens,
    }


def encode_tier(usage: Usage) -> Wire:
    """`service_tier` in this dialect's words."""
    tier = TIERS.get(usage.service_tier or "")
    return {"service_tier": tier} if tier else {}


def encode_finish(reason: FinishReason) -> Wire:
    """`status` and, of an answer that is not complete, why."""
    if word := INCOMPLETE_WORDS.get(reason):
        return {"status": "incomplete", "incomplete_details": {"reason": word}}
    return {"status": "completed", "incomplete_details": None}
