"""Cases 57 and 58 of the contract: usage and failures, from each backend's words into each client's."""

from collections.abc import Mapping
from typing import Any

import orjson
import pytest

from llmux.dialects.registry import TABLE
from llmux.errors import KeyRefused, Unauthenticated
from llmux.ir.content import Text
from llmux.ir.fold import explode
from llmux.ir.response import FinishReason, Response
from llmux.ir.usage import Usage
from tests.contract.stage import FORM, Wire, answer, told, whole
from tests.judges.heard import Tokens
from tests.judges.limits import LIMITS
from tests.judges.table import JUDGES
from tests.laws.lanes import stream_of

FULL = Usage(input_tokens=40, output_tokens=20, cache_read_tokens=50, cache_write_tokens=10, reasoning_tokens=5)
NOTHING_CACHED = Usage(input_tokens=40, output_tokens=20)
ONLY_CACHED = Usage(cache_read_tokens=7, output_tokens=1)
USAGES = {"I.57 everything": FULL, "I.57 nothing cached": NOTHING_CACHED, "I.57 nothing but cached": ONLY_CACHED}


def tokens(usage: Usage, *wires: str) -> Tokens:
    """What is left of it behind these wires, one after the other: what one does not tell is 0."""
    full = Tokens(
        usage.total_input_tokens, usage.output_tokens, usage.cache_read_tokens, usage.cache_write_tokens,
        usage.reasoning_tokens,
    )  # fmt: skip
    known = frozenset.intersection(*(LIMITS[wire].counts for wire in wires))
    return full._replace(**dict.fromkeys(set(Tokens._fields) - known, 0))


@pytest.mark.parametrize("case", USAGES)
@pytest.mark.parametrize("client", TABLE)
@pytest.mark.parametrize("backend", TABLE)
def test_usage_is_exact_from_every_wire_to_every_other(backend: str, client: str, case: str) -> None:
    """By the client's own SDK; a stream and one body say the same."""
    response = Response("1", "m", (Text(text="hi"),), FinishReason.END, USAGES[case])
    heard = answer(backend, stream_of(TABLE[backend], response))
    expected = tokens(USAGES[case], backend, client)
    assert JUDGES[client].stream(told(client, list(explode(heard)))).usage == expected
    assert JUDGES[client].whole(orjson.dumps(whole(client, heard, FORM))).usage == expected


def test_more_cached_than_sent_is_no_negative_number() -> None:
    """I.57: servers that do not count what was cached with the prompt."""
    usage = {"prompt_tokens": 5, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 9}}
    body = {"id": "1", "model": "m", "usage": usage, "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"},
    ]}  # fmt: skip
    heard = TABLE["openai_chat"].decode_response(orjson.dumps(body), {}).usage
    assert (heard.input_tokens, heard.cache_read_tokens) == (0, 9)


# --- failures --------------------------------------------------------------------------------------------------------

