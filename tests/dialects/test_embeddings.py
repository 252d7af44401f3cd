"""Embeddings in each dialect: one request, one answer, the same in all of them; their own SDKs are the judges."""

import base64
import math
import struct
from collections.abc import Callable, Mapping
from itertools import product
from typing import Any
from urllib.parse import unquote

import httpx
import httpx2
import ollama
import openai
import orjson
import pytest
from google import genai
from google.genai import types
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.demo.embedding import embed
from llmux.dialects import openai_embeddings
from llmux.dialects.base import Address, AnswerForm, Embedding, backend_path
from llmux.dialects.gemini import embeddings as gemini_embeddings
from llmux.dialects.ollama import embeddings as ollama_embeddings
from llmux.dialects.paths import Paths
from llmux.errors import BackendGarbled, BadRequest, Unsupported
from llmux.ir.capability import Target
from llmux.ir.content import Extra
from llmux.ir.embedding import EmbeddingRequest, Embeddings

OPENAI = openai_embeddings.embedding("/v1/embeddings")
OLLAMA, GEMINI = ollama_embeddings.EMBEDDING, gemini_embeddings.EMBEDDING
ALL: Mapping[str, Embedding] = {"openai": OPENAI, "ollama": OLLAMA, "gemini": GEMINI}
AT = {"gemini": Address("/v1beta/models/m:batchEmbedContents"), "ollama": Address("/api/embed")}
FORM = AnswerForm("req_1", "m", 1, elapsed=lambda: 1_500)
TARGET = Target("m")

each = pytest.mark.parametrize("name", ALL)
each_pair = pytest.mark.parametrize(("name", "other"), [*product(ALL, ALL)])

NUMBERS = st.lists(st.floats(width=32, allow_nan=False, allow_infinity=False), min_size=1, max_size=4)
VECTORS = st.lists(NUMBERS, min_size=1, max_size=3)
TEXTS = st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\0")), min_size=1, max_size=3)


def sent(request: EmbeddingRequest, name: str) -> bytes:
    return orjson.dumps(ALL[name].encode_request(request, TARGET).body)


def heard(body: bytes, name: str) -> EmbeddingRequest:
    return ALL[name].decode_request(body, AT.get(name, Address()))


# --- laws ------------------------------------------------------------------------------------------------------------


@each_pair
@given(TEXTS, st.sampled_from([None, 1, 768]))
def test_a_request_is_the_same_in_every_dialect(name: str, other: str, texts: list[str], size: int | None) -> None:
    request = EmbeddingRequest(model="m", inputs=tuple(texts), dimensions=size)
    assert heard(sent(request, name), name) == request
    assert sent(heard(sent(request, name), name), other) == sent(request, other)


@each_pair
@given(VECTORS, st.booleans())
def test_an_answer_is_the_same_in_every_dialect(name: str, other: str, vectors: list[Any], packed: bool) -> None:
    answer = Embeddings(tuple(vectors), 7)
    request = EmbeddingRequest(model="m", inputs=("x",) * len(vectors), packed=packed)
    for each_name in (name, other):
        codec = ALL[each_name]
        answer = codec.decode_response(codec.encode_response(answer, request, FORM))
    assert answer == Embeddings(tuple(vectors), 7)


@each
@pytest.mark.parametrize(
    "body",
    [b"<html>", b'{"error": "no"}', b'{"embeddings": 1, "data": 1}', b"\xff", b'{"data": ' + b"[" * 100_000, b"[]"],
    ids=["no JSON", "an error", "another shape", "no UTF-8", "deep nesting", "an array"],
)
def test_what_is_no_answer_is_garbled(name: str, body: bytes) -> None:
    with pytest.raises(BackendGarbled):
        ALL[name].decode_response(body)


@pytest.mark.parametrize("name", ["ollama", "gemini"])
def test_tokens_are_refused_where_only_texts_are_known(name: str) -> None:
    with pytest.raises(Unsupported):
        ALL[name].encode_request(EmbeddingRequest(model="m", inputs=("a", (1, 2))), TARGET)


@each
def test_what_another_api_said_beside_it_is_not_sent(name: str) -> None:
    request = EmbeddingRequest(model="m", inputs=("a",), extra=Extra("x", {"settings": [{"odd": 1}], "odd": 1}))
    assert b"odd" not in sent(request, name)


# --- requests, one dialect at a time ---------------------------------------------------------------------------------

