"""Texts are embedded by the first backend that does so and can; failures, limits and accounts are as for answers."""

from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from llmux.dialects.registry import TABLE
from llmux.errors import BackendGarbled, ContextTooLong, GatewayError, ModelNotFound, OurLimit, RateLimited, Unsupported
from llmux.gateway.embedding import Embedder
from llmux.gateway.parts import Settings
from llmux.ir.capability import Profile
from llmux.ir.embedding import EmbeddingRequest, Embeddings
from llmux.ir.events import Opened
from llmux.ir.usage import Usage
from llmux.responder import Client, Context, Window
from llmux.routing.catalog import Limits, Transforms
from llmux.telemetry import Planned
from tests.gateway.test_gateway import REFUSED, Table
from tests.scripted import JSON, Break, Script, ScriptedTransport, chat_stream, failure

EMBEDS = {"embeddings": True}
WORDS = "The house stands at the end of the road. " * 100


def vectors(*numbers: float, **fields: Any) -> Script:
    data = [{"object": "embedding", "index": index, "embedding": [number]} for index, number in enumerate(numbers)]
    return Script(headers=JSON, steps=[orjson.dumps({"object": "list", "data": data, **fields})])


OK = vectors(0.5, usage={"prompt_tokens": 3})


class House(Table):
    """The gateway's table, with an embedder at it. Backends embed unless a play says otherwise."""

    def __init__(self, *transports: ScriptedTransport, **changes: dict[str, Any]) -> None:
        super().__init__(*transports, **{name: EMBEDS | changes.get(name, {}) for name in "abc"})
        self.embedder = Embedder(self.gateway._parts, Settings())

    async def embed(self, *inputs: Any, model: str = "any", **changes: Any) -> tuple[Opened, Embeddings, Usage]:
        client = changes.pop("client", None)
        request = EmbeddingRequest(model=model, inputs=inputs or ("hello",), **changes)
        context = Context("r1", client) if client else Context("r1")
        return await self.run(self.embedder(request, context))


def house(*scripts: Script, **changes: dict[str, Any]) -> House:
    """Backend a does what the scripts say; b always embeds."""
    return House(ScriptedTransport(*scripts), ScriptedTransport(OK), **changes)


async def test_the_first_one_embeds() -> None:
    table = house(vectors(0.5, 0.25, usage={"prompt_tokens": 9}))
    assert await table.embed("one", "two", dimensions=1) == (
        Opened("a", "m", 1),
        Embeddings(([0.5], [0.25]), 9),
        Usage(9),
    )
    (call,) = table.transports["a"].calls
    assert call.path == "/embeddings"
    assert call.headers["authorization"] == "Bearer k"
    assert orjson.loads(call.body) == {
        "model": "m",
        "input": ["one", "two"],
        "encoding_format": "float",
        "dimensions": 1,
    }
    assert isinstance(table.facts[0], Planned)


# name: (what a does, which tries failed). Backend b always embeds.
MOVED_ON = {
    "refused": (REFUSED, "aaa"),
    "429": (failure(429), "a"),
    "500": (failure(500), "aaa"),
    "its model is gone": (failure(404), "a"),
    "cut": (Script(headers=JSON, steps=[b'{"data": [', Break()]), "a"),
    "garbage": (Script(headers=JSON, steps=[b"<html>"]), "a"),
    "too few": (vectors(), "a"),
    "too many": (vectors(1.0, 2.0), "a"),
}


@pytest.mark.parametrize("play", MOVED_ON.values(), ids=MOVED_ON)
async def test_the_next_one_embeds_when_it_cannot(play: tuple[Script, str]) -> None:
    table = house(play[0])
    opened, embeddings, _ = await table.embed()
    assert (opened.backend, opened.attempts, embeddings.vectors) == ("b", len(play[1]) + 1, ([0.5],))
    assert table.tries == play[1]
    assert all(reply.closed for transport in table.transports.values() for reply in transport.replies)


async def test_who_has_failed_rests() -> None:
    table = house(failure(429, **{"retry-after": "60"}))
    assert [(await table.embed())[0].backend for _ in range(2)] == ["b", "b"]
    assert len(table.transports["a"].calls) == 1