KINDS = {"overloaded": 529, "rate": 429, "context": 400, "model": 404, "invalid": 400, "server": 500}
# How each backend says it: status and body.
SAID: dict[str, dict[str, tuple[int, Wire]]] = {
    "claude": {
        kind: (status, {"type": "error", "error": {"type": word, "message": message}})
        for kind, status, word, message in (
            ("overloaded", 529, "overloaded_error", "Overloaded"),
            ("rate", 429, "rate_limit_error", "slow down"),
            ("context", 400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
            ("model", 404, "not_found_error", "model: claude-x"),
            ("invalid", 400, "invalid_request_error", "messages.0: no"),
            ("server", 500, "api_error", "Internal server error"),
        )
    },
    "openai_chat": {
        kind: (status, {"error": {"type": word, "message": message, "param": None, "code": code}})
        for kind, status, word, code, message in (
            ("overloaded", 503, "server_error", "overloaded", "The engine is currently overloaded"),
            ("rate", 429, "rate_limit_error", "rate_limit_exceeded", "slow down"),
            ("context", 400, "invalid_request_error", "context_length_exceeded", "maximum context length is 8192"),
            ("model", 404, "invalid_request_error", "model_not_found", "The model `x` does not exist"),
            ("invalid", 400, "invalid_request_error", None, "no"),
            ("server", 500, "server_error", None, "The server had an error"),
        )
    },
    "gemini": {
        kind: (status, {"error": {"code": status, "status": word, "message": message}})
        for kind, status, word, message in (
            ("overloaded", 503, "UNAVAILABLE", "The model is overloaded."),
            ("rate", 429, "RESOURCE_EXHAUSTED", "slow down"),
            ("context", 400, "INVALID_ARGUMENT",
             "The input token count (2000000) exceeds the maximum number of tokens allowed (1048576)."),
            ("model", 404, "NOT_FOUND", "models/x is not found for API version v1beta"),
            ("invalid", 400, "INVALID_ARGUMENT", "no"),
            ("server", 500, "INTERNAL", "An internal error has occurred."),
        )
    },
    "ollama": {
        "model": (404, {"error": 'model "x" not found, try pulling it first'}),
        "invalid": (400, {"error": "no"}),
        "server": (500, {"error": "boom"}),
    },
}  # fmt: skip
SAID["openai_responses"] = SAID["openai_chat"]
# What each client hears: the status, and the word for it, where it stands.
HEARD: dict[str, dict[str, tuple[int, Any]]] = {
    "claude": {
        "overloaded": (529, "overloaded_error"), "rate": (429, "rate_limit_error"),
        "context": (400, "invalid_request_error"), "model": (404, "not_found_error"),
        "invalid": (400, "invalid_request_error"), "server": (500, "api_error"),
    },
    "openai_chat": {
        "overloaded": (503, "overloaded"), "rate": (429, "rate_limit_exceeded"),
        "context": (400, "context_length_exceeded"), "model": (404, "model_not_found"), "invalid": (400, None),
        "server": (502, None),
    },
    "gemini": {
        "overloaded": (503, "UNAVAILABLE"), "rate": (429, "RESOURCE_EXHAUSTED"), "context": (400, "INVALID_ARGUMENT"),
        "model": (404, "NOT_FOUND"), "invalid": (400, "INVALID_ARGUMENT"), "server": (500, "INTERNAL"),
    },
    "ollama": {
        "overloaded": (503, None), "rate": (429, None), "context": (400, None), "model": (404, None),
        "invalid": (400, None), "server": (502, None),
    },
}  # fmt: skip
HEARD["openai_responses"] = HEARD["openai_chat"]
WORDS = {"claude": "type", "openai_chat": "code", "openai_responses": "code", "gemini": "status"}


def heard(client: str, backend: str, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> Any:
    """The error that a client is told of a backend's: its form, and its body as JSON."""
    form = TABLE[client].encode_error(TABLE[backend].decode_error(status, headers or {}, body), "req_1")
    return form, orjson.loads(form.body)


def word(client: str, body: Any) -> Any:
    return body["error"][WORDS[client]] if client in WORDS else None


@pytest.mark.parametrize("client", TABLE)
@pytest.mark.parametrize(("backend", "kind"), [(name, kind) for name, kinds in SAID.items() for kind in kinds])
def test_a_failure_has_the_status_and_the_word_of_the_clients_own_api(backend: str, kind: str, client: str) -> None:
    """I.58: each kind, from each backend, to each client."""
    status, said = SAID[backend][kind]
    form, body = heard(client, backend, status, orjson.dumps(said))
    expected, name = HEARD[client][kind]
    assert form.status == expected
    assert name is None or word(client, body) == name


ODD: dict[str, tuple[int, bytes, int]] = {
    "I.58 a page of a proxy": (502, b"<html><body>Bad Gateway 10.0.0.7</body></html>", 502),
    "I.58 FastAPI's detail": (400, b'{"detail":[{"loc":["body","x"],"msg":"field required","type":"missing"}]}', 400),
    "I.58 a bare string": (400, b'{"error":"no such thing"}', 400),
    "I.58 an older vLLM": (400, b'{"object":"error","message":"no","type":"BadRequestError","code":400}', 400),
    "I.58 nothing at all": (500, b"", 502),
}


@pytest.mark.parametrize("case", ODD)
@pytest.mark.parametrize("client", TABLE)
def test_an_odd_failure_is_a_sentence_in_the_clients_own_form(case: str, client: str) -> None:
    status, said, expected = ODD[case]
    form, body = heard(client, "openai_chat", status, said)
    assert form.status == (500 if expected == 502 and client in {"claude", "gemini"} else expected)
    message = body["error"] if client == "ollama" else body["error"]["message"]
    assert message
    assert "<html" not in message


RETRIES = {
    "I.58 Google's RetryInfo": ("gemini", {"error": {
        "code": 429, "status": "RESOURCE_EXHAUSTED", "message": "Please retry.",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "34.5s"}],
    }}, 34.5),
    "I.58 OpenAI's sentence": ("openai_chat", {"error": {
        "message": "Rate limit reached. Please try again in 20ms.", "type": "tokens", "code": "rate_limit_exceeded",
    }}, 0.02),
}  # fmt: skip


@pytest.mark.parametrize("case", RETRIES)
def test_when_to_come_back_is_found_in_the_body(case: str) -> None:
    backend, body, seconds = RETRIES[case]
    error = TABLE[backend].decode_error(429, {}, orjson.dumps(body))
    assert error.retry_after == pytest.approx(seconds)
    assert int(TABLE["claude"].encode_error(error, "r").headers["retry-after"]) >= seconds
    assert int(TABLE["openai_chat"].encode_error(error, "r").headers["retry-after"]) >= seconds


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("client", TABLE)
def test_a_key_of_ours_that_is_refused_is_not_told_as_the_clients(status: int, client: str) -> None:
    """I.58: else it would throw its own away."""
    said = b'{"error":{"message":"Incorrect API key: sk-abc","code":"x"}}'
    error = TABLE["openai_chat"].decode_error(status, {}, said)
    assert isinstance(error, KeyRefused)
    form = TABLE[client].encode_error(error, "r")
    assert form.status >= 500
    assert b"sk-abc" not in form.body


def test_a_client_whose_own_key_is_wrong_is_told_not_to_come_again() -> None:
    """I.58: Claude Code would for minutes."""
    form = TABLE["claude"].encode_error(Unauthenticated("wrong"), "r")
    assert (form.status, form.headers["x-should-retry"]) == (401, "false")
