"""Cases 40 and 42 of the contract: how a stream breaks off, and what fills a silence, for Claude Code."""

import asyncio
from collections.abc import AsyncGenerator

import anthropic
import pytest

from llmux.errors import BackendCut, BackendError, BackendFailed, BackendGarbled
from llmux.ir.events import Batch
from llmux.ir.request import Request
from llmux.responder import Context
from tests.contract import hearing
from tests.contract.chat_plays import chunk, hears, says
from tests.contract.grammar import frames
from tests.contract.stage import Wire, failure, plain
from tests.fakes import FakeClock
from tests.gateway.party import Guest, Party
from tests.judges.table import JUDGES
from tests.scripted import Script
from tests.server.house import BEGIN, BODIES, END, running

CUTS: dict[str, tuple[list[Wire | str], type[BackendError], list[str]]] = {
    "I.40 neither a finish reason nor [DONE]": (
        [says("par")], BackendCut, ["start", "0 text", "0 + par"],
    ),
    "I.40 nothing at all": ([], BackendGarbled, []),
    "I.40 an error in the midst": (
        [says("par"), {"error": {"message": "boom", "type": "server_error"}}], BackendFailed,
        ["start", "0 text", "0 + par"],
    ),
    "I.40 a finish reason that is an error": ([says("par"), chunk(finish="error")], BackendError,
                                              ["start", "0 text", "0 + par"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CUTS)
def test_a_stream_that_breaks_off_ends_in_an_error_and_never_looks_finished(case: str) -> None:
    chunks, error, before = CUTS[case]
    assert isinstance(failure("openai_chat", plain(*chunks)), error)
    *heard, last = hearing.claude(hears(*chunks))
    assert heard == before
    assert last.startswith("error api_error: ")
    with pytest.raises(anthropic.APIStatusError):  # I.43: its own SDK says so too
        JUDGES["claude"].stream(hears(*chunks))


async def test_an_error_in_the_first_chunk_is_a_status() -> None:
    """I.40: through a real server, with the gateway behind it."""
    guest = Guest("openai_chat")
    broken = plain({"error": {"message": "boom", "type": "server_error", "code": 500}})
    guest.does(Script(steps=[broken]))
    party = Party(FakeClock(), backend=guest)
    asking = BODIES["/v1/messages"] | {"model": "backend", "stream": True}
    clock = party.clock
    async with running(party.respond) as house:
        answering = asyncio.ensure_future(house.session.post(f"{house.url}/v1/messages", json=asking))
        while not answering.done():
            await asyncio.sleep(0.002)
            clock.advance(60)
        async with answering.result() as answer:
            assert answer.status >= 500
            assert answer.content_type == "application/json"
            said = await answer.json()
            assert (said["type"], said["error"]["type"]) == ("error", "api_error")
            assert "boom" in said["error"]["message"]


async def test_silence_is_filled_with_pings_within_the_message_alone() -> None:
    """I.42: a minute of it."""
    clock, go_on = FakeClock(), asyncio.Event()

    async def respond(request: Request, context: Context) -> AsyncGenerator[Batch, None]:
        yield BEGIN
        await go_on.wait()
        yield END

    asking = BODIES["/v1/messages"] | {"stream": True}
    async with (
        running(respond, clock=clock, keepalive=15) as house,
        house.session.post(f"{house.url}/v1/messages", json=asking) as answer,
    ):
        stream = b""
        while b"one " not in stream:
            stream += await answer.content.readany()
        for pings in range(1, 5):
            clock.advance(15)
            while stream.count(b"event: ping") < pings:
                stream += await answer.content.readany()
        go_on.set()
        stream += await answer.read()
    kinds = [name for name, _ in frames(stream)]
    assert kinds.count("ping") == 4
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
