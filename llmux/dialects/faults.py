"""What a backend says when it fails -> the GatewayError that it means. For every dialect: servers mix their shapes.

The backend's own word decides first, then the status, then the wording. A message never carries a page of HTML, and
never a key.
"""

from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec

from llmux.dialects.delays import retry_after
from llmux.dialects.fault_words import (
    CANNOT,
    EFFORT,
    FIELD_WORDINGS,
    INDISPENSABLE,
    MAY_MEAN_CANNOT,
    OF_THE_FIELD,
    PHRASES,
    SENTENCES,
    STATUSES,
    THINKING,
    WORDS,
)
from llmux.errors import (
    BackendFailed,
    ClientErrorUpstream,
    FieldRefused,
    GatewayError,
    TooLarge,
    Unsupported,
)
from llmux.ir.value import Value

CLIENT_ERRORS = range(400, 500)
FAILURES = range(400, 600)
# The most of a backend's message that is passed on, in characters.
MAX_MESSAGE = 2000


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
