"""Kept answers over HTTP: asked for by id, forgotten, and conversations made shorter; errors in OpenAI's words."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import openai
import orjson
import pytest

from llmux.conversation.answers import Conversations, KeptAnswers
from llmux.conversation.library import Answers
from llmux.conversation.notes import Bounds, Notes
from llmux.ir.content import Text
from llmux.ir.events import Batch, MessageEnd, MessageStart, PartDelta, PartEnd, PartStart
from llmux.ir.request import Request
from llmux.ir.response import FinishReason
from llmux.ir.usage import Usage
from llmux.responder import Client, Context
from llmux.server.services import Library
from llmux.store.archive import Archive
from llmux.store.base import StoreError
from tests.conversation.miniature import DIALECTS
from tests.fakes import FakeClock
from tests.gateway.accounts import FaultyStore
from tests.server.house import OPENED, Running, running

TOKENS = {"k-ann": Client("ann"), "k-bob": Client("bob")}


class Kept:
    """A server whose answers are kept, what its model was told, and OpenAI's own client for it."""

    def __init__(self, house: Running, store: FaultyStore, told: list[Request]) -> None:
        self.house, self.store, self.told = house, store, told
        self.ann, self.bob = (
            openai.AsyncOpenAI(api_key=key, base_url=f"{house.url}/v1", max_retries=0) for key in TOKENS
        )

    async def get(self, path: str, method: str = "GET", key: str = "k-ann") -> tuple[int, Any]:
        headers = {"authorization": f"Bearer {key}"}
        async with self.house.session.request(method, f"{self.house.url}{path}", headers=headers) as response:
            return response.status, orjson.loads(await response.read() or b"null")


