"""What a backend says when it fails -> the GatewayError that it means. For every dialect: servers mix their shapes.

The backend's own word decides first, then the status, then the wording. A message never carries a page of HTML, and
never a key.
"""

import re
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from llmux.dialects.delays import retry_after
from llmux.errors import (
    BackendFailed,
    BackendModelNotFound,
    BackendSlow,
    ClientErrorUpstream,
    ContentRefused,
    ContextTooLong,
    FieldRefused,
    GatewayError,
    KeyRefused,
    Overloaded,
    ProofRefused,
    QuotaUsedUp,
    RateLimited,
    TooLarge,
    Unsupported,
)
from llmux.ir.value import Value

CLIENT_ERRORS = range(400, 500)
FAILURES = range(400, 600)
# The most of a backend's message that is passed on, in characters.
MAX_MESSAGE = 2000

# A backend's word (code or type) -> what it means, whatever the status. Words that say no more than the status does
# (invalid_request_error, api_error, server_error) have no row.
WORDS: Mapping[str, type[GatewayError]] = {
    "context_length_exceeded": ContextTooLong,
    "model_context_window_exceeded": ContextTooLong,
    "insufficient_quota": QuotaUsedUp,
    "quota_exceeded": QuotaUsedUp,
    "billing_error": QuotaUsedUp,
    "billing_hard_limit_reached": QuotaUsedUp,
    "credit_balance_too_low": QuotaUsedUp,
    "rate_limit_error": RateLimited,
    "rate_limit_exceeded": RateLimited,
    "too_many_requests": RateLimited,
    "resource_exhausted": RateLimited,
    "overloaded": Overloaded,
    "overloaded_error": Overloaded,
    "engine_overloaded": Overloaded,
    "server_overloaded": Overloaded,
    "slow_down": Overloaded,
    "unavailable": Overloaded,
    "authentication_error": KeyRefused,
    "invalid_api_key": KeyRefused,
    "permission_error": KeyRefused,
    "permission_denied": KeyRefused,
    "unauthenticated": KeyRefused,
    "model_not_found": BackendModelNotFound,
    "not_found_error": BackendModelNotFound,
    "content_filter": ContentRefused,
    "content_policy_violation": ContentRefused,
    "unsupported_parameter": FieldRefused,
    "unsupported_value": FieldRefused,
    "unknown_parameter": FieldRefused,
    "extra_forbidden": FieldRefused,
    "invalid_encrypted_content": ProofRefused,
    "timeout": BackendSlow,
    "timeout_error": BackendSlow,
    "deadline_exceeded": BackendSlow,
    "request_too_large": TooLarge,
}

STATUSES: Mapping[int, type[GatewayError]] = {
    401: KeyRefused,
    402: QuotaUsedUp,
    403: KeyRefused,
    404: BackendModelNotFound,
    408: BackendFailed,
    429: RateLimited,
    503: Overloaded,
    529: Overloaded,
}

# What may mean that the model cannot do what is asked: OpenRouter says so with 404, llama.cpp with 500.
MAY_MEAN_CANNOT = frozenset({ClientErrorUpstream, BackendModelNotFound, BackendFailed})

# Fields that cannot be left out: who refuses one cannot do what is asked.
INDISPENSABLE = frozenset({"tools", "functions"})

# Phrases in lower case -> what they mean when neither word nor status says more than "bad request" or "failed".
PHRASES: Mapping[type[GatewayError], tuple[str, ...]] = {
    ContextTooLong: (
        "prompt is too long",
        "input is too long",
        "maximum context length",
        "context_length_exceeded",
        "exceeds the context window",
        "exceed context limit",
        "longer than the maximum model length",
        "exceeds the available context size",
        "exceeds the maximum number of tokens",
        "input token length too long",
        "reduce the length of the messages",
        "too many tokens",
        "context window",
        "exceeded max context length",  # Ollama
        "exceeds the context length",
    ),
    QuotaUsedUp: (
        "credit balance is too low",
        "exceeded your current quota",
        "insufficient balance",
        "insufficient credit",
        "insufficient quota",
    ),
    KeyRefused: ("incorrect api key", "invalid api key", "invalid x-api-key", "api key not valid"),
    Overloaded: ('"type":"overloaded_error"', "overloaded_error"),
    ProofRefused: (
        "invalid `signature` in `thinking` block",
        "invalid signature in thinking block",
        "invalid `data` in `redacted_thinking` block",
        "blocks in the latest assistant message cannot be modified",
        "encrypted content could not be verified",
        "thought signature is not valid",
        "corrupted thought signature",
    ),
}

