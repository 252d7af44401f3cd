"""A call for embeddings: who answers is told, what is estimated is owned up to, and it is counted like any request."""

from collections.abc import Mapping
from typing import Any

import pytest

from llmux.errors import RateLimited
from llmux.ir.usage import Usage
from llmux.responder import Client
from tests.server.house import OPENED, running

WISH: Mapping[str, Any] = {"model": "m", "input": ["a", "bcd"]}


@pytest.mark.parametrize("path", ["/v1/embeddings", "/embeddings", "/v1/v1/embeddings/"])
async def test_the_vectors_and_who_gave_them(path: str) -> None:
    async with running() as house, house.session.post(house.url + path, json=WISH) as answer:
        told = await answer.json()
        assert [one["embedding"] for one in told["data"]] == [[1.0, 0.5], [3.0, 0.5]]
        assert answer.headers["x-llmux-backend"] == OPENED.backend
        assert "x-llmux-usage" not in answer.headers
        (fact,) = await house.until_finished()
    assert (fact.model, fact.backend, fact.dialect, fact.usage) == ("m", OPENED.backend, "openai_chat", Usage(3))


async def test_an_estimate_is_owned_up_to() -> None:
    async with (
        running(usage=Usage(3, estimated=True)) as house,
        house.session.post(house.url + "/v1/embeddings", json=WISH) as answer,
    ):
        assert answer.headers["x-llmux-usage"] == "estimated"


async def test_an_error_is_told_in_the_callers_words() -> None:
    async with (
        running(usage=RateLimited("no", retry_after=7)) as house,
        house.session.post(house.url + "/v1/embeddings", json=WISH) as answer,
    ):
        assert answer.status == 429
        assert (await answer.json())["error"]["message"] == "no"
        assert answer.headers["retry-after"] == "7"


async def test_a_stranger_is_not_let_in() -> None:
    async with (
        running(tokens={"key": Client("c")}) as house,
        house.session.post(house.url + "/v1/embeddings", json=WISH) as answer,
    ):
        assert answer.status == 401