@asynccontextmanager
async def keeping(clock: FakeClock) -> AsyncGenerator[Kept, None]:
    store, told = FaultyStore(clock), list[Request]()
    notes = Notes(Archive(store, clock, lambda _: None), "answer", Bounds(100_000, 100_000))
    answers = Answers(notes, clock, 1000.0)

    async def answer(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        told.append(request)
        yield (OPENED, MessageStart("x", "m"), PartStart(0, Text()), PartDelta(0, "It is a cat."))
        yield (PartEnd(0), MessageEnd(FinishReason.END, Usage(3, 2)))

    respond = KeptAnswers(answer, Conversations(DIALECTS, answers), answers, 100_000).respond
    library = Library(answers.find, answers.earlier, answers.forget)
    async with running(respond, tokens=TOKENS, library=library, dialects=DIALECTS) as house:
        kept = Kept(house, store, told)
        try:
            yield kept
        finally:
            await kept.ann.close()
            await kept.bob.close()


async def test_a_conversation_by_id_with_openais_own_client(clock: FakeClock) -> None:
    async with keeping(clock) as kept:
        first = await kept.ann.responses.create(model="m", input="What is it?", instructions="Be brief.")
        assert first.output_text == "It is a cat."
        second = await kept.ann.responses.create(model="m", input="Sure?", previous_response_id=first.id)
        assert [message.role.value for message in kept.told[1].messages] == ["user", "assistant", "user"]
        again = await kept.ann.responses.retrieve(first.id)
        assert again.to_dict() == first.to_dict()
        items = [item.to_dict() async for item in kept.ann.responses.input_items.list(second.id, order="asc", limit=2)]
        assert [item["role"] for item in items] == ["user", "assistant", "user"]
        await kept.ann.responses.delete(first.id)
        with pytest.raises(openai.NotFoundError, match=f"Response with id '{first.id}' not found"):
            await kept.ann.responses.retrieve(first.id)
        with pytest.raises(openai.BadRequestError) as heard:
            await kept.ann.responses.create(model="m", input="Sure?", previous_response_id=first.id)
        assert (heard.value.code, heard.value.param) == ("previous_response_not_found", "previous_response_id")


async def test_a_stream_is_kept_before_its_client_has_heard_its_end(clock: FakeClock) -> None:
    async with keeping(clock) as kept:
        stream = await kept.ann.responses.create(model="m", input="What is it?", stream=True)
        events = [event async for event in stream]
        again = await kept.ann.responses.retrieve(events[-1].response.id)  # type: ignore[union-attr]
        assert again.to_dict() == events[-1].response.to_dict()  # type: ignore[union-attr]


async def test_no_client_reaches_anothers_answer(clock: FakeClock) -> None:
    async with keeping(clock) as kept:
        first = await kept.ann.responses.create(model="m", input="What is it?")
        for asked in (
            kept.bob.responses.retrieve(first.id),
            kept.bob.responses.input_items.list(first.id),
            kept.bob.responses.delete(first.id),
            kept.bob.responses.cancel(first.id),
        ):
            with pytest.raises(openai.NotFoundError):
                await asked
        assert await kept.ann.responses.retrieve(first.id)
        status, told = await kept.get(f"/v1/responses/{first.id}", key="k-nobody")
        assert (status, told["error"]["code"]) == (401, "invalid_api_key")


async def test_what_cannot_be_done_is_said(clock: FakeClock) -> None:
    async with keeping(clock) as kept:
        first = await kept.ann.responses.create(model="m", input="What is it?")
        with pytest.raises(openai.BadRequestError, match="in the background"):
            await kept.ann.responses.cancel(first.id)
        with pytest.raises(openai.BadRequestError, match="not streamed again"):
            await kept.ann.responses.retrieve(first.id, stream=True)
        with pytest.raises(openai.BadRequestError, match="limit"):
            await kept.ann.responses.input_items.list(first.id, limit=1000)
        kept.store.fault = StoreError("disk")
        with pytest.raises(openai.InternalServerError) as heard:
            await kept.ann.responses.retrieve(first.id)
        assert heard.value.status_code == 503


async def test_a_conversation_is_made_shorter(clock: FakeClock) -> None:
    async with keeping(clock) as kept:
        first = await kept.ann.responses.create(model="m", input="What is it?")
        short = await kept.ann.responses.compact(
            model="m", input=[{"role": "user", "content": "Sure?"}], previous_response_id=first.id
        )
        assert short.object == "response.compaction"
        output = [item.to_dict(warnings=False) for item in short.output]  # its types know no user here, its API does
        assert [item["type"] for item in output] == ["message", "message", "compaction"]
        assert short.usage.total_tokens == 5
        await kept.ann.responses.create(model="m", input=[*output, {"role": "user", "content": "Go on."}])  # type: ignore[list-item]
        *users, summary, last = [message.parts[0].text for message in kept.told[-1].messages]  # type: ignore[attr-defined]
        assert users == ["What is it?", "Sure?"]
        assert summary.endswith("It is a cat.")
        assert last == "Go on."
        finished = kept.house.finished[1]
        assert (finished.dialect, finished.model, finished.client, finished.backend) == (
            "openai_responses", "m", "ann", "a",
        )  # fmt: skip


async def test_a_conversation_that_its_client_brings_along_is_made_shorter(clock: FakeClock) -> None:
    async with keeping(clock) as kept:
        short = await kept.ann.responses.compact(model="m", input="What is it?")
        assert [item.type for item in short.output] == ["message", "compaction"]
        assert await kept.store.notes("") == {}  # only what was asked to be kept is


async def test_what_cannot_be_made_shorter_is_said(clock: FakeClock) -> None:
    async with keeping(clock) as kept:
        with pytest.raises(openai.BadRequestError, match="Previous response with id 'resp_0' not found"):
            await kept.ann.responses.compact(model="m", previous_response_id="resp_0")


@pytest.mark.parametrize("prefix", ["/v1", "", "/v1/v1"])
@pytest.mark.parametrize("end", ["", "/"])
async def test_paths_are_written_in_every_way(clock: FakeClock, prefix: str, end: str) -> None:
    async with keeping(clock) as kept:
        first = await kept.ann.responses.create(model="m", input="What is it?")
        assert (await kept.get(f"{prefix}/responses/{first.id}{end}"))[1]["id"] == first.id
        assert (await kept.get(f"{prefix}/responses/{first.id}/input_items{end}"))[1]["object"] == "list"
        assert (await kept.get(f"{prefix}/responses/{first.id}{end}", "HEAD"))[0] == 200
        assert (await kept.get(f"{prefix}/responses/{first.id}{end}", "DELETE"))[1]["deleted"] is True


async def test_other_methods_are_refused_by_name(clock: FakeClock) -> None:
    async with keeping(clock) as kept:
        status, told = await kept.get("/v1/responses/resp_1", "PUT")
        assert status == 405
        assert "GET" in told["error"]["message"]
        assert "DELETE" in told["error"]["message"]
        assert (await kept.get("/v1/responses", "GET"))[0] == 405
        assert (await kept.get("/v1/models/x", "DELETE"))[0] == 405
        assert (await kept.get("/v1/nothing", "DELETE"))[0] == 404