# Wordings that name the field a backend will not take: its path, or the place that it is in and its name.
FIELD_WORDINGS = tuple(
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        r"^([\w.-]+): extra inputs are not permitted",
        r"extra inputs are not permitted, field: ['\"`]([\w.\[\]]+)['\"`]",  # Fireworks
        r"(?:unknown|unsupported|unrecognized) (?:parameter|value|field|argument)s?:? ['\"`]([\w.\[\]]+)['\"`]",
        r"unrecognized request arguments? supplied: ([\w.]+)",
        r"^`([\w.]+)` is (?:deprecated|not supported) (?:for|on|by|with) this model",
        r"^`\w+` and `(\w+)` cannot both be specified",  # Claude, of temperature and top_p
        r"does not support the ['\"`]?([\w.]+)['\"`]? (?:parameter|field)",
        r"does not support parameter ['\"`]?(\w+)",  # xAI
        r"['\"`]([\w.]+)['\"`] ?: property ['\"`](\w+)['\"`] is unsupported",  # Groq, of a message
        r"property ['\"`]([\w.]+)['\"`] is unsupported",  # Groq, Cerebras
        r"unknown name \"(\w+)\": cannot find field",  # Google, in OpenAI's API
        r"extraneous key \[(\w+)\] is not permitted",  # Bedrock
        r"invalid parameter: ['\"`](\w+)['\"`] of type ['\"`]\w+['\"`] is not supported",
        r"this (response_format) type is unavailable",  # DeepSeek
    )
)
# A refusal of the field that the backend names beside its words.
OF_THE_FIELD = re.compile(
    r"(?:is|are) not supported (?:with|by|for|on) (?:this|the ['\"`][\w.-]+['\"`]) model", re.IGNORECASE
)
# What a model cannot do at all, though the request is right: another backend's model may.
CANNOT = re.compile(
    r"(?:does not|doesn't|do not) support (?:the use of )?"
    r"(?:tools?|tool use|tool calling|function calling|functions|vision|images?|image inputs?|audio|pdfs?|insert|chat"
    r"|generate|completion)\b"
    r"|(?:tool use|tool calling|function calling|image input|vision) is not (?:supported|enabled|available)"
    r"|is not enabled for (?:this model|models/)"
    r"|(?:is|are) only supported by certain models"
    r"|no endpoints found that support"
    r"|unknown variant .?image_url"
    r"|tool choice requires --enable-auto-tool-choice",
    re.IGNORECASE,
)
EFFORT = re.compile(r"does not support effort level", re.IGNORECASE)
THINKING = re.compile(
    r"(?:does not|doesn't) support (?:\w+ )?thinking|thinking[\w.\"]* is not supported", re.IGNORECASE
)

# What we say instead of the backend's own words, where those may hold a key or would be taken for the client's fault.
SENTENCES: Mapping[type[GatewayError], str] = {KeyRefused: "The backend refuses the key that llmux has for it."}


class Told(Value):
    """What a backend says of its failure, in whatever shape it said it. `retry` is a delay such as "34.5s"."""

    message: str = ""
    code: str | None = None
    kind: str = ""
    param: str | None = None
    retry: str = ""


def decode(status: int, headers: Mapping[str, str], body: bytes) -> GatewayError:
    """The failure that an HTTP answer means. `headers` have lower-case names. Any `body` will do."""
    try:
        document = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        document = _plain(body)
    return decode_document(document, status, headers)