async def test_a_field_that_is_refused_is_left_out() -> None:
    refusal = failure(400, "Unrecognized request argument supplied: dimensions")
    table = house(refusal, OK)
    assert (await table.embed(dimensions=3))[0].backend == "a"
    assert b"dimensions" not in table.transports["a"].calls[1].body
    await table.embed(dimensions=3)
    assert b"dimensions" not in table.transports["a"].calls[2].body


async def test_the_owners_changes_are_made() -> None:
    table = house(OK, a={"transforms": Transforms(add={"input_type": "query"})})
    await table.embed()
    assert orjson.loads(table.transports["a"].calls[0].body)["input_type"] == "query"


async def test_windows_count_and_places_are_let_go() -> None:
    table = house(OK, a={"windows": (Window(2, 3600),), "limits": Limits(concurrent=1)})
    assert [(await table.embed())[0].backend for _ in range(3)] == ["a", "a", "b"]
    assert table.limits.in_flight(table.gateway._parts.planner._catalog.backends[0]) == 0


async def test_the_clients_window_counts() -> None:
    table, client = house(OK), Client("c", windows=(Window(1, 3600),))
    await table.embed(client=client)
    with pytest.raises(OurLimit):
        await table.embed(client=client)


async def test_what_the_backend_does_not_tell_is_estimated() -> None:
    table = house(vectors(1.0, 2.0))
    _, embeddings, usage = await table.embed("one two three", (1, 2, 3, 4))
    assert usage.estimated
    assert usage.input_tokens == embeddings.input_tokens
    assert 6 <= usage.input_tokens <= 8


REFUSALS: dict[str, tuple[dict[str, dict[str, Any]], dict[str, Any], type[GatewayError], str]] = {
    "nobody embeds": (
        {key: {"embeddings": False} for key in "ab"},
        {},
        ModelNotFound,
        r"model: any \(does not embed: a, b; set embeddings = true on a backend that embeds\)",
    ),
    "nobody may": ({}, {"client": Client("c", ("other",))}, GatewayError, "may not use model any"),
    "too long": ({key: {"profile": Profile(context=100)} for key in "ab"}, {}, ContextTooLong, "prompt is too long"),
}


@pytest.mark.parametrize("case", REFUSALS.values(), ids=REFUSALS)
async def test_a_refusal(case: tuple[dict[str, dict[str, Any]], dict[str, Any], type[GatewayError], str]) -> None:
    changes, asked, error, message = case
    with pytest.raises(error, match=message):
        await house(OK, **changes).embed(WORDS, **asked)


async def test_each_text_is_read_for_itself() -> None:
    """What decides is the longest of them, not all together."""
    small = {"profile": Profile(context=1_100)}
    table = house(vectors(1.0, 2.0), a=small)
    assert (await table.embed(WORDS, WORDS))[0].backend == "a"


async def test_the_error_of_all_is_told() -> None:
    table = House(ScriptedTransport(failure(429)), ScriptedTransport(failure(429)))
    with pytest.raises(RateLimited) as raised:
        await table.embed()
    assert raised.value.attempts == 2


async def test_a_dialect_without_embeddings_is_passed_by_and_says_so_where_there_is_no_other() -> None:
    for transports in ([ScriptedTransport()], [ScriptedTransport(), ScriptedTransport(OK)]):
        table = House(*transports)
        routes: Any = table.gateway._parts.routes
        routes["a"] = replace(routes["a"], dialect=TABLE["claude"])
        if len(transports) > 1:
            assert (await table.embed())[0].backend == "b"
        else:
            with pytest.raises(Unsupported, match="a is asked in a dialect that knows no embeddings"):
                await table.embed()


async def test_a_chat_never_goes_to_an_embedder_and_texts_to_no_other() -> None:
    table = House(ScriptedTransport(Script(steps=[chat_stream("hi")])), ScriptedTransport(OK), a={"embeddings": False})
    for _ in range(2):  # the second time by a plan that is remembered
        assert (await table.ask())[0].backend == "a"  # type: ignore[attr-defined]  # the first event is Opened
        assert (await table.embed())[0].backend == "b"


async def test_garbage_everywhere_is_the_backends_fault() -> None:
    table = House(ScriptedTransport(vectors()))
    with pytest.raises(BackendGarbled, match="0 embeddings for 1 inputs"):
        await table.embed()
