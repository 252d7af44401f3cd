"""A request -> the key under which its answer is kept. Pure.

Two requests that could be answered differently never share a key: where nobody can be sure, they differ. What does not
matter is named in the tables below, each with its reason; everything else does, also what llmux has no word for.
"""

import hashlib
import json
from collections.abc import Mapping
from typing import Any, NoReturn

import msgspec
import orjson

from llmux.ir.request import Original, Request
from llmux.ir.value import Value
from llmux.responder import Context

# Changes when keys are made otherwise: instances of several versions may share a store.
VERSION = 1

Document = Mapping[str, Any]
_NOTHING: frozenset[str] = frozenset()

# Fields at the top of a body that shape no answer, by dialect. It is a short list on purpose: `user` and `metadata` are
# read by some servers that call themselves compatible, and Responses repeats in its answers whatever it was asked.
WITHOUT_EFFECT: Mapping[str, frozenset[str]] = {
    "openai_chat": frozenset({"prompt_cache_key", "prompt_cache_retention"}),  # what a prompt costs
    "ollama": frozenset({"keep_alive"}),  # how long the model stays loaded
}
# Of the client's headers that reach a backend: which program asks and on which machine, the name of this one try, and
# what is said to llmux itself.
SILENT = frozenset({
    "user-agent", "x-app", "x-goog-api-client", "anthropic-dangerous-direct-browser-access", "x-stainless-arch",
    "x-stainless-lang", "x-stainless-os", "x-stainless-package-version", "x-stainless-retry-count",
    "x-stainless-runtime", "x-stainless-runtime-version", "idempotency-key", "x-client-request-id", "cache-control",
})  # fmt: skip
# The order of keys does not matter, but in what a model is shown as it stands: schemas, arguments, results.
IN_ORDER = frozenset({
    "parameters", "parametersJsonSchema", "parameters_json_schema", "input_schema", "inputSchema", "schema",
    "json_schema", "responseSchema", "response_schema", "responseJsonSchema", "response_json_schema", "format",
    "args", "arguments", "input", "response", "output", "guided_json", "structured_outputs",
})  # fmt: skip


NESTED = frozenset({dict, list})


class Scope(Value):
    """For whom an answer is kept: "" for every client. `backend` and its `model` would answer, where that matters."""

    client: str = ""
    backend: str = ""
    model: str = ""


def key(request: Request, original: Original, context: Context, scope: Scope) -> bytes:
    """32 bytes that stand for the question. `original` is what is sent of the request."""
    heard = sorted((name, value) for name, value in context.headers.items() if name not in SILENT)
    place = (request.dialect, request.form, request.model, request.stream)
    asked = (VERSION, *place, heard, context.query, context.credential, scope.client, scope.backend, scope.model)
    digest = hashlib.sha256(
        msgspec.msgpack.encode(asked)
    )  # every piece begins with its length: none runs into the next
    digest.update(canonical(original.body, original.document, WITHOUT_EFFECT.get(request.dialect, _NOTHING)))
    return digest.digest()


def canonical(body: bytes, document: Document, without: frozenset[str] = _NOTHING) -> bytes:
    """`document` in the one spelling of all bodies that say the same. `body` is what it was read from."""
    if not _is_faithful(body, document):
        return b"\0" + _squeezed(body)  # no JSON begins so: it is equal to itself alone
    if not without.isdisjoint(document):
        document = {name: value for name, value in document.items() if name not in without}
    return orjson.dumps(_arranged(document))


def _arranged(value: Any) -> Any:
    """`value`, an object or a list, with the keys of objects in alphabetical order, where that is no news."""
    if type(value) is list:
        return [_arranged(held) if type(held) in NESTED else held for held in value]
    return {
        name: _arranged(held) if type(held := value[name]) in NESTED and not _is_shown(name, held) else held
        for name in sorted(value)
    }


def _is_shown(name: str, held: Any) -> bool:
    return name in IN_ORDER and type(held) is dict


def _is_faithful(body: bytes, document: Document) -> bool:
    """Whether `document` holds all that a backend may read from `body`: no key twice, no number spelt oddly.

    Nearly every body is what its document would be written as, but for spaces, and that is seen at once.
    """
    written = orjson.dumps(document)
    if written == body or written == _squeezed(body):
        return True
    try:
        json.loads(body, parse_int=_whole, parse_float=_broken, object_pairs_hook=_once)
    except _OddError:
        return False
    return True


def _squeezed(body: bytes) -> bytes:
    """`body` without the spaces between its words; as it is where half a surrogate pair stands in its way."""
    try:
        return msgspec.json.format(body, indent=-1)
    except msgspec.DecodeError:
        return body


class _OddError(Exception):
    """Something that is lost when a body is read."""


def _once(pairs: list[tuple[str, Any]]) -> None:
    if len({name for name, _ in pairs}) != len(pairs):
        _odd()


def _whole(text: str) -> None:
    _spelt(text, int(text) if len(text) < LONGEST_INTEGER else 0.0)


def _broken(text: str) -> None:
    _spelt(text, float(text))


def _spelt(text: str, number: float) -> None:
    if orjson.dumps(number) != text.encode():
        _odd()


LONGEST_INTEGER = 19  # digits and sign; all that is shorter fits into 64 bits


def _odd() -> NoReturn:
    raise _OddError