BODIES: dict[str, tuple[str, str, dict[str, Any], EmbeddingRequest]] = {
    "ollama, one text": (
        "ollama",
        "/api/embed",
        {"model": "m", "input": "a"},
        EmbeddingRequest(model="m", inputs=("a",)),
    ),
    "ollama, beside it": (
        "ollama",
        "/api/embed",
        {"model": "m", "input": ["a"], "truncate": False, "dimensions": 3, "keep_alive": "5m"},
        EmbeddingRequest(
            model="m", inputs=("a",), dimensions=3, extra=Extra("ollama", {"truncate": False, "keep_alive": "5m"})
        ),
    ),
    "ollama, the older form": (
        "ollama",
        "/api/embeddings",
        {"model": "m", "prompt": "a"},
        EmbeddingRequest(form="prompt", model="m", inputs=("a",)),
    ),
    "gemini, one text": (
        "gemini",
        "/v1beta/models/m:embedContent",
        {"content": {"parts": [{"text": "a"}, {"text": "b"}]}},
        EmbeddingRequest(form="single", model="m", inputs=("ab",)),
    ),
    "gemini, a bare text": (
        "gemini",
        "/models/m:embedContent",
        {"model": "models/other", "content": "a"},
        EmbeddingRequest(form="single", model="m", inputs=("a",)),
    ),
    "gemini, in its other spelling": (
        "gemini",
        "/v1/models/m:batchEmbedContents",
        {"requests": [{"content": {"parts": [{"text": "a"}]}, "output_dimensionality": 3, "task_type": "X"}]},
        EmbeddingRequest(
            model="m", inputs=("a",), dimensions=3, extra=Extra("gemini", {"settings": [{"taskType": "X"}]})
        ),
    ),
    "gemini, nested": (
        "gemini",
        "/v1beta/models/a/b:c:embedContent",
        {"content": "a", "embedContentConfig": {"outputDimensionality": 3, "taskType": "X", "title": "T"}},
        EmbeddingRequest(
            form="single",
            model="a/b:c",
            inputs=("a",),
            dimensions=3,
            extra=Extra("gemini", {"settings": [{"taskType": "X", "title": "T"}]}),
        ),
    ),
}


@pytest.mark.parametrize("case", BODIES.values(), ids=BODIES)
def test_a_clients_request(case: tuple[str, str, dict[str, Any], EmbeddingRequest]) -> None:
    name, path, body, request = case
    assert Paths((pattern, name) for pattern in ALL[name].inbound).find(path) == name
    assert ALL[name].decode_request(orjson.dumps(body), Address(path)) == request


def test_geminis_own_settings_come_back_each_to_its_text() -> None:
    requests = [
        {"model": "models/m", "content": {"parts": [{"text": "a"}]}, "taskType": "RETRIEVAL_QUERY"},
        {"model": "models/m", "content": {"parts": [{"text": "b"}]}, "title": "T"},
    ]
    request = heard(orjson.dumps({"requests": requests}), "gemini")
    assert GEMINI.encode_request(request, TARGET).body == {"requests": requests}


def test_ollamas_own_settings_come_back() -> None:
    body = {"model": "m", "input": ["a"], "truncate": True, "options": {"num_ctx": 9}}
    assert OLLAMA.encode_request(heard(orjson.dumps(body), "ollama"), TARGET).body == body


