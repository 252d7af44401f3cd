"""OpenAI's embeddings, both ways: every form of input, numbers plain and packed, and answers that are none."""

import math
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmux.dialects.base import AnswerForm, backend_path
from llmux.dialects.openai_embeddings import (
    decode_request,
    decode_response,
    embedding,
    encode_request,
    encode_response,
    pack,
    unpack,
)
from llmux.errors import BackendGarbled, BadRequest
from llmux.ir.capability import Target
from llmux.ir.content import Extra
from llmux.ir.embedding import EmbeddingRequest, Embeddings

TARGET = Target("served")
FORM = AnswerForm("req_1", "asked", 1)


def decode(**fields: Any) -> EmbeddingRequest:
    return decode_request(orjson.dumps({"model": "asked", "input": "hello"} | fields))


INPUTS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "a text": ("hello", ("hello",)),
    "an empty text": ("", ("",)),
    "texts": (["a", "b"], ("a", "b")),
    "tokens": ([1, 2], ((1, 2),)),
    "lists of tokens": ([[1, 2], [3]], ((1, 2), (3,))),
    "both": (["a", [3]], ("a", (3,))),
}


@pytest.mark.parametrize("case", INPUTS.values(), ids=INPUTS)
def test_every_form_of_input_reaches_a_backend_as_a_list(case: tuple[Any, tuple[Any, ...]]) -> None:
    request = decode(input=case[0])
    assert request == EmbeddingRequest(model="asked", inputs=case[1])
    assert encode_request(request, TARGET).body == {
        "model": "served",
        "input": list(case[1]),
        "encoding_format": "float",
    }


@pytest.mark.parametrize(("word", "packed"), [("base64", True), ("float", False), (None, False)])
def test_a_backend_is_asked_for_plain_numbers_whatever_the_client_wants(word: str | None, packed: bool) -> None:
    request = decode(encoding_format=word, dimensions=3, user="u", truncate="END")
    assert request.packed is packed
    assert request.extra == Extra("openai_embeddings", {"user": "u", "truncate": "END"})
    body = encode_request(request, TARGET).body
    assert body["encoding_format"] == "float"
    assert (body["dimensions"], body["user"], body["truncate"]) == (3, "u", "END")


def test_what_another_api_said_beside_it_is_not_sent() -> None:
    request = EmbeddingRequest(model="m", inputs=("a",), extra=Extra("ollama", {"keep_alive": 1}))
    assert encode_request(request, TARGET).body.keys() == {"model", "input", "encoding_format"}


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "no model": ({"model": ""}, "model"),
    "no input": ({"input": None}, "input"),
    "an empty list": ({"input": []}, "input"),
    "an object": ({"input": {}}, "input"),
    "an object in a list": ({"input": ["a", {}]}, "input.1"),
    "an empty list in a list": ({"input": [[]]}, "input.0"),
    "no tokens": ({"input": [[1.5]]}, "input.0"),
    "negative tokens": ({"input": [-1]}, "input.0"),
    "truth": ({"input": [True]}, "input.0"),
    "another encoding": ({"encoding_format": "int8"}, "encoding_format"),
    "no dimensions": ({"dimensions": 0}, "dimensions"),
}


@pytest.mark.parametrize("case", BAD.values(), ids=BAD)
def test_what_is_no_request_says_where(case: tuple[dict[str, Any], str]) -> None:
    with pytest.raises(BadRequest) as raised:
        decode(**case[0])
    assert raised.value.param == case[1]


def answer(*data: Any, **fields: Any) -> bytes:
    return orjson.dumps({"object": "list", "model": "served", "data": data, **fields})


ANSWERS: dict[str, tuple[bytes, Embeddings]] = {
    "in order": (
        answer({"index": 0, "embedding": [1, 0.5]}, {"index": 1, "embedding": [2.0]}, usage={"prompt_tokens": 7}),
        Embeddings(([1.0, 0.5], [2.0]), 7),
    ),
    "out of order": (
        answer({"index": 1, "embedding": [2.0]}, {"index": 0, "embedding": [1.0]}),
        Embeddings(([1.0], [2.0])),
    ),
    "without indexes": (answer({"embedding": [1.0]}, {"embedding": [2.0]}), Embeddings(([1.0], [2.0]))),
    "packed unasked": (answer({"index": 0, "embedding": pack([1.0, 0.5])}), Embeddings(([1.0, 0.5],))),
    "without usage": (answer({"embedding": [1.0]}, usage={"prompt_tokens": None}), Embeddings(([1.0],))),
    "none": (answer(), Embeddings(())),
}


@pytest.mark.parametrize("case", ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_read(case: tuple[bytes, Embeddings]) -> None:
    assert decode_response(case[0]) == case[1]


GARBAGE: dict[str, bytes] = {
    "no JSON": b"<html>",
    "no UTF-8": b'{"data": [{"embedding": "\xff"}]}',
    "an error": b'{"error": {"message": "no"}}',
    "an object for a vector": answer({"embedding": {}}),
    "no base64": answer({"embedding": "%%%"}),
    "half a number": answer({"embedding": "AAAA"}),
    "an index twice": answer({"index": 0, "embedding": [1.0]}, {"index": 0, "embedding": [1.0]}),
    "an index that is too large": answer({"index": 5, "embedding": [1.0]}),
    "nothing for a number": answer({"embedding": [None]}),
    "deep nesting": b'{"data": ' + b"[" * 100_000,
}


@pytest.mark.parametrize("body", GARBAGE.values(), ids=GARBAGE)
def test_what_is_no_answer_is_garbled(body: bytes) -> None:
    with pytest.raises(BackendGarbled):
        decode_response(body)


def test_an_answer_is_written_plain() -> None:
    told = orjson.loads(encode_response(Embeddings(([1.0, 0.1], (2.0,)), 7), decode(), FORM))
    assert told == {
        "object": "list",
        "data": [
            {"object": "embedding", "index": 0, "embedding": [1.0, 0.1]},
            {"object": "embedding", "index": 1, "embedding": [2.0]},
        ],
        "model": "asked",
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def test_an_answer_is_written_packed() -> None:
    told = orjson.loads(encode_response(Embeddings(([1.0, -2.0],)), decode(encoding_format="base64"), FORM))
    assert told["data"][0]["embedding"] == "AACAPwAAAMA="  # 00 00 80 3f, 00 00 00 c0


@given(st.lists(st.floats(width=32, allow_nan=False), max_size=9))
def test_what_is_packed_is_read_again(numbers: list[float]) -> None:
    assert unpack(pack(numbers)) == numbers


def test_a_number_that_is_too_large_is_infinite() -> None:
    assert unpack(pack([1e300])) == [math.inf]


def test_where_it_is_asked_for() -> None:
    both = embedding("/v1/embeddings")
    assert both.inbound == ("/v1/embeddings",)
    assert backend_path(both, "m") == "/embeddings"
    assert embedding().inbound == ()