def decode_document(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> GatewayError:
    """The failure that a JSON value means; `status` 200 when it came inside an answer."""
    told = tell(document)
    code, headers = told.code or "", headers or {}
    if code.isdecimal():  # an HTTP status, or a number that only its maker understands
        status, code = (int(code) if status not in FAILURES and int(code) in FAILURES else status), ""
    if told.retry and "retry-after" not in headers:
        headers = {**headers, "retry-after": told.retry}
    return classify(status, told.message, code, told.kind, headers, told.param)


def classify(
    status: int,
    message: str,
    code: str | None,
    kind_word: str,
    headers: Mapping[str, str],
    param: str | None = None,
) -> GatewayError:
    """The failure that these mean. `code` and `kind_word` are the backend's own words, "" or None when it has none."""
    raised, field = _meaning(status, message, (code or "", kind_word)), _path(param)
    if raised is ClientErrorUpstream and (named := refused_field(message)):
        raised, field = FieldRefused, named
    elif raised is ClientErrorUpstream and field and OF_THE_FIELD.search(message):
        raised = FieldRefused
    if raised is FieldRefused and not (field := field or refused_field(message)):
        raised = ClientErrorUpstream
    if (raised in MAY_MEAN_CANNOT and CANNOT.search(message)) or (raised is FieldRefused and field in INDISPENSABLE):
        raised = Unsupported
    return raised(
        SENTENCES.get(raised) or message[:MAX_MESSAGE] or f"The backend failed with status {status}.",
        retry_after=retry_after(headers, message),
        param=field,
        code=code or kind_word or None,
        upstream_status=status if status in FAILURES else None,
    )


def _meaning(status: int, message: str, words: tuple[str, str]) -> type[GatewayError]:
    for word in words:
        if row := WORDS.get(word.lower()):
            return row
    if row := STATUSES.get(status):
        return row
    lower = message.lower()
    for meaning, phrases in PHRASES.items():
        if any(phrase in lower for phrase in phrases):
            return meaning
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return TooLarge
    return ClientErrorUpstream if status in CLIENT_ERRORS else BackendFailed


def _path(field: str | None) -> str | None:
    """`messages[0].role` as `messages.0.role`."""
    return field.replace("[", ".").replace("]", "") if field else field


def refused_field(message: str) -> str | None:
    """The path of the field that `message` says is not taken."""
    for wording in FIELD_WORDINGS:
        if found := wording.search(message):
            return _path(".".join(found.groups()))
    if EFFORT.search(message):
        return "output_config.effort"
    return "thinking" if THINKING.search(message) else None


# --- the shapes of error bodies --------------------------------------------------------------------------------------


def tell(document: Any) -> Told:
    """What an error body says. Known shapes: OpenAI's, Claude's, Gemini's, Ollama's, FastAPI's, and flat ones."""
    if isinstance(document, list):
        return tell(document[0]) if document else Told()
    if not isinstance(document, dict):
        return Told(str(document) if document is not None else "")
    for name in ("error", "errors", "detail"):
        if document.get(name):
            return SHAPES.get(type(document[name]), _text)(document[name], document)
    return _flat(document)


def _text(error: Any, document: dict[str, Any]) -> Told:
    return Told(str(error), code=_word(document.get("code")), kind=_word(document.get("type")) or "")


def _object(error: dict[str, Any], _document: dict[str, Any]) -> Told:
    return _flat(error)


def _entries(errors: list[Any], _document: dict[str, Any]) -> Told:
    """FastAPI's list of {loc, msg, type}, or any list of errors: the first counts."""
    first = errors[0]
    if not isinstance(first, dict):
        return Told(str(first))
    told = _flat(first)
    path = [str(step) for step in first.get("loc") or () if step != "body"]
    if not path:
        return told
    return Told(f"{'.'.join(path)}: {told.message}", told.code, told.kind, ".".join(path))


SHAPES: Mapping[type, Callable[[Any, dict[str, Any]], Told]] = {str: _text, dict: _object, list: _entries}


def _flat(error: dict[str, Any]) -> Told:
    message = next((error[name] for name in ("message", "msg", "detail") if isinstance(error.get(name), str)), "")
    metadata = error.get("metadata")
    if isinstance(metadata, dict) and isinstance(metadata.get("raw"), str):
        message = f"{message}: {metadata['raw']}"  # OpenRouter hides the provider's own words here
    kind = _word(error.get("type")) or _word(error.get("status")) or ""
    return Told(message, _word(error.get("code")), kind, _word(error.get("param")), _retry_info(error.get("details")))


def _word(value: Any) -> str | None:
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) and value != "" else None


def _retry_info(details: Any) -> str:
    """google.rpc.RetryInfo: https://cloud.google.com/apis/design/errors#error_details."""
    for detail in details if isinstance(details, list) else ():
        if isinstance(detail, dict) and isinstance(detail.get("retryDelay"), str):
            return str(detail["retryDelay"])
    return ""


def _plain(body: bytes) -> str:
    text = body.decode(errors="replace").strip()
    return "The backend answered with an HTML page." if text.startswith("<") else text
