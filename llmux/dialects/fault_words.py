"""The words of failures, as servers really say them -> what they mean: the tables that `faults.py` reads by.

A new word, or a new wording, is a row. Nothing is decided here.
"""

import re
from collections.abc import Mapping

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
)

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