BAD: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "ollama, no model": ("ollama", "/api/embed", {"input": "a"}, "model"),
    "ollama, an empty model": ("ollama", "/api/embed", {"model": "", "input": "a"}, "model"),
    "ollama, no input": ("ollama", "/api/embed", {"model": "m"}, "input"),
    "ollama, no text": ("ollama", "/api/embed", {"model": "m", "input": ["a", 1]}, "input.1"),
    "ollama, no prompt": ("ollama", "/api/embeddings", {"model": "m"}, "prompt"),
    "ollama, no dimensions": ("ollama", "/api/embed", {"model": "m", "input": "a", "dimensions": 0}, "dimensions"),
    "gemini, no content": ("gemini", "/models/m:embedContent", {}, "content"),
    "gemini, no parts": ("gemini", "/models/m:embedContent", {"content": {"parts": []}}, "content.parts"),
    "gemini, no requests": ("gemini", "/models/m:batchEmbedContents", {"requests": []}, "requests"),
    "gemini, a picture": (
        "gemini",
        "/models/m:batchEmbedContents",
        {"requests": [{"content": {"parts": [{"inlineData": {}}]}}]},
        "requests.0.content.parts.0",
    ),
    "gemini, no number": (
        "gemini",
        "/models/m:embedContent",
        {"content": "a", "outputDimensionality": 0},
        "outputDimensionality",
    ),
    "gemini, two sizes": (
        "gemini",
        "/models/m:batchEmbedContents",
        {"requests": [{"content": "a", "outputDimensionality": 3}, {"content": "a"}]},
        "requests.0.outputDimensionality",
    ),
    "gemini, no model": ("gemini", "/:embedContent", {"content": "a"}, "model"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_is_no_request_says_where(case: tuple[str, str, dict[str, Any], str]) -> None:
    name, path, body, param = case
    with pytest.raises(BadRequest) as raised:
        ALL[name].decode_request(orjson.dumps(body), Address(path))
    assert raised.value.param == param


def test_where_backends_are_asked() -> None:
    assert backend_path(OLLAMA, "m") == "/api/embed"
    assert backend_path(GEMINI, "models/text-embedding-004") == "/models/text-embedding-004:batchEmbedContents"


# --- judged by their SDKs --------------------------------------------------------------------------------------------


def through(name: str, other: str) -> Callable[[Any], tuple[int, bytes]]:
    """A client of `name`, answered by the demo as a backend of `other` would: every codec has its say."""
    codec, behind = ALL[name], ALL[other]

    def answer(call: Any) -> tuple[int, bytes]:
        path = unquote(call.url.path)
        assert Paths((pattern, name) for pattern in codec.inbound).find(path) == name
        request = codec.decode_request(call.content, Address(path))
        there = heard(orjson.dumps(behind.encode_request(request, TARGET).body), other)
        body = behind.encode_response(embed(there), replace(there, form=""), FORM)
        return 200, codec.encode_response(behind.decode_response(body), request, FORM)

    return answer


def plain(*texts: str, size: int | None = None) -> list[list[float]]:
    """What the demo gives for `texts`."""
    return [list(vector) for vector in embed(EmbeddingRequest(model="m", inputs=texts, dimensions=size)).vectors]


def transport(kind: Any, answer: Callable[[Any], tuple[int, bytes]]) -> Any:
    def handle(call: Any) -> Any:
        status, body = answer(call)
        return kind.Response(status, headers={"content-type": "application/json"}, content=body)

    return kind.MockTransport(handle)


@each
@pytest.mark.parametrize("form", [None, "float", "base64"])
def test_openais_sdk(name: str, form: Any) -> None:
    http = httpx2.Client(transport=transport(httpx2, through("openai", name)))
    wish = {"encoding_format": form} if form else {}
    with openai.OpenAI(api_key="k", base_url="http://x/v1", http_client=http, max_retries=0) as client:
        answer = client.embeddings.create(model="m", input=["a cat", "a dog"], dimensions=8, **wish)
    vectors = [one.embedding for one in answer.data]
    if form == "base64":
        unpacked = [list(struct.unpack("<8f", base64.b64decode(vector))) for vector in vectors]
        assert unpacked == plain("a cat", "a dog", size=8)
    else:
        assert [list(vector) for vector in vectors] == plain("a cat", "a dog", size=8)
    assert answer.usage.prompt_tokens == answer.usage.total_tokens == 4


@each
def test_ollamas_sdk(name: str) -> None:
    client = ollama.Client("http://x", transport=transport(httpx, through("ollama", name)))
    answer = client.embed("m", ["a cat", "a dog"], dimensions=8)
    assert [list(vector) for vector in answer.embeddings] == plain("a cat", "a dog", size=8)
    assert (answer.model, answer.prompt_eval_count, answer.total_duration) == ("m", 4, 1_500)
    assert list(client.embeddings("m", "a cat").embedding) == plain("a cat")[0]


@each
def test_geminis_sdk(name: str) -> None:
    http = httpx2.Client(transport=transport(httpx2, through("gemini", name)))
    client = genai.Client(api_key="k", http_options=types.HttpOptions(base_url="http://x", httpx_client=http))
    config = types.EmbedContentConfig(output_dimensionality=8, task_type="RETRIEVAL_QUERY")
    answer = client.models.embed_content(model="text-embedding-004", contents=["a cat", "a dog"], config=config)
    assert answer.embeddings is not None
    assert [one.values for one in answer.embeddings] == plain("a cat", "a dog", size=8)
    assert all(math.isfinite(number) for one in answer.embeddings for number in one.values or ())
