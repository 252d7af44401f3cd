"""Answers that the gateway ends itself, at a stop sequence that the backend knows nothing of."""

from typing import Any

import orjson
import pytest

from llmux.ir.capability import Profile
from llmux.ir.content import Text
from llmux.ir.events import Event, MessageEnd, Opened
from llmux.ir.fold import fold
from llmux.ir.response import FinishReason, Response
from llmux.telemetry import AttemptFailed
from tests.fakes import FakeClock
from tests.gateway.party import Guest, Party
from tests.scripted import SSE, Break, Script, Silence, chunk, failure, sse

Wire = dict[str, Any]
HELLO = [{"role": "user", "content": "hello"}]
ASKED = {"model": "a", "messages": HELLO, "stream": True, "stop": ["ONE", "TWO"]}
NO_STOP = Profile(max_stop=0)
HEAD, TEXT = (
    sse(chunk({"role": "assistant", "content": ""})),
    sse(chunk({"content": "said TW"}), chunk({"content": "O"})),
)


def guest(*steps: bytes | Break | Silence, profile: Profile = NO_STOP) -> Guest:
    invited = Guest("openai_chat", profile=profile)
    invited.does(Script(headers=SSE, steps=steps))
    return invited


def answer(events: list[Event]) -> Response:
    return fold(event for event in events if not isinstance(event, Opened))


CLAUDE: Wire = {"model": "a", "max_tokens": 9, "messages": HELLO, "stream": True, "stop_sequences": ["ONE", "TWO"]}


@pytest.mark.parametrize("after", [Silence(), Break(), sse(chunk({"content": " more"}))], ids=["idle", "cut", "talks"])
async def test_the_backend_is_cut_off_and_the_answer_is_good(after: Any) -> None:
    """Nobody waits for what is of no use: neither the client nor the connection."""
    invited = guest(HEAD, TEXT, after)
    party = Party(FakeClock(), a=invited)
    told = await party.ask("claude", CLAUDE)
    assert answer(told).parts == (Text(text="said "),)
    (end,) = (event for event in told if isinstance(event, MessageEnd))
    assert (end.finish_reason, end.stop_sequence, end.usage.estimated) == (FinishReason.STOP_SEQUENCE, "TWO", True)
    (reply,) = invited.transport.replies
    assert reply.closed
    assert party.clock.monotonic() == 0, "nobody waited"
    assert not [fact for fact in party.facts if isinstance(fact, AttemptFailed)]
    assert isinstance(opened := told[0], Opened)
    assert opened.warnings == ()


async def test_where_the_first_word_is_one_nothing_is_said() -> None:
    party = Party(FakeClock(), a=guest(HEAD, sse(chunk({"content": "ONE"})), Silence()))
    assert answer(await party.ask("claude", CLAUDE)).stop_sequence == "ONE"


async def test_a_client_that_wants_it_whole_gets_it_so() -> None:
    invited = Guest("openai_chat", profile=NO_STOP)
    invited.says(Text(text="said ONE more"), stream=False)
    told = answer(await Party(FakeClock(), a=invited).ask("claude", {**CLAUDE, "stream": False}))
    assert (told.parts, told.stop_sequence) == ((Text(text="said "),), "ONE")
    assert told.usage.output_tokens == 2, "the backend has told what it cost"


async def test_only_those_that_it_was_not_told_of_are_looked_for() -> None:
    """And none where it was told of all: then its answer passes as it is."""
    one = guest(HEAD, TEXT, sse(chunk({}, "stop"), "[DONE]"), profile=Profile(max_stop=1))
    assert answer(await Party(FakeClock(), a=one).ask("claude", CLAUDE)).stop_sequence == "TWO"
    assert one.heard[0]["stop"] == ["ONE"]
    all_of_them = guest(HEAD, TEXT, sse(chunk({}, "stop"), "[DONE]"), profile=Profile())
    told = answer(await Party(FakeClock(), a=all_of_them).ask("claude", CLAUDE))
    assert (told.parts, told.finish_reason) == ((Text(text="said TWO"),), FinishReason.END)


@pytest.mark.parametrize("dialect", ["openai_chat", "openai_responses", "gemini"])
async def test_every_api_that_takes_too_few(dialect: str) -> None:
    invited = Guest(dialect, profile=NO_STOP)
    invited.says(Text(text="said TWO more"))
    told = answer(await Party(FakeClock(), a=invited).ask("claude", CLAUDE))
    assert (told.parts, told.stop_sequence) == ((Text(text="said "),), "TWO")


async def test_claude_refuses_blank_ones() -> None:
    invited = Guest("claude", profile=Profile(max_stop=8191))
    invited.says(Text(text="a\n\nb"))
    told = answer(await Party(FakeClock(), a=invited).ask("openai_chat", {**ASKED, "stop": ["\n\n", "ONE"]}))
    assert (told.parts, told.stop_sequence) == ((Text(text="a"),), "\n\n")
    assert invited.heard[0]["stop_sequences"] == ["ONE"]


async def test_a_model_that_refuses_them_at_all_is_stopped_here() -> None:
    """Also for a client of the same API, and from then on."""
    invited = Guest("openai_chat")
    invited.does(failure(400, "Unsupported parameter: 'stop' is not supported with this model."))
    for _ in range(2):
        invited.does(Script(headers=SSE, steps=[HEAD, TEXT, Silence()]))
    party = Party(FakeClock(), a=invited)
    for _ in range(2):
        assert answer(await party.ask("openai_chat", ASKED)).stop_sequence == "TWO"
    assert ["stop" in orjson.loads(call.body) for call in invited.transport.calls] == [True, False, False]
