"""What llmux adds to an answer stands in its body, whatever else is there, and every other byte stays as it was."""

from collections.abc import AsyncGenerator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from llmux.ir.events import Batch, Verbatim
from llmux.ir.request import Request
from llmux.responder import Context
from llmux.server.extension import extended
from tests.server.house import BEGIN, BODIES, END, MORE, OPENED, running

EXTENSION = {"answers": [{"backend": "a", "text": "one"}]}

BODY = {
    "an object": (b'{"a": 1}', b'{"a": 1,"llmux":{"x":"\xc3\xa9"}}'),
    "with spaces behind": (b'{"a": {}} \n', b'{"a": {},"llmux":{"x":"\xc3\xa9"}}'),
    "an empty object": (b"{ }", b'{ "llmux":{"x":"\xc3\xa9"}}'),
    "no object": (b"[{}]", b"[{}]"),
    "nothing": (b"", b""),
    "text": (b"hello", b"hello"),
}


@pytest.mark.parametrize(("body", "expected"), BODY.values(), ids=BODY)
def test_a_body(body: bytes, expected: bytes) -> None:
    assert extended(body, {"x": "é"}) == expected


@given(st.dictionaries(st.text(), st.none() | st.text() | st.lists(st.integers(0, 9))))
def test_all_else_is_there_as_before(document: dict[str, Any]) -> None:
    document.pop("llmux", None)
    assert orjson.loads(extended(orjson.dumps(document), EXTENSION)) == document | {"llmux": EXTENSION}


async def translated(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
    for batch in ((replace(OPENED, extension=EXTENSION), *BEGIN[1:]), MORE, END):
        yield batch


async def verbatim(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
    yield (replace(OPENED, extension=EXTENSION), Verbatim(b'{"spaced":  1.0}', done=True))


@pytest.mark.parametrize("path", BODIES)
async def test_an_answer_that_is_told_whole(path: str) -> None:
    async with running(translated) as server, server.session.post(server.url + path, json=BODIES[path]) as answer:
        told = await answer.json()
        assert told["llmux"] == EXTENSION
        assert len(told) > 3, "the answer is there too"


async def test_an_answer_that_passes_as_it_came() -> None:
    path = "/v1/messages"
    async with running(verbatim) as server, server.session.post(server.url + path, json=BODIES[path]) as answer:
        assert await answer.read() == b'{"spaced":  1.0,"llmux":' + orjson.dumps(EXTENSION) + b"}"


async def test_a_stream_has_no_place_for_it() -> None:
    path = "/v1/chat/completions"
    body = BODIES[path] | {"stream": True}
    async with running(translated) as server, server.session.post(server.url + path, json=body) as answer:
        assert b"llmux" not in await answer.read()
